//! The RMI commands: one file a family, one failure table a command.
//!
//! A command is `check(&World) -> Plan` and `apply(Plan, &mut World)`. A plan holds what the check
//! proved, so that applying it can not fail, and a command that fails has changed nothing.
//!
//! *Architecture invariant:* only `apply` functions of this floor change a [`World`].

mod absent;
mod activation;
mod blocks;
mod data;
mod data_map;
mod gate;
mod gic;
mod granule;
mod granule_range;
mod operation;
mod outcome;
mod psci_complete;
mod realm;
mod rec;
mod rec_operation;
mod ripas;
mod rtt;
mod run;
mod s2ap;
mod system;
mod terms;
mod unmap;
mod unprot_map;
mod unprotected;

pub use gate::{Failure, Row, Survey};
pub use outcome::Outcome;

use crate::abi::command::{CallRegs, Command, CommandInfo};
use crate::model::world::World;
use gate::{Answer, Checked, Gate, Rows};

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
            RmmActivate {} => activation::Activate;
            RmmConfigGet { config_ptr } => activation::ConfigGet { config_ptr };
            RmmConfigSet { config_ptr } => activation::ConfigSet { config_ptr };
            GranuleTrackingGet { start, end } => granule_range::TrackingGet { start, end };
            GptL1Create { addr } => granule_range::GptL1Create { addr };
            GranuleRangeDelegate { base, top } => granule_range::Delegate { base, top };
            GranuleRangeUndelegate { base, top } => granule_range::Undelegate { base, top };
            RealmTerminate { rd } => realm::Terminate { rd };
            RecCreateBegin { rd, rec, params_ptr } =>
                rec_operation::Create { rd, rec, params_ptr };
            RecDestroyBegin { rec } => rec_operation::Destroy { rec };
            OpContinue { handle, flags } => operation::Continue::of(handle, flags);
            OpMemDonate { handle, list_ptr, list_count } =>
                operation::MemDonate { handle, list_ptr, list_count };
            OpMemReclaim { handle, list_ptr, list_count } =>
                operation::MemReclaim { handle, list_ptr, list_count };
            OpCancel { handle } => operation::Cancel { handle };
            RttDataMapInit { rd, data, ipa, src, flags } =>
                data::Create { rd, data, ipa, src, flags };
            RttDataMap { rd, base, top, flags, oaddr } =>
                data_map::Map { rd, request: blocks::Request { base, top, flags, oaddr } };
            RttUnprotMap { rd, base, top, flags, oaddr } =>
                unprot_map::Map { rd, request: blocks::Request { base, top, flags, oaddr } };
            RttDataUnmap { rd, base, top, flags, oaddr } =>
                unmap::DataUnmap(unmap::Arguments { rd, base, top, flags, oaddr });
            RttUnprotUnmap { rd, base, top, flags, oaddr } =>
                unmap::UnprotUnmap(unmap::Arguments { rd, base, top, flags, oaddr });
            RttSetS2ap { rd, rec, base, top } => s2ap::SetS2ap { rd, rec, base, top };
        }
    };
}

impl World {
    /// Executes a command as the Host's SMC would.
    ///
    /// Every value of every argument is fine; what the RMM says of it is the outcome.
    #[allow(clippy::useless_conversion, reason = "some plans answer an `Answer` themselves")]
    pub fn execute(&mut self, command: Command) -> Outcome {
        if let Some(failure) = activation::barred(self, &command) {
            return Outcome::failed(command, failure);
        }
        with_rmi!(command, rmi => {
            let answer = match rmi.check(self, Gate::new(self.profile())) {
                Ok(plan) => plan.apply(self).into(),
                Err(failure) => Answer::Failed(failure),
            };
            Outcome::of(command, answer)
        })
    }

    /// Executes the call in `regs` (X0 to X6). A function identifier that is no command of the
    /// profile's edition answers −1.
    pub fn call(&mut self, regs: &CallRegs) -> Outcome {
        match Command::decode(regs, self.profile().edition()) {
            Some(command) => self.execute(command),
            None => absent::call(self, regs[0]),
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
    let regs = [info.fid, 0, 0, 0, 0, 0, 0];
    let command = Command::decode(&regs, info.edition()).expect("a row of the table");
    with_rmi!(command, rmi => rows_of(&rmi))
}
