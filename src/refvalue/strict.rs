//! CBOR read strictly: definite lengths, known keys, no key twice, nothing behind the end. Errors
//! name the path to what is wrong, and the byte.

use std::fmt::Display;

use minicbor::Decoder;
use minicbor::data::{Tag, Type};
use thiserror::Error;

/// Longest text of a file that an error repeats, in characters.
const MOST_SHOWN: usize = 40;

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
    decoder: Decoder<'b>,
    /// Where the decoder's input begins in the document, in bytes.
    base: usize,
    path: Vec<String>,
}

type Read<T> = Result<T, ReadError>;

impl<'b> Cursor<'b> {
    /// The beginning of a document that is called `name`.
    pub(crate) fn new(bytes: &'b [u8], name: &str) -> Self {
        Self { decoder: Decoder::new(bytes), base: 0, path: vec![name.to_owned()] }
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
        let mut inner = Self { decoder: Decoder::new(bytes), base, path };
        let done = read(&mut inner).and_then(|value| inner.end().map(|()| (bytes, value)));
        self.path = inner.path;
        done
    }

    /// Where the next item begins in the document, in bytes.
    pub(crate) fn offset(&self) -> usize {
        self.base + self.decoder.position()
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
        let left = self.decoder.input().len() - self.decoder.position();
        if left == 0 { Ok(()) } else { Err(self.error(format!("{left} bytes behind its end"))) }
    }

    /// The kind of the next item.
    pub(crate) fn kind(&self) -> Read<Type> {
        self.decoder.datatype().map_err(|_| self.error("it ends here"))
    }

    fn wanted<T>(&self, wanted: &str) -> Read<T> {
        let found = self.kind()?;
        Err(self.error(match found {
            Type::BytesIndef | Type::StringIndef | Type::ArrayIndef | Type::MapIndef => {
                format!("an indefinite length, expected {wanted}")
            }
            other => format!("{other}, expected {wanted}"),
        }))
    }

    /// Takes an item of one kind; what is longer than the document is an error of its own.
    fn take<T>(
        &mut self,
        wanted: &str,
        is: impl Fn(Type) -> bool,
        read: impl FnOnce(&mut Decoder<'b>) -> Result<T, minicbor::decode::Error>,
    ) -> Read<T> {
        if !is(self.kind()?) {
            return self.wanted(wanted);
        }
        let offset = self.offset();
        read(&mut self.decoder).map_err(|error| {
            let what = if error.is_end_of_input() {
                format!("{wanted} that is longer than what is left")
            } else {
                format!("not {wanted}: {error}")
            };
            self.error_at(offset, what)
        })
    }

    /// A byte string.
    pub(crate) fn bytes(&mut self) -> Read<&'b [u8]> {
        self.take("a byte string", |kind| kind == Type::Bytes, Decoder::bytes)
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
        self.take("a text", |kind| kind == Type::String, Decoder::str)
    }

    /// A number from -2^63 to 2^63 - 1.
    pub(crate) fn int(&mut self) -> Read<i64> {
        self.take("a number", is_int, Decoder::i64)
    }

    /// A number from 0 to 2^64 - 1.
    pub(crate) fn uint(&mut self) -> Read<u64> {
        self.take("a number", is_int, Decoder::u64)
    }

    /// Exactly this tag.
    pub(crate) fn tag(&mut self, wanted: u64) -> Read<()> {
        let offset = self.offset();
        let text = format!("tag {wanted}");
        let found = self.take(&text, |kind| kind == Type::Tag, Decoder::tag)?;
        if found == Tag::new(wanted) {
            return Ok(());
        }
        Err(self.error_at(offset, format!("tag {}, expected {text}", found.as_u64())))
    }

    /// The items of an array, at least `least` of them. `read` gets each one's number.
    pub(crate) fn array(
        &mut self,
        least: u64,
        mut read: impl FnMut(&mut Self, u64) -> Read<()>,
    ) -> Read<()> {
        let offset = self.offset();
        let is_array = |kind| kind == Type::Array;
        // Definite, as the kind says.
        let count = self.take("an array", is_array, Decoder::array)?.unwrap_or_default();
        if count < least {
            return Err(self.error_at(offset, format!("{count} items, expected {least} or more")));
        }
        (0..count).try_for_each(|i| self.at(&format!("[{i}]"), |cursor| read(cursor, i)))
    }

    /// An array of exactly this length, of which the items follow.
    pub(crate) fn items(&mut self, wanted: u64) -> Read<()> {
        let offset = self.offset();
        let is_array = |kind| kind == Type::Array;
        let count = self.take("an array", is_array, Decoder::array)?.unwrap_or_default();
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
        let is_map = |kind| kind == Type::Map;
        let count = self.take("a map", is_map, Decoder::map)?.unwrap_or_default();
        let mut seen: Vec<i64> = Vec::with_capacity(names.len());
        for _ in 0..count {
            let offset = self.offset();
            if self.kind()? == Type::String {
                let key = self.text()?;
                return Err(self.error_at(offset, format!("unknown key {}", shown(key))));
            }
            let key = self.int()?;
            let Some((_, name)) = names.iter().find(|(known, _)| *known == key) else {
                return Err(self.error_at(offset, format!("unknown key {key}")));
            };
            if seen.contains(&key) {
                return Err(self.error_at(offset, format!("key {key} ({name}) a second time")));
            }
            seen.push(key);
            self.at(name, |cursor| read(cursor, key))?;
        }
        Ok(())
    }

    /// A value that has to have been there.
    pub(crate) fn needed<T>(&self, value: Option<T>, key: i64, name: &str) -> Read<T> {
        value.ok_or_else(|| self.error(format!("no key {key} ({name})")))
    }
}

fn is_int(kind: Type) -> bool {
    use Type::{I8, I16, I32, I64, Int, U8, U16, U32, U64};
    matches!(kind, U8 | U16 | U32 | U64 | I8 | I16 | I32 | I64 | Int)
}

/// A text for an error: short, quoted, nothing that a terminal would act on.
pub(crate) fn shown(text: &str) -> String {
    let short: String = text.chars().take(MOST_SHOWN).collect();
    let more = if short.len() < text.len() { "…" } else { "" };
    format!("{short:?}{more}")
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
