//! Parts of a token: CBOR by the names of its maps' keys. Every error says in which part it is.

use thiserror::Error;

use crate::encoding::cbor::{self, Fault, Key, MAX_DEPTH, Seen, Type, Wrong};

/// Why bytes are no token: where, and what is wrong there.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{place}: {problem}")]
pub struct TokenError {
    /// The part: `realm token, claim 44238 (RIM)`.
    pub place: String,
    /// What is wrong with it.
    pub problem: Problem,
}

/// What is wrong with a part of a token.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Problem {
    /// The bytes end inside a value.
    #[error("the bytes end at {at}, inside a value")]
    Cut {
        /// Offset of the end from the part's beginning.
        at: usize,
    },
    /// A value of another type.
    #[error("{found}, expected {expected}")]
    Type {
        /// What is there.
        found: String,
        /// What has to be there.
        expected: &'static str,
    },
    /// A length that no value may have.
    #[error("{found} bytes, expected {expected}")]
    Length {
        /// Bytes that are there.
        found: usize,
        /// How many there have to be.
        expected: &'static str,
    },
    /// A list or a map of another size.
    #[error("{found} entries, expected {expected}")]
    Count {
        /// Entries that are there.
        found: u64,
        /// How many there have to be.
        expected: &'static str,
    },
    /// A value that may not be there.
    #[error("{found}, expected {expected}")]
    Value {
        /// What is there.
        found: String,
        /// What may be there.
        expected: &'static str,
    },
    /// A digest that was made longer with zeros, as old writers did.
    #[error(
        "{found} bytes, expected {expected}: it is {algo}, padded to {found} bytes with zeros; \
         --accept-padded takes it"
    )]
    Padded {
        /// Bytes that are there.
        found: usize,
        /// How many the algorithm gives.
        expected: &'static str,
        /// The algorithm's name.
        algo: &'static str,
    },
    /// The same key a second time.
    #[error("it is there twice")]
    Twice,
    /// A key that has no meaning.
    #[error("there is no such {0}")]
    Unknown(&'static str),
    /// Something that has to be there and is not.
    #[error("it is missing")]
    Missing,
    /// A string, list or map whose length is not said before it.
    #[error("byte {at}: its length is indefinite; a token has definite lengths")]
    Indefinite {
        /// Offset from the part's beginning.
        at: usize,
    },
    /// A number that takes more bytes than it needs.
    #[error("byte {at}: {value} is not in its shortest form")]
    Long {
        /// Offset from the part's beginning.
        at: usize,
        /// The number.
        value: u64,
    },
    /// Bytes after the end.
    #[error("{0} bytes after its end")]
    Trailing(usize),
    /// Values in values in values.
    #[error("byte {at}: values are nested more than {MAX_DEPTH} deep")]
    Deep {
        /// Offset from the part's beginning.
        at: usize,
    },
    /// Nothing that CBOR allows.
    #[error("byte {at}: this is no CBOR: {why}")]
    Malformed {
        /// Offset from the part's beginning.
        at: usize,
        /// What the decoder says.
        why: String,
    },
}

/// What a map's keys mean.
pub(super) struct Keys {
    /// What a key is called in messages: `claim`.
    pub(super) kind: &'static str,
    /// The keys, by number and name.
    pub(super) known: &'static [(i64, &'static str)],
}

impl Keys {
    /// The part of a token that has this key.
    pub(super) fn place(&self, outer: &str, key: &Key) -> String {
        let known = self.known.iter().find(|(number, _)| *key == Key::Int(*number));
        let name = known.map_or_else(String::new, |(_, name)| format!(" ({name})"));
        format!("{outer}, {} {key}{name}", self.kind)
    }

