//! COSE_Sign1 (RFC 9052) and the keys that sign tokens.

use p256::pkcs8::DecodePublicKey as _;
use p384::ecdsa::signature::Verifier as _;
use thiserror::Error;

use super::parts::{Keys, Problem, Reader, TokenError, Unknown};
use crate::encoding::cbor::Type;
use crate::measure::token::{COSE_ALG, COSE_ES384, label, to_be_signed};

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
    const ALL: [Self; 3] = [Self::Es256, Self::Es384, Self::Es512];

    const fn id(self) -> i64 {
        match self {
            Self::Es256 => -7,
            Self::Es384 => COSE_ES384,
            Self::Es512 => -36,
        }
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
    const fn signature_len(self) -> (usize, &'static str) {
        match self {
            Self::Es256 => (64, "64 (ES256)"),
            Self::Es384 => (96, "96 (ES384)"),
            Self::Es512 => (132, "132 (ES512)"),
        }
    }
}

/// A message with one signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sign1 {
    /// The protected header as it was signed.
    protected: Vec<u8>,
    /// The algorithm that the protected header names.
    pub alg: Alg,
    /// What is signed.
    pub payload: Vec<u8>,
    signature: Vec<u8>,
    /// Parameters of the unprotected header, which nothing signs.
    pub unsigned: Vec<String>,
}

const CRITICAL: i64 = 2;
const PROTECTED: Keys = Keys {
    kind: "protected header parameter",
    known: &[(COSE_ALG, "alg"), (CRITICAL, "crit"), (3, "content type"), (4, "kid")],
};
const UNPROTECTED: Keys =
    Keys { kind: "unprotected header parameter", known: &[(COSE_ALG, "alg"), (CRITICAL, "crit")] };

impl Sign1 {
    /// Reads the message that all of `bytes` is; `place` names it in errors.
    pub(super) fn read(bytes: &[u8], place: &str) -> Result<Self, TokenError> {
        let mut reader = Reader::new(bytes, place);
        reader.tag(label::COSE_SIGN1_TAG, "tag 18 (COSE_Sign1)")?;
        reader.array_len(4, "4 (COSE_Sign1)")?;
        reader.rename(format!("{place}, protected header"));
        let protected = reader.bytes()?;
        let alg = algorithm(protected, reader.place())?;
        reader.rename(place);
        let mut unsigned = Vec::new();
        reader.map(&UNPROTECTED, Unknown::Pass(&mut unsigned), |_, reader| {
            // What chooses the algorithm or the meaning has to be signed.
            Err(reader.wrong(Problem::Unknown("parameter in an unprotected header")))
        })?;
        reader.rename(format!("{place}, payload"));
        let payload = reader.bytes()?;
        reader.rename(format!("{place}, signature"));
        let signature = reader.bytes()?;
        let (len, expected) = alg.signature_len();
        if signature.len() != len {
            return Err(reader.wrong(Problem::Length { found: signature.len(), expected }));
        }
        reader.rename(place);
        reader.end()?;
        Ok(Self {
            protected: protected.to_vec(),
            alg,
            payload: payload.to_vec(),
            signature: signature.to_vec(),
            unsigned,
        })
    }
}

fn algorithm(protected: &[u8], place: &str) -> Result<Alg, TokenError> {
    let mut reader = Reader::new(protected, place);
    let mut alg = None;
    reader.map(&PROTECTED, Unknown::Refuse, |key, reader| match key {
        COSE_ALG => {
            let id = reader.int()?;
            alg = Alg::ALL.into_iter().find(|alg| alg.id() == id);
            let expected = "-7 (ES256), -35 (ES384) or -36 (ES512)";
            let problem = Problem::Value { found: id.to_string(), expected };
            if alg.is_some() { Ok(()) } else { Err(reader.wrong(problem)) }
        }
        CRITICAL => Err(reader.wrong(Problem::Unknown("parameter that this reader understands"))),
        _ => reader.skip(),
    })?;
    reader.end()?;
    alg.ok_or_else(|| PROTECTED.missing(place, COSE_ALG))
}

/// A public key that may have signed a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PublicKey {
    /// A point of P-256.
    P256(p256::ecdsa::VerifyingKey),
    /// A point of P-384.
    P384(p384::ecdsa::VerifyingKey),
    /// A point of P-521.
    P521(p521::elliptic_curve::PublicKey<p521::NistP521>),
}

/// Why a text is no public key.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum KeyError {
    /// It is a secret, or a certificate.
    #[error("is no public key: the PEM block is {0:?}, expected \"PUBLIC KEY\"")]
    Label(String),
    /// It has no PEM block.
    #[error("is no PEM file: there is no line `-----BEGIN PUBLIC KEY-----`")]
    NoPem,
    /// What is in the block is no key of a known curve.
    #[error("is no public key of P-256, P-384 or P-521 (SubjectPublicKeyInfo)")]
    Curve,
}

/// Why a signature is not accepted.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SignatureError {
    /// Another curve than the algorithm's.
    #[error("the token is signed with {alg}, and the key is of {curve}")]
    OtherCurve {
        /// The token's algorithm.
        alg: &'static str,
        /// The key's curve.
        curve: &'static str,
    },
    /// Somebody else's signature, or other bytes than those signed.
    #[error("the signature does not fit the key and the bytes")]
    Wrong,
    /// The token's own key is none.
    #[error("the RAK is no point of P-384")]
    NoKey,
}

