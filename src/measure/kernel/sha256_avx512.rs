//! SHA-256 of 16 granules in the 32-bit lanes of AVX-512.

use std::arch::x86_64::*;

use super::chains::Variant;
use super::constants::K256;
use super::steps::Step256;
use super::{Digest, len_bits};

type V = __m512i;
type Word = u32;
pub(super) const LANES: usize = 16;
const BLOCK_BYTES: usize = 64;

lanes!("avx512f,avx512bw", K256, Step256);

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
pub(super) fn splat(word: u32) -> V {
    _mm512_set1_epi32(word.cast_signed())
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn add(x: V, y: V) -> V {
    _mm512_add_epi32(x, y)
}

/// The truth table of `x ^ y ^ z`.
const XOR3: i32 = 0x96;

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn big0(x: V) -> V {
    let (p, q, r) =
        (_mm512_ror_epi32::<2>(x), _mm512_ror_epi32::<13>(x), _mm512_ror_epi32::<22>(x));
    _mm512_ternarylogic_epi32::<XOR3>(p, q, r)
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn big1(x: V) -> V {
    let (p, q, r) =
        (_mm512_ror_epi32::<6>(x), _mm512_ror_epi32::<11>(x), _mm512_ror_epi32::<25>(x));
    _mm512_ternarylogic_epi32::<XOR3>(p, q, r)
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn small0(x: V) -> V {
    let (p, q, r) =
        (_mm512_ror_epi32::<7>(x), _mm512_ror_epi32::<18>(x), _mm512_srli_epi32::<3>(x));
    _mm512_ternarylogic_epi32::<XOR3>(p, q, r)
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn small1(x: V) -> V {
    let (p, q, r) =
        (_mm512_ror_epi32::<17>(x), _mm512_ror_epi32::<19>(x), _mm512_srli_epi32::<10>(x));
    _mm512_ternarylogic_epi32::<XOR3>(p, q, r)
}

/// `x ? y : z`, bit by bit.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn ch(x: V, y: V, z: V) -> V {
    _mm512_ternarylogic_epi32::<0xCA>(x, y, z)
}

/// The majority, bit by bit.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn maj(x: V, y: V, z: V) -> V {
    _mm512_ternarylogic_epi32::<0xE8>(x, y, z)
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn load(bytes: &[u8; BLOCK_BYTES]) -> V {
    // SAFETY: the reference covers the 64 bytes that are read, and the load needs no alignment.
    unsafe { _mm512_loadu_si512(bytes.as_ptr().cast()) }
}

/// One block of every granule: vector `i` holds word `i` of lane 0, 1, …
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
pub(super) fn load_block<const LEN: usize>(
    granules: &[&[u8; LEN]; LANES],
    block: usize,
) -> [V; 16] {
    // Big-endian words.
    let swap = _mm512_set4_epi32(0x0C0D_0E0F, 0x0809_0A0B, 0x0405_0607, 0x0001_0203);
    let mut rows = [splat(0); LANES];
    for (row, granule) in rows.iter_mut().zip(granules) {
        *row = _mm512_shuffle_epi8(load(&granule.as_chunks().0[block]), swap);
    }
    // Words, then pairs of words, then quarters of a vector change places: a transposition.
    let mut pairs = [splat(0); LANES];
    for i in 0..8 {
        pairs[2 * i] = _mm512_unpacklo_epi32(rows[2 * i], rows[2 * i + 1]);
        pairs[2 * i + 1] = _mm512_unpackhi_epi32(rows[2 * i], rows[2 * i + 1]);
    }
    // `fours[4 * i + j]`: in quarter `q`, word `4 * q + j` of lanes `4 * i` to `4 * i + 3`.
    let mut fours = [splat(0); LANES];
    for i in 0..4 {
        let p = &pairs[4 * i..4 * i + 4];
        fours[4 * i] = _mm512_unpacklo_epi64(p[0], p[2]);
        fours[4 * i + 1] = _mm512_unpackhi_epi64(p[0], p[2]);
        fours[4 * i + 2] = _mm512_unpacklo_epi64(p[1], p[3]);
        fours[4 * i + 3] = _mm512_unpackhi_epi64(p[1], p[3]);
    }
    let mut words = [splat(0); 16];
    for j in 0..4 {
        let (x, y) = (fours[j], fours[4 + j]);
        let (z, t) = (fours[8 + j], fours[12 + j]);
        let (low, high) = (_mm512_shuffle_i32x4::<0x44>(x, y), _mm512_shuffle_i32x4::<0x44>(z, t));
        words[j] = _mm512_shuffle_i32x4::<0x88>(low, high);
        words[4 + j] = _mm512_shuffle_i32x4::<0xDD>(low, high);
        let (low, high) = (_mm512_shuffle_i32x4::<0xEE>(x, y), _mm512_shuffle_i32x4::<0xEE>(z, t));
        words[8 + j] = _mm512_shuffle_i32x4::<0x88>(low, high);
        words[12 + j] = _mm512_shuffle_i32x4::<0xDD>(low, high);
    }
    words
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn words(vector: V) -> [u32; LANES] {
    let mut words = [0; LANES];
    // SAFETY: the array has the 64 bytes that are written, and the store needs no alignment.
    unsafe { _mm512_storeu_si512(words.as_mut_ptr().cast(), vector) };
    words
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn vector(words: &[u32; LANES]) -> V {
    // SAFETY: the reference covers the 64 bytes that are read, and the load needs no alignment.
    unsafe { _mm512_loadu_si512(words.as_ptr().cast()) }
}
