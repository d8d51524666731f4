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

/// What 0 and 3 mean: subcommands, and the two in words.
const BY_SUBCOMMAND: &[(&str, &str, &str)] = &[
    ("check", "the RIM is the one that is locked", "it is not, or what goes with it changed"),
    ("conform", "the vectors are reproduced", "a vector is not"),
    ("explain", "the two are equal", "they are not"),
    ("import", "the script is whole", "the log has gaps"),
    ("lint", "nothing that is denied was found", "something was"),
    ("log", "the log is whole and as expected", "it has gaps, or a value differs"),
    ("run", "the scripts did what they expect", "an expectation is not met, or a RIM is unknown"),
    ("search", "a VM was found", "none was found"),
    ("token", "what can be checked is good", "a signature or the binding is wrong"),
    ("verify", "the token is as expected", "it is not, or a signature is wrong"),
    ("why", "the reason was found", "none was found"),
];

impl Exit {
    /// All exit codes, and what they mean for each subcommand.
    pub(crate) fn table() -> String {
        let mut text = String::from(
            "\
code  meaning
0     everything as it should be
1     a file could not be read or written
2     the command line, a script, a vector or a settings file is wrong, or --strict refused a guess
3     something does not match what was expected: see below
4     KVM or the RMM refused what was not expected to fail, or the Host was faulted

When several files end differently, the first of these counts: 2, 1, 4, 3.

subcommand  0                                  3
",
        );
        for (name, good, mismatch) in BY_SUBCOMMAND {
            text += &format!("{name:11} {good:34} {mismatch}\n");
        }
        text + &format!("{:11} {:34} {}\n", "others", "the result is there", "never")
    }

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
