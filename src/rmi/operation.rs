//! RMI_OP_CONTINUE, RMI_OP_MEM_DONATE, RMI_OP_MEM_RECLAIM and RMI_OP_CANCEL (2.0): how the Host
//! goes on with a stateful operation (TF-RMM `runtime/rmi/sro.c`).

use super::gate::{Answer, Checked, Failure, Gate, NO_OUTPUTS, Outputs, Rows, failures};
use super::object_operation::{self, Asked};
use super::{Plan, Rmi, map_data_range, range_blocks, unmap_range};
use crate::abi::addr::{Hex, Level, Pa, is_aligned};
use crate::abi::address_range::{AddressRange, DESC_BYTES, max_list, push_block};
use crate::abi::status::MemReq;
use crate::model::granule::{Granule, GranuleState};
use crate::model::operation::{Awaited, Ending, Handle, ObjectOperation, Operation, Stage};
use crate::model::world::World;

impl Gate<'_> {
    /// `handle`: an operation waits under it.
    fn operation<'w, R: Rows>(
        &mut self,
        row: R,
        world: &'w World,
        register: u64,
    ) -> Checked<(Handle, &'w Operation)> {
        self.some(row, world.operations.find(register), || {
            format!("no operation waits under handle {}", Hex(register))
        })
    }

    /// `op_state`: the operation waits for this command.
    fn awaited<R: Rows>(&mut self, row: R, operation: &Operation, this: Awaited) -> Checked<()> {
        let awaited = operation.awaits();
        self.ensure(row, awaited == this, || {
            let (name, other) = (awaited.command_name(), this.command_name());
            format!("the operation waits for RMI_{name}, not for RMI_{other}")
        })
    }

    /// `list_align`: the list can begin there.
    fn list_aligned<R: Rows>(&mut self, row: R, list_ptr: u64) -> Checked<()> {
        self.ensure(row, is_aligned(list_ptr, DESC_BYTES), || {
            format!("{} is not a multiple of {DESC_BYTES}", Hex(list_ptr))
        })
    }
}

pub(super) struct Continue {
    handle: u64,
}

impl Continue {
    /// TF-RMM keeps the flags and looks at none.
    pub(super) const fn of(handle: u64, _flags: u64) -> Self {
        Self { handle }
    }
}

failures! {
    /// RMI_OP_CONTINUE. What the operation itself fails with stands in the table of the command
    /// that began it.
    ContinueRows {
        Handle "handle" Input All [] "no operation waits under the handle";
        State "op_state" Input All [] "the operation waits for something else";
    }
}

pub(super) enum ContinuePlan {
    EndCreation(Handle, Box<Asked>),
    Finish(Handle),
    Map(Handle),
    Unmap(Handle),
}

impl Rmi for Continue {
    type Rows = ContinueRows;
    type Plan = ContinuePlan;

    fn check(&self, world: &World, mut gate: Gate<'_>) -> Checked<ContinuePlan> {
        use ContinueRows as F;
        let (handle, operation) = gate.operation(F::Handle, world, self.handle)?;
        gate.awaited(F::State, operation, Awaited::Continue)?;
        let plan = match operation {
            Operation::Object(ObjectOperation {
                object, stage: Stage::Ready(creation), ..
            }) => {
                let asked = object_operation::last_step(world, *object, *creation);
                ContinuePlan::EndCreation(handle, Box::new(asked))
            }
            Operation::Object(_) => ContinuePlan::Finish(handle),
            Operation::Map(_) => ContinuePlan::Map(handle),
            Operation::Unmap(_) => ContinuePlan::Unmap(handle),
        };
        gate.pass::<F, _>(plan)
    }
}

impl Plan for ContinuePlan {
    type Answer = Answer;

    fn apply(self, world: &mut World) -> Answer {
        match self {
            Self::EndCreation(handle, asked) => {
                object_operation::end_creation(world, handle, *asked)
            }
            Self::Finish(handle) => object_operation::finish(world, handle),
            Self::Map(handle) => map_data_range::go_on(world, handle),
            Self::Unmap(handle) => unmap_range::go_on(world, handle),
        }
    }
}

pub(super) struct MemDonate {
    pub(super) handle: u64,
    pub(super) list_ptr: u64,
    pub(super) list_count: u64,
}

