//! `-m`, and sizes as QEMU reads them.

use super::options::Options;
use super::release::Release;
use super::words::{properties, required};
use crate::host::vm::Refusal;
use crate::host::vmm::{number, refused};

/// RAM without `-m`.
const DEFAULT_RAM_BYTES: u64 = 128 << 20;
const GIB: u64 = 1 << 30;
/// RAM is a multiple of this.
const RAM_ALIGN_BYTES: u64 = 8 << 10;

/// What `-m` says, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Memory {
    pub(super) ram_bytes: u64,
    pub(super) max_bytes: u64,
    pub(super) slots: u64,
}

/// What the command line says of RAM, in bytes; `None` where it does not.
#[derive(Clone, Copy, Debug, Default)]
struct Said {
    ram: Option<u64>,
    max: Option<u64>,
    slots: Option<u64>,
}

/// Reads all `-m`, before which `-machine memory.…` counts less.
fn said(options: &Options, release: Release) -> Result<Said, Refusal> {
    let mut said = Said::default();
    for (key, value) in &options.machine.memory {
        let option = format!("-machine memory.{key}");
        match key.as_str() {
            "size" | "max-size" => {
                let bytes = size(value, release).map_err(|why| refused(&option, why))?;
                if bytes == 0 {
                    return Err(refused(option, "0 bytes, with which QEMU does not start"));
                }
                *(if key == "size" { &mut said.ram } else { &mut said.max }) = Some(bytes);
            }
            "slots" => said.slots = Some(count_slots(&option, value)?),
            _ => return Err(refused(option, "there are size, max-size and slots")),
        }
    }
    for text in &options.memory {
        for (key, value) in properties(text, Some("size")) {
            let option = format!("-m {key}");
            let value = required(&option, value)?;
            match key.as_str() {
                "size" => {
                    let bytes = size_in_mib(&value, release);
                    let bytes = bytes.map_err(|why| refused(option, why))?;
                    said.ram = Some(bytes).filter(|bytes| *bytes > 0).or(said.ram);
                }
                "maxmem" => {
                    said.max = Some(size(&value, release).map_err(|why| refused(option, why))?);
                }
                "slots" => said.slots = Some(count_slots(&option, &value)?),
                _ => return Err(refused(option, "-m has size, maxmem and slots")),
            }
        }
    }
    Ok(said)
}

fn count_slots(option: &str, text: &str) -> Result<u64, Refusal> {
    let why = || format!("{text:?} is not a number of slots");
    number(text).ok_or_else(|| refused(option, why()))
}

/// RAM in bytes as `-m` and `-machine memory` say it; `None` if they do not.
pub(super) fn ram_said(options: &Options, release: Release) -> Result<Option<u64>, Refusal> {
    Ok(said(options, release)?.ram)
}

/// RAM of the command line: what it says, what the backend has that it names, or the default.
pub(super) fn memory(options: &Options, release: Release) -> Result<Memory, Refusal> {
    let Said { ram, max, slots } = said(options, release)?;
    let ram_bytes = ram.unwrap_or(DEFAULT_RAM_BYTES);
    let Some(ram_bytes) = ram_bytes.checked_next_multiple_of(RAM_ALIGN_BYTES) else {
        return Err(refused("-m", "ram size too large"));
    };
    if slots.is_some() && max.is_none() {
        return Err(refused("-m slots", "invalid without maxmem"));
    }
    let max_bytes = max.unwrap_or(ram_bytes);
    if max_bytes < ram_bytes {
        let why = format!("{max_bytes} bytes; RAM has {ram_bytes} bytes already");
        return Err(refused("-m maxmem", why));
    }
    let slots = slots.unwrap_or(0);
    if slots > 0 && max_bytes == ram_bytes {
        let why = format!("{slots}; maxmem is no more than RAM, so there is nothing to put there");
        return Err(refused("-m slots", why));
    }
    if slots > 256 {
        return Err(refused("-m slots", format!("{slots}; virt has at most 256")));
    }
    let memory = Memory { ram_bytes, max_bytes, slots };
    of_backend(options, ram, memory)
}

/// RAM lies in the backend that the machine names, and has its size.
fn of_backend(options: &Options, said: Option<u64>, memory: Memory) -> Result<Memory, Refusal> {
    let Some(name) = &options.machine.memory_backend else { return Ok(memory) };
    let option = "-machine memory-backend";
    let found = options.backends.iter().find(|backend| backend.id == *name);
    let why = || format!("there is no -object memory-backend-…,id={name}");
    let bytes = found.ok_or_else(|| refused(option, why()))?.size_bytes;
    if said.is_some() && bytes != memory.ram_bytes {
        let ram = memory.ram_bytes;
        let why = format!("{name} has {bytes} bytes, and -m says {ram}: they have to be equal");
        return Err(refused(option, why));
    }
    // The most that can be had was decided before; a machine refuses one that is GiBs below.
    let max_bytes = memory.max_bytes.max(bytes);
    if bytes.saturating_sub(memory.max_bytes) >= GIB {
        let max = memory.max_bytes;
        let why = format!(
            "{name} has {bytes} bytes, and maxmem is {max}: QEMU refuses that; write -m as well"
        );
        return Err(refused(option, why));
    }
    Ok(Memory { ram_bytes: bytes, max_bytes, ..memory })
}

