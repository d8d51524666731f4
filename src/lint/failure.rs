//! The rule about commands that fail.

use super::Call;
use super::advice::advice;
use super::finding::Finding;
use super::realm::Stopped;
use super::rules::rule;
use crate::abi::addr::Hex;
use crate::abi::command::Command;
use crate::abi::status::Status;
use crate::session::Place;

/// A command that ended early at a table that is missing, by name, RD, and IPA.
type Retry = (&'static str, u64, u64);

/// Most commands whose retry is waited for at a time; older ones count as failed.
const MAX_WAITING: usize = 16;

/// What the Host has to do next for a refusal to be no mistake.
#[derive(Debug)]
enum Answer {
    /// It makes the missing table and calls again.
    Again(Retry),
    /// RTT_INIT_RIPAS came to contents: it goes on behind them.
    StepOver { rd: u64, stopped: Stopped },
}

impl Answer {
    /// Whether `call` is it.
    fn is(&self, call: &Call<'_>) -> bool {
        match (self, call.command) {
            (Self::Again(waiting), command) => {
                call.outcome.is_success() && retry(command) == Some(*waiting)
            }
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
            (Self::Again(a), Self::Again(b)) => a == b,
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
        let name = call.command.info().name;
        let advice = advice(call.command, call.outcome);
        let gap = if advice.is_empty() { "" } else { "; " };
        let finding = finding(call.place, format!("RMI_{name}: {failure}{gap}{advice}"));
        let by_level = failure.code().status == Status::Rtt;
        let wants_table = matches!(failure.condition(), "rtt_walk" | "base_align" | "no_progress");
        let answer = match (call.command, stopped) {
            _ if !by_level => None,
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
    pub(super) fn unknown(&mut self, fid: u64, place: &Place) {
        let text = format!("{} is no command of RMM 1.0; check the function identifier", Hex(fid));
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

/// What a command is called again with, once the table is there.
fn retry(command: Command) -> Option<Retry> {
    let (rd, ipa) = match command {
        Command::RttInitRipas { rd, base, .. } | Command::RttSetRipas { rd, base, .. } => {
            (rd, base)
        }
        Command::DataCreate { rd, ipa, .. }
        | Command::DataCreateUnknown { rd, ipa, .. }
        | Command::RttMapUnprotected { rd, ipa, .. }
        | Command::RttCreate { rd, ipa, .. } => (rd, ipa),
        _ => return None,
    };
    Some((command.info().name, rd, ipa))
}
