//! The target `observed_rim`: bytes as a RIM or a token that somebody observed.

use rimsim::evidence::{rim_of_token, token_bytes};
use rimsim::measure::rim::HashAlgo;
use rimsim::search::Target;

/// Most bytes that a token is made of.
const MOST_BYTES: usize = 0x4000;
/// The protected header of a COSE_Sign1 with ES384, and as long a signature.
const HEADER: &[u8] = &[0xA1, 0x01, 0x38, 0x22];
const SIGNATURE: &[u8] = &[5; 96];

/// Reads the bytes as text, as a RIM and as a token; and as the RIM of tokens made here.
pub fn run(data: &[u8]) {
    if let Ok(target) = Target::from_text(&String::from_utf8_lossy(data)) {
        check(&target);
    }
    if let Ok(target) = Target::from_bytes(data) {
        check(&target);
        // A shorter one may stand in a slot of 64 bytes, before zeros.
        let rest = data.strip_prefix(target.rim.as_bytes()).expect("a digest");
        assert!(rest.iter().all(|byte| *byte == 0), "{rest:?}");
        assert!(HashAlgo::from_len_bytes(data.len()).is_some());
    }
    if let Ok(token) = token_bytes(data) {
        assert_eq!(rim_of_token(&token), rim_of_token(&token), "one token has one RIM");
    }
    if data.len() > MOST_BYTES {
        return;
    }
    let claims = map(&[(10, &[7; 64]), (44238, data)]);
    let signed = [&[0xD2, 0x84][..], &bytes(HEADER), &[0xA0], &bytes(&claims), &bytes(SIGNATURE)];
    let signed = signed.concat();
    let token = [&[0xD9, 0x01, 0x8F][..], &map(&[(44234, data), (44241, &signed)])].concat();
    for form in [&claims, &signed, &token] {
        assert_eq!(rim_of_token(form).as_deref(), Ok(data), "{form:02x?}");
        let hex: String = form.iter().map(|byte| format!("{byte:02X}\n")).collect();
        assert_eq!(token_bytes(hex.as_bytes()).as_deref(), Ok(&form[..]), "{hex}");
        assert!(rim_of_token(&form[..form.len() - 1]).is_err(), "cut off");
    }
}

fn check(target: &Target) {
    assert!(!target.rim.is_zero());
    let again = Target::from_text(&target.rim.to_string()).expect("it prints as it is read");
    assert_eq!((again.rim, again.remark), (target.rim, None));
}

/// A map of byte strings (RFC 8949).
fn map(entries: &[(u16, &[u8])]) -> Vec<u8> {
    let mut text = head(5, entries.len());
    for (key, value) in entries {
        text.extend(head(0, (*key).into()));
        text.extend(bytes(value));
    }
    text
}

fn bytes(value: &[u8]) -> Vec<u8> {
    [&head(2, value.len())[..], value].concat()
}

/// A type and a number in its shortest form.
fn head(major: u8, number: usize) -> Vec<u8> {
    let number = u16::try_from(number).expect("no token is so long");
    let [high, low] = number.to_be_bytes();
    match number {
        0..24 => vec![major << 5 | low],
        24..256 => vec![major << 5 | 24, low],
        _ => vec![major << 5 | 25, high, low],
    }
}
