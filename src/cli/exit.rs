//! How a run ends.

use std::process::ExitCode;

/// How a run ended, as the exit code says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Exit {
    /// Everything as it should be.
    Good = 0,
    /// A file could not be read or written, or the program has a fault.
    Io = 1,
    /// The command line or a text is wrong.
    Usage = 2,
    /// An expectation or a vector does not match.
    Mismatch = 3,
    /// KVM or the RMM refused what was not expected to fail.
    Refused = 4,
}

impl Exit {
    /// The more telling of two: when several files end differently, the first kind of trouble that
    /// has to be mended wins (usage, I/O, refusal, mismatch).
    pub(crate) fn and(self, other: Self) -> Self {
        let weight = |exit| match exit {
            Self::Good => 0,
            Self::Mismatch => 1,
            Self::Refused => 2,
            Self::Io => 3,
            Self::Usage => 4,
        };
        if weight(other) > weight(self) { other } else { self }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
