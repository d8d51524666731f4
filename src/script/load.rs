//! Brings a script together with everything that it names: the only I/O of the language.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use thiserror::Error;

use super::error::{MAX_MISTAKES, ScriptError};
use super::grammar::{
    Expr, ExprKind, Form, ImageSource, Kind, Name, Script, Span, Statement, Value,
};
use super::lex::{Lexer, TokenKind};
use super::names::Names;
use super::parse::{MAX_TEXT_BYTES, not_utf8, parse};
use crate::abi::platform::{DramRange, Platform, PlatformError};
use crate::abi::profile::{Edition, Profile};
use crate::encoding::marked_line::about_file;
use crate::encoding::shown::Shown;
use crate::inputs;
use crate::measure::digests::DigestFile;
use crate::measure::image::{Image, ImageError};
use crate::measure::rim::Measurement;

/// Most files that include each other, one inside the other: more is a mistake, not a library.
pub const MAX_INCLUDE_DEPTH: usize = 16;
/// Most `include` statements that are followed in all: sixteen levels of two would be 65536.
pub const MAX_INCLUDES: usize = 256;

/// Where scripts and images come from. Paths are those that the script names, joined with the
/// directory of the file that names them.
pub trait Source {
    /// The bytes of a text file, at most `limit_bytes + 1` of them.
    ///
    /// # Errors
    /// If the file can not be read.
    fn text(&mut self, path: &str, limit_bytes: u64) -> io::Result<Vec<u8>>;

    /// An image.
    ///
    /// # Errors
    /// If the file can not be used as an image.
    fn image(&mut self, path: &str) -> Result<Image, ImageError>;

    /// A file of digests, whose bytes are in memory: what is read from it later can not change.
    ///
    /// # Errors
    /// If the file can not be read.
    fn digests(&mut self, path: &str) -> Result<Image, ImageError> {
        self.image(path)
    }

    /// The machine that the text of a platform file describes.
    ///
    /// Unless a source reads platforms in its own way, this is `Platform::from_toml`, for which the
    /// feature `toml` has to be there.
    ///
    /// # Errors
    /// If the text does not describe a machine that can be.
    fn platform(&mut self, text: &str) -> Result<Platform, PlatformError> {
        #[cfg(feature = "toml")]
        return Platform::from_toml(text);
        #[cfg(not(feature = "toml"))]
        {
            let _ = text;
            let why = "platform files are not read: rimsim was built without its feature `toml`";
            Err(PlatformError::Text(why.into()))
        }
    }
}

/// The file system.
#[derive(Clone, Copy, Debug, Default)]
pub struct Files;

impl Source for Files {
    fn text(&mut self, path: &str, limit_bytes: u64) -> io::Result<Vec<u8>> {
        let file = inputs::open(path.as_ref())?;
        if file.metadata()?.is_dir() {
            return Err(io::Error::new(io::ErrorKind::IsADirectory, "is a directory"));
        }
        let mut bytes = Vec::new();
        inputs::read_to_end(file, limit_bytes.saturating_add(1), &mut bytes)?;
        Ok(bytes)
    }

    fn image(&mut self, path: &str) -> Result<Image, ImageError> {
        // "." beside a script that was named without a folder leaves nothing of the path.
        Image::open(Path::new(if path.is_empty() { "." } else { path }))
    }

    fn digests(&mut self, path: &str) -> Result<Image, ImageError> {
        Image::read(Path::new(if path.is_empty() { "." } else { path }))
    }
}

/// Files that are only in memory: for tests, fuzzers and embedders.
#[derive(Clone, Debug, Default)]
pub struct MemoryFiles(pub BTreeMap<String, Vec<u8>>);

