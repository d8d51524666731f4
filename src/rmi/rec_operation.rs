//! RMI_REC_CREATE and RMI_REC_DESTROY of RMM 2.0: stateful operations, to which the Host gives
//! granules and from which it takes them back (TF-RMM `runtime/rmi/rec.c`).
//!
//! A creation looks at what it was asked for only in its last step, as it is then. Until that
//! step the Realm does not know of it.

use super::gate::{Answer, Checked, Gate, failures};
use super::object_operation::{Begin, End};
use super::realm::realm_mut;
use super::{Plan, Rmi, rec};
use crate::abi::addr::Hex;
use crate::abi::mpidr::rec_index;
use crate::abi::params::RecParams;
use crate::model::granule::{Granule, GranuleState};
use crate::model::operation::{Creation, Handle, Object};
use crate::model::realm::Realm;
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

impl Rmi for Create {
    type Rows = CreateRows;
    type Plan = Begin;

    fn check(&self, world: &World, mut gate: Gate<'_>) -> Checked<Begin> {
        use CreateRows as F;
        let rows = [F::RecAlign, F::RecBound, F::RecState];
        let granule = gate.granule_in(rows, world, self.rec, GranuleState::Delegated)?;
        let handle = gate.context(F::Context, world)?;
        let creation = Creation { rd: self.rd, params_ptr: self.params_ptr };
        gate.pause(F::Aux, Begin { handle, object: Object::Rec, granule, creation })
    }
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
    let index = gate.index(F::Mpidr, world, rd.realm, params.mpidr)?;
    gate.pass::<F, _>(NewRec { rd: rd.granule, index, params })
}

impl Gate<'_> {
    /// `mpidr_index`: the MPIDR is that of the next REC, or one that no other REC has.
    fn index(&mut self, row: CreateRows, world: &World, realm: &Realm, mpidr: u64) -> Checked<u64> {
        let (index, next) = (rec_index(mpidr), realm.next_rec_index);
        let any = self.profile().takes_recs_in_any_order();
        let taken = |index: &u64| realm.recs.iter().any(|rec| world.recs[rec].index == *index);
        let good = index.filter(|index| if any { !taken(index) } else { *index == next });
        self.some(row, good, || match index {
            Some(index) if any => format!("mpidr {} is that of REC {index} already", Hex(mpidr)),
            Some(index) => format!("mpidr {} has index {index}; {next} is next", Hex(mpidr)),
            None => format!("mpidr {} has reserved bits set", Hex(mpidr)),
        })
    }
}

impl NewRec {
    /// Makes the REC of its granule, with auxiliary granules that it has been given.
    pub(super) fn insert(self, world: &mut World, rec: Granule, aux: Vec<Granule>) {
        rec::insert(world, self.rd, rec, aux, self.index, &self.params);
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
        End { handle, object: Object::Rec, granule: rec, aux: contents.aux }.begin(world)
    }
}
