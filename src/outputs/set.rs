//! Outputs that appear together or not at all.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::{Pending, Place, folder_of, signals};
use crate::encoding::shown::ShowPath as _;

/// An output that could not be written.
#[derive(Debug, Error)]
#[error("{path}: {source}", path = path.shown())]
pub(crate) struct OutputError {
    pub(crate) path: PathBuf,
    pub(crate) source: io::Error,
}

/// Outputs that appear together or not at all.
#[derive(Debug, Default)]
pub(crate) struct OutputSet {
    outputs: Vec<Pending>,
}

impl From<Pending> for OutputSet {
    fn from(output: Pending) -> Self {
        Self { outputs: vec![output] }
    }
}

/// A target that was replaced.
struct Replaced<'s> {
    target: &'s Path,
    /// Where the file is that was there.
    old: Option<PathBuf>,
}

impl OutputSet {
    /// Adds an output.
    ///
    /// # Errors
    /// If another of them is the same file.
    pub(crate) fn add(&mut self, output: Pending) -> Result<(), OutputError> {
        let name = |path: &Path| {
            folder_of(path).canonicalize().ok().zip(path.file_name().map(ToOwned::to_owned))
        };
        let same = |other: &Pending| match (output.target(), other.target()) {
            (Some(a), Some(b)) => name(a) == name(b) || super::inputs::same_file(a, b),
            _ => false,
        };
        if let Some(other) = self.outputs.iter().find(|other| same(other)) {
            let why = format!("is the same file as the output {}", other.path.shown());
            let source = io::Error::new(io::ErrorKind::InvalidInput, why);
            return Err(OutputError { path: output.path.clone(), source });
        }
        self.outputs.push(output);
        Ok(())
    }

    /// Adds all of an output.
    pub(crate) fn write(&mut self, path: &Path, bytes: &[u8]) -> Result<(), OutputError> {
        let error = |source| OutputError { path: path.to_owned(), source };
        let mut output = Pending::create(path).map_err(error)?;
        io::Write::write_all(&mut output, bytes).map_err(error)?;
        self.add(output)
    }

    /// Puts all of them into their places. What is written in place is written first, so that its
    /// failure leaves the files.
    ///
    /// # Errors
    /// If one can not be written; then every file is what it was.
    pub(crate) fn commit(mut self) -> Result<(), OutputError> {
        for output in &mut self.outputs {
            output.prepare().map_err(|source| OutputError { path: output.path.clone(), source })?;
        }
        // A signal waits until all is done or undone.
        let _whole = signals::hold();
        let mut done: Vec<Replaced<'_>> = Vec::new();
        for output in &self.outputs {
            let Place::Beside { target, part } = &output.place else { continue };
            let old = part.path().with_extension("old");
            match replace(part.path(), target, &old) {
                Ok(kept) => done.push(Replaced { target, old: kept.then_some(old) }),
                Err(source) => {
                    done.iter().rev().for_each(Replaced::restore);
                    return Err(OutputError { path: output.path.clone(), source });
                }
            }
        }
        for old in done.iter().filter_map(|replaced| replaced.old.as_ref()) {
            // The new one is in its place: that the old one stays beside it is no failure.
            let _ = fs::remove_file(old);
        }
        Ok(())
    }
}

/// Renames `part` over `target` and keeps what was there as `old`. Whether there was something.
fn replace(part: &Path, target: &Path, old: &Path) -> io::Result<bool> {
    let there = match target.symlink_metadata() {
        Ok(found) if found.is_file() => true,
        // It was looked at before: a folder or a device must not be moved aside.
        Ok(_) => return Err(io::Error::other("is no regular file any more")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => false,
        Err(error) => return Err(error),
    };
    // A second name where there are links: so the target is never away.
    if there && fs::hard_link(target, old).is_err() {
        fs::rename(target, old)?;
    }
    let renamed = fs::rename(part, target);
    if renamed.is_err() && there {
        let _ = fs::rename(old, target);
        // Two names of one file: a rename does nothing.
        let _ = fs::remove_file(old);
    }
    renamed.map(|()| there)
}

impl Replaced<'_> {
    fn restore(&self) {
        let _ = match &self.old {
            Some(old) => fs::rename(old, self.target),
            None => fs::remove_file(self.target),
        };
    }
}
