//! The files that a VMM's command line names, wherever `--map` says they are.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::cli::options::{GuestArgs, ImageFiles};
use crate::cli::reach::Reach;
use crate::host::Files;
use crate::measure::image::{Image, ImageError};
use crate::predict::Input;

/// Opens files where `--map` says that they are.
#[derive(Debug)]
pub(crate) struct MappedFiles<'a> {
    map: &'a [(String, PathBuf)],
    folder: &'a Path,
    reach: &'a Reach,
    named_by: &'a Reach,
    files: ImageFiles,
}

impl<'a> MappedFiles<'a> {
    pub(crate) fn new(guest: &'a GuestArgs, files: ImageFiles) -> Self {
        let GuestArgs { map, folder, reach, named_by, .. } = guest;
        Self { map, folder, reach, named_by, files }
    }

    /// What a digest cache has to say to people.
    pub(crate) fn remarks(&self, verbose: bool) -> Vec<String> {
        self.files.remarks(verbose)
    }

    /// Names of `--map` that are none of the files that were read.
    pub(crate) fn unused(&self, inputs: &[Input]) -> impl Iterator<Item = &str> {
        let used = |name: &str| inputs.iter().any(|input| input.name == name);
        self.map.iter().map(|(name, _)| name.as_str()).filter(move |name| !used(name))
    }
}

impl Files for MappedFiles<'_> {
    fn open(&mut self, name: &str) -> Result<Arc<Image>, ImageError> {
        let mapped = self.map.iter().rev().find(|(from, _)| from == name);
        let path = mapped.map_or_else(|| self.folder.join(name), |(_, path)| path.clone());
        self.reach.check_image(&path)?;
        if mapped.is_none() {
            self.named_by.check_image(&path)?;
        }
        self.files.open(&path).map(Arc::new)
    }

    fn has_lkvm_root(&mut self, name: &str) -> bool {
        has_lkvm_root(name) && self.map.iter().all(|(from, _)| from != name)
    }
}

/// Whether the user's home folder has a root file system of this name from `lkvm setup`.
pub(crate) fn has_lkvm_root(name: &str) -> bool {
    let Some(mut path) = std::env::var_os("HOME") else { return false };
    // kvmtool writes the name behind the folder as it is.
    path.push("/.lkvm/");
    path.push(name);
    Path::new(&path).is_dir()
}
