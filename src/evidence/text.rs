//! Files that hold a token: its bytes, or a text that stands for them.

use std::borrow::Cow;

use crate::encoding::text::{TextError, from_base64, from_hex};

/// The bytes of a file that holds a token: as they are, or as hexadecimal or base64 text. White
/// space does not count in a text, nor does `0x` before it.
///
/// # Bounds
/// Time and memory grow with the length, memory by at most 40 bytes for each byte.
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
