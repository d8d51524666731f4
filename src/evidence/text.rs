//! Bytes as people hand them on: hexadecimal, or base64 in either alphabet.

use std::borrow::Cow;

use thiserror::Error;

/// Why a text stands for no bytes.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
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

/// The bytes of base64, in the standard alphabet or that for URLs, with or without padding.
///
/// # Errors
/// If a character is of neither alphabet, or the end is not that of whole bytes.
pub fn from_base64(text: &str) -> Result<Vec<u8>, TextError> {
    let plain = text.trim_end_matches('=');
    let padding = text.len() - plain.len();
    let mut bits = 0_u32;
    let mut bytes = Vec::new();
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
    let spare = [0, 6, 4, 2][plain.len() % 4];
    let padded = padding == 0 || (plain.len() + padding).is_multiple_of(4) && padding < 3;
    let whole = plain.len() % 4 != 1 && bits & ((1 << spare) - 1) == 0 && padded;
    if whole { Ok(bytes) } else { Err(TextError::Base64(plain.len())) }
}

/// The bytes of a file that holds a token: as they are, or as hexadecimal or base64 text. White
/// space does not count in a text, nor does `0x` before it.
///
/// # Errors
/// If it is text, and stands for no bytes.
pub fn token_bytes(file: &[u8]) -> Result<Cow<'_, [u8]>, TextError> {
    // A token begins with a tag above 23, which is no character of ASCII.
    if !file.iter().all(u8::is_ascii) {
        return Ok(Cow::Borrowed(file));
    }
    let text: String =
        file.iter().filter(|c| !c.is_ascii_whitespace()).map(|c| *c as char).collect();
    let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")).unwrap_or(&text);
    let hex = digits.bytes().all(|c| c.is_ascii_hexdigit());
    if hex { from_hex(digits) } else { from_base64(&text) }.map(Cow::Owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_of_one_token() {
        let bytes = [0xD9, 0x01, 0x8F, 0xFF, 0xFE];
        for text in ["d9018ffffe", "0xD9018F\nFFFE\n", "2QGP//4=", "2QGP__4", " 2QG P//4 ="] {
            assert_eq!(token_bytes(text.as_bytes()).as_deref(), Ok(&bytes[..]), "{text}");
        }
        assert_eq!(token_bytes(&bytes), Ok(Cow::Borrowed(&bytes[..])));
        assert_eq!(token_bytes(b"").as_deref(), Ok(&[][..]));
        for (text, why) in [
            ("d9018", "has 5 hexadecimal digits"),
            ("2QGP/", "has 5 characters of base64"),
            ("2QGP//5", "has 7 characters of base64"),
            ("2QGP//4==", "has 7 characters of base64"),
            ("zzzz====", "has 4 characters of base64"),
            ("{\"x\": 1}", "character 1 is '{'"),
        ] {
            let error = token_bytes(text.as_bytes()).unwrap_err().to_string();
            assert!(error.starts_with(why), "{text}: {error}");
        }
    }
}
