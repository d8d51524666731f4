//! `rimsim bench`: how fast this machine measures, as ratios within one run.

mod against;
mod best;
mod commands;
mod figures;
mod processes;
mod scene;
mod speeds;
mod telling;

use std::io;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::Args as ClapArgs;
use serde_json::Value;

use crate::cli::console::Console;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::options::{Format, Granule, HashingArgs, size_bytes};
use crate::encoding::shown::ShowPath as _;
use against::Earlier;
use figures::Figures;
use scene::ScratchImage;

/// Say how fast this machine measures images
///
/// For each hash algorithm: the crate `sha2` one granule at a time on one thread (the baseline that
/// ratios refer to), each kernel of this processor (or that of --hasher alone) on one thread, the
/// whole way from an image in the page cache to the RIM on all threads, the same on one thread,
/// with `--copy`, and with a digest cache that has an entry and is trusted, and the fold alone, as
/// GB of image a second. Then simulated commands a second that fill as much memory (256 MiB at
/// most), what `--log` costs while nobody asks for it, and granules a second that one counted
/// command fills. Then whole processes, the image in the page cache, as times the pipeline, and the
/// memory that one takes. Last what speeds are held against: all threads that hash and do nothing
/// else, the latency of the fold, and memory that one thread copies. Each figure is the best of the
/// rounds, which take all of them in turn, so that a machine that slows down slows all of them.
#[derive(Debug, ClapArgs)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct BenchArgs {
    /// Size of the image: 256MiB, 1GiB
    #[arg(long, value_name = "SIZE", default_value = "1GiB", value_parser = size_bytes)]
    size: u64,
    /// Size of the granules that images are hashed in; simulated commands have 4 KiB
    #[arg(long, value_enum, default_value_t = Granule::K4, ignore_case = true)]
    granule: Granule,
    /// How often everything is measured
    #[arg(long, value_name = "N", default_value = "3")]
    rounds: NonZeroUsize,
    /// Where the image is written, and removed at the end; the system's folder for such files if
    /// it is not said
    #[arg(long, value_name = "FOLDER")]
    dir: Option<PathBuf>,
    /// Compare with an earlier run: what it printed with --format json
    #[arg(long, value_name = "FILE")]
    baseline: Option<PathBuf>,
    #[command(flatten)]
    hashing: HashingArgs,
    /// Form of the result
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

const EXAMPLES: &str = "\
Examples:
  How does this machine do?
      rimsim bench
  A quick look, for a program:
      rimsim bench --size 256MiB --rounds 1 --format json
  Is it faster than before?
      rimsim bench --format json > before.json
      rimsim bench --baseline before.json";

/// A smaller image measures the threads' beginnings and ends.
const MIN_BYTES: u64 = 1 << 20;

pub(crate) fn run(args: &BenchArgs, console: &mut Console) -> io::Result<Exit> {
    let hasher = match args.hashing.hasher() {
        Ok(hasher) => hasher,
        Err(problem) => return Ok(problem.tell(console)),
    };
    if args.hashing.copy {
        console.error("--copy: is measured in any case");
        return Ok(Exit::Usage);
    }
    if telling::is_told() {
        console.error("--log, RIMSIM_LOG: bench measures what they cost, so it takes neither");
        return Ok(Exit::Usage);
    }
    if args.size < MIN_BYTES {
        console.error("--size: at least 1MiB");
        return Ok(Exit::Usage);
    }
    let earlier = match args.baseline.as_deref().map(Earlier::read).transpose() {
        Ok(earlier) => earlier,
        Err(CliError(exit, text)) => {
            console.error(&text);
            return Ok(exit);
        }
    };
    let dir = args.dir.clone().unwrap_or_else(std::env::temp_dir);
    let image = match ScratchImage::create(&dir, args.size) {
        Ok(image) => image,
        Err(error) => {
            console.error(&format!("{}: {error}", dir.shown()));
            return Ok(Exit::Io);
        }
    };
    let mut figures = match Figures::new(args.rounds, args.granule.into(), &args.hashing, &image) {
        Ok(figures) => figures,
        Err(error) => {
            console.error(&format!("{}: {error}", dir.shown()));
            return Ok(Exit::Io);
        }
    };
    for _ in 0..args.rounds.get() {
        if let Err(message) = figures.round(&image, &hasher) {
            console.error(&message);
            return Ok(Exit::Io);
        }
    }
    let mut now = figures.document(&hasher);
    if let Some(difference) = earlier.as_ref().and_then(|earlier| earlier.difference(&now)) {
        console.say(&difference);
    }
    match args.format {
        Format::Text => {
            figures.text(&hasher, console)?;
            compared(earlier.as_ref(), &now, console)?;
        }
        Format::Json => {
            if let Some(earlier) = earlier {
                now["against"] = earlier.document(&now);
            }
            console.json(&now)?;
        }
    }
    Ok(Exit::Good)
}

/// An earlier run against this one.
fn compared(earlier: Option<&Earlier>, now: &Value, console: &mut Console) -> io::Result<()> {
    let Some(earlier) = earlier else { return Ok(()) };
    console.result("")?;
    console.result(&format!("{:<26} {:>12} {:>12} {:>6}", "", "then", "now", "ratio"))?;
    for against::Pair { name, then, now } in earlier.pairs(now) {
        console.result(&format!("{name:<26} {then:>12.2} {now:>12.2} {:>6.2}", now / then))?;
    }
    Ok(())
}
