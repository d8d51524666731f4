//! How large the granules of an RMM are, and what follows from it for RTTs.
//!
//! RMM 1.0 has granules of 4 KiB. In 2.0 the Host may choose another size, if the RMM has it. A
//! granule holds one RTT, so the size says how many entries a table has, and which addresses an
//! entry of each level covers.

use std::fmt;

use super::addr::{Ipa, Level, PAGE_SIZE};

/// The size of a granule.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum GranuleSize {
    /// 4 KiB.
    #[default]
    K4,
    /// 16 KiB.
    K16,
    /// 64 KiB.
    K64,
}

impl GranuleSize {
    /// All of them, in the order of their codes.
    pub const ALL: [Self; 3] = [Self::K4, Self::K16, Self::K64];

    /// RmiGranuleSize.
    #[must_use]
    pub const fn code(self) -> u64 {
        self as u64
    }

    /// The size with this RmiGranuleSize.
    #[must_use]
    pub fn from_code(code: u64) -> Option<Self> {
        Self::ALL.into_iter().find(|size| size.code() == code)
    }

    /// The size of 2^`shift` bytes.
    #[must_use]
    pub fn from_shift(shift: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|size| size.shift() == shift)
    }

    /// The name by which people choose it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::K4 => "4k",
            Self::K16 => "16k",
            Self::K64 => "64k",
        }
    }

    /// The size with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|size| size.name() == name)
    }

    /// log2 of the size in bytes.
    #[must_use]
    pub const fn shift(self) -> u32 {
        12 + 2 * self as u32
    }

    /// The size in bytes.
    #[must_use]
    pub const fn bytes(self) -> u64 {
        1 << self.shift()
    }

    /// Bytes of a tracking region, by its code in RmiRmmConfig (DEN0137 2.0 B4.6.78); `None` where
    /// the code is reserved.
    #[must_use]
    pub const fn tracking_region_bytes(self, code: u64) -> Option<u64> {
        match (self, code) {
            (Self::K4, 0) => Some(1 << 30),
            (Self::K16, 0) => Some(32 << 20),
            (Self::K16, 1) => Some(64 << 30),
            (Self::K64, 0) => Some(512 << 20),
            (Self::K64, 1) => Some(4 << 40),
            _ => None,
        }
    }

    /// The size in bytes, as lengths in memory are counted.
    #[must_use]
    pub const fn len_bytes(self) -> usize {
        1 << self.shift()
    }

    /// Pages of 4 KiB in a granule.
    #[must_use]
    pub const fn pages(self) -> u64 {
        self.bytes() / PAGE_SIZE
    }

    /// Address bits that one RTT level resolves.
    #[must_use]
    pub const fn stride(self) -> u32 {
        self.shift() - 3
    }

    /// Entries of one RTT.
    #[must_use]
    pub const fn rtt_entries(self) -> usize {
        1 << self.stride()
    }

    /// log2 of the bytes that one entry of `level` covers; 64 or more where there is no such level.
    #[must_use]
    #[inline(always)]
    pub fn entry_shift(self, level: Level) -> u32 {
        self.shift() + self.stride() * u32::from((3 - level.number()).unsigned_abs())
    }

    /// Bytes that one entry of `level` covers; of a level that there is not, no more than 2^63.
    #[must_use]
    #[inline]
    pub fn entry_bytes(self, level: Level) -> u64 {
        1 << self.entry_shift(level).min(63)
    }

    /// The starting level, and how many tables lie side by side there, with which an IPA space of
    /// so many bits takes as few levels as the architecture allows: at most 16 tables. Widths that
    /// no Realm has count as the nearest that one can have.
    #[must_use]
    pub fn fewest_levels(self, ipa_bits: u64) -> (Level, u64) {
        const MOST_SIDE_BY_SIDE: u32 = 4;
        let bits = u32::try_from(ipa_bits.clamp(32, 52)).expect("less than 53");
        let levels = (bits - MOST_SIDE_BY_SIDE - self.shift()).div_ceil(self.stride());
        let resolved_bits = self.shift() + levels * self.stride();
        let level = Level::from_register(u64::from(4 - levels)).expect("at most four levels");
        (level, 1 << bits.saturating_sub(resolved_bits))
    }

    /// The narrowest physical address space, in bits, for which the architecture lets a stage 2
    /// translation start at `level` (AArch64.S2InvalidSL).
    #[must_use]
    pub fn least_pa_bits(self, level: Level) -> u32 {
        match (self, level.number()) {
            (Self::K4, 0) | (Self::K64, 1) => 44,
            (Self::K16, 1) => 42,
            _ => 0,
        }
    }

    /// Whether a stage 2 translation can start at `level` only with LPA2.
    #[must_use]
    pub fn start_needs_lpa2(self, level: Level) -> bool {
        matches!((self, level.number()), (Self::K4, -1) | (Self::K16, 0))
    }

    /// Which of a table's entries covers `ipa`.
    #[must_use]
    pub fn entry_index(self, level: Level, ipa: Ipa) -> usize {
        let entry = ipa.0 >> self.entry_shift(level);
        usize::try_from(entry).expect("addresses are below 2^52") & (self.rtt_entries() - 1)
    }
}

