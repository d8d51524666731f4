//! Signed CoRIMs: COSE_Sign1 (RFC 9052) with ES256, ES384 or ES512 around an unsigned CoRIM.
//!
//! Signatures are deterministic (RFC 6979), so equal CoRIMs, signers and keys give equal bytes.

use thiserror::Error;

use super::corim::{Corim, Frame, Validity, read_frame, read_inside};
use super::strict::{Cursor, ReadError};
use crate::encoding::cbor::{Tag, Type, encode};
use crate::encoding::cose::{self, label};
use crate::encoding::text::shown;

pub use crate::encoding::cose::Alg as Algorithm;
pub use crate::encoding::keys::{KeyError, PublicKey, SigningKey};
pub use crate::encoding::x509::{Anchors, ChainError, Signer};

/// What a signed CoRIM says that it contains. Verifiers compare the text as a whole.
const CONTENT_TYPE: &str = "application/rim+cbor";
/// Labels of the protected header.
const PROTECTED: &[(i64, &str)] = &[
    (label::ALG, "alg"),
    (label::CONTENT_TYPE, "content type"),
    (label::KID, "kid"),
    (CORIM_META, "corim-meta"),
    (CWT_CLAIMS, "CWT claims"),
    (X5CHAIN, "x5chain"),
];
/// Labels that may stand in the unprotected header as well, where nothing signs them.
const UNPROTECTED: &[(i64, &str)] = &[(label::KID, "kid"), (X5CHAIN, "x5chain")];
/// Claims that name the signer in place of corim-meta (RFC 9597).
const CWT_CLAIMS: i64 = 15;
/// Certificates, the signer's first (RFC 9360).
const X5CHAIN: i64 = 33;
const CLAIMS: &[(i64, &str)] =
    &[(1, "iss"), (2, "sub"), (3, "aud"), (4, "exp"), (5, "nbf"), (6, "iat"), (7, "cti")];
const CORIM_META: i64 = 8;
const META: &[(i64, &str)] = &[(0, "signer"), (1, "signature-validity")];
const SIGNER: &[(i64, &str)] = &[(0, "signer-name"), (1, "signer-uri")];

/// Who signs, and for how long (corim-meta).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Meta {
    /// The signer's name, not empty.
    pub signer: String,
    /// A URI of the signer.
    pub uri: Option<String>,
    /// When the signature holds.
    pub validity: Option<Validity>,
}

impl Meta {
    fn to_cbor(&self) -> Vec<u8> {
        encode(|e| {
            e.map(1 + u64::from(self.validity.is_some()))?;
            e.u8(0)?.map(1 + u64::from(self.uri.is_some()))?.u8(0)?.str(&self.signer)?;
            if let Some(uri) = &self.uri {
                e.u8(1)?.tag(Tag::new(32))?.str(uri)?;
            }
            if let Some(period) = &self.validity {
                e.u8(1)?;
                super::corim::write_validity(e, period)?;
            }
            Ok(())
        })
    }
}

/// The signed CoRIM (tag 18), with the key's COSE thumbprint (RFC 9679) as `kid`.
///
/// # Panics
/// If `meta.signer` is empty.
#[must_use]
pub fn sign(corim: &Corim, meta: &Meta, key: &SigningKey) -> Vec<u8> {
    let ready = ToSign::new(corim, meta, &key.public(), &[]);
    ready.signed(&key.sign(&ready.message()))
}

/// A CoRIM with the header of its signature, for whoever has the key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToSign {
    protected: Vec<u8>,
    payload: Vec<u8>,
}

impl ToSign {
    /// With the key that will sign, its COSE thumbprint (RFC 9679) as `kid`, and its certificates
    /// as `x5chain` (RFC 9360), the signer's first, in DER; none if there are none.
    ///
    /// # Panics
    /// If `meta.signer` is empty.
    #[must_use]
    pub fn new(corim: &Corim, meta: &Meta, key: &PublicKey, chain: &[Vec<u8>]) -> Self {
        assert!(!meta.signer.is_empty(), "a signer without a name");
        let protected = encode(|e| {
            e.map(4 + u64::from(!chain.is_empty()))?;
            e.i64(label::ALG)?.i64(key.algorithm().id())?;
            e.i64(label::CONTENT_TYPE)?.str(CONTENT_TYPE)?;
            e.i64(label::KID)?.bytes(&key.thumbprint())?;
            e.i64(CORIM_META)?.bytes(&meta.to_cbor())?;
            match chain {
                [] => {}
                [one] => drop(e.i64(X5CHAIN)?.bytes(one)?),
                several => {
                    e.i64(X5CHAIN)?.array(several.len() as u64)?;
                    several.iter().try_for_each(|one| e.bytes(one).map(drop))?;
                }
            }
            Ok(())
        });
        Self { protected, payload: corim.to_cbor() }
    }

    /// The bytes that the key signs, by its algorithm.
    #[must_use]
    pub fn message(&self) -> Vec<u8> {
        cose::to_be_signed(&self.protected, &self.payload)
    }

