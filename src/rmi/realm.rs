//! RMI_REALM_CREATE, RMI_REALM_ACTIVATE, RMI_REALM_TERMINATE and RMI_REALM_DESTROY.

use std::collections::{BTreeMap, BTreeSet};

use super::gate::{Answer, Checked, Gate, NO_OUTPUTS, Outputs, Rows, failures};
use super::object_operation::{Begin, End};
use super::{Plan, Rmi};
use crate::abi::addr::{Hex, Level};
use crate::abi::granule_size::GranuleSize;
use crate::abi::params::{RealmParams, realm_flags};
use crate::abi::platform::Platform;
use crate::abi::profile::Profile;
use crate::measure::event::{MeasuredEvent, RealmEvent};
use crate::measure::log::EventLog;
use crate::measure::rim::{HashAlgo, Measurement};
use crate::model::granule::{Granule, GranuleState};
use crate::model::operation::{Creation, Handle, Object};
use crate::model::planes::{MAX_AUX_PLANES, Planes};
use crate::model::realm::{NUM_REMS, Realm, RealmState};
use crate::model::rtt::{Ripas, RttConfig, Rtte, TableId};
use crate::model::world::World;

pub(super) struct Create {
    pub(super) rd: u64,
    pub(super) params_ptr: u64,
}

failures! {
    /// RMI_REALM_CREATE. In 1.0 all conditions have one status, so the order shows only in
    /// messages. Where it is a stateful operation, the rows from `params_align` on are those of the
    /// last step, in RMI_OP_CONTINUE.
    CreateRows {
        RdAlignFirst "rd_align" Input Steps [] "`rd` is not granule aligned";
        RdBoundFirst "rd_bound" Input Steps [] "`rd` is not delegable memory";
        RdStateFirst "rd_state" Input Steps [] "`rd` is not DELEGATED";
        Context "sro_context" Blocked Steps [] "there are as many operations as there can be";
        Aux "aux_state" Input Steps [] "no granule of the first list is DELEGATED";
        ParamsAlign "params_align" Input All [] "`params_ptr` is not granule aligned";
        ParamsBound "params_bound" Input All [] "`params_ptr` is not delegable memory";
        ParamsPas "params_pas" Input All [] "the parameters are not in Non-secure memory";
        Supported "params_supp" Input All [] "the RMM does not support the parameters";
        Level "rtt_num_level" Input All [] "width, starting level and table count do not fit";
        Valid "params_valid" Input All [] "a parameter has a reserved encoding";
        BaseAlign "rtt_align" Input V2 [] "`rtt_base` is not aligned to the tables' size";
        Vmid "vmid_valid" Input V1 [] "the VMID is too large or in use";
        VmidFree "vmid_free" Global V2 [] "the RMM has no VMID left";
        MecFree "mec_free" Global V2 [] "the RMM has no memory encryption context left";
        Alias "alias" Input All [] "`rd` is one of the starting-level RTTs";
        RdAlign "rd_align" Input Once [] "`rd` is not granule aligned";
        RdBound "rd_bound" Input Once [] "`rd` is not delegable memory";
        RdState "rd_state" Input Once [] "`rd` is not DELEGATED";
        RttAlign "rtt_align" Input V1 [] "`rtt_base` is not aligned to the tables' size";
        RttState "rtt_state" Input All [] "a starting-level RTT is not DELEGATED";
    }
}

/// A Realm that can be made.
pub(super) struct NewRealm {
    rd: Granule,
    roots: Vec<Granule>,
    aux_roots: Vec<Vec<Granule>>,
    vmids: Vec<u16>,
    private_mec: Option<u16>,
    params: RealmParams,
    rtt: RttConfig,
    hash_algo: HashAlgo,
    planes: Planes,
}

/// The planes that the parameters ask for; they have been found to be possible.
fn planes(params: &RealmParams, profile: Profile) -> Planes {
    let num_aux = usize::try_from(params.num_aux_planes).unwrap_or(0).min(MAX_AUX_PLANES);
    let num_aux = if profile.realm_params_have_planes() { num_aux } else { 0 };
    Planes::new(num_aux, params.ats_plane)
}

/// Where the starting-level tables of each tree begin.
fn tree_bases(params: &RealmParams, profile: Profile) -> Vec<u64> {
    let aux = planes(params, profile).num_aux();
    std::iter::once(params.rtt_base).chain(params.aux_rtt_base.into_iter().take(aux)).collect()
}

pub(super) enum CreatePlan {
    Whole(Box<NewRealm>),
    Begin(Begin),
}

