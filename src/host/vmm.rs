//! What VMMs have in common: versions by name, sizes, and images that must not overlap.

use std::fmt::Display;
use std::ops::Range;
use std::sync::Arc;

use super::caps::Caps;
use super::certainty::Certainty;
use super::files::Files;
use super::profile::{HOSTS, HostProfile};
use super::vm::{Layer, Refusal, Region, Slot, Vcpu};
use crate::abi::addr::{GRANULE_SIZE, Hex, align_down};
use crate::abi::mpidr::mpidr_of_index;
use crate::encoding::nearest::{DidYouMean, there_are};
use crate::measure::image::Image;

/// A version of a VMM.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VmmVersion {
    /// The name on the command line.
    pub name: &'static str,
    /// Other names of the same.
    pub aliases: &'static [&'static str],
    /// Those of the names whose program was not seen, and is taken to be as this one.
    pub stands_for: &'static [&'static str],
    /// How well it is known.
    pub certainty: Certainty,
    /// Where this is known from.
    pub source: &'static str,
    /// When it was published: year, perhaps month and day; empty if that does not mean anything.
    pub date: &'static str,
    /// The name of the KVM that it was written for.
    pub host: &'static str,
    /// The series of KVM that it can start Realms on; `None` if that is no question: it has no
    /// Realms, or is a model and no program.
    pub hosts: Option<HostRange>,
    /// What is different.
    pub about: &'static str,
}

/// Series of KVM in the order of [`HOSTS`], by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HostRange {
    /// The first of them.
    pub first: &'static str,
    /// The last of them.
    pub last: &'static str,
    /// The last one for which the version stands in, because the program that goes with it was not
    /// seen; empty if there is none.
    pub inferred: &'static str,
}

/// Whether a version of a VMM can start Realms on a KVM.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fit {
    /// It can.
    Known,
    /// It stands in for the program that can, which was not seen.
    Inferred,
    /// It can not: they have different calls.
    Never,
}

impl HostRange {
    /// The branch for RMM 1.0-eac5, whose VMMs configure more than those of later series.
    pub(super) const EAC5: Self = Self { first: "kvm-eac5", last: "kvm-eac5", inferred: "" };
    /// The series whose VMM drives the boot. Numbers of capabilities differ between them, which
    /// builds of a VMM follow.
    pub(super) const VMM_DRIVEN: Self = Self { first: "kvm-v2", last: "kvm-v11", inferred: "" };
    /// The series v12 alone, which speaks RMM 1.0 and drives the boot.
    pub(super) const KVM_V12: Self = Self { first: "kvm-v12", last: "kvm-v12", inferred: "" };
    /// The series for RMM 2.0.
    pub(super) const RMM_2_0: Self = Self { first: "kvm-v13", ..Self::KVM_DRIVEN };
    /// The series that create, initialise and activate Realms themselves: of the VMM's calls there
    /// is only that which populates.
    pub(super) const KVM_DRIVEN: Self =
        Self { first: "kvm-v12", last: "kvm-v15", inferred: "kvm-v16" };
}

impl VmmVersion {
    /// Whether it can start Realms on this KVM.
    #[must_use]
    pub fn fit(&self, host: &HostProfile) -> Fit {
        let at = |name: &str| HOSTS.iter().position(|known| known.name == name);
        let Some(HostRange { first, last, inferred }) = self.hosts else { return Fit::Known };
        let here = at(host.series);
        if !host.is_kernel || (at(first)..=at(last)).contains(&here) {
            Fit::Known
        } else if here > at(last) && here <= at(inferred) {
            Fit::Inferred
        } else {
            Fit::Never
        }
    }

    /// Its name, and the other names of the same.
    pub fn names(&self) -> impl Iterator<Item = &'static str> + use<> {
        std::iter::once(self.name).chain(self.aliases.iter().copied())
    }

    /// Whether it is a program that starts Realms.
    #[must_use]
    pub const fn has_realms(&self) -> bool {
        self.hosts.is_some()
    }
}

/// What a command line is read with.
#[allow(missing_debug_implementations, reason = "files have no form to print")]
pub struct Context<'c> {
    /// What the host offers.
    pub caps: &'c Caps,
    /// The files that the command line names.
    pub files: &'c mut dyn Files,
    /// The device tree, if it was given beside the command line.
    pub device_tree: Option<Arc<Image>>,
}

/// Finds a version by its name or an alias.
///
/// # Errors
/// If there is none; the error names those that exist.
pub fn version_by_name(
    versions: &'static [VmmVersion],
    name: &str,
) -> Result<&'static VmmVersion, String> {
    let fits = |version: &&VmmVersion| version.name == name || version.aliases.contains(&name);
    versions.iter().find(fits).ok_or_else(|| {
        let known: Vec<_> = versions.iter().map(|version| version.name).collect();
        format!("there is no such version; {}", there_are(name, &known))
    })
}

/// A refusal by the VMM.
pub(super) fn refused(place: impl Into<String>, why: impl Into<String>) -> Refusal {
    Refusal::Refused { by: Layer::Vmm, place: place.into(), why: why.into() }
}