/// As [`size`], but a number without a suffix counts MiB: what `-m` takes.
pub(super) fn size_in_mib(text: &str, release: Release) -> Result<u64, String> {
    // A suffix is put behind a digit; 0x1b ends with a letter, and counts bytes.
    if text.ends_with(|c: char| c.is_ascii_digit()) {
        size(text, release)?;
        let with_suffix = format!("{text}M");
        return size(&with_suffix, release).map_err(|why| {
            let is_hex = text.starts_with("0x");
            let behind = if is_hex { ", and one without counts MiB: end it with B" } else { "" };
            why.replace(&with_suffix, text) + behind
        });
    }
    size(text, release)
}

/// A size with a suffix B, K, M, G, T, P or E in either case, perhaps with a fraction; without a
/// suffix it counts bytes. Hexadecimal numbers have no suffix since QEMU 8.0.
pub(super) fn size(text: &str, release: Release) -> Result<u64, String> {
    let wrong = || format!("{text:?} is not a size; 512M and 1G are");
    let too_large = || format!("{text} does not fit in 64 bits");
    let unsigned = text.strip_prefix('+').unwrap_or(text);
    if unsigned.starts_with("0x") || unsigned.starts_with("0X") {
        let (digits, unit) = split_suffix(unsigned, "kmgtp");
        if unit > 1 && release >= Release(8, 0) {
            return Err(format!("{text:?}: a hexadecimal number has no suffix"));
        }
        let value =
            u64::from_str_radix(&digits[2..], 16).ok().filter(|_| !digits[2..].starts_with('+'));
        return value.ok_or_else(wrong)?.checked_mul(unit).ok_or_else(too_large);
    }
    let (digits, unit) = split_suffix(unsigned, "bkmgtpe");
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let only_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let none = whole.is_empty() && (fraction.is_empty() || release < Release(8, 0));
    if none || !only_digits(whole) || !only_digits(fraction) || fraction.len() > 18 {
        return Err(wrong());
    }
    if unit == 1 && !fraction.is_empty() {
        return Err(format!("{text:?}: bytes have no fraction"));
    }
    let whole = if whole.is_empty() { 0 } else { whole.parse::<u64>().map_err(|_| too_large())? };
    let bytes = whole.checked_mul(unit).ok_or_else(too_large)?;
    let digits = u32::try_from(fraction.len()).expect("at most 18");
    let numerator: u128 =
        if fraction.is_empty() { 0 } else { fraction.parse().map_err(|_| wrong())? };
    let part = numerator * u128::from(unit) / 10_u128.pow(digits);
    bytes.checked_add(u64::try_from(part).expect("below one unit")).ok_or_else(too_large)
}

/// A number's text and the bytes of its unit. In hexadecimal, `b` and `e` are digits.
fn split_suffix<'t>(text: &'t str, suffixes: &str) -> (&'t str, u64) {
    let units = [('b', 0), ('k', 10), ('m', 20), ('g', 30), ('t', 40), ('p', 50), ('e', 60)];
    let last = text.chars().next_back().map(|c| c.to_ascii_lowercase()).unwrap_or_default();
    match units.iter().find(|(suffix, _)| *suffix == last && suffixes.contains(last)) {
        Some((_, shift)) => (&text[..text.len() - 1], 1 << shift),
        None => (text, 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As QEMU 7.2.22, 10.0.2 and 11.1.3 read them.
    #[test]
    fn sizes() {
        let (old, new) = (Release(7, 2), Release(10, 0));
        for (text, bytes) in [
            ("1", 1 << 20),
            ("1M", 1 << 20),
            ("1g", 1 << 30),
            ("+1G", 1 << 30),
            ("1.5G", 3 << 29),
            ("1.G", 1 << 30),
            ("4096b", 4096),
            ("0x20000000b", 0x2_0000_000b),
            ("15E", 15 << 60),
        ] {
            assert_eq!(size_in_mib(text, old), Ok(bytes), "{text}");
            assert_eq!(size_in_mib(text, new), Ok(bytes), "{text}");
        }
        assert_eq!(size("0x20000000", new), Ok(512 << 20));
        assert_eq!(size(".5G", new), Ok(512 << 20));
        assert_eq!(size_in_mib("0x10", old), Ok(16 << 20));
        assert_eq!(size_in_mib("0x10k", old), Ok(16 << 10));
        for text in ["0x10", "0x10k"] {
            assert!(size_in_mib(text, new).is_err(), "{text}");
        }
        // A number has to be one of bytes before it becomes one of MiB.
        assert!(size_in_mib("512.5", new).is_err());
        for text in [
            "",
            "G",
            "-1",
            "1GB",
            "1Gb",
            "1 G",
            "1..5",
            "512.5b",
            "1e3",
            "99999999999P",
            "16E",
            "0x",
            "0x+1",
            "é",
            "++1",
        ] {
            assert!(size(text, new).is_err(), "{text}");
        }
        assert!(size(".5G", old).is_err());
    }
}
