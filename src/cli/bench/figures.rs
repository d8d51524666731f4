//! All that is measured, and how it is printed.

use std::io;
use std::num::NonZeroUsize;

use serde_json::{Map, Value, json};

use super::best::{Best, rounded};
use super::commands::{Commands, Counted};
use super::processes::{Process, Processes};
use super::scene::ScratchImage;
use super::speeds::{ALONE_BYTES, CACHED, Speeds};
use super::telling::Telling;
use crate::abi::addr::GRANULE_SIZE;
use crate::abi::granule_size::GranuleSize;
use crate::cli::console::Console;
use crate::cli::options::HashingArgs;
use crate::measure::hasher::Hasher;
use crate::measure::kernel::Kernel;
use crate::measure::rim::HashAlgo;

/// What is measured in every round.
#[derive(Debug)]
pub(super) struct Figures {
    speeds: [Speeds; HashAlgo::ALL.len()],
    commands: Best,
    telling: [Telling; 3],
    counted: Best,
    processes: Processes,
    copy: Best,
    size_bytes: u64,
    rounds: NonZeroUsize,
    granule: GranuleSize,
}

impl Figures {
    pub(super) fn new(
        rounds: NonZeroUsize,
        size: GranuleSize,
        hashing: &HashingArgs,
        image: &ScratchImage,
    ) -> io::Result<Self> {
        Ok(Self {
            speeds: HashAlgo::ALL.map(|algo| Speeds::new(algo, size, hashing.hasher)),
            commands: Best::default(),
            telling: Telling::all(),
            counted: Best::default(),
            processes: Processes::new(image, size, hashing)?,
            copy: Best::default(),
            size_bytes: image.len_bytes(),
            rounds,
            granule: size,
        })
    }

    /// Measures everything once.
    pub(super) fn round(&mut self, image: &ScratchImage, hasher: &Hasher) -> Result<(), String> {
        self.speeds.iter_mut().try_for_each(|speeds| speeds.round(image, hasher))?;
        self.processes.round()?;
        image.copy(ALONE_BYTES, &mut self.copy);
        let granules = self.size_bytes / GRANULE_SIZE;
        let few = Commands::MOST_GRANULES.min(granules);
        let scene = Commands::new(few);
        self.commands.time(scene.count(), || scene.carry_out());
        self.telling.iter_mut().for_each(|told| told.round(few));
        let scene = Counted::new(Counted::MOST_GRANULES.min(granules));
        self.counted.time(scene.count(), || scene.carry_out());
        Ok(())
    }

    /// What keeps the pipeline of an algorithm from being faster: the name, and GB a second.
    fn limit(&self, speeds: &Speeds, threads: usize) -> (&'static str, f64) {
        #[allow(clippy::cast_precision_loss, reason = "a number of threads")]
        let hashing = speeds.fastest() * threads as f64;
        let limits = [
            ("hashing", hashing),
            ("threads", speeds.together.per_second),
            ("latency of the fold", speeds.fold.per_second),
            ("memory", self.copy.per_second),
        ];
        let least = limits.into_iter().min_by(|a, b| a.1.total_cmp(&b.1));
        let (name, per_second) = least.expect("there are three");
        (name, per_second / 1e9)
    }

    /// How many times as long as the pipeline a process takes.
    fn of_pipeline(&self, process: Best) -> f64 {
        self.speeds[0].pipeline.per_second / process.per_second
    }

    /// What was measured of processes that hash the image.
    fn hashing_processes(&self) -> impl Iterator<Item = (Process, Best)> {
        let all = self.processes.times.into_iter();
        all.filter(|(process, best)| *process != Process::Start && best.per_second > 0.0)
    }

    fn start_milliseconds(&self) -> f64 {
        let (_, start) = self.processes.times[0];
        #[allow(clippy::cast_precision_loss, reason = "a size for people")]
        let size_bytes = self.size_bytes as f64;
        1e3 * size_bytes / start.per_second
    }

    pub(super) fn text(&self, hasher: &Hasher, console: &mut Console) -> io::Result<()> {
        console.result(&format!(
            "image of {} MiB in granules of {}, {} threads, best of {} rounds; GB of image a \
             second, and times the baseline",
            self.size_bytes >> 20,
            self.granule,
            hasher.threads(),
            self.rounds
        ))?;
        self.speeds.iter().try_for_each(|speeds| self.text_of(speeds, hasher, console))?;
        console.result("")?;
        self.text_of_commands(console)?;
        console.result("")?;
        let start = self.start_milliseconds();
        let what = Process::Start.what();
        console.result(&format!("{:<18} {start:>7.2}         milliseconds: {what}", "start"))?;
        for (process, best) in self.hashing_processes() {
            let (name, what) = (process.name(), process.what());
            let (speed, ratio) = (best.gigabytes(), self.of_pipeline(best));
            let what = format!("{what}; {ratio:.2}x the pipeline's time");
            console.result(&format!("{name:<18} {speed:>7.2}         {what}"))?;
        }
        let (search, what) = (self.processes.search, self.processes.search_what());
        let thousands = search.per_second / 1e3;
        console.result(&format!("{:<18} {thousands:>7.2}         {what}", "search"))?;
        if let Some(bytes) = self.processes.private_bytes {
            #[allow(clippy::cast_precision_loss, reason = "a size for people")]
            let mib = bytes as f64 / f64::from(1 << 20);
            let what = "MiB at most that `run` takes besides the image";
            console.result(&format!("{:<18} {mib:>7.2}         {what}", "memory"))?;
        }
        console.result("")?;
        let copied = self.copy.gigabytes();
        console.result(&format!("memory copied      {copied:>7.2}         GB/s, one thread"))
    }

