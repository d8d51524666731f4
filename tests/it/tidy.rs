//! What a tool could check: floors, lengths, licences, and words that do not belong here.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The files with this extension under a folder, by name and text.
fn files(folder: &str, extension: &str) -> Vec<(String, String)> {
    let mut folders = vec![root().join(folder)];
    let mut found: Vec<PathBuf> = Vec::new();
    while let Some(folder) = folders.pop() {
        // A folder that does not exist has no files.
        for entry in fs::read_dir(&folder).into_iter().flatten() {
            let path = entry.expect("an entry").path();
            let built = path.ends_with("target") || path.ends_with("corpus");
            if path.is_dir() && !built {
                folders.push(path);
            } else if path.extension().is_some_and(|found| found == extension) {
                found.push(path);
            }
        }
    }
    found.sort();
    let name = |path: &Path| path.strip_prefix(root()).expect("inside").display().to_string();
    found.iter().map(|path| (name(path), fs::read_to_string(path).expect("text"))).collect()
}

pub(crate) fn sources(folders: &[impl AsRef<str>]) -> Vec<(String, String)> {
    folders.iter().flat_map(|folder| files(folder.as_ref(), "rs")).collect()
}

/// A line without its comment. No string in the sources has two slashes that matter here.
pub(crate) fn code(line: &str) -> &str {
    line.split("//").next().unwrap_or_default()
}

/// The floors of the library, from the ground up. A file may use its own part and lower floors;
/// parts of one floor that are one machine may use each other.
const FLOORS: &[&[&str]] = &[
    &["encoding", "guide", "inputs"],
    &["outputs"],
    &["abi"],
    &["measure"],
    &["model"],
    &["rsi"],
    &["rmi", "guest"],
    &["session"],
    &["caller"],
    &["script", "vector", "coverage", "host", "lint", "explain", "refvalue", "evidence"],
    &["predict"],
    &["conform", "digest_cache", "event_log", "rmm_log", "search", "report"],
    &["boot", "why"],
    &["cli"],
];
const ONE_MACHINE: &[&str] = &["rmi", "guest"];

/// The first names of paths from the crate's root, alone or in a list on one line.
fn uses(line: &str) -> Vec<&str> {
    let end = |path: &str| path.find(|c: char| !c.is_alphanumeric() && c != '_');
    let paths = line.split("crate::").skip(1).flat_map(|path| {
        let list = path.strip_prefix('{').and_then(|list| list.split('}').next());
        list.map_or_else(|| vec![path], |list| list.split(", ").collect())
    });
    paths.map(|path| &path[..end(path).unwrap_or(path.len())]).collect()
}

#[test]
fn floors_use_only_lower_floors() {
    let floor = |part: &str| FLOORS.iter().position(|parts| parts.contains(&part));
    for (name, text) in sources(&["src"]) {
        let path = name.trim_start_matches("src/").trim_end_matches(".rs");
        let own = path.split('/').next().expect("a first part");
        if ["lib", "main"].contains(&own) {
            continue;
        }
        let Some(here) = floor(own) else { panic!("{name}: `{own}` stands on no floor") };
        for (i, line) in text.lines().enumerate() {
            for used in uses(code(line)) {
                let lower = floor(used).is_some_and(|there| there < here);
                let together = ONE_MACHINE.contains(&own) && ONE_MACHINE.contains(&used);
                // Items that `lib.rs` shows at the top are not a floor.
                let item = used.starts_with(char::is_uppercase);
                let good = lower || together || used == own || item;
                assert!(good, "{name}:{}: {own} uses {used}", i + 1);
            }
        }
    }
}

#[test]
fn files_lines_and_functions_are_short() {
    for (name, text) in sources(&["src", "tests", "benches", "fuzz"]) {
        assert!(text.lines().count() <= 600, "{name} has more than 600 lines");
        for (i, line) in text.lines().enumerate() {
            assert!(line.chars().count() <= 100, "{name}:{}: more than 100 columns", i + 1);
            assert_eq!(line.trim_end(), line, "{name}:{}: white space at the end", i + 1);
        }
        let lines: Vec<_> = text.lines().collect();
        for (i, line) in lines.iter().enumerate() {
            let indent = line.len() - line.trim_start().len();
            let head = code(line).trim_start();
            let function = ["fn ", "pub fn ", "pub(crate) fn ", "pub(super) fn "];
            if !function.iter().any(|start| head.starts_with(start)) {
                continue;
            }
            let close = format!("{}}}", " ".repeat(indent));
            let length = lines[i..].iter().position(|line| *line == close).unwrap_or(0);
            assert!(length < 70, "{name}:{}: a function of {} lines", i + 1, length + 1);
        }
    }
}