impl Source for MemoryFiles {
    fn text(&mut self, path: &str, _: u64) -> io::Result<Vec<u8>> {
        self.0.get(path).cloned().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn image(&mut self, path: &str) -> Result<Image, ImageError> {
        let error = |source| ImageError::Io { path: path.to_owned(), source };
        let bytes = self.text(path, u64::MAX).map_err(error)?;
        if bytes.is_empty() {
            return Err(ImageError::Empty { path: path.to_owned() });
        }
        Ok(Image::from_bytes(path, bytes))
    }
}

/// Why a script can not be loaded.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The script, or one that it includes, has a mistake.
    #[error("{0}")]
    Script(Box<ScriptError>),
    /// A file can not be read.
    #[error("{path}: {source}{}", named(place), path = Shown(path))]
    Io {
        /// The file.
        path: String,
        /// The statement that names it, unless it is the script itself.
        place: Option<crate::session::Place>,
        /// What the system said.
        source: io::Error,
    },
    /// An image can not be used.
    #[error("{source}{}", named(&Some(place.clone())))]
    Image {
        /// The statement that names it.
        place: crate::session::Place,
        /// Why.
        source: ImageError,
    },
}

fn named(place: &Option<crate::session::Place>) -> String {
    place.as_ref().map(|place| format!(" (named in {place})")).unwrap_or_default()
}

impl From<ScriptError> for LoadError {
    fn from(error: ScriptError) -> Self {
        Self::Script(Box::new(error))
    }
}

/// A script with its includes in their places and its images opened.
#[derive(Clone, Debug)]
pub struct LoadedScript {
    pub(super) items: Vec<Item>,
    pub(super) platform: Option<Platform>,
    pub(super) profile: Option<Profile>,
    pub(super) edition: Option<Edition>,
    /// Numbers written in hexadecimal: what `auto` keeps away from.
    pub(super) literals: BTreeSet<u64>,
    texts: BTreeMap<String, TextFile>,
    opened: Vec<Arc<Image>>,
}

/// A text that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TextFile {
    /// Its length in bytes.
    pub len_bytes: u64,
    /// SHA-256 of its bytes.
    pub sha256: Measurement,
}

impl TextFile {
    fn of(bytes: &[u8]) -> Self {
        Self { len_bytes: bytes.len() as u64, sha256: Measurement::sha256(bytes) }
    }
}

impl LoadedScript {
    /// The machine and the RMM that the script asks for, or the defaults.
    pub(super) fn setup(&self) -> (Platform, Profile) {
        let profile = self.profile.unwrap_or_default();
        let edition = self.edition.unwrap_or(profile.edition());
        (self.platform.clone().unwrap_or_default(), profile.in_edition(edition))
    }

    /// The texts that were read, by the names under which they were asked for: the script, what it
    /// includes, a platform file.
    pub fn files(&self) -> impl Iterator<Item = &str> {
        self.texts.keys().map(String::as_str)
    }

    /// The same with their digests.
    pub fn texts(&self) -> impl Iterator<Item = (&str, &TextFile)> {
        self.texts.iter().map(|(name, text)| (name.as_str(), text))
    }

    /// Says where the statements come from, if the script was made of another text: for each, the
    /// line there, from 1, or 0 if there is none. Messages then show that text.
    pub fn came_from(&mut self, file: &str, text: String, lines: impl Iterator<Item = u32>) {
        let text = Arc::new(SourceText { file: file.into(), text });
        for (item, line) in self.items.iter_mut().zip(lines).filter(|(_, line)| *line != 0) {
            item.statement.span = Span { line, column: 1 };
            item.text = Arc::clone(&text);
        }
    }

    /// Whether a statement says that something is not known.
    #[must_use]
    pub fn has_gaps(&self) -> bool {
        self.items.iter().any(|item| {
            let image =
                matches!(&item.statement.kind, Kind::Image { source: ImageSource::Unknown(_), .. });
            image || matches!(&item.statement.kind, Kind::Unknown { .. })
        })
    }

    /// The images that the script names, each once.
    #[must_use]
    pub fn opened(&self) -> &[Arc<Image>] {
        &self.opened
    }

