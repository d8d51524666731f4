//! Any bytes as a file of digests. The fuzz target `digest_file` uses it too.

use std::sync::Arc;

use rimsim::measure::digests::{DigestFile, DigestsError};
use rimsim::measure::image::Image;

pub(crate) fn read(bytes: Vec<u8>) -> Result<DigestFile, DigestsError> {
    DigestFile::read(&Arc::new(Image::from_bytes("digests", bytes)))
}

/// Bytes are lists that hold together, or an error.
pub(crate) fn check_file(data: &[u8]) {
    let Ok(file) = read(data.to_vec()) else { return };
    for list in file.lists {
        let end = list.phase() + list.count() * 4096;
        for offset in [0, list.phase(), end.saturating_sub(4096), end, u64::MAX] {
            let inside = offset >= list.phase() && offset < end;
            let aligned = offset.wrapping_sub(list.phase()).is_multiple_of(4096);
            assert_eq!(list.get(offset).is_some(), inside && aligned, "{offset:#x}");
        }
    }
}
