//! Files that may be meant in place of those that a command line names.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::cli::error::{CliError, usage};
use crate::cli::input::{read_limited_start, text_name};
use crate::cli::options::GuestArgs;
use crate::encoding::shown::ShowPath as _;
use crate::host::OtherFiles;

/// Most files of folders that are looked at.
const MAX_FILES: usize = 64;
/// What a file's kind is told by.
const HEAD_BYTES: usize = 64;

/// Files by what they can be.
#[derive(Debug, Default)]
pub(super) struct Others {
    pub(super) files: OtherFiles,
    pub(super) trees: Vec<String>,
    /// Those that an option named.
    pub(super) given: Vec<String>,
    /// Files of folders that were not looked at, since there are too many.
    pub(super) passed_over: usize,
}

/// What a file can be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Kinds {
    kernel: bool,
    initrd: bool,
    firmware: bool,
    tree: bool,
}

/// The files that were given, and those beside the files that a command line or an option names.
pub(super) fn others(
    given: &[PathBuf],
    argv: &[String],
    guest: &GuestArgs,
) -> Result<Others, CliError> {
    let mut others = Others::default();
    for path in given {
        let wrong =
            |why: &dyn std::fmt::Display| usage(format!("--candidate {}: {why}", path.shown()));
        let name = text_name(path).map_err(|why| wrong(&why))?;
        let head = read_limited_start(path, HEAD_BYTES).map_err(|why| wrong(&why))?;
        let all = Kinds { kernel: true, initrd: true, firmware: true, tree: false };
        let kinds = Kinds::of(name, &head);
        others.add(name, if kinds == Kinds::default() { all } else { kinds });
        others.given.push(name.to_owned());
    }
    let words = argv.iter().flat_map(|word| word.split(['=', ',', '"']));
    // Relative names are of the folder that the command line was found in.
    let mut named: Vec<PathBuf> = words.map(|word| guest.folder.join(word)).collect();
    named.extend(guest.map.iter().map(|(_, path)| path.clone()));
    named.extend(guest.dtb.clone());
    let folders: BTreeSet<PathBuf> = named
        .into_iter()
        .filter(|path| path.is_file())
        .filter_map(|path| path.parent().map(Path::to_owned))
        .collect();
    let mut found = Vec::new();
    for folder in folders {
        let shown = if folder.as_os_str().is_empty() { Path::new(".") } else { &folder };
        // A folder that can not be listed has nothing to offer.
        for entry in fs::read_dir(shown).into_iter().flatten().flatten() {
            let hidden = entry.file_name().to_string_lossy().starts_with('.');
            let path = folder.join(entry.file_name());
            if !hidden && path.is_file() {
                found.push(path);
            }
        }
    }
    found.sort();
    others.passed_over = found.len().saturating_sub(MAX_FILES);
    for path in found.into_iter().take(MAX_FILES) {
        let (Ok(name), Ok(head)) = (text_name(&path), read_limited_start(&path, HEAD_BYTES)) else {
            continue;
        };
        others.add(name, Kinds::of(name, &head));
    }
    Ok(others)
}

impl Others {
    fn add(&mut self, name: &str, kinds: Kinds) {
        let Self { files, trees, .. } = self;
        for (is, list) in [
            (kinds.kernel, &mut files.kernels),
            (kinds.initrd, &mut files.initrds),
            (kinds.firmware, &mut files.firmwares),
            (kinds.tree, trees),
        ] {
            if is && !list.iter().any(|known| known == name) {
                list.push(name.to_owned());
            }
        }
    }
}

impl Kinds {
    /// By the first bytes, and by the name where they do not tell.
    fn of(name: &str, head: &[u8]) -> Self {
        let mut kinds = Self::default();
        let name = name.rsplit('/').next().unwrap_or_default().to_ascii_lowercase();
        let begins = |magic: &[&[u8]]| magic.iter().any(|magic| head.starts_with(magic));
        let named = |words: &[&str]| words.iter().any(|word| name.contains(word));
        let zstd: &[u8] = &[0x28, 0xB5, 0x2F, 0xFD];
        let lz4: &[u8] = &[0x02, 0x21, 0x4C, 0x18];
        if begins(&[&[0xD0, 0x0D, 0xFE, 0xED]]) {
            kinds.tree = true;
        } else if head.get(56..60) == Some(b"ARM\x64") {
            kinds.kernel = true;
        } else if begins(&[b"070701", b"070702", zstd, b"\xFD7zXZ\0", lz4]) {
            kinds.initrd = true;
        } else if begins(&[&[0x1F, 0x8B]]) {
            // Either may be packed.
            kinds.kernel = !named(&["initr", "rootfs", "cpio"]);
            kinds.initrd = !named(&["image", "vmlinu", "kernel"]);
        } else {
            kinds.kernel = name.starts_with("image") || named(&["vmlinuz"]);
            kinds.initrd = named(&["initrd", "initramfs"]);
            kinds.firmware = named(&["efi", "firmware", "u-boot", "edk2"]) || name.ends_with(".fd");
        }
        kinds
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_of_files() {
        let told = |name: &str, head: &[u8]| {
            let Kinds { kernel, initrd, firmware, tree } = Kinds::of(name, head);
            (kernel, initrd, firmware, tree)
        };
        let mut header = [0; 64];
        header[56..60].copy_from_slice(b"ARM\x64");
        assert_eq!(told("boot/a", &header), (true, false, false, false));
        assert_eq!(told("a", b"070701000"), (false, true, false, false));
        assert_eq!(told("a", &[0xD0, 0x0D, 0xFE, 0xED]), (false, false, false, true));
        assert_eq!(told("a.gz", &[0x1F, 0x8B, 8]), (true, true, false, false));
        assert_eq!(told("Image.gz", &[0x1F, 0x8B, 8]), (true, false, false, false));
        assert_eq!(told("QEMU_EFI.fd", b""), (false, false, true, false));
        assert_eq!(told("notes.txt", b"hello"), (false, false, false, false));
    }
}