impl PublicKey {
    /// Reads a PEM block `PUBLIC KEY` (SubjectPublicKeyInfo, RFC 5480).
    ///
    /// # Errors
    /// If it is something else, or a key of another curve.
    pub fn from_pem(text: &str) -> Result<Self, KeyError> {
        let begin = text.split_once("-----BEGIN ").and_then(|(_, rest)| rest.split_once("-----"));
        let (label, _) = begin.ok_or(KeyError::NoPem)?;
        if label != "PUBLIC KEY" {
            return Err(KeyError::Label(label.to_owned()));
        }
        // Text before the block, as `openssl` writes it, is not the key's.
        let block = &text[text.find("-----BEGIN ").unwrap_or(0)..];
        let p256 = || p256::ecdsa::VerifyingKey::from_public_key_pem(block).ok().map(Self::P256);
        let p384 = || p384::ecdsa::VerifyingKey::from_public_key_pem(block).ok().map(Self::P384);
        let p521 = || p521::PublicKey::from_public_key_pem(block).ok().map(Self::P521);
        p384().or_else(p256).or_else(p521).ok_or(KeyError::Curve)
    }

    /// A point of P-384 in SEC 1's form, compressed or not.
    pub(super) fn from_p384_point(sec1: &[u8]) -> Option<Self> {
        p384::ecdsa::VerifyingKey::from_sec1_bytes(sec1).ok().map(Self::P384)
    }

    /// The name of the curve.
    #[must_use]
    pub const fn curve(&self) -> &'static str {
        match self {
            Self::P256(_) => "P-256",
            Self::P384(_) => "P-384",
            Self::P521(_) => "P-521",
        }
    }

    /// Checks a message's signature.
    ///
    /// Each signature (r, s) has a twin (r, n - s) that ECDSA accepts as well; no other change of a
    /// signed message is accepted.
    ///
    /// # Errors
    /// If it is not this key's, or of another algorithm.
    pub fn verify(&self, message: &Sign1) -> Result<(), SignatureError> {
        let signed = to_be_signed(&message.protected, &message.payload);
        let good = match (self, message.alg) {
            (Self::P256(key), Alg::Es256) => p256::ecdsa::Signature::from_slice(&message.signature)
                .and_then(|signature| key.verify(&signed, &signature)),
            (Self::P384(key), Alg::Es384) => p384::ecdsa::Signature::from_slice(&message.signature)
                .and_then(|signature| key.verify(&signed, &signature)),
            (Self::P521(key), Alg::Es512) => p521::ecdsa::Signature::from_slice(&message.signature)
                .and_then(|signature| {
                    p521::ecdsa::VerifyingKey::from_affine(*key.as_affine())?
                        .verify(&signed, &signature)
                }),
            (_, alg) => {
                let (alg, curve) = (alg.name(), self.curve());
                return Err(SignatureError::OtherCurve { alg, curve });
            }
        };
        good.map_err(|_| SignatureError::Wrong)
    }
}

/// COSE_Key of a P-384 key (RFC 9052 7, RFC 9053 7.1.1).
mod key {
    pub(super) const KTY: i64 = 1;
    pub(super) const ALG: i64 = 3;
    pub(super) const CRV: i64 = -1;
    pub(super) const X: i64 = -2;
    pub(super) const Y: i64 = -3;
    pub(super) const EC2: i64 = 2;
    pub(super) const P384: i64 = 2;
}

const COSE_KEY: Keys = Keys {
    kind: "COSE_Key parameter",
    known: &[
        (key::KTY, "kty"),
        (2, "kid"),
        (key::ALG, "alg"),
        (4, "key_ops"),
        (key::CRV, "crv"),
        (key::X, "x"),
        (key::Y, "y"),
    ],
};

/// The point of a COSE_Key, in SEC 1's form.
pub(super) fn point_of_cose_key(bytes: &[u8], place: &str) -> Result<Vec<u8>, TokenError> {
    let mut reader = Reader::new(bytes, place);
    let (mut kty, mut crv) = (false, false);
    let mut x: Option<[u8; 48]> = None;
    let mut y: Option<Result<[u8; 48], bool>> = None;
    let exactly = |reader: &mut Reader<'_>, value: i64, expected: &'static str| {
        let found = reader.int()?;
        let problem = Problem::Value { found: found.to_string(), expected };
        if found == value { Ok(true) } else { Err(reader.wrong(problem)) }
    };
    reader.map(&COSE_KEY, Unknown::Refuse, |label, reader| {
        match label {
            key::KTY => kty = exactly(reader, key::EC2, "2 (EC2)")?,
            key::CRV => crv = exactly(reader, key::P384, "2 (P-384)")?,
            key::ALG => drop(exactly(reader, COSE_ES384, "-35 (ES384)")?),
            key::X => x = Some(reader.array_of("48")?),
            key::Y if reader.next()? == Type::Bool => y = Some(Err(reader.bool()?)),
            key::Y => y = Some(Ok(reader.array_of("48")?)),
            _ => reader.skip()?,
        }
        Ok(())
    })?;
    reader.end()?;
    let missing = |key| COSE_KEY.missing(place, key);
    if !kty {
        return Err(missing(key::KTY));
    }
    if !crv {
        return Err(missing(key::CRV));
    }
    let x = x.ok_or_else(|| missing(key::X))?;
    Ok(match y.ok_or_else(|| missing(key::Y))? {
        Ok(y) => [&[4], &x[..], &y[..]].concat(),
        Err(odd) => [&[2 + u8::from(odd)], &x[..]].concat(),
    })
}
