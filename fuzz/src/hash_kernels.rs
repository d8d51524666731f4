//! The target `hash_kernels`: a byte for the number of granules, one for where the first begins,
//! two for how far they are apart, then the bytes that they are cut from.

use rimsim::measure::page::write_stream;

use crate::batch::{MOST_GRANULES, check_batch};

/// Bytes of a granule.
const GRANULE: usize = 4096;

pub(crate) fn run(data: &[u8]) {
    let Some(([count, start, low, high], data)) = data.split_first_chunk() else { return };
    let count = usize::from(*count) % (MOST_GRANULES + 1);
    let apart = usize::from(u16::from_le_bytes([*low, *high])) % (2 * GRANULE);
    let start = usize::from(*start);
    let mut bytes = vec![0; start + count * apart + GRANULE];
    // What the input does not say is noise, so that every word of every lane differs.
    write_stream(1, 0, &mut bytes);
    let said = data.len().min(bytes.len());
    bytes[..said].copy_from_slice(&data[..said]);
    let granule = |i: usize| bytes[start + i * apart..].first_chunk().expect("long enough");
    let granules: Vec<_> = (0..count).map(granule).collect();
    check_batch(&granules);
}
