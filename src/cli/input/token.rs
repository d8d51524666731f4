//! Files with a token, in every form that people have them in.

use std::io;
use std::path::Path;

use super::read::{read_limited, read_settings};
use crate::cli::error::{CliError, usage};
use crate::cli::exit::Exit;
use crate::encoding::shown::ShowPath as _;
use crate::evidence::{TSM_PROVIDER, token_bytes};

/// Longest file that a token is read from, in bytes.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// The bytes of the token in a file, in the report that a folder is, or on standard input (`-`).
pub(crate) fn read_token(path: &Path) -> Result<Vec<u8>, CliError> {
    let file = read_file(path)?;
    let wrong = |why: &dyn std::fmt::Display| usage(format!("{}: {why}", path.shown()));
    let bytes = token_bytes(&file).map_err(|error| wrong(&error))?;
    if bytes.is_empty() { Err(wrong(&"is empty")) } else { Ok(bytes.into_owned()) }
}

fn read_file(path: &Path) -> Result<Vec<u8>, CliError> {
    let path = if path == Path::new("-") { Path::new("/dev/stdin") } else { path };
    let beside = path.file_name().is_some_and(|name| name == "outblob");
    let folder = if path.is_dir() {
        Some(path)
    } else {
        path.parent().filter(|folder| beside && folder.join("provider").exists())
    };
    let Some(folder) = folder else {
        return read_limited(path, MAX_FILE_BYTES).map_err(|error| io_trouble(path, &error));
    };
    let text = |name: &str| {
        let path = folder.join(name);
        let read = read_settings(&path).map(|text| text.trim().to_owned());
        read.map_err(|error| io_trouble(&path, &error))
    };
    let provider = text("provider")?;
    if provider != TSM_PROVIDER {
        let path = folder.shown();
        let why = format!("the provider is {provider:?}; CCA tokens come from {TSM_PROVIDER:?}");
        return Err(usage(format!("{path}: {why}")));
    }
    // Whoever writes a challenge between the two readings makes another token.
    let before = text("generation")?;
    let outblob = folder.join("outblob");
    let bytes =
        read_limited(&outblob, MAX_FILE_BYTES).map_err(|error| io_trouble(&outblob, &error))?;
    let after = text("generation")?;
    if before != after {
        let why = format!("generation went from {before} to {after} while the token was read");
        return Err(CliError(Exit::Io, format!("{}: {why}", folder.shown())));
    }
    Ok(bytes)
}

fn io_trouble(path: &Path, error: &io::Error) -> CliError {
    CliError(Exit::Io, format!("{}: {error}", path.shown()))
}
