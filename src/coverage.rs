//! Which failure conditions and transitions a set of sessions exercised.
//!
//! An observer counts which rows of the failure tables were seen failing, and what became of
//! stateful operations; other transitions are counted by the world itself and added when a session
//! ends. What there is to see stands in `coverage::transitions`.

use std::collections::BTreeMap;

use serde::Deserialize;
use thiserror::Error;

use transitions::{Kind, transitions};

use crate::abi::command::{Command, CommandInfo};
use crate::abi::profile::{Edition, Profile};
use crate::model::operation::Operation;
use crate::model::world::World;
use crate::rmi::{self, FailureRow, Outcome};
use crate::session::{Observer, Record, Step};

pub mod transitions;

/// A command: its function identifier, and the newest edition that has it.
type Key = (u64, Edition);

const fn key(info: &CommandInfo) -> Key {
    (info.fid, info.edition())
}

/// What was seen so far.
#[derive(Clone, Debug, Default)]
pub struct Coverage {
    successes: BTreeMap<Key, u64>,
    failures: BTreeMap<(Key, usize), u64>,
    transitions: BTreeMap<(Kind, usize, usize), u64>,
    /// The operations of the session that is observed, and how far they are.
    operations: BTreeMap<u64, usize>,
}

/// One line of a report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// What is meant: `DATA_CREATE rtt_walk`, or `granule DELEGATED -> RD`.
    pub name: String,
    /// How often it was seen.
    pub count: u64,
    /// Why it can not be seen, if that is known.
    pub exception: Option<String>,
}

/// Reasons why a failure condition is not seen in the vectors, of one edition or of all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exceptions {
    reasons: BTreeMap<(Option<Edition>, String), String>,
}

