//! Replays the corpora of the fuzz targets, through the functions that the targets call.

use std::fs;
use std::path::Path;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use rimsim_support::bodies::{
    boot_chain, cache_entry, ccel, corim, event_log, hash_kernels, host_and_realm, keys, lock_file,
    observed_rim, pe, qemu_args, report_page, request_args, rmi_sequence, rmi2_sequence, rmm_log,
    saved_events, script_roundtrip, settings, token, vector_json, vmm_args,
};

/// Calls `body` with every file of a corpus; there have to be some.
fn replay(target: &str, body: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{folder:?}: {error}"));
    let mut files: Vec<_> = entries.map(|entry| entry.expect("a file").path()).collect();
    files.sort();
    assert!(files.len() >= 10, "{target} has {} files", files.len());
    for file in files {
        let data = fs::read(&file).expect("a readable file");
        assert!(data.len() < 8 << 10, "{file:?} is not small");
        let run = std::panic::catch_unwind(|| body(&data));
        assert!(run.is_ok(), "{file:?}");
    }
}

#[test]
fn cache_entry() {
    replay("cache_entry", cache_entry::run);
}

#[test]
fn corim() {
    replay("corim", corim::run);
}

#[test]
fn digest_file() {
    replay("digest_file", crate::digest_file::run);
}

#[test]
fn event_log() {
    replay("event_log", event_log::run);
}

#[test]
fn hash_kernels() {
    replay("hash_kernels", hash_kernels::run);
}

#[test]
fn host_and_realm() {
    replay("host_and_realm", host_and_realm::run);
}

#[test]
fn observed_rim() {
    replay("observed_rim", observed_rim::run);
}

#[test]
fn rmi2_sequence() {
    replay("rmi2_sequence", rmi2_sequence::run);
}

/// As the fuzzer does, with bytes of chance: the laws of RMM 2.0.
#[test]
fn commands_of_2_0_keep_the_laws() {
    // The bytes more than whole steps say which machine it is.
    let bytes = prop::collection::vec(any::<u8>(), 1600..1606);
    let mut runner = TestRunner::new(Config { cases: crate::cases(32), ..Config::default() });
    runner
        .run(&bytes, |bytes| {
            rmi2_sequence::run(&bytes);
            Ok(())
        })
        .unwrap();
}

#[test]
fn rmi_sequence() {
    replay("rmi_sequence", rmi_sequence::run);
}

#[test]
fn rmm_log() {
    replay("rmm_log", rmm_log::run);
}

#[test]
fn script_roundtrip() {
    replay("script_roundtrip", script_roundtrip::run);
}

#[test]
fn vector_json() {
    replay("vector_json", vector_json::run);
}

#[test]
fn vmm_args() {
    replay("vmm_args", vmm_args::run);
}

#[test]
fn qemu_args() {
    replay("qemu_args", qemu_args::run);
}

#[test]
fn token() {
    replay("token", token::run);
}

#[test]
fn keys() {
    replay("keys", keys::run);
}

#[test]
fn lock_file() {
    replay("lock_file", lock_file::run);
}

#[test]
fn report_page() {
    replay("report_page", report_page::run);
}

#[test]
fn request_args() {
    replay("request_args", request_args::run);
}

#[test]
fn saved_events() {
    replay("saved_events", saved_events::run);
}

#[test]
fn settings() {
    replay("settings", settings::run);
}

#[test]
fn pe() {
    replay("pe", pe::run);
}

#[test]
fn ccel() {
    replay("ccel", ccel::run);
}

#[test]
fn boot_chain() {
    replay("boot_chain", boot_chain::run);
}
