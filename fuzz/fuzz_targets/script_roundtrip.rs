//! Bytes that may be a script: parsed, printed and parsed again.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| rimsim_fuzz::script_roundtrip(data));
