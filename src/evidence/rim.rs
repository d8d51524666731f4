//! RIMs as people have them: the one reader of every place that takes a RIM.

use thiserror::Error;

use crate::encoding::text::{TextError, from_base64, from_hex};
use crate::measure::rim::{HashAlgo, Measurement};

/// A RIM that was observed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The RIM.
    pub rim: Measurement,
    /// What was made of the bytes, if they were not simply a RIM.
    pub remark: Option<String>,
}

/// Why a text or bytes are no RIM.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RimError {
    /// Nothing is there.
    #[error("is empty; a RIM has {} hexadecimal digits", digits())]
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
    #[error("has {0} bytes; a RIM has {lengths}", lengths = HashAlgo::lengths())]
    Length(usize),
    /// Another length than that of the algorithm that stands before it.
    #[error("has {found} bytes; {name} gives {wanted}", name = .algo.name(),
        wanted = .algo.len_bytes())]
    OtherLength {
        /// The algorithm.
        algo: HashAlgo,
        /// The length in bytes.
        found: usize,
    },
    /// Nothing but zero bytes.
    #[error("is zero: that is the RIM before anything was measured, and no Realm keeps it")]
    Zero,
}

fn digits() -> String {
    HashAlgo::any_of(|algo| format!("{} ({})", 2 * algo.len_bytes(), algo.title()))
}

impl Target {
    /// Reads hexadecimal (either case) or base64 (both alphabets). The name of the algorithm may
    /// stand before it, as in `sha256:a5…`. White space around it, and `0x` before it, do not
    /// count.
    ///
    /// # Errors
    /// If it is neither, of another length than a RIM's or its algorithm's, or zero.
    pub fn from_text(text: &str) -> Result<Self, RimError> {
        Self::rem_from_text(text)?.not_zero()
    }

    /// Reads a REM: as [`Target::from_text`], and it may be zero, as a REM begins.
    ///
    /// # Errors
    /// If it is neither hexadecimal nor base64, or of another length.
    pub fn rem_from_text(text: &str) -> Result<Self, RimError> {
        let text = text.trim();
        let named = text.split_once(':').and_then(|(name, rest)| {
            Some((HashAlgo::from_name(name).or_else(|| HashAlgo::from_iana_name(name))?, rest))
        });
        let Some((algo, rest)) = named else { return Self::of_length(&bytes_of(text)?) };
        let bytes = bytes_of(rest)?;
        let found = bytes.len();
        let rim = Measurement::from_bytes(algo, &bytes);
        Ok(Self { rim: rim.ok_or(RimError::OtherLength { algo, found })?, remark: None })
    }

    /// Reads what a file holds: a text as [`Target::from_text`] takes it, or the bytes themselves.
    ///
    /// # Bounds
    /// As [`Target::rem_from_file`].
    ///
    /// # Errors
    /// As [`Target::from_text`].
    pub fn from_file(bytes: &[u8]) -> Result<Self, RimError> {
        Self::rem_from_file(bytes)?.not_zero()
    }

    /// Reads a REM from what a file holds: as [`Target::from_file`], and it may be zero.
    ///
    /// # Bounds
    /// Time and memory grow with the length, memory by at most 40 bytes for each byte.
    ///
    /// # Errors
    /// As [`Target::rem_from_text`].
    pub fn rem_from_file(bytes: &[u8]) -> Result<Self, RimError> {
        match std::str::from_utf8(bytes) {
            // Text has no zero bytes: these are the bytes of a REM that begins with one.
            Ok(text) if !text.contains('\0') => Self::rem_from_text(text),
            _ => Self::of_length(bytes),
        }
    }

