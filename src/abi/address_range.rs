//! Ranges of blocks as RMM 2.0 writes them: descriptors, lists of them, and requests for memory
//! (TF-RMM `smc-rmi.h`, `lib/addr_list`; granules of 4 KiB).

use super::addr::{GRANULE_SIZE, Level, Pa};

/// Length of a descriptor in bytes.
pub const DESC_BYTES: u64 = 8;
/// Most descriptors of one list: a granule full.
pub const MAX_LIST: u64 = GRANULE_SIZE / DESC_BYTES;
/// Most blocks of one descriptor.
pub const MAX_BLOCKS: u64 = (1 << 10) - 1;

const ADDR_MASK: u64 = (1 << 52) - (1 << 12);
const UNDELEGATED: u64 = 1 << 63;

/// RmiAddrRangeDesc: equal blocks one after the other.
///
/// In 64 bits: the level in 1:0 (0 is level 3), the count in 11:2, the address in 51:12, and in 63
/// whether the memory is undelegated. Bits 62:52 are ignored when read, and zero when written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AddressRange {
    /// The first byte.
    pub base: Pa,
    /// The RTT level whose entries map one block: 0 to 3.
    pub level: Level,
    /// Number of blocks; 0 to [`MAX_BLOCKS`].
    pub count: u64,
    /// Whether the memory is undelegated, the Host's.
    pub undelegated: bool,
}

impl AddressRange {
    /// Reads a descriptor; every value is one.
    #[must_use]
    pub fn decode(desc: u64) -> Self {
        Self {
            base: Pa(desc & ADDR_MASK),
            level: Level::from_register(3 - (desc & 0b11)).expect("0 to 3"),
            count: desc >> 2 & MAX_BLOCKS,
            undelegated: desc & UNDELEGATED != 0,
        }
    }

    /// The descriptor.
    #[must_use]
    pub fn encode(&self) -> u64 {
        let undelegated = if self.undelegated { UNDELEGATED } else { 0 };
        self.base.0 & ADDR_MASK | self.count << 2 | size_code(self.level) | undelegated
    }

    /// Length of one block in bytes.
    #[must_use]
    pub fn block_bytes(&self) -> u64 {
        self.level.entry_size_bytes()
    }

    /// Length of all blocks in bytes.
    #[must_use]
    pub fn len_bytes(&self) -> u64 {
        self.count * self.block_bytes()
    }

    /// The first granules of the range, in order.
    pub fn granules(&self) -> impl Iterator<Item = Pa> + use<> {
        let base = self.base.0;
        (0..self.len_bytes() / GRANULE_SIZE).map(move |i| Pa(base + i * GRANULE_SIZE))
    }
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
        if !alike || range.count >= MAX_BLOCKS {
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
pub fn donate_request(count_granules: u64) -> u64 {
    let bytes = count_granules * GRANULE_SIZE;
    let levels = [1, 2].map(|level| Level::from_register(level).expect("1 or 2"));
    let fits = |level: &Level| bytes != 0 && bytes.is_multiple_of(level.entry_size_bytes());
    let level = levels.into_iter().find(fits).unwrap_or(Level::PAGE);
    size_code(level) | (bytes / level.entry_size_bytes()) << 2
}

/// How many granules a request asks for.
#[must_use]
pub fn requested_granules(request: u64) -> u64 {
    let level = AddressRange::decode(request & 0b11).level;
    (request >> 2 & 0x3FFF) * (level.entry_size_bytes() / GRANULE_SIZE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pages(base: u64, count: u64) -> AddressRange {
        AddressRange { base: Pa(base), level: Level::PAGE, count, undelegated: false }
    }

    #[test]
    fn descriptors_round_trip() {
        for desc in [0, 0x8000_0004, 0x8000_0FFF, 1 << 63 | 0xF_FFFF_FFFF_F008] {
            assert_eq!(AddressRange::decode(desc).encode(), desc, "{desc:#x}");
        }
        let range = AddressRange::decode(1 << 63 | 0x7FF << 52 | 0x4000_0000 | 3 << 2 | 1);
        assert!(range.undelegated);
        assert_eq!((range.base, range.count, range.level.number()), (Pa(0x4000_0000), 3, 2));
        assert_eq!(range.len_bytes(), 3 << 21);
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
        assert_eq!(donate_request(16), 0x40);
        assert_eq!(donate_request(1), 0x4);
        assert_eq!(donate_request(512), 0b101);
        assert_eq!(donate_request(0), 0);
        for count in [0, 1, 16, 512, 1024] {
            assert_eq!(requested_granules(donate_request(count)), count);
        }
    }
}
