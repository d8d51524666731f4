//! The contents of one granule, shared and immutable.

use std::fmt;
use std::sync::Arc;

use super::image::Image;
use crate::abi::addr::{GRANULE_SIZE, GranuleBytes, Hex};

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

    /// Calls `f` with the page's bytes; images are not copied unless the page passes their end.
    pub fn with_bytes<R>(&self, f: impl FnOnce(&GranuleBytes) -> R) -> R {
        match self {
            Self::Zero => f(&[0; GRANULE_SIZE as usize]),
            Self::Owned(bytes) => f(bytes),
            Self::Image { image, offset } => {
                let rest = image.bytes_from(*offset);
                if let Some(whole) = rest.first_chunk() {
                    return f(whole);
                }
                let mut bytes = [0; GRANULE_SIZE as usize];
                bytes[..rest.len()].copy_from_slice(rest);
                f(&bytes)
            }
        }
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
