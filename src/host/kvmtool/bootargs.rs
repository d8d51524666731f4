//! The command line of the guest's kernel, and the root file system that it is told of.

use super::config::Config;
use super::devices::{Console, Root};
use super::refuse;
use crate::host::{Files, Refusal};
use crate::measure::image::ImageError;

/// kvmtool's buffer, less the NUL.
const MAX_BYTES: usize = 2047;

/// What `-d` options make of the root file system; kvmtool's own if there is nothing else.
///
/// # Errors
/// If two options name a directory.
pub(super) fn root(config: &mut Config, files: &mut dyn Files) -> Result<Root, Refusal> {
    let mut root = Root::default();
    for disk in &config.disks {
        if disk.value.starts_with("scsi:") {
            root.scsi_disks += 1;
            continue;
        }
        let name = disk.value.split(',').next().unwrap_or_default();
        match files.open(name) {
            Err(ImageError::Directory { .. }) if root.directory => {
                let why = format!("{name} is a second directory for the root file system");
                return Err(refuse(&disk.place, &why));
            }
            Err(ImageError::Directory { .. }) => {
                root.directory = true;
                root.shares += 1;
            }
            Err(ImageError::Io { .. }) => {
                let remark = format!("{}: {name} is taken for a disk image", disk.place);
                config.remarks.push(remark);
                root.block_disks += 1;
            }
            Ok(_) | Err(_) => root.block_disks += 1,
        }
    }
    let disks = root.block_disks + root.scsi_disks;
    if !config.nodefaults && !root.directory && disks == 0 && config.initrd.is_none() {
        root = Root { directory: true, custom: true, shares: 2, ..root };
    }
    Ok(root)
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
