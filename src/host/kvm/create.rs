//! REALM_CREATE, and what KVM makes of a VM's parameters.

use super::{Kvm, StageKind, Unseen, refused, rmi};
use crate::abi::addr::Level;
use crate::abi::args::Rd;
use crate::abi::command::Command;
use crate::abi::granule_size::GranuleSize;
use crate::abi::params::{RealmParams, realm_flags};
use crate::host::caps::Caps;
use crate::host::profile::Generation;
use crate::host::vm::{Refusal, VcpuFeatures};
use crate::measure::event::RealmEvent;

impl Kvm<'_, '_> {
    /// Delegates RD and root tables, REALM_CREATE, and REC_AUX_COUNT where there is that.
    pub(super) fn create_realm(&mut self) -> Result<(), Refusal> {
        let place = "CREATE_REALM";
        self.not_created(place)?;
        let (start_level, root_tables) = self.geometry()?;
        let rd = Rd(self.delegated(place)?);
        let rtt_base = self.delegated_run(root_tables, place)?;
        let event = self.realm_event();
        self.knows_flags(place)?;
        let params = RealmParams::builder(self.edition())
            .flags(event.flags)
            .s2sz(event.s2sz)
            .sve_vl(event.sve_vl)
            .num_bps(event.num_bps)
            .num_wps(event.num_wps)
            .pmu_num_ctrs(event.pmu_num_ctrs)
            .hash_algo(self.hash_algo)
            .rpv(&self.rpv)
            .rtt_base(rtt_base)
            .rtt_level_start(start_level)
            .rtt_num_start(root_tables);
        let params_ptr = self.write_page(rmi::page(params.pieces(), place)?, place)?;
        let command = Command::realm_create(rd, params_ptr);
        if self.host.ends_realm_create {
            self.must_end(command, place)?;
        } else {
            self.create_at_once(command, place)?;
        }
        if let Some(command) = Command::rec_aux_count(self.edition(), rd) {
            self.aux_count = self.must(command, place)?.regs()[1];
        }
        self.rd = Some(rd);
        self.stage(rd, StageKind::RealmCreate(event));
        Ok(())
    }

    /// REALM_CREATE of a kernel that takes it for one call.
    fn create_at_once(&mut self, command: Command, place: &str) -> Result<(), Refusal> {
        let outcome = self.call(command);
        if outcome.awaits().is_some() {
            let name = self.host.name;
            let why = format!(
                "this RMM makes a Realm in several calls, and {name} takes RMI_REALM_CREATE for \
                 one (ENXIO)"
            );
            return Err(refused(place, why));
        }
        if outcome.is_success() { Ok(()) } else { Err(rmi::by_rmm(place, command, &outcome)) }
    }

    /// The level that the host's roots are at, and how many they are.
    fn geometry(&self) -> Result<(Level, u64), Refusal> {
        let bits = u32::from(self.vm.ipa_bits);
        let Some(asked) = self.unseen.start_level else { return Ok(geometry(bits)) };
        let tables = geometry_from(bits, asked);
        let level = Level::from_register(asked.into());
        level.zip(tables).ok_or_else(|| {
            let why = format!("{bits} bits of IPA can not start at level {asked}");
            refused("CREATE_REALM", why)
        })
    }

    /// Whether the RMM's edition has the flags that are asked for.
    fn knows_flags(&self, place: &str) -> Result<(), Refusal> {
        let known = RealmParams::defined_flags(self.session.world().profile());
        if self.unseen.in_flags(0) & !known == 0 {
            return Ok(());
        }
        let host = self.host.name;
        let why = format!("{host} talks to an RMM without flags for da, mec and lfa");
        Err(refused(place, why))
    }

    fn realm_event(&self) -> RealmEvent {
        let features = &self.vm.features;
        let lpa2 = self.host.lpa2 && self.caps.lpa2;
        let flag = |on: bool, flag: u64| if on { flag } else { 0 };
        let (num_bps, num_wps) = debug_fields(self.host.generation, features, self.caps);
        let flags = flag(lpa2, realm_flags::LPA2)
            | flag(features.sve.is_some(), realm_flags::SVE)
            | flag(features.pmu_counters.is_some(), realm_flags::PMU);
        // The kernel with device assignment writes its flag over the others.
        let flags = if self.host.assigns_devices { realm_flags::DA } else { flags };
        RealmEvent {
            flags: self.unseen.in_flags(flags),
            s2sz: self.vm.ipa_bits.into(),
            sve_vl: features.sve.map_or(0, |sve| (u64::from(sve.vl_bits) / 128).saturating_sub(1)),
            num_bps,
            num_wps,
            pmu_num_ctrs: features.pmu_counters.unwrap_or(0).into(),
            hash_algo: self.hash_algo.code(),
        }
    }
}

