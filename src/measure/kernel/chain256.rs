//! One chain of SHA-256 in the SHA instructions of x86, a step at a time.

use std::arch::x86_64::*;

use super::constants::{H256, K256};
use super::shani::{State, V, load_words, vector};
use super::steps::Step256;
use crate::measure::descriptor::{Descriptor, RIM_OFFSET};

/// Blocks of a descriptor with its padding.
const BLOCKS: usize = 5;
/// Of four rounds each.
pub(super) const QUADS: usize = 16 * BLOCKS;
/// Words of four rounds with their constants, two in each.
pub(super) type Quad = [u64; 2];
/// The RIM of SHA-256 fills two vectors of the first block.
const RIM: usize = RIM_OFFSET / 16;

/// The blocks that are the same for every descriptor.
static REST: [Quad; QUADS - 32] = {
    let mut rest = [[0; 2]; QUADS - 32];
    let mut t = 0;
    while t < 4 * rest.len() {
        let word = Step256::REST[t / 64][t % 64] as u64;
        rest[t / 4][t / 2 % 2] |= word << (t % 2 * 32);
        t += 1;
    }
    rest
};

/// A chain, and what the next step's rounds take.
pub(super) struct Chain {
    start: State,
    rim: State,
    quads: [Quad; QUADS],
}

impl Chain {
    #[target_feature(enable = "sha,sse4.1,ssse3")]
    pub(super) fn new(rim: [u32; 8]) -> Self {
        let mut quads = [[0; 2]; QUADS];
        quads[32..].copy_from_slice(&REST);
        Self { start: State::of(H256), rim: State::of(rim), quads }
    }

    #[target_feature(enable = "sha,sse4.1,ssse3")]
    pub(super) fn rim(&self) -> [u32; 8] {
        self.rim.words()
    }

    /// The state that a step's first block begins with, and the words of all rounds.
    #[inline]
    #[target_feature(enable = "sha,sse4.1,ssse3")]
    pub(super) fn begin(&mut self, descriptor: &Descriptor) -> (State, &[Quad; QUADS]) {
        let (pieces, _) = descriptor.as_chunks();
        let load = |i: usize| load_words(&pieces[i]);
        let mut first = [load(0), load(1), load(2), load(3)];
        first[RIM..RIM + 2].copy_from_slice(&self.rim.halves());
        let (blocks, _) = self.quads.as_chunks_mut();
        schedule(first, &mut blocks[0]);
        schedule([load(4), load(5), load(6), load(7)], &mut blocks[1]);
        (self.start, &self.quads)
    }

    /// All rounds were made.
    #[inline]
    pub(super) fn end(&mut self, rim: State) {
        self.rim = rim;
    }
}

/// Puts the words of a block's rounds, with their constants, into their places.
#[inline]
#[target_feature(enable = "sha,sse4.1,ssse3")]
fn schedule([mut w0, mut w1, mut w2, mut w3]: [V; 4], quads: &mut [Quad; 16]) {
    let (constants, _) = K256.as_chunks::<4>();
    let mut places = quads.iter_mut().zip(constants);
    for place in places.by_ref().take(12) {
        put(w0, place);
        let sum = _mm_add_epi32(_mm_sha256msg1_epu32(w0, w1), _mm_alignr_epi8::<4>(w3, w2));
        (w0, w1, w2, w3) = (w1, w2, w3, _mm_sha256msg2_epu32(sum, w3));
    }
    for (place, words) in places.zip([w0, w1, w2, w3]) {
        put(words, place);
    }
}

/// Puts four words, with their constants, into their place.
#[inline]
#[target_feature(enable = "sha,sse4.1,ssse3")]
fn put(words: V, (place, k): (&mut Quad, &[u32; 4])) {
    let kw = _mm_add_epi32(words, vector(*k));
    // SAFETY: the reference covers the 16 bytes that are written, aligned or not.
    unsafe { _mm_storeu_si128(place.as_mut_ptr().cast(), kw) };
}
