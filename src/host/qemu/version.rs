//! The QEMU programs that are known, and what they differ in.

use super::program::{PROGRAMS, Program};
use crate::host::Certainty;
use crate::host::vmm::{HostRange, VmmVersion};

/// The versions whose layout and order are known.
pub const VERSIONS: &[VmmVersion] = &[
    VmmVersion {
        name: "cca-v3",
        aliases: &["qemu-cca-v3", "v3", "cca"],
        stands_for: &[],
        certainty: Certainty::SeenRun,
        source: "command lines recorded on pbo-linaro/qemu-ci at 8a34d61ab8",
        date: "2024-11-25",
        host: "kvm-v10",
        hosts: Some(HostRange::VMM_DRIVEN),
        about: "Linaro's series v3 on 9.2: RIPAS of all RAM, images by address, RECs; SHA-512 \
                unless asked otherwise",
    },
    VmmVersion {
        name: "linaro-2025",
        aliases: &["kata", "openeuler"],
        stands_for: &[],
        certainty: Certainty::Read,
        source: "kvm-rme.c of openEuler's tree; kata pins the same series at 97345ddc501d",
        date: "2025-02",
        host: "kvm-v8",
        hosts: Some(HostRange::VMM_DRIVEN),
        about: "what Linaro's branches, kata, deepin and openEuler use: as cca-v3, with the \
                personalization value as base64 of 64 bytes",
    },
    VmmVersion {
        name: "nvidia-10.1",
        aliases: &["nvidia-qemu-10.1"],
        stands_for: &[],
        certainty: Certainty::Read,
        source: "kvm-rme.c and virt.c of NVIDIA/QEMU, pull request 3",
        date: "2025-10-13",
        host: "kvm-v10",
        hosts: Some(HostRange::VMM_DRIVEN),
        about: "NVIDIA's series on 10.1: as linaro-2025; flash images are ignored",
    },
    VmmVersion {
        name: "cca-v4",
        aliases: &["qemu-cca-v4", "v4"],
        stands_for: &[],
        certainty: Certainty::Read,
        source: "kvm-rme.c and virt.c of the series in a maintainer's tree, based on 11.1",
        date: "2026",
        host: "kvm-v14",
        hosts: Some(HostRange::RMM_2_0),
        about: "Linaro's series v4 on 11.1: images by address in pages of the host, the rest is \
                KVM's; always SHA-256, no personalization value, no log",
    },
    VmmVersion {
        name: "rmi",
        aliases: &["cca-rmi"],
        stands_for: &[],
        certainty: Certainty::Read,
        source: "kvm-rme.c and boot.c of a tree of one of its developers (08492f88, 0c6783a1)",
        date: "2025-12",
        host: "kvm-v12",
        hosts: Some(HostRange::KVM_V12),
        about: "the series v3 carried over to KVM v12, on 11.0: as cca-v4, with a measurement \
                log; flash images are ignored",
    },
    VmmVersion {
        name: "nvidia-11.0",
        aliases: &["nvidia-qemu-11.0"],
        stands_for: &[],
        certainty: Certainty::Read,
        source: "kvm-rme.c and boot.c of NVIDIA/QEMU, pull request 40 (0d79ce9c, 00d30ebb)",
        date: "2026-09-17",
        host: "nvidia-7.0-da",
        hosts: Some(HostRange::KVM_V12),
        about: "NVIDIA's series on 11.0: as cca-v4; images that share a page of the host are \
                one; flash images are ignored",
    },
    VmmVersion {
        name: "realm-vm",
        aliases: &[],
        stands_for: &[],
        certainty: Certainty::SeenRun,
        source: "recorded reference cases",
        date: "",
        host: "realm-vm",
        hosts: None,
        about: "model of the Realm VM reference cases: the device tree as long as it is, PC at \
                the start of RAM, IPA bits limited to the host's; needs --dtb",
    },
    VmmVersion {
        name: "qemu-11.1",
        aliases: &["11.1", "qemu-11.1.3"],
        stands_for: &[],
        certainty: Certainty::SeenRun,
        source: "trees that Debian's 11.1.3 dumped",
        date: "2026",
        host: "kvm-v10",
        hosts: None,
        about: "QEMU 11.1, which has no Realms: for `rimsim dtb`; caches in the nodes of CPUs",
    },
    VmmVersion {
        name: "qemu-11.0",
        aliases: &["11.0"],
        stands_for: &[],
        certainty: Certainty::Read,
        source: "virt.c of master from 2026-02-14 on",
        date: "2026-04",
        host: "kvm-v10",
        hosts: None,
        about: "QEMU 11.0, which has no Realms: for `rimsim dtb`; as 10.2, with msi= and \
                virtio-mmio-transports=",
    },
    VmmVersion {
        name: "qemu-10.2",
        aliases: &["10.2"],
        stands_for: &[],
        certainty: Certainty::Read,
        source: "virt.c of 10.2.0 (698104725e)",
        date: "2025-12",
        host: "kvm-v10",
        hosts: None,
        about: "QEMU 10.2, which has no Realms: for `rimsim dtb`; as 10.1, with -device \
                arm-smmuv3 and without machines before virt-5.0",
    },
    VmmVersion {
        name: "qemu-10.1",
        aliases: &["10.1"],
        stands_for: &[],
        certainty: Certainty::Read,
        source: "virt.c of the release",
        date: "2025-08",
        host: "kvm-v10",
        hosts: None,
        about: "QEMU 10.1, which has no Realms: for `rimsim dtb`; as 10.0",
    },
    VmmVersion {
        name: "qemu-10.0.13",
        aliases: &["10.0.13"],
        stands_for: &[],
        certainty: Certainty::SeenRun,
        source: "trees that Debian's 10.0.13 dumped",
        date: "2026",
        host: "kvm-v10",
        hosts: None,
        about: "QEMU 10.0.13, which has no Realms: for `rimsim dtb`; as 10.0.2, but \
                default-bus-bypass-iommu=on leaves iommu-map out",
    },
    VmmVersion {
        name: "qemu-10.0.2",
        aliases: &["10.0.2"],
        stands_for: &[],
        certainty: Certainty::SeenRun,
        source: "trees that Debian's 10.0.2 dumped",
        date: "2025-06",
        host: "kvm-v10",
        hosts: None,
        about: "QEMU 10.0.2, which has no Realms: for `rimsim dtb`; default-bus-bypass-iommu=on \
                has no effect",
    },
    VmmVersion {
        name: "qemu-10.0",
        aliases: &["10.0"],
        stands_for: &[],
        certainty: Certainty::SeenRun,
        source: "trees that 10.0.2 and 10.0.13 dumped",
        date: "2025-04",
        host: "kvm-v10",
        hosts: None,
        about: "QEMU 10.0, which has no Realms: for `rimsim dtb`; any 10.0; taken as 10.0.2 \
                where they differ",
    },
    VmmVersion {
        name: "qemu-8.2",
        aliases: &["8.2"],
        stands_for: &[],
        certainty: Certainty::Read,
        source: "virt.c of the release",
        date: "2023-12",
        host: "kvm-v10",
        hosts: None,
        about: "QEMU 8.2, which has no Realms: for `rimsim dtb`; no root dma-coherent, aliases \
                or second UART yet",
    },
    VmmVersion {
        name: "qemu-7.2",
        aliases: &["7.2"],
        stands_for: &[],
        certainty: Certainty::SeenRun,
        source: "trees that Debian's 7.2 dumped",
        date: "2022-12",
        host: "kvm-v10",
        hosts: None,
        about: "QEMU 7.2, which has no Realms: for `rimsim dtb`; initrd addresses have one cell",
    },
];

/// The program of a version.
pub(super) type Version = &'static Program;

/// The program of a version in [`VERSIONS`].
pub(super) fn program_of(found: &VmmVersion) -> Version {
    let known = PROGRAMS.iter().find(|program| program.name == found.name);
    known.expect("each version has a program")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_and_programs_are_the_same() {
        let names: Vec<_> = VERSIONS.iter().map(|version| version.name).collect();
        let programs: Vec<_> = PROGRAMS.iter().map(|program| program.name).collect();
        assert_eq!(names, programs);
        for version in VERSIONS {
            let program = program_of(version);
            assert_eq!(version.has_realms(), program.realms.is_some() && !program.is_model);
        }
    }
}
