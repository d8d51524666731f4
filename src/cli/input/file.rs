//! Files named on the command line: which kind they are, and what can be wrong with them.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::read::check_len;
use crate::cli::console::Console;
use crate::cli::exit::Exit;
use crate::cli::reach::{Reach, Within};
use crate::encoding::shown::ShowPath as _;
use crate::inputs;
use crate::measure::image::ImageError;
use crate::outputs::OutputError;
use crate::rmm_log::ImportError;
use crate::script::{self, LoadError, LoadedScript};
use crate::vector::{self, Vector, VectorError};

/// A file that can be replayed.
#[derive(Debug)]
pub(crate) enum Input {
    /// A recorded vector.
    Vector(Vector),
    /// A script, with everything it includes.
    Script(LoadedScript),
}

/// Largest vector that is read, in bytes.
pub(crate) const MAX_VECTOR_BYTES: u64 = 256 << 20;

/// Why a file can not be replayed.
#[derive(Debug, Error)]
pub(crate) enum Problem {
    #[error("{path}: {source}", path = path.shown())]
    Io { path: PathBuf, source: std::io::Error },
    #[error(transparent)]
    Output(#[from] OutputError),
    #[error("{path}: is a directory; name the files in it", path = path.shown())]
    Directory { path: PathBuf },
    #[error("{path}: has {len_bytes} bytes, and a vector at most {MAX_VECTOR_BYTES}",
        path = path.shown())]
    TooLong { path: PathBuf, len_bytes: u64 },
    #[error("{path}: no {wanted} files in it", path = path.shown())]
    NothingFound { path: PathBuf, wanted: String },
    #[error("{path}: uses images of which only digests are known; a vector has all bytes",
        path = path.shown())]
    Unknown { path: PathBuf },
    #[error("{path}: says `unknown`; a vector has all that the Host did", path = path.shown())]
    Gaps { path: PathBuf },
    #[error("{path}: {source}", path = path.shown())]
    Log { path: PathBuf, source: Box<ImportError> },
    #[error(transparent)]
    Params { source: Box<ImportError> },
    #[error("{0}")]
    Platform(String),
    #[error("{path}: the log does not have\n  {needs}", path = path.shown(),
        needs = needs.join("\n  "))]
    Needs { path: PathBuf, needs: Vec<String> },
    #[error("{error}\nit begins as JSON does: a vector's name ends in .json")]
    JsonScript { error: String },
    #[error(transparent)]
    Image(#[from] ImageError),
    #[error(transparent)]
    Vector(#[from] VectorError),
    #[error(transparent)]
    Script(#[from] LoadError),
}

impl Problem {
    /// Tells people, and how the process ends.
    pub(crate) fn tell(&self, console: &mut Console) -> Exit {
        match self {
            Self::Script(LoadError::Script(mistake)) => {
                mistake.messages().iter().for_each(|text| console.error(text));
            }
            _ => console.error(&self.to_string()),
        }
        self.exit()
    }

    /// The exit code that tells of it.
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Io { .. }
            | Self::Output(OutputError::Io { .. } | OutputError::NothingBeside { .. })
            | Self::Directory { .. }
            | Self::NothingFound { .. }
            | Self::Image(_) => Exit::Io,
            Self::TooLong { .. }
            | Self::Output(_)
            | Self::Unknown { .. }
            | Self::Gaps { .. }
            | Self::JsonScript { .. }
            | Self::Log { .. }
            | Self::Params { .. }
            | Self::Platform(_)
            | Self::Needs { .. }
            | Self::Vector(_) => Exit::Usage,
            Self::Script(
                LoadError::Script(_) | LoadError::Image { source: ImageError::Digests { .. }, .. },
            ) => Exit::Usage,
            Self::Script(_) => Exit::Io,
        }
    }
}

impl Input {
    /// Reads a file. One whose name ends in `.json` is a vector, one in `.rmi` a script; of any
    /// other (a pipe, standard input) the text decides: no script begins with a brace. A script
    /// names files within `reach`.
    pub(crate) fn open(path: &Path, reach: &Reach) -> Result<Self, Problem> {
        Self::open_with(path, reach, &mut script::Files)
    }

    /// As [`Input::open`], with what a script names from `source`.
    pub(crate) fn open_with(
        path: &Path,
        reach: &Reach,
        source: &mut dyn script::Source,
    ) -> Result<Self, Problem> {
        let io = |source| Problem::Io { path: path.to_owned(), source };
        let metadata = std::fs::metadata(path).map_err(io)?;
        if metadata.is_dir() {
            return Err(Problem::Directory { path: path.to_owned() });
        }
        let has = |wanted: &str| path.extension().is_some_and(|extension| extension == wanted);
        if has("json") && metadata.len() > MAX_VECTOR_BYTES {
            return Err(Problem::TooLong { path: path.to_owned(), len_bytes: metadata.len() });
        }
        let text = read_text(path, has("json")).map_err(io)?;
        Self::of_bytes(path, text, reach, source)
    }

    /// What the bytes of a file are.
    pub(crate) fn of_bytes(
        path: &Path,
        text: Vec<u8>,
        reach: &Reach,
        source: &mut dyn script::Source,
    ) -> Result<Self, Problem> {
        let has = |wanted: &str| path.extension().is_some_and(|extension| extension == wanted);
        let is_json = begins_as_json(&text);
        if has("json") || is_json && !has("rmi") {
            return Ok(Self::Vector(vector::read(&path.display().to_string(), &text)?));
        }
        let mut within = Within { reach, source };
        let mut source = Once { first: Some(text), source: &mut within };
        match script::load_with(path, &mut source) {
            Err(LoadError::Script(error)) if is_json => {
                Err(Problem::JsonScript { error: error.to_string() })
            }
            other => Ok(Self::Script(other?)),
        }
    }
}

/// The script's own text, which was read already, and everything else from where it comes.
struct Once<'s> {
    first: Option<Vec<u8>>,
    source: &'s mut dyn script::Source,
}

impl script::Source for Once<'_> {
    fn text(&mut self, path: &str, limit_bytes: u64) -> io::Result<Vec<u8>> {
        match self.first.take() {
            Some(text) => Ok(text),
            None => self.source.text(path, limit_bytes),
        }
    }

    fn image(&mut self, path: &str) -> Result<crate::measure::image::Image, ImageError> {
        self.source.image(path)
    }

    fn digests(&mut self, path: &str) -> Result<crate::measure::image::Image, ImageError> {
        self.source.digests(path)
    }
}

/// The text of a script or a vector. A script that is too long
/// comes with one byte more than it may have.
fn read_text(path: &Path, vector: bool) -> io::Result<Vec<u8>> {
    let mut file = inputs::open(path)?;
    let mut text = Vec::new();
    inputs::read_to_end(&mut file, script::MAX_TEXT_BYTES + 1, &mut text)?;
    if vector || begins_as_json(&text) {
        let room = (MAX_VECTOR_BYTES + 1).saturating_sub(text.len() as u64);
        inputs::read_to_end(file, room, &mut text)?;
        check_len(text.len(), MAX_VECTOR_BYTES)?;
    }
    Ok(text)
}

fn begins_as_json(text: &[u8]) -> bool {
    text.trim_ascii_start().first() == Some(&b'{')
}
