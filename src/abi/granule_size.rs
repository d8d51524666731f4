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
    pub fn entry_shift(self, level: Level) -> u32 {
        self.shift() + self.stride() * u32::from((3 - level.number()).unsigned_abs())
    }

    /// Bytes that one entry of `level` covers, which a table of the size can have.
    #[must_use]
    pub fn entry_bytes(self, level: Level) -> u64 {
        1 << self.entry_shift(level)
    }

    /// Which of a table's entries covers `ipa`.
    #[must_use]
    pub fn entry_index(self, level: Level, ipa: Ipa) -> usize {
        let entry = ipa.0 >> self.entry_shift(level);
        usize::try_from(entry).expect("addresses are below 2^52") & (self.rtt_entries() - 1)
    }
}

impl fmt::Display for GranuleSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
