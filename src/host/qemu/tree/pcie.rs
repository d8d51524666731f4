//! The PCIe host bridge and IOMMUs.

use super::super::pci::Iommu;
use super::super::program::Bypass;
use super::devices::{EDGE, SPI};
use super::interrupts::LEVEL;
use super::writer::Writer;
use super::{Input, Phandles};

const PATH: &str = "/pcie@10000000";
/// Types of ranges: I/O, memory below 4 GiB, memory anywhere.
const IO: u32 = 0x100_0000;
const MEMORY_32: u32 = 0x200_0000;
const MEMORY_64: u32 = 0x300_0000;
const PIO: [u64; 2] = [0x3eff_0000, 0x1_0000];
const MMIO: [u64; 2] = [0x1000_0000, 0x2eff_0000];
/// The first of the bridge's four interrupts.
const FIRST_INTERRUPT: u32 = 3;

/// One entry of `ranges`: type, PCI address, CPU address, size.
fn range(kind: u32, bus: u64, [base, size]: [u64; 2]) -> Vec<u8> {
    let wide = [bus, base, size].into_iter().flat_map(u64::to_be_bytes);
    kind.to_be_bytes().into_iter().chain(wide).collect()
}

pub(super) fn pcie(input: &Input<'_>, tree: &mut Writer, phandles: &Phandles) {
    let map = &input.machine.map;
    let ecam_bytes = map.ecam.end - map.ecam.start;
    let buses = u32::try_from(ecam_bytes >> 20).expect("256 at most");
    tree.node(PATH);
    tree.text(PATH, "compatible", "pci-host-ecam-generic");
    tree.text(PATH, "device_type", "pci");
    tree.cells(PATH, "#address-cells", &[3]);
    tree.cells(PATH, "#size-cells", &[2]);
    tree.cells(PATH, "linux,pci-domain", &[0]);
    tree.cells(PATH, "bus-range", &[0, buses - 1]);
    tree.flag(PATH, "dma-coherent");
    if let Some(msi) = phandles.msi {
        tree.cells(PATH, "msi-map", &[0, msi, 0, 0x1_0000]);
    }
    tree.wide(PATH, "reg", &[map.ecam.start, ecam_bytes]);
    let mut ranges = [range(IO, 0, PIO), range(MEMORY_32, MMIO[0], MMIO)].concat();
    if let Some(window) = &map.mmio {
        let window = [window.start, window.end - window.start];
        ranges.extend(range(MEMORY_64, window[0], window));
    }
    tree.set(PATH, "ranges", &ranges);
    tree.cells(PATH, "#interrupt-cells", &[1]);
    let mut interrupts = Vec::new();
    for slot in 0..4 {
        for pin in 0..4 {
            let interrupt = FIRST_INTERRUPT + (pin + slot) % 4;
            interrupts.extend([slot << 11, 0, 0, pin + 1]);
            interrupts.extend([phandles.gic, 0, 0, SPI, interrupt, LEVEL]);
        }
    }
    tree.cells(PATH, "interrupt-map", &interrupts);
    tree.cells(PATH, "interrupt-map-mask", &[0x1800, 0, 0, 7]);
    if input.iommu == Some(Iommu::MachineSmmu) {
        smmu(input, tree, 0x905_0000, 74);
    }
}

/// An SMMU at `base`, with four interrupts from `first` on.
fn smmu(input: &Input<'_>, tree: &mut Writer, base: u64, first: u32) {
    let phandle = tree.phandle();
    let path = &format!("/smmuv3@{base:x}");
    tree.node(path);
    tree.text(path, "compatible", "arm,smmu-v3");
    tree.wide(path, "reg", &[base, 0x2_0000]);
    let interrupts: Vec<u32> =
        (first..first + 4).flat_map(|interrupt| [SPI, interrupt, EDGE]).collect();
    tree.cells(path, "interrupts", &interrupts);
    tree.text(path, "interrupt-names", "eventq\0priq\0cmdq-sync\0gerror");
    tree.flag(path, "dma-coherent");
    tree.cells(path, "#iommu-cells", &[1]);
    tree.cells(path, "phandle", &[phandle]);
    iommu_map(input, tree, &[0, phandle, 0, 0x1_0000]);
}

/// Some releases do not look at the bypass.
fn iommu_map(input: &Input<'_>, tree: &mut Writer, map: &[u32]) {
    let hides = input.machine.kind.version.bypass == Bypass::HidesMap;
    if !input.bypass_iommu || !hides {
        tree.cells(PATH, "iommu-map", map);
    }
}

/// IOMMUs that are devices: an SMMU, the first on the platform bus, or a virtio-iommu, which
/// translates all devices but itself.
pub(super) fn device_iommu(input: &Input<'_>, tree: &mut Writer) {
    let devfn = match input.iommu {
        Some(Iommu::DeviceSmmu) => return smmu(input, tree, 0xc00_0000, 112),
        Some(Iommu::Virtio(devfn)) => devfn,
        Some(Iommu::MachineSmmu) | None => return,
    };
    let phandle = tree.phandle();
    let path = format!("{PATH}/virtio_iommu@{:x},{:x}", devfn >> 3, devfn & 7);
    tree.node(&path);
    tree.text(&path, "compatible", "virtio,pci-iommu\0pci1af4,1057");
    tree.cells(&path, "reg", &[devfn << 8, 0, 0, 0, 0]);
    tree.cells(&path, "#iommu-cells", &[1]);
    tree.cells(&path, "phandle", &[phandle]);
    let behind = devfn + 1;
    let map = [0, phandle, 0, devfn, behind, phandle, behind, 0xffff - devfn];
    iommu_map(input, tree, &map);
}
