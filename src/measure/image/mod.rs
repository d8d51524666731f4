//! Files whose contents go into a Realm.
//!
//! The only I/O below the session: a file is mapped once, read-only, and stays as it is for as long
//! as somebody holds it; or it is copied, where that is not enough.
//!
//! A mapping shows what others write to the file. That it changed is noticed by its length, its
//! inode, both its times, and by up to 64 pages of it that are looked at when it is opened and
//! again at the end. What can not be noticed: bytes between those pages that a program changes
//! through a shared mapping of its own, if they lie in pages that were dirty before the file was
//! opened, so that no time moves (on tmpfs, in any page). [`Image::open_copy`] is certain.

mod copy;
mod holes;
mod how;
mod map;
#[cfg(feature = "cli")]
mod vouch;

use std::fmt;
use std::fs::Metadata;
use std::io::{self, Read};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use memmap2::Mmap;
use sha2::{Digest as _, Sha256};
use thiserror::Error;

use super::contents::{Look, View};
use super::digests::{Cut, DigestSource, GranuleDigests};
use super::rim::HashAlgo;
use crate::abi::addr::{PAGE_LEN, PAGE_SIZE};
use crate::abi::granule_size::GranuleSize;
use crate::encoding::shown::{ShowPath as _, Shown};
use crate::inputs;
use holes::Holes;
use how::{How, Limit};
use map::Mapping;

/// What an image takes while it is measured (digests, tables, events) is less than this part of
/// what is data of it; holes take nothing.
const MEASURED_PART: u64 = 32;
/// Pages of a mapped file that are looked at again when everything is measured.
const SAMPLES: u64 = 64;

/// An image: bytes with a name.
pub struct Image {
    name: String,
    bytes: Bytes,
    holes: Holes,
    source: Option<Source>,
    digests: Digests,
    digest_source: Option<Arc<dyn DigestSource>>,
}

/// By algorithm and by the size of granules.
type Digests = [[OnceLock<Option<GranuleDigests>>; GranuleSize::ALL.len()]; HashAlgo::ALL.len()];

enum Bytes {
    Owned(Vec<u8>),
    Mapped(Mapping),
    /// Memory of this process alone.
    Copied(Mmap),
    /// Nothing but digests is known of so many bytes.
    Unknown(u64),
}

impl Bytes {
    /// How they are there, in a word.
    const fn kind(&self) -> &'static str {
        match self {
            Self::Owned(_) => "read",
            Self::Mapped(_) => "mapped",
            Self::Copied(_) => "copied",
            Self::Unknown(_) => "unknown",
        }
    }
}

/// What is remembered of a file, to notice that it changed.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Source {
    path: PathBuf,
    stamp: FileStamp,
    /// SHA-256 of some pages, if the file is mapped.
    sample: Option<[u8; 32]>,
}

/// What tells one state of a file from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FileStamp {
    /// The device's number.
    pub device: u64,
    /// The file's number on the device.
    pub inode: u64,
    /// Length in bytes.
    pub len_bytes: u64,
    /// When the contents were last changed: seconds and nanoseconds.
    pub modified: (i64, i64),
    /// When contents or attributes were last changed: seconds and nanoseconds.
    pub changed: (i64, i64),
}

/// Why an image can not be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ImageError {
    /// The file can not be opened or read.
    #[error("{path}: {source}", path = Shown(path))]
    Io {
        /// The file.
        path: String,
        /// What the system said.
        source: io::Error,
    },
    /// Whoever names the file may not name it.
    #[error("{path}: {why}", path = Shown(path))]
    Outside {
        /// The file.
        path: String,
        /// Why.
        why: String,
    },
    /// The name is that of a directory.
    #[error("{path}: is a directory, not an image", path = Shown(path))]
    Directory {
        /// The directory.
        path: String,
    },
    /// The file is empty.
    #[error("{path}: is empty; an image has at least one byte", path = Shown(path))]
    Empty {
        /// The file.
        path: String,
    },
    /// The file can only be read, and does not end.
    #[error("{path}: more than 4 GiB came from it, which is read into memory", path = Shown(path))]
    Endless {
        /// The file.
        path: String,
    },
    /// The file is a device that gives bytes without end, or a terminal.
    #[error("{path}: is a device; an image is a file or a pipe", path = Shown(path))]
    Device {
        /// The device.
        path: String,
    },
    /// The file is longer than what is wanted can be.
    #[error("{path}: has more than {limit_bytes} bytes, the most that {what} may have",
        path = Shown(path))]
    TooLong {
        /// The file.
        path: String,
        /// The most.
        limit_bytes: u64,
        /// What is wanted.
        what: &'static str,
    },
    /// There is too little memory for a copy of the file.
    #[error(
        "{path}: a copy needs {needed} bytes of memory, and {available} are free; without --copy \
         it is mapped",
        path = Shown(path)
    )]
    Memory {
        /// The file.
        path: String,
        /// Bytes of the file that are no holes.
        needed: u64,
        /// Bytes of memory that can be taken.
        available: u64,
    },
    /// The file changed between opening and the end of the run.
    #[error(
        "{path}: changed while it was measured ({what}); the result would be of neither state",
        path = Shown(path)
    )]
    Changed {
        /// The file.
        path: String,
        /// What is different.
        what: String,
    },
    /// The file is no list of digests.
    #[error("{path}: {source}", path = Shown(path))]
    Digests {
        /// The file.
        path: String,
        /// What is wrong with it.
        source: super::digests::DigestsError,
    },
}

