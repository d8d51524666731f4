//! Digests of granules kept in a folder, so that an image is hashed once and folded often.
//!
//! A wrong digest is a wrong RIM, so two things have to be proven before an entry is used.
//!
//! **That this program wrote it for this user.** An entry begins with an HMAC-SHA256 of all that
//! follows, under a key that nobody else can read (the caller keeps it, outside of the folder: who
//! brings a folder does not bring its key). A checksum could be made right by anybody. An entry is
//! read into memory before it is looked at, at most as many bytes as one of its image can have; a
//! mapping could change after the code was found right. A folder that others can write to is
//! refused all the same: they could still fill it, or bring back what was there before.
//!
//! **That the image is what it was.** The entry's key holds what the kernel vouches for
//! ([`Image::vouched_identity`], which says why): a digest of fs-verity, a file on an image that
//! can not change, a sealed memfd. Times are no proof. Only if the caller trusts them
//! ([`Belief::Times`]) is the entry of an ordinary file used, by device, inode, length and the
//! times of the last change of contents and attributes, if it was written clearly later than the
//! image was changed. What can not be noticed then: a write through a shared mapping to a page that
//! was dirty already, and a clock that was turned back, if none of the granules that are hashed
//! anew is different. So nobody may trust times whose result others rely on.
//!
//! In both cases some of the image's granules, hashed anew, must have the digests that the entry
//! says. What is not used is made anew.

use std::fs::{self, DirBuilder, Metadata};
use std::io::{self, Cursor, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hmac::{Hmac, Mac};
use sha2::{Digest as _, Sha256};
use thiserror::Error;

use crate::encoding::shown::ShowPath as _;
use crate::encoding::text::hex;
use crate::inputs;
use crate::measure::digests::{self, Cut, DigestFile, DigestSource, DigestsError, GranuleDigests};
use crate::measure::hasher::{Hasher, digest};
use crate::measure::image::{FileStamp, Image};
use crate::measure::rim::HashAlgo;
use crate::outputs::Pending;

/// Smaller images are hashed: it takes no longer than to look here.
const WORTH_BYTES: u64 = 1 << 20;
/// Granules that are hashed anew before an entry is believed, beside the first and the last.
const PROBES: u64 = 62;
/// File systems count time in ticks: an image that changed in the tick in which it was hashed looks
/// as it did before.
const TICK: Duration = Duration::from_millis(20);
/// The tick of file systems that count whole seconds, or every other one.
const LONG_TICK: Duration = Duration::from_secs(2);
/// Length of the code that an entry begins with, in bytes.
const CODE_LEN: usize = 32;
/// More than the code, the header, a trailer and one run of zeros take. Further runs take no more
/// than the digests whose place they have.
const FRAME_MAX_BYTES: u64 = 256;
/// What the code is of, so that it is of no other use of the key.
const CODE_OF: &[u8] = b"rimsim digest cache, entry 1\0";

/// What makes the digests of an image believable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Belief {
    /// The kernel vouches that the image is what it was.
    Vouched,
    /// That, or that the times of the image's last change are what they were: a hint, no proof.
    Times,
}

/// A folder of digests.
#[derive(Debug)]
pub struct DigestCache {
    dir: PathBuf,
    key: Secret,
    belief: Belief,
    hasher: Hasher,
    /// Whether the entries were of no use, and what happened.
    remarks: Mutex<Vec<(bool, String)>>,
}

/// A key that no message shows.
struct Secret([u8; 32]);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret")
    }
}

impl Secret {
    fn code(&self, body: &[u8]) -> Hmac<Sha256> {
        let code = Hmac::<Sha256>::new_from_slice(&self.0).expect("a key has any length");
        code.chain_update(CODE_OF).chain_update(body)
    }
}

/// Why an entry is not used.
#[derive(Debug, Error)]
enum Distrust {
    #[error("there is none")]
    Missing,
    #[error("it can not be read: {0}")]
    Io(#[from] io::Error),
    #[error("it is no regular file")]
    Kind,
    #[error("it has {0} bytes, more than one of this image can have")]
    Long(u64),
    #[error("it was not written with this user's key, or was changed since")]
    Code,
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
    /// If nothing better than times tells the image's state.
    times: Option<FileStamp>,
    algo: HashAlgo,
    cut: Cut,
    key: [u8; 32],
    path: PathBuf,
}

/// Refuses what others can write to, or what belongs to somebody else.
///
/// # Errors
/// With what is wrong with it.
pub fn check_private(metadata: &Metadata) -> io::Result<()> {
    let (owner, me) = (metadata.uid(), rustix::process::geteuid().as_raw());
    let refused = |why: String| Err(io::Error::new(io::ErrorKind::PermissionDenied, why));
    if owner != me && owner != 0 {
        return refused(format!("belongs to user {owner}, who could put wrong digests into it"));
    }
    let mode = metadata.mode() & 0o7777;
    if mode & 0o022 != 0 {
        return refused(format!("others can write to it (mode {mode:04o}); chmod go-w helps"));
    }
    Ok(())
}

impl DigestCache {
    /// The cache in `dir`, which is made if there is none. `key` is the user's secret: whoever
    /// knows it can write entries that are believed.
    ///
    /// # Bounds
    /// An entry that is longer than one of its image can be is not read. Time and memory grow with
    /// its length, which is a digest for each granule and so at most 2 bytes for each byte of the
    /// image; the granules that are hashed anew are a few, or all of an image of few.
    ///
    /// # Errors
    /// If there is no such folder and it can not be made, or others can write to it.
    pub fn open(dir: &Path, key: [u8; 32], belief: Belief, hasher: Hasher) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
        check_private(&fs::metadata(dir)?)?;
        let key = Secret(key);
        Ok(Self { dir: dir.to_owned(), key, belief, hasher, remarks: Mutex::default() })
    }

