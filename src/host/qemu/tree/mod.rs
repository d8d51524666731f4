//! The device tree of `virt`, in the order of QEMU's calls.
//!
//! Nodes and properties stand in the tree in reverse order of the calls.

mod boot;
mod cpus;
mod devices;
mod interrupts;
mod pcie;
mod writer;

use std::ops::Range;

use super::layout::{DTB_BYTES, Layout};
use super::machine::{Accel, Machine};
use super::machine_options::MMIO_TRANSPORTS;
use super::numa::{Numa, numa};
use super::options::Options;
use super::pci::{self, Iommu};
use super::release::Release;
use crate::host::vm::Refusal;
use crate::host::vmm::refused;
use writer::Writer;

/// All that a tree depends on.
pub(super) struct Input<'m> {
    machine: &'m Machine,
    numa: Numa,
    /// What the kernel's command line says.
    bootargs: Option<&'m str>,
    initrd: Option<Range<u64>>,
    log: Option<Range<u64>>,
    iommu: Option<Iommu>,
    /// Virtio devices that are not on the PCI bus.
    virtio_mmio: u32,
    bypass_iommu: bool,
    secure: bool,
    virtualization: bool,
    /// Whether there is a second UART for everybody.
    second_uart: bool,
    /// Whether buttons are GPIO lines, not ACPI events.
    gpio: bool,
    /// Whether a kernel is started without firmware.
    starts_linux: bool,
    phandle_start: u32,
}

/// How the guest calls PSCI.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Conduit {
    Hvc,
    Smc,
    None,
}

impl<'m> Input<'m> {
    /// Reads what only the tree shows, and refuses what is not modelled.
    pub(super) fn decide(
        machine: &'m Machine,
        options: &'m Options,
        layout: &Layout,
        log: Option<Range<u64>>,
    ) -> Result<Self, Refusal> {
        let kind = &machine.kind;
        options.check_known()?;
        if options.machine.randomness.unwrap_or(!kind.realm) {
            let why = "the device tree has random seeds, so it can not be predicted: write \
                       dtb-randomness=off";
            return Err(refused("-machine dtb-randomness", why));
        }
        let serial = options.serials.get(1).is_some_and(|serial| serial != "none");
        let acpi = options.machine.acpi.unwrap_or(true) && !options.no_acpi;
        let has_ged = kind.model >= Release(4, 2);
        Ok(Self {
            machine,
            numa: numa(options, kind, &machine.memory, &machine.topology)?,
            bootargs: options.append.as_deref().filter(|text| !text.is_empty()),
            initrd: layout.initrd.clone(),
            log,
            iommu: pci::iommu(options, kind.release, machine.gic.takes_messages())?,
            virtio_mmio: options.machine.virtio_mmio.unwrap_or(MMIO_TRANSPORTS),
            bypass_iommu: options.machine.bypass_iommu,
            secure: options.machine.secure,
            virtualization: options.machine.virtualization,
            second_uart: serial && kind.release >= Release(9, 1),
            gpio: !(machine.firmware && acpi && has_ged),
            starts_linux: layout.starts_linux,
            phandle_start: options.machine.phandle_start,
        })
    }

    fn is_realm(&self) -> bool {
        self.machine.kind.realm
    }

    /// Whether the program is of this release or a later one.
    fn since(&self, major: u8, minor: u8) -> bool {
        self.machine.kind.release >= Release(major, minor)
    }

    /// Whether the machine is of this version or a later one.
    fn model_since(&self, major: u8, minor: u8) -> bool {
        self.machine.kind.model >= Release(major, minor)
    }

    /// The conduit that the machine has.
    fn conduit(&self) -> Conduit {
        match () {
            () if self.secure && self.machine.firmware => Conduit::None,
            () if self.virtualization || self.is_realm() => Conduit::Smc,
            () => Conduit::Hvc,
        }
    }

    /// The conduit that is left for what is started: QEMU answers at a higher level only.
    fn boot_conduit(&self) -> Conduit {
        let level = match () {
            () if self.machine.kind.accel == Accel::Kvm => 1,
            () if self.secure && !self.starts_linux => 3,
            () if self.virtualization => 2,
            () => 1,
        };
        match self.conduit() {
            Conduit::Hvc if level >= 2 => Conduit::None,
            Conduit::Smc if level == 3 => Conduit::None,
            conduit => conduit,
        }
    }
}

/// Phandles that nodes refer to.
struct Phandles {
    clock: u32,
    gic: u32,
    msi: Option<u32>,
}

/// Writes the tree: the bytes of its whole buffer.
pub(super) fn write(input: &Input<'_>) -> Result<Vec<u8>, Refusal> {
    let mut tree = Writer::new(DTB_BYTES, input.phandle_start);
    let clock = root(input, &mut tree);
    interrupts::timer(input, &mut tree);
    cpus::cpus(input, &mut tree);
    if !input.is_realm() {
        devices::flash(input, &mut tree);
    }
    let (gic, msi) = interrupts::gic(input, &mut tree);
    interrupts::pmu(input, &mut tree);
    let phandles = Phandles { clock, gic, msi };
    devices::uarts(input, &mut tree, &phandles);
    devices::rtc(&mut tree, &phandles);
    pcie::pcie(input, &mut tree, &phandles);
    devices::gpio(input, &mut tree, &phandles);
    devices::virtio_mmio(input, &mut tree);
    devices::fw_cfg(&mut tree);
    pcie::device_iommu(input, &mut tree);
    devices::platform_bus(&mut tree, &phandles);
    boot::memory(input, &mut tree);
    boot::chosen(input, &mut tree);
    boot::psci(input, &mut tree);
    boot::event_log(input, &mut tree);
    tree.finish()
}

/// The root, its first children, and the clock's phandle.
fn root(input: &Input<'_>, tree: &mut Writer) -> u32 {
    tree.text("/", "compatible", "linux,dummy-virt");
    tree.cells("/", "#address-cells", &[2]);
    tree.cells("/", "#size-cells", &[2]);
    tree.text("/", "model", "linux,dummy-virt");
    if input.since(9, 1) {
        tree.flag("/", "dma-coherent");
    }
    tree.node("/chosen");
    if input.secure {
        tree.node("/secure-chosen");
    }
    if input.since(9, 1) {
        tree.node("/aliases");
    }
    let clock = tree.phandle();
    let path = "/apb-pclk";
    tree.node(path);
    tree.text(path, "compatible", "fixed-clock");
    tree.cells(path, "#clock-cells", &[0]);
    tree.cells(path, "clock-frequency", &[24_000_000]);
    tree.text(path, "clock-output-names", "clk24mhz");
    tree.cells(path, "phandle", &[clock]);
    if let Some(distances) = &input.numa.distances {
        let path = "/distance-map";
        let triples = (0..).zip(distances).flat_map(|(from, row)| {
            (0..).zip(row).flat_map(move |(to, distance)| [from, to, *distance])
        });
        let triples: Vec<u32> = triples.collect();
        tree.node(path);
        tree.text(path, "compatible", "numa-distance-map-v1");
        tree.cells(path, "distance-matrix", &triples);
    }
    clock
}
