//! RMI_RTT_UNPROT_MAP (2.0): maps Host memory at Unprotected IPAs (TF-RMM
//! `runtime/rmi/rtt_map.c`). As RMI_RTT_DATA_MAP, but every block is done at once.

use super::conditions::wrong_entry;
use super::gate::{Answer, Checked, Failure, Gate, failures};
use super::range_blocks::{BlockRows, MapRows, Request};
use super::{Plan, Rmi};
use crate::abi::addr::{Ipa, Pa};
use crate::model::rtt::{Rtte, Walk};
use crate::model::world::World;

pub(super) struct Map {
    pub(super) rd: u64,
    pub(super) request: Request,
}

failures! {
    /// RMI_RTT_UNPROT_MAP. From `list_exhausted` on the rows are those of one block.
    Rows {
        RdAlign "rd_align" Input All [] "`rd` is not granule aligned";
        RdBound "rd_bound" Input All [] "`rd` is not delegable memory";
        RdState "rd_state" Input All [] "`rd` is not an RD granule";
        RealmState "realm_state" Realm All [] "the Realm is neither NEW nor ACTIVE";
        SizeValid "size_valid" Input All [] "`top` is not above `base`";
        AddrType "addr_type" Input All [] "`flags` says neither single nor list";
        ListAlign "list_align" Input All [] "the list is not aligned to 8 bytes";
        ListEmpty "list_count" Input All [] "the list has no ranges";
        ListBound "list_bound" Input All [] "the list is not in delegable memory";
        ListState "list_pas" Input All [] "the list is in delegated memory";
        ListRead "list_pas" Input All [] "the list is not in Non-secure memory";
        Unused "never" Input All [] "the state of the memory is not looked at";
        LevelBound "level_bound" Input All [] "nothing can be mapped at this level";
        BaseAlign "base_align" Input All [] "`base` is not aligned to a block";
        BaseBound "base_bound" Input All [] "`base` is outside the Realm's IPA space";
        TopAlign "top_align" Input All [] "`top` is not granule aligned";
        TopBound "top_bound" Input All [] "`top` is outside the Realm's IPA space";
        Unprotected "ipa_bound" Input All [] "the range lies in the Protected IPA space";
        TooSmall "range_size" Rtt All [] "the range is smaller than a block";
        S2ap "attr_valid" Input All [] "`flags` has reserved bits of S2AP";
        RttWalk "rtt_walk" Rtt All [] "the walk stops above the level of the blocks";
        Exhausted "list_exhausted" Input All [] "the list has no block";
        BlockLevel "block_level" Rtt All [] "a block has another size than the first";
        BlockTop "block_top" Rtt All [] "a block passes `top`";
        BlockAlign "block_align" Input All [] "a block is not aligned to its size";
        BlockBound "block_bound" Input All [] "a block needs LPA2";
        MemAttr "mem_attr" Input All [] "`flags` has the reserved MemAttr";
        RtteState "rtte_state" Rtt All [] "the entry is neither UNASSIGNED_NS nor the same";
    }
}

const MAP_ROWS: MapRows<Rows> = MapRows {
    realm_state: Rows::RealmState,
    size_valid: Rows::SizeValid,
    addr_type: Rows::AddrType,
    list_align: Rows::ListAlign,
    list_empty: Rows::ListEmpty,
    list: [Rows::ListBound, Rows::ListState, Rows::ListRead],
    range_state: Rows::Unused,
    level_bound: Rows::LevelBound,
    base_align: Rows::BaseAlign,
    base_bound: Rows::BaseBound,
    top_align: Rows::TopAlign,
    top_bound: Rows::TopBound,
    half: Rows::Unprotected,
    too_small: Rows::TooSmall,
};

/// The state of Host memory is not looked at, so its row is never met.
const BLOCK_ROWS: BlockRows<Rows> = BlockRows {
    exhausted: Rows::Exhausted,
    state: Rows::Unused,
    level: Rows::BlockLevel,
    top: Rows::BlockTop,
    align: Rows::BlockAlign,
    bound: Rows::BlockBound,
};

/// The attributes of a mapping: MemAttr in `flags` 18:16, S2AP in 22:19.
const MEM_ATTR_RESERVED: u64 = 0b100;

struct Attributes {
    mem_attr: u64,
    s2ap: u64,
}

impl Attributes {
    const fn of(flags: u64) -> Self {
        Self { mem_attr: flags >> 16 & 0b111, s2ap: flags >> 19 & 0b1111 }
    }

