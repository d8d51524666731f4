//! What is tried, within the budget.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::report::{Finding, Told};
use crate::cli::candidates::{Budget, CommandLine, Pace};
use crate::cli::console::Progress;
use crate::host::{Region, Vm};
use crate::measure::hasher::Hasher;
use crate::measure::rim::Measurement;
use crate::predict::Plan;
use crate::search::{self, Candidates, Guests as _, Knob, Match, Report, Shard};
use crate::why::{Change, Outward, knobs};

/// What candidates are tried with.
pub(super) struct Tries<'t, 'g> {
    pub(super) guests: &'t CommandLine<'g>,
    pub(super) hasher: &'t Hasher,
    pub(super) progress: &'t Progress,
    pub(super) target: Measurement,
    pub(super) budget: Budget,
    pub(super) shard: Shard,
}

/// Candidates with changes that are made already.
struct Beyond {
    made: Vec<Knob>,
    outward: Outward,
}

impl Candidates for Beyond {
    fn count(&self) -> u64 {
        self.outward.count()
    }

    fn candidate(&self, index: u64) -> Vec<Knob> {
        [self.made.clone(), self.outward.candidate(index)].concat()
    }
}

impl Tries<'_, '_> {
    /// The first one or two changes that make the RIM beside those that were made, with these.
    pub(super) fn beyond(&self, made: &[Change], all: &Outward) -> Option<Vec<Change>> {
        let others = all.beside_made(made).cloned();
        let outward = Outward::new(others.collect());
        let beyond = Beyond { made: knobs(made), outward };
        let mut pace = Pace::default();
        let mut go_on = |report: &Report| {
            let now = self.progress.elapsed();
            (report.matches.is_empty() && !self.budget.is_over(now)).then(|| pace.step(now))
        };
        let report = search::run(&beyond, self.guests, &self.target, self.hasher, &mut go_on);
        let found = report.matches.iter().flat_map(|found| found.candidates.clone()).min()?;
        let more = beyond.outward.changes_of(found).into_iter().cloned();
        Some(made.iter().cloned().chain(more).collect())
    }

    /// What makes the RIM as well, with another change in the place of one of these or without it;
    /// and whether all of that was tried.
    pub(super) fn instead(&self, made: &[Change], all: &Outward) -> (Vec<Vec<Change>>, bool) {
        let mut others: Vec<Vec<Change>> = Vec::new();
        for place in 0..made.len() {
            let mut rest = made.to_vec();
            let own = rest.remove(place);
            others.push(rest.clone());
            let in_place = all.beside_made(&rest).filter(|change| **change != own);
            others
                .extend(in_place.map(|change| [&rest[..], std::slice::from_ref(change)].concat()));
        }
        let candidates: Vec<Vec<Knob>> = others.iter().map(knobs).collect();
        let (report, is_whole) = self.all_of(&candidates);
        let numbers = self.others(&knobs(made), &candidates, &report);
        (numbers.into_iter().map(|number| others[number].clone()).collect(), is_whole)
    }

    /// The candidates that make the RIM and are another VM than this one, and do not only say it in
    /// other words.
    fn others(&self, own: &[Knob], candidates: &[Vec<Knob>], report: &Report) -> Vec<usize> {
        let own = self.guests.plan(own).ok();
        let found = report.matches.iter().flat_map(|found| &found.candidates);
        let mut numbers: Vec<usize> =
            found.map(|number| usize::try_from(*number).expect("an index")).collect();
        numbers.sort_unstable();
        numbers.retain(|number| {
            let other = self.guests.plan(&candidates[*number]).ok();
            !own.as_ref().zip(other.as_ref()).is_some_and(|(a, b)| is_same(a, b))
        });
        numbers
    }

    /// Tries one change, then two, until something is found or the time is over.
    pub(super) fn outwards(&self, outward: &Outward) -> Report {
        let counter = self.progress.counter();
        let mut pace = Pace::default();
        let part = self.shard.each_of(outward);
        let first_pair = part.before(outward.first_pair());
        let mut go_on = |report: &Report| {
            counter.store(report.tried, Ordering::Relaxed);
            let step = pace.step(self.progress.elapsed());
            // All that is one change is tried: what else makes the same RIM belongs to the answer.
            if report.tried < first_pair {
                return Some(step.min(first_pair - report.tried));
            }
            let most = self.budget.candidates().max(first_pair);
            if self.budget.is_over(self.progress.elapsed()) || report.tried >= most {
                return None;
            }
            let step = step.min(most - report.tried);
            let found = report.matches.iter().flat_map(|found| found.candidates.first()).min();
            let Some(found) = found else { return Some(step) };
            let end = outward.end_of_equals(part.number(*found));
            let left = part.before(end).saturating_sub(report.tried);
            (left > 0).then_some(step.min(left))
        };
        part.of_all(search::run(&part, self.guests, &self.target, self.hasher, &mut go_on))
    }

