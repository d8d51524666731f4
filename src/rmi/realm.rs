//! RMI_REALM_CREATE, RMI_REALM_ACTIVATE, RMI_REALM_TERMINATE and RMI_REALM_DESTROY.

use super::gate::{Checked, Gate, NO_OUTPUTS, Outputs, Rows, failures};
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
use crate::model::realm::{NUM_REMS, Realm, RealmState};
use crate::model::rtt::{Ripas, RttConfig, Rtte, TableId};
use crate::model::world::World;

pub(super) struct Create {
    pub(super) rd: u64,
    pub(super) params_ptr: u64,
}

failures! {
    /// RMI_REALM_CREATE. In 1.0 all conditions have one status, so the order shows only in
    /// messages.
    CreateRows {
        ParamsAlign "params_align" Input All [] "`params_ptr` is not granule aligned";
        ParamsBound "params_bound" Input All [] "`params_ptr` is not delegable memory";
        ParamsPas "params_pas" Input All [] "the parameters are not in Non-secure memory";
        Supported "params_supp" Input All [] "the RMM does not support the parameters";
        Level "rtt_num_level" Input All [] "width, starting level and table count do not fit";
        Valid "params_valid" Input All [] "a parameter has a reserved encoding";
        BaseAlign "rtt_align" Input V2 [] "`rtt_base` is not aligned to the tables' size";
        Vmid "vmid_valid" Input V1 [] "the VMID is too large or in use";
        VmidFree "vmid_free" Global V2 [] "the RMM has no VMID left";
        Alias "alias" Input All [] "`rd` is one of the starting-level RTTs";
        RdAlign "rd_align" Input All [] "`rd` is not granule aligned";
        RdBound "rd_bound" Input All [] "`rd` is not delegable memory";
        RdState "rd_state" Input All [] "`rd` is not DELEGATED";
        RttAlign "rtt_align" Input V1 [] "`rtt_base` is not aligned to the tables' size";
        RttState "rtt_state" Input All [] "a starting-level RTT is not DELEGATED";
    }
}

pub(super) struct CreatePlan {
    rd: Granule,
    roots: Vec<Granule>,
    vmid: u16,
    params: RealmParams,
    rtt: RttConfig,
    hash_algo: HashAlgo,
}

impl Rmi for Create {
    type Rows = CreateRows;
    type Plan = CreatePlan;

    fn check(&self, world: &World, mut gate: Gate<'_>) -> Checked<CreatePlan> {
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
        let hash_algo = gate.some(F::Valid, hash_algo, || {
            format!("hash_algo {} is reserved (0 is SHA-256, 1 is SHA-512)", params.hash_algo)
        })?;
        let base = params.rtt_base;
        let align_bytes = gate.profile().rtt_base_align_granules(rtt.num_start) * size.bytes();
        let base_aligned = base.is_multiple_of(align_bytes);
        let misaligned =
            || format!("rtt_base {} is not a multiple of {}", Hex(base), Hex(align_bytes));
        gate.ensure(F::BaseAlign, base_aligned, misaligned)?;
        let vmid = gate.vmid([F::Vmid, F::VmidFree], world, params.vmid)?;

        let size_bytes = rtt.num_start * size.bytes();
        let alias = self.rd >= base && self.rd - base < size_bytes;
        gate.ensure(F::Alias, !alias, || {
            format!("rd {} lies in the {} tables from {}", Hex(self.rd), rtt.num_start, Hex(base))
        })?;
        let rows = [F::RdAlign, F::RdBound, F::RdState];
        let rd = gate.granule_in(rows, world, self.rd, GranuleState::Delegated)?;
        gate.ensure(F::RttAlign, base_aligned, misaligned)?;
        let roots = delegated_run(world, base, rtt.num_start);
        let roots = gate.some(F::RttState, roots, || {
            format!("not all of the {} granules from {} are DELEGATED", rtt.num_start, Hex(base))
        })?;
        gate.pass::<F, _>(CreatePlan { rd, roots, vmid, params, rtt, hash_algo })
    }
}

