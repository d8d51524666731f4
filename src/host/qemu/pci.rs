//! Devices on the root bus: in which slots they lie, and which IOMMU there is.

use super::devices::{Device, Place, in_order, place_of};
use super::options::Options;
use super::release::Release;
use crate::host::vm::Refusal;
use crate::host::vmm::refused;

/// The bus of the host bridge.
const ROOT: &str = "pcie.0";

/// Who translates the addresses of devices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Iommu {
    /// The machine's SMMU: `iommu=smmuv3`.
    MachineSmmu,
    /// `-device arm-smmuv3` on the platform bus.
    DeviceSmmu,
    /// A virtio-iommu: its slot and function as one number.
    Virtio(u32),
}

/// The IOMMU, and where it lies. `msi` says whether there is somebody who takes messages.
pub(super) fn iommu(
    options: &Options,
    release: Release,
    msi: bool,
) -> Result<Option<Iommu>, Refusal> {
    let mut bus = Bus::default();
    let nics = options.nics.count + usize::from(options.nics.is_default);
    for _ in 0..nics {
        bus.place("-nic", None, false)?;
    }
    let mut found = options.machine.smmu.then_some(Iommu::MachineSmmu);
    let mut chassis = Vec::new();
    for device in in_order(options) {
        let option = format!("-device {}", device.kind);
        if device.kind == "pcie-root-port" {
            // Since 11.1 it does without.
            let msi = msi || release >= Release(11, 1);
            root_port(device, &option, msi, &mut chassis)?;
        }
        let place = place_of(&device.kind);
        let new = if place == Place::Smmu {
            smmu(device, &option, release, options.machine.bypass_iommu)?
        } else if place == Place::Pci || options.is_on_pci(device) {
            on_pci(options, device, &option, &mut bus)?
        } else {
            None
        };
        if new.is_some() {
            if found.is_some() {
                let why = "more than one IOMMU, which QEMU refuses or is not modelled";
                return Err(refused(option, why));
            }
            found = new;
        }
    }
    Ok(found)
}

/// A port needs somebody for its messages, and a place of its own in a chassis.
fn root_port(
    device: &Device,
    option: &str,
    msi: bool,
    chassis: &mut Vec<(String, String)>,
) -> Result<(), Refusal> {
    if !msi {
        let why = "MSI-X is not supported by interrupt controller";
        return Err(refused(option, why));
    }
    let number = |name: &str| device.value(name).unwrap_or("0").to_owned();
    let own = (number("chassis"), number("slot"));
    if chassis.contains(&own) {
        let why = format!("Can't add chassis slot: chassis {} has slot {} already", own.0, own.1);
        return Err(refused(option, why));
    }
    chassis.push(own);
    Ok(())
}

/// A device on a PCI bus: whether it is an IOMMU.
fn on_pci(
    options: &Options,
    device: &Device,
    option: &str,
    bus: &mut Bus,
) -> Result<Option<Iommu>, Refusal> {
    let is_iommu = ["virtio-iommu", "virtio-iommu-pci"].contains(&device.kind.as_str());
    if let Some(name) = device.value("bus").filter(|name| *name != ROOT) {
        if is_iommu {
            return Err(refused(option, "has to be on bus pcie.0"));
        }
        // Buses of bridges have their names, or names with a number behind.
        let has = |other: &&Device| {
            let id = other.value("id").unwrap_or_default();
            !id.is_empty()
                && name
                    .strip_prefix(id)
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        if !options.devices.iter().any(|other| has(&other)) && name != "pci" {
            return Err(refused(option, format!("Bus '{name}' not found")));
        }
        return Ok(None);
    }
    let several = device.value("multifunction").is_some_and(|on| on == "on" || on == "true");
    let devfn = bus.place(option, device.value("addr"), several)?;
    Ok(is_iommu.then_some(Iommu::Virtio(devfn)))
}

/// The SMMU that is a device of its own.
fn smmu(
    device: &Device,
    option: &str,
    release: Release,
    bypass: bool,
) -> Result<Option<Iommu>, Refusal> {
    if release < Release(10, 2) {
        return Err(refused(option, "QEMU has it from 10.2 on"));
    }
    let known = ["driver", "id", "primary-bus"];
    if let Some((key, _)) = device.properties.iter().find(|(key, _)| !known.contains(&&**key)) {
        let why = "what it does to the device tree is not modelled; primary-bus is";
        return Err(refused(format!("{option},{key}"), why));
    }
    match device.value("primary-bus") {
        None => Err(refused(option, "SMMU is not attached to any PCI bus!")),
        Some(ROOT) if bypass => {
            Err(refused(option, "default-bus-bypass-iommu=on can not be set for its bus"))
        }
        Some(ROOT) => Ok(Some(Iommu::DeviceSmmu)),
        // QEMU says so itself: the tree has only that of pcie.0.
        Some(_) => Ok(None),
    }
}

/// Slots and functions of the root bus that are taken.
struct Bus {
    taken: [bool; 256],
    /// Slots whose first function says that there are more.
    several: [bool; 32],
}

impl Default for Bus {
    fn default() -> Self {
        let mut bus = Self { taken: [false; 256], several: [false; 32] };
        // The host bridge itself.
        bus.taken[0] = true;
        bus
    }
}

impl Bus {
    /// Puts a device at `addr`, or into the first slot that is free.
    fn place(&mut self, option: &str, addr: Option<&str>, several: bool) -> Result<u32, Refusal> {
        let free = || (0..256).step_by(8).find(|devfn| !self.taken[*devfn]);
        let devfn = match addr {
            None => free().ok_or_else(|| refused(option, "there is no free PCI slot for it"))?,
            Some(addr) => {
                let (slot, function) = addr.split_once('.').unwrap_or((addr, "0"));
                let part = |text: &str, most: usize| {
                    let text = text.strip_prefix("0x").unwrap_or(text);
                    usize::from_str_radix(text, 16).ok().filter(|number| *number < most)
                };
                let why = || format!("{addr:?} is no slot and function");
                let found = part(slot, 32).zip(part(function, 8));
                let (slot, function) =
                    found.ok_or_else(|| refused(format!("{option},addr"), why()))?;
                slot << 3 | function
            }
        };
        let slot = devfn >> 3;
        if self.taken[devfn] {
            let why = format!("PCI slot {slot:#x} function {} is taken", devfn & 7);
            return Err(refused(option, why));
        }
        // A first function that is alone keeps others from its slot, and the other way round.
        let first = slot << 3;
        let others = self.taken[first + 1..first + 8].contains(&true);
        let alone = devfn != first && self.taken[first] && !self.several[slot];
        if alone || (devfn == first && others && !several) {
            let why = format!(
                "slot {slot:#x} has a function 0 without multifunction=on, so there can be no other"
            );
            return Err(refused(option, why));
        }
        self.taken[devfn] = true;
        self.several[slot] |= devfn == first && several;
        Ok(u32::try_from(devfn).expect("below 256"))
    }
}
