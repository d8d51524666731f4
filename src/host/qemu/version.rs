//! The QEMU programs that are known, and what they differ in.

use super::release::Release;
use crate::host::Certainty;
use crate::host::vmm::{HostRange, VmmVersion};

/// The versions whose layout and order are known.
pub const VERSIONS: &[VmmVersion] = &[
    VmmVersion {
        name: "cca-v3",
        aliases: &["qemu-cca-v3", "v3", "cca"],
        stands_for: &[],
        certainty: Certainty::SeenRun,
        date: "2024-11-25",
        host: "kvm-v10",
        hosts: Some(HostRange::VMM_DRIVEN),
        about: "Linaro's series v3 on 9.2: RIPAS of all RAM, images by address, RECs; SHA-512 \
                unless asked otherwise",
    },
    VmmVersion {
        name: "rmi",
        aliases: &["cca-rmi"],
        stands_for: &[],
        certainty: Certainty::Read,
        date: "2025-12",
        host: "kvm-v12",
        hosts: Some(HostRange::KVM_DRIVEN),
        about: "the series for KVM v12 and later: images by address, the rest is KVM's; always \
                SHA-256",
    },
    VmmVersion {
        name: "realm-vm",
        aliases: &[],
        stands_for: &[],
        certainty: Certainty::SeenRun,
        date: "",
        host: "realm-vm",
        hosts: None,
        about: "model of the Realm VM reference cases: the device tree as long as it is, PC at the \
                start of RAM, IPA bits limited to the host's; needs --dtb",
    },
    VmmVersion {
        name: "qemu-10.0",
        aliases: &["10.0"],
        stands_for: &[],
        certainty: Certainty::SeenRun,
        date: "2025-04",
        host: "kvm-v10",
        hosts: None,
        about: "QEMU 10.0, which has no Realms: for `rimsim dtb`",
    },
    VmmVersion {
        name: "qemu-7.2",
        aliases: &["7.2"],
        stands_for: &[],
        certainty: Certainty::SeenRun,
        date: "2022-12",
        host: "kvm-v10",
        hosts: None,
        about: "QEMU 7.2, which has no Realms: for `rimsim dtb`",
    },
];

/// What differs between versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Version {
    CcaV3,
    Rmi,
    RealmVm,
    V10_0,
    V7_2,
}

impl Version {
    /// The version of a name in [`VERSIONS`].
    pub(super) fn of(found: &VmmVersion) -> Self {
        match found.name {
            "rmi" => Self::Rmi,
            "realm-vm" => Self::RealmVm,
            "qemu-10.0" => Self::V10_0,
            "qemu-7.2" => Self::V7_2,
            _ => Self::CcaV3,
        }
    }

    /// The newest machine that the program has; what it puts into trees changed with it. The series
    /// v3 calls itself 9.1.91.
    pub(super) const fn release(self) -> Release {
        match self {
            Self::CcaV3 | Self::RealmVm => Release(9, 2),
            Self::Rmi | Self::V10_0 => Release(10, 0),
            Self::V7_2 => Release(7, 2),
        }
    }

    /// Whether it can start Realms.
    pub(super) const fn has_realms(self) -> bool {
        matches!(self, Self::CcaV3 | Self::Rmi | Self::RealmVm)
    }
}
