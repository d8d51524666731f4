//! The rule about commands that fail.

use super::Call;
use super::advice::{advice, state_of_rmm};
use super::finding::Finding;
use super::realm::Stopped;
use super::rules::rule;
use crate::abi::addr::Hex;
use crate::abi::command::{Command, CommandInfo};
use crate::abi::edition::Edition;
use crate::abi::status::Status;
use crate::model::world::World;
use crate::rmi::Outcome;
use crate::session::Place;

/// A command that will be called again, by name and what it is about: of one that ended early at a
/// table that is missing RD and IPA, of one that has to wait the first two arguments.
type Retry = (&'static str, u64, u64);

/// Most commands whose retry is waited for at a time; older ones count as failed.
const MAX_WAITING: usize = 16;

/// What the Host has to do next for a refusal to be no mistake.
#[derive(Debug)]
enum Answer {
    /// It makes the missing table and calls again.
    Again(Retry),
    /// It waits for what is under way and calls again.
    Later(Retry),
    /// RTT_INIT_RIPAS came to contents: it goes on behind them.
    StepOver { rd: u64, stopped: Stopped },
}

impl Answer {
    /// Whether `call` is it.
    fn is(&self, call: &Call<'_>) -> bool {
        match (self, call.command) {
            (Self::Again(waiting), command) => went_on(call) && retry(command) == Some(*waiting),
            (Self::Later(waiting), command) => went_on(call) && same_again(command) == *waiting,
            (Self::StepOver { rd, stopped }, Command::RttInitRipas { rd: other, base, .. }) => {
                *rd == other
                    && base != stopped.at
                    && (stopped.is_last() || stopped.goes_on_at(base))
            }
            (Self::StepOver { rd, stopped }, command) => {
                let same =
                    command.info().inputs.first() == Some(&"rd") && command.encode()[1] == *rd;
                same && stopped.is_last()
            }
        }
    }

    fn is_like(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Again(a), Self::Again(b)) | (Self::Later(a), Self::Later(b)) => a == b,
            (Self::StepOver { rd: a, stopped: x }, Self::StepOver { rd: b, stopped: y }) => {
                a == b && x.at == y.at
            }
            _ => false,
        }
    }
}

/// Commands that failed, and those whose failure may yet be answered.
#[derive(Debug, Default)]
pub(super) struct Failures {
    found: Vec<Finding>,
    waiting: Vec<(Answer, Finding)>,
}

impl Failures {
    /// Looks whether a call, whatever came of it, answers one that was refused.
    pub(super) fn answered(&mut self, call: &Call<'_>) {
        self.waiting.retain(|(answer, _)| !answer.is(call));
    }

    /// A call that was refused, and what RTT_INIT_RIPAS came to if it was one.
    pub(super) fn see(&mut self, call: &Call<'_>, stopped: Option<Stopped>) {
        let Some(failure) = call.outcome.failure() else { return };
        // A Host asks for all tables of the granule protection tables, to have those that miss.
        if failure.code().status == Status::Gpt {
            return;
        }
        let name = call.command.info().name;
        let advice = advice(call.command, call.outcome);
        let gap = if advice.is_empty() { "" } else { "; " };
        let finding = finding(call.place, format!("RMI_{name}: {failure}{gap}{advice}"));
        let wants_table = matches!(
            failure.condition(),
            "rtt_walk" | "base_align" | "no_progress" | "rtte_top" | "range_size"
        );
        let answer = match (call.command, stopped) {
            (command, _) if waits(failure.code().status) => {
                Some(Answer::Later(same_again(command)))
            }
            _ if failure.code().status != Status::Rtt => None,
            (Command::RttInitRipas { rd, base, .. }, Some(stopped)) if stopped.at == base => {
                Some(Answer::StepOver { rd, stopped })
            }
            (command, _) => retry(command).filter(|_| wants_table).map(Answer::Again),
        };
        let Some(answer) = answer else {
            self.found.push(finding);
            return;
        };
        if self.waiting.iter().all(|(waiting, _)| !waiting.is_like(&answer)) {
            self.waiting.push((answer, finding));
        }
        if self.waiting.len() > MAX_WAITING {
            self.found.push(self.waiting.remove(0).1);
        }
    }

    /// An SMC that is no RMI command.
    pub(super) fn unknown(&mut self, fid: u64, outcome: &Outcome, world: &World, place: &Place) {
        if let Some(failure) = outcome.failure() {
            let advice = state_of_rmm(failure.condition());
            let gap = if advice.is_empty() { "" } else { "; " };
            self.found.push(finding(place, format!("{}: {failure}{gap}{advice}", Hex(fid))));
            return;
        }
        let edition = world.profile().edition();
        let other = Edition::ALL.into_iter().find_map(|other| {
            let info = CommandInfo::by_fid(fid, other)?;
            Some(format!("it is {} of RMM {}", info.name, other.name()))
        });
        let other = other.unwrap_or_else(|| "check the function identifier".to_owned());
        let text = format!("{} is no command of RMM {}; {other}", Hex(fid), edition.name());
        self.found.push(finding(place, text));
    }

    pub(super) fn finish(self) -> Vec<Finding> {
        let waiting = self.waiting.into_iter().map(|(_, finding)| finding);
        self.found.into_iter().chain(waiting).collect()
    }
}

fn finding(place: &Place, message: String) -> Finding {
    Finding { rule: rule("rmi-failure"), place: place.clone(), rd: None, message, count: 1 }
}

/// Whether a command was not refused: it has ended well, or has begun an operation.
fn went_on(call: &Call<'_>) -> bool {
    call.outcome.is_success() || call.outcome.awaits().is_some()
}

/// Whether a status says that the Host should try again later.
const fn waits(status: Status) -> bool {
    matches!(status, Status::Busy | Status::Blocked)
}

fn same_again(command: Command) -> Retry {
    let regs = command.encode();
    (command.info().name, regs[1], regs[2])
}

/// What a command is called again with, once the table is there.
fn retry(command: Command) -> Option<Retry> {
    let (rd, ipa) = match command {
        Command::RttInitRipas { rd, base, .. }
        | Command::RttSetRipas { rd, base, .. }
        | Command::RttDataMap { rd, base, .. }
        | Command::RttDataUnmap { rd, base, .. }
        | Command::RttUnprotMap { rd, base, .. }
        | Command::RttUnprotUnmap { rd, base, .. } => (rd, base),
        Command::DataCreate { rd, ipa, .. }
        | Command::RttDataMapInit { rd, ipa, .. }
        | Command::DataCreateUnknown { rd, ipa, .. }
        | Command::RttMapUnprotected { rd, ipa, .. }
        | Command::RttCreate { rd, ipa, .. } => (rd, ipa),
        _ => return None,
    };
    Some((command.info().name, rd, ipa))
}
