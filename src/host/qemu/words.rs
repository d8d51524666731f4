//! Words of a command line: properties, as QEMU reads them.

use serde_json::{Map, Value};

use crate::host::vm::Refusal;
use crate::host::vmm::refused;

/// Properties as a list of keys and values; a property may be without a value.
pub(super) type Properties = Vec<(String, Option<String>)>;

/// `a=b,c=d`, with doubled commas inside values; a first word without `=` gets the key `implied`.
pub(super) fn properties(text: &str, implied: Option<&str>) -> Properties {
    let mut pieces = vec![String::new()];
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if c != ',' {
            pieces.last_mut().expect("one at least").push(c);
        } else if chars.next_if_eq(&',').is_some() {
            pieces.last_mut().expect("one at least").push(',');
        } else {
            pieces.push(String::new());
        }
    }
    let pieces = pieces.into_iter().enumerate().filter(|(_, piece)| !piece.is_empty());
    let property = |(i, piece): (usize, String)| match (piece.split_once('='), implied) {
        (Some((key, value)), _) => (key.to_owned(), Some(value.to_owned())),
        (None, Some(key)) if i == 0 => (key.to_owned(), Some(piece)),
        (None, _) => (piece, None),
    };
    pieces.map(property).collect()
}

/// The properties of an option that takes words or a JSON object. What is nested in an object, as
/// lists are, has no value here.
///
/// # Errors
/// If JSON is damaged.
pub(super) fn words_or_json(
    option: &str,
    text: &str,
    implied: &str,
) -> Result<Properties, Refusal> {
    if !text.starts_with('{') {
        return Ok(properties(text, Some(implied)));
    }
    let object: Map<String, Value> = serde_json::from_str(text)
        .map_err(|error| refused(option, format!("is no JSON object: {error}")))?;
    let property = |(key, value): (String, Value)| {
        let text = match value {
            // The number of a PCI function.
            Value::Number(number) if key == "addr" => slot_and_function(&number.to_string()),
            Value::String(text) => Some(text),
            Value::Bool(on) => Some(if on { "on" } else { "off" }.to_owned()),
            Value::Number(number) => Some(number.to_string()),
            Value::Null | Value::Array(_) | Value::Object(_) => None,
        };
        (key, text)
    };
    Ok(object.into_iter().map(property).collect())
}

/// A PCI function's number as words have it.
fn slot_and_function(number: &str) -> Option<String> {
    let number: u8 = number.parse().ok()?;
    Some(format!("{:x}.{:x}", number >> 3, number & 7))
}

/// The last value of a property.
pub(super) fn last<'p>(properties: &'p Properties, name: &str) -> Option<&'p str> {
    let named = properties.iter().rev().find(|(key, _)| key == name);
    named.and_then(|(_, value)| value.as_deref())
}

/// The value of a property that has to have one.
pub(super) fn required(option: &str, value: Option<String>) -> Result<String, Refusal> {
    value.ok_or_else(|| refused(option, "expected a value"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commas_are_doubled_inside_values() {
        let found = properties("virt,a=b,,c,d=", Some("type"));
        let expected = [("type", Some("virt")), ("a", Some("b,c")), ("d", Some(""))];
        let expected: Vec<_> =
            expected.iter().map(|(k, v)| ((*k).to_owned(), v.map(str::to_owned))).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn words_and_json_say_the_same() {
        let read = |text: &str| words_or_json("-device", text, "driver").expect("properties");
        let json = r#"{"driver": "edu", "multifunction": true, "addr": "0x1.0x2", "n": 7}"#;
        assert_eq!(read(json), read("edu,multifunction=on,addr=0x1.0x2,n=7"));
        // A number is that of the function, and what is nested is not looked into.
        assert_eq!(
            read(r#"{"driver": "edu", "addr": 10, "list": [1]}"#),
            read("edu,addr=1.2,list")
        );
        let damaged = words_or_json("-device", "{", "driver").map_err(|error| error.to_string());
        let why = "-device: is no JSON object: EOF while parsing an object at line 1 column 1";
        assert_eq!(damaged, Err(why.to_owned()));
    }
}
