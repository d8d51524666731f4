//! A RIM that somebody saw.

use std::path::Path;

use super::token::read_token;
use crate::cli::error::{CliError, usage};
use crate::cli::exit::Exit;
use crate::encoding::shown::ShowPath as _;
use crate::evidence::{RimError, Target, rim_of_token};
use crate::inputs;

/// Longest file that a RIM is read from, in bytes.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// A RIM that an option says: itself, `@FILE`, or the name of a file that has it.
pub(crate) fn observed(option: &str, text: &str) -> Result<Target, CliError> {
    read(option, text, Target::from_text, Target::from_file)
}

/// The RIM of a token in a file. Its signature is not checked.
pub(crate) fn observed_token(path: &Path) -> Result<Target, CliError> {
    let wrong = |why: &dyn std::fmt::Display| usage(format!("{}: {why}", path.shown()));
    let bytes = read_token(path)?;
    let rim = rim_of_token(&bytes).map_err(|error| wrong(&error))?;
    Target::from_bytes(&rim).map_err(|error| wrong(&format!("its RIM {error}")))
}

/// A REM that an option says, likewise.
pub(crate) fn observed_rem(option: &str, text: &str) -> Result<Target, CliError> {
    read(option, text, Target::rem_from_text, Target::rem_from_file)
}

fn read(
    option: &str,
    text: &str,
    from_text: fn(&str) -> Result<Target, RimError>,
    from_file: fn(&[u8]) -> Result<Target, RimError>,
) -> Result<Target, CliError> {
    let wrong = |error: RimError| usage(format!("{option}: {error}"));
    let path = match (text.strip_prefix('@'), from_text(text)) {
        (None, Ok(target)) => return Ok(target),
        (None, Err(error)) if !Path::new(text).is_file() => return Err(wrong(error)),
        (path, _) => path.unwrap_or(text),
    };
    let bytes = read_short(Path::new(path))?;
    from_file(&bytes).map_err(|error| usage(format!("{option} {path}: {error}")))
}

/// A file with a RIM.
fn read_short(path: &Path) -> Result<Vec<u8>, CliError> {
    let mut bytes = Vec::new();
    let file = inputs::open(path);
    let read = file.and_then(|file| inputs::read_to_end(file, MAX_FILE_BYTES + 1, &mut bytes));
    read.map_err(|error| CliError(Exit::Io, format!("{}: {error}", path.shown())))?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(usage(format!("{}: has more than 1 MiB", path.shown())));
    }
    Ok(bytes)
}
