//! One chain of SHA-512 or SHA-384 in scalar instructions, a step at a time.
//!
//! Words of the second block, which does not depend on the RIM, are made for four steps at once.

use std::arch::x86_64::*;

use super::constants::K512;
use super::sha512_avx512::{small0, small1};
use super::steps::Step512;
use crate::measure::descriptor::{Descriptor, RIM_OFFSET};

/// Steps that are prepared together.
const STEPS: usize = 4;
/// Words of a block's rounds, with their constants, of so many steps: two words of each in turn.
type Turns = [u64; STEPS * 80];
/// Words of sixteen rounds of one step, with those of the others between them.
pub(super) type Sixteen = [u64; 2 * STEPS * 7 + 2];
/// The first of the eight words of the RIM.
const RIM: usize = RIM_OFFSET / 8;

/// Where a step has the word of round `i`.
pub(super) const fn word_at(i: usize) -> usize {
    2 * STEPS * (i / 2) + i % 2
}

/// The last block, which is the same for every descriptor.
static LAST: Turns = {
    let mut turns = [0; STEPS * 80];
    let mut t = 0;
    while t < 80 {
        turns[word_at(t)] = Step512::REST[0][t];
        t += 1;
    }
    turns
};

/// What was added before is not added later: the compiler would make the chain longer.
macro_rules! pinned {
    ($word:expr) => {{
        let mut word: u64 = $word;
        // SAFETY: there is no instruction in it.
        unsafe {
            std::arch::asm!("/* {} */", inout(reg) word,
                options(pure, nomem, nostack, preserves_flags));
        }
        word
    }};
}

/// One round on the words named, with the sum of its constant and its word; `$bc` is `b ^ c`.
macro_rules! scalar_round {
    (
        $kw:expr, $bc:ident,
        $a:ident $b:ident $c:ident $d:ident $e:ident $f:ident $g:ident $h:ident
    ) => {
        let choice = ($e & $f).wrapping_add(!$e & $g);
        let t0 = pinned!(pinned!($h.wrapping_add($kw)).wrapping_add(choice));
        let big1 = $e.rotate_right(14) ^ $e.rotate_right(18) ^ $e.rotate_right(41);
        let t1 = t0.wrapping_add(big1);
        let big0 = $a.rotate_right(28) ^ $a.rotate_right(34) ^ $a.rotate_right(39);
        let ab = $a ^ $b;
        let t2 = big0.wrapping_add((ab & $bc) ^ $b);
        $bc = ab;
        ($h, $g, $f, $e) = ($g, $f, $e, $d.wrapping_add(t1));
        ($d, $c, $b, $a) = ($c, $b, $a, t1.wrapping_add(t2));
    };
}

/// Makes word `$i + 16` of a block's words in the place of word `$i`.
macro_rules! scalar_word {
    ($w:ident, $i:literal) => {
        let (x, y) = ($w[($i + 14) & 15], $w[($i + 1) & 15]);
        let small1 = x.rotate_right(19) ^ x.rotate_right(61) ^ x >> 6;
        let small0 = y.rotate_right(1) ^ y.rotate_right(8) ^ y >> 7;
        let far = $w[$i].wrapping_add(small0).wrapping_add($w[($i + 9) & 15]);
        $w[$i] = far.wrapping_add(small1);
    };
}

/// A chain, and the next steps.
pub(super) struct Chain {
    initial: &'static [u64; 8],
    kept_words: usize,
    rim: [u64; 8],
    firsts: [[u64; 16]; STEPS],
    seconds: Turns,
    /// Steps that were prepared and not begun are those from this one on.
    at: usize,
    prepared: usize,
}

/// What the rounds of a step take.
pub(super) struct Step<'c> {
    /// The state that the first block begins with.
    pub(super) initial: [u64; 8],
    /// The first block.
    pub(super) first: [u64; 16],
    seconds: &'c Turns,
    lane: usize,
}

impl Step<'_> {
    /// Words of sixteen rounds: the second block has five of them, and the last block.
    #[inline]
    pub(super) fn sixteen(&self, number: usize) -> &Sixteen {
        let (turns, number, lane) =
            if number < 5 { (self.seconds, number, self.lane) } else { (&LAST, number - 5, 0) };
        let words = &turns[16 * STEPS * number + 2 * lane..];
        words.first_chunk().expect("the table is longer")
    }
}

impl Chain {
    /// A chain whose digests are the first `kept_words` words of a state.
    pub(super) const fn new(initial: &'static [u64; 8], kept_words: usize, rim: [u64; 8]) -> Self {
        let (firsts, seconds) = ([[0; 16]; STEPS], [0; STEPS * 80]);
        Self { initial, kept_words, rim, firsts, seconds, at: 0, prepared: 0 }
    }

    pub(super) const fn rim(&self) -> [u64; 8] {
        self.rim
    }

