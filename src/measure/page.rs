//! The contents of one page of 4 KiB, shared and immutable: what memory is made of.

use std::fmt;
use std::sync::Arc;

use super::contents::View;
use super::image::Image;
use crate::abi::addr::{Hex, PAGE_LEN, PAGE_SIZE, PageBytes};
use crate::abi::granule_size::GranuleSize;

/// 4096 bytes that never change. A store makes a new page.
#[derive(Clone, Default)]
pub enum Page {
    /// All zero.
    #[default]
    Zero,
    /// Bytes of its own.
    Owned(Arc<PageBytes>),
    /// A part of an image; what lies past its end reads as zero.
    Image {
        /// The image.
        image: Arc<Image>,
        /// Offset of the page's first byte in the image, in bytes.
        offset: u64,
    },
    /// A part of a splitmix64 stream, made when it is looked at: filling memory costs none.
    Stream {
        /// The stream's seed.
        seed: u64,
        /// Offset of the page's first byte in the stream, in bytes.
        offset: u64,
    },
}

/// What one step of splitmix64 adds to its state.
const SPLITMIX_STEP: u64 = 0x9E37_79B9_7F4A_7C15;

/// The seed of the stream that begins `steps` steps of eight bytes into that of `seed`.
#[must_use]
pub(crate) const fn seed_after(seed: u64, steps: u64) -> u64 {
    seed.wrapping_add(steps.wrapping_mul(SPLITMIX_STEP))
}

/// Bytes of the splitmix64 stream of `seed`, eight bytes a step, little-endian, from `offset` on.
pub fn write_stream(seed: u64, offset: u64, bytes: &mut [u8]) {
    let word = |n: u64| {
        let state = seed_after(seed, n.wrapping_add(1));
        let z = (state ^ state >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ z >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ z >> 31).to_le_bytes()
    };
    let skipped = usize::try_from(offset % 8).expect("below eight");
    let (head, rest) = bytes.split_at_mut(bytes.len().min((8 - skipped) % 8));
    head.copy_from_slice(&word(offset / 8)[skipped..][..head.len()]);
    for (n, piece) in (offset.div_ceil(8)..).zip(rest.chunks_mut(8)) {
        piece.copy_from_slice(&word(n)[..piece.len()]);
    }
}

impl Page {
    /// A page with these bytes.
    #[must_use]
    pub fn from_bytes(bytes: &PageBytes) -> Self {
        if bytes.iter().all(|byte| *byte == 0) { Self::Zero } else { Self::Owned(Arc::new(*bytes)) }
    }

    /// The page of a stream at `offset`, in the one form that all equal ones have: with the seed of
    /// the stream that begins there.
    #[must_use]
    #[inline]
    pub(crate) const fn stream(seed: u64, offset: u64) -> Self {
        Self::Stream { seed: seed_after(seed, offset / 8), offset: offset % 8 }
    }

    /// Whether it is known, without looking at the bytes, that all are zero.
    #[must_use]
    pub const fn is_zero(&self) -> bool {
        matches!(self, Self::Zero)
    }

    /// Whether its bytes are known, not only a digest of them.
    #[must_use]
    pub fn is_known(&self) -> bool {
        match self {
            Self::Image { image, offset } => image.is_known() || *offset >= image.len_bytes(),
            Self::Zero | Self::Owned(_) | Self::Stream { .. } => true,
        }
    }

