//! What the user knows and the log does not.

use super::{ImportError, MAX_IMAGES};
use crate::abi::addr::{GRANULE_SIZE, is_aligned};
use crate::script::{self, Kind, Statement, Value};

/// What is added to a log.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Images by the IPA of their first byte. Of two at one IPA the first counts.
    pub at: Vec<At>,
    /// Statements that define parameters; see [`params()`].
    pub params: Vec<Statement>,
    /// Which of the log's Realms, from 1.
    pub realm: usize,
    /// The machine, as `platform` names it.
    pub platform: Option<String>,
    /// The RMM prints every call that succeeds: what the log does not show was not done.
    pub complete: bool,
}

/// A file whose bytes a Host put into a Realm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct At {
    /// Where its first byte stands; a multiple of 4096.
    pub ipa: u64,
    /// The file, as the script shall name it.
    pub name: String,
    /// Its length in bytes.
    pub len_bytes: u64,
}

impl At {
    /// The IPA after its last granule.
    pub(super) const fn end(&self) -> u64 {
        self.ipa + self.len_bytes.next_multiple_of(GRANULE_SIZE)
    }
}

impl Options {
    pub(super) fn check(&self) -> Result<(), ImportError> {
        for (i, at) in self.at.iter().enumerate() {
            let end = at.len_bytes.checked_next_multiple_of(GRANULE_SIZE);
            let why = if !is_aligned(at.ipa, GRANULE_SIZE) {
                "the IPA is no multiple of 4096"
            } else if at.len_bytes == 0 {
                "it is empty"
            } else if end.is_none_or(|len| at.ipa.checked_add(len).is_none()) {
                "it passes the end of 64-bit addresses"
            } else if i >= MAX_IMAGES {
                "there are too many images"
            } else {
                continue;
            };
            return Err(ImportError::At { name: at.name.clone(), ipa: at.ipa, why });
        }
        Ok(())
    }
}

/// Reads definitions of parameters: `let realm_params = RealmParams { … }`, `let rec_params_1 =
/// RecParams { … }` and so on, in the order of the calls.
///
/// # Errors
/// If the text is no script, or does anything else than to define structures and numbers.
pub fn params(file: &str, text: &[u8]) -> Result<Vec<Statement>, ImportError> {
    let script = script::parse_bytes(file, text)?;
    for statement in &script.statements {
        let good = match &statement.kind {
            Kind::Empty => true,
            Kind::Let { value, .. } => matches!(value, Value::Number(_) | Value::Struct { .. }),
            _ => false,
        };
        if !good {
            let line = statement.span.line;
            return Err(ImportError::NoParams { file: file.to_owned(), line });
        }
    }
    Ok(script.statements)
}