impl Rmi for Create {
    type Rows = CreateRows;
    type Plan = CreatePlan;

    fn check(&self, world: &World, mut gate: Gate<'_>) -> Checked<CreatePlan> {
        use CreateRows as F;
        if !gate.profile().makes_realms_in_steps() {
            let new = self.asked(world, &mut gate)?;
            return gate.pass::<F, _>(CreatePlan::Whole(Box::new(new)));
        }
        let rows = [F::RdAlignFirst, F::RdBoundFirst, F::RdStateFirst];
        let granule = gate.granule_in(rows, world, self.rd, GranuleState::Delegated)?;
        let handle = gate.context(F::Context, world)?;
        let creation = Creation { rd: self.rd, params_ptr: self.params_ptr };
        let begin = Begin { handle, object: Object::Rd, granule, creation };
        gate.pause(F::Aux, CreatePlan::Begin(begin))
    }
}

/// Looks at what a creation in several steps was asked for.
pub(super) fn last_step(world: &World, creation: Creation) -> Checked<NewRealm> {
    let Creation { rd, params_ptr } = creation;
    let first = CreateRows::ParamsAlign;
    let mut gate = Gate::resume(world.profile(), world.granule_size(), first);
    let new = Create { rd, params_ptr }.asked(world, &mut gate)?;
    gate.pass::<CreateRows, _>(new)
}

impl Create {
    /// Looks at the parameters, and at the granules that are named. The RD of a creation in several
    /// steps is PARTIAL.
    fn asked(&self, world: &World, gate: &mut Gate<'_>) -> Checked<NewRealm> {
        use CreateRows as F;
        let granule = gate.granule([F::ParamsAlign, F::ParamsBound], world, self.params_ptr)?;
        gate.host_readable(F::ParamsPas, world, granule)?;
        let page = world.memory.page(granule);
        let params = page.with_bytes(|bytes| RealmParams::read(bytes, gate.profile()));

        let unsupported = unsupported(&params, world.platform(), gate.profile());
        gate.ensure(F::Supported, unsupported.is_none(), || unsupported.unwrap_or_default())?;
        let size = gate.granule_size();
        let rtt = rtt_config(&params, world.platform(), size);
        let rtt = gate.some(F::Level, rtt, || inconsistent(&params, world.platform(), size))?;
        let hash_algo = hash_algo(&params, gate.profile());
        let knows_sha384 = gate.profile().knows_sha384();
        let hash_algo = gate.some(F::Valid, hash_algo, || {
            let more = if knows_sha384 { ", 2 is SHA-384" } else { "" };
            format!("hash_algo {} is reserved (0 is SHA-256, 1 is SHA-512{more})", params.hash_algo)
        })?;
        let bases = tree_bases(&params, gate.profile());
        let align_bytes = gate.profile().rtt_base_align_granules(rtt.num_start) * size.bytes();
        let odd = bases.iter().find(|base| !base.is_multiple_of(align_bytes));
        let base_aligned = odd.is_none();
        let misaligned = || {
            let odd = Hex(odd.copied().unwrap_or_default());
            format!("rtt_base {odd} is not a multiple of {}", Hex(align_bytes))
        };
        gate.ensure(F::BaseAlign, base_aligned, misaligned)?;
        let planes = planes(&params, gate.profile());
        let vmids = gate.vmids([F::Vmid, F::VmidFree], world, params.vmid, planes.num_aux() + 1)?;
        let private_mec = gate.private_mec(F::MecFree, world, &params)?;

        let size_bytes = rtt.num_start * size.bytes();
        let alias = bases.iter().find(|base| self.rd >= **base && self.rd - **base < size_bytes);
        gate.ensure(F::Alias, alias.is_none(), || {
            let base = Hex(alias.copied().unwrap_or_default());
            format!("rd {} lies in the {} tables from {base}", Hex(self.rd), rtt.num_start)
        })?;
        let rows = [F::RdAlign, F::RdBound, F::RdState];
        let rd = match gate.profile().makes_realms_in_steps() {
            true => world.granules.find(self.rd).expect("the operation holds it"),
            false => gate.granule_in(rows, world, self.rd, GranuleState::Delegated)?,
        };
        gate.ensure(F::RttAlign, base_aligned, misaligned)?;
        let trees = delegated_runs(world, &bases, rtt.num_start);
        let trees = gate.some(F::RttState, trees, || {
            let shown: Vec<_> = bases.iter().map(|base| Hex(*base).to_string()).collect();
            let (count, from) = (rtt.num_start, shown.join(" and "));
            format!("not all of the {count} granules from {from} are DELEGATED, and each once")
        })?;
        let mut trees = trees.into_iter();
        let roots = trees.next().expect("the primary tree");
        let aux_roots = trees.collect();
        Ok(NewRealm { rd, roots, aux_roots, vmids, private_mec, params, rtt, hash_algo, planes })
    }
}

