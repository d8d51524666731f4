//! The one place that writes files: an output appears whole or not at all.
//!
//! *Architecture invariant:* nothing else opens a file to write it. A regular file is written
//! beside its target and renamed over it; whatever is no regular file (device, pipe, socket,
//! `/dev/stdout`) is opened and written in place. No output is a file that this run reads, and no
//! two outputs of a run are one file.

mod identity;
mod set;
pub(crate) mod signals;
mod target;

use std::fs::{self, File, Metadata};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use tempfile::{NamedTempFile, TempDir, TempPath};

pub(crate) use set::{OutputError, OutputSet};
pub(crate) use target::OutputPath;
use target::Target;

use crate::inputs::{self, file_id};

/// Buffered bytes of an output.
const BUFFER_BYTES: usize = 1 << 20;

/// An output that is being written. Dropping it leaves the target as it was.
#[derive(Debug)]
pub(crate) struct Pending {
    path: PathBuf,
    place: Place,
    /// `None` once it is committed or given up.
    out: Option<BufWriter<File>>,
}

#[derive(Debug)]
enum Place {
    /// What is written is what was named.
    Direct,
    /// A file beside the target, without links.
    Beside { target: PathBuf, part: Scratch },
}

impl Pending {
    /// Begins to write what `path` names; `-` is standard output.
    ///
    /// # Errors
    /// If it can not be opened or its folder takes no files, or it is read by this run.
    pub(crate) fn create(path: &Path) -> io::Result<Self> {
        let (file, place) = match Target::of(path)? {
            Target::InPlace(file) => {
                inputs::check_id(file_id(&file.metadata()?))?;
                (file, Place::Direct)
            }
            Target::Regular { path: target, old } => {
                inputs::check(&target)?;
                let folder = folder_of(&target);
                let (file, part) = Scratch::create(folder, ".rimsim-")?;
                if let Some(old) = &old {
                    keep_mode(&file, old)?;
                }
                (file, Place::Beside { target, part })
            }
        };
        let out = Some(BufWriter::with_capacity(BUFFER_BYTES, file));
        Ok(Self { path: path.to_owned(), place, out })
    }

    /// What the user called it.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// What could not be written of it.
    pub(crate) fn error(&self, source: io::Error) -> OutputError {
        OutputError::Io { path: self.path.clone(), source }
    }

    /// Refuses a target that nothing can stand beside: `what` is what would.
    ///
    /// # Errors
    /// If it is a device, a pipe, or open already.
    pub(crate) fn check_beside(&self, what: &'static str) -> Result<(), OutputError> {
        match &self.place {
            Place::Beside { .. } => Ok(()),
            Place::Direct => Err(OutputError::NothingBeside { path: self.path.clone(), what }),
        }
    }

    /// Puts the output into its place.
    pub(crate) fn commit(self) -> io::Result<()> {
        OutputSet::from(self).commit().map_err(|error| match error {
            OutputError::Io { source, .. } => source,
            other => io::Error::other(other),
        })
    }

    /// Everything is on its way to the disk; what is written in place is done.
    fn prepare(&mut self) -> io::Result<()> {
        let Some(out) = &mut self.out else { return Ok(()) };
        out.flush()?;
        if let Place::Beside { target, .. } = &self.place {
            out.get_ref().sync_all()?;
            // More may have been read since it was begun.
            inputs::check(target)?;
        }
        Ok(())
    }
}

impl Write for Pending {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.out.as_mut().expect("not committed").write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.as_mut().expect("not committed").flush()
    }
}

impl io::Seek for Pending {
    fn seek(&mut self, to: io::SeekFrom) -> io::Result<u64> {
        self.out.as_mut().expect("not committed").seek(to)
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        // What is buffered is given up, not written.
        drop(self.out.take().map(BufWriter::into_parts));
    }
}

/// Writes all of an output.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut out = Pending::create(path)?;
    out.write_all(bytes)?;
    out.commit()
}

/// A file without a name.
pub(crate) fn unnamed() -> io::Result<File> {
    tempfile::tempfile()
}

/// A named temporary file, which is gone after a drop, an error and a signal.
#[derive(Debug)]
pub(crate) struct Scratch {
    path: Option<TempPath>,
}

impl Scratch {
    /// Makes a file in `folder` whose name begins with `prefix`.
    pub(crate) fn create(folder: &Path, prefix: &str) -> io::Result<(File, Self)> {
        let made = tempfile::Builder::new().prefix(prefix).make_in(folder, |path| {
            // Known before it is there: a signal can come between the two.
            signals::remember(path);
            let file = File::options().read(true).write(true).create_new(true).open(path);
            file.inspect_err(|_| signals::forget(path))
        });
        let (file, path) = NamedTempFile::into_parts(made?);
        Ok((file, Self { path: Some(path) }))
    }

    pub(crate) fn path(&self) -> &Path {
        self.path.as_deref().expect("there until it is dropped")
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Some(path) = self.path.take() {
            let name = path.to_path_buf();
            // What is left behind is not worth more than what went wrong before.
            let _ = path.close();
            signals::forget(&name);
        }
    }
}

/// A named temporary folder of files, which is gone after a drop, an error and a signal.
#[derive(Debug)]
pub(crate) struct ScratchFolder {
    folder: Option<TempDir>,
}

impl ScratchFolder {
    /// Makes a folder in `folder` whose name begins with `prefix`, for this user alone.
    pub(crate) fn create(folder: &Path, prefix: &str) -> io::Result<Self> {
        let folder = tempfile::Builder::new().prefix(prefix).tempdir_in(folder)?;
        signals::remember_folder(folder.path());
        Ok(Self { folder: Some(folder) })
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.as_ref().expect("there until it is dropped").path()
    }
}

impl Drop for ScratchFolder {
    fn drop(&mut self) {
        if let Some(folder) = self.folder.take() {
            let name = folder.path().to_path_buf();
            // What is left behind is not worth more than what went wrong before.
            let _ = folder.close();
            signals::forget_folder(&name);
        }
    }
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Owner and mode of the file that is replaced, as far as this user may.
fn keep_mode(file: &File, old: &Metadata) -> io::Result<()> {
    let own = file.metadata()?;
    let same = (own.uid(), own.gid()) == (old.uid(), old.gid());
    let give = |owner, group| std::os::unix::fs::fchown(file, owner, group).is_ok();
    let kept = same || give(Some(old.uid()), Some(old.gid()));
    if !kept {
        // Whoever is in the old file's group may at least keep that.
        give(None, Some(old.gid()));
    }
    // The bits that lend an owner's rights go only with that owner.
    let mask = if kept { 0o7777 } else { 0o777 };
    file.set_permissions(fs::Permissions::from_mode(old.mode() & mask))
}

#[cfg(test)]
mod tests;
