//! The ways from a file to its bytes.

use std::fs::{File, Metadata};
use std::io::{self, Read};

use super::copy::{self, CopyError};
use super::holes::Holes;
use super::map::Mapping;
use super::{Bytes, ImageError};

/// Smaller files are read: a mapping would cost more than the copy.
const MAP_FROM_BYTES: u64 = 1 << 20;

/// How the bytes of a file are looked at.
#[derive(Clone, Copy, Debug)]
pub(super) enum How {
    /// Where they are, unless the file is small or can not be mapped.
    Mapped,
    /// In memory that nobody else can write to, compared with the file after it was filled.
    Copied,
    /// In memory.
    Read,
}

/// Most bytes that are read from something that is not mapped.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limit {
    pub(super) bytes: u64,
    /// What may have so many, if not every image.
    pub(super) what: Option<&'static str>,
}

impl Limit {
    /// Of an image: 4 GiB.
    pub(super) const IMAGE: Self = Self { bytes: 4 << 30, what: None };

    fn read(self, file: &mut File, shown: &dyn Fn() -> String) -> Result<Bytes, ImageError> {
        let mut bytes = Vec::new();
        let read = file.take(self.bytes + 1).read_to_end(&mut bytes);
        let read = read.map_err(|source| ImageError::Io { path: shown(), source })?;
        match self.what {
            _ if read as u64 <= self.bytes => Ok(Bytes::Owned(bytes)),
            None => Err(ImageError::Endless { path: shown() }),
            Some(what) => Err(ImageError::TooLong { path: shown(), limit_bytes: self.bytes, what }),
        }
    }
}

impl How {
    /// The bytes, and where the file has nothing.
    pub(super) fn bytes(
        self,
        file: &mut File,
        metadata: &Metadata,
        limit: Limit,
        shown: &dyn Fn() -> String,
    ) -> Result<(Bytes, Holes), ImageError> {
        let io_error = |source: io::Error| ImageError::Io { path: shown(), source };
        let len_bytes = metadata.len();
        match self {
            Self::Mapped if metadata.is_file() && len_bytes >= MAP_FROM_BYTES => {
                if let Some(mapping) = Mapping::new(file).map_err(io_error)? {
                    return Ok((Bytes::Mapped(mapping), Holes::of(file, len_bytes)));
                }
            }
            // Files of `/proc` have no length, and what is no file can be read only once.
            Self::Copied if metadata.is_file() && len_bytes > 0 => {
                let holes = Holes::of(file, len_bytes);
                let copied = copy::copy(file, len_bytes, &holes.data(len_bytes));
                let copied = copied.map_err(|error| error.of(shown()))?;
                return Ok((Bytes::Copied(copied), holes));
            }
            _ => {}
        }
        Ok((limit.read(file, shown)?, Holes::NONE))
    }
}

impl CopyError {
    fn of(self, path: String) -> ImageError {
        match self {
            Self::Io(source) => ImageError::Io { path, source },
            Self::Changed(at) => {
                let what = format!("at {at:#x}, while it was copied");
                ImageError::Changed { path, what }
            }
            Self::Memory(needed, available) => ImageError::Memory { path, needed, available },
        }
    }
}