impl Gate<'_> {
    /// `vmid_valid` of a VMID that the Host chose, or `vmid_free` where the RMM chooses one for
    /// each of `count` planes.
    fn vmids<R: Rows>(
        &mut self,
        rows: [R; 2],
        world: &World,
        asked: u16,
        count: usize,
    ) -> Checked<Vec<u16>> {
        let [valid, free] = rows;
        let bits = world.platform().vmid_bits;
        if self.profile().chooses_vmids() {
            self.skip(valid);
            let unused = (0..=u16::MAX).take(1 << bits).filter(|vmid| !world.vmids.contains(vmid));
            let chosen: Vec<_> = unused.take(count).collect();
            return self.some(free, (chosen.len() == count).then_some(chosen), || {
                format!("{count} are needed, and all VMIDs of {bits} bits are in use")
            });
        }
        let in_use = world.vmids.contains(&asked);
        self.ensure(valid, u32::from(asked) >> bits == 0 && !in_use, || {
            if in_use {
                format!("VMID {asked} belongs to another Realm")
            } else {
                format!("VMID {asked} does not fit in {bits} bits")
            }
        })?;
        Ok(vec![asked])
    }

    /// `mec_free`: a context of its own for a Realm that asks for one. Without FEAT_MEC TF-RMM
    /// takes either policy, and there are none; the text is not known.
    fn private_mec<R: Rows>(
        &mut self,
        row: R,
        world: &World,
        params: &RealmParams,
    ) -> Checked<Option<u16>> {
        if !self.profile().realm_params_have_planes() {
            self.skip(row);
            return Ok(None);
        }
        if !world.platform().has_mec() {
            self.ensure(row, true, String::new)?;
            return Ok(None);
        }
        let count = world.platform().private_mecs();
        let unused = (0..count).find(|mec| !world.private_mecs.contains(mec));
        let shared = params.mec_policy() != MEC_PRIVATE;
        let chosen = if shared { Some(None) } else { unused.map(Some) };
        self.some(row, chosen, || format!("all {count} private contexts are in use"))
    }
}

/// The MEC policy by which a Realm has a memory encryption context of its own.
const MEC_PRIVATE: u64 = 1;

/// The algorithm that the parameters name, of those that the RMM knows.
fn hash_algo(params: &RealmParams, profile: Profile) -> Option<HashAlgo> {
    let algo = HashAlgo::from_code(params.hash_algo)?;
    (algo != HashAlgo::Sha384 || profile.knows_sha384()).then_some(algo)
}

/// Says which of the parameters exceeds the platform (DEN0137 1.0, RealmParamsSupported; the
/// numbers are TF-RMM's).
fn unsupported(params: &RealmParams, platform: &Platform, profile: Profile) -> Option<String> {
    let limit = |name, value: u64, low: u32, high: u32| {
        let allowed = u64::from(low)..=u64::from(high);
        (!allowed.contains(&value))
            .then(|| format!("{name} is {value}; it has to be {low} to {high}"))
    };
    if params.has(realm_flags::LPA2) && !platform.lpa2 {
        return Some("LPA2 is asked for, and the platform has none".into());
    }
    let counts = limit("s2sz", params.s2sz, 32, platform.s2sz)
        .or_else(|| limit("num_bps (minus one)", params.num_bps, 1, platform.num_bps - 1))
        .or_else(|| limit("num_wps (minus one)", params.num_wps, 1, platform.num_wps - 1));
    if counts.is_some() {
        return counts;
    }
    if params.has(realm_flags::SVE) {
        let Some(most) = platform.sve_vl else {
            return Some("SVE is asked for, and the platform has none".into());
        };
        if let Some(text) = limit("sve_vl", params.sve_vl, 0, most) {
            return Some(text);
        }
    }
    if params.has(realm_flags::PMU) {
        if platform.pmu_num_ctrs.is_none() && !profile.takes_pmu_for_granted() {
            return Some("a PMU is asked for, and the platform has none".into());
        }
        let fewest = u32::from(!platform.feat_hpmn0);
        let most = platform.pmu_num_ctrs.unwrap_or(0);
        if let Some(text) = limit("pmu_num_ctrs", params.pmu_num_ctrs, fewest, most) {
            return Some(text);
        }
    }
    let extras = profile.realm_params_have_planes().then(|| unsupported_extras(params)).flatten();
    if extras.is_some() {
        return extras;
    }
    let offered = |algo| match algo {
        HashAlgo::Sha256 => platform.sha256,
        HashAlgo::Sha512 => platform.sha512,
        HashAlgo::Sha384 => true,
    };
    let missing = HashAlgo::from_code(params.hash_algo).filter(|algo| !offered(*algo))?;
    Some(format!("hash_algo is {}, and the platform does not have it", missing.name()))
}

