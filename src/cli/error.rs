//! What goes wrong in a subcommand, with the exit code that tells of it.

use crate::cli::exit::Exit;
use crate::host::Refusal;
use crate::outputs::OutputError;
use crate::predict::{Class, Error};

/// What went wrong, with the exit code that tells of it.
pub(crate) struct CliError(pub(crate) Exit, pub(crate) String);

impl From<(Exit, String)> for CliError {
    fn from((exit, text): (Exit, String)) -> Self {
        Self(exit, text)
    }
}

impl From<Error> for CliError {
    fn from(error: Error) -> Self {
        let exit = match error.class() {
            Class::Usage => Exit::Usage,
            Class::Io => Exit::Io,
            Class::Refused => Exit::Refused,
        };
        Self(exit, error.to_string())
    }
}

impl From<Refusal> for CliError {
    fn from(refusal: Refusal) -> Self {
        Error::from(refusal).into()
    }
}

impl From<OutputError> for CliError {
    fn from(error: OutputError) -> Self {
        let exit = match error {
            OutputError::Io { .. } | OutputError::NothingBeside { .. } => Exit::Io,
            OutputError::Twice { .. } => Exit::Usage,
        };
        Self(exit, error.to_string())
    }
}

pub(crate) fn usage(text: String) -> CliError {
    CliError(Exit::Usage, text)
}
