//! Whether a capability that nobody named changes the RIM: the VM is planned again with others.

use std::sync::Arc;

use super::assumption::Assumption;
use super::input::{DEVICE_TREE, Input, Opened};
use super::plan::Plan;
use super::request::{Request, Setting};
use crate::abi::granule_size::GranuleSize;
use crate::host::caps::{Decision, sve_lengths_up_to};
use crate::host::{Caps, Files, Region, Vm, Vmm, qemu};
use crate::measure::hasher::Hasher;

/// Makes another host of one.
type Other = fn(&mut Caps);

/// Capabilities by their option, with values that other hosts have; none where every other value
/// is a refusal, or is said by the VMM itself.
const CAPABILITIES: &[(&str, &str, &[Other])] = &[
    ("ipa_bits", "--ipa-bits", &[|caps| caps.ipa_bits = 40, |caps| caps.ipa_bits = 52]),
    ("lpa2", "--lpa2", &[|caps| caps.lpa2 = !caps.lpa2]),
    ("num_bps", "--num-bps", &[|caps| caps.num_bps = if caps.num_bps == 2 { 16 } else { 2 }]),
    ("num_wps", "--num-wps", &[|caps| caps.num_wps = if caps.num_wps == 2 { 16 } else { 2 }]),
    ("pmu", "--pmu", &[|caps| (caps.pmu, caps.pmu_counters) = (!caps.pmu, 6)]),
    ("pmu_counters", "--pmu-counters", &[|caps| caps.pmu_counters = caps.pmu_counters.max(1) * 2]),
    ("sve_vls", "--sve-vl", &[|caps| caps.sve_vls = sve_lengths_up_to(512)]),
    ("gicv3", "--gicv3", &[]),
    ("its", "--its", &[|caps| caps.its = !caps.its]),
    ("gicv2", "--gicv2", &[]),
    ("max_vcpus", "--max-vcpus", &[]),
    ("host_page_size", "--host-page-size", &[|caps| caps.host_page_size = GranuleSize::K64]),
];

/// The capabilities that nobody decided.
pub(super) fn capabilities(
    request: &Request,
    plan: &Plan,
    files: &mut dyn Files,
) -> Vec<Assumption> {
    let known = opened(request, plan);
    let params = plan.start(Hasher::default()).ok();
    let mut changes = |caps: Caps| {
        let Plan { version, host, profile, .. } = *plan;
        let setting = Setting { version, host, profile, caps, decisions: Vec::new() };
        let mut files = Opened::again(files, known.clone());
        // What is refused has no other RIM.
        let Ok(other) = request.plan_on(setting, &mut files) else { return false };
        let Ok(start) = other.start(Hasher::default()) else { return false };
        Some(start) != params || !is_same(&plan.vm, &other.vm)
    };
    defaulted(&plan.decisions, &plan.caps, &mut changes)
}

/// The capabilities that nobody decided, with whether `changes` sees a change.
pub(super) fn defaulted(
    decisions: &[Decision],
    caps: &Caps,
    changes: &mut dyn FnMut(Caps) -> bool,
) -> Vec<Assumption> {
    let mut assumed = Vec::new();
    for decision in decisions.iter().filter(|decision| decision.by == "default") {
        let row = CAPABILITIES.iter().find(|(key, ..)| *key == decision.key);
        let Some((key, option, others)) = row else { continue };
        let changed = others.iter().any(|other| {
            let mut caps = caps.clone();
            other(&mut caps);
            changes(caps)
        });
        let value = if decision.value == "[]" { "none" } else { &decision.value };
        assumed.push(Assumption::new(key, value, option, changed));
    }
    assumed
}

/// The files of a plan, so that nothing is opened or unpacked twice.
fn opened(request: &Request, plan: &Plan) -> Vec<Input> {
    let files = plan.inputs.iter().filter(|input| input.name != DEVICE_TREE);
    let mut inputs: Vec<Input> = files.cloned().collect();
    let name = || qemu::kernel_name(plan.version.name, &request.argv);
    let kernel = (plan.vmm == Vmm::Qemu).then(name).flatten();
    let region = plan.vm.regions.iter().find(|region| region.name == "kernel");
    let loaded = region.and_then(|region| region.image.as_ref());
    let loaded = loaded.filter(|image| qemu::is_unpacked_kernel(image));
    for input in inputs.iter_mut().filter(|input| Some(&input.name) == kernel.as_ref()) {
        input.image = loaded.unwrap_or(&input.image).clone();
    }
    inputs
}

/// Whether two VMs are measured alike, as far as their parameters do not tell.
pub(super) fn is_same(a: &Vm, b: &Vm) -> bool {
    let regions = a.regions.len() == b.regions.len()
        && a.regions.iter().zip(&b.regions).all(|(a, b)| is_same_region(a, b));
    let (a, b) = ((&a.slots, &a.vcpus, &a.calls), (&b.slots, &b.vcpus, &b.calls));
    regions && a == b
}

fn is_same_region(a: &Region, b: &Region) -> bool {
    let contents = match (&a.image, &b.image) {
        (Some(a), Some(b)) => Arc::ptr_eq(a, b) || a.bytes_from(0) == b.bytes_from(0),
        (None, None) => true,
        _ => false,
    };
    let place = |region: &Region| (region.ipa.clone(), region.fill_bytes, region.measured);
    contents && place(a) == place(b)
}
