//! The integration tests of the RMM model: one binary, one module a kind of test.

mod boot;
mod cli;
mod corpus;
mod coverage;
mod event_log;
mod evidence;
mod explain;
mod guest;
mod hosts;
mod lint;
mod measure;
mod params;
mod refvalue;
mod rmi;
mod rmm_log;
mod tidy;
mod tidy_circles;

#[path = "../support/src/boot_inputs.rs"]
mod boot_inputs;
#[path = "../support/src/call_laws.rs"]
mod call_laws;
#[path = "../support/src/digest_file.rs"]
mod digest_file;
#[path = "../support/src/entry_laws.rs"]
mod entry_laws;
#[path = "../support/src/flat_rmm/mod.rs"]
mod flat_rmm;
#[path = "../support/src/interleaving.rs"]
mod interleaving;
#[path = "../support/src/ipa_view.rs"]
mod ipa_view;
#[path = "../support/src/kernel_batch.rs"]
mod kernel_batch;
#[path = "../support/src/naive_rim.rs"]
mod naive_rim;
#[path = "../support/src/random_steps.rs"]
mod random_steps;
#[path = "../support/src/running_realm.rs"]
mod running_realm;
#[path = "../support/src/small_machine.rs"]
mod small_machine;
#[path = "../support/src/unwind.rs"]
mod unwind;
#[path = "../support/src/world_and_flat.rs"]
mod world_and_flat;

/// Cases of a property: `PROPTEST_CASES`, or what takes about a second.
fn cases(default: u32) -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// Says that a test found nothing to work with; `.ci/run` prints what was said.
fn skipped(test: &str, why: &str) {
    eprintln!("skipped: {why}");
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("skipped");
    std::fs::create_dir_all(&folder).expect("the folder of temporary files");
    let name = test.replace("::", "-");
    std::fs::write(folder.join(name), format!("{test}: {why}\n")).expect("a file of the test");
}
