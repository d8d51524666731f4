//! JSON that the command writes, against the schemas that it prints: whatever any test runs, the
//! goldens, and documents that are spoiled on purpose.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::{Arc, LazyLock, Mutex};

use jsonschema::Validator;
use rimsim::cli::inventory::{schema_of, schemas, with_format};
use serde_json::{Value, json};

use crate::cli::every_subcommand::made;
use crate::cli::output_tables::words;
use crate::cli::stdout;

/// A schema, and the same with no room to grow: then it names every field that is there.
#[derive(Clone)]
struct Schema {
    printed: Arc<Validator>,
    closed: Arc<Validator>,
}

impl Schema {
    fn of(name: &str) -> Self {
        let validator = |schema: &Value| {
            let made = jsonschema::draft202012::new(schema);
            Arc::new(made.unwrap_or_else(|error| panic!("{name}: {error}")))
        };
        let mut schema = schema_of(name).unwrap_or_else(|| panic!("no schema of {name}"));
        let printed = validator(&schema);
        close(&mut schema);
        Self { printed, closed: validator(&schema) }
    }

    fn cached(name: &str) -> Self {
        static KNOWN: LazyLock<Mutex<BTreeMap<String, Schema>>> = LazyLock::new(Mutex::default);
        if let Some(known) = KNOWN.lock().expect("no panic").get(name) {
            return known.clone();
        }
        let made = Self::of(name);
        KNOWN.lock().expect("no panic").insert(name.to_owned(), made.clone());
        made
    }
}

fn close(schema: &mut Value) {
    match schema {
        Value::Object(object) => {
            object.values_mut().for_each(close);
            let names = object.get("properties").is_some_and(Value::is_object);
            if names && object.get("type") == Some(&json!("object")) {
                object.entry("additionalProperties").or_insert(json!(false));
            }
        }
        Value::Array(list) => list.iter_mut().for_each(close),
        _ => {}
    }
}

/// The document's name, by what it says of itself.
fn name_of(document: &Value) -> Option<&str> {
    let has = |key: &str| document.get(key).is_some();
    if document["schema"] == "rimsim/1" {
        let is_event = document["kind"] == "events";
        return if is_event { Some("events") } else { document["command"].as_str() };
    }
    let by_key = [
        ("eat_profile", "ear"),
        ("$schema", "sarif"),
        ("triples", "cocli"),
        ("corim-id", "cocli-corim"),
        ("payload", "trustee"),
        ("steps", "vector"),
        ("command", "events"),
    ];
    let of_verifiers = match &document["realm"] {
        Value::Array(_) => Some("ccatoken-store"),
        Value::Object(_) => Some("samsung"),
        _ => None,
    };
    by_key.iter().find(|(key, _)| has(key)).map(|(_, name)| *name).or(of_verifiers)
}

/// Holds what was written against its schema, if it is JSON: one document, or one a line.
pub(crate) fn hold(args: &[&str], bytes: &[u8]) {
    if bytes.first() != Some(&b'{') {
        return;
    }
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let documents: Vec<Value> = match serde_json::from_str(text) {
        Ok(one) if schema_of(args.get(1).copied().unwrap_or_default()).is_some() => {
            // A schema is no document of its kind.
            let one: Value = one;
            if one["$id"].is_string() { Vec::new() } else { vec![one] }
        }
        Ok(one) => vec![one],
        Err(_) => text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect(),
    };
    for document in documents {
        let name = name_of(&document);
        let name = name.unwrap_or_else(|| panic!("{args:?}: no schema of {document}"));
        let errors: Vec<String> =
            Schema::cached(name).closed.iter_errors(&document).map(|error| told(&error)).collect();
        assert!(errors.is_empty(), "{args:?}: {name}: {errors:#?}");
    }
}

fn told(error: &jsonschema::ValidationError<'_>) -> String {
    format!("{}: {error}", error.instance_path())
}

#[test]
fn every_subcommand_with_documents_has_a_schema() {
    let names = schemas();
    let asked = with_format("json");
    assert!(asked.len() > 15, "{asked:?}");
    for name in asked.iter().map(String::as_str).chain(with_format("ear").iter().map(|_| "ear")) {
        assert!(names.contains(&name), "{name}");
    }
    for format in ["cocli", "trustee", "ccatoken-store", "samsung", "sarif"] {
        assert!(!with_format(format).is_empty() && names.contains(&format), "{format}");
    }
    for name in names {
        let schema = schema_of(name).expect("a schema");
        assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
        let good = jsonschema::meta::validate(&schema);
        assert!(good.is_ok(), "{name}: {good:?}");
        Schema::of(name);
    }
}

/// A command line of each document. `DIGITS` is a RIM.
const DOCUMENTS: &[&str] = &[
    "run --format json --events -v a.rmi",
    "run --format json refused.rmi",
    "run --format ccatoken-store a.rmi",
    "run --format samsung a.rmi",
    "run --format trustee a.rmi",
    "run --format cocli --with-rpv a.rmi",
    "conform --format json vector.json",
    "coverage --format json a.rmi",
    "lint --format json a.rmi",
    "lint --format json --list",
    "lint --format sarif refused.rmi other.rmi nothing.rmi",
    "platforms --format json",
    "platforms --format json fvp",
    "measure --format json --events GUEST",
    "search --format json --vary num-bps=4 --rim DIGITS GUEST",
    "matrix --format json --cpus 1,2 GUEST",
    "verify --format json token.cbor --expect-rim DIGITS",
    "verify --format ear --at 2026-11-01 token.cbor --expect-rim DIGITS",
    "check --format json old.lock",
    "profiles --format json",
    "explain --format json a.rmi other.rmi",
    "explain --format json chain.toml made.ccel",
    "token --format json token.cbor",
    "digests --format json Image -o new.rimd",
    "import --format json boot.log -o new.rmi",
    "log --format json vmm.log",
    "log --format json --registers mr made.ccel",
    "bench --format json --hasher sha2 --size 1MiB --rounds 1 --dir .",
    "language --format json",
    "version --format json",
    "boot --format json chain.toml",
    "why --format json --budget 0 DIGITS GUEST",
];

