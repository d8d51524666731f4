//! `-m`, and sizes as QEMU reads them.

use super::options::Options;
use super::words::properties;
use crate::host::vm::Refusal;
use crate::host::vmm::{number, refused};

/// RAM without `-m`.
const DEFAULT_RAM_BYTES: u64 = 128 << 20;
/// RAM is a multiple of this.
const RAM_ALIGN_BYTES: u64 = 8 << 10;

/// What `-m` says, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Memory {
    pub(super) ram_bytes: u64,
    pub(super) max_bytes: u64,
    pub(super) slots: u64,
}

/// Reads all `-m` together.
pub(super) fn memory(options: &Options) -> Result<Memory, Refusal> {
    let (mut ram, mut max, mut slots) = (None, None, None);
    for text in &options.memory {
        for (key, value) in properties(text, Some("size")) {
            let option = format!("-m {key}");
            let value = value.ok_or_else(|| refused(option.as_str(), "expected a value"))?;
            match key.as_str() {
                // A bare number of `-m` itself counts MiB.
                "size" => ram = Some(size(&value, 1 << 20).map_err(|why| refused(option, why))?),
                "maxmem" => max = Some(size(&value, 1).map_err(|why| refused(option, why))?),
                "slots" => {
                    let why = || format!("{value:?} is not a number of slots");
                    slots = Some(number(&value).ok_or_else(|| refused(option, why()))?);
                }
                _ => return Err(refused(option, "-m has no such property")),
            }
        }
    }
    let ram_bytes = ram.filter(|bytes| *bytes > 0).unwrap_or(DEFAULT_RAM_BYTES);
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
    Ok(Memory { ram_bytes, max_bytes, slots })
}

/// A size with a suffix B, K, M, G, T, P or E in either case, perhaps with a fraction; without a
/// suffix it counts units of `unit_bytes`.
pub(super) fn size(text: &str, unit_bytes: u64) -> Result<u64, String> {
    let wrong = || format!("{text:?} is not a size");
    let too_large = || format!("{text} does not fit in 64 bits");
    if text.starts_with("0x") || text.starts_with("0X") {
        let (digits, unit) = split_suffix(text, unit_bytes, "kmgtp");
        let digits = digits.strip_suffix(['b', 'B']).unwrap_or(digits);
        return number(digits).ok_or_else(wrong)?.checked_mul(unit).ok_or_else(too_large);
    }
    let (digits, unit) = split_suffix(text, unit_bytes, "bkmgtpe");
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let only_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !only_digits(whole) || !only_digits(fraction) || fraction.len() > 18 {
        return Err(wrong());
    }
    let whole = whole.parse::<u64>().map_err(|_| too_large())?;
    let bytes = whole.checked_mul(unit).ok_or_else(too_large)?;
    let digits = u32::try_from(fraction.len()).expect("at most 18");
    let numerator: u128 =
        if fraction.is_empty() { 0 } else { fraction.parse().map_err(|_| wrong())? };
    let part = numerator * u128::from(unit) / 10_u128.pow(digits);
    bytes.checked_add(u64::try_from(part).expect("below one unit")).ok_or_else(too_large)
}

/// A number's text and the bytes of its unit. In hexadecimal, `b` and `e` are digits.
fn split_suffix<'t>(text: &'t str, unit_bytes: u64, suffixes: &str) -> (&'t str, u64) {
    let units = [('b', 0), ('k', 10), ('m', 20), ('g', 30), ('t', 40), ('p', 50), ('e', 60)];
    let last = text.chars().next_back().map(|c| c.to_ascii_lowercase()).unwrap_or_default();
    match units.iter().find(|(suffix, _)| *suffix == last && suffixes.contains(last)) {
        Some((_, shift)) => (&text[..text.len() - 1], 1 << shift),
        None => (text, unit_bytes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        for (text, bytes) in [
            ("1", 1 << 20),
            ("1M", 1 << 20),
            ("1g", 1 << 30),
            ("1.5G", 3 << 29),
            ("4096b", 4096),
            ("0x10", 16 << 20),
            ("0x10k", 16 << 10),
            ("15E", 15 << 60),
        ] {
            assert_eq!(size(text, 1 << 20), Ok(bytes), "{text}");
        }
        for text in ["", "G", "-1", "+1G", "1GB", "1 G", "1..5", "99999999999P", "16E", "0x", "é"]
        {
            assert!(size(text, 1).is_err(), "{text}");
        }
    }
}
