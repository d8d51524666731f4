//! What the vectors show, and what scripts show where vectors do not.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use rimsim::conform::replay_in;
use rimsim::coverage::{Coverage, Exceptions, Line};
use rimsim::script::{self, Player};
use rimsim::session::Session;
use rimsim::{Profile, World, vector};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("spec-vectors")
}

/// All files below a folder with this extension.
fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("a folder of the project");
    let found = entries.flat_map(|entry| {
        let path = entry.expect("an entry").path();
        if path.is_dir() { files(&path, extension) } else { vec![path] }
    });
    let fits = |path: &PathBuf| path.extension().is_some_and(|found| found == extension);
    found.filter(fits).collect()
}

/// Adds what a session showed. No transition happens that is in no list.
fn add(coverage: &mut Coverage, world: &World, what: &Path) {
    coverage.add_world(world);
    assert_eq!(Coverage::unlisted(world), [""; 0], "{}", what.display());
}

fn add_vector(coverage: &mut Coverage, path: &Path, profile: Profile) {
    let text = std::fs::read(path).expect("a readable file");
    let vector = vector::read(&path.display().to_string(), &text).expect("a vector");
    let mut session = Session::new(World::new(vector.platform.clone(), profile));
    session.observe(coverage);
    replay_in(&mut session, &vector);
    let world = session.into_world();
    add(coverage, &world, path);
}

fn add_script(coverage: &mut Coverage, path: &Path) {
    let mut player = Player::new(script::load(path).expect("a script"));
    let (platform, profile) = player.setup();
    let mut session = Session::new(World::new(platform, profile));
    session.observe(coverage);
    player.play(&mut session).expect("it holds");
    let world = session.into_world();
    add(coverage, &world, path);
}

/// What stands behind a REC_ENTER is not a step of its own, so a session does not count it.
fn is_nested(name: &str) -> bool {
    name.ends_with("rec_state") || name.contains("is running")
}

fn check(vectors: &str, profile: Profile) {
    let mut coverage = Coverage::default();
    for path in files(&folder().join(vectors), "json") {
        add_vector(&mut coverage, &path, profile);
    }
    let lines = coverage.lines(profile, &Exceptions::of_project());
    let names = |wanted: &dyn Fn(&&Line) -> bool| {
        lines.iter().filter(wanted).map(|line| line.name.clone()).collect::<Vec<_>>()
    };
    let unseen = names(&|line| line.count == 0 && line.exception.is_none());
    assert!(unseen.is_empty(), "{vectors}: neither seen nor excused: {unseen:#?}");
    let needless = names(&|line| line.count > 0 && line.exception.is_some());
    assert!(needless.is_empty(), "{vectors}: seen, and excused: {needless:#?}");

    // Scripts show what they are said to show.
    let script = |line: &Line| {
        let (_, name) = line.exception.as_ref()?.split_once("see scripts/")?;
        Some(name.to_owned())
    };
    let scripts: BTreeSet<_> = lines.iter().filter_map(script).collect();
    assert!(scripts.len() >= 4, "{scripts:?}");
    for name in scripts {
        let mut coverage = Coverage::default();
        add_script(&mut coverage, &folder().join("scripts").join(&name));
        let seen = coverage.lines(profile, &Exceptions::default());
        for line in lines.iter().filter(|line| script(line).as_ref() == Some(&name)) {
            let found = seen.iter().find(|other| other.name == line.name).expect("the same lines");
            assert!(found.count > 0 || is_nested(&line.name), "{name} does not show {}", line.name);
        }
    }
}

#[test]
fn everything_of_1_0_is_seen_or_excused() {
    check("rmm-1.0", Profile::TF_RMM);
}

#[test]
fn everything_of_2_0_is_seen_or_excused() {
    check("rmm-2.0", Profile::TF_RMM_2);
}

#[test]
fn an_exception_can_be_of_one_edition() {
    let text = |spec, name| {
        format!("[[exception]]\nspec = \"{spec}\"\nnames = [\"{name}\"]\nreason = \"because\"")
    };
    let of = |spec, name| Exceptions::from_toml(&text(spec, name));
    assert!(of("2.0", "OP_CANCEL can_cancel").is_ok());
    let error = |spec, name| of(spec, name).unwrap_err().to_string();
    assert!(error("1.0", "OP_CANCEL can_cancel").starts_with("nothing is called"));
    assert!(error("3.0", "OP_CANCEL can_cancel").contains("no edition \"3.0\""));
    let list = of("2.0", "VERSION revision").expect("a list");
    let excused = |profile| {
        let lines = Coverage::default().lines(profile, &list);
        lines.iter().filter(|line| line.exception.is_some()).count()
    };
    assert_eq!((excused(Profile::TF_RMM), excused(Profile::TF_RMM_2)), (0, 1));
}
