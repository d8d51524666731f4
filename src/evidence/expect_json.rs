//! Expectations in JSON: what `rimsim run`, `measure` and `matrix` print, and a small form of its
//! own.
//!
//! The small form is an object, a list of such objects, or `{"realms": [...]}`:
//!
//! ```json
//! {"name": "x", "rim": "a5…", "hash_algo": "sha256",
//!  "rems": ["0b…", null, null, null], "rpv": "00…"}
//! ```
//!
//! `rim` is what every option takes as a RIM, and is as long as `hash_algo` says; everything else
//! may be left out, and is compared if it is there. A field that is not known is an error: it would
//! not be compared.
//!
//! In documents of `run` and `measure`, REMs and an RPV that are zero were not set; they say
//! nothing.

use serde::Deserialize;
use serde_json::Value;
use thiserror::Error;

use super::expect::Expectation;
use super::rim::{RimError, Target};
use crate::encoding::text::from_hex;
use crate::measure::rim::HashAlgo;

/// Why a JSON text has no expectation.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ExpectError {
    /// It is no JSON, or of another form. The text says line and column.
    #[error("{0}")]
    Json(String),
    /// A document of this program in which there is no RIM.
    #[error("a document of `rimsim {0}` has no RIM to expect")]
    Command(String),
    /// A run that did not come to its end.
    #[error("{0} was not played to its end: its RIMs are no reference values")]
    Incomplete(String),
    /// No Realm at all.
    #[error("there is no Realm in it")]
    Empty,
    /// A value that is not what it has to be.
    #[error("realm {realm}: {field}: {why}")]
    Field {
        /// The name of the Realm, or its number from 1.
        realm: String,
        /// Which value.
        field: &'static str,
        /// What is wrong with it.
        why: String,
    },
}

/// Length of a Realm Personalization Value in bytes.
const RPV_BYTES: usize = 64;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    name: Option<String>,
    rim: String,
    hash_algo: Option<String>,
    rems: Option<[Option<String>; 4]>,
    rpv: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Realms {
    realms: Vec<Form>,
}

#[derive(Deserialize)]
struct Run {
    files: Vec<RunFile>,
}

#[derive(Deserialize)]
struct RunFile {
    file: String,
    complete: bool,
    realms: Vec<RunRealm>,
}

#[derive(Deserialize)]
struct RunRealm {
    name: String,
    hash_algo: String,
    rim: String,
    rems: [String; 4],
    rpv: Option<String>,
}

#[derive(Deserialize)]
struct Measured {
    algorithm: String,
    rim: String,
    rpv: Option<String>,
    #[serde(default)]
    stages: Vec<Stage>,
}

#[derive(Deserialize)]
struct Matrix {
    rows: Vec<MatrixRow>,
}

#[derive(Deserialize)]
struct MatrixRow {
    values: serde_json::Map<String, Value>,
    rim: Option<String>,
    algorithm: Option<String>,
}

#[derive(Deserialize)]
struct Stage {
    command: String,
    rim: String,
}

/// Reads expectations; `name` is what to call the file. There is at least one.
///
/// # Bounds
/// Time and memory grow with the length, memory by at most 60 bytes for each byte.
///
/// # Errors
/// If it is no JSON, of no known form, or a value in it is no RIM, REM or RPV.
pub fn expectations(name: &str, text: &[u8]) -> Result<Vec<Expectation>, ExpectError> {
    let value: Value = parse(text)?;
    let list = match &value {
        Value::Object(fields) if fields.contains_key("schema") => document(name, &value, text)?,
        Value::Object(fields) if fields.contains_key("realms") => {
            forms(name, parse::<Realms>(text)?.realms)?
        }
        Value::Array(_) => forms(name, parse(text)?)?,
        _ => forms(name, vec![parse(text)?])?,
    };
    if list.is_empty() { Err(ExpectError::Empty) } else { Ok(list) }
}