    /// Takes bytes as they stand in a token or a slot.
    ///
    /// # Errors
    /// If they are no algorithm's length, or all zero.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, RimError> {
        Self::of_length(bytes)?.not_zero()
    }

    fn not_zero(self) -> Result<Self, RimError> {
        if self.rim.is_zero() { Err(RimError::Zero) } else { Ok(self) }
    }

    fn of_length(bytes: &[u8]) -> Result<Self, RimError> {
        let algo = HashAlgo::from_len_bytes(bytes.len()).ok_or(RimError::Length(bytes.len()))?;
        let used = bytes.iter().rposition(|byte| *byte != 0).map_or(bytes.len(), |last| last + 1);
        // A digest does not end with so many zeros: these are the rest of a slot.
        let is_slot = bytes.len() == Measurement::zero(algo).slot().len();
        let shorter =
            HashAlgo::ALL.into_iter().filter(|one| is_slot && one.len_bytes() < bytes.len());
        let slot_of =
            shorter.filter(|one| used <= one.len_bytes()).min_by_key(|one| one.len_bytes());
        let remark = slot_of.map(|algo| {
            let (all, rest, title) = (bytes.len(), bytes.len() - algo.len_bytes(), algo.title());
            format!("{all} bytes of which the last {rest} are zero: a {title} RIM in its slot")
        });
        let algo = slot_of.unwrap_or(algo);
        let rim = Measurement::from_bytes(algo, &bytes[..algo.len_bytes()]);
        Ok(Self { rim: rim.ok_or(RimError::Length(bytes.len()))?, remark })
    }
}

fn bytes_of(text: &str) -> Result<Vec<u8>, RimError> {
    let text = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")).unwrap_or(text);
    if text.is_empty() {
        return Err(RimError::Empty);
    }
    let wrong = text.chars().enumerate().find(|(_, c)| !c.is_ascii_hexdigit());
    let Some((i, found)) = wrong else { return Ok(from_hex(text)?) };
    // As many characters as a RIM in hexadecimal has: a slip, not base64. (The base64 of 48 bytes
    // is 64 characters long: that is read unless all but a few are hexadecimal digits.)
    let count = text.chars().count();
    let strange = text.chars().filter(|c| !c.is_ascii_hexdigit()).count();
    let as_long = HashAlgo::ALL.into_iter().any(|algo| 2 * algo.len_bytes() == count);
    if as_long && (strange <= count / 16 || from_base64(text).is_err()) {
        return Err(RimError::Digit { place: i + 1, found });
    }
    Ok(from_base64(text)?)
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
            format!("sha256:{hex}"),
            format!("sha-256:{hex}\n"),
            format!("  0x{hex}\n"),
            "AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=".into(),
            "AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA".into(),
        ] {
            assert_eq!(Target::from_text(&form), plain, "{form}");
        }
        let padded = Target::from_text(&format!("{hex}{}", "0".repeat(64))).unwrap();
        assert_eq!(padded.rim, rim);
        assert!(padded.remark.is_some_and(|remark: String| remark.contains("SHA-256")));
        let long = Target::from_text(&format!("{hex}{hex}")).unwrap();
        assert_eq!(long.rim.algo(), HashAlgo::Sha512);
        let middle = hex.repeat(2)[..96].to_owned();
        for form in
            [middle.clone(), format!("sha384:{middle}"), format!("{middle}{}", "0".repeat(32))]
        {
            let read = Target::from_text(&form).unwrap().rim;
            assert_eq!(
                (read.algo(), read.to_string()),
                (HashAlgo::Sha384, middle.clone()),
                "{form}"
            );
        }
        let base64 = "AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyABAgMEBQYHCAkKCwwNDg8Q";
        assert_eq!(Target::from_text(base64).unwrap().rim.to_string(), middle);
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
            (digits(62), "has 31 bytes; a RIM has 32 (SHA-256), 48 (SHA-384) or 64 (SHA-512)"),
            (digits(94), "has 47 bytes; a RIM"),
            (format!("sha256:{}", digits(96)), "has 48 bytes; sha256 gives 32"),
            (format!("sha384:{}", digits(64)), "has 32 bytes; sha384 gives 48"),
            (format!("sha512:{}", "0".repeat(128)), "is zero"),
            ("sha256:".into(), "is empty"),
            ("0".repeat(96), "is zero"),
            ("0".repeat(128), "is zero"),
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
