//! Signed CoRIMs: COSE_Sign1 (RFC 9052) with ES256 or ES384 around an unsigned CoRIM.
//!
//! Signatures are deterministic (RFC 6979), so equal CoRIMs, signers and keys give equal bytes.

use coset::{CoseSign1Builder, HeaderBuilder, TaggedCborSerializable as _, iana};
use thiserror::Error;

use super::corim::{Corim, Validity, read_inside};
use super::strict::{Cursor, ReadError};
use crate::encoding::cbor::{Tag, encode};
use crate::encoding::text::shown;

mod keys;

pub use keys::{KeyError, PublicKey, SigningKey};

/// What a signed CoRIM says that it contains. Verifiers compare the text as a whole.
const CONTENT_TYPE: &str = "application/rim+cbor";
/// CBOR tag of COSE_Sign1.
const SIGN1: u64 = 18;
const ES256: i64 = -7;
const ES384: i64 = -35;

/// Labels of the protected header.
const PROTECTED: &[(i64, &str)] =
    &[(1, "alg"), (3, "content type"), (4, "kid"), (8, "corim-meta"), (33, "x5chain")];
const META: &[(i64, &str)] = &[(0, "signer"), (1, "signature-validity")];
const SIGNER: &[(i64, &str)] = &[(0, "signer-name"), (1, "signer-uri")];

/// Signature algorithms of COSE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// ECDSA on P-384 with SHA-384.
    Es384,
}

impl Algorithm {
    /// The name in COSE's registry.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
        }
    }
}

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
    assert!(!meta.signer.is_empty(), "a signer without a name");
    let algorithm = match key.algorithm() {
        Algorithm::Es256 => iana::Algorithm::ES256,
        Algorithm::Es384 => iana::Algorithm::ES384,
    };
    let protected = HeaderBuilder::new()
        .algorithm(algorithm)
        .content_type(CONTENT_TYPE.to_owned())
        .key_id(key.public().thumbprint().to_vec())
        .value(8, coset::cbor::Value::Bytes(meta.to_cbor()))
        .build();
    CoseSign1Builder::new()
        .protected(protected)
        .payload(corim.to_cbor())
        .create_signature(&[], |signed| key.sign(signed))
        .build()
        .to_tagged_vec()
        .expect("everything in it is CBOR")
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
    protected: Vec<u8>,
    payload: Vec<u8>,
    signature: Vec<u8>,
}

/// Why a signature proves nothing.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
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
        let signed = self.to_be_signed();
        if key.verify(&signed, &self.signature) { Ok(()) } else { Err(SignatureError::Wrong) }
    }

    /// The Sig_structure, over the protected header as it stands in the file.
    fn to_be_signed(&self) -> Vec<u8> {
        encode(|e| {
            e.array(4)?.str("Signature1")?.bytes(&self.protected)?.bytes(&[])?;
            e.bytes(&self.payload)?;
            Ok(())
        })
    }
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
/// # Errors
/// If anything is not exactly as it should be: the path, what was found and expected, the byte.
pub fn read(bytes: &[u8]) -> Result<Document, ReadError> {
    // Tag 18 in its shortest form, which everybody writes.
    if bytes.first() == Some(&0xD2) {
        let mut cursor = Cursor::new(bytes, "signed-corim");
        let signed = signed(&mut cursor)?;
        cursor.end()?;
        return Ok(Document::Signed(Box::new(signed)));
    }
    super::corim::read(bytes).map(Document::Unsigned)
}

fn signed(cursor: &mut Cursor<'_>) -> Result<SignedCorim, ReadError> {
    cursor.tag(SIGN1)?;
    cursor.items(4)?;
    let (protected, header) = cursor.at("protected", |c| c.with_bytes(protected))?;
    cursor.at("unprotected", |c| c.map(&[], |_, _| Ok(())))?;
    let (payload, corim) = cursor.at("payload", |c| c.with_bytes(read_inside))?;
    let wanted = match header.algorithm {
        Algorithm::Es256 => 64,
        Algorithm::Es384 => 96,
    };
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
    let Header { meta, algorithm, key_id } = header;
    let (protected, payload) = (protected.to_vec(), payload.to_vec());
    Ok(SignedCorim { corim, meta, algorithm, key_id, protected, payload, signature })
}

struct Header {
    algorithm: Algorithm,
    meta: Meta,
    key_id: Option<Vec<u8>>,
}

fn protected(cursor: &mut Cursor<'_>) -> Result<Header, ReadError> {
    let (mut algorithm, mut content, mut meta, mut key_id) = (None, None, None, None);
    cursor.map(PROTECTED, |c, label| {
        let offset = c.offset();
        match label {
            1 => {
                algorithm = Some(match c.int()? {
                    ES256 => Algorithm::Es256,
                    ES384 => Algorithm::Es384,
                    other => {
                        let what = format!("algorithm {other}, expected ES256 (-7) or ES384 (-35)");
                        return Err(c.error_at(offset, what));
                    }
                });
            }
            3 => match c.text()? {
                CONTENT_TYPE => content = Some(()),
                other => {
                    let what = format!("{}, expected {CONTENT_TYPE:?}", shown(other));
                    return Err(c.error_at(offset, what));
                }
            },
            4 => key_id = Some(c.bytes()?.to_vec()),
            8 => meta = Some(c.inside(read_meta)?),
            _ => return Err(c.error("certificates are not read")),
        }
        Ok(())
    })?;
    cursor.needed(content, 3, "content type")?;
    Ok(Header {
        algorithm: cursor.needed(algorithm, 1, "alg")?,
        meta: cursor.needed(meta, 8, "corim-meta")?,
        key_id,
    })
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
