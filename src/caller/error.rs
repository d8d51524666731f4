//! Why a Host got no further.

use std::fmt;

use thiserror::Error;

use crate::abi::command::Command;
use crate::abi::structure::FieldError;
use crate::rmi::Outcome;
use crate::session::Fault;

/// The RMM refused a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The command. Of an operation of several calls, the one that began it.
    pub command: Command,
    /// What the RMM answered: registers, status, and the condition that held.
    pub outcome: Outcome,
}

impl Refused {
    pub(super) fn error(command: Command, outcome: Outcome) -> HostError {
        HostError::Refused(Box::new(Self { command, outcome }))
    }
}

impl fmt::Display for Refused {
    /// `RTT_CREATE rd=0x8000_0000 …: RMI_ERROR_INPUT rtt_align: …`, with the values compared.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.command, self.outcome)
    }
}

/// Why a Host got no further.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum HostError {
    /// The RMM refused a command.
    #[error("{0}")]
    Refused(Box<Refused>),
    /// The Host touched memory that is not its own, or the RMM would read contents of which only
    /// digests are known.
    #[error(transparent)]
    Fault(#[from] Fault),
    /// A structure can not be written.
    #[error(transparent)]
    Field(#[from] FieldError),
    /// The machine has not so many granules left in a row.
    #[error("the machine has no {count_granules} granules left in a row")]
    NoMemory {
        /// How many were asked for.
        count_granules: u64,
    },
}

impl HostError {
    /// The RMM's answer, if it is what the error is about.
    #[must_use]
    pub fn outcome(&self) -> Option<&Outcome> {
        match self {
            Self::Refused(refused) => Some(&refused.outcome),
            _ => None,
        }
    }

    /// The specification's name of the condition that the RMM refused for.
    #[must_use]
    pub fn condition(&self) -> Option<&'static str> {
        Some(self.outcome()?.failure()?.condition())
    }
}
