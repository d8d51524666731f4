//! SHA-512 of 8 granules in the 64-bit lanes of AVX-512.

use std::arch::x86_64::*;

use super::chains::Variant;
use super::constants::K512;
use super::steps::Step512;
use super::{Digest, len_bits};

pub(super) type V = __m512i;
type Word = u64;
pub(super) const LANES: usize = 8;
const BLOCK_BYTES: usize = 128;

lanes!("avx512f,avx512bw", K512, Step512);

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
pub(super) fn splat(word: u64) -> V {
    _mm512_set1_epi64(word.cast_signed())
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
pub(super) fn add(x: V, y: V) -> V {
    _mm512_add_epi64(x, y)
}

/// The truth table of `x ^ y ^ z`.
const XOR3: i32 = 0x96;

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
pub(super) fn big0(x: V) -> V {
    let (p, q, r) =
        (_mm512_ror_epi64::<28>(x), _mm512_ror_epi64::<34>(x), _mm512_ror_epi64::<39>(x));
    _mm512_ternarylogic_epi64::<XOR3>(p, q, r)
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
pub(super) fn big1(x: V) -> V {
    let (p, q, r) =
        (_mm512_ror_epi64::<14>(x), _mm512_ror_epi64::<18>(x), _mm512_ror_epi64::<41>(x));
    _mm512_ternarylogic_epi64::<XOR3>(p, q, r)
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
pub(super) fn small0(x: V) -> V {
    let (p, q, r) = (_mm512_ror_epi64::<1>(x), _mm512_ror_epi64::<8>(x), _mm512_srli_epi64::<7>(x));
    _mm512_ternarylogic_epi64::<XOR3>(p, q, r)
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
pub(super) fn small1(x: V) -> V {
    let (p, q, r) =
        (_mm512_ror_epi64::<19>(x), _mm512_ror_epi64::<61>(x), _mm512_srli_epi64::<6>(x));
    _mm512_ternarylogic_epi64::<XOR3>(p, q, r)
}

/// `x ? y : z`, bit by bit.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
pub(super) fn ch(x: V, y: V, z: V) -> V {
    _mm512_ternarylogic_epi64::<0xCA>(x, y, z)
}

/// The majority, bit by bit.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
pub(super) fn maj(x: V, y: V, z: V) -> V {
    _mm512_ternarylogic_epi64::<0xE8>(x, y, z)
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn load(bytes: &[u8; 64]) -> V {
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
    let mut words = [splat(0); 16];
    for half in 0..2 {
        let rows = granules.map(|granule| load(&granule.as_chunks().0[2 * block + half]));
        words[8 * half..8 * half + 8].copy_from_slice(&transposed(rows));
    }
    words
}

/// Word `i` of lane `j` goes to lane `i` of word `j`, from big-endian bytes.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn transposed(rows: [V; 8]) -> [V; 8] {
    let swap = _mm512_set4_epi32(0x0809_0A0B, 0x0C0D_0E0F, 0x0001_0203, 0x0405_0607);
    let rows = rows.map(|row| _mm512_shuffle_epi8(row, swap));
    // `twos[2 * i + j]`: in quarter `q`, word `2 * q + j` of lanes `2 * i` and `2 * i + 1`.
    let mut twos = [splat(0); 8];
    for i in 0..4 {
        twos[2 * i] = _mm512_unpacklo_epi64(rows[2 * i], rows[2 * i + 1]);
        twos[2 * i + 1] = _mm512_unpackhi_epi64(rows[2 * i], rows[2 * i + 1]);
    }
    let mut words = [splat(0); 8];
    for j in 0..2 {
        let (x, y) = (twos[j], twos[2 + j]);
        let (z, t) = (twos[4 + j], twos[6 + j]);
        let (low, high) = (_mm512_shuffle_i64x2::<0x44>(x, y), _mm512_shuffle_i64x2::<0x44>(z, t));
        words[j] = _mm512_shuffle_i64x2::<0x88>(low, high);
        words[2 + j] = _mm512_shuffle_i64x2::<0xDD>(low, high);
        let (low, high) = (_mm512_shuffle_i64x2::<0xEE>(x, y), _mm512_shuffle_i64x2::<0xEE>(z, t));
        words[4 + j] = _mm512_shuffle_i64x2::<0x88>(low, high);
        words[6 + j] = _mm512_shuffle_i64x2::<0xDD>(low, high);
    }
    words
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
pub(super) fn words(vector: V) -> [u64; LANES] {
    let mut words = [0; LANES];
    // SAFETY: the array has the 64 bytes that are written, and the store needs no alignment.
    unsafe { _mm512_storeu_si512(words.as_mut_ptr().cast(), vector) };
    words
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn vector(words: &[u64; LANES]) -> V {
    // SAFETY: the reference covers the 64 bytes that are read, and the load needs no alignment.
    unsafe { _mm512_loadu_si512(words.as_ptr().cast()) }
}
