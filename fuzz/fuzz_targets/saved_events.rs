//! See `src/saved_events.rs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| rimsim_fuzz::saved_events(data));
