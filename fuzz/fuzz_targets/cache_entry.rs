//! See `src/cache_entry.rs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| rimsim_fuzz::cache_entry(data));
