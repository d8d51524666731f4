//! kvmtool's device tree.

use super::config::Irqchip;
use super::devices::Devices;
use crate::host::fdt::{NoSpace, Sequential, packed_into};

/// The space for a device tree in bytes, all of which is measured.
pub(super) const TREE_BYTES: usize = 0x1_0000;

const GIC_PHANDLE: u32 = 1;
const MSI_PHANDLE: u32 = 2;
const DISTRIBUTOR: u64 = 0x3fff_0000;
const DISTRIBUTOR_BYTES: u64 = 0x1_0000;
const REDISTRIBUTOR_BYTES: u64 = 0x2_0000;
const ITS_BYTES: u64 = 0x2_0000;
const CPU_INTERFACE: u64 = DISTRIBUTOR - CPU_INTERFACE_BYTES;
const CPU_INTERFACE_BYTES: u64 = 0x2_0000;
const V2M_BYTES: u64 = 0x1000;
/// Where flash is.
pub(super) const FLASH: u64 = 0x200_0000;
const VIRTIO: u64 = 0x300_0000;
const VIRTIO_BYTES: u64 = 0x200;
const UART: u64 = 0x100_0000;
const UARTS: u64 = 4;
const RTC: u64 = 0x101_0000;
const SPI: u32 = 0;
const PPI: u32 = 1;
const EDGE_RISING: u32 = 1;
const LEVEL_HIGH: u32 = 4;
const LEVEL_LOW: u32 = 8;

/// All that a device tree says.
#[derive(Clone, Debug)]
pub(super) struct Tree {
    pub(super) bootargs: Option<Vec<u8>>,
    pub(super) kaslr_seed: u64,
    /// First byte and the one behind the last.
    pub(super) initrd: Option<(u64, u64)>,
    pub(super) ram_base: u64,
    pub(super) ram_bytes: u64,
    /// MPIDRs of the vCPUs.
    pub(super) mpidrs: Vec<u64>,
    /// vCPUs that the command line asks for: they have a redistributor, even if KVM allows less.
    pub(super) redistributors: u32,
    pub(super) irqchip: Irqchip,
    pub(super) counter_frequency: u32,
    pub(super) pmu: bool,
    pub(super) flash_bytes: Option<u64>,
    pub(super) devices: Devices,
}

impl Tree {
    /// The tree in its 64 KiB, with what packing leaves behind its end.
    ///
    /// # Errors
    /// If it does not fit.
    pub(super) fn write(&self) -> Result<Vec<u8>, NoSpace> {
        let mut tree = Sequential::new(TREE_BYTES);
        tree.node("", |tree| {
            tree.cells("interrupt-parent", &[GIC_PHANDLE]);
            tree.text("compatible", "linux,dummy-virt");
            tree.cells("#address-cells", &[2]);
            tree.cells("#size-cells", &[2]);
            self.chosen(tree);
            tree.node("memory", |tree| {
                tree.text("device_type", "memory");
                tree.wide("reg", &[self.ram_base, self.ram_bytes]);
            });
            self.cpus(tree);
            self.interrupt_controller(tree);
            self.timer(tree);
            self.mmio(tree);
            self.pci(tree);
            psci(tree);
            tree.node("aliases", |tree| tree.text("serial0", "/U6_16550A@1000000"));
        });
        Ok(packed_into(&tree.finish()?, TREE_BYTES))
    }

    /// The lowest address that the interrupt controller takes; `None` if that is below zero.
    pub(super) fn controller_base(irqchip: Irqchip, redistributors: u32) -> Option<u64> {
        let frames = u64::from(redistributors) * REDISTRIBUTOR_BYTES;
        match irqchip {
            Irqchip::Gicv2 => Some(CPU_INTERFACE),
            Irqchip::Gicv2m => Some(CPU_INTERFACE - V2M_BYTES),
            Irqchip::Gicv3 => DISTRIBUTOR.checked_sub(frames),
            Irqchip::Gicv3Its => DISTRIBUTOR.checked_sub(frames + ITS_BYTES),
        }
    }

