//! The files that a prediction is made of.

use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use crate::encoding::text::hex;
use crate::host::Files;
use crate::measure::image::{Image, ImageError};

/// The name of the device tree that is given beside a command line.
pub const DEVICE_TREE: &str = "--dtb";

/// A file that was read.
#[derive(Clone, Debug)]
pub struct Input {
    /// What the command line calls it, or [`DEVICE_TREE`].
    pub name: String,
    /// What was opened.
    pub image: Arc<Image>,
}

impl Input {
    /// Where it was found.
    #[must_use]
    pub fn path(&self) -> &str {
        self.image.name()
    }

    /// Its length in bytes.
    #[must_use]
    pub fn len_bytes(&self) -> u64 {
        self.image.len_bytes()
    }

    /// SHA-256 of its bytes in hexadecimal, calculated now; `None` if only digests of it are known.
    #[must_use]
    pub fn sha256(&self) -> Option<String> {
        self.image.is_known().then(|| sha256(&self.image, 0))
    }
}

/// Opens files and remembers them, each once.
pub(super) struct Opened<'f> {
    files: &'f mut dyn Files,
    pub(super) inputs: Vec<Input>,
}

impl<'f> Opened<'f> {
    pub(super) fn new(files: &'f mut dyn Files) -> Self {
        Self { files, inputs: Vec::new() }
    }

    /// With files that are open already.
    pub(super) fn again(files: &'f mut dyn Files, inputs: Vec<Input>) -> Self {
        Self { files, inputs }
    }
}

impl Files for Opened<'_> {
    fn open(&mut self, name: &str) -> Result<Arc<Image>, ImageError> {
        if let Some(known) = self.inputs.iter().find(|input| input.name == name) {
            return Ok(Arc::clone(&known.image));
        }
        let image = self.files.open(name)?;
        self.inputs.push(Input { name: name.to_owned(), image: Arc::clone(&image) });
        Ok(image)
    }

    fn has_lkvm_root(&mut self, name: &str) -> bool {
        self.files.has_lkvm_root(name)
    }
}

/// SHA-256 of an image's bytes, and of zeros up to `len_bytes`, in hexadecimal.
#[must_use]
pub fn sha256(image: &Image, len_bytes: u64) -> String {
    const PIECE: usize = 1 << 20;
    let mut hash = Sha256::new();
    for piece in image.bytes_from(0).chunks(PIECE) {
        hash.update(piece);
    }
    let mut missing = len_bytes.saturating_sub(image.len_bytes());
    while missing > 0 {
        let piece = missing.min(PIECE as u64);
        hash.update(vec![0; usize::try_from(piece).unwrap_or(PIECE)]);
        missing -= piece;
    }
    hex(&hash.finalize())
}
