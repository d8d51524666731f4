//! The CoMID template that Veraison's `cocli comid create` takes.
//!
//! One file has two alphabets of base64: class-id and raw values are of the standard one with
//! padding, digests of the URL one without (veraison/corim `comid/digests.go`).

use serde_json::{Value, json};
use uuid::Uuid;

use super::corim::{Comid, Corim, Entity, Id};
use super::{RealmReference, iana_number};
use crate::encoding::text::{base64, base64url};
use crate::measure::rim::Measurement;

/// The template of a CoRIM's first tag: all that `cocli comid create --template` needs.
#[must_use]
pub fn comid(corim: &Corim) -> Value {
    let Comid { id, realms, .. } = &corim.tags[0];
    json!({
        "tag-identity": { "id": text(id) },
        "triples": { "reference-values": realms.iter().map(triple).collect::<Value>() },
    })
}

/// The template for `cocli corim create --template`, which makes a CoRIM of the CoMID.
#[must_use]
pub fn corim(corim: &Corim) -> Value {
    let mut template = json!({ "corim-id": text(&corim.id), "profile": corim.profile.uri() });
    if let Some(period) = &corim.validity {
        let time = |seconds| super::time::print(seconds);
        template["validity"] = json!({ "not-after": time(period.not_after()) });
        if let Some(begin) = period.not_before() {
            template["validity"]["not-before"] = json!(time(begin));
        }
    }
    if !corim.entities.is_empty() {
        template["entities"] = corim.entities.iter().map(entity).collect();
    }
    template
}

fn text(id: &Id) -> String {
    match id {
        Id::Text(text) => text.clone(),
        Id::Uuid(bytes) => Uuid::from_bytes(*bytes).hyphenated().to_string(),
    }
}

fn entity(entity: &Entity) -> Value {
    let role = |role: &i64| match *role {
        Entity::CREATOR => "manifestCreator".to_owned(),
        Entity::SIGNER => "manifestSigner".to_owned(),
        other => format!("Role({other})"),
    };
    let mut document = json!({
        "name": entity.name,
        "roles": entity.roles.iter().map(role).collect::<Vec<_>>(),
    });
    if let Some(uri) = &entity.reg_id {
        document["regid"] = json!(uri);
    }
    document
}

fn triple(realm: &RealmReference) -> Value {
    let mut measurements = vec![digest("cca.rim", realm.rim())];
    for (i, rem) in realm.rems().iter().enumerate() {
        measurements.extend(rem.map(|rem| digest(&format!("cca.rem{i}"), rem)));
    }
    measurements.extend(realm.rpv().map(|rpv| {
        let raw = json!({ "raw-value": { "type": "bytes", "value": base64(rpv) } });
        measurement("cca.rpv", &raw)
    }));
    let rim = base64(realm.rim().as_bytes());
    json!({
        "environment": { "class": { "id": { "type": "bytes", "value": rim } } },
        "measurements": measurements,
    })
}

fn digest(mkey: &str, digest: Measurement) -> Value {
    let value = base64url(digest.as_bytes());
    measurement(mkey, &json!({ "digests": [[iana_number(digest.algo()), value]] }))
}

fn measurement(mkey: &str, value: &Value) -> Value {
    json!({ "key": { "type": "string", "value": mkey }, "value": value })
}
