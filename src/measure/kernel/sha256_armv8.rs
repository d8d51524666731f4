//! SHA-256 of a few granules or chains by the SHA-2 instructions of Armv8, interleaved.
//!
//! One message waits for its own rounds; with several the processor always has something to do.

use std::arch::aarch64::*;

use super::constants::{H256, K256};
use super::steps::Step256;
use super::{Digest, len_bits};

type V = uint32x4_t;
/// Granules that are interleaved: their states and words fill 24 of the 32 vector registers.
pub(super) const LANES: usize = 4;
const BLOCK_BYTES: usize = 64;

#[derive(Clone, Copy)]
struct State {
    abcd: V,
    efgh: V,
}

impl State {
    #[inline]
    #[target_feature(enable = "sha2")]
    fn of([a, b, c, d, e, f, g, h]: [u32; 8]) -> Self {
        Self { abcd: vector(&[a, b, c, d]), efgh: vector(&[e, f, g, h]) }
    }

    #[inline]
    #[target_feature(enable = "sha2")]
    fn words(self) -> [u32; 8] {
        let ([a, b, c, d], [e, f, g, h]) = (words(self.abcd), words(self.efgh));
        [a, b, c, d, e, f, g, h]
    }

    /// Four rounds by the sums of the words and their constants.
    #[inline]
    #[target_feature(enable = "sha2")]
    fn four_rounds(&mut self, kw: V) {
        let Self { abcd, efgh } = *self;
        self.abcd = vsha256hq_u32(abcd, efgh, kw);
        self.efgh = vsha256h2q_u32(efgh, abcd, kw);
    }

    /// Adds a state word by word.
    #[inline]
    #[target_feature(enable = "sha2")]
    fn plus(self, other: Self) -> Self {
        let abcd = vaddq_u32(self.abcd, other.abcd);
        Self { abcd, efgh: vaddq_u32(self.efgh, other.efgh) }
    }
}

#[inline]
#[target_feature(enable = "sha2")]
fn vector(words: &[u32; 4]) -> V {
    // SAFETY: the reference covers the four words that are read.
    unsafe { vld1q_u32(words.as_ptr()) }
}

/// Four words from big-endian bytes.
#[inline]
#[target_feature(enable = "sha2")]
fn load(bytes: &[u8; 16]) -> V {
    // SAFETY: the reference covers the 16 bytes that are read.
    let bytes = unsafe { vld1q_u8(bytes.as_ptr()) };
    vreinterpretq_u32_u8(vrev32q_u8(bytes))
}

/// One block of every message: four vectors of four words.
#[inline]
#[target_feature(enable = "sha2")]
fn load_block<const LEN: usize>(granules: &[&[u8; LEN]; LANES], block: usize) -> [[V; LANES]; 4] {
    let mut words = [[vdupq_n_u32(0); LANES]; 4];
    for (lane, granule) in granules.iter().enumerate() {
        let (pieces, _) = granule.as_chunks::<BLOCK_BYTES>().0[block].as_chunks();
        for (i, piece) in pieces.iter().enumerate() {
            words[i][lane] = load(piece);
        }
    }
    words
}

/// Four rounds of every message.
#[inline]
#[target_feature(enable = "sha2")]
fn four_rounds(states: &mut [State; LANES], words: &[V; LANES], k: &[u32; 4]) {
    let k = vector(k);
    for (state, words) in states.iter_mut().zip(words) {
        state.four_rounds(vaddq_u32(*words, k));
    }
}

/// The four words that follow sixteen.
#[inline]
#[target_feature(enable = "sha2")]
fn next_words([w0, w1, w2, w3]: [&[V; LANES]; 4]) -> [V; LANES] {
    let mut next = *w0;
    for i in 0..LANES {
        next[i] = vsha256su1q_u32(vsha256su0q_u32(w0[i], w1[i]), w2[i], w3[i]);
    }
    next
}