fn parse<'t, T: Deserialize<'t>>(text: &'t [u8]) -> Result<T, ExpectError> {
    serde_json::from_slice(text).map_err(|error| ExpectError::Json(error.to_string()))
}

fn forms(file: &str, forms: Vec<Form>) -> Result<Vec<Expectation>, ExpectError> {
    let several = forms.len() > 1;
    let read = |(number, form): (usize, Form)| {
        let realm = form.name.clone().unwrap_or_else(|| number.to_string());
        let field = |field, why| ExpectError::Field { realm: realm.clone(), field, why };
        let name = match (&form.name, several) {
            (None, false) => file.to_owned(),
            _ => format!("{file}:{realm}"),
        };
        let algo = form.hash_algo.as_deref().map(algo).transpose();
        let algo = algo.map_err(|why| field("hash_algo", why))?;
        let rim = rim_of(&form.rim, algo).map_err(|why| field("rim", why))?;
        let mut expectation = Expectation::of_rim(name, rim);
        expectation.hash_algo = algo;
        for (rem, text) in expectation.rems.iter_mut().zip(form.rems.into_iter().flatten()) {
            let read = text.as_deref().map(|text| rem_of(text, algo)).transpose();
            *rem = read.map_err(|why| field("rems", why))?;
        }
        let rpv = form.rpv.as_deref().map(rpv_of).transpose();
        expectation.rpv = rpv.map_err(|why| field("rpv", why))?;
        Ok(expectation)
    };
    (1..).zip(forms).map(read).collect()
}

/// What this program printed.
fn document(name: &str, value: &Value, text: &[u8]) -> Result<Vec<Expectation>, ExpectError> {
    let command = value["command"].as_str().unwrap_or_default();
    if value["schema"] != "rimsim/1" {
        let schema = &value["schema"];
        return Err(ExpectError::Json(format!("the schema is {schema}, expected \"rimsim/1\"")));
    }
    match command {
        "run" => run(parse(text)?),
        "measure" => Ok(vec![measure(name, &parse(text)?)?]),
        "matrix" => matrix(name, parse(text)?),
        other => Err(ExpectError::Command(other.to_owned())),
    }
}

fn run(run: Run) -> Result<Vec<Expectation>, ExpectError> {
    let mut list = Vec::new();
    for RunFile { file, complete, realms } in run.files {
        if !complete {
            return Err(ExpectError::Incomplete(file));
        }
        for realm in realms {
            let name = format!("{file}:{}", realm.name);
            let field = |field, why| ExpectError::Field { realm: name.clone(), field, why };
            let algo = Some(algo(&realm.hash_algo).map_err(|why| field("hash_algo", why))?);
            let rim = rim_of(&realm.rim, algo).map_err(|why| field("rim", why))?;
            let mut expectation = Expectation::of_rim(name.clone(), rim);
            expectation.hash_algo = algo;
            for (rem, text) in expectation.rems.iter_mut().zip(&realm.rems) {
                *rem = said(rem_of(text, algo).map_err(|why| field("rems", why))?);
            }
            let rpv = realm.rpv.as_deref().map(rpv_of).transpose();
            expectation.rpv = rpv.map_err(|why| field("rpv", why))?.and_then(said);
            list.push(expectation);
        }
    }
    Ok(list)
}

fn measure(name: &str, measured_realm: &Measured) -> Result<Expectation, ExpectError> {
    let field = |field, why| ExpectError::Field { realm: name.to_owned(), field, why };
    let algo = Some(algo(&measured_realm.algorithm).map_err(|why| field("algorithm", why))?);
    let rim = rim_of(&measured_realm.rim, algo).map_err(|why| field("rim", why))?;
    let mut expectation = Expectation::of_rim(name, rim);
    expectation.hash_algo = algo;
    let rpv = measured_realm.rpv.as_deref().map(rpv_of).transpose();
    expectation.rpv = rpv.map_err(|why| field("rpv", why))?.and_then(said);
    let count = measured_realm.stages.len();
    for (number, Stage { command, rim }) in (1..).zip(&measured_realm.stages) {
        let rim = rem_of(rim, algo).map_err(|why| field("stages", why))?;
        expectation.stages.push((format!("{command} (stage {number} of {count})"), rim));
    }
    Ok(expectation)
}

