//! The vector that `run --export` makes: written while the session goes on, beside its target, and
//! put in the target's place at the end.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::input::{Input, MAX_VECTOR_BYTES, Problem};
use super::replay::Setup;
use crate::encoding::shown::ShowPath as _;
use crate::outputs::Pending;
use crate::vector::Writer;

/// An export that is being written. Dropping it leaves the target as it was.
pub(super) struct Export {
    writer: Option<Writer<Pending>>,
    target: PathBuf,
}

impl Export {
    /// Begins to write what `input` shows.
    pub(super) fn begin(
        target: &Path,
        input: &Input,
        name: &str,
        setup: &Setup,
    ) -> Result<Self, Problem> {
        let io = |source| Problem::Io { path: target.to_owned(), source };
        let out = Pending::create(target).map_err(io)?;
        let implementation = concat!("rimsim ", env!("CARGO_PKG_VERSION"));
        let (edition, platform) = (input.edition(setup), input.platform(setup));
        let writer = Some(Writer::new(out, name, edition, &platform, implementation));
        Ok(Self { writer, target: target.to_owned() })
    }

    /// Who writes the steps down.
    pub(super) fn observer(&mut self) -> &mut Writer<Pending> {
        self.writer.as_mut().expect("there until the end")
    }

    /// Puts the vector into its place. Returns what there is to say of it.
    pub(super) fn finish(mut self) -> Result<Option<String>, Problem> {
        let writer = self.writer.take().expect("finished once");
        let len_bytes = writer.len_bytes();
        let io = |source| Problem::Io { path: self.target.clone(), source };
        writer.finish().and_then(Pending::commit).map_err(io)?;
        Ok((len_bytes > MAX_VECTOR_BYTES).then(|| {
            format!(
                "{}: has {len_bytes} bytes; rimsim itself reads vectors of at most \
                 {MAX_VECTOR_BYTES}",
                self.target.shown()
            )
        }))
    }
}

/// Refuses a target that is one of the files that are read.
pub(super) fn keep_apart(target: &Path, path: &Path, input: &Input) -> Result<(), Problem> {
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
pub(super) fn same_file(a: &Path, b: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    // By number: one file can have many names.
    let id = |path| fs::metadata(path).ok().map(|data| (data.dev(), data.ino(), data.is_file()));
    matches!((id(a), id(b)), (Some(a), Some(b)) if a == b && a.2)
}
