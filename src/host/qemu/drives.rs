//! Disks: `-drive`, and the short options for one.

use std::collections::BTreeSet;

use super::devices::Device;
use super::options::Options;
use super::words::{last, properties};
use crate::host::vm::Refusal;
use crate::host::vmm::{number, refused};

/// What the command line says of disks that have no `-device`.
#[derive(Clone, Debug, Default)]
pub(super) struct Drives {
    /// Units of disks.
    disks: BTreeSet<u64>,
    /// Units of flash.
    flash: BTreeSet<u64>,
    /// Whether one has no name of the command line's.
    pub(super) has_unnamed: bool,
}

impl Options {
    /// Reads `-drive`, or an option that stands for one.
    pub(super) fn drive(&mut self, name: &str, value: &str) -> Result<(), Refusal> {
        let parts = if name == "drive" { properties(value, Some("file")) } else { Vec::new() };
        let interface = match name {
            "pflash" => "pflash",
            _ => last(&parts, "if").unwrap_or("virtio"),
        };
        let option = format!("-{name}");
        match last(&parts, "id") {
            Some(id) => self.claim("drive", &option, Some(id))?,
            None => self.drives.has_unnamed = true,
        }
        let unit = match name {
            "hda" => Some(0),
            "hdb" => Some(1),
            "hdc" | "cdrom" => Some(2),
            "hdd" => Some(3),
            _ => {
                let text = last(&parts, "index").or_else(|| last(&parts, "unit"));
                let why = |text: &str| format!("{text:?} is not the number of a unit");
                text.map(|text| number(text).ok_or_else(|| refused(&option, why(text))))
                    .transpose()?
            }
        };
        self.remarks.push(format!("{option}: does not touch the RIM"));
        let units = match interface {
            "none" => return Ok(()),
            "pflash" => &mut self.drives.flash,
            "virtio" => &mut self.drives.disks,
            other => {
                let why = format!("machine type does not support if={other}; write none or virtio");
                return Err(refused(option, why));
            }
        };
        let free = (0..).find(|unit| !units.contains(unit)).expect("there are more");
        let unit = unit.unwrap_or(free);
        if !units.insert(unit) {
            let why = format!("a drive with bus=0, unit={unit} exists already");
            return Err(refused(option, why));
        }
        if interface == "virtio" {
            self.devices.push(Device::of_drive());
        }
        if interface == "pflash" && unit == 0 {
            self.pflash = Some(if name == "pflash" { "-pflash" } else { "-drive if=pflash" });
        }
        Ok(())
    }
}
