//! SHA-512 of two granules or chains by the SHA-512 instructions of Armv8.2, interleaved.
//!
//! The compiler's name for the feature is `sha3`, which stands for both sets of instructions.

use std::arch::aarch64::*;

use super::chains::Variant;
use super::constants::K512;
use super::steps::Step512;
use super::{Digest, len_bits};

type V = uint64x2_t;
/// Granules that are interleaved: their states and words fill 24 of the 32 vector registers.
pub(super) const LANES: usize = 2;
const BLOCK_BYTES: usize = 128;

#[derive(Clone, Copy)]
struct State {
    ab: V,
    cd: V,
    ef: V,
    gh: V,
}

impl State {
    #[inline]
    #[target_feature(enable = "sha3")]
    fn of([a, b, c, d, e, f, g, h]: [u64; 8]) -> Self {
        let [ab, cd] = [vector(&[a, b]), vector(&[c, d])];
        Self { ab, cd, ef: vector(&[e, f]), gh: vector(&[g, h]) }
    }

    #[inline]
    #[target_feature(enable = "sha3")]
    fn words(self) -> [u64; 8] {
        let ([a, b], [c, d]) = (words(self.ab), words(self.cd));
        let ([e, f], [g, h]) = (words(self.ef), words(self.gh));
        [a, b, c, d, e, f, g, h]
    }

    /// Two rounds by the sums of the words and their constants.
    #[inline]
    #[target_feature(enable = "sha3")]
    fn two_rounds(&mut self, kw: V) {
        let Self { ab, cd, ef, gh } = *self;
        let sum = vaddq_u64(straddle(kw, kw), gh);
        let sum = vsha512hq_u64(sum, straddle(ef, gh), straddle(cd, ef));
        let new = vsha512h2q_u64(sum, cd, ab);
        *self = Self { ab: new, cd: ab, ef: vaddq_u64(cd, sum), gh: ef };
    }

    /// Adds a state word by word.
    #[inline]
    #[target_feature(enable = "sha3")]
    fn plus(self, other: Self) -> Self {
        Self {
            ab: vaddq_u64(self.ab, other.ab),
            cd: vaddq_u64(self.cd, other.cd),
            ef: vaddq_u64(self.ef, other.ef),
            gh: vaddq_u64(self.gh, other.gh),
        }
    }
}

#[inline]
#[target_feature(enable = "sha3")]
fn vector(words: &[u64; 2]) -> V {
    // SAFETY: the reference covers the two words that are read.
    unsafe { vld1q_u64(words.as_ptr()) }
}

/// Two words from big-endian bytes.
#[inline]
#[target_feature(enable = "sha3")]
fn load(bytes: &[u8; 16]) -> V {
    // SAFETY: the reference covers the 16 bytes that are read.
    let bytes = unsafe { vld1q_u8(bytes.as_ptr()) };
    vreinterpretq_u64_u8(vrev64q_u8(bytes))
}

/// One block of every message: eight vectors of two words.
#[inline]
#[target_feature(enable = "sha3")]
fn load_block<const LEN: usize>(granules: &[&[u8; LEN]; LANES], block: usize) -> [[V; LANES]; 8] {
    let mut words = [[vdupq_n_u64(0); LANES]; 8];
    for (lane, granule) in granules.iter().enumerate() {
        let (pieces, _) = granule.as_chunks::<BLOCK_BYTES>().0[block].as_chunks();
        for (i, piece) in pieces.iter().enumerate() {
            words[i][lane] = load(piece);
        }
    }
    words
}

/// The second word of one vector and the first of the next.
#[inline]
#[target_feature(enable = "sha3")]
fn straddle(low: V, high: V) -> V {
    vextq_u64::<1>(low, high)
}

/// Two rounds of every message.
#[inline]
#[target_feature(enable = "sha3")]
fn two_rounds(states: &mut [State; LANES], words: &[V; LANES], k: &[u64; 2]) {
    let k = vector(k);
    for (state, words) in states.iter_mut().zip(words) {
        state.two_rounds(vaddq_u64(*words, k));
    }
}

/// The two words that follow sixteen, of which the vectors 0, 1, 4, 5 and 7 are needed.
#[inline]
#[target_feature(enable = "sha3")]
fn next_words([w0, w1, w4, w5, w7]: [&[V; LANES]; 5]) -> [V; LANES] {
    let mut next = *w0;
    for i in 0..LANES {
        let far = vsha512su0q_u64(w0[i], w1[i]);
        next[i] = vsha512su1q_u64(far, w7[i], straddle(w4[i], w5[i]));
    }
    next
}

