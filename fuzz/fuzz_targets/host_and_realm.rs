//! Random interleavings of Host and Realm against the invariants and the laws.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| rimsim_fuzz::host_and_realm(data));