impl Image {
    /// An image that is not a file.
    #[must_use]
    pub fn from_bytes(name: impl Into<String>, bytes: Vec<u8>) -> Self {
        Self::new(name.into(), Bytes::Owned(bytes), Holes::NONE, None)
    }

    fn new(name: String, bytes: Bytes, holes: Holes, source: Option<Source>) -> Self {
        let digests =
            [const { [const { OnceLock::new() }; GranuleSize::ALL.len()] }; HashAlgo::ALL.len()];
        Self { name, bytes, holes, source, digests, digest_source: None }
    }

    /// Opens a file: maps it, or reads it if it is small or can not be mapped.
    ///
    /// # Errors
    /// If the file can not be read, is a directory, or is empty.
    pub fn open(path: &Path) -> Result<Self, ImageError> {
        Self::open_as(path, How::Mapped, Limit::IMAGE)
    }

    /// Opens a file and copies it into memory, so that nobody can change what is measured. Holes
    /// take no memory. [`Image::check_unchanged`] has nothing to say about it afterwards.
    ///
    /// # Errors
    /// As [`Image::open`]; if the file changes while it is copied, or the memory is not there.
    pub fn open_copy(path: &Path) -> Result<Self, ImageError> {
        Self::open_as(path, How::Copied, Limit::IMAGE)
    }

    /// Reads a file into memory, at most 4 GiB.
    ///
    /// # Errors
    /// As [`Image::open`], or if the file is longer.
    pub fn read(path: &Path) -> Result<Self, ImageError> {
        Self::open_as(path, How::Read, Limit::IMAGE)
    }

    /// As [`Image::read`], of a file that may have at most `limit_bytes`, as `what` has.
    ///
    /// # Errors
    /// As of [`Image::open`], and if the file is longer.
    pub fn read_within(
        path: &Path,
        limit_bytes: u64,
        what: &'static str,
    ) -> Result<Self, ImageError> {
        Self::open_as(path, How::Read, Limit { bytes: limit_bytes, what: Some(what) })
    }

    fn open_as(path: &Path, how: How, limit: Limit) -> Result<Self, ImageError> {
        let _span = tracing::info_span!("open", path = %path.shown()).entered();
        let name = path.display().to_string();
        let shown = || name.clone();
        let io_error = |source| ImageError::Io { path: shown(), source };
        let mut file = inputs::open(path).map_err(io_error)?;
        let metadata = file.metadata().map_err(io_error)?;
        if metadata.is_dir() {
            return Err(ImageError::Directory { path: shown() });
        }
        if metadata.file_type().is_char_device() {
            // Of those that end at once, `/dev/null` is the one that people name.
            let ended = file.read(&mut [0]).map_err(io_error)? == 0;
            let path = shown();
            return Err(if ended {
                ImageError::Empty { path }
            } else {
                ImageError::Device { path }
            });
        }
        let stamp = FileStamp::of(&metadata);
        let (bytes, holes) = how.bytes(&mut file, &metadata, limit, &shown)?;
        let (path, sample) = (path.to_owned(), None);
        let source = metadata.is_file().then_some(Source { path, stamp, sample });
        let mut image = Self::new(shown(), bytes, holes, source);
        if image.len_bytes() == 0 {
            return Err(ImageError::Empty { path: image.name });
        }
        inputs::room(image.data_bytes() / MEASURED_PART).map_err(io_error)?;
        tracing::info!(size_bytes = image.len_bytes(), bytes = image.bytes.kind(), "opened");
        // What was read may be of a file that somebody still writes.
        image.check_stamp()?;
        let sample = matches!(image.bytes, Bytes::Mapped(_)).then(|| image.sample());
        if let Some(source) = &mut image.source {
            source.sample = sample;
        }
        Ok(image)
    }

