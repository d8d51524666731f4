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
}