    /// In their places of an RTT entry: MemAttr in 4:2; bit 0 of S2AP, to write, in 7, and bit 1,
    /// to read, in 6.
    fn in_entry(&self) -> u8 {
        let bits = self.mem_attr << 2 | (self.s2ap & 1) << 7 | (self.s2ap >> 1 & 1) << 6;
        u8::try_from(bits).expect("bits 7:2")
    }
}

/// What a call does.
pub(super) struct MapPlan {
    walk: Walk,
    base: Ipa,
    /// The memory of each block, and whether the entry maps it already.
    blocks: Vec<(Pa, bool)>,
    attr: u8,
    /// Why there are no more blocks; `None` at the end of the table.
    end: Option<Box<Failure>>,
}

impl Rmi for Map {
    type Rows = Rows;
    type Plan = MapPlan;

    fn check(&self, world: &World, mut gate: Gate<'_>) -> Checked<MapPlan> {
        use Rows as F;
        let rd = gate.rd([F::RdAlign, F::RdBound, F::RdState], world, self.rd)?;
        let request = gate.blocks(&MAP_ROWS, world, rd, self.request, false)?;
        let attributes = Attributes::of(self.request.flags);
        gate.ensure(F::S2ap, attributes.s2ap <= 0b11, || {
            format!("S2AP is {:#06b}; bits 3:2 have to be zero", attributes.s2ap)
        })?;
        let walk = gate.walk_to(F::RttWalk, world, rd, request.base, request.level)?;
        let room = world.tables.get(walk.table).entries().len() - walk.index;
        let (base, attr) = (request.base, attributes.in_entry());
        let mut plan = MapPlan { walk, base, blocks: Vec::new(), attr, end: None };
        let mut given = request.each(&BLOCK_ROWS, rd.realm.rtt.lpa2, false);
        while plan.end.is_none() && plan.blocks.len() < room {
            let Some(block) = given.next() else { break };
            let good = block.and_then(|block| memory_kind(block, &attributes));
            match good.and_then(|(ipa, pa)| plan.add(world, ipa, pa)) {
                Ok(()) => {}
                Err(failure) => plan.end = Some(failure),
            }
        }
        let nothing = plan.blocks.is_empty();
        match plan.end.take_if(|_| nothing && !world.interrupt.is_armed()) {
            Some(failure) => gate.meet(failure),
            None => gate.pause(F::Exhausted, plan),
        }
    }
}

/// `mem_attr`: the kind of memory is not the reserved one.
fn memory_kind(block: (Ipa, Pa), attributes: &Attributes) -> Checked<(Ipa, Pa)> {
    if attributes.mem_attr == MEM_ATTR_RESERVED {
        return Err(Failure::at(Rows::MemAttr, 0, "MemAttr is the reserved 0b100".into()));
    }
    Ok(block)
}

impl MapPlan {
    fn add(&mut self, world: &World, ipa: Ipa, pa: Pa) -> Checked<()> {
        let walk = Walk { index: self.walk.index + self.blocks.len(), ..self.walk };
        let entry = world.tables.entry(walk);
        let same = entry == Rtte::AssignedNs { pa, attr: self.attr };
        if !same && entry != Rtte::UnassignedNs {
            let detail = wrong_entry(ipa, walk, entry, "UNASSIGNED_NS");
            return Err(Failure::at(Rows::RtteState, walk.level.to_index(), detail));
        }
        self.blocks.push((pa, same));
        Ok(())
    }
}

impl Plan for MapPlan {
    type Answer = Answer;

    fn apply(self, world: &mut World) -> Answer {
        let Self { walk, base, blocks, attr, end } = self;
        let size = walk.entry_bytes();
        let mut reached = base.0;
        for (i, (pa, same)) in blocks.into_iter().enumerate() {
            if world.interrupt.poll() {
                return Answer::Success([reached, 0, 0, 0]);
            }
            if !same {
                let walk = Walk { index: walk.index + i, ..walk };
                world.tables.set(walk, Rtte::AssignedNs { pa, attr });
            }
            reached += size;
        }
        // It looks for an interrupt before it sees that there is no further block.
        let interrupted = end.is_some() && world.interrupt.poll();
        match end {
            Some(failure) if reached == base.0 && !interrupted => Answer::Failed(failure),
            _ => Answer::Success([reached, 0, 0, 0]),
        }
    }
}
