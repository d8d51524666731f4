//! A page about Realms: where their memory is, what was measured, and with what.
//!
//! One file of HTML without anything from elsewhere: styles, code and data stand in it, and its
//! content security policy forbids the rest. Every text that comes from outside is escaped; the
//! data of the picture and of the lists is JSON that the page's code shows as text only. Equal
//! inputs give equal bytes.

mod boot;
mod html;
mod realm;
mod text;

pub use boot::{BootDifference, BootReport, BootStep};
pub use html::write;
pub use realm::{MAX_ROWS, RealmReport};

/// What a page is made of.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// What the reader is told first: the files' names.
    pub title: String,
    /// In the order in which they shall stand.
    pub realms: Vec<RealmReport>,
    /// What command lines say otherwise than the first.
    pub otherwise: Vec<Otherwise>,
    /// Measured boots, likewise.
    pub boots: Vec<BootReport>,
    /// Where they differ.
    pub differences: Vec<BootDifference>,
    /// What a linter found.
    pub findings: Vec<Finding>,
    /// Files, with the digests of their bytes.
    pub inputs: Vec<InputFile>,
    /// The machines, each with the files that were carried out on it.
    pub platforms: Vec<PlatformReport>,
    /// What went wrong.
    pub messages: Vec<String>,
    /// What else there is to know.
    pub notes: Vec<String>,
}

/// What two command lines say otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Otherwise {
    /// The names of both Realms.
    pub names: [String; 2],
    /// In lines, as `rimsim explain` has them.
    pub lines: Vec<String>,
}

/// A machine with its RMM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlatformReport {
    /// The files that were carried out on it.
    pub files: Vec<String>,
    /// The RMM's name.
    pub rmm: String,
    /// The platform as TOML.
    pub toml: String,
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
    /// The name of the Realm that it is about, if it is about one.
    pub realm: Option<String>,
    /// What.
    pub message: String,
    /// How often.
    pub count: u64,
}

/// A file that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputFile {
    /// Its name.
    pub name: String,
    /// What it was read as.
    pub kind: &'static str,
    /// Its length in bytes, if it is known.
    pub len_bytes: Option<u64>,
    /// SHA-256 of its bytes in hexadecimal, if they are known.
    pub sha256: Option<String>,
}

impl Report {
    /// Adds a machine, or the file to one that is the same.
    pub fn add_platform(&mut self, file: &str, rmm: &str, toml: String) {
        let files = vec![file.to_owned()];
        let known = self.platforms.iter_mut().find(|one| one.rmm == rmm && one.toml == toml);
        match known {
            Some(known) => known.files.extend(files),
            None => self.platforms.push(PlatformReport { files, rmm: rmm.to_owned(), toml }),
        }
    }

    /// Adds a file, unless it is there already.
    pub fn add_input(&mut self, input: InputFile) {
        if !self.inputs.contains(&input) {
            self.inputs.push(input);
        }
    }
}
