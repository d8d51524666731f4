//! Candidates from what was said outwards.

use super::change::{Change, knobs};
use crate::search::{Candidates, Knob};

/// What was said, then each change, then each two of them; the likeliest first.
#[derive(Clone, Debug, Default)]
pub struct Outward {
    changes: Vec<Change>,
    /// Two changes, by index.
    pairs: Vec<(u32, u32)>,
}

impl Outward {
    /// Puts changes in order, and pairs of those that are about two things.
    ///
    /// # Panics
    /// If there are more than 2^32 changes.
    #[must_use]
    pub fn new(mut changes: Vec<Change>) -> Self {
        changes.sort_by_key(|change| change.cost);
        let count = u32::try_from(changes.len()).expect("not so many");
        let at = |index: u32| &changes[index as usize];
        let mut pairs: Vec<(u32, u32)> = (0..count)
            .flat_map(|second| (0..second).map(move |first| (first, second)))
            .filter(|(first, second)| at(*first).about != at(*second).about)
            .collect();
        pairs.sort_by_key(|(first, second)| at(*first).cost + at(*second).cost);
        Self { changes, pairs }
    }

    /// The changes, the likeliest first.
    #[must_use]
    pub fn changes(&self) -> &[Change] {
        &self.changes
    }

    /// The changes that can be made beside others, the likeliest first. Another device tree is
    /// none: it would only say what is to be explained.
    pub fn beside_made(&self, made: &[Change]) -> impl Iterator<Item = &Change> {
        let is_other = |change: &&Change| made.iter().all(|one| one.about != change.about);
        self.changes.iter().filter(|change| !change.is_tree()).filter(is_other)
    }

    /// What is otherwise in a candidate.
    ///
    /// # Panics
    /// If there is no such candidate.
    #[must_use]
    pub fn changes_of(&self, index: u64) -> Vec<&Change> {
        let index = usize::try_from(index).expect("an index of a list");
        let Some(index) = index.checked_sub(1) else { return Vec::new() };
        if let Some(change) = self.changes.get(index) {
            return vec![change];
        }
        let (first, second) = self.pairs[index - self.changes.len()];
        vec![&self.changes[first as usize], &self.changes[second as usize]]
    }

    /// The end of the candidates that are as likely as one of them: what else makes the same RIM
    /// and is not less likely belongs to an answer. All that is one change is taken as equal.
    ///
    /// # Panics
    /// If there is no such candidate.
    #[must_use]
    pub fn end_of_equals(&self, index: u64) -> u64 {
        let Some(pair) = index.checked_sub(self.first_pair()) else { return self.first_pair() };
        let cost = |(first, second): &(u32, u32)| {
            self.changes[*first as usize].cost + self.changes[*second as usize].cost
        };
        let own = cost(&self.pairs[usize::try_from(pair).expect("an index of a list")]);
        self.first_pair() + self.pairs.partition_point(|pair| cost(pair) <= own) as u64
    }

    /// The other pairs of which one change is in a pair, too: what else goes with either of them.
    /// None beside what is one change.
    #[must_use]
    pub fn beside(&self, index: u64) -> Vec<u64> {
        let at = |index: u64| {
            let place = usize::try_from(index.checked_sub(self.first_pair())?).ok()?;
            self.pairs.get(place)
        };
        let Some(own) = at(index) else { return Vec::new() };
        let has = |change: u32| change == own.0 || change == own.1;
        let pairs = (self.first_pair()..).zip(&self.pairs);
        let beside = pairs.filter(|(_, pair)| *pair != own && (has(pair.0) || has(pair.1)));
        beside.map(|(number, _)| number).collect()
    }

    /// The number of the first candidate in which two things are otherwise.
    #[must_use]
    pub fn first_pair(&self) -> u64 {
        1 + self.changes.len() as u64
    }
}

impl Candidates for Outward {
    fn count(&self) -> u64 {
        self.first_pair() + self.pairs.len() as u64
    }

    fn candidate(&self, index: u64) -> Vec<Knob> {
        knobs(self.changes_of(index))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_likeliest_come_first() {
        let change = |about, cost| Change {
            about,
            said: String::new(),
            needs: String::new(),
            fix: String::new(),
            knobs: vec![Knob::Cpus(cost)],
            cost,
        };
        let all = vec![change("a", 9), change("b", 1), change("a", 3), change("c", 2)];
        let list = Outward::new(all);
        let costs = |index| list.changes_of(index).iter().map(|one| one.cost).collect::<Vec<_>>();
        let tried: Vec<_> = (0..list.count()).map(costs).collect();
        let singles: [&[u32]; 5] = [&[], &[1], &[2], &[3], &[9]];
        assert_eq!(tried[..5], singles);
        let pairs: [&[u32]; 5] = [&[1, 2], &[1, 3], &[2, 3], &[1, 9], &[2, 9]];
        assert_eq!(tried[5..], pairs, "two values of one thing are no pair");
        assert_eq!(list.first_pair(), 5);
        let ends: Vec<_> = (0..list.count()).map(|index| list.end_of_equals(index)).collect();
        assert_eq!(ends, [5, 5, 5, 5, 5, 6, 7, 8, 9, 10]);
        assert!(list.beside(3).is_empty());
        assert_eq!(list.beside(6), [5, 7, 8], "with 1 or 3");
        assert_eq!(list.candidate(6), [Knob::Cpus(1), Knob::Cpus(3)]);
    }
}
