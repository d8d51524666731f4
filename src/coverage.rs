//! Which failure conditions and transitions a set of sessions exercised.
//!
//! An observer counts which rows of the failure tables were seen failing, and what became of
//! stateful operations; other transitions are counted by the world itself and added when a session
//! ends. What there is to see stands in `coverage::transitions`.

use std::collections::BTreeMap;

use transitions::{Kind, transitions};

use crate::abi::command::{Command, CommandInfo};
use crate::abi::profile::{Edition, Profile};
use crate::model::operation::Operation;
use crate::model::world::World;
use crate::rmi::{self, FailureRow, Outcome};
use crate::session::{Observer, Record, Step};

mod exceptions;
pub mod transitions;

pub use exceptions::{Exceptions, ExceptionsError};

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
    /// Which command began those of the session, by their handles; also of those that have ended.
    begun: BTreeMap<u64, &'static CommandInfo>,
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

impl Coverage {
    /// Adds the transitions that happened in a world. Call it once, when its session has ended.
    pub fn add_world(&mut self, world: &World) {
        self.operations.clear();
        self.begun.clear();
        for kind in Kind::ALL {
            for (from, to) in transitions(kind, world.profile()) {
                *self.transitions.entry((kind, from, to)).or_default() +=
                    tallied(world, kind, from, to);
            }
        }
    }

    /// The transitions of a world that stand in no list: bugs of the simulator, or of the lists.
    #[must_use]
    pub fn unlisted(world: &World) -> Vec<String> {
        let of_kind = |kind: Kind| {
            let listed = transitions(kind, world.profile());
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
        for info in profile.commands() {
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
            for (from, to) in transitions(kind, profile) {
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
        if let Some(x) = outcome.handle_reg() {
            self.begun.insert(outcome.regs()[x], info);
        }
        let Some(failure) = outcome.failure() else {
            *self.successes.entry(key(info)).or_default() += 1;
            return;
        };
        let place = |info| rmi::rows(info).iter().position(|row| row == failure.row());
        // What an operation fails with in the end stands in the table of what began it.
        let handle = info.handle_input().map(|input| command.encode()[1 + input]);
        let began = handle.and_then(|handle| self.begun.get(&handle).copied());
        let all = std::iter::once(info).chain(began);
        if let Some((info, i)) = all.into_iter().find_map(|info| Some((info, place(info)?))) {
            *self.failures.entry((key(info), i)).or_default() += 1;
        }
    }
}
