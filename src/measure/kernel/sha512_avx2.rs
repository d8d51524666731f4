//! SHA-512 of 4 granules in the 64-bit lanes of AVX2.

use std::arch::x86_64::*;

use super::chains::Variant;
use super::constants::K512;
use super::steps::Step512;
use super::{Digest, len_bits};

type V = __m256i;
type Word = u64;
pub(super) const LANES: usize = 4;
const BLOCK_BYTES: usize = 128;

lanes!("avx2", K512, Step512);

#[inline]
#[target_feature(enable = "avx2")]
fn splat(word: u64) -> V {
    _mm256_set1_epi64x(word.cast_signed())
}

#[inline]
#[target_feature(enable = "avx2")]
fn add(x: V, y: V) -> V {
    _mm256_add_epi64(x, y)
}

/// `LEFT` is 64 minus `RIGHT`; the compiler can not subtract them here.
#[inline]
#[target_feature(enable = "avx2")]
fn ror<const RIGHT: i32, const LEFT: i32>(x: V) -> V {
    const { assert!(RIGHT + LEFT == 64) };
    _mm256_or_si256(_mm256_srli_epi64::<RIGHT>(x), _mm256_slli_epi64::<LEFT>(x))
}

#[inline]
#[target_feature(enable = "avx2")]
fn xor3(x: V, y: V, z: V) -> V {
    _mm256_xor_si256(_mm256_xor_si256(x, y), z)
}

#[inline]
#[target_feature(enable = "avx2")]
fn big0(x: V) -> V {
    xor3(ror::<28, 36>(x), ror::<34, 30>(x), ror::<39, 25>(x))
}

#[inline]
#[target_feature(enable = "avx2")]
fn big1(x: V) -> V {
    xor3(ror::<14, 50>(x), ror::<18, 46>(x), ror::<41, 23>(x))
}

#[inline]
#[target_feature(enable = "avx2")]
fn small0(x: V) -> V {
    xor3(ror::<1, 63>(x), ror::<8, 56>(x), _mm256_srli_epi64::<7>(x))
}

#[inline]
#[target_feature(enable = "avx2")]
fn small1(x: V) -> V {
    xor3(ror::<19, 45>(x), ror::<61, 3>(x), _mm256_srli_epi64::<6>(x))
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
    for quarter in 0..4 {
        let rows = granules.map(|granule| load(&granule.as_chunks().0[4 * block + quarter]));
        words[4 * quarter..4 * quarter + 4].copy_from_slice(&transposed(rows));
    }
    words
}

/// Word `i` of lane `j` goes to lane `i` of word `j`, from big-endian bytes.
#[inline]
#[target_feature(enable = "avx2")]
fn transposed(rows: [V; 4]) -> [V; 4] {
    let swap = _mm_set_epi32(0x0809_0A0B, 0x0C0D_0E0F, 0x0001_0203, 0x0405_0607);
    let swap = _mm256_broadcastsi128_si256(swap);
    let [a, b, c, d] = rows.map(|row| _mm256_shuffle_epi8(row, swap));
    let (even, odd) = (_mm256_unpacklo_epi64(a, b), _mm256_unpackhi_epi64(a, b));
    let (even2, odd2) = (_mm256_unpacklo_epi64(c, d), _mm256_unpackhi_epi64(c, d));
    [
        _mm256_permute2x128_si256::<0x20>(even, even2),
        _mm256_permute2x128_si256::<0x20>(odd, odd2),
        _mm256_permute2x128_si256::<0x31>(even, even2),
        _mm256_permute2x128_si256::<0x31>(odd, odd2),
    ]
}

#[inline]
#[target_feature(enable = "avx2")]
fn words(vector: V) -> [u64; LANES] {
    let mut words = [0; LANES];
    // SAFETY: the array has the 32 bytes that are written, and the store needs no alignment.
    unsafe { _mm256_storeu_si256(words.as_mut_ptr().cast(), vector) };
    words
}

#[inline]
#[target_feature(enable = "avx2")]
fn vector(words: &[u64; LANES]) -> V {
    // SAFETY: the reference covers the 32 bytes that are read, and the load needs no alignment.
    unsafe { _mm256_loadu_si256(words.as_ptr().cast()) }
}
