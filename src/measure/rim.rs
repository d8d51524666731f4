//! A Realm's measurement slots.

use std::fmt;

use super::hasher::{self, Digest};
use crate::abi::profile::RemReading;
use crate::encoding::text::Digits;

pub use crate::abi::hash_algo::HashAlgo;

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
    pub(crate) const fn of(algo: HashAlgo, digest: &Digest) -> Self {
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
