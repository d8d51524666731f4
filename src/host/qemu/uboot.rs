//! U-Boot images as kernels and initrds (`hw/core/loader.c` of QEMU).

use crate::host::gunzip_bytes;

/// First bytes of a U-Boot image.
const MAGIC: u32 = 0x2705_1956;
/// Length of the header in bytes.
const HEADER_BYTES: usize = 64;
/// Where QEMU puts an image that asks for no address, behind the start of RAM.
const NO_LOAD_OFFSET: u64 = 0x200_0000;
/// Most bytes that QEMU unpacks of one.
const MAX_UNPACKED_BYTES: u64 = 64 << 20;

const KERNEL: u8 = 2;
const RAMDISK: u8 = 3;
const KERNEL_NO_LOAD: u8 = 14;
const LINUX: u8 = 5;
const VXWORKS: u8 = 14;
const ARM64: u8 = 22;

/// A kernel that a U-Boot image holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Kernel {
    /// Where its first byte lies.
    pub(super) address: u64,
    /// Where it begins.
    pub(super) entry: u64,
    /// Whether it is started as Linux is, with an initrd and a device tree.
    pub(super) is_linux: bool,
    /// What is loaded.
    pub(super) bytes: Vec<u8>,
}

struct Header {
    len_bytes: usize,
    load: u32,
    entry: u32,
    os: u8,
    arch: u8,
    kind: u8,
    packing: u8,
}

impl Header {
    fn read(file: &[u8]) -> Option<Self> {
        let head = file.get(..HEADER_BYTES)?;
        let word = |at: usize| {
            u32::from_be_bytes(head[at..at + 4].try_into().expect("four bytes of the header"))
        };
        (word(0) == MAGIC).then(|| Self {
            len_bytes: usize::try_from(word(12)).unwrap_or(usize::MAX),
            load: word(16),
            entry: word(20),
            os: head[28],
            arch: head[29],
            kind: head[30],
            packing: head[31],
        })
    }

    /// The bytes behind the header; `None` if the file has less than it says.
    fn body<'f>(&self, file: &'f [u8]) -> Option<&'f [u8]> {
        file.get(HEADER_BYTES..)?.get(..self.len_bytes)
    }
}

/// Whether a file begins as a U-Boot image.
pub(super) fn is_one(file: &[u8]) -> bool {
    Header::read(file).is_some()
}

/// Reads a kernel. `None` if QEMU takes the file as it is: it is no such image, one of another
/// kind, packed in another way than by gzip, or cut off.
///
/// # Errors
/// A sentence if what is packed is damaged or too large.
pub(super) fn kernel(file: &[u8], ram_base: u64) -> Result<Option<Kernel>, String> {
    let Some(header) = Header::read(file) else { return Ok(None) };
    let (address, entry) = match header.kind {
        KERNEL => (header.load, header.entry),
        KERNEL_NO_LOAD => {
            // Numbers of 32 bits, as in the header.
            let load = ram_base + NO_LOAD_OFFSET + HEADER_BYTES as u64;
            let load = u32::try_from(load & 0xffff_ffff).expect("32 bits");
            (load, header.entry.wrapping_add(load))
        }
        _ => return Ok(None),
    };
    let Some(body) = header.body(file).filter(|_| header.packing <= 1) else { return Ok(None) };
    let bytes = match header.packing {
        0 => body.to_vec(),
        _ => gunzip_bytes(body, MAX_UNPACKED_BYTES)
            .map_err(|why| format!("is a U-Boot image whose contents are packed, and it {why}"))?,
    };
    if bytes.is_empty() {
        return Err("is a U-Boot image that holds nothing".into());
    }
    let is_linux = header.os == LINUX || (header.os == VXWORKS && header.arch == ARM64);
    Ok(Some(Kernel { address: address.into(), entry: entry.into(), is_linux, bytes }))
}

/// What is loaded of an initrd: what a U-Boot image of that kind holds, packed or not; `None` if
/// QEMU takes the file as it is.
pub(super) fn ramdisk(file: &[u8]) -> Option<&[u8]> {
    let header = Header::read(file).filter(|header| header.kind == RAMDISK)?;
    header.body(file).filter(|body| !body.is_empty())
}
