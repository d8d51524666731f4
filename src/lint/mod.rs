//! The ordering mistakes of a VMM: what the RMM refuses, what changes the RIM, what harms.
//!
//! A [`Linter`] looks at the trace of a session, whoever drives it: a script, a vector, a host
//! model. Each rule has an id, a severity and an explanation in [`RULES`]; one file holds a family
//! of rules. The mistakes are those that DEN0137 1.0 and TF-RMM leave to the Host.
//!
//! *Architecture invariant:* rules look at commands and outcomes, and change nothing.

mod activate;
mod advice;
mod data;
mod failure;
mod finding;
mod params;
mod ranges;
mod realm;
mod rec;
mod ripas;
mod rules;
mod tail;
mod teardown;

pub use finding::{Finding, Severity};
pub use rules::{RULES, Rule};

use std::collections::BTreeMap;

use crate::abi::command::Command;
use crate::model::world::World;
use crate::rmi::Outcome;
use crate::session::{Action, Observer, Place, Record, Step};
use failure::Failures;
use realm::RealmLog;
use tail::Tails;

/// A command that was carried out, as the rules see it.
struct Call<'a> {
    command: Command,
    outcome: &'a Outcome,
    place: &'a Place,
    /// The machine after the command.
    world: &'a World,
    /// A script says that the command fails, and it does.
    is_refused_as_meant: bool,
}

/// Looks at a session and collects findings.
#[derive(Debug, Default)]
pub struct Linter {
    is_recording: bool,
    calls: u64,
    done: Vec<Finding>,
    realms: BTreeMap<u64, RealmLog>,
    /// The RD and the runnable flag of each REC.
    recs: BTreeMap<u64, (u64, bool)>,
    tails: Tails,
    failures: Failures,
}

impl Linter {
    /// A linter that has seen nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A linter of a recording: each failure is a finding. A script says which failures it means
    /// (`=> RMI_ERROR_INPUT`), and these are none; a recording can only say that they happened.
    #[must_use]
    pub fn of_recording() -> Self {
        Self { is_recording: true, ..Self::default() }
    }

    /// How many calls of the RMM it has seen.
    #[must_use]
    pub const fn calls(&self) -> u64 {
        self.calls
    }

    /// Ends the trace: what is still open is decided. Findings come in the order of their places,
    /// files by name.
    #[must_use]
    pub fn finish(mut self) -> Vec<Finding> {
        let rds: Vec<u64> = self.realms.keys().copied().collect();
        rds.into_iter().for_each(|rd| self.end_realm(rd));
        self.done.append(&mut self.failures.finish());
        self.done.sort_by(|a, b| (&a.place, a.rule.id).cmp(&(&b.place, b.rule.id)));
        self.done
    }

    fn end_realm(&mut self, rd: u64) {
        let Some(mut realm) = self.realms.remove(&rd) else { return };
        ripas::end(&mut realm);
        rec::end(&mut realm);
        data::end(&mut realm);
        self.done.append(&mut realm.found);
    }

    fn call(&mut self, call: &Call<'_>) {
        if let Command::RealmCreate { rd, .. } = call.command
            && call.outcome.is_success()
        {
            self.end_realm(rd);
            self.realms.insert(rd, RealmLog::new(rd));
        }
        self.failures.answered(call);
        let mut stopped = None;
        let explained = match self.realm_of(call.command).and_then(|rd| self.realms.get_mut(&rd)) {
            None => false,
            Some(realm) => {
                params::see(call, realm);
                ripas::see(call, realm);
                data::see(call, realm, &self.tails);
                rec::see(call, realm, &self.recs);
                teardown::see(call, realm);
                stopped = realm.stopped;
                activate::see(call, realm)
            }
        };
        if !explained && !call.is_refused_as_meant {
            self.failures.see(call, stopped);
        }
        self.remember_rec(call);
        if let Command::RealmDestroy { rd } = call.command
            && call.outcome.is_success()
        {
            self.end_realm(rd);
        }
    }

    /// The Realm that a command is about.
    fn realm_of(&self, command: Command) -> Option<u64> {
        match command {
            Command::RecDestroy { rec } => self.recs.get(&rec).map(|(rd, _)| *rd),
            _ if command.info().inputs.first() == Some(&"rd") => Some(command.encode()[1]),
            _ => None,
        }
    }

    fn remember_rec(&mut self, call: &Call<'_>) {
        match call.command {
            _ if !call.outcome.is_success() => {}
            Command::RecCreate { rd, rec, .. } => {
                let runnable = call.world.rec(rec).is_some_and(|rec| rec.runnable());
                self.recs.insert(rec, (rd, runnable));
            }
            Command::RecDestroy { rec } => {
                self.recs.remove(&rec);
            }
            _ => {}
        }
    }
}

impl Observer for Linter {
    fn observe(&mut self, step: &Step, record: &Record, world: &World) {
        let (Action::Call(regs), Some(outcome)) = (&step.action, &record.outcome) else {
            self.tails.see(&step.action);
            return;
        };
        self.calls += 1;
        let is_refused_as_meant = !self.is_recording && step.is_refused_as_meant(outcome);
        match outcome.command() {
            None if is_refused_as_meant => {}
            None => self.failures.unknown(regs[0], &step.place),
            Some(command) => {
                let place = &step.place;
                self.call(&Call { command, outcome, place, world, is_refused_as_meant });
            }
        }
    }
}
