//! What is measured.

use std::fs::File;
use std::io::{self, BufWriter, Cursor, Write};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::best::Best;
use crate::abi::addr::{GRANULE_SIZE, Ipa};
use crate::abi::granule_size::GranuleSize;
use crate::abi::params::DATA_MEASURE;
use crate::digest_cache::{Belief, DigestCache};
use crate::measure::contents::Contents;
use crate::measure::descriptor;
use crate::measure::digests::{self, Cut, DigestFile, DigestSource as _};
use crate::measure::event::DataEvent;
use crate::measure::hasher::{Digest, Hasher, digest};
use crate::measure::image::Image;
use crate::measure::kernel::Kernel;
use crate::measure::log::EventLog;
use crate::measure::page::{Page, write_stream};
use crate::measure::rim::{HashAlgo, Measurement};
use crate::outputs::{Scratch, ScratchFolder};

/// Granules that a kernel is given at a time, as the pipeline does.
const BATCH: usize = 32;

/// A file of noise, removed when it is dropped.
#[derive(Debug)]
pub(crate) struct ScratchImage {
    /// A folder for digests, and what else stands beside the image.
    cache: ScratchFolder,
    image: Image,
    scratch: Scratch,
}

impl ScratchImage {
    /// Writes `len_bytes` of noise, which then lie in the page cache.
    pub(crate) fn create(dir: &Path, len_bytes: u64) -> io::Result<Self> {
        let (file, scratch) = Scratch::create(dir, "rimsim-bench-")?;
        write_noise(&file, len_bytes)?;
        let image = Image::open(scratch.path()).map_err(io::Error::other)?;
        let cache = ScratchFolder::create(dir, "rimsim-bench-")?;
        Ok(Self { cache, image, scratch })
    }

    pub(crate) fn len_bytes(&self) -> u64 {
        self.image.len_bytes()
    }

    /// The first whole granules of `LEN` bytes, `most_bytes` at most.
    pub(crate) fn granules<const LEN: usize>(&self, most_bytes: u64) -> Vec<&[u8; LEN]> {
        let (granules, _) = self.image.bytes_from(0).as_chunks::<LEN>();
        let most = usize::try_from(most_bytes / LEN as u64).unwrap_or(usize::MAX);
        granules.iter().take(most).collect()
    }

    /// Copies the first bytes, `most_bytes` at most, as one thread reads and writes memory.
    pub(crate) fn copy(&self, most_bytes: u64, best: &mut Best) {
        let bytes = self.image.bytes_from(0);
        let len = usize::try_from(most_bytes).unwrap_or(usize::MAX).min(bytes.len());
        let mut copy = vec![1; len];
        best.time(len as u64, || copy.copy_from_slice(&bytes[..len]));
        std::hint::black_box(copy);
    }

    /// A folder in which the image is called `image`, for what is put beside it.
    pub(super) fn beside(&self) -> io::Result<&Path> {
        let folder = self.cache.path();
        symlink(std::path::absolute(self.scratch.path())?, folder.join("image"))?;
        Ok(folder)
    }

    /// The whole way: opens the file, and measures every granule of it.
    pub(crate) fn measure(
        &self,
        (algo, size): (HashAlgo, GranuleSize),
        hasher: &Hasher,
    ) -> Result<Measurement, String> {
        let image = Image::open(self.scratch.path()).map_err(|error| error.to_string())?;
        Ok(rim_of(image, (algo, size), hasher))
    }

    /// The same with a copy.
    pub(crate) fn measure_copy(
        &self,
        (algo, size): (HashAlgo, GranuleSize),
        hasher: &Hasher,
    ) -> Result<Measurement, String> {
        let image = Image::open_copy(self.scratch.path()).map_err(|error| error.to_string())?;
        Ok(rim_of(image, (algo, size), hasher))
    }

    /// The same with a cache that knows the digests.
    pub(crate) fn measure_cached(
        &self,
        (algo, size): (HashAlgo, GranuleSize),
        hasher: &Hasher,
        cache: Arc<DigestCache>,
    ) -> Result<Measurement, String> {
        let image = Image::open(self.scratch.path()).map_err(|error| error.to_string())?;
        Ok(rim_of(image.with_digest_source(cache), (algo, size), hasher))
    }

