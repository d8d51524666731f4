//! What QEMU makes of the files of a kernel and of an initrd before it loads them.

use std::sync::Arc;

use super::elf::{self, Elf};
use super::layout::RAM_BASE;
use super::release::Release;
use super::uboot;
use crate::host::vm::Refusal;
use crate::host::vmm::refused;
use crate::host::{Packed, gunzip, gunzip_bytes};
use crate::measure::image::Image;

/// Most bytes that QEMU unpacks of a kernel.
const MAX_UNPACKED_BYTES: u64 = 256 << 20;

/// The name of an image that was unpacked, so that it need not be unpacked again.
pub(super) const UNPACKED: &str = "unpacked kernel";

/// A kernel as QEMU loads it.
pub(super) struct Kernel {
    pub(super) form: Form,
    /// What was done to the file, if it was not loaded as it is.
    pub(super) remark: Option<String>,
}

/// How a kernel is placed.
pub(super) enum Form {
    /// By the header of an arm64 image, if it has one.
    Image(Arc<Image>),
    /// By the header of a U-Boot image.
    Uboot { address: u64, entry: u64, is_linux: bool, image: Arc<Image> },
    /// By the headers of an ELF file.
    Elf(Elf, Arc<Image>),
}

impl Kernel {
    /// A kernel that goes to firmware, which looks into it itself.
    pub(super) fn as_it_is(file: Arc<Image>) -> Self {
        Self { form: Form::Image(file), remark: None }
    }

    /// A kernel that QEMU starts: an ELF file, a U-Boot image, what a gzip file or an EFI zboot
    /// image holds, or the file (`hw/arm/boot.c`).
    ///
    /// # Errors
    /// If what is packed is damaged or too large, or QEMU does not load it.
    pub(super) fn open(file: Arc<Image>, release: Release) -> Result<Self, Refusal> {
        let no = |why: String| refused("-kernel", why);
        if let Some(elf) = elf::read(file.bytes_from(0)) {
            return Ok(Self { form: Form::Elf(elf.map_err(no)?, file), remark: None });
        }
        let kernel = uboot::kernel(file.bytes_from(0), RAM_BASE).map_err(no)?;
        if let Some(uboot::Kernel { address, entry, is_linux, bytes }) = kernel {
            let image = Arc::new(Image::from_bytes("U-Boot image", bytes));
            let form = Form::Uboot { address, entry, is_linux, image };
            let remark = "-kernel: QEMU unpacks the U-Boot image; what is inside is measured";
            return Ok(Self { form, remark: Some(remark.into()) });
        }
        let (image, kind) = unpacked(file, release)?;
        let remark = match kind {
            Some(kind) => {
                Some(format!("-kernel: QEMU unpacks the {kind}; what is inside is measured"))
            }
            None if uboot::is_one(image.bytes_from(0)) => {
                let why = "QEMU takes the file as it is, with its header";
                Some(format!("-kernel: is a U-Boot image that holds no kernel for it: {why}"))
            }
            None => None,
        };
        Ok(Self { form: Form::Image(image), remark })
    }
}

/// An initrd as QEMU loads it: what a U-Boot image holds, or the file.
pub(super) fn initrd(file: Arc<Image>) -> Arc<Image> {
    let inside = uboot::ramdisk(file.bytes_from(0)).map(<[u8]>::to_vec);
    inside.map_or(file, |bytes| Arc::new(Image::from_bytes("initrd", bytes)))
}

fn unpacked(
    kernel: Arc<Image>,
    release: Release,
) -> Result<(Arc<Image>, Option<&'static str>), Refusal> {
    let head = kernel.bytes_from(0);
    let kind = match Packed::of(head) {
        Some(Packed::Zboot) if release < Release(8, 0) => None,
        kind => kind,
    };
    let (unpacked, kind) = match kind {
        Some(kind @ Packed::Gzip) => (gunzip(&kernel, MAX_UNPACKED_BYTES), kind.name()),
        Some(kind @ Packed::Zboot) => (of_zboot(head), kind.name()),
        None => return Ok((kernel, None)),
    };
    let bytes = unpacked.map_err(|why| refused("-kernel", why))?;
    Ok((Arc::new(Image::from_bytes(UNPACKED, bytes)), Some(kind)))
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

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::{Compression, write::GzEncoder};

    use super::*;

    fn image(bytes: Vec<u8>) -> Arc<Image> {
        Arc::new(Image::from_bytes("kernel", bytes))
    }

    #[test]
    fn files_that_only_begin_well() {
        for (head, start) in [
            (&b"\x7FELF"[..], "-kernel: is an ELF file that can not be read: "),
            (b"\x1F\x8B\x08", "-kernel: is no good gzip file"),
        ] {
            let kernel = image([head, &[0; 60]].concat());
            let error = Kernel::open(kernel, Release(10, 0)).err().expect("it is refused");
            assert!(error.to_string().starts_with(start), "{error}");
        }
        let kernel = Kernel::open(image(b"MZ\0\0".to_vec()), Release(10, 0));
        let is_raw =
            |kernel: Kernel| kernel.remark.is_none() && matches!(kernel.form, Form::Image(_));
        assert!(kernel.is_ok_and(is_raw));
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
