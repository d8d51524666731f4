//! How a budget is kept.

use std::time::Duration;

/// How many candidates are tried at a time: as many as take about a second, so that a budget is
/// kept and a bar moves, and as candidates have more in common the more they are.
#[derive(Debug)]
pub(crate) struct Pace {
    step: u64,
    before: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self { step: 128, before: Duration::ZERO }
    }
}

impl Pace {
    const MOST: u64 = 2048;

    /// The next step, at a time since the beginning.
    pub(crate) fn step(&mut self, now: Duration) -> u64 {
        let took = now.saturating_sub(self.before);
        self.before = now;
        if took > Duration::from_secs(1) {
            self.step = (self.step / 2).max(16);
        } else if took < Duration::from_millis(500) {
            self.step = (self.step * 2).min(Self::MOST);
        }
        self.step
    }
}
