//! The RMI commands: one file a family, one failure table a command.
//!
//! A command is `check(&World) -> Plan` and `apply(Plan, &mut World)`. A plan holds what the check
//! proved, so that applying it can not fail, and a command that fails has changed nothing.
//!
//! *Architecture invariant:* only `apply` functions of this floor change a [`World`].

#[macro_use]
mod dispatch;

mod activation;
mod conditions;
mod data;
mod data_row;
mod devices;
mod gate;
mod granule;
mod granule_range;
mod map_data_range;
mod map_device_range;
mod map_unprotected;
mod map_unprotected_range;
mod object_operation;
mod operation;
mod outcome;
mod psci_complete;
mod range_blocks;
mod realm;
mod rec;
mod rec_operation;
mod ripas;
mod rtt;
mod rtt_aux;
mod run;
mod s2ap;
mod system;
mod unmap_range;

pub(crate) use data_row::{DataRow, RowSource};
pub use gate::{Failure, FailureRow, Survey};
pub use outcome::Outcome;

use crate::abi::command::{CallRegs, Command, CommandInfo};
use crate::abi::status::ReturnCode;
use crate::model::world::World;
use gate::{Answer, Checked, Gate, Notes, Rows};
use range_blocks::Request;

/// The plan of one command: what its check proved and its effect needs.
trait Plan: Sized {
    /// X1 to X4 of a command that can only succeed now. A few can answer otherwise although they
    /// had their effect: stateful operations, and two of which TF-RMM says so.
    type Answer: Into<Answer>;

    /// The effect.
    fn apply(self, world: &mut World) -> Self::Answer;
}

/// A command with its failure table.
trait Rmi {
    /// The failure table.
    type Rows: Rows;
    /// What the check proves.
    type Plan: Plan;
    /// Walks the failure table.
    fn check(&self, world: &World, gate: Gate<'_>) -> Checked<Self::Plan>;
}

impl World {
    /// Executes a command as the Host's SMC would.
    ///
    /// Every value of every argument is fine; what the RMM says of it is the outcome.
    #[must_use = "the RMM may have refused the command"]
    pub fn execute(&mut self, command: Command) -> Outcome {
        self.executed(&command)
    }

    /// By reference, because a copy of what was just written has to wait for the writes.
    fn executed(&mut self, command: &Command) -> Outcome {
        if !self.profile().has(command.info()) {
            return Outcome::no_command(ReturnCode::UNKNOWN_FID, None);
        }
        let completed = psci_complete::with_target(self, command);
        let command = completed.as_ref().unwrap_or(command);
        if let Some(failure) = activation::barred(self, command) {
            return Outcome::failed(*command, failure);
        }
        let answer = with_rmi!(*command, rmi => self.carry_out(&rmi));
        Outcome::of(*command, answer)
    }

    /// One function for each command, in which what the check proves need not be written down for
    /// the effect.
    #[inline(never)]
    fn carry_out<C: Rmi>(&mut self, rmi: &C) -> Answer {
        match rmi.check(self, Gate::new(self.profile(), self.granule_size())) {
            Ok(plan) => plan.apply(self).into(),
            Err(failure) => Answer::Failed(failure),
        }
    }

    /// Executes the call in `regs` (X0 to X6). A function identifier that is no command of the
    /// profile's RMM answers −1.
    #[must_use = "the RMM may have refused the command"]
    pub fn call(&mut self, regs: &CallRegs) -> Outcome {
        match &self.profile().decode(regs) {
            Some(command) => self.executed(command),
            None => devices::call(self, regs),
        }
    }

    /// Which failure conditions of `command` hold now, in table order, as far as they can be
    /// looked at: a condition that needs what an earlier one did not yield is missing. `true` is
    /// good. Changes nothing.
    #[must_use]
    pub fn survey(&self, command: Command) -> Survey {
        let mut notes = Notes::default();
        let command = psci_complete::with_target(self, &command).unwrap_or(command);
        with_rmi!(command, rmi => {
            let _ = rmi.check(self, Gate::survey(self.profile(), self.granule_size(), &mut notes));
        });
        notes.seen
    }
}

/// The failure table of a command, in the order of checks.
///
/// # Panics
/// If `info` is not a row of [`COMMANDS`](crate::abi::command::COMMANDS), which has all that there
/// are.
#[must_use]
pub fn rows(info: &CommandInfo) -> &'static [FailureRow] {
    fn rows_of<C: Rmi>(_: &C) -> &'static [FailureRow] {
        C::Rows::ROWS
    }
    let regs = [info.fid, 0, 0, 0, 0, 0, 0];
    let command = Command::decode(&regs, info.edition()).expect("a row of the table");
    with_rmi!(command, rmi => rows_of(&rmi))
}

/// Every condition that a command's answer can name: those of its own table, that of the RMM's
/// state (2.0), and if it goes on with an operation those of the commands that begin one.
///
/// # Panics
/// As [`rows()`].
pub fn answered_rows(info: &CommandInfo) -> impl Iterator<Item = &'static FailureRow> {
    let begins = |other: &&CommandInfo| rows(other).iter().any(|row| row.id == "sro_context");
    let begun = CommandInfo::of_edition(info.edition())
        .filter(begins)
        .filter(|_| info.handle_input().is_some());
    let begun: Vec<_> = begun.flat_map(rows).collect();
    rows(info).iter().chain([&activation::INACTIVE]).chain(begun)
}