impl Gate<'_> {
    /// `vmid_valid` of a VMID that the Host chose, or `vmid_free` where the RMM chooses.
    fn vmid<R: Rows>(&mut self, rows: [R; 2], world: &World, asked: u16) -> Checked<u16> {
        let [valid, free] = rows;
        let bits = world.platform().vmid_bits;
        let chosen = (0..=u16::MAX).take(1 << bits).find(|vmid| !world.vmids.contains(vmid));
        if self.profile().chooses_vmids() {
            self.skip(valid);
            return self.some(free, chosen, || format!("all VMIDs of {bits} bits are in use"));
        }
        let in_use = world.vmids.contains(&asked);
        self.ensure(valid, u32::from(asked) >> bits == 0 && !in_use, || {
            if in_use {
                format!("VMID {asked} belongs to another Realm")
            } else {
                format!("VMID {asked} does not fit in {bits} bits")
            }
        })?;
        Ok(asked)
    }
}

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

/// Says which of the parameters that 1.0 does not have asks for too much. Planes are not simulated,
/// so none can be asked for.
fn unsupported_extras(params: &RealmParams) -> Option<String> {
    let RealmParams { num_aux_planes, ats_plane, flags1, .. } = params;
    if params.mec_policy() > 1 {
        return Some(format!("the MEC policy {} is reserved", params.mec_policy()));
    }
    if *num_aux_planes > 0 {
        return Some(format!(
            "{num_aux_planes} auxiliary planes are asked for; none are simulated"
        ));
    }
    if *ats_plane > 0 {
        return Some(format!("ats_plane is {ats_plane}, and there is only plane 0"));
    }
    let indirect = flags1 & realm_flags::S2AP_INDIRECT != 0;
    indirect.then(|| "indirect permissions are asked for, and the RMM has none".into())
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
    type Answer = Outputs;

    fn apply(self, world: &mut World) -> Outputs {
        let Self { rd, roots, vmid, params, rtt, hash_algo } = self;
        world.claim(rd, GranuleState::Rd);
        let roots = (0..).zip(roots).map(|(i, root)| root_table(world, &rtt, root, i)).collect();
        let rule = world.profile().rim_rule();
        let mut log = EventLog::with_hasher(hash_algo, world.hasher().clone()).by_rule(rule);
        log.push(MeasuredEvent::Realm(Box::new(RealmEvent::new(&params))));
        world.vmids.insert(vmid);
        let realm = Realm {
            state: RealmState::New,
            rtt,
            roots,
            vmid,
            rpv: params.rpv,
            next_rec_index: 0,
            recs: Vec::new(),
            log,
            rems: [Measurement::zero(hash_algo); NUM_REMS],
            token: None,
        };
        world.realms.insert(rd, realm);
        world.realm_tally.realm_went(None, Some(RealmState::New));
        NO_OUTPUTS
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
    /// RMI_REALM_DESTROY. The text has one condition, `realm_live`, for RECs and for tables.
    DestroyRows {
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
}

impl Rmi for Destroy {
    type Rows = DestroyRows;
    type Plan = DestroyPlan;

    fn check(&self, world: &World, mut gate: Gate<'_>) -> Checked<DestroyPlan> {
        use DestroyRows as F;
        let rd = gate.rd([F::RdAlign, F::RdBound, F::RdState], world, self.rd)?;
        gate.ensure(F::RecsLive, rd.realm.recs.is_empty(), || {
            format!("the Realm still has {} RECs", rd.realm.recs.len())
        })?;
        let state = rd.realm.state;
        gate.ensure(F::NotZombie, state == RealmState::Zombie, || {
            format!("the Realm is {}; ZOMBIE is needed: RMI_REALM_TERMINATE first", state.name())
        })?;
        let held = |root: &TableId| u64::from(world.tables.get(*root).held_by());
        let live: u64 = rd.realm.roots.iter().map(held).sum();
        gate.ensure(F::RttsLive, live == 0, || {
            format!("its starting-level RTTs still hold {live} ASSIGNED or TABLE entries")
        })?;
        gate.pass::<F, _>(DestroyPlan { rd: rd.granule })
    }
}

impl Plan for DestroyPlan {
    type Answer = Outputs;

    fn apply(self, world: &mut World) -> Outputs {
        let realm = world.realms.remove(&self.rd).expect("the check found the Realm");
        world.vmids.remove(&realm.vmid);
        world.realm_tally.realm_went(Some(realm.state), None);
        for root in realm.roots {
            let granule = world.tables.remove(root);
            world.release(granule);
        }
        world.release(self.rd);
        NO_OUTPUTS
    }
}

/// The Realm of an RD that a check has found.
pub(super) fn realm_mut(world: &mut World, rd: Granule) -> &mut Realm {
    world.realms.get_mut(&rd).expect("the check found the Realm")
}