    /// What a key is called; nothing if it has no name.
    pub(super) fn name(&self, key: i64) -> &'static str {
        self.known.iter().find(|(number, _)| *number == key).map_or("", |(_, name)| name)
    }

    /// The error if a key is missing that has to be there.
    pub(super) fn missing(&self, outer: &str, key: i64) -> TokenError {
        let place = self.place(outer, &Key::Int(key));
        TokenError { place, problem: Problem::Missing }
    }
}

/// What a reader of tokens puts up with; by itself nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Accept {
    /// Claims that the token's profile does not have are passed over, and named in
    /// [`Token::passed`](super::Token::passed).
    pub unknown_claims: bool,
    /// Measurements that are padded with zeros are taken without them, and named in
    /// [`Token::padded`](super::Token::padded).
    pub padded: bool,
}

/// What one half of a token is read with.
pub(super) struct Lenience<'u> {
    pub(super) accept: Accept,
    /// Claims that were passed over.
    pub(super) passed: &'u mut Vec<String>,
    /// Measurements that were padded.
    pub(super) padded: &'u mut Vec<String>,
}

impl Lenience<'_> {
    /// What is done about a claim that has no meaning.
    pub(super) fn unknown(&mut self) -> Unknown<'_> {
        if self.accept.unknown_claims { Unknown::Pass(self.passed) } else { Unknown::Refuse }
    }

    /// A claim that has a meaning, but not in this token.
    pub(super) fn out_of_place(&mut self, place: String) -> Result<(), TokenError> {
        match self.unknown() {
            Unknown::Refuse => {
                let problem = Problem::Unknown("claim in this profile");
                Err(TokenError { place, problem })
            }
            Unknown::Pass(passed) => {
                passed.push(place);
                Ok(())
            }
        }
    }
}

/// What is done about a key that has no meaning.
pub(super) enum Unknown<'u> {
    /// It is an error.
    Refuse,
    /// Its value is passed over, and the key is remembered here.
    Pass(&'u mut Vec<String>),
}

/// Reads one part of a token.
#[derive(Clone, Debug)]
pub(super) struct Reader<'b> {
    values: cbor::Reader<'b>,
    place: String,
}

impl<'b> Reader<'b> {
    /// Reads `bytes`, which are the part called `place`.
    pub(super) fn new(bytes: &'b [u8], place: impl Into<String>) -> Self {
        Self { values: cbor::Reader::new(bytes), place: place.into() }
    }

    /// Where it reads.
    pub(super) fn place(&self) -> &str {
        &self.place
    }

    /// Another name for what is read next.
    pub(super) fn rename(&mut self, place: impl Into<String>) {
        self.place = place.into();
    }

    /// An error here.
    pub(super) fn wrong(&self, problem: Problem) -> TokenError {
        TokenError { place: self.place.clone(), problem }
    }

    /// An error of CBOR here, where something else was expected.
    fn fault(&self, fault: Fault, expected: &'static str) -> TokenError {
        let Fault { at, wrong } = fault;
        self.wrong(match wrong {
            Wrong::Cut => Problem::Cut { at: self.values.len() },
            Wrong::Type(found) => Problem::Type { found: name_of(found), expected },
            Wrong::Indefinite => Problem::Indefinite { at },
            Wrong::Long(value) => Problem::Long { at, value },
            Wrong::Deep => Problem::Deep { at },
            Wrong::Trailing(count) => Problem::Trailing(count),
            Wrong::Malformed(why) => Problem::Malformed { at, why },
            Wrong::Twice(key) => {
                let keys = Keys { kind: "key", known: &[] };
                let place = keys.place(&self.place, &key);
                return TokenError { place, problem: Problem::Twice };
            }
        })
    }

    /// The type of what is next.
    pub(super) fn next(&self) -> Result<Type, TokenError> {
        self.values.next().map_err(|fault| self.fault(fault, "a value"))
    }

    /// A whole number.
    pub(super) fn int(&mut self) -> Result<i64, TokenError> {
        self.values.int().map_err(|fault| self.fault(fault, "a number"))
    }

