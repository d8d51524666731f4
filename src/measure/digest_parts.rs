//! Digests of a part of an image, for many machines to hash one image: parts that follow each other
//! from its beginning to its end are joined to the file that one machine would have written.
//!
//! A part's file is that of [`digests`](super::digests) with version 2. Its lists are of the
//! part's granules alone, and before the first of them stand where the part begins and where it
//! ends in the image, 8 bytes each. The key is the SHA-256 of pages that are spread over the image,
//! by which parts of other images are noticed, unless they differ only in other pages.

use std::io::{self, Seek, Write};
use std::ops::Range;
use std::sync::Arc;

use thiserror::Error;

use super::digests::{
    Cut, DigestsError, GranuleDigests, HEADER_LEN, Head, VERSION, VERSION_OF_PARTS, checked_head,
    read_lists, u64_at, write_lists,
};
use super::hasher::Hasher;
use super::image::Image;
use super::rim::HashAlgo;
use crate::abi::granule_size::GranuleSize;
use crate::encoding::shown::Shown;

/// Bytes in which a part says where it begins and ends.
const RANGE_LEN: usize = 16;

/// The digests of a part of an image.
#[derive(Clone, Debug)]
pub struct DigestPart {
    /// Bytes of the image whose granules have digests here.
    pub range: Range<u64>,
    /// Length of the whole image in bytes.
    pub image_len_bytes: u64,
    /// A list for each algorithm, of the part alone.
    pub lists: Vec<GranuleDigests>,
    name: String,
    sample: [u8; 32],
}

/// Why a range is no part of an image.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RangeError {
    /// It begins behind the image.
    #[error("begins at byte {start}; the image has {len_bytes}")]
    Start {
        /// Where.
        start: u64,
        /// The image's length.
        len_bytes: u64,
    },
    /// It cuts a granule.
    #[error("byte {at} is inside of a granule of {size_bytes} bytes")]
    Inside {
        /// Where.
        at: u64,
        /// Bytes of a granule.
        size_bytes: u64,
    },
}

/// Why parts are no image.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum JoinError {
    /// Images of other lengths.
    #[error("{name}: is of an image of {len_bytes} bytes; {first} is of one of {first_len_bytes}",
        name = Shown(name), first = Shown(first))]
    Length {
        /// One part.
        name: String,
        /// The length of its image.
        len_bytes: u64,
        /// The part that it is compared with.
        first: String,
        /// The length of that one's image.
        first_len_bytes: u64,
    },
    /// Images with other contents.
    #[error("{name}: is of another image than {first}", name = Shown(name), first = Shown(first))]
    Contents {
        /// One part.
        name: String,
        /// The part that it is compared with.
        first: String,
    },
    /// Other algorithms or granules.
    #[error("{name}: has digests by {has}; {first} has {wanted}",
        name = Shown(name), first = Shown(first))]
    Lists {
        /// One part.
        name: String,
        /// What it has.
        has: String,
        /// The part that it is compared with.
        first: String,
        /// What that one has.
        wanted: String,
    },
    /// Bytes that no part has.
    #[error("no part has bytes {}..{} of the image", .0.start, .0.end)]
    Gap(Range<u64>),
    /// Bytes that two parts have.
    #[error("{name}: has bytes {}..{} of the image, and so has {other}", both.start, both.end,
        name = Shown(name), other = Shown(other))]
    Overlap {
        /// One part.
        name: String,
        /// The other.
        other: String,
        /// What both have.
        both: Range<u64>,
    },
    /// The file can not be written.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// The part of `image` from `start` to `end`, or to its end if that is nearer.
///
/// # Errors
/// If it begins behind the image, or cuts a granule.
pub fn part_of(
    image: &Image,
    size: GranuleSize,
    (start, end): (u64, Option<u64>),
) -> Result<Range<u64>, RangeError> {
    let len_bytes = image.len_bytes();
    if start >= len_bytes {
        return Err(RangeError::Start { start, len_bytes });
    }
    let end = end.unwrap_or(len_bytes).min(len_bytes);
    let size_bytes = size.bytes();
    let cut = |at: &u64| !at.is_multiple_of(size_bytes) && *at != len_bytes;
    match [start, end].into_iter().find(cut) {
        Some(at) => Err(RangeError::Inside { at, size_bytes }),
        None => Ok(start..end),
    }
}

/// Hashes the granules of `range`, which [`part_of`] gave, by each algorithm, and writes the part.
///
/// # Errors
/// If `out` can not be written.
pub fn write(
    out: &mut (impl Write + Seek + Send),
    image: &Arc<Image>,
    algos: &[HashAlgo],
    size: GranuleSize,
    range: &Range<u64>,
    hasher: &Hasher,
) -> io::Result<()> {
    let cut = Cut { size, phase: 0 };
    let (image_len_bytes, key) = (image.len_bytes(), image.sample());
    let head = Head { version: VERSION_OF_PARTS, image_len_bytes, key };
    let ends = [range.start.to_le_bytes(), range.end.to_le_bytes()];
    write_lists(out, &head, ends.as_flattened(), algos, cut, |algo, list| {
        hasher.digest_image(image, algo, cut, range.clone(), list)
    })
}

