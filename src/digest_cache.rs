//! Digests of granules kept in a folder, so that an image is hashed once and folded often.
//!
//! An entry is a file of digests ([`crate::measure::digests`]) under a name and with a key made of
//! everything that tells one state of a file from another: device, inode, length, and the times of
//! the last change of its contents and of its attributes. An entry is used only if its checksum and
//! its key are right, if it was written clearly later than the image was changed, and if some of
//! the image's granules, hashed anew, have the digests that it says. What is not used is made anew.
//!
//! What can not be noticed: an image that somebody changed and whose times of change somebody set
//! back by turning the system's clock, if none of the granules that are looked at are different.

use std::fs::{self, File};
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sha2::{Digest as _, Sha256};
use thiserror::Error;

use crate::encoding::shown::ShowPath as _;
use crate::encoding::text::hex;
use crate::measure::digests::{self, Cut, DigestFile, DigestSource, DigestsError, GranuleDigests};
use crate::measure::hasher::{Hasher, digest};
use crate::measure::image::{FileStamp, Image, ImageError};
use crate::measure::rim::HashAlgo;

/// Smaller images are hashed: it takes no longer than to look here.
const WORTH_BYTES: u64 = 1 << 20;
/// Granules that are hashed anew before an entry is believed, beside the first and the last.
const PROBES: u64 = 62;
/// File systems count time in ticks: an image that changed in the tick in which it was hashed looks
/// as it did before.
const TICK: Duration = Duration::from_millis(20);

/// A folder of digests.
#[derive(Debug)]
pub struct DigestCache {
    dir: PathBuf,
    hasher: Hasher,
    remarks: Mutex<Vec<String>>,
}

/// Why an entry is not used.
#[derive(Debug, Error)]
enum Distrust {
    #[error("there is none")]
    Missing,
    #[error("{0}")]
    Image(ImageError),
    #[error("it {0}")]
    Damaged(DigestsError),
    #[error("it is of another file, or of another state of this one")]
    Key,
    #[error("it was written before the image was last changed, or at the same time")]
    Old,
    #[error("the granule at {0:#x} has another digest")]
    Probe(u64),
}

/// What an entry has to be of.
struct Wanted<'i> {
    image: &'i Arc<Image>,
    stamp: FileStamp,
    algo: HashAlgo,
    cut: Cut,
    key: [u8; 32],
    path: PathBuf,
}

impl DigestCache {
    /// The cache in `dir`, which is made if there is none.
    ///
    /// # Errors
    /// If there is no such folder and it can not be made.
    pub fn open(dir: &Path, hasher: Hasher) -> io::Result<Self> {
        fs::create_dir_all(dir)?;
        Ok(Self { dir: dir.to_owned(), hasher, remarks: Mutex::default() })
    }

    /// What happened so far, for people: a line for each entry that was looked for.
    #[must_use]
    pub fn take_remarks(&self) -> Vec<String> {
        std::mem::take(&mut *self.remarks.lock().expect("nobody panics with the lock"))
    }

    fn remark(&self, image: &Image, text: &str) {
        let line = format!("{}: digest cache: {text}", image.name());
        self.remarks.lock().expect("nobody panics with the lock").push(line);
    }

    fn wanted<'i>(&self, image: &'i Arc<Image>, algo: HashAlgo, cut: Cut) -> Option<Wanted<'i>> {
        let stamp = image.stamp()?;
        let FileStamp { device, inode, len_bytes, modified, changed } = stamp;
        let text = format!(
            "rimsim 1\n{} 2^{} from {}\n\
             {device} {inode} {len_bytes} {modified:?} {changed:?}\n",
            algo.name(),
            cut.size.shift(),
            cut.phase
        );
        let key: [u8; 32] = Sha256::digest(text).into();
        let name = hex(&key[..16]);
        let path = self.dir.join(format!("{name}.rimd"));
        Some(Wanted { image, stamp, algo, cut, key, path })
    }

    /// Hashes the image and writes the entry, which appears whole or not at all.
    fn make(&self, wanted: &Wanted<'_>) -> Result<(), String> {
        let whole = |error: &dyn std::fmt::Display| format!("{}: {error}", wanted.path.shown());
        let temporary = wanted.path.with_extension(format!("{}.tmp", std::process::id()));
        let written = self.write(wanted, &temporary);
        let done = written.and_then(|()| {
            wanted.image.check_unchanged().map_err(io::Error::other)?;
            fs::rename(&temporary, &wanted.path)
        });
        done.map_err(|error| {
            // What is left of it is of no use; that it can not be removed changes nothing.
            let _ = fs::remove_file(&temporary);
            whole(&error)
        })
    }

    fn write(&self, wanted: &Wanted<'_>, temporary: &Path) -> io::Result<()> {
        let mut out = BufWriter::with_capacity(1 << 20, File::create(temporary)?);
        let Wanted { image, algo, cut, key, .. } = wanted;
        digests::write(&mut out, image, &[*algo], *cut, key, &self.hasher)
    }
}

