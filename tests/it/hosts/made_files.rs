//! Files that a test makes, for command lines that name them; ELF files and U-Boot images.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::Arc;

use flate2::{Compression, write::GzEncoder};
use rimsim::host::Files;
use rimsim::measure::image::{Image, ImageError};

/// Files by name.
#[derive(Debug, Default)]
pub(crate) struct Made(pub(crate) BTreeMap<&'static str, Vec<u8>>);

impl Files for Made {
    fn open(&mut self, name: &str) -> Result<Arc<Image>, ImageError> {
        let bytes = self.0.get(name).cloned();
        bytes.map(|bytes| Arc::new(Image::from_bytes(name, bytes))).ok_or_else(|| {
            let source = std::io::ErrorKind::NotFound.into();
            ImageError::Io { path: name.into(), source }
        })
    }
}

/// Bytes that are the same nowhere.
pub(crate) fn bytes(seed: u8, len: usize) -> Vec<u8> {
    let mut state = u64::from(seed) + 1;
    let next = |_| {
        state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        state.to_be_bytes()[0]
    };
    (0..len).map(next).collect()
}

/// A segment: virtual and physical address, what the file has of it, its size in memory.
pub(crate) type Segment = (u64, u64, Vec<u8>, u64);

/// An ELF file of 64 bits for a machine.
pub(crate) fn elf(machine: u16, entry: u64, segments: &[Segment]) -> Vec<u8> {
    let mut file = vec![0x7f, b'E', b'L', b'F', 2, 1, 1];
    file.resize(16, 0);
    file.extend(2_u16.to_le_bytes());
    file.extend(machine.to_le_bytes());
    file.extend(1_u32.to_le_bytes());
    file.extend([entry, 64, 0].map(u64::to_le_bytes).concat());
    file.extend(0_u32.to_le_bytes());
    let count = u16::try_from(segments.len()).expect("few");
    file.extend([64, 56, count, 0, 0, 0].map(u16::to_le_bytes).concat());
    let mut at = 64 + 56 * segments.len() as u64;
    for (virtual_address, physical, bytes, memory_bytes) in segments {
        file.extend([1, 7].map(u32::to_le_bytes).concat());
        let words = [at, *virtual_address, *physical, bytes.len() as u64, *memory_bytes, 8];
        file.extend(words.map(u64::to_le_bytes).concat());
        at += bytes.len() as u64;
    }
    file.extend(segments.iter().flat_map(|(_, _, bytes, _)| bytes));
    file
}

/// A U-Boot image: address and entry; system, kind and packing as in its header.
pub(crate) fn uboot([load, entry]: [u32; 2], [os, kind, packing]: [u8; 3], body: &[u8]) -> Vec<u8> {
    let len = u32::try_from(body.len()).expect("short");
    let mut file = [0x2705_1956, 0, 0, len, load, entry, 0].map(u32::to_be_bytes).concat();
    file.extend([os, 22, kind, packing]);
    file.resize(64, b'n');
    file.extend(body);
    file
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}
