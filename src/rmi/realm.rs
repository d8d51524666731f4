//! RMI_REALM_CREATE, RMI_REALM_ACTIVATE and RMI_REALM_DESTROY.

use super::gate::{Checked, Gate, NO_OUTPUTS, Outputs, failures};
use super::{Plan, Rmi};
use crate::abi::addr::{GRANULE_SIZE, Hex, Level, RTT_ENTRIES};
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
    /// RMI_REALM_CREATE. All conditions have one status, so the order shows only in messages.
    CreateRows {
        ParamsAlign "params_align" Input Both [] "`params_ptr` is not granule aligned";
        ParamsBound "params_bound" Input Both [] "`params_ptr` is not delegable memory";
        ParamsPas "params_pas" Input Both [] "the parameters are not in Non-secure memory";
        Supported "params_supp" Input Both [] "the RMM does not support the parameters";
        Level "rtt_num_level" Input Both [] "width, starting level and table count do not fit";
        Valid "params_valid" Input Both [] "a parameter has a reserved encoding";
        Vmid "vmid_valid" Input Both [] "the VMID is too large or in use";
        Alias "alias" Input Both [] "`rd` is one of the starting-level RTTs";
        RdAlign "rd_align" Input Both [] "`rd` is not granule aligned";
        RdBound "rd_bound" Input Both [] "`rd` is not delegable memory";
        RdState "rd_state" Input Both [] "`rd` is not DELEGATED";
        RttAlign "rtt_align" Input Both [] "`rtt_base` is not aligned to the tables' size";
        RttState "rtt_state" Input Both [] "a starting-level RTT is not DELEGATED";
    }
}

pub(super) struct CreatePlan {
    rd: Granule,
    roots: Vec<Granule>,
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
        let rtt = rtt_config(&params, world.platform());
        let rtt = gate.some(F::Level, rtt, || inconsistent(&params, world.platform()))?;
        let hash_algo = HashAlgo::from_code(params.hash_algo);
        let hash_algo = gate.some(F::Valid, hash_algo, || {
            format!("hash_algo {} is reserved (0 is SHA-256, 1 is SHA-512)", params.hash_algo)
        })?;
        let vmid_bits = world.platform().vmid_bits;
        let vmid_free = !world.vmids.contains(&params.vmid);
        gate.ensure(F::Vmid, u32::from(params.vmid) >> vmid_bits == 0 && vmid_free, || {
            if vmid_free {
                format!("VMID {} does not fit in {vmid_bits} bits", params.vmid)
            } else {
                format!("VMID {} belongs to another Realm", params.vmid)
            }
        })?;

        let base = params.rtt_base;
        let size_bytes = rtt.num_start * GRANULE_SIZE;
        let alias = self.rd >= base && self.rd - base < size_bytes;
        gate.ensure(F::Alias, !alias, || {
            format!("rd {} lies in the {} tables from {}", Hex(self.rd), rtt.num_start, Hex(base))
        })?;
        let rows = [F::RdAlign, F::RdBound, F::RdState];
        let rd = gate.granule_in(rows, world, self.rd, GranuleState::Delegated)?;
        let align_bytes = gate.profile().rtt_base_align_granules(rtt.num_start) * GRANULE_SIZE;
        gate.ensure(F::RttAlign, base.is_multiple_of(align_bytes), || {
            format!("rtt_base {} is not a multiple of {}", Hex(base), Hex(align_bytes))
        })?;
        let roots = delegated_run(world, base, rtt.num_start);
        let roots = gate.some(F::RttState, roots, || {
            format!("not all of the {} granules from {} are DELEGATED", rtt.num_start, Hex(base))
        })?;
        gate.pass::<F, _>(CreatePlan { rd, roots, params, rtt, hash_algo })
    }
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
    let offered = |algo| match algo {
        HashAlgo::Sha256 => platform.sha256,
        HashAlgo::Sha512 => platform.sha512,
    };
    let missing = HashAlgo::from_code(params.hash_algo).filter(|algo| !offered(*algo))?;
    Some(format!("hash_algo is {}, and the platform does not have it", missing.name()))
}