impl Unseen {
    /// RmiRealmFlags with what is otherwise in them.
    fn in_flags(self, flags: u64) -> u64 {
        let with = |flags: u64, mask: u64, value: Option<u64>| match value {
            Some(value) => flags & !mask | (value << mask.trailing_zeros()) & mask,
            None => flags,
        };
        let flags = with(flags, realm_flags::DA, self.assigns_devices.map(u64::from));
        let flags = with(flags, realm_flags::MEC_POLICY, self.mec_policy.map(u64::from));
        with(flags, realm_flags::LFA_POLICY, self.lfa_policy.map(u64::from))
    }
}

/// Breakpoints and watchpoints as RmiRealmParams gets them. The eac5 branch passes on what the VMM
/// says; later series take ID_AA64DFR0_EL1, which holds one less than the count.
fn debug_fields(generation: Generation, features: &VcpuFeatures, caps: &Caps) -> (u64, u64) {
    let field = |asked: Option<u8>, offered: u8| {
        let count = asked.unwrap_or(offered);
        let less = if generation == Generation::Eac5 { 0 } else { 1 };
        u64::from(count.saturating_sub(less))
    };
    (field(features.num_bps, caps.num_bps), field(features.num_wps, caps.num_wps))
}

/// What KVM refuses of vCPU features when the VMM sets them. The eac5 branch leaves it to the RMM.
pub(super) fn check_features(
    generation: Generation,
    features: &VcpuFeatures,
    caps: &Caps,
) -> Result<(), Refusal> {
    if generation == Generation::Eac5 {
        return Ok(());
    }
    for (what, asked, offered) in [
        ("breakpoints", features.num_bps, caps.num_bps),
        ("watchpoints", features.num_wps, caps.num_wps),
    ] {
        if let Some(asked) = asked.filter(|asked| !(1..=offered).contains(asked)) {
            let why = format!("{asked} {what}; this host has {offered} (EINVAL)");
            return Err(refused("ID_AA64DFR0_EL1", why));
        }
    }
    if let Some(counters) = features.pmu_counters {
        if !caps.pmu {
            return Err(refused("KVM_ARM_VCPU_PMU_V3", "this host has no PMU for guests (EINVAL)"));
        }
        if counters > caps.pmu_counters {
            let most = caps.pmu_counters;
            let why = format!("{counters} PMU counters; this host has {most} (EINVAL)");
            return Err(refused("PMCR_EL0.N", why));
        }
    }
    match features.sve {
        Some(sve) if !caps.sve_vls.contains(&sve.vl_bits) => {
            let lengths: Vec<String> = caps.sve_vls.iter().map(ToString::to_string).collect();
            let offered = if lengths.is_empty() { "none".into() } else { lengths.join(", ") };
            let why =
                format!("SVE vectors of {} bits; this host has {offered} (EINVAL)", sve.vl_bits);
            Err(refused("KVM_REG_ARM64_SVE_VLS", why))
        }
        _ => Ok(()),
    }
}

/// Starting level and number of root tables for an IPA size: as few levels as can be
/// (`get_start_level`, `realm_num_root_rtts`).
pub(crate) fn geometry(ipa_bits: u32) -> (Level, u64) {
    GranuleSize::K4.fewest_levels(ipa_bits.into())
}

/// Root tables for an IPA size from another starting level on, if the architecture has that: at
/// most 16 side by side, and more than one entry in use.
fn geometry_from(ipa_bits: u32, level: u8) -> Option<u64> {
    let entry_bits = 12 + 9 * 3_u32.checked_sub(level.into())?;
    let more_bits = ipa_bits.saturating_sub(entry_bits + 9);
    (entry_bits < ipa_bits && more_bits <= 4).then_some(1 << more_bits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_tables_by_ipa_size() {
        let expected = [
            (33, 2, 8),
            (34, 2, 16),
            (35, 1, 1),
            (39, 1, 1),
            (40, 1, 2),
            (41, 1, 4),
            (42, 1, 8),
            (43, 1, 16),
            (44, 0, 1),
            (48, 0, 1),
        ];
        for (bits, level, tables) in expected {
            let (own, own_tables) = geometry(bits);
            assert_eq!((own.number(), own_tables), (level, tables), "{bits}");
            let level = u8::try_from(level).unwrap();
            assert_eq!(geometry_from(bits, level), Some(tables), "KVM's own is one of them");
        }
        assert_eq!(geometry_from(33, 1), Some(1));
        assert_eq!(geometry_from(40, 0), Some(1));
        for (bits, level) in [(39, 0), (44, 1), (35, 2), (33, 3), (48, 4)] {
            assert_eq!(geometry_from(bits, level), None, "{bits} bits, level {level}");
        }
    }
}
