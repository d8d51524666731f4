//! CoRIMs from CBOR, strictly.

use super::{Comid, Corim, CorimProfile, Entity, Id, Validity, key, mkey, tag};
use crate::encoding::cbor::Type;
use crate::encoding::cose::SIGN1_TAG;
use crate::encoding::text::{hex, shown};
use crate::measure::rim::{HashAlgo, Measurement};
use crate::refvalue::strict::{Cursor, ReadError};
use crate::refvalue::{
    COUNT_REMS, RPV_BYTES, RealmReference, from_iana_name, from_iana_number, iana_name,
};

type Read<T> = Result<T, ReadError>;

/// Reads an unsigned CoRIM (tag 501) of the Realm profile. What comes of it is not larger than some
/// ten times `bytes`.
///
/// # Bounds
/// Time and memory grow with the length, memory by at most 30 bytes for each byte.
///
/// # Errors
/// If anything is not exactly as it should be: the path to it, what was found and expected, and the
/// byte.
pub fn read(bytes: &[u8]) -> Read<Corim> {
    let mut cursor = Cursor::new(bytes, "corim");
    if frame(&mut cursor)? == Frame::Signed {
        return Err(cursor.error("a signed CoRIM, expected an unsigned one"));
    }
    let corim = unsigned(&mut cursor)?;
    cursor.end()?;
    Ok(corim)
}

/// What stands around a CoRIM.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::refvalue) enum Frame {
    /// Tag 501 follows, unless it is something else altogether.
    Unsigned,
    /// Tag 18 follows.
    Signed,
}

/// Passes over tags 500 and 502, each of which may be left out: what they are around has a tag of
/// its own.
pub(in crate::refvalue) fn frame(cursor: &mut Cursor<'_>) -> Read<Frame> {
    cursor.passes(tag::CORIM)?;
    let is_signed = cursor.passes(tag::SIGNED_CORIM)? || cursor.is_tag(SIGN1_TAG);
    Ok(if is_signed { Frame::Signed } else { Frame::Unsigned })
}

/// A CoRIM with its tag.
pub(in crate::refvalue) fn unsigned(cursor: &mut Cursor<'_>) -> Read<Corim> {
    cursor.tag(tag::UNSIGNED_CORIM)?;
    let (mut id, mut tags, mut profile) = (None, None, None);
    let (mut period, mut people) = (None, Vec::new());
    cursor.map(key::CORIM, |c, key| {
        match key {
            0 => id = Some(read_id(c)?),
            1 => tags = Some(read_tags(c)?),
            2 => return Err(c.error("other CoRIMs are needed, and they are not read")),
            3 => profile = Some(read_profile(c)?),
            4 => period = Some(validity(c)?),
            _ => people = entities(c)?,
        }
        Ok(())
    })?;
    Ok(Corim {
        profile: cursor.needed(profile, 3, "profile")?,
        id: cursor.needed(id, 0, "id")?,
        tags: cursor.needed(tags, 1, "tags")?,
        validity: period,
        entities: people,
    })
}

fn read_id(cursor: &mut Cursor<'_>) -> Read<Id> {
    match cursor.kind()? {
        Type::Bytes => Ok(Id::Uuid(cursor.exactly()?)),
        _ => Ok(Id::Text(name(cursor)?)),
    }
}

/// A text that is not empty.
pub(in crate::refvalue) fn name(cursor: &mut Cursor<'_>) -> Read<String> {
    let offset = cursor.offset();
    match cursor.text()? {
        "" => Err(cursor.error_at(offset, "an empty text")),
        text => Ok(text.to_owned()),
    }
}

fn read_profile(cursor: &mut Cursor<'_>) -> Read<CorimProfile> {
    cursor.tag(tag::URI)?;
    let offset = cursor.offset();
    let found = cursor.text()?;
    let known = CorimProfile::ALL.into_iter().find(|profile| profile.uri() == found);
    known.ok_or_else(|| {
        let [first, second] = CorimProfile::ALL.map(CorimProfile::uri);
        cursor.error_at(offset, format!("{}, expected {first:?} or {second:?}", shown(found)))
    })
}

pub(in crate::refvalue) fn validity(cursor: &mut Cursor<'_>) -> Read<Validity> {
    let offset = cursor.offset();
    let (mut begin, mut end) = (None, None);
    cursor.map(key::VALIDITY, |c, key| {
        c.tag(tag::TIME)?;
        let seconds = Some(c.int()?);
        *(if key == 0 { &mut begin } else { &mut end }) = seconds;
        Ok(())
    })?;
    let end = cursor.needed(end, 1, "not-after")?;
    Validity::new(begin, end).ok_or_else(|| cursor.error_at(offset, "it ends before it begins"))
}

