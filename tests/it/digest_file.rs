//! Any bytes as a file of digests. The fuzz target `digest_file` uses it too.

use std::sync::Arc;

use rimsim::measure::digests::{Cut, DigestFile, DigestsError};
use rimsim::measure::image::Image;
use sha2::{Digest as _, Sha256};

pub(crate) fn read(bytes: Vec<u8>) -> Result<DigestFile, DigestsError> {
    DigestFile::read(&Arc::new(Image::from_bytes("digests", bytes)))
}

/// The target `digest_file`: bytes as they are, and with the checksum that they should have.
pub(crate) fn run(data: &[u8]) {
    check_file(data);
    if data.len() >= 0x58 {
        let mut forged = data.to_vec();
        forged[0x38..0x58].fill(0);
        let checksum = Sha256::new_with_prefix(&forged[0x58..]).chain_update(&forged[..0x58]);
        forged[0x38..0x58].copy_from_slice(&checksum.finalize());
        check_file(&forged);
    }
}

/// Bytes are lists that hold together, or an error.
pub(crate) fn check_file(data: &[u8]) {
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
