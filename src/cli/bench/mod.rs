//! `rimsim bench`: how fast this machine measures, as ratios within one run.

mod against;
mod best;
mod scene;
mod telling;

use std::io;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::Args as ClapArgs;
use serde_json::{Map, Value, json};

use crate::abi::addr::GRANULE_SIZE;
use crate::cli::console::Console;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::options::{Format, HashingArgs, size_bytes};
use crate::encoding::shown::ShowPath as _;
use crate::measure::hasher::Hasher;
use crate::measure::kernel::Kernel;
use crate::measure::rim::HashAlgo;
use against::Earlier;
use best::{Best, rounded};
use scene::{Commands, ScratchImage};
use telling::Telling;

/// Say how fast this machine measures images
///
/// For each hash algorithm: the crate `sha2` one granule at a time on one thread (the baseline that
/// ratios refer to), each kernel of this processor (or that of --hasher alone) on one thread, the
/// whole way from an image in the page cache to the RIM on all threads, the same on one thread,
/// with `--copy`, and with a digest cache that has an entry and is trusted, and the fold alone, as
/// GB of image a second. Then simulated commands a second that fill as much memory (256 MiB at
/// most), what `--log` costs while nobody asks for it, and what speeds are held against: memory
/// that one thread copies. Each figure is the best of the rounds, which take all of them in turn,
/// so that a machine that slows down slows down all of them.
#[derive(Debug, ClapArgs)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct BenchArgs {
    /// Size of the image: 256MiB, 1GiB
    #[arg(long, value_name = "SIZE", default_value = "1GiB", value_parser = size_bytes)]
    size: u64,
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

/// Most of the image that one thread alone hashes in a round: it is not to take minutes.
const ALONE_BYTES: u64 = 256 << 20;
const CACHED: &str = "--digest-cache --trust-mtime and an entry";
/// A smaller image measures the threads' beginnings and ends.
const MIN_BYTES: u64 = 1 << 20;

/// What is measured of one algorithm.
#[derive(Debug)]
struct Speeds {
    algo: HashAlgo,
    baseline: Best,
    kernels: Vec<(Kernel, Best)>,
    pipeline: Best,
    one_thread: Best,
    copied: Best,
    cached: Best,
    fold: Best,
}

impl Speeds {
    /// Of all kernels, or of `only` one.
    fn new(algo: HashAlgo, only: Option<Kernel>) -> Self {
        let kernels = Kernel::ALL.into_iter().filter(|kernel| kernel.is_available(algo));
        let kernels = kernels.filter(|kernel| only.is_none_or(|only| only == *kernel));
        Self {
            algo,
            baseline: Best::default(),
            kernels: kernels.map(|kernel| (kernel, Best::default())).collect(),
            pipeline: Best::default(),
            one_thread: Best::default(),
            copied: Best::default(),
            cached: Best::default(),
            fold: Best::default(),
        }
    }

    fn round(&mut self, image: &ScratchImage, hasher: &Hasher) -> Result<(), String> {
        let algo = self.algo;
        let granules = image.granules(ALONE_BYTES);
        let bytes = granules.len() as u64 * GRANULE_SIZE;
        self.baseline.time(bytes, || scene::one_by_one(algo, &granules));
        for (kernel, best) in &mut self.kernels {
            best.time(bytes, || scene::side_by_side(*kernel, algo, &granules));
        }
        let whole = image.len_bytes();
        let rim = self.pipeline.time(whole, || image.measure(algo, hasher))?;
        let alone = hasher.clone().alone();
        let one_thread = self.one_thread.time(whole, || image.measure(algo, &alone))?;
        let copied = self.copied.time(whole, || image.measure_copy(algo, hasher))?;
        let cache = image.cache(algo, hasher)?;
        let cached = self.cached.time(whole, || image.measure_cached(algo, hasher, cache))?;
        if [one_thread, copied, cached].iter().any(|other| *other != rim) {
            return Err(format!(
                "the RIM is {rim}, by one thread {one_thread}, of a copy {copied}, by the cache \
                 {cached}"
            ));
        }
        let log = image.known_log(algo, hasher)?;
        let folded = self.fold.time(whole, || scene::fold(log));
        if rim != folded {
            return Err(format!("the fold of known digests is {folded}, of the image {rim}"));
        }
        Ok(())
    }

