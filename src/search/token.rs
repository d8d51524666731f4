//! The RIM out of an attestation token.

use minicbor::Decoder;
use minicbor::data::Type;
use thiserror::Error;

/// Key of the realm token in a CCA token, and of the RIM in a realm token (DEN0137 1.0 A7.2).
const REALM_TOKEN: u64 = 44241;
const RIM: u64 = 44238;

/// Why a file has no RIM to take.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum TokenError {
    /// It is not CBOR, or is cut off.
    #[error("is no CBOR that can be read: {0}")]
    Cbor(String),
    /// Something else is where a part of a token has to be.
    #[error("is no CCA token: there is no {0}")]
    Missing(&'static str),
}

impl From<minicbor::decode::Error> for TokenError {
    fn from(error: minicbor::decode::Error) -> Self {
        Self::Cbor(error.to_string())
    }
}

/// The claim 44238 of a CCA token, of a realm token alone, or of its claims alone. Signatures are
/// not checked: what is asked is which parameters made the RIM, not whether to believe it.
///
/// # Errors
/// If the bytes are none of them.
pub fn rim_of_token(bytes: &[u8]) -> Result<Vec<u8>, TokenError> {
    let mut decoder = untagged(bytes)?;
    if is_map(&decoder)?
        && let Some(realm) = bytes_of(decoder.clone(), REALM_TOKEN)?
    {
        return rim_of_realm_token(realm);
    }
    if decoder.datatype()? == Type::Bytes {
        return rim_of_realm_token(decoder.bytes()?);
    }
    rim_of_realm_token(bytes)
}

/// A COSE_Sign1 whose payload has the claims, or the claims themselves.
fn rim_of_realm_token(bytes: &[u8]) -> Result<Vec<u8>, TokenError> {
    let mut decoder = untagged(bytes)?;
    if decoder.datatype()? == Type::Array {
        decoder.array()?;
        decoder.skip()?;
        decoder.skip()?;
        decoder = untagged(decoder.bytes()?)?;
    }
    if !is_map(&decoder)? {
        return Err(TokenError::Missing("map of claims"));
    }
    let rim = bytes_of(decoder, RIM)?;
    rim.map(<[u8]>::to_vec).ok_or(TokenError::Missing("claim 44238 (RIM)"))
}

fn is_map(decoder: &Decoder<'_>) -> Result<bool, TokenError> {
    Ok(matches!(decoder.datatype()?, Type::Map | Type::MapIndef))
}

/// A decoder at the first item that is no tag.
fn untagged(bytes: &[u8]) -> Result<Decoder<'_>, TokenError> {
    let mut decoder = Decoder::new(bytes);
    while decoder.datatype()? == Type::Tag {
        decoder.tag()?;
    }
    Ok(decoder)
}

/// The byte string that a map has under `key`.
fn bytes_of(mut decoder: Decoder<'_>, key: u64) -> Result<Option<&[u8]>, TokenError> {
    // A map of no stated length ends with a break.
    let entries = decoder.map()?;
    let mut seen = 0;
    loop {
        let ended = match entries {
            Some(entries) => seen == entries,
            None => decoder.datatype()? == Type::Break,
        };
        if ended {
            return Ok(None);
        }
        seen += 1;
        let number = matches!(decoder.datatype()?, Type::U8 | Type::U16 | Type::U32 | Type::U64);
        let found = number.then(|| decoder.u64()).transpose()?;
        if !number {
            decoder.skip()?;
        }
        if found == Some(key) {
            return Ok(Some(decoder.bytes()?));
        }
        decoder.skip()?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claims_alone_and_what_is_no_token() {
        // {10: h'00', 44238: h'0102'}
        let claims = [0xA2, 0x0A, 0x41, 0, 0x19, 0xAC, 0xCE, 0x42, 1, 2];
        assert_eq!(rim_of_token(&claims), Ok(vec![1, 2]));
        for len in 0..claims.len() {
            assert!(matches!(rim_of_token(&claims[..len]), Err(TokenError::Cbor(_))), "{len}");
        }
        let text = |bytes: &[u8]| rim_of_token(bytes).unwrap_err().to_string();
        assert_eq!(text(&[0xA0]), "is no CCA token: there is no claim 44238 (RIM)");
        assert_eq!(text(&[0x01]), "is no CCA token: there is no map of claims");
        assert!(text(&[0xFF; 9]).starts_with("is no CBOR") || text(&[0xFF; 9]).contains("no map"));
        assert_eq!(text(&[0xBF, 0xFF]), text(&[0xA0]), "of no stated length");
    }
}
