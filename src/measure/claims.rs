//! What a Realm's attestation token says. Who makes a token of it, and how that is written, the
//! model does not know.

use std::fmt;
use std::sync::Arc;

use super::rim::Measurement;

/// What a realm token says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claims {
    /// The Realm's challenge.
    pub challenge: [u8; 64],
    /// Realm Personalization Value.
    pub rpv: [u8; 64],
    /// Realm Initial Measurement.
    pub rim: Measurement,
    /// Realm Extensible Measurements.
    pub rems: [Measurement; 4],
    /// Which Realm of this machine it is. Where an RMM draws lots, it is 1 and the address of the
    /// RD here: 33 bytes, big-endian.
    pub instance_id: [u8; 33],
    /// Whether the Realm's memory is encrypted with a context of its own (MEC).
    pub has_private_mec: bool,
}

/// Makes the attestation tokens of a simulated machine's Realms.
///
/// `World::new` comes with one when the feature `evidence` is there: it signs what TF-RMM would
/// sign. A World without one tells a Realm that asks `RSI_ERROR_UNKNOWN`, which is the
/// specification's answer when a token can not be made.
pub trait TokenMaker: fmt::Debug + Send + Sync {
    /// The bytes of a token of claims, signed with a Realm Attestation Key: the secret scalar of
    /// P-384, big-endian. Equal arguments have to give equal bytes.
    fn token(&self, claims: &Claims, rak: &[u8; 48]) -> Vec<u8>;
}

/// The maker that a World has, or none. Worlds are compared by their state, which this is not.
#[derive(Clone, Debug, Default)]
pub(crate) struct Maker(pub(crate) Option<Arc<dyn TokenMaker>>);

impl PartialEq for Maker {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Maker {}
