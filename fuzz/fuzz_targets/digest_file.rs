//! Any bytes as a file of digests.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| rimsim_fuzz::digest_file(data));