/// Adds one block of every message to the messages' states.
#[inline]
#[target_feature(enable = "sha2")]
fn compress(states: &mut [State; LANES], block: [[V; LANES]; 4]) {
    let old = *states;
    let [mut w0, mut w1, mut w2, mut w3] = block;
    let (k, _) = K256.as_chunks::<4>();
    let (k, _) = k.as_chunks::<4>();
    for [k0, k1, k2, k3] in &k[..3] {
        four_rounds(states, &w0, k0);
        w0 = next_words([&w0, &w1, &w2, &w3]);
        four_rounds(states, &w1, k1);
        w1 = next_words([&w1, &w2, &w3, &w0]);
        four_rounds(states, &w2, k2);
        w2 = next_words([&w2, &w3, &w0, &w1]);
        four_rounds(states, &w3, k3);
        w3 = next_words([&w3, &w0, &w1, &w2]);
    }
    for (words, k) in [w0, w1, w2, w3].iter().zip(&k[3]) {
        four_rounds(states, words, k);
    }
    for (state, old) in states.iter_mut().zip(old) {
        *state = state.plus(old);
    }
}

/// The digests of one granule a message.
#[target_feature(enable = "sha2")]
pub(super) fn digest_lanes<const LEN: usize>(
    granules: &[&[u8; LEN]; LANES],
    out: &mut [Digest; LANES],
) {
    let mut states = [State::of(H256); LANES];
    for block in 0..LEN / BLOCK_BYTES {
        compress(&mut states, load_block(granules, block));
    }
    // The last block: one bit, zeros, and the length in bits.
    let zeros = [vdupq_n_u32(0); LANES];
    let first = [vector(&[1 << 31, 0, 0, 0]); LANES];
    let last = [vector(&[0, 0, 0, len_bits::<LEN>()]); LANES];
    compress(&mut states, [first, zeros, zeros, last]);
    for (digest, state) in out.iter_mut().zip(states) {
        for (i, word) in state.words().into_iter().enumerate() {
            digest.put_word(i, word.to_be_bytes());
        }
    }
}

#[inline]
#[target_feature(enable = "sha2")]
fn words(vector: V) -> [u32; 4] {
    [
        vgetq_lane_u32::<0>(vector),
        vgetq_lane_u32::<1>(vector),
        vgetq_lane_u32::<2>(vector),
        vgetq_lane_u32::<3>(vector),
    ]
}

/// Adds one block that is the same in every message, scheduled already, to the messages' states.
#[inline]
#[target_feature(enable = "sha2")]
fn compress_shared(states: &mut [State; LANES], schedule: &[u32; K256.len()]) {
    let old = *states;
    let (quads, _) = schedule.as_chunks();
    for quad in quads {
        let kw = vector(quad);
        states.iter_mut().for_each(|state| state.four_rounds(kw));
    }
    for (state, old) in states.iter_mut().zip(old) {
        *state = state.plus(old);
    }
}

/// Extends several chains by the same steps.
#[target_feature(enable = "sha2")]
pub(super) fn extend_lanes(chains: &mut [[u32; 8]; LANES], steps: &[Step256]) {
    /// The RIM fills two vectors of the first block.
    const RIM: usize = Step256::RIM / 4;
    let mut rims = [State::of(H256); LANES];
    for (rim, chain) in rims.iter_mut().zip(&*chains) {
        *rim = State::of(*chain);
    }
    for step in steps {
        let (quads, _) = step.first.as_chunks();
        let mut block = [[vdupq_n_u32(0); LANES]; 4];
        for (words, quad) in block.iter_mut().zip(quads) {
            *words = [vector(quad); LANES];
        }
        for (lane, rim) in rims.iter().enumerate() {
            [block[RIM][lane], block[RIM + 1][lane]] = [rim.abcd, rim.efgh];
        }
        rims = [State::of(H256); LANES];
        compress(&mut rims, block);
        compress_shared(&mut rims, &step.second);
        for schedule in &Step256::REST {
            compress_shared(&mut rims, schedule);
        }
    }
    for (chain, rim) in chains.iter_mut().zip(rims) {
        *chain = rim.words();
    }
}