/// The rows that have a RIM; what was refused is expected of nobody.
fn matrix(file: &str, matrix: Matrix) -> Result<Vec<Expectation>, ExpectError> {
    let mut list = Vec::new();
    for MatrixRow { values, rim, algorithm } in matrix.rows {
        let Some(rim) = rim else { continue };
        let value = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let values: Vec<String> =
            values.iter().map(|(name, found)| format!("{name}={}", value(found))).collect();
        let name = format!("{file}:{}", values.join(","));
        let field = |field, why| ExpectError::Field { realm: name.clone(), field, why };
        let algo = algo(&algorithm.unwrap_or_default()).map_err(|why| field("algorithm", why))?;
        let rim = rim_of(&rim, Some(algo)).map_err(|why| field("rim", why))?;
        let mut expectation = Expectation::of_rim(name, rim);
        expectation.hash_algo = Some(algo);
        list.push(expectation);
    }
    Ok(list)
}

fn algo(text: &str) -> Result<HashAlgo, String> {
    let known = HashAlgo::from_name(text).or_else(|| HashAlgo::from_iana_name(text));
    known.ok_or_else(|| format!("{text:?}, expected {}", HashAlgo::names()))
}

/// A RIM as every option takes it, but for files; its length is that of the algorithm, if one is
/// named. A slot is no RIM: it is kept whole, so that it is seen that it has the wrong length.
fn rim_of(text: &str, algo: Option<HashAlgo>) -> Result<Vec<u8>, String> {
    of_algo(Target::from_text(text), algo)
}

fn of_algo(read: Result<Target, RimError>, algo: Option<HashAlgo>) -> Result<Vec<u8>, String> {
    let Target { rim, remark } = read.map_err(|error| error.to_string())?;
    if let Some(algo) = algo.filter(|algo| *algo != rim.algo()) {
        let (found, name, wanted) = (rim.as_bytes().len(), algo.name(), algo.len_bytes());
        return Err(format!("{found} bytes; {name} gives {wanted}"));
    }
    Ok(if remark.is_some() { rim.slot().to_vec() } else { rim.as_bytes().to_vec() })
}

/// A REM, of the length that the algorithm gives or, if none is named, that any gives.
fn rem_of(text: &str, algo: Option<HashAlgo>) -> Result<Vec<u8>, String> {
    of_algo(Target::rem_from_text(text), algo)
}

fn rpv_of(text: &str) -> Result<Vec<u8>, String> {
    let bytes = from_hex(text).map_err(|error| error.to_string())?;
    let wrong = format!("{} bytes, expected {RPV_BYTES}", bytes.len());
    if bytes.len() == RPV_BYTES { Ok(bytes) } else { Err(wrong) }
}

