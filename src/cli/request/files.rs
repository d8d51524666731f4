//! The files that a VMM's command line names, wherever `--map` says they are.

use std::sync::Arc;

use crate::cli::options::{GuestArgs, ImageFiles};
use crate::host::Files;
use crate::measure::image::{Image, ImageError};
use crate::predict::Input;

/// Opens files where `--map` says that they are.
#[derive(Debug)]
pub(crate) struct MappedFiles<'a> {
    guest: &'a GuestArgs,
    files: ImageFiles,
}

impl<'a> MappedFiles<'a> {
    pub(crate) const fn new(guest: &'a GuestArgs, files: ImageFiles) -> Self {
        Self { guest, files }
    }

    /// What a digest cache has to say to people.
    pub(crate) fn remarks(&self, verbose: bool) -> Vec<String> {
        self.files.remarks(verbose)
    }

    /// Names of `--map` that are none of the files that were read.
    pub(crate) fn unused(&self, inputs: &[Input]) -> impl Iterator<Item = &str> {
        let used = |name: &str| inputs.iter().any(|input| input.name == name);
        self.guest.map.iter().map(|(name, _)| name.as_str()).filter(move |name| !used(name))
    }
}

impl Files for MappedFiles<'_> {
    fn open(&mut self, name: &str) -> Result<Arc<Image>, ImageError> {
        let path = self.guest.place_of(name)?;
        self.files.open(&path).map(Arc::new)
    }

    fn has_lkvm_root(&mut self, name: &str) -> bool {
        self.guest.has_lkvm_root(name)
    }
}
