//! The kvmtool programs that are known, and what they differ in.

use crate::host::vmm::{HostRange, VmmVersion};

/// The versions, the default first.
pub const VERSIONS: &[VmmVersion] = &[
    row(Version::RamFirst64k, &["B2"]),
    row(Version::RamFirst4k, &["B1"]),
    row(Version::BssOnly, &["B0"]),
    row(Version::Eac5, &["A0"]),
    row(Version::Eac5Islet, &["A"]),
    row(Version::Linaro, &["C"]),
    row(Version::RealmVm, &[]),
];

const fn row(version: Version, aliases: &'static [&'static str]) -> VmmVersion {
    VmmVersion {
        name: version.name(),
        aliases,
        date: "",
        host: version.host(),
        hosts: version.hosts(),
        about: version.summary(),
    }
}

/// A kvmtool with Realm support.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// Arm's branch for RMM 1.0-eac5.
    Eac5,
    /// The same with Islet's changes: metadata, and another check of overlaps.
    Eac5Islet,
    /// Arm's branch `cca/v2`: KVM's calls of v2 and later, RIPAS for the BSS only.
    BssOnly,
    /// Arm's branch from the point where all of RAM is initialised first.
    RamFirst4k,
    /// The same from the point where regions are 64 KiB aligned.
    RamFirst64k,
    /// Linaro's branch `cca/dtb`: device trees from outside, PCI interrupts by slot.
    Linaro,
    /// The layout and order of the Realm VM reference cases, which is no program.
    RealmVm,
}

/// Which part of RAM is initialised, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ripas {
    /// What the kernel's image size says beyond its file, after the kernel is populated.
    Bss,
    /// All RAM, before anything is populated.
    Ram,
}

/// How the number of PMU counters is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Counters {
    /// `--pmu-counters` alone, even without `--pmu`.
    Configured,
    /// `--pmu-counters` if there is `--pmu`, which alone means the host's number.
    WithPmu,
    /// The host's number if there is `--pmu`.
    OfHost,
    /// The host's number, whatever the command line says.
    Assumed,
}

/// How SVE is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SveRule {
    /// Off but for `--sve-vl`, which goes to KVM as it is.
    AsAsked,
    /// Off but for `--sve-vl`: the host's longest vector that is not longer.
    AtMost,
    /// The host's longest vector but for `--sve-max-vl` and `--disable-sve`.
    OfHost,
}

