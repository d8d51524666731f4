#![doc = include_str!("DIGESTS.md")]

use std::fmt;
use std::io::{self, Seek, SeekFrom, Write};
use std::ops::Range;
use std::sync::Arc;

use sha2::{Digest as _, Sha256};
use thiserror::Error;

use super::hasher::Hasher;
use super::image::Image;
use super::kernel::Digest;
use super::rim::HashAlgo;
use crate::abi::granule_size::GranuleSize;

const MAGIC: &[u8; 8] = b"RIMD\r\n\x1A\n";
pub(super) const VERSION: u32 = 1;
/// Of files with a part's digests.
pub(super) const VERSION_OF_PARTS: u32 = 2;
pub(super) const HEADER_LEN: usize = 0x58;
const CHECKSUM: Range<usize> = 0x38..0x58;
const TRAILER_LEN: usize = 0x28;
const ZERO_RUN_LEN: usize = 16;

/// How an image is cut into granules.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cut {
    /// Their size.
    pub size: GranuleSize,
    /// Where in the image the first begins, in bytes: less than a granule's size.
    pub phase: u64,
}

/// Digests of the granules of one image, in order.
#[derive(Clone)]
pub struct GranuleDigests {
    algo: HashAlgo,
    image_len_bytes: u64,
    cut: Cut,
    /// Ascending, apart from each other.
    zero_runs: Vec<ZeroRun>,
    count: u64,
    table: Arc<Image>,
    table_offset: u64,
}

/// Granules in a row that are zero, whose digests are not in the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct ZeroRun {
    start: u64,
    count: u64,
    /// Zero granules in the runs before this one.
    before: u64,
}

/// What a file of digests holds.
#[derive(Clone, Debug)]
pub struct DigestFile {
    /// What the writer said of the image: zeros, or the key of a cache.
    pub key: [u8; 32],
    /// One list for each algorithm that the writer chose.
    pub lists: Vec<GranuleDigests>,
}

/// Why a file is no list of digests.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DigestsError {
    /// It does not begin as one.
    #[error("is no file of digests: it does not begin with `RIMD`")]
    Magic,
    /// It is of a version that is not known here.
    #[error("is of version {0}; this program reads version {VERSION}")]
    Version(u32),
    /// It is of a part of an image.
    #[error(
        "has the digests of a part of an image; `rimsim digests --join` makes one file of all parts"
    )]
    Part,
    /// It is of a whole image.
    #[error("has the digests of a whole image, not of a part")]
    Whole,
    /// Its granules are of a size that no RMM has.
    #[error("has digests of granules of 2^{0} bytes; a granule has 2^12, 2^14 or 2^16")]
    GranuleSize(u8),
    /// It has an algorithm that is not known here, or has it twice for granules of one size.
    #[error("has digests of hash algorithm {0}, which is unknown or there twice")]
    Algorithm(u8),
    /// Its parts do not fit together.
    #[error("is damaged: {0}")]
    Damaged(&'static str),
    /// It is not what was written.
    #[error("is damaged: its checksum is that of other contents")]
    Checksum,
}

/// Who may know the digests of an image's granules without hashing them.
pub trait DigestSource: Send + Sync + fmt::Debug {
    /// The digests by `algo` of the granules that the image is cut into, or `None` if the image has
    /// to be hashed.
    fn digests(&self, image: &Arc<Image>, algo: HashAlgo, cut: Cut) -> Option<GranuleDigests>;
}

impl GranuleDigests {
    /// The algorithm.
    #[must_use]
    pub const fn algo(&self) -> HashAlgo {
        self.algo
    }

    /// Length of the image in bytes.
    #[must_use]
    pub const fn image_len_bytes(&self) -> u64 {
        self.image_len_bytes
    }

    /// How the image is cut into the granules.
    #[must_use]
    pub const fn cut(&self) -> Cut {
        self.cut
    }

    /// How many granules have a digest. The last one may pass the image's end, with zeros.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// How many of the granules are zero.
    #[must_use]
    pub fn zero_count(&self) -> u64 {
        self.zero_runs.last().map_or(0, |run| run.before + run.count)
    }

