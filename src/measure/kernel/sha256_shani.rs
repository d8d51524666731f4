//! SHA-256 of a few granules by the SHA instructions of x86, interleaved.
//!
//! One message waits for its own rounds; with several the processor always has something to do.

use std::arch::x86_64::*;

use super::constants::{H256, K256};
use super::shani::{State, V, load_words, vector};
use super::{Digest, len_bits};

/// Granules that are interleaved.
pub(super) const LANES: usize = 4;
const BLOCK_BYTES: usize = 64;

/// One block of every message: four vectors of four words.
#[inline]
#[target_feature(enable = "sha,sse4.1,ssse3")]
fn load_block<const LEN: usize>(granules: &[&[u8; LEN]; LANES], block: usize) -> [[V; LANES]; 4] {
    let mut words = [[vector([0; 4]); LANES]; 4];
    for (lane, granule) in granules.iter().enumerate() {
        let (pieces, _) = granule.as_chunks::<BLOCK_BYTES>().0[block].as_chunks();
        for (i, piece) in pieces.iter().enumerate() {
            words[i][lane] = load_words(piece);
        }
    }
    words
}

/// Four rounds of every message.
#[inline]
#[target_feature(enable = "sha,sse4.1,ssse3")]
fn four_rounds(states: &mut [State; LANES], words: &[V; LANES], k: V) {
    for (state, words) in states.iter_mut().zip(words) {
        let kw = _mm_add_epi32(*words, k);
        state.cdgh = _mm_sha256rnds2_epu32(state.cdgh, state.abef, kw);
        let kw = _mm_shuffle_epi32::<0x0E>(kw);
        state.abef = _mm_sha256rnds2_epu32(state.abef, state.cdgh, kw);
    }
}

/// The four words that follow sixteen.
#[inline]
#[target_feature(enable = "sha,sse4.1,ssse3")]
fn next_words([w0, w1, w2, w3]: [&[V; LANES]; 4]) -> [V; LANES] {
    let mut next = *w0;
    for i in 0..LANES {
        let far = _mm_sha256msg1_epu32(w0[i], w1[i]);
        let near = _mm_alignr_epi8::<4>(w3[i], w2[i]);
        next[i] = _mm_sha256msg2_epu32(_mm_add_epi32(far, near), w3[i]);
    }
    next
}

/// Adds one block of every message to the messages' states.
#[inline]
#[target_feature(enable = "sha,sse4.1,ssse3")]
fn compress(states: &mut [State; LANES], block: [[V; LANES]; 4]) {
    let old = *states;
    let [mut w0, mut w1, mut w2, mut w3] = block;
    let (k, _) = K256.as_chunks::<4>();
    let (k, _) = k.as_chunks::<4>();
    for [k0, k1, k2, k3] in &k[..3] {
        four_rounds(states, &w0, vector(*k0));
        w0 = next_words([&w0, &w1, &w2, &w3]);
        four_rounds(states, &w1, vector(*k1));
        w1 = next_words([&w1, &w2, &w3, &w0]);
        four_rounds(states, &w2, vector(*k2));
        w2 = next_words([&w2, &w3, &w0, &w1]);
        four_rounds(states, &w3, vector(*k3));
        w3 = next_words([&w3, &w0, &w1, &w2]);
    }
    for (words, k) in [w0, w1, w2, w3].iter().zip(&k[3]) {
        four_rounds(states, words, vector(*k));
    }
    for (state, old) in states.iter_mut().zip(old) {
        *state = state.plus(old);
    }
}

/// The digests of one granule a message.
#[target_feature(enable = "sha,sse4.1,ssse3")]
pub(super) fn digest_lanes<const LEN: usize>(
    granules: &[&[u8; LEN]; LANES],
    out: &mut [Digest; LANES],
) {
    let mut states = [State::of(H256); LANES];
    for block in 0..LEN / BLOCK_BYTES {
        compress(&mut states, load_block(granules, block));
    }
    // The last block: one bit, zeros, and the length in bits.
    let zeros = [vector([0; 4]); LANES];
    let first = [vector([1 << 31, 0, 0, 0]); LANES];
    let last = [vector([0, 0, 0, len_bits::<LEN>()]); LANES];
    compress(&mut states, [first, zeros, zeros, last]);
    for (digest, state) in out.iter_mut().zip(states) {
        for (i, word) in state.words().into_iter().enumerate() {
            digest.put_word(i, word.to_be_bytes());
        }
    }
}
