//! The files that this run reads: no output may be one of them, by any name or link.

use std::collections::BTreeSet;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

/// Device, number, and when it was made, where the file system says so: one file can have many
/// names, and the number of a file that is gone can become another's.
type FileId = (u64, u64, Option<SystemTime>);

static READ: Mutex<BTreeSet<FileId>> = Mutex::new(BTreeSet::new());

fn read() -> MutexGuard<'static, BTreeSet<FileId>> {
    READ.lock().unwrap_or_else(PoisonError::into_inner)
}

fn id(metadata: &Metadata) -> Option<FileId> {
    metadata.is_file().then(|| (metadata.dev(), metadata.ino(), metadata.created().ok()))
}

/// Remembers a file that was opened to be read.
pub(crate) fn remember(file: &fs::File) {
    if let Some(id) = file.metadata().ok().as_ref().and_then(id) {
        read().insert(id);
    }
}

/// Opens a file to read it, and remembers it.
pub(crate) fn open(path: &Path) -> io::Result<fs::File> {
    let file = fs::File::open(path)?;
    remember(&file);
    Ok(file)
}

/// The run renews this file, so it is no input any more.
pub(crate) fn renew(path: &Path) {
    if let Some(id) = fs::metadata(path).ok().as_ref().and_then(id) {
        read().remove(&id);
    }
}

/// Refuses a target that is read by this run.
pub(super) fn check(target: &Path) -> io::Result<()> {
    let taken = fs::metadata(target).ok().as_ref().and_then(id);
    if taken.is_some_and(|id| read().contains(&id)) {
        let why = "is read by this run and would be overwritten by its output";
        return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
    }
    Ok(())
}

/// Whether two names are of one file that is there.
pub(super) fn same_file(a: &Path, b: &Path) -> bool {
    let id = |path| fs::metadata(path).ok().as_ref().and_then(id);
    id(a).is_some_and(|found| id(b) == Some(found))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// File systems give the number of a file that is gone to the next one.
    #[test]
    fn a_new_file_is_not_one_that_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let (old, new) = (folder.path().join("old"), folder.path().join("new"));
        fs::write(&old, "read").unwrap();
        open(&old).unwrap();
        assert!(check(&old).is_err());
        fs::rename(&old, &new).unwrap();
        assert!(check(&new).is_err(), "by any name");
        let number = fs::metadata(&new).unwrap().ino();
        fs::remove_file(&new).unwrap();
        for _ in 0..100 {
            fs::write(&new, "made").unwrap();
            assert!(check(&new).is_ok());
            if fs::metadata(&new).unwrap().ino() == number {
                return;
            }
            fs::remove_file(&new).unwrap();
        }
    }
}
