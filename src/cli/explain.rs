//! `rimsim explain`

use std::io;
use std::path::{Path, PathBuf};

use clap::Args as ClapArgs;

use crate::cli::causes::{Line, causes};
use crate::cli::console::Console;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::explanation::Detail;
use crate::cli::options::{Format, HashingArgs, OutsideArgs, RmmLogArgs};
use crate::cli::{boots, explanation, trails};
use crate::explain::{Trail, compare};
use crate::predict::Cause;

/// Say why two Realms have different RIMs
///
/// Of two command lines prints the options that differ and are measured first. Compares what was
/// measured, event by event: prints the first event that differs, then all differences by what
/// they are about, of a device tree the node and the property, and what such a difference varies
/// with. Exits with 0 if the RIMs are equal, with 3 if not. If a command line is refused, says why,
/// and what the other says otherwise; exits with 4.
///
/// Two RIMs that are made by different rules (RMM 1.0 and 2.0) always differ: what the
/// specification makes of them is said first, and then what differs of what both rules measure.
///
/// A and B are scripts (.rmi), vectors (.json), logs of an RMM's console (.log), saved events
/// (.events, of `--events-out`), files with arguments of `rimsim measure` (.args) or domains of
/// libvirt (.xml; what the host is, is assumed: .events of `rimsim measure` say it). Of two scripts
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
    /// Say which bytes differ, and what such differences vary with
    #[arg(short, long)]
    verbose: bool,
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
    let open = |path: &Path| match Line::of(path, args.outside) {
        Err(error) => (None, Err(error.into())),
        Ok(Some(line)) => {
            let trail = line.trail(path, &files).map_err(trails::NoTrail::from);
            (Some(line), trail)
        }
        Ok(None) => {
            let realm = args.realm.as_deref();
            (None, trails::open(path, realm, &args.log, args.outside, &hasher, &files))
        }
    };
    let ((line_a, a), (line_b, b)) = (open(&args.a), open(&args.b));
    let (lines, found) = ([line_a, line_b], [a, b]);
    let refused = found
        .each_ref()
        .map(|side| side.as_ref().is_err_and(|error| error.exit() == Exit::Refused));
    // Every option that is another is tried: only for those who are told.
    let causes = || match &lines {
        // What can not be told apart is no reason to say nothing of the events.
        [Some(a), Some(b)] => causes([a, b], &files, refused).unwrap_or_default(),
        _ => Vec::new(),
    };
    let [Ok(a), Ok(b)] = &found else {
        return no_trails(args, &found, causes, console);
    };
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
        Format::Text => {
            let causes = if why.is_equal() { Vec::new() } else { causes() };
            let detail = Detail { causes: &causes, bytes: args.verbose || causes.is_empty() };
            let lines = explanation::detailed(a, b, &why, detail);
            lines.iter().try_for_each(|line| console.result(line))?;
        }
        Format::Json => {
            let mut document = explanation::document(a, b, &why);
            document["causes"] = causes().iter().map(explanation::cause).collect();
            document["rems"] = serde_json::json!(rems);
            document["equal"] = serde_json::json!(why.is_equal() && rems.is_empty());
            console.json(&document)?;
        }
    }
    Ok(if why.is_equal() && rems.is_empty() { Exit::Good } else { Exit::Mismatch })
}

/// What is said of sides of which one has no events: of command lines that are refused what they
/// say otherwise.
fn no_trails(
    args: &ExplainArgs,
    found: &[Result<Trail, trails::NoTrail>; 2],
    causes: impl FnOnce() -> Vec<Cause>,
    console: &mut Console,
) -> io::Result<Exit> {
    let mut exit = Exit::Good;
    for error in found.iter().filter_map(|side| side.as_ref().err()) {
        console.error(&error.to_string());
        exit = exit.and(error.exit());
    }
    if exit != Exit::Refused || args.format == Format::Json {
        return Ok(exit);
    }
    let causes = causes();
    let (all, both) = (explanation::causes(&causes), found.iter().all(Result::is_err));
    all.iter().try_for_each(|line| console.result(line))?;
    if !both && causes.iter().any(|cause| cause.decides == Some(true)) {
        console.note("what stands first takes the refusal away, each by itself");
    }
    Ok(exit)
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
