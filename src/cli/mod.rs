//! The command line: arguments in, text or JSON out, exit codes.
//!
//! *Architecture invariant:* nothing is decided here about an RMM; a subcommand reads files, drives
//! a session, and prints what its observers saw. A subcommand is a file or a folder of its name;
//! what several share stands below them and uses no subcommand.

mod bench;
mod boot;
mod boots;
mod candidates;
mod causes;
mod chains;
mod check;
mod completions;
mod conform;
mod console;
mod coverage;
mod debug;
mod differences;
mod digests;
mod doubts;
mod dtb;
mod error;
mod exit;
mod explain;
mod explanation;
mod fmt;
pub mod fuzzing;
mod help;
mod import;
mod input;
pub mod inventory;
mod junit;
mod language;
mod lint;
mod lock;
mod locks;
mod log;
mod man;
mod matrix;
mod measure;
mod options;
mod parts;
mod places;
mod platforms;
mod profiles;
mod reach;
mod reference;
mod report;
mod request;
mod run;
mod schema;
mod search;
mod signer;
mod stepping;
mod subscriber;
mod table;
mod token;
mod trails;
mod verify;
mod version;
mod why;

use std::io;
use std::process::ExitCode;

use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use console::Console;
use error::CliError;
use exit::Exit;
use subscriber::Directives;

use crate::measure::hasher::Hasher;
use crate::outputs::OutputError;

/// Simulates the Realm Management Monitor of Arm CCA and calculates Realm Initial Measurements.
#[derive(Debug, Parser)]
#[command(
    name = "rimsim",
    version,
    long_version = version::long(),
    about,
    long_about = LONG_ABOUT,
    after_long_help = EXIT_CODES,
    disable_help_subcommand = true,
    max_term_width = 100
)]
struct Args {
    #[command(subcommand)]
    command: Command,
    /// Print no notes, only results and errors
    #[arg(short, long, global = true)]
    quiet: bool,
    /// Print what happens inside on standard error: off, error, warn, info, debug, or trace
    ///
    /// Or directives with commas between: TARGET=LEVEL, as in rimsim::host=trace, or a span's name
    /// in square brackets in place of TARGET. Nothing is printed unless this or the environment
    /// variable RIMSIM_LOG asks for it; the option goes first.
    #[arg(long, global = true, value_name = "LEVEL")]
    log: Option<Directives>,
}

const LONG_ABOUT: &str = "\
Simulates the Realm Management Monitor (RMM) of Arm's Confidential Compute Architecture, granule \
by granule, and calculates the Realm Initial Measurement (RIM) of a confidential VM.

The RIM is a hash chain over every RMI command that the host issues while it builds the Realm: \
parameters, RIPAS ranges at whatever RTT level they were set, each 4 KiB of image, registers, and \
their order. rimsim executes these commands as TF-RMM does and tells which condition of the \
specification fails where one is refused.";

const EXIT_CODES: &str = "\
Exit codes:
  0  everything as it should be
  1  a file could not be read or written
  2  the command line, a script, a vector or a platform file is wrong
  3  an expectation or a vector does not match
  4  KVM, or the RMM, refused what was not expected to fail, or the Host was faulted: it touched
     memory that is not its own, or is not there
`rimsim help exit-codes` says what they are for each subcommand.

A file that is a pipe (a FIFO, /dev/stdin, <(command)) is read to its end, as cat does: nothing
happens until its writer closes it.";

#[derive(Debug, Subcommand)]
enum Command {
    Run(run::RunArgs),
    Debug(debug::DebugArgs),
    Conform(conform::ConformArgs),
    Coverage(coverage::CoverageArgs),
    Lint(lint::LintArgs),
    Platforms(platforms::PlatformsArgs),
    Measure(measure::MeasureArgs),
    Boot(boot::BootArgs),
    Dtb(dtb::DtbArgs),
    Search(search::SearchArgs),
    Why(why::WhyArgs),
    Matrix(matrix::MatrixArgs),
    Verify(verify::VerifyArgs),
    Token(token::TokenArgs),
    Lock(lock::LockArgs),
    Check(check::CheckArgs),
    Profiles(profiles::ProfilesArgs),
    Explain(explain::ExplainArgs),
    Digests(digests::DigestsArgs),
    Import(import::ImportArgs),
    Log(log::LogArgs),
    Report(report::ReportArgs),
    Bench(bench::BenchArgs),
    Fmt(fmt::FmtArgs),
    Language(language::LanguageArgs),
    Schema(schema::SchemaArgs),
    Man(man::ManArgs),
    Completions(completions::CompletionsArgs),
    Version(version::VersionArgs),
    Help(help::HelpArgs),
}

/// Memory that every run is given, whatever it reads: a machine, threads, tables of words. Who has
/// less gets an error, and not an end in the middle.
const ROOM_BYTES: u64 = 128 << 20;

