//! What is not as it was locked.

use std::fmt;

use serde_json::{Value, json};

use super::file::{Input, LockFile, Sha256Hex};
use super::fleet::FleetLock;

/// Something that is not as it was locked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    /// `input`, `platform`, `assumption` or `script's`.
    pub(crate) kind: &'static str,
    /// What.
    pub(crate) name: String,
    pub(crate) locked: String,
    pub(crate) now: String,
}

impl Change {
    /// The change as documents have it.
    pub(crate) fn json(&self) -> Value {
        let Self { kind, name, locked, now } = self;
        json!({ "kind": kind, "name": name, "locked": locked, "now": now })
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, name, locked, now } = self;
        write!(f, "{kind} {name}: locked {locked}, now {now}")
    }
}

/// REMs that are others: their numbers, as locked, and as they are now.
pub(crate) fn other_rems(old: &LockFile, new: &LockFile) -> Vec<(usize, String, String)> {
    let (Some(old), Some(new)) = (&old.chain, &new.chain) else { return Vec::new() };
    let both = (1..).zip(old.rems().into_iter().zip(new.rems()));
    both.filter(|(_, (old, new))| old != new).map(|(n, (old, new))| (n, old, new)).collect()
}

/// What is not as it was of a table.
pub(crate) fn fleet_changes(old: &FleetLock, new: &FleetLock) -> Vec<Change> {
    let mut changes = Vec::new();
    input_changes(&old.input, &new.input, &mut changes);
    let (old, new) = (&old.matrix.assumed, &new.matrix.assumed);
    let key = |text: &str| text.split(' ').next().unwrap_or_default().to_owned();
    for text in old.iter().filter(|text| !new.contains(text)) {
        let (name, now) = (key(text), "nothing".to_owned());
        changes.push(Change { kind: "assumption", name, locked: text.clone(), now });
    }
    for text in new.iter().filter(|text| !old.contains(text)) {
        let (name, locked) = (key(text), "nothing".to_owned());
        changes.push(Change { kind: "assumption", name, locked, now: text.clone() });
    }
    changes
}

/// Inputs that are others, or are not there.
fn input_changes(old: &[Input], new: &[Input], changes: &mut Vec<Change>) {
    let mut say = |name: &str, locked: String, now: String| {
        if locked != now {
            changes.push(Change { kind: "input", name: name.to_owned(), locked, now });
        }
    };
    let file = |input: &Input| {
        let Sha256Hex(sha256) = &input.sha256;
        format!("{} bytes, sha256 {sha256}", input.size)
    };
    let none = || "nothing".to_owned();
    let is_same = |one: &Input, other: &Input| (&one.name, &one.path) == (&other.name, &other.path);
    for input in old {
        let now = new.iter().find(|now| is_same(now, input));
        say(&input.name, file(input), now.map_or_else(none, file));
    }
    for input in new.iter().filter(|new| !old.iter().any(|old| is_same(old, new))) {
        say(&input.name, none(), file(input));
    }
}

/// What is not as it was.
pub(crate) fn changes(old: &LockFile, new: &LockFile) -> Vec<Change> {
    let mut changes = Vec::new();
    input_changes(&old.input, &new.input, &mut changes);
    let mut say = |kind, name: &str, locked: String, now: String| {
        if locked != now {
            changes.push(Change { kind, name: name.to_owned(), locked, now });
        }
    };
    let none = || "nothing".to_owned();
    if let (Some(old), Some(new)) = (old.surroundings(), new.surroundings()) {
        let keys = old.platform.iter().chain(new.platform);
        let mut keys: Vec<_> = keys.filter_map(|line| line.split_once(" = ")).collect();
        keys.sort_unstable();
        keys.dedup_by_key(|(key, _)| *key);
        for (key, _) in keys {
            let of = |lines: &[String]| {
                let found = lines.iter().filter_map(|line| line.split_once(" = "));
                let found = found.clone().find(|(name, _)| *name == key);
                found.map_or_else(none, |(_, value)| value.to_owned())
            };
            say("platform", key, of(old.platform), of(new.platform));
        }
        // What was found where the VMM looks (a root file system, a disk) is no input.
        let key = |text: &str| text.split(' ').next().unwrap_or_default().to_owned();
        let is_told = |text: &str| {
            let of_platform = |line: &String| line.split(" = ").next() == Some(&key(text));
            old.platform.iter().chain(new.platform).any(of_platform)
        };
        let only = |these: &[String], others: &[String]| {
            let only = these.iter().filter(|text| !others.contains(text) && !is_told(text));
            only.cloned().collect::<Vec<_>>()
        };
        for text in only(old.assumed, new.assumed) {
            say("assumption", &key(&text), text.clone(), none());
        }
        for text in only(new.assumed, old.assumed) {
            say("assumption", &key(&text), none(), text.clone());
        }
    }
    if let (Some(old), Some(new)) = (&old.script, &new.script) {
        say("script's", "profile", old.profile.clone(), new.profile.clone());
        say("script's", "platform", old.platform.clone(), new.platform.clone());
    }
    changes
}
