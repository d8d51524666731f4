//! A bar for work that takes more than half a second.

use std::io::{self, IsTerminal};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::abi::addr::GRANULE_SIZE;

/// Work that ends sooner shows nothing.
const SILENT: Duration = Duration::from_millis(500);
/// How often the bar is drawn.
const TICK: Duration = Duration::from_millis(100);

/// What a bar says of work in granules.
const MEASURING: &str =
    "measuring {wide_bar} {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left";
/// What it says of candidates.
const SEARCHING: &str =
    "searching {wide_bar} {human_pos} of {human_len} candidates, {per_sec}, {eta} left";

/// What is counted.
#[derive(Clone, Copy, Debug)]
struct Unit {
    template: &'static str,
    /// How far the bar moves for each.
    size: u64,
}

/// Counts granules or candidates, and shows them on a terminal.
#[derive(Debug)]
pub(crate) struct Progress {
    counter: Arc<AtomicU64>,
    began: Instant,
    drawing: Option<(Arc<AtomicBool>, JoinHandle<()>)>,
}

impl Progress {
    /// Begins; `total_bytes` is what there may be to do.
    pub(crate) fn begin(total_bytes: u64) -> Self {
        Self::of(total_bytes, Unit { template: MEASURING, size: GRANULE_SIZE })
    }

    /// Begins to count candidates of so many.
    pub(crate) fn of_candidates(total: u64) -> Self {
        Self::of(total, Unit { template: SEARCHING, size: 1 })
    }

    fn of(total: u64, unit: Unit) -> Self {
        let counter = Arc::new(AtomicU64::new(0));
        let drawing = (total > 0 && io::stderr().is_terminal())
            .then(|| draw(total, unit, Arc::clone(&counter)).ok())
            .flatten();
        Self { counter, began: Instant::now(), drawing }
    }

    /// Where granules are counted.
    pub(crate) fn counter(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.counter)
    }

    /// How long it has taken until now.
    pub(crate) fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    /// Takes the bar away.
    pub(crate) fn clear(&mut self) {
        if let Some((ended, thread)) = self.drawing.take() {
            ended.store(true, Ordering::Relaxed);
            thread.thread().unpark();
            // A bar that can not be drawn is no reason to fail.
            let _ = thread.join();
        }
    }

    /// Takes the bar away, and says how fast it was.
    pub(crate) fn end(mut self) -> String {
        let seconds = self.began.elapsed().as_secs_f64();
        self.clear();
        let granules = self.counter.load(Ordering::Relaxed);
        let bytes = granules * GRANULE_SIZE;
        #[allow(clippy::cast_precision_loss, reason = "a speed is not exact")]
        let speed = bytes as f64 / seconds.max(1e-9) / 1e9;
        let mebibytes = bytes >> 20;
        format!("{granules} events ({mebibytes} MiB) in {seconds:.2} s: {speed:.2} GB/s")
    }
}

/// Draws on a thread of its own; where there is none to be had nothing is drawn.
fn draw(
    total: u64,
    unit: Unit,
    counter: Arc<AtomicU64>,
) -> io::Result<(Arc<AtomicBool>, JoinHandle<()>)> {
    let ended = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&ended);
    let thread = thread::Builder::new().spawn(move || {
        let began = Instant::now();
        while began.elapsed() < SILENT {
            if seen.load(Ordering::Relaxed) {
                return;
            }
            thread::park_timeout(SILENT);
        }
        let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr());
        if let Ok(style) = ProgressStyle::with_template(unit.template) {
            bar.set_style(style);
        }
        while !seen.load(Ordering::Relaxed) {
            let done = counter.load(Ordering::Relaxed) * unit.size;
            bar.set_length(total.max(done));
            bar.set_position(done);
            thread::park_timeout(TICK);
        }
        bar.finish_and_clear();
    })?;
    Ok((ended, thread))
}
