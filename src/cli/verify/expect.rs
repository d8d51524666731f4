//! What `verify` expects, from whatever says it.

use std::path::{Path, PathBuf};

use crate::cli::console::Console;
use crate::cli::error::{CliError, usage};
use crate::cli::exit::Exit;
use crate::cli::input::{Input, Problem, Setup, observed, public_key, read_limited};
use crate::cli::options::{ImageFiles, OutsideArgs};
use crate::cli::request::{RequestWords, is_request};
use crate::encoding::shown::ShowPath as _;
use crate::evidence::{Expectation, Period, expectations};
use crate::measure::hasher::Hasher;
use crate::refvalue::RealmReference;
use crate::refvalue::corim::Validity;
use crate::refvalue::sign::{self, Document};
use crate::refvalue::time;

/// Longest file with expectations that is read, in bytes.
const MAX_FILE_BYTES: u64 = 64 << 20;

/// What is expected: at least one Realm.
pub(crate) struct Expected {
    pub(crate) realms: Vec<Expectation>,
    /// What was not verified of where they stand.
    pub(crate) not_verified: Vec<String>,
}

/// The arguments that say what is expected.
pub(crate) struct Sources<'a> {
    pub(crate) paths: &'a [PathBuf],
    pub(crate) rims: &'a [String],
    pub(crate) realm: Option<&'a str>,
    /// The key of a signed CoRIM.
    pub(crate) key: Option<&'a Path>,
    pub(crate) outside: OutsideArgs,
    /// Where scripts and command lines find images.
    pub(crate) files: ImageFiles,
}

impl Sources<'_> {
    /// Reads what is expected: the Realms of files, and RIMs alone.
    pub(crate) fn read(&self, hasher: &Hasher) -> Result<Expected, CliError> {
        let mut not_verified = Vec::new();
        let mut list = Vec::new();
        for path in self.paths {
            list.extend(self.of_file(path, hasher, &mut not_verified)?);
        }
        for text in self.rims {
            list.push(of_text(text)?);
        }
        let realms = match self.realm {
            Some(wanted) => chosen(list, wanted)?,
            None => list,
        };
        Ok(Expected { realms, not_verified })
    }

    fn of_file(
        &self,
        path: &Path,
        hasher: &Hasher,
        not_verified: &mut Vec<String>,
    ) -> Result<Vec<Expectation>, CliError> {
        let named = |extension| path.extension().is_some_and(|found| found == extension);
        let shown = path.shown();
        let no_key = || usage(format!("--expect-key: {shown} is no signed CoRIM"));
        if is_request(path) || named("rmi") {
            return match self.key {
                Some(_) => Err(no_key()),
                None if named("rmi") => of_script(path, self.outside, hasher, &self.files),
                None => Ok(vec![of_arguments(path, self.outside, &self.files)?]),
            };
        }
        let bytes = read_limited(path, MAX_FILE_BYTES)
            .map_err(|error| CliError(Exit::Io, format!("{shown}: {error}")))?;
        // Tags 18 and 501.
        if matches!(bytes.first(), Some(0xD2 | 0xD9)) {
            return self.of_corim(path, &bytes, not_verified);
        }
        if self.key.is_some() {
            return Err(no_key());
        }
        if !matches!(bytes.trim_ascii_start().first(), Some(b'{' | b'[')) {
            let forms = "a script (.rmi), arguments of `rimsim measure` (.args), JSON, or a CoRIM";
            return Err(usage(format!("{shown}: is no expectation; it can be {forms}")));
        }
        let name = shown.to_string();
        expectations(&name, &bytes).map_err(|error| usage(format!("{name}: {error}")))
    }

    fn of_corim(
        &self,
        path: &Path,
        bytes: &[u8],
        not_verified: &mut Vec<String>,
    ) -> Result<Vec<Expectation>, CliError> {
        let name = path.display().to_string();
        let document = sign::read(bytes).map_err(|error| usage(format!("{name}: {error}")))?;
        match (&document, self.key) {
            (Document::Signed(signed), Some(path)) => {
                let key = public_key("--expect-key", path)?;
                signed
                    .verify(&key)
                    .map_err(|error| CliError(Exit::Mismatch, format!("{name}: {error}")))?;
            }
            (Document::Signed(signed), None) => {
                let signer = &signed.meta.signer;
                let why = format!("signature of {signer:?} on {name}: no --expect-key");
                not_verified.push(format!("the {why}"));
            }
            (Document::Unsigned(_), Some(_)) => {
                return Err(usage(format!("--expect-key: {name} is not signed")));
            }
            (Document::Unsigned(_), None) => {}
        }
        if let Document::Signed(signed) = &document
            && !signed.certificates.is_empty()
        {
            let count = signed.certificates.len();
            not_verified.push(format!("the {count} certificates that came with {name}"));
        }
        let signing = match &document {
            Document::Signed(signed) => signed.meta.validity,
            Document::Unsigned(_) => None,
        };
        let corim = document.corim();
        let period = both(corim.validity, signing);
        let count = corim.realms().count();
        let named = |(number, realm)| {
            let name = if count == 1 { name.clone() } else { format!("{name}:{number}") };
            Expectation { period: period.clone(), ..of_reference(name, realm) }
        };
        Ok((1..).zip(corim.realms()).map(named).collect())
    }
}

