//! What devices need besides the kind of bus: one of that name, backends, properties, room.

use super::devices::{Device, Place, in_order, place_of};
use super::machine::Machine;
use super::options::Options;
use crate::host::vm::Refusal;
use crate::host::vmm::refused;

/// Properties that name a backend, and the groups of names that it may be of.
const BACKENDS: &[(&str, &[&str])] = &[
    ("drive", &["drive", "node"]),
    ("netdev", &["netdev"]),
    ("chardev", &["chardev"]),
    ("rng", &["object"]),
    ("iothread", &["object"]),
    ("memdev", &["object"]),
    ("cryptodev", &["object"]),
    ("iommufd", &["object"]),
];

/// Drivers by how their names begin, and a property that they do not do without.
const PROPERTIES: &[(&str, &str)] = &[
    ("virtio-blk", "drive"),
    ("scsi-hd", "drive"),
    ("ide-hd", "drive"),
    ("usb-storage", "drive"),
    ("nvme", "serial"),
    ("virtio-mem", "memdev"),
    ("ivshmem-plain", "memdev"),
    ("ivshmem-doorbell", "chardev"),
    ("virtio-crypto", "cryptodev"),
    ("virtio-9p", "fsdev"),
    ("vhost-vsock", "guest-cid"),
    ("vhost-user-", "chardev"),
];

/// Devices that are memory of their own, by how their names begin.
const MEMORY: &[&str] = &["virtio-mem", "virtio-pmem", "pc-dimm", "nvdimm"];

/// Devices of which there may be one, by how their names begin.
const ONLY_ONE: &[&str] = &["virtio-balloon", "ramfb", "vmcoreinfo"];

/// Buses that the machine has, by how their names begin.
const OF_MACHINE: &[&str] = &["pcie.0", "virtio-mmio-bus.", "usb-bus.", "main-system-bus"];

/// What may be put on the bus of another host bridge.
const BRIDGES: &[&str] = &[
    "pcie-root-port",
    "ioh3420",
    "pci-bridge",
    "pcie-pci-bridge",
    "i82801b11-bridge",
    "x3130-upstream",
    "cxl-rp",
];

impl Options {
    /// Refuses devices that put something into memory, or lack what they need.
    pub(super) fn check_devices(&self, machine: &Machine) -> Result<(), Refusal> {
        self.check_buses()?;
        let devices = in_order(self);
        for (index, device) in devices.iter().enumerate() {
            let no = |why: String| Err(refused(format!("-device {}", device.kind), why));
            if ["loader", "guest-loader"].contains(&device.kind.as_str()) {
                return no("puts contents into memory, which is not modelled".into());
            }
            if let Some(why) = memory(device, machine) {
                return no(why);
            }
            let before = &devices[..index];
            // What an option of its own makes has what it needs, but a bus.
            let is_own = device.properties.is_empty();
            let lacks = || needed(device).filter(|_| !is_own);
            if let Some(why) = bus(device, before).or_else(lacks).or_else(|| twice(device, before))
            {
                return no(why);
            }
            self.check_backends(device)?;
        }
        let consoles = self.serials.iter().filter_map(|text| text.strip_prefix("chardev:"));
        for id in consoles {
            if !self.has("chardev", id) {
                return Err(refused("-serial", format!("there is no -chardev …,id={id}")));
            }
        }
        Ok(())
    }

    fn has(&self, group: &str, id: &str) -> bool {
        self.ids.iter().any(|(of, own)| *of == group && own == id)
    }

    /// Refuses backends that are not there.
    fn check_backends(&self, device: &Device) -> Result<(), Refusal> {
        for (property, groups) in BACKENDS {
            let Some(id) = device.value(property) else { continue };
            // A drive that was not given a name has one of QEMU's.
            let may_be = *property == "drive" && self.drives.has_unnamed;
            if !may_be && !groups.iter().any(|group| self.has(group, id)) {
                let option = format!("-device {},{property}", device.kind);
                return Err(refused(option, format!("can't find value '{id}'")));
            }
        }
        Ok(())
    }
}

/// Why a device that is memory can not be had.
fn memory(device: &Device, machine: &Machine) -> Option<String> {
    if !MEMORY.iter().any(|start| device.kind.starts_with(start)) {
        return None;
    }
    if machine.kind.realm {
        let why = "is memory of its own; what RIPAS a Realm has there is not known";
        return Some(why.into());
    }
    let max_bytes = machine.memory.max_bytes;
    (max_bytes <= machine.memory.ram_bytes).then(|| {
        "the configuration is not prepared for memory devices: write -m maxmem=".to_owned()
    })
}

/// Why there is no such bus when a device is made.
fn bus(device: &Device, before: &[&Device]) -> Option<String> {
    let is_pci = place_of(&device.kind) == Place::Pci;
    let Some(name) = device.value("bus") else {
        let is_bridge = BRIDGES.iter().any(|start| device.kind.starts_with(start));
        let takes_all = before.iter().any(|other| other.kind.starts_with("pxb"));
        let why = "PCI: Only PCI/PCIe bridges can be plugged into pxb-pcie: write bus=pcie.0";
        return (is_pci && !is_bridge && takes_all).then(|| why.to_owned());
    };
    if device.kind == "ramfb" {
        return Some(format!("Device 'ramfb' can't go on the bus '{name}'"));
    }
    let is_of = |other: &&Device| match other.value("id") {
        Some(id) => {
            name.strip_prefix(id).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        }
        // Its buses have names of QEMU's.
        None => name.contains('.'),
    };
    let is_there = OF_MACHINE.iter().any(|start| name.starts_with(start))
        || name.contains('/')
        || before.iter().any(is_of);
    (!is_there).then(|| format!("Bus '{name}' not found"))
}

fn needed(device: &Device) -> Option<String> {
    let is_of = |start: &str| match start {
        "nvme" => device.kind == "nvme",
        _ => device.kind.starts_with(start),
    };
    let missing =
        PROPERTIES.iter().find(|(start, name)| is_of(start) && device.value(name).is_none());
    missing.map(|(_, name)| format!("{name} property not set"))
}

fn twice(device: &Device, before: &[&Device]) -> Option<String> {
    let start = ONLY_ONE.iter().find(|start| device.kind.starts_with(**start))?;
    let is_second = before.iter().any(|other| other.kind.starts_with(start));
    is_second.then(|| format!("Only one {start} device is supported"))
}