/// Whoever writes files elsewhere destroys a device or leaves half of a set one day.
#[test]
fn files_are_written_in_one_place() {
    let words = ["File::create", "fs::write", "fs::rename", "OpenOptions", "File::options"];
    for (name, text) in sources(&["src"]) {
        if name.starts_with("src/outputs/") || name.contains("/tests") {
            continue;
        }
        let body = text.split("#[cfg(test)]").next().unwrap_or_default();
        for (i, line) in body.lines().enumerate() {
            let found = words.into_iter().find(|word| code(line).contains(word));
            assert!(found.is_none(), "{name}:{}: {found:?}; use `outputs`", i + 1);
        }
    }
}

/// An input that nobody remembers is written over one day.
#[test]
fn files_are_read_in_one_place() {
    let words = ["File::open", "fs::read(", "fs::read_to_string", "io::stdin", "rustix::fs::open"];
    // They ask the kernel, in files of its own.
    let kernel = ["src/measure/image/vouch.rs", "src/measure/image/copy.rs"];
    for (name, text) in sources(&["src"]) {
        let own = ["src/outputs/", "src/inputs/"].iter().any(|folder| name.starts_with(folder))
            || name.contains("/tests");
        let body = text.split("#[cfg(test)]").next().unwrap_or_default();
        for (i, line) in body.lines().enumerate().filter(|_| !own) {
            let found = words.into_iter().find(|word| code(line).contains(word));
            let asked = found == Some("fs::read_to_string") && kernel.contains(&name.as_str());
            let good = found.is_none() || asked;
            assert!(good, "{name}:{}: {found:?}; use `inputs`", i + 1);
        }
    }
}

#[test]
fn words_that_do_not_belong_here() {
    let hash = ["Map", "Set"].map(|kind| format!("Hash{kind}"));
    let unfinished = ["todo", "unimplemented", "dbg"].map(|word| format!("{word}!("));
    for (name, text) in sources(&["src"]) {
        for (i, line) in text.lines().enumerate() {
            for word in hash.iter().chain(&unfinished) {
                assert!(!code(line).contains(word.as_str()), "{name}:{}: {word}", i + 1);
            }
        }
    }
    // Paths of somebody's machine.
    let roots = ["home", "root", "tmp"].map(|folder| format!("/{folder}/"));
    let mut texts = sources(&["src", "tests", "benches", "fuzz"]);
    texts.extend(["", "fuzz", "docs"].iter().flat_map(|folder| top(folder, &["md", "toml"])));
    for (name, text) in texts {
        for root in &roots {
            assert!(!text.contains(root.as_str()), "{name}: {root}");
        }
    }
}

/// The files of one folder with one of these extensions.
fn top(folder: &str, extensions: &[&str]) -> Vec<(String, String)> {
    let entries = fs::read_dir(root().join(folder)).into_iter().flatten();
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let fits = |path: &PathBuf| {
        path.extension().is_some_and(|found| extensions.iter().any(|known| found == *known))
    };
    let read =
        |path: PathBuf| (path.display().to_string(), fs::read_to_string(&path).expect("text"));
    paths.filter(fits).map(read).collect()
}

#[test]
fn unsafe_code_says_why_and_stands_where_it_may() {
    for (name, text) in sources(&["src", "tests", "benches"]) {
        let word = format!("{} {{", "unsafe");
        let lines: Vec<_> = text.lines().collect();
        for (i, line) in lines.iter().enumerate() {
            if !code(line).contains(&word) {
                continue;
            }
            let mapping = name == "src/measure/image/map.rs";
            let place = mapping || name.starts_with("src/measure/kernel/");
            assert!(place, "{name}:{}: unsafe", i + 1);
            let above = &lines[i.saturating_sub(12)..i];
            let said = above.iter().any(|line| line.contains("SAFETY:"));
            assert!(said, "{name}:{}: no SAFETY comment", i + 1);
        }
    }
}

/// What differs between editions is asked of `Profile`, or stands in the tables of commands and
/// rows; `rmi/gate.rs` has the words for the latter.
#[test]
fn no_body_names_an_edition() {
    let words = ["Edition::V1", "Edition::V2", "TF_RMM_2", "SPEC_2", "edition().name() =="];
    for (name, text) in sources(&["src"]) {
        if name.starts_with("src/abi/") || name == "src/rmi/gate.rs" || name.contains("/tests/") {
            continue;
        }
        let body = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
        for (i, line) in body.lines().enumerate() {
            let found = words.into_iter().find(|word| code(line).contains(word));
            assert!(found.is_none(), "{name}:{}: {found:?}; ask the profile", i + 1);
        }
    }
}

