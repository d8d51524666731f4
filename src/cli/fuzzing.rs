//! The readers of the command's own files, for fuzz targets and the tests that replay their
//! corpora. No part of the library.

use std::sync::Arc;

use super::locks::{self, FleetLock, LockFile};
use super::request::{RequestWords, words_of};
use crate::digest_cache;
use crate::encoding::fdt::Tree;
use crate::measure::digests::{Cut, GranuleDigests};
use crate::measure::image::Image;
use crate::measure::rim::HashAlgo;

/// How many nodes and properties a device tree has; `None` if the bytes are none.
#[must_use]
pub fn device_tree(bytes: &[u8]) -> Option<usize> {
    Some(Tree::read(bytes).ok()?.paths().len())
}

/// What is believed of an entry of the digest cache that was made of `image` and edited by `edit`;
/// if `again`, by somebody who knows the user's secret.
#[must_use]
pub fn cache_entry(
    image: &Arc<Image>,
    algo: HashAlgo,
    cut: Cut,
    again: bool,
    edit: impl FnOnce(&mut Vec<u8>),
) -> Option<GranuleDigests> {
    digest_cache::edited(image, algo, cut, again, edit)
}

/// A lock, of one RIM or of a table, as it is written again, if `text` is one.
#[must_use]
pub fn lock(text: &str) -> Option<String> {
    if FleetLock::is_one(text) {
        return FleetLock::read(text).ok().and_then(|lock| lock.to_text().ok());
    }
    LockFile::read(text).ok().map(|file| file.to_text())
}

/// The request that a file with arguments of `measure` makes, as words in their canonical order and
/// the command line of the VMM; or why there is none.
///
/// # Errors
/// In words, if the file makes no request.
///
/// # Panics
/// If the request keeps digests.
pub fn request(text: &str) -> Result<(Vec<String>, Vec<String>), String> {
    let (words, _) = words_of(text, "measure").map_err(|_| "a quotation mark is not closed")?;
    let read = RequestWords::of(&words).map_err(|error| error.text)?;
    assert!(read.cache.proven.digest_cache.is_none(), "a file keeps digests: {words:?}");
    let mut canonical = locks::words(&read.guest, &read.responder);
    canonical.push(read.vmm.vmm);
    Ok((canonical, read.vmm.argv))
}
