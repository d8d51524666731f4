//! Every file of `spec-vectors` is a test of its own.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};
use rimsim::Profile;
use rimsim::conform::replay;

fn main() -> ExitCode {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("spec-vectors");
    let mut trials = Vec::new();
    for path in files(&root.join("rmm-1.0"), "json") {
        for profile in Profile::ALL {
            let name = path.strip_prefix(&root).expect("below the root").display();
            let name = format!("{profile} {name}");
            let path = path.clone();
            trials.push(Trial::test(name, move || conforms(&path, profile)));
        }
    }
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

/// All files below `dir` with this extension, sorted.
fn files(dir: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut dirs = vec![dir.to_owned()];
    while let Some(dir) = dirs.pop() {
        for entry in std::fs::read_dir(&dir).expect("a folder of the project") {
            let path = entry.expect("a readable entry").path();
            if path.is_dir() {
                dirs.push(path);
            } else if path.extension().is_some_and(|found| found == extension) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn conforms(path: &Path, profile: Profile) -> Result<(), Failed> {
    let text = std::fs::read(path)?;
    let vector = rimsim::vector::read(&path.display().to_string(), &text)?;
    let report = replay(&vector, profile, []);
    let Some(failure) = report.failures.first() else { return Ok(()) };
    let text = failure.mismatches.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
    let label = failure.label.as_deref().unwrap_or("");
    let count = report.failures.len();
    Err(format!("{} {label}: {text} ({count} steps differ)", failure.place).into())
}
