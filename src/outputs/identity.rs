//! Which outputs are one file, whatever they are called.

use std::ffi::OsString;
use std::fs::{File, Metadata};
use std::io;
use std::os::fd::AsFd as _;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::folder_of;

/// Device, number, and when it was made, where the file system says so: one file can have many
/// names, and the number of a file that is gone can become another's.
pub(super) type FileId = (u64, u64, Option<SystemTime>);

pub(super) fn file_id(metadata: &Metadata) -> FileId {
    (metadata.dev(), metadata.ino(), metadata.created().ok())
}

/// What two outputs can not have both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Identity {
    /// A file, pipe, socket or block device that is there.
    There(FileId),
    /// A name, of a file that may not be there yet. The folder is without links.
    Name(PathBuf, OsString),
}

impl Identity {
    /// What is open: a terminal, or a device like `/dev/null`, can take several outputs.
    pub(super) fn of_open(file: &File) -> Option<Self> {
        let found = file.metadata().ok()?;
        (!found.file_type().is_char_device()).then(|| Self::There(file_id(&found)))
    }

    /// A name, and the file that it has now.
    pub(super) fn of_name(path: &Path, old: Option<&Metadata>) -> Vec<Self> {
        let folder = folder_of(path).canonicalize().ok();
        let name = folder.zip(path.file_name().map(ToOwned::to_owned));
        let name = name.map(|(folder, name)| Self::Name(folder, name));
        name.into_iter().chain(old.map(|old| Self::There(file_id(old)))).collect()
    }

    /// Standard output.
    pub(super) fn of_stdout() -> io::Result<Option<Self>> {
        let copy = File::from(io::stdout().as_fd().try_clone_to_owned()?);
        Ok(Self::of_open(&copy))
    }
}
