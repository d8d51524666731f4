//! Random commands of RMM 2.0 against the invariants.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| rimsim_fuzz::rmi2_sequence(data));
