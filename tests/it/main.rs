//! The integration tests of the RMM model: one binary, one module a kind of test.

mod boot;
mod boot_inputs;
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
mod schemas;
mod tidy;
mod tidy_api;
mod tidy_circles;

// Where `crate::` finds them.
use rimsim_support::{
    call_laws, digest_file, flat_rmm, interleaving, ipa_view, kernel_batch, naive_rim,
    random_steps, running_realm, small_machine, unwind, world_and_flat,
};

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
