//! `rimsim explain`

use std::io;
use std::path::PathBuf;

use clap::Args as ClapArgs;

use crate::cli::console::Console;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::options::{Format, HashingArgs, OutsideArgs, RmmLogArgs};
use crate::cli::{boots, explanation, trails};
use crate::explain::{Trail, compare};

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
/// (.events, of `--events-out`) or files with arguments of `rimsim measure` (.args). Of two scripts
/// with one RIM the REMs are compared as well. Or both are boots: chains as `rimsim boot` reads
/// them (.toml) and logs of guests, compared measurement by measurement.
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
    if boots::is_boot(&args.a) || boots::is_boot(&args.b) {
        let ExplainArgs { a, b, outside, hashing, format, .. } = args;
        let options = boots::Options { outside: *outside, hashing, format: *format };
        return boots::run(a, b, &options, console).unwrap_or_else(|CliError(exit, text)| {
            console.error(&text);
            Ok(exit)
        });
    }
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
    let rems = other_rems(a, b);
    match args.format {
        Format::Text if why.is_equal() && !rems.is_empty() => {
            rems.iter().try_for_each(|line| console.result(line))?;
        }
        Format::Text => explanation::text(a, b, &why, console)?,
        Format::Json => {
            let mut document = explanation::document(a, b, &why);
            document["rems"] = serde_json::json!(rems);
            document["equal"] = serde_json::json!(why.is_equal() && rems.is_empty());
            console.json(&document)?;
        }
    }
    Ok(if why.is_equal() && rems.is_empty() { Exit::Good } else { Exit::Mismatch })
}

/// REMs that are not the same, where both sides ran something that extends them.
fn other_rems(a: &Trail, b: &Trail) -> Vec<String> {
    let (Some(one), Some(other)) = (&a.rems, &b.rems) else { return Vec::new() };
    let pairs = (1..).zip(one.iter().zip(other)).filter(|(_, (one, other))| one != other);
    let told = |(n, (one, other))| {
        format!("the RIMs are equal, and rem{n} is not: A has {one}, B {other}")
    };
    pairs.map(told).collect()
}
