//! Values in a chain.

use std::fmt;
use std::sync::Arc;

use serde::Deserialize;
use serde::de::{self, MapAccess, SeqAccess, Visitor};

use crate::boot::efi::load_option::LoadOption;
use crate::boot::efi::{device_path, utf16};
use crate::boot::event::Rem;
use crate::boot::profile;
use crate::encoding::text::from_hex;
use crate::measure::image::Image;
use crate::measure::rim::{HashAlgo, Measurement};

/// Most attempts, and most failed calls of ExitBootServices.
const MAX_REPEATED: u32 = 1000;

/// Bytes that a chain names.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum Contents {
    /// Those of a file: `file:NAME`, or just the name.
    File(String),
    /// These: `hex:…`, `text:…`, `utf16:…` (with a NUL).
    Bytes(Vec<u8>),
    /// Only their digest is known: `digest:HEX`.
    Digest(Vec<u8>),
    /// A file that the VMM's command line names. Chains do not write this.
    Image(Arc<Image>),
    /// Nothing: `absent`.
    Absent,
}

impl TryFrom<String> for Contents {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let hex = |digits: &str| from_hex(digits).map_err(|error| error.to_string());
        Ok(match text.split_once(':') {
            Some(("hex", digits)) => Self::Bytes(hex(digits)?),
            Some(("text", text)) => Self::Bytes(text.as_bytes().to_vec()),
            Some(("utf16", text)) => Self::Bytes(utf16::utf16_nul(text)),
            Some(("digest", digits)) => Self::Digest(hex(digits)?),
            Some(("file", name)) if !name.is_empty() => Self::File(name.to_owned()),
            _ if text == "absent" => Self::Absent,
            _ if text.is_empty() => return Err("it is empty; a name of a file, or absent".into()),
            _ => Self::File(text),
        })
    }
}

/// One thing or a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OneOrMore(pub Vec<Contents>);

/// The value of a variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Bytes.
    Contents(Contents),
    /// The numbers of a BootOrder.
    Order(Vec<u16>),
    /// A boot option.
    Option(LoadOption),
}

/// A boot option, as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OptionTable {
    #[serde(default)]
    description: String,
    path: PathText,
    options: Option<String>,
    attributes: Option<u32>,
}

impl TryFrom<OptionTable> for LoadOption {
    type Error = String;

    fn try_from(table: OptionTable) -> Result<Self, String> {
        let optional = match table.options.as_deref() {
            None | Some("") => Vec::new(),
            Some(text) => match text.strip_prefix("hex:") {
                Some(digits) => from_hex(digits).map_err(|error| error.to_string())?,
                None => utf16::utf16_nul(text),
            },
        };
        let PathText(path) = table.path;
        let attributes = table.attributes.unwrap_or(1);
        let description = utf16::utf16(&table.description);
        let option = Self { attributes, description, path, optional };
        option.bytes().map(|_| option).ok_or_else(|| "the path is longer than 65535 bytes".into())
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text (a file, hex:…, absent), a list of numbers, or a boot option's table")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Value, E> {
        Contents::try_from(text.to_owned()).map(Value::Contents).map_err(E::custom)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let mut numbers = Vec::new();
        while let Some(number) = list.next_element()? {
            numbers.push(number);
        }
        Ok(Value::Order(numbers))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Value, A::Error> {
        let table = OptionTable::deserialize(de::value::MapAccessDeserializer::new(map))?;
        LoadOption::try_from(table).map(Value::Option).map_err(de::Error::custom)
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct OneOrMoreVisitor;

impl<'de> Visitor<'de> for OneOrMoreVisitor {
    type Value = OneOrMore;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a file, or a list of files")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<OneOrMore, E> {
        Contents::try_from(text.to_owned()).map(|one| OneOrMore(vec![one])).map_err(E::custom)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<OneOrMore, A::Error> {
        let mut all = Vec::new();
        while let Some(one) = list.next_element()? {
            all.push(one);
        }
        Ok(OneOrMore(all))
    }
}

impl<'de> Deserialize<'de> for OneOrMore {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OneOrMoreVisitor)
    }
}

macro_rules! parsed {
    ($($(#[$doc:meta])* $name:ident($type:ty) = $read:expr;)*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
            #[serde(try_from = "String")]
            pub struct $name(pub $type);

            impl TryFrom<String> for $name {
                type Error = String;

                fn try_from(text: String) -> Result<Self, String> {
                    let read: fn(&str) -> Result<$type, String> = $read;
                    read(&text).map(Self)
                }
            }
        )*
    };
}

parsed! {
    /// A hash algorithm.
    Algorithm(HashAlgo) = |name| {
        let found = HashAlgo::from_name(name);
        found.ok_or_else(|| format!("`{name}` is none of {}", HashAlgo::names()))
    };
    /// A firmware; `none` for one of which every event is given.
    FirmwareName(Option<&'static profile::Firmware>) = |name| match name {
        "none" => Ok(None),
        name => profile::Firmware::from_name(name).map(Some),
    };
    /// A GRUB.
    GrubName(profile::Grub) = profile::Grub::from_name;
    /// A systemd-stub.
    StubName(&'static profile::SystemdStub) = profile::SystemdStub::from_name;
    /// A stub of Linux.
    LinuxName(profile::LinuxStub) = profile::LinuxStub::from_name;
    /// A device path.
    PathText(Vec<u8>) = device_path::from_text;
    /// A measurement.
    Hex(Measurement) = |digits| {
        let bytes = from_hex(digits).map_err(|error| error.to_string())?;
        let algo = HashAlgo::from_len_bytes(bytes.len());
        let wrong = || format!("{} bytes; a RIM has {}", bytes.len(), HashAlgo::lengths());
        let measurement = algo.and_then(|algo| Measurement::from_bytes(algo, &bytes));
        measurement.ok_or_else(wrong)
    };
    /// Who loads an initrd; whether it is by LoadFile2.
    InitrdBy(bool) = |name| match name {
        "loadfile2" => Ok(true),
        "cmdline" => Ok(false),
        name => Err(format!("`{name}`: an initrd is handed over by loadfile2 or by cmdline")),
    };
}

/// How often something happens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "u32")]
pub struct Count(pub u32);

impl TryFrom<u32> for Count {
    type Error = String;

    fn try_from(count: u32) -> Result<Self, String> {
        let why = || format!("{count} times; at most {MAX_REPEATED}");
        if count > MAX_REPEATED { Err(why()) } else { Ok(Self(count)) }
    }
}

/// RSI's index of a REM.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "u32")]
pub struct RemIndex(pub Rem);

impl TryFrom<u32> for RemIndex {
    type Error = String;

    fn try_from(index: u32) -> Result<Self, String> {
        let why = || format!("{index}: a Realm has rem1 to rem4");
        Rem::from_index(index).map(Self).ok_or_else(why)
    }
}
