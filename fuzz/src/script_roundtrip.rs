//! The target `script_roundtrip`: bytes that may be a script.

use rimsim::script::{parse, parse_bytes};

/// No text makes the parser panic, and what it accepts prints as a script that is the same and
/// prints the same.
pub(crate) fn run(data: &[u8]) {
    let Ok(script) = parse_bytes("script.rmi", data) else { return };
    let printed = script.to_string();
    let again = parse("script.rmi", &printed).unwrap_or_else(|error| panic!("{printed}\n{error}"));
    assert_eq!(again, script, "{printed}");
    assert_eq!(again.to_string(), printed);
}