/// Says which of the parameters that 1.0 does not have asks for too much. The RMM has planes only
/// with trees of their own (RTT_PLANE of feature register 3 is 0), and no indirect permissions.
fn unsupported_extras(params: &RealmParams) -> Option<String> {
    let RealmParams { num_aux_planes, ats_plane, flags1, .. } = params;
    if params.mec_policy() > 1 {
        return Some(format!("the MEC policy {} is reserved", params.mec_policy()));
    }
    if *num_aux_planes > MAX_AUX_PLANES as u64 {
        return Some(format!(
            "{num_aux_planes} auxiliary planes are asked for; there are {MAX_AUX_PLANES}"
        ));
    }
    if ats_plane > num_aux_planes {
        return Some(format!("ats_plane is {ats_plane}, and the last plane {num_aux_planes}"));
    }
    if *num_aux_planes > 0 && flags1 & realm_flags::RTT_TREE_PP == 0 {
        return Some(
            "auxiliary planes are asked for without trees of their own (rtt_tree_pp); planes that \
             share one need FEAT_S2PIE and FEAT_S2POE, which are not simulated"
                .into(),
        );
    }
    let indirect = flags1 & realm_flags::S2AP_INDIRECT != 0;
    indirect.then(|| {
        "indirect permissions are asked for (s2ap_indirect); they need FEAT_S2PIE and FEAT_S2POE, \
         which are not simulated"
            .into()
    })
}

fn rtt_config(params: &RealmParams, platform: &Platform, size: GranuleSize) -> Option<RttConfig> {
    let lpa2 = params.has(realm_flags::LPA2);
    let width = u32::try_from(params.s2sz).ok()?;
    let start = Level::from_register(params.rtt_level_start)?;
    // The architecture has the highest levels only from some PA bits on.
    if platform.pa_bits < size.least_pa_bits(start) {
        return None;
    }
    let config = RttConfig::new(width, start, lpa2, size)?;
    (config.num_start == u64::from(params.rtt_num_start)).then_some(config)
}

fn inconsistent(params: &RealmParams, platform: &Platform, size: GranuleSize) -> String {
    let lpa2 = if params.has(realm_flags::LPA2) { "with" } else { "without" };
    format!(
        "s2sz {}, rtt_level_start {} and rtt_num_start {} do not go together {lpa2} LPA2 \
         and {} PA bits{}",
        params.s2sz,
        params.rtt_level_start.cast_signed(),
        params.rtt_num_start,
        platform.pa_bits,
        if size == GranuleSize::K4 { String::new() } else { format!(", in granules of {size}") }
    )
}

/// The granules of each tree's starting level, if all are DELEGATED and none is asked for twice.
fn delegated_runs(world: &World, bases: &[u64], count: u64) -> Option<Vec<Vec<Granule>>> {
    let trees: Option<Vec<_>> =
        bases.iter().map(|base| delegated_run(world, *base, count)).collect();
    let trees = trees?;
    let distinct: BTreeSet<_> = trees.iter().flatten().collect();
    (distinct.len() as u64 == count * bases.len() as u64).then_some(trees)
}

/// `count` granules from `base` on, if all of them are DELEGATED.
fn delegated_run(world: &World, base: u64, count: u64) -> Option<Vec<Granule>> {
    let first = world.granules.find(base)?;
    let granule = |i| {
        let granule = world.granules.following(first, i)?;
        (world.granules.state(granule) == GranuleState::Delegated).then_some(granule)
    };
    (0..count).map(granule).collect()
}

impl Plan for CreatePlan {
    type Answer = Answer;

    fn apply(self, world: &mut World) -> Answer {
        match self {
            Self::Whole(new) => {
                new.insert(world, Vec::new());
                Answer::Success(NO_OUTPUTS)
            }
            Self::Begin(begin) => begin.apply(world),
        }
    }
}

