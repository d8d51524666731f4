//! Device paths (UEFI 2.11, chapter 10): bytes to text and back.
//!
//! A node is type, subtype, length with these four bytes (u16), data. What has no text of its own
//! is `Path(TYPE,SUBTYPE,HEX)`, so that every path's text gives its bytes again.

use std::fmt::Write as _;

use uuid::Uuid;

use super::{Front, utf16};
use crate::encoding::text::{from_hex, hex};

/// The end of a path.
pub const END: [u8; 4] = [0x7F, 0xFF, 4, 0];
/// The end of one instance of several.
const END_INSTANCE: [u8; 4] = [0x7F, 0x01, 4, 0];
/// What EISA's `PNP` is in the upper and the lower half of an id.
const PNP: u32 = 0x41D0;

/// The text of a path: nodes with `/` between them, instances with `,`. What is no path is
/// `hex:…`.
#[must_use]
pub fn text(path: &[u8]) -> String {
    let shown = nodes(path).unwrap_or_default();
    let same = from_text(&shown).is_ok_and(|bytes| bytes == path);
    if same && !path.is_empty() { shown } else { format!("hex:{}", hex(path)) }
}

/// The bytes of a path's text, with the end node.
///
/// # Errors
/// If a node can not be read; the text names it.
pub fn from_text(text: &str) -> Result<Vec<u8>, String> {
    if let Some(digits) = text.strip_prefix("hex:") {
        return from_hex(digits).map_err(|error| error.to_string());
    }
    let mut bytes = Vec::new();
    for (i, instance) in split(text, ',').into_iter().enumerate() {
        if i > 0 {
            bytes.extend(END_INSTANCE);
        }
        for word in split(instance, '/').into_iter().filter(|word| !word.is_empty()) {
            bytes.extend(node(word)?);
        }
    }
    bytes.extend(END);
    Ok(bytes)
}

