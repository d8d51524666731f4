//! The target `keys`: bytes as the file of a key, public or private.

use rimsim::encoding::keys::{PublicKey, SigningKey};

/// A key is read in one way, and a private key has a public half.
pub fn run(data: &[u8]) {
    let text = std::str::from_utf8(data);
    match (PublicKey::from_bytes(data), PublicKey::from_bytes(data)) {
        (Ok(key), Ok(again)) => assert_eq!(key.thumbprint(), again.thumbprint()),
        (Err(error), Err(again)) => assert_eq!(error.to_string(), again.to_string()),
        _ => panic!("a key is good or bad"),
    }
    if let Ok(Ok(key)) = text.map(PublicKey::from_pem) {
        let same = PublicKey::from_bytes(data).map(|same| same.thumbprint());
        assert_eq!(same.ok(), Some(key.thumbprint()), "two readers, one key");
    }
    if let Ok(key) = SigningKey::from_bytes(data) {
        assert_ne!(key.public().thumbprint(), [0; 32]);
    }
    let _ = text.map(SigningKey::from_pem);
}
