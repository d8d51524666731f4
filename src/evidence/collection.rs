//! What holds the two halves of a token together: tag 399 with byte strings, or tag 907 with
//! records (a CMW collection).

use super::maker::label;
use super::parts::{Keys, Problem, Reader, TokenError, Unknown};
use super::profile::Collection;
use super::token::MAX_TOKEN_BYTES;
use crate::encoding::cbor::{Key, Type};

const PLATFORM: i64 = label::PLATFORM_TOKEN.cast_signed();
const REALM: i64 = label::REALM_TOKEN.cast_signed();
const KEYS: Keys =
    Keys { kind: "key", known: &[(PLATFORM, "platform token"), (REALM, "realm token")] };

/// The type of a CMW collection, which a CCA token may leave out.
const COLLECTION_TYPE: &str = "__cmwc_t";
/// The CoAP content format of `application/eat+cwt`.
const EAT_CWT: i64 = 263;

/// The halves of a token.
pub(super) struct Halves<'b> {
    pub(super) collection: Collection,
    pub(super) platform: &'b [u8],
    pub(super) realm: &'b [u8],
}

/// Which collection the tag at the beginning names, if it is one.
pub(super) fn kind(bytes: &[u8]) -> Result<Option<Collection>, TokenError> {
    let mut reader = Reader::new(bytes, "token");
    if reader.next()? != Type::Tag {
        return Ok(None);
    }
    let tag = reader.tag_number()?;
    Ok([Collection::Eat, Collection::Cmw].into_iter().find(|one| one.tag() == tag))
}

impl<'b> Halves<'b> {
    /// The platform token and the realm token of a collection.
    pub(super) fn read(bytes: &'b [u8]) -> Result<Self, TokenError> {
        let mut reader = Reader::new(bytes, "token");
        if bytes.len() > MAX_TOKEN_BYTES {
            let expected = "at most 65536";
            return Err(reader.wrong(Problem::Length { found: bytes.len(), expected }));
        }
        let known = kind(bytes).ok().flatten();
        let collection = known.unwrap_or(Collection::Eat);
        reader.tag(collection.tag(), "tag 399 or 907 (CCA token)")?;
        let (mut platform, mut realm) = (None, None);
        reader.entries(&KEYS, Unknown::Refuse, |key, reader| {
            let half = match (key, collection) {
                (Key::Text(name), Collection::Cmw) if name == COLLECTION_TYPE => {
                    return reader.text().map(|_| true);
                }
                (Key::Int(PLATFORM | REALM), Collection::Eat) => Some(reader.bytes()?),
                (Key::Int(PLATFORM | REALM), Collection::Cmw) => Some(record(reader)?),
                _ => return Ok(false),
            };
            *(if *key == Key::Int(PLATFORM) { &mut platform } else { &mut realm }) = half;
            Ok(true)
        })?;
        reader.end()?;
        let missing = |key| KEYS.missing("token", key);
        Ok(Self {
            collection,
            platform: platform.ok_or_else(|| missing(PLATFORM))?,
            realm: realm.ok_or_else(|| missing(REALM))?,
        })
    }
}

/// What is in a record: a media type by number, and the message.
fn record<'b>(reader: &mut Reader<'b>) -> Result<&'b [u8], TokenError> {
    reader.array_len(2, "2 (a media type and a token)")?;
    let found = reader.int()?;
    if found != EAT_CWT {
        let expected = "263 (application/eat+cwt)";
        return Err(reader.wrong(Problem::Value { found: format!("type {found}"), expected }));
    }
    reader.bytes()
}
