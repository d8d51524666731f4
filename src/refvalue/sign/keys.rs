//! Keys as PEM: private ones of PKCS#8 and SEC1, public ones of SubjectPublicKeyInfo.

use std::fmt;

use p256::ecdsa::signature::{Signer as _, Verifier as _};
use p256::pkcs8::{DecodePrivateKey as _, DecodePublicKey as _};
use sec1::der::{Decode as _, SecretDocument};
use sha2::{Digest as _, Sha256};
use thiserror::Error;

use super::Algorithm;
use crate::encoding::cbor::encode;
use crate::encoding::text::shown;

const PKCS8: &str = "PRIVATE KEY";
const SEC1: &str = "EC PRIVATE KEY";
const SPKI: &str = "PUBLIC KEY";
/// What openssl writes before a SEC1 key.
const PARAMETERS: &str = "EC PARAMETERS";

/// Why a text is no key.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum KeyError {
    /// No PEM block of the right kind.
    #[error("has no PEM block {wanted}; it has {found}")]
    NoBlock {
        /// The labels that would do.
        wanted: &'static str,
        /// The labels that are there.
        found: String,
    },
    /// Nobody is asked for a passphrase.
    #[error("is encrypted; decrypt it with `openssl pkey -in FILE -out KEY.pem`")]
    Encrypted,
    /// The block does not hold what it says.
    #[error("the PEM block {label} is damaged, or is no key of P-256 or P-384: {why}")]
    Damaged {
        /// Its label.
        label: &'static str,
        /// What the decoder says.
        why: String,
    },
}

/// A private key: P-256 signs with ES256, P-384 with ES384.
#[derive(Clone)]
pub struct SigningKey(Private);

#[derive(Clone)]
enum Private {
    P256(p256::ecdsa::SigningKey),
    P384(p384::ecdsa::SigningKey),
}

impl fmt::Debug for SigningKey {
    /// Which kind it is, and not which key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.algorithm().name())
    }
}

impl SigningKey {
    /// The first private key of a PEM text: PKCS#8 (`PRIVATE KEY`) or SEC1 (`EC PRIVATE KEY`).
    ///
    /// # Errors
    /// If there is none, or if it is encrypted or of another curve.
    pub fn from_pem(text: &str) -> Result<Self, KeyError> {
        let wanted = "PRIVATE KEY or EC PRIVATE KEY";
        let (label, pem) = block(text, &[PKCS8, SEC1], wanted)?;
        let damaged = |why: String| KeyError::Damaged { label, why };
        if label == PKCS8 {
            return match p384::SecretKey::from_pkcs8_pem(pem) {
                Ok(key) => Ok(Self(Private::P384(key.into()))),
                Err(_) => p256::SecretKey::from_pkcs8_pem(pem)
                    .map(|key| Self(Private::P256(key.into())))
                    .map_err(|error| damaged(error.to_string())),
            };
        }
        let (_, der) = SecretDocument::from_pem(pem).map_err(|error| damaged(error.to_string()))?;
        let key = sec1::EcPrivateKey::from_der(der.as_bytes())
            .map_err(|error| damaged(error.to_string()))?;
        // The curve's name may be missing; the length of the number says it as well.
        match key.private_key.len() {
            48 => p384::SecretKey::try_from(key)
                .map(|key| Self(Private::P384(key.into())))
                .map_err(|error| damaged(error.to_string())),
            32 => p256::SecretKey::try_from(key)
                .map(|key| Self(Private::P256(key.into())))
                .map_err(|error| damaged(error.to_string())),
            other => Err(damaged(format!("its number has {other} bytes, expected 32 or 48"))),
        }
    }