fn entities(cursor: &mut Cursor<'_>) -> Read<Vec<Entity>> {
    let mut entities = Vec::new();
    cursor.array(1, |c, _| {
        entities.push(entity(c)?);
        Ok(())
    })?;
    Ok(entities)
}

fn entity(cursor: &mut Cursor<'_>) -> Read<Entity> {
    let (mut called, mut reg_id, mut roles) = (None, None, Vec::new());
    cursor.map(key::ENTITY, |c, key| {
        match key {
            0 => called = Some(name(c)?),
            1 => reg_id = Some(uri(c)?),
            _ => c.array(1, |c, _| {
                roles.push(c.int()?);
                Ok(())
            })?,
        }
        Ok(())
    })?;
    let roles = cursor.needed((!roles.is_empty()).then_some(roles), 2, "role")?;
    Ok(Entity { name: cursor.needed(called, 0, "entity-name")?, reg_id, roles })
}

pub(in crate::refvalue) fn uri(cursor: &mut Cursor<'_>) -> Read<String> {
    cursor.tag(tag::URI)?;
    name(cursor)
}

fn read_tags(cursor: &mut Cursor<'_>) -> Read<Vec<Comid>> {
    let mut tags = Vec::new();
    cursor.array(1, |c, _| {
        c.tag(tag::COMID)?;
        tags.push(c.inside(comid)?);
        Ok(())
    })?;
    Ok(tags)
}

fn comid(cursor: &mut Cursor<'_>) -> Read<Comid> {
    let (mut language, mut identity, mut people) = (None, None, Vec::new());
    let mut realms = None;
    cursor.map(key::COMID, |c, key| {
        match key {
            0 => language = Some(name(c)?),
            1 => identity = Some(tag_identity(c)?),
            2 => people = entities(c)?,
            3 => return Err(c.error("other tags are needed, and they are not read")),
            _ => realms = Some(triples(c)?),
        }
        Ok(())
    })?;
    let (id, version) = cursor.needed(identity, 1, "tag-identity")?;
    let realms = cursor.needed(realms, 4, "triples")?;
    Ok(Comid { language, id, version, entities: people, realms })
}

fn tag_identity(cursor: &mut Cursor<'_>) -> Read<(Id, Option<u64>)> {
    let (mut id, mut version) = (None, None);
    cursor.map(key::IDENTITY, |c, key| {
        match key {
            0 => id = Some(read_id(c)?),
            _ => version = Some(c.uint()?),
        }
        Ok(())
    })?;
    Ok((cursor.needed(id, 0, "tag-id")?, version))
}

fn triples(cursor: &mut Cursor<'_>) -> Read<Vec<RealmReference>> {
    let mut realms = Vec::new();
    cursor.map(key::TRIPLES, |c, _| {
        c.array(1, |c, _| {
            realms.push(triple(c)?);
            Ok(())
        })
    })?;
    cursor.needed((!realms.is_empty()).then_some(realms), 0, "reference-triples")
}

fn triple(cursor: &mut Cursor<'_>) -> Read<RealmReference> {
    cursor.items(2)?;
    let class_id = cursor.at("environment", environment)?;
    cursor.at("measurements", |c| measurements(c, class_id))
}

fn environment<'b>(cursor: &mut Cursor<'b>) -> Read<&'b [u8]> {
    let mut class_id = None;
    cursor.map(key::ENVIRONMENT, |c, _| {
        c.map(key::CLASS, |c, _| {
            c.tag(tag::BYTES)?;
            class_id = Some(c.bytes()?);
            Ok(())
        })?;
        c.needed(class_id, 0, "class-id").map(|_| ())
    })?;
    cursor.needed(class_id, 0, "class")
}

/// What is measured, as it stands there.
#[derive(Default)]
struct Found {
    rim: Option<Measurement>,
    rems: [Option<Measurement>; COUNT_REMS],
    rpv: Option<[u8; RPV_BYTES]>,
}

fn measurements(cursor: &mut Cursor<'_>, class_id: &[u8]) -> Read<RealmReference> {
    let mut found = Found::default();
    let begin = cursor.offset();
    cursor.array(1, |c, _| measurement(c, class_id, &mut found))?;
    let rim = found.rim.ok_or_else(|| cursor.error_at(begin, "no measurement \"cca.rim\""))?;
    let mut realm = RealmReference::new(rim);
    for (i, rem) in found.rems.into_iter().enumerate() {
        if let Some(rem) = rem {
            realm = realm.with_rem(i, rem).map_err(|error| cursor.error_at(begin, error))?;
        }
    }
    Ok(match found.rpv {
        Some(rpv) => realm.with_rpv(rpv),
        None => realm,
    })
}

