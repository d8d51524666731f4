//! What it costs to tell what happens: nothing while nobody listens.

use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::NoSubscriber;
use tracing::{Dispatch, Event, Metadata, Subscriber, dispatcher, level_filters::LevelFilter};

use super::best::Best;
use super::commands::Commands;

/// Spans that are begun and ended in a round, for each granule that the commands fill.
const SPANS: u64 = 16;

/// Who listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Listener {
    /// Nobody.
    Nobody,
    /// A subscriber that takes nothing.
    Refuses,
    /// One that takes everything and drops it.
    Takes,
}

impl Listener {
    pub(super) const ALL: [Self; 3] = [Self::Nobody, Self::Refuses, Self::Takes];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Nobody => "nobody",
            Self::Refuses => "refuses",
            Self::Takes => "takes",
        }
    }

    /// Does `work` while this one listens to this thread.
    fn listening<R>(self, work: impl FnOnce() -> R) -> R {
        let subscriber = Dispatch::new(self);
        if self == Self::Nobody {
            // Levels and places of spans are asked for when a subscriber comes, not when it goes.
            drop(subscriber);
            return work();
        }
        dispatcher::with_default(&subscriber, work)
    }
}

impl Subscriber for Listener {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        *self == Self::Takes
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        (*self == Self::Nobody).then_some(LevelFilter::OFF)
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, _: &Event<'_>) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

/// What is measured of one listener.
#[derive(Clone, Copy, Debug)]
pub(super) struct Telling {
    pub(super) listener: Listener,
    /// Commands a second in a session, each of which tells an event.
    pub(super) commands: Best,
    /// Spans a second.
    spans: Best,
}

impl Telling {
    pub(super) fn all() -> [Self; 3] {
        let (commands, spans) = (Best::default(), Best::default());
        Listener::ALL.map(|listener| Self { listener, commands, spans })
    }

    /// Commands that fill so many granules, and spans.
    pub(super) fn round(&mut self, granules: u64) {
        let (scene, spans) = (Commands::new(granules), SPANS * granules);
        self.listener.listening(|| {
            self.commands.time(scene.count(), || scene.carry_out_in_session());
            self.spans.time(spans, || {
                for size_bytes in 0..spans {
                    drop(tracing::trace_span!("bench", size_bytes).entered());
                }
            });
        });
    }

    /// What a span costs.
    pub(super) fn span_nanoseconds(&self) -> f64 {
        1e9 / self.spans.per_second
    }
}

/// Whether something listens already, which nothing can be measured without then.
pub(super) fn is_told() -> bool {
    dispatcher::get_default(|dispatch| !dispatch.is::<NoSubscriber>())
}
