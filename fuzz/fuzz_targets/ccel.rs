//! Any bytes as a guest's log.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| rimsim_fuzz::ccel(data));
