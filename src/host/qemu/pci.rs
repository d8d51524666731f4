//! Devices on the root bus: which there are, and in which slot the virtio-iommu lies.

use super::options::Options;
use super::words::properties;
use crate::host::vm::Refusal;
use crate::host::vmm::refused;

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
];

/// PCI devices whose names do not say so.
const PCI: &[&str] = &[
    "AC97",
    "ES1370",
    "VGA",
    "acpi-erst",
    "am53c974",
    "ati-vga",
    "bochs-display",
    "cirrus-vga",
    "cxl-rp",
    "dc390",
    "e1000",
    "e1000-82544gc",
    "e1000-82545em",
    "e1000e",
    "edu",
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
    "ich9-ahci",
    "ich9-intel-hda",
    "igb",
    "intel-hda",
    "ioh3420",
    "ivshmem-doorbell",
    "ivshmem-plain",
    "lsi53c810",
    "lsi53c895a",
    "megasas",
    "megasas-gen2",
    "mptsas1068",
    "nvme",
    "pci-bridge",
    "pci-ohci",
    "pci-serial",
    "pci-serial-2x",
    "pci-serial-4x",
    "pci-testdev",
    "pcie-pci-bridge",
    "pcie-root-port",
    "pcnet",
    "pvscsi",
    "pxb",
    "pxb-pcie",
    "qemu-xhci",
    "rocker",
    "rtl8139",
    "secondary-vga",
    "tulip",
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
    "virtio-tablet",
    "vmware-svga",
    "vmxnet3",
    "x3130-upstream",
    "xio3130-downstream",
];

/// Whether it is a PCI device.
fn is_pci(kind: &str) -> bool {
    let ends = ["-pci", "_pci", "-pci-transitional", "-pci-non-transitional", "-xhci"];
    PCI.contains(&kind) || ends.iter().any(|end| kind.ends_with(end)) || kind.contains("-usb-")
}

/// Whether it is known what a device does to the device tree.
pub(super) fn is_known(kind: &str) -> bool {
    // A device of virtio on the bus of virtio-mmio.
    let virtio = kind.starts_with("virtio-") || kind.starts_with("vhost-");
    is_pci(kind)
        || (virtio && kind.ends_with("-device"))
        || ELSEWHERE.iter().any(|start| kind.starts_with(start))
}

/// The slot and function of the virtio-iommu on the root bus, as one number. `msi` says whether
/// there is somebody who takes messages.
pub(super) fn virtio_iommu(options: &Options, msi: bool) -> Result<Option<u32>, Refusal> {
    let mut bus = [false; 256];
    // The host bridge itself.
    bus[0] = true;
    let nics = options.nics.count + usize::from(options.nics.is_default);
    for _ in 0..nics {
        place(&mut bus, "-nic", None)?;
    }
    let mut found = None;
    for text in &options.devices {
        let properties = properties(text, Some("driver"));
        let value = |name: &str| {
            let named = properties.iter().rev().find(|(key, _)| key == name);
            named.and_then(|(_, value)| value.as_deref())
        };
        let kind = value("driver").unwrap_or_default();
        if kind == "pcie-root-port" && !msi {
            let why = "MSI-X is not supported by interrupt controller";
            return Err(refused(format!("-device {kind}"), why));
        }
        let root = value("bus").is_none_or(|bus| bus == "pcie.0");
        if !is_pci(kind) || !root {
            if is_iommu(kind) {
                return Err(refused(format!("-device {kind}"), "has to be on bus pcie.0"));
            }
            continue;
        }
        let devfn = place(&mut bus, &format!("-device {kind}"), value("addr"))?;
        if is_iommu(kind) && (found.replace(devfn).is_some() || options.machine.smmu) {
            let why = "virt machine does not support multiple IOMMUs";
            return Err(refused(format!("-device {kind}"), why));
        }
    }
    Ok(found)
}

fn is_iommu(kind: &str) -> bool {
    ["virtio-iommu", "virtio-iommu-pci"].contains(&kind)
}

/// Puts a device at `addr`, or into the first slot that is free.
fn place(bus: &mut [bool; 256], option: &str, addr: Option<&str>) -> Result<u32, Refusal> {
    let devfn = match addr {
        None => (0..256).step_by(8).find(|devfn| !bus[*devfn]),
        Some(addr) => {
            let (slot, function) = addr.split_once('.').unwrap_or((addr, "0"));
            let part = |text: &str, most: usize| {
                let text = text.trim_start_matches("0x");
                usize::from_str_radix(text, 16).ok().filter(|number| *number < most)
            };
            let why = || format!("{addr:?} is no slot and function");
            let found = part(slot, 32).zip(part(function, 8));
            let (slot, function) = found.ok_or_else(|| refused(format!("{option},addr"), why()))?;
            Some(slot << 3 | function).filter(|devfn| !bus[*devfn])
        }
    };
    let devfn = devfn.ok_or_else(|| refused(option, "there is no free PCI slot for it"))?;
    bus[devfn] = true;
    Ok(u32::try_from(devfn).expect("below 256"))
}
