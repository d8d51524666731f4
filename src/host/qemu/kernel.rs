//! What QEMU makes of a kernel's file before it loads it.

use std::sync::Arc;

use crate::host::gunzip;
use crate::host::vm::Refusal;
use crate::host::vmm::refused;
use crate::measure::image::Image;

/// Most bytes that QEMU unpacks of a kernel.
const MAX_UNPACKED_BYTES: u64 = 256 << 20;
/// First bytes of a U-Boot image.
const UBOOT_MAGIC: &[u8] = &[0x27, 0x05, 0x19, 0x56];

/// A kernel as QEMU loads it: what a gzip file holds, or the file.
///
/// # Errors
/// If the gzip file is damaged or too large, or the file is of a format that QEMU (`hw/arm/boot.c`)
/// places by its own rules.
pub(super) fn unpacked(kernel: Arc<Image>) -> Result<Arc<Image>, Refusal> {
    let head = kernel.bytes_from(0);
    if let Some(why) = not_simulated(head) {
        return Err(refused("-kernel", why));
    }
    if !head.starts_with(&[0x1F, 0x8B]) {
        return Ok(kernel);
    }
    let bytes = gunzip(&kernel, MAX_UNPACKED_BYTES).map_err(|why| refused("-kernel", why))?;
    Ok(Arc::new(Image::from_bytes("kernel", bytes)))
}

/// Why a file that begins like this can not be placed here.
fn not_simulated(head: &[u8]) -> Option<&'static str> {
    let is_zboot = head.starts_with(b"MZ") && head.get(4..8) == Some(b"zimg");
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
    } else if is_zboot {
        Some(
            "is an EFI zboot image, which QEMU unpacks in some versions; only raw arm64 images are \
             simulated: give the image inside",
        )
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_with_rules_of_their_own() {
        let said = |head: &[u8]| {
            let kernel = Arc::new(Image::from_bytes("kernel", [head, &[0; 60]].concat()));
            unpacked(kernel).map(|_| ()).map_err(|error| error.to_string())
        };
        for (head, start) in [
            (&b"\x7FELF"[..], "-kernel: is an ELF file, whose segments"),
            (UBOOT_MAGIC, "-kernel: is a U-Boot image, which QEMU"),
            (b"MZ\0\0zimg", "-kernel: is an EFI zboot image, which"),
            (b"\x1F\x8B\x08", "-kernel: is no good gzip file"),
        ] {
            let error = said(head).expect_err("it is refused");
            assert!(error.starts_with(start), "{error}");
        }
        assert_eq!(said(b"MZ\0\0"), Ok(()));
    }
}