/// What a document of this program says of a value that scripts and command lines set: zeros are
/// what is there if nothing is said.
fn said(bytes: Vec<u8>) -> Option<Vec<u8>> {
    bytes.iter().any(|byte| *byte != 0).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_small_form() {
        let (rim, rem, rpv) = ("a5".repeat(32), "0b".repeat(32), "00".repeat(64));
        let text = format!(
            "[{{\"rim\": \"{rim}\"}}, {{\"name\": \"x\", \"rim\": \"{rim}\", \"hash_algo\": \
             \"sha-256\", \"rems\": [\"{rem}\", null, null, null], \"rpv\": \"{rpv}\"}}]"
        );
        let list = expectations("file", text.as_bytes()).unwrap();
        assert_eq!((list[0].name.as_str(), list[1].name.as_str()), ("file:1", "file:x"));
        assert_eq!(list[0].rim, [0xA5; 32]);
        assert_eq!((list[0].hash_algo, list[1].hash_algo), (None, Some(HashAlgo::Sha256)));
        assert_eq!(list[1].rems, [Some(vec![0x0B; 32]), None, None, None]);
        assert_eq!((list[0].rpv.clone(), list[1].rpv.clone()), (None, Some(vec![0; 64])));
        let one = expectations("file", format!("{{\"rim\":\"{rim}\"}}").as_bytes()).unwrap();
        assert_eq!((one.len(), one[0].name.as_str()), (1, "file"));
        let long = format!("{{\"rim\":\"sha384:{}\"}}", "a5".repeat(48));
        assert_eq!(expectations("file", long.as_bytes()).unwrap()[0].rim, [0xA5; 48]);
    }

    #[test]
    fn an_rpv_of_a_run_is_expected_unless_it_is_zero() {
        for (byte, expected) in [("6f", Some(vec![0x6F; 64])), ("00", None)] {
            let (rim, rem) = ("a5".repeat(32), "00".repeat(32));
            let text = format!(
                "{{\"schema\":\"rimsim/1\",\"command\":\"run\",\"files\":[{{\"file\":\"x\",\
                 \"complete\":true,\"realms\":[{{\"name\":\"rd\",\"hash_algo\":\"sha256\",\
                 \"rim\":\"{rim}\",\"rems\":[\"{rem}\",\"{rem}\",\"{rem}\",\"{rem}\"],\
                 \"rpv\":\"{}\"}}]}}]}}",
                byte.repeat(64)
            );
            let list = expectations("file", text.as_bytes()).unwrap();
            assert_eq!((list[0].rpv.clone(), list[0].rems[0].clone()), (expected, None));
        }
    }

    #[test]
    fn mistakes() {
        let rim = "a5".repeat(32);
        for (text, why) in [
            ("{".to_owned(), "EOF while parsing an object at line 1"),
            ("[]".into(), "there is no Realm in it"),
            ("{\"realms\": []}".into(), "there is no Realm in it"),
            ("{}".into(), "missing field `rim`"),
            (format!("{{\"rim\":\"{rim}\",\"rem\":[]}}"), "unknown field `rem`"),
            (format!("{{\"rim\":\"{rim}\",\"rim\":\"{rim}\"}}"), "duplicate field `rim`"),
            (format!("{{\"rim\":\"{}\"}}", &rim[2..]), "realm 1: rim: has 31 bytes; a RIM has"),
            (format!("{{\"rim\":\"{}\"}}", "0".repeat(64)), "realm 1: rim: is zero"),
            (
                format!("{{\"rim\":\"{rim}\",\"hash_algo\":\"sha384\"}}"),
                "32 bytes; sha384 gives 48",
            ),
            (format!("{{\"rim\":\"{}x\"}}", &rim[1..]), "character 64 is 'x'"),
            (format!("{{\"rim\":\"{rim}\",\"rpv\":\"00\"}}"), "rpv: 1 bytes, expected 64"),
            (format!("{{\"rim\":\"{rim}\",\"hash_algo\":\"md5\"}}"), "\"md5\", expected"),
            ("{\"schema\":\"rimsim/2\"}".into(), "the schema is \"rimsim/2\""),
            (
                "{\"schema\":\"rimsim/1\",\"command\":\"lint\"}".into(),
                "a document of `rimsim lint` has no RIM to expect",
            ),
            (
                "{\"schema\":\"rimsim/1\",\"command\":\"run\",\"files\":[{\"file\":\"x.rmi\",\
                 \"complete\":false,\"realms\":[]}]}"
                    .into(),
                "x.rmi was not played to its end",
            ),
        ] {
            let error = expectations("file", text.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(why), "{text}: {error}");
        }
    }
}