    /// A byte string.
    pub(super) fn bytes(&mut self) -> Result<&'b [u8], TokenError> {
        self.values.bytes().map_err(|fault| self.fault(fault, "a byte string"))
    }

    /// A byte string of a given length.
    pub(super) fn array_of<const LEN: usize>(
        &mut self,
        expected: &'static str,
    ) -> Result<[u8; LEN], TokenError> {
        let bytes = self.bytes()?;
        let wrong = |_| self.wrong(Problem::Length { found: bytes.len(), expected });
        bytes.try_into().map_err(wrong)
    }

    /// A text.
    pub(super) fn text(&mut self) -> Result<&'b str, TokenError> {
        self.values.text().map_err(|fault| self.fault(fault, "a text"))
    }

    /// Whether what is next is `true`.
    pub(super) fn bool(&mut self) -> Result<bool, TokenError> {
        self.values.bool().map_err(|fault| self.fault(fault, "true or false"))
    }

    /// A tag, whichever it is.
    pub(super) fn tag_number(&mut self) -> Result<u64, TokenError> {
        self.values.tag().map_err(|fault| self.fault(fault, "a tag"))
    }

    /// A tag, which has to be this one.
    pub(super) fn tag(&mut self, number: u64, expected: &'static str) -> Result<(), TokenError> {
        let found = self.values.tag().map_err(|fault| self.fault(fault, expected))?;
        let problem = Problem::Value { found: format!("tag {found}"), expected };
        if found == number { Ok(()) } else { Err(self.wrong(problem)) }
    }

    /// The head of an array: how many entries follow.
    pub(super) fn array(&mut self) -> Result<u64, TokenError> {
        self.values.array().map_err(|fault| self.fault(fault, "an array"))
    }

    /// The head of an array of a given size.
    pub(super) fn array_len(&mut self, len: u64, expected: &'static str) -> Result<(), TokenError> {
        let found = self.array()?;
        let problem = Problem::Count { found, expected };
        if found == len { Ok(()) } else { Err(self.wrong(problem)) }
    }

    /// A map. `each` is called for every key of `keys` and reads its value.
    pub(super) fn map(
        &mut self,
        keys: &Keys,
        unknown: Unknown<'_>,
        mut each: impl FnMut(i64, &mut Self) -> Result<(), TokenError>,
    ) -> Result<(), TokenError> {
        self.entries(keys, unknown, |key, reader| match key {
            Key::Int(key) if keys.known.iter().any(|(known, _)| known == key) => {
                each(*key, reader).map(|()| true)
            }
            _ => Ok(false),
        })
    }

    /// A map. `each` is called for every key; it reads the value, or answers that it knows no such
    /// key.
    pub(super) fn entries(
        &mut self,
        keys: &Keys,
        mut unknown: Unknown<'_>,
        mut each: impl FnMut(&Key, &mut Self) -> Result<bool, TokenError>,
    ) -> Result<(), TokenError> {
        let len = self.values.map().map_err(|fault| self.fault(fault, "a map"))?;
        let outer = self.place.clone();
        let mut seen = Seen::default();
        for _ in 0..len {
            let key = match self.values.key(&mut seen) {
                Ok(key) => key,
                Err(Fault { wrong: Wrong::Twice(key), .. }) => {
                    let place = keys.place(&outer, &key);
                    return Err(TokenError { place, problem: Problem::Twice });
                }
                Err(fault) => return Err(self.fault(fault, "a number")),
            };
            self.place = keys.place(&outer, &key);
            if !each(&key, self)? {
                match &mut unknown {
                    Unknown::Refuse => return Err(self.wrong(Problem::Unknown(keys.kind))),
                    Unknown::Pass(passed) => {
                        passed.push(self.place.clone());
                        self.skip()?;
                    }
                }
            }
            self.place.clone_from(&outer);
        }
        Ok(())
    }

    /// Passes over one value, which has to keep the same rules.
    pub(super) fn skip(&mut self) -> Result<(), TokenError> {
        self.values.skip().map_err(|fault| self.fault(fault, "a number"))
    }

    /// Nothing may follow.
    pub(super) fn end(&self) -> Result<(), TokenError> {
        self.values.end().map_err(|fault| self.fault(fault, "the end"))
    }
}

