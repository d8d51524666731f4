//! Files whose contents go into a Realm.
//!
//! The only I/O below the session: a file is mapped once, read-only, and stays as it is for as long
//! as somebody holds it.

use std::fmt;
use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use memmap2::Mmap;
use thiserror::Error;

/// Smaller files are read: a mapping would cost more than the copy, and could fault.
const MAP_FROM_BYTES: u64 = 1 << 20;
/// Most bytes that are read from something that can not be mapped (a pipe, a device).
const READ_AT_MOST_BYTES: u64 = 4 << 30;

/// An image: bytes with a name.
pub struct Image {
    name: String,
    bytes: Bytes,
    source: Option<Source>,
}

enum Bytes {
    Owned(Vec<u8>),
    Mapped(Mmap),
}

/// What is remembered of a file, to notice that it changed.
struct Source {
    path: PathBuf,
    len_bytes: u64,
    modified: Option<std::time::SystemTime>,
}

/// Why an image can not be used.
#[derive(Debug, Error)]
pub enum ImageError {
    /// The file can not be opened or read.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: String,
        /// What the system said.
        source: io::Error,
    },
    /// The name is that of a directory.
    #[error("{path}: is a directory, not an image")]
    Directory {
        /// The directory.
        path: String,
    },
    /// The file is empty.
    #[error("{path}: is empty; an image has at least one byte")]
    Empty {
        /// The file.
        path: String,
    },
    /// The file can only be read, and does not end.
    #[error("{path}: more than 4 GiB came from it, and it can not be mapped")]
    Endless {
        /// The file.
        path: String,
    },
    /// The file changed between opening and the end of the run.
    #[error("{path}: changed while it was measured ({what}); the result would be of neither state")]
    Changed {
        /// The file.
        path: String,
        /// What is different.
        what: String,
    },
}

impl Image {
    /// An image that is not a file.
    #[must_use]
    pub fn from_bytes(name: impl Into<String>, bytes: Vec<u8>) -> Self {
        Self { name: name.into(), bytes: Bytes::Owned(bytes), source: None }
    }

    /// Opens a file: maps it, or reads it if it is small or can not be mapped.
    ///
    /// # Errors
    /// If the file can not be read, is a directory, or is empty.
    pub fn open(path: &Path) -> Result<Self, ImageError> {
        let shown = || path.display().to_string();
        let io_error = |source| ImageError::Io { path: shown(), source };
        let mut file = File::open(path).map_err(io_error)?;
        let metadata = file.metadata().map_err(io_error)?;
        if metadata.is_dir() {
            return Err(ImageError::Directory { path: shown() });
        }
        let bytes = if metadata.is_file() && metadata.len() >= MAP_FROM_BYTES {
            Bytes::Mapped(map(&file).map_err(io_error)?)
        } else {
            let mut bytes = Vec::new();
            let limit = READ_AT_MOST_BYTES + 1;
            let read = file.by_ref().take(limit).read_to_end(&mut bytes).map_err(io_error)?;
            if read as u64 == limit {
                return Err(ImageError::Endless { path: shown() });
            }
            Bytes::Owned(bytes)
        };
        if bytes.as_slice().is_empty() {
            return Err(ImageError::Empty { path: shown() });
        }
        let source = metadata.is_file().then(|| Source {
            path: path.to_owned(),
            len_bytes: metadata.len(),
            modified: metadata.modified().ok(),
        });
        Ok(Self { name: shown(), bytes, source })
    }

    /// Says whether the file is still the one that was opened.
    ///
    /// A mapping shows later writes to the file, so a run asks this before it believes its result.
    ///
    /// # Errors
    /// If the file's length or time of change is another one, or it can not be looked at.
    pub fn check_unchanged(&self) -> Result<(), ImageError> {
        let Some(source) = &self.source else { return Ok(()) };
        let metadata = std::fs::metadata(&source.path)
            .map_err(|error| ImageError::Io { path: self.name.clone(), source: error })?;
        match source.difference(&metadata) {
            None => Ok(()),
            Some(what) => Err(ImageError::Changed { path: self.name.clone(), what }),
        }
    }

    /// The name to show.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The image's length in bytes.
    #[must_use]
    pub fn len_bytes(&self) -> u64 {
        self.bytes.as_slice().len() as u64
    }

    /// The bytes from `offset` on; none if it is past the end.
    #[must_use]
    pub fn bytes_from(&self, offset: u64) -> &[u8] {
        let bytes = self.bytes.as_slice();
        usize::try_from(offset).ok().and_then(|offset| bytes.get(offset..)).unwrap_or(&[])
    }
}

impl Source {
    fn difference(&self, now: &Metadata) -> Option<String> {
        if now.len() != self.len_bytes {
            return Some(format!("it had {} bytes and has {}", self.len_bytes, now.len()));
        }
        (now.modified().ok() != self.modified).then(|| "it was written to".to_owned())
    }
}

impl Bytes {
    fn as_slice(&self) -> &[u8] {
        match self {
            Self::Owned(bytes) => bytes,
            Self::Mapped(map) => map,
        }
    }
}

#[allow(unsafe_code, reason = "the one mapping of the project")]
fn map(file: &File) -> io::Result<Mmap> {
    // SAFETY: the mapping is read-only and private to this process, lives as long as the `Image`
    // that owns it, and is only ever lent as `&[u8]` by that `Image`. What remains: another process
    // can write to the file, which changes bytes under a shared reference, or truncate it, which
    // ends this process with SIGBUS at the next read. Neither can be excluded by a program that
    // maps files it does not own; `check_unchanged` reports the first after the fact, and no code
    // here branches twice on the same mapped byte and relies on the two being equal.
    unsafe { Mmap::map(file) }
}

impl fmt::Debug for Image {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Image({}, {} bytes)", self.name, self.len_bytes())
    }
}

impl PartialEq for Image {
    /// Images are equal if their bytes are and they go by the same name.
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && self.bytes.as_slice() == other.bytes.as_slice()
    }
}

impl Eq for Image {}
