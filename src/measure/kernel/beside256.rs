//! SHA-256 of granules in the lanes of AVX-512, with a chain's SHA instructions between theirs.
//!
//! As [`super::beside512`]: a chain waits for itself, and meanwhile vectors are hashed.

use std::arch::x86_64::*;

use super::Digest;
use super::chain256::{Chain, QUADS, Quad};
use super::constants::{H256, K256};
use super::sha256_avx512::{
    LANES, add, big0, big1, ch, compress, load_block, maj, padding, put_digests, small0, small1,
    splat,
};
use super::shani::State;
use crate::measure::descriptor::Descriptor;

type V = __m512i;
const BLOCK_BYTES: usize = 64;

/// What stands before it is before what stands behind it, in the lanes and in the chain.
macro_rules! woven {
    ($a:ident $e:ident, $abef:ident $cdgh:ident) => {
        // SAFETY: there is no instruction in it.
        unsafe {
            std::arch::asm!("/* {} {} {} {} */", inout(zmm_reg) $a, inout(zmm_reg) $e,
                inout(xmm_reg) $abef, inout(xmm_reg) $cdgh,
                options(nomem, nostack, preserves_flags));
        }
    };
}

/// Adds one block of every lane to the lanes' states, and does a step of a chain beside.
#[inline(never)]
#[target_feature(enable = "avx512f,avx512bw,sha,sse4.1,ssse3")]
fn compress_beside(
    state: &mut [V; 8],
    mut w: [V; 16],
    mut before: State,
    quads: &[Quad; QUADS],
) -> State {
    let [mut a, mut b, mut c, mut d, mut e, mut f, mut g, mut h] = *state;
    let State { mut abef, mut cdgh } = before;
    macro_rules! quad {
        ($number:expr) => {
            four_rounds!(quads[$number], abef cdgh);
            if $number % 16 == 15 {
                before = before.plus(State { abef, cdgh });
                State { abef, cdgh } = before;
            }
        };
    }
    // Five quads of the chain to four rounds of the lanes.
    macro_rules! first {
        ($sixteen:expr, $i:literal) => {
            round!(add(splat(K256[16 * $sixteen + $i]), w[$i]), a b c d e f g h);
            quad!(20 * $sixteen + $i + $i / 4);
            if $i % 4 == 3 {
                quad!(20 * $sixteen + $i + $i / 4 + 1);
            }
            woven!(a e, abef cdgh);
        };
    }
    macro_rules! later {
        ($sixteen:expr, $i:literal) => {
            lane_word!(w, $i);
            first!($sixteen, $i);
        };
    }
    sixteen!(first, 0);
    sixteen!(later, 1);
    sixteen!(later, 2);
    sixteen!(later, 3);
    let _ = (abef, cdgh);
    for (old, new) in state.iter_mut().zip([a, b, c, d, e, f, g, h]) {
        *old = add(*old, new);
    }
    before
}

/// The digests of one granule a lane; and with each block a step of the chain, as long as there
/// are descriptors.
#[target_feature(enable = "avx512f,avx512bw,sha,sse4.1,ssse3")]
pub(super) fn digest_lanes<const LEN: usize>(
    granules: &[&[u8; LEN]; LANES],
    out: &mut [Digest; LANES],
    chain: &mut Chain,
    descriptors: &mut dyn Iterator<Item = Descriptor>,
) {
    let mut state = H256.map(|word| splat(word));
    for block in 0..LEN / BLOCK_BYTES {
        let words = load_block(granules, block);
        match descriptors.next() {
            None => compress(&mut state, words),
            Some(descriptor) => {
                let (start, quads) = chain.begin(&descriptor);
                let rim = compress_beside(&mut state, words, start, quads);
                chain.end(rim);
            }
        }
    }
    compress(&mut state, padding::<LEN>());
    put_digests(state, out);
}
