//! The bodies of the fuzz targets. The integration tests replay the corpora on stable.

use rimsim_support::bodies::{
    boot_chain, cache_entry, ccel, corim, event_log, hash_kernels, host_and_realm, keys, lock_file,
    observed_rim, pe, qemu_args, report_page, request_args, rmi_sequence, rmi2_sequence, rmm_log,
    saved_events, script_roundtrip, settings, token, vector_json, vmm_args,
};
use rimsim_support::digest_file;

/// Executes the commands that `data` stands for and checks what they did.
pub fn rmi_sequence(data: &[u8]) {
    rmi_sequence::run(data);
}

/// Executes the commands of RMM 2.0 that `data` stands for.
pub fn rmi2_sequence(data: &[u8]) {
    rmi2_sequence::run(data);
}

/// Parses `data` as a script, and its canonical form again.
pub fn script_roundtrip(data: &[u8]) {
    script_roundtrip::run(data);
}

/// Lets a Host and Realms do what `data` stands for and checks what came of it.
pub fn host_and_realm(data: &[u8]) {
    host_and_realm::run(data);
}

/// Reads `data` as a vector, replays it, and replays what was written down of it.
pub fn vector_json(data: &[u8]) {
    vector_json::run(data);
}

/// Reads `data` as a file of digests: as it is, and with the checksum that it should have.
pub fn digest_file(data: &[u8]) {
    digest_file::run(data);
}

/// Edits an entry of a digest cache as `data` says.
pub fn cache_entry(data: &[u8]) {
    cache_entry::run(data);
}

/// Reads `data` as a CoRIM.
pub fn corim(data: &[u8]) {
    corim::run(data);
}

/// Hashes granules made of `data` by every kernel of this processor.
pub fn hash_kernels(data: &[u8]) {
    hash_kernels::run(data);
}

/// Reads `data` as the command line of a VMM.
pub fn vmm_args(data: &[u8]) {
    vmm_args::run(data);
}

/// Reads `data` as the log of an RMM and makes scripts of it.
pub fn rmm_log(data: &[u8]) {
    rmm_log::run(data);
}

/// Makes the device tree of `data` as QEMU's command line.
pub fn qemu_args(data: &[u8]) {
    qemu_args::run(data);
}

/// Reads `data` as a Realm's measurement log, predicts REMs and makes scripts of it.
pub fn event_log(data: &[u8]) {
    event_log::run(data);
}

/// Reads `data` as an attestation token, or edits a good one as it says.
pub fn token(data: &[u8]) {
    token::run(data);
}

/// Reads `data` as a RIM, and as a token that has one.
pub fn observed_rim(data: &[u8]) {
    observed_rim::run(data);
}

/// Reads `data` as the file of a key.
pub fn keys(data: &[u8]) {
    keys::run(data);
}

/// Reads `data` as a lock, and what is written of it.
pub fn lock_file(data: &[u8]) {
    lock_file::run(data);
}

/// Puts `data` wherever a page has texts of others.
pub fn report_page(data: &[u8]) {
    report_page::run(data);
}

/// Reads `data` as a file with arguments of `measure`.
pub fn request_args(data: &[u8]) {
    request_args::run(data);
}

/// Reads `data` as two files of saved events and compares them.
pub fn saved_events(data: &[u8]) {
    saved_events::run(data);
}

/// Reads `data` as capabilities and as a platform.
pub fn settings(data: &[u8]) {
    settings::run(data);
}

/// Reads `data` as what firmware reads: PE images, tables, paths, variables.
pub fn pe(data: &[u8]) {
    pe::run(data);
}

/// Reads `data` as a guest's log, learns a chain of it and boots that.
pub fn ccel(data: &[u8]) {
    ccel::run(data);
}

/// Reads `data` as a chain and boots it twice.
pub fn boot_chain(data: &[u8]) {
    boot_chain::run(data);
}
