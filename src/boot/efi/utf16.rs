//! UTF-16LE, as UEFI has it: text that may not be text (lone surrogates), with a NUL or without.

use std::fmt::Write as _;

/// UTF-16LE of a text, without a NUL.
#[must_use]
pub fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

/// UTF-16LE of a text, with a NUL behind it.
#[must_use]
pub fn utf16_nul(text: &str) -> Vec<u8> {
    let mut bytes = utf16(text);
    bytes.extend([0, 0]);
    bytes
}

/// The units of bytes; `None` if half of one is left over.
#[must_use]
pub fn units(bytes: &[u8]) -> Option<Vec<u16>> {
    let (pairs, rest) = bytes.as_chunks::<2>();
    rest.is_empty().then(|| pairs.iter().map(|pair| u16::from_le_bytes(*pair)).collect())
}

/// The text, if it is one; no lone surrogate, and no half unit.
#[must_use]
pub fn text(bytes: &[u8]) -> Option<String> {
    String::from_utf16(&units(bytes)?).ok()
}

/// For people: what is no text is written as `\u{d800}`, a half unit as `\xNN`.
#[must_use]
pub fn shown(bytes: &[u8]) -> String {
    let (pairs, rest) = bytes.as_chunks::<2>();
    let units = pairs.iter().map(|pair| u16::from_le_bytes(*pair));
    let mut text = String::new();
    for unit in char::decode_utf16(units) {
        match unit {
            Ok('\0') => text.push_str("\\0"),
            Ok(c) => text.push(c),
            Err(lone) => {
                let _ = write!(text, "\\u{{{:x}}}", lone.unpaired_surrogate());
            }
        }
    }
    if let [half] = rest {
        let _ = write!(text, "\\x{}", crate::encoding::text::hex(&[*half]));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_and_what_is_none() {
        assert_eq!(utf16_nul("aä"), [b'a', 0, 0xE4, 0, 0, 0]);
        assert_eq!(text(&utf16("a𝄞")).as_deref(), Some("a𝄞"));
        let lone = [0x61, 0, 0x00, 0xD8];
        assert_eq!((text(&lone), shown(&lone).as_str()), (None, "a\\u{d800}"));
        assert_eq!((text(&[0x61]), shown(&[0x61, 0, 7]).as_str()), (None, "a\\x07"));
        assert_eq!(shown(&utf16_nul("x")), "x\\0");
    }
}