fn rtt_config(params: &RealmParams, platform: &Platform) -> Option<RttConfig> {
    let lpa2 = params.has(realm_flags::LPA2);
    let width = u32::try_from(params.s2sz).ok()?;
    let start = Level::from_register(params.rtt_level_start)?;
    // The architecture has level 0 only from 44 PA bits on, and 52-bit IPAs only with LPA2.
    if (start.number() == 0 && platform.pa_bits < 44) || (width > 48 && !lpa2) {
        return None;
    }
    let config = RttConfig::new(width, start, lpa2)?;
    (config.num_start == u64::from(params.rtt_num_start)).then_some(config)
}

fn inconsistent(params: &RealmParams, platform: &Platform) -> String {
    let lpa2 = if params.has(realm_flags::LPA2) { "with" } else { "without" };
    format!(
        "s2sz {}, rtt_level_start {} and rtt_num_start {} do not go together {lpa2} LPA2 \
         and {} PA bits",
        params.s2sz,
        params.rtt_level_start.cast_signed(),
        params.rtt_num_start,
        platform.pa_bits
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
    fn apply(self, world: &mut World) -> Outputs {
        let Self { rd, roots, params, rtt, hash_algo } = self;
        world.claim(rd, GranuleState::Rd);
        let roots = (0..).zip(roots).map(|(i, root)| root_table(world, &rtt, root, i)).collect();
        let mut log = EventLog::with_hasher(hash_algo, world.hasher().clone());
        log.push(MeasuredEvent::Realm(Box::new(RealmEvent::new(&params))));
        world.vmids.insert(params.vmid);
        let realm = Realm {
            state: RealmState::New,
            rtt,
            roots,
            vmid: params.vmid,
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
    let shift = rtt.start.entry_shift();
    world.tables.insert(granule, rtt.start, |i| {
        let ipa = (number * RTT_ENTRIES as u64 + i) << shift;
        if rtt.is_protected(ipa) { Rtte::Unassigned(Ripas::Empty) } else { Rtte::UnassignedNs }
    })
}

pub(super) struct Activate {
    pub(super) rd: u64,
}

failures! {
    /// RMI_REALM_ACTIVATE.
    ActivateRows {
        RdAlign "rd_align" Input Both [] "`rd` is not granule aligned";
        RdBound "rd_bound" Input Both [] "`rd` is not delegable memory";
        RdState "rd_state" Input Both [] "`rd` is not an RD granule";
        RealmState "realm_state" Realm Both ["rd_bound", "rd_state"] "the Realm is not NEW";
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
    fn apply(self, world: &mut World) -> Outputs {
        realm_mut(world, self.rd).state = RealmState::Active;
        world.realm_tally.realm_went(Some(RealmState::New), Some(RealmState::Active));
        NO_OUTPUTS
    }
}

pub(super) struct Destroy {
    pub(super) rd: u64,
}

failures! {
    /// RMI_REALM_DESTROY. The text has one condition, `realm_live`, for RECs and for tables.
    DestroyRows {
        RdAlign "rd_align" Input Both [] "`rd` is not granule aligned";
        RdBound "rd_bound" Input Both [] "`rd` is not delegable memory";
        RdState "rd_state" Input Both [] "`rd` is not an RD granule";
        RecsLive "realm_live" Realm Both ["rd_bound", "rd_state"] "the Realm has RECs";
        RttsLive "realm_live" Realm Both ["rd_bound", "rd_state"] "a starting-level RTT is live";
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
        let held = |root: &TableId| u64::from(world.tables.get(*root).held_by());
        let live: u64 = rd.realm.roots.iter().map(held).sum();
        gate.ensure(F::RttsLive, live == 0, || {
            format!("its starting-level RTTs still hold {live} ASSIGNED or TABLE entries")
        })?;
        gate.pass::<F, _>(DestroyPlan { rd: rd.granule })
    }
}

impl Plan for DestroyPlan {
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
