//! COSE_Sign1 (RFC 9052): messages with one signature. What the headers of a message may say is
//! said by those who read it; what is signed, and how, is said here.

use super::cbor::{Tag, encode};
use super::keys::SigningKey;

/// CBOR tag of COSE_Sign1.
pub(crate) const SIGN1_TAG: u64 = 18;

/// Labels of header parameters.
pub(crate) mod label {
    pub(crate) const ALG: i64 = 1;
    pub(crate) const CRIT: i64 = 2;
    pub(crate) const CONTENT_TYPE: i64 = 3;
    pub(crate) const KID: i64 = 4;
}

/// A signature algorithm (RFC 9053 2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alg {
    /// ECDSA over P-256 with SHA-256.
    Es256,
    /// ECDSA over P-384 with SHA-384.
    Es384,
    /// ECDSA over P-521 with SHA-512.
    Es512,
}

impl Alg {
    /// Every algorithm, from the shortest signature on.
    pub const ALL: [Self; 3] = [Self::Es256, Self::Es384, Self::Es512];

    /// The number in IANA's registry.
    #[must_use]
    pub const fn id(self) -> i64 {
        match self {
            Self::Es256 => -7,
            Self::Es384 => -35,
            Self::Es512 => -36,
        }
    }

    /// The algorithm of a number.
    #[must_use]
    pub fn from_id(id: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|alg| alg.id() == id)
    }

    /// IANA's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::Es512 => "ES512",
        }
    }

    /// The signature's length: r and s, each as long as the curve's order.
    #[must_use]
    pub const fn signature_len_bytes(self) -> usize {
        match self {
            Self::Es256 => 64,
            Self::Es384 => 96,
            Self::Es512 => 132,
        }
    }
}

/// What a COSE_Sign1 signs (RFC 9052 4.4), without external data. `protected` stands as it was
/// read: nobody has to write it again in the same way.
pub(crate) fn to_be_signed(protected: &[u8], payload: &[u8]) -> Vec<u8> {
    encode(|e| {
        e.array(4)?.str("Signature1")?.bytes(protected)?.bytes(&[])?.bytes(payload)?;
        Ok(())
    })
}

/// The message, tagged, with nothing in its unprotected header.
pub(crate) fn sign1(protected: &[u8], payload: &[u8], key: &SigningKey) -> Vec<u8> {
    signed(protected, payload, &key.sign(&to_be_signed(protected, payload)))
}

/// The message with the signature that somebody made of [`to_be_signed`].
pub(crate) fn signed(protected: &[u8], payload: &[u8], signature: &[u8]) -> Vec<u8> {
    encode(|e| {
        e.tag(Tag::new(SIGN1_TAG))?.array(4)?;
        e.bytes(protected)?.map(0)?.bytes(payload)?.bytes(signature)?;
        Ok(())
    })
}
