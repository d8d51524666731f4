//! TOML, by the crate of Cargo's own maintainers. Errors are its words, with line and column.

use serde::Serialize;
use serde::de::DeserializeOwned;
#[cfg(feature = "cli")]
pub(crate) use toml::Spanned;

/// Reads a text.
pub(crate) fn read<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    toml::from_str(text).map_err(|error| error.to_string().trim().to_owned())
}

/// Reads a text. Errors say what is wrong, and not where.
#[cfg(feature = "hosts")]
pub(crate) fn read_unplaced<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    toml::from_str(text).map_err(|error| error.message().to_owned())
}

/// Reads a text. Errors begin with line and column, from 1, the latter in bytes.
#[cfg(feature = "hosts")]
pub(crate) fn read_placed<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    toml::from_str(text).map_err(|error| {
        let start = error.span().map_or(0, |span| span.start.min(text.len()));
        let before = &text.as_bytes()[..start];
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        let column = before.iter().rev().take_while(|byte| **byte != b'\n').count() + 1;
        format!("{line}:{column}: {}", error.message())
    })
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
