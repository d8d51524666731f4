//! Two measured boots beside each other: chains of them, and logs of guests.

use std::io::{self, Read as _};
use std::path::Path;

use serde_json::json;

use crate::abi::profile::RemReading;
use crate::boot::{BootEvent, Seen, compare, events_of, seen_in, seen_of};
use crate::cli::chains::{self, Booted};
use crate::cli::console::Console;
use crate::cli::error::{CliError, usage};
use crate::cli::exit::Exit;
use crate::cli::input::read_limited;
use crate::cli::options::{Format, HashingArgs, OutsideArgs};
use crate::cli::{differences, explanation};
use crate::encoding::shown::ShowPath as _;
use crate::event_log::{self, Log, MAX_LOG_BYTES};
use crate::explain;
use crate::inputs;
use crate::measure::rim::HashAlgo;

/// Where the signature of a log stands, and what it is.
const SIGNATURE: (usize, &[u8]) = (32, b"Spec ID Event03\0");

/// How boots are compared and told.
pub(crate) struct Options<'a> {
    pub(crate) outside: OutsideArgs,
    pub(crate) hashing: &'a HashingArgs,
    pub(crate) format: Format,
}

/// Whether a file is a chain or a log of a boot.
pub(crate) fn is_boot(path: &Path) -> bool {
    chains::is_chain(path) || is_log(path)
}

/// Whether a file begins as a log does.
pub(crate) fn is_log(path: &Path) -> bool {
    // What can only be read once is not looked at.
    if !path.is_file() {
        return false;
    }
    let mut start = [0; SIGNATURE.0 + 16];
    let read = inputs::open(path).and_then(|mut file| file.read_exact(&mut start));
    read.is_ok() && start[SIGNATURE.0..] == *SIGNATURE.1
}

enum Side {
    Chain(Box<Booted>),
    Log(Log),
}

impl Side {
    fn open(path: &Path, options: &Options<'_>, console: &mut Console) -> Result<Self, CliError> {
        let shown = path.shown();
        if chains::is_chain(path) {
            let reading = RemReading::Concatenated;
            let (outside, hashing) = (options.outside, options.hashing);
            let booted = chains::open(path, outside, hashing, reading, console)?;
            return Ok(Self::Chain(Box::new(booted)));
        }
        if !is_log(path) {
            let why = "is neither a chain (.toml) nor a log; the other side is one of these";
            return Err(usage(format!("{shown}: {why}")));
        }
        let bytes = read_limited(path, MAX_LOG_BYTES)
            .map_err(|error| CliError(Exit::Io, format!("{shown}: {error}")))?;
        let log = event_log::read(&bytes).map_err(|error| usage(format!("{shown}: {error}")))?;
        Ok(Self::Log(log))
    }

    /// The algorithm, if this side says it.
    fn algo(&self) -> Option<HashAlgo> {
        match self {
            Self::Chain(booted) => Some(booted.predicted.algo),
            Self::Log(log) => match &log.head.banks[..] {
                [only] => HashAlgo::from_tcg_number(only.algorithm),
                _ => None,
            },
        }
    }

    fn seen(&self, algo: HashAlgo) -> Result<Vec<Seen>, CliError> {
        match self {
            Self::Chain(booted) => Ok(seen_of(&booted.predicted.events)),
            Self::Log(log) => seen_in(log, algo).map_err(usage),
        }
    }

    fn events(&self, algo: HashAlgo) -> Result<Vec<BootEvent>, CliError> {
        match self {
            Self::Chain(booted) => Ok(booted.predicted.events.clone()),
            Self::Log(log) => seen_in(log, algo).map(|seen| events_of(&seen)).map_err(usage),
        }
    }
}

/// Says where two boots differ: their RIMs, if both have a VMM's command line, and their REMs.
pub(crate) fn run(
    a: &Path,
    b: &Path,
    options: &Options<'_>,
    console: &mut Console,
) -> Result<io::Result<Exit>, CliError> {
    let (one, other) = (Side::open(a, options, console)?, Side::open(b, options, console)?);
    let algo = one.algo().or(other.algo());
    let algo = algo.ok_or_else(|| usage("neither side says its one hash algorithm".into()))?;
    if one.algo().is_some_and(|found| found != algo) || other.algo().is_some_and(|o| o != algo) {
        return Err(usage("the two measure by different algorithms: nothing is the same".into()));
    }
    let (mut events, mut seen) = (one.events(algo)?, other.seen(algo)?);
    // What is in no log can not be compared with one.
    if matches!(other, Side::Log(_)) {
        events.retain(|event| event.kind.is_some());
    }
    if matches!(one, Side::Log(_)) {
        seen.retain(|seen| seen.kind != 0);
    }
    let found = compare(&events, &seen);
    let rims = match (&one, &other) {
        (Side::Chain(one), Side::Chain(other)) => {
            one.measured.as_ref().zip(other.measured.as_ref())
        }
        _ => None,
    };
    let rims = rims.map(|(one, other)| {
        let trails = (one.trail(&a.shown().to_string()), other.trail(&b.shown().to_string()));
        let why = explain::compare(&trails.0, &trails.1);
        (trails, why)
    });
    let equal_rims = match (&one, &other) {
        (Side::Chain(one), Side::Chain(other)) => one.rim == other.rim,
        _ => true,
    };
    let good = found.differences.is_empty() && equal_rims;
    let told = match options.format {
        Format::Json => console.json(&json!({
            "schema": "rimsim/1",
            "command": "explain",
            "equal": good,
            "rim": rims.as_ref().map(|((a, b), why)| explanation::document(a, b, why)),
            "boot": differences::document(&found),
        })),
        Format::Text => match &rims {
            Some(((a, b), why)) => {
                let said = console.result("RIM:").and_then(|()| {
                    explanation::text(a, b, why, console)?;
                    console.result("")?;
                    console.result("REMs:")
                });
                said.and_then(|()| differences::text(&found, console))
            }
            None if !equal_rims => {
                let said = console.result("the RIMs differ; [measure] vm of both would say why");
                said.and_then(|()| differences::text(&found, console))
            }
            None => differences::text(&found, console),
        },
    };
    Ok(told.map(|()| if good { Exit::Good } else { Exit::Mismatch }))
}