/// The value is read by its mkey, wherever in the map that stands.
fn measurement(cursor: &mut Cursor<'_>, class_id: &[u8], found: &mut Found) -> Read<()> {
    let (mut name, mut value) = (None, None);
    let begin = cursor.offset();
    cursor.map(key::MEASUREMENT, |c, key| {
        match key {
            0 => name = Some(known_mkey(c)?),
            1 => value = Some(measured(c)?),
            _ => return Err(c.error("the profile does not allow it")),
        }
        Ok(())
    })?;
    let name = cursor.needed(name, 0, "mkey")?;
    let value = cursor.needed(value, 1, "mval")?;
    let rem = mkey::REMS.iter().position(|known| *known == name);
    let again = match (name, value) {
        (mkey::RPV, Measured::Raw(rpv)) => found.rpv.replace(rpv).is_some(),
        (mkey::RPV, Measured::Digest(_)) => {
            return Err(cursor.error_at(begin, "\"cca.rpv\" with digests, expected a raw-value"));
        }
        (_, Measured::Raw(_)) => {
            let what = format!("{name:?} with a raw-value, expected digests");
            return Err(cursor.error_at(begin, what));
        }
        (_, Measured::Digest(digest)) => match rem {
            Some(i) => found.rems[i].replace(digest).is_some(),
            None if digest.as_bytes() != class_id => {
                let what = format!("{digest}, and the class-id is {}", shown_bytes(class_id));
                return Err(cursor.error_at(begin, what));
            }
            None => found.rim.replace(digest).is_some(),
        },
    };
    if again { Err(cursor.error_at(begin, format!("{name:?} a second time"))) } else { Ok(()) }
}

fn known_mkey<'b>(cursor: &mut Cursor<'b>) -> Read<&'b str> {
    let offset = cursor.offset();
    let name = cursor.text()?;
    if mkey::REMS.contains(&name) || [mkey::RIM, mkey::RPV].contains(&name) {
        return Ok(name);
    }
    let what = format!("{}, expected \"cca.rim\", \"cca.rem0\" to 3 or \"cca.rpv\"", shown(name));
    Err(cursor.error_at(offset, what))
}

/// A measurement's value.
enum Measured {
    Digest(Measurement),
    Raw([u8; RPV_BYTES]),
}

fn measured(cursor: &mut Cursor<'_>) -> Read<Measured> {
    let mut value = None;
    let names: Vec<_> = key::DIGESTS.iter().chain(key::RAW_VALUE).copied().collect();
    cursor.map(&names, |c, key| {
        if value.is_some() {
            return Err(c.error("digests and a raw-value, expected one of them"));
        }
        value = Some(match key {
            2 => Measured::Digest(digests(c)?),
            _ => {
                c.tag(tag::BYTES)?;
                Measured::Raw(c.exactly()?)
            }
        });
        Ok(())
    })?;
    value.ok_or_else(|| cursor.error("no digests and no raw-value"))
}

/// `[[alg, bytes]]`, or `[alg, bytes]` as an example of the profile has it.
fn digests(cursor: &mut Cursor<'_>) -> Read<Measurement> {
    let offset = cursor.offset();
    let mut algo = None;
    let mut digest = None;
    cursor.array(1, |c, i| {
        match (i, algo) {
            (0, None) if c.kind()? == Type::Array => {
                c.items(2)?;
                let algo = c.at("alg", algorithm)?;
                digest = Some(c.at("value", |c| value(c, algo))?);
            }
            (0, None) => algo = Some(algorithm(c)?),
            (1, Some(algo)) => digest = Some(value(c, algo)?),
            _ => return Err(c.error_at(offset, "more than one digest, expected exactly one")),
        }
        Ok(())
    })?;
    digest.ok_or_else(|| cursor.error_at(offset, "an algorithm without its digest"))
}

fn algorithm(cursor: &mut Cursor<'_>) -> Read<HashAlgo> {
    let offset = cursor.offset();
    let (algo, found) = match cursor.kind()? {
        Type::String => {
            let name = cursor.text()?;
            (from_iana_name(name), shown(name))
        }
        _ => {
            let number = cursor.uint()?;
            (from_iana_number(number), number.to_string())
        }
    };
    algo.ok_or_else(|| {
        let known = HashAlgo::ALL.map(iana_name).join(", ");
        cursor.error_at(offset, format!("algorithm {found}, expected one of {known}"))
    })
}

fn value(cursor: &mut Cursor<'_>, algo: HashAlgo) -> Read<Measurement> {
    let offset = cursor.offset();
    let bytes = cursor.bytes()?;
    Measurement::from_bytes(algo, bytes).ok_or_else(|| {
        let (found, wanted) = (bytes.len(), algo.len_bytes());
        let what = format!("{found} bytes, expected exactly {wanted} of {}", iana_name(algo));
        cursor.error_at(offset, what)
    })
}

fn shown_bytes(bytes: &[u8]) -> String {
    let more = if bytes.len() > 64 { "…" } else { "" };
    hex(&bytes[..bytes.len().min(64)]) + more
}
