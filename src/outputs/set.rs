//! Outputs that appear together or not at all.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::identity::Identity;
use super::target::{OutputPath, STDOUT};
use super::{Pending, Place, folder_of, signals};
use crate::encoding::shown::ShowPath as _;

/// An output that can not be written.
#[derive(Debug, Error)]
pub(crate) enum OutputError {
    #[error("{path}: {source}", path = path.shown())]
    Io { path: PathBuf, source: io::Error },
    /// Both as people call them.
    #[error("{one} and {other} are one file, and a file holds one output")]
    Twice { one: String, other: String },
    #[error("{path}: {what} stands beside it, and it is no regular file", path = path.shown())]
    NothingBeside { path: PathBuf, what: &'static str },
}

/// Outputs that appear together or not at all. No two of them are one file.
#[derive(Debug, Default)]
pub(crate) struct OutputSet {
    claims: Vec<Claim>,
    outputs: Vec<Pending>,
}

/// What somebody wants to write.
#[derive(Debug)]
struct Claim {
    name: String,
    /// The name of the option's file, if it is an option's.
    option_path: Option<PathBuf>,
    identity: Identity,
}

impl From<Pending> for OutputSet {
    fn from(output: Pending) -> Self {
        Self { claims: Vec::new(), outputs: vec![output] }
    }
}

/// A target that was replaced.
struct Replaced<'s> {
    target: &'s Path,
    /// Where the file is that was there.
    old: Option<PathBuf>,
}

impl OutputSet {
    /// Claims what options of the command line name, before anything is done.
    ///
    /// # Errors
    /// If two options name one file.
    pub(crate) fn declare(&mut self, option: &str, path: &OutputPath) -> Result<(), OutputError> {
        let name = format!("{option} {}", path.shown());
        self.claim(name, Some(path), Identity::of(path))
    }

    /// Finds out early that something of them was read by now.
    ///
    /// # Errors
    /// If one of them is read by this run.
    pub(crate) fn check(&self) -> Result<(), OutputError> {
        let options = self.claims.iter().filter_map(|claim| claim.option_path.as_ref());
        for path in options {
            let checked = Identity::of(path).as_ref().map_or(Ok(()), Identity::check);
            checked.map_err(|source| OutputError::Io { path: path.clone(), source })?;
        }
        Ok(())
    }

    /// Standard output has results of its own.
    ///
    /// # Errors
    /// If one of the outputs is what standard output is, or this run reads it.
    pub(crate) fn claim_stdout(&mut self) -> Result<(), OutputError> {
        let identity = Identity::of_stdout();
        if let Some(Err(source)) = identity.as_ref().map(Identity::check) {
            return Err(OutputError::Io { path: STDOUT.into(), source });
        }
        self.claim("standard output".to_owned(), None, identity)
    }

    fn claim(
        &mut self,
        name: String,
        option_path: Option<&Path>,
        identity: Option<Identity>,
    ) -> Result<(), OutputError> {
        let Some(identity) = identity else { return Ok(()) };
        if let Some(other) = self.claims.iter().find(|claim| claim.identity == identity) {
            return Err(OutputError::Twice { one: name, other: other.name.clone() });
        }
        self.claims.push(Claim { name, option_path: option_path.map(Path::to_owned), identity });
        Ok(())
    }

    /// Begins the output of an option; [`OutputSet::add`] takes it when it is complete.
    ///
    /// # Errors
    /// If it can not be opened or made, is read by this run, or another of them is the same file.
    pub(crate) fn begin(&mut self, path: &OutputPath) -> Result<Pending, OutputError> {
        let declared = |claim: &Claim| claim.option_path.as_deref() == Some(&**path);
        if !self.claims.iter().any(declared) {
            self.claim(path.shown().to_string(), Some(path), Identity::of(path))?;
        }
        self.open(path)
    }

    /// Begins an output that stands beside one of an option.
    ///
    /// # Errors
    /// As [`OutputSet::begin`].
    pub(crate) fn begin_beside(&mut self, path: &Path) -> Result<Pending, OutputError> {
        self.claim(path.shown().to_string(), None, Identity::of(path))?;
        self.open(path)
    }

    fn open(&self, path: &Path) -> Result<Pending, OutputError> {
        Pending::create(path).map_err(|source| OutputError::Io { path: path.to_owned(), source })
    }

    /// Adds an output that was begun here and is complete.
    pub(crate) fn add(&mut self, output: Pending) {
        self.outputs.push(output);
    }

    /// Adds all of an option's output.
    ///
    /// # Errors
    /// As [`OutputSet::begin`], and if it can not be written.
    pub(crate) fn write(&mut self, path: &OutputPath, bytes: &[u8]) -> Result<(), OutputError> {
        let output = self.begin(path)?;
        self.fill(output, bytes)
    }

    /// The same of an output that stands beside one of an option.
    ///
    /// # Errors
    /// As [`OutputSet::write`].
    pub(crate) fn write_beside(&mut self, path: &Path, bytes: &[u8]) -> Result<(), OutputError> {
        let output = self.begin_beside(path)?;
        self.fill(output, bytes)
    }

    fn fill(&mut self, mut output: Pending, bytes: &[u8]) -> Result<(), OutputError> {
        output.write_all(bytes).map_err(|source| output.error(source))?;
        self.outputs.push(output);
        Ok(())
    }

    /// Puts all of them into their places. What is written in place is written first, so that its
    /// failure leaves the files.
    ///
    /// # Errors
    /// If one can not be written; then every file is what it was.
    pub(crate) fn commit(mut self) -> Result<(), OutputError> {
        for output in &mut self.outputs {
            output.prepare().map_err(|source| output.error(source))?;
        }
        // A signal waits until all is done or undone.
        let _whole = signals::hold();
        let mut done: Vec<Replaced<'_>> = Vec::new();
        for output in &self.outputs {
            let Place::Beside { target, part, .. } = &output.place else { continue };
            let old = part.path().with_extension("old");
            match replace(part.path(), target, &old) {
                Ok(kept) => done.push(Replaced { target, old: kept.then_some(old) }),
                Err(source) => {
                    done.iter().rev().for_each(Replaced::restore);
                    return Err(output.error(source));
                }
            }
        }
        for old in done.iter().filter_map(|replaced| replaced.old.as_ref()) {
            // The new one is in its place: that the old one stays beside it is no failure.
            let _ = fs::remove_file(old);
        }
        sync_folders(done.iter().map(|replaced| replaced.target));
        Ok(())
    }
}

/// Lets new names outlive a loss of power. A folder that can not be read, or a file system that
/// does not know this, is no failure: everything is in its place.
fn sync_folders<'p>(targets: impl Iterator<Item = &'p Path>) {
    let folders: BTreeSet<&Path> = targets.map(folder_of).collect();
    for folder in folders {
        let _ = fs::File::open(folder).and_then(|folder| folder.sync_all());
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
