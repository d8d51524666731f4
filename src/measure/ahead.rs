//! Hashing and folding by several threads, or while the commands are still being carried out.
//!
//! Windows of events are handed over as they fill, and cut into pieces. Threads take the pieces in
//! order. One of them at a time holds the fold, and extends the RIM by the pieces that were hashed
//! before in the shadow of the one that it hashes. So the fold stays strictly in the order of the
//! commands, and costs next to nothing as long as there is something to hash.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};

use tracing::Span;

use super::chain::{Chain, Extend as _};
use super::descriptor::Descriptor;
use super::events::Events;
use super::extensions::Extensions;
use super::hasher::{Digest, Hasher};
use super::rim::{HashAlgo, Measurement};
use super::rule::RimRule;

/// Events of a piece: enough for the lanes of every kernel, few enough that no thread waits long.
const PIECE: u64 = 128;
/// Pieces that are handed over and not folded yet, at most: bounds the memory.
const MAX_WAITING: u64 = 256;
/// Who waits for room sleeps until so many pieces fewer wait: each wake-up takes a thread from
/// hashing.
const ROOM: u64 = MAX_WAITING / 2;
/// Pieces that a thread hashes in a row before it is free for other work, such as another log's.
const TURN: usize = 64;
/// Pieces that wait for the fold, at most, before it is done with nothing beside.
const MAX_BEHIND: usize = 8;

/// The threads' work on one log.
#[derive(Debug)]
pub(super) struct Ahead {
    hasher: Hasher,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    algo: HashAlgo,
    rule: RimRule,
    /// Of all pieces: where the log was when the first was handed over.
    span: Span,
    state: Mutex<State>,
    /// What somebody waits for may have come.
    news: Condvar,
}

#[derive(Debug)]
struct State {
    /// Pieces that nobody hashes yet.
    queue: VecDeque<(u64, Events)>,
    /// Pieces that were handed over.
    handed: u64,
    /// Pieces that were folded, or are in the hands of who folds.
    taken: u64,
    /// Pieces that are hashed and wait, by number.
    ready: BTreeMap<u64, (Events, Vec<Digest>)>,
    /// Not there while a thread folds.
    fold: Option<Fold>,
    /// Threads that were asked for and did not end yet.
    workers: usize,
    /// Somebody sleeps, and is woken when no more pieces than this wait: of several the largest
    /// number.
    awaited: Option<u64>,
}

/// A piece that is hashed and being folded.
type Piece = Extensions<Events, Vec<Digest>>;

/// The fold, which one thread at a time has.
#[derive(Debug)]
struct Fold {
    rim: Measurement,
    /// The piece that `rim` is extended by just now.
    begun: Option<Piece>,
}

impl Ahead {
    /// Begins with the RIM of what was folded before.
    pub(super) fn new(hasher: &Hasher, rule: RimRule, rim: Measurement) -> Self {
        let (queue, ready) = (VecDeque::new(), BTreeMap::new());
        let fold = Some(Fold { rim, begun: None });
        let state = State { queue, handed: 0, taken: 0, ready, fold, workers: 0, awaited: None };
        let span = tracing::debug_span!("hash", algo = rim.algo().name(), ahead = true);
        let algo = rim.algo();
        let shared = Shared { algo, rule, span, state: Mutex::new(state), news: Condvar::new() };
        Self { hasher: hasher.clone(), shared: Arc::new(shared) }
    }

    /// Hands over the next events. Waits while too many are not done yet.
    pub(super) fn hand_over(&self, window: &Events) {
        let mut state = self.shared.lock();
        if state.waiting() >= MAX_WAITING {
            state = self.wait_until(state, MAX_WAITING - ROOM);
        }
        for piece in 0..window.len().div_ceil(PIECE) {
            let place = (state.handed, window.window(piece * PIECE, PIECE));
            state.queue.push_back(place);
            state.handed += 1;
        }
        drop(self.with_workers(state));
    }

    /// The RIM when everything that was handed over is folded.
    pub(super) fn wait(&self) -> Measurement {
        self.wait_until(self.shared.lock(), 0).fold.as_ref().expect("nobody folds").rim
    }

