//! Keys of P-256, P-384 and P-521: PEM with whatever stands around it, DER, and
//! JWK.
//!
//! Public keys are SubjectPublicKeyInfo (RFC 5480), private ones PKCS#8 (RFC 5208) or SEC1 (RFC
//! 5915), each in PEM (RFC 7468) or as it is; or either is a JWK (RFC 7517), alone or the first one
//! of a set. Where a public key is wanted, a private one does as well, or a certificate, of which
//! the key is taken and nothing else looked at.

mod forms;
mod nonce;

use std::fmt;

use p256::ecdsa::signature::hazmat::PrehashVerifier as _;
use p256::ecdsa::signature::{Signer as _, Verifier as _};
use sha2::{Digest as _, Sha256, Sha384, Sha512};
use thiserror::Error;

use super::cbor::encode;
use super::cose::Alg;

/// Why a file holds no key.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum KeyError {
    /// It is nothing that can hold a key.
    #[error("is no PEM file, no DER and no JWK: wanted is a {0}, and it has none")]
    Nothing(&'static str),
    /// It is PEM, and no block has a public key.
    #[error("is no public key: the PEM block is {0}, expected \"PUBLIC KEY\"")]
    NoPublic(String),
    /// It is PEM, and no block has a private key.
    #[error("is no private key: it has {0}, expected \"PRIVATE KEY\" or \"EC PRIVATE KEY\"")]
    NoPrivate(String),
    /// Nobody is asked for a passphrase.
    #[error("is encrypted; decrypt it with `openssl pkey -in FILE -out KEY.pem`")]
    Encrypted,
    /// It does not hold what it says, or a key of another curve.
    #[error("is no {wanted}: {what}: {why}")]
    Damaged {
        /// The key that is wanted, with its curves.
        wanted: &'static str,
        /// Which part of the file.
        what: String,
        /// What the decoder says.
        why: String,
    },
}

/// A curve of NIST's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Curve {
    P256,
    P384,
    P521,
}

impl Curve {
    const ALL: [Self; 3] = [Self::P256, Self::P384, Self::P521];

    /// Its name, which is that of JWK too.
    const fn name(self) -> &'static str {
        match self {
            Self::P256 => "P-256",
            Self::P384 => "P-384",
            Self::P521 => "P-521",
        }
    }

    /// The length of a coordinate and of a secret number.
    const fn len_bytes(self) -> usize {
        match self {
            Self::P256 => 32,
            Self::P384 => 48,
            Self::P521 => 66,
        }
    }

    /// The number of COSE (RFC 9053 7.1).
    const fn cose_id(self) -> u8 {
        match self {
            Self::P256 => 1,
            Self::P384 => 2,
            Self::P521 => 3,
        }
    }

    const fn alg(self) -> Alg {
        match self {
            Self::P256 => Alg::Es256,
            Self::P384 => Alg::Es384,
            Self::P521 => Alg::Es512,
        }
    }
}

/// What a certificate's signature hashes with: any algorithm on any curve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Digest {
    Sha256,
    Sha384,
    Sha512,
}

impl Digest {
    fn of(self, message: &[u8]) -> Vec<u8> {
        match self {
            Self::Sha256 => Sha256::digest(message).to_vec(),
            Self::Sha384 => Sha384::digest(message).to_vec(),
            Self::Sha512 => Sha512::digest(message).to_vec(),
        }
    }
}

/// What the PEM blocks of a text with this label hold, whatever stands around them.
pub(super) fn pem_blocks(text: &str, label: &str) -> Result<Vec<Vec<u8>>, String> {
    forms::all_of(text, label)
}

/// A public key.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey(Point);

#[derive(Clone, PartialEq, Eq)]
enum Point {
    P256(p256::PublicKey),
    P384(p384::PublicKey),
    P521(p521::PublicKey),
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({}, {})", self.curve(), super::text::Digits(&self.point()))
    }
}

impl PublicKey {
    /// The first public key of a file, or that of its first private key: PEM, DER or JWK.
    ///
    /// # Bounds
    /// Time and memory grow with the length, memory by at most 60 bytes for each byte.
    ///
    /// # Errors
    /// If there is none, or if it is damaged or of another curve.
    pub fn from_bytes(file: &[u8]) -> Result<Self, KeyError> {
        forms::public(file)
    }

