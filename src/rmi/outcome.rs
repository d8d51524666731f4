//! What came of a call.

use std::fmt;

use super::gate::{Answer, Failure};
use crate::abi::addr::Hex;
use crate::abi::command::{Command, ResultRegs};
use crate::abi::status::{MemReq, ReturnCode, Status};

/// What an SMC answered. A status is an outcome, not an error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    command: Option<Command>,
    regs: ResultRegs,
    failure: Option<Box<Failure>>,
}

impl Outcome {
    #[inline]
    pub(super) fn of(command: Command, answer: Answer) -> Self {
        let (code, [x1, x2, x3, x4]) = match answer {
            Answer::Success(outputs) => (ReturnCode::SUCCESS, outputs),
            Answer::Incomplete(mem_req, outputs) => (ReturnCode::incomplete(mem_req), outputs),
            Answer::Failed(failure) => return Self::failed(command, failure),
        };
        Self { command: Some(command), regs: [code.pack(), x1, x2, x3, x4], failure: None }
    }

    pub(super) fn failed(command: Command, failure: Box<Failure>) -> Self {
        let [x1, x2, x3, x4] = failure.outputs();
        let regs = [failure.code().pack(), x1, x2, x3, x4];
        Self { command: Some(command), regs, failure: Some(failure) }
    }

    /// The answer to a call that is no command here: X0, and the failure if there is one.
    pub(super) fn no_command(x0: u64, failure: Option<Box<Failure>>) -> Self {
        Self { command: None, regs: [x0, 0, 0, 0, 0], failure }
    }

    /// The command that was executed; `None` if there is none with the function identifier.
    #[must_use]
    pub fn command(&self) -> Option<Command> {
        self.command
    }

    /// X0 to X4.
    #[must_use]
    pub fn regs(&self) -> &ResultRegs {
        &self.regs
    }

    /// The status in X0; `None` for an unknown function identifier.
    #[must_use]
    pub fn status(&self) -> Option<Status> {
        self.code().map(|code| code.status)
    }

    /// The return code in X0; `None` for an unknown function identifier.
    #[must_use]
    pub fn code(&self) -> Option<ReturnCode> {
        ReturnCode::unpack(self.regs[0])
    }

    /// Whether the command succeeded.
    #[must_use]
    pub fn is_success(&self) -> bool {
        self.status() == Some(Status::Success)
    }

    /// The failure condition that held.
    #[must_use]
    pub fn failure(&self) -> Option<&Failure> {
        self.failure.as_deref()
    }

    /// What a stateful operation waits for now; `None` if the command has ended.
    #[must_use]
    pub fn awaits(&self) -> Option<MemReq> {
        let code = self.code().filter(|code| code.status == Status::Incomplete)?;
        [MemReq::None, MemReq::Donate, MemReq::Reclaim]
            .into_iter()
            .find(|req| *req as u8 == code.index)
    }

    /// Which register has the handle of a stateful operation that has just begun.
    #[must_use]
    pub fn handle_reg(&self) -> Option<usize> {
        let goes_on = matches!(
            self.command?,
            Command::OpContinue { .. } | Command::OpMemDonate { .. } | Command::OpMemReclaim { .. }
        );
        (self.status() == Some(Status::Incomplete) && !goes_on).then_some(1)
    }

    /// The registers that the specification gives a meaning after this command and status, as
    /// indices (0 is X0).
    #[must_use]
    pub fn defined_regs(&self) -> Vec<usize> {
        let Some(command) = self.command else { return vec![0] };
        let outputs = command.info().outputs.len();
        match (command, self.status()) {
            (_, Some(Status::Incomplete)) => self.defined_of_incomplete(command),
            (
                Command::RttDataUnmap { .. }
                | Command::RttDevUnmap { .. }
                | Command::RttUnprotUnmap { .. },
                Some(Status::Success),
            ) => (0..=outputs).collect(),
            // Which command's outputs they are is known to the operation, and zeros hurt nobody.
            (Command::OpContinue { .. }, Some(Status::Success)) => (0..=outputs).collect(),
            (Command::RecDestroyBegin { .. } | Command::RecCreateBegin { .. }, _) => vec![0],
            // VERSION answers both revisions whatever it says in X0.
            (_, Some(Status::Success)) | (Command::Version { .. }, _) => (0..=outputs).collect(),
            (
                Command::DataDestroy { .. }
                | Command::RttDestroy { .. }
                | Command::RttAuxDestroy { .. },
                _,
            ) => vec![0, 2],
            (Command::RttUnmapUnprotected { .. }, _) => vec![0, 1],
            // Where trees of planes stand in the way, TF-RMM tells what it found.
            (Command::RttAuxUnmapProtected { .. }, Some(Status::RttAux)) => vec![0, 1],
            (Command::RttSetS2ap { .. }, Some(Status::Rtt | Status::RttAux)) => vec![0, 1, 2],
            (Command::RttAuxMapProtected { .. }, Some(Status::Rtt | Status::RttAux)) => {
                vec![0, 1, 2, 3, 4]
            }
            _ => vec![0],
        }
    }

    /// The names of X1 and those that follow it, as far as the answer gives them a meaning.
    #[must_use]
    pub fn output_names(&self) -> &'static [&'static str] {
        let Some(command) = self.command else { return &[] };
        match (command, self.awaits()) {
            (Command::RealmCreate { .. } | Command::RealmDestroy { .. }, Some(_)) => {
                &["handle", "donate_req"]
            }
            _ => command.info().outputs,
        }
    }

    fn defined_of_incomplete(&self, command: Command) -> Vec<usize> {
        match (command, self.awaits()) {
            (Command::RecCreateBegin { .. } | Command::RealmCreate { .. }, _) => vec![0, 1, 2],
            (Command::OpMemDonate { .. }, Some(MemReq::Donate | MemReq::None)) => vec![0, 1, 2],
            (Command::OpContinue { .. } | Command::OpMemDonate { .. }, _) => vec![0],
            _ => vec![0, 1],
        }
    }
}

impl fmt::Display for Outcome {
    /// One line: the failure with the values compared, or the status and the outputs by name.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.command.is_none() {
            return match &self.failure {
                Some(failure) => write!(f, "{failure}"),
                None => f.write_str(
                    "SMC_NOT_SUPPORTED(-1): no RMI command has this function identifier",
                ),
            };
        };
        match (&self.failure, self.code()) {
            (Some(failure), _) => write!(f, "{failure}")?,
            (None, Some(code)) => write!(f, "{code}")?,
            (None, None) => write!(f, "{}", Hex(self.regs[0]))?,
        }
        // What a failure tells in registers of which a success says nothing has no names.
        let names = (1..).zip(self.output_names());
        for (x, name) in names.filter(|(x, _)| self.defined_regs().contains(x)) {
            write!(f, " {name}={}", Hex(self.regs[x]))?;
        }
        Ok(())
    }
}
