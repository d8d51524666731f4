//! What lies above RAM, and how many IPA bits that takes.

use super::Version;
use super::layout::RAM_BASE;
use super::options::Options;
use super::size::Memory;
use crate::host::caps::Caps;
use crate::host::vm::Refusal;
use crate::host::vmm::refused;

const GIB: u64 = 1 << 30;
/// The high windows lie here at least.
const HIGH_BASE: u64 = 256 * GIB;

pub(super) struct Map {
    pub(super) ipa_bits: u8,
    pub(super) remarks: Vec<String>,
}

/// IPA size of the VM.
pub(super) fn map(
    options: &Options,
    memory: &Memory,
    version: Version,
    caps: &Caps,
) -> Result<Map, Refusal> {
    let limit = caps.ipa_limit();
    let mut remarks = Vec::new();
    // The upper half of a Realm's IPAs is not its own, so addresses have one bit less.
    let pa_bits = match version {
        Version::RealmVm => 51,
        _ if options.highmem.all == Some(false) => 32,
        _ => u32::from(limit) - 1,
    };
    let highest = highest_address(options, memory, pa_bits, &mut remarks)?;
    let bits = u8::try_from((64 - highest.leading_zeros() + 1).max(32)).expect("at most 65");
    let enough = match version {
        Version::CcaV3 => bits == 32 || bits < limit,
        Version::Rmi => bits <= limit,
        Version::RealmVm => true,
    };
    if !enough {
        let usable = if version == Version::CcaV3 { limit - 1 } else { limit };
        let why = format!(
            "the memory map takes {bits} IPA bits, and this QEMU uses at most {usable} of KVM's \
             {limit}; less RAM, maxmem or highmem-mmio=off would take less"
        );
        return Err(refused("-machine", why));
    }
    if bits > limit {
        remarks.push(format!("the memory map would take {bits} IPA bits; the host has {limit}"));
    }
    Ok(Map { ipa_bits: bits.min(limit), remarks })
}

/// The highest address of RAM and of the windows that fit.
fn highest_address(
    options: &Options,
    memory: &Memory,
    pa_bits: u32,
    remarks: &mut Vec<String>,
) -> Result<u64, Refusal> {
    let too_large = || refused("-m", "the memory map does not fit in 64 bits");
    let up = |value: u64, align: u64| value.checked_next_multiple_of(align).ok_or_else(too_large);
    let add = |a: u64, b: u64| a.checked_add(b).ok_or_else(too_large);
    let device_base = up(add(RAM_BASE, memory.ram_bytes)?, GIB)?;
    let device_bytes = add(memory.max_bytes - memory.ram_bytes, memory.slots * GIB)?;
    let top = add(device_base, up(device_bytes, GIB)?)?;
    let limit = 1_u64 << pa_bits;
    if top > limit {
        let why = format!("addresses are limited to {pa_bits} bits, and RAM ends beyond them");
        return Err(refused("-m", why));
    }
    let high = &options.highmem;
    let on = |property: Option<bool>| high.all.unwrap_or(true) && property.unwrap_or(true);
    let compact = high.compact.unwrap_or_else(|| newer_than_7_1(options.machine.as_deref()));
    let mmio_bytes = high.mmio_bytes.unwrap_or(512 * GIB);
    let mut base = top.max(HIGH_BASE);
    let mut highest = top - 1;
    for (name, enabled, bytes) in [
        ("redistributors", on(high.redists), 64 << 20),
        ("ECAM", on(high.ecam), 256 << 20),
        ("MMIO", on(high.mmio), mmio_bytes),
    ] {
        let at = up(base, bytes)?;
        let end = add(at, bytes)?;
        let fits = end <= limit;
        if enabled && !fits {
            remarks.push(format!("the high window of {name} does not fit and is left out"));
        }
        if compact && !(enabled && fits) {
            continue;
        }
        base = end;
        if fits {
            highest = base - 1;
        }
    }
    Ok(highest)
}

/// Whether the machine's version is 7.2 or later; `virt` alone is the latest.
fn newer_than_7_1(machine: Option<&str>) -> bool {
    let version = machine.and_then(|machine| machine.strip_prefix("virt-"));
    let Some((major, minor)) = version.and_then(|version| version.split_once('.')) else {
        return true;
    };
    let number = |text: &str| text.parse::<u32>().unwrap_or(u32::MAX);
    (number(major), number(minor)) >= (7, 2)
}
