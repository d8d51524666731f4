//! Where images lie (`hw/arm/boot.c`, without what Realms do not have).

use std::ops::Range;

use super::options::Options;
use super::{DTB_BYTES, LOG_BYTES, Payload, Version};
use crate::abi::addr::{GRANULE_SIZE, Hex};
use crate::host::vm::{Refusal, Region, Slot};
use crate::host::vmm::{ArmImage, check_layout, refused, region, region_of};

/// First byte of RAM.
pub(super) const RAM_BASE: u64 = 0x4000_0000;
/// Size of what takes the place of the flash.
const FIRMWARE_BYTES: u64 = 128 << 20;
/// Offset of an image without a header.
const DEFAULT_TEXT_OFFSET: u64 = 0x8_0000;
const MIB: u64 = 1 << 20;

pub(super) struct Layout {
    pub(super) ram: Range<u64>,
    pub(super) slots: Vec<Slot>,
    pub(super) regions: Vec<Region>,
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
}

pub(super) fn place(
    version: Version,
    options: &Options,
    ram_bytes: u64,
    payload: &Payload,
) -> Result<Layout, Refusal> {
    let end = RAM_BASE.checked_add(ram_bytes).ok_or_else(|| refused("-m", "is too large"))?;
    let mut layout = Layout {
        ram: RAM_BASE..end,
        slots: Vec::new(),
        regions: Vec::new(),
        log: None,
        pc: RAM_BASE,
        x0: RAM_BASE,
        remarks: Vec::new(),
    };
    if payload.firmware.is_some() {
        layout.slot(0..FIRMWARE_BYTES);
    }
    layout.slot(RAM_BASE..end);
    let dtb_base = match &payload.firmware {
        Some(_) => layout.firmware(payload)?,
        None => layout.direct(version, payload)?,
    };
    layout.device_tree(version, dtb_base, payload)?;
    if options.log && version != Version::Rmi {
        let base = dtb_base + DTB_BYTES;
        let mut log = region_of("log", base, LOG_BYTES, None)?;
        log.measured = false;
        layout.log = Some(layout.regions.len());
        layout.regions.push(log);
    }
    check_layout(&layout.slots, &layout.regions)?;
    Ok(layout)
}

impl Layout {
    fn slot(&mut self, ipa: Range<u64>) {
        let id = u32::try_from(self.slots.len()).expect("two at most");
        self.slots.push(Slot { id, ipa, guest_memfd: true });
    }

    /// Firmware lies where the flash would be, the device tree at the start of RAM. Kernel and
    /// initrd go through fw_cfg and are not in the Realm.
    fn firmware(&mut self, payload: &Payload) -> Result<u64, Refusal> {
        let image = payload.firmware.clone().expect("the caller looked");
        let len_bytes = image.len_bytes();
        if len_bytes > FIRMWARE_BYTES {
            let why = format!("{len_bytes} bytes; there is room for {FIRMWARE_BYTES}");
            return Err(refused("-bios", why));
        }
        self.regions.push(region("firmware", 0, image)?);
        if payload.kernel.is_some() {
            let why =
                "-kernel, -initrd: go to the firmware through fw_cfg and are not measured here";
            self.remarks.push(why.into());
        }
        (self.pc, self.x0) = (0, 0);
        Ok(RAM_BASE)
    }

    /// Kernel, initrd and device tree in RAM.
    fn direct(&mut self, version: Version, payload: &Payload) -> Result<u64, Refusal> {
        let Some(kernel) = payload.kernel.clone() else { return Ok(RAM_BASE) };
        let header = ArmImage::read(&kernel).filter(|header| header.image_size != 0);
        let (offset, size) = match header.filter(|_| kernel.len_bytes() > 60) {
            Some(header) => (header.text_offset, header.image_size),
            None => (DEFAULT_TEXT_OFFSET, kernel.len_bytes()),
        };
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
            self.regions.push(region("initrd", initrd, image)?);
        }
        let dtb_base = initrd_end.checked_next_multiple_of(2 * MIB).filter(|base| *base < end);
        let dtb_base =
            dtb_base.ok_or_else(|| refused("-dtb", "there is no RAM behind the initrd"))?;
        self.x0 = dtb_base;
        self.pc = if version == Version::RealmVm { base } else { entry };
        Ok(dtb_base)
    }

    fn device_tree(
        &mut self,
        version: Version,
        base: u64,
        payload: &Payload,
    ) -> Result<(), Refusal> {
        let image = payload.device_tree.clone();
        let len_bytes = image.len_bytes();
        if len_bytes > DTB_BYTES {
            let why = format!("{len_bytes} bytes; QEMU's device tree has 1 MiB");
            return Err(refused("--dtb", why));
        }
        // QEMU's own tree is a buffer of 1 MiB; the end of a dump may have been cut off.
        let whole = version == Version::RealmVm || payload.own_device_tree;
        let shown_bytes = if whole { len_bytes } else { DTB_BYTES };
        self.regions.push(region_of("dtb", base, shown_bytes, Some(image))?);
        Ok(())
    }
}
