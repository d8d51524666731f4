//! Files that hold a token: its bytes, a text that stands for them, or a JSON document around it.

use std::borrow::Cow;

use serde_json::Value;
use thiserror::Error;

use crate::encoding::cbor::{Key, Reader, Seen, Type};
use crate::encoding::text::{TextError, from_base64, from_hex, shown};

/// What Linux's TSM calls the provider of CCA reports.
pub const TSM_PROVIDER: &str = "arm_cca_guest";
/// Documents inside documents; deeper ones are not looked into.
const MAX_DEPTH: u8 = 6;

/// Why a file holds no token.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum FormError {
    /// It is a text that stands for no bytes.
    #[error(transparent)]
    Text(#[from] TextError),
    /// It begins as JSON, and is none.
    #[error("it begins as JSON does: {0}")]
    Json(String),
    /// It is JSON of another kind.
    #[error(
        "it is JSON without a token: expected is Trustee's {{\"token\": [...]}}, or a TSM report \
         with \"outblob\", as ratsd has it"
    )]
    NoToken,
    /// It is JSON with several tokens.
    #[error("it is JSON with {0} tokens; give one of them")]
    Several(usize),
    /// A report of other hardware.
    #[error("the provider is {0}; CCA tokens come from \"{TSM_PROVIDER}\"")]
    Provider(String),
    /// A part of a document that has to be bytes, and is none.
    #[error("{place}: {why}")]
    Part {
        /// Its name.
        place: &'static str,
        /// What is wrong with it.
        why: String,
    },
}

/// The bytes of a file that holds a token: as they are, as hexadecimal or base64 text, or in JSON
/// as Trustee's attester and Veraison's ratsd write it. White space does not count in a text, nor
/// does `0x` before it.
///
/// # Bounds
/// Time and memory grow with the length, memory by at most 40 bytes for each byte.
///
/// # Errors
/// If it is a text that stands for no bytes, or JSON without exactly one token.
pub fn token_bytes(file: &[u8]) -> Result<Cow<'_, [u8]>, FormError> {
    if file.trim_ascii_start().first() == Some(&b'{') {
        return of_json(file).map(Cow::Owned);
    }
    // A token begins with a tag above 23, which is no character of ASCII.
    if !file.iter().all(u8::is_ascii) {
        return Ok(Cow::Borrowed(file));
    }
    let text: String =
        file.iter().filter(|c| !c.is_ascii_whitespace()).map(|c| *c as char).collect();
    Ok(Cow::Owned(of_text(&text)?))
}

fn of_text(text: &str) -> Result<Vec<u8>, TextError> {
    let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")).unwrap_or(text);
    let hex = digits.bytes().all(|c| c.is_ascii_hexdigit());
    if hex { from_hex(digits) } else { from_base64(text) }
}

fn of_json(file: &[u8]) -> Result<Vec<u8>, FormError> {
    let json = |error: serde_json::Error| FormError::Json(error.to_string());
    let document: Value = serde_json::from_slice(file).map_err(json)?;
    let mut found = Vec::new();
    collect(&document, MAX_DEPTH, &mut found)?;
    let count = found.len();
    let one = found.pop().ok_or(FormError::NoToken)?;
    if count == 1 { Ok(one) } else { Err(FormError::Several(count)) }
}

/// The tokens of a document: in `token`, in the `outblob` of a report, in documents below it. A
/// text below it may be such a document in base64, as ratsd has it.
fn collect(value: &Value, depth: u8, found: &mut Vec<Vec<u8>>) -> Result<(), FormError> {
    let Some(depth) = depth.checked_sub(1) else { return Ok(()) };
    match value {
        Value::Object(fields) => {
            if let Some(token) = fields.get("token") {
                found.push(part("token", token)?);
            } else if let Some(blob) = fields.get("outblob") {
                let provider = fields.get("provider").map(text_of).unwrap_or_default();
                if !provider.is_empty() && provider != TSM_PROVIDER {
                    return Err(FormError::Provider(shown(&provider)));
                }
                found.push(part("outblob", blob)?);
            } else {
                fields.values().try_for_each(|value| collect(value, depth, found))?;
            }
            Ok(())
        }
        Value::Array(items) => items.iter().try_for_each(|item| collect(item, depth, found)),
        Value::String(text) => match from_base64(text) {
            Ok(bytes) if bytes.first() == Some(&b'{') => match serde_json::from_slice(&bytes) {
                Ok(inner) => collect(&inner, depth, found),
                Err(_) => Ok(()),
            },
            Ok(bytes) => {
                found.extend(report_in_cbor(&bytes)?);
                Ok(())
            }
            Err(_) => serde_json::from_str::<Value>(text)
                .ok()
                .filter(Value::is_object)
                .map_or(Ok(()), |inner| collect(&inner, depth, found)),
        },
        _ => Ok(()),
    }
}

/// Bytes: numbers from 0 to 255, hexadecimal, or base64.
fn part(place: &'static str, value: &Value) -> Result<Vec<u8>, FormError> {
    let wrong = |why: String| FormError::Part { place, why };
    match value {
        Value::String(text) => of_text(text).map_err(|error| wrong(error.to_string())),
        Value::Array(items) => {
            let byte = |item: &Value| item.as_u64().and_then(|byte| u8::try_from(byte).ok());
            let bytes: Option<Vec<u8>> = items.iter().map(byte).collect();
            bytes.ok_or_else(|| wrong("an entry is no number from 0 to 255".to_owned()))
        }
        _ => Err(wrong("it is neither a text nor a list of bytes".to_owned())),
    }
}

