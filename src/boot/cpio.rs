//! The cpio archives ("newc") that systemd-stub makes of what it hands to the kernel.

use std::fmt::Write as _;

/// The folder of everything that the stub hands over.
const EXTRA: &str = ".extra";

/// How an archive is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The folder of its files, below `.extra`; empty for that itself.
    pub folder: &'static str,
    /// Mode of folders.
    pub folder_mode: u32,
    /// Mode of files.
    pub file_mode: u32,
}

impl Place {
    /// What the UKI itself carries: os-release, signatures, keys, the profile.
    pub const EXTRA: Self = Self { folder: "", folder_mode: 0o555, file_mode: 0o444 };
    /// Credentials beside the UKI.
    pub const CREDENTIALS: Self =
        Self { folder: "credentials", folder_mode: 0o500, file_mode: 0o400 };
    /// Credentials of the whole partition.
    pub const GLOBAL_CREDENTIALS: Self =
        Self { folder: "global_credentials", folder_mode: 0o500, file_mode: 0o400 };
    /// System extensions.
    pub const SYSEXT: Self = Self { folder: "sysext", folder_mode: 0o555, file_mode: 0o444 };
    /// Configuration extensions.
    pub const CONFEXT: Self = Self { folder: "confext", folder_mode: 0o555, file_mode: 0o444 };
}

/// Zeros up to a multiple of four bytes.
pub(crate) fn pad4(bytes: &mut Vec<u8>) {
    bytes.resize(bytes.len().next_multiple_of(4), 0);
}

/// An archive of these files; none of none.
#[must_use]
pub fn archive(place: Place, files: &[(&str, &[u8])]) -> Vec<u8> {
    if files.is_empty() {
        return Vec::new();
    }
    let mut bytes = Vec::new();
    let mut inode = 0_usize;
    let mut add = |name: &str, mode: u32, data: &[u8]| {
        inode += 1;
        header(&mut bytes, inode, mode, data.len(), name);
        bytes.extend(data);
        pad4(&mut bytes);
    };
    let mut folder = EXTRA.to_owned();
    add(&folder, 0o040_000 | place.folder_mode, &[]);
    for part in place.folder.split('/').filter(|part| !part.is_empty()) {
        folder = format!("{folder}/{part}");
        add(&folder, 0o040_000 | place.folder_mode, &[]);
    }
    for (name, data) in files {
        add(&format!("{folder}/{name}"), 0o100_000 | place.file_mode, data);
    }
    // The stub's own trailer, whose inode is zero.
    header(&mut bytes, 0, 0, 0, "TRAILER!!!");
    bytes
}

/// A header and the name behind it, with its NUL, padded.
fn header(bytes: &mut Vec<u8>, inode: usize, mode: u32, len: usize, name: &str) {
    let mut text = String::from("070701");
    let name_size = name.len() + 1;
    let links = 1;
    let fields = [inode, mode as usize, 0, 0, links, 0, len, 0, 0, 0, 0, name_size, 0];
    fields.iter().for_each(|field| write!(text, "{field:08x}").expect("a text"));
    if name == "TRAILER!!!" {
        text.make_ascii_uppercase();
    }
    bytes.extend(text.as_bytes());
    bytes.extend(name.as_bytes());
    bytes.push(0);
    pad4(bytes);
}
