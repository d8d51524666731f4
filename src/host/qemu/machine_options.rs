//! The properties of `-machine virt`.

use super::options::Options;
use super::release::Release;
use super::size::size;
use super::version::Version;
use super::words::properties;
use crate::host::vm::Refusal;
use crate::host::vmm::{number, on_off, refused};

/// Properties that neither the tree nor the Realm shows.
const IGNORED: &[&str] = &[
    "aux-ram-share",
    "dt-compatible",
    "dump-guest-core",
    "graphics",
    "hmat",
    "mem-merge",
    "nvdimm",
    "suppress-vmdesc",
    "usb",
    "x-oem-id",
    "x-oem-table-id",
];

/// What `-machine` says.
#[derive(Clone, Debug, Default)]
pub(super) struct MachineOptions {
    /// `virt` and its version, if one was named.
    pub(super) name: Option<String>,
    pub(super) guest_support: Option<String>,
    pub(super) gic_version: Option<String>,
    pub(super) virtualization: bool,
    pub(super) secure: bool,
    pub(super) mte: bool,
    pub(super) ras: bool,
    pub(super) its: Option<bool>,
    pub(super) acpi: Option<bool>,
    pub(super) smmu: bool,
    pub(super) bypass_iommu: bool,
    pub(super) randomness: Option<bool>,
    pub(super) phandle_start: u32,
    pub(super) highmem: Highmem,
    /// The backend of RAM.
    pub(super) memory_backend: Option<String>,
    pub(super) dumpdtb: bool,
}

/// Properties that move what lies above RAM.
#[derive(Clone, Debug, Default)]
pub(super) struct Highmem {
    pub(super) all: Option<bool>,
    pub(super) ecam: Option<bool>,
    pub(super) mmio: Option<bool>,
    pub(super) redists: Option<bool>,
    pub(super) compact: Option<bool>,
    pub(super) mmio_bytes: Option<u64>,
}

impl Options {
    pub(super) fn read_machine(&mut self, value: &str, version: Version) -> Result<(), Refusal> {
        for (key, value) in properties(value, Some("type")) {
            let option = format!("-machine {key}");
            let Some(value) = value else {
                return Err(refused(option, "expected a property with `=`"));
            };
            let machine = &mut self.machine;
            match key.as_str() {
                "type" => machine.name = Some(value),
                "accel" => self.accels.extend(value.split(':').map(str::to_owned)),
                "confidential-guest-support" | "memory-encryption" => {
                    machine.guest_support = Some(value);
                }
                "memory-backend" => machine.memory_backend = Some(value),
                "dumpdtb" => machine.dumpdtb = true,
                "kernel" => self.kernel = Some(value),
                "initrd" => self.initrd = Some(value),
                "firmware" => self.bios = Some(value),
                "dtb" => self.dtb = Some(value),
                "append" => self.append = Some(value),
                "pflash0" => self.pflash = true,
                "pflash1" => {}
                _ if key.starts_with("highmem") || key == "compact-highmem" => {
                    machine.highmem.read(&key, &value, version)?;
                }
                _ => match key.split_once('.') {
                    Some(("smp", part)) => self.smp.push(format!("{part}={value}")),
                    Some(("memory", part)) => {
                        let part = if part == "max-size" { "maxmem" } else { part };
                        // As a part of `-machine` the size counts bytes.
                        let unit = if part == "size" { "b" } else { "" };
                        self.memory.push(format!("{part}={value}{unit}"));
                    }
                    _ if IGNORED.contains(&key.as_str()) => {
                        self.remarks.push(format!("{option}: does not touch the RIM"));
                    }
                    _ => machine.switch(&key, &option, &value)?,
                },
            }
        }
        Ok(())
    }
}

impl MachineOptions {
    fn switch(&mut self, key: &str, option: &str, value: &str) -> Result<(), Refusal> {
        match key {
            "gic-version" => self.gic_version = Some(value.to_owned()),
            "virtualization" => self.virtualization = on_off(option, value)?,
            "secure" => self.secure = on_off(option, value)?,
            "mte" => self.mte = on_off(option, value)?,
            "ras" => self.ras = on_off(option, value)?,
            "its" => self.its = Some(on_off(option, value)?),
            "acpi" if value == "auto" => self.acpi = None,
            "acpi" => self.acpi = Some(on_off(option, value)?),
            "iommu" => {
                self.smmu = match value {
                    "none" => false,
                    "smmuv3" => true,
                    _ => return Err(refused(option, "valid values are none and smmuv3")),
                }
            }
            "default-bus-bypass-iommu" | "default_bus_bypass_iommu" => {
                self.bypass_iommu = on_off(option, value)?;
            }
            "dtb-randomness" | "dtb-kaslr-seed" => {
                self.randomness = Some(on_off(option, value)?);
            }
            "kernel-irqchip" | "kernel_irqchip" if value != "on" => {
                let why = format!("{value:?}; without KVM's GIC nothing is known of the tree");
                return Err(refused(option, why));
            }
            "kernel-irqchip" | "kernel_irqchip" => {}
            "phandle-start" => {
                let start = number(value).and_then(|start| i32::try_from(start).ok());
                let start = start.and_then(|start| u32::try_from(start).ok());
                let why = || format!("{value:?} is not a number below 2^31");
                self.phandle_start = start.ok_or_else(|| refused(option, why()))?;
            }
            _ => return Err(refused(option, "virt has no such property")),
        }
        Ok(())
    }
}

impl Highmem {
    fn read(&mut self, key: &str, value: &str, version: Version) -> Result<(), Refusal> {
        let option = format!("-machine {key}");
        let since = match key {
            "highmem" => Release(2, 6),
            "highmem-mmio-size" => Release(10, 0),
            _ => Release(8, 0),
        };
        let known = match key {
            "highmem" => &mut self.all,
            "highmem-ecam" => &mut self.ecam,
            "highmem-mmio" => &mut self.mmio,
            "highmem-redists" => &mut self.redists,
            "compact-highmem" => &mut self.compact,
            "highmem-mmio-size" => &mut None,
            _ => return Err(refused(option, "virt has no such property")),
        };
        if version.release() < since {
            let why = format!("virt has it from QEMU {}.{} on", since.0, since.1);
            return Err(refused(option, why));
        }
        if key == "highmem-mmio-size" {
            self.mmio_bytes = Some(mmio_size(&option, value)?);
        } else {
            *known = Some(on_off(&option, value)?);
        }
        Ok(())
    }
}

fn mmio_size(option: &str, value: &str) -> Result<u64, Refusal> {
    let bytes = size(value, 1).map_err(|why| refused(option, why))?;
    if bytes < 512 << 30 || !bytes.is_power_of_two() {
        return Err(refused(option, "a power of two from 512 GiB on is wanted"));
    }
    Ok(bytes)
}
