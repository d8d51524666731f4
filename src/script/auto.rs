//! Which granules `auto` takes.

use std::collections::{BTreeMap, BTreeSet};

use crate::abi::addr::{PAGE_SIZE, align_down};
use crate::abi::granule_size::GranuleSize;
use crate::abi::platform::Platform;

/// Chooses granules: from the middle of the largest DRAM range upwards, then from the rest of
/// memory upwards. Granules in a page whose address the script writes, or has used, are left out;
/// what was taken once is never taken again.
#[derive(Clone, Debug)]
pub(super) struct Auto {
    /// Where to go on in each region, and its end.
    regions: Vec<(u64, u64)>,
    /// Disjoint ranges that are not to be taken: start and end.
    avoided: BTreeMap<u64, u64>,
}

impl Auto {
    pub(super) fn new(platform: &Platform, literals: &BTreeSet<u64>) -> Self {
        let ranges = || platform.dram.iter().map(|dram| dram.range());
        let largest = ranges().reduce(|a, b| if b.end - b.start > a.end - a.start { b } else { a });
        let largest = largest.unwrap_or_default();
        let middle = align_down(largest.start + (largest.end - largest.start) / 2, PAGE_SIZE);
        let rest = ranges().map(|r| (r.start, if r == largest { middle } else { r.end }));
        let regions = std::iter::once((middle, largest.end)).chain(rest).collect();
        let mut auto = Self { regions, avoided: BTreeMap::new() };
        for literal in literals {
            auto.avoid(*literal, 1);
        }
        auto
    }

    /// Leaves out the pages of `len_bytes` from `pa` on.
    pub(super) fn avoid(&mut self, pa: u64, len_bytes: u64) {
        let mut start = align_down(pa, PAGE_SIZE);
        let mut end = align_down(pa.saturating_add(len_bytes.max(1) - 1), PAGE_SIZE)
            .saturating_add(PAGE_SIZE);
        // Ranges that touch the new one become part of it.
        while let Some((&from, &to)) = self.avoided.range(..=end).next_back() {
            if to < start {
                break;
            }
            self.avoided.remove(&from);
            (start, end) = (start.min(from), end.max(to));
        }
        self.avoided.insert(start, end);
    }

    /// The first of `count` contiguous granules, aligned to the power of two that holds them;
    /// `None` if memory has no such place.
    pub(super) fn take(&mut self, count: u64, size: GranuleSize) -> Option<u64> {
        let (region, at) = self.find(count, size)?;
        self.regions[region].0 = at + count * size.bytes();
        Some(at)
    }

    /// Offers granules in a row, `most` at most, and takes as many of them as `user` says: those
    /// that [`Auto::take`] would give, one after the other.
    pub(super) fn take_row(
        &mut self,
        most: u64,
        size: GranuleSize,
        user: impl FnOnce(u64, u64) -> u64,
    ) -> u64 {
        let Some((region, at)) = self.find(1, size) else { return 0 };
        let (next, end) = &mut self.regions[region];
        let avoided = self.avoided.range(at..).next().map_or(*end, |(start, _)| *start);
        let room = (avoided.min(*end) - at) / size.bytes();
        let taken = user(at, room.min(most));
        if taken > 0 {
            *next = at + taken * size.bytes();
        }
        taken
    }

    /// Where the next granules in a row are: the region, and the first address.
    fn find(&self, count: u64, size: GranuleSize) -> Option<(usize, u64)> {
        let len_bytes = count.checked_mul(size.bytes())?;
        let align = len_bytes.checked_next_power_of_two()?;
        for (region, (next, end)) in self.regions.iter().enumerate() {
            let mut at = *next;
            loop {
                at = at.checked_next_multiple_of(align)?;
                let Some(top) = at.checked_add(len_bytes).filter(|top| *top <= *end) else { break };
                match self.avoided.range(..top).next_back() {
                    Some((_, avoided_end)) if *avoided_end > at => at = *avoided_end,
                    _ => return Some((region, at)),
                }
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn auto(literals: &[u64]) -> Auto {
        let platform = Platform::preset("small").unwrap();
        Auto::new(&platform, &literals.iter().copied().collect())
    }

    fn take(auto: &mut Auto, count: u64) -> Option<u64> {
        auto.take(count, GranuleSize::K4)
    }

    #[test]
    fn granules_of_any_size_are_aligned_and_apart() {
        let mut auto = auto(&[MIDDLE + 0x2_5000]);
        let mut taken = |size| auto.take(1, size).unwrap() - MIDDLE;
        assert_eq!(taken(GranuleSize::K4), 0);
        assert_eq!(taken(GranuleSize::K16), 0x4000);
        assert_eq!(taken(GranuleSize::K64), 0x1_0000);
        assert_eq!(taken(GranuleSize::K64), 0x3_0000, "a page between them is written down");
        assert_eq!(taken(GranuleSize::K16), 0x4_0000);
    }

    const MIDDLE: u64 = 0x8000_0000 + (1 << 29);

    #[test]
    fn from_the_middle_upwards_and_around_what_is_avoided() {
        let mut auto = auto(&[MIDDLE + 0x1008]);
        let taken: Vec<u64> = (0..3).map(|_| take(&mut auto, 1).unwrap() - MIDDLE).collect();
        assert_eq!(taken, [0, 0x2000, 0x3000]);
        auto.avoid(MIDDLE + 0x4000, 0x2001);
        assert_eq!(take(&mut auto, 1).unwrap() - MIDDLE, 0x7000);
        assert_eq!(take(&mut auto, 3).unwrap() - MIDDLE, 0x8000);
        assert_eq!(take(&mut auto, 1).unwrap() - MIDDLE, 0xB000);
    }

    #[test]
    fn the_rest_of_memory_comes_last_and_then_nothing() {
        let mut auto = auto(&[]);
        assert_eq!(take(&mut auto, 1 << 17), Some(MIDDLE));
        assert_eq!(take(&mut auto, 1), Some(0x8000_0000));
        assert_eq!(take(&mut auto, 1 << 17), None);
        assert_eq!(take(&mut auto, u64::MAX), None);
        assert_eq!(take(&mut auto, 1 << 52), None);
        assert_eq!(take(&mut auto, 1), Some(0x8000_1000));
    }

    #[test]
    fn avoided_ranges_grow_together() {
        let mut auto = auto(&[]);
        for granule in (0..10).chain(5..15).rev() {
            auto.avoid(granule * PAGE_SIZE, 1);
        }
        auto.avoid(u64::MAX, u64::MAX);
        assert_eq!(auto.avoided.len(), 2);
    }
}
