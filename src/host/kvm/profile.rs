//! Generations of KVM's support for Realms, by name.

use crate::abi::profile::{Edition, Profile, Rmm};

/// Generations that give different RIMs for the same calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Generation {
    /// The branch for RMM 1.0-eac5: the VMM drives; breakpoints are passed on as they are given.
    Eac5,
    /// Series v2 to v11: the VMM drives.
    VmmDriven,
    /// Series v12: KVM drives. Contents first, then RECs, RIPAS last.
    KvmDriven,
    /// Series v13 and v14, for RMM 2.0: as v12, by ranges and stateful operations; RIPAS of all of
    /// a slot, which is not measured.
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
    /// When the series was published: year, month, perhaps day.
    pub date: &'static str,
    /// The kernel that the series is based on.
    pub base: &'static str,
    /// The RMM specification that it is written for.
    pub rmm: &'static str,
    /// The profile that gives the same RIM for every VM, if one stands for both.
    pub same_as: Option<&'static str>,
    /// What is different.
    pub about: &'static str,
    /// How it behaves.
    pub generation: Generation,
    /// Whether Realms can have a PMU.
    pub pmu: bool,
    /// Whether Realms get LPA2 where the host kernel runs with it.
    pub lpa2: bool,
}

const CLASSIC: HostProfile = HostProfile {
    name: "kvm-v10",
    date: "2025-08-20",
    base: "6.17",
    rmm: "1.0-rel0",
    same_as: None,
    about: "the VMM decides the order; hash algorithm and RPV can be set",
    generation: Generation::VmmDriven,
    pmu: true,
    lpa2: false,
};

const fn alias(
    name: &'static str,
    date: &'static str,
    base: &'static str,
    rmm: &'static str,
) -> HostProfile {
    HostProfile {
        name,
        date,
        base,
        rmm,
        same_as: Some(CLASSIC.name),
        about: "as kvm-v10",
        ..CLASSIC
    }
}

/// Every profile, oldest first; last the one that is no kernel.
pub const HOSTS: &[HostProfile] = &[
    HostProfile {
        name: "kvm-eac5",
        date: "2023",
        base: "6.x",
        rmm: "1.0-eac5",
        about: "the VMM decides the order; breakpoints and watchpoints as the VMM gives them",
        generation: Generation::Eac5,
        ..CLASSIC
    },
    alias("kvm-v2", "2024-04-12", "6.9", "1.0-eac5"),
    alias("kvm-v3", "2024-06", "6.10", "1.0-eac5"),
    alias("kvm-v4", "2024-08", "6.11", "1.0-rel0-rc1"),
    alias("kvm-v5", "2024-10-04", "6.12", "1.0-rel0"),
    alias("kvm-v6", "2024-12-12", "6.13", "1.0-rel0"),
    alias("kvm-v7", "2025-02-13", "6.14", "1.0-rel0"),
    alias("kvm-v8", "2025-04-16", "6.15", "1.0-rel0"),
    alias("kvm-v9", "2025-06-11", "6.16", "1.0-rel0"),
    CLASSIC,
    alias("kvm-v11", "2025-10-17", "6.18", "1.0-rel0"),
    HostProfile {
        name: "kvm-v12",
        date: "2025-12-17",
        base: "6.19",
        about: "KVM decides the order: contents, RECs, RIPAS of each memory slot without what was \
                populated; always SHA-256",
        generation: Generation::KvmDriven,
        ..CLASSIC
    },
    HostProfile {
        name: "kvm-v13",
        date: "2026-03-18",
        base: "7.0",
        rmm: "2.0-bet0",
        about: "KVM decides the order: contents, RECs, RIPAS of each memory slot, which is not \
                measured; LPA2 is, if the host runs with it; a Realm has a PMU if the RMM offers \
                one, and TF-RMM offers none; always SHA-256",
        generation: Generation::Rmm20,
        pmu: false,
        lpa2: true,
        ..CLASSIC
    },
    HostProfile {
        name: "kvm-v14",
        date: "2026-05-13",
        base: "7.1",
        rmm: "2.0-bet1",
        about: "as kvm-v13, and Realms have no PMU with any RMM",
        generation: Generation::Rmm20,
        pmu: false,
        lpa2: true,
        ..CLASSIC
    },
    HostProfile {
        name: "realm-vm",
        date: "",
        base: "",
        about: "no kernel but the model of the Realm VM reference cases: as kvm-v10, and LPA2 is \
                measured if the host runs with it",
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

    /// Whether it is a kernel, and not a model.
    #[must_use]
    pub const fn is_kernel(&self) -> bool {
        !self.date.is_empty()
    }

    /// The rules of the RMM that it is run with.
    #[must_use]
    pub fn profile(&self, rmm: Rmm) -> Profile {
        Profile::of(self.edition(), rmm)
    }

    /// The newest kernel that is written for an edition.
    ///
    /// # Panics
    /// If there is none: a fault of the table.
    #[must_use]
    pub fn newest(edition: Edition) -> &'static Self {
        let kernels = HOSTS.iter().filter(|host| host.is_kernel());
        kernels.rev().find(|host| host.edition() == edition).expect("each edition has one")
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
        Err(format!("there is no such KVM; there are {}", known.join(", ")))
    }
}
