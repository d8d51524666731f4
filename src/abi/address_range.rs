//! Ranges of blocks as RMM 2.0 writes them: descriptors, lists of them, and requests for memory
//! (TF-RMM `smc-rmi.h`, `lib/addr_list`).

use super::addr::{Level, Pa};
use super::granule_size::GranuleSize;

/// Length of a descriptor in bytes.
pub const DESC_BYTES: u64 = 8;
/// The first bit that is above every address.
const ADDR_TOP: u64 = 1 << 52;
const UNDELEGATED: u64 = 1 << 63;

/// RmiAddrRangeDesc: equal blocks one after the other.
///
/// In 64 bits: the level in 1:0 (0 is level 3), the count from 2 on, the address of a granule above
/// it to 51, and in 63 whether the memory is undelegated. With granules of 4 KiB the address begins
/// at 12, so that the count has ten bits. Bits 62:52 are ignored when read, and zero when written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AddressRange {
    /// The first byte.
    pub base: Pa,
    /// The RTT level whose entries map one block: 0 to 3.
    pub level: Level,
    /// Number of blocks; 0 to [`max_blocks`].
    pub count: u64,
    /// Whether the memory is undelegated, the Host's.
    pub undelegated: bool,
    /// The size of the RMM's granules, which says how large blocks are.
    pub size: GranuleSize,
}

/// Most descriptors of one list: a granule full.
#[must_use]
pub const fn max_list(size: GranuleSize) -> u64 {
    size.bytes() / DESC_BYTES
}

/// Most blocks of one descriptor.
#[must_use]
pub const fn max_blocks(size: GranuleSize) -> u64 {
    (size.bytes() >> 2) - 1
}

impl AddressRange {
    /// Reads a descriptor; every value is one.
    #[must_use]
    pub fn decode(desc: u64, size: GranuleSize) -> Self {
        Self {
            base: Pa(desc & addr_mask(size)),
            level: Level::from_register(3 - (desc & 0b11)).expect("0 to 3"),
            count: desc >> 2 & max_blocks(size),
            undelegated: desc & UNDELEGATED != 0,
            size,
        }
    }

    /// The descriptor.
    #[must_use]
    pub fn encode(&self) -> u64 {
        let undelegated = if self.undelegated { UNDELEGATED } else { 0 };
        self.base.0 & addr_mask(self.size) | self.count << 2 | size_code(self.level) | undelegated
    }

    /// Length of one block in bytes.
    #[must_use]
    pub fn block_bytes(&self) -> u64 {
        self.size.entry_bytes(self.level)
    }

    /// Length of all blocks in bytes; of more than there are addresses, as many as can be said.
    #[must_use]
    pub fn len_bytes(&self) -> u64 {
        self.count.saturating_mul(self.block_bytes())
    }

    /// The first granules of the range, in order.
    pub fn granules(&self) -> impl Iterator<Item = Pa> + use<> {
        let (base, bytes) = (self.base.0, self.size.bytes());
        (0..self.len_bytes() / bytes).map(move |i| Pa(base.saturating_add(i * bytes)))
    }
}

const fn addr_mask(size: GranuleSize) -> u64 {
    ADDR_TOP - size.bytes()
}

/// The level in two bits: 0 is a page.
fn size_code(level: Level) -> u64 {
    3 - level.to_register()
}

/// Adds a block to a list as TF-RMM does: into the first range that it continues at either end,
/// else as a range of its own, if there are fewer than `most`. Says whether there was room.
pub fn push_block(list: &mut Vec<AddressRange>, block: AddressRange, most: usize) -> bool {
    for range in &mut *list {
        let alike = range.level == block.level && range.undelegated == block.undelegated;
        if !alike || range.count >= max_blocks(range.size) {
            continue;
        }
        if block.base.0.wrapping_add(range.block_bytes()) == range.base.0 {
            range.base = block.base;
        } else if range.base.0 + range.len_bytes() != block.base.0 {
            continue;
        }
        range.count += 1;
        return true;
    }
    if list.len() >= most {
        return false;
    }
    list.push(block);
    true
}

