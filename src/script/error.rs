//! What is wrong with a script, and how it is shown.

use std::fmt;
use std::sync::Arc;

use super::grammar::Span;
use crate::encoding::marked_line::{source_line, write_line};
use crate::encoding::nearest::nearest;
use crate::session::Place;

/// Most mistakes of one script that are told.
pub(super) const MAX_MISTAKES: usize = 20;

/// A mistake in a script: where, what, and perhaps what was meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScriptError {
    /// Where.
    pub place: Place,
    /// What is wrong.
    pub message: String,
    /// What may help.
    pub hint: Option<String>,
    /// The line in which it stands, and the column in it (characters, from 1).
    pub source_line: Option<(String, usize)>,
    /// Further mistakes, in the order of the text: some may follow from this one.
    pub others: Box<[Self]>,
}

impl ScriptError {
    /// An error at a place of `text`.
    pub(super) fn new(file: &Arc<str>, text: &str, span: Span, message: impl Into<String>) -> Self {
        let place = span.in_file(file);
        let source_line = source_line(text, span.line, span.column);
        Self { place, message: message.into(), hint: None, source_line, others: Box::default() }
    }

    /// One error of all mistakes, the first first; `None` if there are none.
    pub(super) fn of_all(mistakes: Vec<Self>) -> Option<Self> {
        let mut mistakes = mistakes.into_iter();
        let mut first = mistakes.next()?;
        first.others = first.others.into_iter().chain(mistakes).collect();
        Some(first)
    }

    /// This mistake and the others, each as an error of its own.
    pub(super) fn each(mut self) -> impl Iterator<Item = Self> {
        let others = std::mem::take(&mut self.others);
        std::iter::once(self).chain(others)
    }

    /// What is wrong, one text for each mistake.
    #[must_use]
    pub fn messages(&self) -> Vec<String> {
        let alone = Alone(self).to_string();
        std::iter::once(alone)
            .chain(self.others.iter().map(|other| Alone(other).to_string()))
            .collect()
    }

    /// Adds what may help.
    #[must_use]
    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds the name among `known` that is most like `name`, if one is.
    #[must_use]
    pub(super) fn suggest<'k>(self, name: &str, known: impl IntoIterator<Item = &'k str>) -> Self {
        match nearest(name, known) {
            Some(nearest) => self.hint(format!("did you mean {nearest}?")),
            None => self,
        }
    }
}

impl std::error::Error for ScriptError {}

impl fmt::Display for ScriptError {
    /// `boot.rmi:7:1: unknown …; did you mean …?`, then the line with a caret under the column; the
    /// others below.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Alone(self).fmt(f)?;
        self.others.iter().try_for_each(|other| write!(f, "\n{}", Alone(other)))
    }
}

/// A mistake without the others.
struct Alone<'e>(&'e ScriptError);

impl fmt::Display for Alone<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ScriptError { place, message, hint, source_line, .. } = self.0;
        write!(f, "{place}: {message}")?;
        if let Some(hint) = hint {
            write!(f, "; {hint}")?;
        }
        write_line(f, place.line, source_line.as_ref())
    }
}