    /// A cache that has an entry of the image.
    pub(crate) fn cache(
        &self,
        (algo, size): (HashAlgo, GranuleSize),
        hasher: &Hasher,
    ) -> Result<Arc<DigestCache>, String> {
        // An entry that is written in the tick of the image's last change is not used.
        std::thread::sleep(Duration::from_millis(30));
        let open = || DigestCache::open(self.cache.path(), [0; 32], Belief::Times, hasher.clone());
        let cache = Arc::new(open().map_err(|error| error.to_string())?);
        let image = Image::open(self.scratch.path()).map_err(|error| error.to_string())?;
        cache.digests(&Arc::new(image), algo, Cut { size, phase: 0 });
        Ok(cache)
    }

    /// A log of the same events whose digests are known.
    pub(crate) fn known_log(
        &self,
        (algo, size): (HashAlgo, GranuleSize),
        hasher: &Hasher,
    ) -> Result<EventLog, String> {
        let image = Image::open(self.scratch.path()).map_err(|error| error.to_string())?;
        let mut file = Cursor::new(Vec::new());
        digests::write(
            &mut file,
            &Arc::new(image),
            &[algo],
            Cut { size, phase: 0 },
            &[0; 32],
            hasher,
        )
        .map_err(|error| error.to_string())?;
        let file = Arc::new(Image::from_bytes("digests", file.into_inner()));
        let lists = DigestFile::read(&file).map_err(|error| error.to_string())?.lists;
        let image = Arc::new(Image::from_digests("noise", lists));
        Ok(log_of(&image, (algo, size), hasher))
    }
}

fn rim_of(image: Image, made: (HashAlgo, GranuleSize), hasher: &Hasher) -> Measurement {
    log_of(&Arc::new(image), made, &hasher.clone().working_ahead()).rim()
}

fn write_noise(file: &File, len_bytes: u64) -> io::Result<()> {
    // Some file systems keep what is written at once in pages of 2 MiB.
    const PIECE: usize = 4 << 20;
    let mut out = BufWriter::new(file);
    let mut bytes = vec![0; PIECE];
    let mut at = 0;
    while at < len_bytes {
        let len = usize::try_from(len_bytes - at).unwrap_or(PIECE).min(PIECE);
        write_stream(1, at, &mut bytes[..len]);
        out.write_all(&bytes[..len])?;
        at += len as u64;
    }
    out.flush()
}

fn log_of(image: &Arc<Image>, (algo, size): (HashAlgo, GranuleSize), hasher: &Hasher) -> EventLog {
    let mut log = EventLog::with_hasher(algo, hasher.clone());
    let page = Page::Image { image: Arc::clone(image), offset: 0 };
    let content = Contents::from_first(size, page);
    let first = DataEvent { ipa: Ipa(0), flags: DATA_MEASURE, content };
    log.push_row(&first, image.len_bytes().div_ceil(size.bytes()));
    log
}

pub(crate) fn fold(mut log: EventLog) -> Measurement {
    log.rim()
}

pub(crate) fn one_by_one<const LEN: usize>(algo: HashAlgo, granules: &[&[u8; LEN]]) {
    for granule in granules {
        std::hint::black_box(digest(algo, granule.as_slice()));
    }
}

/// Hashes, and extends a RIM meanwhile by as many descriptors as fit beside: how many.
pub(crate) fn beside<const LEN: usize>(
    kernel: Kernel,
    algo: HashAlgo,
    granules: &[&[u8; LEN]],
) -> u64 {
    let mut digests = [Hasher::zero_granule(algo, GranuleSize::K4); BATCH];
    let mut rim = Measurement::of(algo, &digests[0]);
    let mut count = 0;
    for batch in granules.chunks(BATCH) {
        let before = digests;
        let mut descriptors = before[..batch.len()].iter().map(|content| {
            count += 1;
            descriptor::data(Ipa(count * GRANULE_SIZE), DATA_MEASURE, content.slot())
        });
        let out: &mut [Digest] = &mut digests[..batch.len()];
        kernel.digest_granules_beside(batch, out, &mut rim, &mut descriptors);
        std::hint::black_box(out);
    }
    std::hint::black_box(rim);
    count
}

pub(crate) fn side_by_side<const LEN: usize>(
    kernel: Kernel,
    algo: HashAlgo,
    granules: &[&[u8; LEN]],
) {
    let mut digests = [Hasher::zero_granule(algo, GranuleSize::K4); BATCH];
    for batch in granules.chunks(BATCH) {
        let digests: &mut [Digest] = &mut digests[..batch.len()];
        kernel.digest_granules(algo, batch, digests);
        std::hint::black_box(digests);
    }
}
