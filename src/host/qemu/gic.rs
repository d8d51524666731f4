//! The interrupt controller: which, and what belongs to it.

use super::machine::{Accel, Kind};
use super::machine_options::Msi;
use super::map::Map;
use super::options::Options;
use super::release::Release;
use super::smp::Topology;
use crate::host::caps::Caps;
use crate::host::vm::Refusal;
use crate::host::vmm::refused;

/// Versions of the architecture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum GicVersion {
    V2,
    V3,
    V4,
}

/// Who takes messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Frame {
    Its,
    V2m,
}

/// An interrupt controller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Gic {
    pub(super) version: GicVersion,
    /// Who takes the messages of devices, if anybody does.
    pub(super) msi: Option<Frame>,
    /// Whether redistributors take the second, high region too.
    pub(super) two_regions: bool,
}

impl Gic {
    /// Whether devices can send messages.
    pub(super) fn takes_messages(&self) -> bool {
        self.msi.is_some()
    }
}

const OPTION: &str = "-machine gic-version";
/// Size of the first region of redistributors.
pub(super) const REDIST_BYTES: u64 = 0xf6_0000;
/// Most CPUs with a GICv2.
const V2_CPUS: u32 = 8;

/// Chooses the interrupt controller.
pub(super) fn gic(
    options: &Options,
    kind: &Kind,
    topology: &Topology,
    map: &Map,
    caps: &Caps,
) -> Result<Gic, Refusal> {
    let version = version(options, kind, topology, caps)?;
    let stride = if version == GicVersion::V4 { 0x4_0000 } else { 0x2_0000 };
    let first = u32::try_from(REDIST_BYTES / stride).expect("at most 123");
    let second = map.redist2.as_ref().map_or(0, |window| (window.end - window.start) / stride);
    let second = u32::try_from(second).expect("at most 512");
    let most = if version == GicVersion::V2 { V2_CPUS } else { first + second };
    if topology.max_cpus > most {
        let why = format!("{} CPUs; this interrupt controller has {most}", topology.max_cpus);
        return Err(refused("-smp", why));
    }
    let asked = options.machine.msi();
    let v2 = version == GicVersion::V2;
    if v2 && asked == Some(Msi::Its) && kind.release >= Release(11, 0) {
        let why = "GICv2 + ITS is an invalid configuration";
        return Err(refused("-machine its", why));
    }
    let wanted = !v2 && matches!(asked, None | Some(Msi::Its));
    if wanted && kind.accel == Accel::Kvm && kind.model >= Release(2, 8) && !caps.its {
        let why = "QEMU wants one by default, and the host has none: write its=off";
        return Err(refused("-machine its", why));
    }
    let its = match kind.accel {
        // Before 6.2 only KVM had one.
        Accel::Tcg => kind.model >= Release(6, 2),
        Accel::Kvm => caps.its && kind.model >= Release(2, 8),
    };
    let msi = match () {
        () if wanted && its => Some(Frame::Its),
        () if asked == Some(Msi::Gicv2m) || (v2 && asked != Some(Msi::Off)) => Some(Frame::V2m),
        () => None,
    };
    let two_regions = !v2 && topology.cpus > first && second > 0;
    Ok(Gic { version, msi, two_regions })
}

fn version(
    options: &Options,
    kind: &Kind,
    topology: &Topology,
    caps: &Caps,
) -> Result<GicVersion, Refusal> {
    let asked = options.machine.gic_version.as_deref();
    if kind.accel == Accel::Tcg {
        return emulated(asked, kind, topology, options.machine.virtualization);
    }
    let found = match asked {
        None if caps.gicv2 && topology.max_cpus <= V2_CPUS => GicVersion::V2,
        None | Some("host" | "max") if caps.gicv3 => GicVersion::V3,
        None | Some("host" | "max") if caps.gicv2 => GicVersion::V2,
        None | Some("3" | "host" | "max") if !caps.gicv3 => {
            return Err(refused(OPTION, "the host has no GICv3"));
        }
        Some("2") if kind.realm || caps.gicv2 => GicVersion::V2,
        Some("2") => return Err(refused(OPTION, "the host has no GICv2")),
        Some("3") => GicVersion::V3,
        Some(other) if kind.realm => {
            return Err(refused(OPTION, format!("{other:?}; a Realm has a GICv3")));
        }
        other => {
            let why = format!("{:?}; KVM has 2, 3, host and max", other.unwrap_or_default());
            return Err(refused(OPTION, why));
        }
    };
    match asked {
        _ if !kind.realm || found == GicVersion::V3 => Ok(found),
        Some(asked) => Err(refused(OPTION, format!("{asked:?}; a Realm has a GICv3"))),
        None => {
            let why = "QEMU takes the host's GICv2 for so few CPUs, and a Realm has a GICv3: \
                       write gic-version=3";
            Err(refused(OPTION, why))
        }
    }
}

/// The version under TCG.
fn emulated(
    asked: Option<&str>,
    kind: &Kind,
    topology: &Topology,
    virtualization: bool,
) -> Result<GicVersion, Refusal> {
    match asked {
        Some("max") if virtualization => Ok(GicVersion::V4),
        Some("max" | "3") => Ok(GicVersion::V3),
        Some("2") => Ok(GicVersion::V2),
        Some("4") if virtualization => Ok(GicVersion::V4),
        Some("4") => Err(refused(OPTION, "gic-version=4 requires virtualization enabled")),
        Some("host") => Err(refused(OPTION, "gic-version=host requires KVM")),
        Some(other) => Err(refused(OPTION, format!("{other:?}; there are 2, 3, 4, host and max"))),
        None if topology.max_cpus > V2_CPUS && kind.release > Release(7, 2) => Ok(GicVersion::V3),
        None => Ok(GicVersion::V2),
    }
}
