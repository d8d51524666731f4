//! What is not as it was locked.

use std::fmt;

use super::file::{Input, LockFile, Sha256Hex};

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

/// What is not as it was.
pub(crate) fn changes(old: &LockFile, new: &LockFile) -> Vec<Change> {
    let mut changes = Vec::new();
    let mut say = |kind, name: &str, locked: String, now: String| {
        if locked != now {
            changes.push(Change { kind, name: name.to_owned(), locked, now });
        }
    };
    let file = |input: &Input| {
        let Sha256Hex(sha256) = &input.sha256;
        format!("{} bytes, sha256 {sha256}", input.size)
    };
    let none = || "nothing".to_owned();
    for input in &old.input {
        let now = new.input.iter().find(|now| (&now.name, &now.path) == (&input.name, &input.path));
        say("input", &input.name, file(input), now.map_or_else(none, file));
    }
    for input in &new.input {
        let known = |old: &Input| (&old.name, &old.path) == (&input.name, &input.path);
        if !old.input.iter().any(known) {
            say("input", &input.name, none(), file(input));
        }
    }
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
