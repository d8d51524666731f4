//! The messages of a token and their signatures: COSE_Sign1 and COSE_Key (RFC 9052) with the errors
//! of tokens.

use thiserror::Error;

use super::parts::{Keys, Problem, Reader, TokenError, Unknown};
use crate::encoding::cbor::Type;
use crate::encoding::cose::{Alg, SIGN1_TAG, label, to_be_signed};
use crate::encoding::keys::PublicKey;

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

const PROTECTED: Keys = Keys {
    kind: "protected header parameter",
    known: &[
        (label::ALG, "alg"),
        (label::CRIT, "crit"),
        (label::CONTENT_TYPE, "content type"),
        (label::KID, "kid"),
    ],
};
const UNPROTECTED: Keys = Keys {
    kind: "unprotected header parameter",
    known: &[(label::ALG, "alg"), (label::CRIT, "crit")],
};

impl Sign1 {
    /// Reads the message that all of `bytes` is; `place` names it in errors.
    pub(super) fn read(bytes: &[u8], place: &str) -> Result<Self, TokenError> {
        let mut reader = Reader::new(bytes, place);
        reader.tag(SIGN1_TAG, "tag 18 (COSE_Sign1)")?;
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
        let expected = match alg {
            Alg::Es256 => "64 (ES256)",
            Alg::Es384 => "96 (ES384)",
            Alg::Es512 => "132 (ES512)",
        };
        if signature.len() != alg.signature_len_bytes() {
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

    /// Checks the signature.
    ///
    /// # Errors
    /// If it is not this key's, or of another algorithm.
    pub fn verify(&self, key: &PublicKey) -> Result<(), SignatureError> {
        if key.algorithm() != self.alg {
            let (alg, curve) = (self.alg.name(), key.curve());
            return Err(SignatureError::OtherCurve { alg, curve });
        }
        let signed = to_be_signed(&self.protected, &self.payload);
        let is_good = key.verifies(&signed, &self.signature);
        let (alg, payload_bytes) = (self.alg.name(), self.payload.len());
        tracing::debug!(alg, payload_bytes, is_good, "checked a signature");
        if is_good { Ok(()) } else { Err(SignatureError::Wrong) }
    }
}

fn algorithm(protected: &[u8], place: &str) -> Result<Alg, TokenError> {
    let mut reader = Reader::new(protected, place);
    let mut alg = None;
    reader.map(&PROTECTED, Unknown::Refuse, |key, reader| match key {
        label::ALG => {
            let id = reader.int()?;
            alg = Alg::from_id(id);
            let expected = "-7 (ES256), -35 (ES384) or -36 (ES512)";
            let problem = Problem::Value { found: id.to_string(), expected };
            if alg.is_some() { Ok(()) } else { Err(reader.wrong(problem)) }
        }
        label::CRIT => {
            Err(reader.wrong(Problem::Unknown("parameter that this reader understands")))
        }
        _ => reader.skip(),
    })?;
    reader.end()?;
    alg.ok_or_else(|| PROTECTED.missing(place, label::ALG))
}

/// Why a signature is not accepted.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
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
            key::ALG => drop(exactly(reader, Alg::Es384.id(), "-35 (ES384)")?),
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