    /// The page's bytes and those after it, `len` in all; images are not copied unless the bytes
    /// pass their end.
    ///
    /// They begin `distance` bytes after the page does. Bytes of its own have nothing after them.
    pub(super) fn bytes(&self, distance: u64, len: usize) -> View<'_> {
        const ZEROS: &[u8] = &[0; GranuleSize::K64.len_bytes()];
        match self {
            Self::Zero => View::Borrowed(&ZEROS[..len]),
            Self::Owned(bytes) => View::Borrowed(&bytes[..len]),
            Self::Image { image, offset } => image.bytes_at(offset + distance, len),
            Self::Stream { seed, offset } => {
                let mut bytes = vec![0; len].into_boxed_slice();
                write_stream(*seed, offset + distance, &mut bytes);
                View::Made(bytes)
            }
        }
    }

    /// The page `count` pages further on: of the same image or stream, or zero again.
    ///
    /// Bytes of its own have nothing after them; the page is the same then.
    #[inline]
    pub(crate) fn following(&self, count: u64) -> Self {
        let further = |offset: u64| offset + count * PAGE_SIZE;
        match self {
            Self::Image { image, offset } => {
                Self::Image { image: Arc::clone(image), offset: further(*offset) }
            }
            Self::Stream { seed, offset } => Self::stream(*seed, further(*offset)),
            Self::Zero | Self::Owned(_) => self.clone(),
        }
    }

    /// Whether `next` is, by where its bytes come from, the page `count` pages further on.
    #[inline]
    pub(crate) fn is_followed_by(&self, next: &Self, count: u64) -> bool {
        let distance = count.checked_mul(PAGE_SIZE);
        let further = |offset: u64| distance.and_then(|distance| offset.checked_add(distance));
        match (self, next) {
            (Self::Zero, Self::Zero) => true,
            (Self::Image { image: a, offset: x }, Self::Image { image: b, offset: y }) => {
                Arc::ptr_eq(a, b) && further(*x) == Some(*y)
            }
            (Self::Stream { seed: a, offset: x }, Self::Stream { seed: b, offset: y }) => {
                let ends = |(seed, offset): (u64, u64)| (seed_after(seed, offset / 8), offset % 8);
                further(*x).is_some_and(|end| ends((*a, end)) == ends((*b, *y)))
            }
            _ => false,
        }
    }

    /// Whether it is of an image that ends at most `count` pages after the page begins.
    #[inline]
    pub(super) fn ends_within(&self, count: u64) -> bool {
        match self {
            Self::Image { image, offset } => {
                offset.saturating_add(count * PAGE_SIZE) >= image.len_bytes()
            }
            Self::Zero | Self::Owned(_) | Self::Stream { .. } => false,
        }
    }

    /// Calls `f` with the page's bytes.
    pub fn with_bytes<R>(&self, f: impl FnOnce(&PageBytes) -> R) -> R {
        f(self.bytes(0, PAGE_LEN).first_chunk().expect("as long as asked for"))
    }

    /// The page's bytes.
    #[must_use]
    pub fn to_bytes(&self) -> PageBytes {
        self.with_bytes(|bytes| *bytes)
    }

    /// Says where the bytes came from: `zero`, `host memory` or a file and an offset.
    #[must_use]
    pub fn origin(&self) -> impl fmt::Display + '_ {
        Origin(self)
    }
}

struct Origin<'a>(&'a Page);

impl fmt::Display for Origin<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Page::Zero => f.write_str("zero"),
            Page::Owned(_) => f.write_str("host memory"),
            Page::Stream { seed, offset } => write!(f, "stream {}+{}", Hex(*seed), Hex(*offset)),
            Page::Image { image, offset } => write!(f, "{}+{}", image.name(), Hex(*offset)),
        }
    }
}

impl PartialEq for Page {
    /// Pages are equal if their bytes are, wherever they came from.
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Zero, Self::Zero) => true,
            (Self::Owned(a), Self::Owned(b)) if Arc::ptr_eq(a, b) => true,
            (Self::Image { image: a, offset: x }, Self::Image { image: b, offset: y })
                if Arc::ptr_eq(a, b) && x == y =>
            {
                true
            }
            _ => self.with_bytes(|a| other.with_bytes(|b| a == b)),
        }
    }
}

impl Eq for Page {}

impl fmt::Debug for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Page({})", self.origin())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first outputs of splitmix64 from seed 1234567, as its authors publish them.
    #[test]
    fn the_stream_is_splitmix64() {
        let mut bytes = [0; 24];
        write_stream(1_234_567, 0, &mut bytes);
        let words: Vec<_> =
            bytes.chunks(8).map(|word| u64::from_le_bytes(word.try_into().unwrap())).collect();
        let expected: [u64; 3] =
            [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423];
        assert_eq!(words, expected);
        let mut tail = [0; 11];
        write_stream(1_234_567, 13, &mut tail);
        assert_eq!(tail, bytes[13..]);
    }
}
