//! `rimsim schema`

use std::collections::BTreeSet;
use std::io;

use clap::Args as ClapArgs;
use serde_json::{Map, Value, json};

use crate::cli::console::Console;
use crate::cli::exit::Exit;
use crate::encoding::nearest::there_are;

/// Print the JSON Schema of a document that rimsim writes, or list them
///
/// Schemas are of draft 2020-12 and stand alone. A document of a later version may have fields that
/// its schema here does not name: readers pass over those. Which fields there are, and their types,
/// stays.
#[derive(Debug, ClapArgs)]
pub(crate) struct SchemaArgs {
    /// The document: that of --format json by its subcommand, others by their format
    #[arg(value_name = "NAME")]
    name: Option<String>,
}

/// Every document, by name. What several have in common stands in `common.json`.
const DOCUMENTS: &[(&str, &str)] = &[
    ("bench", include_str!("documents/bench.json")),
    ("boot", include_str!("documents/boot.json")),
    ("ccatoken-store", include_str!("documents/ccatoken-store.json")),
    ("check", include_str!("documents/check.json")),
    ("cocli", include_str!("documents/cocli.json")),
    ("cocli-corim", include_str!("documents/cocli-corim.json")),
    ("conform", include_str!("documents/conform.json")),
    ("coverage", include_str!("documents/coverage.json")),
    ("digests", include_str!("documents/digests.json")),
    ("ear", include_str!("documents/ear.json")),
    ("events", include_str!("documents/events.json")),
    ("explain", include_str!("documents/explain.json")),
    ("import", include_str!("documents/import.json")),
    ("language", include_str!("documents/language.json")),
    ("lint", include_str!("documents/lint.json")),
    ("log", include_str!("documents/log.json")),
    ("matrix", include_str!("documents/matrix.json")),
    ("measure", include_str!("documents/measure.json")),
    ("platforms", include_str!("documents/platforms.json")),
    ("profiles", include_str!("documents/profiles.json")),
    ("run", include_str!("documents/run.json")),
    ("samsung", include_str!("documents/samsung.json")),
    ("sarif", include_str!("documents/sarif.json")),
    ("search", include_str!("documents/search.json")),
    ("token", include_str!("documents/token.json")),
    ("trustee", include_str!("documents/trustee.json")),
    ("vector", include_str!("documents/vector.json")),
    ("verify", include_str!("documents/verify.json")),
    ("version", include_str!("documents/version.json")),
    ("why", include_str!("documents/why.json")),
];
const COMMON: &str = include_str!("common.json");

pub(crate) fn run(args: &SchemaArgs, console: &mut Console) -> io::Result<Exit> {
    let Some(name) = &args.name else {
        for name in names() {
            let schema = schema(name).expect("its own name");
            console
                .result(&format!("{name:16} {}", schema["title"].as_str().unwrap_or_default()))?;
        }
        return Ok(Exit::Good);
    };
    let Some(schema) = schema(name) else {
        let all: Vec<_> = names().collect();
        console.error(&format!("there is no document `{name}`; {}", there_are(name, &all)));
        return Ok(Exit::Usage);
    };
    console.json(&schema)?;
    Ok(Exit::Good)
}

/// The names of all documents, in order.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    DOCUMENTS.iter().map(|(name, _)| *name)
}

/// The schema of a document, with all that it refers to.
pub(crate) fn schema(name: &str) -> Option<Value> {
    let (name, text) = DOCUMENTS.iter().find(|(known, _)| *known == name)?;
    let own: Map<String, Value> = serde_json::from_str(text).expect("our own text");
    let common: Map<String, Value> = serde_json::from_str(COMMON).expect("our own text");
    let mut document = Map::from_iter([
        ("$schema".to_owned(), json!("https://json-schema.org/draft/2020-12/schema")),
        ("$id".to_owned(), json!(format!("urn:rimsim:schema:{name}"))),
    ]);
    document.extend(own);
    let mut needed = BTreeSet::new();
    let mut open: Vec<&str> = references(&document);
    while let Some(name) = open.pop() {
        if needed.insert(name.to_owned()) {
            open.extend(common[name].as_object().map_or(Vec::new(), references));
        }
    }
    if !needed.is_empty() {
        let defs = needed.into_iter().map(|name| {
            let schema = common[&name].clone();
            (name, schema)
        });
        let defs: Map<String, Value> = defs.collect();
        document.insert("$defs".to_owned(), defs.into());
    }
    Some(document.into())
}

/// What a schema refers to in `common.json`.
fn references(schema: &Map<String, Value>) -> Vec<&str> {
    let mut found = Vec::new();
    for (key, value) in schema {
        match value {
            Value::String(text) if key == "$ref" => {
                found.push(text.strip_prefix("#/$defs/").expect("a part of common.json"));
            }
            Value::Object(inner) => found.extend(references(inner)),
            Value::Array(list) => {
                let inner = list.iter().filter_map(Value::as_object);
                found.extend(inner.flat_map(references));
            }
            _ => {}
        }
    }
    found
}
