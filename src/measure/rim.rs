//! Hash algorithms, and a Realm's measurement slots.

use std::fmt;

use super::hasher::{self, Digest};
use crate::abi::profile::RemReading;
use crate::encoding::text::Digits;

/// RmiHashAlgorithm (DEN0137 1.0 B4.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HashAlgo {
    /// SHA-256, 32 bytes.
    Sha256,
    /// SHA-512, 64 bytes.
    Sha512,
    /// SHA-384, 48 bytes (2.0).
    Sha384,
}

/// What is known of an algorithm.
struct AlgoRow {
    code: u8,
    name: &'static str,
    iana_name: &'static str,
    iana_number: u64,
    title: &'static str,
    /// TPM_ALG_ID.
    tcg_number: u16,
    len_bytes: usize,
    #[cfg_attr(not(feature = "evidence"), allow(dead_code, reason = "read by evidence"))]
    len_text: &'static str,
}

impl HashAlgo {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Sha256, Self::Sha512, Self::Sha384];
    /// Those of RMM 1.0.
    pub const ALL_1_0: [Self; 2] = [Self::Sha256, Self::Sha512];
    /// All of them, the shortest first: the order in which texts name them.
    const BY_LENGTH: [Self; 3] = [Self::Sha256, Self::Sha384, Self::Sha512];
    /// The lengths of a digest in bytes, in words.
    #[cfg(any(test, feature = "evidence"))]
    pub(crate) const LENGTHS: &'static str = "32, 48 or 64";
    /// The names of tokens, in words.
    #[cfg(any(test, feature = "evidence"))]
    pub(crate) const IANA_NAMES: &'static str = "\"sha-256\", \"sha-384\" or \"sha-512\"";

    /// The table of algorithms: the only place with their names, numbers and lengths.
    const fn row(self) -> AlgoRow {
        match self {
            Self::Sha256 => AlgoRow {
                code: 0,
                name: "sha256",
                iana_name: "sha-256",
                iana_number: 1,
                title: "SHA-256",
                tcg_number: 0x0B,
                len_bytes: 32,
                len_text: "32",
            },
            Self::Sha512 => AlgoRow {
                code: 1,
                name: "sha512",
                iana_name: "sha-512",
                iana_number: 8,
                title: "SHA-512",
                tcg_number: 0x0D,
                len_bytes: 64,
                len_text: "64",
            },
            Self::Sha384 => AlgoRow {
                code: 2,
                name: "sha384",
                iana_name: "sha-384",
                iana_number: 7,
                title: "SHA-384",
                tcg_number: 0x0C,
                len_bytes: 48,
                len_text: "48",
            },
        }
    }

    /// The algorithm with this encoding (0 to 2).
    #[must_use]
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|algo| algo.code() == code)
    }

    /// The encoding.
    #[must_use]
    pub const fn code(self) -> u8 {
        self.row().code
    }

    /// The name used in scripts, vectors and JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.row().name
    }

    /// The name that people know: `SHA-256`.
    #[must_use]
    pub const fn title(self) -> &'static str {
        self.row().title
    }

    /// The name in IANA's "Hash Function Textual Names", which tokens use too: `sha-256`.
    #[must_use]
    pub const fn iana_name(self) -> &'static str {
        self.row().iana_name
    }

    /// The number in IANA's "Named Information Hash Algorithm Registry", which CoRIMs use.
    #[must_use]
    pub const fn iana_number(self) -> u64 {
        self.row().iana_number
    }

    /// The number in TCG's registry, which event logs use: TPM_ALG_ID.
    #[must_use]
    pub const fn tcg_number(self) -> u16 {
        self.row().tcg_number
    }

    /// The algorithm with this number of TCG's.
    #[must_use]
    pub fn from_tcg_number(number: u16) -> Option<Self> {
        Self::ALL.into_iter().find(|algo| algo.tcg_number() == number)
    }

    /// The algorithm with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algo| algo.name() == name)
    }

    /// The algorithm with this name of IANA's.
    #[must_use]
    pub fn from_iana_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algo| algo.iana_name() == name)
    }

    /// The algorithm whose digests are so long, in bytes.
    #[must_use]
    pub fn from_len_bytes(len_bytes: usize) -> Option<Self> {
        Self::ALL.into_iter().find(|algo| algo.len_bytes() == len_bytes)
    }

    /// Length of a digest in bytes.
    #[must_use]
    pub const fn len_bytes(self) -> usize {
        self.row().len_bytes
    }

    /// Length of a digest in bytes, in decimal digits.
    #[cfg(any(test, feature = "evidence"))]
    pub(crate) const fn len_text(self) -> &'static str {
        self.row().len_text
    }

    /// All of them in words, such as `sha256, sha384 or sha512`: what a text that asks for one of
    /// them says.
    #[must_use]
    pub fn any_of(told: impl Fn(Self) -> String) -> String {
        let [first, second, third] = Self::BY_LENGTH.map(told);
        format!("{first}, {second} or {third}")
    }

    /// The names of scripts and options: `sha256, sha384 or sha512`.
    #[must_use]
    pub fn names() -> String {
        Self::any_of(|algo| algo.name().to_owned())
    }

    /// The lengths of a digest, each with its algorithm: `32 (SHA-256), 48 (SHA-384) or …`.
    #[must_use]
    pub fn lengths() -> String {
        Self::any_of(|algo| format!("{} ({})", algo.len_bytes(), algo.title()))
    }
}

