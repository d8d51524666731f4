//! Any bytes as the log of an RMM.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| rimsim_fuzz::rmm_log(data));
