//! `EFI_LOAD_OPTION` (UEFI 2.11, 3.1.3): what a variable `Boot####` holds.

use std::fmt;

use super::{Front, device_path, utf16};
use crate::encoding::text::hex;

/// A boot option.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadOption {
    /// Bit 0: active. Bit 3: hidden.
    pub attributes: u32,
    /// The description in UTF-16LE, without its NUL.
    pub description: Vec<u8>,
    /// The device path, and whatever stands in its list.
    pub path: Vec<u8>,
    /// What the image gets as its LoadOptions.
    pub optional: Vec<u8>,
}

impl LoadOption {
    /// The bytes of the variable; `None` if the path is longer than 65535 bytes.
    #[must_use]
    pub fn bytes(&self) -> Option<Vec<u8>> {
        let path_len = u16::try_from(self.path.len()).ok()?;
        let mut bytes = self.attributes.to_le_bytes().to_vec();
        bytes.extend(path_len.to_le_bytes());
        bytes.extend(&self.description);
        bytes.extend([0, 0]);
        bytes.extend(&self.path);
        bytes.extend(&self.optional);
        Some(bytes)
    }

    /// Reads a variable's bytes.
    ///
    /// # Bounds
    /// Time and memory grow with the length.
    ///
    /// # Errors
    /// If they end before the description or the path does; the text names the byte.
    pub fn read(bytes: &[u8]) -> Result<Self, String> {
        let mut front = Front(bytes);
        let head = front.u32().zip(front.u16());
        let (attributes, path_len) = head.ok_or_else(|| {
            format!("{} bytes, where attributes and a length take 6", bytes.len())
        })?;
        let units = front.0.as_chunks::<2>().0;
        let nul = units.iter().position(|unit| *unit == [0, 0]);
        let nul = nul.ok_or("byte 6: the description has no end")?;
        let description = front.take(2 * nul).unwrap_or_default().to_vec();
        front.take(2);
        let at = bytes.len() - front.0.len();
        let path = front.take(path_len.into()).ok_or_else(|| {
            let left = front.0.len();
            format!("byte {at}: a device path of {path_len} bytes, and {left} are left")
        })?;
        Ok(Self { attributes, description, path: path.to_vec(), optional: front.0.to_vec() })
    }
}

impl fmt::Display for LoadOption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let description = utf16::shown(&self.description);
        write!(f, "\"{description}\" {}", device_path::text(&self.path))?;
        if self.attributes != 1 {
            write!(f, " attributes={:#x}", self.attributes)?;
        }
        if !self.optional.is_empty() {
            write!(f, " options {}", shown_options(&self.optional))?;
        }
        Ok(())
    }
}

/// LoadOptions for people: a text if they are one, with how it ends; else hexadecimal.
#[must_use]
pub fn shown_options(bytes: &[u8]) -> String {
    /// Bytes of options that are no text which are shown.
    const SHOWN: usize = 32;
    let printable = |text: &String| !text.chars().any(char::is_control);
    if let Some(text) = bytes.strip_suffix(&[0, 0]).and_then(utf16::text).filter(printable) {
        return format!("\"{text}\"");
    }
    if let Some(text) = utf16::text(bytes).filter(printable) {
        return format!("\"{text}\" without a NUL");
    }
    let more = if bytes.len() > SHOWN { "…" } else { "" };
    format!("{} bytes {}{more}", bytes.len(), hex(&bytes[..bytes.len().min(SHOWN)]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back() {
        let path = device_path::from_text("PciRoot(0x0)/Pci(0x2,0x0)/\\a.efi").expect("a path");
        let option = LoadOption {
            attributes: 1,
            description: utf16::utf16("linux"),
            path,
            optional: utf16::utf16_nul("root=/dev/vda2"),
        };
        let bytes = option.bytes().expect("short");
        assert_eq!(LoadOption::read(&bytes).as_ref(), Ok(&option));
        assert_eq!(
            option.to_string(),
            "\"linux\" PciRoot(0x0)/Pci(0x2,0x0)/\\a.efi options \"root=/dev/vda2\""
        );
        for end in 0..bytes.len() - option.optional.len() {
            assert!(LoadOption::read(&bytes[..end]).is_err(), "{end}");
        }
        assert_eq!(
            LoadOption::read(&[1, 0, 0, 0, 9, 0, 65, 0]).unwrap_err(),
            "byte 6: the description has no end"
        );
    }
}
