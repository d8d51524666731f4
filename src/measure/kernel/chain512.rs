//! One chain of SHA-512 or SHA-384 in scalar instructions, a step at a time.
//!
//! Words of the second block, which does not depend on the RIM, are made for eight steps at once.

use std::arch::asm;

use super::constants::K512;
use super::sha512_avx512::{LANES, V, add, load_block, small0, small1, splat, words};
use super::steps::Step512;
use crate::measure::descriptor::{Descriptor, LEN_BYTES, RIM_OFFSET};

/// Steps that are prepared together.
const STEPS: usize = LANES;
/// Rounds of the blocks behind the first one.
const REST_ROUNDS: usize = 160;
/// The words of the first block of a step: each eighth is its own, those between are the others'.
pub(super) type First = [u64; STEPS * 15 + 1];
/// The words of the rounds of the second and the last block of a step, with their constants, in the
/// same way.
pub(super) type Rest = [u64; STEPS * (REST_ROUNDS - 1) + 1];
/// The first of the eight words of the RIM.
const RIM: usize = RIM_OFFSET / 8;

/// A chain, and the next steps. It is aligned so that no vector of words crosses a line.
#[repr(C, align(64))]
pub(super) struct Chain {
    firsts: [[u64; STEPS]; 16],
    rests: [[u64; STEPS]; REST_ROUNDS],
    initial: &'static [u64; 8],
    kept_words: usize,
    rim: [u64; 8],
    /// Steps that were prepared and not begun are those from this one on.
    at: usize,
    prepared: usize,
}

/// What the rounds of a step take.
pub(super) struct Step<'c> {
    /// The state that the first block begins with.
    pub(super) initial: [u64; 8],
    /// The first block. Its words are lost when its rounds are made.
    pub(super) first: &'c mut First,
    pub(super) rest: &'c Rest,
}

impl Step<'_> {
    /// The state behind the first block.
    #[inline]
    pub(super) fn plus_initial(&self, mut state: [u64; 8]) -> [u64; 8] {
        for (word, initial) in state.iter_mut().zip(self.initial) {
            *word = word.wrapping_add(initial);
        }
        state
    }
}

impl Chain {
    /// A chain whose digests are the first `kept_words` words of a state.
    pub(super) fn new(initial: &'static [u64; 8], kept_words: usize, rim: [u64; 8]) -> Self {
        let mut rests = [[0; STEPS]; REST_ROUNDS];
        for (all, word) in rests[80..].iter_mut().zip(&Step512::REST[0]) {
            *all = [*word; STEPS];
        }
        Self { initial, kept_words, rim, firsts: [[0; STEPS]; 16], rests, at: 0, prepared: 0 }
    }

    pub(super) const fn rim(&self) -> [u64; 8] {
        self.rim
    }

    /// The next step, if there is one.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,bmi2")]
    pub(super) fn begin(
        &mut self,
        descriptors: &mut dyn Iterator<Item = Descriptor>,
    ) -> Option<Step<'_>> {
        if self.at == self.prepared {
            self.prepare(descriptors);
        }
        let lane = self.at;
        if lane == self.prepared {
            return None;
        }
        self.at += 1;
        for (words, word) in self.firsts[RIM..].iter_mut().zip(self.rim) {
            words[lane] = word;
        }
        let first = self.firsts.as_flattened_mut()[lane..].first_chunk_mut();
        let rest = self.rests.as_flattened()[lane..].first_chunk();
        let (first, rest) = first.zip(rest).expect("words of every lane");
        Some(Step { initial: *self.initial, first, rest })
    }

    /// All rounds were made.
    #[inline]
    pub(super) fn end(&mut self, mut rim: [u64; 8]) {
        rim[self.kept_words..].fill(0);
        self.rim = rim;
    }

    /// One step after the other, with nothing beside them.
    #[target_feature(enable = "avx512f,avx512bw,bmi2")]
    pub(super) fn extend(&mut self, descriptors: &mut dyn Iterator<Item = Descriptor>) {
        while let Some(step) = self.begin(descriptors) {
            let rim = first_alone(step.first, step.initial);
            let rim = rest_alone(step.rest, step.plus_initial(rim));
            self.end(rim);
        }
    }

    /// Makes the steps that were prepared.
    #[target_feature(enable = "avx512f,avx512bw,bmi2")]
    pub(super) fn finish(&mut self) {
        self.extend(&mut std::iter::empty());
    }

    #[inline(never)]
    #[target_feature(enable = "avx512f,avx512bw")]
    fn prepare(&mut self, descriptors: &mut dyn Iterator<Item = Descriptor>) {
        (self.at, self.prepared) = (0, 0);
        let mut all = [[0; LEN_BYTES]; STEPS];
        for (place, descriptor) in all.iter_mut().zip(descriptors) {
            *place = descriptor;
            self.prepared += 1;
        }
        if self.prepared == 0 {
            return;
        }
        let blocks = all.each_ref();
        self.firsts = load_block(&blocks, 0).map(|vector| words(vector));
        let (seconds, _) = self.rests.split_at_mut(80);
        schedule(load_block(&blocks, 1), seconds);
    }
}

