//! The vector that `run --export` makes: written while the session goes on, beside its target, and
//! put in the target's place at the end.

use std::path::{Path, PathBuf};

use crate::cli::input::{Input, MAX_VECTOR_BYTES, Problem, Setup};
use crate::encoding::shown::ShowPath as _;
use crate::outputs::Pending;
use crate::vector::Writer;

/// An export that is being written. Dropping it leaves the target as it was.
pub(crate) struct Export {
    writer: Option<Writer<Pending>>,
    target: PathBuf,
}

impl Export {
    /// Begins to write what `input` shows.
    pub(crate) fn begin(
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
    pub(crate) fn observer(&mut self) -> &mut Writer<Pending> {
        self.writer.as_mut().expect("there until the end")
    }

    /// Puts the vector into its place. Returns what there is to say of it.
    pub(crate) fn finish(mut self) -> Result<Option<String>, Problem> {
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
