//! A set of addresses as ranges.

use std::collections::BTreeMap;

/// Half-open ranges that neither overlap nor touch, by their first byte.
#[derive(Debug, Default)]
pub(crate) struct Ranges(BTreeMap<u64, u64>);

impl Ranges {
    /// Whether some address of `base..top` is in the set.
    pub(crate) fn overlaps(&self, base: u64, top: u64) -> bool {
        self.0.range(..top).next_back().is_some_and(|(_, end)| *end > base)
    }

    /// Adds `base..top`, which is not empty.
    pub(crate) fn insert(&mut self, mut base: u64, mut top: u64) {
        while let Some((start, end)) = self.0.range(..=top).next_back().map(|(s, e)| (*s, *e)) {
            if end < base {
                break;
            }
            base = base.min(start);
            top = top.max(end);
            self.0.remove(&start);
        }
        self.0.insert(base, top);
    }

    /// Takes `base..top` out.
    pub(crate) fn remove(&mut self, base: u64, top: u64) {
        while let Some((start, end)) = self.0.range(..top).next_back().map(|(s, e)| (*s, *e)) {
            if end <= base {
                break;
            }
            self.0.remove(&start);
            if start < base {
                self.0.insert(start, base);
            }
            if top < end {
                self.0.insert(top, end);
            }
        }
    }

    /// The end of the range that `at` is in.
    pub(crate) fn end_of(&self, at: u64) -> Option<u64> {
        self.0.range(..=at).next_back().map(|(_, end)| *end).filter(|end| *end > at)
    }

    /// Whether `at` is in the set.
    pub(crate) fn contains(&self, at: u64) -> bool {
        self.end_of(at).is_some()
    }

    /// What of `base..top` is not in the set, ascending.
    pub(crate) fn gaps(&self, base: u64, top: u64) -> Vec<(u64, u64)> {
        let mut gaps = Vec::new();
        let mut at = self.end_of(base).unwrap_or(base);
        for (start, end) in self.0.range(at..top.max(at)) {
            if at < *start {
                gaps.push((at, *start));
            }
            at = *end;
        }
        if at < top {
            gaps.push((at, top));
        }
        gaps
    }

    /// The ranges, ascending.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, u64)> {
        self.0.iter().map(|(start, end)| (*start, *end))
    }

    /// Whether the set is empty.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_join() {
        let mut ranges = Ranges::default();
        ranges.insert(10, 20);
        ranges.insert(30, 40);
        assert!(ranges.overlaps(19, 30) && !ranges.overlaps(20, 30) && !ranges.overlaps(0, 10));
        ranges.insert(20, 30);
        assert_eq!(ranges.0, BTreeMap::from([(10, 40)]));
        assert_eq!(
            (ranges.end_of(10), ranges.end_of(39), ranges.end_of(40)),
            (Some(40), Some(40), None)
        );
        ranges.remove(15, 20);
        ranges.remove(35, 90);
        assert_eq!(ranges.0, BTreeMap::from([(10, 15), (20, 35)]));
        ranges.remove(12, 13);
        ranges.remove(20, 35);
        assert_eq!(ranges.0, BTreeMap::from([(10, 12), (13, 15)]));
        assert!(ranges.contains(10) && !ranges.contains(12) && !ranges.contains(15));
        assert_eq!(ranges.gaps(0, 20), [(0, 10), (12, 13), (15, 20)]);
        assert_eq!((ranges.gaps(11, 14), ranges.gaps(10, 12)), (vec![(12, 13)], vec![]));
        assert_eq!((ranges.gaps(13, 14), ranges.gaps(15, 15)), (vec![], vec![]));
        ranges.insert(0, 50);
        assert_eq!(ranges.0, BTreeMap::from([(0, 50)]));
        assert_eq!(ranges.gaps(5, 10), []);
    }
}