    /// An image of which only digests are known: enough to measure it where the digests are of the
    /// right algorithm and of the granules as they are placed. Its bytes read as zero, so whoever
    /// makes use of them has to ask [`Image::is_known`] first; a session does.
    #[must_use]
    pub fn from_digests(name: impl Into<String>, digests: Vec<GranuleDigests>) -> Self {
        let len_bytes = digests.first().map_or(0, GranuleDigests::image_len_bytes);
        let image = Self::new(name.into(), Bytes::Unknown(len_bytes), Holes::NONE, None);
        for digests in digests {
            let place = &image.digests[digests.algo() as usize][digests.cut().size as usize];
            // Of two lists for one algorithm and size the first counts.
            let _ = place.set(Some(digests));
        }
        image
    }

    /// Has `source` asked for the digests of granules before they are hashed.
    #[must_use]
    pub fn with_digest_source(mut self, source: Arc<dyn DigestSource>) -> Self {
        self.digest_source = Some(source);
        self
    }

    /// Says whether the file is still the one that was opened, as far as can be noticed.
    ///
    /// A mapping shows later writes to the file, so a run asks this before it believes its result.
    /// A copy stays what it is.
    ///
    /// # Errors
    /// If another file has the name, the file's length, times or one of the pages that are looked
    /// at are others, a part of it could not be read, or it can not be looked at.
    pub fn check_unchanged(&self) -> Result<(), ImageError> {
        if matches!(self.bytes, Bytes::Copied(_)) {
            return Ok(());
        }
        self.check_stamp()?;
        let sample = self.source.as_ref().and_then(|source| source.sample);
        if sample.is_some_and(|sample| sample != self.sample()) {
            let what = "it was written to, and its times did not move".to_owned();
            return Err(ImageError::Changed { path: self.name.clone(), what });
        }
        // Looking at it may have been what tears it.
        self.check_stamp()
    }

    fn check_stamp(&self) -> Result<(), ImageError> {
        let Some(Source { path, stamp, .. }) = &self.source else { return Ok(()) };
        let changed = |what| ImageError::Changed { path: self.name.clone(), what };
        let metadata = std::fs::metadata(path)
            .map_err(|error| ImageError::Io { path: self.name.clone(), source: error })?;
        if let Some(what) = stamp.difference(&FileStamp::of(&metadata)) {
            return Err(changed(what));
        }
        match &self.bytes {
            Bytes::Owned(bytes) if bytes.len() as u64 != stamp.len_bytes => {
                let (was, read) = (stamp.len_bytes, bytes.len());
                Err(changed(format!("it has {was} bytes, and {read} were read")))
            }
            Bytes::Mapped(mapping) if mapping.is_torn() => {
                Err(changed("a part of it could not be read".to_owned()))
            }
            _ => Ok(()),
        }
    }

    /// SHA-256 of pages that are spread over the image, the first and the last among them.
    pub(super) fn sample(&self) -> [u8; 32] {
        let last = (self.len_bytes() - 1) / PAGE_SIZE;
        let mut hash = Sha256::new();
        for i in 0..SAMPLES {
            let page = u128::from(last) * u128::from(i) / u128::from(SAMPLES - 1);
            let page = u64::try_from(page).expect("not past the last");
            let bytes = self.bytes_from(page * PAGE_SIZE);
            hash.update(&bytes[..bytes.len().min(PAGE_LEN)]);
        }
        hash.finalize().into()
    }

    /// A text that stands for the contents of the file that was opened, wherever and whenever they
    /// are opened again; `None` if the kernel does not vouch that they are and stay the same.
    #[cfg(feature = "cli")]
    #[must_use]
    pub fn vouched_identity(&self) -> Option<String> {
        let source = self.source.as_ref()?;
        // The inode of a mapped file is not given to another one.
        let Bytes::Mapped(_) = &self.bytes else { return None };
        let file = inputs::open(&source.path).ok()?;
        let same = FileStamp::of(&file.metadata().ok()?) == source.stamp;
        same.then(|| vouch::identity(&file)).flatten()
    }

    /// What tells the state of the file that was opened; `None` if there is no file.
    #[must_use]
    pub fn stamp(&self) -> Option<FileStamp> {
        self.source.as_ref().map(|source| source.stamp)
    }

