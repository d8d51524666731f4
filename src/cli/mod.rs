//! The command line: arguments in, text or JSON out, exit codes.
//!
//! *Architecture invariant:* nothing is decided here about an RMM; a subcommand reads files, drives
//! a session, and prints what its observers saw.

mod args;
mod assumed;
mod bench;
mod cache_key;
mod check;
mod conform;
mod console;
mod coverage;
mod digests;
mod explain;
mod export;
pub mod fuzzing;
mod guest;
mod hashing;
mod import;
mod input;
mod lint;
mod lock;
mod lock_file;
mod lock_source;
mod log;
mod log_args;
mod matrix;
mod measure;
mod measure_args;
mod measure_files;
mod outside;
mod platforms;
mod profiles;
mod progress;
mod provenance;
mod reference;
mod replay;
mod report;
mod request;
mod rmm_logs;
mod run;
mod sarif;
mod search;
mod search_args;
mod search_guests;
mod search_report;
mod spool;
mod subscriber;
mod trace;
mod trails;
mod trouble;
mod verify;
mod verify_expect;
mod verify_report;

use std::process::ExitCode;

use clap::Parser as _;

use args::{Args, Command};
use console::Console;

use crate::measure::hasher::Hasher;

/// How a run ended, as the exit code says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Exit {
    /// Everything as it should be.
    Good = 0,
    /// A file could not be read or written, or the program has a fault.
    Io = 1,
    /// The command line or a text is wrong.
    Usage = 2,
    /// An expectation or a vector does not match.
    Mismatch = 3,
    /// KVM or the RMM refused what was not expected to fail.
    Refused = 4,
}

impl Exit {
    /// The more telling of two: when several files end differently, the first kind of trouble that
    /// has to be mended wins (usage, I/O, refusal, mismatch).
    fn and(self, other: Self) -> Self {
        let weight = |exit| match exit {
            Self::Good => 0,
            Self::Mismatch => 1,
            Self::Refused => 2,
            Self::Io => 3,
            Self::Usage => 4,
        };
        if weight(other) > weight(self) { other } else { self }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Runs the command with the process's arguments.
#[must_use]
pub fn main() -> ExitCode {
    let mut console = Console::new();
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) if error.use_stderr() => {
            console.wrong_arguments(&error);
            return Exit::Usage.into();
        }
        Err(error) => {
            // Help. Nothing can be said about a terminal that does not take the text.
            let _ = error.print();
            return Exit::Good.into();
        }
    };
    if args.quiet {
        console::be_quiet();
    }
    if let Err(error) = subscriber::install(args.log.as_ref()) {
        console.error(&error);
        return Exit::Usage.into();
    }
    if let Err(error) = crate::outputs::signals::install() {
        console.note(&format!("a signal can leave temporary files behind: {error}"));
    }
    let done = match &args.command {
        Command::Run(args) => run::run(args, &mut console),
        Command::Digests(args) => digests::run(args, &mut console),
        Command::Explain(args) => explain::run(args, &mut console),
        Command::Report(args) => report::run(args, &mut console),
        Command::Import(args) => import::run(args, &mut console),
        Command::Bench(args) => bench::run(args, &mut console),
        Command::Conform(args) => conform::run(args, &mut console),
        Command::Coverage(args) => coverage::run(args, &mut console),
        Command::Platforms(args) => platforms::run(args, &mut console),
        Command::Lint(args) => lint::run(args, &mut console),
        Command::Lock(args) => lock::run(args, &mut console),
        Command::Check(args) => check::run(args, &mut console),
        Command::Log(args) => log::run(args, &mut console),
        Command::Measure(args) => measure::run(args, &mut console),
        Command::Search(args) => search::run(args, &mut console),
        Command::Matrix(args) => matrix::run(args, &mut console),
        Command::Verify(args) => verify::run(args, &mut console),
        Command::Dtb(args) => measure::dtb(args, &mut console),
        Command::Profiles(args) => profiles::run(args, &mut console),
        Command::Language(args) => platforms::language(args, &mut console),
    };
    if let Some(shortfall) = Hasher::shortfall() {
        console.note(shortfall);
    }
    // Asked before the end: then results go nowhere any more.
    let shown = console.shown();
    let exit = match done.and_then(|exit| console.finish().map(|()| exit)) {
        Ok(exit) => exit,
        Err(error) => {
            console.error(&format!("{shown}: {error}"));
            Exit::Io
        }
    };
    exit.into()
}
