//! The command line of the guest's kernel, and the root file system that it is told of.

use super::config::Config;
use super::devices::{Console, Root};
use super::refuse;
use crate::host::{Assumed, Files, Refusal};
use crate::measure::image::ImageError;

/// kvmtool's buffer, less the NUL.
const MAX_BYTES: usize = 2047;

/// kvmtool's room for disks.
const MAX_DISKS: usize = 4;

/// What `-d` options make of the root file system; kvmtool's own if there is nothing else.
///
/// # Errors
/// If two options name a directory, or there are too many disks besides one.
pub(super) fn root(config: &mut Config, files: &mut dyn Files) -> Result<Root, Refusal> {
    let (mut root, mut assumed) = (Root::default(), Vec::new());
    for disk in &config.disks {
        let place = disk.place.as_str();
        match Kind::of(&disk.value, files) {
            Kind::Made | Kind::Directory if root.directory => {
                let name = &disk.value;
                let why = format!("{name} is a second directory for the root file system");
                return Err(refuse(place, &why));
            }
            Kind::Made => {
                let name = &disk.value;
                let text = format!("{name} is a root file system of `lkvm setup`, ~/.lkvm/{name}");
                let value = format!("~/.lkvm/{name}");
                assumed.push(Assumed { key: "root", value, text, option: "-d" });
                root = Root { directory: true, custom: true, shares: 2, ..root };
            }
            Kind::Directory => root = Root { directory: true, shares: 1, ..root },
            _ if root.block_disks + root.scsi_disks == MAX_DISKS => {
                let why = "kvmtool takes four disks besides a directory, and this is the fifth";
                return Err(refuse(place, why));
            }
            Kind::Scsi => root.scsi_disks += 1,
            Kind::Block { looked_at: true } => root.block_disks += 1,
            Kind::Block { looked_at: false } => {
                let name = &disk.value;
                let text = format!("{name}, which can not be opened, is taken for a disk image");
                let value = format!("{name}, not opened");
                assumed.push(Assumed { key: "disk", value, text, option: "-d" });
                root.block_disks += 1;
            }
            Kind::Impossible(why) => return Err(refuse(place, &why)),
        }
    }
    config.assumed.extend(assumed);
    let disks = root.block_disks + root.scsi_disks;
    if !config.nodefaults && !root.directory && disks == 0 && config.initrd.is_none() {
        root = Root { directory: true, custom: true, shares: 2, ..root };
    }
    Ok(root)
}

/// What the value of `-d` names.
enum Kind {
    /// A root file system that `lkvm setup` made.
    Made,
    /// A directory, by all of the value.
    Directory,
    Scsi,
    /// A file, by what stands before the first comma.
    Block {
        looked_at: bool,
    },
    /// Nothing that kvmtool starts with.
    Impossible(String),
}

impl Kind {
    /// kvmtool looks for a root file system of this name, for a directory, and then for a disk.
    fn of(value: &str, files: &mut dyn Files) -> Self {
        if files.has_lkvm_root(value) {
            return Self::Made;
        }
        if matches!(files.open(value), Err(ImageError::Directory { .. })) {
            return Self::Directory;
        }
        if value.starts_with("scsi:") {
            return Self::Scsi;
        }
        let name = value.split(',').next().unwrap_or_default();
        match files.open(name) {
            Err(error @ ImageError::Outside { .. }) => Self::Impossible(error.to_string()),
            Err(ImageError::Directory { .. }) => {
                let why = format!("{name} is a directory, and `{value}` names none: no disk image");
                Self::Impossible(why)
            }
            opened => Self::Block { looked_at: !matches!(opened, Err(ImageError::Io { .. })) },
        }
    }
}

/// The `bootargs` property's text, if there is one.
pub(super) fn bootargs(config: &Config, root: &Root) -> Option<Vec<u8>> {
    let params = config.params.as_deref().map(str::as_bytes);
    if config.firmware.is_some() || config.nodefaults {
        return params.map(<[u8]>::to_vec);
    }
    let mut text = String::new();
    if let Some(console) = Console::of(config) {
        text += " console=";
        text += console.tty();
    }
    if root.directory {
        text += " rw rootflags=trans=virtio,version=9p2000.L,cache=loose rootfstype=9p";
        text += if root.custom { " init=/virt/init" } else { "" };
        text += if root.custom && !config.no_dhcp { "  ip=dhcp" } else { "" };
    } else if !config.params.as_deref().is_some_and(|params| params.contains("root=")) {
        text += " root=/dev/vda rw ";
    }
    let mut bytes = text.into_bytes();
    if let Some(params) = params {
        bytes.push(b' ');
        bytes.extend(params);
    }
    // A character may be cut in two.
    bytes.truncate(MAX_BYTES);
    Some(bytes)
}
