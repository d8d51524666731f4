//! What QEMU makes of a kernel's file before it loads it.

use std::sync::Arc;

use super::release::Release;
use crate::host::vm::Refusal;
use crate::host::vmm::refused;
use crate::host::{gunzip, gunzip_bytes};
use crate::measure::image::Image;

/// Most bytes that QEMU unpacks of a kernel.
const MAX_UNPACKED_BYTES: u64 = 256 << 20;
/// First bytes of a U-Boot image.
const UBOOT_MAGIC: &[u8] = &[0x27, 0x05, 0x19, 0x56];

/// First bytes of an EFI zboot image's parts (`include/efi` of Linux).
const ZBOOT: [(usize, &[u8]); 3] = [(0, b"MZ"), (4, b"zimg"), (56, &[0xcd, 0x23, 0x82, 0x81])];

/// A kernel as QEMU loads it: what a gzip file or an EFI zboot image holds, or the file. The word
/// for it, if it is not the file.
///
/// # Errors
/// If what is packed is damaged or too large, or the file is of a format that QEMU
/// (`hw/arm/boot.c`) places by its own rules.
pub(super) fn unpacked(
    kernel: Arc<Image>,
    release: Release,
) -> Result<(Arc<Image>, Option<&'static str>), Refusal> {
    let head = kernel.bytes_from(0);
    if let Some(why) = not_simulated(head) {
        return Err(refused("-kernel", why));
    }
    let is_zboot = ZBOOT.iter().all(|(at, magic)| head[(*at).min(head.len())..].starts_with(magic));
    let (unpacked, kind) = if head.starts_with(&[0x1F, 0x8B]) {
        (gunzip(&kernel, MAX_UNPACKED_BYTES), "gzip file")
    } else if is_zboot && release >= Release(8, 0) {
        (of_zboot(head), "EFI zboot image")
    } else {
        return Ok((kernel, None));
    };
    let bytes = unpacked.map_err(|why| refused("-kernel", why))?;
    Ok((Arc::new(Image::from_bytes("kernel", bytes)), Some(kind)))
}

/// What an EFI zboot image holds: offset and length at 8, the name of the coding at 24.
fn of_zboot(file: &[u8]) -> Result<Vec<u8>, String> {
    let word = |at: usize| {
        let bytes = file.get(at..at + 4).and_then(|bytes| bytes.try_into().ok());
        bytes.map_or(usize::MAX, |bytes| u32::from_le_bytes(bytes) as usize)
    };
    let name = file.get(24..56).unwrap_or_default().split(|byte| *byte == 0).next();
    let name = String::from_utf8_lossy(name.unwrap_or_default()).into_owned();
    if name != "gzip" {
        return Err(format!(
            "is an EFI zboot image packed by {name:?}; QEMU unpacks gzip: give the image inside"
        ));
    }
    let (offset, len) = (word(8), word(12));
    let payload = offset.checked_add(len).and_then(|end| file.get(offset..end));
    let why = "is an EFI zboot image whose payload lies outside the file";
    gunzip_bytes(payload.ok_or(why)?, MAX_UNPACKED_BYTES)
        .map_err(|why| format!("is an EFI zboot image whose payload {why}"))
}

/// Why a file that begins like this can not be placed here.
fn not_simulated(head: &[u8]) -> Option<&'static str> {
    if head.starts_with(b"\x7FELF") {
        Some(
            "is an ELF file, whose segments QEMU loads where they ask to be; only raw arm64 images \
             are simulated: make one with objcopy -O binary",
        )
    } else if head.starts_with(UBOOT_MAGIC) {
        Some(
            "is a U-Boot image, which QEMU loads where its header says; only raw arm64 images are \
             simulated: give the image inside",
        )
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::{Compression, write::GzEncoder};

    use super::*;

    fn image(bytes: Vec<u8>) -> Arc<Image> {
        Arc::new(Image::from_bytes("kernel", bytes))
    }

    #[test]
    fn formats_with_rules_of_their_own() {
        let said = |head: &[u8]| {
            let kernel = image([head, &[0; 60]].concat());
            unpacked(kernel, Release(10, 0)).map(|_| ()).map_err(|error| error.to_string())
        };
        for (head, start) in [
            (&b"\x7FELF"[..], "-kernel: is an ELF file, whose segments"),
            (UBOOT_MAGIC, "-kernel: is a U-Boot image, which QEMU"),
            (b"\x1F\x8B\x08", "-kernel: is no good gzip file"),
        ] {
            let error = said(head).expect_err("it is refused");
            assert!(error.starts_with(start), "{error}");
        }
        assert_eq!(said(b"MZ\0\0"), Ok(()));
    }

    fn zboot(name: &str, payload: &[u8], len: usize) -> Vec<u8> {
        let mut file = b"MZ\0\0zimg".to_vec();
        file.extend(64_u32.to_le_bytes());
        file.extend(u32::try_from(len).expect("short").to_le_bytes());
        file.resize(24, 0);
        file.extend(name.as_bytes());
        file.resize(56, 0);
        file.extend([0xcd, 0x23, 0x82, 0x81]);
        file.resize(64, 0);
        [&file, payload].concat()
    }

    #[test]
    fn zboot_images_are_unpacked_since_8_0() {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(&[7; 5000]).expect("memory");
        let packed = encoder.finish().expect("memory");
        let file = zboot("gzip", &packed, packed.len());
        let (kernel, kind) = unpacked(image(file.clone()), Release(8, 2)).expect("a kernel");
        assert_eq!((kernel.bytes_from(0), kind), (&[7; 5000][..], Some("EFI zboot image")));
        // Before, the file itself is the kernel.
        let (kernel, kind) = unpacked(image(file.clone()), Release(7, 2)).expect("a kernel");
        assert_eq!((kernel.bytes_from(0), kind), (&file[..], None));
        for (file, why) in [
            (zboot("zstd", &packed, packed.len()), "packed by \"zstd\"; QEMU unpacks gzip"),
            (zboot("gzip", &packed, packed.len() + 1), "payload lies outside the file"),
            (zboot("gzip", &packed[..20], 20), "payload is no good gzip file"),
        ] {
            let error = unpacked(image(file), Release(10, 0)).expect_err("it is refused");
            assert!(error.to_string().contains(why), "{error}");
        }
    }
}
