//! Which failure conditions and transitions a set of sessions exercised.
//!
//! An observer counts which rows of the failure tables were seen failing; transitions are counted
//! by the world itself and added when a session ends.

use std::collections::BTreeMap;

use serde::Deserialize;
use thiserror::Error;

use crate::abi::command::CommandInfo;
use crate::abi::profile::{Edition, Profile};
use crate::model::granule::GranuleState;
use crate::model::rtt::Rtte;
use crate::model::world::World;
use crate::rmi::{self, Row};
use crate::session::{Observer, Record, Step};

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
    transitions: BTreeMap<(Kind, usize), u64>,
}

/// What goes from one state to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A granule.
    Granule,
    /// An RTT entry.
    Rtte,
    /// A Realm.
    Realm,
}

impl Kind {
    /// The word for people.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Granule => "granule",
            Self::Rtte => "RTT entry",
            Self::Realm => "Realm",
        }
    }
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

/// Reasons why a failure condition is not seen in the vectors.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exceptions {
    reasons: BTreeMap<String, String>,
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

    /// Reads a list: `[[exception]]` tables with `names` and a `reason`.
    ///
    /// # Errors
    /// If the text is not such a list, or names what does not exist.
    pub fn from_toml(text: &str) -> Result<Self, ExceptionsError> {
        let file: ExceptionsFile =
            toml::from_str(text).map_err(|error| ExceptionsError::Toml(error.to_string()))?;
        let lines = |profile| Coverage::default().lines(profile, &Self::default());
        let known: Vec<_> = Profile::ALL.into_iter().flat_map(lines).collect();
        let mut reasons = BTreeMap::new();
        for entry in file.exception {
            for name in entry.names {
                if !known.iter().any(|line| line.name == name) {
                    return Err(ExceptionsError::Unknown(name));
                }
                reasons.insert(name, entry.reason.clone());
            }
        }
        Ok(Self { reasons })
    }
}

impl Coverage {
    /// Adds the transitions that happened in a world. Call it once, when its session has ended.
    pub fn add_world(&mut self, world: &World) {
        for (kind, pairs) in [
            (Kind::Granule, GRANULE_TRANSITIONS),
            (Kind::Rtte, RTTE_TRANSITIONS),
            (Kind::Realm, REALM_TRANSITIONS),
        ] {
            for (i, (from, to)) in pairs.iter().enumerate() {
                let count = match kind {
                    Kind::Granule => world.granules().tally().count(*from, *to),
                    Kind::Rtte => world.tables().tally().count(*from, *to),
                    Kind::Realm => world.realm_tally().count(*from, *to),
                };
                *self.transitions.entry((kind, i)).or_default() += count;
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
        let mut push = |name: String, count: u64| {
            let exception = exceptions.reasons.get(&name).cloned();
            lines.push(Line { name, count, exception });
        };
        for info in CommandInfo::of_edition(profile.edition()) {
            let count = self.successes.get(&key(info)).copied().unwrap_or(0);
            push(format!("{} RMI_SUCCESS", info.name), count);
            for (i, row) in rmi::rows(info).iter().enumerate() {
                if row.applies(profile) && row.id != NEVER {
                    let count = self.failures.get(&(key(info), i)).copied().unwrap_or(0);
                    push(row_name(info, i, profile), count);
                }
            }
        }
        for (kind, pairs, names) in [
            (Kind::Granule, GRANULE_TRANSITIONS, &granule_names()[..]),
            (Kind::Rtte, RTTE_TRANSITIONS, &Rtte::KINDS[..]),
            (
                Kind::Realm,
                REALM_TRANSITIONS,
                &["none", "NEW", "ACTIVE", "SYSTEM_OFF", "ZOMBIE"][..],
            ),
        ] {
            for (i, (from, to)) in pairs.iter().enumerate() {
                let count = self.transitions.get(&(kind, i)).copied().unwrap_or(0);
                push(format!("{} {} -> {}", kind.name(), names[*from], names[*to]), count);
            }
        }
        lines
    }
}

/// The condition of a row that only keeps a table from being empty.
const NEVER: &str = "never";

/// `DATA_CREATE rtt_walk`; a condition that stands twice in a table gets its text as well.
fn row_name(info: &CommandInfo, i: usize, profile: Profile) -> String {
    let rows = rmi::rows(info);
    let Row { id, text, .. } = &rows[i];
    if rows.iter().filter(|row| row.id == *id && row.applies(profile)).count() > 1 {
        format!("{} {id} ({text})", info.name)
    } else {
        format!("{} {id}", info.name)
    }
}

impl Observer for Coverage {
    fn observe(&mut self, _: &Step, record: &Record, _: &World) {
        let Some(outcome) = &record.outcome else { return };
        let Some(command) = outcome.command() else { return };
        let info = command.info();
        match outcome.failure() {
            None => *self.successes.entry(key(info)).or_default() += 1,
            Some(failure) => {
                let rows = rmi::rows(info);
                if let Some(i) = rows.iter().position(|row| row == failure.row()) {
                    *self.failures.entry((key(info), i)).or_default() += 1;
                }
            }
        }
    }
}

fn granule_names() -> [&'static str; 8] {
    GranuleState::ALL.map(GranuleState::name)
}

/// Transitions that the commands of RMM 1.0 make (DEN0137 1.0 A2.2), by the states' numbers.
const GRANULE_TRANSITIONS: &[(usize, usize)] = {
    use GranuleState as G;
    const fn pair(from: GranuleState, to: GranuleState) -> (usize, usize) {
        (from as usize, to as usize)
    }
    &[
        pair(G::Undelegated, G::Delegated),
        pair(G::Delegated, G::Undelegated),
        pair(G::Delegated, G::Rd),
        pair(G::Rd, G::Delegated),
        pair(G::Delegated, G::Rec),
        pair(G::Rec, G::Delegated),
        pair(G::Delegated, G::RecAux),
        pair(G::RecAux, G::Delegated),
        pair(G::Delegated, G::Data),
        pair(G::Data, G::Delegated),
        pair(G::Delegated, G::Rtt),
        pair(G::Rtt, G::Delegated),
    ]
};

/// Transitions of RTT entries (DEN0137 1.0 A5), by [`Rtte::kind`].
const RTTE_TRANSITIONS: &[(usize, usize)] = &[
    // RTT_INIT_RIPAS and RTT_SET_RIPAS.
    (0, 1),
    (1, 1),
    (1, 0),
    (2, 0),
    (2, 1),
    (3, 4),
    (4, 3),
    (5, 3),
    (5, 4),
    // DATA_CREATE and DATA_CREATE_UNKNOWN.
    (0, 4),
    (1, 4),
    (2, 4),
    (0, 3),
    (2, 5),
    // DATA_DESTROY.
    (4, 2),
    (3, 0),
    (5, 2),
    // RTT_CREATE.
    (0, 6),
    (1, 6),
    (2, 6),
    (3, 6),
    (4, 6),
    (5, 6),
    (7, 6),
    (8, 6),
    // RTT_FOLD and RTT_DESTROY.
    (6, 0),
    (6, 1),
    (6, 2),
    (6, 3),
    (6, 4),
    (6, 5),
    (6, 7),
    (6, 8),
    // RTT_MAP_UNPROTECTED and RTT_UNMAP_UNPROTECTED.
    (7, 8),
    (8, 7),
];

/// Transitions of Realms (DEN0137 1.0 A2.1): none, NEW, ACTIVE, SYSTEM_OFF.
const REALM_TRANSITIONS: &[(usize, usize)] = &[(0, 1), (1, 2), (2, 3), (1, 0), (2, 0), (3, 0)];

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
