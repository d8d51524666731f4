//! Files that were read, as the page lists them.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::cli::input::{MAX_VECTOR_BYTES, read_limited};
use crate::measure::image::Image;
use crate::measure::rim::Measurement;
use crate::report::{InputFile, Report};

/// Images are many, and scripts name one more than once.
pub(super) fn images<'i>(images: impl Iterator<Item = &'i Image>, page: &mut Report) {
    let mut seen = BTreeSet::new();
    for image in images.filter(|image| seen.insert(std::ptr::from_ref(*image))) {
        let known = image.is_known();
        page.add_input(InputFile {
            name: image.name().to_owned(),
            kind: if known { "image" } else { "image by its digests" },
            len_bytes: Some(image.len_bytes()),
            sha256: known.then(|| sha256(image.bytes_from(0))),
        });
    }
}

/// A file that was read already; a pipe has no second time.
pub(super) fn whole(path: &Path, kind: &'static str) -> InputFile {
    let again = fs::metadata(path).is_ok_and(|metadata| metadata.is_file());
    let bytes = again.then(|| read_limited(path, MAX_VECTOR_BYTES).ok()).flatten();
    InputFile {
        name: path.display().to_string(),
        kind,
        len_bytes: bytes.as_ref().map(|bytes| bytes.len() as u64),
        sha256: bytes.map(|bytes| sha256(&bytes)),
    }
}

fn sha256(bytes: &[u8]) -> String {
    Measurement::sha256(bytes).to_string()
}
