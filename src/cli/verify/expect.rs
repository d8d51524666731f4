//! What `verify` expects, from whatever says it.

use std::fmt::Display;
use std::path::{Path, PathBuf};

use crate::cli::console::Console;
use crate::cli::error::{CliError, usage};
use crate::cli::exit::Exit;
use crate::cli::input::{Input, Problem, Setup, observed, public_key, read_limited};
use crate::cli::locks::{is_lock, locked_realms};
use crate::cli::options::{ImageFiles, OutsideArgs};
use crate::cli::request::{RequestWords, is_request};
use crate::encoding::shown::ShowPath as _;
use crate::encoding::text::shown as shown_text;
use crate::evidence::{Expectation, Period, expectations};
use crate::measure::hasher::Hasher;
use crate::measure::rim::HashAlgo;
use crate::refvalue::RealmReference;
use crate::refvalue::corim::{Id, Validity};
use crate::refvalue::sign::{self, Anchors, Document, SignedCorim};
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
    /// Certificates that its own have to lead to.
    pub(crate) anchors: Option<&'a Path>,
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
        if let Some(hint) = no_file_but_rim(path) {
            return Err(usage(hint));
        }
        let named = |extension| path.extension().is_some_and(|found| found == extension);
        let shown = path.shown();
        let no_key = |option: &str| usage(format!("{option}: {shown} is no signed CoRIM"));
        if is_request(path) || named("rmi") {
            return match self.of_signer() {
                Some(option) => Err(no_key(option)),
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
        if let Some(option) = self.of_signer() {
            return Err(no_key(option));
        }
        if let Some(text) = str::from_utf8(&bytes).ok().filter(|text| is_lock(text)) {
            let read = locked_realms(&shown.to_string(), text);
            let locked = read.map_err(|why| usage(format!("{shown}:{why}")))?;
            not_verified.extend(locked.not_verified);
            return Ok(locked.realms);
        }
        if !matches!(bytes.trim_ascii_start().first(), Some(b'{' | b'[')) {
            let forms = "a script (.rmi), arguments of `rimsim measure` (.args), a lock, JSON, or \
                         a CoRIM";
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
        let corim = document.corim();
        let mut periods: Vec<Seconds> = corim.validity.iter().map(seconds).collect();
        match &document {
            Document::Signed(signed) => {
                periods.extend(signed.meta.validity.iter().map(seconds));
                periods.extend(self.proven(&name, signed, not_verified)?);
            }
            Document::Unsigned(_) => {
                if let Some(option) = self.of_signer() {
                    return Err(usage(format!("{option}: {name} is not signed")));
                }
            }
        }
        let period = all(&periods);
        let count = corim.realms().count();
        let mut number = 0;
        let mut list = Vec::new();
        for tag in &corim.tags {
            for realm in &tag.realms {
                number += 1;
                let called = match &tag.id {
                    Id::Text(text) if tag.realms.len() == 1 => format!("{name}:{text}"),
                    _ if count == 1 => name.clone(),
                    _ => format!("{name}:{number}"),
                };
                list.push(Expectation { period: period.clone(), ..of_reference(called, realm) });
            }
        }
        Ok(list)
    }

    /// The option that asks for a signature, if one does.
    fn of_signer(&self) -> Option<&'static str> {
        let key = self.key.map(|_| "--expect-key");
        key.or(self.anchors.map(|_| "--trust-anchor"))
    }

    /// Checks who signed, as far as it is asked. When certificates hold is the answer.
    fn proven(
        &self,
        name: &str,
        signed: &SignedCorim,
        not_verified: &mut Vec<String>,
    ) -> Result<Option<Seconds>, CliError> {
        let mismatch = |error: &dyn Display| CliError(Exit::Mismatch, format!("{name}: {error}"));
        if let Some(path) = self.key {
            let key = public_key("--expect-key", path)?;
            signed.verify(&key).map_err(|error| mismatch(&error))?;
        }
        let count = signed.certificates.len();
        if let Some(path) = self.anchors {
            let shown = path.shown();
            let about =
                |exit, why: &dyn Display| CliError(exit, format!("--trust-anchor {shown}: {why}"));
            let file =
                read_limited(path, MAX_FILE_BYTES).map_err(|error| about(Exit::Io, &error))?;
            let anchors = Anchors::from_bytes(&file).map_err(|error| about(Exit::Usage, &error))?;
            let signer = signed.verify_by(&anchors).map_err(|error| mismatch(&error))?;
            not_verified.push(format!(
                "that no certificate of {} on {name} was revoked: nobody is asked",
                shown_text(&signer.name)
            ));
            return Ok(Some((Some(signer.not_before_secs), signer.not_after_secs)));
        }
        if self.key.is_none() {
            let signer = &signed.meta.signer;
            let why = format!("signature of {signer:?} on {name}: no --expect-key");
            not_verified.push(format!("the {why}"));
        }
        if count > 0 {
            not_verified.push(format!("the {count} certificates that came with {name}"));
        }
        Ok(None)
    }
}

/// What to say to who gives a RIM where a file is meant.
fn no_file_but_rim(path: &Path) -> Option<String> {
    let text = path.to_str().filter(|_| !path.exists())?;
    let digits = text.strip_prefix("0x").unwrap_or(text);
    let is_rim = HashAlgo::ALL.iter().any(|algo| digits.len() == 2 * algo.len_bytes());
    let is_rim = is_rim && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    is_rim.then(|| format!("--expect {text}: takes a file; a RIM alone is --expect-rim {digits}"))
}

/// The first and the last second of a period, in POSIX time.
type Seconds = (Option<i64>, i64);

const fn seconds(period: &Validity) -> Seconds {
    (period.not_before(), period.not_after())
}

/// When all of some periods hold. A time is in none if they have none together.
fn all(periods: &[Seconds]) -> Option<Period> {
    let not_before = periods.iter().filter_map(|period| period.0).max();
    let not_after = periods.iter().map(|period| period.1).min()?;
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
