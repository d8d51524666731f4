//! Generations of KVM's support for Realms, by name.

use crate::abi::granule_size::GranuleSize;
use crate::abi::profile::{Edition, Profile, Rmm};
use crate::encoding::nearest::there_are;
use crate::host::certainty::Certainty;

/// Generations that give different RIMs for the same calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Generation {
    /// The branch for RMM 1.0-eac5: the VMM drives; breakpoints are passed on as they are given.
    Eac5,
    /// Series v2 to v11: the VMM drives.
    VmmDriven,
    /// Series v12: KVM drives. Contents first, then RECs, RIPAS last.
    KvmDriven,
    /// Series v13 and later, for RMM 2.0: as v12, by ranges and stateful operations; RIPAS of all
    /// of a slot, which is not measured.
    Rmm20,
}

impl Generation {
    /// Whether KVM itself creates the Realm, its RECs and its RIPAS.
    #[must_use]
    pub const fn is_kvm_driven(self) -> bool {
        matches!(self, Self::KvmDriven | Self::Rmm20)
    }
}

/// A KVM by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HostProfile {
    /// The name on the command line.
    pub name: &'static str,
    /// When it was published: year, month, perhaps day; empty if that is not known.
    pub date: &'static str,
    /// The release of Linux that it is based on; empty if that is not known.
    pub base: &'static str,
    /// The name of the profile of the series whose calls it takes: its own, but for kernels of
    /// vendors and models.
    pub series: &'static str,
    /// The number of its capability, by which VMMs find it; empty if that is not known.
    pub capability: &'static str,
    /// The RMM specification that it is written for.
    pub rmm: &'static str,
    /// The profile that gives the same RIM for every VM, if one stands for both.
    pub same_as: Option<&'static str>,
    /// What is different.
    pub about: &'static str,
    /// Where this is known from.
    pub source: &'static str,
    /// How well it is known.
    pub certainty: Certainty,
    /// Whether it is a kernel, and not a model.
    pub is_kernel: bool,
    /// How it behaves.
    pub generation: Generation,
    /// Whether Realms can have a PMU.
    pub pmu: bool,
    /// Whether Realms get LPA2 where the host kernel runs with it.
    pub lpa2: bool,
    /// Whether devices can be assigned to Realms. The kernel that does it writes that flag over
    /// the others.
    pub assigns_devices: bool,
    /// Whether it goes on where RMI_REALM_CREATE begins a stateful operation.
    pub ends_realm_create: bool,
    /// Whose rule the RIM is made by, if nobody says.
    pub measured_by: Rmm,
    /// The sizes of the kernel's own pages with which it has Realms.
    pub pages: &'static [GranuleSize],
}

const ONLY_4K: &[GranuleSize] = &[GranuleSize::K4];
const ANY_PAGES: &[GranuleSize] = &[GranuleSize::K4, GranuleSize::K16, GranuleSize::K64];

const CLASSIC: HostProfile = HostProfile {
    name: "kvm-v10",
    date: "2025-08-20",
    base: "6.17",
    series: "kvm-v10",
    capability: "KVM_CAP_ARM_RME 244",
    rmm: "1.0-rel0",
    same_as: None,
    about: "the VMM decides the order; hash algorithm and RPV can be set",
    source: "the series as mailed, and arch/arm64/kvm/rme.c of NVIDIA's 6.17",
    certainty: Certainty::Read,
    is_kernel: true,
    generation: Generation::VmmDriven,
    pmu: true,
    lpa2: false,
    assigns_devices: false,
    ends_realm_create: false,
    measured_by: Rmm::TfRmm,
    pages: ANY_PAGES,
};

/// The series for RMM 2.0, from v13 on.
const BETA: HostProfile = HostProfile {
    name: "kvm-v13",
    date: "2026-03-18",
    base: "7.0",
    series: "kvm-v13",
    capability: "KVM_CAP_ARM_RMI 248",
    rmm: "2.0-bet0",
    about: "KVM decides the order: contents, RECs, RIPAS of each memory slot, which is not \
            measured; LPA2 is, if the host runs with it; a Realm has a PMU if the RMM offers \
            one, and TF-RMM offers none; always SHA-256",
    source: "the series as mailed, and arch/arm64/kvm/rmi.c of a maintainer's tree",
    generation: Generation::Rmm20,
    pmu: false,
    lpa2: true,
    ..CLASSIC
};

