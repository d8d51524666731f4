//! What was measured into one Realm's RIM, and the fold that makes the RIM of it.

use std::fmt;

use super::ahead::Ahead;
use super::chain::{Chain, Chains, Extend};
use super::event::{DataEvent, MeasuredEvent};
use super::events::Events;
use super::extensions::Extensions;
use super::hasher::{Digest, Hasher};
use super::kernel::Kernel;
use super::page::Page;
use super::rim::{HashAlgo, Measurement};
use super::rule::RimRule;
use crate::abi::params::DATA_MEASURE;

/// Everything that was measured into one Realm's RIM, in order.
///
/// The RIM is folded when it is asked for, and only over the events that came since. A log whose
/// [`Hasher`] works ahead hands windows of events to other threads as they come.
pub struct EventLog {
    algo: HashAlgo,
    rule: RimRule,
    hasher: Hasher,
    events: Events,
    /// The RIM of the first `folded` events, if no other threads are at work.
    rim: Measurement,
    /// Events that are in `rim`, or were handed to `ahead`.
    folded: u64,
    ahead: Option<Ahead>,
}

impl EventLog {
    /// An empty log, hashed by default.
    #[must_use]
    pub fn new(algo: HashAlgo) -> Self {
        Self::with_hasher(algo, Hasher::default())
    }

    /// An empty log that is hashed as `hasher` says.
    #[must_use]
    pub fn with_hasher(algo: HashAlgo, hasher: Hasher) -> Self {
        let rim = Measurement::zero(algo);
        let rule = RimRule::default();
        Self { algo, rule, hasher, events: Events::default(), rim, folded: 0, ahead: None }
    }

    /// Makes the RIM by another rule. The log is still empty.
    #[must_use]
    pub fn by_rule(mut self, rule: RimRule) -> Self {
        debug_assert!(self.events.is_empty(), "a RIM has one rule");
        self.rule = rule;
        self
    }

    /// By which rule the RIM is made.
    #[must_use]
    pub const fn rule(&self) -> RimRule {
        self.rule
    }

    /// Appends an event.
    pub fn push(&mut self, event: MeasuredEvent) {
        match event {
            MeasuredEvent::Data(data) => self.push_row(&data, 1),
            event => {
                self.events.push(event);
                self.hand_over();
            }
        }
    }

    /// Appends the events of `count` granules that follow each other in one image or stream, or are
    /// zero, the first of which is `first`.
    #[inline]
    pub(crate) fn push_row(&mut self, first: &DataEvent, count: u64) {
        debug_assert!(count == 1 || first.content.is_followed_by(&first.content.following(1), 1));
        self.ask_for_digests(first);
        self.events.push_row(first, count);
        if self.has_a_window() {
            self.hand_over();
        }
    }

    #[inline]
    fn ask_for_digests(&self, data: &DataEvent) {
        if let Some(Page::Image { image, offset }) = data.content.first_of_consecutive()
            && data.flags & DATA_MEASURE != 0
        {
            image.ask_for_digests(*offset, self.algo, data.content.size());
        }
    }

    /// Whether so many events wait to be folded that other threads may do it.
    #[inline]
    fn has_a_window(&self) -> bool {
        self.events.len() - self.folded >= self.hasher.window()
    }

    /// Gives full windows to other threads.
    fn hand_over(&mut self) {
        let window = self.hasher.window();
        while self.has_a_window() && self.hasher.may_work_ahead() {
            let ahead =
                self.ahead.get_or_insert_with(|| Ahead::new(&self.hasher, self.rule, self.rim));
            ahead.hand_over(&self.events.window(self.folded, window));
            self.folded += window;
        }
    }

    /// The events, in order.
    #[must_use]
    pub fn events(&self) -> &Events {
        &self.events
    }

    /// The Realm's hash algorithm.
    #[must_use]
    pub fn algo(&self) -> HashAlgo {
        self.algo
    }

    /// The RIM over all events so far.
    pub fn rim(&mut self) -> Measurement {
        let left = self.events.len() - self.folded;
        if self.ahead.is_none() && self.hasher.is_worth_sharing(left) {
            self.ahead = Some(Ahead::new(&self.hasher, self.rule, self.rim));
        }
        if let Some(ahead) = self.ahead.take() {
            while self.folded < self.events.len() {
                let window = self.events.window(self.folded, self.hasher.window());
                self.folded += window.len();
                ahead.hand_over(&window);
            }
            self.rim = ahead.wait();
            return self.rim;
        }
        let (rule, rim) = (self.rule, &mut self.rim);
        let span = self.hasher.span(self.algo, self.events.len() - self.folded);
        let (algo, all, folded) = (self.algo, &self.events, self.folded);
        self.hasher.each_window(&span, algo, all, folded, |events, contents| {
            *rim = fold(rule, *rim, events, contents);
            tracing::debug!(parent: &span, events = events.len(), %rim, "folded a window");
        });
        self.folded = self.events.len();
        self.rim
    }

    /// The RIM over all events so far, of a log that is only lent: nothing is remembered.
    #[must_use]
    pub fn rim_now(&self) -> Measurement {
        self.clone().rim()
    }

