//! The files of a provenance block.

use std::collections::BTreeSet;
use std::path::Path;

use sha2::{Digest as _, Sha256};

use super::file::{Input, MAX_VECTOR_BYTES};
use super::read::read_limited;
use crate::encoding::text::hex;
use crate::measure::image::Image;
use crate::predict::sha256;
use crate::refvalue::json::InputFile;

/// An image, as it was measured.
pub(crate) fn image_file(name: &str, image: &Image) -> InputFile {
    let sha256 = image.is_known().then(|| sha256(image, 0));
    let size = image.len_bytes();
    InputFile { kind: "image", name: name.to_owned(), path: None, size, sha256 }
}

/// A small file that was read before; `None` if it is none, or can not be read again.
pub(crate) fn text_file(kind: &'static str, path: &Path) -> Option<InputFile> {
    if !path.is_file() {
        return None;
    }
    let bytes = read_limited(path, MAX_VECTOR_BYTES).ok()?;
    let sha256 = Some(hex(&Sha256::digest(&bytes)));
    let size = bytes.len() as u64;
    Some(InputFile { kind, name: path.display().to_string(), path: None, size, sha256 })
}

/// Everything that a script or a vector is made of.
pub(crate) fn replayed(path: &Path, input: &Input) -> Vec<InputFile> {
    let Input::Script(script) = input else {
        return text_file("vector", path).into_iter().collect();
    };
    let texts = script.texts().map(|(name, text)| InputFile {
        kind: if name.ends_with(".toml") { "platform" } else { "script" },
        name: name.to_owned(),
        path: None,
        size: text.len_bytes,
        sha256: Some(text.sha256.to_string()),
    });
    let mut files: Vec<InputFile> = texts.collect();
    let mut known = BTreeSet::new();
    for image in script.opened() {
        if known.insert(image.name()) {
            files.push(image_file(image.name(), image));
        }
    }
    files
}
