//! Reference values: what a Realm should measure, in the form that each verifier takes.
//!
//! A [`RealmReference`] is made of measurements, and every form is written from it: a CoRIM
//! ([`corim`]), signed or not ([`sign`]), and the files of [`cocli`], [`trustee`],
//! [`ccatoken_store`] and [`samsung`]. No form pads a digest: each is as long as its algorithm
//! says, because verifiers compare lengths too.

pub mod ccatoken_store;
pub mod cocli;
pub mod corim;
pub mod json;
pub mod samsung;
pub mod sign;
pub(crate) mod strict;
pub mod time;
pub mod trustee;

use thiserror::Error;

use crate::measure::rim::{HashAlgo, Measurement};

pub use strict::ReadError;

/// Realm Extensible Measurements of a Realm.
pub const COUNT_REMS: usize = 4;
/// Bytes of a Realm Personalization Value (DEN0137 B4.4.12).
pub const RPV_BYTES: usize = 64;

/// What a Realm should measure. All digests are of one algorithm, and as long as it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RealmReference {
    rim: Measurement,
    rems: [Option<Measurement>; COUNT_REMS],
    rpv: Option<[u8; RPV_BYTES]>,
}

/// Why values are not those of one Realm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ReferenceError {
    /// A Realm has one algorithm.
    #[error("REM {index} is {found}, and the RIM is {wanted}", found = iana_name(*found),
        wanted = iana_name(*wanted))]
    Algorithm {
        /// The REM's number, from 0.
        index: usize,
        /// Its algorithm.
        found: HashAlgo,
        /// The RIM's.
        wanted: HashAlgo,
    },
    /// There are four.
    #[error("there is no REM {0}; a Realm has REMs 0 to 3")]
    Index(usize),
}

impl RealmReference {
    /// A Realm of which only the RIM is known.
    #[must_use]
    pub const fn new(rim: Measurement) -> Self {
        Self { rim, rems: [None; COUNT_REMS], rpv: None }
    }

    /// With the REM `index`, from 0, as tokens and CoRIMs count (RSI counts them from 1).
    ///
    /// # Errors
    /// If there is no such REM, or if its algorithm is not the RIM's.
    pub fn with_rem(mut self, index: usize, rem: Measurement) -> Result<Self, ReferenceError> {
        let wanted = self.rim.algo();
        let slot = self.rems.get_mut(index).ok_or(ReferenceError::Index(index))?;
        if rem.algo() != wanted {
            return Err(ReferenceError::Algorithm { index, found: rem.algo(), wanted });
        }
        *slot = Some(rem);
        Ok(self)
    }

    /// With a Realm Personalization Value, which tells one instance from another.
    #[must_use]
    pub const fn with_rpv(mut self, rpv: [u8; RPV_BYTES]) -> Self {
        self.rpv = Some(rpv);
        self
    }

    /// The algorithm of all digests.
    #[must_use]
    pub const fn algorithm(&self) -> HashAlgo {
        self.rim.algo()
    }

    /// The Realm Initial Measurement.
    #[must_use]
    pub const fn rim(&self) -> Measurement {
        self.rim
    }

    /// The Realm Extensible Measurements that are known.
    #[must_use]
    pub const fn rems(&self) -> &[Option<Measurement>; COUNT_REMS] {
        &self.rems
    }

    /// The Realm Personalization Value, unless any will do.
    #[must_use]
    pub const fn rpv(&self) -> Option<&[u8; RPV_BYTES]> {
        self.rpv.as_ref()
    }
}

/// The algorithm's number in IANA's "Named Information Hash Algorithm Registry".
#[must_use]
pub const fn iana_number(algo: HashAlgo) -> u64 {
    algo.iana_number()
}

/// The algorithm's name in IANA's "Hash Function Textual Names", which tokens use too.
#[must_use]
pub const fn iana_name(algo: HashAlgo) -> &'static str {
    algo.iana_name()
}

/// The algorithm with this number, if a Realm can have it.
#[must_use]
pub fn from_iana_number(number: u64) -> Option<HashAlgo> {
    HashAlgo::ALL.into_iter().find(|algo| iana_number(*algo) == number)
}

/// The algorithm with this name, if a Realm can have it.
#[must_use]
pub fn from_iana_name(name: &str) -> Option<HashAlgo> {
    HashAlgo::from_iana_name(name)
}

/// The REMs, for forms that have to have four: those that are not known are zero, as a Realm
/// begins.
fn begun_rems(realm: &RealmReference) -> [Measurement; COUNT_REMS] {
    realm.rems.map(|rem| rem.unwrap_or(Measurement::zero(realm.algorithm())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_realm_has_one_algorithm() {
        let rim = Measurement::from_bytes(HashAlgo::Sha256, &[1; 32]).unwrap();
        let long = Measurement::from_bytes(HashAlgo::Sha512, &[1; 64]).unwrap();
        let realm = RealmReference::new(rim);
        let error = realm.clone().with_rem(2, long).unwrap_err().to_string();
        assert_eq!(error, "REM 2 is sha-512, and the RIM is sha-256");
        assert_eq!(realm.clone().with_rem(4, rim).unwrap_err(), ReferenceError::Index(4));
        let realm = realm.with_rem(3, rim).unwrap().with_rpv([9; 64]);
        assert_eq!((realm.rems()[3], realm.rpv()), (Some(rim), Some(&[9; 64])));
        assert_eq!(realm.algorithm(), HashAlgo::Sha256);
    }

    #[test]
    fn names_and_numbers_are_each_others_way_back() {
        for algo in HashAlgo::ALL {
            assert_eq!(from_iana_number(iana_number(algo)), Some(algo));
            assert_eq!(from_iana_name(iana_name(algo)), Some(algo));
        }
        assert_eq!(from_iana_name("sha256"), None);
    }
}
