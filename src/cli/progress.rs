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

/// Counts granules, and shows them on a terminal.
#[derive(Debug)]
pub(crate) struct Progress {
    counter: Arc<AtomicU64>,
    began: Instant,
    drawing: Option<(Arc<AtomicBool>, JoinHandle<()>)>,
}

impl Progress {
    /// Begins; `total_bytes` is what there may be to do.
    pub(crate) fn begin(total_bytes: u64) -> Self {
        let counter = Arc::new(AtomicU64::new(0));
        let drawing = (total_bytes > 0 && io::stderr().is_terminal())
            .then(|| draw(total_bytes, Arc::clone(&counter)));
        Self { counter, began: Instant::now(), drawing }
    }

    /// Where granules are counted.
    pub(crate) fn counter(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.counter)
    }

    /// Takes the bar away, and says how fast it was.
    pub(crate) fn end(self) -> String {
        let seconds = self.began.elapsed().as_secs_f64();
        if let Some((ended, thread)) = self.drawing {
            ended.store(true, Ordering::Relaxed);
            thread.thread().unpark();
            // A bar that can not be drawn is no reason to fail.
            let _ = thread.join();
        }
        let granules = self.counter.load(Ordering::Relaxed);
        let bytes = granules * GRANULE_SIZE;
        #[allow(clippy::cast_precision_loss, reason = "a speed is not exact")]
        let speed = bytes as f64 / seconds.max(1e-9) / 1e9;
        let mebibytes = bytes >> 20;
        format!("{granules} events ({mebibytes} MiB) in {seconds:.2} s: {speed:.2} GB/s")
    }
}

fn draw(total_bytes: u64, counter: Arc<AtomicU64>) -> (Arc<AtomicBool>, JoinHandle<()>) {
    let ended = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&ended);
    let thread = thread::spawn(move || {
        let began = Instant::now();
        while began.elapsed() < SILENT {
            if seen.load(Ordering::Relaxed) {
                return;
            }
            thread::park_timeout(SILENT);
        }
        let bar = ProgressBar::with_draw_target(Some(total_bytes), ProgressDrawTarget::stderr());
        let template = "measuring {wide_bar} {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        while !seen.load(Ordering::Relaxed) {
            let bytes = counter.load(Ordering::Relaxed) * GRANULE_SIZE;
            bar.set_length(total_bytes.max(bytes));
            bar.set_position(bytes);
            thread::park_timeout(TICK);
        }
        bar.finish_and_clear();
    });
    (ended, thread)
}
