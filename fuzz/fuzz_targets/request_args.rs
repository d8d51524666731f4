//! See `src/request_args.rs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| rimsim_fuzz::request_args(data));
