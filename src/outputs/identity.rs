//! Which outputs are one file, whatever they are called.

use std::ffi::OsString;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::FileTypeExt as _;
use std::path::{Path, PathBuf};

use super::folder_of;
use super::target::{MAX_LINKS, STDOUT, stdout};
use crate::inputs::{self, FileId, file_id};

/// What two outputs can not have both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Identity {
    /// A file, pipe, socket or block device that is there.
    There(FileId),
    /// A name of a file that is not there yet. The folder is without links.
    Name(PathBuf, OsString),
}

impl Identity {
    /// What a name stands for. A terminal, or a device like `/dev/null`, can take several outputs;
    /// what can not be found is told when it is opened.
    pub(super) fn of(path: &Path) -> Option<Self> {
        if path.as_os_str() == STDOUT {
            return Self::of_stdout();
        }
        if let Ok(found) = fs::metadata(path) {
            return Self::of_metadata(&found);
        }
        let mut name = path.to_owned();
        for _ in 0..MAX_LINKS {
            let Ok(next) = fs::read_link(&name) else { break };
            name = folder_of(&name).join(next);
        }
        let folder = folder_of(&name).canonicalize().ok()?;
        Some(Self::Name(folder, name.file_name()?.to_owned()))
    }

    pub(super) fn of_stdout() -> Option<Self> {
        Self::of_metadata(&stdout().ok()?.metadata().ok()?)
    }

    fn of_metadata(found: &Metadata) -> Option<Self> {
        (!found.file_type().is_char_device()).then(|| Self::There(file_id(found)))
    }

    /// Refuses what this run reads.
    pub(super) fn check(&self) -> io::Result<()> {
        match self {
            Self::There(id) => inputs::check_id(*id),
            Self::Name(..) => Ok(()),
        }
    }
}