impl NewRealm {
    /// Makes the Realm, with auxiliary granules that its RD has been given.
    pub(super) fn insert(self, world: &mut World, aux: Vec<Granule>) {
        let Self { rd, roots, aux_roots, vmids, private_mec, params, rtt, hash_algo, planes } =
            self;
        world.claim(rd, GranuleState::Rd);
        let mut tree = |roots: Vec<Granule>| {
            (0..).zip(roots).map(|(i, root)| root_table(world, &rtt, root, i)).collect()
        };
        let roots = tree(roots);
        let aux_roots = aux_roots.into_iter().map(tree).collect();
        let rule = world.profile().rim_rule();
        let mut log = EventLog::with_hasher(hash_algo, world.hasher().clone()).by_rule(rule);
        log.push(MeasuredEvent::Realm(Box::new(RealmEvent::new(&params))));
        world.vmids.extend(&vmids);
        world.private_mecs.extend(private_mec);
        let mut vmids = vmids.into_iter();
        let has_v2_fields = world.profile().realm_params_have_planes();
        let realm = Realm {
            state: RealmState::New,
            rtt,
            roots,
            aux_roots,
            aux_mapped: BTreeMap::new(),
            vmid: vmids.next().expect("that of plane 0"),
            aux_vmids: vmids.collect(),
            private_mec,
            rpv: params.rpv,
            da: has_v2_fields && params.has(realm_flags::DA),
            planes,
            aux,
            next_rec_index: 0,
            recs: Vec::new(),
            log,
            rems: [Measurement::zero(hash_algo); NUM_REMS],
            token: None,
        };
        world.realms.insert(rd, realm);
        world.realm_tally.realm_went(None, Some(RealmState::New));
    }
}

/// Makes root table `number`: the Protected half EMPTY, the other half Non-secure. Entries past the
/// IPA space can not be reached; they are never live.
fn root_table(world: &mut World, rtt: &RttConfig, granule: Granule, number: u64) -> TableId {
    world.claim(granule, GranuleState::Rtt);
    let size = rtt.granule;
    let shift = size.entry_shift(rtt.start);
    world.tables.insert(granule, rtt.start, |i| {
        let ipa = (number * size.rtt_entries() as u64 + i) << shift;
        if rtt.is_protected(ipa) { Rtte::Unassigned(Ripas::Empty) } else { Rtte::UnassignedNs }
    })
}

pub(super) struct Activate {
    pub(super) rd: u64,
}

failures! {
    /// RMI_REALM_ACTIVATE.
    ActivateRows {
        RdAlign "rd_align" Input All [] "`rd` is not granule aligned";
        RdBound "rd_bound" Input All [] "`rd` is not delegable memory";
        RdState "rd_state" Input All [] "`rd` is not an RD granule";
        RealmState "realm_state" Realm All ["rd_bound", "rd_state"] "the Realm is not NEW";
    }
}

pub(super) struct ActivatePlan {
    rd: Granule,
}

impl Rmi for Activate {
    type Rows = ActivateRows;
    type Plan = ActivatePlan;

    fn check(&self, world: &World, mut gate: Gate<'_>) -> Checked<ActivatePlan> {
        use ActivateRows as F;
        let rd = gate.rd([F::RdAlign, F::RdBound, F::RdState], world, self.rd)?;
        gate.realm_is_new(F::RealmState, rd.realm)?;
        gate.pass::<F, _>(ActivatePlan { rd: rd.granule })
    }
}

impl Plan for ActivatePlan {
    type Answer = Outputs;

    fn apply(self, world: &mut World) -> Outputs {
        realm_mut(world, self.rd).state = RealmState::Active;
        world.realm_tally.realm_went(Some(RealmState::New), Some(RealmState::Active));
        NO_OUTPUTS
    }
}

pub(super) struct Terminate {
    pub(super) rd: u64,
}

failures! {
    /// RMI_REALM_TERMINATE.
    TerminateRows {
        RdAlign "rd_align" Input All [] "`rd` is not granule aligned";
        RdBound "rd_bound" Input All [] "`rd` is not delegable memory";
        RdState "rd_state" Input All [] "`rd` is not an RD granule";
        Running "rec_state" Realm All [] "a REC of the Realm is running";
    }
}

pub(super) struct TerminatePlan {
    rd: Granule,
}

impl Rmi for Terminate {
    type Rows = TerminateRows;
    type Plan = TerminatePlan;

