//! What a tool could check of who uses whom: files of a part use each other in one direction, and
//! only `cli` prints.

use std::collections::{BTreeMap, BTreeSet};

use crate::tidy::{code, sources};

/// A module of a part: the names on the way to it.
type Module = Vec<String>;

/// The modules of a part, each with the text of its file but for its tests.
fn modules(part: &str) -> BTreeMap<Module, String> {
    let folder = format!("src/{part}");
    let module = |(name, text): (String, String)| {
        let path = name[folder.len() + 1..].trim_end_matches(".rs");
        let mut module: Module = path.split('/').map(str::to_owned).collect();
        module.pop_if(|last| last == "mod");
        let body = text.split("#[cfg(test)]").next().unwrap_or_default();
        let body = body.lines().filter(|line| !line.trim_start().starts_with("mod "));
        (module, body.map(|line| format!("{}\n", code(line))).collect())
    };
    sources(&[&folder]).into_iter().map(module).collect()
}

/// The names that a list in braces begins with, or the one name.
fn heads(path: &str) -> Vec<&str> {
    let list = path.strip_prefix('{').and_then(|list| list.split('}').next());
    let names = list.map_or_else(|| vec![path], |list| list.split(',').collect());
    let end = |name: &str| name.find(|c: char| !c.is_alphanumeric() && c != '_');
    let names = names.into_iter().map(str::trim);
    names.map(|name| &name[..end(name).unwrap_or(name.len())]).collect()
}

/// The modules of the part that the file of `own` names.
fn used(part: &str, own: &Module, text: &str, all: &BTreeMap<Module, String>) -> BTreeSet<Module> {
    let from_root = format!("crate::{part}::");
    let mut found = BTreeSet::new();
    let mut add = |base: &[String], rest: &str| {
        for head in heads(rest) {
            let mut module = [base, &[head.to_owned()]].concat();
            while !all.contains_key(&module) && !module.is_empty() {
                module.pop();
            }
            found.insert(module);
        }
    };
    for (at, _) in text.match_indices(&from_root) {
        add(&[], &text[at + from_root.len()..]);
    }
    for (at, _) in text.match_indices("super::") {
        if text[..at].ends_with("super::") {
            continue;
        }
        let rest = text[at..].trim_start_matches("super::");
        let up = (text[at..].len() - rest.len()) / "super::".len();
        add(&own[..own.len().saturating_sub(up)], rest);
    }
    for child in all.keys().filter(|module| module.len() == own.len() + 1) {
        let name = format!("{}::", child.last().expect("a name"));
        let mut places = text.match_indices(&name);
        let is_path = |(at, _): (usize, &str)| {
            text[..at].chars().next_back().is_none_or(|c| !c.is_alphanumeric() && !"_:".contains(c))
        };
        if child.starts_with(own) && places.any(is_path) {
            found.insert(child.clone());
        }
    }
    found.remove(own);
    found
}

/// Whoever reads one file of a circle has to read all of them.
#[test]
fn no_circle_of_files_in_parts_that_have_none() {
    for part in ["abi", "cli", "explain"] {
        no_circle_in(part);
    }
}

fn no_circle_in(part: &str) {
    let all = modules(part);
    let mut left: BTreeMap<_, _> =
        all.iter().map(|(own, text)| (own.clone(), used(part, own, text, &all))).collect();
    assert!(left.values().any(|used| used.len() > 4), "files of {part} use others");
    // What uses nothing that is left stands below; a circle never gets there.
    while let Some(lowest) =
        left.iter().find(|(_, used)| used.iter().all(|one| !left.contains_key(one)))
    {
        let lowest = lowest.0.clone();
        left.remove(&lowest);
    }
    let names: Vec<_> = left.keys().map(|module| module.join("::")).collect();
    assert!(names.is_empty(), "{part}: a circle, or what uses it: {names:?}");
}

/// Only the command line talks to people, and ends the process.
#[test]
fn nothing_below_the_command_line_prints() {
    let words = [
        "println!",
        "eprintln!",
        "print!",
        "eprint!",
        "dbg!",
        "io::stdout",
        "io::stderr",
        "process::exit",
        "process::abort",
    ];
    for (name, text) in sources(&["src"]) {
        // A result's target can be standard output, so that is among the targets.
        let targets = name == "src/outputs/target.rs";
        if name.starts_with("src/cli/") || name.contains("/tests") || targets {
            continue;
        }
        let body = text.split("#[cfg(test)]").next().unwrap_or_default();
        for (i, line) in body.lines().enumerate() {
            let found = words.into_iter().find(|word| code(line).contains(word));
            assert!(found.is_none(), "{name}:{}: {found:?}; only `cli` prints", i + 1);
        }
    }
}