impl Version {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Eac5,
        Self::Eac5Islet,
        Self::BssOnly,
        Self::RamFirst4k,
        Self::RamFirst64k,
        Self::Linaro,
        Self::RealmVm,
    ];

    /// The version of this name or short name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|version| {
            version.name() == name || version.alias().is_some_and(|alias| alias == name)
        })
    }

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Eac5 => "cca-eac5",
            Self::Eac5Islet => "islet-eac5",
            Self::BssOnly => "cca-v2",
            Self::RamFirst4k => "cca-ram-first-4k",
            Self::RamFirst64k => "cca-ram-first-64k",
            Self::Linaro => "linaro-dtb",
            Self::RealmVm => "realm-vm",
        }
    }

    /// Its short name: the lineage's.
    #[must_use]
    pub const fn alias(self) -> Option<&'static str> {
        match self {
            Self::Eac5 => Some("A0"),
            Self::Eac5Islet => Some("A"),
            Self::BssOnly => Some("B0"),
            Self::RamFirst4k => Some("B1"),
            Self::RamFirst64k => Some("B2"),
            Self::Linaro => Some("C"),
            Self::RealmVm => None,
        }
    }

    /// What it is, in a line.
    #[must_use]
    pub const fn summary(self) -> &'static str {
        match self {
            Self::Eac5 => "Arm cca/rmm-v1.0-eac5 (e54eaed)",
            Self::Eac5Islet => "Islet kvmtool/eac5 (909ea9f): metadata, weaker check of overlaps",
            Self::BssOnly => "Arm cca/v2 (b57d44e): RIPAS for the BSS only, 4 KiB regions",
            Self::RamFirst4k => "Arm (54241e37): RIPAS of all RAM first, 4 KiB regions",
            Self::RamFirst64k => "Arm (34f1b32f): RIPAS of all RAM first, 64 KiB regions",
            Self::Linaro => "Linaro cca/dtb (c2ab5af): --dtb, PCI interrupts by slot",
            Self::RealmVm => {
                "model of the Realm VM reference cases: needs --dtb; PC at the start of RAM, PMU \
                 as the host has it, gzip kernels unpacked"
            }
        }
    }

    /// The KVM generation that it is made for, by its profile's name.
    #[must_use]
    pub const fn host(self) -> &'static str {
        match self {
            Self::Eac5 | Self::Eac5Islet => "kvm-eac5",
            Self::BssOnly | Self::Linaro => "kvm-v5",
            Self::RamFirst4k => "kvm-v6",
            Self::RamFirst64k => "kvm-v10",
            Self::RealmVm => "realm-vm",
        }
    }

    /// The series of KVM that it can start Realms on. The layout of the branches for series 12 and
    /// later is that of the newest one seen, as far as their description says.
    const fn hosts(self) -> Option<HostRange> {
        match self {
            Self::Eac5 | Self::Eac5Islet => Some(HostRange::EAC5),
            Self::BssOnly | Self::RamFirst4k | Self::Linaro => Some(HostRange::VMM_DRIVEN),
            Self::RamFirst64k => Some(HostRange { inferred: "kvm-v16", ..HostRange::VMM_DRIVEN }),
            Self::RealmVm => None,
        }
    }

    /// Whether it hands the host's numbers of breakpoints and watchpoints to KVM.
    pub(super) const fn configures_debug(self) -> bool {
        matches!(self, Self::Eac5 | Self::Eac5Islet)
    }

    pub(super) const fn ripas(self) -> Ripas {
        match self {
            Self::Eac5 | Self::Eac5Islet | Self::BssOnly | Self::Linaro => Ripas::Bss,
            Self::RamFirst4k | Self::RamFirst64k | Self::RealmVm => Ripas::Ram,
        }
    }

    /// What the ends of populated regions are rounded to, in bytes.
    pub(super) const fn align_bytes(self) -> u64 {
        match self {
            Self::RamFirst64k => 0x1_0000,
            _ => 0x1000,
        }
    }

    /// Whether the check of overlaps looks at the kernel's file only, not at its BSS.
    pub(super) const fn checks_kernel_file_only(self) -> bool {
        matches!(self, Self::Eac5Islet)
    }

    pub(super) const fn counters(self) -> Counters {
        match self {
            Self::Eac5 | Self::Eac5Islet => Counters::Configured,
            Self::BssOnly | Self::RamFirst4k | Self::Linaro => Counters::WithPmu,
            Self::RamFirst64k => Counters::OfHost,
            Self::RealmVm => Counters::Assumed,
        }
    }

    pub(super) const fn sve(self) -> SveRule {
        match self {
            Self::Eac5 | Self::Eac5Islet => SveRule::AsAsked,
            Self::BssOnly | Self::Linaro => SveRule::AtMost,
            Self::RamFirst4k | Self::RamFirst64k | Self::RealmVm => SveRule::OfHost,
        }
    }

    /// Whether it was recorded starting a Realm with a plain GICv2, which it makes by
    /// KVM_CREATE_IRQCHIP if KVM_CREATE_DEVICE fails.
    pub(super) const fn falls_back_to_gicv2(self) -> bool {
        matches!(self, Self::Eac5 | Self::Eac5Islet)
    }

    /// Whether interrupts of PCI devices follow from their slots.
    pub(super) const fn pci_spi_by_slot(self) -> bool {
        matches!(self, Self::Linaro | Self::RealmVm)
    }

    /// Whether it is a program, with everything that a program checks.
    pub(super) const fn is_program(self) -> bool {
        !matches!(self, Self::RealmVm)
    }
}
