//! What is to be otherwise than a command line says.

use std::borrow::Cow;
use std::fmt;

use crate::abi::params::Rpv;
use crate::encoding::shell::quoted;

/// Values that take the place of a command line's own.
///
/// A VMM applies them to the options that it has read, as if each were written once more behind the
/// others (or, where an option can be there only once, in its place), with the option's checks.
/// Words are never edited. A VMM that has no such option refuses the value by the option's name.
/// Device tree and version have arguments of their own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overrides {
    /// Number of vCPUs.
    pub cpus: Option<u32>,
    /// Size of RAM in bytes.
    pub mem_bytes: Option<u64>,
    /// The command line of the guest's kernel.
    pub append: Option<String>,
    /// Whether there is a measurement log.
    pub log: Option<bool>,
    /// The personalization value of a Realm. It can be given only once, so a command line that has
    /// another is refused.
    pub rpv: Option<Rpv>,
    /// How much of RAM kvmtool uses for images, in bytes.
    pub payload_window_bytes: Option<u64>,
    /// Options that are left out, and options that are read behind the others.
    pub options: OptionChange,
}

/// Options of a VMM that are otherwise than a command line has them, in the VMM's own words.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct OptionChange {
    /// Options that are left out wherever they stand, by their long names without hyphens.
    pub without: Vec<String>,
    /// Words that are read as options of their own, behind those of the command line.
    pub with: Vec<String>,
}

impl OptionChange {
    /// Words behind the others.
    #[must_use]
    pub fn with(words: &[&str]) -> Self {
        let with = words.iter().map(|word| (*word).to_owned()).collect();
        Self { without: Vec::new(), with }
    }

    /// One option less.
    #[must_use]
    pub fn without(option: &str) -> Self {
        Self { without: vec![option.to_owned()], with: Vec::new() }
    }

    /// Whether nothing is changed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.without.is_empty() && self.with.is_empty()
    }

    /// Makes this change and another.
    pub fn extend(&mut self, other: &Self) {
        self.without.extend_from_slice(&other.without);
        self.with.extend_from_slice(&other.with);
    }
}

/// The words as a shell reads them.
impl fmt::Display for OptionChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, option) in self.without.iter().enumerate() {
            write!(f, "{}no {option}", if i > 0 { ", " } else { "" })?;
        }
        if self.with.is_empty() {
            return Ok(());
        }
        let separator = if self.without.is_empty() { "" } else { ", " };
        let words: Vec<Cow<'_, str>> = self.with.iter().map(|word| quoted(word)).collect();
        write!(f, "{separator}{}", words.join(" "))
    }
}