/// RmiOpMemDonateReq for `count` granules that may lie anywhere and are delegated: the largest
/// block size that divides them, and how many of it.
#[must_use]
pub fn donate_request(count_granules: u64, size: GranuleSize) -> u64 {
    let bytes = count_granules * size.bytes();
    let levels = [1, 2].map(|level| Level::from_register(level).expect("1 or 2"));
    let fits = |level: &Level| bytes != 0 && bytes.is_multiple_of(size.entry_bytes(*level));
    let level = levels.into_iter().find(fits).unwrap_or(Level::PAGE);
    size_code(level) | (bytes / size.entry_bytes(level)) << 2
}

/// How many granules a request asks for.
#[must_use]
pub fn requested_granules(request: u64, size: GranuleSize) -> u64 {
    let block = AddressRange::decode(request & 0b11, size).block_bytes();
    (request >> 2 & 0x3FFF).saturating_mul(block / size.bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    use GranuleSize::{K4, K16, K64};

    fn pages(base: u64, count: u64) -> AddressRange {
        let (base, level) = (Pa(base), Level::PAGE);
        AddressRange { base, level, count, undelegated: false, size: K4 }
    }

    #[test]
    fn descriptors_round_trip() {
        for desc in [0, 0x8000_0004, 0x8000_0FFF, 1 << 63 | 0xF_FFFF_FFFF_F008] {
            for size in GranuleSize::ALL {
                assert_eq!(AddressRange::decode(desc, size).encode(), desc, "{desc:#x}");
            }
        }
        let range = AddressRange::decode(1 << 63 | 0x7FF << 52 | 0x4000_0000 | 3 << 2 | 1, K4);
        assert!(range.undelegated);
        assert_eq!((range.base, range.count, range.level.number()), (Pa(0x4000_0000), 3, 2));
        assert_eq!(range.len_bytes(), 3 << 21);
    }

    #[test]
    fn counts_grow_with_granules() {
        let desc = 0xF_FFFF_FFFF_FFFD;
        for (size, count, base, block) in [
            (K4, 0x3FF, 0xF_FFFF_FFFF_F000, 2 << 20),
            (K16, 0xFFF, 0xF_FFFF_FFFF_C000, 32 << 20),
            (K64, 0x3FFF, 0xF_FFFF_FFFF_0000, 512 << 20),
        ] {
            let range = AddressRange::decode(desc, size);
            assert_eq!((range.count, range.base), (count, Pa(base)));
            assert_eq!((range.block_bytes(), range.len_bytes()), (block, count * block));
            assert_eq!(range.encode(), desc);
        }
        // There is no such level, and yet it is a descriptor.
        assert_eq!(AddressRange::decode(0xFFFF, K64).len_bytes(), u64::MAX);
    }

    #[test]
    fn blocks_join_at_either_end() {
        let mut list = Vec::new();
        for base in [0x5000, 0x4000, 0x6000, 0x9000, 0x3000] {
            assert!(push_block(&mut list, pages(base, 1), 2));
        }
        assert_eq!(list, [pages(0x3000, 4), pages(0x9000, 1)]);
        assert!(!push_block(&mut list, pages(0x2_0000, 1), 2), "the list is full");
        assert!(push_block(&mut list, pages(0xA000, 1), 2));
    }

    #[test]
    fn a_request_names_the_largest_blocks() {
        assert_eq!(donate_request(512, K4), 0b101);
        assert_eq!(donate_request(2048, K16), 0b101);
        assert_eq!(donate_request(8192, K64), 0b101);
        for size in GranuleSize::ALL {
            assert_eq!(donate_request(16, size), 0x40);
            assert_eq!(donate_request(1, size), 0x4);
            assert_eq!(donate_request(0, size), 0);
            for count in [0, 1, 16, 512, 1024, 8192] {
                assert_eq!(requested_granules(donate_request(count, size), size), count);
            }
        }
    }
}
