//! Where a play is to stop.

use std::fmt;
use std::path::Path;

use super::timeline::{Moment, Watch};
use crate::abi::addr::Hex;
use crate::abi::command::{COMMANDS, CommandInfo};
use crate::abi::status::Status;
use crate::encoding::nearest::DidYouMean;
use crate::rmi::rows;

/// What a play stops at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Breakpoint {
    /// Before each command of this name.
    Command(&'static str),
    /// Before the first command of this line, in the script or in this file.
    Line(Option<String>, u32),
    /// Behind a command that fails by this condition.
    Condition(&'static str),
    /// Behind a command that answers this.
    Status(Status),
    /// Behind a command that changes this granule.
    Granule(u64),
    /// Behind a command that changes how this IPA is translated.
    Ipa(u64),
}

impl fmt::Display for Breakpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Command(name) => write!(f, "before {name}"),
            Self::Line(None, line) => write!(f, "before line {line}"),
            Self::Line(Some(file), line) => write!(f, "before {file}:{line}"),
            Self::Condition(name) => write!(f, "behind a failure by {name}"),
            Self::Status(status) => write!(f, "behind {}", status.name()),
            Self::Granule(pa) => write!(f, "when granule {} changes", Hex(*pa)),
            Self::Ipa(ipa) => write!(f, "when the entry of IPA {} changes", Hex(*ipa)),
        }
    }
}

impl Breakpoint {
    /// A line, a command, a condition or a status.
    ///
    /// # Errors
    /// If the word is none.
    pub(super) fn of_word(word: &str) -> Result<Self, String> {
        if let Ok(line) = word.parse() {
            return Ok(Self::Line(None, line));
        }
        if let Some((file, line)) = word.rsplit_once(':')
            && let Ok(line) = line.parse()
        {
            return Ok(Self::Line(Some(file.to_owned()), line));
        }
        if let Some(info) = CommandInfo::by_name(word) {
            return Ok(Self::Command(info.name));
        }
        let conditions = || COMMANDS.iter().flat_map(rows).map(|row| row.id);
        if let Some(known) = conditions().find(|id| *id == word) {
            return Ok(Self::Condition(known));
        }
        if let Some(status) = Status::ALL.into_iter().find(|status| status.name() == word) {
            return Ok(Self::Status(status));
        }
        let commands = COMMANDS.iter().map(|command| command.name);
        let known = commands.chain(conditions()).chain(Status::ALL.map(Status::name));
        let meant = DidYouMean::of(word, known.chain(["granule", "ipa"]));
        let forms = "a line, a command, a condition, a status, granule PA or ipa IPA is wanted";
        Err(format!("`{word}` is nothing to stop at{meant}; {forms}"))
    }

    pub(super) fn stops_before(&self, moment: &Moment, is_first_of_statement: bool) -> bool {
        match self {
            Self::Command(name) => moment.name() == Some(name),
            Self::Line(file, line) => {
                // Whole names of files and folders: `a.rmi` is not `data.rmi`.
                let here = Path::new(moment.place.file.as_ref());
                let of_file = file.as_ref().is_none_or(|file| here.ends_with(file));
                is_first_of_statement && of_file && moment.place.line == *line
            }
            _ => false,
        }
    }

    pub(super) fn stops_behind(&self, moment: &Moment) -> bool {
        let Some(outcome) = &moment.outcome else { return false };
        match self {
            Self::Condition(name) => {
                outcome.failure().is_some_and(|failure| failure.condition() == *name)
            }
            Self::Status(status) => outcome.code().is_some_and(|code| code.status == *status),
            _ => false,
        }
    }

    pub(super) const fn watch(&self) -> Option<Watch> {
        match self {
            Self::Granule(pa) => Some(Watch::Granule(*pa)),
            Self::Ipa(ipa) => Some(Watch::Ipa(*ipa)),
            _ => None,
        }
    }
}
