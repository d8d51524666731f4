//! RMI_REC_AUX_COUNT, RMI_REC_CREATE and RMI_REC_DESTROY of 1.0, each in one call.

use super::gate::{Checked, Gate, NO_OUTPUTS, Outputs, failures};
use super::realm::realm_mut;
use super::{Plan, Rmi};
use crate::abi::addr::Hex;
use crate::abi::gic::CpuInterface;
use crate::abi::mpidr::rec_index;
use crate::abi::params::{MAX_REC_AUX, RecParams, realm_flags};
use crate::measure::event::{MeasuredEvent, RecEvent};
use crate::model::granule::{Granule, GranuleState};
use crate::model::plane_context::PlaneContexts;
use crate::model::rec::{Attest, LastExit, Rec, RipasChange, S2apChange};
use crate::model::world::World;

pub(super) struct AuxCount {
    pub(super) rd: u64,
}

failures! {
    /// RMI_REC_AUX_COUNT.
    AuxCountRows {
        RdAlign "rd_align" Input All [] "`rd` is not granule aligned";
        RdBound "rd_bound" Input All [] "`rd` is not delegable memory";
        RdState "rd_state" Input All [] "`rd` is not an RD granule";
    }
}

pub(super) struct AuxCountPlan;

impl Rmi for AuxCount {
    type Rows = AuxCountRows;
    type Plan = AuxCountPlan;

    fn check(&self, world: &World, mut gate: Gate<'_>) -> Checked<AuxCountPlan> {
        use AuxCountRows as F;
        gate.rd([F::RdAlign, F::RdBound, F::RdState], world, self.rd)?;
        gate.pass::<F, _>(AuxCountPlan)
    }
}

impl Plan for AuxCountPlan {
    type Answer = Outputs;

    fn apply(self, world: &mut World) -> Outputs {
        [world.platform().rec_aux_count.into(), 0, 0, 0]
    }
}

pub(super) struct Create {
    pub(super) rd: u64,
    pub(super) rec: u64,
    pub(super) params_ptr: u64,
}

failures! {
    /// RMI_REC_CREATE.
    ///
    /// TF-RMM takes the auxiliary granules before it looks at the Realm, so a bad one of them
    /// outranks the Realm's state, while a wrong number of good ones does not.
    CreateRows {
        ParamsAlign "params_align" Input All [] "`params_ptr` is not granule aligned";
        ParamsBound "params_bound" Input All [] "`params_ptr` is not delegable memory";
        ParamsPas "params_pas" Input All [] "the parameters are not in Non-secure memory";
        AuxTooMany "num_aux" Input All [] "there are more auxiliary granules than can be named";
        AuxAlign "aux_align" Input All [] "an auxiliary granule's address is not aligned";
        AuxState "aux_state" Input All [] "an auxiliary granule is not DELEGATED";
        AuxAlias "aux_alias" Input All [] "an auxiliary granule is named twice";
        RecAlign "rec_align" Input All [] "`rec` is not granule aligned";
        RecBound "rec_bound" Input All [] "`rec` is not delegable memory";
        RecState "rec_gran_state" Input All [] "`rec` is not DELEGATED";
        RdAlign "rd_align" Input All [] "`rd` is not granule aligned";
        RdBound "rd_bound" Input All [] "`rd` is not delegable memory";
        RdState "rd_state" Input All [] "`rd` is not an RD granule";
        NumRecs "num_recs" Realm All ["rd_bound", "rd_state"]
            "the Realm has as many RECs as it can";
        RealmState "realm_state" Realm All ["rd_bound", "rd_state"] "the Realm is not NEW";
        Mpidr "mpidr_index" Input All [] "the MPIDR is not that of the next REC";
        NumAux "num_aux" Input All [] "there are not as many auxiliary granules as needed";
    }
}

pub(super) struct CreatePlan {
    rd: Granule,
    rec: Granule,
    aux: Vec<Granule>,
    index: u64,
    params: RecParams,
}

impl Rmi for Create {
    type Rows = CreateRows;
    type Plan = CreatePlan;

