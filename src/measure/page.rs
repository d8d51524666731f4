//! The contents of one granule, shared and immutable.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use super::hasher::Hasher;
use super::image::Image;
use super::kernel::Digest;
use super::rim::HashAlgo;
use crate::abi::addr::{GRANULE_LEN, GRANULE_SIZE, GranuleBytes, Hex};

/// 4096 bytes that never change. A store makes a new page.
#[derive(Clone, Default)]
pub enum Page {
    /// All zero.
    #[default]
    Zero,
    /// Bytes of its own.
    Owned(Arc<GranuleBytes>),
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

/// A page's bytes where they are, or made because they are nowhere.
#[derive(Debug)]
pub enum Contents<'a> {
    /// In an image or in memory.
    Borrowed(&'a GranuleBytes),
    /// A stream's, or an image's last bytes with zeros after them.
    Made(Box<GranuleBytes>),
}

/// What is known of a page without hashing it.
#[derive(Debug)]
pub(super) enum Look<'a> {
    /// All bytes are zero.
    Zero,
    /// Its digest.
    Digest(Digest),
    /// Only its bytes.
    Bytes(Contents<'a>),
}

impl Deref for Contents<'_> {
    type Target = GranuleBytes;

    fn deref(&self) -> &GranuleBytes {
        match self {
            Self::Borrowed(bytes) => bytes,
            Self::Made(bytes) => bytes,
        }
    }
}

/// Bytes of the splitmix64 stream of `seed`, eight bytes a step, little-endian, from `offset` on.
pub fn write_stream(seed: u64, offset: u64, bytes: &mut [u8]) {
    let word = |n: u64| {
        let state = seed.wrapping_add(n.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
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
    pub fn from_bytes(bytes: &GranuleBytes) -> Self {
        if bytes.iter().all(|byte| *byte == 0) { Self::Zero } else { Self::Owned(Arc::new(*bytes)) }
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

    /// Whether its bytes or their digest by `algo` are known.
    #[must_use]
    pub fn can_be_measured(&self, algo: HashAlgo) -> bool {
        self.is_known() || matches!(self.look(0, algo), Look::Zero | Look::Digest(_))
    }

    /// Its digest, if it is known without hashing.
    #[must_use]
    pub fn known_digest(&self, algo: HashAlgo) -> Option<Digest> {
        match self.look(0, algo) {
            Look::Zero => Some(Hasher::zero_granule(algo)),
            Look::Digest(digest) => Some(digest),
            Look::Bytes(_) => None,
        }
    }

    /// The page's bytes; images are not copied unless the page passes their end.
    #[must_use]
    pub fn contents(&self) -> Contents<'_> {
        const ZEROS: &GranuleBytes = &[0; GRANULE_LEN];
        match self {
            Self::Zero => Contents::Borrowed(ZEROS),
            Self::Owned(bytes) => Contents::Borrowed(bytes),
            Self::Image { image, offset } => image.granule_at(*offset),
            Self::Stream { seed, offset } => {
                let mut bytes = Box::new([0; GRANULE_LEN]);
                write_stream(*seed, *offset, bytes.as_mut_slice());
                Contents::Made(bytes)
            }
        }
    }

    /// The page `count` granules further on: of the same image or stream, or zero again.
    ///
    /// Bytes of its own have nothing after them; the page is the same then.
    pub(super) fn following(&self, count: u64) -> Self {
        let further = |offset: u64| offset + count * GRANULE_SIZE;
        match self {
            Self::Image { image, offset } => {
                Self::Image { image: Arc::clone(image), offset: further(*offset) }
            }
            Self::Stream { seed, offset } => Self::Stream { seed: *seed, offset: further(*offset) },
            Self::Zero | Self::Owned(_) => self.clone(),
        }
    }

    /// Whether `next` is, by where its bytes come from, the page `count` granules further on.
    pub(super) fn is_followed_by(&self, next: &Self, count: u64) -> bool {
        let distance = count.checked_mul(GRANULE_SIZE);
        let further = |offset: u64| distance.and_then(|distance| offset.checked_add(distance));
        match (self, next) {
            (Self::Zero, Self::Zero) => true,
            (Self::Image { image: a, offset: x }, Self::Image { image: b, offset: y }) => {
                Arc::ptr_eq(a, b) && further(*x) == Some(*y)
            }
            (Self::Stream { seed: a, offset: x }, Self::Stream { seed: b, offset: y }) => {
                a == b && further(*x) == Some(*y)
            }
            _ => false,
        }
    }

    /// What is known of the page `count` granules further on.
    pub(super) fn look(&self, count: u64, algo: HashAlgo) -> Look<'_> {
        match self {
            Self::Zero => Look::Zero,
            Self::Owned(bytes) => Look::Bytes(Contents::Borrowed(bytes)),
            Self::Image { image, offset } => image.look(offset + count * GRANULE_SIZE, algo),
            Self::Stream { .. } => {
                let mut bytes = Box::new([0; GRANULE_LEN]);
                if let Self::Stream { seed, offset } = self.following(count) {
                    write_stream(seed, offset, bytes.as_mut_slice());
                }
                Look::Bytes(Contents::Made(bytes))
            }
        }
    }

    /// Calls `f` with the page's bytes.
    pub fn with_bytes<R>(&self, f: impl FnOnce(&GranuleBytes) -> R) -> R {
        f(&self.contents())
    }

    /// The page's bytes.
    #[must_use]
    pub fn to_bytes(&self) -> GranuleBytes {
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
