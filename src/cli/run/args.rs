//! The arguments of `run`, with their help texts.

use std::path::PathBuf;

use clap::Args as ClapArgs;

use crate::cli::options::{CacheArgs, HashingArgs, OutsideArgs, ReferenceArgs, RmmArg, RunForm};
use crate::evidence::TokenProfile;
use crate::outputs::OutputPath;

/// Replay scripts or vectors and print the RIM of each Realm
///
/// The first line on standard output is the RIM in lower-case hexadecimal, exactly as long as the
/// Realm's hash (64 digits for SHA-256, 128 for SHA-512). If there are several Realms, each has a
/// line with its name after the RIM. Everything else goes to standard error.
#[derive(Debug, ClapArgs)]
#[command(after_long_help = EXAMPLES)]
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
    /// Stop before the first command, and take commands from standard input, as `rimsim debug`
    #[arg(long, conflicts_with_all = ["verbose", "events", "format", "realm", "events_out",
          "token_out", "export", "output"])]
    pub(crate) step: bool,
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
    pub(crate) events_out: Option<OutputPath>,
    /// Save in FILE the attestation token that the Realm fetched last, for `rimsim verify`; there
    /// has to be one Realm
    #[arg(long, value_name = "FILE")]
    pub(crate) token_out: Option<OutputPath>,
    /// What tokens are written as: legacy, 2023 (TF-RMM to 0.8), or 2024 (TF-RMM from 0.9)
    ///
    /// Without it the tokens of RMM 1.0 are legacy, and those of RMM 2.0 of 2024.
    #[arg(long, value_name = "PROFILE", value_parser = token_profile)]
    pub(crate) token_profile: Option<TokenProfile>,
    /// Write what happened to FILE as a vector, which stands alone
    ///
    /// It is written beside FILE while the session goes on, and replaces it at the end. Vectors of
    /// more than 256 MiB are not read by this program.
    #[arg(long, value_name = "FILE")]
    pub(crate) export: Option<OutputPath>,
    #[command(flatten)]
    pub(crate) reference: ReferenceArgs,
    #[command(flatten)]
    pub(crate) hashing: HashingArgs,
    #[command(flatten)]
    pub(crate) cache: CacheArgs,
    #[command(flatten)]
    pub(crate) outside: OutsideArgs,
}

fn token_profile(name: &str) -> Result<TokenProfile, String> {
    let names = TokenProfile::ALL.map(TokenProfile::name).join(", ");
    TokenProfile::from_name(name).ok_or_else(|| format!("it is one of {names}"))
}

const EXAMPLES: &str = "\
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