    fn check(&self, world: &World, mut gate: Gate<'_>) -> Checked<CreatePlan> {
        use CreateRows as F;
        let granule = gate.granule([F::ParamsAlign, F::ParamsBound], world, self.params_ptr)?;
        gate.host_readable(F::ParamsPas, world, granule)?;
        let params = world.memory.page(granule).with_bytes(RecParams::read);

        let num_aux = gate.profile().num_aux(params.num_aux);
        let named = usize::try_from(num_aux).ok().and_then(|count| params.aux.get(..count));
        let named = gate.some(F::AuxTooMany, named, || {
            format!("num_aux is {num_aux}; RmiRecParams names {MAX_REC_AUX} at most")
        })?;
        let granule_bytes = gate.granule_size().bytes();
        let misaligned = named.iter().find(|pa| !pa.is_multiple_of(granule_bytes)).copied();
        gate.ensure(F::AuxAlign, misaligned.is_none(), || {
            let pa = Hex(misaligned.unwrap_or_default());
            format!("{pa} is not a multiple of {}", Hex(granule_bytes))
        })?;
        let unusable = named.iter().find(|pa| delegated(world, **pa).is_none()).copied();
        let aux = named.iter().map(|pa| delegated(world, *pa)).collect::<Option<Vec<_>>>();
        let aux = gate.some(F::AuxState, aux, || {
            let pa = unusable.unwrap_or_default();
            match world.granules.find(pa) {
                Some(granule) => {
                    let found = world.granules.state(granule);
                    format!("auxiliary granule {} is {found}; DELEGATED is needed", Hex(pa))
                }
                None => format!("auxiliary granule {} is not delegable memory", Hex(pa)),
            }
        })?;
        let alias = alias(named, self.rec);
        gate.ensure(F::AuxAlias, alias.is_none(), || {
            format!("{} is named twice among aux and rec", Hex(alias.unwrap_or_default()))
        })?;
        let rows = [F::RecAlign, F::RecBound, F::RecState];
        let rec = gate.granule_in(rows, world, self.rec, GranuleState::Delegated)?;
        let rd = gate.rd([F::RdAlign, F::RdBound, F::RdState], world, self.rd)?;

        let (count, most) = (rd.realm.recs.len() as u64, world.platform().max_recs());
        gate.ensure(F::NumRecs, count < most, || format!("the Realm has {count} of {most} RECs"))?;
        gate.realm_is_new(F::RealmState, rd.realm)?;
        let (index, next) = (rec_index(params.mpidr), rd.realm.next_rec_index);
        gate.ensure(F::Mpidr, index == Some(next), || match index {
            Some(index) => format!("mpidr {} has index {index}; {next} is next", Hex(params.mpidr)),
            None => format!("mpidr {} has reserved bits set", Hex(params.mpidr)),
        })?;
        let wanted = u64::from(world.platform().rec_aux_count);
        gate.ensure(F::NumAux, num_aux == wanted, || {
            format!("num_aux is {num_aux}; a REC here needs {wanted}")
        })?;
        gate.pass::<F, _>(CreatePlan { rd: rd.granule, rec, aux, index: next, params })
    }
}

fn delegated(world: &World, pa: u64) -> Option<Granule> {
    let granule = world.granules.find(pa)?;
    (world.granules.state(granule) == GranuleState::Delegated).then_some(granule)
}

/// The address that stands twice in `aux`, or in `aux` and as `rec`.
fn alias(aux: &[u64], rec: u64) -> Option<u64> {
    let twice = |(i, pa): (usize, &u64)| *pa == rec || aux[..i].contains(pa);
    aux.iter().enumerate().find(|entry| twice(*entry)).map(|(_, pa)| *pa)
}

impl Plan for CreatePlan {
    type Answer = Outputs;

    fn apply(self, world: &mut World) -> Outputs {
        let Self { rd, rec, aux, index, params } = self;
        for granule in &aux {
            world.claim(*granule, GranuleState::RecAux);
        }
        insert(world, rd, rec, aux, index, &params);
        NO_OUTPUTS
    }
}

/// Makes a REC of an index, with auxiliary granules that are its own, and measures it if it
/// is runnable.
pub(super) fn insert(
    world: &mut World,
    rd: Granule,
    rec: Granule,
    aux: Vec<Granule>,
    index: u64,
    params: &RecParams,
) {
    world.claim(rec, GranuleState::Rec);
    let realm = realm_mut(world, rd);
    realm.next_rec_index = realm.next_rec_index.max(index + 1);
    realm.recs.push(rec);
    if params.runnable() {
        realm.log.push(MeasuredEvent::Rec(Box::new(RecEvent::new(params))));
    }
    let has_pmu = realm.has_flag(realm_flags::PMU);
    let mut gprs = [0; 31];
    gprs[..params.gprs.len()].copy_from_slice(&params.gprs);
    let contents = Rec {
        owner: rd,
        index,
        mpidr: params.mpidr,
        aux,
        runnable: params.runnable(),
        running: false,
        pc: params.pc,
        gprs,
        psci_pending: false,
        psci_target: None,
        host_call_pending: false,
        ripas_change: RipasChange::default(),
        s2ap_change: S2apChange::default(),
        vdev_pending: false,
        last_exit: LastExit::default(),
        planes: PlaneContexts::new(has_pmu),
        gic: CpuInterface::default(),
        attest: Attest::default(),
    };
    world.recs.insert(rec, contents);
}

pub(super) struct Destroy {
    pub(super) rec: u64,
}

failures! {
    /// RMI_REC_DESTROY.
    DestroyRows {
        RecAlign "rec_align" Input All [] "`rec` is not granule aligned";
        RecBound "rec_bound" Input All [] "`rec` is not delegable memory";
        RecGranState "rec_gran_state" Input All [] "`rec` is not a REC granule";
        RecState "rec_state" Rec All ["rec_bound", "rec_gran_state"] "the REC is running";
    }
}

pub(super) struct DestroyPlan {
    rec: Granule,
}

impl Rmi for Destroy {
    type Rows = DestroyRows;
    type Plan = DestroyPlan;

    fn check(&self, world: &World, mut gate: Gate<'_>) -> Checked<DestroyPlan> {
        use DestroyRows as F;
        let rows = [F::RecAlign, F::RecBound, F::RecGranState];
        let rec = gate.granule_in(rows, world, self.rec, GranuleState::Rec)?;
        gate.ensure(F::RecState, !world.recs[&rec].running, || "the REC is running".into())?;
        gate.pass::<F, _>(DestroyPlan { rec })
    }
}

impl Plan for DestroyPlan {
    type Answer = Outputs;

    fn apply(self, world: &mut World) -> Outputs {
        let rec = world.recs.remove(&self.rec).expect("the check found the REC");
        realm_mut(world, rec.owner).recs.retain(|other| *other != self.rec);
        for aux in rec.aux {
            world.release(aux);
        }
        world.release(self.rec);
        NO_OUTPUTS
    }
}
