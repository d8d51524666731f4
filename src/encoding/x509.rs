//! Certificates (X.509, RFC 5280) of keys that sign: chains from a signer to a trust anchor.
//!
//! Rules that are kept, all of them for every certificate of a chain:
//!
//! * The signer's certificate is the first, and each further one certifies the one before it (RFC
//!   9360 2): by name, and by an ECDSA signature with SHA-256, SHA-384 or SHA-512.
//! * Whoever certifies is an authority by its basic constraints, with room for the certificates
//!   below it, and by its key usage, if it has one. A signer's key usage, if it has one, has
//!   digitalSignature.
//! * An extension that is critical and not one of these two is refused: name constraints, say.
//!
//! No clock is asked: when a chain holds is part of the answer. Revocation is not asked either.

use thiserror::Error;
use x509_cert::der::asn1::ObjectIdentifier;
use x509_cert::der::oid::AssociatedOid as _;
use x509_cert::der::{Decode as _, Encode as _, Reader as _, SliceReader};
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::{BasicConstraints, KeyUsage};
use x509_cert::spki::AlgorithmIdentifierOwned;
use x509_cert::{Certificate as X509, Version};

use super::keys::{Digest, PublicKey, pem_blocks};
use super::text::shown;

/// Most certificates of one chain.
pub const MAX_CHAIN: usize = 8;
/// Most trust anchors of one file.
const MAX_ANCHORS: usize = 256;
const CERTIFICATE: &str = "CERTIFICATE";
/// ecdsa-with-SHA256 and its like (RFC 5758 3.2).
const ALGORITHMS: [(&str, Digest); 3] = [
    ("1.2.840.10045.4.3.2", Digest::Sha256),
    ("1.2.840.10045.4.3.3", Digest::Sha384),
    ("1.2.840.10045.4.3.4", Digest::Sha512),
];

/// Why a chain proves nothing. Certificates are counted from 1, the signer's.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ChainError {
    /// There is no certificate.
    #[error("no certificates came with it")]
    Empty,
    /// There are too many.
    #[error("{0} certificates, and a chain has at most {MAX_CHAIN}")]
    TooLong(usize),
    /// One can not be read.
    #[error("{place}: {why}")]
    Damaged {
        /// Which one.
        place: String,
        /// What is wrong with it.
        why: String,
    },
    /// One is there a second time, or its key is.
    #[error("{place} is there twice: the chain is a loop")]
    Loop {
        /// Which one.
        place: String,
    },
    /// It does not follow from the next.
    #[error("{place} is issued by {issuer}, and the next is that of {found}")]
    Order {
        /// Which one.
        place: String,
        /// Who issued it.
        issuer: String,
        /// Whose certificate follows.
        found: String,
    },
    /// The issuer's key did not sign it.
    #[error("{place}: its signature is not that of {issuer}")]
    Signature {
        /// Which one.
        place: String,
        /// Who should have signed.
        issuer: String,
    },
    /// It may not do what it does here.
    #[error("{place}: {why}")]
    NotAllowed {
        /// Which one.
        place: String,
        /// Why not.
        why: String,
    },
    /// No trust anchor issued the last one.
    #[error("{place} is issued by {issuer}, which is no trust anchor")]
    NoAnchor {
        /// The last one.
        place: String,
        /// Who issued it.
        issuer: String,
    },
}

type Checked<T> = Result<T, ChainError>;

/// Certificates that are trusted without a proof.
#[derive(Clone, Debug)]
pub struct Anchors(Vec<Certificate>);

/// Who signs, by a chain that holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signer {
    /// The key that the first certificate is of.
    pub key: PublicKey,
    /// The first certificate's subject (RFC 4514).
    pub name: String,
    /// The first second in which all certificates hold, the anchor's too, in POSIX time.
    pub not_before_secs: i64,
    /// The last one. There is none if it is before the first.
    pub not_after_secs: i64,
}

impl Anchors {
    /// The certificates of a file: PEM blocks, whatever stands around them, or one in DER.
    ///
    /// # Bounds
    /// Time and memory grow with the length; no more than 256 certificates are read.
    ///
    /// # Errors
    /// If there is none, or one can not be read.
    pub fn from_bytes(file: &[u8]) -> Checked<Self> {
        let ders = certificates(file)?;
        if ders.len() > MAX_ANCHORS {
            let why = format!("{} certificates, and there can be {MAX_ANCHORS}", ders.len());
            return Err(ChainError::Damaged { place: "the file".into(), why });
        }
        let numbered = ders.iter().enumerate();
        numbered.map(|(i, der)| Certificate::read(der, i)).collect::<Checked<_>>().map(Self)
    }

