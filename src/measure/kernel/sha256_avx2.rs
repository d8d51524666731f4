//! SHA-256 of 8 granules in the 32-bit lanes of AVX2, for processors without SHA instructions.

use std::arch::x86_64::*;

use super::chains::Variant;
use super::constants::K256;
use super::steps::Step256;
use super::{Digest, len_bits};

type V = __m256i;
type Word = u32;
pub(super) const LANES: usize = 8;
const BLOCK_BYTES: usize = 64;

lanes!("avx2", K256, Step256);

#[inline]
#[target_feature(enable = "avx2")]
fn splat(word: u32) -> V {
    _mm256_set1_epi32(word.cast_signed())
}

#[inline]
#[target_feature(enable = "avx2")]
fn add(x: V, y: V) -> V {
    _mm256_add_epi32(x, y)
}

/// `LEFT` is 32 minus `RIGHT`; the compiler can not subtract them here.
#[inline]
#[target_feature(enable = "avx2")]
fn ror<const RIGHT: i32, const LEFT: i32>(x: V) -> V {
    const { assert!(RIGHT + LEFT == 32) };
    _mm256_or_si256(_mm256_srli_epi32::<RIGHT>(x), _mm256_slli_epi32::<LEFT>(x))
}

#[inline]
#[target_feature(enable = "avx2")]
fn xor3(x: V, y: V, z: V) -> V {
    _mm256_xor_si256(_mm256_xor_si256(x, y), z)
}

#[inline]
#[target_feature(enable = "avx2")]
fn big0(x: V) -> V {
    xor3(ror::<2, 30>(x), ror::<13, 19>(x), ror::<22, 10>(x))
}

#[inline]
#[target_feature(enable = "avx2")]
fn big1(x: V) -> V {
    xor3(ror::<6, 26>(x), ror::<11, 21>(x), ror::<25, 7>(x))
}

#[inline]
#[target_feature(enable = "avx2")]
fn small0(x: V) -> V {
    xor3(ror::<7, 25>(x), ror::<18, 14>(x), _mm256_srli_epi32::<3>(x))
}

#[inline]
#[target_feature(enable = "avx2")]
fn small1(x: V) -> V {
    xor3(ror::<17, 15>(x), ror::<19, 13>(x), _mm256_srli_epi32::<10>(x))
}

/// `x ? y : z`, bit by bit.
#[inline]
#[target_feature(enable = "avx2")]
fn ch(x: V, y: V, z: V) -> V {
    _mm256_xor_si256(_mm256_and_si256(_mm256_xor_si256(y, z), x), z)
}

/// The majority, bit by bit.
#[inline]
#[target_feature(enable = "avx2")]
fn maj(x: V, y: V, z: V) -> V {
    _mm256_or_si256(_mm256_and_si256(_mm256_or_si256(x, y), z), _mm256_and_si256(x, y))
}

#[inline]
#[target_feature(enable = "avx2")]
fn load(bytes: &[u8; 32]) -> V {
    // SAFETY: the reference covers the 32 bytes that are read, and the load needs no alignment.
    unsafe { _mm256_loadu_si256(bytes.as_ptr().cast()) }
}

/// One block of every granule: vector `i` holds word `i` of lane 0, 1, …
#[inline]
#[target_feature(enable = "avx2")]
fn load_block<const LEN: usize>(granules: &[&[u8; LEN]; LANES], block: usize) -> [V; 16] {
    let mut words = [splat(0); 16];
    for half in 0..2 {
        let rows = granules.map(|granule| load(&granule.as_chunks().0[2 * block + half]));
        words[8 * half..8 * half + 8].copy_from_slice(&transposed(rows));
    }
    words
}

/// Word `i` of lane `j` goes to lane `i` of word `j`, from big-endian bytes.
#[inline]
#[target_feature(enable = "avx2")]
fn transposed(rows: [V; 8]) -> [V; 8] {
    let swap = _mm_set_epi32(0x0C0D_0E0F, 0x0809_0A0B, 0x0405_0607, 0x0001_0203);
    let swap = _mm256_broadcastsi128_si256(swap);
    let rows = rows.map(|row| _mm256_shuffle_epi8(row, swap));
    let mut words = [splat(0); 8];
    let mut fours = [splat(0); 8];
    // `fours[4 * i + j]`: in half `q`, word `4 * q + j` of lanes `4 * i` to `4 * i + 3`.
    for i in 0..2 {
        let r = &rows[4 * i..4 * i + 4];
        let (low, high) = (_mm256_unpacklo_epi32(r[0], r[1]), _mm256_unpacklo_epi32(r[2], r[3]));
        fours[4 * i] = _mm256_unpacklo_epi64(low, high);
        fours[4 * i + 1] = _mm256_unpackhi_epi64(low, high);
        let (low, high) = (_mm256_unpackhi_epi32(r[0], r[1]), _mm256_unpackhi_epi32(r[2], r[3]));
        fours[4 * i + 2] = _mm256_unpacklo_epi64(low, high);
        fours[4 * i + 3] = _mm256_unpackhi_epi64(low, high);
    }
    for j in 0..4 {
        words[j] = _mm256_permute2x128_si256::<0x20>(fours[j], fours[4 + j]);
        words[4 + j] = _mm256_permute2x128_si256::<0x31>(fours[j], fours[4 + j]);
    }
    words
}

#[inline]
#[target_feature(enable = "avx2")]
fn words(vector: V) -> [u32; LANES] {
    let mut words = [0; LANES];
    // SAFETY: the array has the 32 bytes that are written, and the store needs no alignment.
    unsafe { _mm256_storeu_si256(words.as_mut_ptr().cast(), vector) };
    words
}

#[inline]
#[target_feature(enable = "avx2")]
fn vector(words: &[u32; LANES]) -> V {
    // SAFETY: the reference covers the 32 bytes that are read, and the load needs no alignment.
    unsafe { _mm256_loadu_si256(words.as_ptr().cast()) }
}
