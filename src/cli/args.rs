//! The arguments, with their help texts.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};

use super::bench::BenchArgs;
use super::check::CheckArgs;
use super::digests::DigestsArgs;
use super::explain::ExplainArgs;
use super::hashing::{CacheArgs, HashingArgs};
use super::import::ImportArgs;
use super::lint::LintArgs;
use super::lock::LockArgs;
use super::log_args::LogArgs;
use super::matrix::MatrixArgs;
use super::measure_args::{DtbArgs, MeasureArgs, ProfilesArgs};
use super::outside::OutsideArgs;
use super::reference::{ReferenceArgs, RunForm};
use super::report::ReportArgs;
use super::search_args::SearchArgs;
use super::subscriber::Directives;
use super::verify::VerifyArgs;
use crate::abi::profile::{Edition, Profile, RemReading};

/// Simulates the Realm Management Monitor of Arm CCA and calculates Realm Initial Measurements.
#[derive(Debug, Parser)]
#[command(
    name = "rimsim",
    version,
    about,
    long_about = LONG_ABOUT,
    after_long_help = EXIT_CODES,
    disable_help_subcommand = true,
    max_term_width = 100
)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
    /// Print no notes, only results and errors
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,
    /// Print what happens inside on standard error: off, error, warn, info, debug, or trace
    ///
    /// Or directives with commas between: TARGET=LEVEL, as in rimsim::host=trace, and
    /// [SPAN]=LEVEL. Nothing is printed unless this or the environment variable RIMSIM_LOG asks
    /// for it; the option goes first.
    #[arg(long, global = true, value_name = "LEVEL")]
    pub(crate) log: Option<Directives>,
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

A file that is a pipe (a FIFO, /dev/stdin, <(command)) is read to its end, as cat does: nothing
happens until its writer closes it.";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Run(RunArgs),
    Conform(ConformArgs),
    Coverage(CoverageArgs),
    Lint(LintArgs),
    Platforms(PlatformsArgs),
    Measure(MeasureArgs),
    Dtb(DtbArgs),
    Search(SearchArgs),
    Matrix(MatrixArgs),
    Verify(VerifyArgs),
    Lock(LockArgs),
    Check(CheckArgs),
    Profiles(ProfilesArgs),
    Explain(ExplainArgs),
    Digests(DigestsArgs),
    Import(ImportArgs),
    Log(LogArgs),
    Report(ReportArgs),
    Bench(BenchArgs),
    Language(LanguageArgs),
}

/// Replay scripts or vectors and print the RIM of each Realm
///
/// The first line on standard output is the RIM in lower-case hexadecimal, exactly as long as the
/// Realm's hash (64 digits for SHA-256, 128 for SHA-512). If there are several Realms, each has a
/// line with its name after the RIM. Everything else goes to standard error.
#[derive(Debug, ClapArgs)]
#[command(after_long_help = RUN_EXAMPLES)]
pub(crate) struct RunArgs {
    /// Scripts (.rmi) or vectors (.json); of other names (/dev/stdin) the contents decide
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// The machine: a preset's name or a TOML file; overrides what a script says
    #[arg(long, value_name = "NAME|FILE")]
    pub(crate) platform: Option<String>,
    #[command(flatten)]
    pub(crate) rmm: RmmArg,
    /// Print one line a command with its result and explanation on standard error
    ///
    /// With `--format json` the document has the commands. They are kept in the folder for
    /// temporary files (TMPDIR) until the end, not in memory.
    #[arg(short, long)]
    pub(crate) verbose: bool,
    /// Print the measured events, with the RIM after each
    #[arg(long)]
    pub(crate) events: bool,
    /// Form of the result
    #[arg(long, value_enum, default_value_t = RunForm(None))]
    pub(crate) format: RunForm,
    /// Only the Realm that the script calls NAME; all of them unless given
    #[arg(long, value_name = "NAME")]
    pub(crate) realm: Option<String>,
    /// Save the measured events in FILE, for `rimsim explain`; there has to be one Realm
    #[arg(long, value_name = "FILE")]
    pub(crate) events_out: Option<PathBuf>,
    /// Save in FILE the attestation token that the Realm fetched last, for `rimsim verify`; there
    /// has to be one Realm
    #[arg(long, value_name = "FILE")]
    pub(crate) token_out: Option<PathBuf>,
    /// Write what happened to FILE as a vector, which stands alone
    ///
    /// It is written beside FILE while the session goes on, and replaces it at the end. Vectors of
    /// more than 256 MiB are not read by this program.
    #[arg(long, value_name = "FILE")]
    pub(crate) export: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) reference: ReferenceArgs,
    #[command(flatten)]
    pub(crate) hashing: HashingArgs,
    #[command(flatten)]
    pub(crate) cache: CacheArgs,
    #[command(flatten)]
    pub(crate) outside: OutsideArgs,
}