/// One measurement: a digest and its algorithm. A slot of a Realm is 64 bytes, the digest first and
/// zeros after it (DEN0137 1.0 A7.1).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Measurement {
    algo: HashAlgo,
    slot: [u8; 64],
}

impl Measurement {
    /// The slot before anything was measured: 64 zero bytes.
    #[must_use]
    pub const fn zero(algo: HashAlgo) -> Self {
        Self { algo, slot: [0; 64] }
    }

    /// A measurement from its bytes, which have to be exactly as many as the algorithm gives.
    #[must_use]
    pub fn from_bytes(algo: HashAlgo, bytes: &[u8]) -> Option<Self> {
        (bytes.len() == algo.len_bytes()).then(|| Self { algo, slot: pad64(bytes) })
    }

    /// A measurement from its slot, of which the bytes past the digest are zero.
    pub(super) const fn from_slot(algo: HashAlgo, slot: [u8; 64]) -> Self {
        Self { algo, slot }
    }

    /// The algorithm.
    #[must_use]
    pub const fn algo(&self) -> HashAlgo {
        self.algo
    }

    /// The digest, as long as the algorithm says.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.slot[..self.algo.len_bytes()]
    }

    /// The whole slot, zero padded to 64 bytes.
    #[must_use]
    pub const fn slot(&self) -> &[u8; 64] {
        &self.slot
    }

    /// Whether the slot is still 64 zero bytes.
    #[must_use]
    pub fn is_zero(&self) -> bool {
        self.slot == [0; 64]
    }

    /// The SHA-256 of a message of any length.
    #[must_use]
    pub fn sha256(message: &[u8]) -> Self {
        Self::of(HashAlgo::Sha256, &hasher::digest(HashAlgo::Sha256, message))
    }

    /// A digest as a measurement.
    pub(super) const fn of(algo: HashAlgo, digest: &Digest) -> Self {
        Self { algo, slot: *digest.slot() }
    }
}

impl fmt::Display for Measurement {
    /// Lower-case hexadecimal, exactly the algorithm's length.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", Digits(self.as_bytes()))
    }
}

impl fmt::Debug for Measurement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{self}", self.algo.name())
    }
}

/// A Realm Extensible Measurement extended by `value`, at most 64 bytes. The specification can be
/// read in three ways; [`RemReading`] names one.
#[must_use]
pub fn extend(rem: Measurement, value: &[u8], reading: RemReading) -> Measurement {
    let mut message = Vec::with_capacity(128);
    match reading {
        RemReading::Concatenated => {
            message.extend_from_slice(rem.as_bytes());
            message.extend_from_slice(value);
        }
        RemReading::Buffer => {
            message.extend_from_slice(rem.slot());
            message.extend_from_slice(&pad64(value));
        }
        RemReading::PaddedValue => {
            message.extend_from_slice(rem.as_bytes());
            message.extend_from_slice(&pad64(value));
        }
    }
    Measurement::of(rem.algo(), &hasher::digest(rem.algo(), &message))
}

fn pad64(bytes: &[u8]) -> [u8; 64] {
    let mut slot = [0; 64];
    slot[..bytes.len()].copy_from_slice(bytes);
    slot
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_texts_of_algorithms_are_those_of_the_table() {
        assert_eq!(HashAlgo::LENGTHS, HashAlgo::any_of(|algo| algo.len_bytes().to_string()));
        assert_eq!(
            HashAlgo::IANA_NAMES,
            HashAlgo::any_of(|algo| format!("{:?}", algo.iana_name()))
        );
        for algo in HashAlgo::ALL {
            assert_eq!(algo.len_text(), algo.len_bytes().to_string());
            assert_eq!(HashAlgo::from_code(algo.code()), Some(algo));
            assert_eq!(HashAlgo::from_name(algo.name()), Some(algo));
            assert_eq!(HashAlgo::from_iana_name(algo.iana_name()), Some(algo));
            assert_eq!(HashAlgo::from_tcg_number(algo.tcg_number()), Some(algo));
            assert_eq!(HashAlgo::from_len_bytes(algo.len_bytes()), Some(algo));
        }
        assert_eq!(HashAlgo::names(), "sha256, sha384 or sha512");
    }

    /// Values of an independent implementation: bytes 1 to 32 extended into an empty REM, and
    /// nothing extended into it.
    #[test]
    fn the_readings_of_extend_differ() {
        let value: Vec<u8> = (1..=32).collect();
        let empty = Measurement::zero(HashAlgo::Sha256);
        let hex = |value: &[u8], reading| extend(empty, value, reading).to_string();
        assert_eq!(
            hex(&value, RemReading::Concatenated),
            "0b8f4c5b6adc4c087ab9f43aaeb6007084c264adcaa3cb07176b792342850412"
        );
        assert_eq!(
            hex(&value, RemReading::Buffer),
            "c490fcb8406937e154290bb8946f8dc562908c948110cc6d65055c1e26e35113"
        );
        assert_eq!(
            hex(&[], RemReading::Concatenated),
            "66687aadf862bd776c8fc18b8e9f8e20089714856ee233b3902a591d0d5f2925"
        );
    }

    #[test]
    fn the_readings_agree_where_nothing_is_padded() {
        let empty = Measurement::zero(HashAlgo::Sha512);
        let all = [RemReading::Concatenated, RemReading::Buffer, RemReading::PaddedValue];
        let values = all.map(|reading| extend(empty, &[7; 64], reading));
        assert!(values.iter().all(|value| *value == values[0]));
    }
}
