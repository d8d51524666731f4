//! What a command line says, by what it is about.

use std::fmt;

use crate::encoding::shell::quoted;

/// Everything that a command line says of one thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// What it is about, in people's words: RAM, the initrd.
    pub about: String,
    /// The words that say it.
    pub words: Vec<String>,
}

impl Setting {
    /// Adds words to what was said of a thing, or says the first of it.
    pub(super) fn add(list: &mut Vec<Self>, about: &str, words: Vec<String>) {
        match list.iter_mut().find(|known| known.about == about) {
            Some(known) => known.words.extend(words),
            None => list.push(Self { about: about.to_owned(), words }),
        }
    }
}

/// The words as a shell reads them.
impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<_> = self.words.iter().map(|word| quoted(word)).collect();
        f.write_str(&words.join(" "))
    }
}
