//! Bytes as text: hexadecimal, and base64 in either alphabet (RFC 4648).

use std::fmt;

#[cfg(feature = "evidence")]
use base64ct::{Base64, Base64UrlUnpadded, Encoding as _};
use thiserror::Error;

/// Longest text of a file that a message repeats, in characters.
#[cfg(feature = "evidence")]
const MAX_SHOWN: usize = 64;

/// A text of a file in a message: quoted, not too long, and nothing that a terminal would act on.
#[cfg(feature = "evidence")]
pub(crate) fn shown(text: &str) -> String {
    let short: String = text.chars().take(MAX_SHOWN).collect();
    let more = if short.len() < text.len() { "…" } else { "" };
    format!("{short:?}{more}")
}

/// Why a text stands for no bytes.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TextError {
    /// A character that neither form has.
    #[error("character {place} is {found:?}, which neither hexadecimal nor base64 has")]
    Character {
        /// Its number, from 1.
        place: usize,
        /// The character.
        found: char,
    },
    /// An odd number of digits.
    #[error("has {0} hexadecimal digits, which are no whole bytes")]
    Odd(usize),
    /// Base64 that ends where it can not.
    #[error("has {0} characters of base64, which are no whole bytes")]
    Base64(usize),
}

/// Bytes that print as lower-case hexadecimal digits, two a byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Digits<'b>(pub(crate) &'b [u8]);

impl fmt::Display for Digits<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Lower-case hexadecimal digits, two a byte.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from(b"0123456789abcdef"[usize::from(value)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 0xF)]).collect()
}

/// As [`hex`], with a space between two bytes.
#[must_use]
pub fn hex_with_spaces(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| hex(&[*byte])).collect::<Vec<_>>().join(" ")
}

/// The bytes of hexadecimal digits, without `0x` before them.
///
/// # Errors
/// If there is an odd number of them, or a character is no digit.
pub fn from_hex(text: &str) -> Result<Vec<u8>, TextError> {
    let wrong = text.chars().enumerate().find(|(_, c)| !c.is_ascii_hexdigit());
    if let Some((i, found)) = wrong {
        return Err(TextError::Character { place: i + 1, found });
    }
    if text.len() % 2 == 1 {
        return Err(TextError::Odd(text.len()));
    }
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => byte - b'0',
        letter => (letter | 0x20) - b'a' + 10,
    };
    Ok(text.as_bytes().chunks(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect())
}

/// Base64 in the standard alphabet, with padding.
#[cfg(feature = "evidence")]
#[must_use]
pub fn base64(bytes: &[u8]) -> String {
    Base64::encode_string(bytes)
}

/// Base64 in the alphabet for URLs, without padding.
#[cfg(feature = "evidence")]
#[must_use]
pub fn base64url(bytes: &[u8]) -> String {
    Base64UrlUnpadded::encode_string(bytes)
}

/// The bytes of base64, in the standard alphabet or that for URLs, with or without padding.
///
/// # Errors
/// If a character is of neither alphabet, or the end is not that of whole bytes.
pub fn from_base64(text: &str) -> Result<Vec<u8>, TextError> {
    let plain = text.trim_end_matches('=');
    let padding = text.len() - plain.len();
    let (bytes, spare) = sextets(plain)?;
    let padded = padding == 0 || (plain.len() + padding).is_multiple_of(4) && padding < 3;
    let whole = plain.len() % 4 != 1 && spare == 0 && padded;
    if whole { Ok(bytes) } else { Err(TextError::Base64(plain.len())) }
}

/// The bytes of base64 as GLib reads it, and QEMU with it: the standard alphabet, any number of `=`
/// at the end, and bits that are left over do not count.
#[cfg(any(test, feature = "hosts"))]
#[must_use]
pub(crate) fn from_loose_base64(text: &str) -> Option<Vec<u8>> {
    let plain = text.trim_end_matches('=');
    let standard = !plain.contains(['-', '_']);
    sextets(plain).ok().filter(|_| standard).map(|(bytes, _)| bytes)
}

/// The bytes of base64 without padding, and the bits that are left over.
fn sextets(plain: &str) -> Result<(Vec<u8>, u32), TextError> {
    let mut bits = 0_u32;
    let mut bytes = Vec::with_capacity(plain.len() / 4 * 3 + 2);
    for (i, found) in plain.chars().enumerate() {
        let value = match found {
            'A'..='Z' => u32::from(found) - u32::from('A'),
            'a'..='z' => u32::from(found) - u32::from('a') + 26,
            '0'..='9' => u32::from(found) - u32::from('0') + 52,
            '+' | '-' => 62,
            '/' | '_' => 63,
            _ => return Err(TextError::Character { place: i + 1, found }),
        };
        bits = bits << 6 | value;
        if i % 4 > 0 {
            let shift = [4, 2, 0][i % 4 - 1];
            bytes.push((bits >> shift).to_le_bytes()[0]);
        }
    }
    let spare_bits = [0, 6, 4, 2][plain.len() % 4];
    Ok((bytes, bits & ((1 << spare_bits) - 1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_there_and_back() {
        let bytes: Vec<u8> = (0..=255).collect();
        for len in 0..bytes.len() {
            let bytes = &bytes[len..];
            assert_eq!(from_hex(&hex(bytes)).as_deref(), Ok(bytes));
            assert_eq!(from_hex(&hex(bytes).to_uppercase()).as_deref(), Ok(bytes));
            assert_eq!(Digits(bytes).to_string(), hex(bytes));
        }
        assert_eq!(hex_with_spaces(&[0, 0xAB]), "00 ab");
    }

    #[cfg(feature = "evidence")]
    #[test]
    fn every_byte_there_and_back_in_base64() {
        let bytes: Vec<u8> = (0..=255).collect();
        for len in 0..bytes.len() {
            let bytes = &bytes[len..];
            for text in [base64(bytes), base64url(bytes)] {
                assert_eq!(from_base64(&text).as_deref(), Ok(bytes), "{text}");
            }
            assert_eq!(from_loose_base64(&base64(bytes)).as_deref(), Some(bytes));
        }
        assert_eq!(base64url(&[0xFB, 0xFF]), "-_8");
    }

    /// RFC 4648 section 10.
    #[test]
    fn vectors_of_the_rfc() {
        for (bytes, text) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foobar", "Zm9vYmFy")] {
            assert_eq!(from_base64(text).as_deref(), Ok(bytes.as_bytes()));
            #[cfg(feature = "evidence")]
            assert_eq!(base64(bytes.as_bytes()), text);
        }
    }

    #[test]
    fn what_stands_for_no_bytes() {
        assert_eq!(from_hex("+f"), Err(TextError::Character { place: 1, found: '+' }));
        assert_eq!(from_hex("0é"), Err(TextError::Character { place: 2, found: 'é' }));
        assert_eq!(from_hex("123"), Err(TextError::Odd(3)));
        // Left-over bits, a character alone, padding that is too long or in the middle.
        for text in ["Zh==", "Zg==Z", "Z", "Zg=", "Zm8==", "Zm9v===="] {
            assert!(from_base64(text).is_err(), "{text}");
        }
        for (text, bytes) in [("Zh", &b"f"[..]), ("Zg=", b"f"), ("Zm9v====", b"foo"), ("Z", b"")] {
            assert_eq!(from_loose_base64(text).as_deref(), Some(bytes), "{text}");
        }
        for text in ["Zg==Z", "-_8", "Z g"] {
            assert_eq!(from_loose_base64(text), None, "{text}");
        }
    }
}