/// Every place of a value in a document: of lists the first item alone.
fn places(value: &Value, here: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(object) => {
            for (key, inner) in object {
                let key = key.replace('~', "~0").replace('/', "~1");
                let place = format!("{here}/{key}");
                found.push(place.clone());
                places(inner, &place, found);
            }
        }
        Value::Array(list) => {
            if let Some(first) = list.first() {
                places(first, &format!("{here}/0"), found);
            }
        }
        _ => {}
    }
}

/// A document with the first items of its lists.
fn shortened(document: &Value) -> Value {
    match document {
        Value::Array(list) => list.iter().take(8).map(shortened).collect(),
        Value::Object(object) => {
            let fields = object.iter().map(|(key, value)| (key.clone(), shortened(value)));
            Value::Object(fields.collect())
        }
        other => other.clone(),
    }
}

/// A field of another name, and one of another type, are found.
fn spoiled(line: &str, document: &Value) -> Vec<String> {
    let mut wrong = Vec::new();
    let name = name_of(document).expect("a name");
    let schema = Schema::cached(name);
    assert!(schema.printed.is_valid(document), "{line}");
    let document = &shortened(document);
    let mut all = Vec::new();
    places(document, "", &mut all);
    for place in all {
        let (outer, key) = place.rsplit_once('/').expect("a key");
        let key = key.replace("~1", "/").replace("~0", "~");
        let mut renamed = document.clone();
        let object = renamed.pointer_mut(outer).and_then(Value::as_object_mut).expect("an object");
        let value = object.remove(&key).expect("it is there");
        object.insert(format!("{key}2"), value);
        let mut mistyped = document.clone();
        *mistyped.pointer_mut(&place).expect("it is there") = json!([[{}]]);
        // The keys of these are names of others.
        let free = ["/values/", "/candidates/0/", "/args/", "/kernels/", "/kernel/"];
        let is_free = free.iter().any(|part| place.contains(part));
        if !is_free && schema.closed.is_valid(&renamed) {
            wrong.push(format!("{line}: {place} renamed"));
        }
        if schema.printed.is_valid(&mistyped) {
            wrong.push(format!("{line}: {place} of another type"));
        }
    }
    let mut grown = document.clone();
    grown["a_field_of_tomorrow"] = json!(1);
    assert!(schema.printed.is_valid(&grown), "{line}: no room to grow");
    wrong
}

#[test]
fn documents_fit_and_spoiled_ones_do_not() {
    let folder = made("schemas");
    let (mut seen, mut wrong) = (Vec::new(), Vec::new());
    for line in DOCUMENTS {
        let line = line.replace("DIGITS", &"a7".repeat(32));
        // Held against the schema where it is run.
        let output = folder.rimsim(&words(&line));
        let document: Value = serde_json::from_str(&stdout(&output))
            .unwrap_or_else(|error| panic!("{line}: {error}: {output:?}"));
        wrong.extend(spoiled(&line, &document));
        seen.push(name_of(&document).expect("a name").to_owned());
        if line.contains("cocli") {
            let told = String::from_utf8_lossy(&output.stderr).into_owned();
            let template = told.lines().find(|line| line.starts_with('{')).expect("a template");
            wrong.extend(spoiled(&line, &serde_json::from_str(template).expect("JSON")));
            seen.push("cocli-corim".to_owned());
        }
    }
    let saved = fs::read_to_string(folder.path("saved.events")).expect("events");
    let tree = folder.rimsim(&words("measure --events-out more.events GUEST"));
    assert!(tree.status.success(), "{tree:?}");
    let more = fs::read_to_string(folder.path("more.events")).expect("events");
    for line in saved.lines().chain(more.lines()) {
        wrong.extend(spoiled("events", &serde_json::from_str(line).expect("JSON")));
    }
    let vector = fs::read_to_string(folder.path("vector.json")).expect("a vector");
    wrong.extend(spoiled("vector", &serde_json::from_str(&vector).expect("JSON")));
    seen.extend(["events", "vector"].map(str::to_owned));
    assert!(wrong.is_empty(), "{wrong:#?}");
    for name in schemas() {
        assert!(seen.iter().any(|seen| seen == name), "{name}: no document was held against it");
    }
}

/// Documents in goldens are those of the commands above them.
#[test]
fn goldens_fit() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/console");
    let mut held = 0;
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let text = fs::read_to_string(&path).expect("text");
        for block in text.split("\n$ ").skip(1) {
            let out: Vec<&str> = block.lines().filter_map(|line| line.strip_prefix('>')).collect();
            let out = out.iter().map(|line| line.strip_prefix(' ').unwrap_or(line));
            let out = out.collect::<Vec<_>>().join("\n");
            let args: Vec<&str> = block.lines().next().unwrap_or_default().split(' ').collect();
            held += usize::from(out.starts_with('{'));
            hold(&args, out.as_bytes());
        }
    }
    assert!(held > 0, "no golden has a document");
}
