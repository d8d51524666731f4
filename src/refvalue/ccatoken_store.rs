//! The store of reference values of rust-ccatoken, which the local CCA verifier of Trustee reads
//! (`rv-store`).
//!
//! It has no Realm without REMs and personalization value. Where they are not known, they are what
//! a Realm begins with: zeros, as long as the algorithm's digests, and the value that it was
//! created with.

use serde_json::{Value, json};

use super::{RealmReference, begun_rems};
use crate::encoding::text::hex;

/// The algorithm by which the platform token names the Realm's key, whatever the Realm's own is:
/// TF-RMM has no other.
const RAK_HASH: &str = "sha-256";

/// The store's Realms. `rpvs` has the personalization value that each was created with, for those
/// of which none is demanded.
///
/// # Panics
/// If there are not as many personalization values as Realms.
#[must_use]
pub fn store(realms: &[RealmReference], rpvs: &[[u8; 64]]) -> Value {
    assert_eq!(realms.len(), rpvs.len(), "a personalization value for each Realm");
    let entry = |(realm, rpv): (&RealmReference, &[u8; 64])| {
        json!({
            "initial-measurement": realm.rim().to_string(),
            "rak-hash-algorithm": RAK_HASH,
            "extensible-measurements": begun_rems(realm).map(|rem| rem.to_string()),
            "personalization-value": hex(realm.rpv().unwrap_or(rpv)),
        })
    };
    json!({ "realm": realms.iter().zip(rpvs).map(entry).collect::<Value>() })
}
