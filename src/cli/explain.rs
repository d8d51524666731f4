//! `rimsim explain`

use std::io;
use std::path::PathBuf;

use clap::Args as ClapArgs;

use crate::cli::console::Console;
use crate::cli::exit::Exit;
use crate::cli::options::{Format, HashingArgs, OutsideArgs, RmmLogArgs};
use crate::cli::{explanation, trails};
use crate::explain::compare;

/// Say why two Realms have different RIMs
///
/// Compares what was measured, event by event. Prints the first event that differs with its
/// operands, the files and offsets that bytes came from, for a device tree the node and the
/// property, and what such a difference varies with; then all differences by what they are about.
/// Exits with 0 if the RIMs are equal, with 3 if not.
///
/// Two RIMs that are made by different rules (RMM 1.0 and 2.0) always differ: what the
/// specification makes of them is said first, and then what differs of what both rules measure.
///
/// A and B are scripts (.rmi), vectors (.json), logs of an RMM's console (.log), saved events
/// (.events, of `--events-out`) or files with arguments of `rimsim measure` (.args).
#[derive(Debug, ClapArgs)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct ExplainArgs {
    /// One side
    #[arg(value_name = "A")]
    a: PathBuf,
    /// The other side
    #[arg(value_name = "B")]
    b: PathBuf,
    /// Which Realm, by name or address of its RD, where there are several
    #[arg(long, value_name = "NAME")]
    realm: Option<String>,
    #[command(flatten)]
    log: RmmLogArgs,
    #[command(flatten)]
    outside: OutsideArgs,
    #[command(flatten)]
    hashing: HashingArgs,
    /// Form of the result
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

const EXAMPLES: &str = "\
Examples:
  Why did the RIM change since yesterday?
      rimsim run --events-out yesterday.events boot.rmi
      rimsim explain yesterday.events boot.rmi
  What does one more vCPU change?
      echo '-- lkvm run --realm -c 1 -m 512M -k Image' | sed 's/^/kvmtool /' > one.args
      echo '-- lkvm run --realm -c 2 -m 512M -k Image' | sed 's/^/kvmtool /' > two.args
      rimsim explain one.args two.args
  Does a recorded boot do what the prediction does?
      rimsim explain predicted.args recorded.json
      rimsim explain predicted.args console.log --params params.rmi --at 0x80200000=Image";

pub(crate) fn run(args: &ExplainArgs, console: &mut Console) -> io::Result<Exit> {
    let hasher = match args.hashing.hasher() {
        Ok(hasher) => hasher,
        Err(problem) => return Ok(problem.tell(console)),
    };
    let files = args.hashing.files();
    let mut trails = Vec::new();
    for path in [&args.a, &args.b] {
        let realm = args.realm.as_deref();
        match trails::open(path, realm, &args.log, args.outside, &hasher, &files) {
            Ok(trail) => trails.push(trail),
            Err(error) => {
                console.error(&error.to_string());
                return Ok(error.exit());
            }
        }
    }
    let [a, b] = &trails[..] else { unreachable!("two files") };
    if [a, b].iter().any(|trail| trail.extensions().next().is_none()) {
        console.error("nothing was measured: there is nothing to compare");
        return Ok(Exit::Usage);
    }
    let why = compare(a, b);
    match args.format {
        Format::Text => explanation::text(a, b, &why, console)?,
        Format::Json => console.json(&explanation::document(a, b, &why))?,
    }
    Ok(if why.is_equal() { Exit::Good } else { Exit::Mismatch })
}
