//! Any bytes as a script.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| rimsim_fuzz::script_roundtrip(data));
