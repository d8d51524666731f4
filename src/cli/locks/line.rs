//! The command line that a lock was made of.

use std::path::Path;

use super::again::put_inputs;
use super::file::LockFile;
use super::fleet::FleetLock;
use super::source::{Hashing, arguments};
use crate::cli::error::{CliError, usage};
use crate::cli::options::OutsideArgs;
use crate::cli::places::folder;
use crate::cli::request::RequestWords;
use crate::encoding::shown::ShowPath as _;

/// The command line of the lock with this text, which stands at `path`, with its files where the
/// lock says that they are; that of a table is what all rows share. `None` if it is the lock of a
/// script or a chain.
///
/// # Errors
/// If the text is no lock, or its arguments are wrong.
pub(crate) fn line_of(
    text: &str,
    path: &Path,
    outside: OutsideArgs,
) -> Result<Option<RequestWords>, CliError> {
    let wrong = |why: String| usage(format!("{}:{why}", path.shown()));
    let (words, inputs) = if FleetLock::is_one(text) {
        let lock = FleetLock::read(text).map_err(wrong)?;
        (lock.matrix.arguments, lock.input)
    } else {
        let lock = LockFile::read(text).map_err(wrong)?;
        let Some(measure) = lock.measure else { return Ok(None) };
        (measure.arguments, lock.input)
    };
    let mut line = arguments(&words, &Hashing::default())
        .map_err(|why| wrong(format!(" the arguments: {why}")))?;
    line.guest.reach = outside.reach_of(path);
    put_inputs(&inputs, folder(path), &mut line.guest)?;
    Ok(Some(line))
}