    /// The digest of the granule that begins at `offset`; `None` if none of the list does.
    #[must_use]
    pub fn get(&self, offset: u64) -> Option<Digest> {
        let Cut { size, phase } = self.cut;
        let from_first = offset.checked_sub(phase)?;
        let index = from_first >> size.shift();
        if !from_first.is_multiple_of(size.bytes()) || index >= self.count {
            return None;
        }
        let next = self.zero_runs.partition_point(|run| run.start <= index);
        let stored = match next.checked_sub(1).map(|last| self.zero_runs[last]) {
            None => index,
            Some(run) if index < run.start + run.count => {
                return Some(Hasher::zero_granule(self.algo, size));
            }
            Some(run) => index - run.before - run.count,
        };
        let at = self.table_offset + stored * self.algo.len_bytes() as u64;
        Digest::from_bytes(self.table.bytes_from(at).get(..self.algo.len_bytes())?)
    }
}

impl GranuleDigests {
    /// Gives all digests in order, those of granules of zeros in a row at once: the time is that of
    /// the digests that are stored.
    pub(super) fn give_to(&self, sink: &mut impl DigestSink) -> io::Result<()> {
        const BATCH: u64 = 2048;
        let Cut { size, phase } = self.cut;
        let digest = |i: u64| self.get(phase + i * size.bytes()).expect("one of the count");
        let runs = self.zero_runs.iter().map(|run| (run.start, run.count));
        let mut at = 0;
        for (start, zeros) in runs.chain([(self.count, 0)]) {
            while at < start {
                let batch = at..start.min(at + BATCH);
                at = batch.end;
                sink.digests(&batch.map(digest).collect::<Vec<_>>())?;
            }
            sink.zeros(zeros);
            at += zeros;
        }
        Ok(())
    }
}

impl fmt::Debug for GranuleDigests {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Cut { size, phase } = self.cut;
        write!(f, "GranuleDigests({}, {} of {size} from {phase})", self.algo.name(), self.count)
    }
}

/// Hashes all granules that `image` is cut into, by each algorithm, and writes the file. Nothing is
/// kept but a window of digests.
///
/// # Errors
/// If `out` can not be written.
pub fn write(
    out: &mut (impl Write + Seek + Send),
    image: &Arc<Image>,
    algos: &[HashAlgo],
    cut: Cut,
    key: &[u8; 32],
    hasher: &Hasher,
) -> io::Result<()> {
    let (image_len_bytes, range) = (image.len_bytes(), cut.phase..image.len_bytes());
    let head = Head { version: VERSION, image_len_bytes, key: *key };
    write_lists(out, &head, &[], algos, cut, |algo, list| {
        hasher.digest_image(image, algo, cut, range.clone(), list)
    })
}

/// What a file's header says.
#[derive(Clone, Copy, Debug)]
pub(super) struct Head {
    pub(super) version: u32,
    pub(super) image_len_bytes: u64,
    pub(super) key: [u8; 32],
}

/// Writes a file: `before`, and a list for each algorithm, of what `give` gives.
pub(super) fn write_lists<W: Write + Seek>(
    out: &mut W,
    head: &Head,
    before: &[u8],
    algos: &[HashAlgo],
    cut: Cut,
    mut give: impl FnMut(HashAlgo, &mut ListWriter<'_, '_, W>) -> io::Result<()>,
) -> io::Result<()> {
    let mut writer = Writer { out, checksum: Sha256::new(), written: HEADER_LEN as u64 };
    writer.out.seek(SeekFrom::Start(HEADER_LEN as u64))?;
    writer.put(before)?;
    let mut trailer = Vec::new();
    for algo in algos {
        let start = writer.written;
        let zero = Hasher::zero_granule(*algo, cut.size);
        let (algo, writer) = (*algo, &mut writer);
        let mut list = ListWriter { writer, algo, zero, at: 0, runs: Vec::new() };
        give(algo, &mut list)?;
        let runs = std::mem::take(&mut list.runs);
        let stored = (writer.written - start) / algo.len_bytes() as u64;
        for (start, count) in &runs {
            writer.put(&start.to_le_bytes())?;
            writer.put(&count.to_le_bytes())?;
        }
        trailer.extend([algo.code(), cut.size.shift().to_le_bytes()[0], 0, 0, 0, 0, 0, 0]);
        for number in [cut.phase, start, stored, runs.len() as u64] {
            trailer.extend(number.to_le_bytes());
        }
    }
    writer.put(&trailer)?;
    let mut header = Vec::with_capacity(HEADER_LEN);
    header.extend(MAGIC);
    header.extend(head.version.to_le_bytes());
    header.extend(u32::try_from(algos.len()).expect("three at most").to_le_bytes());
    header.extend(head.image_len_bytes.to_le_bytes());
    header.extend(head.key);
    header.extend([0; 32]);
    writer.checksum.update(&header);
    header[CHECKSUM].copy_from_slice(&writer.checksum.finalize());
    writer.out.seek(SeekFrom::Start(0))?;
    writer.out.write_all(&header)?;
    writer.out.flush()
}

