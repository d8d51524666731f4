//! UEFI variables: `UEFI_VARIABLE_DATA` (TCG PC Client Platform Firmware Profile 1.06, 10.2.6), and
//! the GUIDs that firmware keeps its variables under.

use uuid::uuid;

use super::{Front, utf16};

/// A GUID as firmware writes it: the first three fields little-endian.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Guid(pub [u8; 16]);

/// `EFI_GLOBAL_VARIABLE`.
pub const GLOBAL: Guid = Guid(uuid!("8be4df61-93ca-11d2-aa0d-00e098032b8c").to_bytes_le());
/// `EFI_IMAGE_SECURITY_DATABASE_GUID`.
pub const IMAGE_SECURITY: Guid = Guid(uuid!("d719b2cb-3d3a-4596-a3bc-dad00e67656f").to_bytes_le());
/// Shim's own.
pub const SHIM: Guid = Guid(uuid!("605dab50-e046-4300-abb6-3dd810dd8b23").to_bytes_le());

/// The GUID under which firmware and shim keep a variable; `None` of one that is not known here.
#[must_use]
pub fn guid_of(name: &str) -> Option<Guid> {
    Some(match name {
        "SecureBoot" | "PK" | "KEK" | "BootOrder" => GLOBAL,
        "db" | "dbx" | "dbt" => IMAGE_SECURITY,
        _ if boot_number(name).is_some() => GLOBAL,
        "Shim" | "SbatLevel" => SHIM,
        _ if name.starts_with("Mok") => SHIM,
        _ => return None,
    })
}

/// The number of `Boot0001`: four upper-case hexadecimal digits.
#[must_use]
pub fn boot_number(name: &str) -> Option<u16> {
    let digits = name.strip_prefix("Boot").filter(|digits| digits.len() == 4)?;
    let upper = digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'A'..=b'F'));
    if upper { u16::from_str_radix(digits, 16).ok() } else { None }
}

/// The name of a boot option.
#[must_use]
pub fn boot_name(number: u16) -> String {
    format!("Boot{number:04X}")
}

/// `UEFI_VARIABLE_DATA`: GUID, count of the name's UTF-16 units, count of bytes, name, value.
#[must_use]
pub fn data(guid: Guid, name: &str, value: &[u8]) -> Vec<u8> {
    let name = utf16::utf16(name);
    let mut bytes = guid.0.to_vec();
    bytes.extend((name.len() as u64 / 2).to_le_bytes());
    bytes.extend((value.len() as u64).to_le_bytes());
    bytes.extend(name);
    bytes.extend(value);
    bytes
}

/// A `UEFI_VARIABLE_DATA` that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variable<'b> {
    /// Whose it is.
    pub guid: Guid,
    /// Its name as UTF-16LE bytes.
    pub name: &'b [u8],
    /// Its value.
    pub value: &'b [u8],
}

impl<'b> Variable<'b> {
    /// Reads all of `bytes`; `None` if they are something else.
    ///
    /// # Bounds
    /// Time grows with the length of the name; what is read points into `bytes`.
    #[must_use]
    pub fn read(bytes: &'b [u8]) -> Option<Self> {
        let mut front = Front(bytes);
        let guid = Guid(front.array()?);
        let (name, value) = (front.count()?, front.count()?);
        let name = front.take(name.checked_mul(2)?)?;
        let value = front.take(value)?;
        front.0.is_empty().then_some(Self { guid, name, value })
    }

    /// The name for people.
    #[must_use]
    pub fn shown_name(&self) -> String {
        utf16::shown(self.name)
    }
}

/// The numbers of a `BootOrder`; `None` if it has an odd length.
#[must_use]
pub fn boot_order(value: &[u8]) -> Option<Vec<u16>> {
    utf16::units(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back() {
        let bytes = data(GLOBAL, "Boot000A", &[1, 2, 3]);
        let read = Variable::read(&bytes).expect("a variable");
        assert_eq!((read.guid, read.value), (GLOBAL, &[1, 2, 3][..]));
        assert_eq!(read.shown_name(), "Boot000A");
        assert_eq!(bytes[..4], [0x61, 0xDF, 0xE4, 0x8B]);
        for end in 0..bytes.len() {
            assert_eq!(Variable::read(&bytes[..end]), None);
        }
        let mut long = bytes.clone();
        long[16..24].copy_from_slice(&u64::MAX.to_le_bytes());
        assert_eq!(Variable::read(&long), None);
    }

    #[test]
    fn names_have_their_guids() {
        assert_eq!(boot_number("Boot000A"), Some(10));
        for other in ["Boot000a", "Boot00010", "BootOrder", "Boot+00A", "boot0001"] {
            assert_eq!(boot_number(other), None, "{other}");
        }
        assert_eq!(guid_of("Boot0001"), Some(GLOBAL));
        assert_eq!(guid_of("dbx"), Some(IMAGE_SECURITY));
        assert_eq!(guid_of("MokListX"), Some(SHIM));
        assert_eq!(guid_of("Timeout"), None);
    }
}