    /// What happened so far, for people: a line for each entry that was looked for if `all`, and
    /// otherwise only why images were hashed although a cache was asked for.
    #[must_use]
    pub fn take_remarks(&self, all: bool) -> Vec<String> {
        let remarks = std::mem::take(&mut *self.remarks.lock().expect("no panic with the lock"));
        remarks.into_iter().filter(|(useless, _)| all || *useless).map(|(_, text)| text).collect()
    }

    fn remark(&self, useless: bool, image: &Image, text: &str) {
        tracing::debug!(image = image.name(), size_bytes = image.len_bytes(), "{text}");
        let line = format!("{}: digest cache: {text}", image.name());
        self.remarks.lock().expect("no panic with the lock").push((useless, line));
    }

    /// `None` if nothing tells the image's state that may be believed.
    fn wanted<'i>(&self, image: &'i Arc<Image>, algo: HashAlgo, cut: Cut) -> Option<Wanted<'i>> {
        let (state, times) = match (image.vouched_identity(), self.belief) {
            (Some(identity), _) => (identity, None),
            (None, Belief::Vouched) => return None,
            (None, Belief::Times) => {
                let stamp = image.stamp()?;
                let FileStamp { device, inode, len_bytes, modified, changed } = stamp;
                let times = format!("{device} {inode} {len_bytes} {modified:?} {changed:?}");
                (times, Some(stamp))
            }
        };
        let (name, shift) = (algo.name(), cut.size.shift());
        let text = format!("rimsim 2\n{name} 2^{shift} from {}\n{state}\n", cut.phase);
        let key: [u8; 32] = Sha256::digest(text).into();
        let name = hex(&key[..16]);
        let path = self.dir.join(format!("{name}.entry"));
        Some(Wanted { image, times, algo, cut, key, path })
    }

    /// Hashes the image and keeps the digests in an entry, which appears whole or not at all.
    fn make(&self, wanted: &Wanted<'_>) -> Option<GranuleDigests> {
        let Wanted { image, algo, cut, key, .. } = wanted;
        let made = list(image, *algo, *cut, key, &self.hasher);
        let unchanged = made.map_err(|error| error.to_string()).and_then(|body| {
            image.check_unchanged().map_err(|error| error.to_string())?;
            Ok((self.key.code(&body).finalize().into_bytes(), body))
        });
        let kept = unchanged.and_then(|(code, body)| {
            if let Err(error) = write_entry(&wanted.path, &[&code, &body]) {
                self.remark(true, image, &format!("not kept: {}: {error}", wanted.path.shown()));
            }
            wanted.parse(body).map_err(|why| why.to_string())
        });
        // Without a cache the image is hashed where it is measured.
        kept.map_err(|why| self.remark(true, image, &format!("not used: {why}"))).ok()
    }
}

/// An entry without its code: the digests of an image, with the entry's key.
fn list(
    image: &Arc<Image>,
    algo: HashAlgo,
    cut: Cut,
    key: &[u8; 32],
    hasher: &Hasher,
) -> io::Result<Vec<u8>> {
    let mut body = Cursor::new(Vec::new());
    digests::write(&mut body, image, &[algo], cut, key, hasher)?;
    Ok(body.into_inner())
}

/// An entry as it is made of `image`, edited by `edit`, and what is believed of it then: for fuzz
/// targets and tests. If `again`, who edited it knows the user's secret.
pub(crate) fn edited(
    image: &Arc<Image>,
    algo: HashAlgo,
    cut: Cut,
    again: bool,
    edit: impl FnOnce(&mut Vec<u8>),
) -> Option<GranuleDigests> {
    let (secret, key) = (Secret([7; 32]), [9; 32]);
    let body = list(image, algo, cut, &key, &Hasher::default().alone()).ok()?;
    let coded = |body: &[u8]| [&secret.code(body).finalize().into_bytes()[..], body].concat();
    let mut entry = coded(&body);
    edit(&mut entry);
    if again {
        entry = coded(entry.get(CODE_LEN..)?);
    }
    let wanted = Wanted { image, times: None, algo, cut, key, path: PathBuf::new() };
    let read = wanted.body(entry, &secret).and_then(|body| wanted.parse(body));
    read.ok().filter(|list| wanted.probe(list).is_ok())
}