    /// The end of what virtio devices take of the memory map.
    pub(super) const fn virtio_end(devices: &Devices) -> u64 {
        VIRTIO + devices.mmio_spis.len() as u64 * VIRTIO_BYTES
    }

    fn chosen(&self, tree: &mut Sequential) {
        tree.node("chosen", |tree| {
            if let Some(bootargs) = &self.bootargs {
                tree.property("bootargs", &[bootargs, &[0][..]].concat());
            }
            tree.wide("kaslr-seed", &[self.kaslr_seed]);
            tree.text("stdout-path", "serial0");
            if let Some((start, end)) = self.initrd {
                tree.wide("linux,initrd-start", &[start]);
                tree.wide("linux,initrd-end", &[end]);
            }
        });
    }

    fn cpus(&self, tree: &mut Sequential) {
        tree.node("cpus", |tree| {
            tree.cells("#address-cells", &[1]);
            tree.cells("#size-cells", &[0]);
            for mpidr in &self.mpidrs {
                tree.node(&format!("cpu@{mpidr:x}"), |tree| {
                    tree.text("device_type", "cpu");
                    tree.text("compatible", "arm,arm-v8");
                    if self.mpidrs.len() > 1 {
                        tree.text("enable-method", "psci");
                    }
                    tree.cells("reg", &[u32::try_from(*mpidr).unwrap_or(u32::MAX)]);
                });
            }
        });
    }

    fn interrupt_controller(&self, tree: &mut Sequential) {
        let frames = u64::from(self.redistributors) * REDISTRIBUTOR_BYTES;
        let redistributors = DISTRIBUTOR.saturating_sub(frames);
        let v3 = ("arm,gic-v3", redistributors, frames);
        let v2 = ("arm,cortex-a15-gic", CPU_INTERFACE, CPU_INTERFACE_BYTES);
        let its = ("arm,gic-v3-its", redistributors.saturating_sub(ITS_BYTES), ITS_BYTES);
        let v2m = ("arm,gic-v2m-frame", CPU_INTERFACE - V2M_BYTES, V2M_BYTES);
        let ((compatible, base, bytes), msi) = match self.irqchip {
            Irqchip::Gicv2 => (v2, None),
            Irqchip::Gicv2m => (v2, Some(v2m)),
            Irqchip::Gicv3 => (v3, None),
            Irqchip::Gicv3Its => (v3, Some(its)),
        };
        tree.node("intc", |tree| {
            tree.text("compatible", compatible);
            tree.cells("#interrupt-cells", &[3]);
            tree.empty("interrupt-controller");
            tree.wide("reg", &[DISTRIBUTOR, DISTRIBUTOR_BYTES, base, bytes]);
            tree.cells("phandle", &[GIC_PHANDLE]);
            tree.cells("#address-cells", &[2]);
            tree.cells("#size-cells", &[2]);
            if let Some((compatible, base, bytes)) = msi {
                tree.empty("ranges");
                tree.node("msic", |tree| {
                    tree.text("compatible", compatible);
                    tree.empty("msi-controller");
                    tree.cells("phandle", &[MSI_PHANDLE]);
                    tree.wide("reg", &[base, bytes]);
                });
            }
        });
    }

    /// The CPU mask in private interrupts, which only a GICv2 has.
    fn cpu_mask(&self) -> u32 {
        match (self.irqchip, self.mpidrs.len()) {
            (Irqchip::Gicv3 | Irqchip::Gicv3Its, _) => 0,
            (_, cpus @ 0..=8) => ((1 << cpus) - 1) << 8,
            _ => 0xff << 8,
        }
    }