/// Why a list of exceptions can not be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ExceptionsError {
    /// Not TOML, or not of the form.
    #[error("{0}")]
    Toml(String),
    /// A name that no failure condition or transition has.
    #[error("nothing is called {0:?}; write it as a coverage report does")]
    Unknown(String),
    /// An edition that there is not.
    #[error("there is no edition {0:?} of the specification")]
    Spec(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ExceptionsFile {
    #[serde(default)]
    exception: Vec<ExceptionEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ExceptionEntry {
    spec: Option<String>,
    names: Vec<String>,
    reason: String,
}

impl Exceptions {
    /// The project's own list, `spec-vectors/exceptions.toml`.
    #[must_use]
    pub fn of_project() -> Self {
        Self::from_toml(include_str!("../spec-vectors/exceptions.toml"))
            .expect("a test reads the same file")
    }

    /// Reads a list: `[[exception]]` tables with `names` and a `reason`, and with `spec` if they
    /// are for one edition only.
    ///
    /// # Bounds
    /// Time and memory grow with the length, memory by at most 300 bytes for each byte.
    ///
    /// # Errors
    /// If the text is not such a list, or names what does not exist.
    pub fn from_toml(text: &str) -> Result<Self, ExceptionsError> {
        let file: ExceptionsFile =
            toml::from_str(text).map_err(|error| ExceptionsError::Toml(error.to_string()))?;
        let lines = |profile| Coverage::default().lines(profile, &Self::default());
        let known: Vec<_> = Profile::ALL.map(|it| (it.edition(), lines(it))).into();
        let mut reasons = BTreeMap::new();
        for entry in file.exception {
            let edition = match entry.spec {
                None => None,
                Some(name) => Some(Edition::from_name(&name).ok_or(ExceptionsError::Spec(name))?),
            };
            let of_edition = |known: &&(Edition, _)| edition.is_none_or(|it| it == known.0);
            for name in entry.names {
                let mut lines = known.iter().filter(of_edition).flat_map(|(_, lines)| lines);
                if !lines.any(|line: &Line| line.name == name) {
                    return Err(ExceptionsError::Unknown(name));
                }
                reasons.insert((edition, name), entry.reason.clone());
            }
        }
        Ok(Self { reasons })
    }

    fn reason(&self, edition: Edition, name: &str) -> Option<&String> {
        let of = |edition| self.reasons.get(&(edition, name.to_owned()));
        of(Some(edition)).or_else(|| of(None))
    }
}

impl Coverage {
    /// Adds the transitions that happened in a world. Call it once, when its session has ended.
    pub fn add_world(&mut self, world: &World) {
        self.operations.clear();
        for kind in Kind::ALL {
            for (from, to) in transitions(kind, world.profile().edition()) {
                *self.transitions.entry((kind, from, to)).or_default() +=
                    tallied(world, kind, from, to);
            }
        }
    }

    /// The transitions of a world that stand in no list: bugs of the simulator, or of the lists.
    #[must_use]
    pub fn unlisted(world: &World) -> Vec<String> {
        let of_kind = |kind: Kind| {
            let listed = transitions(kind, world.profile().edition());
            let all = (0..kind.states())
                .flat_map(move |from| (0..kind.states()).map(move |to| (from, to)));
            all.filter(move |(from, to)| tallied(world, kind, *from, *to) > 0)
                .filter(move |pair| pair.0 != pair.1 && !listed.contains(pair))
                .map(move |(from, to)| kind.line(from, to))
        };
        Kind::ALL.into_iter().flat_map(of_kind).collect()
    }

    /// Counts what became of the operations in one step.
    fn note_operations(&mut self, outcome: &Outcome, world: &World) {
        let place = outcome.command().and_then(|command| command.info().handle_input());
        let goes_on = outcome.awaits().is_some();
        let regs = outcome.command().map_or([0; 7], |command: Command| command.encode());
        let named = place.filter(|_| goes_on).map(|place| regs[place + 1]);
        let register = |(handle, operation): (crate::model::operation::Handle, &Operation)| {
            (handle.to_register(), operation.kind())
        };
        let after: BTreeMap<_, _> = world.operations().iter().map(register).collect();
        let before = std::mem::replace(&mut self.operations, after);
        for handle in
            before.keys().chain(self.operations.keys().filter(|it| !before.contains_key(it)))
        {
            let state = |of: &BTreeMap<u64, usize>| of.get(handle).copied().unwrap_or(0);
            let (from, to) = (state(&before), state(&self.operations));
            if from != to || named == Some(*handle) {
                *self.transitions.entry((Kind::Operation, from, to)).or_default() += 1;
            }
        }
    }

    /// Adds what another coverage saw.
    pub fn add(&mut self, other: &Self) {
        fn sum<K: Ord + Copy>(into: &mut BTreeMap<K, u64>, from: &BTreeMap<K, u64>) {
            for (key, count) in from {
                *into.entry(*key).or_default() += count;
            }
        }
        sum(&mut self.successes, &other.successes);
        sum(&mut self.failures, &other.failures);
        sum(&mut self.transitions, &other.transitions);
    }

    /// Every success, failure condition and transition that there is under `profile`, with its
    /// count.
    #[must_use]
    pub fn lines(&self, profile: Profile, exceptions: &Exceptions) -> Vec<Line> {
        let mut lines = Vec::new();
        let edition = profile.edition();
        let mut push = |name: String, count: u64| {
            let exception = exceptions.reason(edition, &name).cloned();
            lines.push(Line { name, count, exception });
        };
        for info in CommandInfo::of_edition(edition) {
            let count = self.successes.get(&key(info)).copied().unwrap_or(0);
            push(format!("{} RMI_SUCCESS", info.name), count);
            for (i, row) in rmi::rows(info).iter().enumerate() {
                if row.applies(profile) && row.id != NEVER {
                    let count = self.failures.get(&(key(info), i)).copied().unwrap_or(0);
                    push(row_name(info, i, profile), count);
                }
            }
        }
        for kind in Kind::ALL {
            for (from, to) in transitions(kind, edition) {
                let count = self.transitions.get(&(kind, from, to)).copied().unwrap_or(0);
                push(kind.line(from, to), count);
            }
        }
        lines
    }
}

/// How often a transition happened in a world. Those of operations are seen step by step instead.
fn tallied(world: &World, kind: Kind, from: usize, to: usize) -> u64 {
    match kind {
        Kind::Granule => world.granules().tally().count(from, to),
        Kind::Rtte => world.tables().tally().count(from, to),
        Kind::Realm => world.realm_tally().count(from, to),
        Kind::Operation => 0,
    }
}

/// The condition of a row that only keeps a table from being empty.
const NEVER: &str = "never";

/// `DATA_CREATE rtt_walk`; a condition that stands twice in a table gets its text as well.
fn row_name(info: &CommandInfo, i: usize, profile: Profile) -> String {
    let rows = rmi::rows(info);
    let FailureRow { id, text, .. } = &rows[i];
    if rows.iter().filter(|row| row.id == *id && row.applies(profile)).count() > 1 {
        format!("{} {id} ({text})", info.name)
    } else {
        format!("{} {id}", info.name)
    }
}

impl Observer for Coverage {
    fn observe(&mut self, _: &Step, record: &Record, world: &World) {
        let Some(outcome) = &record.outcome else { return };
        self.note_operations(outcome, world);
        let Some(command) = outcome.command() else { return };
        let info = command.info();
        let Some(failure) = outcome.failure() else {
            *self.successes.entry(key(info)).or_default() += 1;
            return;
        };
        let place = |info| rmi::rows(info).iter().position(|row| row == failure.row());
        // What an operation fails with in the end stands in the table of what began it.
        let began =
            || CommandInfo::of_edition(world.profile().edition()).filter(|info| begins(info));
        let all = std::iter::once(info).chain(began());
        if let Some((info, i)) = all.into_iter().find_map(|info| Some((info, place(info)?))) {
            *self.failures.entry((key(info), i)).or_default() += 1;
        }
    }
}

/// Whether a command can begin a stateful operation.
fn begins(info: &CommandInfo) -> bool {
    rmi::rows(info).iter().any(|row| row.id == "sro_context")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_of_the_project_is_sound() {
        let text = include_str!("../spec-vectors/exceptions.toml");
        assert!(Exceptions::from_toml(text).is_ok_and(|list| !list.reasons.is_empty()));
    }

    #[test]
    fn unknown_names_are_refused() {
        let text = "[[exception]]\nnames = [\"DATA_CREATE rtt_walks\"]\nreason = \"\"";
        let error = Exceptions::from_toml(text).unwrap_err();
        assert_eq!(error, ExceptionsError::Unknown("DATA_CREATE rtt_walks".into()));
    }
}
