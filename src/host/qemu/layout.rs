//! Where images lie (`hw/arm/boot.c`).

use std::ops::Range;
use std::sync::Arc;

use super::machine::Machine;
use super::payload::Payload;
use super::version::Version;
use crate::abi::addr::{GRANULE_SIZE, Hex, align_down};
use crate::host::vm::{Refusal, Region, Slot};
use crate::host::vmm::{ArmImage, check_layout, refused, region, region_of};
use crate::measure::image::Image;

/// First byte of RAM.
pub(super) const RAM_BASE: u64 = 0x4000_0000;
/// Size of the device tree's buffer, all of which QEMU measures.
pub(super) const DTB_BYTES: u64 = 1 << 20;
/// Size of the event log.
pub(super) const LOG_BYTES: u64 = 64 << 10;
/// Size of what takes the place of the flash.
const FIRMWARE_BYTES: u64 = 128 << 20;
/// Outside of Realms the first page of RAM is kept for what starts the kernel.
const STUB_BYTES: u64 = 0x1000;
/// Offset of an image without a header.
const DEFAULT_TEXT_OFFSET: u64 = 0x8_0000;
const MIB: u64 = 1 << 20;

pub(super) struct Layout {
    pub(super) ram: Range<u64>,
    pub(super) slots: Vec<Slot>,
    pub(super) regions: Vec<Region>,
    /// Where the device tree lies.
    pub(super) dtb_base: u64,
    /// The initrd's bytes, if the kernel gets one directly.
    pub(super) initrd: Option<Range<u64>>,
    /// Index of the event log.
    pub(super) log: Option<usize>,
    pub(super) pc: u64,
    pub(super) x0: u64,
    pub(super) remarks: Vec<String>,
}

impl Layout {
    /// Indices of the measured regions, by address.
    pub(super) fn by_address(&self) -> impl Iterator<Item = usize> + use<> {
        let mut order: Vec<usize> = (0..self.regions.len()).collect();
        order.retain(|i| Some(*i) != self.log);
        order.sort_by_key(|i| self.regions[*i].ipa.start);
        order.into_iter()
    }

    /// Where the event log lies.
    pub(super) fn log_range(&self) -> Range<u64> {
        let base = self.dtb_base + DTB_BYTES;
        base..base + LOG_BYTES
    }
}

/// Places everything but the device tree, which depends on it.
pub(super) fn place(machine: &Machine, payload: &Payload) -> Result<Layout, Refusal> {
    let end = RAM_BASE.checked_add(machine.memory.ram_bytes);
    let end = end.ok_or_else(|| refused("-m", "is too large"))?;
    let mut layout = Layout {
        ram: RAM_BASE..end,
        slots: Vec::new(),
        regions: Vec::new(),
        dtb_base: RAM_BASE,
        initrd: None,
        log: None,
        pc: RAM_BASE,
        x0: RAM_BASE,
        remarks: Vec::new(),
    };
    if machine.firmware {
        layout.slot(0..FIRMWARE_BYTES);
    }
    layout.slot(RAM_BASE..end);
    if machine.firmware {
        layout.firmware(payload)?;
    } else {
        layout.direct(machine, payload)?;
    }
    Ok(layout)
}

impl Layout {
    fn slot(&mut self, ipa: Range<u64>) {
        let id = u32::try_from(self.slots.len()).expect("two at most");
        self.slots.push(Slot { id, ipa, guest_memfd: true });
    }

    /// Firmware lies where the flash would be, the device tree at the start of RAM. Kernel and
    /// initrd go through fw_cfg and are not in the Realm.
    fn firmware(&mut self, payload: &Payload) -> Result<(), Refusal> {
        // Outside of Realms it may be an image of the flash, which is not looked at.
        if let Some(image) = payload.firmware.clone() {
            let len_bytes = image.len_bytes();
            if len_bytes > FIRMWARE_BYTES {
                let why = format!("{len_bytes} bytes; there is room for {FIRMWARE_BYTES}");
                return Err(refused("-bios", why));
            }
            self.regions.push(region("firmware", 0, image)?);
        }
        if payload.kernel.is_some() {
            let why =
                "-kernel, -initrd: go to the firmware through fw_cfg and are not measured here";
            self.remarks.push(why.into());
        }
        (self.pc, self.x0) = (0, 0);
        Ok(())
    }

