//! What the commands of RMM 2.0 that take ranges of memory share: lists of descriptors in the
//! Host's memory, and the blocks of a range (TF-RMM `lib/addr_list`, `runtime/rmi/rtt_map.c`).

use super::conditions::{Rd, short_walk};
use super::gate::{Checked, Failure, Gate, Rows};
use crate::abi::addr::{Hex, Ipa, Level, Pa, align_down, is_aligned};
use crate::abi::address_range::{AddressRange, DESC_BYTES, max_list};
use crate::abi::granule_size::GranuleSize;
use crate::model::granule::GranuleState;
use crate::model::realm::RealmState;
use crate::model::rtt::Walk;
use crate::model::world::World;

/// How many descriptors of a list count: it ends with its granule.
pub(super) fn clipped(list_ptr: u64, count: u64, size: GranuleSize) -> u64 {
    count.min(max_list(size) - list_ptr % size.bytes() / DESC_BYTES)
}

/// Writes a list into the Host's memory. Says whether that memory is the Host's.
pub(super) fn write_list(world: &mut World, list_ptr: u64, list: &[AddressRange]) -> bool {
    let bytes: Vec<u8> = list.iter().flat_map(|range| range.encode().to_le_bytes()).collect();
    let place = world.place(list_ptr).filter(|(granule, _)| world.permits_ns(*granule));
    let Some((granule, offset)) = place else { return false };
    world.memory.store(granule, offset, &bytes);
    true
}

impl Gate<'_> {
    /// `list_bound`, `list_pas` (twice): the descriptors of a list in the Host's memory.
    pub(super) fn list<R: Rows>(
        &mut self,
        rows: [R; 3],
        world: &World,
        list_ptr: u64,
        count: u64,
    ) -> Checked<Vec<AddressRange>> {
        let [bound, state, read] = rows;
        let size = self.granule_size();
        let first_byte = align_down(list_ptr, size.bytes());
        let wanted = GranuleState::Undelegated;
        let granule = self.aligned_granule_in([bound, state], world, first_byte, wanted)?;
        self.host_readable(read, world, granule)?;
        let in_granule = |bytes| usize::try_from(bytes).expect("at most a granule");
        // A list that begins inside a word is refused before, but a survey goes on.
        let offset = in_granule(align_down(list_ptr - first_byte, DESC_BYTES));
        let len = in_granule(clipped(list_ptr, count, size) * DESC_BYTES);
        let bytes = world.memory.read(granule, offset, len);
        let (words, _) = bytes.as_chunks::<8>();
        let range = |word: &[u8; 8]| AddressRange::decode(u64::from_le_bytes(*word), size);
        Ok(words.iter().map(range).collect())
    }
}

/// RmiRttProtMapFlags and its like: the form of the memory's description, and the list's length.
#[derive(Clone, Copy, Debug)]
pub(super) struct Form {
    pub(super) kind: u64,
    pub(super) list_count: u64,
}

/// RmiAddrType.
pub(super) mod addr_type {
    pub(in crate::rmi) const NONE: u64 = 0;
    pub(in crate::rmi) const SINGLE: u64 = 1;
    pub(in crate::rmi) const LIST: u64 = 2;
}

impl Form {
    /// Reads bits 1:0 and 15:2; others do not count.
    pub(super) const fn of(flags: u64) -> Self {
        Self { kind: flags & 0b11, list_count: flags >> 2 & 0x3FFF }
    }
}

/// The arguments of a command that maps blocks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Request {
    pub(super) base: u64,
    pub(super) top: u64,
    pub(super) flags: u64,
    pub(super) oaddr: u64,
}

/// The rows of a command that maps blocks, in their order.
pub(super) struct MapRows<R> {
    pub(super) realm_state: R,
    pub(super) size_valid: R,
    pub(super) addr_type: R,
    pub(super) list_align: R,
    pub(super) list_empty: R,
    pub(super) list: [R; 3],
    pub(super) range_state: R,
    pub(super) level_bound: R,
    pub(super) base_align: R,
    pub(super) base_bound: R,
    pub(super) top_align: R,
    pub(super) top_bound: R,
    pub(super) half: R,
    pub(super) too_small: R,
}

/// A request whose form is right: what is to be mapped where, and at which level.
pub(super) struct Blocks {
    pub(super) list: Vec<AddressRange>,
    pub(super) level: Level,
    pub(super) block_bytes: u64,
    pub(super) base: Ipa,
    pub(super) top: u64,
}

