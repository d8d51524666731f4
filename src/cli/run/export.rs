//! The vector that `run --export` makes: written while the session goes on, beside its target, and
//! put in the target's place at the end of the run.

use std::path::PathBuf;

use crate::cli::input::{Input, MAX_VECTOR_BYTES, Problem, Setup};
use crate::encoding::shown::ShowPath as _;
use crate::outputs::{OutputPath, OutputSet, Pending};
use crate::vector::Writer;

/// An export that is being written. Dropping it leaves the target as it was.
pub(crate) struct Export {
    writer: Option<Writer<Pending>>,
    target: PathBuf,
}

impl Export {
    /// Begins to write what `input` shows.
    pub(crate) fn begin(
        target: &OutputPath,
        input: &Input,
        name: &str,
        setup: &Setup,
        outputs: &mut OutputSet,
    ) -> Result<Self, Problem> {
        let out = outputs.begin(target)?;
        let implementation = concat!("rimsim ", env!("CARGO_PKG_VERSION"));
        let (rmm, platform) = (input.profile(setup), input.platform(setup));
        let writer = Some(Writer::new(out, name, rmm, &platform, implementation));
        Ok(Self { writer, target: target.to_path_buf() })
    }

    /// Who writes the steps down.
    pub(crate) fn observer(&mut self) -> &mut Writer<Pending> {
        self.writer.as_mut().expect("there until the end")
    }

    /// The vector is complete. Returns what there is to say of it.
    pub(crate) fn finish(mut self, outputs: &mut OutputSet) -> Result<Option<String>, Problem> {
        let writer = self.writer.take().expect("finished once");
        let len_bytes = writer.len_bytes();
        let io = |source| Problem::Io { path: self.target.clone(), source };
        outputs.add(writer.finish().map_err(io)?);
        Ok((len_bytes > MAX_VECTOR_BYTES).then(|| {
            format!(
                "{}: has {len_bytes} bytes; rimsim itself reads vectors of at most \
                 {MAX_VECTOR_BYTES}",
                self.target.shown()
            )
        }))
    }
}
