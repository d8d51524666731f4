//! A page about Realms: where their memory is, what was measured, and with what.
//!
//! One file of HTML without anything from elsewhere: styles, code and data stand in it, and its
//! content security policy forbids the rest. Every text that comes from outside is escaped; the
//! data of the picture and of the list is JSON that the page's code shows as text only. Equal
//! inputs give equal bytes.

mod html;
mod realm;

pub use html::write;
pub use realm::{MAX_ROWS, RealmReport};

/// What a page is made of.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// What the reader is told first: the files' names.
    pub title: String,
    /// The platform as TOML.
    pub platform: String,
    /// The RMM's name.
    pub rmm: String,
    /// In the order in which they shall stand.
    pub realms: Vec<RealmReport>,
    /// What a linter found.
    pub findings: Vec<Finding>,
    /// Files, with the digests of their bytes.
    pub inputs: Vec<InputFile>,
    /// What went wrong.
    pub messages: Vec<String>,
}

/// One finding, as a row of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How bad it is.
    pub severity: String,
    /// The rule.
    pub id: String,
    /// Where.
    pub place: String,
    /// What.
    pub message: String,
}

/// A file that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputFile {
    /// Its name.
    pub name: String,
    /// Its length in bytes.
    pub len_bytes: u64,
    /// SHA-256 of its bytes in hexadecimal, if they are known.
    pub sha256: Option<String>,
}
