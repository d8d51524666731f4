//! Any bytes as a command line of a VMM.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| rimsim_fuzz::vmm_args(data));