    /// The signed CoRIM (tag 18) with this signature of [`ToSign::message`]: r and s.
    #[must_use]
    pub fn signed(&self, signature: &[u8]) -> Vec<u8> {
        cose::signed(&self.protected, &self.payload, signature)
    }
}

/// A signed CoRIM that was read. Its signature is whatever stands there until it was verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedCorim {
    /// What is signed.
    pub corim: Corim,
    /// By whom, as the signer says.
    pub meta: Meta,
    /// How.
    pub algorithm: Algorithm,
    /// The key's id, as the signer says.
    pub key_id: Option<Vec<u8>>,
    /// Certificates that came with it, in DER; [`SignedCorim::verify_by`] looks at them.
    pub certificates: Vec<Vec<u8>>,
    protected: Vec<u8>,
    payload: Vec<u8>,
    signature: Vec<u8>,
}

/// Why a signature proves nothing.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SignatureError {
    /// A key of another kind.
    #[error("it is signed with {found}, and the key is for {wanted}", found = found.name(),
        wanted = wanted.name())]
    Algorithm {
        /// The signature's algorithm.
        found: Algorithm,
        /// The key's.
        wanted: Algorithm,
    },
    /// Another key, or other contents.
    #[error("the signature is not this key's over these contents")]
    Wrong,
}

impl SignedCorim {
    /// Whether the key's owner signed this.
    ///
    /// # Errors
    /// If not.
    pub fn verify(&self, key: &PublicKey) -> Result<(), SignatureError> {
        let (found, wanted) = (self.algorithm, key.algorithm());
        if found != wanted {
            return Err(SignatureError::Algorithm { found, wanted });
        }
        // Over the protected header as it stands in the file.
        let signed = cose::to_be_signed(&self.protected, &self.payload);
        if key.verifies(&signed, &self.signature) { Ok(()) } else { Err(SignatureError::Wrong) }
    }

    /// Whether somebody signed this whose certificates came with it and lead to a trust anchor.
    /// When they hold is part of the answer: no clock is asked. Revocation is not asked either.
    ///
    /// # Errors
    /// If not: which certificate is wrong, and why, or that another key signed.
    pub fn verify_by(&self, anchors: &Anchors) -> Result<Signer, ProofError> {
        let signer = anchors.check(&self.certificates)?;
        self.verify(&signer.key)?;
        Ok(signer)
    }
}

/// Why the signer is nobody that a trust anchor knows.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ProofError {
    /// Its certificates prove nothing.
    #[error("its certificates: {0}")]
    Chain(#[from] ChainError),
    /// They are good, and the signature is not that of the first one's key.
    #[error("{0}")]
    Signature(#[from] SignatureError),
}

/// A CoRIM, signed or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Document {
    /// Tag 501.
    Unsigned(Corim),
    /// Tag 18.
    Signed(Box<SignedCorim>),
}

impl Document {
    /// The CoRIM, whoever signed it.
    #[must_use]
    pub fn corim(&self) -> &Corim {
        match self {
            Self::Unsigned(corim) => corim,
            Self::Signed(signed) => &signed.corim,
        }
    }
}

/// Reads a CoRIM of the Realm profile, signed or not. A signature is read, not verified.
///
/// # Bounds
/// Time and memory grow with the length, memory by at most 30 bytes for each byte.
///
/// # Errors
/// If anything is not exactly as it should be: the path, what was found and expected, the byte.
pub fn read(bytes: &[u8]) -> Result<Document, ReadError> {
    let mut cursor = Cursor::new(bytes, "signed-corim");
    if read_frame(&mut cursor).is_ok_and(|frame| frame == Frame::Signed) {
        let signed = signed(&mut cursor)?;
        cursor.end()?;
        return Ok(Document::Signed(Box::new(signed)));
    }
    super::corim::read(bytes).map(Document::Unsigned)
}

fn signed(cursor: &mut Cursor<'_>) -> Result<SignedCorim, ReadError> {
    cursor.tag(cose::SIGN1_TAG)?;
    cursor.items(4)?;
    let (protected, header) = cursor.at("protected", |c| c.with_bytes(protected))?;
    let mut certificates = header.certificates;
    cursor.at("unprotected", |c| {
        c.map(UNPROTECTED, |c, label| match label {
            X5CHAIN if certificates.is_empty() => {
                certificates = x5chain(c)?;
                Ok(())
            }
            X5CHAIN => Err(c.error("certificates a second time")),
            _ => c.bytes().map(|_| ()),
        })
    })?;
    let (payload, corim) = cursor.at("payload", |c| c.with_bytes(read_inside))?;
    let wanted = header.algorithm.signature_len_bytes();
    let signature = cursor.at("signature", |c| {
        let offset = c.offset();
        let bytes = c.bytes()?;
        if bytes.len() == wanted {
            return Ok(bytes.to_vec());
        }
        let name = header.algorithm.name();
        let what = format!("{} bytes, expected exactly {wanted} of {name}", bytes.len());
        Err(c.error_at(offset, what))
    })?;
    let Header { meta, algorithm, key_id, .. } = header;
    let (protected, payload) = (protected.to_vec(), payload.to_vec());
    Ok(SignedCorim { corim, meta, algorithm, key_id, certificates, protected, payload, signature })
}

