//! The target `hash_kernels`: a byte for the number and the size of granules, one for where the
//! first begins, two for how far they are apart, then the bytes that they are cut from.

use rimsim::measure::page::write_stream;

use crate::kernel_batch::{MOST_GRANULES, check_batch};

pub fn run(data: &[u8]) {
    let Some(([number, start, low, high], data)) = data.split_first_chunk() else { return };
    let number = usize::from(*number);
    let (size, count) = (number / (MOST_GRANULES + 1), number % (MOST_GRANULES + 1));
    let (start, apart) = (usize::from(*start), u16::from_le_bytes([*low, *high]).into());
    match size % 3 {
        0 => granules::<4096>(count, start, apart, data),
        1 => granules::<16384>(count, start, apart, data),
        _ => granules::<65536>(count, start, apart, data),
    }
}

fn granules<const LEN: usize>(count: usize, start: usize, apart: usize, data: &[u8]) {
    let apart = apart % (2 * LEN);
    let mut bytes = vec![0; start + count * apart + LEN];
    // What the input does not say is noise, so that every word of every lane differs.
    write_stream(1, 0, &mut bytes);
    let said = data.len().min(bytes.len());
    bytes[..said].copy_from_slice(&data[..said]);
    let granule = |i: usize| bytes[start + i * apart..].first_chunk::<LEN>().expect("long enough");
    let granules: Vec<_> = (0..count).map(granule).collect();
    check_batch(&granules);
}