impl DigestSource for DigestCache {
    fn digests(&self, image: &Arc<Image>, algo: HashAlgo, cut: Cut) -> Option<GranuleDigests> {
        if image.len_bytes() < WORTH_BYTES || cut.phase >= image.len_bytes() {
            return None;
        }
        let wanted = self.wanted(image, algo, cut)?;
        let name = algo.name();
        match wanted.load() {
            Ok(found) => {
                self.remark(image, &format!("{name} digests found"));
                return Some(found);
            }
            Err(Distrust::Missing) => self.remark(image, &format!("no {name} digests yet")),
            Err(why) => self.remark(image, &format!("{name} digests made anew: {why}")),
        }
        let made = self.make(&wanted).and_then(|()| wanted.read().map_err(|why| why.to_string()));
        // Without a cache the image is hashed where it is measured.
        made.map_err(|why| self.remark(image, &format!("not kept: {why}"))).ok()
    }
}

impl Wanted<'_> {
    /// The entry, if it can be believed.
    fn load(&self) -> Result<GranuleDigests, Distrust> {
        let Ok(metadata) = fs::metadata(&self.path) else { return Err(Distrust::Missing) };
        let list = self.read()?;
        let since_epoch = |(seconds, nanos): (i64, i64)| {
            let nanos = Duration::from_nanos(u64::try_from(nanos).ok()?);
            UNIX_EPOCH.checked_add(Duration::from_secs(u64::try_from(seconds).ok()?) + nanos)
        };
        let changed = since_epoch(self.stamp.changed.max(self.stamp.modified));
        let written: Option<SystemTime> = metadata.modified().ok();
        let later = changed.zip(written).is_some_and(|(changed, written)| {
            changed.checked_add(TICK).is_some_and(|changed| written > changed)
        });
        if !later {
            return Err(Distrust::Old);
        }
        self.probe(&list)?;
        Ok(list)
    }

    /// The entry, if it is whole and of this image.
    fn read(&self) -> Result<GranuleDigests, Distrust> {
        let file = Arc::new(Image::open(&self.path).map_err(Distrust::Image)?);
        let DigestFile { key, mut lists } = DigestFile::read(&file).map_err(Distrust::Damaged)?;
        let fits = |list: &GranuleDigests| {
            (list.algo(), list.cut(), list.image_len_bytes())
                == (self.algo, self.cut, self.stamp.len_bytes)
        };
        match lists.pop() {
            Some(list) if key == self.key && fits(&list) && lists.is_empty() => Ok(list),
            _ => Err(Distrust::Key),
        }
    }

    fn probe(&self, list: &GranuleDigests) -> Result<(), Distrust> {
        let last = list.count().saturating_sub(1);
        let seed = u64::from_le_bytes(*self.key.first_chunk().expect("32 bytes"));
        // Spread over the image, and at other places in every state of it.
        let spread = |i: u64| (i * list.count() / PROBES + seed % PROBES).min(last);
        let mut granule = vec![0; self.cut.size.len_bytes()];
        for index in [0, last].into_iter().chain((0..PROBES).map(spread)) {
            let offset = self.cut.phase + index * self.cut.size.bytes();
            let bytes = self.image.bytes_from(offset);
            granule.fill(0);
            let len = bytes.len().min(granule.len());
            granule[..len].copy_from_slice(&bytes[..len]);
            if list.get(offset) != Some(digest(self.algo, &granule)) {
                return Err(Distrust::Probe(offset));
            }
        }
        Ok(())
    }
}