impl DigestPart {
    /// Reads the file of a part. Its tables stay where they are, in `file`.
    ///
    /// # Bounds
    /// Time and memory grow with the length, memory by at most 10 bytes for each byte. Digests
    /// stay in the file.
    ///
    /// # Errors
    /// If it is none, or is damaged in any way.
    pub fn read(file: &Arc<Image>) -> Result<Self, DigestsError> {
        let head = checked_head(file)?;
        if head.version != VERSION_OF_PARTS {
            return Err(DigestsError::Whole);
        }
        let ends = file.bytes_from(HEADER_LEN as u64);
        let Some(ends) = ends.first_chunk::<RANGE_LEN>() else {
            return Err(DigestsError::Damaged("it does not say which part it is"));
        };
        let range = u64_at(ends, 0)..u64_at(ends, 8);
        if range.is_empty() || range.end > head.image_len_bytes {
            return Err(DigestsError::Damaged("its part is not inside of the image"));
        }
        let lists = read_lists(file, (HEADER_LEN + RANGE_LEN) as u64, range.clone())?;
        let whole = |at: u64, list: &GranuleDigests| {
            at.is_multiple_of(list.cut().size.bytes()) || at == head.image_len_bytes
        };
        let fits = |list: &GranuleDigests| {
            list.cut().phase == 0 && whole(range.start, list) && whole(range.end, list)
        };
        if !lists.iter().all(fits) {
            return Err(DigestsError::Damaged("its part cuts a granule"));
        }
        if lists.iter().any(|list| list.cut() != lists[0].cut()) {
            return Err(DigestsError::Damaged("its lists are of several sizes of granules"));
        }
        let (image_len_bytes, sample) = (head.image_len_bytes, head.key);
        Ok(Self { range, image_len_bytes, lists, name: file.name().to_owned(), sample })
    }

    /// Algorithms and sizes of granules, in words.
    fn kinds(&self) -> String {
        let kind = |list: &GranuleDigests| {
            format!("{} of granules of {} bytes", list.algo().name(), list.cut().size.bytes())
        };
        self.lists.iter().map(kind).collect::<Vec<_>>().join(" and ")
    }

    fn check_beside(&self, first: &Self) -> Result<(), JoinError> {
        let (name, first_name) = (self.name.clone(), first.name.clone());
        if self.image_len_bytes != first.image_len_bytes {
            let (len_bytes, first_len_bytes) = (self.image_len_bytes, first.image_len_bytes);
            return Err(JoinError::Length { name, len_bytes, first: first_name, first_len_bytes });
        }
        if self.sample != first.sample {
            return Err(JoinError::Contents { name, first: first_name });
        }
        let (has, wanted) = (self.kinds(), first.kinds());
        if has != wanted {
            return Err(JoinError::Lists { name, has, first: first_name, wanted });
        }
        Ok(())
    }
}

/// Puts parts in the order of their bytes, if they are all of one image, and it is all of them.
///
/// # Errors
/// If they are not.
pub fn in_order(mut parts: Vec<DigestPart>) -> Result<Vec<DigestPart>, JoinError> {
    for part in parts.iter().skip(1) {
        part.check_beside(&parts[0])?;
    }
    parts.sort_by_key(|part| part.range.start);
    let mut at = 0;
    for (i, part) in parts.iter().enumerate() {
        let Range { start, end } = part.range;
        if start > at {
            return Err(JoinError::Gap(at..start));
        }
        if start < at {
            let (name, other) = (part.name.clone(), parts[i - 1].name.clone());
            return Err(JoinError::Overlap { name, other, both: start..end.min(at) });
        }
        at = end;
    }
    match parts.first() {
        Some(part) if at < part.image_len_bytes => Err(JoinError::Gap(at..part.image_len_bytes)),
        _ => Ok(parts),
    }
}

/// Writes the file of the whole image, byte for byte what [`digests::write`](super::digests::write)
/// writes of it. The parts are those that [`in_order`] gave. Time grows with their files, whatever
/// length of an image they say.
///
/// # Errors
/// If `out` can not be written.
pub fn join(out: &mut (impl Write + Seek), parts: &[DigestPart]) -> io::Result<()> {
    let Some(first) = parts.first() else {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "no parts"));
    };
    let image_len_bytes = first.image_len_bytes;
    let head = Head { version: VERSION, image_len_bytes, key: [0; 32] };
    let size = first.lists[0].cut().size;
    let algos: Vec<_> = first.lists.iter().map(GranuleDigests::algo).collect();
    write_lists(out, &head, &[], &algos, Cut { size, phase: 0 }, |algo, whole| {
        let mut lists = parts.iter().flat_map(|part| &part.lists);
        lists.by_ref().filter(|list| list.algo() == algo).try_for_each(|list| list.give_to(whole))
    })
}
