//! What a name of an output stands for.

use std::ffi::OsString;
use std::fs::{self, File, Metadata};
use std::io;
use std::ops::Deref;
use std::os::fd::AsFd as _;
use std::os::unix::fs::FileTypeExt as _;
use std::path::{Path, PathBuf};

use super::folder_of;

/// Links after which a name is taken for a circle, as Linux does.
pub(super) const MAX_LINKS: usize = 40;
/// What people write for standard output.
pub(super) const STDOUT: &str = "-";

/// A name of an output, as an option has it. What the command line holds of this type is written,
/// and nothing else is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OutputPath(PathBuf);

impl From<OsString> for OutputPath {
    fn from(name: OsString) -> Self {
        Self(name.into())
    }
}

impl Deref for OutputPath {
    type Target = Path;

    fn deref(&self) -> &Path {
        &self.0
    }
}

impl AsRef<Path> for OutputPath {
    fn as_ref(&self) -> &Path {
        &self.0
    }
}

/// What is written.
#[derive(Debug)]
pub(super) enum Target {
    /// Something that is never replaced: it is open.
    InPlace(File),
    /// A regular file, or nothing yet; the name is without links.
    Regular { path: PathBuf, old: Option<Metadata> },
}

impl Target {
    /// Looks at what is there.
    pub(super) fn of(path: &Path) -> io::Result<Self> {
        if path.as_os_str() == STDOUT {
            return stdout().map(Self::InPlace);
        }
        let mut found = path.to_owned();
        for _ in 0..MAX_LINKS {
            if let Some(open) = descriptor(&found)? {
                return Ok(Self::InPlace(open));
            }
            let there = match fs::symlink_metadata(&found) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    return Ok(Self::Regular { path: found, old: None });
                }
                other => other?,
            };
            if there.is_symlink() {
                found = folder_of(&found).join(fs::read_link(&found)?);
            } else if there.is_dir() {
                return Err(io::ErrorKind::IsADirectory.into());
            } else if there.is_file() {
                // Who may not write the file may not replace it either.
                File::options().write(true).open(&found)?;
                return Ok(Self::Regular { path: found, old: Some(there) });
            } else if there.file_type().is_socket() {
                let why = "is a socket: it takes connections, and no file that is opened";
                return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
            } else {
                return Ok(Self::InPlace(File::options().write(true).open(&found)?));
            }
        }
        Err(io::Error::new(io::ErrorKind::InvalidInput, "too many levels of links"))
    }
}

/// Standard output, as it is open.
pub(super) fn stdout() -> io::Result<File> {
    Ok(io::stdout().as_fd().try_clone_to_owned()?.into())
}

/// The file behind `/dev/fd/N`, `/proc/self/fd/N` and what links to them.
fn descriptor(path: &Path) -> io::Result<Option<File>> {
    let folder = folder_of(path).canonicalize();
    let of_process =
        folder.is_ok_and(|folder| folder.starts_with("/proc") && folder.ends_with("fd"));
    if !of_process {
        return Ok(None);
    }
    if fs::metadata(path)?.is_file() {
        // The shell has it open: what is in it already stays.
        return File::options().append(true).open(path).map(Some);
    }
    File::options().write(true).open(path).map(Some)
}
