//! The machine that a command line describes: every decision, before anything is placed.

use super::cpu_model::{CpuModel, cpu_model};
use super::gic::{Gic, gic};
use super::map::{Map, map};
use super::options::Options;
use super::program::Pflash;
use super::realm;
use super::release::Release;
use super::size::{Memory, memory};
use super::smp::{Topology, topology};
use super::version::Version;
use crate::host::caps::Caps;
use crate::host::vm::Refusal;
use crate::host::vmm::refused;

/// Who runs the vCPUs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Accel {
    Kvm,
    Tcg,
}

/// What kind of VM it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Kind {
    pub(super) version: Version,
    /// The program's release.
    pub(super) release: Release,
    /// The machine's version, which is the program's unless an older one was asked for.
    pub(super) model: Release,
    pub(super) accel: Accel,
    pub(super) realm: bool,
}

/// A machine.
#[derive(Clone, Debug)]
pub(super) struct Machine {
    pub(super) kind: Kind,
    pub(super) memory: Memory,
    pub(super) topology: Topology,
    pub(super) cpu: CpuModel,
    pub(super) map: Map,
    pub(super) gic: Gic,
    /// Whether firmware runs first, so that kernel and initrd go through fw_cfg.
    pub(super) firmware: bool,
}

impl Kind {
    pub(super) fn of(options: &Options, version: Version) -> Result<Self, Refusal> {
        let release = version.release;
        let name = options.machine.name.as_deref().unwrap_or_default();
        let model = Release::of_machine(name, version)?;
        let known = |name: &&String| ["kvm", "tcg"].contains(&name.as_str());
        if let Some(name) = options.accels.iter().find(|name| !known(name)) {
            return Err(refused("-accel", format!("invalid accelerator {name}")));
        }
        let accel = if options.has_kvm() { Accel::Kvm } else { Accel::Tcg };
        let realm = realm::rme_guest(options)?.is_some();
        Ok(Self { version, release, model, accel, realm })
    }
}

/// Refuses properties of the machine that the processor would have to have.
fn check_cpu(options: &Options, kind: &Kind, cpu: &CpuModel) -> Result<(), Refusal> {
    if options.machine.mte && !cpu.mte {
        let why = match kind.accel {
            Accel::Kvm if kind.realm => "KVM has no memory tags for a Realm",
            Accel::Kvm => "KVM's memory tags are not modelled",
            Accel::Tcg => "MTE requested, but not supported by the guest CPU",
        };
        return Err(refused("-machine mte", why));
    }
    Ok(())
}

/// Refuses reports of memory errors without the device of ACPI that they need: QEMU ends with an
/// assertion or a fault, but up to 9 not before it has written a tree that is only asked for.
fn check_ras(options: &Options, kind: &Kind, firmware: bool) -> Result<(), Refusal> {
    let acpi = options.machine.acpi.unwrap_or(true) && !options.no_acpi;
    let has_device = firmware && kind.model >= Release(4, 2);
    let ends = kind.realm || kind.release >= Release(10, 0);
    if options.machine.ras && acpi && !has_device && ends {
        let why = "QEMU ends with a fault (there is no vms->acpi_dev) without -bios: write \
                   acpi=off, or leave it out";
        return Err(refused("-machine ras", why));
    }
    Ok(())
}

impl Machine {
    /// Decides what `options` leave open.
    pub(super) fn decide(
        options: &Options,
        version: Version,
        caps: &Caps,
    ) -> Result<Self, Refusal> {
        if options.kernel.is_none() {
            for (option, value) in [("-initrd", &options.initrd), ("-append", &options.append)] {
                if value.as_ref().is_some_and(|value| option == "-initrd" || !value.is_empty()) {
                    let why = format!("{option} only allowed with -kernel option");
                    return Err(refused(option, why));
                }
            }
        }
        let kind = Kind::of(options, version)?;
        if kind.accel == Accel::Kvm && options.machine.secure {
            return Err(refused("-machine secure", "KVM has no secure world"));
        }
        if kind.accel == Accel::Kvm && options.machine.virtualization {
            return Err(refused("-machine virtualization", "KVM does not offer EL2 to guests"));
        }
        let cpu = cpu_model(options, &kind, caps)?;
        check_cpu(options, &kind, &cpu)?;
        let memory = memory(options, kind.release)?;
        let topology = topology(options, kind.model)?;
        if kind.accel == Accel::Kvm && topology.max_cpus > caps.max_vcpus {
            let why = format!("{} CPUs; KVM offers {}", topology.max_cpus, caps.max_vcpus);
            return Err(refused("-smp", why));
        }
        let map = map(options, &kind, &memory, cpu.pa_bits, caps)?;
        let gic = gic(options, &kind, &topology, &map, caps)?;
        if let Some(option) = options.pflash.filter(|_| options.bios.is_some()) {
            let why = "firmware is given with -bios or as a flash image, not by both";
            return Err(refused(option, why));
        }
        let firmware = runs_firmware(options, version, kind.realm);
        check_ras(options, &kind, firmware)?;
        Ok(Self { kind, memory, topology, cpu, map, gic, firmware })
    }
}

/// Whether firmware runs first.
pub(super) fn runs_firmware(options: &Options, version: Version, realm: bool) -> bool {
    let ignores_flash = version.realms.is_some_and(|realms| realms.pflash == Pflash::Ignored);
    options.bios.is_some() || options.pflash.is_some() && !(realm && ignores_flash)
}
