//! Speeds: the best of several rounds.

use std::time::Instant;

use serde_json::Value;

/// The best of several rounds of one thing.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Best {
    pub(super) per_second: f64,
}

impl Best {
    /// Times `work` on `amount` of something.
    pub(super) fn time<R>(&mut self, amount: u64, work: impl FnOnce() -> R) -> R {
        let began = Instant::now();
        let result = std::hint::black_box(work());
        let seconds = began.elapsed().as_secs_f64().max(1e-9);
        #[allow(clippy::cast_precision_loss, reason = "a speed is not exact")]
        let per_second = amount as f64 / seconds;
        self.per_second = self.per_second.max(per_second);
        result
    }

    pub(super) fn gigabytes(self) -> f64 {
        self.per_second / 1e9
    }
}

/// Three decimals: more would pretend.
pub(super) fn rounded(value: f64) -> Value {
    ((value * 1000.0).round() / 1000.0).into()
}
