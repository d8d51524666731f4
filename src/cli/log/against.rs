//! `rimsim log --against` and `--learn`: a guest's log beside what a chain measures.

use std::io;
use std::path::Path;

use serde_json::{Value, json};

use super::args::LogArgs;
use super::reading::{algorithm, expected, read};
use crate::abi::profile::RemReading;
use crate::boot::{Candidate, Compared, Seen, compare, learn, seen_in};
use crate::cli::chains::{self, Booted};
use crate::cli::console::Console;
use crate::cli::differences;
use crate::cli::error::{CliError, usage};
use crate::cli::exit::Exit;
use crate::cli::input::observed_rem;
use crate::cli::options::Format;
use crate::encoding::shown::ShowPath as _;
use crate::event_log::{self, LogError, Registers, Rems};
use crate::measure::image::Image;
use crate::measure::rim::{HashAlgo, Measurement};

pub(super) fn run(args: &LogArgs, console: &mut Console) -> io::Result<Exit> {
    let done = match &args.against {
        Some(chain) => against(args, chain, console),
        None => learned(args, console),
    };
    done.unwrap_or_else(|CliError(exit, text)| {
        console.error(&text);
        Ok(exit)
    })
}

/// A log, as it is compared.
struct Read {
    algo: HashAlgo,
    seen: Vec<Seen>,
    rems: Rems,
    broken: Option<LogError>,
}

fn opened(args: &LogArgs, algo: Option<HashAlgo>) -> Result<Read, CliError> {
    let shown = args.file.shown();
    let (log, broken) = read(args)?;
    let algo = match algo {
        Some(algo) => algo,
        None => algorithm(args, &log, None)?,
    };
    let seen = seen_in(&log, algo).map_err(|why| usage(format!("{shown}: {why}")))?;
    let reading = args.rem.unwrap_or(RemReading::Concatenated);
    let mut rems = event_log::rems(&log, algo, Registers::Mr, reading);
    if let Some(broken) = &broken {
        rems.hide_all(&broken.to_string());
    }
    Ok(Read { algo, seen, rems, broken })
}

fn against(
    args: &LogArgs,
    chain: &Path,
    console: &mut Console,
) -> Result<io::Result<Exit>, CliError> {
    if args.output.is_some() {
        return Err(usage("--output goes with --learn".into()));
    }
    let reading = args.rem.unwrap_or(RemReading::Concatenated);
    let booted = chains::open(chain, args.outside, &args.hashing, reading, console)?;
    let shown = chain.shown();
    if !booted.predicted.has_log {
        return Err(usage(format!("{shown}: this firmware has no log to compare")));
    }
    booted.tell(args.verbose, false, console)?;
    let read = opened(args, Some(booted.predicted.algo))?;
    let logged: Vec<_> =
        booted.predicted.events.iter().filter(|event| event.kind.is_some()).cloned().collect();
    let found = compare(&logged, &read.seen);
    let rows = rows(args, &booted, &read)?;
    let good = found.differences.is_empty() && rows.iter().all(|row| row.good);
    let told = tell(args, &found, &rows, console);
    if let Some(broken) = &read.broken {
        console.error(&format!("{broken}; what the log has behind it can not be known"));
    }
    let good = good && read.broken.is_none();
    Ok(told.map(|()| if good { Exit::Good } else { Exit::Mismatch }))
}

/// One REM: what the chain predicts, what the log makes, and what a token says.
struct RemRow {
    rem: usize,
    predicted: Measurement,
    log: Option<Measurement>,
    token: Option<Measurement>,
    good: bool,
    text: String,
}

fn rows(args: &LogArgs, booted: &Booted, read: &Read) -> Result<Vec<RemRow>, CliError> {
    let mut rows = Vec::new();
    for (i, predicted) in booted.rems.values.into_iter().enumerate() {
        let number = i + 1;
        let given = args.expect_rem.iter().rev().find(|(found, _)| *found == number);
        let token = match given {
            Some((_, text)) => Some(given_rem(number, text, read.algo)?),
            None => None,
        };
        let log = read.rems.values[i].value.as_ref().ok().copied();
        let is_logged = read.rems.values[i].count > 0
            || booted
                .predicted
                .events
                .iter()
                .any(|event| usize::from(event.rem.index()) == number && event.kind.is_some());
        // What extends a REM without an event can be compared with a token, and with no log.
        let unlogged = booted
            .predicted
            .events
            .iter()
            .any(|event| usize::from(event.rem.index()) == number && event.kind.is_none());
        let row = differences::rem(number, predicted, log, token, is_logged, unlogged);
        let (good, text) = row;
        rows.push(RemRow { rem: number, predicted, log, token, good, text });
    }
    Ok(rows)
}

/// A REM of the command line.
fn given_rem(number: usize, text: &str, algo: HashAlgo) -> Result<Measurement, CliError> {
    let option = format!("--expect-rem {number}");
    expected(&option, observed_rem(&option, text)?.rim, algo)
}

fn tell(
    args: &LogArgs,
    found: &Compared,
    rows: &[RemRow],
    console: &mut Console,
) -> io::Result<()> {
    if args.format == Format::Json {
        let row = |row: &RemRow| {
            let text = |value: &Option<Measurement>| value.map(|value| value.to_string());
            json!({
                "rem": row.rem,
                "predicted": row.predicted.to_string(),
                "log": text(&row.log),
                "token": text(&row.token),
                "good": row.good,
                "text": row.text,
            })
        };
        let mut document: Value = differences::document(found);
        document["schema"] = json!("rimsim/1");
        document["command"] = json!("log");
        document["values"] = rows.iter().map(row).collect();
        return console.json(&document);
    }
    differences::text(found, console)?;
    rows.iter().try_for_each(|row| console.result(&row.text))
}

fn learned(args: &LogArgs, console: &mut Console) -> Result<io::Result<Exit>, CliError> {
    let read = opened(args, None)?;
    let shown = args.file.shown();
    if let Some(broken) = &read.broken {
        let text = format!("{shown}: {broken}; a chain is learned of a whole log");
        return Err(CliError(Exit::Mismatch, text));
    }
    let Some(output) = &args.output else { return Err(usage("--learn: give -o FILE".into())) };
    let files = args.hashing.files();
    let mut images: Vec<(String, Image)> = Vec::new();
    for path in &args.image {
        let image = files.open(path).map_err(|error| CliError(Exit::Io, error.to_string()))?;
        let name = chains::name_beside(path, output).map_err(usage)?;
        images.push((name, image));
    }
    let candidates: Vec<Candidate<'_>> =
        images.iter().map(|(name, image)| Candidate { name, bytes: image.bytes_from(0) }).collect();
    let made = learn(&read.seen, read.algo, &candidates);
    for (_, image) in &images {
        image.check_unchanged().map_err(|error| CliError(Exit::Io, error.to_string()))?;
    }
    console.outputs().write(output, made.text.as_bytes())?;
    if !made.has_stages {
        let why = "no firmware that is known begins so: every event is written down as it is";
        console.note(&format!("{shown}: {why}"));
    }
    if !made.holes.is_empty() {
        console.note("only digests are known, until files are named in their place:");
        made.holes.iter().for_each(|hole| console.say(&format!("  {hole}")));
    }
    let mut lines = Vec::new();
    for (number, rem) in (1..).zip(&read.rems.values) {
        if let Ok(value) = &rem.value {
            lines.push(format!("rem{number} {value}"));
        }
    }
    Ok(lines.iter().try_for_each(|line| console.result(line)).map(|()| Exit::Good))
}