    fn check(&self, world: &World, mut gate: Gate<'_>) -> Checked<TerminatePlan> {
        use TerminateRows as F;
        let rd = gate.rd([F::RdAlign, F::RdBound, F::RdState], world, self.rd)?;
        let running = rd.realm.recs.iter().find(|rec| world.recs[rec].running);
        gate.ensure(F::Running, running.is_none(), || {
            let rec = running.map(|rec| world.granules.pa(*rec)).unwrap_or_default();
            format!("REC {rec} is running")
        })?;
        gate.pass::<F, _>(TerminatePlan { rd: rd.granule })
    }
}

impl Plan for TerminatePlan {
    type Answer = Outputs;

    fn apply(self, world: &mut World) -> Outputs {
        let realm = realm_mut(world, self.rd);
        let before = realm.state;
        realm.state = RealmState::Zombie;
        world.realm_tally.realm_went(Some(before), Some(RealmState::Zombie));
        NO_OUTPUTS
    }
}

pub(super) struct Destroy {
    pub(super) rd: u64,
}

failures! {
    /// RMI_REALM_DESTROY. The text has one condition, `realm_live`, for RECs and for tables. That a
    /// stateful one takes its context first is inferred from RMI_REC_DESTROY.
    DestroyRows {
        Context "sro_context" Blocked Steps [] "there are as many operations as there can be";
        RdAlign "rd_align" Input All [] "`rd` is not granule aligned";
        RdBound "rd_bound" Input All [] "`rd` is not delegable memory";
        RdState "rd_state" Input All [] "`rd` is not an RD granule";
        RecsLive "realm_live" Realm All ["rd_bound", "rd_state"] "the Realm has RECs";
        NotZombie "realm_state" Realm V2 [] "the Realm was not terminated";
        RttsLive "realm_live" Realm All ["rd_bound", "rd_state"] "a starting-level RTT is live";
    }
}

pub(super) struct DestroyPlan {
    rd: Granule,
    /// That of the operation that gives the RD's auxiliary granules back.
    handle: Option<Handle>,
}

impl Rmi for Destroy {
    type Rows = DestroyRows;
    type Plan = DestroyPlan;

    fn check(&self, world: &World, mut gate: Gate<'_>) -> Checked<DestroyPlan> {
        use DestroyRows as F;
        let handle = match gate.profile().makes_realms_in_steps() {
            true => Some(gate.context(F::Context, world)?),
            false => None,
        };
        let rd = gate.rd([F::RdAlign, F::RdBound, F::RdState], world, self.rd)?;
        gate.ensure(F::RecsLive, rd.realm.recs.is_empty(), || {
            format!("the Realm still has {} RECs", rd.realm.recs.len())
        })?;
        let state = rd.realm.state;
        gate.ensure(F::NotZombie, state == RealmState::Zombie, || {
            format!("the Realm is {}; ZOMBIE is needed: RMI_REALM_TERMINATE first", state.name())
        })?;
        let held = |root: &TableId| u64::from(world.tables.get(*root).held_by());
        let aux = rd.realm.aux_roots.iter().flatten();
        let live: u64 = rd.realm.roots.iter().chain(aux).map(held).sum();
        gate.ensure(F::RttsLive, live == 0, || {
            format!("its starting-level RTTs still hold {live} ASSIGNED or TABLE entries")
        })?;
        gate.pass::<F, _>(DestroyPlan { rd: rd.granule, handle })
    }
}

impl Plan for DestroyPlan {
    type Answer = Answer;

    fn apply(self, world: &mut World) -> Answer {
        let realm = world.realms.remove(&self.rd).expect("the check found the Realm");
        for vmid in realm.aux_vmids.iter().chain([&realm.vmid]) {
            world.vmids.remove(vmid);
        }
        if let Some(mec) = realm.private_mec {
            world.private_mecs.remove(&mec);
        }
        world.realm_tally.realm_went(Some(realm.state), None);
        for root in realm.roots.into_iter().chain(realm.aux_roots.into_iter().flatten()) {
            let granule = world.tables.remove(root);
            world.release(granule);
        }
        let (granule, aux) = (self.rd, realm.aux);
        if let Some(handle) = self.handle {
            return End { handle, object: Object::Rd, granule, aux }.begin(world);
        }
        world.release(granule);
        Answer::Success(NO_OUTPUTS)
    }
}

/// The Realm of an RD that a check has found.
#[inline]
pub(super) fn realm_mut(world: &mut World, rd: Granule) -> &mut Realm {
    world.realms.get_mut(&rd).expect("the check found the Realm")
}
