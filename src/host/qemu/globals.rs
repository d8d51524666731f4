//! `-global`: values for properties of all devices of a driver.

use super::devices::{Place, place_of};
use super::options::Options;
use super::words::properties;
use crate::host::vm::Refusal;
use crate::host::vmm::refused;

/// Drivers of other architectures, which libvirt and others name on every command line. QEMU warns
/// that there are none, and goes on.
const OF_OTHERS: &[&str] = &[
    "ICH9-LPC",
    "PIIX4_PM",
    "apic",
    "apic-common",
    "hpet",
    "i8042",
    "ioapic",
    "isa-debugcon",
    "isa-fdc",
    "isa-parallel",
    "isa-serial",
    "kvm-apic",
    "kvm-pit",
    "kvm-pit-common",
    "kvmclock",
    "mc146818rtc",
    "mch",
    "pc-i440fx",
    "pc-sysfw",
    "pc-testdev",
    "q35-pcihost",
    "vmmouse",
    "vmport",
];
/// Drivers of this machine that were seen to leave the tree as it is.
const WITHOUT_TREE: &[&str] = &[
    "ARM_GICV2M",
    "arm-gicv3",
    "arm_gic",
    "cfi.pflash01",
    "fw_cfg_mem",
    "gpex-pcihost",
    "pl011",
    "pl031",
    "pl061",
    "virtio-mmio",
];
/// Properties of PCI devices that say where they lie.
const PLACES: &[&str] = &["addr", "bus", "multifunction"];

impl Options {
    /// The value of `-cpu` with what `-global` says of the processor, which counts less.
    pub(super) fn cpu_text(&self) -> Option<String> {
        let text = self.cpu.as_deref()?;
        let (model, own) = text.split_once(',').unwrap_or((text, ""));
        let driver = format!("{model}-arm-cpu");
        let globals = self.cpu_globals.iter();
        let globals = globals.filter(|(of, _)| *of == driver || of == "arm-cpu" || of == "cpu");
        let parts = [model].into_iter().chain(globals.map(|(_, property)| property.as_str()));
        let parts = parts.chain((!own.is_empty()).then_some(own));
        Some(parts.collect::<Vec<_>>().join(","))
    }

    /// Reads `-global DRIVER.PROPERTY=VALUE`, or its long form.
    ///
    /// # Errors
    /// If it is none. What can reach the device tree is remembered.
    pub(super) fn global(&mut self, text: &str) -> Result<(), Refusal> {
        let parts = properties(text, None);
        let named = |name: &str| {
            let found = parts.iter().find(|(key, _)| key == name);
            found.and_then(|(_, value)| value.clone())
        };
        let (driver, property) = match named("driver").zip(named("property")) {
            Some(long) => long,
            None => {
                // The driver's name may have dots, as cfi.pflash01 has.
                let name = text.split_once('=').map_or(text, |(name, _)| name);
                let short = name.rsplit_once('.').filter(|_| text.contains('='));
                let why = || format!("{text:?} is not DRIVER.PROPERTY=VALUE");
                let (driver, property) = short.ok_or_else(|| refused("-global", why()))?;
                (driver.to_owned(), property.to_owned())
            }
        };
        let option = format!("-global {driver}.{property}");
        let known = OF_OTHERS.contains(&driver.as_str()) || WITHOUT_TREE.contains(&driver.as_str());
        let device = ![Place::Unknown, Place::Smmu].contains(&place_of(&driver));
        if driver == "cpu" || driver == "arm-cpu" || driver.ends_with("-arm-cpu") {
            let value = named("value").or_else(|| text.split_once('=').map(|(_, v)| v.to_owned()));
            let value = value.unwrap_or_default();
            self.cpu_globals.push((driver, format!("{property}={value}")));
            return Ok(());
        }
        if !known && !device {
            let why = "what it does to the device tree is not modelled; leave it out, or write it \
                       at the device or the machine";
            self.unmodelled.push((option, why));
            return Ok(());
        }
        if PLACES.contains(&property.as_str()) {
            let why = "moves devices; write it at each -device";
            self.unmodelled.push((option, why));
            return Ok(());
        }
        self.remarks.push(format!("{option}: does not touch the RIM"));
        Ok(())
    }
}
