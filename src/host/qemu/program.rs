//! What QEMU programs differ in, as data: each thing is asked of its program and nowhere else.

use super::release::Release;

/// A program of one of [`VERSIONS`](super::VERSIONS).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Program {
    /// Its name there.
    pub(super) name: &'static str,
    /// The newest machine that it has; what it puts into trees changed with it.
    pub(super) release: Release,
    /// Whether `default-bus-bypass-iommu=on` takes `iommu-map` from the tree.
    pub(super) bypass: Bypass,
    /// Whether it is the layout of the reference cases, and no program.
    pub(super) is_model: bool,
    /// Whose device trees it is taken to make; `None` if its own were seen.
    pub(super) trees_as: Option<&'static str>,
    /// How it starts Realms, if it does.
    pub(super) realms: Option<Realms>,
}

/// What a program does with `default-bus-bypass-iommu=on`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bypass {
    /// It leaves `iommu-map` out.
    HidesMap,
    /// It writes `iommu-map` all the same.
    KeepsMap,
    /// It writes it, as the release was first published; a stable release after it may not.
    KeepsMapAtFirst,
}

/// How a program starts Realms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Realms {
    /// How `personalization-value` is written; `None` if there is no such property.
    pub(super) rpv: Option<RpvText>,
    /// Whether `measurement-algorithm` is a property.
    pub(super) chooses_hash: bool,
    /// Whether `measurement-log` is a property.
    pub(super) has_log: bool,
    /// Whether KVM makes all calls but those that populate (v12 and later).
    pub(super) kvm_driven: bool,
    /// Whether KVM is given the address of an image's first byte as that of its first page, so
    /// that it refuses images that begin inside a page of the host.
    pub(super) wants_aligned_images: bool,
    /// Whether images that share a page of the host become one range.
    pub(super) merges_images: bool,
    /// Whether no state of its code was seen that starts a kernel without QEMU's boot stub.
    pub(super) may_have_stub: bool,
    /// What becomes of flash images.
    pub(super) pflash: Pflash,
    /// How many IPA bits a memory map may take.
    pub(super) ipa_bits: IpaBits,
}

/// How a personalization value is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RpvText {
    /// Hexadecimal digits, at most 128.
    Hex,
    /// Base64 of exactly 64 bytes.
    Base64,
    /// Base64 of at most 64 bytes, with zeros behind them.
    Base64FilledUp,
}

/// What a Realm's program does with flash images.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pflash {
    /// There are no flash devices.
    Refused,
    /// The devices are made so that they are found, and not mapped: what they hold is ignored.
    Ignored,
}

/// How many IPA bits a Realm's memory map may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum IpaBits {
    /// One less than the host has.
    BelowLimit,
    /// As many as the host has.
    UpToLimit,
    /// Any number; the host's limit is taken.
    Any,
}

/// The series v3, and those that other makers built on it.
const V3: Realms = Realms {
    rpv: Some(RpvText::Hex),
    chooses_hash: true,
    has_log: true,
    kvm_driven: false,
    wants_aligned_images: false,
    merges_images: false,
    may_have_stub: false,
    pflash: Pflash::Refused,
    ipa_bits: IpaBits::BelowLimit,
};
/// What was sent for review in 2025 and is in use since.
const V3_OF_2025: Realms =
    Realms { rpv: Some(RpvText::Base64), ipa_bits: IpaBits::UpToLimit, ..V3 };
/// A KVM that drives the boot knows one hash and no personalization value.
const V4: Realms =
    Realms { rpv: None, chooses_hash: false, has_log: false, kvm_driven: true, ..V3_OF_2025 };

/// A program that is mainline's, without Realms.
const fn mainline(
    name: &'static str,
    release: Release,
    bypass: Bypass,
    trees_as: Option<&'static str>,
) -> Program {
    Program { name, release, bypass, is_model: false, trees_as, realms: None }
}

/// A program that starts Realms.
const fn of_realms(
    name: &'static str,
    release: Release,
    trees_as: Option<&'static str>,
    realms: Realms,
) -> Program {
    let bypass = match release {
        Release(..=9, _) | Release(10, 0) => Bypass::KeepsMap,
        Release(10, 1) => Bypass::KeepsMapAtFirst,
        _ => Bypass::HidesMap,
    };
    Program { name, release, bypass, is_model: false, trees_as, realms: Some(realms) }
}

/// All of them.
pub(super) const PROGRAMS: &[Program] = &[
    // The series v3 calls itself 9.1.91, and Linaro's of 2025 9.2.50.
    of_realms("cca-v3", Release(9, 2), None, V3),
    of_realms("linaro-2025", Release(9, 2), Some("the series v3"), V3_OF_2025),
    of_realms(
        "nvidia-10.1",
        Release(10, 1),
        Some("QEMU 10.1"),
        Realms { pflash: Pflash::Ignored, ..V3_OF_2025 },
    ),
    of_realms(
        "cca-v4",
        Release(11, 1),
        Some("QEMU 11.1"),
        Realms { wants_aligned_images: true, may_have_stub: true, ..V4 },
    ),
    of_realms(
        "rmi",
        Release(11, 0),
        Some("QEMU 11.0"),
        Realms { has_log: true, pflash: Pflash::Ignored, ..V4 },
    ),
    of_realms(
        "nvidia-11.0",
        Release(11, 0),
        Some("QEMU 11.0"),
        Realms { merges_images: true, may_have_stub: true, pflash: Pflash::Ignored, ..V4 },
    ),
    Program {
        is_model: true,
        ..of_realms(
            "realm-vm",
            Release(9, 2),
            None,
            Realms { rpv: Some(RpvText::Base64FilledUp), ipa_bits: IpaBits::Any, ..V3 },
        )
    },
    mainline("qemu-11.1", Release(11, 1), Bypass::HidesMap, None),
    mainline(
        "qemu-11.0",
        Release(11, 0),
        Bypass::HidesMap,
        Some("QEMU 10.0, with what was read of 11.0"),
    ),
    mainline(
        "qemu-10.2",
        Release(10, 2),
        Bypass::HidesMap,
        Some("QEMU 10.0, with what was read of 10.2"),
    ),
    mainline("qemu-10.1", Release(10, 1), Bypass::KeepsMapAtFirst, Some("QEMU 10.0")),
    mainline("qemu-10.0.13", Release(10, 0), Bypass::HidesMap, None),
    mainline("qemu-10.0.2", Release(10, 0), Bypass::KeepsMap, None),
    mainline("qemu-10.0", Release(10, 0), Bypass::KeepsMapAtFirst, None),
    mainline(
        "qemu-8.2",
        Release(8, 2),
        Bypass::KeepsMap,
        Some("QEMU 10.0, with what was read of 8.2"),
    ),
    mainline("qemu-7.2", Release(7, 2), Bypass::HidesMap, None),
];

impl Program {
    /// Whether images or a log of a Realm go to a KVM that drives the boot.
    pub(super) fn is_kvm_driven(&self) -> bool {
        self.realms.is_some_and(|realms| realms.kvm_driven)
    }
}
