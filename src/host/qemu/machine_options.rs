//! The properties of `-machine virt`.

use super::options::Options;
use super::release::Release;
use super::size::size;
use super::version::Version;
use super::words::properties;
use crate::host::vm::Refusal;
use crate::host::vmm::{no_such, number, on_off, refused};

/// Virtio devices that are not on the PCI bus.
pub(super) const MMIO_TRANSPORTS: u32 = 32;

/// Properties that neither the tree nor the Realm shows.
const IGNORED: &[&str] = &[
    "aux-ram-share",
    "dt-compatible",
    "dump-guest-core",
    "graphics",
    "mem-merge",
    "nvdimm",
    "suppress-vmdesc",
    "usb",
    "x-change-vmfd-on-reset",
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
    msi: Option<Msi>,
    /// The same in its old form.
    its: Option<Msi>,
    /// Virtio devices that are not on the PCI bus, if there are not as many as always.
    pub(super) virtio_mmio: Option<u32>,
    /// `memory.…`: keys and values.
    pub(super) memory: Vec<(String, String)>,
    pub(super) acpi: Option<bool>,
    pub(super) smmu: bool,
    pub(super) bypass_iommu: bool,
    pub(super) randomness: Option<bool>,
    pub(super) phandle_start: u32,
    pub(super) highmem: Highmem,
    /// The backend of RAM.
    pub(super) memory_backend: Option<String>,
    /// Whether there is a table of memory's attributes, which no tree shows.
    pub(super) hmat: bool,
    /// Properties as they were written.
    spellings: Vec<String>,
    pub(super) dumpdtb: bool,
}

/// Who takes the messages of devices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Msi {
    Its,
    Gicv2m,
    /// No ITS: what the old form of the property says, which leaves a GICv2 its frame.
    WithoutIts,
    Off,
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

/// Properties that are read.
const READ: &[&str] = &[
    "accel",
    "acpi",
    "append",
    "compact-highmem",
    "confidential-guest-support",
    "cxl",
    "default-bus-bypass-iommu",
    "dtb",
    "dtb-kaslr-seed",
    "dtb-randomness",
    "dumpdtb",
    "firmware",
    "gic-version",
    "highmem",
    "highmem-ecam",
    "highmem-mmio",
    "highmem-mmio-size",
    "highmem-redists",
    "hmat",
    "initrd",
    "iommu",
    "its",
    "kernel",
    "kernel-irqchip",
    "memory-backend",
    "memory-encryption",
    "msi",
    "mte",
    "pflash0",
    "pflash1",
    "phandle-start",
    "ras",
    "secure",
    "spcr",
    "type",
    "virtio-mmio-transports",
    "virtualization",
];

/// A property that the machine does not have.
fn no_property(option: &str, key: &str) -> Refusal {
    let known = READ.iter().chain(IGNORED).copied();
    no_such(option, "virt has no such property", key, known)
}

impl Options {
    pub(super) fn read_machine(&mut self, value: &str, version: Version) -> Result<(), Refusal> {
        for (key, value) in properties(value, Some("type")) {
            self.machine.spelled(&key)?;
            // QEMU takes underscores in the names of its own properties.
            let key = match key.split_once('.') {
                Some((first, rest)) => format!("{}.{rest}", first.replace('_', "-")),
                None => key.replace('_', "-"),
            };
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
                "pflash0" => self.pflash = Some("-machine pflash0"),
                "pflash1" => {}
                _ if key.starts_with("highmem") || key == "compact-highmem" => {
                    machine.highmem.read(&key, &value, version)?;
                }
                _ => match key.split_once('.') {
                    Some(("smp", part)) => self.smp.push(format!("{part}={value}")),
                    Some(("memory", part)) => machine.memory.push((part.to_owned(), value)),
                    Some(("boot", _)) => {
                        self.remarks.push(format!("{option}: does not touch the RIM"));
                    }
                    Some(("smp-cache" | "cxl-fmw" | "sgx-epc", _)) => {
                        let why = "what it does to the device tree is not modelled; leave it out, \
                                   or give the tree with --dtb";
                        return Err(refused(option, why));
                    }
                    _ if IGNORED.contains(&key.as_str()) => {
                        self.remarks.push(format!("{option}: does not touch the RIM"));
                    }
                    _ => machine.switch(&key, &option, &value, version)?,
                },
            }
        }
        Ok(())
    }
}

impl MachineOptions {
    /// Who takes messages: what `msi` says counts before what its old form says.
    pub(super) fn msi(&self) -> Option<Msi> {
        self.msi.or(self.its)
    }

