//! What a file with a key looks like. One scanner for public and private ones.

use p256::pkcs8::{DecodePrivateKey as _, DecodePublicKey as _};
use sec1::der::{Decode as _, Encode as _, SecretDocument};
use serde_json::Value;

use super::{Curve, KeyError, Point, PublicKey, Secret, SigningKey};
use crate::encoding::text::{from_base64, shown};

const PUBLIC: &str = "public key of P-256, P-384 or P-521";
const PRIVATE: &str = "private key of P-256, P-384 or P-521";
const PKCS8: &str = "PRIVATE KEY";
const SEC1: &str = "EC PRIVATE KEY";
const SPKI: &str = "PUBLIC KEY";
const CERTIFICATE: &str = "CERTIFICATE";
/// What openssl writes before a SEC1 key.
const PARAMETERS: &str = "EC PARAMETERS";
const BEGIN: &str = "-----BEGIN ";
/// First byte of every key in DER.
const SEQUENCE: u8 = 0x30;

/// What is wanted of a file.
type Wanted<T> = (&'static str, fn(&[u8]) -> Result<T, String>);

pub(super) fn public(file: &[u8]) -> Result<PublicKey, KeyError> {
    // What is said is about public keys, whatever is wrong with a private one.
    public_alone(file).or_else(|error| private(file).map(|key| key.public()).or(Err(error)))
}

fn public_alone(file: &[u8]) -> Result<PublicKey, KeyError> {
    let wanted: Wanted<_> = (PUBLIC, spki);
    let text = match form(file) {
        Form::Pem => String::from_utf8_lossy(file),
        Form::Der => {
            // What is said is about a key, whatever is wrong with a certificate.
            let key = spki(file).or_else(|why| certified(file).map_err(|_| why));
            return damaged(wanted.0, "DER", key);
        }
        Form::Jwk => return damaged(wanted.0, "JWK", jwk(file, jwk_point)),
        Form::Other => return Err(KeyError::Nothing(wanted.0)),
    };
    let blocks = blocks(&text);
    let first = |label| blocks.iter().find(|block| block.label == label);
    match (first(SPKI), first(CERTIFICATE)) {
        (Some(block), _) => block.decode(wanted),
        (None, Some(block)) => block.decode((PUBLIC, certified)),
        (None, None) => Err(KeyError::NoPublic(labels(&blocks))),
    }
}

pub(super) fn private(file: &[u8]) -> Result<SigningKey, KeyError> {
    let wanted = PRIVATE;
    let text = match form(file) {
        Form::Pem => String::from_utf8_lossy(file),
        Form::Der => return damaged(wanted, "DER", pkcs8(file).or_else(|_| sec1_key(file))),
        Form::Jwk => return damaged(wanted, "JWK", jwk(file, jwk_secret)),
        Form::Other => return Err(KeyError::Nothing(wanted)),
    };
    let blocks = blocks(&text);
    for block in &blocks {
        match block.label {
            "ENCRYPTED PRIVATE KEY" => return Err(KeyError::Encrypted),
            PKCS8 | SEC1 if block.text.contains("ENCRYPTED") => return Err(KeyError::Encrypted),
            PKCS8 => return block.decode((wanted, pkcs8)),
            SEC1 => return block.decode((wanted, sec1_key)),
            _ => {}
        }
    }
    Err(KeyError::NoPrivate(labels(&blocks)))
}

enum Form {
    Pem,
    Der,
    Jwk,
    Other,
}

fn form(file: &[u8]) -> Form {
    let text = file.trim_ascii_start();
    if file.first() == Some(&SEQUENCE) && std::str::from_utf8(file).is_err() {
        Form::Der
    } else if file.windows(BEGIN.len()).any(|window| window == BEGIN.as_bytes()) {
        Form::Pem
    } else if text.first() == Some(&b'{') {
        Form::Jwk
    } else {
        Form::Other
    }
}

fn damaged<T>(wanted: &'static str, what: &str, read: Result<T, String>) -> Result<T, KeyError> {
    read.map_err(|why| KeyError::Damaged { wanted, what: what.to_owned(), why })
}

/// A PEM block.
struct Block<'t> {
    label: &'t str,
    /// From its first line to its last; to the end of the text if the last is not there.
    text: &'t str,
}

impl Block<'_> {
    fn decode<T>(&self, (wanted, read): Wanted<T>) -> Result<T, KeyError> {
        let what = format!("the PEM block {:?}", self.label);
        let der = SecretDocument::from_pem(self.text).map_err(|error| error.to_string());
        let read = der.and_then(|(_, der)| read(der.as_bytes()));
        damaged(wanted, &what, read)
    }
}

/// The blocks of a text, whatever stands around them.
fn blocks(text: &str) -> Vec<Block<'_>> {
    let mut blocks = Vec::new();
    let mut rest = text;
    while let Some(begin) = rest.find(BEGIN) {
        rest = &rest[begin..];
        let Some((label, _)) = rest[BEGIN.len()..].split_once("-----") else { break };
        let end = format!("-----END {label}-----");
        let len = rest.find(&end).map_or(rest.len(), |at| at + end.len());
        blocks.push(Block { label, text: &rest[..len] });
        rest = &rest[len..];
    }
    blocks
}

