//! RIMs as people have them: hexadecimal or base64, of 32 or 64 bytes.

use thiserror::Error;

use crate::encoding::text::{TextError, from_base64, from_hex};
use crate::measure::rim::{HashAlgo, Measurement};

/// A RIM that was observed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The RIM.
    pub rim: Measurement,
    /// What was made of the bytes, if they were not simply a RIM.
    pub remark: Option<&'static str>,
}

/// Why a text or bytes are no RIM.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum RimError {
    /// Nothing is there.
    #[error("is empty; a RIM has 64 (SHA-256) or 128 (SHA-512) hexadecimal digits")]
    Empty,
    /// A character that does not belong there.
    #[error("character {place} is {found:?}, which is no hexadecimal digit")]
    Digit {
        /// Its number, from 1.
        place: usize,
        /// The character.
        found: char,
    },
    /// Neither kind of text, or no whole bytes.
    #[error(transparent)]
    Text(#[from] TextError),
    /// Too short or too long.
    #[error("has {0} bytes; a RIM has 32 (SHA-256) or 64 (SHA-512)")]
    Length(usize),
    /// 64 zero bytes, or 32.
    #[error("is zero: that is the RIM before anything was measured, and no Realm keeps it")]
    Zero,
}

impl Target {
    /// Reads hexadecimal or base64 (both alphabets). White space around it, and `0x` before it, do
    /// not count.
    ///
    /// # Errors
    /// If it is neither, or of another length than a RIM's.
    pub fn from_text(text: &str) -> Result<Self, RimError> {
        let text = text.trim();
        let text = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")).unwrap_or(text);
        if text.is_empty() {
            return Err(RimError::Empty);
        }
        let wrong = text.chars().enumerate().find(|(_, c)| !c.is_ascii_hexdigit());
        let Some((i, found)) = wrong else { return Self::from_bytes(&from_hex(text)?) };
        // As many characters as a RIM in hexadecimal has: a slip, not base64.
        if [64, 128].contains(&text.chars().count()) {
            return Err(RimError::Digit { place: i + 1, found });
        }
        Self::from_bytes(&from_base64(text)?)
    }

    /// Takes bytes as they stand in a token or a slot.
    ///
    /// # Errors
    /// If they are not 32 or 64, or all zero.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, RimError> {
        let half = HashAlgo::Sha256.len_bytes();
        let (algo, bytes, remark) = match bytes.len() {
            32 => (HashAlgo::Sha256, bytes, None),
            64 if bytes[half..].iter().all(|byte| *byte == 0) => {
                let remark = "64 bytes of which the second half is zero: a SHA-256 RIM in its slot";
                (HashAlgo::Sha256, &bytes[..half], Some(remark))
            }
            64 => (HashAlgo::Sha512, bytes, None),
            other => return Err(RimError::Length(other)),
        };
        let rim = Measurement::from_bytes(algo, bytes).ok_or(RimError::Length(bytes.len()))?;
        if rim.is_zero() { Err(RimError::Zero) } else { Ok(Self { rim, remark }) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn forms_of_one_rim() {
        let bytes: Vec<u8> = (1..=32).collect();
        let rim = Measurement::from_bytes(HashAlgo::Sha256, &bytes).unwrap();
        let plain = Ok(Target { rim, remark: None });
        let hex = text(&bytes);
        for form in [
            hex.clone(),
            hex.to_uppercase(),
            format!("  0x{hex}\n"),
            "AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=".into(),
            "AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA".into(),
        ] {
            assert_eq!(Target::from_text(&form), plain, "{form}");
        }
        let padded = Target::from_text(&format!("{hex}{}", "0".repeat(64))).unwrap();
        assert_eq!(padded.rim, rim);
        assert!(padded.remark.is_some_and(|remark| remark.contains("SHA-256")));
        let long = Target::from_text(&format!("{hex}{hex}")).unwrap();
        assert_eq!(long.rim.algo(), HashAlgo::Sha512);
        let url = Target::from_text(&format!("_-{}=", "A".repeat(41))).unwrap();
        assert_eq!(url.rim.as_bytes()[..2], [0xFF, 0xE0]);
    }

    #[test]
    fn mistakes() {
        let digits = |count: usize| "a".repeat(count);
        for (text, message) in [
            (String::new(), "is empty; a RIM has 64"),
            ("0x".into(), "is empty"),
            (digits(63), "has 63 hexadecimal digits, which are no whole bytes"),
            (digits(62), "has 31 bytes; a RIM has 32 (SHA-256) or 64 (SHA-512)"),
            (digits(96), "has 48 bytes; a RIM"),
            (format!("{}g", digits(63)), "character 64 is 'g', which is no hexadecimal digit"),
            (format!("{}é{}", digits(60), digits(67)), "character 61 is 'é'"),
            ("zzz!".into(), "character 4 is '!', which neither hexadecimal nor base64 has"),
            ("zzzzz".into(), "has 5 characters of base64, which are no whole bytes"),
            (format!("z{}=", digits(42)).replace("a=", "b="), "no whole bytes"),
            ("zzzz".into(), "has 3 bytes; a RIM"),
            ("0".repeat(64), "is zero: that is the RIM before"),
        ] {
            let error = Target::from_text(&text).unwrap_err().to_string();
            assert!(error.contains(message), "{text}: {error}");
        }
    }
}
