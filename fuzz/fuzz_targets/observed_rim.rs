//! Any bytes as a RIM or a token that was observed.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| rimsim_fuzz::observed_rim(data));
