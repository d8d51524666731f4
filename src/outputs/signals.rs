//! Temporary files are gone when a signal ends the process.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

static FILES: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());
/// Folders that are this program's own with all that is in them.
static FOLDERS: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());
static WHOLE: Mutex<()> = Mutex::new(());

fn files() -> MutexGuard<'static, BTreeSet<PathBuf>> {
    FILES.lock().unwrap_or_else(PoisonError::into_inner)
}

fn folders() -> MutexGuard<'static, BTreeSet<PathBuf>> {
    FOLDERS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A temporary folder that is there.
pub(super) fn remember_folder(path: &Path) {
    folders().insert(std::path::absolute(path).unwrap_or_else(|_| path.to_owned()));
}

/// A temporary folder that is gone.
pub(super) fn forget_folder(path: &Path) {
    folders().remove(&std::path::absolute(path).unwrap_or_else(|_| path.to_owned()));
}

/// A temporary file that will be there.
pub(super) fn remember(path: &Path) {
    // The working folder could change.
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    files().insert(path);
}

/// A temporary file that is gone.
pub(super) fn forget(path: &Path) {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    files().remove(&path);
}

/// No signal ends the process while this is held.
pub(super) fn hold() -> MutexGuard<'static, ()> {
    WHOLE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// From here on SIGINT, SIGTERM and SIGHUP remove the temporary files and then end the process as
/// they would have. A file that grows over its limit is an error of the write.
pub(crate) fn install() -> io::Result<()> {
    signal_hook::flag::register(libc::SIGXFSZ, Arc::new(AtomicBool::new(false)))?;
    let ignored = ignored();
    let wanted = [SIGINT, SIGTERM, SIGHUP].into_iter().filter(|n| ignored >> (n - 1) & 1 == 0);
    let mut signals = Signals::new(wanted)?;
    let watch = move || {
        for signal in signals.forever() {
            let _whole = hold();
            // Held to the end: no file is made any more.
            let files = files();
            for file in files.iter() {
                let _ = fs::remove_file(file);
            }
            for folder in folders().iter() {
                let _ = fs::remove_dir_all(folder);
            }
            let _ = signal_hook::low_level::emulate_default_handler(signal);
        }
    };
    std::thread::Builder::new().name("signals".to_owned()).spawn(watch).map(drop)
}

/// The signals that whoever started the process wants ignored (`nohup`), one bit each from bit 0.
fn ignored() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}
