//! The rule about commands that do a part of a range and say how far they came (2.0).

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use super::Call;
use super::finding::Finding;
use super::rules::rule;
use crate::abi::addr::Hex;
use crate::abi::command::{Command, CommandInfo};
use crate::session::Place;

/// A Realm's RD, 0 where it is about no Realm, and a command.
type Key = (u64, &'static str);

/// Parts of ranges that are still to be done.
#[derive(Debug, Default)]
pub(super) struct OutTops {
    /// The end, and the call that did not come so far, by where the part begins.
    rest: BTreeMap<(Key, u64), (u64, Place)>,
    found: BTreeMap<Key, Finding>,
}

/// What a command was asked for: whose, from where, and to where.
fn asked(call: &Call<'_>) -> Option<(Key, u64, u64)> {
    let command = call.command;
    let CommandInfo { name, inputs, outputs, .. } = command.info();
    let regs = command.encode();
    let input = |wanted| {
        let x = inputs.iter().position(|input| *input == wanted)?;
        Some(regs[1 + x])
    };
    match command {
        // A REC that asked for a change is told how much of it was done.
        Command::RttSetRipas { .. } | Command::RttSetS2ap { .. } => return None,
        // Has a rule of its own.
        Command::RttInitRipas { .. } if call.measures_ripas() => return None,
        _ => {}
    }
    let range = input("base").zip(input("top")).filter(|_| outputs.first() == Some(&"out_top"));
    let (base, top) = range?;
    Some(((input("rd").unwrap_or(0), name), base, top))
}

impl OutTops {
    pub(super) fn see(&mut self, call: &Call<'_>) {
        if call.outcome.awaits().is_some() {
            return;
        }
        let Some((key, base, top)) = asked(call) else { return };
        let success = call.outcome.is_success();
        let done = if success { call.outcome.regs()[1].clamp(base, top.max(base)) } else { base };
        // A Host that comes back has looked, whatever it then leaves out or is refused.
        let end = if success { top } else { base }.max(base.saturating_add(1));
        while let Some((from, to)) = self.last_before(key, end)
            && to > base
        {
            let (_, place) = self.rest.remove(&(key, from)).expect("it was just there");
            if success && to > end {
                self.rest.insert((key, end), (to, place));
            }
        }
        if success && done < top {
            self.rest.insert((key, done), (top, call.place.clone()));
        }
    }

    /// The last part that begins before `end`.
    fn last_before(&self, key: Key, end: u64) -> Option<(u64, u64)> {
        let mut parts = self.rest.range((key, 0)..(key, end));
        parts.next_back().map(|((_, from), (to, _))| (*from, *to))
    }

    /// A Realm was activated: no RIPAS can be initialised any more.
    pub(super) fn activated(&mut self, rd: u64) {
        self.report(rd..=rd, |name| name == "RTT_INIT_RIPAS");
    }

    /// A Realm is gone. What was only taken apart lost nothing.
    pub(super) fn destroyed(&mut self, rd: u64, ran: bool) {
        self.report(rd..=rd, |name| ran && !name.ends_with("UNMAP"));
        if rd != 0 {
            self.take(&(rd..=rd));
        }
    }

    /// Takes out the parts of the Realms in a range, in order; those of others are not looked at.
    fn take(&mut self, rds: &RangeInclusive<u64>) -> Vec<((Key, u64), (u64, Place))> {
        let mut taken = Vec::new();
        let mut next = ((*rds.start(), ""), 0);
        while let Some((part, _)) = self.rest.range(next..).next()
            && rds.contains(&part.0.0)
        {
            next = *part;
            let (end, place) = self.rest.remove(&next).expect("it was just there");
            taken.push((next, (end, place)));
        }
        taken
    }

    /// Makes findings of the parts of Realms, one of each command and Realm.
    fn report(&mut self, rds: RangeInclusive<u64>, which: impl Fn(&str) -> bool) {
        for ((key, from), (to, place)) in self.take(&rds) {
            let (rd, name) = key;
            if !which(name) {
                self.rest.insert((key, from), (to, place));
                continue;
            }
            let message = || {
                let (from, to) = (Hex(from), Hex(to));
                format!("{name} came to {from}; nobody went on from there to {to}")
            };
            let finding = self.found.entry(key).or_insert_with(|| Finding {
                rule: rule("out-top-ignored"),
                place: place.clone(),
                rd: (rd != 0).then_some(rd),
                message: message(),
                count: 0,
            });
            finding.count += 1;
            if place < finding.place {
                (finding.place, finding.message) = (place, message());
            }
        }
    }

    /// The end of the trace.
    pub(super) fn finish(mut self) -> Vec<Finding> {
        self.report(0..=u64::MAX, |_| true);
        self.found.into_values().collect()
    }
}
