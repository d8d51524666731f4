//! What QEMU takes where the command line is silent.

use super::machine::Machine;
use super::options::Options;
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
    let mut add = |key, option, text: String| assumed.push(Assumed { key, text, option });
    if options.memory.is_empty() {
        let mib = machine.memory.ram_bytes >> 20;
        add("ram", "-m", format!("RAM is {mib} MiB, QEMU's default"));
    }
    if options.smp.is_empty() {
        add("vcpus", "-smp", "one vCPU, QEMU's default".into());
    }
    if guest.hash_algo.is_none() && machine.kind.version != Version::Rmi {
        let option = "-object rme-guest,measurement-algorithm";
        add("hash", option, "the hash algorithm is sha512, QEMU's default".into());
    }
    if makes_tree && options.machine.gic_version.is_none() {
        let text = "a GICv3, since the host has no GICv2 for so many vCPUs";
        add("irqchip", "-machine gic-version", text.into());
    }
    if makes_tree && options.machine.its.is_none() && machine.gic.its {
        add("its", "-machine its", "the interrupt controller has an ITS".into());
    }
    assumed
}
