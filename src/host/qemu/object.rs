//! The properties of `-object`, as words or as JSON.

use serde_json::Value;

use super::words::properties;
use crate::host::vm::Refusal;
use crate::host::vmm::refused;

/// Properties as a list of keys and values; a property may be without a value.
type Properties = Vec<(String, Option<String>)>;

/// The object's type, and its other properties in order.
///
/// # Errors
/// If JSON is damaged, or a value in it is neither text nor number nor truth value.
pub(super) fn object(text: &str) -> Result<(String, Properties), Refusal> {
    let mut found =
        if text.starts_with('{') { of_json(text)? } else { properties(text, Some("qom-type")) };
    let at = found.iter().position(|(key, _)| key == "qom-type");
    let kind = at.and_then(|at| found.remove(at).1);
    Ok((kind.unwrap_or_default(), found))
}

fn of_json(text: &str) -> Result<Properties, Refusal> {
    let object: serde_json::Map<String, Value> = serde_json::from_str(text)
        .map_err(|error| refused("-object", format!("is no JSON object: {error}")))?;
    let property = |(key, value): (String, Value)| {
        let text = match value {
            Value::String(text) => text,
            Value::Bool(on) => if on { "on" } else { "off" }.to_owned(),
            Value::Number(number) => number.to_string(),
            Value::Null | Value::Array(_) | Value::Object(_) => {
                let why = format!("{value} is neither text nor number nor truth value");
                return Err(refused(format!("-object {key}"), why));
            }
        };
        Ok((key, Some(text)))
    };
    object.into_iter().map(property).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_json_say_the_same() {
        let words = object("rme-guest,id=rme0,measurement-log=on").expect("properties");
        let json = r#"{"id": "rme0", "qom-type": "rme-guest", "measurement-log": true}"#;
        assert_eq!(object(json).expect("properties"), words);
        assert_eq!(words.0, "rme-guest");
        assert_eq!(object("id=rme0,qom-type=rme-guest").expect("properties").0, "rme-guest");
    }

    #[test]
    fn damaged_json_is_refused() {
        for (text, why) in [
            ("{", "-object: is no JSON object: EOF while parsing an object at line 1 column 1"),
            (r#"{"id": []}"#, "-object id: [] is neither text nor number nor truth value"),
        ] {
            assert_eq!(object(text).map_err(|error| error.to_string()), Err(why.to_owned()));
        }
    }
}
