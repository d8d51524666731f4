//! `rimsim fmt`

use std::io;
use std::path::{Path, PathBuf};

use clap::Args as ClapArgs;

use crate::cli::console::Console;
use crate::cli::error::{CliError, usage};
use crate::cli::exit::Exit;
use crate::cli::input::read_limited;
use crate::encoding::shown::ShowPath as _;
use crate::inputs;
use crate::script::{MAX_TEXT_BYTES, format_script};

/// Write scripts in their canonical form
///
/// One blank between arguments, one empty line at most, structures on several lines if they do not
/// fit into 100 columns; comments stay, those inside of brackets go above the statement. What the
/// scripts say is the same. A file is only written if it changes, and none is if one of them has a
/// mistake.
#[derive(Debug, ClapArgs)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct FmtArgs {
    /// Scripts; - is standard input, which is written to standard output
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Write nothing; name the files that are not in the canonical form, and exit with 3 if one is
    /// not
    #[arg(long)]
    check: bool,
}

const EXAMPLES: &str = "\
Examples:
  Format all scripts of a folder:
      rimsim fmt tests/*.rmi
  See what would change:
      rimsim fmt - < boot.rmi | diff boot.rmi -
  In CI:
      rimsim fmt --check tests/*.rmi";

pub(crate) fn run(args: &FmtArgs, console: &mut Console) -> io::Result<Exit> {
    let mut exit = Exit::Good;
    for path in &args.files {
        match file(args, path, console) {
            Ok(Ok(one)) => exit = exit.and(one),
            Ok(Err(error)) => return Err(error),
            Err(CliError(one, text)) => {
                console.error(&text);
                exit = exit.and(one);
            }
        }
    }
    Ok(exit)
}

fn file(args: &FmtArgs, path: &Path, console: &mut Console) -> Result<io::Result<Exit>, CliError> {
    let is_stdin = path.as_os_str() == "-";
    let shown = if is_stdin { "standard input".to_owned() } else { path.shown().to_string() };
    let read = if is_stdin { read_stdin() } else { read_limited(path, MAX_TEXT_BYTES) };
    let bytes = read.map_err(|error| CliError(Exit::Io, format!("{shown}: {error}")))?;
    let formatted = format_script(&shown, &bytes).map_err(|error| usage(error.to_string()))?;
    let is_canonical = formatted.as_bytes() == bytes;
    if args.check {
        if is_canonical {
            return Ok(Ok(Exit::Good));
        }
        let differs = first_difference(&bytes, &formatted);
        let told = console.result(&format!("{shown}:{differs}: not in the canonical form"));
        return Ok(told.map(|()| Exit::Mismatch));
    }
    if is_stdin {
        return Ok(console.bytes(formatted.as_bytes()).map(|()| Exit::Good));
    }
    if !is_canonical {
        let is_regular = std::fs::metadata(path).is_ok_and(|found| found.is_file());
        if !is_regular {
            let why = "is no regular file, so it is not written; `rimsim fmt -` reads a pipe";
            return Err(usage(format!("{shown}: {why}")));
        }
        // It is written beside the file and renamed when all of them are whole.
        inputs::renew(path);
        console.outputs().write_beside(path, formatted.as_bytes())?;
        console.note(&format!("{shown}: formatted"));
    }
    Ok(Ok(Exit::Good))
}

fn read_stdin() -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    inputs::read_to_end(inputs::stdin(), MAX_TEXT_BYTES + 1, &mut bytes)?;
    Ok(bytes)
}

/// The first line that is another, from 1.
fn first_difference(bytes: &[u8], formatted: &str) -> usize {
    let own = bytes.split(|byte| *byte == b'\n');
    let same = own.zip(formatted.as_bytes().split(|byte| *byte == b'\n'));
    same.take_while(|(own, other)| own == other).count() + 1
}
