//! What QEMU takes where the command line is silent.

use super::gic::{Frame, GicVersion};
use super::layout::Layout;
use super::machine::Machine;
use super::options::Options;
use super::program::Bypass;
use super::realm::RmeGuest;
use super::version::Version;
use crate::host::vm::{Assumed, VcpuFeatures};

/// The defaults that a Realm's RIM depends on; those of the device tree only if QEMU makes it.
pub(super) fn assumed(
    options: &Options,
    machine: &Machine,
    guest: &RmeGuest,
    features: &VcpuFeatures,
    makes_tree: bool,
) -> Vec<Assumed> {
    let mut assumed = features.assumed();
    assumed.extend(of_memory_and_cpus(options, machine));
    let chooses = machine.kind.version.realms.is_some_and(|realms| realms.chooses_hash);
    if guest.hash_algo.is_none() && chooses {
        let option = "-object rme-guest,measurement-algorithm";
        let text = "the hash algorithm is sha512, QEMU's default";
        assumed.push(said("hash", "sha512", option, text));
    }
    if makes_tree {
        assumed.extend(of_tree(options, machine));
    }
    assumed
}

/// That a program's trees were not seen, and whose rules are taken.
fn rules_of_another(machine: &Machine) -> Option<Assumed> {
    let program = machine.kind.version;
    let rules = program.trees_as?;
    let text = format!(
        "the device tree is made by the rules of {rules}; those of {} were not seen",
        program.name
    );
    Some(said("tree", &format!("as of {rules}"), "--dtb", &text))
}

/// What was only read of how QEMU starts kernels, or not even that.
pub(super) fn of_layout(layout: &Layout, version: Version) -> Option<Assumed> {
    let may_have_stub = version.realms.is_some_and(|realms| realms.may_have_stub);
    if layout.starts_linux && may_have_stub {
        let text = format!(
            "the kernel begins without a boot stub of QEMU's, as in the series v3; the states of \
             {}'s hw/arm/boot.c that were seen write one: with -bios there is none in any case",
            version.name
        );
        return Some(said("stub", "none", "-bios", &text));
    }
    let tree = match layout.no_tree {
        Some(_) => "no device tree",
        None => "the device tree at the start of RAM",
    };
    let text = format!(
        "a kernel that is not Linux begins at its entry on every vCPU, with {tree} and without an \
         initrd: as read in QEMU's hw/arm/boot.c; no Realm with one was seen"
    );
    layout.is_other.then(|| said("kernel", "not Linux", "-kernel", &text))
}

/// The defaults that every device tree depends on.
pub(super) fn of_any_vm(options: &Options, machine: &Machine) -> Vec<Assumed> {
    let mut assumed = of_memory_and_cpus(options, machine);
    assumed.extend(of_tree(options, machine));
    assumed
}

fn said(key: &'static str, value: &str, option: &'static str, text: &str) -> Assumed {
    Assumed { key, value: value.into(), text: text.into(), option }
}

fn of_memory_and_cpus(options: &Options, machine: &Machine) -> Vec<Assumed> {
    let mut assumed = Vec::new();
    if options.memory.is_empty() {
        let mib = machine.memory.ram_bytes >> 20;
        let text = format!("RAM is {mib} MiB, QEMU's default");
        assumed.push(said("ram", &format!("{mib} MiB"), "-m", &text));
    }
    if options.smp.is_empty() {
        assumed.push(said("vcpus", "1", "-smp", "one vCPU, QEMU's default"));
    }
    assumed
}

fn of_tree(options: &Options, machine: &Machine) -> Vec<Assumed> {
    let mut assumed: Vec<_> = rules_of_another(machine).into_iter().collect();
    let has_iommu = options.machine.smmu
        || options.devices.iter().any(|device| device.kind.starts_with("virtio-iommu"));
    let differs = machine.kind.version.bypass == Bypass::KeepsMapAtFirst;
    if options.machine.bypass_iommu && has_iommu && differs {
        let text = "default-bus-bypass-iommu=on has no effect, as in QEMU 10.0.2; later stable \
                    releases, as 10.0.13, leave iommu-map out of the device tree";
        assumed.push(said("iommu", "as in 10.0.2", "--vmm-version", text));
    }
    if options.machine.gic_version.is_none() {
        let (value, text) = match machine.gic.version {
            GicVersion::V2 => ("gicv2", "a GICv2, QEMU's default"),
            _ if machine.kind.realm => {
                ("gicv3", "a GICv3, since the host has no GICv2 for so many vCPUs")
            }
            _ => ("gicv3", "a GICv3, since a GICv2 is not to be had"),
        };
        assumed.push(said("irqchip", value, "-machine gic-version", text));
    }
    if options.machine.msi().is_none() && machine.gic.msi == Some(Frame::Its) {
        assumed.push(said("its", "true", "-machine its", "the interrupt controller has an ITS"));
    }
    assumed
}
