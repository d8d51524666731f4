//! What the reference value provider of Trustee (confidential-containers) takes:
//! `rvps-tool register --path FILE`.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::RealmReference;

use crate::encoding::text::base64;

/// The name under which policies ask for RIMs.
const KEY: &str = "cca.realm.cca-realm-initial-measurement";

/// The message that registers the RIMs. Its payload is JSON in base64, in which each RIM is
/// standard base64 with padding; a RIM that several Realms have is there once.
#[must_use]
pub fn message(realms: &[RealmReference]) -> Value {
    let mut known = BTreeSet::new();
    let rims = realms.iter().map(|realm| base64(realm.rim().as_bytes()));
    let rims: Vec<String> = rims.filter(|rim| known.insert(rim.clone())).collect();
    let payload = json!({ KEY: rims }).to_string();
    json!({
        "version": "0.1.0",
        "type": "sample",
        "payload": base64(payload.as_bytes()),
    })
}
