//! TOML, by the crate of Cargo's own maintainers. Errors are its words, with line, column and the
//! line itself.

use serde::Serialize;
use serde::de::DeserializeOwned;
#[cfg(feature = "cli")]
pub(crate) use toml::Spanned;

use super::marked_line::MarkedPlace;
use super::nearest::DidYouMean;

/// Reads a text. Errors begin with line and column, from 1, and show the line.
pub(crate) fn read<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    toml::from_str(text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start.min(text.len()));
        MarkedPlace::at(text, at).told(message(&error))
    })
}

/// Reads a text. Errors say what is wrong, and not where.
#[cfg(feature = "hosts")]
pub(crate) fn read_unplaced<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    toml::from_str(text).map_err(|error| message(&error))
}

/// What is wrong, with the known name that was perhaps meant.
fn message(error: &toml::de::Error) -> String {
    // In serde's words: unknown field `a`, expected one of `b`, `c`
    let said = error.message();
    let mut quoted = said.split('`').skip(1).step_by(2);
    match quoted.next().filter(|_| said.starts_with("unknown ")) {
        Some(unknown) => format!("{said}{}", DidYouMean::of(unknown, quoted)),
        None => said.to_owned(),
    }
}

/// A text as a TOML string, in quotes.
#[cfg(feature = "hosts")]
pub(crate) fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

/// Writes a value whose every field has a form in TOML.
pub(crate) fn write<T: Serialize>(value: &T) -> String {
    toml::to_string(value).expect("every field has a TOML form")
}