    /// As [`PublicKey::from_bytes`], of a text.
    ///
    /// # Errors
    /// As [`PublicKey::from_bytes`].
    pub fn from_pem(text: &str) -> Result<Self, KeyError> {
        Self::from_bytes(text.as_bytes())
    }

    /// A point in SEC 1's form, compressed or not; `None` if it is not on the curve.
    pub(super) fn from_point(curve: Curve, sec1: &[u8]) -> Option<Self> {
        let point = match curve {
            Curve::P256 => Point::P256(p256::PublicKey::from_sec1_bytes(sec1).ok()?),
            Curve::P384 => Point::P384(p384::PublicKey::from_sec1_bytes(sec1).ok()?),
            Curve::P521 => Point::P521(p521::PublicKey::from_sec1_bytes(sec1).ok()?),
        };
        Some(Self(point))
    }

    /// A point of P-384 in SEC 1's form, compressed or not; `None` if it is not on the curve.
    pub(crate) fn from_p384_point(sec1: &[u8]) -> Option<Self> {
        Self::from_point(Curve::P384, sec1)
    }

    /// The point in SEC 1's form, not compressed: 4, x and y.
    pub(crate) fn point(&self) -> Vec<u8> {
        match &self.0 {
            Point::P256(key) => p256::EncodedPoint::from(key).as_bytes().to_vec(),
            Point::P384(key) => p384::EncodedPoint::from(key).as_bytes().to_vec(),
            Point::P521(key) => p521::EncodedPoint::from(key).as_bytes().to_vec(),
        }
    }

    const fn kind(&self) -> Curve {
        match self.0 {
            Point::P256(_) => Curve::P256,
            Point::P384(_) => Curve::P384,
            Point::P521(_) => Curve::P521,
        }
    }

    /// The name of the curve.
    #[must_use]
    pub const fn curve(&self) -> &'static str {
        self.kind().name()
    }

    /// What it verifies.
    #[must_use]
    pub const fn algorithm(&self) -> Alg {
        self.kind().alg()
    }

    /// The COSE_Key (RFC 9052 7) with nothing but the curve and the point: what TF-RMM writes as
    /// the RAK, and what a thumbprint is of.
    pub(crate) fn cose_key(&self) -> Vec<u8> {
        let point = self.point();
        let (x, y) = point[1..].split_at(self.kind().len_bytes());
        encode(|e| {
            e.map(4)?.i8(1)?.u8(2)?.i8(-1)?.u8(self.kind().cose_id())?;
            e.i8(-2)?.bytes(x)?.i8(-3)?.bytes(y)?;
            Ok(())
        })
    }

    /// The key's COSE thumbprint (RFC 9679): SHA-256 of the COSE_Key with nothing but the curve and
    /// the point.
    #[must_use]
    pub fn thumbprint(&self) -> [u8; 32] {
        Sha256::digest(self.cose_key()).into()
    }

    /// A SubjectPublicKeyInfo in DER.
    pub(super) fn from_spki(der: &[u8]) -> Result<Self, String> {
        forms::spki(der)
    }

    /// Whether this is this key's signature over `message` with any of the hash algorithms, r and s
    /// in DER (RFC 3279 2.2.3), as certificates have them.
    pub(super) fn verifies_der(&self, digest: Digest, message: &[u8], signature: &[u8]) -> bool {
        // A hash with zeros before it is the same number; `ecdsa` refuses very short ones.
        let hash = digest.of(message);
        let zeros = self.kind().len_bytes().saturating_sub(hash.len());
        let hash = [&vec![0; zeros][..], &hash].concat();
        match self.raw_signature(signature) {
            None => false,
            Some(raw) => match &self.0 {
                Point::P256(key) => p256::ecdsa::Signature::from_slice(&raw).is_ok_and(|raw| {
                    p256::ecdsa::VerifyingKey::from(key).verify_prehash(&hash, &raw).is_ok()
                }),
                Point::P384(key) => p384::ecdsa::Signature::from_slice(&raw).is_ok_and(|raw| {
                    p384::ecdsa::VerifyingKey::from(key).verify_prehash(&hash, &raw).is_ok()
                }),
                Point::P521(key) => p521::ecdsa::VerifyingKey::from_affine(*key.as_affine())
                    .and_then(|key| {
                        key.verify_prehash(&hash, &p521::ecdsa::Signature::from_slice(&raw)?)
                    })
                    .is_ok(),
            },
        }
    }

    /// r and s as COSE has them, of a signature in DER; `None` if it is none of this key's curve.
    pub(crate) fn raw_signature(&self, der: &[u8]) -> Option<Vec<u8>> {
        Some(match self.kind() {
            Curve::P256 => p256::ecdsa::Signature::from_der(der).ok()?.to_bytes().to_vec(),
            Curve::P384 => p384::ecdsa::Signature::from_der(der).ok()?.to_bytes().to_vec(),
            Curve::P521 => p521::ecdsa::Signature::from_der(der).ok()?.to_bytes().to_vec(),
        })
    }

    /// Whether these are this key's r and s over `message`, by its algorithm.
    ///
    /// Each signature (r, s) has a twin (r, n - s) that ECDSA accepts as well; no other change of a
    /// signed message is accepted.
    pub(crate) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        match &self.0 {
            Point::P256(key) => {
                let key = p256::ecdsa::VerifyingKey::from(key);
                p256::ecdsa::Signature::from_slice(signature)
                    .is_ok_and(|signature| key.verify(message, &signature).is_ok())
            }
            Point::P384(key) => {
                let key = p384::ecdsa::VerifyingKey::from(key);
                p384::ecdsa::Signature::from_slice(signature)
                    .is_ok_and(|signature| key.verify(message, &signature).is_ok())
            }
            Point::P521(key) => p521::ecdsa::VerifyingKey::from_affine(*key.as_affine())
                .and_then(|key| {
                    key.verify(message, &p521::ecdsa::Signature::from_slice(signature)?)
                })
                .is_ok(),
        }
    }
}

