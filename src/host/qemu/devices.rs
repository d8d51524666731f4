//! `-device`, and what else makes devices: which there are, and in which order they are made.

use super::options::Options;
use super::words::{Properties, last, words_or_json};
use crate::host::vm::Refusal;
use crate::host::vmm::refused;

/// A device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Device {
    /// The name of its driver.
    pub(super) kind: String,
    pub(super) properties: Properties,
    /// When QEMU makes it.
    made: Made,
}

/// What a device was made of, in QEMU's order: words, a drive that names none, a JSON object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Made {
    Words,
    Drives,
    Json,
}

impl Device {
    /// Reads the value of `-device`.
    pub(super) fn read(text: &str) -> Result<Self, Refusal> {
        let properties = words_or_json("-device", text, "driver")?;
        let made = if text.starts_with('{') { Made::Json } else { Made::Words };
        let kind = last(&properties, "driver").unwrap_or_default().to_owned();
        if kind.is_empty() {
            return Err(refused("-device", "Parameter 'driver' is missing"));
        }
        Ok(Self { kind, properties, made })
    }

    /// The PCI device that shares a folder.
    pub(super) fn of_virtfs() -> Self {
        Self { kind: "virtio-9p-pci".into(), properties: Vec::new(), made: Made::Words }
    }

    /// The disk of a drive that names no other device.
    pub(super) fn of_drive() -> Self {
        Self { kind: "virtio-blk-pci".into(), properties: Vec::new(), made: Made::Drives }
    }

    /// The last value of a property.
    pub(super) fn value(&self, name: &str) -> Option<&str> {
        last(&self.properties, name)
    }
}

/// The devices of a command line in the order in which they are made.
pub(super) fn in_order(options: &Options) -> Vec<&Device> {
    let mut devices: Vec<_> = options.devices.iter().collect();
    devices.sort_by_key(|device| device.made);
    devices
}

/// Where a device is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// On a PCI bus.
    Pci,
    /// On a bus that no tree shows.
    Elsewhere,
    /// The SMMU of 10.2 and later, which has a node.
    Smmu,
    /// It is not known.
    Unknown,
}

/// Devices of no PCI bus that no tree shows, and those that begin so.
const ELSEWHERE: &[&str] = &[
    "usb-",
    "scsi-",
    "ide-",
    "hda-",
    "nvme-",
    "ccid-",
    "u2f-",
    "sd-card",
    "emmc",
    "ufs-lu",
    "virtserialport",
    "virtconsole",
    "ramfb",
    "vmcoreinfo",
    "virtio-mem",
    "vhost-scsi",
    "vhost-user-blk",
    "vhost-user-scsi",
    "vhost-user-input",
    "vhost-user-gpu",
    "vhost-user-rng",
    "vhost-user-snd",
    "vhost-user-rtc",
    "vhost-user-scmi",
    "vhost-vdpa-device",
    "uefi-vars-sysbus",
    "ipoctal232",
];

/// PCI devices whose names do not say so.
const PCI: &[&str] = &[
    "AC97",
    "ES1370",
    "VGA",
    "ac97",
    "acpi-erst",
    "ahci",
    "am53c974",
    "ati-vga",
    "bochs-display",
    "cirrus-vga",
    "cxl-downstream",
    "cxl-rp",
    "cxl-switch-mailbox-cci",
    "cxl-type3",
    "cxl-upstream",
    "dc390",
    "e1000",
    "e1000-82540em",
    "e1000-82544gc",
    "e1000-82545em",
    "e1000e",
    "edu",
    "es1370",
    "i6300esb",
    "i82550",
    "i82551",
    "i82557a",
    "i82557b",
    "i82557c",
    "i82558a",
    "i82558b",
    "i82559a",
    "i82559b",
    "i82559c",
    "i82559er",
    "i82562",
    "i82801",
    "i82801b11-bridge",
    "ich9-ahci",
    "ich9-intel-hda",
    "igb",
    "intel-hda",
    "ioh3420",
    "iommu-testdev",
    "ivshmem-doorbell",
    "ivshmem-plain",
    "lsi",
    "lsi53c810",
    "lsi53c895a",
    "megasas",
    "megasas-gen2",
    "mptsas1068",
    "nvme",
    "pci-bridge",
    "pci-bridge-seat",
    "pci-ohci",
    "pci-serial",
    "pci-serial-2x",
    "pci-serial-4x",
    "pci-testdev",
    "pcie-pci-bridge",
    "pcie-root-port",
    "pcnet",
    "pvrdma",
    "pvscsi",
    "pxb",
    "pxb-pcie",
    "qemu-xhci",
    "rocker",
    "rtl8139",
    "secondary-vga",
    "tpci200",
    "tulip",
    "ufs",
    "usb-ehci",
    "vfio-pci-nohotplug",
    "virtio-9p",
    "virtio-balloon",
    "virtio-blk",
    "virtio-crypto",
    "virtio-gpu",
    "virtio-gpu-gl",
    "virtio-input-host",
    "virtio-iommu",
    "virtio-keyboard",
    "virtio-mouse",
    "virtio-net",
    "virtio-rng",
    "virtio-scsi",
    "virtio-serial",
    "virtio-sound",
    "virtio-tablet",
    "vmware-svga",
    "vmxnet3",
    "x3130-upstream",
    "xio3130-downstream",
];

/// Where a driver's devices are, by its name.
pub(super) fn place_of(kind: &str) -> Place {
    let ends = ["-pci", "_pci", "-pci-transitional", "-pci-non-transitional", "-xhci"];
    let is_pci =
        PCI.contains(&kind) || ends.iter().any(|end| kind.ends_with(end)) || kind.contains("-usb-");
    // A device of virtio on the bus of virtio-mmio.
    let virtio = kind.starts_with("virtio-") || kind.starts_with("vhost-");
    match kind {
        "arm-smmuv3" => Place::Smmu,
        _ if is_pci => Place::Pci,
        _ if virtio && kind.ends_with("-device") => Place::Elsewhere,
        _ if ELSEWHERE.iter().any(|start| kind.starts_with(start)) => Place::Elsewhere,
        _ => Place::Unknown,
    }
}

impl Options {
    /// Reads `-device`.
    pub(super) fn device(&mut self, value: &str) -> Result<(), Refusal> {
        let device = Device::read(value)?;
        let id = device.value("id");
        if id.is_some() && self.devices.iter().any(|other| other.value("id") == id) {
            let why = format!("Duplicate ID '{}' for device", id.unwrap_or_default());
            return Err(refused(format!("-device {}", device.kind), why));
        }
        self.devices.push(device);
        Ok(())
    }

    /// Refuses devices and globals of which it is not known what they do to the device tree.
    pub(super) fn check_known(&self) -> Result<(), Refusal> {
        if let Some((option, why)) = self.unmodelled.first() {
            return Err(refused(option.as_str(), *why));
        }
        for device in &self.devices {
            if place_of(&device.kind) == Place::Unknown && !self.is_on_pci(device) {
                let why =
                    "what it does to the device tree is not modelled; give the tree with --dtb";
                return Err(refused(format!("-device {}", device.kind), why));
            }
        }
        Ok(())
    }

    /// Whether a device's own words put it on a PCI bus.
    pub(super) fn is_on_pci(&self, device: &Device) -> bool {
        let Some(bus) = device.value("bus") else { return false };
        let is_bridge =
            |other: &Device| other.value("id") == Some(bus) && place_of(&other.kind) == Place::Pci;
        bus == "pcie.0" || self.devices.iter().any(is_bridge)
    }
}