const RUN_EXAMPLES: &str = "\
Examples:
  Calculate the RIM of a Realm that a script builds:
      rimsim run boot.rmi
  See every command, and why one is refused:
      rimsim run -v boot.rmi
  Find the first measured event in which two builds differ:
      rimsim run --events a.rmi > a.txt; rimsim run --events b.rmi > b.txt; diff a.txt b.txt
  Let another machine's limits apply, and follow the specification's text:
      rimsim run --platform fvp --rmm spec boot.rmi
  Keep the attestation token that the scripted Realm fetches, and compare it:
      rimsim run --token-out token.cbor realm.rmi
      rimsim verify token.cbor --expect realm.rmi
  Make a vector of a script, for another implementation to replay:
      rimsim run --export boot.json boot.rmi
  Make a signed CoRIM, with what the Realm's program extends its REMs to:
      rimsim run --format corim --sign-key key.pem -o realm.corim boot.rmi";

/// Replay vectors and compare every result that they record
///
/// Compares output registers, measurements, internal states and memory. Prints one line on standard
/// output for each step that differs (file, step, label, what was got and what was wanted), then
/// `FILES files, STEPS steps, N failed`.
#[derive(Debug, ClapArgs)]
#[command(after_long_help = CONFORM_EXAMPLES)]
pub(crate) struct ConformArgs {
    /// Vector files, or folders that are searched for them
    #[arg(required = true, value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) rmm: RmmArg,
    #[command(flatten)]
    pub(crate) outside: OutsideArgs,
    /// Form of the result
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
}

const CONFORM_EXAMPLES: &str = "\
Examples:
  Hold the simulator against everything recorded from TF-RMM:
      rimsim conform spec-vectors/rmm-1.0
  Hold the specification's text against it; steps that show a known deviation are not compared:
      rimsim conform --rmm spec spec-vectors/rmm-1.0";

/// Say which failure conditions and state transitions vectors and scripts exercise
///
/// Prints one line on standard output for each condition and transition that was not seen, with the
/// reason where one is known, then the counts. With -v, what was seen as well.
#[derive(Debug, ClapArgs)]
#[command(after_long_help = COVERAGE_EXAMPLES)]
pub(crate) struct CoverageArgs {
    /// Vectors or scripts, or folders that are searched for them
    #[arg(required = true, value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) rmm: RmmArg,
    #[command(flatten)]
    pub(crate) outside: OutsideArgs,
    /// A list of conditions that can not be seen, with reasons, in place of the project's own
    #[arg(long, value_name = "FILE")]
    pub(crate) exceptions: Option<PathBuf>,
    /// Print what was seen as well, with counts
    #[arg(short, long)]
    pub(crate) verbose: bool,
    /// Form of the result
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
}

const COVERAGE_EXAMPLES: &str = "\
Examples:
  What do the recorded vectors not reach?
      rimsim coverage spec-vectors/rmm-1.0
  As a table for a program:
      rimsim coverage --format json spec-vectors";

/// List the platform presets, or print one as a TOML file to start from
#[derive(Debug, ClapArgs)]
pub(crate) struct PlatformsArgs {
    /// The preset to print
    #[arg(value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// Form of the result
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
}

/// Print the reference of the script language
#[derive(Debug, ClapArgs)]
pub(crate) struct LanguageArgs {
    /// Form of the result
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
}

#[derive(Clone, Copy, Debug, Default, ClapArgs)]
pub(crate) struct RmmArg {
    /// Which RMM answers: TF-RMM as it is, or the text of DEN0137; tf-rmm-2.0 and spec-2.0 are
    /// those of --spec 2.0
    #[arg(long, value_name = "tf-rmm|spec", value_parser = profile)]
    pub(crate) rmm: Option<Profile>,
    /// The edition of DEN0137; without it a script or a vector says it itself
    #[arg(long, value_name = "1.0|2.0", value_parser = edition)]
    pub(crate) spec: Option<Edition>,
    #[arg(long, value_name = "READING", value_parser = rem_reading)]
    #[arg(help = "How REMs are extended: concatenated (TF-RMM), buffer, padded-value")]
    pub(crate) rem: Option<RemReading>,
}

impl RmmArg {
    /// The rules asked for, over those that an input has itself.
    pub(crate) fn over(&self, own: Profile) -> Profile {
        // A name without an edition means either.
        let named = self.rmm.map(Profile::edition).filter(|edition| *edition != Edition::default());
        let edition = self.spec.or(named).unwrap_or(own.edition());
        let profile = self.rmm.unwrap_or(own).in_edition(edition);
        self.rem.map_or(profile, |rem| profile.with_rem_reading(rem))
    }
}

pub(super) fn edition(name: &str) -> Result<Edition, String> {
    Edition::from_name(name)
        .ok_or_else(|| format!("it is {}", Edition::ALL.map(Edition::name).join(" or ")))
}

pub(super) fn rem_reading(name: &str) -> Result<RemReading, String> {
    let found = RemReading::ALL.into_iter().find(|(known, _)| *known == name);
    found
        .map(|(_, reading)| reading)
        .ok_or_else(|| "it is concatenated, buffer or padded-value".into())
}

pub(super) fn profile(name: &str) -> Result<Profile, String> {
    Profile::from_name(name).ok_or_else(|| format!("it is one of {}", Profile::names()))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Lines for people and scripts
    Text,
    /// One JSON document with "schema": "rimsim/1"
    Json,
}
