//! CBOR (RFC 8949), read strictly. The rule, for tokens and reference values alike:
//!
//! * Lengths are definite, and numbers (of heads, too) are in their shortest form: preferred
//!   serialization (RFC 8949 4.1).
//! * No key of a map is there twice, and nothing stands behind the end.
//! * Keys may come in any order, and strings may be of any length that the bytes hold.
//!
//! The shortest form is asked for because everybody writes it: TF-RMM's and TF-M's tokens (QCBOR
//! and t_cose), Veraison's Go tools, `corim` and `coset` in Rust, and all public tokens and CoRIMs
//! that were looked at. A second spelling of what is signed has no honest writer, and it lets two
//! readers disagree about which of two messages is the same. The order of keys is not asked for,
//! because those writers put claims in the order of their own structures.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::fmt;

use minicbor::{Decoder, Encoder};

use super::text::shown;

pub(crate) use minicbor::data::{Tag, Type};

/// Values inside values that are passed over; deeper ones are refused.
pub(crate) const MAX_DEPTH: u8 = 8;

/// What CBOR is written to.
pub(crate) type Out<'v> = Encoder<&'v mut Vec<u8>>;
/// How writing ends: it can not fail.
pub(crate) type Written = Result<(), minicbor::encode::Error<Infallible>>;

/// What `write` writes.
pub(crate) fn encode(write: impl FnOnce(&mut Out<'_>) -> Written) -> Vec<u8> {
    let mut bytes = Vec::new();
    write(&mut Encoder::new(&mut bytes)).expect("a vector takes everything");
    bytes
}

/// A key of a map.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    /// A whole number.
    Int(i64),
    /// A text.
    Text(String),
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Int(number) => write!(f, "{number}"),
            Self::Text(text) => f.write_str(&shown(text)),
        }
    }
}

/// What is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    /// Where the value begins, in bytes from the reader's beginning.
    pub(crate) at: usize,
    pub(crate) wrong: Wrong,
}

/// What is wrong with a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Wrong {
    /// The bytes end before it does.
    Cut,
    /// It is of another type.
    Type(Type),
    /// Its length is not said before it.
    Indefinite,
    /// This number is not in its shortest form.
    Long(u64),
    /// A key is there a second time.
    Twice(Key),
    /// Values are nested too deep.
    Deep,
    /// So many bytes stand behind the end.
    Trailing(usize),
    /// Nothing that CBOR allows; what the decoder says.
    Malformed(String),
}

type Read<T> = Result<T, Fault>;

/// The keys of one map that were there.
#[derive(Debug, Default)]
pub(crate) struct Seen(BTreeSet<Key>);

/// Reads values one after the other.
#[derive(Clone, Debug)]
pub(crate) struct Reader<'b> {
    decoder: Decoder<'b>,
}

impl<'b> Reader<'b> {
    pub(crate) fn new(bytes: &'b [u8]) -> Self {
        Self { decoder: Decoder::new(bytes) }
    }

    /// Where the next value begins, in bytes.
    pub(crate) fn position(&self) -> usize {
        self.decoder.position()
    }

    /// All bytes, in bytes.
    pub(crate) fn len(&self) -> usize {
        self.decoder.input().len()
    }

    /// The type of the next value.
    pub(crate) fn next(&self) -> Read<Type> {
        self.decoder.datatype().map_err(|error| fault(self.position(), &error))
    }

