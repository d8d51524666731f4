//! The files that a VMM's command line names, wherever `--map` says they are.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use super::hashing::ImageFiles;
use crate::encoding::text::hex;
use crate::host::Files;
use crate::measure::image::{Image, ImageError};

/// Opens files and remembers them, each once.
#[derive(Debug)]
pub(crate) struct MappedFiles<'a> {
    map: &'a [(String, PathBuf)],
    files: ImageFiles,
    /// Name on the command line, and what was opened.
    opened: Vec<(String, Arc<Image>)>,
    /// The device tree that was given beside the command line.
    device_tree: Option<Arc<Image>>,
}

impl<'a> MappedFiles<'a> {
    pub(crate) fn new(map: &'a [(String, PathBuf)], files: ImageFiles) -> Self {
        Self { map, files, opened: Vec::new(), device_tree: None }
    }

    /// Opens the device tree that is given beside the command line.
    pub(crate) fn open_device_tree(&mut self, path: &Path) -> Result<Arc<Image>, ImageError> {
        let image = Arc::new(Image::open(path)?);
        self.device_tree = Some(Arc::clone(&image));
        Ok(image)
    }

    /// Every file that was opened, by its name on the command line or the option that gives it.
    pub(crate) fn inputs(&self) -> impl Iterator<Item = (&str, &Arc<Image>)> {
        let opened = self.opened.iter().map(|(name, image)| (name.as_str(), image));
        opened.chain(self.device_tree.iter().map(|image| ("--dtb", image)))
    }

    /// Bytes of all files that were opened.
    pub(crate) fn len_bytes(&self) -> u64 {
        self.opened.iter().map(|(_, image)| image.len_bytes()).sum()
    }

    /// What a digest cache has to say to people.
    pub(crate) fn remarks(&self) -> Vec<String> {
        self.files.remarks()
    }

    /// Says whether all files are still what they were.
    pub(crate) fn check_unchanged(&self) -> Result<(), ImageError> {
        self.inputs().try_for_each(|(_, image)| image.check_unchanged())
    }

    /// Names of `--map` that the command line did not use.
    pub(crate) fn unused(&self) -> impl Iterator<Item = &str> {
        let used = |name: &str| self.opened.iter().any(|(opened, _)| opened == name);
        self.map.iter().map(|(name, _)| name.as_str()).filter(move |name| !used(name))
    }
}

impl Files for MappedFiles<'_> {
    fn open(&mut self, name: &str) -> Result<Arc<Image>, ImageError> {
        if let Some((_, image)) = self.opened.iter().find(|(opened, _)| opened == name) {
            return Ok(Arc::clone(image));
        }
        let mapped = self.map.iter().rev().find(|(from, _)| from == name);
        let path = mapped.map_or_else(|| Path::new(name), |(_, path)| path.as_path());
        let image = Arc::new(self.files.open(path)?);
        self.opened.push((name.to_owned(), Arc::clone(&image)));
        Ok(image)
    }

    fn has_lkvm_root(&mut self, name: &str) -> bool {
        has_lkvm_root(name) && self.map.iter().all(|(from, _)| from != name)
    }
}

/// Whether the user's home folder has a root file system of this name from `lkvm setup`.
pub(crate) fn has_lkvm_root(name: &str) -> bool {
    let Some(mut path) = std::env::var_os("HOME") else { return false };
    // kvmtool writes the name behind the folder as it is.
    path.push("/.lkvm/");
    path.push(name);
    Path::new(&path).is_dir()
}

/// SHA-256 of an image's bytes, and of zeros up to `len_bytes`.
pub(crate) fn sha256(image: &Image, len_bytes: u64) -> String {
    const PIECE: usize = 1 << 20;
    let mut hash = Sha256::new();
    for piece in image.bytes_from(0).chunks(PIECE) {
        hash.update(piece);
    }
    let mut missing = len_bytes.saturating_sub(image.len_bytes());
    while missing > 0 {
        let piece = missing.min(PIECE as u64);
        hash.update(vec![0; usize::try_from(piece).expect("at most 1 MiB")]);
        missing -= piece;
    }
    hex(&hash.finalize())
}