struct Header {
    algorithm: Algorithm,
    meta: Meta,
    key_id: Option<Vec<u8>>,
    certificates: Vec<Vec<u8>>,
}

fn protected(cursor: &mut Cursor<'_>) -> Result<Header, ReadError> {
    let (mut algorithm, mut content, mut meta, mut key_id) = (None, None, None, None);
    let (mut claims, mut certificates) = (None, Vec::new());
    let begin = cursor.offset();
    cursor.map(PROTECTED, |c, label| {
        let offset = c.offset();
        match label {
            label::ALG => {
                let id = c.int()?;
                algorithm = Algorithm::from_id(id);
                if algorithm.is_none() {
                    let known = "ES256 (-7), ES384 (-35) or ES512 (-36)";
                    return Err(c.error_at(offset, format!("algorithm {id}, expected {known}")));
                }
            }
            label::CONTENT_TYPE => match c.text()? {
                CONTENT_TYPE => content = Some(()),
                other => {
                    let what = format!("{}, expected {CONTENT_TYPE:?}", shown(other));
                    return Err(c.error_at(offset, what));
                }
            },
            label::KID => key_id = Some(c.bytes()?.to_vec()),
            CORIM_META => meta = Some(c.inside(read_meta)?),
            CWT_CLAIMS => claims = Some(read_claims(c)?),
            _ => certificates = x5chain(c)?,
        }
        Ok(())
    })?;
    cursor.needed(content, label::CONTENT_TYPE, "content type")?;
    let meta = match (meta, claims) {
        // Both periods have to hold.
        (Some(Meta { signer, uri, validity }), Some(claims)) => {
            let validity = match (validity, claims.validity) {
                (Some(one), Some(other)) => {
                    let never =
                        || cursor.error_at(begin, "corim-meta and CWT claims: no time is in both");
                    Some(one.and(&other).ok_or_else(never)?)
                }
                (one, other) => one.or(other),
            };
            Some(Meta { signer, uri, validity })
        }
        (one, other) => one.or(other),
    };
    Ok(Header {
        algorithm: cursor.needed(algorithm, label::ALG, "alg")?,
        meta: cursor.needed(meta, CORIM_META, "corim-meta")?,
        key_id,
        certificates,
    })
}

/// CWT claims (RFC 8392) in place of corim-meta: `iss` is the signer, `nbf` and `exp` the period.
/// Others are passed over.
fn read_claims(cursor: &mut Cursor<'_>) -> Result<Meta, ReadError> {
    let offset = cursor.offset();
    let (mut signer, mut begin, mut end) = (None, None, None);
    cursor.map(CLAIMS, |c, claim| {
        match claim {
            1 => signer = Some(super::corim::read_name(c)?),
            4 => end = Some(c.int()?),
            5 => begin = Some(c.int()?),
            _ => c.skip()?,
        }
        Ok(())
    })?;
    let signer = cursor.needed(signer, 1, "iss")?;
    let validity = match (begin, end) {
        (None, None) => None,
        (begin, end) => {
            let period = Validity::new(begin, end.unwrap_or(i64::MAX));
            Some(period.ok_or_else(|| cursor.error_at(offset, "it ends before it begins"))?)
        }
    };
    Ok(Meta { signer, uri: None, validity })
}

/// One certificate, or two and more in a list.
fn x5chain(cursor: &mut Cursor<'_>) -> Result<Vec<Vec<u8>>, ReadError> {
    if cursor.kind()? == Type::Bytes {
        return Ok(vec![cursor.bytes()?.to_vec()]);
    }
    let mut certificates = Vec::new();
    cursor.array(2, |c, _| {
        certificates.push(c.bytes()?.to_vec());
        Ok(())
    })?;
    Ok(certificates)
}

fn read_meta(cursor: &mut Cursor<'_>) -> Result<Meta, ReadError> {
    let (mut signer, mut validity) = (None, None);
    cursor.map(META, |c, key| {
        match key {
            0 => signer = Some(read_signer(c)?),
            _ => validity = Some(super::corim::read_validity(c)?),
        }
        Ok(())
    })?;
    let (signer, uri) = cursor.needed(signer, 0, "signer")?;
    Ok(Meta { signer, uri, validity })
}

fn read_signer(cursor: &mut Cursor<'_>) -> Result<(String, Option<String>), ReadError> {
    let (mut name, mut uri) = (None, None);
    cursor.map(SIGNER, |c, key| {
        match key {
            0 => name = Some(super::corim::read_name(c)?),
            _ => uri = Some(super::corim::read_uri(c)?),
        }
        Ok(())
    })?;
    Ok((cursor.needed(name, 0, "signer-name")?, uri))
}
