//! Addresses and translation levels.
//!
//! Physical (`Pa`) and intermediate physical (`Ipa`) addresses are different types, so that one
//! can not be given where the other is meant. Both count bytes. Nothing here knows which addresses
//! a platform has.

use std::fmt;

/// Size of a page in bytes: what the structures of the ABI take, and the pieces in which memory
/// and images are kept, whatever the size of a granule is.
pub const PAGE_SIZE: u64 = PAGE_LEN as u64;
/// [`PAGE_SIZE`], as lengths in memory are counted.
pub const PAGE_LEN: usize = 1 << 12;
/// Size in bytes of the granules that RMM 1.0 has (DEN0137 1.0 A2.2), and the Hosts that are
/// simulated. What a World has is its [`GranuleSize`](super::granule_size::GranuleSize).
pub const GRANULE_SIZE: u64 = PAGE_SIZE;
/// [`GRANULE_SIZE`], as lengths in memory are counted.
pub const GRANULE_LEN: usize = PAGE_LEN;

/// A page's bytes.
pub type PageBytes = [u8; PAGE_LEN];
/// A granule's bytes.
pub type GranuleBytes = PageBytes;

/// A physical address in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pa(pub u64);

/// An intermediate physical address of a Realm, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ipa(pub u64);

impl fmt::Display for Pa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Hex(self.0).fmt(f)
    }
}

impl fmt::Display for Ipa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Hex(self.0).fmt(f)
    }
}

/// Prints a number as people read addresses: `0x8020_0000`.
#[derive(Clone, Copy, Debug)]
pub struct Hex(pub u64);

impl fmt::Display for Hex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = format!("{:x}", self.0);
        f.write_str("0x")?;
        for (i, digit) in digits.chars().enumerate() {
            if i > 0 && (digits.len() - i).is_multiple_of(4) {
                f.write_str("_")?;
            }
            write!(f, "{digit}")?;
        }
        Ok(())
    }
}

/// Whether `value` is a multiple of `align_bytes` (a power of two).
#[must_use]
pub const fn is_aligned(value: u64, align_bytes: u64) -> bool {
    value & (align_bytes - 1) == 0
}

/// `value` rounded down to a multiple of `align_bytes` (a power of two).
#[must_use]
pub const fn align_down(value: u64, align_bytes: u64) -> u64 {
    value & !(align_bytes - 1)
}

/// Cuts `len_bytes` from `addr` on at page borders: address, offset in its page and length of each
/// piece. Addresses go around at 2^64; a caller for whom that is wrong looks before.
pub(crate) fn page_pieces(addr: u64, len_bytes: u64) -> impl Iterator<Item = (u64, usize, usize)> {
    let mut done = 0;
    std::iter::from_fn(move || {
        let at = addr.wrapping_add(done);
        let offset = at % PAGE_SIZE;
        let len = (PAGE_SIZE - offset).min(len_bytes - done);
        done += len;
        let in_page = |n| usize::try_from(n).expect("at most a page");
        (len > 0).then(|| (at, in_page(offset), in_page(len)))
    })
}

/// An RTT level: −1 (only with LPA2) to 3 (pages). DEN0137 1.0 A5.5.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Level(i8);

impl Level {
    /// The level whose entries map one granule each.
    pub const PAGE: Self = Self(3);
    /// The highest level at which a block may be mapped.
    pub const MIN_BLOCK: Self = Self(1);
    /// The lowest number a level can have.
    pub const MIN: Self = Self(-1);

    /// The level named by a signed 64-bit register value, if there is such a level.
    #[must_use]
    pub fn from_register(value: u64) -> Option<Self> {
        let level = i8::try_from(value.cast_signed()).ok()?;
        (-1..=3).contains(&level).then_some(Self(level))
    }

    /// The value of the level in a 64-bit register (−1 is all ones).
    #[must_use]
    pub fn to_register(self) -> u64 {
        i64::from(self.0).cast_unsigned()
    }

    /// The level as the 8-bit index of a return code (−1 is 0xFF).
    #[must_use]
    pub fn to_index(self) -> u8 {
        self.0.cast_unsigned()
    }

    /// The number itself.
    #[must_use]
    pub fn number(self) -> i8 {
        self.0
    }

    /// The level of a table that an entry of this level points to; pages have none.
    #[must_use]
    pub fn child(self) -> Option<Self> {
        (self.0 < 3).then_some(Self(self.0 + 1))
    }

    /// The level that holds the entry for a table of this level.
    #[must_use]
    pub fn parent(self) -> Option<Self> {
        (self.0 > -1).then_some(Self(self.0 - 1))
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_end_at_page_borders() {
        let pieces = |addr, len| page_pieces(addr, len).collect::<Vec<_>>();
        assert_eq!(pieces(0x1000, 0), []);
        assert_eq!(pieces(0x1FFF, 1), [(0x1FFF, 0xFFF, 1)]);
        let three = [(0x1FFF, 0xFFF, 1), (0x2000, 0, 0x1000), (0x3000, 0, 2)];
        assert_eq!(pieces(0x1FFF, 0x1003), three);
        assert_eq!(pieces(u64::MAX, 2), [(u64::MAX, 0xFFF, 1), (0, 0, 1)]);
    }

    #[test]
    fn hex_groups_by_four() {
        for (value, text) in [
            (0, "0x0"),
            (0xabcd, "0xabcd"),
            (0x1_0000, "0x1_0000"),
            (0x8020_0000, "0x8020_0000"),
            (u64::MAX, "0xffff_ffff_ffff_ffff"),
        ] {
            assert_eq!(Hex(value).to_string(), text);
        }
    }

    #[test]
    fn entry_sizes() {
        let sizes: Vec<u64> = (-1..=3).rev().map(|level| Level(level).entry_size_bytes()).collect();
        assert_eq!(sizes, [4 << 10, 2 << 20, 1 << 30, 512 << 30, 256 << 40]);
    }

    #[test]
    fn levels_round_trip_through_registers() {
        for level in -1..=3 {
            let level = Level(level);
            assert_eq!(Level::from_register(level.to_register()), Some(level));
        }
        for value in [4, 0xFF, 255, u64::MAX - 1, 1 << 63, 0xFFFF_FFFF, 0x1_0000_0000] {
            assert_eq!(Level::from_register(value), None, "{value:#x}");
        }
        assert_eq!(Level(-1).to_index(), 0xFF);
    }
}
