//! SHA-512 of granules in the lanes of AVX-512, with a chain's rounds between theirs.
//!
//! A chain waits for itself: the processor has room for its scalar instructions while vectors are
//! hashed, if they stand close enough together that it sees both.

use std::arch::x86_64::*;

use super::Digest;
use super::chain512::{Chain, Step, plus, word_at};
use super::constants::K512;
use super::sha512_avx512::{
    LANES, add, big0, big1, ch, compress, load_block, maj, padding, put_digests, small0, small1,
    splat,
};
use crate::measure::descriptor::Descriptor;

type V = __m512i;
const BLOCK_BYTES: usize = 128;

/// What stands before it is before what stands behind it, in vectors and in scalars.
macro_rules! woven {
    ($a:ident $e:ident, $chain_a:ident $chain_e:ident) => {
        // SAFETY: there is no instruction in it.
        unsafe {
            std::arch::asm!("/* {} {} {} {} */", inout(zmm_reg) $a, inout(zmm_reg) $e,
                inout(reg) $chain_a, inout(reg) $chain_e,
                options(nomem, nostack, preserves_flags));
        }
    };
}

/// Adds a block of every lane to the lanes' states, and does the first block of a step beside.
#[inline(never)]
#[target_feature(enable = "avx512f,avx512bw,bmi1,bmi2")]
fn compress_beside_first(state: &mut [V; 8], mut w: [V; 16], step: &Step<'_>) -> [u64; 8] {
    let [mut a, mut b, mut c, mut d, mut e, mut f, mut g, mut h] = *state;
    let mut x = step.first;
    let [mut ca, mut cb, mut cc, mut cd, mut ce, mut cf, mut cg, mut chain_h] = step.initial;
    let mut bc = cb ^ cc;
    macro_rules! first {
        ($k16:expr, $i:literal) => {
            round!(add(splat($k16[$i]), w[$i]), a b c d e f g h);
            scalar_round!(x[$i].wrapping_add($k16[$i]), bc, ca cb cc cd ce cf cg chain_h);
            woven!(a e, ca ce);
        };
    }
    macro_rules! later {
        ($k16:expr, $i:literal) => {
            lane_word!(w, $i);
            scalar_word!(x, $i);
            first!($k16, $i);
        };
    }
    let (k16s, _) = K512.as_chunks::<16>();
    sixteen!(first, k16s[0]);
    for k16 in &k16s[1..] {
        sixteen!(later, k16);
    }
    let _ = bc;
    for (old, new) in state.iter_mut().zip([a, b, c, d, e, f, g, h]) {
        *old = add(*old, new);
    }
    plus(step.initial, [ca, cb, cc, cd, ce, cf, cg, chain_h])
}

/// The same with the second and the last block of a step.
#[inline(never)]
#[target_feature(enable = "avx512f,avx512bw,bmi1,bmi2")]
fn compress_beside_rest(
    state: &mut [V; 8],
    mut w: [V; 16],
    step: &Step<'_>,
    mut before: [u64; 8],
) -> [u64; 8] {
    let [mut a, mut b, mut c, mut d, mut e, mut f, mut g, mut h] = *state;
    let [mut ca, mut cb, mut cc, mut cd, mut ce, mut cf, mut cg, mut chain_h] = before;
    let mut bc = cb ^ cc;
    let (mut number, mut words) = (0, step.sixteen(0));
    // Sixteen rounds of the chain to eight of the lanes.
    macro_rules! first {
        ($k16:expr, $i:literal) => {
            round!(add(splat($k16[$i]), w[$i]), a b c d e f g h);
            let kw = [words[word_at(2 * ($i & 7))], words[word_at(2 * ($i & 7) + 1)]];
            scalar_round!(kw[0], bc, ca cb cc cd ce cf cg chain_h);
            scalar_round!(kw[1], bc, ca cb cc cd ce cf cg chain_h);
            woven!(a e, ca ce);
            if $i & 7 == 7 && number < 9 {
                number += 1;
                words = step.sixteen(number);
                if number == 5 {
                    before = plus(before, [ca, cb, cc, cd, ce, cf, cg, chain_h]);
                    [ca, cb, cc, cd, ce, cf, cg, chain_h] = before;
                    bc = cb ^ cc;
                }
            }
        };
    }
    macro_rules! later {
        ($k16:expr, $i:literal) => {
            lane_word!(w, $i);
            first!($k16, $i);
        };
    }
    let (k16s, _) = K512.as_chunks::<16>();
    sixteen!(first, k16s[0]);
    for k16 in &k16s[1..] {
        sixteen!(later, k16);
    }
    let _ = bc;
    for (old, new) in state.iter_mut().zip([a, b, c, d, e, f, g, h]) {
        *old = add(*old, new);
    }
    plus(before, [ca, cb, cc, cd, ce, cf, cg, chain_h])
}

/// The digests of one granule a lane; and two blocks at a time a step of the chain, as long as
/// there are descriptors.
#[target_feature(enable = "avx512f,avx512bw,bmi1,bmi2")]
pub(super) fn digest_lanes<const LEN: usize>(
    initial: &[u64; 8],
    granules: &[&[u8; LEN]; LANES],
    out: &mut [Digest; LANES],
    chain: &mut Chain,
    descriptors: &mut dyn Iterator<Item = Descriptor>,
) {
    let mut state = initial.map(|word| splat(word));
    for pair in 0..LEN / BLOCK_BYTES / 2 {
        let blocks = [2 * pair, 2 * pair + 1];
        let Some(step) = chain.begin(descriptors) else {
            for block in blocks {
                compress(&mut state, load_block(granules, block));
            }
            continue;
        };
        let rim = compress_beside_first(&mut state, load_block(granules, blocks[0]), &step);
        let words = load_block(granules, blocks[1]);
        let rim = compress_beside_rest(&mut state, words, &step, rim);
        chain.end(rim);
    }
    compress(&mut state, padding::<LEN>());
    put_digests(state, out);
}
