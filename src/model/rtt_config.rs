//! How wide a Realm's IPA space is, and where its tables start.

use crate::abi::addr::{Ipa, Level};
use crate::abi::granule_size::GranuleSize;

/// Starting level, IPA width and number of root tables that belong together, as
/// [`RttConfig::new`] has made sure. The fields are for reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RttConfig {
    /// IPA width in bits, 13 to 52.
    pub ipa_width: u32,
    /// Starting level.
    pub start: Level,
    /// Concatenated tables at the starting level, 1 to 16.
    pub num_start: u64,
    /// 52-bit addresses. Without them `ipa_width` is at most 48.
    pub lpa2: bool,
    /// The size of the granules that the tables lie in.
    pub granule: GranuleSize,
}

impl RttConfig {
    /// The configuration of a starting level and IPA width, if the two are consistent (the
    /// architecture's AArch64.S2InconsistentSL, with at most 16 concatenated tables).
    ///
    /// With granules of 4 KiB the widths are 13 to 25 bits at level 3, and nine bits more each
    /// level up; level 0 ends at 48 bits without LPA2, level −1 is 49 to 52 bits and needs LPA2.
    #[must_use]
    pub fn new(ipa_width: u32, start: Level, lpa2: bool, granule: GranuleSize) -> Option<Self> {
        if granule.start_needs_lpa2(start) && !lpa2 {
            return None;
        }
        let most = if lpa2 { 52 } else { 48 };
        let one_entry = granule.entry_shift(start);
        let one_table = (one_entry + granule.stride()).min(52);
        let widest = (one_table + 4).min(most);
        let num_start = 1 << ipa_width.saturating_sub(one_table).min(4);
        (one_entry < ipa_width && ipa_width <= widest).then_some(Self {
            ipa_width,
            start,
            num_start,
            lpa2,
            granule,
        })
    }

    /// Bytes that one entry of `level` covers, which the Realm can have.
    #[must_use]
    pub fn entry_bytes(&self, level: Level) -> u64 {
        self.granule.entry_bytes(level)
    }

    /// First IPA past the whole IPA space.
    #[must_use]
    pub const fn ipa_top(&self) -> u64 {
        1 << self.ipa_width
    }

    /// First IPA past the Protected half.
    #[must_use]
    pub const fn protected_top(&self) -> u64 {
        1 << (self.ipa_width - 1)
    }

    /// Whether `ipa` lies in the Protected half.
    #[must_use]
    pub const fn is_protected(&self, ipa: u64) -> bool {
        ipa < self.protected_top()
    }

    /// Which root table covers `ipa`.
    #[must_use]
    #[inline(always)]
    pub(super) fn root_index(&self, ipa: Ipa) -> usize {
        let table_shift = self.granule.entry_shift(self.start) + self.granule.stride();
        usize::try_from(ipa.0 >> table_shift).expect("at most sixteen")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use GranuleSize::{K4, K16, K64};

    #[test]
    fn starting_levels_and_widths() {
        let level = |number: i64| Level::from_register(number.cast_unsigned()).unwrap();
        // (size, level, lpa2, narrowest, widest, tables at the widest)
        for (size, number, lpa2, narrowest, widest, tables) in [
            (K4, 3, false, 13, 25, 16),
            (K4, 2, false, 22, 34, 16),
            (K4, 1, false, 31, 43, 16),
            (K4, 0, false, 40, 48, 1),
            (K4, 0, true, 40, 52, 16),
            (K4, -1, true, 49, 52, 1),
            (K16, 3, false, 15, 29, 16),
            (K16, 2, false, 26, 40, 16),
            (K16, 1, false, 37, 48, 2),
            (K16, 1, true, 37, 51, 16),
            (K16, 0, true, 48, 52, 1),
            (K64, 3, false, 17, 33, 16),
            (K64, 2, false, 30, 46, 16),
            (K64, 1, false, 43, 48, 1),
            (K64, 1, true, 43, 52, 1),
        ] {
            for width in 0..64 {
                let config = RttConfig::new(width, level(number), lpa2, size);
                assert_eq!(config.is_some(), (narrowest..=widest).contains(&width), "{width}");
            }
            let config = RttConfig::new(widest, level(number), lpa2, size).unwrap();
            assert_eq!(config.num_start, tables);
            let last = Ipa(config.ipa_top() - 1);
            assert_eq!(config.root_index(last) as u64, tables - 1);
        }
        for (size, number, lpa2) in [(K4, -1, false), (K16, 0, false), (K16, -1, true)] {
            assert!((0..64).all(|w| RttConfig::new(w, level(number), lpa2, size).is_none()));
        }
        for number in [0, -1] {
            assert!((0..64).all(|w| RttConfig::new(w, level(number), true, K64).is_none()));
        }
        assert_eq!(RttConfig::new(40, level(1), false, K4).unwrap().num_start, 2);
    }
}