    /// Checks a chain, the signer's certificate first, each in DER. The last one is a trust anchor,
    /// or was issued by one.
    ///
    /// # Errors
    /// If anything is not as the rules say: which certificate, and why.
    pub fn check(&self, chain: &[Vec<u8>]) -> Checked<Signer> {
        let chain = read_chain(chain)?;
        let last = chain.len() - 1;
        let top = &chain[last];
        let mut period = (i64::MIN, i64::MAX);
        for one in &chain {
            period = both(period, one.period);
        }
        if !self.0.iter().any(|anchor| anchor.der == top.der) {
            let issuers = || self.0.iter().filter(|anchor| anchor.subject == top.issuer);
            let no_anchor = || ChainError::NoAnchor {
                place: top.place.clone(),
                issuer: shown(&top.issuer_name),
            };
            let first = issuers().next().ok_or_else(no_anchor)?;
            let signed = issuers().find(|anchor| top.is_signed_by(anchor));
            let Some(anchor) = signed else { return Err(top.not_signed_by(first)) };
            anchor.may_certify(last, "the trust anchor")?;
            period = both(period, anchor.period);
        }
        let first = &chain[0];
        Ok(Signer {
            key: first.key.clone(),
            name: first.name.clone(),
            not_before_secs: period.0,
            not_after_secs: period.1,
        })
    }
}

/// The chain of a file as signers have it, the signer's certificate first, in DER. It holds
/// together; whether an anchor is above it is not asked.
///
/// # Errors
/// If there is none, or it does not hold together.
pub fn chain_of(file: &[u8]) -> Checked<(Vec<Vec<u8>>, PublicKey)> {
    let ders = certificates(file)?;
    let chain = read_chain(&ders)?;
    Ok((ders, chain[0].key.clone()))
}

/// Reads a chain and checks that each certificate follows from the next.
fn read_chain(ders: &[Vec<u8>]) -> Checked<Vec<Certificate>> {
    if ders.is_empty() {
        return Err(ChainError::Empty);
    }
    if ders.len() > MAX_CHAIN {
        return Err(ChainError::TooLong(ders.len()));
    }
    let mut chain: Vec<Certificate> = Vec::new();
    for (i, der) in ders.iter().enumerate() {
        let one = Certificate::read(der, i)?;
        let again = |known: &Certificate| {
            known.der == one.der || known.subject == one.subject && known.key == one.key
        };
        if chain.iter().any(again) {
            return Err(ChainError::Loop { place: one.place });
        }
        chain.push(one);
    }
    chain[0].may_sign()?;
    for (i, pair) in chain.windows(2).enumerate() {
        let [below, above] = pair else { unreachable!("two") };
        if below.issuer != above.subject {
            return Err(ChainError::Order {
                place: below.place.clone(),
                issuer: shown(&below.issuer_name),
                found: shown(&above.name),
            });
        }
        if !below.is_signed_by(above) {
            return Err(below.not_signed_by(above));
        }
        above.may_certify(i, &above.place)?;
    }
    Ok(chain)
}

const fn both(one: (i64, i64), other: (i64, i64)) -> (i64, i64) {
    let begin = if one.0 > other.0 { one.0 } else { other.0 };
    let end = if one.1 < other.1 { one.1 } else { other.1 };
    (begin, end)
}

/// The certificates of a file, in DER.
fn certificates(file: &[u8]) -> Checked<Vec<Vec<u8>>> {
    let damaged = |why: String| ChainError::Damaged { place: "the file".to_owned(), why };
    let text = String::from_utf8_lossy(file);
    let blocks = pem_blocks(&text, CERTIFICATE).map_err(damaged)?;
    if !blocks.is_empty() {
        return Ok(blocks);
    }
    match file.first() {
        // A SEQUENCE.
        Some(0x30) => Ok(vec![file.to_vec()]),
        _ => Err(damaged("no certificate, as PEM or DER, is in it".to_owned())),
    }
}

/// A certificate, as far as it matters here.
#[derive(Clone, Debug)]
struct Certificate {
    der: Vec<u8>,
    /// What is signed, as it stands.
    signed: Vec<u8>,
    digest: Digest,
    /// DER of r and s.
    signature: Vec<u8>,
    issuer: Vec<u8>,
    subject: Vec<u8>,
    issuer_name: String,
    name: String,
    /// Its number and subject, for messages.
    place: String,
    key: PublicKey,
    /// The first and the last second, in POSIX time.
    period: (i64, i64),
    constraints: Option<BasicConstraints>,
    usage: Option<KeyUsage>,
}

impl Certificate {
    fn read(der: &[u8], index: usize) -> Checked<Self> {
        let place = format!("certificate {}", index + 1);
        let read = Self::read_placed(der, &place);
        read.map_err(|why| ChainError::Damaged { place, why })
    }

