//! Where kvmtool puts kernel, initrd, firmware and device tree.
//!
//! ```text
//! base                       lowest of end of RAM and base + 256 MiB (512 in newer versions)
//! | text offset | kernel, BSS | …      … | initrd | device tree, 64 KiB | …
//! ```

use std::sync::Arc;

use super::config::{Config, Name};
use super::refuse;
use super::tree::TREE_BYTES;
use super::version::Ripas;
use crate::host::{Files, Layer, Refusal, Region};
use crate::measure::image::{Image, ImageError};

const MIB: u64 = 1 << 20;
/// The most of RAM, counted from its base, that any version uses for kernel, initrd and tree.
const MOST_LOW_BYTES: u64 = 512 * MIB;
/// The device tree stands at a multiple of this.
const TREE_ALIGN: u64 = 2 * MIB;
/// The measurement log of the Realm VM reference cases, in bytes.
pub(super) const LOG_BYTES: u64 = 0x1_0000;
const INITRD_ALIGN: u64 = 4;
const GRANULE: u64 = 0x1000;
/// Where a kernel without header, or without size in its header, is loaded.
const DEFAULT_TEXT_OFFSET: u64 = 0x8_0000;
const HEADER_BYTES: u64 = 64;

/// The addresses, and the regions with contents but for the device tree.
#[derive(Clone, Debug, Default)]
pub(super) struct Layout {
    /// The boot vCPU's program counter.
    pub(super) entry: u64,
    /// The device tree's address.
    pub(super) tree: u64,
    /// The measurement log's address: the last bytes of low memory.
    pub(super) log: u64,
    /// The initrd's first byte and the one behind its last, if there is one.
    pub(super) initrd: Option<(u64, u64)>,
    pub(super) regions: Vec<Region>,
    /// What follows the first region, base and top, if RIPAS is initialised for the BSS only.
    pub(super) bss: Option<(u64, u64)>,
}

/// An arm64 Image header (Linux, `Documentation/arch/arm64/booting.rst`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Header {
    text_offset: u64,
    /// Bytes in memory, with BSS.
    image_bytes: u64,
}

impl Header {
    /// The header at the beginning of what a file looks like in zeroed memory.
    fn read(image: &Image) -> Option<Self> {
        let mut bytes = [0; 64];
        let have = image.bytes_from(0);
        let len = have.len().min(bytes.len());
        bytes[..len].copy_from_slice(&have[..len]);
        let wide = |at: usize| bytes[at..at + 8].try_into().map(u64::from_le_bytes);
        let header = Self { text_offset: wide(8).ok()?, image_bytes: wide(16).ok()? };
        (bytes[56..60] == *b"ARM\x64").then_some(header)
    }
}

/// Decides on all addresses.
///
/// # Errors
/// If the images do not fit, overlap, or can not be read.
pub(super) fn place(config: &Config, files: &mut dyn Files) -> Result<Layout, Refusal> {
    let low_bytes = config.payload_window_bytes;
    let ram = Ram { base: config.ram_base, bytes: config.ram_bytes.value, low_bytes };
    let mut layout = match (&config.firmware, &config.kernel) {
        (Some(firmware), _) => place_firmware(config, ram, firmware, files)?,
        (None, Some(kernel)) => place_kernel(config, ram, kernel, files)?,
        (None, None) => {
            let tree = low_tree(ram, ram.base, config)?;
            let mut layout = Layout { tree, ..Layout::default() };
            place_initrd(config, ram.base, &mut layout, files)?;
            layout
        }
    };
    let end = ram.low_limit() + 1;
    layout.log = end.saturating_sub(LOG_BYTES) / GRANULE * GRANULE;
    Ok(layout)
}

#[derive(Clone, Copy)]
struct Ram {
    base: u64,
    bytes: u64,
    /// How much of it is for kernel, initrd and device tree.
    low_bytes: u64,
}

impl Ram {
    /// The last byte that kernel, initrd and device tree may use.
    fn low_limit(self) -> u64 {
        self.base + self.bytes.min(self.low_bytes) - 1
    }
}

