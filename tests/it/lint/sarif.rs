//! What `lint --format sarif` prints, held against the rules of SARIF 2.1.0. No schema is at hand
//! offline, so the properties that the format requires, and the values that it allows, stand here.

use std::fs;
use std::path::Path;

use rimsim::lint::{RULES, Rule};
use serde_json::Value;

use crate::cli::{Folder, stdout};

/// The properties of an object, all of which have to be known.
fn object<'v>(value: &'v Value, known: &[&str]) -> &'v serde_json::Map<String, Value> {
    let object = value.as_object().unwrap_or_else(|| panic!("no object: {value}"));
    for key in object.keys() {
        assert!(known.contains(&key.as_str()), "{key} in {value}");
    }
    object
}

fn array(value: &Value) -> &Vec<Value> {
    value.as_array().unwrap_or_else(|| panic!("no list: {value}"))
}

fn text(value: &Value) -> &str {
    let text = value.as_str().unwrap_or_else(|| panic!("no text: {value}"));
    assert!(!text.is_empty());
    text
}

/// A number from 1 on.
fn positive(value: &Value) -> u64 {
    let number = value.as_u64().unwrap_or_else(|| panic!("no number: {value}"));
    assert!(number >= 1);
    number
}

fn is_level(value: &Value) -> bool {
    ["none", "note", "warning", "error"].contains(&text(value))
}

/// Section 3.4.3 and RFC 3986: a reference relative to the folder of the project.
fn relative_reference(uri: &str) {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._~%/".contains(c);
    assert!(uri.chars().all(plain), "{uri}");
    for (at, _) in uri.match_indices('%') {
        let digits = uri.get(at + 1..at + 3).expect("two digits");
        assert!(digits.chars().all(|c| c.is_ascii_hexdigit()), "{uri}");
    }
    assert!(!uri.starts_with('/') && !uri.contains(':'), "{uri}");
}

/// Checks a document and gives its results.
fn results(document: &Value) -> &Vec<Value> {
    let log = object(document, &["$schema", "version", "runs"]);
    assert_eq!(log["version"], "2.1.0");
    assert!(text(&log["$schema"]).starts_with("https://"));
    let [run] = &array(&log["runs"])[..] else { panic!("one run") };
    let run = object(run, &["tool", "invocations", "results", "columnKind"]);
    assert_eq!(run["columnKind"], "unicodeCodePoints");
    let tool = object(&run["tool"], &["driver"]);
    let driver = object(&tool["driver"], &["name", "version", "rules"]);
    assert_eq!(driver["name"], "rimsim");
    text(&driver["version"]);
    let [invocation] = &array(&run["invocations"])[..] else { panic!("one invocation") };
    let known = ["executionSuccessful", "toolExecutionNotifications"];
    let invocation = object(invocation, &known);
    let notifications = array(&invocation["toolExecutionNotifications"]);
    assert_eq!(invocation["executionSuccessful"], notifications.is_empty());
    notifications.iter().for_each(notification);
    let rules = array(&driver["rules"]);
    assert_eq!(rules.len(), RULES.len());
    for (found, rule) in rules.iter().zip(RULES) {
        let known = [
            "id",
            "shortDescription",
            "fullDescription",
            "help",
            "defaultConfiguration",
            "properties",
        ];
        let found = object(found, &known);
        assert_eq!(found["id"], rule.id);
        for message in ["shortDescription", "fullDescription"] {
            text(&object(&found[message], &["text"])["text"]);
        }
        let help = object(&found["help"], &["text", "markdown"]);
        assert!(text(&help["markdown"]).ends_with(text(&help["text"])));
        assert!(is_level(&object(&found["defaultConfiguration"], &["level"])["level"]));
        assert_eq!(found["properties"]["severity"], rule.severity.name());
    }
    let results = array(&run["results"]);
    results.iter().for_each(|found| result(found, rules));
    results
}

fn notification(notification: &Value) {
    let notification = object(notification, &["level", "message", "locations"]);
    assert!(is_level(&notification["level"]));
    text(&object(&notification["message"], &["text"])["text"]);
    let [location] = &array(&notification["locations"])[..] else { panic!("one place") };
    let physical = &object(location, &["physicalLocation"])["physicalLocation"];
    let physical = object(physical, &["artifactLocation"]);
    relative_reference(text(&object(&physical["artifactLocation"], &["uri"])["uri"]));
}

