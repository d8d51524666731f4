//! The files that this run reads: no output may be one of them, by any name or link.
//!
//! *Architecture invariant:* nothing else opens a file to read it, but what asks the kernel
//! (`/proc`, `/sys`).

#[cfg(feature = "cli")]
mod guard;
mod room;

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

#[cfg(feature = "cli")]
pub(crate) use guard::{check, check_id, open_own, renew, stdin};
#[cfg(feature = "cli")]
pub(crate) use room::room_of;
pub(crate) use room::{read_to_end, room};

/// Device, number, and when it was made, where the file system says so: one file can have many
/// names, and the number of a file that is gone can become another's.
pub(crate) type FileId = (u64, u64, Option<SystemTime>);

pub(crate) fn file_id(metadata: &fs::Metadata) -> FileId {
    (metadata.dev(), metadata.ino(), metadata.created().ok())
}

static READ: Mutex<BTreeSet<FileId>> = Mutex::new(BTreeSet::new());

fn read() -> MutexGuard<'static, BTreeSet<FileId>> {
    READ.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Remembers a file that was opened to be read.
pub(crate) fn remember(file: &fs::File) {
    if let Ok(found) = file.metadata()
        && found.is_file()
    {
        read().insert(file_id(&found));
    }
}

/// Opens a file to read it, and remembers it.
pub(crate) fn open(path: &Path) -> io::Result<fs::File> {
    let file = fs::File::open(path)?;
    remember(&file);
    Ok(file)
}
