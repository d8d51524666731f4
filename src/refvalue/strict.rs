//! Documents of CBOR by the names of their format: known keys, and nothing else. Errors name the
//! path to what is wrong, and the byte.

use std::fmt::Display;

use thiserror::Error;

use crate::encoding::cbor::{Fault, Key, MAX_DEPTH, Reader, Seen, Type, Wrong};

/// What is wrong with a CBOR document, and where.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{path}: {what} (byte {offset})")]
pub struct ReadError {
    /// The way to the item, by the names of its format.
    pub path: String,
    /// Where the item begins in the document, in bytes.
    pub offset: usize,
    /// What was found and what was expected.
    pub what: String,
}

/// A place in a document, and the names that lead to it.
#[derive(Debug)]
pub(crate) struct Cursor<'b> {
    values: Reader<'b>,
    /// Where the reader's bytes begins in the document, in bytes.
    base: usize,
    path: Vec<String>,
}

type Read<T> = Result<T, ReadError>;

impl<'b> Cursor<'b> {
    /// The beginning of a document that is called `name`.
    pub(crate) fn new(bytes: &'b [u8], name: &str) -> Self {
        Self { values: Reader::new(bytes), base: 0, path: vec![name.to_owned()] }
    }

    /// Reads what stands under `step` of the present item.
    pub(crate) fn at<T>(&mut self, step: &str, read: impl FnOnce(&mut Self) -> Read<T>) -> Read<T> {
        self.path.push(step.to_owned());
        let done = read(self);
        self.path.pop();
        done
    }

    /// The document inside a byte string: `read` has to take all of it.
    pub(crate) fn inside<T>(&mut self, read: impl FnOnce(&mut Self) -> Read<T>) -> Read<T> {
        self.with_bytes(read).map(|(_, value)| value)
    }

