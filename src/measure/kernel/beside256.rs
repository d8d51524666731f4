//! SHA-256 of granules in the lanes of AVX-512, with a chain's SHA instructions between theirs.
//!
//! As [`super::beside512`]: a chain waits for itself, and meanwhile vectors are hashed.
//!
//! The SHA instructions have no other form than that of SSE. Where one meets anything in the upper
//! halves of vectors 0 to 15, Intel's processors stop until these are put aside (measured: some 350
//! ns for four rounds, instead of 3). SSE has no names for vectors 16 to 31, and what they hold
//! does not matter. A compiler can not be told to keep to those, so a block's rounds are assembly:
//! the chain in vectors 0 to 4, the lanes in 16 to 31.

use std::arch::asm;
use std::arch::x86_64::*;

use super::Digest;
use super::chain256::{Chain, QUADS, Quad};
use super::constants::{H256, K256};
use super::sha256_avx512::{LANES, compress, load_block, padding, put_digests, splat};
use super::shani::State;
use crate::measure::descriptor::Descriptor;

type V = __m512i;
const BLOCK_BYTES: usize = 64;

/// The words of all rounds of a block, the first sixteen of which are the block.
type Words = [V; 64];

/// A function of FIPS 180-4, section 4.1, of `$from`. Takes two vectors to work in.
macro_rules! mixed {
    (
        $to:literal = $from:literal $p:literal $q:literal $last:literal $r:literal,
        $x:literal $y:literal
    ) => {
        concat!(
            "vprord zmm",
            $x,
            ", zmm",
            $from,
            ", ",
            $p,
            "\n",
            "vprord zmm",
            $y,
            ", zmm",
            $from,
            ", ",
            $q,
            "\n",
            $last,
            " zmm",
            $to,
            ", zmm",
            $from,
            ", ",
            $r,
            "\n",
            "vpternlogd zmm",
            $to,
            ", zmm",
            $x,
            ", zmm",
            $y,
            ", 0x96\n",
        )
    };
}

/// Word `$r` of the four from `4 * $g` on, of the block.
macro_rules! given {
    ($g:literal $r:literal) => {
        concat!("vmovdqa32 zmm24, [{w} + 64 * (4 * ", $g, " + ", $r, ")]\n")
    };
}

/// Word `$r` of the four from `4 * $g` on, of those before it.
macro_rules! made {
    ($g:literal $r:literal) => {
        concat!(
            "vmovdqa32 zmm25, [{w} + 64 * (4 * ", $g, " + ", $r, " - 15)]\n",
            mixed!(24 = 25 7 18 "vpsrld" 3, 26 27),
            "vmovdqa32 zmm25, [{w} + 64 * (4 * ", $g, " + ", $r, " - 2)]\n",
            mixed!(28 = 25 17 19 "vpsrld" 10, 29 30),
            "vpaddd zmm24, zmm24, [{w} + 64 * (4 * ", $g, " + ", $r, " - 16)]\n",
            "vpaddd zmm24, zmm24, [{w} + 64 * (4 * ", $g, " + ", $r, " - 7)]\n",
            "vpaddd zmm24, zmm24, zmm28\n",
            "vmovdqa32 [{w} + 64 * (4 * ", $g, " + ", $r, ")], zmm24\n",
        )
    };
}

/// Round `4 * $g + $r` of the lanes.
macro_rules! round {
    (
        $word:ident $g:literal $r:literal,
        $a:literal $b:literal $c:literal $d:literal $e:literal $f:literal $gg:literal $h:literal
    ) => {
        concat!(
            $word!($g $r),
            "vpaddd zmm", $h, ", zmm", $h, ", ",
            "dword ptr [{k} + 4 * (4 * ", $g, " + ", $r, ")]{{1to16}}\n",
            "vpaddd zmm", $h, ", zmm", $h, ", zmm24\n",
            mixed!(25 = $e 6 11 "vprord" 25, 26 27),
            "vmovdqa32 zmm28, zmm", $e, "\n",
            "vpternlogd zmm28, zmm", $f, ", zmm", $gg, ", 0xCA\n",
            "vpaddd zmm25, zmm25, zmm28\n",
            "vpaddd zmm", $h, ", zmm", $h, ", zmm25\n",
            "vpaddd zmm", $d, ", zmm", $d, ", zmm", $h, "\n",
            mixed!(29 = $a 2 13 "vprord" 22, 30 31),
            "vmovdqa32 zmm28, zmm", $a, "\n",
            "vpternlogd zmm28, zmm", $b, ", zmm", $c, ", 0xE8\n",
            "vpaddd zmm29, zmm29, zmm28\n",
            "vpaddd zmm", $h, ", zmm", $h, ", zmm29\n",
        )
    };
}

/// Four rounds of the chain: those of quad `5 * $g + $i`.
macro_rules! quad {
    ($g:literal $i:literal) => {
        concat!(
            "movq xmm0, qword ptr [{quads} + 16 * (5 * ",
            $g,
            " + ",
            $i,
            ")]\n",
            "sha256rnds2 xmm2, xmm1\n",
            "movq xmm0, qword ptr [{quads} + 16 * (5 * ",
            $g,
            " + ",
            $i,
            ") + 8]\n",
            "sha256rnds2 xmm1, xmm2\n",
        )
    };
}

/// The last four rounds of a block of the chain: the next block begins with their sum.
macro_rules! last {
    ($g:literal $i:literal) => {
        concat!(
            quad!($g $i),
            "paddd xmm3, xmm1\n",
            "movdqa xmm1, xmm3\n",
            "paddd xmm4, xmm2\n",
            "movdqa xmm2, xmm4\n",
        )
    };
}

