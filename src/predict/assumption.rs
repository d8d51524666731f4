//! What was assumed where nobody said anything.

use std::fmt;

use serde::Serialize;

use super::error::Error;
use super::input::DEVICE_TREE;
use crate::host::Assumed;

/// The first bytes of a device tree.
const MAGIC: [u8; 4] = [0xd0, 0x0d, 0xfe, 0xed];

/// Something that was decided and that the caller did not say, or that is not as it was said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Assumption {
    /// What it is about, in small letters: `host`, `vmm_version`, `rmm`, `rim_rule`, the key of a
    /// capability, or that of [`Assumed`].
    pub key: &'static str,
    /// What was taken.
    pub value: String,
    /// The option that decides it: one of rimsim's, or of the VMM's command line.
    pub option: &'static str,
    /// Whether this VM has another RIM if it is otherwise.
    pub changes_rim: bool,
    /// A sentence about it, where there is more to say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub about: Option<String>,
}

impl Assumption {
    pub(super) fn new(key: &'static str, value: &str, option: &'static str, changes: bool) -> Self {
        Self { key, value: value.to_owned(), option, changes_rim: changes, about: None }
    }

    /// The sentence, if what is known stands in for another program.
    #[must_use]
    pub fn of_another_program(&self) -> Option<&str> {
        let keys = ["host", "host_profile", "vmm_version"];
        self.about.as_deref().filter(|_| keys.contains(&self.key))
    }

    /// That a device tree is none; `None` if it begins as one.
    pub(super) fn of_tree_bytes(bytes: &[u8], name: &str) -> Option<Self> {
        if bytes.starts_with(&MAGIC) {
            return None;
        }
        let about = format!("{name}: does not begin as a device tree, with d0 0d fe ed");
        let value = format!("{name}, which does not begin as one");
        let tree = Self::new("device_tree", &value, DEVICE_TREE, true);
        Some(Self { about: Some(about), ..tree })
    }

    /// Refuses what changes the RIM and was not said.
    ///
    /// # Errors
    /// If there is any such.
    pub fn deny(assumptions: &[Self]) -> Result<(), Error> {
        let open: Vec<_> = assumptions.iter().filter(|one| one.changes_rim).cloned().collect();
        if open.is_empty() { Ok(()) } else { Err(Error::Assumed(open)) }
    }
}

impl From<&Assumed> for Assumption {
    fn from(assumed: &Assumed) -> Self {
        let Assumed { key, value, text, option } = assumed;
        Self { about: Some(text.clone()), ..Self::new(key, value, option, true) }
    }
}

/// In a few words, with the option.
impl fmt::Display for Assumption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} ({})", self.key, self.value, self.option)
    }
}