    fn timer(&self, tree: &mut Sequential) {
        let flags = self.cpu_mask() | LEVEL_LOW;
        tree.node("timer", |tree| {
            tree.text("compatible", "arm,armv8-timer\0arm,armv7-timer");
            let interrupts = [13, 14, 11, 10].map(|ppi| [PPI, ppi, flags]);
            tree.cells("interrupts", interrupts.as_flattened());
            tree.empty("always-on");
            if self.counter_frequency > 0 {
                tree.cells("clock-frequency", &[self.counter_frequency]);
            }
        });
        if self.pmu {
            tree.node("pmu", |tree| {
                tree.text("compatible", "arm,armv8-pmuv3");
                tree.cells("interrupts", &[PPI, 7, self.cpu_mask() | LEVEL_HIGH]);
            });
        }
    }

    fn mmio(&self, tree: &mut Sequential) {
        if let Some(bytes) = self.flash_bytes {
            tree.node("flash", |tree| {
                tree.cells("bank-width", &[4]);
                tree.cells("#address-cells", &[1]);
                tree.cells("#size-cells", &[1]);
                tree.text("compatible", "cfi-flash");
                tree.text("label", "System-firmware");
                tree.wide("reg", &[FLASH, bytes]);
            });
        }
        for (spi, base) in (0_u32..).zip((0..UARTS).map(|uart| UART + uart * 0x1000)) {
            tree.node(&format!("U6_16550A@{base:x}"), |tree| {
                tree.text("compatible", "ns16550a");
                tree.wide("reg", &[base, 8]);
                tree.cells("interrupts", &[SPI, spi, LEVEL_HIGH]);
                tree.cells("clock-frequency", &[1_843_200]);
            });
        }
        tree.node("rtc", |tree| {
            tree.text("compatible", "motorola,mc146818");
            tree.wide("reg", &[RTC, 2]);
        });
        for (device, spi) in (0_u64..).zip(&self.devices.mmio_spis) {
            let base = VIRTIO + device * VIRTIO_BYTES;
            tree.node(&format!("virtio@{base:x}"), |tree| {
                tree.text("compatible", "virtio,mmio");
                tree.wide("reg", &[base, VIRTIO_BYTES]);
                tree.empty("dma-coherent");
                tree.cells("interrupts", &[SPI, *spi, EDGE_RISING]);
            });
        }
    }

    fn pci(&self, tree: &mut Sequential) {
        let slots = (0_u32..).zip(&self.devices.pci_spis);
        let map: Vec<u32> = slots
            .flat_map(|(slot, spi)| [slot << 11, 0, 0, 1, GIC_PHANDLE, 0, 0, SPI, *spi, LEVEL_HIGH])
            .collect();
        // What it is, its address on the bus, its address for the processor, its length.
        let io: [u32; 7] = [0x100_0000, 0, 0, 0, 0, 0, 0x1_0000];
        let memory: [u32; 7] = [0x200_0000, 0, 0x5000_0000, 0, 0x5000_0000, 0, 0x3000_0000];
        tree.node("pci", |tree| {
            tree.text("device_type", "pci");
            tree.cells("#address-cells", &[3]);
            tree.cells("#size-cells", &[2]);
            tree.cells("#interrupt-cells", &[1]);
            tree.text("compatible", "pci-host-ecam-generic");
            tree.empty("dma-coherent");
            tree.cells("bus-range", &[0, 0]);
            tree.wide("reg", &[0x4000_0000, 0x1000_0000]);
            tree.cells("ranges", &[io, memory].concat());
            if matches!(self.irqchip, Irqchip::Gicv2m | Irqchip::Gicv3Its) {
                tree.cells("msi-parent", &[MSI_PHANDLE]);
            }
            tree.cells("interrupt-map", &map);
            if !map.is_empty() {
                tree.cells("interrupt-map-mask", &[0xf800, 0, 0, 7]);
            }
        });
    }
}

fn psci(tree: &mut Sequential) {
    tree.node("psci", |tree| {
        tree.text("compatible", "arm,psci-0.2\0arm,psci");
        tree.text("method", "smc");
        tree.cells("cpu_suspend", &[0xc400_0001]);
        tree.cells("cpu_off", &[0x8400_0002]);
        tree.cells("cpu_on", &[0xc400_0003]);
        tree.cells("migrate", &[0xc400_0005]);
    });
}
