//! RMI_REC_CREATE and RMI_REC_DESTROY of RMM 2.0: stateful operations, to which the Host gives
//! granules and from which it takes them back (TF-RMM `runtime/rmi/rec.c`, `lib/sro_context`).
//!
//! A creation looks at what it was asked for only in its last step, as it is then. Until that
//! step the Realm does not know of it.

use super::gate::{Answer, Checked, Failure, Gate, NO_OUTPUTS, Rows, failures};
use super::realm::realm_mut;
use super::{Plan, Rmi, rec};
use crate::abi::addr::Hex;
use crate::abi::address_range::donate_request;
use crate::abi::mpidr::rec_index;
use crate::abi::params::RecParams;
use crate::abi::status::MemReq;
use crate::model::granule::{Granule, GranuleState};
use crate::model::operation::{Creation, Ending, Handle, Operation, RecOperation, RecStage};
use crate::model::world::World;

pub(super) struct Create {
    pub(super) rd: u64,
    pub(super) rec: u64,
    pub(super) params_ptr: u64,
}

failures! {
    /// RMI_REC_CREATE. The rows from `params_align` on are those of the operation's last step, in
    /// RMI_OP_CONTINUE.
    CreateRows {
        RecAlign "rec_align" Input All [] "`rec` is not granule aligned";
        RecBound "rec_bound" Input All [] "`rec` is not delegable memory";
        RecState "rec_gran_state" Input All [] "`rec` is not DELEGATED";
        Context "sro_context" Blocked All [] "there are as many operations as there can be";
        Aux "aux_state" Input All [] "no granule of the first list is DELEGATED";
        ParamsAlign "params_align" Input All [] "`params_ptr` is not granule aligned";
        ParamsBound "params_bound" Input All [] "`params_ptr` is not delegable memory";
        ParamsState "params_pas" Input All [] "the parameters are delegated";
        ParamsPas "params_pas" Input All [] "the parameters are not in Non-secure memory";
        RdAlign "rd_align" Input All [] "`rd` is not granule aligned";
        RdBound "rd_bound" Input All [] "`rd` is not delegable memory";
        RdState "rd_state" Input All [] "`rd` is not an RD granule";
        NumRecs "num_recs" Realm All [] "the Realm has as many RECs as it can";
        RealmState "realm_state" Realm All [] "the Realm is not NEW";
        Mpidr "mpidr_index" Input All [] "the MPIDR is not that of the next REC";
    }
}

/// What the last step looks at begins with this row.
const LAST_STEP: CreateRows = CreateRows::ParamsAlign;

pub(super) struct CreatePlan {
    handle: Handle,
    rec: Granule,
    creation: Creation,
    missing: u64,
}

impl Gate<'_> {
    /// `sro_context`: another operation can begin.
    pub(super) fn context<R: Rows>(&mut self, row: R, world: &World) -> Checked<Handle> {
        let most = world.operations.most();
        self.some(row, world.operations.next_free(), || {
            format!("{most} stateful operations are under way; there can not be more")
        })
    }
}

impl Rmi for Create {
    type Rows = CreateRows;
    type Plan = CreatePlan;

    fn check(&self, world: &World, mut gate: Gate<'_>) -> Checked<CreatePlan> {
        use CreateRows as F;
        let rows = [F::RecAlign, F::RecBound, F::RecState];
        let rec = gate.granule_in(rows, world, self.rec, GranuleState::Delegated)?;
        let handle = gate.context(F::Context, world)?;
        let creation = Creation { rd: self.rd, params_ptr: self.params_ptr };
        let missing = world.platform().rec_aux_count.into();
        gate.pause(F::Aux, CreatePlan { handle, rec, creation, missing })
    }
}

impl Plan for CreatePlan {
    type Answer = Answer;

    fn apply(self, world: &mut World) -> Answer {
        let Self { handle, rec, creation, missing } = self;
        world.claim(rec, GranuleState::Partial);
        let stage = RecStage::Donating(creation);
        let operation = RecOperation { rec, stage, aux: Vec::new(), undelivered: Vec::new() };
        world.operations.put(handle, Operation::Rec(operation));
        let outputs = [handle.to_register(), donate_request(missing, world.granule_size()), 0, 0];
        Answer::Incomplete(MemReq::Donate, outputs)
    }
}

/// How many granules the operation still needs.
pub(super) fn missing(world: &World, operation: &RecOperation) -> u64 {
    u64::from(world.platform().rec_aux_count).saturating_sub(operation.aux.len() as u64)
}

/// Takes what the Host gives; the list had at least one granule, unless `any` is false.
pub(super) fn donated(
    world: &mut World,
    handle: Handle,
    granules: &[Granule],
    any: bool,
) -> Answer {
    let Operation::Rec(mut operation) = world.operations.take(handle) else {
        unreachable!("only a REC takes granules")
    };
    for granule in granules {
        world.claim(*granule, GranuleState::RecAux);
    }
    operation.aux.extend_from_slice(granules);
    let missing = missing(world, &operation);
    let count = granules.len() as u64;
    let RecStage::Donating(creation) = operation.stage else {
        unreachable!("the check found that it waits for granules")
    };
    let answer = if any && granules.is_empty() {
        let detail = "the first granule of the list is not DELEGATED".to_owned();
        operation.stage =
            RecStage::Ended(Ending::Failure { row: CreateRows::Aux as usize, detail });
        Answer::Incomplete(MemReq::Reclaim, NO_OUTPUTS)
    } else if missing > 0 {
        Answer::Incomplete(
            MemReq::Donate,
            [count, donate_request(missing, world.granule_size()), 0, 0],
        )
    } else {
        operation.stage = RecStage::Ready(creation);
        Answer::Incomplete(MemReq::None, [count, 0, 0, 0])
    };
    world.operations.put(handle, Operation::Rec(operation));
    answer
}