fn result(result: &Value, rules: &[Value]) {
    let known = ["ruleId", "ruleIndex", "level", "message", "locations", "occurrenceCount"];
    let result = object(result, &known);
    let index = usize::try_from(result["ruleIndex"].as_u64().expect("an index")).expect("small");
    let rule = rules.get(index).expect("an index into the rules");
    assert_eq!(rule["id"], result["ruleId"]);
    assert_eq!(rule["defaultConfiguration"]["level"], result["level"]);
    assert!(is_level(&result["level"]));
    text(&object(&result["message"], &["text"])["text"]);
    positive(&result["occurrenceCount"]);
    let [location] = &array(&result["locations"])[..] else { panic!("one place") };
    let physical = &object(location, &["physicalLocation"])["physicalLocation"];
    let physical = object(physical, &["artifactLocation", "region"]);
    let artifact = object(&physical["artifactLocation"], &["uri"]);
    relative_reference(text(&artifact["uri"]));
    let region = object(&physical["region"], &["startLine", "startColumn"]);
    positive(&region["startLine"]);
    region.get("startColumn").map(positive);
}

fn sarif(folder: &Folder, args: &[&str]) -> Value {
    let output = stdout(&folder.rimsim(&[&["lint", "--format", "sarif"], args].concat()));
    serde_json::from_str(&output).expect("JSON")
}

#[test]
fn every_rule_is_a_valid_result() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/lint");
    let folder = Folder::new("sarif");
    let names: Vec<String> = RULES.iter().map(|rule| format!("{} ä.rmi", rule.id)).collect();
    for (name, Rule { id, .. }) in names.iter().zip(RULES) {
        // What 1.0 can not do wrong has its fixture with 2.0.
        let own = fs::read(fixtures.join(format!("{id}.rmi")));
        let own = own.or_else(|_| fs::read(fixtures.join(format!("2.0/{id}.rmi"))));
        folder.file(name, own.expect(id));
    }
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let document = sarif(&folder, &names);
    let results = results(&document);
    let ids: Vec<&str> = results.iter().map(|result| text(&result["ruleId"])).collect();
    assert_eq!(ids, RULES.iter().map(|rule| rule.id).collect::<Vec<_>>());
    let uri = &results[0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"];
    assert_eq!(uri, "rmi-failure%20%C3%A4.rmi");
    // The severities and what the format calls them.
    let level = |severity: &str| {
        let of = results.iter().zip(RULES).find(|(_, rule)| rule.severity.name() == severity);
        text(&of.expect("one of each").0["level"])
    };
    let levels = ["error", "rim", "risk", "note"].map(level);
    assert_eq!(levels, ["error", "warning", "warning", "note"]);
}

/// A file that can not be read is not a good one.
#[test]
fn what_can_not_be_looked_at_is_a_notification() {
    let folder = Folder::new("sarif-troubles");
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/lint/rmi-failure.rmi");
    folder
        .file("good.rmi", fs::read(fixture).expect("a fixture"))
        .file("wrong.rmi", "RTT_CREATE rd=\n")
        .file("empty.rmi", "let a = 1\n")
        .file("wrong.args", "kvmtool -- lkvm run -o x\n");
    let document = sarif(&folder, &["good.rmi", "wrong.rmi", "empty.rmi", "no.rmi", "wrong.args"]);
    assert_eq!(results(&document).len(), 1);
    let invocation = &document["runs"][0]["invocations"][0];
    let notifications = array(&invocation["toolExecutionNotifications"]);
    let uri = |one: &Value| {
        let place = &one["locations"][0]["physicalLocation"];
        text(&place["artifactLocation"]["uri"]).to_owned()
    };
    let uris: Vec<_> = notifications.iter().map(uri).collect();
    assert_eq!(uris, ["wrong.rmi", "empty.rmi", "no.rmi", "wrong.args"]);
    let texts: Vec<_> = notifications.iter().map(|one| text(&one["message"]["text"])).collect();
    for (text, why) in texts.iter().zip(["wrong.rmi:1:", "no RMI call", "No such file", "-o"]) {
        assert!(text.contains(why), "{text}");
    }
    assert_eq!(invocation["executionSuccessful"], false);
}

/// Absolute names below the working folder become relative ones; a place without a column has none.
#[test]
fn names_places_and_no_results() {
    let folder = Folder::new("sarif-names");
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/lint/rmi-failure.rmi");
    folder.file("it.rmi", fs::read(fixture).expect("a fixture"));
    let absolute = folder.path("it.rmi");
    let document = sarif(&folder, &[absolute.to_str().expect("a name")]);
    let place = &results(&document)[0]["locations"][0]["physicalLocation"];
    assert_eq!(place["artifactLocation"]["uri"], "it.rmi");
    let document = sarif(&folder, &["./it.rmi"]);
    let place = &results(&document)[0]["locations"][0]["physicalLocation"];
    assert_eq!(place["artifactLocation"]["uri"], "it.rmi");
    assert_eq!(results(&sarif(&folder, &["--list"])).len(), 0);
}
