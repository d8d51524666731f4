//! Why a play ended, and what of it was not as expected.

use std::fmt;

use thiserror::Error;

use super::error::ScriptError;
use crate::encoding::marked_line::write_line;
use crate::measure::image::ImageError;
use crate::session::{Mismatch, Place};

/// An expectation that was not met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unmet {
    /// The statement.
    pub place: Place,
    /// What was done: a command with its arguments, or the thing that was looked at.
    pub what: String,
    /// The difference.
    pub mismatch: Mismatch,
    /// The statement's first line, and the column of the statement in it; `None` if the one before
    /// was of the same statement.
    pub source_line: Option<(String, usize)>,
}

impl fmt::Display for Unmet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}", self.place, self.what, self.mismatch)?;
        write_line(f, self.place.line, self.source_line.as_ref())
    }
}

/// The RMM refused what the script did not expect it to refuse, or the Host was faulted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The statement.
    pub place: Place,
    /// The command with its arguments.
    pub command: String,
    /// The failure condition with the values compared.
    pub explanation: String,
    /// The statement's first line, and the column of the statement in it.
    pub source_line: Option<(String, usize)>,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}", self.place, self.command, self.explanation)?;
        write_line(f, self.place.line, self.source_line.as_ref())
    }
}

/// Why a play ended early.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PlayError {
    /// The script has a mistake that shows only when it is played.
    #[error("{0}")]
    Script(Box<ScriptError>),
    /// A command failed, and no `=>` says that it should.
    #[error("{0}")]
    Refused(Box<Refused>),
    /// Expectations were not met: those that were kept, and how many in all.
    #[error("{}", unmet_lines(.0, *.1).join("\n"))]
    Mismatch(Vec<Unmet>, u64),
    /// An image changed while it was used.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// Who plays wanted to look at what was done so far.
    #[error("the play was stopped")]
    Stopped,
}

impl From<ScriptError> for PlayError {
    fn from(error: ScriptError) -> Self {
        Self::Script(Box::new(error))
    }
}

/// One text for each expectation that is kept, and how many more there were.
fn unmet_lines(unmet: &[Unmet], total: u64) -> Vec<String> {
    let mut lines: Vec<String> = unmet.iter().map(Unmet::to_string).collect();
    let more = total - unmet.len() as u64;
    if more > 0 {
        lines.push(format!("and {more} more"));
    }
    lines
}

impl PlayError {
    /// What is wrong, one text for each thing that is; most errors are one.
    #[must_use]
    pub fn messages(&self) -> Vec<String> {
        match self {
            Self::Mismatch(unmet, total) => unmet_lines(unmet, *total),
            other => vec![other.to_string()],
        }
    }
}
