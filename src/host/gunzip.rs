//! Kernels that are gzip files, for the VMMs that look into them.

use std::io::Read;

use flate2::read::GzDecoder;

use crate::host::vm::Assumed;
use crate::measure::image::Image;

/// First bytes of an EFI zboot image's parts (`include/efi` of Linux).
const ZBOOT: [(usize, &[u8]); 3] = [(0, b"MZ"), (4, b"zimg"), (56, &[0xcd, 0x23, 0x82, 0x81])];

/// A file that holds a kernel, packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Packed {
    Gzip,
    Zboot,
}

impl Packed {
    /// Which one a file is, by how it begins.
    pub(crate) fn of(file: &[u8]) -> Option<Self> {
        let is_at =
            |(at, magic): &(usize, &[u8])| file.get(*at..).is_some_and(|f| f.starts_with(magic));
        match () {
            () if file.starts_with(&[0x1F, 0x8B]) => Some(Self::Gzip),
            () if ZBOOT.iter().all(is_at) => Some(Self::Zboot),
            () => None,
        }
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip file",
            Self::Zboot => "EFI zboot image",
        }
    }
}

/// What is said of a packed kernel that a VMM loads as it is; `option` gives the kernel.
pub(crate) fn packed_as_it_is(kernel: &Image, vmm: &str, option: &'static str) -> Option<Assumed> {
    let kind = Packed::of(kernel.bytes_from(0))?.name();
    let text = format!(
        "the kernel is a {kind}, and {vmm} loads and measures it as it is; it does not start so: \
         unpack it first"
    );
    Some(Assumed { key: "kernel", value: format!("{kind} as it is"), text, option })
}

/// The contents of a gzip file, at most `max_bytes`: a small file can hold a very large one.
///
/// # Errors
/// A sentence if the file is damaged, or holds nothing or more than `max_bytes`.
pub(crate) fn gunzip(image: &Image, max_bytes: u64) -> Result<Vec<u8>, String> {
    gunzip_bytes(image.bytes_from(0), max_bytes)
}

/// As [`gunzip`], of bytes; what stands behind the gzip file in them is not looked at.
pub(crate) fn gunzip_bytes(packed: &[u8], max_bytes: u64) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let mut reader = GzDecoder::new(packed).take(max_bytes.saturating_add(1));
    reader.read_to_end(&mut bytes).map_err(|error| format!("is no good gzip file: {error}"))?;
    match bytes.len() as u64 {
        0 => Err("is a gzip file of an empty file".into()),
        len if len > max_bytes => Err(format!("holds more than {max_bytes} bytes")),
        _ => Ok(bytes),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::{Compression, write::GzEncoder};

    use super::*;

    #[test]
    fn what_a_gzip_file_holds() {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(&[7; 5000]).expect("memory");
        let file = encoder.finish().expect("memory");
        let image = Image::from_bytes("kernel.gz", file.clone());
        assert_eq!(gunzip(&image, 5000), Ok(vec![7; 5000]));
        assert_eq!(gunzip(&image, 4999), Err("holds more than 4999 bytes".into()));
        let cut = Image::from_bytes("kernel.gz", file[..20].to_vec());
        assert!(gunzip(&cut, 5000).is_err_and(|why| why.starts_with("is no good gzip file")));
    }
}
