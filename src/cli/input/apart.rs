//! What is read is not written over.

use std::fs;
use std::io;
use std::path::Path;

use super::file::{Input, Problem};

/// Refuses a target that is one of the files that are read.
pub(crate) fn keep_apart(target: &Path, path: &Path, input: &Input) -> Result<(), Problem> {
    let script = match input {
        Input::Vector(_) => None,
        Input::Script(script) => Some(script),
    };
    let texts = script.into_iter().flat_map(|script| script.files().map(Path::new));
    let images = script.into_iter().flat_map(|script| script.opened());
    let taken = std::iter::once(path).chain(texts).any(|read| same_file(target, read));
    if !taken && !images.into_iter().any(|image| image.is_file(target)) {
        return Ok(());
    }
    let source = io::Error::new(
        io::ErrorKind::InvalidInput,
        "is read by this run and would be overwritten by its output",
    );
    Err(Problem::Io { path: target.to_owned(), source })
}

/// Whether two names are of one file that is there.
pub(crate) fn same_file(a: &Path, b: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    // By number: one file can have many names.
    let id = |path| fs::metadata(path).ok().map(|data| (data.dev(), data.ino(), data.is_file()));
    matches!((id(a), id(b)), (Some(a), Some(b)) if a == b && a.2)
}
