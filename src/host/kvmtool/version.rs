//! The kvmtool programs that are known, and what they differ in.

use crate::host::Certainty;
use crate::host::vmm::{HostRange, VmmVersion};

/// The versions, the default first.
pub const VERSIONS: &[VmmVersion] = &[
    row(
        Version::RamFirst64k,
        &["B2", "cca/v5", "cca/v6", "cca/v7", "cca/v8", "cca/v9"],
        &["cca/v5", "cca/v6", "cca/v7", "cca/v8", "cca/v9"],
    ),
    row(Version::V12, &["cca/v11", "cca/v12", "cca/latest"], &["cca/v11", "cca/v12", "cca/latest"]),
    row(Version::V10, &["cca/v10"], &[]),
    row(Version::RamFirst4k, &["B1", "cca/v3", "cca/v4"], &["cca/v3", "cca/v4"]),
    row(Version::BssOnly, &["B0", "cca/v2"], &[]),
    row(Version::Eac5, &["A0", "cca/rmm-v1.0-eac5"], &[]),
    row(Version::Eac5Islet, &["A"], &[]),
    row(Version::Islet, &[], &[]),
    row(Version::Linaro, &["C", "cca/dtb"], &[]),
    row(Version::RealmVm, &[], &[]),
];

const fn row(
    version: Version,
    aliases: &'static [&'static str],
    stands_for: &'static [&'static str],
) -> VmmVersion {
    VmmVersion {
        name: version.name(),
        aliases,
        stands_for,
        date: version.date(),
        certainty: version.certainty(),
        source: version.source(),
        host: version.host(),
        hosts: version.hosts(),
        about: version.summary(),
    }
}

/// A kvmtool with Realm support.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
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
    /// Arm's branch `cca/v10`, whose Realms KVM builds.
    V10,
    /// Arm's branches `cca/v11` and `cca/v12`: no option for guest_memfd, and twice as much of RAM
    /// for images.
    V12,
    /// Islet's newest: measurement logs, values in hexadecimal.
    Islet,
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
    pub const ALL: [Self; 10] = [
        Self::Eac5,
        Self::Eac5Islet,
        Self::BssOnly,
        Self::RamFirst4k,
        Self::RamFirst64k,
        Self::V10,
        Self::V12,
        Self::Islet,
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
            Self::V10 => "cca-v10",
            Self::V12 => "cca-v12",
            Self::Islet => "islet",
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
            Self::V10 | Self::V12 | Self::Islet | Self::RealmVm => None,
        }
    }

    /// When it was published, if that is known: year, month, perhaps day.
    const fn date(self) -> &'static str {
        match self {
            Self::V10 => "2026-02-16",
            Self::V12 => "2026-06-11",
            _ => "",
        }
    }

    /// How well it is known.
    const fn certainty(self) -> Certainty {
        match self {
            Self::V10 | Self::Islet => Certainty::Read,
            Self::V12 => Certainty::Inferred,
            _ => Certainty::SeenRun,
        }
    }

    /// Where it is known from.
    const fn source(self) -> &'static str {
        match self {
            Self::Eac5 => "command lines recorded on the branch at e54eaed",
            Self::Eac5Islet => "command lines recorded on the branch at 909ea9f",
            Self::BssOnly => "command lines recorded on the branch at b57d44e",
            Self::RamFirst4k => {
                "command lines recorded at 54241e37; which branches it is was not seen"
            }
            Self::RamFirst64k => {
                "command lines recorded at 34f1b32f; which branches it is was not seen"
            }
            Self::V10 => "the mail of 2026-02-16 and arm/aarch64/realm.c of the branch",
            Self::V12 => {
                "the cover letter of KVM v13, and the configurations of TF-RMM that name the \
                 branches; their code was not seen"
            }
            Self::Islet => "single files of its newest tree",
            Self::Linaro => "command lines recorded on the branch at c2ab5af",
            Self::RealmVm => "recorded reference cases",
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
            Self::V10 => {
                "Arm cca/v10: as the one before; KVM decides the order; options for algorithm and \
                 RPV do nothing"
            }
            Self::V12 => {
                "Arm cca/v11 and v12: as cca-v10; no --restricted_mem; images in the first 512 MiB \
                 of RAM"
            }
            Self::Islet => {
                "Islet's newest: RIPAS of all RAM first, 4 KiB regions, --measurement-log, \
                 --realm-pv-hex"
            }
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
            Self::V10 => "kvm-v12",
            Self::V12 => "kvm-v14",
            Self::Islet => "kvm-v5",
            Self::RealmVm => "realm-vm",
        }
    }

    /// The series of KVM that it can start Realms on.
    const fn hosts(self) -> Option<HostRange> {
        match self {
            Self::Eac5 | Self::Eac5Islet => Some(HostRange::EAC5),
            Self::BssOnly | Self::RamFirst4k | Self::RamFirst64k | Self::Islet | Self::Linaro => {
                Some(HostRange::VMM_DRIVEN)
            }
            Self::V10 => Some(HostRange { last: "kvm-v12", inferred: "", ..HostRange::KVM_DRIVEN }),
            Self::V12 => Some(HostRange { first: "kvm-v13", ..HostRange::KVM_DRIVEN }),
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
            _ => Ripas::Ram,
        }
    }

    /// What the ends of populated regions are rounded to, in bytes.
    pub(super) const fn align_bytes(self) -> u64 {
        match self {
            Self::RamFirst64k | Self::V10 | Self::V12 => 0x1_0000,
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
            Self::BssOnly | Self::RamFirst4k | Self::Islet | Self::Linaro => Counters::WithPmu,
            Self::RamFirst64k | Self::V10 | Self::V12 => Counters::OfHost,
            Self::RealmVm => Counters::Assumed,
        }
    }

    pub(super) const fn sve(self) -> SveRule {
        match self {
            Self::Eac5 | Self::Eac5Islet => SveRule::AsAsked,
            Self::BssOnly | Self::Linaro => SveRule::AtMost,
            _ => SveRule::OfHost,
        }
    }

    /// Whether the options for hash algorithm and personalization value do something.
    pub(super) const fn configures_measurement(self) -> bool {
        !matches!(self, Self::V10 | Self::V12)
    }

    /// Whether memory of a Realm always has a guest_memfd, so that there is no option for it.
    pub(super) const fn always_restricts_memory(self) -> bool {
        matches!(self, Self::V12)
    }

    /// How much of RAM, counted from its base, is for kernel, initrd and device tree.
    pub(super) const fn payload_window_bytes(self) -> u64 {
        match self {
            Self::V12 => 512 << 20,
            _ => 256 << 20,
        }
    }

    /// Whether it is not known how much of RAM that is: mainline went from 256 to 512 MiB in
    /// 2024-12, and which branches came after that was not seen.
    pub(super) const fn payload_window_is_inferred(self) -> bool {
        matches!(self, Self::V10 | Self::V12)
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
