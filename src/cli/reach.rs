//! What files that were read may name: files below their own folder, unless the user allows more.

use std::io;
use std::path::{Path, PathBuf};

use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::encoding::shown::ShowPath as _;
use crate::measure::image::{Image, ImageError};
use crate::script;

/// Which files may be read.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reach(Option<Below>);

#[derive(Clone, Debug)]
struct Below {
    /// Without links.
    folder: PathBuf,
    /// The file, or the process, whose folder it is.
    by: PathBuf,
}

impl Reach {
    /// Files below the folder of `by`, wherever links lead.
    pub(crate) fn below_folder_of(by: &Path) -> Self {
        let folder = by.parent().filter(|folder| !folder.as_os_str().is_empty());
        Self::below(folder.unwrap_or(Path::new(".")), by)
    }

    /// Files below a folder, which is that of `by`.
    pub(crate) fn below(folder: &Path, by: &Path) -> Self {
        // A folder that is not there has nothing below it.
        let folder = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
        Self(Some(Below { folder, by: by.to_owned() }))
    }

    /// Whether a file that is there may be read.
    pub(crate) fn has(&self, path: &Path) -> bool {
        self.refusal(path).is_none()
    }

    /// Why a file may not be read. One that is not there is for whoever opens it to miss.
    fn refusal(&self, path: &Path) -> Option<String> {
        let Below { folder, by } = self.0.as_ref()?;
        let inside = match path.canonicalize() {
            Ok(real) => real.starts_with(folder),
            // A pipe behind /dev/stdin has no path, and is there.
            Err(_) => !path.exists(),
        };
        let (folder, by) = (folder.shown(), by.shown());
        let why = || {
            format!("lies outside of {folder}, the folder of {by}; --allow-outside lets it be read")
        };
        (!inside).then(why)
    }

    /// Refuses a text file.
    pub(crate) fn check(&self, path: &Path) -> io::Result<()> {
        let refused = |why| Err(io::Error::new(io::ErrorKind::PermissionDenied, why));
        self.refusal(path).map_or(Ok(()), refused)
    }

    /// Refuses an image.
    pub(crate) fn check_image(&self, path: &Path) -> Result<(), ImageError> {
        let path_text = || path.display().to_string();
        let refused = |why| Err(ImageError::Outside { path: path_text(), why });
        self.refusal(path).map_or(Ok(()), refused)
    }

    /// Refuses a file that a command line names.
    pub(crate) fn check_named(&self, path: &Path) -> Result<(), CliError> {
        self.check_image(path).map_err(|error| CliError(Exit::Io, error.to_string()))
    }
}

/// Files of another source, as far as they may be read.
pub(crate) struct Within<'s> {
    pub(crate) reach: &'s Reach,
    pub(crate) source: &'s mut dyn script::Source,
}

impl script::Source for Within<'_> {
    fn text(&mut self, path: &str, limit_bytes: u64) -> io::Result<Vec<u8>> {
        self.reach.check(path.as_ref())?;
        self.source.text(path, limit_bytes)
    }

    fn image(&mut self, path: &str) -> Result<Image, ImageError> {
        self.reach.check_image(path.as_ref())?;
        self.source.image(path)
    }

    fn digests(&mut self, path: &str) -> Result<Image, ImageError> {
        self.reach.check_image(path.as_ref())?;
        self.source.digests(path)
    }
}