    /// The file that was opened, by the name that it was opened by; `None` if there is no file.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        self.source.as_ref().map(|source| &*source.path)
    }

    /// The name to show.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How many of its bytes are in no hole.
    fn data_bytes(&self) -> u64 {
        self.holes.data(self.len_bytes()).iter().map(|piece| piece.end - piece.start).sum()
    }

    /// The image's length in bytes.
    #[must_use]
    pub fn len_bytes(&self) -> u64 {
        match &self.bytes {
            Bytes::Owned(bytes) => bytes.len() as u64,
            Bytes::Mapped(mapping) => mapping.len() as u64,
            Bytes::Copied(copy) => copy.len() as u64,
            Bytes::Unknown(len_bytes) => *len_bytes,
        }
    }

    /// Whether the bytes are known, not only digests of them.
    #[must_use]
    pub const fn is_known(&self) -> bool {
        !matches!(self.bytes, Bytes::Unknown(_))
    }

    /// The bytes from `offset` on; none if it is past the end.
    #[must_use]
    pub fn bytes_from(&self, offset: u64) -> &[u8] {
        let bytes = self.as_slice();
        usize::try_from(offset).ok().and_then(|offset| bytes.get(offset..)).unwrap_or(&[])
    }

    /// `len` bytes from `offset` on; what lies past the image's end is zero.
    pub(super) fn bytes_at(&self, offset: u64, len: usize) -> View<'_> {
        let rest = self.bytes_from(offset);
        if let Some(whole) = rest.get(..len) {
            return View::Borrowed(whole);
        }
        let mut bytes = vec![0; len].into_boxed_slice();
        bytes[..rest.len()].copy_from_slice(rest);
        View::Made(bytes)
    }

    /// What is known of the granule that begins at `offset` without hashing it.
    pub(super) fn look(&self, offset: u64, algo: HashAlgo, size: GranuleSize) -> Look<'_> {
        if let Some(digest) = self.digests(algo, size).and_then(|digests| digests.get(offset)) {
            return Look::Digest(digest);
        }
        if self.holes.hold(offset..offset.saturating_add(size.bytes())) {
            return Look::Zero;
        }
        Look::Bytes(self.bytes_at(offset, size.len_bytes()))
    }

    /// The digests by `algo` of granules of `size` that are known.
    #[must_use]
    pub fn digests(&self, algo: HashAlgo, size: GranuleSize) -> Option<&GranuleDigests> {
        self.digests[algo as usize][size as usize].get().and_then(Option::as_ref)
    }

    /// Asks the image's digest source, once for each algorithm and size, for the digests of the
    /// granules that begin at `offset` and at every granule's length from there.
    pub(super) fn ask_for_digests(
        self: &Arc<Self>,
        offset: u64,
        algo: HashAlgo,
        size: GranuleSize,
    ) {
        if let Some(source) = &self.digest_source {
            let cut = Cut { size, phase: offset % size.bytes() };
            let digests = &self.digests[algo as usize][size as usize];
            digests.get_or_init(|| source.digests(self, algo, cut));
        }
    }

    /// The end of the hole that `offset` lies in, or `offset` if it lies in none.
    pub(super) fn end_of_hole(&self, offset: u64) -> u64 {
        if self.holes.hold(offset..offset.saturating_add(1)) {
            self.holes.end(offset).min(self.len_bytes())
        } else {
            offset
        }
    }

    /// The start of the hole that follows `offset`, or the image's end.
    pub(super) fn start_of_hole(&self, offset: u64) -> u64 {
        self.holes.start_after(offset).min(self.len_bytes())
    }

    fn as_slice(&self) -> &[u8] {
        match &self.bytes {
            Bytes::Owned(bytes) => bytes,
            Bytes::Mapped(mapping) => mapping,
            Bytes::Copied(copy) => copy,
            Bytes::Unknown(_) => &[],
        }
    }
}

/// All bytes of the file; none if there are more than `limit_bytes`.
impl FileStamp {
    fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            len_bytes: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }

    fn difference(&self, now: &Self) -> Option<String> {
        if now.len_bytes != self.len_bytes {
            return Some(format!("it had {} bytes and has {}", self.len_bytes, now.len_bytes));
        }
        if (now.device, now.inode) != (self.device, self.inode) {
            return Some("another file has its name".to_owned());
        }
        if now.modified != self.modified {
            return Some("it was written to".to_owned());
        }
        (now.changed != self.changed)
            .then(|| "its times, its names or other attributes were changed".to_owned())
    }
}

impl fmt::Debug for Image {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Image({}, {} bytes)", self.name, self.len_bytes())
    }
}

impl PartialEq for Image {
    /// Images are equal if their bytes are and they go by the same name. Of an image that is known
    /// by digests, nothing else can be compared.
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
            && self.len_bytes() == other.len_bytes()
            && self.is_known() == other.is_known()
            && self.as_slice() == other.as_slice()
    }
}

impl Eq for Image {}
