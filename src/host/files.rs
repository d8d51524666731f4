//! The files that a VMM's command line names.

use std::sync::Arc;

use crate::measure::image::{Image, ImageError};

/// Opens the files that a command line names, wherever they are.
pub trait Files {
    /// The image that the command line calls `name`.
    ///
    /// # Errors
    /// If it can not be opened or read. An empty file is [`ImageError::Empty`]; what the VMM makes
    /// of one is the VMM's.
    fn open(&mut self, name: &str) -> Result<Arc<Image>, ImageError>;

    /// Whether whoever starts kvmtool has a root file system of this name from `lkvm setup`: a
    /// directory `~/.lkvm/NAME`, whatever is in the name.
    fn has_lkvm_root(&mut self, _name: &str) -> bool {
        false
    }
}
