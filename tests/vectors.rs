//! Every file of `spec-vectors` is a test of its own, and so is every example of the README and the
//! guide, and every file of `tests/console`.
//!
//! `BLESS=1` rewrites outputs.

mod console;
mod transcripts;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};
use rimsim::conform::{replay, replay_in};
use rimsim::script::{self, PlayError, Player};
use rimsim::session::Session;
use rimsim::vector::Writer;
use rimsim::{Profile, World};

fn main() -> ExitCode {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("spec-vectors");
    let mut trials = Vec::new();
    let of_2_0 = [Profile::TF_RMM_2, Profile::TF_RMM_NEXT, Profile::SPEC_2_BET3];
    let recorded = [("rmm-1.0", &Profile::ALL_1_0[..]), ("rmm-2.0", &of_2_0[..])];
    let paths = recorded.into_iter().flat_map(|(folder, profiles)| {
        files(&root.join(folder), "json").into_iter().map(move |path| (path, profiles))
    });
    for (path, profiles) in paths {
        for profile in profiles.iter().copied() {
            let name = path.strip_prefix(&root).expect("below the root").display();
            let name = format!("{profile} {name}");
            let path = path.clone();
            trials.push(Trial::test(name, move || conforms(&path, profile)));
        }
    }
    for path in files(&root, "rmi") {
        let name = format!("script {}", path.strip_prefix(&root).expect("below it").display());
        trials.push(Trial::test(name, move || script_holds(&path)));
    }
    let console = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/console");
    trials.extend(console::trials(files(&console, "console")));
    trials.extend(transcripts::trials());
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

/// What a script has to begin with if the RMM is to refuse it.
const REFUSED: &str = "# Refused:";

/// Plays a script. Its expectations have to hold; printing and parsing it gives it back; what it
/// did, exported as a vector, happens again.
fn script_holds(path: &Path) -> Result<(), Failed> {
    let text = std::fs::read_to_string(path)?;
    let name = path.display().to_string();
    let parsed = script::parse(&name, &text)?;
    if script::parse(&name, &parsed.to_string())? != parsed {
        return Err("printing and parsing it gives another script".into());
    }
    let mut player = Player::new(script::load(path)?);
    let (platform, profile) = player.setup();
    let mut writer = Writer::new(Vec::new(), "exported", profile, &platform, "test");
    let mut session = Session::new(World::new(platform, profile));
    session.observe(&mut writer);
    let played = player.play(&mut session);
    drop(session);
    match played {
        Ok(()) if text.starts_with(REFUSED) => return Err("nothing was refused".into()),
        Err(PlayError::Refused(_)) if text.starts_with(REFUSED) => {}
        other => other?,
    }
    let vector = rimsim::vector::read("exported", &writer.finish()?)?;
    if vector.recorded.name() != profile.name() {
        return Err("the vector names another RMM".into());
    }
    let world = World::new(vector.platform.clone(), profile);
    let mut session = Session::new(world);
    let report = replay_in(&mut session, &vector);
    match report.failures.first() {
        None => Ok(()),
        Some(failure) => Err(format!("exported: {failure:?}").into()),
    }
}
