//! `rimsim coverage`

use std::io;
use std::path::{Path, PathBuf};

use clap::Args as ClapArgs;
use serde_json::{Value, json};

use crate::abi::profile::Profile;
use crate::cli::console::Console;
use crate::cli::exit::Exit;
use crate::cli::input::{Input, Setup, expand, read_settings};
use crate::cli::options::{Format, OutsideArgs, RmmArg};
use crate::coverage::{Coverage, Exceptions, Line};
use crate::encoding::marked_line::about_file;
use crate::encoding::shown::ShowPath as _;

/// Say which failure conditions and state transitions vectors and scripts exercise
///
/// Prints one line on standard output for each condition and transition that was not seen, with the
/// reason where one is known, then the counts. With -v, what was seen as well.
#[derive(Debug, ClapArgs)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct CoverageArgs {
    /// Vectors or scripts, or folders that are searched for them
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    rmm: RmmArg,
    #[command(flatten)]
    outside: OutsideArgs,
    /// A list of conditions that can not be seen, with reasons, in place of the project's own
    #[arg(long, value_name = "FILE")]
    exceptions: Option<PathBuf>,
    /// Print what was seen as well, with counts
    #[arg(short, long)]
    verbose: bool,
    /// Form of the result
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

const EXAMPLES: &str = "\
Examples:
  What do the recorded vectors not reach?
      rimsim coverage spec-vectors/rmm-1.0
  As a table for a program:
      rimsim coverage --format json spec-vectors";

pub(crate) fn run(args: &CoverageArgs, console: &mut Console) -> io::Result<Exit> {
    let profile = args.rmm.over(Profile::TF_RMM);
    let exceptions = match &args.exceptions {
        None => Exceptions::of_project(),
        Some(path) => match read_exceptions(path) {
            Ok(exceptions) => exceptions,
            Err((exit, text)) => {
                console.error(&text);
                return Ok(exit);
            }
        },
    };
    let mut exit = Exit::Good;
    let mut coverage = Coverage::default();
    let (files, problems) = expand(&args.paths, &["json", "rmi"]);
    for problem in problems {
        exit = exit.and(problem.tell(console));
    }
    let mut count = 0;
    for file in files {
        match Input::open(&file, &args.outside.reach_of(&file)) {
            Ok(input) => {
                let setup = Setup { rmm: args.rmm, ..Setup::default() };
                // What does not match or is refused is the business of `run` and `conform`; but
                // what stands behind a refusal was not seen.
                let ended = input.replay(&setup, [&mut coverage as _]);
                if !ended.is_complete() {
                    let why = ended.messages.last().and_then(|text| text.lines().next());
                    let why = why.unwrap_or_default();
                    console.note(&format!("{}: not played to its end: {why}", file.shown()));
                }
                coverage.add_world(&ended.world);
                count += 1;
            }
            Err(problem) => {
                exit = exit.and(problem.tell(console));
            }
        }
    }
    if count == 0 {
        return Ok(exit);
    }
    let lines = coverage.lines(profile, &exceptions);
    match args.format {
        Format::Text => text(&lines, count, args.verbose, console)?,
        Format::Json => console.json(&document(&lines, count))?,
    }
    Ok(exit)
}

fn read_exceptions(path: &Path) -> Result<Exceptions, (Exit, String)> {
    let shown = path.shown();
    let text = read_settings(path).map_err(|error| (Exit::Io, format!("{shown}: {error}")))?;
    Exceptions::from_toml(&text).map_err(|error| (Exit::Usage, about_file(shown, error)))
}

fn text(lines: &[Line], files: u64, verbose: bool, console: &mut Console) -> io::Result<()> {
    for line in lines {
        match (&line.exception, line.count) {
            (_, count) if count > 0 => {
                if verbose {
                    console.result(&format!("{count:8} {}", line.name))?;
                }
            }
            (Some(reason), _) => console.result(&format!("excused  {}: {reason}", line.name))?,
            (None, _) => console.result(&format!("not seen {}", line.name))?,
        }
    }
    let (seen, excused, missing) = totals(lines);
    console.result(&format!(
        "{files} files, {} conditions and transitions: {seen} seen, {excused} excused, \
         {missing} not seen",
        lines.len()
    ))
}

fn document(lines: &[Line], files: u64) -> Value {
    let (seen, excused, missing) = totals(lines);
    let lines: Vec<_> = lines
        .iter()
        .map(|line| json!({ "name": line.name, "count": line.count, "exception": line.exception }))
        .collect();
    json!({
        "schema": "rimsim/1",
        "command": "coverage",
        "files": files,
        "seen": seen,
        "excused": excused,
        "not_seen": missing,
        "lines": lines,
    })
}

fn totals(lines: &[Line]) -> (usize, usize, usize) {
    let seen = lines.iter().filter(|line| line.count > 0).count();
    let unseen = || lines.iter().filter(|line| line.count == 0);
    let excused = unseen().filter(|line| line.exception.is_some()).count();
    (seen, excused, unseen().count() - excused)
}