/// A refusal of a name that there is not, with the known one that was perhaps meant.
pub(super) fn no_such<'k>(
    place: impl Into<String>,
    why: impl Display,
    name: &str,
    known: impl IntoIterator<Item = &'k str>,
) -> Refusal {
    refused(place, format!("{why}{}", DidYouMean::of(name, known)))
}

impl Context<'_> {
    /// Opens the file that an option names.
    pub(super) fn open(&mut self, option: &str, name: &str) -> Result<Arc<Image>, Refusal> {
        self.files.open(name).map_err(|source| Refusal::File { option: option.to_owned(), source })
    }
}

/// The granules that hold `len_bytes` from `start` on, and the zeros before them.
pub(super) fn region(name: &'static str, start: u64, image: Arc<Image>) -> Result<Region, Refusal> {
    let len_bytes = image.len_bytes();
    region_of(name, start, len_bytes, Some(image))
}

/// As [`region`], with another length than that of the image; what the image lacks is zero.
pub(super) fn region_of(
    name: &'static str,
    start: u64,
    len_bytes: u64,
    image: Option<Arc<Image>>,
) -> Result<Region, Refusal> {
    let base = align_down(start, GRANULE_SIZE);
    let top = start
        .checked_add(len_bytes)
        .and_then(|end| end.checked_next_multiple_of(GRANULE_SIZE))
        .ok_or_else(|| refused(name, "passes the end of the address space"))?;
    Ok(Region { name, ipa: base..top, image, fill_bytes: start - base, measured: true })
}

/// Refuses regions that overlap, or lie outside all memory slots.
pub(super) fn check_layout(slots: &[Slot], regions: &[Region]) -> Result<(), Refusal> {
    let text = |range: &Range<u64>| format!("{}..{}", Hex(range.start), Hex(range.end));
    for (i, region) in regions.iter().enumerate() {
        let Range { start, end } = region.ipa;
        if !slots.iter().any(|slot| slot.ipa.start <= start && end <= slot.ipa.end) {
            let why = format!("{} does not lie in RAM", text(&region.ipa));
            return Err(refused(region.name, why));
        }
        for other in &regions[..i] {
            if start < other.ipa.end && other.ipa.start < end {
                let why = format!(
                    "{} overlaps the {} at {}",
                    text(&region.ipa),
                    other.name,
                    text(&other.ipa)
                );
                return Err(refused(region.name, why));
            }
        }
    }
    Ok(())
}

/// vCPUs as KVM numbers them; all but the first begin with zeros.
pub(super) fn vcpus(count: u32, pc: u64, x0: u64) -> Vec<Vcpu> {
    let vcpu = |i: u32| {
        let mpidr = mpidr_of_index(i.into()).expect("below 2^28");
        let boot = |value: u64| if i == 0 { value } else { 0 };
        Vcpu { mpidr, pc: boot(pc), gprs: [boot(x0), 0, 0, 0, 0, 0, 0, 0] }
    };
    (0..count).map(vcpu).collect()
}

/// A number as C's `strtoull` reads it with base 0, without a sign: hexadecimal after `0x`, octal
/// after `0`, or decimal.
pub(super) fn number(text: &str) -> Option<u64> {
    let hex = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"));
    let (digits, radix) = match (hex, text.strip_prefix('0')) {
        (Some(hex), _) => (hex, 16),
        (None, Some(octal)) if !octal.is_empty() => (octal, 8),
        _ => (text, 10),
    };
    let has_sign = digits.starts_with(['+', '-']);
    u64::from_str_radix(digits, radix).ok().filter(|_| !has_sign)
}

/// `on` or `off`, as most VMMs write it.
pub(super) fn on_off(option: &str, value: &str) -> Result<bool, Refusal> {
    match value {
        "on" | "yes" | "true" | "y" => Ok(true),
        "off" | "no" | "false" | "n" => Ok(false),
        _ => Err(refused(option, format!("{value:?} is neither on nor off"))),
    }
}

/// Header of an arm64 Linux image (Documentation/arch/arm64/booting.rst).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ArmImage {
    /// Offset from a 2 MiB boundary, in bytes.
    pub(super) text_offset: u64,
    /// Size in memory, in bytes; 0 if the header does not say.
    pub(super) image_size: u64,
}

impl ArmImage {
    /// Reads the header; `None` if the magic number is missing.
    pub(super) fn read(image: &Image) -> Option<Self> {
        let head = image.bytes_from(0).get(..64)?;
        let word = |at: usize| u64::from_le_bytes(head[at..at + 8].try_into().expect("8 bytes"));
        (head[56..60] == *b"ARM\x64").then(|| Self { text_offset: word(8), image_size: word(16) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers() {
        for (text, value) in [
            ("0", Some(0)),
            ("", None),
            ("0x10", Some(16)),
            ("010", Some(8)),
            ("08", None),
            ("18446744073709551615", Some(u64::MAX)),
            ("18446744073709551616", None),
            ("0x", None),
            ("-1", None),
            ("+1", None),
            ("1k", None),
        ] {
            assert_eq!(number(text), value, "{text}");
        }
    }
}