/// The labels that are there, once each, for a message.
fn labels(blocks: &[Block<'_>]) -> String {
    const MOST: usize = 4;
    let mut labels: Vec<String> = Vec::new();
    for block in blocks.iter().filter(|block| block.label != PARAMETERS) {
        let label = shown(block.label);
        if labels.len() < MOST && !labels.contains(&label) {
            labels.push(label);
        }
    }
    if labels.is_empty() { "none".to_owned() } else { labels.join(", ") }
}

/// What all blocks of a label hold.
pub(super) fn all_of(text: &str, label: &str) -> Result<Vec<Vec<u8>>, String> {
    let blocks = blocks(text);
    let with = blocks.iter().filter(|block| block.label == label);
    with.map(|block| {
        let der = SecretDocument::from_pem(block.text).map_err(|error| error.to_string())?;
        Ok(der.1.as_bytes().to_vec())
    })
    .collect()
}

/// SubjectPublicKeyInfo.
pub(super) fn spki(der: &[u8]) -> Result<PublicKey, String> {
    let p256 = || p256::PublicKey::from_public_key_der(der).map(Point::P256);
    let p384 = || p384::PublicKey::from_public_key_der(der).map(Point::P384);
    let p521 = || p521::PublicKey::from_public_key_der(der).map(Point::P521);
    p384().or_else(|_| p256()).or_else(|_| p521()).map(PublicKey).map_err(|e| e.to_string())
}

/// The key that a certificate is of, whoever issued it.
fn certified(der: &[u8]) -> Result<PublicKey, String> {
    let certificate = x509_cert::Certificate::from_der(der).map_err(|error| error.to_string())?;
    let key = certificate.tbs_certificate.subject_public_key_info.to_der();
    spki(&key.map_err(|error| error.to_string())?)
}

/// PKCS#8.
fn pkcs8(der: &[u8]) -> Result<SigningKey, String> {
    let p256 = || p256::SecretKey::from_pkcs8_der(der).map(Secret::P256);
    let p384 = || p384::SecretKey::from_pkcs8_der(der).map(Secret::P384);
    let p521 = || p521::SecretKey::from_pkcs8_der(der).map(Secret::P521);
    p384().or_else(|_| p256()).or_else(|_| p521()).map(SigningKey).map_err(|e| e.to_string())
}

/// SEC1. The curve's name may be missing; the length of the number says it as well.
fn sec1_key(der: &[u8]) -> Result<SigningKey, String> {
    let key = sec1::EcPrivateKey::from_der(der).map_err(|error| error.to_string())?;
    let secret = match key.private_key.len() {
        32 => p256::SecretKey::try_from(key).map(Secret::P256),
        48 => p384::SecretKey::try_from(key).map(Secret::P384),
        66 => p521::SecretKey::try_from(key).map(Secret::P521),
        other => return Err(format!("its number has {other} bytes, which no curve's has")),
    };
    secret.map(SigningKey).map_err(|error| error.to_string())
}

/// The first key of kind EC of a JWK or a set of them (RFC 7517).
fn jwk<T>(file: &[u8], read: fn(&Value, Curve) -> Result<T, String>) -> Result<T, String> {
    let json: Value = serde_json::from_slice(file).map_err(|error| error.to_string())?;
    let alone = std::slice::from_ref(&json);
    let keys = json.get("keys").and_then(Value::as_array).map_or(alone, Vec::as_slice);
    let key = keys.iter().find(|key| key["kty"] == "EC");
    let key = key.ok_or_else(|| "no key has the \"kty\" \"EC\"".to_owned())?;
    if key.get("use").is_some_and(|found| found != "sig") {
        return Err("its \"use\" is not \"sig\"".to_owned());
    }
    let curve = Curve::ALL.into_iter().find(|curve| key["crv"] == curve.name());
    read(key, curve.ok_or_else(|| "its \"crv\" is not P-256, P-384 or P-521".to_owned())?)
}

fn jwk_point(key: &Value, curve: Curve) -> Result<PublicKey, String> {
    let point = [&[4], &number(key, "x", curve)?[..], &number(key, "y", curve)?[..]].concat();
    let found = PublicKey::from_point(curve, &point);
    found.ok_or_else(|| format!("its point is not on {}", curve.name()))
}

fn jwk_secret(key: &Value, curve: Curve) -> Result<SigningKey, String> {
    let secret = SigningKey::from_number(curve, &number(key, "d", curve)?);
    let secret = secret.ok_or_else(|| format!("its \"d\" is no number of {}", curve.name()))?;
    if jwk_point(key, curve)? == secret.public() {
        return Ok(secret);
    }
    Err("its \"d\" does not belong to its point".to_owned())
}

/// A number of a JWK: base64, and as long as the curve says (RFC 7518 6.2).
fn number(key: &Value, name: &str, curve: Curve) -> Result<Vec<u8>, String> {
    let text = key[name].as_str().ok_or_else(|| format!("it has no \"{name}\""))?;
    let bytes = from_base64(text).map_err(|error| format!("its \"{name}\" {error}"))?;
    if bytes.len() == curve.len_bytes() {
        return Ok(bytes);
    }
    let (found, wanted) = (bytes.len(), curve.len_bytes());
    Err(format!("its \"{name}\" has {found} bytes, expected {wanted}"))
}
