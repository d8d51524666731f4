//! What a rule found, and how bad it is.

use std::fmt;

use super::rules::Rule;
use crate::session::Place;

/// How bad a finding is, the least first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Worth knowing.
    Note,
    /// Accepted, and harms.
    Risk,
    /// Accepted, and changes the RIM.
    Rim,
    /// The RMM refuses.
    Error,
}

impl Severity {
    /// All of them, the least first.
    pub const ALL: [Self; 4] = [Self::Note, Self::Risk, Self::Rim, Self::Error];

    /// The word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Risk => "risk",
            Self::Rim => "rim",
            Self::Error => "error",
        }
    }
}

/// Something that a rule found. What happens many times in one Realm is one finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The rule.
    pub rule: &'static Rule,
    /// Where it happened first.
    pub place: Place,
    /// Address of the Realm's RD, if it is about a Realm.
    pub rd: Option<u64>,
    /// What happened there.
    pub message: String,
    /// How often it happened.
    pub count: u64,
}

impl fmt::Display for Finding {
    /// One line: `boot.rmi:7:1: rim: ripas-twice: … (3 times)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rule, place, message, .. } = self;
        write!(f, "{place}: {}: {}: {message}", rule.severity.name(), rule.id)?;
        if self.count > 1 { write!(f, " ({} times)", self.count) } else { Ok(()) }
    }
}
