//! Any bytes as a chain of measured boot.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| rimsim_fuzz::boot_chain(data));