const fn alias(
    name: &'static str,
    [date, base, rmm, capability]: [&'static str; 4],
) -> HostProfile {
    HostProfile {
        name,
        date,
        base,
        series: name,
        capability,
        rmm,
        same_as: Some(CLASSIC.name),
        about: "as kvm-v10",
        source: "the series as mailed",
        ..CLASSIC
    }
}

/// As [`alias`], from the time when the kernel had to have pages of 4 KiB.
const fn alias_4k(name: &'static str, about: [&'static str; 4]) -> HostProfile {
    HostProfile { pages: ONLY_4K, ..alias(name, about) }
}

/// Every profile: the series, oldest first, then kernels of vendors, last the one that is no
/// kernel.
pub const HOSTS: &[HostProfile] = &[
    HostProfile {
        name: "kvm-eac5",
        date: "2023",
        base: "6.x",
        series: "kvm-eac5",
        capability: "KVM_CAP_ARM_RME 300",
        rmm: "1.0-eac5",
        about: "the VMM decides the order; breakpoints and watchpoints as the VMM gives them",
        source: "arch/arm64/kvm/rme.c of a copy of the branch for RMM 1.0-eac5",
        generation: Generation::Eac5,
        pages: ONLY_4K,
        ..CLASSIC
    },
    alias_4k("kvm-v2", ["2024-04-12", "6.9", "1.0-eac5", "KVM_CAP_ARM_RME 300"]),
    alias_4k("kvm-v3", ["2024-06", "6.10", "1.0-eac5", "KVM_CAP_ARM_RME 300"]),
    alias_4k("kvm-v4", ["2024-08", "6.11", "1.0-rel0-rc1", "KVM_CAP_ARM_RME 300"]),
    alias_4k("kvm-v5", ["2024-10-04", "6.12", "1.0-rel0", "KVM_CAP_ARM_RME 300"]),
    alias_4k("kvm-v6", ["2024-12-12", "6.13", "1.0-rel0", "KVM_CAP_ARM_RME 300"]),
    alias("kvm-v7", ["2025-02-13", "6.14", "1.0-rel0", "KVM_CAP_ARM_RME 300"]),
    alias("kvm-v8", ["2025-04-16", "6.15", "1.0-rel0", "KVM_CAP_ARM_RME 240"]),
    alias("kvm-v9", ["2025-06-11", "6.16", "1.0-rel0", "KVM_CAP_ARM_RME 243"]),
    CLASSIC,
    alias("kvm-v11", ["2025-10-17", "6.18", "1.0-rel0", "KVM_CAP_ARM_RMI 244"]),
    HostProfile {
        name: "kvm-v12",
        date: "2025-12-17",
        base: "6.19",
        series: "kvm-v12",
        capability: "KVM_CAP_ARM_RMI 247",
        about: "KVM decides the order: contents, RECs, RIPAS of each memory slot without what was \
                populated; always SHA-256",
        source: "the series as mailed",
        generation: Generation::KvmDriven,
        ..CLASSIC
    },
    BETA,
    HostProfile {
        name: "kvm-v14",
        date: "2026-05-13",
        base: "7.1",
        series: "kvm-v14",
        capability: "KVM_CAP_ARM_RMI 249",
        rmm: "2.0-bet1",
        about: "as kvm-v13, and Realms have no PMU with any RMM",
        ..BETA
    },
    HostProfile {
        name: "kvm-v15",
        date: "2026-07-15",
        base: "",
        series: "kvm-v15",
        capability: "KVM_CAP_ARM_RMI 251",
        rmm: "2.0-bet2",
        about: "as kvm-v14 without LPA2, which Realms do not get whatever the host runs with",
        source: "arch/arm64/kvm/rmi.c of a developer's tree between v15 and v16; the mails were \
                 not seen",
        lpa2: false,
        ends_realm_create: true,
        ..BETA
    },
    HostProfile {
        name: "kvm-v16",
        date: "2026-08-03",
        base: "",
        series: "kvm-v16",
        capability: "",
        rmm: "2.0-bet3",
        about: "as kvm-v15; the RIM begins with zeros, as the text has it: which RMM fits was not \
                seen, so --rim-rule decides",
        source: "the list's digest and the header of its RMI calls; the code was not seen",
        certainty: Certainty::Inferred,
        lpa2: false,
        ends_realm_create: true,
        measured_by: Rmm::Spec,
        ..BETA
    },
    HostProfile {
        name: "nvidia-6.17",
        about: "NVIDIA's kernel: as kvm-v10, and MECIDs, which are not measured",
        same_as: Some(CLASSIC.name),
        date: "",
        source: "arch/arm64/kvm/rme.c of NV-Kernels, pull request 298",
        ..CLASSIC
    },
    HostProfile {
        name: "nvidia-6.18",
        date: "2026-03",
        base: "6.18",
        series: "kvm-v11",
        capability: "by /sys/module/kvm/parameters/kvm_cap_arm_rmi",
        same_as: Some(CLASSIC.name),
        about: "NVIDIA's kernel: as kvm-v11, and MECIDs, which are not measured",
        source: "NV-Kernels, pull request 332",
        ..CLASSIC
    },
    HostProfile {
        name: "nvidia-7.0-da",
        date: "2026-09",
        base: "7.0",
        series: "kvm-v12",
        capability: "KVM_CAP_ARM_RMI 248",
        about: "NVIDIA's kernel with device assignment, RMM 1.1-DA: as kvm-v12, but the Realm's \
                flags are 0x8 alone, while the SVE length and the PMU's counters stay; pages of \
                4 KiB only",
        source: "arch/arm64/kvm/rmi.c of NV-Kernels at 03a9f008",
        generation: Generation::KvmDriven,
        assigns_devices: true,
        pages: ONLY_4K,
        ..CLASSIC
    },
    HostProfile {
        name: "realm-vm",
        date: "",
        base: "",
        capability: "",
        about: "no kernel but the model of the Realm VM reference cases: as kvm-v10, and LPA2 is \
                measured if the host runs with it",
        source: "recorded reference cases",
        is_kernel: false,
        lpa2: true,
        ..CLASSIC
    },
];

