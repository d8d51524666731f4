//! The canonical form of a text.

use super::error::ScriptError;
use super::grammar::Span;
use super::parse::{MAX_TEXT_BYTES, parse, parse_bytes};

/// The canonical form of a script, with its comments. Empty lines at its ends are left out.
///
/// # Bounds
/// As [`parse`].
///
/// # Errors
/// As [`parse_bytes`], and if the canonical form were longer than a script may be.
///
/// ```
/// let text = b"\n\nlet  a=0x80000000 # RAM\n\n\nrtt auto";
/// let text = rimsim::script::format_script("a.rmi", text).unwrap();
/// assert_eq!(text, "let a = 0x8000_0000  # RAM\n\nrtt auto\n");
/// ```
pub fn format_script(file: &str, bytes: &[u8]) -> Result<String, ScriptError> {
    let printed = parse_bytes(file, bytes)?.to_string();
    let text = printed.trim_matches('\n');
    if text.len() as u64 >= MAX_TEXT_BYTES {
        let message =
            format!("in its canonical form the script has over {} MiB", MAX_TEXT_BYTES >> 20);
        return Err(ScriptError::new(&file.into(), "", Span { line: 1, column: 1 }, message));
    }
    Ok(if text.is_empty() { String::new() } else { format!("{text}\n") })
}

/// Whether bytes, if they are a script, are the same script after printing. True for all bytes;
/// this is what fuzzers call.
#[must_use]
pub fn round_trips(bytes: &[u8]) -> bool {
    let Ok(script) = parse_bytes("fuzz.rmi", bytes) else { return true };
    let printed = script.to_string();
    // Printing may pass the limit on a text's length that the text itself kept.
    if printed.len() as u64 > MAX_TEXT_BYTES {
        return true;
    }
    parse("fuzz.rmi", &printed).is_ok_and(|again| again == script && again.to_string() == printed)
}
