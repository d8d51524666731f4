//! What the tools around Samsung's Islet take: `reference.json` of realm-manager and its verifier,
//! and the manifest of realm-metadata-tool.

use serde_json::{Value, json};
use thiserror::Error;

use super::{RealmReference, begun_rems, iana_name};
use crate::measure::rim::HashAlgo;

/// Why these tools can not take a Realm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("these tools know sha-256 and sha-512, and the Realm is {found}", found = iana_name(*.0))]
pub struct UnknownAlgorithm(pub HashAlgo);

/// `reference.json`: the RIM and one set of REMs, which are zero unless they are known.
///
/// # Errors
/// If the Realm's algorithm is neither SHA-256 nor SHA-512.
pub fn reference(realm: &RealmReference) -> Result<Value, UnknownAlgorithm> {
    known(realm)?;
    Ok(json!({
        "realm": {
            "reference-values": {
                "rim": realm.rim().to_string(),
                "rems": [begun_rems(realm).map(|rem| rem.to_string())],
                "hash-algo": iana_name(realm.algorithm()),
            },
        },
    }))
}

/// The lines that the manifest of realm-metadata-tool has of the Realm (YAML).
///
/// # Errors
/// If the Realm's algorithm is neither SHA-256 nor SHA-512.
pub fn manifest_lines(realm: &RealmReference) -> Result<[String; 2], UnknownAlgorithm> {
    known(realm)?;
    let algo = iana_name(realm.algorithm()).replace('-', "").to_uppercase();
    Ok([format!("rim: \"{}\"", realm.rim()), format!("hash_algo: {algo}")])
}

fn known(realm: &RealmReference) -> Result<(), UnknownAlgorithm> {
    let algo = realm.algorithm();
    if algo.len_bytes() == 48 { Err(UnknownAlgorithm(algo)) } else { Ok(()) }
}
