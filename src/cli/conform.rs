//! `rimsim conform`

use std::collections::BTreeSet;
use std::io;
use std::path::PathBuf;

use clap::Args as ClapArgs;
use serde_json::{Value, json};

use crate::abi::profile::Profile;
use crate::cli::console::Console;
use crate::cli::exit::Exit;
use crate::cli::input::{Input, expand};
use crate::cli::options::{Format, OutsideArgs, RmmArg};
use crate::conform::{StepFailure, replay};
use crate::encoding::shown::ShowPath as _;

/// Replay vectors and compare every result that they record
///
/// Compares output registers, measurements, internal states and memory. Prints one line on standard
/// output for each step that differs (file, step, label, what was got and what was wanted), then
/// `FILES files, STEPS steps, N failed`.
#[derive(Debug, ClapArgs)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct ConformArgs {
    /// Vector files, or folders that are searched for them
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    rmm: RmmArg,
    #[command(flatten)]
    outside: OutsideArgs,
    /// Form of the result
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

const EXAMPLES: &str = "\
Examples:
  Hold the simulator against everything recorded from TF-RMM:
      rimsim conform spec-vectors/rmm-1.0
  Hold the specification's text against it; steps that show a known deviation are not compared:
      rimsim conform --rmm spec spec-vectors/rmm-1.0";

#[derive(Default)]
struct Totals {
    files: u64,
    steps: u64,
    skipped: u64,
    taken_otherwise: u64,
    measured_as_recorded: u64,
    failed: u64,
    of_other_editions: u64,
    /// Names of the RMMs that answered: a word such as `spec` means one of each edition.
    answered: BTreeSet<&'static str>,
}

pub(crate) fn run(args: &ConformArgs, console: &mut Console) -> io::Result<Exit> {
    let profile = args.rmm.over(Profile::TF_RMM);
    let mut exit = Exit::Good;
    let mut totals = Totals::default();
    let mut failures = Vec::new();
    let (files, problems) = expand(&args.paths, &["json"]);
    for problem in problems {
        exit = exit.and(problem.tell(console));
    }
    for file in files {
        let vector = match Input::open(&file, &args.outside.reach_of(&file)) {
            Ok(Input::Vector(vector)) => vector,
            Ok(Input::Script(_)) => {
                console.error(&format!("{}: a script; conform replays vectors", file.shown()));
                exit = exit.and(Exit::Usage);
                continue;
            }
            Err(problem) => {
                exit = exit.and(problem.tell(console));
                continue;
            }
        };
        let profile = args.rmm.over(vector.recorded);
        if args.rmm.spec.is_none() && profile.edition() != vector.edition {
            totals.of_other_editions += 1;
            continue;
        }
        let report = replay(&vector, profile, []);
        totals.answered.insert(profile.name());
        totals.files += 1;
        totals.steps += report.steps;
        totals.skipped += report.skipped;
        totals.taken_otherwise += report.taken_otherwise;
        totals.measured_as_recorded += u64::from(report.measured_as_recorded);
        totals.failed += report.failures.len() as u64;
        for failure in &report.failures {
            match args.format {
                Format::Text => console.result(&line(failure))?,
                Format::Json => failures.push(failure_json(failure)),
            }
        }
    }
    if totals.failed > 0 {
        exit = exit.and(Exit::Mismatch);
    }
    tell(args.format, &totals, profile, &failures, console)?;
    Ok(exit)
}

/// Says what came of it.
fn tell(
    format: Format,
    totals: &Totals,
    profile: Profile,
    failures: &[Value],
    console: &mut Console,
) -> io::Result<()> {
    let rmm = match totals.answered.is_empty() {
        true => profile.name().to_owned(),
        false => totals.answered.iter().copied().collect::<Vec<_>>().join(", "),
    };
    let Totals { files, steps, failed, .. } = *totals;
    match format {
        // There is nothing to count; what is wrong was said.
        Format::Text if files == 0 => {}
        Format::Text => {
            console.result(&format!("{files} files, {steps} steps, {failed} failed"))?;
        }
        Format::Json => console.json(&json!({
            "schema": "rimsim/1",
            "command": "conform",
            "rmm": rmm,
            "files": files,
            "steps": steps,
            "skipped": totals.skipped,
            "taken_otherwise": totals.taken_otherwise,
            "measured_as_recorded": totals.measured_as_recorded,
            "of_other_editions": totals.of_other_editions,
            "failed": failed,
            "failures": failures,
        }))?,
    }
    if format == Format::Text {
        tell_left_out(totals, profile, &rmm, console);
    }
    Ok(())
}

/// Says what the RMM could not be held against.
fn tell_left_out(totals: &Totals, profile: Profile, name: &str, console: &mut Console) {
    let Totals { skipped, taken_otherwise, measured_as_recorded, of_other_editions, .. } = *totals;
    if of_other_editions > 0 {
        let edition = profile.edition().name();
        console.note(&format!(
            "{of_other_editions} files are not of RMM {edition}, which {name} is, and were left out"
        ));
    }
    if taken_otherwise > 0 {
        console.note(&format!(
            "{taken_otherwise} steps make calls that {name} takes otherwise than the release that \
             was recorded; they were carried out as recorded, and not compared"
        ));
    }
    if skipped > 0 {
        console.note(&format!(
            "{skipped} steps show deviations of TF-RMM from the text and were not compared"
        ));
    }
    if measured_as_recorded > 0 {
        console.note(&format!(
            "{measured_as_recorded} files have RIMs and REMs by rules that {name} does not have; \
             these were compared by those of the TF-RMM that was recorded"
        ));
    }
}

fn line(failure: &StepFailure) -> String {
    let mismatches: Vec<_> = failure.mismatches.iter().map(ToString::to_string).collect();
    let label = failure.label.as_ref().map(|label| format!(" [{label}]")).unwrap_or_default();
    let StepFailure { place, step, .. } = failure;
    format!("{place}: step {step}{label}: {}", mismatches.join("; "))
}

fn failure_json(failure: &StepFailure) -> Value {
    let mismatches: Vec<_> = failure
        .mismatches
        .iter()
        .map(|m| json!({ "what": m.what, "got": m.got, "wanted": m.wanted }))
        .collect();
    json!({
        "file": &*failure.place.file,
        "line": failure.place.line,
        "step": failure.step,
        "label": failure.label,
        "mismatches": mismatches,
    })
}