fn place_kernel(
    config: &Config,
    ram: Ram,
    name: &Name,
    files: &mut dyn Files,
) -> Result<Layout, Refusal> {
    let place = name.place.as_str();
    let image = kernel_image(config, name, files)?;
    let file_bytes = image.len_bytes();
    if file_bytes < HEADER_BYTES {
        let why =
            format!("{} has {file_bytes} bytes, a kernel's header {HEADER_BYTES}", name.value);
        return Err(refuse(place, &why));
    }
    let header = Header::read(&image).filter(|header| header.image_bytes != 0);
    let offset = header.map_or(DEFAULT_TEXT_OFFSET, |header| header.text_offset);
    let room = ram.low_limit() - ram.base;
    if room.checked_sub(offset).is_none_or(|room| file_bytes > room) {
        let low = room + 1;
        let why = format!(
            "the kernel's {file_bytes} bytes, {offset:#x} behind the start of RAM, do not fit in \
             the first {low} bytes of it, which kvmtool uses for images ({} MiB at most)",
            ram.low_bytes / MIB
        );
        return Err(refuse(place, &why));
    }
    let memory_bytes = header.map_or(file_bytes, |header| header.image_bytes);
    let start = ram.base + offset;
    let kernel = Loaded { name: "kernel", start, image };
    let mut layout = Layout { entry: start, ..Layout::default() };
    if !config.version.is_program() {
        layout.entry = ram.base;
    }
    layout.bss = bss(config, ram, place, &kernel, memory_bytes)?;
    let kernel_end = if config.version.checks_kernel_file_only() {
        start + file_bytes
    } else {
        let end =
            offset.checked_add(memory_bytes).and_then(|end| end.checked_next_multiple_of(GRANULE));
        end.and_then(|end| end.checked_add(ram.base)).unwrap_or(u64::MAX)
    };
    layout.regions.push(kernel.region(config));
    layout.tree = low_tree(ram, kernel_end, config)?;
    place_initrd(config, kernel_end, &mut layout, files)?;
    Ok(layout)
}

fn place_firmware(
    config: &Config,
    ram: Ram,
    name: &Name,
    files: &mut dyn Files,
) -> Result<Layout, Refusal> {
    let place = name.place.as_str();
    let image = open(name, files)?;
    let file_bytes = image.len_bytes();
    let end = ram.base + ram.bytes;
    let start = if config.firmware_base == 0 { ram.base } else { config.firmware_base };
    if !(ram.base..end).contains(&start) {
        let why = format!("{start:#x} is not in RAM, {:#x} to {end:#x}", ram.base);
        return Err(refuse("--firmware-address", &why));
    }
    if file_bytes > end - start {
        let why = format!(
            "the firmware's {file_bytes} bytes at {start:#x} do not fit in RAM, which ends at \
             {end:#x}"
        );
        return Err(refuse(place, &why));
    }
    let header = Header::read(&image).filter(|header| header.image_bytes != 0);
    let memory_bytes = header.map_or(file_bytes, |header| header.image_bytes);
    let firmware = Loaded { name: "firmware", start, image };
    let bss = bss(config, ram, place, &firmware, memory_bytes)?;
    let tree = if config.version.is_program() {
        let room = (end - ram.base).checked_sub(TREE_BYTES as u64 + TREE_ALIGN);
        let at = room.map(|room| ram.base + room);
        let behind = start.checked_add(memory_bytes);
        let Some(at) = at.filter(|at| behind.is_some_and(|behind| *at >= behind)) else {
            let why = format!(
                "no space for the device tree between the firmware, {memory_bytes} bytes at \
                 {start:#x}, and the end of RAM at {end:#x}"
            );
            return Err(refuse(place, &why));
        };
        at.next_multiple_of(TREE_ALIGN)
    } else {
        low_tree(ram, start + file_bytes, config)?
    };
    let regions = vec![firmware.region(config)];
    Ok(Layout { entry: start, tree, regions, bss, ..Layout::default() })
}

/// The device tree's address below the limit of low memory, above the kernel.
fn low_tree(ram: Ram, kernel_end: u64, config: &Config) -> Result<u64, Refusal> {
    let limit = ram.low_limit();
    let below = limit.checked_sub(TREE_BYTES as u64 + TREE_ALIGN);
    let tree = below.map(|below| below.next_multiple_of(TREE_ALIGN));
    let Some(tree) = tree.filter(|tree| *tree >= ram.base) else {
        let why = format!("RAM of {} bytes has no space for the device tree", ram.bytes);
        return Err(refuse(&config.ram_bytes.place, &why));
    };
    if tree < kernel_end {
        let place = config.kernel.as_ref().or(config.firmware.as_ref());
        let place = place.map_or(config.ram_bytes.place.as_str(), |name| name.place.as_str());
        let why = format!(
            "the device tree at {tree:#x} overlaps the kernel, which ends at {kernel_end:#x}"
        );
        return Err(refuse(place, &why));
    }
    Ok(tree)
}

