//! Devices of a domain.

use serde_json::json;

use super::element::Element;
use super::memory::bytes;

/// Devices that no device tree shows: they lie on PCI or USB buses, or are backends.
const IGNORED: &[&str] = &[
    "audio",
    "channel",
    "controller",
    "crypto",
    "disk",
    "emulator",
    "filesystem",
    "graphics",
    "hostdev",
    "hub",
    "input",
    "interface",
    "lease",
    "memballoon",
    "panic",
    "pstore",
    "redirdev",
    "redirfilter",
    "rng",
    "shmem",
    "smartcard",
    "sound",
    "video",
    "vsock",
    "watchdog",
];

/// What the devices become.
pub(super) struct Devices {
    /// Properties of the machine.
    pub(super) machine: Vec<String>,
    pub(super) words: Vec<String>,
}

/// Translates the devices that a device tree can show.
pub(super) fn devices(domain: Element<'_>) -> Result<Devices, String> {
    let mut found = Devices { machine: Vec::new(), words: Vec::new() };
    let Some(devices) = domain.child("devices") else { return Ok(found) };
    let (mut serials, mut modules) = (0, 0);
    for device in devices.children() {
        match device.name() {
            "serial" if is_uart(device) => serials += 1,
            "serial" => {}
            // A console of its own is a serial port, unless there is one, which it then is.
            "console" => {
                let kind = device.child("target").and_then(|target| target.attribute("type"));
                if matches!(kind, None | Some("serial")) && devices.child("serial").is_none() {
                    serials = serials.max(1);
                }
            }
            "iommu" => iommu(device, &mut found)?,
            "tpm" => {
                let model = device.attribute("model").unwrap_or("tpm-tis");
                let driver = if model == "tpm-tis" { "tpm-tis-device" } else { model };
                found.device(&json!({ "driver": driver, "id": "tpm0", "tpmdev": "tpm-tpm0" }));
            }
            "hostdev" if device.attribute("type") == Some("mdev") => {
                return Err(device.error("mediated devices may reach the device tree"));
            }
            name if IGNORED.contains(&name) => {}
            "memory" => {
                found.memory(device, modules)?;
                modules += 1;
            }
            _ => return Err(device.error("is no device that is known here")),
        }
    }
    for index in 0..serials {
        let backend = format!("null,id=charserial{index}");
        let serial = format!("chardev:charserial{index}");
        found.words.extend(["-chardev".to_owned(), backend, "-serial".to_owned(), serial]);
    }
    Ok(found)
}

/// Whether a serial port is one of the machine's own.
fn is_uart(serial: Element<'_>) -> bool {
    let kind = serial.child("target").and_then(|target| target.attribute("type"));
    matches!(kind, None | Some("system-serial"))
}

fn iommu(device: Element<'_>, found: &mut Devices) -> Result<(), String> {
    match device.attribute("model") {
        Some("smmuv3") => match device.child("driver").and_then(|d| d.attribute("pciBus")) {
            None => found.machine.push("iommu=smmuv3".to_owned()),
            Some("0") => {
                found.device(&json!({ "driver": "arm-smmuv3", "primary-bus": "pcie.0" }));
            }
            Some(bus) => {
                return Err(device.error(format!("pciBus={bus:?}; that of bus 0 is modelled")));
            }
        },
        Some("virtio") => {
            let address = device.child("address");
            let part = |name: &str| {
                let text = address.and_then(|address| address.attribute(name))?;
                text.strip_prefix("0x").map(|digits| u32::from_str_radix(digits, 16).ok())?
            };
            let why = "has no <address type='pci' …>; virsh dumpxml shows it";
            let slot = part("slot").ok_or_else(|| device.error(why))?;
            let function = part("function").unwrap_or(0);
            let addr = format!("{slot:#x}.{function:#x}");
            found.device(&json!({ "driver": "virtio-iommu", "bus": "pcie.0", "addr": addr }));
        }
        Some(model) => return Err(device.error(format!("there is no model {model:?} for virt"))),
        None => return Err(device.error("has no model=")),
    }
    Ok(())
}

impl Devices {
    /// Memory that is plugged in: QEMU's options say what becomes of it. RAM is that of the nodes,
    /// without which libvirt has no such memory.
    fn memory(&mut self, device: Element<'_>, index: u32) -> Result<(), String> {
        let driver = match device.attribute("model") {
            Some("dimm") => "pc-dimm",
            Some("nvdimm") => "nvdimm",
            Some("virtio-mem") => "virtio-mem-pci",
            Some("virtio-pmem") => "virtio-pmem-pci",
            _ => return Err(device.error("is no memory that is known here")),
        };
        let size = device.child("target").and_then(|target| target.child("size"));
        let size_bytes = bytes(size.ok_or_else(|| device.error("has no <target><size>"))?)?;
        let id = format!("mem{driver}{index}");
        let object =
            json!({ "qom-type": "memory-backend-ram", "id": id, "size": size_bytes }).to_string();
        self.words.extend(["-object".to_owned(), object]);
        self.device(&json!({ "driver": driver, "memdev": id }));
        Ok(())
    }

    fn device(&mut self, device: &serde_json::Value) {
        self.words.extend(["-device".to_owned(), device.to_string()]);
    }
}
