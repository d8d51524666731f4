//! Any bytes as a vector.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| rimsim_fuzz::vector_json(data));
