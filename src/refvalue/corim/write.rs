//! CoRIMs as CBOR: definite lengths, shortest numbers, keys in their order.

use super::{Comid, Corim, CorimProfile, Entity, Id, Validity, mkey, tag};
use crate::encoding::cbor::{Out, Tag, Written, encode};
use crate::measure::rim::Measurement;
use crate::refvalue::{RealmReference, iana_name, iana_number};

impl Corim {
    /// The unsigned CoRIM (tag 501). Equal CoRIMs give equal bytes.
    #[must_use]
    pub fn to_cbor(&self) -> Vec<u8> {
        let more = u64::from(self.validity.is_some()) + u64::from(!self.entities.is_empty());
        encode(|e| {
            e.tag(Tag::new(tag::UNSIGNED_CORIM))?.map(3 + more)?;
            e.u8(0)?;
            id(e, &self.id)?;
            e.u8(1)?.array(self.tags.len() as u64)?;
            for comid in &self.tags {
                let bytes = encode(|e| write_comid(e, comid, self.profile));
                e.tag(Tag::new(tag::COMID))?.bytes(&bytes)?;
            }
            e.u8(3)?.tag(Tag::new(tag::URI))?.str(self.profile.uri())?;
            if let Some(period) = &self.validity {
                e.u8(4)?;
                validity(e, period)?;
            }
            if !self.entities.is_empty() {
                e.u8(5)?;
                entities(e, &self.entities)?;
            }
            Ok(())
        })
    }
}

fn id(e: &mut Out<'_>, id: &Id) -> Written {
    match id {
        Id::Text(text) => e.str(text)?,
        Id::Uuid(bytes) => e.bytes(bytes)?,
    };
    Ok(())
}

pub(in crate::refvalue) fn validity(e: &mut Out<'_>, period: &Validity) -> Written {
    e.map(1 + u64::from(period.not_before.is_some()))?;
    if let Some(seconds) = period.not_before {
        e.u8(0)?.tag(Tag::new(tag::TIME))?.i64(seconds)?;
    }
    e.u8(1)?.tag(Tag::new(tag::TIME))?.i64(period.not_after)?;
    Ok(())
}

fn entities(e: &mut Out<'_>, entities: &[Entity]) -> Written {
    e.array(entities.len() as u64)?;
    for entity in entities {
        e.map(2 + u64::from(entity.reg_id.is_some()))?.u8(0)?.str(&entity.name)?;
        if let Some(uri) = &entity.reg_id {
            e.u8(1)?.tag(Tag::new(tag::URI))?.str(uri)?;
        }
        e.u8(2)?.array(entity.roles.len() as u64)?;
        entity.roles.iter().try_for_each(|role| e.i64(*role).map(|_| ()))?;
    }
    Ok(())
}

fn write_comid(e: &mut Out<'_>, comid: &Comid, profile: CorimProfile) -> Written {
    let more = u64::from(comid.language.is_some()) + u64::from(!comid.entities.is_empty());
    e.map(2 + more)?;
    if let Some(language) = &comid.language {
        e.u8(0)?.str(language)?;
    }
    e.u8(1)?.map(1 + u64::from(comid.version.is_some()))?.u8(0)?;
    id(e, &comid.id)?;
    if let Some(version) = comid.version {
        e.u8(1)?.u64(version)?;
    }
    if !comid.entities.is_empty() {
        e.u8(2)?;
        entities(e, &comid.entities)?;
    }
    e.u8(4)?.map(1)?.u8(0)?;
    triples(e, &comid.realms, profile)
}

/// The reference triples alone: what the id of several depends on, whatever the profile.
pub(super) fn triples_cbor(realms: &[RealmReference]) -> Vec<u8> {
    encode(|e| triples(e, realms, CorimProfile::default()))
}

fn triples(e: &mut Out<'_>, realms: &[RealmReference], profile: CorimProfile) -> Written {
    e.array(realms.len() as u64)?;
    for realm in realms {
        e.array(2)?;
        // The environment is its class, the class is its id: verifiers look the RIM up by it.
        e.map(1)?.u8(0)?.map(1)?.u8(0)?.tag(Tag::new(tag::BYTES))?.bytes(realm.rim().as_bytes())?;
        let rems = realm.rems().iter().flatten().count() as u64;
        e.array(1 + rems + u64::from(realm.rpv().is_some()))?;
        digest(e, mkey::RIM, realm.rim(), profile)?;
        for (mkey, rem) in mkey::REMS.into_iter().zip(realm.rems()) {
            if let Some(rem) = rem {
                digest(e, mkey, *rem, profile)?;
            }
        }
        if let Some(rpv) = realm.rpv() {
            e.map(2)?.u8(0)?.str(mkey::RPV)?;
            e.u8(1)?.map(1)?.u8(4)?.tag(Tag::new(tag::BYTES))?.bytes(rpv)?;
        }
    }
    Ok(())
}

fn digest(e: &mut Out<'_>, mkey: &str, digest: Measurement, profile: CorimProfile) -> Written {
    e.map(2)?.u8(0)?.str(mkey)?.u8(1)?.map(1)?.u8(2)?.array(1)?.array(2)?;
    match profile {
        CorimProfile::Veraison => e.u64(iana_number(digest.algo()))?,
        CorimProfile::Draft04 => e.str(iana_name(digest.algo()))?,
    };
    e.bytes(digest.as_bytes())?;
    Ok(())
}
