//! Why some conditions and transitions can not be seen.

use std::collections::BTreeMap;

use thiserror::Error;

use super::{Coverage, Line};
use crate::abi::profile::{Edition, Profile};

/// Reasons why a failure condition is not seen in the vectors, of one edition or of all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exceptions {
    reasons: BTreeMap<(Option<Edition>, String), String>,
}

/// Why a list of exceptions can not be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ExceptionsError {
    /// Not TOML, or not of the form.
    #[error("{0}")]
    Toml(String),
    /// A name that no failure condition or transition has.
    #[error("nothing is called {0:?}; write it as a coverage report does")]
    Unknown(String),
    /// An edition that there is not.
    #[error("there is no edition {0:?} of the specification")]
    Spec(String),
}

impl Exceptions {
    /// Says why `names` are not seen in one edition, or in all.
    ///
    /// # Errors
    /// If nothing has one of the names in that edition; names before it are in the list then.
    pub fn add(
        &mut self,
        edition: Option<Edition>,
        names: impl IntoIterator<Item = String>,
        reason: &str,
    ) -> Result<(), ExceptionsError> {
        let of_edition = |it: &Profile| edition.is_none_or(|edition| edition == it.edition());
        let lines = |profile| Coverage::default().lines(profile, &Self::default());
        let known: Vec<_> = Profile::ALL.into_iter().filter(of_edition).flat_map(lines).collect();
        for name in names {
            if !known.iter().any(|line: &Line| line.name == name) {
                return Err(ExceptionsError::Unknown(name));
            }
            self.reasons.insert((edition, name), reason.to_owned());
        }
        Ok(())
    }

    pub(super) fn reason(&self, edition: Edition, name: &str) -> Option<&String> {
        let of = |edition| self.reasons.get(&(edition, name.to_owned()));
        of(Some(edition)).or_else(|| of(None))
    }
}

#[cfg(feature = "toml")]
mod file {
    use serde::Deserialize;

    use super::{Edition, Exceptions, ExceptionsError};
    use crate::encoding::toml_text;

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct ExceptionsFile {
        #[serde(default)]
        exception: Vec<ExceptionEntry>,
    }

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct ExceptionEntry {
        spec: Option<String>,
        names: Vec<String>,
        reason: String,
    }

    impl Exceptions {
        /// The project's own list, `spec-vectors/exceptions.toml`.
        #[must_use]
        pub fn of_project() -> Self {
            Self::from_toml(include_str!("../../spec-vectors/exceptions.toml"))
                .expect("a test reads the same file")
        }

        /// Reads a list: `[[exception]]` tables with `names` and a `reason`, and with `spec` if
        /// they are for one edition only.
        ///
        /// # Bounds
        /// Time and memory grow with the length, memory by at most 300 bytes for each byte.
        ///
        /// # Errors
        /// If the text is not such a list, or names what does not exist.
        pub fn from_toml(text: &str) -> Result<Self, ExceptionsError> {
            let file: ExceptionsFile = toml_text::read(text).map_err(ExceptionsError::Toml)?;
            let mut list = Self::default();
            for ExceptionEntry { spec, names, reason } in file.exception {
                let edition =
                    |name: String| Edition::from_name(&name).ok_or(ExceptionsError::Spec(name));
                list.add(spec.map(edition).transpose()?, names, &reason)?;
            }
            Ok(list)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(feature = "toml")]
    fn the_list_of_the_project_is_sound() {
        let text = include_str!("../../spec-vectors/exceptions.toml");
        assert!(Exceptions::from_toml(text).is_ok_and(|list| !list.reasons.is_empty()));
    }

    #[test]
    fn unknown_names_are_refused() {
        let name = "DATA_CREATE rtt_walks".to_owned();
        let error = Exceptions::default().add(None, [name.clone()], "").unwrap_err();
        assert_eq!(error, ExceptionsError::Unknown(name));
    }
}