    fn read_placed(der: &[u8], place: &str) -> Result<Self, String> {
        let certificate = X509::from_der(der).map_err(|error| error.to_string())?;
        let tbs = &certificate.tbs_certificate;
        let names = [&tbs.issuer, &tbs.subject].map(|name| name.to_der());
        let [Ok(issuer), Ok(subject)] = names else { return Err("a name without DER".into()) };
        if tbs.signature != certificate.signature_algorithm {
            return Err("it names two signature algorithms".to_owned());
        }
        let key = tbs.subject_public_key_info.to_der().map_err(|error| error.to_string())?;
        let key = PublicKey::from_spki(&key)?;
        let extensions = tbs.extensions.as_deref().unwrap_or_default();
        if tbs.version != Version::V3 && !extensions.is_empty() {
            return Err("it has extensions, and is not of version 3".to_owned());
        }
        let known = [BasicConstraints::OID, KeyUsage::OID];
        let foreign = |one: &&Extension| one.critical && !known.contains(&one.extn_id);
        if let Some(one) = extensions.iter().find(foreign) {
            return Err(format!("its extension {} is critical, and not known here", one.extn_id));
        }
        let constraints = tbs.get::<BasicConstraints>();
        let usage = tbs.get::<KeyUsage>();
        let wrong = |what: &str| format!("its {what} can not be read, or are there twice");
        let constraints = constraints.map_err(|_| wrong("basic constraints"))?.map(|one| one.1);
        let usage = usage.map_err(|_| wrong("key usages"))?.map(|one| one.1);
        let secs = |time: x509_cert::time::Time| {
            i64::try_from(time.to_unix_duration().as_secs()).unwrap_or(i64::MAX)
        };
        let name = tbs.subject.to_string();
        Ok(Self {
            der: der.to_vec(),
            signed: signed_part(der).map_err(|error| error.to_string())?,
            digest: digest_of(&certificate.signature_algorithm)?,
            signature: certificate.signature.as_bytes().unwrap_or_default().to_vec(),
            issuer,
            subject,
            issuer_name: tbs.issuer.to_string(),
            place: format!("{place} ({})", shown(&name)),
            name,
            key,
            period: (secs(tbs.validity.not_before), secs(tbs.validity.not_after)),
            constraints,
            usage,
        })
    }

    fn is_signed_by(&self, issuer: &Self) -> bool {
        issuer.key.verifies_der(self.digest, &self.signed, &self.signature)
    }

    fn not_signed_by(&self, issuer: &Self) -> ChainError {
        ChainError::Signature { place: self.place.clone(), issuer: shown(&issuer.name) }
    }

    /// Whether it may certify a signer with `below` authorities between them.
    fn may_certify(&self, below: usize, place: &str) -> Checked<()> {
        let no = |why: String| Err(ChainError::NotAllowed { place: place.to_owned(), why });
        let Some(BasicConstraints { ca: true, path_len_constraint }) = &self.constraints else {
            return no("it is no authority: its basic constraints do not say so".into());
        };
        if self.usage.is_some_and(|usage| !usage.key_cert_sign()) {
            return no("its key usage is not to sign certificates".into());
        }
        match path_len_constraint {
            Some(most) if below > usize::from(*most) => {
                no(format!("{below} authorities are below it, and it allows {most}"))
            }
            _ => Ok(()),
        }
    }

    /// Whether its key may sign documents.
    fn may_sign(&self) -> Checked<()> {
        if self.usage.is_none_or(|usage| usage.digital_signature()) {
            return Ok(());
        }
        let why = "its key usage is not to sign documents".to_owned();
        Err(ChainError::NotAllowed { place: self.place.clone(), why })
    }
}

/// The bytes that are signed: the first of three values.
fn signed_part(der: &[u8]) -> x509_cert::der::Result<Vec<u8>> {
    let mut reader = SliceReader::new(der)?;
    reader.sequence(|inner| {
        let signed = inner.tlv_bytes()?.to_vec();
        while !inner.is_finished() {
            inner.tlv_bytes()?;
        }
        Ok(signed)
    })
}

fn digest_of(algorithm: &AlgorithmIdentifierOwned) -> Result<Digest, String> {
    let known = ALGORITHMS
        .iter()
        .find(|(oid, _)| ObjectIdentifier::new(oid).is_ok_and(|oid| oid == algorithm.oid));
    match known {
        Some((_, digest)) if algorithm.parameters.is_none() => Ok(*digest),
        Some(_) => Err("its signature algorithm has parameters, and ECDSA has none".to_owned()),
        None => Err(format!(
            "its signature algorithm is {}, expected ECDSA with SHA-256, SHA-384 or SHA-512",
            algorithm.oid
        )),
    }
}