/// When both of two periods hold. A time is in neither if they have none together.
fn both(contents: Option<Validity>, signature: Option<Validity>) -> Option<Period> {
    let periods = || contents.iter().chain(&signature);
    let not_before = periods().filter_map(Validity::not_before).max();
    let not_after = periods().map(Validity::not_after).min()?;
    let end = time::print(not_after);
    let text = match not_before {
        Some(begin) => format!("{} to {end}", time::print(begin)),
        None => format!("until {end}"),
    };
    Some(Period { not_before, not_after, text })
}

/// The Realms of this name.
fn chosen(list: Vec<Expectation>, wanted: &str) -> Result<Vec<Expectation>, CliError> {
    let names: Vec<_> = list.iter().map(|one| one.name.clone()).collect();
    let end = format!(":{wanted}");
    let chosen: Vec<_> =
        list.into_iter().filter(|one| one.name == wanted || one.name.ends_with(&end)).collect();
    let none = || usage(format!("there is no Realm `{wanted}`, only {}", names.join(", ")));
    if chosen.is_empty() { Err(none()) } else { Ok(chosen) }
}

/// `--expect-rim`
fn of_text(text: &str) -> Result<Expectation, CliError> {
    let target = observed("--expect-rim", text)?;
    // A slot is no RIM: it has to be seen that the value has the wrong length.
    let bytes = match target.remark {
        Some(_) => target.rim.slot().to_vec(),
        None => target.rim.as_bytes().to_vec(),
    };
    Ok(Expectation::of_rim("--expect-rim", bytes))
}

/// A triple of a CoRIM; its REM 0 is the first, as RSI's REM 1 is.
fn of_reference(name: String, realm: &RealmReference) -> Expectation {
    let mut expectation = Expectation::of_rim(name, realm.rim().as_bytes().to_vec());
    expectation.hash_algo = Some(realm.algorithm());
    expectation.rems = realm.rems().map(|rem| rem.map(|rem| rem.as_bytes().to_vec()));
    expectation.rpv = realm.rpv().map(|rpv| rpv.to_vec());
    expectation
}

fn of_arguments(
    path: &Path,
    outside: OutsideArgs,
    files: &ImageFiles,
) -> Result<Expectation, CliError> {
    let shown = path.display().to_string();
    let mut args = RequestWords::in_file(path, outside)?;
    args.hashing.copy |= files.copies();
    let measured = args
        .boot()
        .predicted(Vec::new(), &mut Console::new())
        .map_err(|CliError(exit, text)| CliError(exit, format!("{shown}: {text}")))?;
    let mut expectation = Expectation::of_rim(shown, measured.rim.as_bytes().to_vec());
    expectation.hash_algo = Some(measured.rim.algo());
    expectation.rpv = said(measured.rpv());
    expectation.log = Some(measured.log().clone());
    Ok(expectation)
}

fn of_script(
    path: &Path,
    outside: OutsideArgs,
    hasher: &Hasher,
    files: &ImageFiles,
) -> Result<Vec<Expectation>, CliError> {
    let shown = path.shown();
    let problem = |problem: Problem| CliError(problem.exit(), problem.to_string());
    let reach = outside.reach_of(path);
    let input = Input::open_with(path, &reach, &mut files.clone()).map_err(problem)?;
    let setup = Setup { hasher: hasher.clone(), ..Setup::default() };
    let mut ended = input.replay(&setup, std::iter::empty());
    if ended.exit != Exit::Good {
        // A script that denies itself says nothing about the token: that is no mismatch.
        let exit = if ended.exit == Exit::Mismatch { Exit::Usage } else { ended.exit };
        return Err(CliError(exit, ended.messages.join("\n")));
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
        expectation.log = Some(realm.log().clone());
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
