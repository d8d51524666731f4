//! Timer, interrupt controller and PMU.

use super::super::gic::{Frame, GicVersion, REDIST_BYTES};
use super::Input;
use super::writer::Writer;

/// Private interrupts, in the binding's numbers.
const PPI: u32 = 1;
/// A level, active when high.
pub(super) const LEVEL: u32 = 4;
const GICD: [u64; 2] = [0x800_0000, 0x1_0000];
const GICC: [u64; 2] = [0x801_0000, 0x1_0000];
const GICH: [u64; 2] = [0x803_0000, 0x1_0000];
const GICV: [u64; 2] = [0x804_0000, 0x1_0000];
const GICR: [u64; 2] = [0x80a_0000, REDIST_BYTES];

/// The flags of private interrupts: a GICv2 wants to know which CPUs have them.
fn ppi_flags(input: &Input<'_>, flags: u32) -> u32 {
    match input.machine.gic.version {
        GicVersion::V2 => flags | ((1 << input.machine.topology.cpus) - 1) << 8,
        _ => flags,
    }
}

pub(super) fn timer(input: &Input<'_>, tree: &mut Writer) {
    let path = "/timer";
    tree.node(path);
    tree.text(path, "compatible", "arm,armv8-timer\0arm,armv7-timer");
    tree.flag(path, "always-on");
    // Machines up to 2.8 said that the interrupts are edges.
    let flags = ppi_flags(input, if input.model_since(2, 9) { LEVEL } else { 1 });
    let mut numbers = vec![13, 14, 11, 10];
    // The virtual timer of EL2.
    if input.virtualization && input.machine.cpu.vhe && input.since(9, 0) && input.model_since(9, 0)
    {
        numbers.push(12);
    }
    let interrupts: Vec<u32> =
        numbers.into_iter().flat_map(|number| [PPI, number, flags]).collect();
    tree.cells(path, "interrupts", &interrupts);
}

/// The interrupt controller, and what takes messages. Their phandles.
pub(super) fn gic(input: &Input<'_>, tree: &mut Writer) -> (u32, Option<u32>) {
    let gic = &input.machine.gic;
    let phandle = tree.phandle();
    tree.cells("/", "interrupt-parent", &[phandle]);
    let path = "/intc@8000000";
    tree.node(path);
    tree.cells(path, "#interrupt-cells", &[3]);
    tree.flag(path, "interrupt-controller");
    tree.cells(path, "#address-cells", &[2]);
    tree.cells(path, "#size-cells", &[2]);
    tree.flag(path, "ranges");
    if gic.version == GicVersion::V2 {
        tree.text(path, "compatible", "arm,cortex-a15-gic");
        let mut reg = [GICD, GICC].concat();
        if input.virtualization {
            reg.extend([GICH, GICV].concat());
        }
        tree.wide(path, "reg", &reg);
    } else {
        tree.text(path, "compatible", "arm,gic-v3");
        tree.cells(path, "#redistributor-regions", &[1 + u32::from(gic.two_regions)]);
        let mut reg = [GICD, GICR].concat();
        if let Some(window) = input.machine.map.redist2.as_ref().filter(|_| gic.two_regions) {
            reg.extend([window.start, window.end - window.start]);
        }
        tree.wide(path, "reg", &reg);
    }
    if input.virtualization {
        tree.cells(path, "interrupts", &[PPI, 9, LEVEL]);
    }
    tree.cells(path, "phandle", &[phandle]);
    (phandle, messages(input, tree))
}

fn messages(input: &Input<'_>, tree: &mut Writer) -> Option<u32> {
    let frame = input.machine.gic.msi?;
    if frame == Frame::V2m {
        let phandle = tree.phandle();
        let path = "/intc@8000000/v2m@8020000";
        tree.node(path);
        tree.text(path, "compatible", "arm,gic-v2m-frame");
        tree.flag(path, "msi-controller");
        tree.wide(path, "reg", &[0x802_0000, 0x1000]);
        tree.cells(path, "phandle", &[phandle]);
        return Some(phandle);
    }
    let phandle = tree.phandle();
    let path = "/intc@8000000/its@8080000";
    tree.node(path);
    tree.text(path, "compatible", "arm,gic-v3-its");
    tree.flag(path, "msi-controller");
    tree.cells(path, "#msi-cells", &[1]);
    tree.wide(path, "reg", &[0x808_0000, 0x2_0000]);
    tree.cells(path, "phandle", &[phandle]);
    Some(phandle)
}

pub(super) fn pmu(input: &Input<'_>, tree: &mut Writer) {
    if !input.machine.cpu.pmu {
        return;
    }
    tree.node("/pmu");
    tree.text("/pmu", "compatible", "arm,armv8-pmuv3");
    tree.cells("/pmu", "interrupts", &[PPI, 7, ppi_flags(input, LEVEL)]);
}