impl Level {
    /// Bytes that one entry covers if granules have 4 KiB: 4 KiB, 2 MiB, 1 GiB, 512 GiB, 256 TiB.
    /// For others ask [`GranuleSize::entry_bytes`].
    #[must_use]
    pub fn entry_size_bytes(self) -> u64 {
        GranuleSize::K4.entry_bytes(self)
    }
}

impl fmt::Display for GranuleSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn level(number: i64) -> Level {
        Level::from_register(number.cast_unsigned()).unwrap()
    }

    #[test]
    fn sizes_are_known_by_every_name() {
        for (size, bytes) in GranuleSize::ALL.into_iter().zip([4096, 16384, 65536]) {
            assert_eq!(size.bytes(), bytes);
            assert_eq!(size.len_bytes() as u64, bytes);
            assert_eq!(GranuleSize::from_code(size.code()), Some(size));
            assert_eq!(GranuleSize::from_name(size.name()), Some(size));
            assert_eq!(GranuleSize::from_shift(size.shift()), Some(size));
            assert_eq!(size.rtt_entries() as u64 * 8, bytes, "a table fills its granule");
        }
        assert_eq!(GranuleSize::from_code(3), None);
        assert_eq!(GranuleSize::from_shift(13), None);
        assert_eq!(GranuleSize::from_name("4K"), None);
    }

    /// The blocks of the architecture's translation granules.
    #[test]
    fn entries_cover_what_the_architecture_says() {
        let sizes = |size: GranuleSize, levels: [i64; 3]| {
            levels.map(|number| size.entry_bytes(level(number)))
        };
        assert_eq!(sizes(GranuleSize::K4, [3, 2, 1]), [4 << 10, 2 << 20, 1 << 30]);
        assert_eq!(sizes(GranuleSize::K16, [3, 2, 1]), [16 << 10, 32 << 20, 64 << 30]);
        assert_eq!(sizes(GranuleSize::K64, [3, 2, 1]), [64 << 10, 512 << 20, 4 << 40]);
        assert_eq!(GranuleSize::K16.entry_shift(level(0)), 47);
        assert!(GranuleSize::K64.entry_shift(level(0)) > 52, "there is none");
    }

    /// A region is what an entry of a table covers.
    #[test]
    fn tracking_regions_are_entries() {
        for (size, code, number) in [
            (GranuleSize::K4, 0, 1),
            (GranuleSize::K16, 0, 2),
            (GranuleSize::K16, 1, 1),
            (GranuleSize::K64, 0, 2),
            (GranuleSize::K64, 1, 1),
        ] {
            let bytes = size.entry_bytes(level(number));
            assert_eq!(size.tracking_region_bytes(code), Some(bytes), "{size}, {code}");
        }
        assert_eq!(GranuleSize::K4.tracking_region_bytes(1), None);
        assert!([2, u64::MAX].iter().all(|code| {
            GranuleSize::ALL.iter().all(|size| size.tracking_region_bytes(*code).is_none())
        }));
    }

    #[test]
    fn indices_at_the_edges() {
        let index = |size: GranuleSize, number, ipa| size.entry_index(level(number), Ipa(ipa));
        assert_eq!(index(GranuleSize::K4, 3, 0x1F_F000), 511);
        assert_eq!(index(GranuleSize::K4, 3, 0x20_0000), 0);
        assert_eq!(index(GranuleSize::K4, -1, (1 << 52) - 1), 15);
        assert_eq!(index(GranuleSize::K4, 0, (1 << 48) - 1), 511);
        assert_eq!(index(GranuleSize::K16, 3, 0x1FF_C000), 2047);
        assert_eq!(index(GranuleSize::K16, 3, 0x200_0000), 0);
        assert_eq!(index(GranuleSize::K16, 0, (1 << 52) - 1), 31);
        assert_eq!(index(GranuleSize::K64, 3, 0x1FFF_0000), 8191);
        assert_eq!(index(GranuleSize::K64, 2, 0x1FFF_FFFF), 0);
        assert_eq!(index(GranuleSize::K64, 1, (1 << 52) - 1), 1023);
    }
}