#[test]
fn every_dependency_says_why() {
    for name in ["Cargo.toml", "fuzz/Cargo.toml"] {
        let text = fs::read_to_string(root().join(name)).expect("text");
        let mut section = "";
        let mut above = "";
        for line in text.lines() {
            if line.starts_with('[') {
                section = line;
            } else if section.contains("dependencies") && !line.is_empty() && !line.starts_with('#')
            {
                let why = above.starts_with("# ") && above.ends_with('.');
                assert!(why, "{name}: {line} has no sentence above it");
            }
            above = line;
        }
    }
}

/// Licences under which a dependency may come.
const LICENCES: &[&str] = &[
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "ISC",
    "MIT",
    "MIT-0",
    "Unicode-3.0",
    "Unlicense",
    "BlueOak-1.0.0",
    "Zlib",
];

/// Whether an SPDX expression lets us choose licences of the list. `/` is an old `OR`.
fn permits(expression: &str) -> bool {
    let expression = expression.replace('/', " OR ");
    let spaced = expression.replace('(', " ( ").replace(')', " ) ");
    let words: Vec<_> = spaced.split_whitespace().collect();
    any_of(&mut words.into_iter().peekable())
}

type Words<'t> = std::iter::Peekable<std::vec::IntoIter<&'t str>>;

fn any_of(words: &mut Words<'_>) -> bool {
    let mut good = all_of(words);
    while words.next_if_eq(&"OR").is_some() {
        good |= all_of(words);
    }
    good
}

fn all_of(words: &mut Words<'_>) -> bool {
    let mut good = one(words);
    while words.next_if_eq(&"AND").is_some() {
        good &= one(words);
    }
    good
}

fn one(words: &mut Words<'_>) -> bool {
    if words.next_if_eq(&"(").is_some() {
        let good = any_of(words);
        words.next();
        return good;
    }
    let mut name = words.next().unwrap_or_default().to_owned();
    if words.next_if_eq(&"WITH").is_some() {
        name = format!("{name} WITH {}", words.next().unwrap_or_default());
    }
    LICENCES.contains(&name.as_str())
}

#[test]
fn licences_are_on_the_list() {
    assert!(permits("(MIT OR GPL-2.0) AND Unicode-3.0") && permits("GPL-3.0/Zlib"));
    assert!(!permits("MIT AND GPL-2.0") && !permits("") && !permits("GPL-2.0 OR (MIT AND X)"));

    // Only the packages of this machine are sure to be here without a network.
    let version = Command::new("rustc").arg("-vV").output();
    let Ok(version) = version else { return };
    let version = String::from_utf8_lossy(&version.stdout).into_owned();
    let Some(host) = version.lines().find_map(|line| line.strip_prefix("host: ")) else { return };
    let metadata = Command::new(env!("CARGO"))
        .args(["metadata", "--offline", "--locked", "--format-version", "1"])
        .args(["--filter-platform", host])
        .current_dir(root())
        .output()
        .expect("cargo runs");
    let error = String::from_utf8_lossy(&metadata.stderr);
    assert!(metadata.status.success(), "{error}");
    let metadata: serde_json::Value = serde_json::from_slice(&metadata.stdout).expect("JSON");
    let packages = metadata["packages"].as_array().expect("a list");
    let mut seen = BTreeSet::new();
    for package in packages {
        let licence = package["license"].as_str().unwrap_or_default();
        assert!(permits(licence), "{}: licence {licence:?}", package["name"]);
        seen.insert(package["name"].as_str());
    }
    assert!(seen.contains(&Some("sha2")) && seen.len() > 50);
}

/// What the library shows at its top can be shared between threads, copied and printed.
#[test]
fn the_api_keeps_its_promises() {
    fn value<T: Clone + Send + Sync + std::fmt::Debug + PartialEq + 'static>() {}
    fn error<T: std::error::Error + Send + Sync + 'static>() {}
    value::<rimsim::World>();
    value::<rimsim::Platform>();
    value::<rimsim::Profile>();
    value::<rimsim::Command>();
    value::<rimsim::ReturnCode>();
    value::<rimsim::Status>();
    value::<rimsim::rmi::Outcome>();
    value::<rimsim::measure::rim::Measurement>();
    error::<rimsim::abi::platform::PlatformError>();
    error::<rimsim::model::world::HostFault>();
    error::<rimsim::session::Fault>();
    error::<rimsim::model::Violation>();
}

