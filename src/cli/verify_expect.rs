//! What `verify` expects, from whatever says it.

use std::path::Path;

use super::Exit;
use super::hashing::ImageFiles;
use super::host::{Trouble, usage};
use super::input::{Input, read_limited};
use super::measure::{self, Built};
use super::replay::Setup;
use super::trails;
use crate::evidence::{Expectation, expectations};
use crate::measure::hasher::Hasher;
use crate::measure::rule::RimRule;
use crate::search::Target;

/// Longest file with expectations that is read, in bytes.
const MAX_FILE_BYTES: u64 = 64 << 20;

/// The Realms that are expected: those of a file, or a RIM alone. There is at least one.
pub(super) fn expected(
    (file, rim): (Option<&Path>, Option<&str>),
    realm: Option<&str>,
    hasher: &Hasher,
) -> Result<Vec<Expectation>, Trouble> {
    let list = match (file, rim) {
        (Some(path), _) => of_file(path, hasher)?,
        (None, Some(text)) => vec![of_text(text)?],
        (None, None) => Vec::new(),
    };
    let Some(wanted) = realm else { return Ok(list) };
    let names: Vec<_> = list.iter().map(|one| one.name.clone()).collect();
    let end = format!(":{wanted}");
    let chosen: Vec<_> =
        list.into_iter().filter(|one| one.name == wanted || one.name.ends_with(&end)).collect();
    let none = || usage(format!("there is no Realm `{wanted}`, only {}", names.join(", ")));
    if chosen.is_empty() { Err(none()) } else { Ok(chosen) }
}

/// `--expect-rim`
fn of_text(text: &str) -> Result<Expectation, Trouble> {
    let (name, read) = match text.strip_prefix('@') {
        None => ("--expect-rim".to_owned(), Target::from_text(text)),
        Some(path) => {
            let bytes = read_limited(Path::new(path), MAX_FILE_BYTES)
                .map_err(|error| Trouble(Exit::Io, format!("{path}: {error}")))?;
            let read = match std::str::from_utf8(&bytes) {
                Ok(text) => Target::from_text(text),
                Err(_) => Target::from_bytes(&bytes),
            };
            (format!("--expect-rim {path}"), read)
        }
    };
    let target = read.map_err(|error| usage(format!("{name}: {error}")))?;
    // A slot is no RIM: it has to be seen that the value has the wrong length.
    let bytes = match target.remark {
        Some(_) => target.rim.slot().to_vec(),
        None => target.rim.as_bytes().to_vec(),
    };
    Ok(Expectation::of_rim(name, bytes))
}

fn of_file(path: &Path, hasher: &Hasher) -> Result<Vec<Expectation>, Trouble> {
    if trails::is_measure(path) {
        return Ok(vec![of_arguments(path)?]);
    }
    if path.extension().is_some_and(|extension| extension == "rmi") {
        return of_script(path, hasher);
    }
    let shown = path.display();
    let bytes = read_limited(path, MAX_FILE_BYTES)
        .map_err(|error| Trouble(Exit::Io, format!("{shown}: {error}")))?;
    if !matches!(bytes.trim_ascii_start().first(), Some(b'{' | b'[')) {
        let forms = "a script (.rmi), arguments of `rimsim measure` (.args), or JSON";
        return Err(usage(format!("{shown}: is no expectation; it can be {forms}")));
    }
    let name = shown.to_string();
    expectations(&name, &bytes).map_err(|error| usage(format!("{name}: {error}")))
}

fn of_arguments(path: &Path) -> Result<Expectation, Trouble> {
    let shown = path.display().to_string();
    let args =
        trails::measure_args(path).map_err(|error| Trouble(error.exit(), error.to_string()))?;
    let Built { rule, rim, log, rpv } = measure::built(&args)
        .map_err(|Trouble(exit, text)| Trouble(exit, format!("{shown}: {text}")))?;
    let mut expectation = Expectation::of_rim(shown, rim.as_bytes().to_vec());
    expectation.hash_algo = Some(rim.algo());
    expectation.rpv = said(&rpv);
    expectation.log = Some((rule, log));
    Ok(expectation)
}

fn of_script(path: &Path, hasher: &Hasher) -> Result<Vec<Expectation>, Trouble> {
    let shown = path.display();
    let problem = |problem: super::input::Problem| Trouble(problem.exit(), problem.to_string());
    let input = Input::open_with(path, &mut ImageFiles::default()).map_err(problem)?;
    let setup = Setup { hasher: hasher.clone(), ..Setup::default() };
    let mut ended = input.replay(&setup, std::iter::empty());
    if ended.exit != Exit::Good {
        // A script that denies itself says nothing about the token: that is no mismatch.
        let exit = if ended.exit == Exit::Mismatch { Exit::Usage } else { ended.exit };
        return Err(Trouble(exit, ended.messages.join("\n")));
    }
    let rds: Vec<u64> = ended.world.realms().map(|(rd, _)| rd.0).collect();
    let mut list = Vec::new();
    for rd in rds {
        let Some(rim) = ended.world.rim(rd) else { continue };
        let Some(realm) = ended.world.realm(rd) else { continue };
        let name = format!("{shown}:{}", ended.name_of(rd));
        let mut expectation = Expectation::of_rim(name, rim.as_bytes().to_vec());
        expectation.hash_algo = Some(rim.algo());
        for (expected, rem) in expectation.rems.iter_mut().zip(realm.rems()) {
            *expected = said(rem.as_bytes());
        }
        expectation.rpv = said(realm.rpv());
        expectation.log = Some((RimRule::Rmm10, realm.log().clone()));
        list.push(expectation);
    }
    input.check_unchanged().map_err(problem)?;
    let none = || usage(format!("{shown}: no Realm is left at the end"));
    if list.is_empty() { Err(none()) } else { Ok(list) }
}

/// A value that a script or a command line sets. Zeros are what is there if nothing is said.
fn said(bytes: &[u8]) -> Option<Vec<u8>> {
    bytes.iter().any(|byte| *byte != 0).then(|| bytes.to_vec())
}
