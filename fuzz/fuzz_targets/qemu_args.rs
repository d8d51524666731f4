//! Any bytes as QEMU's command line.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| rimsim_fuzz::qemu_args(data));