    /// The images that the script names, each as often as it does.
    pub fn images(&self) -> impl Iterator<Item = &Arc<Image>> {
        self.items.iter().filter_map(|item| item.image.as_ref())
    }
}

/// A statement, the text in which it stands, and the file that it names.
#[derive(Clone, Debug)]
pub(super) struct Item {
    pub(super) statement: Statement,
    pub(super) text: Arc<SourceText>,
    pub(super) image: Option<Arc<Image>>,
}

/// A file's name and text.
#[derive(Debug)]
pub(super) struct SourceText {
    pub(super) file: Arc<str>,
    pub(super) text: String,
}

impl SourceText {
    pub(super) fn error(&self, span: Span, message: impl Into<String>) -> ScriptError {
        ScriptError::new(&self.file, &self.text, span, message)
    }
}

/// Loads a script from the file system.
///
/// # Bounds
/// As [`load_from`].
///
/// # Errors
/// If a file can not be read, or a script has a mistake.
pub fn load(path: &Path) -> Result<LoadedScript, LoadError> {
    load_with(path, &mut Files)
}

/// Loads a script and what it names from `source`.
///
/// # Bounds
/// As [`load_from`].
///
/// # Errors
/// As [`load`].
pub fn load_with(path: &Path, source: &mut dyn Source) -> Result<LoadedScript, LoadError> {
    let Some(path) = path.to_str() else {
        let source = io::Error::new(io::ErrorKind::InvalidInput, "the name is not UTF-8");
        return Err(LoadError::Io { path: path.display().to_string(), place: None, source });
    };
    load_from(path, source)
}

/// Loads a script from anywhere.
///
/// # Bounds
/// Time and memory grow with the length of the script and of what it includes, memory by at most
/// 60 bytes for each byte: all of it together has at most as many bytes as one script may have, in
/// at most [`MAX_INCLUDES`] files.
///
/// # Errors
/// As [`load`].
pub fn load_from(path: &str, source: &mut dyn Source) -> Result<LoadedScript, LoadError> {
    let mut loader = Loader {
        source,
        loaded: LoadedScript {
            items: Vec::new(),
            platform: None,
            profile: None,
            edition: None,
            literals: BTreeSet::new(),
            texts: BTreeMap::new(),
            opened: Vec::new(),
        },
        images: BTreeMap::new(),
        open: Vec::new(),
        includes: 0,
        left_bytes: MAX_TEXT_BYTES,
        acted: false,
        memory: Vec::new(),
        names: Names::default(),
        mistakes: Vec::new(),
    };
    let _span = tracing::info_span!("load", file = path).entered();
    let result = loader.file(path, None);
    if let Some(error) = ScriptError::of_all(loader.mistakes) {
        return Err(error.into());
    }
    result?;
    let (items, images) = (loader.loaded.items.len(), loader.images.len());
    tracing::info!(items, images, "loaded a script");
    Ok(loader.loaded)
}

struct Loader<'s> {
    source: &'s mut dyn Source,
    loaded: LoadedScript,
    /// By name, and whether it is a file of digests.
    images: BTreeMap<(String, bool), Arc<Image>>,
    /// The files that include each other down to where we are.
    open: Vec<String>,
    includes: usize,
    left_bytes: u64,
    /// Something was done that a platform would have to be known for.
    acted: bool,
    /// What the script has said of memory so far.
    memory: Vec<DramRange>,
    names: Names,
    /// What is wrong so far.
    mistakes: Vec<ScriptError>,
}