    /// How it signs.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        match self.0 {
            Private::P256(_) => Algorithm::Es256,
            Private::P384(_) => Algorithm::Es384,
        }
    }

    /// The key to verify with.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        PublicKey(match &self.0 {
            Private::P256(key) => Public::P256(*key.verifying_key()),
            Private::P384(key) => Public::P384(*key.verifying_key()),
        })
    }

    /// The signature as COSE has it: r and s, 64 or 96 bytes.
    pub(super) fn sign(&self, message: &[u8]) -> Vec<u8> {
        match &self.0 {
            Private::P256(key) => {
                let signature: p256::ecdsa::Signature = key.sign(message);
                signature.to_bytes().to_vec()
            }
            Private::P384(key) => {
                let signature: p384::ecdsa::Signature = key.sign(message);
                signature.to_bytes().to_vec()
            }
        }
    }
}

/// A public key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey(Public);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Public {
    P256(p256::ecdsa::VerifyingKey),
    P384(p384::ecdsa::VerifyingKey),
}

impl PublicKey {
    /// The first public key of a PEM text (`PUBLIC KEY`), or that of its first private key.
    ///
    /// # Errors
    /// If there is neither, or if it is of another curve.
    pub fn from_pem(text: &str) -> Result<Self, KeyError> {
        let (_, pem) = match block(text, &[SPKI], "PUBLIC KEY") {
            Ok(found) => found,
            Err(error) => return SigningKey::from_pem(text).map(|key| key.public()).or(Err(error)),
        };
        match p384::PublicKey::from_public_key_pem(pem) {
            Ok(key) => Ok(Self(Public::P384(key.into()))),
            Err(_) => p256::PublicKey::from_public_key_pem(pem)
                .map(|key| Self(Public::P256(key.into())))
                .map_err(|error| KeyError::Damaged { label: SPKI, why: error.to_string() }),
        }
    }

    /// What it verifies.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        match self.0 {
            Public::P256(_) => Algorithm::Es256,
            Public::P384(_) => Algorithm::Es384,
        }
    }

    /// The key's COSE thumbprint (RFC 9679): SHA-256 of the COSE_Key with nothing but the curve and
    /// the point.
    #[must_use]
    pub fn thumbprint(&self) -> [u8; 32] {
        let (curve, point) = match &self.0 {
            Public::P256(key) => (1, key.to_encoded_point(false).as_bytes().to_vec()),
            Public::P384(key) => (2, key.to_encoded_point(false).as_bytes().to_vec()),
        };
        // 4, then x and y.
        let (x, y) = point[1..].split_at((point.len() - 1) / 2);
        let key = encode(|e| {
            e.map(4)?.i8(1)?.u8(2)?.i8(-1)?.u8(curve)?.i8(-2)?.bytes(x)?.i8(-3)?.bytes(y)?;
            Ok(())
        });
        Sha256::digest(key).into()
    }

    pub(super) fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        match &self.0 {
            Public::P256(key) => p256::ecdsa::Signature::from_slice(signature)
                .is_ok_and(|signature| key.verify(message, &signature).is_ok()),
            Public::P384(key) => p384::ecdsa::Signature::from_slice(signature)
                .is_ok_and(|signature| key.verify(message, &signature).is_ok()),
        }
    }
}

/// The first PEM block with one of these labels, whatever stands around it.
fn block<'t>(
    text: &'t str,
    labels: &[&'static str],
    wanted: &'static str,
) -> Result<(&'static str, &'t str), KeyError> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(begin) = rest.find("-----BEGIN ") {
        rest = &rest[begin..];
        let Some((label, _)) = rest["-----BEGIN ".len()..].split_once("-----") else { break };
        let end = format!("-----END {label}-----");
        let Some(len) = rest.find(&end).map(|at| at + end.len()) else { break };
        if let Some(known) = labels.iter().find(|known| **known == label) {
            let pem = &rest[..len];
            let encrypted = pem.contains("ENCRYPTED");
            return if encrypted { Err(KeyError::Encrypted) } else { Ok((known, pem)) };
        }
        if label == "ENCRYPTED PRIVATE KEY" && labels.contains(&PKCS8) {
            return Err(KeyError::Encrypted);
        }
        if label != PARAMETERS {
            found.push(shown(label));
        }
        rest = &rest[len..];
    }
    let found = if found.is_empty() { "none".to_owned() } else { found.join(", ") };
    Err(KeyError::NoBlock { wanted, found })
}
