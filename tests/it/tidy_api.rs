//! What a tool could check of the library's face: whoever builds on it need not have the same
//! release of another crate, and no file of tests is part of two crates.

use std::collections::BTreeSet;

use crate::tidy::{code, sources};

/// Types of these stand in signatures. JSON is what the forms of reference values are made of.
const SHOWN: &[&str] = &["serde_json"];

/// The crates that the library depends on, as paths name them.
fn crates() -> Vec<String> {
    let manifest = include_str!("../../Cargo.toml");
    let after = manifest.split("\n[dependencies]\n").nth(1).expect("a table");
    let table = after.split("\n[").next().unwrap_or_default();
    let names = table.lines().filter(|line| line.starts_with(|c: char| c.is_ascii_lowercase()));
    let names = names.filter_map(|line| Some(line.split_once(" = ")?.0.replace('-', "_")));
    names.filter(|name| !SHOWN.contains(&name.as_str())).collect()
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty())
}

/// The types and traits that a file takes from these crates by `use`.
fn foreign(body: &str, crates: &[String]) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for item in body.split("\nuse ").skip(1).filter_map(|rest| rest.split(';').next()) {
        if !words(item).next().is_some_and(|first| crates.iter().any(|name| name == first)) {
            continue;
        }
        let mut names = words(item).peekable();
        while let Some(name) = names.next() {
            // What is called otherwise here, or not at all, is not known by this name.
            let is_renamed = names.peek() == Some(&"as");
            if name.starts_with(char::is_uppercase) && !is_renamed {
                found.insert(name.to_owned());
            }
        }
    }
    found
}

/// What others see of a file: signatures, fields, aliases, conversions.
fn signatures(body: &str) -> Vec<String> {
    let starts = ["pub fn ", "pub const ", "pub unsafe ", "pub type ", "pub use ", "impl From<"];
    let mut found = Vec::new();
    let lines: Vec<_> = body.lines().map(code).collect();
    for (i, line) in lines.iter().enumerate() {
        let line = line.trim_start();
        if starts.iter().any(|start| line.starts_with(start)) {
            let text = lines[i..].join("\n");
            let end = text.find([';', '{', '=']).unwrap_or(text.len());
            let end = if line.starts_with("pub use") || line.starts_with("pub type") {
                text.find(';').unwrap_or(end)
            } else {
                end
            };
            found.push(text[..end].to_owned());
        } else if line.starts_with("pub ") && line.contains(": ") {
            found.push(line.to_owned());
        }
    }
    found
}

#[test]
fn no_signature_names_a_type_of_another_crate() {
    let crates = crates();
    assert!(["p256", "p384", "toml"].iter().all(|name| crates.iter().any(|found| found == name)));
    let mut looked_at = 0;
    for (name, text) in sources(&["src"]) {
        // The command is nobody's library.
        if name.starts_with("src/cli/") {
            continue;
        }
        let body = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
        let foreign = foreign(body, &crates);
        for signature in signatures(body) {
            looked_at += 1;
            let type_name = words(&signature).find(|word| foreign.contains(*word));
            let path = crates.iter().find(|name| signature.contains(&format!("{name}::")));
            assert!(type_name.is_none() && path.is_none(), "{name}: {signature}");
        }
    }
    assert!(looked_at > 2000, "{looked_at}");
}

#[test]
fn what_is_looked_for_is_found() {
    let crates = ["p384".to_owned()];
    let body = "\nuse p384::ecdsa::{Signature as Es384, SigningKey, signature::Signer as _};\n\
        pub fn a(key: &SigningKey) -> u8 {\npub key: p384::SecretKey,\n\
        impl From<SigningKey> for A\n";
    assert_eq!(foreign(body, &crates).into_iter().collect::<Vec<_>>(), ["Es384", "SigningKey"]);
    assert_eq!(signatures(body).len(), 3);
}

/// What tests and fuzz targets share is a crate of its own.
#[test]
fn no_file_is_part_of_two_crates() {
    let mark = concat!("#[", "path");
    for (name, text) in sources(&["src", "tests", "benches", "fuzz", "examples"]) {
        assert!(!text.contains(mark), "{name}");
    }
}