    /// Whether all candidates of this part were tried that are as likely as one of them.
    pub(super) fn has_equals(&self, outward: &Outward, found: u64, tried: u64) -> bool {
        self.shard.each_of(outward).before(outward.end_of_equals(found)) <= tried
    }

    /// What else makes the RIM with one of the two changes that were found: an answer that is less
    /// likely, and no less true. And whether all of that was tried.
    pub(super) fn beside(&self, outward: &Outward, found: u64, tried: u64) -> (Vec<Match>, bool) {
        let part = self.shard.each_of(outward);
        let is_new = |number: &u64| {
            let own = part.before(*number);
            own >= tried && own < part.count() && part.number(own) == *number
        };
        let numbers: Vec<u64> = outward.beside(found).into_iter().filter(is_new).collect();
        let others = numbers.iter().map(|number| outward.candidate(*number)).collect();
        let (report, is_whole) = self.all_of(&others);
        let at = |own: u64| numbers[usize::try_from(own).expect("an index")];
        let of_all = |mut one: Match| {
            one.candidates.iter_mut().for_each(|own| *own = at(*own));
            one
        };
        (report.matches.into_iter().map(of_all).collect(), is_whole)
    }

    /// Tries candidates while there is time, and says whether there was enough.
    fn all_of(&self, candidates: &Vec<Vec<Knob>>) -> (Report, bool) {
        let mut pace = Pace::default();
        let mut go_on = |_: &Report| {
            let now = self.progress.elapsed();
            (!self.budget.is_over(now)).then(|| pace.step(now))
        };
        let report = search::run(candidates, self.guests, &self.target, self.hasher, &mut go_on);
        let is_whole = report.tried == candidates.count();
        (report, is_whole)
    }

    /// Changes that leave the RIM what it is beside what was found: what it does not tell. And
    /// whether all were tried.
    pub(super) fn still_open(&self, told: &Told) -> (Vec<Change>, bool) {
        let found: Vec<&Change> = match &told.finding {
            Finding::AsSaid => Vec::new(),
            Finding::Seen => told.led.iter().flat_map(|led| &led.changes).collect(),
            Finding::Found(explanations) => told.outward.changes_of(explanations[0]),
            Finding::Locked(_) | Finding::Stage(_) | Finding::Nothing => {
                return (Vec::new(), true);
            }
        };
        let others: Vec<&Change> = (told.outward.changes().iter())
            .filter(|change| found.iter().all(|known| known.about != change.about))
            .collect();
        let with = |change: &&Change| -> Vec<Knob> { knobs(found.iter().chain([change]).copied()) };
        let candidates: Vec<Vec<Knob>> = others.iter().map(with).collect();
        let (report, is_whole) = self.all_of(&candidates);
        let numbers = self.others(&knobs(found), &candidates, &report);
        (numbers.into_iter().map(|number| others[number].clone()).collect(), is_whole)
    }
}

/// Whether two plans are one in everything that was decided.
fn is_same(a: &Plan, b: &Plan) -> bool {
    let around = |plan: &Plan| (plan.host.name, plan.version.name, plan.profile.name());
    let regions = a.vm.regions.len() == b.vm.regions.len()
        && a.vm.regions.iter().zip(&b.vm.regions).all(|(a, b)| {
            let bytes = |region: &Region| region.image.clone();
            let contents = match (bytes(a), bytes(b)) {
                (Some(a), Some(b)) => Arc::ptr_eq(&a, &b) || a.bytes_from(0) == b.bytes_from(0),
                (a, b) => a.is_none() && b.is_none(),
            };
            contents && a.ipa == b.ipa
        });
    let vm = |plan: &Plan| {
        let Vm { ipa_bits, features, slots, vcpus, calls, .. } = plan.vm.clone();
        (ipa_bits, features, slots, vcpus, calls)
    };
    around(a) == around(b) && a.caps == b.caps && regions && vm(a) == vm(b)
}
