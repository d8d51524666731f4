//! Any bytes as a PE image, device path or variable.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| rimsim_fuzz::pe(data));
