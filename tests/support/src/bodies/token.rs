//! The target `token`: bytes as an attestation token, and edits of a good one.

use std::sync::OnceLock;

use rimsim::Profile;
use rimsim::evidence::{Accept, PublicKey, Token, expectations, rim_of_token, token_bytes};

use crate::running_realm::RunningRealm;

/// Edits of the good token that are looked at.
const MOST_EDITS: usize = 16;

/// Data of an odd first byte edits a good token; any other is a token itself, or a text.
pub fn run(data: &[u8]) {
    match data.split_first() {
        Some((first, edits)) if first % 2 == 1 && *first < 0x80 => edited(edits),
        _ => raw(data),
    }
}

/// Reads bytes as whatever `verify` reads.
fn raw(data: &[u8]) {
    let bytes = token_bytes(data).unwrap_or_default();
    for strict in [false, true] {
        let accept = Accept { unknown_claims: !strict, padded: !strict };
        let (read, again) = (Token::read(&bytes, accept), Token::read(&bytes, accept));
        assert_eq!(read, again, "a token is good or bad");
        let Ok(token) = read else { continue };
        let rim = token.realm_claims.rim.as_bytes();
        assert_eq!(rim_of_token(&bytes).as_deref(), Ok(rim), "two readers, one RIM");
        assert!(!strict || token.passed.is_empty());
        assert!(
            Token::read(&bytes, Accept { unknown_claims: true, ..Accept::default() }).is_ok(),
            "what is strictly good is good"
        );
        let longer = [&bytes[..], &[0]].concat();
        assert!(
            Token::read(&longer, Accept { unknown_claims: true, ..Accept::default() }).is_err()
                && Token::read(&bytes[1..], Accept { unknown_claims: true, ..Accept::default() })
                    .is_err()
        );
    }
    let _ = rim_of_token(&bytes);
    let _ = expectations("file", data);
    let _ = std::str::from_utf8(data).map(PublicKey::from_pem);
}

/// Nothing but the good token is believed.
fn edited(edits: &[u8]) {
    static GOOD: OnceLock<(Vec<u8>, Token)> = OnceLock::new();
    let (good, read) = GOOD.get_or_init(|| {
        let bytes = RunningRealm::new(Profile::TF_RMM).fetch_token(7, 0x1000);
        let token = Token::read(&bytes, Accept::default()).expect("a token");
        (bytes, token)
    });
    let mut bytes = good.clone();
    for edit in edits.chunks_exact(4).take(MOST_EDITS) {
        let at = usize::from(u16::from_le_bytes([edit[1], edit[2]])) % (bytes.len() + 1);
        let value = edit[3];
        match edit[0] % 6 {
            0 | 1 if at < bytes.len() => bytes[at] ^= value,
            2 => bytes.insert(at, value),
            3 => drop(bytes.drain(at..bytes.len().min(at + usize::from(value)))),
            4 => bytes.truncate(at),
            5 => {
                let end = bytes.len().min(at + usize::from(value));
                let copy = bytes[at..end].to_vec();
                bytes.splice(at..at, copy);
            }
            _ => {}
        }
    }
    let Ok(changed) = Token::read(&bytes, Accept::default()) else { return };
    let cpak = read.realm_claims.rak().expect("the dummy's key");
    let believed = changed.is_bound()
        && changed.check_platform_signature(&cpak).is_ok()
        && changed.check_realm_signature().is_ok();
    assert!(!believed || changed == *read, "a token that nobody signed is believed");
    assert!(bytes != *good || believed, "and the good one is");
}