/// Puts the initrd right below the device tree.
fn place_initrd(
    config: &Config,
    kernel_end: u64,
    layout: &mut Layout,
    files: &mut dyn Files,
) -> Result<(), Refusal> {
    let Some(name) = &config.initrd else { return Ok(()) };
    let image = open(name, files)?;
    let bytes = image.len_bytes();
    let below = bytes.checked_add(INITRD_ALIGN).and_then(|bytes| layout.tree.checked_sub(bytes));
    let start = below.map_or(0, |below| below.next_multiple_of(INITRD_ALIGN));
    if start < kernel_end {
        let (tree, room) = (layout.tree, layout.tree.saturating_sub(kernel_end));
        let why = format!(
            "the initrd's {bytes} bytes below the device tree at {tree:#x} overlap the kernel, \
             which ends at {kernel_end:#x}: there is room for {room} bytes, since kvmtool keeps \
             all images in the first {} MiB of RAM",
            config.payload_window_bytes / MIB
        );
        return Err(refuse(&name.place, &why));
    }
    layout.initrd = Some((start, start + bytes));
    layout.regions.push(Loaded { name: "initrd", start, image }.region(config));
    Ok(())
}

/// What the Image header says beyond the file, in granules.
fn bss(
    config: &Config,
    ram: Ram,
    place: &str,
    loaded: &Loaded,
    memory_bytes: u64,
) -> Result<Option<(u64, u64)>, Refusal> {
    let ram_end = ram.base + ram.bytes;
    let end = loaded.start.checked_add(memory_bytes).filter(|end| *end <= ram_end);
    let Some(end) = end else {
        let why = format!(
            "the image size of {memory_bytes} bytes at {:#x} is beyond the end of RAM at \
             {ram_end:#x}",
            loaded.start
        );
        return Err(refuse(place, &why));
    };
    let file_end = (loaded.start + loaded.image.len_bytes()).next_multiple_of(GRANULE);
    let end = end.next_multiple_of(GRANULE);
    Ok((config.version.ripas() == Ripas::Bss && file_end < end).then_some((file_end, end)))
}

/// An image and the address of its first byte.
struct Loaded {
    name: &'static str,
    start: u64,
    image: Arc<Image>,
}

impl Loaded {
    /// What is populated: the image in whole granules, or whole 64 KiB.
    fn region(self, config: &Config) -> Region {
        let align = config.version.align_bytes();
        let base = self.start - self.start % align;
        let top = (self.start + self.image.len_bytes()).next_multiple_of(align);
        Region {
            name: self.name,
            ipa: base..top,
            fill_bytes: self.start - base,
            image: Some(self.image),
            measured: true,
        }
    }
}

/// The kernel. Only the Realm VM reference cases look into a gzip file.
fn kernel_image(
    config: &Config,
    name: &Name,
    files: &mut dyn Files,
) -> Result<Arc<Image>, Refusal> {
    let image = open(name, files)?;
    if config.version.is_program() || !image.bytes_from(0).starts_with(&[0x1f, 0x8b]) {
        return Ok(image);
    }
    match crate::host::gunzip(&image, MOST_LOW_BYTES.min(config.ram_bytes.value)) {
        Ok(bytes) => Ok(Arc::new(Image::from_bytes(image.name(), bytes))),
        Err(why) => Err(refuse(&name.place, &format!("{}: {why}", name.value))),
    }
}

/// Opens a file of the command line; it has at least one byte.
pub(super) fn open(name: &Name, files: &mut dyn Files) -> Result<Arc<Image>, Refusal> {
    let failed = |source: ImageError| Refusal::File { option: name.place.clone(), source };
    files.open(&name.value).map_err(failed)
}

/// All regions lie in RAM: rounding has not moved one out of it.
///
/// # Errors
/// What KVM says when the VMM populates outside its memory slots.
pub(super) fn check_in_ram(config: &Config, regions: &[Region]) -> Result<(), Refusal> {
    let (base, end) = (config.ram_base, config.ram_base + config.ram_bytes.value);
    for region in regions {
        if region.ipa.start < base || region.ipa.end > end {
            let place =
                format!("{} at {:#x} to {:#x}", region.name, region.ipa.start, region.ipa.end);
            let why = format!("is populated outside RAM, {base:#x} to {end:#x}");
            return Err(Refusal::Refused { by: Layer::Kvm, place, why });
        }
    }
    Ok(())
}