/// Four rounds of the lanes, and twenty of the chain. Four rounds later, each word of the lanes'
/// states is in the vector that is four places away.
macro_rules! woven {
    (even $($rest:tt)*) => { woven!(@ 16 17 18 19 20 21 22 23, $($rest)*) };
    (odd $($rest:tt)*) => { woven!(@ 20 21 22 23 16 17 18 19, $($rest)*) };
    (
        @ $a:literal $b:literal $c:literal $d:literal $e:literal $f:literal $g:literal $h:literal,
        $word:ident $number:literal, $q0:ident $q1:ident $q2:ident $q3:ident $q4:ident
    ) => {
        concat!(
            round!($word $number 0, $a $b $c $d $e $f $g $h),
            $q0!($number 0),
            round!($word $number 1, $h $a $b $c $d $e $f $g),
            $q1!($number 1),
            round!($word $number 2, $g $h $a $b $c $d $e $f),
            $q2!($number 2),
            $q3!($number 3),
            round!($word $number 3, $f $g $h $a $b $c $d $e),
            $q4!($number 4),
        )
    };
}

/// Adds one block of every lane to the lanes' states, and does a step of a chain beside.
#[inline(never)]
#[target_feature(enable = "avx512f,avx512bw,sha,sse4.1,ssse3")]
fn compress_beside(
    state: &mut [V; 8],
    words: &mut Words,
    start: State,
    quads: &[Quad; QUADS],
) -> State {
    let mut rim = start;
    // SAFETY: what is read and written is what the references cover: eight vectors of the state,
    // 64 of words, as many constants, two words for each of the 80 quads, and two vectors of the
    // chain. Vectors are aligned as their type says.
    unsafe {
        asm!(
            "vzeroupper",
            "movdqu xmm1, [{rim}]", "movdqu xmm2, [{rim} + 16]",
            "movdqa xmm3, xmm1", "movdqa xmm4, xmm2",
            "vmovdqa32 zmm16, [{state}]", "vmovdqa32 zmm17, [{state} + 64]",
            "vmovdqa32 zmm18, [{state} + 128]", "vmovdqa32 zmm19, [{state} + 192]",
            "vmovdqa32 zmm20, [{state} + 256]", "vmovdqa32 zmm21, [{state} + 320]",
            "vmovdqa32 zmm22, [{state} + 384]", "vmovdqa32 zmm23, [{state} + 448]",
            woven!(even given 0, quad quad quad quad quad),
            woven!(odd given 1, quad quad quad quad quad),
            woven!(even given 2, quad quad quad quad quad),
            woven!(odd given 3, last quad quad quad quad),
            woven!(even made 4, quad quad quad quad quad),
            woven!(odd made 5, quad quad quad quad quad),
            woven!(even made 6, quad last quad quad quad),
            woven!(odd made 7, quad quad quad quad quad),
            woven!(even made 8, quad quad quad quad quad),
            woven!(odd made 9, quad quad last quad quad),
            woven!(even made 10, quad quad quad quad quad),
            woven!(odd made 11, quad quad quad quad quad),
            woven!(even made 12, quad quad quad last quad),
            woven!(odd made 13, quad quad quad quad quad),
            woven!(even made 14, quad quad quad quad quad),
            woven!(odd made 15, quad quad quad quad last),
            "vpaddd zmm16, zmm16, [{state}]", "vpaddd zmm17, zmm17, [{state} + 64]",
            "vpaddd zmm18, zmm18, [{state} + 128]", "vpaddd zmm19, zmm19, [{state} + 192]",
            "vpaddd zmm20, zmm20, [{state} + 256]", "vpaddd zmm21, zmm21, [{state} + 320]",
            "vpaddd zmm22, zmm22, [{state} + 384]", "vpaddd zmm23, zmm23, [{state} + 448]",
            "vmovdqa32 [{state}], zmm16", "vmovdqa32 [{state} + 64], zmm17",
            "vmovdqa32 [{state} + 128], zmm18", "vmovdqa32 [{state} + 192], zmm19",
            "vmovdqa32 [{state} + 256], zmm20", "vmovdqa32 [{state} + 320], zmm21",
            "vmovdqa32 [{state} + 384], zmm22", "vmovdqa32 [{state} + 448], zmm23",
            "movdqu [{rim}], xmm1", "movdqu [{rim} + 16], xmm2",
            w = in(reg) words,
            k = in(reg) &K256,
            quads = in(reg) quads,
            state = in(reg) state,
            rim = in(reg) &mut rim,
            out("zmm0") _, out("zmm1") _, out("zmm2") _, out("zmm3") _,
            out("zmm4") _, out("zmm5") _, out("zmm6") _, out("zmm7") _,
            out("zmm8") _, out("zmm9") _, out("zmm10") _, out("zmm11") _,
            out("zmm12") _, out("zmm13") _, out("zmm14") _, out("zmm15") _,
            out("zmm16") _, out("zmm17") _, out("zmm18") _, out("zmm19") _,
            out("zmm20") _, out("zmm21") _, out("zmm22") _, out("zmm23") _,
            out("zmm24") _, out("zmm25") _, out("zmm26") _, out("zmm27") _,
            out("zmm28") _, out("zmm29") _, out("zmm30") _, out("zmm31") _,
            options(nostack, preserves_flags),
        );
    }
    rim
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
    let mut words: Words = [splat(0); 64];
    for block in 0..LEN / BLOCK_BYTES {
        match descriptors.next() {
            None => compress(&mut state, load_block(granules, block)),
            Some(descriptor) => {
                let (start, quads) = chain.begin(&descriptor);
                words[..16].copy_from_slice(&load_block(granules, block));
                let rim = compress_beside(&mut state, &mut words, start, quads);
                chain.end(rim);
            }
        }
    }
    compress(&mut state, padding::<LEN>());
    put_digests(state, out);
}
