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
    let mut written = Vec::new();
    for path in &args.files {
        let script = match Script::read(path) {
            Ok(script) => script,
            Err(CliError(one, text)) => {
                console.error(&text);
                exit = exit.and(one);
                continue;
            }
        };
        let Script { shown, bytes, formatted, .. } = &script;
        let is_canonical = formatted.as_bytes() == bytes;
        if args.check && !is_canonical {
            let differs = first_difference(bytes, formatted);
            console.result(&format!("{shown}:{differs}: not in the canonical form"))?;
            exit = exit.and(Exit::Mismatch);
        } else if !args.check && script.is_stdin {
            console.bytes(formatted.as_bytes())?;
        } else if !args.check && !is_canonical {
            match script.write(path, console) {
                Ok(()) => written.push(script.shown),
                Err(CliError(one, text)) => {
                    console.error(&text);
                    exit = exit.and(one);
                }
            }
        }
    }
    if matches!(exit, Exit::Io | Exit::Usage) {
        if !written.is_empty() {
            console.note("nothing is written, for not every file can be formatted");
        }
        return Ok(exit);
    }
    console.commit()?;
    written.iter().for_each(|shown| console.note(&format!("{shown}: formatted")));
    Ok(exit)
}

/// A script as it is and as it should be written.
struct Script {
    is_stdin: bool,
    /// What messages call it.
    shown: String,
    bytes: Vec<u8>,
    formatted: String,
}

impl Script {
    fn read(path: &Path) -> Result<Self, CliError> {
        let is_stdin = path.as_os_str() == "-";
        let shown = if is_stdin { "standard input".to_owned() } else { path.shown().to_string() };
        let read = if is_stdin { read_stdin() } else { read_limited(path, MAX_TEXT_BYTES) };
        let bytes = read.map_err(|error| CliError(Exit::Io, format!("{shown}: {error}")))?;
        let formatted = format_script(&shown, &bytes).map_err(|error| usage(error.to_string()))?;
        Ok(Self { is_stdin, shown, bytes, formatted })
    }

    /// Writes it beside the file; it is renamed when all of them are whole.
    fn write(&self, path: &Path, console: &mut Console) -> Result<(), CliError> {
        let is_regular = std::fs::metadata(path).is_ok_and(|found| found.is_file());
        if !is_regular {
            let why = "is no regular file, so it is not written; `rimsim fmt -` reads a pipe";
            return Err(usage(format!("{}: {why}", self.shown)));
        }
        inputs::renew(path);
        Ok(console.outputs().write_beside(path, self.formatted.as_bytes())?)
    }
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