    /// The RIM by another rule than that of the log, over the events from `from` on; `rim` is that
    /// of the events before.
    #[must_use]
    pub fn rim_by(&self, rule: RimRule, mut rim: Measurement, from: u64) -> Measurement {
        let span = self.hasher.span(self.algo, self.events.len() - from);
        self.hasher.each_window(&span, self.algo, &self.events, from, |events, contents| {
            for (event, content) in events.iter().zip(contents) {
                rim = fold_one(rule, rim, event, content);
            }
        });
        rim
    }

    /// Gives every event to `f`, with the RIM after it.
    pub fn each_rim(&self, mut f: impl FnMut(&MeasuredEvent, &Measurement) + Send) {
        self.each_event(|event, _, rim| f(event, rim));
    }

    /// Gives every event to `f`, with the digest of the granule that it measures (zeros if it
    /// measures none) and the RIM after it.
    pub fn each_event(&self, mut f: impl FnMut(&MeasuredEvent, &Digest, &Measurement) + Send) {
        let mut rim = Measurement::zero(self.algo);
        let span = self.hasher.span(self.algo, self.events.len());
        self.hasher.each_window(&span, self.algo, &self.events, 0, |events, contents| {
            for (event, content) in events.iter().zip(contents) {
                rim = fold_one(self.rule, rim, event.clone(), content);
                f(&event, content, &rim);
            }
        });
    }

    /// The RIM after each event, in order.
    #[must_use]
    pub fn rims(&self) -> Vec<Measurement> {
        let mut rims = Vec::new();
        self.each_rim(|_, rim| rims.push(*rim));
        rims
    }
}

impl Clone for EventLog {
    fn clone(&self) -> Self {
        Self {
            algo: self.algo,
            rule: self.rule,
            hasher: self.hasher.clone(),
            events: self.events.clone(),
            rim: self.ahead.as_ref().map_or(self.rim, Ahead::wait),
            folded: self.folded,
            ahead: None,
        }
    }
}

impl PartialEq for EventLog {
    /// Logs are equal if their events are; how far the RIM has been folded does not count.
    fn eq(&self, other: &Self) -> bool {
        self.algo == other.algo && self.rule == other.rule && self.events == other.events
    }
}

impl Eq for EventLog {}

impl fmt::Debug for EventLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventLog")
            .field("algo", &self.algo)
            .field("events", &self.events)
            .finish_non_exhaustive()
    }
}

/// The RIM after some more events. `contents` has a digest for each: that of the granule that the
/// event measures, or zeros if it measures none.
pub(super) fn fold(
    rule: RimRule,
    rim: Measurement,
    events: &Events,
    contents: &[Digest],
) -> Measurement {
    let mut chain = Chain::new(rim);
    fold_into(rule, &mut chain, events, contents);
    chain.rim()
}

/// The same for several RIMs of one algorithm. They are folded side by side if `kernel` can do
/// that, and there are enough of them that it is faster. Every event counts, as in RMM 1.0: whoever
/// has other rules leaves out what does not.
pub(super) fn fold_all(
    kernel: Kernel,
    rims: &mut [Measurement],
    events: &Events,
    contents: &[Digest],
) {
    let Some(algo) = rims.first().map(Measurement::algo) else { return };
    let (lanes, worth) = (kernel.chain_lanes(algo), worth_of_lanes(kernel, algo));
    let full = rims.len() / lanes * lanes;
    let together = if rims.len() - full >= worth { rims.len() } else { full };
    let (together, alone) = rims.split_at_mut(if lanes == 1 { 0 } else { together });
    let mut chains = Chains::new(kernel, algo, together);
    let rule = RimRule::default();
    fold_into(rule, &mut chains, events, contents);
    chains.finish();
    alone.iter_mut().for_each(|rim| *rim = fold(rule, *rim, events, contents));
}

/// Chains that are folded faster in lanes, the others of them idle, than one by one.
const fn worth_of_lanes(kernel: Kernel, algo: HashAlgo) -> usize {
    match (kernel, algo) {
        // Alone it is done by the SHA instructions, which most processors with such vectors have.
        (Kernel::Avx512, HashAlgo::Sha256) => 5,
        (Kernel::Avx2, HashAlgo::Sha256) => 7,
        // Arm's are not measured.
        (_, _) => 2,
    }
}

fn fold_into(rule: RimRule, chain: &mut impl Extend, events: &Events, contents: &[Digest]) {
    let mut extensions = Extensions::new(chain.algo(), rule, events, contents);
    loop {
        while let Some(descriptor) = extensions.next_before_start() {
            chain.extend(descriptor);
        }
        match extensions.start() {
            Some(rim) => chain.restart(rim),
            None => return,
        }
    }
}

/// The RIM after one more event.
fn fold_one(
    rule: RimRule,
    rim: Measurement,
    event: MeasuredEvent,
    content: &Digest,
) -> Measurement {
    fold(rule, rim, &Events::from_iter([event]), std::slice::from_ref(content))
}
