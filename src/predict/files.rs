//! Files of command lines where scripts have theirs.

use std::sync::Arc;

use crate::host;
use crate::measure::image::{Image, ImageError};
use crate::script::{Files, MemoryFiles, Source};

/// The file system: names are those of the command line.
impl host::Files for Files {
    fn open(&mut self, name: &str) -> Result<Arc<Image>, ImageError> {
        self.image(name).map(Arc::new)
    }
}

/// Files that are only in memory.
impl host::Files for MemoryFiles {
    fn open(&mut self, name: &str) -> Result<Arc<Image>, ImageError> {
        self.image(name).map(Arc::new)
    }
}