/// Takes the digests of an image's granules in order.
pub(super) trait DigestSink {
    /// The digests of the next granules.
    fn digests(&mut self, digests: &[Digest]) -> io::Result<()>;
    /// The next `count` granules are zero.
    fn zeros(&mut self, count: u64);
}

struct Writer<'w, W> {
    out: &'w mut W,
    checksum: Sha256,
    written: u64,
}

impl<W: Write> Writer<'_, W> {
    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.checksum.update(bytes);
        self.written += bytes.len() as u64;
        self.out.write_all(bytes)
    }
}

pub(super) struct ListWriter<'l, 'w, W> {
    writer: &'l mut Writer<'w, W>,
    algo: HashAlgo,
    /// The digest of a granule of zeros.
    zero: Digest,
    at: u64,
    /// Start and count.
    runs: Vec<(u64, u64)>,
}

impl<W: Write> DigestSink for ListWriter<'_, '_, W> {
    fn digests(&mut self, digests: &[Digest]) -> io::Result<()> {
        let mut bytes = Vec::with_capacity(digests.len() * self.algo.len_bytes());
        for digest in digests {
            if *digest == self.zero {
                self.zeros(1);
            } else {
                bytes.extend_from_slice(&digest.slot()[..self.algo.len_bytes()]);
                self.at += 1;
            }
        }
        self.writer.put(&bytes)
    }

    fn zeros(&mut self, count: u64) {
        match self.runs.last_mut() {
            Some((start, before)) if *start + *before == self.at => *before += count,
            _ if count == 0 => {}
            _ => self.runs.push((self.at, count)),
        }
        self.at += count;
    }
}

impl DigestFile {
    /// Reads a file of digests. Its tables stay where they are, in `file`.
    ///
    /// # Bounds
    /// Time and memory grow with the length, memory by at most 10 bytes for each byte. Digests
    /// stay in the file.
    ///
    /// # Errors
    /// If it is none, or is damaged in any way.
    pub fn read(file: &Arc<Image>) -> Result<Self, DigestsError> {
        let head = checked_head(file)?;
        if head.version == VERSION_OF_PARTS {
            return Err(DigestsError::Part);
        }
        let lists = read_lists(file, HEADER_LEN as u64, 0..head.image_len_bytes)?;
        Ok(Self { key: head.key, lists })
    }
}

/// The header of a file that is what was written.
pub(super) fn checked_head(file: &Image) -> Result<Head, DigestsError> {
    let bytes = file.bytes_from(0);
    if !bytes.starts_with(MAGIC) {
        return Err(DigestsError::Magic);
    }
    let Some((header, body)) = bytes.split_at_checked(HEADER_LEN) else {
        return Err(DigestsError::Damaged("its header is cut off"));
    };
    let version = u32_at(header, 0x08);
    if ![VERSION, VERSION_OF_PARTS].contains(&version) {
        return Err(DigestsError::Version(version));
    }
    trailer_start(file)?;
    let mut zeroed = <[u8; HEADER_LEN]>::try_from(header).expect("as long as it");
    zeroed[CHECKSUM].fill(0);
    let checksum = Sha256::new_with_prefix(body).chain_update(zeroed).finalize();
    if header[CHECKSUM] != *checksum {
        return Err(DigestsError::Checksum);
    }
    let key = header[0x18..0x38].try_into().expect("32 bytes");
    Ok(Head { version, image_len_bytes: u64_at(header, 0x10), key })
}