    /// As [`Cursor::inside`], with the bytes as they stand there.
    pub(crate) fn with_bytes<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Read<T>,
    ) -> Read<(&'b [u8], T)> {
        let bytes = self.bytes()?;
        let base = self.offset() - bytes.len();
        let path = std::mem::take(&mut self.path);
        let mut inner = Self { values: Reader::new(bytes), base, path };
        let done = read(&mut inner).and_then(|value| inner.end().map(|()| (bytes, value)));
        self.path = inner.path;
        done
    }

    /// Where the next item begins in the document, in bytes.
    pub(crate) fn offset(&self) -> usize {
        self.base + self.values.position()
    }

    /// An error about the next item.
    pub(crate) fn error(&self, what: impl Display) -> ReadError {
        self.error_at(self.offset(), what)
    }

    /// An error about an item that was read: it began at `offset`.
    pub(crate) fn error_at(&self, offset: usize, what: impl Display) -> ReadError {
        let mut path = String::new();
        for step in &self.path {
            if !path.is_empty() && !step.starts_with('[') {
                path.push('.');
            }
            path.push_str(step);
        }
        ReadError { path, offset, what: what.to_string() }
    }

    /// Nothing more may follow.
    pub(crate) fn end(&self) -> Read<()> {
        self.values.end().map_err(|fault| self.fault(fault, "its end"))
    }

    /// The kind of the next item.
    pub(crate) fn kind(&self) -> Read<Type> {
        self.values.next().map_err(|fault| self.fault(fault, "an item"))
    }

    /// An error of CBOR, where something else was wanted.
    fn fault(&self, fault: Fault, wanted: &str) -> ReadError {
        let what = match fault.wrong {
            Wrong::Cut if fault.at == self.values.len() => "it ends here".to_owned(),
            Wrong::Cut => format!("{wanted} that is longer than what is left"),
            Wrong::Type(found) => format!("{found}, expected {wanted}"),
            Wrong::Indefinite => format!("an indefinite length, expected {wanted}"),
            Wrong::Long(value) => format!("{value} is not in its shortest form"),
            Wrong::Twice(key) => format!("key {key} a second time"),
            Wrong::Deep => format!("items are nested more than {MAX_DEPTH} deep"),
            Wrong::Trailing(count) => format!("{count} bytes behind its end"),
            Wrong::Malformed(why) => format!("not {wanted}: {why}"),
        };
        self.error_at(self.base + fault.at, what)
    }

    /// A byte string.
    pub(crate) fn bytes(&mut self) -> Read<&'b [u8]> {
        self.values.bytes().map_err(|fault| self.fault(fault, "a byte string"))
    }

    /// A byte string of exactly this length.
    pub(crate) fn exactly<const N: usize>(&mut self) -> Read<[u8; N]> {
        let offset = self.offset();
        let bytes = self.bytes()?;
        bytes.try_into().map_err(|_| {
            self.error_at(offset, format!("{} bytes, expected exactly {N}", bytes.len()))
        })
    }

    /// A text.
    pub(crate) fn text(&mut self) -> Read<&'b str> {
        self.values.text().map_err(|fault| self.fault(fault, "a text"))
    }

    /// A number from -2^63 to 2^63 - 1.
    pub(crate) fn int(&mut self) -> Read<i64> {
        self.values.int().map_err(|fault| self.fault(fault, "a number"))
    }

    /// A number from 0 to 2^64 - 1.
    pub(crate) fn uint(&mut self) -> Read<u64> {
        self.values.uint().map_err(|fault| self.fault(fault, "a number"))
    }

    /// Passes over one item, which has to keep the same rules.
    pub(crate) fn skip(&mut self) -> Read<()> {
        self.values.skip().map_err(|fault| self.fault(fault, "an item"))
    }

    /// Exactly this tag.
    pub(crate) fn tag(&mut self, wanted: u64) -> Read<()> {
        let offset = self.offset();
        let text = format!("tag {wanted}");
        let found = self.values.tag().map_err(|fault| self.fault(fault, &text))?;
        if found == wanted {
            return Ok(());
        }
        Err(self.error_at(offset, format!("tag {found}, expected {text}")))
    }

    /// Whether exactly this tag follows.
    pub(crate) fn is_tag(&self, wanted: u64) -> bool {
        self.values.clone().tag() == Ok(wanted)
    }

    /// Passes over this tag, if it follows.
    pub(crate) fn passes(&mut self, tag: u64) -> Read<bool> {
        let is_there = self.is_tag(tag);
        if is_there {
            self.tag(tag)?;
        }
        Ok(is_there)
    }

    /// How many items of an array follow.
    fn count(&mut self) -> Read<u64> {
        self.values.array().map_err(|fault| self.fault(fault, "an array"))
    }

    /// The items of an array, at least `least` of them. `read` gets each one's number.
    pub(crate) fn array(
        &mut self,
        least: u64,
        mut read: impl FnMut(&mut Self, u64) -> Read<()>,
    ) -> Read<()> {
        let offset = self.offset();
        let count = self.count()?;
        if count < least {
            return Err(self.error_at(offset, format!("{count} items, expected {least} or more")));
        }
        (0..count).try_for_each(|i| self.at(&format!("[{i}]"), |cursor| read(cursor, i)))
    }

    /// An array of exactly this length, of which the items follow.
    pub(crate) fn items(&mut self, wanted: u64) -> Read<()> {
        let offset = self.offset();
        let count = self.count()?;
        if count == wanted {
            return Ok(());
        }
        Err(self.error_at(offset, format!("{count} items, expected {wanted}")))
    }

    /// The entries of a map whose keys are numbers. `names` says which there are; a key that is not
    /// there, or comes twice, is an error. `read` gets each key, before its value is read.
    pub(crate) fn map(
        &mut self,
        names: &[(i64, &'static str)],
        mut read: impl FnMut(&mut Self, i64) -> Read<()>,
    ) -> Read<()> {
        let count = self.values.map().map_err(|fault| self.fault(fault, "a map"))?;
        let name = |key| names.iter().find(|(known, _)| *known == key).map(|(_, name)| *name);
        let mut seen = Seen::default();
        for _ in 0..count {
            let offset = self.offset();
            let key = match self.values.key(&mut seen) {
                Ok(key) => key,
                Err(Fault { wrong: Wrong::Twice(Key::Int(key)), .. }) => {
                    let name = name(key).unwrap_or_default();
                    return Err(self.error_at(offset, format!("key {key} ({name}) a second time")));
                }
                Err(fault) => return Err(self.fault(fault, "a number")),
            };
            let known = match key {
                Key::Int(key) => name(key).map(|name| (key, name)),
                Key::Text(_) => None,
            };
            let Some((key, name)) = known else {
                return Err(self.error_at(offset, format!("unknown key {key}")));
            };
            self.at(name, |cursor| read(cursor, key))?;
        }
        Ok(())
    }

    /// A value that has to have been there.
    pub(crate) fn needed<T>(&self, value: Option<T>, key: i64, name: &str) -> Read<T> {
        value.ok_or_else(|| self.error(format!("no key {key} ({name})")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error<T: std::fmt::Debug>(done: Read<T>) -> String {
        done.unwrap_err().to_string()
    }

    #[test]
    fn what_is_not_exactly_right_is_named() {
        let read = |bytes| {
            Cursor::new(bytes, "doc").map(&[(0, "id"), (1, "it")], |c, _| c.uint().map(|_| ()))
        };
        assert_eq!(read(&[0xA2, 0, 1, 1, 2]), Ok(()));
        assert_eq!(error(read(&[0xA2, 0, 1, 0, 2])), "doc: key 0 (id) a second time (byte 3)");
        assert_eq!(error(read(&[0xA1, 2, 1])), "doc: unknown key 2 (byte 1)");
        assert_eq!(error(read(&[0xA1, 0x61, b'x', 1])), "doc: unknown key \"x\" (byte 1)");
        let indefinite = error(read(&[0xBF, 0, 1, 0xFF]));
        assert_eq!(indefinite, "doc: an indefinite length, expected a map (byte 0)");
        assert_eq!(error(read(&[0xA1, 0, 0x60])), "doc.id: string, expected a number (byte 2)");
        assert_eq!(error(read(&[0xA1, 0])), "doc.id: it ends here (byte 2)");
        assert!(error(read(&[0xA1, 0, 0x20])).starts_with("doc.id: not a number"));
        let long = error(read(&[0xA1, 0, 0x18, 5]));
        assert_eq!(long, "doc.id: 5 is not in its shortest form (byte 2)");
        assert_eq!(
            error(read(&[0xBB, 0xFF])),
            "doc: a map that is longer than what is left (byte 0)"
        );
    }

    #[test]
    fn offsets_count_from_the_outer_document() {
        let mut cursor = Cursor::new(&[0x43, 0xC1, 0x00, 0x00], "doc");
        fn inner(cursor: &mut Cursor<'_>) -> Read<u64> {
            cursor.at("time", |cursor| cursor.tag(1).and_then(|()| cursor.uint()))
        }
        assert_eq!(error(cursor.inside(inner)), "doc: 1 bytes behind its end (byte 3)");
        let mut cursor = Cursor::new(&[0x42, 0xC2, 0x00], "doc");
        assert_eq!(error(cursor.inside(inner)), "doc.time: tag 2, expected tag 1 (byte 1)");
        let mut cursor =
            Cursor::new(&[0x5B, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF], "doc");
        assert!(error(cursor.bytes()).contains("longer than what is left"));
        let mut cursor = Cursor::new(&[0x41, 7], "doc");
        assert_eq!(error(cursor.exactly::<2>()), "doc: 1 bytes, expected exactly 2 (byte 0)");
    }
}
