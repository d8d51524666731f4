//! SHA-256 of a few granules, or chains, by the SHA instructions of x86, interleaved.
//!
//! One message waits for its own rounds; with several the processor always has something to do.

use std::arch::x86_64::*;

use super::constants::{H256, K256};
use super::shani::{State, V, load_words, vector};
use super::steps::Step256;
use super::{Digest, len_bits};

/// Granules or chains that are interleaved.
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
    let mut kws = *words;
    kws.iter_mut().for_each(|kw| *kw = _mm_add_epi32(*kw, k));
    four_rounds_of(states, &kws);
}

/// The same with words to which their constants were added.
#[inline]
#[target_feature(enable = "sha,sse4.1,ssse3")]
fn four_rounds_of(states: &mut [State; LANES], kws: &[V; LANES]) {
    for (state, kw) in states.iter_mut().zip(kws) {
        let kw = *kw;
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

/// Adds one block that is the same in every message, scheduled already, to the messages' states.
#[inline]
#[target_feature(enable = "sha,sse4.1,ssse3")]
fn compress_shared(states: &mut [State; LANES], schedule: &[u32; K256.len()]) {
    let old = *states;
    let (quads, _) = schedule.as_chunks();
    for quad in quads {
        four_rounds_of(states, &[vector(*quad); LANES]);
    }
    for (state, old) in states.iter_mut().zip(old) {
        *state = state.plus(old);
    }
}

/// Extends several chains by the same steps.
#[target_feature(enable = "sha,sse4.1,ssse3")]
pub(super) fn extend_lanes(chains: &mut [[u32; 8]; LANES], steps: &[Step256]) {
    /// The RIM fills two vectors of the first block.
    const RIM: usize = Step256::RIM / 4;
    let mut rims = [State::of(H256); LANES];
    for (rim, chain) in rims.iter_mut().zip(&*chains) {
        *rim = State::of(*chain);
    }
    for step in steps {
        let (quads, _) = step.first.as_chunks();
        let mut block = [[vector([0; 4]); LANES]; 4];
        for (words, quad) in block.iter_mut().zip(quads) {
            *words = [vector(*quad); LANES];
        }
        for (lane, rim) in rims.iter().enumerate() {
            [block[RIM][lane], block[RIM + 1][lane]] = rim.halves();
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
