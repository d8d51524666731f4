//! What devices and backends need of each other: buses, and names that nobody else has.

use super::devices::{Device, in_order};
use super::options::Options;
use super::words::{last, words_or_json};
use crate::host::vm::Refusal;
use crate::host::vmm::{no_such, refused};

/// A bus that is no PCI.
struct Bus {
    /// QEMU's name for it.
    name: &'static str,
    /// Whether a driver's devices lie on it.
    holds: fn(&str) -> bool,
    /// Whether a driver's devices have one.
    is_of: fn(&str) -> bool,
    /// One of those.
    for_example: &'static str,
}

const BUSES: &[Bus] = &[
    Bus { name: "usb-bus", holds: is_usb, is_of: is_usb_controller, for_example: "qemu-xhci" },
    Bus { name: "SCSI", holds: is_scsi, is_of: has_scsi, for_example: "virtio-scsi-pci" },
    Bus {
        name: "IDE",
        holds: |kind| ["ide-hd", "ide-cd", "ide-cf"].contains(&kind),
        is_of: has_ide,
        for_example: "ahci",
    },
    Bus {
        name: "nvme-bus",
        holds: |kind| kind == "nvme-ns",
        is_of: |kind| kind == "nvme",
        for_example: "nvme",
    },
    Bus {
        name: "virtio-serial-bus",
        holds: |kind| ["virtserialport", "virtconsole"].contains(&kind),
        is_of: |kind| kind.starts_with("virtio-serial"),
        for_example: "virtio-serial-pci",
    },
    Bus {
        name: "HDA",
        holds: |kind| kind.starts_with("hda-"),
        is_of: |kind| kind.ends_with("intel-hda"),
        for_example: "intel-hda",
    },
    Bus {
        name: "ccid-bus",
        holds: |kind| kind.starts_with("ccid-"),
        is_of: |kind| kind == "usb-ccid",
        for_example: "usb-ccid",
    },
    Bus {
        name: "sd-bus",
        holds: |kind| kind == "sd-card",
        is_of: |kind| kind == "sdhci-pci",
        for_example: "sdhci-pci",
    },
];

fn is_usb_controller(kind: &str) -> bool {
    ["xhci", "ehci", "uhci", "ohci"].iter().any(|part| kind.contains(part))
}

fn is_usb(kind: &str) -> bool {
    (kind.starts_with("usb-") || kind.starts_with("u2f-")) && !is_usb_controller(kind)
}

fn is_scsi(kind: &str) -> bool {
    ["scsi-hd", "scsi-cd", "scsi-block", "scsi-generic"].contains(&kind)
}

fn has_scsi(kind: &str) -> bool {
    const STARTS: &[&str] = &[
        "virtio-scsi",
        "vhost-",
        "lsi",
        "megasas",
        "mptsas",
        "am53c974",
        "dc390",
        "pvscsi",
        "usb-bot",
        "usb-uas",
    ];
    STARTS.iter().any(|start| kind.starts_with(start))
}

fn has_ide(kind: &str) -> bool {
    kind.contains("ahci") || ["piix3-ide", "piix4-ide", "cmd646-ide", "sii3112"].contains(&kind)
}

impl Options {
    /// Refuses devices whose bus is not there when they are made. One that names its bus is not
    /// looked at.
    pub(super) fn check_buses(&self) -> Result<(), Refusal> {
        let devices = in_order(self);
        for (index, device) in devices.iter().enumerate() {
            let Device { kind, .. } = device;
            let Some(bus) = BUSES.iter().find(|bus| (bus.holds)(kind)) else { continue };
            let is_there = devices[..index].iter().any(|other| (bus.is_of)(&other.kind));
            if !is_there && device.value("bus").is_none() {
                let Bus { name, for_example, .. } = bus;
                let why = format!(
                    "No '{name}' bus found for device '{kind}': write -device {for_example} before"
                );
                return Err(refused(format!("-device {kind}"), why));
            }
        }
        self.check_users("netdev", "it's in use")?;
        self.check_users("drive", "is already in use by another device")
    }

    /// Refuses a second device for one backend.
    fn check_users(&self, property: &'static str, why: &str) -> Result<(), Refusal> {
        let mut used = Vec::new();
        for device in in_order(self) {
            let Some(id) = device.value(property) else { continue };
            if used.contains(&id) && self.ids.iter().any(|own| own == &(property, id.to_owned())) {
                let option = format!("-device {},{property}", device.kind);
                return Err(refused(option, format!("'{id}' {why}")));
            }
            used.push(id);
        }
        Ok(())
    }

    /// Takes an identifier of a group for itself.
    pub(super) fn claim(
        &mut self,
        group: &'static str,
        option: &str,
        id: Option<&str>,
    ) -> Result<(), Refusal> {
        let Some(id) = id else { return Err(refused(option, "Parameter 'id' is missing")) };
        let own = (group, id.to_owned());
        if self.ids.contains(&own) {
            let why = match group {
                "node" => format!("Duplicate nodes with node-name='{id}'"),
                "object" => format!("attempt to add a second object with the id {id:?}"),
                _ => format!("Duplicate ID '{id}' for {group}"),
            };
            let key = if group == "node" { "node-name" } else { "id" };
            return Err(refused(format!("{option},{key}"), why));
        }
        self.ids.push(own);
        Ok(())
    }

    /// Reads `-chardev` and `-blockdev`, of which only their names matter.
    pub(super) fn backend(&mut self, name: &str, value: &str) -> Result<(), Refusal> {
        let option = format!("-{name}");
        let (group, implied, key) = match name {
            "chardev" => ("chardev", "backend", "id"),
            _ => ("node", "driver", "node-name"),
        };
        let parts = words_or_json(&option, value, implied)?;
        let id = last(&parts, key);
        let id = id.ok_or_else(|| refused(&option, format!("Parameter '{key}' is missing")))?;
        self.claim(group, &option, Some(id))?;
        self.remarks.push(format!("-{name}: does not touch the RIM"));
        Ok(())
    }

    /// Reads `-boot`: what QEMU does not take.
    pub(super) fn boot(&mut self, value: &str) -> Result<(), Refusal> {
        const KEYS: &[&str] =
            &["order", "menu", "splash", "splash-time", "reboot-timeout", "strict"];
        for (key, value) in super::words::properties(value, Some("order")) {
            let option = format!("-boot {key}");
            let order = value.unwrap_or_default();
            if key == "once" {
                return Err(refused(option, "this machine has no list of boot devices to change"));
            }
            if !KEYS.contains(&key.as_str()) {
                let known = KEYS.iter().copied();
                return Err(no_such(option, "-boot has no such property", &key, known));
            }
            let wrong = order.chars().find(|device| !('a'..='p').contains(device));
            if let Some(device) = wrong.filter(|_| key == "order") {
                return Err(refused(option, format!("Invalid boot device '{device}'")));
            }
        }
        self.remarks.push("-boot: does not touch the RIM".into());
        Ok(())
    }
}