/// What the last step of a creation found.
pub(super) struct NewRec {
    rd: Granule,
    index: u64,
    params: RecParams,
}

/// Looks at what a creation was asked for.
pub(super) fn last_step(world: &World, creation: Creation) -> Checked<NewRec> {
    use CreateRows as F;
    let mut gate = Gate::resume(world.profile(), world.granule_size(), LAST_STEP);
    let rows = [F::ParamsAlign, F::ParamsBound, F::ParamsState];
    let state = GranuleState::Undelegated;
    let granule = gate.granule_in(rows, world, creation.params_ptr, state)?;
    gate.host_readable(F::ParamsPas, world, granule)?;
    let params = world.memory.page(granule).with_bytes(RecParams::read);
    let rd = gate.rd([F::RdAlign, F::RdBound, F::RdState], world, creation.rd)?;
    let (count, most) = (rd.realm.recs.len() as u64, world.platform().max_recs());
    gate.ensure(F::NumRecs, count < most, || format!("the Realm has {count} of {most} RECs"))?;
    gate.realm_is_new(F::RealmState, rd.realm)?;
    let (index, next) = (rec_index(params.mpidr), rd.realm.next_rec_index);
    gate.ensure(F::Mpidr, index == Some(next), || match index {
        Some(index) => format!("mpidr {} has index {index}; {next} is next", Hex(params.mpidr)),
        None => format!("mpidr {} has reserved bits set", Hex(params.mpidr)),
    })?;
    gate.pass::<F, _>(NewRec { rd: rd.granule, index: next, params })
}

/// Does the last step of a creation: makes the REC, or begins to give the granules back.
pub(super) fn end_creation(world: &mut World, handle: Handle, found: Checked<NewRec>) -> Answer {
    let Operation::Rec(mut operation) = world.operations.take(handle) else {
        unreachable!("the check found a REC's operation")
    };
    match found {
        Ok(NewRec { rd, index, params }) => {
            rec::insert(world, rd, operation.rec, operation.aux, index, &params);
            Answer::Success(NO_OUTPUTS)
        }
        Err(failure) => {
            let row = failure.row_number::<CreateRows>().expect("a row of the last step");
            let detail = failure.detail().to_owned();
            operation.stage = RecStage::Ended(Ending::Failure { row, detail });
            world.operations.put(handle, Operation::Rec(operation));
            Answer::Incomplete(MemReq::Reclaim, NO_OUTPUTS)
        }
    }
}

/// The end of an operation whose granules have all been given back.
pub(super) fn finish(world: &mut World, handle: Handle) -> Answer {
    let Operation::Rec(operation) = world.operations.take(handle) else {
        unreachable!("the check found a REC's operation")
    };
    world.release(operation.rec);
    match operation.stage {
        RecStage::Reclaiming(Ending::Failure { row, detail }) => {
            Answer::Failed(Failure::remembered::<CreateRows>(row, detail))
        }
        _ => Answer::Success(NO_OUTPUTS),
    }
}

pub(super) struct Destroy {
    pub(super) rec: u64,
}

failures! {
    /// RMI_REC_DESTROY.
    DestroyRows {
        Context "sro_context" Blocked All [] "there are as many operations as there can be";
        RecAlign "rec_align" Input All [] "`rec` is not granule aligned";
        RecBound "rec_bound" Input All [] "`rec` is not delegable memory";
        RecGranState "rec_gran_state" Input All [] "`rec` is not a REC granule";
        RecState "rec_state" Rec All [] "the REC is running";
    }
}

pub(super) struct DestroyPlan {
    handle: Handle,
    rec: Granule,
}

impl Rmi for Destroy {
    type Rows = DestroyRows;
    type Plan = DestroyPlan;

    fn check(&self, world: &World, mut gate: Gate<'_>) -> Checked<DestroyPlan> {
        use DestroyRows as F;
        let handle = gate.context(F::Context, world)?;
        let rows = [F::RecAlign, F::RecBound, F::RecGranState];
        let rec = gate.granule_in(rows, world, self.rec, GranuleState::Rec)?;
        gate.ensure(F::RecState, !world.recs[&rec].running, || "the REC is running".into())?;
        gate.pass::<F, _>(DestroyPlan { handle, rec })
    }
}

impl Plan for DestroyPlan {
    type Answer = Answer;

    fn apply(self, world: &mut World) -> Answer {
        let Self { handle, rec } = self;
        let contents = world.recs.remove(&rec).expect("the check found the REC");
        realm_mut(world, contents.owner).recs.retain(|other| *other != rec);
        world.claim(rec, GranuleState::Partial);
        let stage = RecStage::Ended(Ending::Success);
        let operation = RecOperation { rec, stage, aux: contents.aux, undelivered: Vec::new() };
        world.operations.put(handle, Operation::Rec(operation));
        Answer::Incomplete(MemReq::Reclaim, [handle.to_register(), 0, 0, 0])
    }
}
