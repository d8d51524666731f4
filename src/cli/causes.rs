//! Sides of `explain` that are command lines, and what they say otherwise.

use std::path::Path;
use std::sync::Arc;

use crate::cli::console::Console;
use crate::cli::error::CliError;
use crate::cli::input::command_line;
use crate::cli::options::{
    CacheArgs, GuestArgs, HashingArgs, ImageFiles, LineArgs, OutsideArgs, Purpose, ResponderArgs,
    VmmArgs, named,
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
    pub(crate) guest: GuestArgs,
    pub(crate) responder: ResponderArgs,
    pub(crate) hashing: HashingArgs,
    pub(crate) vmm: VmmArgs,
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
    let mut both = Both([a, b].map(|line| Side {
        argv: &line.vmm.argv,
        files: MappedFiles::new(&line.guest, files.clone()),
    }));
    if refused == [false, true] {
        let mut causes = predict::causes(&other, &one, &mut both, true)?;
        causes.iter_mut().for_each(|cause| std::mem::swap(&mut cause.a, &mut cause.b));
        return Ok(causes);
    }
    Ok(predict::causes(&one, &other, &mut both, refused[0])?)
}

/// The files of two command lines. Each opens what it says, as it may; what both say is the first
/// one's.
struct Both<'a>([Side<'a>; 2]);

/// One of them.
struct Side<'a> {
    argv: &'a [String],
    files: MappedFiles<'a>,
}

impl Side<'_> {
    fn says(&self, name: &str) -> bool {
        self.argv.iter().any(|word| named(word).any(|said| said == name))
    }
}

impl Files for Both<'_> {
    fn open(&mut self, name: &str) -> Result<Arc<Image>, ImageError> {
        let [one, other] = &mut self.0;
        match (one.says(name), other.says(name)) {
            (true, false) => one.files.open(name),
            (false, true) => other.files.open(name),
            _ => one.files.open(name).or_else(|error| match error {
                // What one line may not read the other does not read for it.
                ImageError::Outside { .. } => Err(error),
                error => other.files.open(name).map_err(|_| error),
            }),
        }
    }

    fn has_lkvm_root(&mut self, name: &str) -> bool {
        self.0.iter_mut().any(|side| side.files.has_lkvm_root(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::reach::Reach;

    /// Each side's files are opened as that side may.
    #[test]
    fn no_side_opens_files_for_the_other() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name).display().to_string();
        std::fs::create_dir(path("in")).expect("a folder");
        for name in ["in/own", "other", "both"] {
            std::fs::write(path(name), name).expect("a file");
        }
        let found = GuestArgs {
            named_by: Reach::below(path("in").as_ref(), "vm.xml".as_ref()),
            ..GuestArgs::default()
        };
        let typed = GuestArgs::default();
        let argv = |names: &[&str]| names.iter().map(|name| path(name)).collect::<Vec<_>>();
        let (one, other) = (argv(&["in/own", "both"]), argv(&["other", "both"]));
        let files = HashingArgs::default().files();
        let side = |guest, argv| Side { argv, files: MappedFiles::new(guest, files.clone()) };
        for turned in [false, true] {
            let mut sides = [side(&found, &one), side(&typed, &other)];
            if turned {
                sides.reverse();
            }
            let mut both = Both(sides);
            assert!(both.open(&path("in/own")).is_ok());
            assert!(both.open(&path("other")).is_ok(), "as the side may that says it");
            let opened = both.open(&path("both"));
            assert_eq!(opened.is_ok(), turned, "as the first side may");
            if let Err(error) = opened {
                assert!(matches!(error, ImageError::Outside { .. }), "{error}");
            }
        }
    }
}
