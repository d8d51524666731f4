//! RMI_RTT_DATA_MAP (2.0): maps delegated memory with unknown contents (TF-RMM
//! `runtime/rmi/rtt_map.c`).
//!
//! A call maps blocks of one size in one table and says how far it came. What stops it is reported
//! only if nothing was mapped. Where the RMM looks for interrupts, the block in hand becomes a
//! stateful operation.

use super::conditions::wrong_entry;
use super::gate::{Answer, Checked, Failure, Gate, NO_OUTPUTS, failures};
use super::range_blocks::{BlockRows, MapRows, Request};
use super::{Plan, Rmi};
use crate::abi::addr::{Hex, Ipa, Pa};
use crate::abi::status::MemReq;
use crate::model::granule::{Granule, GranuleState};
use crate::model::operation::{Handle, MapOperation, Operation};
use crate::model::rtt::{Rtte, Walk};
use crate::model::world::World;

pub(super) struct Map {
    pub(super) rd: u64,
    pub(super) request: Request,
}

failures! {
    /// RMI_RTT_DATA_MAP. From `list_exhausted` on the rows are those of one block.
    Rows {
        Context "sro_context" Blocked All [] "there are as many operations as there can be";
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
        RangeState "range_state" Input All [] "the first range says that it is not delegated";
        LevelBound "level_bound" Input All [] "nothing can be mapped at this level";
        BaseAlign "base_align" Input All [] "`base` is not aligned to a block";
        BaseBound "base_bound" Input All [] "`base` is outside the Realm's IPA space";
        TopAlign "top_align" Input All [] "`top` is not granule aligned";
        TopBound "top_bound" Input All [] "`top` is outside the Realm's IPA space";
        Protected "ipa_bound" Input All [] "the range leaves the Protected IPA space";
        TooSmall "range_size" Rtt All [] "the range is smaller than a block";
        RttWalk "rtt_walk" Rtt All [] "the walk stops above the level of the blocks";
        Exhausted "list_exhausted" Input All [] "the list has no block";
        BlockState "block_state" Input All [] "a block says that it is not delegated";
        BlockLevel "block_level" Rtt All [] "a block has another size than the first";
        BlockTop "block_top" Rtt All [] "a block passes `top`";
        BlockAlign "block_align" Input All [] "a block is not aligned to its size";
        BlockBound "block_bound" Input All [] "a block needs LPA2";
        RtteState "rtte_state" Rtt All [] "the entry is not UNASSIGNED";
        Pending "rtte_pending" Busy All [] "a stateful operation has yet to finish with the entry";
        DataState "data_state" Input All [] "a granule of a block is not DELEGATED";
    }
}

const MAP_ROWS: MapRows<Rows> = MapRows {
    realm_state: Rows::RealmState,
    size_valid: Rows::SizeValid,
    addr_type: Rows::AddrType,
    list_align: Rows::ListAlign,
    list_empty: Rows::ListEmpty,
    list: [Rows::ListBound, Rows::ListState, Rows::ListRead],
    range_state: Rows::RangeState,
    level_bound: Rows::LevelBound,
    base_align: Rows::BaseAlign,
    base_bound: Rows::BaseBound,
    top_align: Rows::TopAlign,
    top_bound: Rows::TopBound,
    half: Rows::Protected,
    too_small: Rows::TooSmall,
};

const BLOCK_ROWS: BlockRows<Rows> = BlockRows {
    exhausted: Rows::Exhausted,
    state: Rows::BlockState,
    level: Rows::BlockLevel,
    top: Rows::BlockTop,
    align: Rows::BlockAlign,
    bound: Rows::BlockBound,
};

/// What a call does, one block after the other.
pub(super) struct MapPlan {
    handle: Handle,
    walk: Walk,
    base: Ipa,
    blocks: Vec<Block>,
    /// Why there are no more blocks; `None` at the end of the table.
    end: Option<Box<Failure>>,
}

/// One block.
struct Block {
    ipa: Ipa,
    pa: Pa,
    /// How many of its bytes can be taken; all, unless it is the last.
    good_bytes: u64,
    /// Whether the entry maps it already.
    mapped: bool,
}

impl Rmi for Map {
    type Rows = Rows;
    type Plan = MapPlan;

