//! Programs that measure, as they were at a date. A chain names one; no default moves.

use crate::encoding::nearest::there_are;
use crate::host::{Certainty, Vmm};

/// What firmware measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Firmware {
    /// The name in chains.
    pub name: &'static str,
    /// When it was read, or what it stands for.
    pub date: &'static str,
    /// How well it is known.
    pub certainty: Certainty,
    /// The VMM that it is built for.
    pub vmm: Vmm,
    /// What it is.
    pub about: &'static str,
    /// Whether it has the protocol with which it and loaders measure into a log.
    pub measures_with_log: bool,
    /// What it says of the device tree, if it measures that.
    pub tree: Option<&'static str>,
    /// Whether it measures ACPI tables.
    pub acpi: bool,
    /// Whether kernel, initrd and command line of fw_cfg are extended without a log.
    pub blobs: bool,
    /// Whether a kernel of fw_cfg is loaded before BootOrder is measured.
    pub kernel_before_boot_order: bool,
    /// The REM of the separator at the first attempt to boot.
    pub ready_separator: u32,
}

/// The firmware that is known.
pub const FIRMWARE: [Firmware; 3] = [
    Firmware {
        name: "edk2-kvmtool-pr12535",
        date: "2026-08",
        certainty: Certainty::Read,
        vmm: Vmm::Kvmtool,
        about: "ArmVirtKvmTool with tianocore/edk2 PR 12535 (d76e33f6ce19), \
                ARMCCA_MEASURE_BOOT_ENABLE=TRUE",
        measures_with_log: true,
        tree: Some(super::event::KVMTOOL_TREE),
        acpi: false,
        blobs: false,
        kernel_before_boot_order: false,
        ready_separator: 2,
    },
    Firmware {
        name: "edk2-qemu-pr12224",
        date: "2026-08",
        certainty: Certainty::Read,
        vmm: Vmm::Qemu,
        about: "ArmVirtQemu with tianocore/edk2 PR 12224 (40873592967f): the blobs of fw_cfg and \
                nothing else",
        measures_with_log: false,
        tree: None,
        acpi: false,
        blobs: true,
        kernel_before_boot_order: false,
        ready_separator: 2,
    },
    Firmware {
        name: "tdx-like",
        date: "2026-11",
        certainty: Certainty::Inferred,
        vmm: Vmm::Qemu,
        about: "ArmVirtQemu as it would be if it measured as OVMF does for TDX; no such build is \
                known",
        measures_with_log: true,
        tree: None,
        acpi: true,
        blobs: false,
        kernel_before_boot_order: true,
        ready_separator: 1,
    },
];

impl Firmware {
    /// Whether a kernel of fw_cfg is measured.
    #[must_use]
    pub const fn takes_fw_cfg(&self) -> bool {
        self.blobs || self.kernel_before_boot_order
    }

    /// The firmware of this name.
    ///
    /// # Errors
    /// If there is none; the text says which there are.
    pub fn from_name(name: &str) -> Result<&'static Self, String> {
        let found = FIRMWARE.iter().find(|known| known.name == name);
        let known = || there_are(name, &FIRMWARE.map(|known| known.name));
        found.ok_or_else(|| format!("`{name}` is no firmware that is known; {}", known()))
    }
}

/// A systemd-stub.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SystemdStub {
    /// The name in chains.
    pub name: &'static str,
    /// How well it is known.
    pub certainty: Certainty,
    /// Whether it hands `/.extra/os-release` to the kernel.
    pub osrel_archive: bool,
    /// Whether the kernel in it is loaded by the firmware, which measures it.
    pub kernel_is_loaded: bool,
}

/// The stubs that are known, the newest last.
pub const SYSTEMD_STUBS: [SystemdStub; 3] = [
    SystemdStub {
        name: "old",
        certainty: Certainty::SeenRun,
        osrel_archive: false,
        kernel_is_loaded: true,
    },
    SystemdStub {
        name: "257",
        certainty: Certainty::Inferred,
        osrel_archive: true,
        kernel_is_loaded: true,
    },
    SystemdStub {
        name: "2026",
        certainty: Certainty::Read,
        osrel_archive: true,
        kernel_is_loaded: false,
    },
];

impl SystemdStub {
    /// The stub of this name.
    ///
    /// # Errors
    /// If there is none; the text says which there are.
    pub fn from_name(name: &str) -> Result<&'static Self, String> {
        let found = SYSTEMD_STUBS.iter().find(|known| known.name == name);
        let known = || there_are(name, &SYSTEMD_STUBS.map(|known| known.name));
        found.ok_or_else(|| format!("`{name}` is no systemd-stub that is known; {}", known()))
    }
}

/// What Linux's EFI stub measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LinuxStub {
    /// Since 6.9: LoadOptions and the initrd of LoadFile2, through CC if there is no TCG2.
    V6_9,
    /// Before: only through TCG2, so nothing in a Realm.
    Before,
    /// Kernels before 6.9 that vendors patched: their tags have no number and no length.
    Vendor,
}

impl LinuxStub {
    /// All of them, with the names in chains.
    pub const ALL: [(&'static str, Self); 3] =
        [("6.9", Self::V6_9), ("before-6.9", Self::Before), ("vendor", Self::Vendor)];

    /// The stub of this name.
    ///
    /// # Errors
    /// If there is none; the text says which there are.
    pub fn from_name(name: &str) -> Result<Self, String> {
        let known = || there_are(name, &Self::ALL.map(|(name, _)| name));
        let found = Self::ALL.into_iter().find(|(known, _)| *known == name);
        found
            .map(|(_, stub)| stub)
            .ok_or_else(|| format!("`{name}` is no stub of Linux that is known; {}", known()))
    }

    /// The name in chains.
    #[must_use]
    pub fn name(self) -> &'static str {
        let found = Self::ALL.into_iter().find(|(_, stub)| *stub == self);
        found.map_or("6.9", |(name, _)| name)
    }
}

/// A GRUB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Grub {
    /// GNU's, since `86df79275` (2024-06): measures through CC; LoadOptions end with a NUL.
    Upstream,
    /// Fedora's and RHEL's (rhboot, fedora-41 to 45): measures nothing in a Realm; LoadOptions have
    /// no NUL.
    Rhboot,
}

impl Grub {
    /// All of them, with the names in chains.
    pub const ALL: [(&'static str, Self); 2] =
        [("upstream", Self::Upstream), ("rhboot", Self::Rhboot)];

    /// The GRUB of this name.
    ///
    /// # Errors
    /// If there is none; the text says which there are.
    pub fn from_name(name: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|(known, _)| *known == name);
        let known = || there_are(name, &Self::ALL.map(|(name, _)| name));
        found
            .map(|(_, grub)| grub)
            .ok_or_else(|| format!("`{name}` is no GRUB that is known; {}", known()))
    }

    /// The name in chains.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Upstream => "upstream",
            Self::Rhboot => "rhboot",
        }
    }
}