fn name_of(found: Type) -> String {
    match found {
        Type::U8
        | Type::U16
        | Type::U32
        | Type::U64
        | Type::I8
        | Type::I16
        | Type::I32
        | Type::I64
        | Type::Int => "a number".to_owned(),
        Type::Bytes => "a byte string".to_owned(),
        Type::String => "a text".to_owned(),
        Type::Array => "an array".to_owned(),
        Type::Map => "a map".to_owned(),
        Type::Tag => "a tag".to_owned(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEYS: Keys = Keys { kind: "claim", known: &[(1, "one"), (500, "five hundred")] };

    fn map(bytes: &[u8]) -> Result<Vec<i64>, String> {
        let mut reader = Reader::new(bytes, "token");
        let mut found = Vec::new();
        let mut passed = Vec::new();
        let read = reader.map(&KEYS, Unknown::Pass(&mut passed), |key, reader| {
            found.push(key);
            reader.int().map(|_| ())
        });
        read.and_then(|()| reader.end()).map_err(|error| error.to_string())?;
        Ok(found)
    }

    #[test]
    fn what_strict_means() {
        assert_eq!(map(&[0xA2, 1, 2, 0x19, 1, 0xF4, 3]), Ok(vec![1, 500]));
        assert_eq!(map(&[0xA2, 1, 2, 0x61, b'x', 0x82, 1, 0xF6]), Ok(vec![1]), "passed over");
        for (bytes, text) in [
            (&[0xA1_u8, 1][..], "token, claim 1 (one): the bytes end at 2, inside a value"),
            (&[], "token: the bytes end at 0, inside a value"),
            (&[0xA2, 1, 2, 1, 3], "token, claim 1 (one): it is there twice"),
            (&[0xBF, 1, 2, 0xFF], "token: byte 0: its length is indefinite"),
            (&[0xA1, 1, 0x5F, 0xFF], "token, claim 1 (one): byte 2: its length is indefinite"),
            (&[0xA1, 7, 0x9F, 0xFF], "token, claim 7: byte 2: its length is indefinite"),
            (&[0xB8, 1, 1, 2], "token: byte 0: 1 is not in its shortest form"),
            (&[0xA1, 0x18, 1, 2], "token: byte 1: 1 is not in its shortest form"),
            (&[0xA1, 1, 0x19, 0, 0xFF], "token, claim 1 (one): byte 2: 255 is not in its"),
            (&[0xA1, 1, 0x41, 0], "token, claim 1 (one): a byte string, expected a number"),
            (&[0xA1, 1, 2, 0], "token: 1 bytes after its end"),
            (&[0xA1, 0x41, 1, 2], "token: a byte string, expected a number"),
            (&[0xA1, 7, 0xA2, 1, 1, 1, 1], "token, claim 7, key 1: it is there twice"),
            (&[0xBB, 255, 255, 255, 255, 255, 255, 255, 255], "the bytes end at 9"),
            (&[0xA1, 1, 0x1B, 255, 255, 255, 255, 255, 255, 255, 255], "this is no CBOR"),
            (&[0xA1, 7, 0x81, 0x81, 0x81, 0x81, 0x81, 0x81, 0x81, 0x81, 0], "nested more than 8"),
        ] {
            let error = map(bytes).unwrap_err();
            assert!(error.contains(text), "{bytes:x?}: {error}");
        }
        let mut reader = Reader::new(&[0xA1, 7, 1], "token");
        let refused = reader.map(&KEYS, Unknown::Refuse, |_, _| Ok(())).unwrap_err();
        assert_eq!(refused.to_string(), "token, claim 7: there is no such claim");
    }
}