    /// Refuses a property that is written in two ways.
    fn spelled(&mut self, key: &str) -> Result<(), Refusal> {
        let own = key.split('.').next().unwrap_or_default();
        let is_other =
            |known: &&String| *known != own && known.replace('_', "-") == own.replace('_', "-");
        if let Some(other) = self.spellings.iter().find(is_other) {
            let why = format!("Conflict between '{other}' and '{own}'");
            return Err(refused(format!("-machine {own}"), why));
        }
        self.spellings.push(own.to_owned());
        Ok(())
    }

    fn switch(
        &mut self,
        key: &str,
        option: &str,
        value: &str,
        version: Version,
    ) -> Result<(), Refusal> {
        match key {
            "gic-version" => self.gic_version = Some(value.to_owned()),
            "virtualization" => self.virtualization = on_off(option, value)?,
            "secure" => self.secure = on_off(option, value)?,
            "mte" => self.mte = on_off(option, value)?,
            "ras" => self.ras = on_off(option, value)?,
            "its" => {
                let its = if on_off(option, value)? { Msi::Its } else { Msi::WithoutIts };
                self.its = Some(its);
            }
            "msi" => self.msi = msi(option, value, version.release)?.or(self.msi),
            "virtio-mmio-transports" => {
                since(option, version.release, Release(11, 0))?;
                let count = number(value).and_then(|count| u32::try_from(count).ok());
                let why = || format!("{value:?} is not a number from 0 to 32");
                let count = count.filter(|count| *count <= MMIO_TRANSPORTS);
                self.virtio_mmio = Some(count.ok_or_else(|| refused(option, why()))?);
            }
            "cxl" if !on_off(option, value)? => since(option, version.release, Release(10, 2))?,
            "spcr" => {
                since(option, version.release, Release(10, 1))?;
                on_off(option, value)?;
            }
            "hmat" => self.hmat = on_off(option, value)?,
            "acpi" if value == "auto" => self.acpi = None,
            "acpi" => self.acpi = Some(on_off(option, value)?),
            "iommu" => {
                self.smmu = match value {
                    "none" => false,
                    "smmuv3" => true,
                    _ => return Err(refused(option, "valid values are none and smmuv3")),
                }
            }
            "default-bus-bypass-iommu" => {
                self.bypass_iommu = on_off(option, value)?;
            }
            "dtb-randomness" | "dtb-kaslr-seed" => {
                self.randomness = Some(on_off(option, value)?);
            }
            "kernel-irqchip" if value != "on" => {
                let why = format!("{value:?}; without KVM's GIC nothing is known of the tree");
                return Err(refused(option, why));
            }
            "kernel-irqchip" => {}
            "phandle-start" => {
                let start = number(value).and_then(|start| i32::try_from(start).ok());
                let start = start.and_then(|start| u32::try_from(start).ok());
                let why = || format!("{value:?} is not a number below 2^31");
                self.phandle_start = start.ok_or_else(|| refused(option, why()))?;
            }
            _ => return Err(no_property(option, key)),
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
            _ => return Err(no_property(&option, key)),
        };
        self::since(&option, version.release, since)?;
        if key == "highmem-mmio-size" {
            self.mmio_bytes = Some(mmio_size(&option, value, version.release)?);
        } else {
            *known = Some(on_off(&option, value)?);
        }
        Ok(())
    }
}

/// Refuses what a release does not have yet.
fn since(option: &str, release: Release, first: Release) -> Result<(), Refusal> {
    let why = || format!("virt has it from QEMU {} on", first.text());
    if release < first { Err(refused(option, why())) } else { Ok(()) }
}

fn msi(option: &str, value: &str, release: Release) -> Result<Option<Msi>, Refusal> {
    since(option, release, Release(11, 0))?;
    match value {
        "auto" => Ok(None),
        "its" => Ok(Some(Msi::Its)),
        "gicv2m" => Ok(Some(Msi::Gicv2m)),
        "off" => Ok(Some(Msi::Off)),
        _ => Err(refused(option, format!("{value:?}; there are auto, its, gicv2m and off"))),
    }
}

fn mmio_size(option: &str, value: &str, release: Release) -> Result<u64, Refusal> {
    let bytes = size(value, release).map_err(|why| refused(option, why))?;
    if bytes < 512 << 30 || !bytes.is_power_of_two() {
        return Err(refused(option, "a power of two from 512 GiB on is wanted"));
    }
    Ok(bytes)
}
