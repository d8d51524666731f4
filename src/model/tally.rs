//! Counts of state transitions that happened, for coverage reports.
//!
//! A tally is history, not state: two worlds with equal state are equal whatever happened before.

/// How often state `from` became state `to`, among `N` states.
#[derive(Clone, Debug)]
pub struct Tally<const N: usize> {
    counts: Box<[[u64; N]; N]>,
}

impl<const N: usize> Tally<N> {
    #[inline]
    pub(super) fn add(&mut self, from: usize, to: usize) {
        self.add_many(from, to, 1);
    }

    #[inline]
    pub(super) fn add_many(&mut self, from: usize, to: usize, count: u64) {
        self.counts[from][to] += count;
    }

    /// How often state `from` became state `to`.
    #[must_use]
    pub fn count(&self, from: usize, to: usize) -> u64 {
        self.counts[from][to]
    }
}

impl<const N: usize> Default for Tally<N> {
    fn default() -> Self {
        Self { counts: Box::new([[0; N]; N]) }
    }
}

impl<const N: usize> PartialEq for Tally<N> {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl<const N: usize> Eq for Tally<N> {}
