//! Outputs that appear together or not at all.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::identity::Identity;
use super::{Pending, Place, folder_of, inputs, signals};
use crate::encoding::shown::ShowPath as _;

/// An output that could not be written.
#[derive(Debug, Error)]
#[error("{path}: {source}", path = path.shown())]
pub(crate) struct OutputError {
    pub(crate) path: PathBuf,
    pub(crate) source: io::Error,
}

/// Outputs that appear together or not at all. No two of them are one file.
#[derive(Debug, Default)]
pub(crate) struct OutputSet {
    /// What was begun, whether it is complete by now or not.
    claims: Vec<Claim>,
    outputs: Vec<Pending>,
}

#[derive(Debug)]
struct Claim {
    /// What people call it.
    name: String,
    identities: Vec<Identity>,
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
    /// Begins an output; [`OutputSet::add`] takes it back when it is complete.
    ///
    /// # Errors
    /// If it can not be opened or made, is read by this run, or another of them is the same file.
    pub(crate) fn begin(&mut self, path: &Path) -> Result<Pending, OutputError> {
        let error = |source| OutputError { path: path.to_owned(), source };
        let output = Pending::create(path).map_err(error)?;
        let identities = output.identities();
        self.claim(path.shown().to_string(), identities).map_err(error)?;
        Ok(output)
    }

    /// Standard output has results of its own.
    ///
    /// # Errors
    /// If one of the outputs is what standard output is, or this run reads it.
    pub(crate) fn claim_stdout(&mut self) -> io::Result<()> {
        let Some(identity) = Identity::of_stdout()? else { return Ok(()) };
        if let Identity::There(id) = &identity {
            inputs::check_id(*id)?;
        }
        self.claim("standard output".to_owned(), vec![identity])
    }

    fn claim(&mut self, name: String, identities: Vec<Identity>) -> io::Result<()> {
        let same = |claim: &&Claim| claim.identities.iter().any(|one| identities.contains(one));
        if let Some(other) = self.claims.iter().find(same) {
            let why = format!("is the same file as another output of this run, {}", other.name);
            return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
        }
        self.claims.push(Claim { name, identities });
        Ok(())
    }

    /// Adds an output that was begun here and is complete.
    pub(crate) fn add(&mut self, output: Pending) {
        self.outputs.push(output);
    }

    /// Adds all of an output.
    ///
    /// # Errors
    /// As [`OutputSet::begin`], and if it can not be written.
    pub(crate) fn write(&mut self, path: &Path, bytes: &[u8]) -> Result<(), OutputError> {
        let mut output = self.begin(path)?;
        io::Write::write_all(&mut output, bytes)
            .map_err(|source| OutputError { path: path.to_owned(), source })?;
        self.add(output);
        Ok(())
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