    fn ratio(&self) -> f64 {
        self.pipeline.per_second / self.baseline.per_second
    }

    /// How many times as fast as the pipeline something is.
    fn of_pipeline(&self, best: Best) -> f64 {
        best.per_second / self.pipeline.per_second
    }

    /// The pipeline against all threads with the fastest kernel and nothing else to do.
    fn of_ideal(&self, threads: usize) -> f64 {
        #[allow(clippy::cast_precision_loss, reason = "a number of threads")]
        let ideal = self.fastest() * threads as f64;
        self.pipeline.per_second / ideal
    }

    /// The pipeline against all threads with the fastest kernel and the fold to do: each byte costs
    /// both, however they are spread over the threads.
    fn of_bound(&self, threads: usize) -> f64 {
        self.of_ideal(threads) * (1.0 + self.fastest() / self.fold.per_second)
    }

    fn fastest(&self) -> f64 {
        self.kernels.iter().map(|(_, best)| best.per_second).fold(0.0, f64::max)
    }
}

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
    let mut speeds = HashAlgo::ALL.map(|algo| Speeds::new(algo, args.hashing.hasher));
    let (mut commands, mut telling) = (Best::default(), Telling::all());
    let mut copy = Best::default();
    for _ in 0..args.rounds.get() {
        for speeds in &mut speeds {
            if let Err(message) = speeds.round(&image, &hasher) {
                console.error(&message);
                return Ok(Exit::Io);
            }
        }
        image.copy(ALONE_BYTES, &mut copy);
        let granules = Commands::MOST_GRANULES.min(args.size / GRANULE_SIZE);
        let scene = Commands::new(granules);
        commands.time(scene.count(), || scene.carry_out());
        telling.iter_mut().for_each(|told| told.round(granules));
    }
    let mut now = document(args, &hasher, &speeds, (commands, &telling));
    now["memory_copy"] = rounded(copy.gigabytes());
    if let Some(difference) = earlier.as_ref().and_then(|earlier| earlier.difference(&now)) {
        console.say(&difference);
    }
    match args.format {
        Format::Text => {
            text(args, &hasher, &speeds, (commands, &telling), console)?;
            compared(copy, earlier.as_ref(), &now, console)?;
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

/// What the speeds are held against: memory, and an earlier run.
fn compared(
    copy: Best,
    earlier: Option<&Earlier>,
    now: &Value,
    console: &mut Console,
) -> io::Result<()> {
    console.result("")?;
    let copied = copy.gigabytes();
    console.result(&format!("memory copied       {copied:>6.2}         GB/s, one thread"))?;
    let Some(earlier) = earlier else { return Ok(()) };
    console.result("")?;
    console.result(&format!("{:<26} {:>12} {:>12} {:>6}", "", "then", "now", "ratio"))?;
    for against::Pair { name, then, now } in earlier.pairs(now) {
        console.result(&format!("{name:<26} {then:>12.2} {now:>12.2} {:>6.2}", now / then))?;
    }
    Ok(())
}

fn text(
    args: &BenchArgs,
    hasher: &Hasher,
    speeds: &[Speeds],
    (commands, telling): (Best, &[Telling]),
    console: &mut Console,
) -> io::Result<()> {
    let threads = hasher.threads();
    console.result(&format!(
        "image of {} MiB, {threads} threads, best of {} rounds; GB of image a second, and times \
         the baseline",
        args.size >> 20,
        args.rounds
    ))?;
    for speeds in speeds {
        console.result("")?;
        let base = speeds.baseline.per_second;
        let mut row = |name: &str, best: Best, what: &str| {
            let (speed, ratio) = (best.gigabytes(), best.per_second / base);
            console.result(&format!("{name:<18} {speed:>7.2} {ratio:>6.2}  {what}"))
        };
        let name = speeds.algo.name();
        row(name, speeds.baseline, "baseline: sha2, one granule at a time, one thread")?;
        for (kernel, best) in &speeds.kernels {
            let lanes = kernel.lanes(speeds.algo).unwrap_or(1);
            let what = format!("kernel, granules side by side: {lanes}, one thread");
            row(&format!("  {kernel}"), *best, &what)?;
        }
        let kernel = hasher.kernel(speeds.algo);
        let [ideal, bound] =
            [speeds.of_ideal(threads), speeds.of_bound(threads)].map(|part| 100.0 * part);
        let what = format!(
            "image to RIM, {kernel}; {ideal:.0} % of the fastest kernel x {threads}, {bound:.0} % \
             of that with the fold"
        );
        row("  pipeline", speeds.pipeline, &what)?;
        let part = 100.0 * speeds.one_thread.per_second / speeds.fastest();
        let what = format!("the same on one thread; {part:.0} % of the fastest kernel");
        row("  one thread", speeds.one_thread, &what)?;
        let parts = [("  copied", speeds.copied, "--copy"), ("  cached", speeds.cached, CACHED)];
        for (name, best, what) in parts {
            let part = speeds.of_pipeline(best);
            row(name, best, &format!("the same with {what}; {part:.2}x the pipeline"))?;
        }
        row("  fold", speeds.fold, "digests to RIM, one thread, which waits for itself")?;
    }
    console.result("")?;
    let millions = commands.per_second / 1e6;
    console.result(&format!("commands           {millions:>7.2}         million a second"))?;
    for told in telling {
        let (name, millions) = (told.listener.name(), told.commands.per_second / 1e6);
        let ratio = told.commands.per_second / telling[0].commands.per_second;
        let span = told.span_nanoseconds();
        let what = "in a session, by who listens to --log";
        console.result(&format!(
            "  {name:<16} {millions:>7.2} {ratio:>6.2}  {what}; a span takes {span:.1} ns"
        ))?;
    }
    Ok(())
}

fn document(
    args: &BenchArgs,
    hasher: &Hasher,
    speeds: &[Speeds],
    (commands, telling): (Best, &[Telling]),
) -> Value {
    let each = |value: &dyn Fn(&Speeds) -> Value| -> Value {
        let entry = |speeds| (Speeds::algo_name(speeds), value(speeds));
        Value::Object(speeds.iter().map(entry).collect::<Map<_, _>>())
    };
    let kernels = |speeds: &Speeds| {
        let entry =
            |(kernel, best): &(Kernel, Best)| (kernel.to_string(), rounded(best.gigabytes()));
        Value::Object(speeds.kernels.iter().map(entry).collect())
    };
    let told = |value: &dyn Fn(&Telling) -> Value| -> Value {
        let entry = |told: &Telling| (told.listener.name().to_owned(), value(told));
        Value::Object(telling.iter().map(entry).collect())
    };
    let threads = hasher.threads();
    json!({
        "schema": "rimsim/1",
        "command": "bench",
        "size_bytes": args.size,
        "threads": threads,
        "rounds": args.rounds,
        "unit": "GB/s",
        "baseline": each(&|speeds| rounded(speeds.baseline.gigabytes())),
        "kernels": each(&kernels),
        "kernel": each(&|speeds| hasher.kernel(speeds.algo).name().into()),
        "pipeline": each(&|speeds| rounded(speeds.pipeline.gigabytes())),
        "one_thread": each(&|speeds| rounded(speeds.one_thread.gigabytes())),
        "ratio": each(&|speeds| rounded(speeds.ratio())),
        "copied": each(&|speeds| rounded(speeds.of_pipeline(speeds.copied))),
        "cached": each(&|speeds| rounded(speeds.of_pipeline(speeds.cached))),
        "of_ideal": each(&|speeds| rounded(speeds.of_ideal(threads))),
        "of_bound": each(&|speeds| rounded(speeds.of_bound(threads))),
        "fold": each(&|speeds| rounded(speeds.fold.gigabytes())),
        "commands_per_s": commands.per_second.round(),
        "log": told(&|told| rounded(told.commands.per_second / telling[0].commands.per_second)),
        "span_ns": told(&|told| rounded(told.span_nanoseconds())),
    })
}

impl Speeds {
    fn algo_name(&self) -> String {
        self.algo.name().to_owned()
    }
}
