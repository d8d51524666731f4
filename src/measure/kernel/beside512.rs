//! SHA-512 of granules in the lanes of AVX-512, with a chain's rounds between theirs.
//!
//! A chain waits for itself: the processor has room for its instructions while vectors are hashed,
//! if they stand close enough together that it sees both.

use std::arch::asm;

use super::Digest;
use super::chain512::{Chain, First, Rest};
use super::constants::K512;
use super::sha512_avx512::{LANES, V, add, compress, load_block, padding, put_digests, splat};
use crate::measure::descriptor::Descriptor;

const BLOCK_BYTES: usize = 128;

/// A round of either, by words that there are.
macro_rules! first {
    ($n:tt $i:literal $($far:literal)*) => {
        concat!(lanes512!($n $i), chain512!($n given512 $i))
    };
}

/// A round of either, by words that are made.
macro_rules! later {
    ($n:tt $i:literal $($far:literal)*) => {
        concat!(
            lane_word512!($i $($far)*),
            lanes512!($n $i),
            chain512!($n made512 $i $($far)*),
        )
    };
}

/// A round of the lanes, and one of the chain by a word that is known.
macro_rules! first_known {
    ($n:tt $i:literal $($far:literal)*) => {
        concat!(lanes512!($n $i), chain512!($n known512 $i))
    };
}

/// A round of the lanes by a word that is made, and two of the chain by words that are known.
macro_rules! later_known {
    ($n:tt $i:literal $($far:literal)*) => {
        concat!(lane_word512!($i $($far)*), lanes512!($n $i), two_chain512!($n $i))
    };
}

/// A round of the chain by a word that is known.
macro_rules! alone_known {
    ($n:tt $i:literal $($far:literal)*) => { chain512!($n known512 $i) };
}

/// Adds a block of every lane to the lanes' states, and does the rounds of the first block of a
/// step beside: the state after them.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,bmi2")]
fn first_beside(
    state: &mut [V; 8],
    words: &[V; 16],
    chain_words: &mut First,
    before: [u64; 8],
) -> [u64; 8] {
    let [mut a, mut b, mut c, mut d, mut e, mut f, mut g, mut h] = *state;
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
            sixteen512!(first),
            "2:",
            "add rdi, 128",
            sixteen512!(later),
            "dec qword ptr [rsp]",
            "jnz 2b",
            "add rsp, 8",
            "pop rbx",
            inout("rsi") chain_words.as_mut_ptr() => _, inout("rdi") K512.as_ptr() => _,
            inout("zmm0") words[0] => _, inout("zmm1") words[1] => _, inout("zmm2") words[2] => _,
            inout("zmm3") words[3] => _, inout("zmm4") words[4] => _, inout("zmm5") words[5] => _,
            inout("zmm6") words[6] => _, inout("zmm7") words[7] => _, inout("zmm8") words[8] => _,
            inout("zmm9") words[9] => _, inout("zmm10") words[10] => _,
            inout("zmm11") words[11] => _, inout("zmm12") words[12] => _,
            inout("zmm13") words[13] => _, inout("zmm14") words[14] => _,
            inout("zmm15") words[15] => _, inout("zmm16") a, inout("zmm17") b, inout("zmm18") c,
            inout("zmm19") d, inout("zmm20") e, inout("zmm21") f, inout("zmm22") g,
            inout("zmm23") h,
            out("zmm24") _, out("zmm25") _, out("zmm26") _, out("zmm27") _, out("zmm28") _,
            out("zmm29") _, out("zmm30") _, out("zmm31") _,
            inout("r8") r8, inout("r9") r9, inout("r10") r10, inout("r11") r11, inout("r12") r12,
            inout("r13") r13, inout("r14") r14, inout("r15") r15,
            out("rax") _, out("rcx") _, out("rdx") _,
        );
    }
    for (old, new) in state.iter_mut().zip([a, b, c, d, e, f, g, h]) {
        *old = add(*old, new);
    }
    [r8, r9, r10, r11, r12, r13, r14, r15]
}

/// The same with the second and the last block of a step, by words that are known: the state that
/// the step ends with.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,bmi2")]
fn rest_beside(
    state: &mut [V; 8],
    words: &[V; 16],
    chain_words: &Rest,
    before: [u64; 8],
) -> [u64; 8] {
    let [mut a, mut b, mut c, mut d, mut e, mut f, mut g, mut h] = *state;
    let [mut r8, mut r9, mut r10, mut r11, mut r12, mut r13, mut r14, mut r15] = before;
    // SAFETY: what is read besides the operands are the 80 constants and the words that the
    // reference covers, and nothing but the stack is written. At the end it is as it was; without
    // `nostack` there may be pushes.
    unsafe {
        asm!(
            push_state512!(4),
            "mov rax, r9",
            "xor rax, r10",
            sixteen512!(first_known),
            "add rsi, 1024",
            "2:",
            "add rdi, 128",
            sixteen512!(later_known),
            "add rsi, 2048",
            "dec qword ptr [rsp + 64]",
            "jz 3f",
            "cmp qword ptr [rsp + 64], 2",
            "jne 2b",
            next_state512!(),
            "jmp 2b",
            "3:",
            sixteen512!(alone_known),
            add_state512!(),
            "add rsp, 72",
            inout("rsi") chain_words.as_ptr() => _, inout("rdi") K512.as_ptr() => _,
            inout("zmm0") words[0] => _, inout("zmm1") words[1] => _, inout("zmm2") words[2] => _,
            inout("zmm3") words[3] => _, inout("zmm4") words[4] => _, inout("zmm5") words[5] => _,
            inout("zmm6") words[6] => _, inout("zmm7") words[7] => _, inout("zmm8") words[8] => _,
            inout("zmm9") words[9] => _, inout("zmm10") words[10] => _,
            inout("zmm11") words[11] => _, inout("zmm12") words[12] => _,
            inout("zmm13") words[13] => _, inout("zmm14") words[14] => _,
            inout("zmm15") words[15] => _, inout("zmm16") a, inout("zmm17") b, inout("zmm18") c,
            inout("zmm19") d, inout("zmm20") e, inout("zmm21") f, inout("zmm22") g,
            inout("zmm23") h,
            out("zmm24") _, out("zmm25") _, out("zmm26") _, out("zmm27") _, out("zmm28") _,
            out("zmm29") _, out("zmm30") _, out("zmm31") _,
            inout("r8") r8, inout("r9") r9, inout("r10") r10, inout("r11") r11, inout("r12") r12,
            inout("r13") r13, inout("r14") r14, inout("r15") r15,
            out("rax") _, out("rcx") _, out("rdx") _,
        );
    }
    for (old, new) in state.iter_mut().zip([a, b, c, d, e, f, g, h]) {
        *old = add(*old, new);
    }
    [r8, r9, r10, r11, r12, r13, r14, r15]
}

/// The digests of one granule a lane; and two blocks at a time a step of the chain, as long as
/// there are descriptors.
#[target_feature(enable = "avx512f,avx512bw,bmi2")]
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
        let words = load_block(granules, blocks[0]);
        let rim = first_beside(&mut state, &words, step.first, step.initial);
        let words = load_block(granules, blocks[1]);
        let rim = rest_beside(&mut state, &words, step.rest, step.plus_initial(rim));
        chain.end(rim);
    }
    compress(&mut state, padding::<LEN>());
    put_digests(state, out);
}
