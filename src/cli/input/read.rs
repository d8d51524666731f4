//! Small files, read whole: none of them makes the program take memory without a bound.

use std::io::{self, Read as _};
use std::path::Path;

use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::encoding::keys::{KeyError, PublicKey, SigningKey};
use crate::encoding::shown::ShowPath as _;
use crate::inputs;

/// Bytes of a platform or of exceptions.
const MAX_SETTINGS_BYTES: u64 = 4 << 20;

pub(super) fn check_len(len_bytes: usize, limit_bytes: u64) -> io::Result<()> {
    if len_bytes as u64 > limit_bytes {
        let what = format!("has more than {limit_bytes} bytes, the most that are read of it");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, what));
    }
    Ok(())
}

/// Reads a file of at most `limit_bytes`; devices do not say how long they are.
pub(crate) fn read_limited(path: &Path, limit_bytes: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    inputs::read_to_end(inputs::open(path)?, limit_bytes + 1, &mut bytes)?;
    check_len(bytes.len(), limit_bytes)?;
    Ok(bytes)
}

/// A name that has to be text, because it goes into one (a script, a lock).
pub(crate) fn text_name(path: &Path) -> io::Result<&str> {
    let no_text = || io::Error::new(io::ErrorKind::InvalidInput, "the name is not UTF-8");
    path.to_str().ok_or_else(no_text)
}

/// The first bytes of a file, at most so many.
pub(crate) fn read_limited_start(path: &Path, most: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    inputs::open(path)?.take(most as u64).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Reads a configuration file of at most 4 MiB.
pub(crate) fn read_settings(path: &Path) -> io::Result<String> {
    let not_text = |error| io::Error::new(io::ErrorKind::InvalidData, error);
    String::from_utf8(read_limited(path, MAX_SETTINGS_BYTES)?).map_err(not_text)
}

/// Reads a file with a key, which may be binary, of at most 4 MiB.
fn read_key<T>(
    option: &str,
    path: &Path,
    read: impl Fn(&[u8]) -> Result<T, KeyError>,
) -> Result<T, CliError> {
    let about = |exit, why: &dyn std::fmt::Display| {
        CliError(exit, format!("{option} {}: {why}", path.shown()))
    };
    let file = read_limited(path, MAX_SETTINGS_BYTES).map_err(|error| about(Exit::Io, &error))?;
    read(&file).map_err(|error| about(Exit::Usage, &error))
}

/// The public key in a file that `option` names.
pub(crate) fn public_key(option: &str, path: &Path) -> Result<PublicKey, CliError> {
    read_key(option, path, PublicKey::from_bytes)
}

/// The private key in a file that `option` names.
pub(crate) fn signing_key(option: &str, path: &Path) -> Result<SigningKey, CliError> {
    read_key(option, path, SigningKey::from_bytes)
}