failures! {
    /// RMI_OP_MEM_DONATE. A list that is refused can be given again, mended.
    MemDonateRows {
        Handle "handle" Input All [] "no operation waits under the handle";
        State "op_state" Input All [] "the operation waits for something else";
        ListAlign "list_align" Input All [] "`list_ptr` is not a multiple of 8";
        ListBound "list_bound" Input All [] "the list is not in delegable memory";
        ListState "list_pas" Input All [] "the list is in delegated memory";
        ListRead "list_pas" Input All [] "the list is not in Non-secure memory";
        RangeAlign "range_align" Input All [] "a range is not aligned to its blocks";
        RangeState "range_state" Input All [] "a range says that it is not delegated";
        Size "donate_size" Input All [] "there is more memory than was asked for";
    }
}

pub(super) struct MemDonatePlan {
    handle: Handle,
    granules: Vec<Granule>,
    any: bool,
}

impl Rmi for MemDonate {
    type Rows = MemDonateRows;
    type Plan = MemDonatePlan;

    fn check(&self, world: &World, mut gate: Gate<'_>) -> Checked<MemDonatePlan> {
        use MemDonateRows as F;
        let (handle, operation) = gate.operation(F::Handle, world, self.handle)?;
        gate.awaited(F::State, operation, Awaited::Donate)?;
        gate.list_aligned(F::ListAlign, self.list_ptr)?;
        let rows = [F::ListBound, F::ListState, F::ListRead];
        let list = gate.list(rows, world, self.list_ptr, self.list_count)?;
        let mut used = list.iter().filter(|range| range.count > 0);
        let odd = used.clone().find(|range| !is_aligned(range.base.0, range.block_bytes()));
        gate.ensure(F::RangeAlign, odd.is_none(), || {
            let (base, bytes) = odd.map_or((Pa(0), 0), |range| (range.base, range.block_bytes()));
            format!("{base} is not a multiple of {}", Hex(bytes))
        })?;
        let given = used.clone().all(|range| !range.undelegated);
        gate.ensure(F::RangeState, given, || "delegated memory was asked for".into())?;
        let bytes = used.clone().map(AddressRange::len_bytes).fold(0, u64::saturating_add);
        let missing = match operation {
            Operation::Object(operation) => object_operation::missing(world, operation),
            Operation::Map(_) | Operation::Unmap(_) => 0,
        };
        let room_bytes = missing * gate.granule_size().bytes();
        gate.ensure(F::Size, bytes <= room_bytes, || {
            format!("{} bytes were given; {} are missing", Hex(bytes), Hex(room_bytes))
        })?;
        let any = used.next().is_some();
        let granules = if bytes <= room_bytes { delegated_ones(world, &list) } else { Vec::new() };
        gate.pass::<F, _>(MemDonatePlan { handle, granules, any })
    }
}

/// The granules of a list, up to the first that is not DELEGATED or was there before.
fn delegated_ones(world: &World, list: &[AddressRange]) -> Vec<Granule> {
    let mut granules = Vec::new();
    for pa in list.iter().flat_map(AddressRange::granules) {
        match world.granules.find(pa.0) {
            Some(granule)
                if world.granules.state(granule) == GranuleState::Delegated
                    && !granules.contains(&granule) =>
            {
                granules.push(granule);
            }
            _ => break,
        }
    }
    granules
}

impl Plan for MemDonatePlan {
    type Answer = Answer;

    fn apply(self, world: &mut World) -> Answer {
        object_operation::donated(world, self.handle, &self.granules, self.any)
    }
}

pub(super) struct MemReclaim {
    pub(super) handle: u64,
    pub(super) list_ptr: u64,
    pub(super) list_count: u64,
}

failures! {
    /// RMI_OP_MEM_RECLAIM. If the list can not be written the granules have been given back all the
    /// same; the Host asks again to be told which.
    MemReclaimRows {
        Handle "handle" Input All [] "no operation waits under the handle";
        ListAlign "list_align" Input All [] "`list_ptr` is not a multiple of 8";
        State "op_state" Input All [] "the operation waits for something else";
        ListWrite "list_pas" Input All [] "the list is not in Non-secure memory";
    }
}

pub(super) struct MemReclaimPlan {
    handle: Handle,
    list_ptr: u64,
    room: u64,
}