    /// Kernel, initrd and device tree in RAM.
    fn direct(&mut self, machine: &Machine, payload: &Payload) -> Result<(), Refusal> {
        let Some(kernel) = payload.kernel.clone() else { return Ok(()) };
        let header = ArmImage::read(&kernel).filter(|header| header.image_size != 0);
        let (offset, size) = match header.filter(|_| kernel.len_bytes() > 60) {
            Some(header) => (header.text_offset, header.image_size),
            None => (DEFAULT_TEXT_OFFSET, kernel.len_bytes()),
        };
        let moved = !machine.kind.realm && offset < STUB_BYTES;
        let offset = if moved { offset.saturating_add(2 * MIB) } else { offset };
        let Range { start: base, end } = self.ram;
        let entry = base.checked_add(offset).filter(|entry| *entry < end);
        let entry = entry.ok_or_else(|| refused("-kernel", "begins outside RAM"))?;
        if size > end - base || kernel.len_bytes() > end - entry {
            let why = format!("takes {size} bytes, and RAM has {}", end - base);
            return Err(refused("-kernel", why));
        }
        if size > kernel.len_bytes() {
            let why = "-kernel: the header asks for more memory than the file has; the rest is RAM";
            self.remarks.push(why.into());
        }
        self.regions.push(region("kernel", entry, kernel)?);
        let low = base + ((end - base) / 2).min(128 * MIB);
        let kernel_end = entry.saturating_add(size);
        let initrd = low.max(kernel_end).checked_next_multiple_of(GRANULE_SIZE);
        let initrd = initrd.filter(|initrd| *initrd < end);
        let initrd =
            initrd.ok_or_else(|| refused("-initrd", "there is no RAM behind the kernel"))?;
        let mut initrd_end = initrd;
        if let Some(image) = payload.initrd.clone() {
            let len_bytes = image.len_bytes();
            if len_bytes > end - initrd {
                let at = Hex(initrd);
                let why = format!("{len_bytes} bytes do not fit between {at} and the end of RAM");
                return Err(refused("-initrd", why));
            }
            initrd_end += len_bytes;
            self.initrd = Some(initrd..initrd_end);
            self.regions.push(region("initrd", initrd, image)?);
        }
        let dtb_base = initrd_end.checked_next_multiple_of(2 * MIB).filter(|base| *base < end);
        let dtb_base =
            dtb_base.ok_or_else(|| refused("-dtb", "there is no RAM behind the initrd"))?;
        (self.x0, self.dtb_base) = (dtb_base, dtb_base);
        self.pc = if machine.kind.version.is_model { base } else { entry };
        Ok(())
    }

    /// Adds the device tree and the event log behind it.
    pub(super) fn device_tree(
        &mut self,
        version: Version,
        image: Arc<Image>,
        own: bool,
        log: bool,
    ) -> Result<(), Refusal> {
        let base = self.dtb_base;
        let len_bytes = image.len_bytes();
        if len_bytes > DTB_BYTES {
            let why = format!("{len_bytes} bytes; QEMU's device tree has 1 MiB");
            return Err(refused("--dtb", why));
        }
        // QEMU's own tree is a buffer of 1 MiB; the end of a dump may have been cut off.
        let whole = version.is_model || own;
        let shown_bytes = if whole { len_bytes } else { DTB_BYTES };
        self.regions.push(region_of("dtb", base, shown_bytes, Some(image))?);
        if log {
            let mut log = region_of("log", self.log_range().start, LOG_BYTES, None)?;
            log.measured = false;
            self.log = Some(self.regions.len());
            self.regions.push(log);
        }
        Ok(())
    }

    /// Widens the regions to pages of the host, with zeros, as some programs do, and refuses those
    /// that overlap then; or makes one region of those that share a page.
    pub(super) fn widen_to_pages(&mut self, page_bytes: u64, merges: bool) -> Result<(), Refusal> {
        for region in &mut self.regions {
            let Range { start, end } = region.ipa;
            let base = align_down(start, page_bytes);
            let end = end.checked_next_multiple_of(page_bytes);
            let end = end.ok_or_else(|| refused(region.name, "passes the end of memory"))?;
            region.fill_bytes += start - base;
            region.ipa = base..end;
        }
        if merges {
            self.merge_kernel_and_initrd()?;
        }
        check_layout(&self.slots, &self.regions)
    }

    /// No other regions are near each other: the device tree and what is behind it are aligned.
    fn merge_kernel_and_initrd(&mut self) -> Result<(), Refusal> {
        let [kernel, initrd, ..] = &mut self.regions[..] else { return Ok(()) };
        if (kernel.name, initrd.name) != ("kernel", "initrd") || kernel.ipa.end <= initrd.ipa.start
        {
            return Ok(());
        }
        let whole = kernel.ipa.start..initrd.ipa.end;
        let mut bytes = Vec::new();
        for region in [&*kernel, &*initrd] {
            let at = region.ipa.start - whole.start + region.fill_bytes;
            let at = usize::try_from(at).expect("files lie in memory");
            if at < bytes.len() {
                return Err(refused(region.name, "its bytes lie in those of the kernel"));
            }
            bytes.resize(at, 0);
            bytes.extend(region.image.iter().flat_map(|image| image.bytes_from(0)));
        }
        let image = Some(Arc::new(Image::from_bytes("kernel and initrd", bytes)));
        *kernel = Region { ipa: whole, image, fill_bytes: 0, ..kernel.clone() };
        self.regions.remove(1);
        self.log = self.log.map(|log| log - 1);
        Ok(())
    }
}