    /// The next step, if there is one.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,bmi1,bmi2")]
    pub(super) fn begin(
        &mut self,
        descriptors: &mut dyn Iterator<Item = Descriptor>,
    ) -> Option<Step<'_>> {
        if self.at == self.prepared {
            self.prepare(descriptors);
        }
        self.begin_prepared()
    }

    /// The next step, if it is prepared.
    #[inline]
    pub(super) fn begin_prepared(&mut self) -> Option<Step<'_>> {
        let lane = self.at;
        if lane == self.prepared {
            return None;
        }
        self.at += 1;
        let mut first = self.firsts[lane];
        first[RIM..RIM + 8].copy_from_slice(&self.rim);
        Some(Step { initial: *self.initial, first, seconds: &self.seconds, lane })
    }

    /// All rounds were made.
    #[inline]
    pub(super) fn end(&mut self, mut rim: [u64; 8]) {
        rim[self.kept_words..].fill(0);
        self.rim = rim;
    }

    /// One step after the other, with nothing beside them.
    #[target_feature(enable = "avx512f,avx512bw,bmi1,bmi2")]
    pub(super) fn extend(&mut self, descriptors: &mut dyn Iterator<Item = Descriptor>) {
        loop {
            let Some(step) = self.begin(descriptors) else { return };
            let rim = alone(&step);
            self.end(rim);
        }
    }

    /// Makes the steps that were prepared.
    #[target_feature(enable = "avx512f,avx512bw,bmi1,bmi2")]
    pub(super) fn finish(&mut self) {
        self.extend(&mut std::iter::empty());
    }

    #[target_feature(enable = "avx512f,avx512bw")]
    fn prepare(&mut self, descriptors: &mut dyn Iterator<Item = Descriptor>) {
        (self.at, self.prepared) = (0, 0);
        let mut seconds = [[[0; 16]; STEPS]; 8];
        for (lane, descriptor) in descriptors.take(STEPS).enumerate() {
            let (pairs, _) = descriptor.as_chunks::<16>();
            for (i, pair) in pairs[8..].iter().enumerate() {
                seconds[i][lane] = *pair;
            }
            let (words, _) = descriptor.as_chunks();
            for (place, bytes) in self.firsts[lane].iter_mut().zip(words) {
                *place = u64::from_be_bytes(*bytes);
            }
            self.prepared = lane + 1;
        }
        schedule(&seconds, &mut self.seconds);
    }
}

/// All rounds of a step.
#[target_feature(enable = "bmi1,bmi2")]
fn alone(step: &Step<'_>) -> [u64; 8] {
    let mut before = step.initial;
    let mut w = step.first;
    let [mut a, mut b, mut c, mut d, mut e, mut f, mut g, mut h] = before;
    let mut bc = b ^ c;
    macro_rules! first {
        ($k16:expr, $i:literal) => {
            scalar_round!(w[$i].wrapping_add($k16[$i]), bc, a b c d e f g h);
        };
    }
    macro_rules! later {
        ($k16:expr, $i:literal) => {
            scalar_word!(w, $i);
            first!($k16, $i);
        };
    }
    macro_rules! known {
        ($words:expr, $i:literal) => {
            scalar_round!($words[word_at($i)], bc, a b c d e f g h);
        };
    }
    let (k16s, _) = K512.as_chunks::<16>();
    sixteen!(first, k16s[0]);
    for k16 in &k16s[1..] {
        sixteen!(later, k16);
    }
    for number in 0..10 {
        if number % 5 == 0 {
            before = plus(before, [a, b, c, d, e, f, g, h]);
            [a, b, c, d, e, f, g, h] = before;
            bc = b ^ c;
        }
        let words = step.sixteen(number);
        sixteen!(known, words);
    }
    let _ = bc;
    plus(before, [a, b, c, d, e, f, g, h])
}

/// Adds a state word by word.
#[inline]
pub(super) fn plus(mut state: [u64; 8], other: [u64; 8]) -> [u64; 8] {
    for (word, other) in state.iter_mut().zip(other) {
        *word = word.wrapping_add(other);
    }
    state
}

/// Puts the words of the rounds of a block of each step, with their constants, into their places.
/// A vector has two words of each step.
#[target_feature(enable = "avx512f,avx512bw")]
fn schedule(blocks: &[[[u8; 16]; STEPS]; 8], turns: &mut Turns) {
    let swap = _mm512_set4_epi32(0x0809_0A0B, 0x0C0D_0E0F, 0x0001_0203, 0x0405_0607);
    let mut w = blocks.each_ref().map(|pairs| {
        // SAFETY: the reference covers the 64 bytes that are read, aligned or not.
        let bytes = unsafe { _mm512_loadu_si512(pairs.as_ptr().cast()) };
        _mm512_shuffle_epi8(bytes, swap)
    });
    let (places, _) = turns.as_chunks_mut::<{ 2 * STEPS }>();
    let (constants, _) = K512.as_chunks::<2>();
    for (place, [even, odd]) in places.iter_mut().zip(constants) {
        let [even, odd] = [even, odd].map(|k| k.cast_signed());
        let kw = _mm512_add_epi64(w[0], _mm512_set4_epi64(odd, even, odd, even));
        // SAFETY: the reference covers the 64 bytes that are written, aligned or not.
        unsafe { _mm512_storeu_si512(place.as_mut_ptr().cast(), kw) };
        let far = _mm512_add_epi64(w[0], small0(_mm512_alignr_epi8::<8>(w[1], w[0])));
        let near = _mm512_add_epi64(small1(w[7]), _mm512_alignr_epi8::<8>(w[5], w[4]));
        w = [w[1], w[2], w[3], w[4], w[5], w[6], w[7], _mm512_add_epi64(far, near)];
    }
}
