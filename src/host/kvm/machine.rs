//! The machine that a Realm is built on.

use super::create::geometry;
use super::refused;
use crate::abi::addr::GRANULE_SIZE;
use crate::abi::platform::{DramRange, MAX_DRAM_BYTES, Platform, PlatformFile, SRO_CONTEXTS};
use crate::abi::presets::PRESETS;
use crate::host::caps::Caps;
use crate::host::profile::Generation;
use crate::host::vm::{Refusal, Vm};

/// DRAM of the machine unless a VM needs more.
const DRAM_BYTES: u64 = 64 << 30;
/// Where it begins.
const DRAM_BASE: u64 = 0x8000_0000;
/// Largest field of ID_AA64DFR0_EL1 for breakpoints and watchpoints, plus one.
const MAX_DEBUG: u32 = 16;

/// A machine whose RMM offers what `caps` say, with the memory that `vm` needs.
///
/// The eac5 branch gives the RMM the numbers of breakpoints and watchpoints where it wants them
/// less one. There the machine has one more of each, up to what the architecture has, since Realms
/// were run that way, and vectors as long as the VMM asks for. A Realm with a PMU without counters
/// gets a processor on which it can be.
///
/// # Errors
/// If the VM needs more memory than a simulated machine can have, or the capabilities are none that
/// a machine can have.
pub fn machine(generation: Generation, caps: &Caps, vm: &Vm) -> Result<Platform, Refusal> {
    let needed = granules_needed(vm).saturating_mul(GRANULE_SIZE);
    if needed > MAX_DRAM_BYTES {
        let why = format!(
            "the images take {} MiB with their tables; the simulated machine has {} MiB (ENOMEM)",
            needed >> 20,
            MAX_DRAM_BYTES >> 20
        );
        return Err(refused("KVM_CREATE_VM", why));
    }
    let size = if needed <= DRAM_BYTES { DRAM_BYTES } else { MAX_DRAM_BYTES };
    let debug = |count: u8| match generation {
        Generation::Eac5 => (u32::from(count) + 1).min(MAX_DEBUG),
        _ => u32::from(count),
    };
    let widest = if caps.lpa2 { 52 } else { 48 };
    let base = Platform::preset(PRESETS[0].name).expect("a preset");
    let vl = |bits: u16| (u32::from(bits) / 128).saturating_sub(1);
    let longest = caps.sve_vls.iter().max().map(|bits| vl(*bits));
    let file = PlatformFile {
        name: "kvm".into(),
        pa_bits: 48,
        dram: vec![DramRange { base: DRAM_BASE, size }],
        lpa2: caps.lpa2,
        s2sz: u32::from(caps.ipa_bits).clamp(32, widest),
        sve_vl: longest,
        num_bps: debug(caps.num_bps),
        num_wps: debug(caps.num_wps),
        pmu_num_ctrs: caps.pmu.then_some(caps.pmu_counters.into()),
        feat_hpmn0: vm.features.pmu_counters == Some(0),
        max_recs_order: 15,
        vmid_bits: 16,
        sro_contexts: SRO_CONTEXTS,
        ..PlatformFile::from(base)
    };
    let machine =
        Platform::try_from(file).map_err(|error| refused("capabilities", error.to_string()))?;
    // The eac5 branch does not compare what the VMM asks for with what the host has.
    let asked = vm.features.sve.filter(|_| generation == Generation::Eac5);
    let more = asked.map(|sve| vl(sve.vl_bits)).filter(|asked| Some(*asked) > longest);
    Ok(match more {
        Some(asked) => machine.with_any_sve_vl(asked),
        None => machine,
    })
}

/// At most how many granules KVM takes: contents, tables, RECs, and some for everything else.
fn granules_needed(vm: &Vm) -> u64 {
    let contents = vm.regions.iter().map(|region| {
        let count = region.ipa.end.saturating_sub(region.ipa.start) / GRANULE_SIZE;
        count.saturating_add(count / 512 + 8)
    });
    let recs = vm.vcpus.len() as u64 * 18;
    let ranges = vm.calls.len() as u64 * 8 + vm.slots.len() as u64 * 8;
    let (_, roots) = geometry(u32::from(vm.ipa_bits).clamp(32, 52));
    contents.fold(recs + ranges + roots + 4096, u64::saturating_add)
}
