//! Files that may be meant in place of those that a command line names.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use crate::cli::error::{CliError, usage};
use crate::cli::input::{read_limited_start, text_name};
use crate::cli::options::{GuestArgs, named};
use crate::encoding::shown::ShowPath as _;
use crate::host::OtherFiles;

/// Most kernels, initrds and the like of folders that are taken.
const MAX_FILES: usize = 64;
/// Most names of one folder that are looked at, and most of all folders together.
const MAX_LISTED: usize = 4096;
/// What a file's kind is told by.
const HEAD_BYTES: usize = 64;

/// Files by what they can be.
#[derive(Debug, Default)]
pub(crate) struct Others {
    pub(crate) files: OtherFiles,
    pub(crate) trees: Vec<String>,
    /// Those of them that are the user's, and not the command line's.
    pub(crate) given: BTreeSet<String>,
    /// Files of folders that were not looked at, since there are too many.
    pub(crate) passed_over: usize,
}

/// What a file can be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Kinds {
    kernel: bool,
    initrd: bool,
    firmware: bool,
    tree: bool,
}

/// The files that were given, and those beside the files that a command line or an option names. A
/// line that was found has only those to offer that it may name.
pub(crate) fn others(
    candidates: &[PathBuf],
    argv: &[String],
    guest: &GuestArgs,
) -> Result<Others, CliError> {
    let mut others = Others::default();
    for path in candidates {
        let wrong =
            |why: &dyn std::fmt::Display| usage(format!("--candidate {}: {why}", path.shown()));
        let name = text_name(path).map_err(|why| wrong(&why))?;
        let head = read_limited_start(path, HEAD_BYTES).map_err(|why| wrong(&why))?;
        let all = Kinds { kernel: true, initrd: true, firmware: true, tree: false };
        let kinds = Kinds::of(name, &head);
        let name = guest.name_of_users(name).map_err(|why| wrong(&why))?;
        others.add(&name, if kinds == Kinds::default() { all } else { kinds });
        others.given.insert(name);
    }
    let of_user = guest.map.iter().map(|(_, path)| path.clone()).chain(guest.dtb.clone());
    // Relative names are of the folder that the command line was found in.
    let said = argv.iter().flat_map(|word| named(word));
    let said: BTreeMap<PathBuf, &str> = said.map(|name| (guest.folder.join(name), name)).collect();
    let of_line = said.keys().filter(|path| guest.line_may_name(path)).cloned();
    let (users, mut passed_over) = beside(of_user, |path| guest.reach.has(path));
    let (lines, more) = beside(of_line, |path| guest.line_may_name(path));
    passed_over += more;
    let lines = lines.into_iter().filter(|path| !users.contains(path)).map(|path| (path, false));
    let mut found: Vec<(PathBuf, bool)> =
        users.iter().map(|path| (path.clone(), true)).chain(lines).collect();
    passed_over += found.len().saturating_sub(MAX_LISTED);
    found.truncate(MAX_LISTED);
    let mut taken = 0;
    for (path, is_users) in found {
        let (Ok(name), Ok(head)) = (text_name(&path), read_limited_start(&path, HEAD_BYTES)) else {
            continue;
        };
        let kinds = Kinds::of(name, &head);
        if kinds == Kinds::default() {
            continue;
        }
        taken += 1;
        if taken > MAX_FILES {
            passed_over += 1;
        } else if !is_users {
            others.add(said.get(&path).copied().unwrap_or(name), kinds);
        } else if let Ok(name) = guest.name_of_users(name) {
            others.add(&name, kinds);
            others.given.insert(name);
        }
    }
    others.passed_over = passed_over;
    Ok(others)
}

/// The files of the folders that these files are in, as far as they and their folders may be looked
/// at, and how many names were not read.
fn beside(
    named: impl Iterator<Item = PathBuf>,
    may: impl Fn(&Path) -> bool,
) -> (BTreeSet<PathBuf>, usize) {
    let folder = |path: PathBuf| path.parent().map(Path::to_owned);
    let folders: BTreeSet<PathBuf> =
        named.filter(|path| path.is_file()).filter_map(folder).collect();
    let (mut found, mut passed_over) = (BTreeSet::new(), 0);
    for folder in folders {
        let shown = if folder.as_os_str().is_empty() { Path::new(".") } else { &folder };
        if !may(shown) {
            continue;
        }
        // A folder that can not be listed has nothing to offer. Of one with too many names the
        // first in order are looked at, whatever the order in which they are stored.
        let names = fs::read_dir(shown).into_iter().flatten().flatten();
        let names = names.map(|entry| entry.file_name());
        let (first, more) =
            first_of(names.filter(|name| !name.to_string_lossy().starts_with('.')), MAX_LISTED);
        let files = first.into_iter().map(|name| folder.join(name));
        found.extend(files.filter(|path| path.is_file() && may(path)));
        passed_over += more;
    }
    (found, passed_over)
}

/// The first `most` of names in order, and how many more there are. No more are kept at a time.
fn first_of<T: Ord>(names: impl Iterator<Item = T>, most: usize) -> (BTreeSet<T>, usize) {
    let (mut first, mut more) = (BTreeSet::new(), 0);
    for name in names {
        first.insert(name);
        if first.len() > most {
            first.pop_last();
            more += 1;
        }
    }
    (first, more)
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
            kinds.initrd = named(&["initrd", "initramfs", ".cpio"]);
            kinds.firmware = named(&["efi", "firmware", "u-boot", "edk2"]) || name.ends_with(".fd");
        }
        kinds
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_too_many_names_the_first_are_taken() {
        let names: Vec<u32> = (0..50).map(|number| number * 37 % 50).collect();
        let back = names.iter().rev().copied();
        let (first, more) = first_of(names.iter().copied(), 8);
        assert_eq!(first_of(back, 8), (first.clone(), more));
        assert_eq!((first, more), ((0..8).collect(), 42));
        assert_eq!(first_of([2, 1].into_iter(), 8), ([1, 2].into(), 0));
    }

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
        assert_eq!(told("root.cpio", b"\0"), (false, true, false, false));
        assert_eq!(told("QEMU_EFI.fd", b""), (false, false, true, false));
        assert_eq!(told("notes.txt", b"hello"), (false, false, false, false));
    }
}
