//! Hashing and folding while the commands are still being carried out.
//!
//! Windows of events are handed over as they fill. Threads hash them in any order; whichever thread
//! finishes the window that is next in line folds it, and those after it that wait. So the fold
//! stays strictly in the order of the commands, and is never waited for but at the end.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};

use tracing::Span;

use super::events::Events;
use super::hasher::{Digest, Hasher};
use super::log::fold;
use super::rim::Measurement;
use super::rule::RimRule;

/// Windows that are handed over and not folded yet, at most: bounds the memory.
const MAX_WAITING: u64 = 16;

/// The threads' work on one log.
#[derive(Debug)]
pub(super) struct Ahead {
    hasher: Hasher,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    rule: RimRule,
    /// Of all windows: where the log was when the first was handed over.
    span: Span,
    state: Mutex<State>,
    /// A window was folded.
    folded: Condvar,
}

#[derive(Debug)]
struct State {
    rim: Measurement,
    /// Windows that were handed over.
    handed: u64,
    /// Windows that were folded.
    done: u64,
    /// Windows that are hashed, by number.
    ready: BTreeMap<u64, (Events, Vec<Digest>)>,
    /// Whether a thread folds just now.
    folding: bool,
}

impl Ahead {
    /// Begins with the RIM of what was folded before.
    pub(super) fn new(hasher: &Hasher, rule: RimRule, rim: Measurement) -> Self {
        let state = State { rim, handed: 0, done: 0, ready: BTreeMap::new(), folding: false };
        let span = tracing::debug_span!("hash", algo = rim.algo().name(), ahead = true);
        let shared = Shared { rule, span, state: Mutex::new(state), folded: Condvar::new() };
        Self { hasher: hasher.clone(), shared: Arc::new(shared) }
    }

    /// Hands over the next window. Waits while too many are not done yet.
    pub(super) fn hand_over(&self, window: Events) {
        let room = |state: &mut State| state.handed - state.done >= MAX_WAITING;
        let mut state = self.shared.wait_while(room);
        let number = state.handed;
        state.handed += 1;
        drop(state);
        let (hasher, shared) = (self.hasher.clone(), Arc::clone(&self.shared));
        self.hasher.spawn(move || {
            let algo = shared.lock().rim.algo();
            let digests = hasher.digests(&shared.span, algo, &window);
            shared.hashed(number, window, digests, &hasher);
        });
    }

    /// The RIM when everything that was handed over is folded.
    pub(super) fn wait(&self) -> Measurement {
        self.shared.wait_while(|state| state.done < state.handed).rim
    }

    /// As [`Ahead::wait`], for the last time.
    pub(super) fn finish(self) -> Measurement {
        self.wait()
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no thread panics with the lock")
    }

    fn wait_while(&self, busy: impl FnMut(&mut State) -> bool) -> MutexGuard<'_, State> {
        self.folded.wait_while(self.lock(), busy).expect("no thread panics with the lock")
    }

    /// A window is hashed. If it is the next to be folded, this thread folds it.
    fn hashed(&self, number: u64, events: Events, digests: Vec<Digest>, hasher: &Hasher) {
        let mut state = self.lock();
        state.ready.insert(number, (events, digests));
        if state.folding {
            return;
        }
        let next = |state: &mut State| {
            let next = state.done;
            state.ready.remove(&next)
        };
        while let Some((events, digests)) = next(&mut state) {
            state.folding = true;
            let before = state.rim;
            drop(state);
            let rim = fold(self.rule, before, &events, &digests);
            tracing::debug!(parent: &self.span, events = events.len(), %rim, "folded a window");
            hasher.count(events.len());
            state = self.lock();
            state.rim = rim;
            state.done += 1;
            state.folding = false;
            self.folded.notify_all();
        }
    }
}
