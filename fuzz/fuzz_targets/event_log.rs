//! Any bytes as a Realm's measurement log.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| rimsim_fuzz::event_log(data));
