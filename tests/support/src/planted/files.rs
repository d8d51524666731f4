//! The files that the command lines name.

/// Bytes that look like nothing, by a seed.
fn noise(seed: u64, len_bytes: usize) -> Vec<u8> {
    let mut state = seed | 1;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        u8::try_from(state & 0xFF).expect("a byte")
    };
    std::iter::repeat_with(next).take(len_bytes).collect()
}

/// A kernel with the header of arm64 Linux.
fn kernel(seed: u64, len_bytes: usize) -> Vec<u8> {
    let mut bytes = noise(seed, len_bytes);
    bytes[8..16].fill(0);
    let image_size = (len_bytes as u64).next_multiple_of(4096) + 8192;
    bytes[16..24].copy_from_slice(&image_size.to_le_bytes());
    bytes[24..32].copy_from_slice(&0xA_u64.to_le_bytes());
    bytes[56..60].copy_from_slice(b"ARM\x64");
    bytes
}

/// An archive in cpio's new format, as far as its first bytes say.
fn initrd(seed: u64, len_bytes: usize) -> Vec<u8> {
    let mut bytes = noise(seed, len_bytes);
    bytes[..6].copy_from_slice(b"070701");
    bytes
}

/// A device tree without nodes but the root, and a number of its own.
fn tree(number: u32) -> Vec<u8> {
    let root = [1_u32, 0, 3, 4, 0, number, 2, 9];
    let numbers = [0xD00D_FEED, 96, 56, 88, 40, 17, 16, 0, 8, 32, 0, 0, 0, 0];
    let mut bytes: Vec<u8> = numbers.iter().chain(&root).flat_map(|n| n.to_be_bytes()).collect();
    bytes.extend(b"number\0\0");
    bytes
}

/// A gzip file that holds bytes as they are, in blocks that are stored.
fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = vec![0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 3];
    let mut blocks = bytes.chunks(0xFFFF).peekable();
    while let Some(block) = blocks.next() {
        let len = u16::try_from(block.len()).expect("the length of a chunk");
        packed.push(blocks.peek().is_none().into());
        packed.extend(len.to_le_bytes());
        packed.extend((!len).to_le_bytes());
        packed.extend(block);
    }
    let crc = bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ (0xEDB8_8320 & 0_u32.wrapping_sub(crc & 1))
        })
    });
    packed.extend((!crc).to_le_bytes());
    packed.extend(u32::try_from(bytes.len()).expect("a small file").to_le_bytes());
    packed
}

/// The files by name: kernels of `kernel_bytes` and an eighth more, initrds of half as much. Names
/// with a slash lie in a folder.
///
/// # Panics
/// If kernels are shorter than their header.
#[must_use]
pub fn files(kernel_bytes: usize) -> Vec<(&'static str, Vec<u8>)> {
    let (more, half) = (kernel_bytes + kernel_bytes / 8, kernel_bytes / 2);
    vec![
        ("Image", kernel(1, kernel_bytes)),
        ("Image-old", kernel(2, more)),
        ("Image.gz", gzip(&kernel(1, kernel_bytes))),
        ("Image-old.gz", gzip(&kernel(2, more))),
        ("initrd.cpio", initrd(3, half)),
        ("initrd-old.cpio", initrd(4, half + 4090)),
        ("QEMU_EFI.fd", noise(5, 8192)),
        ("QEMU_EFI-old.fd", noise(6, 8192)),
        ("vm.dtb", tree(7)),
        ("vm-old.dtb", tree(8)),
        ("elsewhere/Image-6.12", kernel(9, kernel_bytes)),
    ]
}
