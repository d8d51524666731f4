//! What the command asks of the files that it reads, and reads besides named files.

use std::fs;
use std::io;
use std::os::fd::{AsFd as _, BorrowedFd};
use std::path::Path;

use rustix::fs::{Mode, OFlags};

use super::{FileId, file_id, read, remember};

fn id(path: &Path) -> Option<FileId> {
    fs::metadata(path).ok().filter(fs::Metadata::is_file).map(|found| file_id(&found))
}

/// The same of a descriptor that somebody else opened.
fn remember_open(descriptor: BorrowedFd<'_>) {
    if let Ok(copy) = descriptor.try_clone_to_owned() {
        remember(&copy.into());
    }
}

/// Standard input, which can be a file.
pub(crate) fn stdin() -> io::Stdin {
    let stdin = io::stdin();
    remember_open(stdin.as_fd());
    stdin
}

/// Opens a file of this user's own to read it, and remembers it: no link to somewhere else, and
/// nothing that lets us wait.
///
/// # Errors
/// If it can not be opened, or is a link.
pub(crate) fn open_own(path: &Path) -> io::Result<fs::File> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let file = fs::File::from(rustix::fs::open(path, flags, Mode::empty())?);
    remember(&file);
    Ok(file)
}

/// The run renews this file, so it is no input any more.
pub(crate) fn renew(path: &Path) {
    if let Some(id) = id(path) {
        read().remove(&id);
    }
}

/// Refuses a target that is read by this run.
pub(crate) fn check(target: &Path) -> io::Result<()> {
    id(target).map_or(Ok(()), check_id)
}

/// Refuses a file that is read by this run.
pub(crate) fn check_id(target: FileId) -> io::Result<()> {
    if read().contains(&target) {
        let why = "is read by this run and would be overwritten by its output";
        return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt as _;

    use super::super::open;
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
