//! The ordering mistakes of a VMM: what the RMM refuses, what changes the RIM, what harms.
//!
//! A [`Linter`] looks at the trace of a session, whoever drives it: a script, a vector, a host
//! model. Each rule has an id, a severity and an explanation in [`RULES`]; one file holds a family
//! of rules. The mistakes are those that DEN0137 and TF-RMM leave to the Host, of 1.0 and of 2.0:
//! a rule asks what a command did, and the edition whether that is a mistake.
//!
//! *Architecture invariant:* rules look at commands and outcomes, and change nothing.

mod activate;
mod advice;
mod data;
mod failure;
mod finding;
mod operation;
mod out_top;
mod params;
mod realm;
mod rec;
mod ripas;
mod rules;
mod tail;
mod teardown;

pub use finding::{Finding, Severity};
pub use rules::{RULES, Rule};

use std::collections::BTreeMap;

use crate::abi::addr::GRANULE_SIZE;
use crate::abi::command::Command;
use crate::model::world::World;
use crate::rmi::Outcome;
use crate::session::{Action, Observer, Place, Record, Step};
use failure::Failures;
use operation::{Begun, Operations};
use out_top::OutTops;
use realm::RealmLog;
use tail::Tails;

/// A command that was carried out, as the rules see it. The call that ends a stateful operation is
/// that of the command which began it.
struct Call<'a> {
    command: Command,
    outcome: &'a Outcome,
    place: &'a Place,
    /// The machine after the command.
    world: &'a World,
    /// A script says that the command fails, and it does.
    is_refused_as_meant: bool,
    /// How it was when the operation began that ends here.
    begun: Option<&'a Begun>,
}

impl Call<'_> {
    /// Whether the RIM shows RTT_INIT_RIPAS, and so its order.
    fn measures_ripas(&self) -> bool {
        self.world.profile().rim_rule().measures_ripas()
    }

    /// The memory that a Realm has no longer, if the command is one that takes it away.
    fn taken_away(&self) -> Option<(u64, u64)> {
        match self.command {
            Command::DataDestroy { ipa, .. } => Some((ipa, ipa.saturating_add(GRANULE_SIZE))),
            Command::RttDataUnmap { base, .. } => Some((base, self.outcome.regs()[1].max(base))),
            _ => None,
        }
    }
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
    operations: Operations,
    out_tops: OutTops,
    /// How many Realms there were.
    made_realms: u64,
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
    ///
    /// # Bounds
    /// Of a script's trace: time grows with what was traced, memory by at most 400 bytes for each
    /// byte of the script.
    #[must_use]
    pub fn finish(mut self) -> Vec<Finding> {
        let rds: Vec<u64> = self.realms.keys().copied().collect();
        rds.into_iter().for_each(|rd| self.end_realm(rd));
        self.done.append(&mut self.failures.finish());
        self.done.append(&mut self.operations.finish());
        self.done.append(&mut self.out_tops.finish());
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
            self.made_realms += 1;
            self.realms.insert(rd, RealmLog::new(rd, self.made_realms));
        }
        self.failures.answered(call);
        self.out_tops.see(call);
        let mut stopped = None;
        let mut explained =
            match self.realm_of(call.command).and_then(|rd| self.realms.get_mut(&rd)) {
                None => false,
                Some(realm) => {
                    params::see(call, realm);
                    ripas::see(call, realm);
                    data::see(call, realm, &self.tails);
                    rec::see(call, realm, &self.recs);
                    teardown::see(call, realm);
                    stopped = realm.stopped;
                    if let Command::RealmActivate { rd } = call.command
                        && call.outcome.is_success()
                    {
                        self.operations.activated(rd, call, realm);
                        self.out_tops.activated(rd);
                    }
                    activate::see(call, realm)
                }
            };
        explained |= call.begun.is_some_and(|begun| begun.is_told);
        if !explained && !call.is_refused_as_meant {
            self.failures.see(call, stopped);
        }
        self.remember_rec(call);
        if let Command::RealmDestroy { rd } = call.command
            && call.outcome.is_success()
        {
            let ran = self.realms.get(&rd).is_some_and(|realm| realm.activated);
            self.out_tops.destroyed(rd, ran);
            self.end_realm(rd);
        }
    }

    /// The Realm that a command is about.
    fn realm_of(&self, command: Command) -> Option<u64> {
        match command {
            Command::RecDestroy { rec } | Command::RecDestroyBegin { rec } => {
                self.recs.get(&rec).map(|(rd, _)| *rd)
            }
            _ if command.info().inputs.first() == Some(&"rd") => Some(command.encode()[1]),
            _ => None,
        }
    }

    fn remember_rec(&mut self, call: &Call<'_>) {
        match call.command {
            _ if !call.outcome.is_success() => {}
            Command::RecCreate { rd, rec, .. } | Command::RecCreateBegin { rd, rec, .. } => {
                let runnable = call.world.rec(rec).is_some_and(|rec| rec.runnable());
                self.recs.insert(rec, (rd, runnable));
            }
            Command::RecDestroy { rec } | Command::RecDestroyBegin { rec } => {
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
            None => self.failures.unknown(regs[0], outcome, world, &step.place),
            Some(called) => {
                let (command, begun) = self.operations.ended(called, outcome, world);
                let (place, begun) = (&step.place, begun.as_ref());
                let call = Call { command, outcome, place, world, is_refused_as_meant, begun };
                self.call(&call);
                self.operations.begin(&call, &self.realms);
            }
        }
    }
}