/// Runs the command with the process's arguments.
#[must_use]
pub fn main() -> ExitCode {
    let mut console = Console::new();
    let parsed = Args::command().try_get_matches();
    let parsed = parsed.and_then(|matches| Ok((Args::from_arg_matches(&matches)?, matches)));
    let (mut args, matches) = match parsed {
        Ok(parsed) => parsed,
        Err(error) if error.use_stderr() => {
            console.wrong_arguments(&error);
            return Exit::Usage.into();
        }
        Err(error) => {
            console.help(&error);
            return Exit::Good.into();
        }
    };
    if args.quiet {
        console::be_quiet();
    }
    if let Err(error) = crate::inputs::room(ROOM_BYTES) {
        console.error(&error.to_string());
        return Exit::Io.into();
    }
    if let Err(error) = subscriber::install(args.log.as_ref()) {
        console.error(&error);
        return Exit::Usage.into();
    }
    if let Err(error) = crate::outputs::signals::install() {
        console.note(&format!("a signal can leave temporary files behind: {error}"));
    }
    for (option, path) in options::outputs(&Args::command(), &matches) {
        if let Err(error) = console.outputs().declare(&option, path) {
            console.error(&error.to_string());
            return Exit::Usage.into();
        }
    }
    if let Err(CliError(exit, text)) = command_line(&mut args.command) {
        console.error(&text);
        return exit.into();
    }
    let done = carry_out(&args.command, &mut console);
    end(done, &mut console).into()
}

/// Reads the command line of a VMM, wherever it is.
fn command_line(command: &mut Command) -> Result<(), CliError> {
    match command {
        Command::Why(args) if args.line.says_nothing() && !args.lock.is_empty() => {
            why::take_line_of_lock(args)?;
        }
        Command::Measure(measure::MeasureArgs { line, guest, outside, vmm, .. })
        | Command::Search(search::SearchArgs { chain: None, line, guest, outside, vmm, .. })
        | Command::Why(why::WhyArgs { line, guest, outside, vmm, .. })
        | Command::Matrix(matrix::MatrixArgs { line, guest, outside, vmm, .. })
        | Command::Dtb(dtb::DtbArgs { line, guest, outside, vmm, .. }) => {
            *vmm = input::command_line(line, guest, *outside)?;
        }
        Command::Lock(lock::LockArgs { line: Some(line), guest, outside, vmm, .. }) => {
            *vmm = Some(input::command_line(line, guest, *outside)?);
        }
        _ => {}
    }
    Ok(())
}

fn carry_out(command: &Command, console: &mut Console) -> io::Result<Exit> {
    match command {
        Command::Run(args) => run::run(args, console),
        Command::Digests(args) => digests::run(args, console),
        Command::Explain(args) => explain::run(args, console),
        Command::Report(args) => report::run(args, console),
        Command::Import(args) => import::run(args, console),
        Command::Bench(args) => bench::run(args, console),
        Command::Debug(args) => debug::run(args, console),
        Command::Conform(args) => conform::run(args, console),
        Command::Coverage(args) => coverage::run(args, console),
        Command::Platforms(args) => platforms::run(args, console),
        Command::Lint(args) => lint::run(args, console),
        Command::Lock(args) => lock::run(args, console),
        Command::Check(args) => check::run(args, console),
        Command::Log(args) => log::run(args, console),
        Command::Boot(args) => boot::run(args, console),
        Command::Measure(args) => measure::run(args, console),
        Command::Search(args) => search::run(args, console),
        Command::Why(args) => why::run(args, console),
        Command::Matrix(args) => matrix::run(args, console),
        Command::Token(args) => token::run(args, console),
        Command::Verify(args) => verify::run(args, console),
        Command::Dtb(args) => dtb::run(args, console),
        Command::Profiles(args) => profiles::run(args, console),
        Command::Fmt(args) => fmt::run(args, console),
        Command::Language(args) => language::run(args, console),
        Command::Schema(args) => schema::run(args, console),
        Command::Man(args) => man::run(args, Args::command(), console),
        Command::Completions(args) => completions::run(args, Args::command(), console),
        Command::Version(args) => version::run(args, console),
        Command::Help(args) => help::run(args, Args::command(), console),
    }
}

/// Lets results and files be where they belong.
fn end(done: io::Result<Exit>, console: &mut Console) -> Exit {
    if let Some(shortfall) = Hasher::shortfall() {
        console.note(shortfall);
    }
    // Asked before the end: then results go nowhere any more.
    let shown = console.shown();
    match done.and_then(|exit| console.finish(exit).map(|()| exit)) {
        Ok(exit) => exit,
        Err(error) => {
            let CliError(exit, text) = match error.downcast::<OutputError>() {
                Ok(error) => error.into(),
                Err(error) => CliError(Exit::Io, format!("{shown}: {error}")),
            };
            console.error(&text);
            exit
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::cli::request::{NO_REQUEST, RequestWords};

    fn options(command: &clap::Command) -> BTreeSet<String> {
        let arguments = command.get_arguments();
        let names = arguments.flat_map(|arg| {
            let long = arg.get_long().map(|name| format!("--{name}"));
            long.into_iter().chain(arg.get_short().map(|name| format!("-{name}")))
        });
        names.collect()
    }

    /// A new option is either part of what files may ask for, or in the list of those that are not.
    #[test]
    fn files_ask_for_nothing_but_a_request() {
        let every: BTreeSet<_> = Args::command().get_subcommands().flat_map(options).collect();
        let others = &every - &options(&RequestWords::command());
        assert_eq!(NO_REQUEST, Vec::from_iter(others));
    }
}
