//! Batches of granules through every kernel, against one by one.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| rimsim_fuzz::hash_kernels(data));
