//! Any bytes as a CoRIM.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| rimsim_fuzz::corim(data));
