//! How well a program's behaviour is known.

/// Where a profile comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Certainty {
    /// Nothing of the program was read; its announcements, or what stands before and after it.
    Inferred,
    /// Its source was read.
    Read,
    /// It was seen at work, and what it did is recorded.
    SeenRun,
}

impl Certainty {
    /// In words, as results have it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Inferred => "inferred",
            Self::Read => "read",
            Self::SeenRun => "seen run",
        }
    }
}
