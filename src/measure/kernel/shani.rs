//! What all that use the SHA instructions of x86 share: states and words in their vectors.

use std::arch::x86_64::*;

pub(super) type V = __m128i;

/// A state in the order that the instructions want.
#[derive(Clone, Copy)]
pub(super) struct State {
    pub(super) abef: V,
    pub(super) cdgh: V,
}

#[inline]
#[target_feature(enable = "sha,sse4.1,ssse3")]
pub(super) fn vector(words: [u32; 4]) -> V {
    let [a, b, c, d] = words.map(u32::cast_signed);
    _mm_set_epi32(d, c, b, a)
}

/// Four words of a message, which has them with their highest bytes first.
#[inline]
#[target_feature(enable = "sha,sse4.1,ssse3")]
pub(super) fn load_words(bytes: &[u8; 16]) -> V {
    let swap = vector([0x0001_0203, 0x0405_0607, 0x0809_0A0B, 0x0C0D_0E0F]);
    // SAFETY: the reference covers the 16 bytes that are read, and the load needs no alignment.
    let bytes = unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) };
    _mm_shuffle_epi8(bytes, swap)
}

#[inline]
#[target_feature(enable = "sha,sse4.1,ssse3")]
fn words_of(vector: V) -> [u32; 4] {
    let mut words = [0; 4];
    // SAFETY: the array has the 16 bytes that are written, and the store needs no alignment.
    unsafe { _mm_storeu_si128(words.as_mut_ptr().cast(), vector) };
    words
}

impl State {
    #[inline]
    #[target_feature(enable = "sha,sse4.1,ssse3")]
    pub(super) fn of([a, b, c, d, e, f, g, h]: [u32; 8]) -> Self {
        Self { abef: vector([f, e, b, a]), cdgh: vector([h, g, d, c]) }
    }

    /// The state as FIPS 180-4 has it.
    #[inline]
    #[target_feature(enable = "sha,sse4.1,ssse3")]
    pub(super) fn words(self) -> [u32; 8] {
        let ([f, e, b, a], [h, g, d, c]) = (words_of(self.abef), words_of(self.cdgh));
        [a, b, c, d, e, f, g, h]
    }

    /// The same, four words a vector, as blocks are loaded.
    #[inline]
    #[target_feature(enable = "sha,sse4.1,ssse3")]
    pub(super) fn halves(self) -> [V; 2] {
        let (abef, cdgh) = (_mm_castsi128_ps(self.abef), _mm_castsi128_ps(self.cdgh));
        let halves = [_mm_shuffle_ps::<0xBB>(abef, cdgh), _mm_shuffle_ps::<0x11>(abef, cdgh)];
        halves.map(|half| _mm_castps_si128(half))
    }

    /// Adds a state word by word.
    #[inline]
    #[target_feature(enable = "sha,sse4.1,ssse3")]
    pub(super) fn plus(self, other: Self) -> Self {
        let abef = _mm_add_epi32(self.abef, other.abef);
        Self { abef, cdgh: _mm_add_epi32(self.cdgh, other.cdgh) }
    }
}
