//! The target `script_roundtrip`: any bytes as a script.

/// Parses `data`; what is a script has to come back from its canonical form.
pub fn run(data: &[u8]) {
    assert!(rimsim::script::round_trips(data), "printing and parsing gives another script");
}
