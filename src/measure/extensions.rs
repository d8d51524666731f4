//! What measured events extend a RIM by, one descriptor after the other.
//!
//! Whoever folds asks here: a thread that does nothing else, one that hashes meanwhile, and many
//! RIMs side by side.

use std::borrow::Borrow;

use super::descriptor::{self, Descriptor};
use super::event::MeasuredEvent;
use super::events::Events;
use super::hasher::{self, Digest};
use super::rim::{HashAlgo, Measurement};
use super::rule::RimRule;
use crate::abi::addr::Ipa;

/// The extensions by some events, and where in them somebody is.
#[derive(Debug)]
pub(super) struct Extensions<E, C> {
    algo: HashAlgo,
    rule: RimRule,
    events: E,
    contents: C,
    /// The next event, and its run and place there.
    at: usize,
    run: usize,
    place: u64,
    /// Entries of the event that were given already.
    entry: u64,
}

impl<E: Borrow<Events>, C: Borrow<[Digest]>> Extensions<E, C> {
    /// `contents` has a digest for each event: that of the granule that it measures, or zeros if it
    /// measures none.
    pub(super) const fn new(algo: HashAlgo, rule: RimRule, events: E, contents: C) -> Self {
        Self { algo, rule, events, contents, at: 0, run: 0, place: 0, entry: 0 }
    }

    /// The next descriptor; `None` at the end, and before an event that starts a RIM.
    #[inline]
    pub(super) fn next_before_start(&mut self) -> Option<Descriptor> {
        loop {
            let (first, count) = self.events.borrow().run(self.run)?;
            let (place, entry) = (self.place, self.entry);
            if place == count {
                (self.run, self.place) = (self.run + 1, 0);
                continue;
            }
            match first {
                event if !self.rule.measures(event) => {}
                MeasuredEvent::Data(data) => {
                    let ipa = Ipa(data.ipa.0 + place * data.content.size().bytes());
                    let content = self.contents.borrow()[self.at].slot();
                    let descriptor = descriptor::data(ipa, data.flags, content);
                    self.go_on();
                    return Some(descriptor);
                }
                MeasuredEvent::Ripas(ripas) if entry < ripas.count() => {
                    let (base, top) = ripas.entry(entry);
                    self.entry += 1;
                    return Some(descriptor::ripas(base, top));
                }
                MeasuredEvent::Ripas(_) => {}
                MeasuredEvent::Rec(params) => {
                    let content = hasher::digest(self.algo, &params.page());
                    self.go_on();
                    return Some(descriptor::rec(content.slot()));
                }
                MeasuredEvent::Realm(_) => return None,
            }
            self.go_on();
        }
    }

    /// The RIM that the next event starts, which is no extension of the one before. To be asked
    /// when [`Self::next_before_start`] gave nothing; `None` at the end.
    pub(super) fn start(&mut self) -> Option<Measurement> {
        let (MeasuredEvent::Realm(params), _) = self.events.borrow().run(self.run)? else {
            return None;
        };
        let start = Measurement::of(self.algo, &hasher::digest(self.algo, &params.page()));
        self.go_on();
        Some(start)
    }

    /// Whether all events were gone through.
    pub(super) fn is_at_end(&self) -> bool {
        self.events.borrow().run(self.run).is_none()
    }

    fn go_on(&mut self) {
        (self.at, self.place, self.entry) = (self.at + 1, self.place + 1, 0);
    }
}
