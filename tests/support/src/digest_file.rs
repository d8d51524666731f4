//! Any bytes as a file of digests. The fuzz target `digest_file` uses it too.

use std::io::Cursor;
use std::sync::Arc;

use rimsim::abi::granule_size::GranuleSize;
use rimsim::measure::digest_parts::{DigestPart, in_order, join};
use rimsim::measure::digests::{Cut, DigestFile, DigestsError, GranuleDigests, write};
use rimsim::measure::hasher::{Digest, Hasher, digest};
use rimsim::measure::image::Image;
use rimsim::measure::rim::HashAlgo;
use sha2::{Digest as _, Sha256};

pub fn read(bytes: Vec<u8>) -> Result<DigestFile, DigestsError> {
    DigestFile::read(&Arc::new(Image::from_bytes("digests", bytes)))
}

/// What data begin with that make a file and damage it; no file does.
const MADE: u8 = 0xD1;
/// Edits of one file.
const MOST_EDITS: usize = 8;

/// Makes the file of an image as the first eight bytes say, and edits it as the others say. Without
/// its checksum an edited file is none; with it, it holds together.
fn made(data: &[u8]) {
    let Some((head, edits)) = data.split_first_chunk::<8>() else { return };
    let size = GranuleSize::ALL[usize::from(head[0]) % GranuleSize::ALL.len()];
    let phase = u64::from(u16::from_le_bytes([head[1], head[2]])) << 4;
    let len = 1 + usize::from(u16::from_le_bytes([head[3], head[4]])) * 8;
    // Granules of zeros where bits are clear.
    let byte =
        |i: usize| if head[5] >> (i >> 12 & 7) & 1 == 1 { i.to_le_bytes()[0] | 1 } else { 0 };
    let image = Arc::new(Image::from_bytes("image", (0..len).map(byte).collect()));
    let cut = Cut { size, phase: phase.min(len as u64 - 1) % size.bytes() };
    let algos = &HashAlgo::ALL[..1 + usize::from(head[6]) % HashAlgo::ALL.len()];
    let mut file = Cursor::new(Vec::new());
    let key = [head[7]; 32];
    write(&mut file, &image, algos, cut, &key, &Hasher::default().alone()).expect("memory");
    let good = file.into_inner();
    let wanted = values(&good).expect("what was written is a file");
    for (algo, (found, digests)) in algos.iter().zip(&wanted) {
        assert_eq!(algo, found);
        for (i, value) in digests.iter().enumerate() {
            let start = usize::try_from(cut.phase).expect("small") + i * size.len_bytes();
            let mut granule = vec![0; size.len_bytes()];
            let bytes = &image.bytes_from(start as u64);
            let len = bytes.len().min(granule.len());
            granule[..len].copy_from_slice(&bytes[..len]);
            assert_eq!(*value, digest(*algo, &granule), "{algo:?} granule {i}");
        }
    }
    let mut bytes = good.clone();
    for edit in edits.chunks_exact(4).take(MOST_EDITS) {
        let from = usize::from(u16::from_le_bytes([edit[1], edit[2]])) % (bytes.len() + 1);
        // Headers are at the start, trailers at the end: half of the edits count from there.
        let at = if edit[0] & 0x80 == 0 { from } else { bytes.len() - from };
        match edit[0] % 4 {
            0 if at < bytes.len() => bytes[at] ^= edit[3],
            1 if at < bytes.len() => bytes[at] = edit[3],
            2 => bytes.truncate(at),
            3 => bytes.insert(at, edit[3]),
            _ => {}
        }
    }
    match values(&bytes) {
        Some(_) => assert!(bytes == good, "a file that is another and has its checksum"),
        None => assert!(bytes != good),
    }
    forged(&bytes);
}

/// The digests of each list; none of what is no file.
fn values(bytes: &[u8]) -> Option<Vec<(HashAlgo, Vec<Digest>)>> {
    let lists = read(bytes.to_vec()).ok()?.lists;
    let list = |list: &GranuleDigests| {
        let Cut { size, phase } = list.cut();
        let at = |i| list.get(phase + i * size.bytes()).expect("a digest of each granule");
        (list.algo(), (0..list.count()).map(at).collect())
    };
    Some(lists.iter().map(list).collect())
}

/// The target `digest_file`: bytes as they are, and with the checksum that they should have.
pub fn run(data: &[u8]) {
    if let Some((&MADE, rest)) = data.split_first() {
        return made(rest);
    }
    check_file(data);
    forged(data);
}

/// The same with the checksum that it should have.
fn forged(data: &[u8]) {
    if data.len() >= 0x58 {
        let mut forged = data.to_vec();
        forged[0x38..0x58].fill(0);
        let checksum = Sha256::new_with_prefix(&forged[0x58..]).chain_update(&forged[..0x58]);
        forged[0x38..0x58].copy_from_slice(&checksum.finalize());
        check_file(&forged);
    }
}

/// A part that is all of its image is joined to a file.
fn check_part(data: &[u8]) {
    let part = DigestPart::read(&Arc::new(Image::from_bytes("part", data.to_vec())));
    let Ok(parts) = part.map(|part| vec![part]) else { return };
    let Ok(parts) = in_order(parts) else { return };
    let mut whole = Cursor::new(Vec::new());
    join(&mut whole, &parts).expect("memory");
    read(whole.into_inner()).expect("what was joined is a file");
}

/// Bytes are lists that hold together, or an error.
pub fn check_file(data: &[u8]) {
    check_part(data);
    let Ok(file) = read(data.to_vec()) else { return };
    for list in file.lists {
        let Cut { size, phase } = list.cut();
        assert!(phase < size.bytes(), "{phase:#x}");
        let end = phase + list.count() * size.bytes();
        for offset in [0, phase, end.saturating_sub(size.bytes()), end - 4096, end, u64::MAX] {
            let inside = offset >= phase && offset < end;
            let aligned = offset.wrapping_sub(phase).is_multiple_of(size.bytes());
            assert_eq!(list.get(offset).is_some(), inside && aligned, "{offset:#x}");
        }
    }
}