/// What reads or writes an encoding stands in `src/encoding`: nobody else names the crates that do,
/// or prints bytes as digits.
#[test]
fn encodings_are_read_and_written_in_one_place() {
    let crates =
        ["base64ct", "minicbor", "p256", "p384", "p521", "sec1", "coset", "toml", "x509_cert"];
    // A byte alone in a message or behind an escape is no encoding.
    let lone = ["src/script/parse.rs", "src/event_log/payload.rs"];
    for (name, text) in sources(&["src"]) {
        if name.starts_with("src/encoding/") {
            continue;
        }
        let body = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
        for (i, line) in body.lines().enumerate() {
            let line = code(line);
            let named = crates.iter().find(|found| {
                let path = format!("{found}::");
                let before = line.find(&path).and_then(|at| line[..at].chars().last());
                line.contains(&path) && !before.is_some_and(|c| c.is_alphanumeric() || c == '_')
            });
            assert!(named.is_none(), "{name}:{}: {named:?}; see src/encoding", i + 1);
            let digits = line.contains(":02x}") && !lone.contains(&name.as_str());
            let radix = line.contains("u8::from_str_radix") || line.contains("fn hex(bytes");
            assert!(!digits && !radix, "{name}:{}: see encoding::text", i + 1);
        }
    }
}

/// Whoever wants the model pays for no curves, no command line and no TOML.
#[test]
fn the_core_has_few_dependencies() {
    let tree = Command::new(env!("CARGO"))
        .args(["tree", "--offline", "--locked", "--edges", "normal"])
        .args(["--no-default-features", "--prefix", "none", "--format", "{p}"])
        .current_dir(root())
        .output()
        .expect("cargo runs");
    let error = String::from_utf8_lossy(&tree.stderr);
    assert!(tree.status.success(), "{error}");
    let text = String::from_utf8_lossy(&tree.stdout);
    let mut crates: BTreeSet<_> = text.lines().filter_map(|line| line.split(' ').next()).collect();
    assert!(crates.remove("rimsim") && crates.contains("sha2"), "{crates:?}");
    assert!(crates.len() <= 40, "{}: {crates:?}", crates.len());
    for other in
        ["sha2-asm", "clap", "indicatif", "p384", "sec1", "uuid", "flate2", "toml", "minicbor"]
    {
        assert!(!crates.contains(other), "{other}");
    }
}

/// The model writes texts (`shown` makes names of files fit for terminals), and neither signs nor
/// reads CBOR: it can be built without curves.
#[test]
fn the_model_needs_no_encoding_but_text() {
    let folders = ["abi", "measure", "model", "rmi", "rsi", "guest", "session"];
    for (name, text) in sources(&folders.map(|folder| format!("src/{folder}"))) {
        for (i, line) in text.lines().enumerate() {
            let used = code(line).split_once("encoding::").map(|(_, used)| used);
            let good = used.is_none_or(|used| {
                ["text", "shown", "nearest"].iter().any(|own| used.starts_with(own))
            });
            assert!(good, "{name}:{}: {line}", i + 1);
        }
    }
}

/// Names and lengths of hash algorithms stand in one table, `measure::rim`: a list of them anywhere
/// else is one that the next algorithm is missing from. What a VMM or another tool takes is its
/// own.
#[test]
fn algorithms_are_listed_in_one_place() {
    let own = ["src/abi/hash_algo.rs", "src/refvalue/samsung.rs"];
    let lists = [
        "sha-384",
        "\"sha384",
        "sha384\"",
        "32 or 64",
        "32, 48",
        "32 | 48",
        "48 | 64",
        "[32, 64]",
        "64, 128]",
        "32, 64]",
        "64 or 128",
        "sha256 or sha512",
        "sha256 nor sha512",
        "SHA-256 or SHA-512",
        "SHA-256) or 64",
        "sha-256 or",
        "sha256, sha512 or",
    ];
    for (name, text) in sources(&["src"]) {
        if own.contains(&name.as_str()) || name.starts_with("src/host/") {
            continue;
        }
        let body = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
        for (i, line) in body.lines().enumerate() {
            let list = lists.iter().find(|list| line.contains(**list));
            assert!(list.is_none(), "{name}:{}: {list:?}; see abi::hash_algo", i + 1);
        }
    }
}
