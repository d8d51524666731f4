//! The RMI commands: one file a family, one failure table a command.
//!
//! A command is `check(&World) -> Plan` and `apply(Plan, &mut World)`. A plan holds what the check
//! proved, so that applying it can not fail, and a command that fails has changed nothing.
//!
//! *Architecture invariant:* only `apply` functions of this floor change a [`World`].

mod data;
mod gate;
mod gic;
mod granule;
mod outcome;
mod psci_complete;
mod realm;
mod rec;
mod ripas;
mod rtt;
mod run;
mod system;
mod terms;
mod unprotected;

pub use gate::{Failure, Row, Survey};
pub use outcome::Outcome;

use crate::abi::command::{CallRegs, Command, CommandInfo};
use crate::model::world::World;
use gate::{Checked, Gate, Outputs, Rows};

/// The plan of one command: what its check proved and its effect needs.
trait Plan: Sized {
    /// The effect. Returns X1 to X4.
    fn apply(self, world: &mut World) -> Outputs;

    /// As `apply`, for the two commands that TF-RMM can answer with a failure although they had
    /// their effect. All others can not fail here.
    fn apply_or_fail(self, world: &mut World) -> Checked<Outputs> {
        Ok(self.apply(world))
    }
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

/// Calls one macro arm with the type that implements each command.
macro_rules! dispatch {
    ($command:expr, $rmi:ident => $body:expr,
        $($variant:ident { $($arg:ident),* } => $make:expr;)+) => {
        match $command {
            $( Command::$variant { $($arg),* } => { let $rmi = $make; $body } )+
        }
    };
}

/// Runs `$body` with `$rmi` bound to the command's implementation.
macro_rules! with_rmi {
    ($command:expr, $rmi:ident => $body:expr) => {
        dispatch! { $command, $rmi => $body,
            Version { req } => system::Version { req };
            Features { index } => system::Features { index };
            GranuleDelegate { addr } => granule::Delegate { addr };
            GranuleUndelegate { addr } => granule::Undelegate { addr };
            RealmCreate { rd, params_ptr } => realm::Create { rd, params_ptr };
            RealmActivate { rd } => realm::Activate { rd };
            RealmDestroy { rd } => realm::Destroy { rd };
            RecAuxCount { rd } => rec::AuxCount { rd };
            RecCreate { rd, rec, params_ptr } => rec::Create { rd, rec, params_ptr };
            RecDestroy { rec } => rec::Destroy { rec };
            RecEnter { rec, run_ptr } => run::Enter { rec, run_ptr };
            PsciComplete { calling_rec, target_rec, status } =>
                psci_complete::Complete { calling_rec, target_rec, status };
            RttCreate { rd, rtt, ipa, level } => rtt::Create { rd, rtt, ipa, level };
            RttDestroy { rd, ipa, level } => rtt::Destroy { rd, ipa, level };
            RttFold { rd, ipa, level } => rtt::Fold { rd, ipa, level };
            RttReadEntry { rd, ipa, level } => rtt::ReadEntry { rd, ipa, level };
            RttMapUnprotected { rd, ipa, level, desc } =>
                unprotected::Map { rd, ipa, level, desc };
            RttUnmapUnprotected { rd, ipa, level } => unprotected::Unmap { rd, ipa, level };
            RttInitRipas { rd, base, top } => ripas::Init { rd, base, top };
            RttSetRipas { rd, rec, base, top } => ripas::Set { rd, rec, base, top };
            DataCreate { rd, data, ipa, src, flags } =>
                data::Create { rd, data, ipa, src, flags };
            DataCreateUnknown { rd, data, ipa } => data::CreateUnknown { rd, data, ipa };
            DataDestroy { rd, ipa } => data::Destroy { rd, ipa };
        }
    };
}

impl World {
    /// Executes a command as the Host's SMC would.
    ///
    /// Every value of every argument is fine; what the RMM says of it is the outcome.
    pub fn execute(&mut self, command: Command) -> Outcome {
        with_rmi!(command, rmi => {
            match rmi.check(self, Gate::new(self.profile())) {
                Ok(plan) => match plan.apply_or_fail(self) {
                    Ok(outputs) => Outcome::success(command, outputs),
                    Err(failure) => Outcome::failed(command, failure),
                },
                Err(failure) => Outcome::failed(command, failure),
            }
        })
    }

    /// Executes the call in `regs` (X0 to X6). A function identifier that is no command of RMM 1.0
    /// answers −1.
    pub fn call(&mut self, regs: &CallRegs) -> Outcome {
        match Command::decode(regs) {
            Some(command) => self.execute(command),
            None => Outcome::unknown(),
        }
    }

    /// Which failure conditions of `command` hold now, in table order, as far as they can be
    /// looked at: a condition that needs what an earlier one did not yield is missing. `true` is
    /// good. Changes nothing.
    #[must_use]
    pub fn survey(&self, command: Command) -> Survey {
        let mut survey = Survey::new();
        with_rmi!(command, rmi => {
            let _ = rmi.check(self, Gate::survey(self.profile(), &mut survey));
        });
        survey
    }
}

/// The failure table of a command, in the order of checks.
///
/// # Panics
/// If `info` is not a row of [`COMMANDS`](crate::abi::command::COMMANDS), which has all that there
/// are.
#[must_use]
pub fn rows(info: &CommandInfo) -> &'static [Row] {
    fn rows_of<C: Rmi>(_: &C) -> &'static [Row] {
        C::Rows::ROWS
    }
    let command = Command::decode(&[info.fid, 0, 0, 0, 0, 0, 0]).expect("a row of the table");
    with_rmi!(command, rmi => rows_of(&rmi))
}