/// Puts the parts into a file in one step. What is there and no file stays.
fn write_entry(path: &Path, parts: &[&[u8]]) -> io::Result<()> {
    if fs::symlink_metadata(path).is_ok_and(|there| !there.is_file()) {
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, "is no regular file"));
    }
    inputs::renew(path);
    let mut out = Pending::create(path)?;
    parts.iter().try_for_each(|part| out.write_all(part))?;
    out.commit()
}

impl DigestSource for DigestCache {
    fn digests(&self, image: &Arc<Image>, algo: HashAlgo, cut: Cut) -> Option<GranuleDigests> {
        if image.len_bytes() < WORTH_BYTES || cut.phase >= image.len_bytes() {
            return None;
        }
        let name = algo.name();
        let Some(wanted) = self.wanted(image, algo, cut) else {
            self.remark(true, image, "not used: the kernel does not vouch for the file's contents");
            return None;
        };
        match wanted.load(&self.key) {
            Ok(found) => {
                self.remark(false, image, &format!("{name} digests found"));
                return Some(found);
            }
            Err(Distrust::Missing) => self.remark(false, image, &format!("no {name} digests yet")),
            Err(why) => self.remark(false, image, &format!("{name} digests made anew: {why}")),
        }
        self.make(&wanted)
    }
}

impl Wanted<'_> {
    /// The entry, if it can be believed.
    fn load(&self, key: &Secret) -> Result<GranuleDigests, Distrust> {
        let (body, written) = self.read(key)?;
        let list = self.parse(body)?;
        if self.times.is_some_and(|stamp| !is_later(written, stamp)) {
            return Err(Distrust::Old);
        }
        self.probe(&list)?;
        Ok(list)
    }

    /// Most bytes that an entry of this image can have: a digest, or less, for every granule.
    fn max_len_bytes(&self) -> u64 {
        let granules = self.image.len_bytes().div_ceil(self.cut.size.bytes());
        granules * self.algo.len_bytes() as u64 + FRAME_MAX_BYTES
    }

    /// What follows the entry's code, if that is right, and when the entry was written.
    fn read(&self, key: &Secret) -> Result<(Vec<u8>, Option<SystemTime>), Distrust> {
        let file = match inputs::open_own(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(Distrust::Missing),
            file => file?,
        };
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Err(Distrust::Kind);
        }
        let most = self.max_len_bytes();
        if metadata.len() > most {
            return Err(Distrust::Long(metadata.len()));
        }
        let mut bytes = Vec::new();
        let room = usize::try_from(metadata.len()).map_err(io::Error::other)?;
        bytes.try_reserve_exact(room).map_err(io::Error::other)?;
        file.take(most).read_to_end(&mut bytes)?;
        Ok((self.body(bytes, key)?, metadata.modified().ok()))
    }

    /// An entry without its code, if that is right and the entry is no longer than it can be.
    fn body(&self, mut entry: Vec<u8>, key: &Secret) -> Result<Vec<u8>, Distrust> {
        if entry.len() as u64 > self.max_len_bytes() {
            return Err(Distrust::Long(entry.len() as u64));
        }
        let (code, body) = entry.split_at_checked(CODE_LEN).ok_or(Distrust::Code)?;
        key.code(body).verify_slice(code).map_err(|_| Distrust::Code)?;
        entry.drain(..CODE_LEN);
        Ok(entry)
    }

    /// The digests, if they are whole and of this image.
    fn parse(&self, body: Vec<u8>) -> Result<GranuleDigests, Distrust> {
        let file = Arc::new(Image::from_bytes("an entry", body));
        let DigestFile { key, mut lists } = DigestFile::read(&file).map_err(Distrust::Damaged)?;
        let fits = |list: &GranuleDigests| {
            (list.algo(), list.cut(), list.image_len_bytes())
                == (self.algo, self.cut, self.image.len_bytes())
        };
        match lists.pop() {
            Some(list) if key == self.key && fits(&list) && lists.is_empty() => Ok(list),
            _ => Err(Distrust::Key),
        }
    }

    fn probe(&self, list: &GranuleDigests) -> Result<(), Distrust> {
        let last = list.count().saturating_sub(1);
        let seed = u64::from_le_bytes(*self.key.first_chunk().expect("32 bytes"));
        // Spread over the image, and at other places in every state of it; all if there are few.
        let shift = seed % (list.count() / PROBES).max(1);
        let spread = |i: u64| (i * list.count() / PROBES + shift).min(last);
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

/// Whether an entry was written so much later than the image was changed that a second change would
/// have another time.
fn is_later(written: Option<SystemTime>, stamp: FileStamp) -> bool {
    let since_epoch = |(seconds, nanos): (i64, i64)| {
        let nanos = Duration::from_nanos(u64::try_from(nanos).ok()?);
        UNIX_EPOCH.checked_add(Duration::from_secs(u64::try_from(seconds).ok()?) + nanos)
    };
    let whole_seconds = stamp.changed.1 == 0;
    let tick = if whole_seconds { LONG_TICK } else { TICK };
    let changed = since_epoch(stamp.changed.max(stamp.modified));
    changed.zip(written).is_some_and(|(changed, written)| {
        changed.checked_add(tick).is_some_and(|changed| written > changed)
    })
}
