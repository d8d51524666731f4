//! What a locked chain measures otherwise.

use std::path::Path;

use super::kept::unchanged;
use crate::boot::{BootEvent, Compared, compare, read_saved, seen_of};
use crate::cli::locks::LockFile;
use crate::cli::places::folder;
use crate::cli::reach::Reach;
use crate::encoding::shown::ShowPath as _;

/// Compares with the measurements that were kept; or says why that can not be done.
pub(super) fn compared(
    old: &LockFile,
    path: &Path,
    reach: &Reach,
    now: &[BootEvent],
) -> Result<Compared, String> {
    let none = "no measurements are kept beside the lock file, so no stage is named";
    let kept = old.boot.as_ref().ok_or(none)?;
    let place = folder(path).join(&kept.path);
    let read = || {
        let image = unchanged(&place, reach, &kept.sha256)?;
        let text = std::str::from_utf8(image.bytes_from(0)).map_err(|error| error.to_string())?;
        read_saved(text)
    };
    let kept = read().map_err(|why| format!("{}: {why}; no stage is named", place.shown()))?;
    Ok(compare(&kept, &seen_of(now)))
}