impl Gate<'_> {
    /// The conditions that RMI_RTT_DATA_MAP and RMI_RTT_UNPROT_MAP share, up to the walk.
    pub(super) fn blocks<R: Rows>(
        &mut self,
        rows: &MapRows<R>,
        world: &World,
        rd: Rd<'_>,
        request: Request,
        protected: bool,
    ) -> Checked<Blocks> {
        let Request { base, top, flags, oaddr } = request;
        let state = rd.realm.state;
        let alive = matches!(state, RealmState::New | RealmState::Active);
        self.ensure(rows.realm_state, alive, || {
            format!("the Realm is {}; NEW or ACTIVE is needed", state.name())
        })?;
        self.ensure(rows.size_valid, top > base, || {
            format!("top {} is not above base {}", Hex(top), Hex(base))
        })?;
        let list = self.described(rows, world, Form::of(flags), oaddr)?;
        let first = list[0];
        let good = !protected || !first.undelegated;
        self.ensure(rows.range_state, good, || {
            "the first range says that it is not delegated".into()
        })?;
        let level = first.level;
        let start = rd.realm.rtt.start;
        let lowest = Level::MIN_BLOCK.max(start);
        self.ensure(rows.level_bound, level >= lowest, || {
            let crash = if level >= Level::MIN_BLOCK { " (TF-RMM crashes here)" } else { "" };
            format!("blocks of level {level} can not be mapped; {lowest} is the lowest{crash}")
        })?;
        self.ipa_aligned(rows.base_align, base, level)?;
        let base = self.ipa_in_space(rows.base_bound, base, &rd.realm.rtt)?;
        // `top` is above `base`, and so not 0.
        self.granule_aligned(rows.top_align, top)?;
        let last = top.saturating_sub(self.granule_size().bytes());
        self.ipa_in_space(rows.top_bound, last, &rd.realm.rtt)?;
        let rtt = &rd.realm.rtt;
        let inside = rtt.is_protected(base.0) && rtt.is_protected(last);
        self.ensure(rows.half, inside == protected, || {
            let (half, top) = if protected { ("leaves", top) } else { ("lies in", top) };
            format!(
                "{base}..{} {half} the Protected IPA space of {}",
                Hex(top),
                Hex(rtt.protected_top())
            )
        })?;
        let block = self.granule_size().entry_bytes(level);
        let size = top.saturating_sub(base.0);
        self.ensure_at(rows.too_small, size >= block, level.to_index(), || {
            format!("the range has {} bytes; one block has {}", Hex(size), Hex(block))
        })?;
        Ok(Blocks { list, level, block_bytes: block, base, top })
    }

    /// `addr_type`, `list_align`, `list_empty` and those of the list: the ranges of memory.
    fn described<R: Rows>(
        &mut self,
        rows: &MapRows<R>,
        world: &World,
        form: Form,
        oaddr: u64,
    ) -> Checked<Vec<AddressRange>> {
        let is_list = form.kind == addr_type::LIST;
        self.ensure(rows.addr_type, is_list || form.kind == addr_type::SINGLE, || {
            format!("oaddr_type is {}; it has to be 1 (single) or 2 (list)", form.kind)
        })?;
        let aligned = !is_list || is_aligned(oaddr, DESC_BYTES);
        self.ensure(rows.list_align, aligned, || {
            format!("the list at {} is not a multiple of {DESC_BYTES}", Hex(oaddr))
        })?;
        self.ensure(rows.list_empty, !is_list || form.list_count > 0, || "list_count is 0".into())?;
        if is_list {
            return self.list(rows.list, world, oaddr, form.list_count.max(1));
        }
        rows.list.into_iter().for_each(|row| self.pass_row(row));
        Ok(vec![AddressRange::decode(oaddr, self.granule_size())])
    }

    /// A row that holds because what it is about is not there.
    fn pass_row<R: Rows>(&mut self, row: R) {
        self.ensure(row, true, String::new).expect("it holds");
    }

    /// `rtt_walk`: there is a table of this level.
    pub(super) fn walk_to<R: Rows>(
        &mut self,
        row: R,
        world: &World,
        rd: Rd<'_>,
        ipa: Ipa,
        level: Level,
    ) -> Checked<Walk> {
        let walk = world.walk(rd.realm, ipa, level);
        self.ensure_at(row, walk.level == level, walk.level.to_index(), || {
            short_walk(ipa, walk, level)
        })?;
        Ok(walk)
    }
}

/// Rows of a block that can not be mapped, in their order.
pub(super) struct BlockRows<R> {
    pub(super) exhausted: R,
    pub(super) state: R,
    pub(super) level: R,
    pub(super) top: R,
    pub(super) align: R,
    pub(super) bound: R,
}

impl Blocks {
    /// The blocks of the list one after the other, each with where it goes; ends with the failure
    /// of the first that can not be mapped for what it is.
    pub(super) fn each<R: Rows>(
        &self,
        rows: &BlockRows<R>,
        lpa2: bool,
        protected: bool,
    ) -> impl Iterator<Item = Checked<(Ipa, Pa)>> {
        let (level, size) = (self.level, self.block_bytes);
        let index = level.to_index();
        let mut ranges = self.list.iter().filter(|range| range.count > 0);
        let mut range: Option<AddressRange> = None;
        let mut ipa = self.base.0;
        let mut ended = false;
        let block = move || {
            if range.is_none_or(|range| range.count == 0) {
                range = ranges.next().copied();
            }
            let Some(range) = &mut range else {
                let detail = "the list has no more blocks".to_owned();
                return Err(Failure::at(rows.exhausted, 0, detail));
            };
            let (pa, found) = (range.base, range.level);
            // An address that passes 2^52 goes around, as the descriptor's field does.
            *range = AddressRange {
                base: Pa(pa.0.wrapping_add(range.block_bytes()) & ((1 << 52) - 1)),
                count: range.count - 1,
                ..*range
            };
            if protected && range.undelegated {
                return Err(Failure::at(rows.state, 0, format!("{pa} is said to be undelegated")));
            }
            if found != level {
                let detail = format!("a block of level {found} follows those of level {level}");
                return Err(Failure::at(rows.level, index, detail));
            }
            if self.top.saturating_sub(ipa) < size {
                let detail = format!("the block for IPA {} passes top", Hex(ipa));
                return Err(Failure::at(rows.top, index, detail));
            }
            if !is_aligned(pa.0, size) {
                let detail = format!("{pa} is not a multiple of {}", Hex(size));
                return Err(Failure::at(rows.align, 0, detail));
            }
            if !lpa2 && pa.0 + size > 1 << 48 {
                let detail = format!("{pa} needs more than 48 bits, and the Realm has no LPA2");
                return Err(Failure::at(rows.bound, 0, detail));
            }
            let place = Ipa(ipa);
            ipa += size;
            Ok((place, pa))
        };
        let mut block = block;
        std::iter::from_fn(move || {
            let next = (!ended).then(&mut block)?;
            ended = next.is_err();
            Some(next)
        })
    }
}
