//! What a field of a chain stands for.

use std::ops::Deref;
use std::sync::Arc;

use crate::boot::hash::Digest;
use crate::measure::image::Image;

/// Bytes, or as much as is known of them.
pub(super) enum Read {
    Bytes(Bytes),
    Digest(Digest),
}

/// Bytes of a file or of the chain.
pub(super) enum Bytes {
    Image(Arc<Image>),
    Own(Vec<u8>),
}

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Image(image) => image.bytes_from(0),
            Self::Own(bytes) => bytes,
        }
    }
}