    /// Calls the decoder for a value of a type that `is` right.
    fn value<T>(
        &mut self,
        is: impl Fn(Type) -> bool,
        read: impl FnOnce(&mut Decoder<'b>) -> Result<T, minicbor::decode::Error>,
    ) -> Read<T> {
        let at = self.position();
        let found = self.next()?;
        let endless = [Type::BytesIndef, Type::StringIndef, Type::ArrayIndef, Type::MapIndef];
        if endless.contains(&found) {
            return Err(Fault { at, wrong: Wrong::Indefinite });
        }
        if !is(found) {
            return Err(Fault { at, wrong: Wrong::Type(found) });
        }
        self.check_head(at)?;
        read(&mut self.decoder).map_err(|error| fault(at, &error))
    }

    /// The number in a value's head has to be in its shortest form.
    fn check_head(&self, at: usize) -> Read<()> {
        let bytes = &self.decoder.input()[at..];
        let extra = match bytes[0] & 0x1F {
            24 => 1,
            25 => 2,
            26 => 4,
            27 => 8,
            _ => return Ok(()),
        };
        let Some(number) = bytes.get(1..1 + extra) else { return Ok(()) };
        let value = number.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte));
        let least = if extra == 1 { 24 } else { 1 << (4 * extra) };
        if value < least { Err(Fault { at, wrong: Wrong::Long(value) }) } else { Ok(()) }
    }

    /// A number from -2^63 to 2^63 - 1.
    pub(crate) fn int(&mut self) -> Read<i64> {
        self.value(is_int, Decoder::i64)
    }

    /// A number from 0 to 2^64 - 1.
    pub(crate) fn uint(&mut self) -> Read<u64> {
        self.value(is_int, Decoder::u64)
    }

    /// A byte string.
    pub(crate) fn bytes(&mut self) -> Read<&'b [u8]> {
        self.value(|found| found == Type::Bytes, Decoder::bytes)
    }

    /// A text.
    pub(crate) fn text(&mut self) -> Read<&'b str> {
        self.value(|found| found == Type::String, Decoder::str)
    }

    /// `true` or `false`.
    pub(crate) fn bool(&mut self) -> Read<bool> {
        self.value(|found| found == Type::Bool, Decoder::bool)
    }

    /// A tag's number; what is tagged follows.
    pub(crate) fn tag(&mut self) -> Read<u64> {
        self.value(|found| found == Type::Tag, Decoder::tag).map(Tag::as_u64)
    }

    /// How many values of an array follow. No more than there are bytes can be read: a head that
    /// says more ends in an error, and costs nothing before.
    pub(crate) fn array(&mut self) -> Read<u64> {
        // Definite, as the type says.
        self.value(|found| found == Type::Array, Decoder::array).map(Option::unwrap_or_default)
    }

    /// How many entries of a map follow, as [`Reader::array`].
    pub(crate) fn map(&mut self) -> Read<u64> {
        self.value(|found| found == Type::Map, Decoder::map).map(Option::unwrap_or_default)
    }

    /// A key of a map; its value follows. `seen` is the map's.
    pub(crate) fn key(&mut self, seen: &mut Seen) -> Read<Key> {
        let at = self.position();
        let key = match self.next()? {
            Type::String => Key::Text(self.text()?.to_owned()),
            _ => Key::Int(self.int()?),
        };
        if seen.0.insert(key.clone()) {
            return Ok(key);
        }
        Err(Fault { at, wrong: Wrong::Twice(key) })
    }

    /// Passes over one value, which has to keep the same rules.
    pub(crate) fn skip(&mut self) -> Read<()> {
        self.skip_at(0)
    }

    fn skip_at(&mut self, depth: u8) -> Read<()> {
        let at = self.position();
        if depth >= MAX_DEPTH {
            return Err(Fault { at, wrong: Wrong::Deep });
        }
        match self.next()? {
            Type::Bytes => self.bytes().map(|_| ()),
            Type::String => self.text().map(|_| ()),
            Type::Array => {
                let len = self.array()?;
                (0..len).try_for_each(|_| self.skip_at(depth + 1))
            }
            Type::Map => {
                let len = self.map()?;
                let mut seen = Seen::default();
                (0..len).try_for_each(|_| {
                    self.key(&mut seen)?;
                    self.skip_at(depth + 1)
                })
            }
            Type::Tag => {
                self.tag()?;
                self.skip_at(depth + 1)
            }
            Type::BytesIndef | Type::StringIndef | Type::ArrayIndef | Type::MapIndef => {
                Err(Fault { at, wrong: Wrong::Indefinite })
            }
            Type::Bool | Type::Null | Type::Undefined | Type::F16 | Type::F32 | Type::F64 => {
                self.decoder.skip().map_err(|error| fault(at, &error))
            }
            _ => self.int().map(|_| ()),
        }
    }

    /// Nothing may follow.
    pub(crate) fn end(&self) -> Read<()> {
        let at = self.position();
        let rest = self.len() - at;
        if rest == 0 { Ok(()) } else { Err(Fault { at, wrong: Wrong::Trailing(rest) }) }
    }
}

fn fault(at: usize, error: &minicbor::decode::Error) -> Fault {
    let cut = error.is_end_of_input();
    Fault { at, wrong: if cut { Wrong::Cut } else { Wrong::Malformed(error.to_string()) } }
}

fn is_int(kind: Type) -> bool {
    use Type::{I8, I16, I32, I64, Int, U8, U16, U32, U64};
    matches!(kind, U8 | U16 | U32 | U64 | I8 | I16 | I32 | I64 | Int)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(bytes: &[u8]) -> Fault {
        let mut reader = Reader::new(bytes);
        reader.skip().and_then(|()| reader.end()).unwrap_err()
    }

    #[test]
    fn every_head_has_one_form() {
        for major in [0x00, 0x20, 0x40, 0x60, 0x80, 0xA0, 0xC0] {
            for (head, value) in [
                (&[0x18, 23][..], 23),
                (&[0x19, 0, 0xFF], 0xFF),
                (&[0x1A, 0, 0, 0xFF, 0xFF], 0xFFFF),
                (&[0x1B, 0, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF], 0xFFFF_FFFF),
            ] {
                let mut bytes = head.to_vec();
                bytes[0] |= major;
                assert_eq!(wrong(&bytes), Fault { at: 0, wrong: Wrong::Long(value) });
            }
        }
        for long in [&[0x18, 24][..], &[0x19, 1, 0], &[0x1A, 0, 1, 0, 0]] {
            assert!(Reader::new(long).int().is_ok());
        }
        assert!(Reader::new(&[0x1B, 0, 0, 0, 1, 0, 0, 0, 0]).uint().is_ok());
    }

    #[test]
    fn what_is_passed_over_keeps_the_rules() {
        let twice = Wrong::Twice(Key::Int(1));
        assert_eq!(wrong(&[0x81, 0xA2, 1, 1, 1, 1]), Fault { at: 4, wrong: twice });
        assert_eq!(wrong(&[0x81, 0x9F, 0xFF]), Fault { at: 1, wrong: Wrong::Indefinite });
        assert_eq!(wrong(&[0x81, 0x42, 1]), Fault { at: 1, wrong: Wrong::Cut });
        assert_eq!(wrong(&[0x81; 9]), Fault { at: 8, wrong: Wrong::Deep });
        assert_eq!(wrong(&[0x01, 0x02]), Fault { at: 1, wrong: Wrong::Trailing(1) });
        assert_eq!(wrong(&[0x9B, 0xFF, 1, 1, 1, 1, 1, 1, 1]).wrong, Wrong::Cut);
        assert!(matches!(
            wrong(&[0xA1, 0x1B, 255, 255, 255, 255, 255, 255, 255, 255]).wrong,
            Wrong::Malformed(_)
        ));
    }
}