    /// Waits until at most `most` pieces wait; for 0, also until nobody folds.
    fn wait_until<'s>(
        &'s self,
        mut state: MutexGuard<'s, State>,
        most: u64,
    ) -> MutexGuard<'s, State> {
        loop {
            state = self.with_workers(state);
            if state.waiting() <= most && (most > 0 || state.is_done()) {
                return state;
            }
            state.awaited = state.awaited.max(Some(most));
            state = self.shared.news.wait(state).expect("no thread panics with the lock");
        }
    }

    /// Asks for threads until as many work as there are, or as there are pieces to take. Lets go of
    /// the lock meanwhile.
    fn with_workers<'s>(&'s self, mut state: MutexGuard<'s, State>) -> MutexGuard<'s, State> {
        loop {
            let wanted = self.hasher.threads().min(state.queue.len());
            let more = wanted.saturating_sub(state.workers);
            if more == 0 {
                return state;
            }
            state.workers += more;
            drop(state);
            for _ in 0..more {
                let (hasher, shared) = (self.hasher.clone(), Arc::clone(&self.shared));
                self.hasher.spawn(move || shared.work(&hasher));
            }
            state = self.shared.lock();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no thread panics with the lock")
    }

    /// Hashes pieces as long as there are some, for a turn.
    fn work(&self, hasher: &Hasher) {
        let mut state = self.lock();
        for _ in 0..TURN {
            let Some(piece) = state.queue.pop_front() else { break };
            state = self.hash(state, hasher, piece);
            state = self.catch_up(state, hasher);
        }
        state.workers -= 1;
        if !state.queue.is_empty() {
            // Who sleeps asks for another thread. If nobody does, the next hand-over or wait will.
            self.wake(&mut state);
        }
    }

    fn wake(&self, state: &mut State) {
        if state.awaited.take().is_some() {
            self.news.notify_all();
        }
    }

    /// Hashes a piece, and folds beside it if nobody else folds.
    fn hash<'s>(
        &'s self,
        mut state: MutexGuard<'s, State>,
        hasher: &Hasher,
        (number, events): (u64, Events),
    ) -> MutexGuard<'s, State> {
        let is_foldable = hasher.extends_beside(self.algo) && state.is_foldable();
        let fold = if is_foldable { state.fold.take() } else { None };
        drop(state);
        let len = usize::try_from(events.len()).expect("a piece fits into memory");
        let mut digests = vec![Digest::EMPTY; len];
        let fold = match fold {
            None => {
                hasher.digest_piece(self.algo, &events, &mut digests, None);
                None
            }
            Some(Fold { mut rim, begun }) => {
                let mut source = Source { shared: self, hasher, begun, is_dry: false };
                let beside = (&mut rim, &mut source as &mut dyn Iterator<Item = Descriptor>);
                hasher.digest_piece(self.algo, &events, &mut digests, Some(beside));
                Some(Fold { rim, begun: source.begun })
            }
        };
        tracing::debug!(parent: &self.span, events = len, "hashed a piece");
        let mut state = self.lock();
        state.ready.insert(number, (events, digests));
        if fold.is_some() {
            state.fold = fold;
        }
        state
    }

    /// Folds with nothing beside, if there is nothing left to hash, or too much waits.
    fn catch_up<'s>(
        &'s self,
        mut state: MutexGuard<'s, State>,
        hasher: &Hasher,
    ) -> MutexGuard<'s, State> {
        while state.is_foldable() && (state.queue.is_empty() || state.is_behind()) {
            let Some(Fold { mut rim, begun }) = state.fold.take() else { break };
            let hashed = if begun.is_none() { state.take_ready() } else { None };
            drop(state);
            let piece = begun.or_else(|| hashed.map(|hashed| self.piece(hasher, hashed)));
            piece.into_iter().for_each(|piece| extend_alone(hasher, &mut rim, piece));
            state = self.lock();
            state.fold = Some(Fold { rim, begun: None });
        }
        if state.awaited.is_some_and(|most| state.waiting() <= most) {
            self.wake(&mut state);
        }
        state
    }

    /// A piece that is folded from now on.
    fn piece(&self, hasher: &Hasher, (events, digests): (Events, Vec<Digest>)) -> Piece {
        hasher.count(events.len());
        tracing::debug!(parent: &self.span, events = events.len(), "fold a piece");
        Extensions::new(self.algo, self.rule, events, digests)
    }
}

impl State {
    /// Pieces that were handed over and are not folded yet.
    const fn waiting(&self) -> u64 {
        self.handed - self.taken
    }

    /// Whether everything that was handed over is folded.
    fn is_done(&self) -> bool {
        self.waiting() == 0 && self.fold.as_ref().is_some_and(|fold| fold.begun.is_none())
    }

    /// Whether nobody folds, and there is something to fold.
    fn is_foldable(&self) -> bool {
        let begun = self.fold.as_ref().map(|fold| fold.begun.is_some());
        begun.is_some_and(|begun| begun || self.ready.contains_key(&self.taken))
    }

    /// Whether too much waits for the fold.
    fn is_behind(&self) -> bool {
        self.ready.contains_key(&(self.taken + MAX_BEHIND as u64))
    }

    /// The piece that is to be folded next, if it is hashed.
    fn take_ready(&mut self) -> Option<(Events, Vec<Digest>)> {
        let piece = self.ready.remove(&self.taken)?;
        self.taken += 1;
        Some(piece)
    }
}

/// Descriptors of one piece after the other, as far as they are hashed, and up to an event that
/// starts a RIM.
struct Source<'s> {
    shared: &'s Shared,
    hasher: &'s Hasher,
    begun: Option<Piece>,
    /// Nothing more was hashed when it was last asked. It is not asked again: a lock between two
    /// blocks stops the vectors for longer than what might have come is worth.
    is_dry: bool,
}

impl Iterator for Source<'_> {
    type Item = Descriptor;

    fn next(&mut self) -> Option<Descriptor> {
        loop {
            if let Some(piece) = &mut self.begun {
                match piece.next_before_start() {
                    None if piece.is_at_end() => self.begun = None,
                    next => return next,
                }
            }
            if self.is_dry {
                return None;
            }
            let hashed = self.shared.lock().take_ready();
            self.is_dry = hashed.is_none();
            self.begun = hashed.map(|hashed| self.shared.piece(self.hasher, hashed));
        }
    }
}

/// Extends a RIM by what is left of a piece, with nothing beside, as fast as there is a way.
fn extend_alone(hasher: &Hasher, rim: &mut Measurement, mut piece: Piece) {
    let kernel = hasher.kernel(rim.algo());
    loop {
        let mut extensions = std::iter::from_fn(|| piece.next_before_start());
        if !kernel.extend_alone(rim, &mut extensions) {
            let mut chain = Chain::new(*rim);
            extensions.for_each(|descriptor| chain.extend(descriptor));
            *rim = chain.rim();
        }
        match piece.start() {
            Some(start) => *rim = start,
            None => return,
        }
    }
}
