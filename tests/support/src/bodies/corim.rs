//! The target `corim`: bytes as a CoRIM, signed or not.

use rimsim::refvalue::corim::read;
use rimsim::refvalue::sign::{self, Document};

/// Reads `data` as a CoRIM, signed or not. What is accepted is written and read again.
pub fn run(data: &[u8]) {
    let Ok(document) = sign::read(data) else { return };
    let corim = document.corim();
    assert!(corim.realms().count() > 0, "a CoRIM of no Realm");
    for realm in corim.realms() {
        assert!(realm.rems().iter().flatten().all(|rem| rem.algo() == realm.algorithm()));
        assert_eq!(realm.rim().as_bytes().len(), realm.algorithm().len_bytes());
    }
    let bytes = corim.to_cbor();
    assert_eq!(read(&bytes).as_ref(), Ok(corim));
    assert!(bytes.len() <= 2 * data.len() + 64, "{} bytes of {}", bytes.len(), data.len());
    if let Document::Unsigned(_) = document {
        assert_eq!(sign::read(&bytes), Ok(document));
    }
}