impl HostProfile {
    /// What is asked for if nothing is.
    pub const DEFAULT: Self = CLASSIC;

    /// The edition of the specification that it is written for.
    ///
    /// # Panics
    /// If the release that a profile names belongs to none: a fault of the table.
    #[must_use]
    pub fn edition(&self) -> Edition {
        Edition::of_release(self.rmm).expect("a release of DEN0137")
    }

    /// Whether it is a series as it was published, not a vendor's kernel.
    #[must_use]
    pub fn is_series(&self) -> bool {
        self.is_kernel && self.name == self.series
    }

    /// The rules of the RMM that it is run with: of the text, those of the beta that it is written
    /// for.
    #[must_use]
    pub fn profile(&self, rmm: Rmm) -> Profile {
        Profile::for_release(self.edition(), rmm, self.rmm)
    }

    /// The newest series that is written for an edition and whose code was seen.
    ///
    /// # Panics
    /// If there is none: a fault of the table.
    #[must_use]
    pub fn newest(edition: Edition) -> &'static Self {
        let mut series = HOSTS.iter().rev().filter(|host| host.is_series());
        let seen = |host: &&Self| host.certainty != Certainty::Inferred;
        series.find(|host| host.edition() == edition && seen(host)).expect("each edition has one")
    }

    /// The profile with this name.
    ///
    /// # Errors
    /// If there is none; the error says which there are, or why the one asked for is not.
    pub fn from_name(name: &str) -> Result<&'static Self, String> {
        if let Some(found) = HOSTS.iter().find(|host| host.name == name) {
            return Ok(found);
        }
        if ["kvm-rfc", "kvm-v1", "kvm-rfc-v1"].contains(&name) {
            return Err("the first series (2023-01) speaks RMM 1.0-beta0, whose structures and \
                        commands are others; it is not simulated"
                .into());
        }
        let known: Vec<_> = HOSTS.iter().map(|host| host.name).collect();
        Err(format!("there is no such KVM; {}", there_are(name, &known)))
    }
}