    fn text_of(&self, speeds: &Speeds, hasher: &Hasher, console: &mut Console) -> io::Result<()> {
        console.result("")?;
        let (threads, base) = (hasher.threads(), speeds.baseline.per_second);
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
        let together = format!(
            "{kernel}, {threads} threads at once, nothing to fold; {:.2}x one of them",
            speeds.together.per_second / speeds.kernel(kernel)
        );
        row("  together", speeds.together, &together)?;
        let what = format!(
            "image to RIM, {kernel}; {ideal:.0} % of the fastest kernel x {threads}, {bound:.0} % \
             of that with the fold, {:.0} % of the threads at once",
            100.0 * speeds.of_pipeline(speeds.together).recip()
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
        if let Some((kernel, best)) = speeds.beside {
            let part = 100.0 * best.per_second / speeds.kernel(kernel);
            let what =
                format!("{kernel} and the fold at once, one thread; {part:.0} % of {kernel}");
            row("  beside", best, &what)?;
        }
        let (limit, most) = self.limit(speeds, threads);
        let what = format!("no pipeline is faster than this: {limit}");
        console.result(&format!("  limit            {most:>7.2}         {what}"))
    }

    fn text_of_commands(&self, console: &mut Console) -> io::Result<()> {
        let millions = self.commands.per_second / 1e6;
        console.result(&format!("commands           {millions:>7.2}         million a second"))?;
        for told in &self.telling {
            let (name, millions) = (told.listener.name(), told.commands.per_second / 1e6);
            let ratio = told.commands.per_second / self.telling[0].commands.per_second;
            let span = told.span_nanoseconds();
            let what = "in a session, by who listens to --log";
            console.result(&format!(
                "  {name:<16} {millions:>7.2} {ratio:>6.2}  {what}; a span takes {span:.1} ns"
            ))?;
        }
        let millions = self.counted.per_second / 1e6;
        let what = "million granules a second by one counted DATA_CREATE";
        console.result(&format!("  counted          {millions:>7.2}         {what}"))
    }

    pub(super) fn document(&self, hasher: &Hasher) -> Value {
        let each = |value: &dyn Fn(&Speeds) -> Value| -> Value {
            let entry = |speeds| (Speeds::algo_name(speeds), value(speeds));
            Value::Object(self.speeds.iter().map(entry).collect::<Map<_, _>>())
        };
        let kernels = |speeds: &Speeds| {
            let entry =
                |(kernel, best): &(Kernel, Best)| (kernel.to_string(), rounded(best.gigabytes()));
            Value::Object(speeds.kernels.iter().map(entry).collect())
        };
        let told = |value: &dyn Fn(&Telling) -> Value| -> Value {
            let entry = |told: &Telling| (told.listener.name().to_owned(), value(told));
            Value::Object(self.telling.iter().map(entry).collect())
        };
        let limit = |speeds: &Speeds| {
            let (by, most) = self.limit(speeds, hasher.threads());
            json!({ "by": by, "most": rounded(most) })
        };
        let process = |(process, best): (Process, Best)| {
            (process.name().to_owned(), rounded(self.of_pipeline(best)))
        };
        let beside = |speeds: &Speeds| {
            let (_, best) = speeds.beside?;
            Some((speeds.algo_name(), rounded(best.gigabytes())))
        };
        let threads = hasher.threads();
        json!({
            "schema": "rimsim/1",
            "command": "bench",
            "size_bytes": self.size_bytes,
            "granule_bytes": self.granule.bytes(),
            "threads": threads,
            "rounds": self.rounds,
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
            "together": each(&|speeds| rounded(speeds.together.gigabytes())),
            "beside": Value::Object(self.speeds.iter().filter_map(beside).collect()),
            "limit": each(&limit),
            "commands_per_s": self.commands.per_second.round(),
            "log": told(&|told| {
                rounded(told.commands.per_second / self.telling[0].commands.per_second)
            }),
            "span_ns": told(&|told| rounded(told.span_nanoseconds())),
            "counted_granules_per_s": self.counted.per_second.round(),
            "private_bytes": self.processes.private_bytes,
            "candidates_per_s": self.processes.search.per_second.round(),
            "start_ms": rounded(self.start_milliseconds()),
            "processes": Value::Object(self.hashing_processes().map(process).collect()),
            "memory_copy": rounded(self.copy.gigabytes()),
        })
    }
}
