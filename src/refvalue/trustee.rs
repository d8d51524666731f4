//! What the reference value provider of Trustee (confidential-containers) takes:
//! `rvps-tool register --path FILE`.

use serde_json::{Value, json};

use super::RealmReference;

use crate::encoding::text::base64;

/// The name under which policies ask for RIMs.
const KEY: &str = "cca.realm.cca-realm-initial-measurement";

/// The message that registers the RIMs. Its payload is JSON in base64, in which each RIM is
/// standard base64 with padding; a RIM that several Realms have is there once.
#[must_use]
pub fn message(realms: &[RealmReference]) -> Value {
    let mut rims: Vec<String> = Vec::new();
    for realm in realms {
        let rim = base64(realm.rim().as_bytes());
        if !rims.contains(&rim) {
            rims.push(rim);
        }
    }
    let payload = json!({ KEY: rims }).to_string();
    json!({
        "version": "0.1.0",
        "type": "sample",
        "payload": base64(payload.as_bytes()),
    })
}