    fn check(&self, world: &World, mut gate: Gate<'_>) -> Checked<MapPlan> {
        use Rows as F;
        let handle = gate.context(F::Context, world)?;
        let rd = gate.rd([F::RdAlign, F::RdBound, F::RdState], world, self.rd)?;
        let request = gate.blocks(&MAP_ROWS, world, rd, self.request, true)?;
        let walk = gate.walk_to(F::RttWalk, world, rd, request.base, request.level)?;
        let room = world.tables.get(walk.table).entries().len() - walk.index;
        let mut plan = MapPlan { handle, walk, base: request.base, blocks: Vec::new(), end: None };
        let mut given = request.each(&BLOCK_ROWS, rd.realm.rtt.lpa2, true);
        while plan.end.is_none() && plan.blocks.len() < room {
            let Some(block) = given.next() else { break };
            if let Err(failure) = block.and_then(|(ipa, pa)| plan.add(world, ipa, pa)) {
                plan.end = Some(failure);
            }
        }
        let nothing = plan.mapped_blocks() == 0;
        // Interrupts can come before a failure, so then it is for the effect to meet it.
        match plan.end.take_if(|_| nothing && !world.interrupt.is_armed()) {
            Some(failure) => gate.meet(failure),
            None => gate.pause(F::Exhausted, plan),
        }
    }
}

impl MapPlan {
    /// Adds the block at `pa`. A block of which a granule can not be had is the last.
    fn add(&mut self, world: &World, ipa: Ipa, pa: Pa) -> Checked<()> {
        let walk = Walk { index: self.walk.index + self.blocks.len(), ..self.walk };
        let entry = world.tables.entry(walk);
        let mapped = matches!(entry, Rtte::Assigned { pa: found, .. } if found == pa);
        if mapped {
            let good_bytes = walk.entry_bytes();
            self.blocks.push(Block { ipa, pa, good_bytes, mapped });
            return Ok(());
        }
        if entry.is_pending() {
            let detail = format!("the entry for IPA {ipa} waits for a stateful operation");
            return Err(Failure::at(Rows::Pending, 0, detail));
        }
        if !matches!(entry, Rtte::Unassigned(_)) {
            let detail = wrong_entry(ipa, walk, entry, "UNASSIGNED");
            return Err(Failure::at(Rows::RtteState, walk.level.to_index(), detail));
        }
        let missing = first_missing(world, pa, walk.entry_bytes(), &self.blocks);
        let good_bytes = missing.map_or(walk.entry_bytes(), |missing| missing.0 - pa.0);
        self.blocks.push(Block { ipa, pa, good_bytes, mapped });
        match missing {
            None => Ok(()),
            Some(missing) => Err(Failure::at(Rows::DataState, 0, not_delegated(world, missing))),
        }
    }

    /// How many blocks can be mapped as a whole.
    fn mapped_blocks(&self) -> usize {
        let size = self.walk.entry_bytes();
        self.blocks.iter().filter(|block| block.good_bytes == size).count()
    }
}

/// The first granule of the block at `pa` that is not DELEGATED, or that an earlier block takes.
fn first_missing(world: &World, pa: Pa, size: u64, earlier: &[Block]) -> Option<Pa> {
    let taken = earlier.iter().any(|block| block.pa == pa);
    let mut granules = (pa.0..pa.0 + size).step_by(world.granule_size().len_bytes());
    granules.find(|pa| taken || delegated(world, Pa(*pa)).is_none()).map(Pa)
}

fn delegated(world: &World, pa: Pa) -> Option<Granule> {
    let granule = world.granules.find(pa.0)?;
    (world.granules.state(granule) == GranuleState::Delegated).then_some(granule)
}

fn not_delegated(world: &World, pa: Pa) -> String {
    match world.granules.find(pa.0) {
        Some(granule) => {
            let found = world.granules.state(granule);
            format!("granule {pa} is {found}; DELEGATED is needed")
        }
        None => format!("granule {pa} is not in delegable memory"),
    }
}

impl Plan for MapPlan {
    type Answer = Answer;

    fn apply(self, world: &mut World) -> Answer {
        let size = self.walk.entry_bytes();
        let incomplete = self.blocks.last().is_some_and(|block| block.good_bytes < size);
        let Self { handle, walk, base, blocks, end } = self;
        let mut reached = base;
        for (i, block) in blocks.into_iter().enumerate() {
            if world.interrupt.poll() {
                return Answer::Success([reached.0, 0, 0, 0]);
            }
            let Block { ipa, pa, mapped, .. } = block;
            if !mapped {
                let walk = Walk { index: walk.index + i, ..walk };
                match begin(world, handle, walk, base, ipa, pa) {
                    Step::Yielded => {
                        return Answer::Incomplete(MemReq::None, [handle.to_register(), 0, 0, 0]);
                    }
                    Step::Done => {}
                    Step::Undone => break,
                }
            }
            reached = Ipa(ipa.0 + size);
        }
        // It looks for an interrupt before it sees that there is no further block.
        if end.is_some() && !incomplete && world.interrupt.poll() {
            return Answer::Success([reached.0, 0, 0, 0]);
        }
        match end {
            Some(failure) if reached == base => Answer::Failed(failure),
            _ => Answer::Success([reached.0, 0, 0, 0]),
        }
    }
}