impl Rmi for MemReclaim {
    type Rows = MemReclaimRows;
    type Plan = MemReclaimPlan;

    fn check(&self, world: &World, mut gate: Gate<'_>) -> Checked<MemReclaimPlan> {
        use MemReclaimRows as F;
        let (handle, operation) = gate.operation(F::Handle, world, self.handle)?;
        gate.list_aligned(F::ListAlign, self.list_ptr)?;
        gate.awaited(F::State, operation, Awaited::Reclaim)?;
        gate.ensure(F::ListWrite, true, String::new)?;
        let room = range_blocks::clipped(self.list_ptr, self.list_count, gate.granule_size());
        gate.pass::<F, _>(MemReclaimPlan { handle, list_ptr: self.list_ptr, room })
    }
}

impl Plan for MemReclaimPlan {
    type Answer = Answer;

    fn apply(self, world: &mut World) -> Answer {
        let Self { handle, list_ptr, room } = self;
        if room == 0 {
            return Answer::Incomplete(MemReq::Reclaim, NO_OUTPUTS);
        }
        let mut operation = object_operation::take(world, handle);
        if operation.undelivered.is_empty() {
            give_back(world, &mut operation, room);
        }
        let told = tell(world, &mut operation, list_ptr, room);
        let operation = Operation::Object(operation);
        let awaited = operation.awaits();
        world.operations.put(handle, operation);
        match told {
            Err(failure) => Answer::Failed(failure),
            Ok(outputs) if awaited == Awaited::Reclaim => {
                Answer::Incomplete(MemReq::Reclaim, outputs)
            }
            Ok(outputs) => Answer::Incomplete(MemReq::None, outputs),
        }
    }
}

/// Gives at most `count` granules back, in the order in which they came.
fn give_back(world: &mut World, operation: &mut ObjectOperation, count: u64) {
    let stage = std::mem::replace(&mut operation.stage, Stage::Reclaiming(Ending::Success));
    if let Stage::Ended(ending) | Stage::Reclaiming(ending) = stage {
        operation.stage = Stage::Reclaiming(ending);
    }
    let count = usize::try_from(count).expect("at most a granule of descriptors");
    let count = operation.aux.len().min(count);
    let size = world.granule_size();
    let most = usize::try_from(max_list(size)).expect("a granule of descriptors");
    for granule in operation.aux.drain(..count) {
        world.release(granule);
        let base = world.granules.pa(granule);
        let block = AddressRange { base, level: Level::PAGE, count: 1, undelegated: false, size };
        push_block(&mut operation.undelivered, block, most);
    }
}

/// Writes as much of what the Host has not been told as there is room for. Answers X1 to X4.
fn tell(
    world: &mut World,
    operation: &mut ObjectOperation,
    list_ptr: u64,
    room: u64,
) -> Checked<Outputs> {
    if operation.undelivered.is_empty() {
        return Ok(NO_OUTPUTS);
    }
    let count = operation.undelivered.len().min(usize::try_from(room).expect("at most a granule"));
    if !range_blocks::write_list(world, list_ptr, &operation.undelivered[..count]) {
        let detail = format!("the list at {} can not be written", Hex(list_ptr));
        return Err(Failure::late(MemReclaimRows::ListWrite, detail));
    }
    operation.undelivered.drain(..count);
    Ok([count as u64, 0, 0, 0])
}

pub(super) struct Cancel {
    pub(super) handle: u64,
}

failures! {
    /// RMI_OP_CANCEL. No operation that is simulated can be cancelled.
    CancelRows {
        Handle "handle" Input All [] "no operation waits under the handle";
        CanCancel "can_cancel" Input All [] "the operation can not be cancelled";
    }
}

pub(super) enum CancelPlan {}

impl Rmi for Cancel {
    type Rows = CancelRows;
    type Plan = CancelPlan;

    fn check(&self, world: &World, mut gate: Gate<'_>) -> Checked<CancelPlan> {
        use CancelRows as F;
        gate.operation(F::Handle, world, self.handle)?;
        let plan: Option<CancelPlan> = None;
        let plan = gate.some(F::CanCancel, plan, || "no operation can be cancelled".into())?;
        gate.pass::<F, _>(plan)
    }
}

impl Plan for CancelPlan {
    type Answer = Outputs;

    fn apply(self, _: &mut World) -> Outputs {
        match self {}
    }
}