/// Where the trailers begin in a file whose header is whole.
fn trailer_start(file: &Image) -> Result<usize, DigestsError> {
    let bytes = file.bytes_from(0);
    let trailer_len = TRAILER_LEN * u32_at(bytes, 0x0C).min(256) as usize;
    let start = bytes.len().checked_sub(trailer_len.max(1));
    start.ok_or(DigestsError::Damaged("its trailer is cut off"))
}

/// The lists of a checked file, the first of which begins at `start`: of granules of `covered`,
/// which are bytes of an image.
pub(super) fn read_lists(
    file: &Arc<Image>,
    start: u64,
    covered: Range<u64>,
) -> Result<Vec<GranuleDigests>, DigestsError> {
    let trailer_at = trailer_start(file)?;
    let (trailers, _) = file.bytes_from(0)[trailer_at..].as_chunks::<TRAILER_LEN>();
    let len_bytes = covered.end - covered.start;
    let mut end = start;
    let mut found: Vec<GranuleDigests> = Vec::new();
    for trailer in trailers {
        let known = found.iter().map(|list| (list.algo, list.cut.size)).collect::<Vec<_>>();
        let (list, list_end) = list(file, trailer, len_bytes, end, &known)?;
        found.push(list);
        end = list_end;
    }
    if end != trailer_at as u64 || found.is_empty() {
        return Err(DigestsError::Damaged("its lists do not fill it"));
    }
    Ok(found)
}

/// One list, and where it ends in the file.
fn list(
    file: &Arc<Image>,
    trailer: &[u8; TRAILER_LEN],
    image_len_bytes: u64,
    start: u64,
    known: &[(HashAlgo, GranuleSize)],
) -> Result<(GranuleDigests, u64), DigestsError> {
    let size = GranuleSize::from_shift(trailer[1].into());
    let algo = HashAlgo::from_code(trailer[0]).ok_or(DigestsError::Algorithm(trailer[0]))?;
    let size = size.ok_or(DigestsError::GranuleSize(trailer[1]))?;
    if known.contains(&(algo, size)) {
        return Err(DigestsError::Algorithm(trailer[0]));
    }
    let [phase, table_offset, stored, runs] =
        [0x08, 0x10, 0x18, 0x20].map(|at| u64_at(trailer, at));
    if phase >= size.bytes() || phase >= image_len_bytes {
        return Err(DigestsError::Damaged("its granules begin past the image's end"));
    }
    let table_len = stored.checked_mul(algo.len_bytes() as u64);
    let table_end = table_len.and_then(|len| table_offset.checked_add(len));
    let runs_len = runs.checked_mul(ZERO_RUN_LEN as u64);
    let end = table_end.zip(runs_len).and_then(|(end, len)| end.checked_add(len));
    let inside = end.filter(|end| *end <= file.len_bytes() && table_offset == start);
    let (Some(table_end), Some(end)) = (table_end, inside) else {
        return Err(DigestsError::Damaged("a table lies outside the file"));
    };
    let count = (image_len_bytes - phase).div_ceil(size.bytes());
    let runs_len = usize::try_from(end - table_end).expect("part of a file in memory");
    let zero_runs = zero_runs(&file.bytes_from(table_end)[..runs_len], count)?;
    let (table, cut) = (Arc::clone(file), Cut { size, phase });
    let list = GranuleDigests { algo, image_len_bytes, cut, zero_runs, count, table, table_offset };
    if stored.checked_add(list.zero_count()) != Some(count) {
        return Err(DigestsError::Damaged("it has more or fewer digests than granules"));
    }
    Ok((list, end))
}

fn zero_runs(bytes: &[u8], count: u64) -> Result<Vec<ZeroRun>, DigestsError> {
    let mut runs: Vec<ZeroRun> = Vec::with_capacity(bytes.len() / ZERO_RUN_LEN);
    let (mut free, mut before) = (0, 0);
    for run in bytes.as_chunks::<ZERO_RUN_LEN>().0 {
        let (start, len) = (u64_at(run, 0), u64_at(run, 8));
        let end = start.checked_add(len).filter(|end| *end <= count);
        let Some(end) = end.filter(|_| len > 0 && start >= free) else {
            return Err(DigestsError::Damaged("its runs of zeros are out of order"));
        };
        runs.push(ZeroRun { start, count: len, before });
        (free, before) = (end + 1, before + len);
    }
    Ok(runs)
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

pub(super) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"))
}
