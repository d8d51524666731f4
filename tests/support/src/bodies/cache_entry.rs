//! The target `cache_entry`: five bytes for an image and how it is cut, then edits of the entry
//! that a digest cache has of it.

use std::sync::Arc;

use rimsim::abi::granule_size::GranuleSize;
use rimsim::cli::fuzzing::cache_entry;
use rimsim::measure::digests::Cut;
use rimsim::measure::hasher::digest;
use rimsim::measure::image::Image;
use rimsim::measure::rim::HashAlgo;

/// Edits of one entry.
const MOST_EDITS: usize = 8;

/// Who does not know the secret changes nothing, and who knows it (another program of the user's)
/// has to write the right digests: all granules of so small an image are hashed anew.
pub fn run(data: &[u8]) {
    let Some((&[choice, phase, low, high, fill], edits)) = data.split_first_chunk::<5>() else {
        return;
    };
    let size = GranuleSize::ALL[usize::from(choice) % GranuleSize::ALL.len()];
    let algo = HashAlgo::ALL[usize::from(choice >> 2) % HashAlgo::ALL.len()];
    let again = choice & 0x80 != 0;
    let len = 1 + usize::from(u16::from_le_bytes([low, high]));
    // Granules of zeros where bits are clear.
    let byte = |i: usize| if fill >> (i >> 12 & 7) & 1 == 1 { i.to_le_bytes()[0] | 1 } else { 0 };
    let image = Arc::new(Image::from_bytes("image", (0..len).map(byte).collect()));
    let phase = (u64::from(phase) << 8).min(len as u64 - 1) % size.bytes();
    let cut = Cut { size, phase };
    let mut is_same = true;
    let believed = cache_entry(&image, algo, cut, again, |entry| {
        let good = entry.clone();
        edits.chunks_exact(4).take(MOST_EDITS).for_each(|edit| apply(edit, entry));
        is_same = *entry == good;
    });
    let Some(list) = believed else { return assert!(!is_same, "what was written is believed") };
    assert!(is_same || again, "an entry that somebody else wrote is believed");
    assert_eq!((list.algo(), list.cut(), list.image_len_bytes()), (algo, cut, len as u64));
    for i in 0..list.count() {
        let from = phase + i * size.bytes();
        let mut granule = vec![0; size.len_bytes()];
        let bytes = image.bytes_from(from);
        let len = bytes.len().min(granule.len());
        granule[..len].copy_from_slice(&bytes[..len]);
        assert_eq!(list.get(from), Some(digest(algo, &granule)), "granule {i}");
    }
}

fn apply(edit: &[u8], entry: &mut Vec<u8>) {
    let from = usize::from(u16::from_le_bytes([edit[1], edit[2]])) % (entry.len() + 1);
    // Code and header are at the start, a trailer at the end: half of the edits count from there.
    let at = if edit[0] & 0x80 == 0 { from } else { entry.len() - from };
    match edit[0] % 5 {
        0 if at < entry.len() => entry[at] ^= edit[3],
        1 if at < entry.len() => entry[at] = edit[3],
        2 => entry.truncate(at),
        3 => entry.insert(at, edit[3]),
        4 => entry.resize(entry.len() + usize::from(edit[3]) * 64, 0),
        _ => {}
    }
}
