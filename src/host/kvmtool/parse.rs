//! kvmtool's reading of a command line (its `parse-options.c`): short options in clusters with
//! their value attached or next, long options by any prefix that is not ambiguous, negation.

use super::number::Number;
use super::options::{Kind, OptionRow, known};
use super::version::Version;
use crate::encoding::nearest::DidYouMean;
use crate::host::Refusal;

/// One word of the command line, or two, as kvmtool understands it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Given<'a> {
    /// The option as it was written: `-m`, `--mem`.
    pub(super) place: String,
    /// What it stands for; `None` for a word that is no option.
    pub(super) row: Option<&'static OptionRow>,
    pub(super) value: Value<'a>,
}

impl PartialEq for OptionRow {
    fn eq(&self, other: &Self) -> bool {
        self.long == other.long
    }
}
impl Eq for OptionRow {}

/// An option's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Value<'a> {
    /// A flag without or with `no-`.
    Flag(bool),
    /// An option that takes no value, or whose value was left out.
    Nothing,
    /// A number, or 0 for a negated option. What follows the digits is ignored.
    Number(i64, u64, &'a str),
    Text(&'a str),
    /// A negated string.
    Unset,
}

/// Reads the words after `lkvm run`.
///
/// # Errors
/// For what kvmtool answers with its usage.
pub(super) fn parse<'a>(words: &[&'a str], version: Version) -> Result<Vec<Given<'a>>, Refusal> {
    let mut parser = Parser { words, version, given: Vec::new() };
    while let Some((word, rest)) = parser.words.split_first() {
        parser.words = rest;
        if let Some(name) = word.strip_prefix("--").filter(|name| !name.is_empty()) {
            parser.long(name)?;
        } else if word.len() > 1 && word.starts_with('-') && *word != "--" {
            parser.cluster(&word[1..])?;
        } else {
            let (place, value) = ((*word).to_owned(), Value::Text(word));
            parser.given.push(Given { place, row: None, value });
        }
    }
    Ok(parser.given)
}

/// A long option that a word may mean.
#[derive(Clone, Copy)]
struct Candidate {
    row: &'static OptionRow,
    negated: bool,
}

impl Candidate {
    fn spelled(self) -> String {
        format!("--{}{}", if self.negated { "no-" } else { "" }, self.row.long)
    }
}

struct Parser<'a, 'w> {
    words: &'w [&'a str],
    version: Version,
    given: Vec<Given<'a>>,
}

impl<'a> Parser<'a, '_> {
    fn cluster(&mut self, cluster: &'a str) -> Result<(), Refusal> {
        let mut letters = cluster.chars();
        while let Some(letter) = letters.next() {
            let place = format!("-{letter}");
            if letter == 'h' {
                return Err(refuse(&place, "asks for help, and starts no VM"));
            }
            let row = known(self.version).find(|row| row.short == Some(letter));
            let Some(row) = row else {
                return Err(refuse(&place, &format!("kvmtool {} has no such option", self.name())));
            };
            // All short options take a value: what is attached, or the next word.
            let attached = Some(letters.as_str()).filter(|text| !text.is_empty());
            letters = "".chars();
            self.take(place, Candidate { row, negated: false }, attached)?;
        }
        Ok(())
    }

    fn name(&self) -> &'static str {
        self.version.name()
    }

    fn long(&mut self, word: &'a str) -> Result<(), Refusal> {
        let (name, attached) =
            word.split_once('=').map_or((word, None), |(name, value)| (name, Some(value)));
        let place = format!("--{name}");
        if attached.is_none() && ["help", "help-all"].contains(&name) {
            return Err(refuse(&place, "asks for help, and starts no VM"));
        }
        let candidate = self.candidate(name, attached.is_some(), &place)?;
        self.take(place, candidate, attached)
    }

    /// The option that a name means: the first that it is, with or without `no-`; otherwise the
    /// only one that it begins.
    fn candidate(&self, name: &str, has_value: bool, place: &str) -> Result<Candidate, Refusal> {
        let mut begun: Vec<Candidate> = Vec::new();
        for row in known(self.version) {
            let positive = Candidate { row, negated: false };
            let negative = Candidate { row, negated: true };
            let rest = name.strip_prefix("no-");
            if name == row.long {
                return Ok(positive);
            } else if name.starts_with(row.long) {
                // Longer than the option: it may be another, but not this one's negation.
            } else if row.long.starts_with(name) {
                begun.push(positive);
            } else if !has_value && "no-".starts_with(name) {
                begun.push(negative);
            } else if rest == Some(row.long) {
                return Ok(negative);
            } else if !has_value && rest.is_some_and(|rest| row.long.starts_with(rest)) {
                begun.push(negative);
            }
        }
        match begun[..] {
            [] => {
                let known = known(self.version).map(|row| row.long);
                let name = name.strip_prefix("no-").unwrap_or(name);
                let meant = DidYouMean::option("--", name, known);
                Err(refuse(place, &format!("kvmtool {} has no such option{meant}", self.name())))
            }
            [only] => Ok(only),
            [.., first, second] => {
                let (first, second) = (first.spelled(), second.spelled());
                Err(refuse(place, &format!("is ambiguous: it could be {first} or {second}")))
            }
        }
    }

    fn take(
        &mut self,
        place: String,
        candidate: Candidate,
        attached: Option<&'a str>,
    ) -> Result<(), Refusal> {
        let Candidate { row, negated } = candidate;
        let valueless = matches!(row.kind, Kind::Flag | Kind::Event);
        if attached.is_some() && (negated || valueless) {
            return Err(refuse(&place, "takes no value"));
        }
        let value = match row.kind {
            Kind::Flag => Value::Flag(!negated),
            Kind::Event => Value::Nothing,
            Kind::Int | Kind::Uint | Kind::Wide if negated => Value::Number(0, 0, ""),
            Kind::Text if negated => Value::Unset,
            Kind::Parsed if negated => {
                return Err(refuse(&place, "can not be negated: kvmtool crashes on it"));
            }
            Kind::ParsedOrNothing if negated => Value::Nothing,
            Kind::ParsedOrNothing => {
                let next = self.words.first().filter(|next| !next.starts_with('-'));
                if attached.is_none() && next.is_none() {
                    Value::Nothing
                } else {
                    Value::Text(self.argument(&place, attached)?)
                }
            }
            Kind::Text | Kind::Parsed => Value::Text(self.argument(&place, attached)?),
            Kind::Int | Kind::Uint | Kind::Wide => {
                let number = Number::read(self.argument(&place, attached)?, 0);
                let unsigned = number.unsigned().unwrap_or(u64::MAX);
                Value::Number(number.signed(), unsigned, number.rest)
            }
        };
        self.given.push(Given { place, row: Some(row), value });
        Ok(())
    }

    fn argument(&mut self, place: &str, attached: Option<&'a str>) -> Result<&'a str, Refusal> {
        if let Some(attached) = attached {
            return Ok(attached);
        }
        let Some((next, rest)) = self.words.split_first() else {
            return Err(refuse(place, "requires a value"));
        };
        self.words = rest;
        Ok(next)
    }
}

fn refuse(place: &str, why: &str) -> Refusal {
    super::refuse(place, why)
}