/// Puts the words of all rounds of a block of each step, with their constants, into their places.
#[target_feature(enable = "avx512f,avx512bw")]
fn schedule(mut w: [V; 16], places: &mut [[u64; STEPS]]) {
    macro_rules! put {
        ($places_and_k16:expr, $i:literal) => {
            let (places, k16): (&mut [[u64; STEPS]; 16], &[u64; 16]) = $places_and_k16;
            places[$i] = words(add(splat(k16[$i]), w[$i]));
        };
    }
    macro_rules! make_and_put {
        ($places_and_k16:expr, $i:literal) => {
            lane_word!(w, $i);
            put!($places_and_k16, $i);
        };
    }
    let (places, _) = places.as_chunks_mut::<16>();
    let mut sixteens = places.iter_mut().zip(K512.as_chunks::<16>().0);
    if let Some((places, k16)) = sixteens.next() {
        sixteen!(put, (places, k16));
    }
    for (places, k16) in sixteens {
        sixteen!(make_and_put, (places, k16));
    }
}

/// A round by a word that there is, that is made, and that is known.
macro_rules! given {
    ($n:tt $i:literal $($far:literal)*) => { chain512!($n given512 $i) };
}
macro_rules! made {
    ($n:tt $i:literal $($far:literal)*) => { chain512!($n made512 $i $($far)*) };
}
macro_rules! known {
    ($n:tt $i:literal $($far:literal)*) => { chain512!($n known512 $i) };
}

/// The state after the rounds of a step's first block.
#[inline]
#[target_feature(enable = "bmi2")]
fn first_alone(words: &mut First, before: [u64; 8]) -> [u64; 8] {
    let [mut r8, mut r9, mut r10, mut r11, mut r12, mut r13, mut r14, mut r15] = before;
    // SAFETY: what is read besides the operands are the 80 constants and the words that the
    // reference covers; of these the step's own are written. At the end the stack is as it was, and
    // so is `rbx`; without `nostack` there may be pushes.
    unsafe {
        asm!(
            "push rbx",
            "push 4",
            "mov rax, r9",
            "xor rax, r10",
            sixteen512!(given),
            "2:",
            "add rdi, 128",
            sixteen512!(made),
            "dec qword ptr [rsp]",
            "jnz 2b",
            "add rsp, 8",
            "pop rbx",
            inout("rsi") words.as_mut_ptr() => _, inout("rdi") K512.as_ptr() => _, inout("r8") r8,
            inout("r9") r9, inout("r10") r10, inout("r11") r11, inout("r12") r12, inout("r13") r13,
            inout("r14") r14, inout("r15") r15,
            out("rax") _, out("rcx") _, out("rdx") _,
        );
    }
    [r8, r9, r10, r11, r12, r13, r14, r15]
}

/// The state that a step ends with.
#[inline]
#[target_feature(enable = "bmi2")]
fn rest_alone(words: &Rest, before: [u64; 8]) -> [u64; 8] {
    let [mut r8, mut r9, mut r10, mut r11, mut r12, mut r13, mut r14, mut r15] = before;
    // SAFETY: what is read besides the operands are the words that the reference covers; only the
    // stack is written. At the end it is as it was; without `nostack` there may be pushes.
    unsafe {
        asm!(
            push_state512!(10),
            "mov rax, r9",
            "xor rax, r10",
            "2:",
            sixteen512!(known),
            "add rsi, 1024",
            "dec qword ptr [rsp + 64]",
            "jz 3f",
            "cmp qword ptr [rsp + 64], 5",
            "jne 2b",
            next_state512!(),
            "jmp 2b",
            "3:",
            add_state512!(),
            "add rsp, 72",
            inout("rsi") words.as_ptr() => _, inout("r8") r8, inout("r9") r9, inout("r10") r10,
            inout("r11") r11, inout("r12") r12, inout("r13") r13, inout("r14") r14,
            inout("r15") r15,
            out("rax") _, out("rcx") _, out("rdx") _,
        );
    }
    [r8, r9, r10, r11, r12, r13, r14, r15]
}
