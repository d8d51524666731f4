//! Random RMI commands against the invariants and the flat model.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| rimsim_fuzz::rmi_sequence(data));