impl Loader<'_> {
    fn file(&mut self, path: &str, by: Option<(&SourceText, Span)>) -> Result<(), LoadError> {
        let bytes = self.source.text(path, self.left_bytes).map_err(|source| LoadError::Io {
            path: path.to_owned(),
            place: by.map(|(text, span)| span.in_file(&text.file)),
            source,
        })?;
        if bytes.len() as u64 > self.left_bytes {
            let message =
                format!("with {path} the script is longer than {} MiB", MAX_TEXT_BYTES >> 20);
            let first = Span { line: 1, column: 1 };
            return Err(by
                .map_or_else(
                    || ScriptError::new(&path.into(), "", first, message.as_str()),
                    |(text, span)| text.error(span, message.as_str()),
                )
                .into());
        }
        self.left_bytes -= bytes.len() as u64;
        self.loaded.texts.insert(path.to_owned(), TextFile::of(&bytes));
        let text = match String::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => {
                let valid = error.utf8_error().valid_up_to();
                return Err(not_utf8(path, error.as_bytes(), valid).into());
            }
        };
        let Script { file, statements } = parse(path, &text)?;
        self.loaded.literals.extend(literals(&text));
        let text = Arc::new(SourceText { file, text });
        self.open.push(path.to_owned());
        for statement in statements {
            match self.statement(path, &text, statement) {
                Ok(()) => {}
                Err(LoadError::Script(mistake)) if self.mistakes.len() < MAX_MISTAKES => {
                    self.mistakes.extend(mistake.each());
                }
                Err(error) => return Err(error),
            }
        }
        self.open.pop();
        Ok(())
    }

    fn statement(
        &mut self,
        path: &str,
        text: &Arc<SourceText>,
        statement: Statement,
    ) -> Result<(), LoadError> {
        let span = statement.span;
        let mut image = None;
        match &statement.kind {
            Kind::Empty => return Ok(()),
            Kind::Include(name) => return self.include(path, text, name),
            Kind::Platform(name) => {
                if !self.memory.is_empty() {
                    return Err(text.error(span, "`platform` stands before `memory`").into());
                }
                self.only_once(text, span, "platform", self.loaded.platform.is_some())?;
                self.loaded.platform = Some(self.platform(path, text, name)?);
            }
            Kind::Memory { base, top } => self.memory(text, span, base, top)?,
            Kind::Rmm(name) => {
                self.only_once(text, span, "rmm", self.loaded.profile.is_some())?;
                self.loaded.profile = Profile::from_name(&name.text);
            }
            Kind::Spec(name) => {
                self.only_once(text, span, "spec", self.loaded.edition.is_some())?;
                self.loaded.edition = Edition::from_name(&name.text);
            }
            Kind::Image { source: ImageSource::File(name), .. } => {
                image = Some(self.image(path, text, name, false)?);
            }
            Kind::Image { source: ImageSource::Digests(name), .. } => {
                image = Some(self.image(path, text, name, true)?);
            }
            Kind::Image { .. }
            | Kind::Note(_)
            | Kind::Unknown { .. }
            | Kind::RttAuto(_)
            | Kind::Let { value: Value::Number(_), .. } => {}
            _ => self.acted = true,
        }
        self.names.statement(text, &statement.kind)?;
        self.loaded.items.push(Item { statement, text: Arc::clone(text), image });
        Ok(())
    }

    /// Delegable memory in place of the platform's.
    fn memory(
        &mut self,
        text: &SourceText,
        span: Span,
        base: &Expr,
        top: &Expr,
    ) -> Result<(), ScriptError> {
        self.only_once(text, span, "memory", false)?;
        let (ExprKind::Number(base, _), ExprKind::Number(end, _)) = (&base.kind, &top.kind) else {
            return Err(text.error(span, "`memory` takes plain numbers"));
        };
        let size = end.checked_sub(*base).filter(|size| *size > 0);
        let size = size.ok_or_else(|| text.error(top.span, "`top` has to lie above `base`"))?;
        self.memory.push(DramRange { base: *base, size });
        let platform = self.loaded.platform.take().unwrap_or_default();
        let platform = platform.with_dram(self.memory.clone());
        self.loaded.platform =
            Some(platform.map_err(|error| text.error(span, format!("memory: {error}")))?);
        Ok(())
    }

    fn only_once(
        &self,
        text: &SourceText,
        span: Span,
        what: &str,
        known: bool,
    ) -> Result<(), ScriptError> {
        if known {
            return Err(text.error(span, format!("`{what}` is given twice")));
        }
        if self.acted {
            return Err(text.error(span, format!("`{what}` has to stand before the first action")));
        }
        Ok(())
    }

    fn include(
        &mut self,
        path: &str,
        text: &Arc<SourceText>,
        name: &Name,
    ) -> Result<(), LoadError> {
        let included = join(path, &name.text);
        self.includes += 1;
        let mistake = if self.open.contains(&included) {
            format!("{included} includes itself: {} -> {included}", self.open.join(" -> "))
        } else if self.open.len() >= MAX_INCLUDE_DEPTH {
            format!("more than {MAX_INCLUDE_DEPTH} files include each other")
        } else if self.includes > MAX_INCLUDES {
            format!("more than {MAX_INCLUDES} files are included")
        } else {
            return self.file(&included, Some((text, name.span)));
        };
        Err(text.error(name.span, mistake).into())
    }

    fn platform(
        &mut self,
        path: &str,
        text: &SourceText,
        name: &Name,
    ) -> Result<Platform, LoadError> {
        if !name.text.ends_with(".toml") {
            let platform = Platform::preset(&name.text);
            return platform.map_err(|error| text.error(name.span, error.to_string()).into());
        }
        let file = join(path, &name.text);
        let bytes = self.source.text(&file, MAX_TEXT_BYTES).map_err(|source| LoadError::Io {
            path: file.clone(),
            place: Some(name.span.in_file(&text.file)),
            source,
        })?;
        self.loaded.texts.insert(file.clone(), TextFile::of(&bytes));
        let platform = String::from_utf8_lossy(&bytes);
        let platform = self.source.platform(&platform);
        platform.map_err(|error| text.error(name.span, about_file(&file, error)).into())
    }

    fn image(
        &mut self,
        path: &str,
        text: &SourceText,
        name: &Name,
        digests: bool,
    ) -> Result<Arc<Image>, LoadError> {
        let file = join(path, &name.text);
        let known = (file.clone(), digests);
        if let Some(image) = self.images.get(&known) {
            return Ok(Arc::clone(image));
        }
        let place = name.span.in_file(&text.file);
        let image = match digests {
            true => self.source.digests(&file).and_then(known_by_digests),
            false => self.source.image(&file),
        };
        let image = Arc::new(image.map_err(|source| LoadError::Image { place, source })?);
        self.images.insert(known, Arc::clone(&image));
        self.loaded.opened.push(Arc::clone(&image));
        Ok(image)
    }
}

/// The image that a file of digests tells of.
fn known_by_digests(file: Image) -> Result<Image, ImageError> {
    let path = file.name().to_owned();
    match DigestFile::read(&Arc::new(file)) {
        Ok(digests) => Ok(Image::from_digests(path, digests.lists)),
        Err(source) => Err(ImageError::Digests { path, source }),
    }
}

/// `name` as seen from the directory of `path`.
fn join(path: &str, name: &str) -> String {
    let directory = Path::new(path).parent().unwrap_or(Path::new(""));
    let joined = directory.join(name);
    // One file should have one name: `.` says nothing.
    let parts = joined.components().filter(|part| *part != Component::CurDir);
    let joined: PathBuf = parts.collect();
    joined.to_string_lossy().into_owned()
}

fn literals(text: &str) -> Vec<u64> {
    let mut lexer = Lexer::new("".into(), text);
    let mut found = Vec::new();
    while let Ok(token) = lexer.next() {
        match token.kind {
            TokenKind::Number(value, Form::Hex) => found.push(value),
            TokenKind::End => break,
            _ => {}
        }
    }
    found
}