/// A private key. Signatures are deterministic (RFC 6979).
#[derive(Clone)]
pub struct SigningKey(Secret);

#[derive(Clone)]
enum Secret {
    P256(p256::SecretKey),
    P384(p384::SecretKey),
    P521(p521::SecretKey),
}

impl fmt::Debug for SigningKey {
    /// Which kind it is, and not which key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.algorithm().name())
    }
}

impl SigningKey {
    /// The first private key of a file: PEM, DER or JWK.
    ///
    /// # Bounds
    /// Time and memory grow with the length, memory by at most 60 bytes for each byte.
    ///
    /// # Errors
    /// If there is none, or if it is encrypted, damaged or of another curve.
    pub fn from_bytes(file: &[u8]) -> Result<Self, KeyError> {
        forms::private(file)
    }

    /// As [`SigningKey::from_bytes`], of a text.
    ///
    /// # Errors
    /// As [`SigningKey::from_bytes`].
    pub fn from_pem(text: &str) -> Result<Self, KeyError> {
        Self::from_bytes(text.as_bytes())
    }

    /// A secret number, big-endian; `None` if the curve has no such key.
    fn from_number(curve: Curve, number: &[u8]) -> Option<Self> {
        if number.len() != curve.len_bytes() {
            return None;
        }
        let secret = match curve {
            Curve::P256 => Secret::P256(p256::SecretKey::from_slice(number).ok()?),
            Curve::P384 => Secret::P384(p384::SecretKey::from_slice(number).ok()?),
            Curve::P521 => Secret::P521(p521::SecretKey::from_slice(number).ok()?),
        };
        Some(Self(secret))
    }

    /// A secret number of P-384, big-endian; `None` if there is no such key.
    pub(crate) fn from_p384_number(number: &[u8; 48]) -> Option<Self> {
        Self::from_number(Curve::P384, number)
    }

    /// How it signs.
    #[must_use]
    pub const fn algorithm(&self) -> Alg {
        match self.0 {
            Secret::P256(_) => Alg::Es256,
            Secret::P384(_) => Alg::Es384,
            Secret::P521(_) => Alg::Es512,
        }
    }

    /// The key to verify with.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        PublicKey(match &self.0 {
            Secret::P256(key) => Point::P256(key.public_key()),
            Secret::P384(key) => Point::P384(key.public_key()),
            Secret::P521(key) => Point::P521(key.public_key()),
        })
    }

    /// The signature as COSE has it: r and s.
    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        match &self.0 {
            Secret::P256(key) => {
                let key = p256::ecdsa::SigningKey::from(key);
                let signature: p256::ecdsa::Signature = key.sign(message);
                signature.to_bytes().to_vec()
            }
            Secret::P384(key) => {
                let key = p384::ecdsa::SigningKey::from(key);
                let signature: p384::ecdsa::Signature = key.sign(message);
                signature.to_bytes().to_vec()
            }
            Secret::P521(key) => nonce::sign(key, message),
        }
    }
}
