//! What lies above RAM, and how many IPA bits that takes.

use std::ops::Range;

use super::layout::RAM_BASE;
use super::machine::Kind;
use super::options::Options;
use super::program::{IpaBits, Program};
use super::release::Release;
use super::size::Memory;
use super::version::Version;
use crate::host::caps::Caps;
use crate::host::vm::Refusal;
use crate::host::vmm::refused;

const GIB: u64 = 1 << 30;
/// The high windows lie here at least.
const HIGH_BASE: u64 = 256 * GIB;

/// The low window of PCI configuration space.
const LOW_ECAM: Range<u64> = 0x3f00_0000..0x4000_0000;

/// Ranges of addresses above RAM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Map {
    /// IPA size of the VM, in bits.
    pub(super) ipa_bits: u8,
    /// The second region of redistributors.
    pub(super) redist2: Option<Range<u64>>,
    /// PCI configuration space.
    pub(super) ecam: Range<u64>,
    /// The high window of PCI devices.
    pub(super) mmio: Option<Range<u64>>,
    pub(super) remarks: Vec<String>,
}

/// The memory map, and with it the IPA size. `pa_bits` limit it.
pub(super) fn map(
    options: &Options,
    kind: &Kind,
    memory: &Memory,
    pa_bits: u32,
    caps: &Caps,
) -> Result<Map, Refusal> {
    let highmem = options.machine.highmem.all.unwrap_or(true);
    let pa_bits = match kind.version {
        // The layout of the reference cases knows no limit.
        Program { is_model: true, .. } => 51,
        _ if highmem => pa_bits,
        _ => 32,
    };
    let mut map = windows(options, kind, memory, pa_bits)?;
    if kind.realm {
        check_ipa_bits(&mut map, kind.version, caps.ipa_limit())?;
    }
    Ok(map)
}

/// A Realm's own addresses are the lower half, so they take one bit more.
fn check_ipa_bits(map: &mut Map, version: Version, limit: u8) -> Result<(), Refusal> {
    let bits = map.ipa_bits;
    let rule = version.realms.map_or(IpaBits::Any, |realms| realms.ipa_bits);
    let (enough, usable) = match rule {
        IpaBits::Any => (true, bits),
        IpaBits::BelowLimit => (bits == 32 || bits < limit, limit - 1),
        IpaBits::UpToLimit => (bits <= limit, limit),
    };
    if !enough {
        let why = format!(
            "the memory map takes {bits} IPA bits, and this QEMU uses at most {usable} of KVM's \
             {limit}; less RAM, maxmem or highmem-mmio=off would take less"
        );
        return Err(refused("-machine", why));
    }
    if bits > limit {
        let remark = format!("the memory map would take {bits} IPA bits; the host has {limit}");
        map.remarks.push(remark);
    }
    map.ipa_bits = bits.min(limit);
    Ok(())
}

/// The high windows that fit, each behind RAM and those before it.
fn windows(options: &Options, kind: &Kind, memory: &Memory, pa_bits: u32) -> Result<Map, Refusal> {
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
    let high = &options.machine.highmem;
    let on = |property: Option<bool>| high.all.unwrap_or(true) && property.unwrap_or(true);
    // Since QEMU 8.0, for machines since 7.2.
    let compact = high.compact.unwrap_or(kind.model.min(kind.release) >= Release(7, 2));
    let compact = compact && kind.release >= Release(8, 0);
    let ecam_on = high.ecam.or((kind.model <= Release(2, 12)).then_some(false));
    let mut map =
        Map { ipa_bits: 0, redist2: None, ecam: LOW_ECAM, mmio: None, remarks: Vec::new() };
    let mut base = top.max(HIGH_BASE);
    let mut highest = top - 1;
    for (name, enabled, bytes) in [
        ("redistributors", on(high.redists), 64 << 20),
        ("ECAM", on(ecam_on), 256 << 20),
        ("MMIO", on(high.mmio), high.mmio_bytes.unwrap_or(512 * GIB)),
    ] {
        let at = up(base, bytes)?;
        let end = add(at, bytes)?;
        let fits = end <= limit;
        if enabled && fits {
            match name {
                "redistributors" => map.redist2 = Some(at..end),
                "ECAM" => map.ecam = at..end,
                _ => map.mmio = Some(at..end),
            }
        } else if enabled {
            map.remarks.push(format!("the high window of {name} does not fit and is left out"));
        }
        if compact && !(enabled && fits) {
            continue;
        }
        base = end;
        if fits {
            highest = base - 1;
        }
    }
    let own_bits = 64 - highest.leading_zeros() + u32::from(kind.realm);
    map.ipa_bits = u8::try_from(own_bits.max(32)).expect("at most 65");
    Ok(map)
}