/// The parts of a text between separators that stand in no parentheses.
fn split(text: &str, separator: char) -> Vec<&str> {
    let (mut depth, mut start, mut parts) = (0_usize, 0, Vec::new());
    for (at, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            c if c == separator && depth == 0 => {
                parts.push(&text[start..at]);
                start = at + c.len_utf8();
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

/// The nodes up to the end of the path, as text; `None` if there is no such end.
fn nodes(path: &[u8]) -> Option<String> {
    let mut front = Front(path);
    let mut text = String::new();
    let mut fresh = true;
    loop {
        let [kind, sub] = front.array()?;
        let len = usize::from(front.u16()?).checked_sub(4)?;
        let data = front.take(len)?;
        match (kind, sub) {
            (0x7F, 0xFF) => return (front.0.is_empty() && len == 0).then_some(text),
            (0x7F, 0x01) => {
                text.push(',');
                fresh = true;
            }
            _ => {
                if !fresh {
                    text.push('/');
                }
                text.push_str(&shown(kind, sub, data));
                fresh = false;
            }
        }
    }
}

/// One node as text: its own form, if that gives the same bytes again.
fn shown(kind: u8, sub: u8, data: &[u8]) -> String {
    let same = |text: &String| node(text).is_ok_and(|bytes| bytes == made(kind, sub, data));
    let own = own_form(kind, sub, data).filter(same);
    own.unwrap_or_else(|| format!("Path({kind},{sub},{})", hex(data)))
}

fn own_form(kind: u8, sub: u8, data: &[u8]) -> Option<String> {
    let mut front = Front(data);
    Some(match (kind, sub) {
        (1, 1) => {
            let [function, device] = front.array()?;
            format!("Pci({device:#x},{function:#x})")
        }
        (1, 3) => {
            let (memory, start, end) = (front.u32()?, front.u64()?, front.u64()?);
            format!("MemoryMapped({memory:#x},{start:#x},{end:#x})")
        }
        (1 | 3 | 4, 4 | 10 | 3) if (kind, sub) != (4, 4) && (kind, sub) != (1, 10) => {
            let guid = Uuid::from_bytes_le(front.array()?);
            let name = match (kind, sub) {
                (1, 4) => "VenHw",
                (3, 10) => "VenMsg",
                (4, 3) => "VenMedia",
                _ => return None,
            };
            let data =
                if front.0.is_empty() { String::new() } else { format!(",{}", hex(front.0)) };
            format!("{name}({guid}{data})")
        }
        (2, 1) => {
            let (hid, uid) = (front.u32()?, front.u32()?);
            match (hid & 0xFFFF == PNP, hid >> 16) {
                (true, 0x0A03) => format!("PciRoot({uid:#x})"),
                (true, 0x0A08) => format!("PcieRoot({uid:#x})"),
                (true, id) => format!("Acpi(PNP{id:04X},{uid:#x})"),
                (false, _) => format!("Acpi({hid:#010x},{uid:#x})"),
            }
        }
        (3, 2) => format!("Scsi({:#x},{:#x})", front.u16()?, front.u16()?),
        (3, 11) => format!("MAC({},{:#x})", hex(&data[..data.len().min(32)]), data.last()?),
        (3, 18) => {
            let (port, multiplier, lun) = (front.u16()?, front.u16()?, front.u16()?);
            format!("Sata({port:#x},{multiplier:#x},{lun:#x})")
        }
        (3, 23) => {
            let (space, id) = (front.u32()?, front.array::<8>()?);
            format!("NVMe({space:#x},{})", hex(&id))
        }
        (3, 24) => format!("Uri({})", std::str::from_utf8(data).ok()?),
        (4, 1) => hard_drive(front)?,
        (4, 4) => utf16::text(data.strip_suffix(&[0, 0])?)?,
        (4, 6) => format!("FvFile({})", Uuid::from_bytes_le(front.array()?)),
        (4, 7) => format!("Fv({})", Uuid::from_bytes_le(front.array()?)),
        _ => return None,
    })
}

fn hard_drive(mut front: Front<'_>) -> Option<String> {
    let (number, start, blocks) = (front.u32()?, front.u64()?, front.u64()?);
    let signature = front.array::<16>()?;
    let [format, kind] = front.array()?;
    let mut text = format!("HD({number}");
    match (format, kind) {
        (2, 2) => write!(text, ",GPT,{}", Uuid::from_bytes_le(signature)).ok()?,
        (1, 1) => {
            let [a, b, c, d, rest @ ..] = signature;
            if rest.iter().any(|byte| *byte != 0) {
                return None;
            }
            write!(text, ",MBR,{:#x}", u32::from_le_bytes([a, b, c, d])).ok()?;
        }
        _ => return None,
    }
    write!(text, ",{start:#x},{blocks:#x})").ok()?;
    Some(text)
}

fn made(kind: u8, sub: u8, data: &[u8]) -> Vec<u8> {
    let len = u16::try_from(data.len() + 4).unwrap_or(u16::MAX);
    let mut bytes = vec![kind, sub];
    bytes.extend(len.to_le_bytes());
    bytes.extend(data);
    bytes
}

/// The bytes of one node's text.
fn node(word: &str) -> Result<Vec<u8>, String> {
    let wrong = |why: &str| format!("device path: {word:?}: {why}");
    if word.len() > usize::from(u16::MAX) / 2 - 8 {
        return Err("device path: a node with more than 65535 bytes".into());
    }
    // A name of a file may have parentheses, and begins with a backslash or is no form at all.
    let form = word.split_once('(').zip(word.strip_suffix(')'));
    let Some(((name, _), open)) = form.filter(|_| !word.starts_with('\\')) else {
        return Ok(made(4, 4, &utf16::utf16_nul(word)));
    };
    let inner = &open[name.len() + 1..];
    let args: Vec<&str> = inner.split(',').map(str::trim).collect();
    let node = args_node(name, inner, &args).ok_or_else(|| {
        wrong("is no node; write it as Path(TYPE,SUBTYPE,HEX), or a whole path as hex:…")
    })?;
    let (kind, sub, data) = node;
    Ok(made(kind, sub, &data))
}

/// Type, subtype and data of a node in a form with arguments.
fn args_node(name: &str, inner: &str, args: &[&str]) -> Option<(u8, u8, Vec<u8>)> {
    let guid = |text: &str| Uuid::parse_str(text).ok().map(|guid| guid.to_bytes_le());
    let vendor = |kind, sub| {
        let (first, rest) = args.split_first()?;
        let mut data = guid(first)?.to_vec();
        match rest {
            [] => {}
            [more] => data.extend(from_hex(more).ok()?),
            _ => return None,
        }
        Some((kind, sub, data))
    };
    let pnp = |id: u32, uid: &str| {
        let mut data = (id << 16 | PNP).to_le_bytes().to_vec();
        data.extend(number::<u32>(uid)?.to_le_bytes());
        Some((2, 1, data))
    };
    match (name, args) {
        ("Path", [kind, sub, data]) => Some((number(kind)?, number(sub)?, from_hex(data).ok()?)),
        ("Pci", [device, function]) => Some((1, 1, vec![number(function)?, number(device)?])),
        ("MemoryMapped", [memory, start, end]) => {
            let mut data = number::<u32>(memory)?.to_le_bytes().to_vec();
            data.extend(number::<u64>(start)?.to_le_bytes());
            data.extend(number::<u64>(end)?.to_le_bytes());
            Some((1, 3, data))
        }
        ("VenHw", _) => vendor(1, 4),
        ("VenMsg", _) => vendor(3, 10),
        ("VenMedia", _) => vendor(4, 3),
        ("PciRoot", [uid]) => pnp(0x0A03, uid),
        ("PcieRoot", [uid]) => pnp(0x0A08, uid),
        ("Acpi", [id, uid]) => match id.strip_prefix("PNP") {
            Some(digits) => {
                pnp(u32::from_str_radix(digits, 16).ok().filter(|id| *id < 1 << 16)?, uid)
            }
            None => {
                let mut data = number::<u32>(id)?.to_le_bytes().to_vec();
                data.extend(number::<u32>(uid)?.to_le_bytes());
                Some((2, 1, data))
            }
        },
        _ => message_or_media(name, inner, args),
    }
}

/// As [`args_node`], of message and media nodes.
fn message_or_media(name: &str, inner: &str, args: &[&str]) -> Option<(u8, u8, Vec<u8>)> {
    let guid = |text: &str| Uuid::parse_str(text).ok().map(|guid| guid.to_bytes_le());
    let u16s = |kind, sub, count: usize| {
        let numbers: Option<Vec<u16>> = args.iter().map(|arg| number(arg)).collect();
        let numbers = numbers.filter(|numbers| numbers.len() == count)?;
        Some((kind, sub, numbers.into_iter().flat_map(u16::to_le_bytes).collect()))
    };
    match (name, args) {
        ("Scsi", _) => u16s(3, 2, 2),
        ("Sata", _) => u16s(3, 18, 3),
        ("MAC", [address, kind]) => {
            let mut data = from_hex(address).ok()?;
            data.push(number(kind)?);
            Some((3, 11, data))
        }
        ("NVMe", [space, id]) => {
            let mut data = number::<u32>(space)?.to_le_bytes().to_vec();
            data.extend(from_hex(id).ok()?);
            Some((3, 23, data))
        }
        ("Uri", _) => Some((3, 24, inner.as_bytes().to_vec())),
        ("HD", [part, kind, id, start, blocks]) => {
            let mut data = number::<u32>(part)?.to_le_bytes().to_vec();
            data.extend(number::<u64>(start)?.to_le_bytes());
            data.extend(number::<u64>(blocks)?.to_le_bytes());
            match *kind {
                "GPT" => data.extend(guid(id)?.into_iter().chain([2, 2])),
                "MBR" => {
                    data.extend(number::<u32>(id)?.to_le_bytes());
                    data.extend([0; 12]);
                    data.extend([1, 1]);
                }
                _ => return None,
            }
            Some((4, 1, data))
        }
        ("FvFile", [id]) => Some((4, 6, guid(id)?.to_vec())),
        ("Fv", [id]) => Some((4, 7, guid(id)?.to_vec())),
        _ => None,
    }
}

fn number<T: TryFrom<u64>>(text: &str) -> Option<T> {
    let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let value = match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).ok().filter(|_| plain(digits)),
        None => text.parse().ok().filter(|_| plain(text)),
    };
    T::try_from(value?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_give_their_bytes() {
        for (text, bytes) in [
            ("PciRoot(0x0)/Pci(0x2,0x0)", "02010c00d041030a00000000010106000002"),
            ("\\EFI", "04040e005c00450046004900 0000"),
            (
                "HD(1,GPT,c12a7328-f81f-11d2-ba4b-00a0c93ec93b,0x800,0x100000)",
                "04012a000100000000080000000000000000100000000000\
                 28732ac11ff8d211ba4b00a0c93ec93b0202",
            ),
            ("MemoryMapped(0x1,0x8000,0x9000)", "010318000100000000800000000000000090000000000000"),
            ("Sata(0x1,0xffff,0x0)", "03120a000100ffff0000"),
            ("Acpi(PNP0501,0x1)", "02010c00d041010501000000"),
            ("Uri(http://x/(a,b))", "031812 00687474703a2f2f782f28612c6229"),
            ("Path(9,8,0102)", "090806000102"),
        ] {
            let bytes = from_hex(&bytes.replace(' ', "")).expect("digits");
            let whole = [&bytes[..], &END].concat();
            assert_eq!(from_text(text).as_deref(), Ok(&whole[..]), "{text}");
            assert_eq!(super::text(&whole), text);
        }
        assert!(from_text("Pci(0x2)").unwrap_err().contains("Pci(0x2)"));
        assert!(from_text("Pci(0x200,0)").is_err() && from_text("Pci(+2,0)").is_err());
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_have_a_text(bytes: Vec<u8>, kind in 0_u8..6, sub in 0_u8..26) {
            let node = made(kind, sub, &bytes);
            let two = [&node[..], &END_INSTANCE, &END].concat();
            for path in [bytes, [&node[..], &END].concat(), two] {
                let shown = text(&path);
                proptest::prop_assert_eq!(from_text(&shown), Ok(path), "{}", shown);
            }
        }
    }
}
