//! The user's key, by which entries of a digest cache are known to be this program's own.
//!
//! It lies in the user's own folder for caches and not in that of the digests: who restores or
//! shares a folder of digests brings no key along, so nothing in it is believed.

use std::fs::{self, DirBuilder, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use rustix::rand::{GetRandomFlags, getrandom};

use crate::digest_cache::check_private;
use crate::encoding::shown::ShowPath as _;
use crate::inputs;
use crate::outputs::Scratch;

const KEY_LEN: usize = 32;
const NAME: &str = "digest-cache.key";

/// The key of this user, which is made if there is none yet.
///
/// # Errors
/// If there is no place for it, or others could have read or written it; with the file's name.
pub(crate) fn user_key() -> Result<[u8; KEY_LEN], String> {
    let Some(folder) = folder() else {
        return Err("no folder for its key: neither XDG_CACHE_HOME nor HOME says one".to_owned());
    };
    let path = folder.join(NAME);
    key_in(&folder, &path).map_err(|error| format!("its key {}: {error}", path.shown()))
}

/// `$XDG_CACHE_HOME/rimsim` or `~/.cache/rimsim`.
fn folder() -> Option<PathBuf> {
    let absolute = |path: &PathBuf| path.is_absolute();
    let named = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from).filter(absolute);
    let home = || std::env::home_dir().filter(absolute).map(|home| home.join(".cache"));
    named.or_else(home).map(|caches| caches.join("rimsim"))
}

fn key_in(folder: &Path, path: &Path) -> io::Result<[u8; KEY_LEN]> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    check_private(&fs::metadata(folder)?)?;
    match read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => make(path)?,
        found => return found,
    }
    read(path)
}

fn read(path: &Path) -> io::Result<[u8; KEY_LEN]> {
    let refused = |why: &str| Err(io::Error::new(io::ErrorKind::InvalidData, why));
    let mut file = inputs::open_own(path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() || metadata.len() != KEY_LEN as u64 {
        return refused("is no file of 32 bytes; without it a new one is made");
    }
    let mode = metadata.mode() & 0o7777;
    if metadata.uid() != rustix::process::geteuid().as_raw() || mode & 0o077 != 0 {
        return refused("others can read or write it; without it a new one is made");
    }
    let mut key = [0; KEY_LEN];
    file.read_exact(&mut key)?;
    Ok(key)
}

/// Makes a key that appears whole. Of two programs that do so at a time the first one's counts.
fn make(path: &Path) -> io::Result<()> {
    let mut key = [0; KEY_LEN];
    if getrandom(&mut key[..], GetRandomFlags::empty())? != KEY_LEN {
        return Err(io::Error::other("the system gave too few random bytes"));
    }
    let folder = path.parent().unwrap_or(Path::new("/"));
    let (mut file, scratch) = Scratch::create(folder, ".rimsim-")?;
    file.set_permissions(Permissions::from_mode(0o600))?;
    file.write_all(&key)?;
    file.sync_all()?;
    match fs::hard_link(scratch.path(), path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        done => done,
    }
}
