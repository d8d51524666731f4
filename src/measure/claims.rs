//! What a Realm's attestation token says. Who makes a token of it, and how that is written, the
//! model does not know.

use std::fmt;

use super::rim::Measurement;

/// What a realm token says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Claims {
    /// The Realm's challenge.
    pub(crate) challenge: [u8; 64],
    /// Realm Personalization Value.
    pub(crate) rpv: [u8; 64],
    /// Realm Initial Measurement.
    pub(crate) rim: Measurement,
    /// Realm Extensible Measurements.
    pub(crate) rems: [Measurement; 4],
    /// Which Realm of this machine it is. Where an RMM draws lots, it is 1 and the address of the
    /// RD here: 33 bytes, big-endian.
    pub(crate) instance_id: [u8; 33],
    /// Whether the Realm's memory is encrypted with a context of its own (MEC).
    pub(crate) has_private_mec: bool,
}

/// Makes the bytes of a token of claims and the secret scalar of the Realm Attestation Key. Equal
/// arguments have to give equal bytes.
#[derive(Clone, Copy)]
pub(crate) struct TokenMaker(pub(crate) fn(&Claims, &[u8; 48]) -> Vec<u8>);

impl PartialEq for TokenMaker {
    /// Worlds are compared by their state, which this is not.
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for TokenMaker {}

impl fmt::Debug for TokenMaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenMaker")
    }
}
