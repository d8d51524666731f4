//! Sides of `explain` that are command lines, and what they say otherwise.

use std::path::Path;
use std::sync::Arc;

use crate::cli::console::Console;
use crate::cli::error::CliError;
use crate::cli::input::command_line;
use crate::cli::options::{
    CacheArgs, GuestArgs, HashingArgs, ImageFiles, LineArgs, OutsideArgs, Purpose, ResponderArgs,
    VmmArgs,
};
use crate::cli::request::{Boot, MappedFiles, RequestWords, is_request, request};
use crate::encoding::shown::ShowPath as _;
use crate::explain::Trail;
use crate::host::Files;
use crate::measure::image::{Image, ImageError};
use crate::predict::{self, Cause, Request};

/// A command line in a file.
#[derive(Debug)]
pub(crate) struct Line {
    guest: GuestArgs,
    responder: ResponderArgs,
    hashing: HashingArgs,
    vmm: VmmArgs,
}

impl Line {
    /// The command line of a file with arguments of `rimsim measure`, or of a domain of libvirt;
    /// `None` of any other file.
    pub(crate) fn of(path: &Path, outside: OutsideArgs) -> Result<Option<Self>, CliError> {
        if is_request(path) {
            let RequestWords { guest, responder, hashing, vmm, .. } =
                RequestWords::in_file(path, outside)?;
            return Ok(Some(Self { guest, responder, hashing, vmm }));
        }
        if path.extension().is_none_or(|extension| extension != "xml") {
            return Ok(None);
        }
        let line = LineArgs { domain: Some(path.to_owned()), ..LineArgs::default() };
        let mut guest = GuestArgs::default();
        let vmm = command_line(&line, &mut guest, outside)?;
        let (responder, hashing) = (ResponderArgs::default(), HashingArgs::default());
        Ok(Some(Self { guest, responder, hashing, vmm }))
    }

    /// What is measured of it.
    pub(crate) fn trail(&self, path: &Path, files: &ImageFiles) -> Result<Trail, CliError> {
        let Self { guest, responder, vmm, .. } = self;
        let mut hashing = self.hashing.clone();
        hashing.copy |= files.copies();
        let (cache, purpose) = (&CacheArgs::default(), Purpose::Reliance);
        let boot = Boot { guest, responder, hashing: &hashing, cache, vmm, purpose };
        let shown = path.shown().to_string();
        match boot.predicted(Vec::new(), &mut Console::new()) {
            Ok(measured) => Ok(measured.trail(&shown)),
            Err(CliError(exit, text)) => Err(CliError(exit, format!("{shown}: {text}"))),
        }
    }

    fn request(&self) -> Result<Request, CliError> {
        request(&self.guest, &self.responder, &self.vmm)
    }
}

/// What two command lines say otherwise. One that is refused is tried with each thing that the
/// other says.
pub(crate) fn causes(
    [a, b]: [&Line; 2],
    files: &ImageFiles,
    refused: [bool; 2],
) -> Result<Vec<Cause>, CliError> {
    let (one, other) = (a.request()?, b.request()?);
    let opened = |line| MappedFiles::new(line, files.clone());
    let mut both = Both([opened(&a.guest), opened(&b.guest)]);
    if refused == [false, true] {
        let mut causes = predict::causes(&other, &one, &mut both, true)?;
        causes.iter_mut().for_each(|cause| std::mem::swap(&mut cause.a, &mut cause.b));
        return Ok(causes);
    }
    Ok(predict::causes(&one, &other, &mut both, refused[0])?)
}

/// The files of two command lines.
struct Both<'a>([MappedFiles<'a>; 2]);

impl Files for Both<'_> {
    fn open(&mut self, name: &str) -> Result<Arc<Image>, ImageError> {
        let [one, other] = &mut self.0;
        one.open(name).or_else(|error| other.open(name).map_err(|_| error))
    }

    fn has_lkvm_root(&mut self, name: &str) -> bool {
        self.0.iter_mut().any(|files| files.has_lkvm_root(name))
    }
}
