//! What spans the files of the language.

mod mistakes;
mod play;
mod round_trip;
mod shown;
mod tokens;
mod typos;

use std::collections::BTreeMap;

use super::*;
use crate::session::Session;
use crate::{Platform, Profile, World};

/// Loads a script that includes nothing.
fn loaded(text: &str) -> Result<LoadedScript, LoadError> {
    loaded_with(text, &[])
}

/// Loads a script among other files.
fn loaded_with(text: &str, others: &[(&str, &[u8])]) -> Result<LoadedScript, LoadError> {
    let files = others.iter().map(|(name, bytes)| ((*name).to_owned(), bytes.to_vec()));
    let files: BTreeMap<_, _> =
        files.chain([("test.rmi".to_owned(), text.as_bytes().to_vec())]).collect();
    load_from("test.rmi", &mut MemoryFiles(files))
}

/// What came of a play.
struct Played {
    result: Result<(), PlayError>,
    printed: Vec<String>,
    world: World,
    steps: u64,
}

fn play(text: &str) -> Played {
    play_loaded(loaded(text).unwrap_or_else(|error| panic!("{error}")), false)
}

fn play_loaded(script: LoadedScript, keep_going: bool) -> Played {
    play_in(World::new, script, keep_going)
}

fn play_in(
    world: impl FnOnce(Platform, Profile) -> World,
    script: LoadedScript,
    keep_going: bool,
) -> Played {
    let mut player = Player::new(script);
    player.keep_going(keep_going);
    let (platform, profile) = player.setup();
    let mut session = Session::new(world(platform, profile));
    let result = player.play(&mut session);
    let (printed, steps) = (player.printed().to_vec(), session.steps());
    Played { result, printed, world: session.into_world(), steps }
}

/// The first line of what ended a play.
fn ending(text: &str) -> String {
    match play(text).result {
        Ok(()) => "nothing".to_owned(),
        Err(error) => error.to_string().lines().next().unwrap_or_default().to_owned(),
    }
}

#[test]
fn defaults_can_be_asked_for() {
    let setup = |text| Player::new(loaded(text).unwrap()).setup();
    assert_eq!(setup(""), (Platform::default(), Profile::TF_RMM));
    let small = Platform::preset("small").unwrap();
    assert_eq!(setup("rmm spec\nplatform \"small\""), (small, Profile::SPEC));
}

#[test]
fn platform_files_are_read_or_refused_with_the_feature_that_is_missing() {
    let small = Platform::preset("small").unwrap();
    #[cfg(feature = "toml")]
    let text = small.to_toml();
    #[cfg(not(feature = "toml"))]
    let text = String::new();
    let read = loaded_with("platform \"m/x.toml\"", &[("m/x.toml", text.as_bytes())]);
    if cfg!(feature = "toml") {
        assert_eq!(Player::new(read.unwrap()).setup().0, small);
    } else {
        let error = read.unwrap_err().to_string();
        assert!(error.starts_with("test.rmi:1:10: m/x.toml: platform files are not"), "{error}");
    }
}