/// Adds one block of every message to the messages' states.
#[inline]
#[target_feature(enable = "sha3")]
fn compress(states: &mut [State; LANES], block: [[V; LANES]; 8]) {
    let old = *states;
    let [mut w0, mut w1, mut w2, mut w3, mut w4, mut w5, mut w6, mut w7] = block;
    let (k, _) = K512.as_chunks::<2>();
    let (k, _) = k.as_chunks::<8>();
    for [k0, k1, k2, k3, k4, k5, k6, k7] in &k[..4] {
        two_rounds(states, &w0, k0);
        w0 = next_words([&w0, &w1, &w4, &w5, &w7]);
        two_rounds(states, &w1, k1);
        w1 = next_words([&w1, &w2, &w5, &w6, &w0]);
        two_rounds(states, &w2, k2);
        w2 = next_words([&w2, &w3, &w6, &w7, &w1]);
        two_rounds(states, &w3, k3);
        w3 = next_words([&w3, &w4, &w7, &w0, &w2]);
        two_rounds(states, &w4, k4);
        w4 = next_words([&w4, &w5, &w0, &w1, &w3]);
        two_rounds(states, &w5, k5);
        w5 = next_words([&w5, &w6, &w1, &w2, &w4]);
        two_rounds(states, &w6, k6);
        w6 = next_words([&w6, &w7, &w2, &w3, &w5]);
        two_rounds(states, &w7, k7);
        w7 = next_words([&w7, &w0, &w3, &w4, &w6]);
    }
    for (words, k) in [w0, w1, w2, w3, w4, w5, w6, w7].iter().zip(&k[4]) {
        two_rounds(states, words, k);
    }
    for (state, old) in states.iter_mut().zip(old) {
        *state = state.plus(old);
    }
}

/// The states of one granule a message, from the state that the algorithm begins with.
#[target_feature(enable = "sha3")]
pub(super) fn digest_lanes<const LEN: usize>(
    initial: &[u64; 8],
    granules: &[&[u8; LEN]; LANES],
    out: &mut [Digest; LANES],
) {
    let mut states = [State::of(*initial); LANES];
    for block in 0..LEN / BLOCK_BYTES {
        compress(&mut states, load_block(granules, block));
    }
    // The last block: one bit, zeros, and the length in bits.
    let zeros = [vdupq_n_u64(0); LANES];
    let first = [vector(&[1 << 63, 0]); LANES];
    let last = [vector(&[0, len_bits::<LEN>().into()]); LANES];
    compress(&mut states, [first, zeros, zeros, zeros, zeros, zeros, zeros, last]);
    for (digest, state) in out.iter_mut().zip(states) {
        for (i, word) in state.words().into_iter().enumerate() {
            digest.put_word(i, word.to_be_bytes());
        }
    }
}

#[inline]
#[target_feature(enable = "sha3")]
fn words(vector: V) -> [u64; 2] {
    [vgetq_lane_u64::<0>(vector), vgetq_lane_u64::<1>(vector)]
}

/// Adds one block that is the same in every message, scheduled already, to the messages' states.
#[inline]
#[target_feature(enable = "sha3")]
fn compress_shared(states: &mut [State; LANES], schedule: &[u64; K512.len()]) {
    let old = *states;
    let (pairs, _) = schedule.as_chunks();
    for pair in pairs {
        let kw = vector(pair);
        states.iter_mut().for_each(|state| state.two_rounds(kw));
    }
    for (state, old) in states.iter_mut().zip(old) {
        *state = state.plus(old);
    }
}

/// Extends several chains by the same steps.
#[target_feature(enable = "sha3")]
pub(super) fn extend_lanes(algo: &Variant<u64>, chains: &mut [[u64; 8]; LANES], steps: &[Step512]) {
    for step in steps {
        let mut states = [State::of(*algo.initial); LANES];
        let mut block = [[vdupq_n_u64(0); LANES]; 8];
        for (lane, chain) in chains.iter().enumerate() {
            let mut words = step.first;
            words[Step512::RIM..Step512::RIM + 8].copy_from_slice(chain);
            for (place, pair) in block.iter_mut().zip(words.as_chunks().0) {
                place[lane] = vector(pair);
            }
        }
        compress(&mut states, block);
        compress_shared(&mut states, &step.second);
        for schedule in &Step512::REST {
            compress_shared(&mut states, schedule);
        }
        for (chain, state) in chains.iter_mut().zip(states) {
            *chain = state.words();
            chain[algo.kept_words..].fill(0);
        }
    }
}
