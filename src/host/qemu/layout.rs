//! Where images lie (`hw/arm/boot.c`).

use std::ops::Range;
use std::sync::Arc;

use super::elf::Elf;
use super::kernel::Form;
use super::machine::Machine;
use super::payload::Payload;
use super::program::Realms;
use super::version::Version;
use crate::abi::addr::{GRANULE_SIZE, Hex, align_down};
use crate::host::vm::{Refusal, Region, Slot, Vcpu};
use crate::host::vmm::{ArmImage, check_layout, refused, region, region_of, vcpus};
use crate::inputs::room;
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
    /// Whether something else than firmware or Linux is started: every vCPU begins at its entry,
    /// and there is no initrd.
    pub(super) is_other: bool,
    /// Whether it is an ELF file.
    is_elf: bool,
    /// Whether it is Linux that is started, and not by firmware.
    pub(super) starts_linux: bool,
    /// Why QEMU puts no device tree of its own into memory.
    pub(super) no_tree: Option<String>,
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
        is_other: false,
        is_elf: false,
        starts_linux: false,
        no_tree: None,
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
        let Some(kernel) = &payload.kernel else { return Ok(()) };
        let is_model = machine.kind.version.is_model;
        let (entry, kernel_end) = match &kernel.form {
            Form::Image(image) => self.image(machine, image)?,
            _ if is_model => {
                return Err(refused("-kernel", "the reference cases have arm64 images only"));
            }
            Form::Uboot { address, entry, is_linux, image } => {
                self.check_size(image.len_bytes())?;
                self.regions.push(region("kernel", *address, image.clone())?);
                if !is_linux {
                    return self.other(machine, *entry, None, payload.initrd.is_some());
                }
                (*entry, *address + image.len_bytes())
            }
            Form::Elf(elf, file) => {
                self.elf(machine, elf, file)?;
                let addresses = Some(elf.addresses.clone());
                return self.other(machine, elf.entry, addresses, payload.initrd.is_some());
            }
        };
        self.starts_linux = true;
        let Range { start: base, end } = self.ram;
        let low = base + ((end - base) / 2).min(128 * MIB);
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
        self.pc = if is_model { base } else { entry };
        Ok(())
    }

    fn check_size(&self, bytes: u64) -> Result<(), Refusal> {
        let ram_bytes = self.ram.end - self.ram.start;
        let why = || format!("takes {bytes} bytes, and RAM has {ram_bytes}");
        (bytes <= ram_bytes).then_some(()).ok_or_else(|| refused("-kernel", why()))
    }

    /// An arm64 image, or what has no header: where it begins, and the end of its memory.
    fn image(&mut self, machine: &Machine, kernel: &Arc<Image>) -> Result<(u64, u64), Refusal> {
        let header = ArmImage::read(kernel).filter(|header| header.image_size != 0);
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
        self.regions.push(region("kernel", entry, kernel.clone())?);
        Ok((entry, entry.saturating_add(size)))
    }

    /// The segments of an ELF file. What they have in memory and not in the file is RAM, which is
    /// not populated.
    fn elf(&mut self, machine: &Machine, elf: &Elf, file: &Image) -> Result<(), Refusal> {
        self.check_size(elf.memory_bytes)?;
        self.is_elf = true;
        if !machine.kind.realm {
            return Ok(());
        }
        if elf.is_big_endian {
            let why = "is an ELF file for big-endian vCPUs; whether a Realm gets them is not known";
            return Err(refused("-kernel", why));
        }
        let bytes = elf.segments.iter().map(|segment| segment.file.len() as u64).sum();
        room(bytes).map_err(|error| refused("-kernel", error.to_string()))?;
        for segment in &elf.segments {
            let bytes = file.bytes_from(0)[segment.file.clone()].to_vec();
            let image = Arc::new(Image::from_bytes("ELF segment", bytes));
            self.regions.push(region("kernel", segment.address, image)?);
        }
        Ok(())
    }

    /// Starts what is not Linux: every vCPU at its entry, without an initrd, and with the device
    /// tree at the start of RAM if a file that says its addresses leaves room there.
    fn other(
        &mut self,
        machine: &Machine,
        entry: u64,
        addresses: Option<Range<u64>>,
        has_initrd: bool,
    ) -> Result<(), Refusal> {
        let base = self.ram.start;
        (self.is_other, self.pc, self.x0) = (true, entry, 0);
        let has_room = addresses.as_ref().is_some_and(|it| it.start > base || it.end < base);
        self.dtb_base = if has_room { base } else { 0 };
        if !has_room && machine.kind.realm {
            let why = "covers the start of RAM or does not say where it lies, and is not Linux: \
                       QEMU puts the device tree at address 0, where a Realm has no memory";
            return Err(refused("-kernel", why));
        }
        let start = addresses.map_or(0, |addresses| addresses.start);
        if has_room && start > base && start - base < DTB_BYTES {
            let room = start - base;
            self.no_tree = Some(format!(
                "leaves {room} bytes at the start of RAM, where the device tree takes {DTB_BYTES}: \
                 QEMU loads none"
            ));
        }
        if has_initrd {
            self.remarks.push("-initrd: QEMU loads none for a kernel that is not Linux".into());
        }
        Ok(())
    }

    /// The vCPUs as they begin.
    pub(super) fn vcpus(&self, count: u32) -> Vec<Vcpu> {
        let mut vcpus = vcpus(count, self.pc, self.x0);
        if self.is_other {
            vcpus.iter_mut().for_each(|vcpu| vcpu.pc = self.pc);
        }
        vcpus
    }

    /// Refuses a log that QEMU can not write, and a tree of its own that it does not load. `own`
    /// says whether a tree that is given stands in the command line.
    pub(super) fn check_tree(&self, log: bool, own: Option<bool>) -> Result<(), Refusal> {
        if log && self.is_elf {
            let why = "QEMU can not write one for an ELF file: cannot log image without a filetype";
            return Err(refused("-object rme-guest,measurement-log", why));
        }
        match &self.no_tree {
            Some(why) if own == Some(false) => Err(refused("--dtb", format!("the kernel {why}"))),
            _ => Ok(()),
        }
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

    /// Widens the regions to pages of the host, with zeros, and refuses those that overlap then; or
    /// makes one region of those that share a page.
    pub(super) fn widen_to_pages(
        &mut self,
        page_bytes: u64,
        realms: Realms,
    ) -> Result<(), Refusal> {
        for region in &mut self.regions {
            let Range { start, end } = region.ipa;
            let first = start + region.fill_bytes;
            if realms.wants_aligned_images && first % page_bytes != 0 {
                let why = format!(
                    "begins at {}, which is no page of the host ({page_bytes} bytes): this QEMU \
                     gives KVM the address of its first byte, and KVM refuses that (EINVAL)",
                    Hex(first)
                );
                return Err(refused(region.name, why));
            }
            let base = align_down(start, page_bytes);
            let end = end.checked_next_multiple_of(page_bytes);
            let end = end.ok_or_else(|| refused(region.name, "passes the end of memory"))?;
            region.fill_bytes += start - base;
            region.ipa = base..end;
        }
        if realms.merges_images {
            self.merge()?;
        }
        check_layout(&self.slots, &self.regions)
    }

    /// Makes one region of those whose pages overlap. Programs that do so write no log.
    fn merge(&mut self) -> Result<(), Refusal> {
        let mut regions = std::mem::take(&mut self.regions);
        regions.sort_by_key(|region| region.ipa.start);
        for region in regions {
            match self.regions.last_mut().filter(|last| region.ipa.start < last.ipa.end) {
                Some(last) => *last = merged(last, &region)?,
                None => self.regions.push(region),
            }
        }
        Ok(())
    }
}

/// Two regions in one, with zeros between their bytes.
fn merged(first: &Region, second: &Region) -> Result<Region, Refusal> {
    let whole = first.ipa.start..second.ipa.end.max(first.ipa.end);
    let mut bytes = Vec::new();
    for region in [first, second] {
        let at = region.ipa.start - whole.start + region.fill_bytes;
        let at = usize::try_from(at).expect("files lie in memory");
        if at < bytes.len() {
            let why = format!("its bytes lie in those of the {}", first.name);
            return Err(refused(region.name, why));
        }
        bytes.resize(at, 0);
        bytes.extend(region.image.iter().flat_map(|image| image.bytes_from(0)));
    }
    let image = Some(Arc::new(Image::from_bytes("images that share pages", bytes)));
    Ok(Region { ipa: whole, image, fill_bytes: 0, ..first.clone() })
}