/// How far a block came.
enum Step {
    /// An interrupt came; the operation waits.
    Yielded,
    /// It is mapped.
    Done,
    /// A granule was missing, and what was taken has been given back.
    Undone,
}

/// Begins with a block: the entry is pending until it is mapped.
fn begin(world: &mut World, handle: Handle, walk: Walk, base: Ipa, ipa: Ipa, pa: Pa) -> Step {
    let ripas = world.tables.entry(walk).ripas().expect("the check found UNASSIGNED");
    world.tables.set(walk, Rtte::Pending { ripas, handle });
    let (done_bytes, failed) = (0, None);
    let operation = MapOperation { walk, pa, base, ipa, done_bytes, failed };
    advance(world, handle, operation)
}

/// Takes granule after granule until the block is mapped, an interrupt comes, or one is missing.
fn advance(world: &mut World, handle: Handle, mut operation: MapOperation) -> Step {
    let (size, granule_bytes) = (operation.walk.entry_bytes(), world.granule_size().bytes());
    while operation.failed.is_none() && operation.done_bytes < size {
        if world.interrupt.poll() {
            world.operations.put(handle, Operation::Map(operation));
            return Step::Yielded;
        }
        let pa = Pa(operation.pa.0 + operation.done_bytes);
        match delegated(world, pa) {
            Some(granule) => {
                world.claim(granule, GranuleState::Data);
                world.memory.wipe(granule);
                operation.done_bytes += granule_bytes;
            }
            None => operation.failed = Some(not_delegated(world, pa)),
        }
    }
    if operation.failed.is_some() {
        return undo(world, handle, operation);
    }
    let walk = operation.walk;
    let ripas = world.tables.entry(walk).ripas().expect("the entry is pending");
    world.tables.set(walk, Rtte::Assigned { pa: operation.pa, ripas });
    Step::Done
}

/// Gives granule after granule back, until all are or an interrupt comes.
fn undo(world: &mut World, handle: Handle, mut operation: MapOperation) -> Step {
    while operation.done_bytes > 0 {
        if world.interrupt.poll() {
            world.operations.put(handle, Operation::Map(operation));
            return Step::Yielded;
        }
        operation.done_bytes -= world.granule_size().bytes();
        let granule = world.granules.find(operation.pa.0 + operation.done_bytes);
        world.release(granule.expect("it was taken"));
    }
    let walk = operation.walk;
    let entry = world.tables.entry_if_there(walk.table, walk.index);
    if let Some(entry) = entry.filter(|entry| is_of(*entry, handle)) {
        world.tables.set(walk, entry.settled());
    }
    Step::Undone
}

fn is_of(entry: Rtte, handle: Handle) -> bool {
    matches!(entry, Rtte::Pending { handle: found, .. } if found == handle)
}

/// Goes on with a block, by RMI_OP_CONTINUE.
pub(super) fn go_on(world: &mut World, handle: Handle) -> Answer {
    let Operation::Map(mut operation) = world.operations.take(handle) else {
        unreachable!("the check found a block's operation")
    };
    let MapOperation { base, ipa, walk, .. } = operation;
    let entry = world.tables.entry_if_there(walk.table, walk.index);
    if operation.failed.is_none() && !entry.is_some_and(|entry| is_of(entry, handle)) {
        // Somebody made a table of the entry or gave it another RIPAS meanwhile.
        operation.failed =
            Some(format!("the entry for IPA {ipa} is not pending any more (TF-RMM crashes here)"));
    }
    let failed = operation.failed.clone();
    let pa = operation.pa;
    match advance(world, handle, operation) {
        Step::Yielded => Answer::Incomplete(MemReq::None, NO_OUTPUTS),
        Step::Done => Answer::Success([ipa.0 + walk.entry_bytes(), 0, 0, 0]),
        Step::Undone if ipa > base => Answer::Success([ipa.0, 0, 0, 0]),
        Step::Undone => {
            let detail = failed
                .unwrap_or_else(|| format!("a granule of the block at {} is missing", Hex(pa.0)));
            Answer::Failed(Failure::at(Rows::DataState, 0, detail))
        }
    }
}
