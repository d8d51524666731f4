//! What goes wrong in a subcommand, with the exit code that tells of it.

use super::Exit;
use super::hashing::HashingProblem;
use crate::encoding::shown::ShowPath as _;
use crate::host::Refusal;
use crate::outputs::OutputError;
use crate::predict::{Class, Error};

/// What went wrong, with the exit code that tells of it.
pub(crate) struct Trouble(pub(crate) Exit, pub(crate) String);

impl From<(Exit, String)> for Trouble {
    fn from((exit, text): (Exit, String)) -> Self {
        Self(exit, text)
    }
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        let exit = match error.class() {
            Class::Usage => Exit::Usage,
            Class::Io => Exit::Io,
            Class::Refused => Exit::Refused,
        };
        Self(exit, error.to_string())
    }
}

impl From<Refusal> for Trouble {
    fn from(refusal: Refusal) -> Self {
        Error::from(refusal).into()
    }
}

impl From<HashingProblem> for Trouble {
    fn from(problem: HashingProblem) -> Self {
        Self(problem.exit(), problem.to_string())
    }
}

impl From<OutputError> for Trouble {
    fn from(OutputError { path, source }: OutputError) -> Self {
        Self(Exit::Io, format!("{}: {source}", path.shown()))
    }
}

pub(crate) fn usage(text: String) -> Trouble {
    Trouble(Exit::Usage, text)
}