/// What a text says; ratsd has some in base64.
fn text_of(value: &Value) -> String {
    let text = value.as_str().unwrap_or_default().trim();
    let decoded = from_base64(text).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let known = decoded.map(|text| text.trim().to_owned()).filter(|text| text == TSM_PROVIDER);
    known.unwrap_or_else(|| text.to_owned())
}

/// The token of a report in CBOR, a map with texts as keys, if it is one.
fn report_in_cbor(bytes: &[u8]) -> Result<Option<Vec<u8>>, FormError> {
    let mut reader = Reader::new(bytes);
    let Ok(count) = reader.map() else { return Ok(None) };
    let (mut seen, mut blob, mut provider) = (Seen::default(), None, None);
    for _ in 0..count {
        let Ok(Key::Text(key)) = reader.key(&mut seen) else { return Ok(None) };
        let is_bytes = reader.next() == Ok(Type::Bytes);
        match key.as_str() {
            "outblob" if is_bytes => blob = reader.bytes().ok(),
            "provider" if is_bytes => provider = reader.bytes().ok(),
            "provider" => provider = reader.text().ok().map(str::as_bytes),
            _ => {
                if reader.skip().is_err() {
                    return Ok(None);
                }
            }
        }
    }
    let provider = String::from_utf8_lossy(provider.unwrap_or_default()).trim().to_owned();
    match blob {
        Some(_) if !provider.is_empty() && provider != TSM_PROVIDER => {
            Err(FormError::Provider(shown(&provider)))
        }
        blob => Ok(blob.map(<[u8]>::to_vec)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoding::text::base64url;

    const BYTES: [u8; 5] = [0xD9, 0x01, 0x8F, 0xFF, 0xFE];

    #[test]
    fn forms_of_one_token() {
        for text in ["d9018ffffe", "0xD9018F\nFFFE\n", "2QGP//4=", "2QGP__4", " 2QG P//4 ="] {
            assert_eq!(token_bytes(text.as_bytes()).as_deref(), Ok(&BYTES[..]), "{text}");
        }
        assert_eq!(token_bytes(&BYTES), Ok(Cow::Borrowed(&BYTES[..])));
        assert_eq!(token_bytes(b"").as_deref(), Ok(&[][..]));
        for (text, why) in [
            ("d9018", "has 5 hexadecimal digits"),
            ("2QGP/", "has 5 characters of base64"),
            ("2QGP//5", "has 7 characters of base64"),
            ("2QGP//4==", "has 7 characters of base64"),
            ("zzzz====", "has 4 characters of base64"),
            ("{\"x\": 1}", "it is JSON without a token"),
            ("{\"x\": 1", "it begins as JSON does: EOF"),
        ] {
            let error = token_bytes(text.as_bytes()).unwrap_err().to_string();
            assert!(error.starts_with(why), "{text}: {error}");
        }
    }

    #[test]
    fn documents_around_a_token() {
        let report = r#"{"provider":"arm_cca_guest\n","outblob":"2QGP__4","auxblob":""}"#;
        let inner = base64url(report.as_bytes());
        // {"outblob": h'd9018ffffe', "provider": "arm_cca_guest"}
        let cbor = [
            &[0xA2, 0x67][..],
            b"outblob",
            &[0x45],
            &BYTES,
            &[0x68],
            b"provider",
            &[0x6D],
            b"arm_cca_guest",
        ]
        .concat();
        for text in [
            r#"{"token":[217,1,143,255,254]}"#.to_owned(),
            r#"{"tee":"cca","tee-evidence":{"primary_evidence":{"token":"2QGP//4="}}}"#.to_owned(),
            report.to_owned(),
            format!(r#"{{"__cmwc_t":"tag:x","tsm-report":["application/x+json",{report}]}}"#),
            format!(r#"{{"__cmwc_t":"tag:x","tsm-report":["application/x+json","{inner}"]}}"#),
            format!(r#"{{"eat_profile":"tag:x","cmw":"{inner}"}}"#),
            format!(r#"{{"tsm-report":["application/x+cbor","{}"]}}"#, base64url(&cbor)),
        ] {
            assert_eq!(token_bytes(text.as_bytes()).as_deref(), Ok(&BYTES[..]), "{text}");
        }
        for (text, why) in [
            (r#"{"token":[217,256]}"#.to_owned(), "token: an entry is no number from 0 to 255"),
            (r#"{"token":7}"#.to_owned(), "token: it is neither a text nor a list"),
            (r#"{"outblob":"zz!"}"#.to_owned(), "outblob: character 3 is '!'"),
            (format!("{{\"a\":{report},\"b\":{report}}}"), "it is JSON with 2 tokens"),
            (report.replace("arm_cca_guest\\n", "tdx_guest"), "the provider is \"tdx_guest\""),
            ("{\"a\":".repeat(9) + report + &"}".repeat(9), "it is JSON without a token"),
        ] {
            let error = token_bytes(text.as_bytes()).unwrap_err().to_string();
            assert!(error.starts_with(why), "{text}: {error}");
        }
    }
}
