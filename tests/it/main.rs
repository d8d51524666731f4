//! The integration tests of the RMM model: one binary, one module a kind of test.

mod assumptions;
mod batch;
mod caching;
mod cc_log;
mod check;
mod cli;
mod corim;
mod corim_damage;
mod corpus;
mod coverage;
mod deviations;
mod digest_file;
mod digests;
mod entering;
mod event_log;
mod evidence;
mod explaining;
mod explaining_2;
mod flat;
mod granule_sizes;
mod guest;
mod hosts;
mod kernels;
mod keys;
mod lab;
mod ladder;
mod ladder2;
mod laws;
mod limits;
mod lint;
mod lint_2;
mod lint_advice;
mod locking;
mod matrix;
mod measuring;
mod naive;
mod observed;
mod operations;
mod oracle;
mod outputs;
mod outside;
mod pairwise;
mod pairwise2;
mod play;
mod ranges;
mod realm_laws;
mod references;
mod report;
mod rmm_log;
mod rmm_log_2;
mod rmm_log_gaps;
mod rmm_logs;
mod rsi;
mod running;
mod sarif;
mod scene;
mod searching;
mod stage;
mod stage2;
mod steps;
mod terminals;
mod tidy;
mod token;
mod token_maker;
mod twins;
mod unwind;
mod verifying;
mod view;

/// Cases of a property: `PROPTEST_CASES`, or what takes about a second.
fn cases(default: u32) -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// Says that a test found nothing to work with; `.ci/run` prints what was said.
#[allow(clippy::print_stderr, reason = "libtest shows it with --nocapture")]
fn skipped(test: &str, why: &str) {
    eprintln!("skipped: {why}");
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("skipped");
    std::fs::create_dir_all(&folder).expect("the folder of temporary files");
    let name = test.replace("::", "-");
    std::fs::write(folder.join(name), format!("{test}: {why}\n")).expect("a file of the test");
}
