//! See `src/report_page.rs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| rimsim_fuzz::report_page(data));
