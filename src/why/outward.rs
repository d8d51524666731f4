//! Candidates from what was said outwards.

use super::change::Change;
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
        self.changes_of(index).into_iter().flat_map(|change| change.knobs.clone()).collect()
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
        assert_eq!(list.candidate(6), [Knob::Cpus(1), Knob::Cpus(3)]);
    }
}
