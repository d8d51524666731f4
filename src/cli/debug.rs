//! `rimsim debug`

use std::io;
use std::path::PathBuf;

use clap::Args as ClapArgs;

use crate::cli::console::Console;
use crate::cli::exit::Exit;
use crate::cli::input::{Setup, machine};
use crate::cli::options::{OutsideArgs, RmmArg};
use crate::cli::stepping;
use crate::measure::hasher::Hasher;

/// Step through a script, command by command, and look at the RMM
///
/// Reads a command a line: `step`, `next`, `continue` to a breakpoint, `back`, `print rtt rd`;
/// `help` lists them. After each one it says what changed: granules, tables, RECs, operations, what
/// was measured. Going back plays the script again, so nothing is lost. Lines can come from a pipe;
/// then the exit code is 2 if one of them is no command.
#[derive(Debug, ClapArgs)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct DebugArgs {
    /// The script (.rmi)
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The machine: a preset's name or a TOML file; overrides what the script says
    #[arg(long, value_name = "NAME|FILE")]
    platform: Option<String>,
    #[command(flatten)]
    rmm: RmmArg,
    #[command(flatten)]
    outside: OutsideArgs,
}

const EXAMPLES: &str = "\
Examples:
  Step through a script on a terminal:
      rimsim debug boot.rmi
  Stop where a walk fails, and look at the tables:
      printf '%s\\n' 'break rtt_walk' continue 'print rtt rd' | rimsim debug boot.rmi
  See who changes a granule:
      printf '%s\\n' 'break granule 0x8800_0000' continue continue | rimsim debug boot.rmi";

pub(crate) fn run(args: &DebugArgs, console: &mut Console) -> io::Result<Exit> {
    let platform = match args.platform.as_deref().map(machine).transpose() {
        Ok(platform) => platform,
        Err(text) => {
            console.error(&text);
            return Ok(Exit::Usage);
        }
    };
    let setup = Setup { platform, rmm: args.rmm, hasher: Hasher::default(), token_profile: None };
    stepping::run(&args.file, &args.outside.reach_of(&args.file), &setup, console)
}
