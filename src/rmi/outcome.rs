//! What came of a call.

use std::fmt;

use super::gate::{Failure, Outputs};
use crate::abi::addr::Hex;
use crate::abi::command::{Command, ResultRegs};
use crate::abi::status::{ReturnCode, Status};

/// What an SMC answered. A status is an outcome, not an error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    command: Option<Command>,
    regs: ResultRegs,
    failure: Option<Box<Failure>>,
}

impl Outcome {
    pub(super) fn success(command: Command, outputs: Outputs) -> Self {
        let [x1, x2, x3, x4] = outputs;
        let regs = [ReturnCode::SUCCESS.pack(), x1, x2, x3, x4];
        Self { command: Some(command), regs, failure: None }
    }

    pub(super) fn failed(command: Command, failure: Box<Failure>) -> Self {
        let [x1, x2, x3, x4] = failure.outputs();
        let regs = [failure.code().pack(), x1, x2, x3, x4];
        Self { command: Some(command), regs, failure: Some(failure) }
    }

    pub(super) fn unknown() -> Self {
        Self { command: None, regs: [ReturnCode::UNKNOWN_FID, 0, 0, 0, 0], failure: None }
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

    /// The registers that the specification gives a meaning after this command and status, as
    /// indices (0 is X0).
    #[must_use]
    pub fn defined_regs(&self) -> Vec<usize> {
        let Some(command) = self.command else { return vec![0] };
        let outputs = command.info().outputs.len();
        match (command, self.status()) {
            // VERSION answers both revisions whatever it says in X0.
            (_, Some(Status::Success)) | (Command::Version { .. }, _) => (0..=outputs).collect(),
            (Command::DataDestroy { .. } | Command::RttDestroy { .. }, _) => vec![0, 2],
            (Command::RttUnmapUnprotected { .. }, _) => vec![0, 1],
            _ => vec![0],
        }
    }
}

impl fmt::Display for Outcome {
    /// One line: the failure with the values compared, or the status and the outputs by name.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(command) = self.command else {
            return f
                .write_str("SMC_NOT_SUPPORTED(-1): no RMI command has this function identifier");
        };
        match &self.failure {
            Some(failure) => write!(f, "{failure}")?,
            None => f.write_str(Status::Success.name())?,
        }
        for x in self.defined_regs().into_iter().skip(1) {
            write!(f, " {}={}", command.info().outputs[x - 1], Hex(self.regs[x]))?;
        }
        Ok(())
    }
}
