//! What reads files, or works on what was read, and says in its documentation how memory and time
//! grow. A case names the readers that it holds to that.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::all;

/// A function: its file below `src`, and its name.
pub(crate) type Reader = (&'static str, &'static str);

pub(crate) const PARSE: Reader = ("script/parse.rs", "parse");
pub(crate) const LOAD: Reader = ("script/load.rs", "load_from");
pub(crate) const PLAY: Reader = ("script/player.rs", "play");
pub(crate) const LINT: Reader = ("lint/mod.rs", "finish");
pub(crate) const REPORT: Reader = ("report/realm.rs", "new");
pub(crate) const PAGE: Reader = ("report/html.rs", "write");
pub(crate) const RMM_LOG: Reader = ("rmm_log/line.rs", "read");
pub(crate) const IMPORT: Reader = ("rmm_log/build.rs", "import");
pub(crate) const EVENT_LOG: Reader = ("event_log/read.rs", "read_as_far");
pub(crate) const REMS: Reader = ("event_log/rems.rs", "rems");
pub(crate) const REBUILD: Reader = ("event_log/rebuild.rs", "rebuild");
pub(crate) const SAVED_EVENTS: Reader = ("explain/saved.rs", "read_events");
pub(crate) const COMPARE: Reader = ("explain/compare.rs", "compare");
pub(crate) const CAPS: Reader = ("host/caps.rs", "from_toml");
pub(crate) const PLATFORM: Reader = ("script/platform_file.rs", "from_toml");
pub(crate) const EXCEPTIONS: Reader = ("coverage/exceptions.rs", "from_toml");
pub(crate) const LOCK: Reader = ("cli/locks/file.rs", "read");
pub(crate) const FLEET: Reader = ("cli/locks/fleet.rs", "read");
pub(crate) const DOMAIN: Reader = ("host/libvirt/domain.rs", "read");
pub(crate) const WORDS: Reader = ("cli/request/words.rs", "words_of");
pub(crate) const TOKEN: Reader = ("evidence/token.rs", "read");
pub(crate) const TOKEN_RIM: Reader = ("evidence/token.rs", "rim_of_token");
pub(crate) const TOKEN_TEXT: Reader = ("evidence/text.rs", "token_bytes");
pub(crate) const OBSERVED: Reader = ("evidence/rim.rs", "rem_from_file");
pub(crate) const EXPECTATIONS: Reader = ("evidence/expect_json.rs", "expectations");
pub(crate) const CORIM: Reader = ("refvalue/corim/read.rs", "read");
pub(crate) const SIGNED_CORIM: Reader = ("refvalue/sign.rs", "read");
pub(crate) const KEYS: Reader = ("encoding/keys/mod.rs", "from_bytes");
pub(crate) const TREE: Reader = ("encoding/fdt.rs", "read");
pub(crate) const TREE_DIFFERENCES: Reader = ("explain/tree.rs", "tree_differences");
pub(crate) const DIGESTS: Reader = ("measure/digests.rs", "read");
pub(crate) const DIGEST_PART: Reader = ("measure/digest_parts.rs", "read");
pub(crate) const CACHE: Reader = ("digest_cache.rs", "open");
pub(crate) const VECTOR: Reader = ("vector/read.rs", "read");
pub(crate) const REPLAY: Reader = ("conform.rs", "replay");

/// Names of functions that read what has any length.
const NAMES: &[&str] = &[
    "read",
    "read_as_far",
    "read_events",
    "parse",
    "parse_bytes",
    "load",
    "load_with",
    "load_from",
    "from_toml",
    "expectations",
    "token_bytes",
    "rim_of_token",
];
/// Those of them that read something of a fixed size, or a word.
const OTHERS: &[Reader] = &[
    ("model/program.rs", "parse"),
    ("abi/params/structures.rs", "read"),
    ("abi/plane_run.rs", "read"),
    ("abi/rec_run.rs", "read"),
    ("measure/image/mod.rs", "read"),
    ("refvalue/time.rs", "parse"),
];

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        match path.is_dir() {
            true => sources(&path, found),
            false if path.extension().is_some_and(|name| name == "rs") => found.push(path),
            false => {}
        }
    }
}

/// The documentation of every function, by file and name.
fn documents() -> BTreeMap<(String, String), Vec<(bool, String)>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let (mut files, mut made) = (Vec::new(), BTreeMap::<_, Vec<_>>::new());
    sources(&root, &mut files);
    for path in files {
        let name = path.strip_prefix(&root).expect("below it").display().to_string();
        let mut text = String::new();
        for line in fs::read_to_string(&path).expect("text").lines().map(str::trim_start) {
            if let Some(words) = line.strip_prefix("///") {
                text += words;
            } else if let Some((before, rest)) = line.split_once("fn ") {
                let function = rest.split(['(', '<']).next().expect("one at least");
                let documented = (before == "pub ", std::mem::take(&mut text));
                made.entry((name.clone(), function.to_owned())).or_default().push(documented);
            } else if !line.starts_with("#[") {
                text.clear();
            }
        }
    }
    made
}

/// The number of bytes of memory for each byte that a documentation names.
fn said(text: &str) -> Option<u64> {
    let (_, bounds) = text.split_once("# Bounds")?;
    let (_, rest) = bounds.split_once("at most ")?;
    rest.split(' ').next()?.parse().ok()
}

#[test]
fn every_reader_says_its_bound() {
    let documents = documents();
    let mut wanted = BTreeMap::<Reader, u64>::new();
    for case in all() {
        assert!(!case.readers.is_empty(), "{}", case.name);
        for reader in case.readers {
            let most = wanted.entry(*reader).or_default();
            *most = case.most_memory.max(*most);
        }
    }
    let mut wrong = Vec::new();
    for ((file, function), most) in &wanted {
        let texts = documents.get(&((*file).to_owned(), (*function).to_owned()));
        let texts = texts.unwrap_or_else(|| panic!("{file} has no function {function}"));
        let (is_said, named) =
            (texts.iter().filter_map(|(_, text)| said(text)), format!("{file}: {function}"));
        if !is_said.clone().any(|said| said == *most) {
            wrong.push(format!("{named} says {:?}, not {most}", Vec::from_iter(is_said)));
        }
    }
    for ((file, function), texts) in &documents {
        let key = (file.as_str(), function.as_str());
        let is_reader = NAMES.contains(&key.1) && !OTHERS.contains(&key);
        for (is_public, text) in texts {
            if is_reader && *is_public && !text.contains("# Bounds") {
                wrong.push(format!("{file}: {function} says nothing"));
            }
            if said(text).is_some() && !wanted.contains_key(&key) {
                wrong.push(format!("{file}: {function} is held to it by no case"));
            }
        }
    }
    assert_eq!(wrong, [] as [&str; 0]);
}
