//! What the kernel vouches for: files whose contents no program can change any more.
//!
//! Times are no proof of contents. A write through a shared mapping to a page that is dirty already
//! moves no time, a file system may count whole seconds, and every owner can set times back. What
//! is a proof, and why:
//!
//! * **fs-verity.** The kernel refuses every write, and checks what it reads against a tree of
//!   hashes. The digest that it gives covers all bytes and the length, so it alone is the file's
//!   identity: wherever it lies, whatever its name. That is so on file systems of the kernel's own
//!   (ext4, f2fs, btrfs); a program behind FUSE could say any digest, so its word does not count.
//! * **A file of an erofs or squashfs whose image can not change either**: the file system has no
//!   code that writes, but whoever can write to the image behind it changes its files and no time.
//!   So the image has to lie on dm-verity, or in a read-only loop device over a file with
//!   fs-verity. The identity is the file's number, on this very mount, in this boot: numbers of
//!   devices are given out again, unique numbers of mounts are not. An image in an ordinary file
//!   that is mounted by loop, or on a disk, vouches for nothing.
//! * **A sealed memfd**: with the seals on writing, shrinking and growing nobody can change it, and
//!   the kernel gives the seal on writing only if no mapping can write. It lives no longer than the
//!   processes that hold it, so its identity is its number and its birth in this boot.

use std::fs::File;
use std::path::{Path, PathBuf};

use crate::encoding::text::hex;
use crate::inputs;
use composefs_ioctls::fsverity::fs_ioc_measure_verity;
use rustix::fs::{AtFlags, SealFlags, StatVfsMountFlags, Statx, StatxAttributes, StatxFlags};
use rustix::fs::{fcntl_get_seals, fstatfs, fstatvfs, statx};

/// Numbers of file systems, as `linux/magic.h` has them.
const EXT4: u64 = 0xEF53;
const F2FS: u64 = 0xF2F5_2010;
const BTRFS: u64 = 0x9123_683E;
const EROFS: u64 = 0xE0F5_E1E2;
const SQUASHFS: u64 = 0x7371_7368;
/// The flag STATX_MNT_ID_UNIQUE, of Linux 6.8.
const MOUNT_ID_UNIQUE: StatxFlags = StatxFlags::from_bits_retain(0x4000);

/// A text that stands for the contents of `file`, if the kernel vouches that they are what they
/// were whenever it had this text before, and stay so.
pub(super) fn identity(file: &File) -> Option<String> {
    verity(file).or_else(|| sealed(file)).or_else(|| immutable(file))
}

fn numbers(file: &File) -> Option<Statx> {
    let wanted = StatxFlags::BASIC_STATS | StatxFlags::BTIME | MOUNT_ID_UNIQUE;
    statx(file, "", AtFlags::EMPTY_PATH, wanted).ok()
}

fn file_system(file: &File) -> Option<u64> {
    let bytes = fstatfs(file).ok()?.f_type.to_ne_bytes();
    // The field is a word of the processor, with or without a sign; the numbers are u32.
    let low = if cfg!(target_endian = "little") { bytes.first_chunk() } else { bytes.last_chunk() };
    Some(u32::from_ne_bytes(*low?).into())
}

fn verity(file: &File) -> Option<String> {
    let attributes = numbers(file)?.stx_attributes;
    let honest = matches!(file_system(file)?, EXT4 | F2FS | BTRFS);
    if !honest || !attributes.contains(StatxAttributes::VERITY) {
        return None;
    }
    let (name, digest) = match fs_ioc_measure_verity::<32>(file, 1) {
        Ok(digest) => ("sha256", digest.to_vec()),
        Err(_) => ("sha512", fs_ioc_measure_verity::<64>(file, 2).ok()?.to_vec()),
    };
    Some(format!("fs-verity {name} {}", hex(&digest)))
}

fn sealed(file: &File) -> Option<String> {
    let needed = SealFlags::WRITE | SealFlags::SHRINK | SealFlags::GROW;
    if !fcntl_get_seals(file).ok()?.contains(needed) {
        return None;
    }
    let now = numbers(file)?;
    let born = StatxFlags::from_bits_retain(now.stx_mask).contains(StatxFlags::BTIME);
    let birth = born.then_some(now.stx_btime)?;
    let (boot, inode) = (boot_id()?, now.stx_ino);
    let device = (now.stx_dev_major, now.stx_dev_minor);
    Some(format!("memfd {boot} {device:?} {inode} {}.{}", birth.tv_sec, birth.tv_nsec))
}

fn immutable(file: &File) -> Option<String> {
    let kind = match file_system(file)? {
        EROFS => "erofs",
        SQUASHFS => "squashfs",
        _ => return None,
    };
    let read_only = fstatvfs(file).ok()?.f_flag.contains(StatVfsMountFlags::RDONLY);
    let now = numbers(file)?;
    let unique = StatxFlags::from_bits_retain(now.stx_mask).contains(MOUNT_ID_UNIQUE);
    if !read_only || !unique {
        return None;
    }
    let image = image_behind((now.stx_dev_major, now.stx_dev_minor))?;
    Some(format!("{kind} {image} {} {} {}", boot_id()?, now.stx_mnt_id, now.stx_ino))
}

/// What vouches for the bytes of a block device, if anything does.
fn image_behind((major, minor): (u32, u32)) -> Option<String> {
    let device = PathBuf::from(format!("/sys/dev/block/{major}:{minor}"));
    let text = |name: &str| std::fs::read_to_string(device.join(name)).ok();
    if let Some(uuid) = text("dm/uuid").filter(|uuid| uuid.starts_with("CRYPT-VERITY-")) {
        return Some(format!("dm-verity {}", uuid.trim_end()));
    }
    if text("ro")?.trim_end() != "1" {
        return None;
    }
    let backing = text("loop/backing_file")?;
    let digest = verity(&inputs::open(Path::new(backing.trim_end_matches('\n'))).ok()?)?;
    let offset = text("loop/offset")?;
    Some(format!("loop {digest} from {}", offset.trim_end()))
}

/// Tells this boot from all others.
fn boot_id() -> Option<String> {
    let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    Some(id.trim_end().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::{MemfdFlags, fcntl_add_seals, memfd_create};

    #[test]
    fn a_memfd_is_vouched_for_when_nobody_can_change_it() {
        let new = || File::from(memfd_create("image", MemfdFlags::ALLOW_SEALING).expect("memory"));
        let (file, other) = (new(), new());
        let seals = SealFlags::SHRINK | SealFlags::GROW;
        for file in [&file, &other] {
            file.set_len(4096).expect("room");
            assert_eq!(identity(file), None);
            fcntl_add_seals(file, seals).expect("sealed");
            assert_eq!(identity(file), None);
            fcntl_add_seals(file, SealFlags::WRITE).expect("sealed");
        }
        // A kernel that does not say when a file was made gives no identity.
        if let Some(first) = identity(&file) {
            assert!(first.starts_with("memfd "), "{first}");
            assert_eq!(identity(&file), Some(first.clone()));
            assert_ne!(identity(&other), Some(first));
        }
    }

    #[test]
    fn an_ordinary_file_is_not() {
        let path = std::env::temp_dir().join(format!("rimsim-vouch-{}", std::process::id()));
        std::fs::write(&path, [1; 4096]).expect("a file");
        let file = File::open(&path).expect("the file");
        std::fs::remove_file(path).expect("removed");
        assert_eq!(identity(&file), None);
    }
}
