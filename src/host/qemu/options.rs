//! QEMU's options, as QEMU reads them.

use super::Version;
use super::object::object;
use super::size::size;
use crate::abi::params::Rpv;
use crate::host::caps::Caps;
use crate::host::vm::Refusal;
use crate::host::vmm::{on_off, refused};
use crate::measure::rim::HashAlgo;

/// Options that take no value and do not touch the RIM.
const FLAGS: &[&str] = &[
    "S",
    "daemonize",
    "no-acpi",
    "no-reboot",
    "no-shutdown",
    "no-user-config",
    "nodefaults",
    "nographic",
    "only-migratable",
    "s",
    "snapshot",
    "full-screen",
];
/// Options that take a value and do not touch the RIM when the device tree is given.
const IGNORED: &[&str] = &[
    "D",
    "add-fd",
    "audio",
    "audiodev",
    "blockdev",
    "boot",
    "chardev",
    "d",
    "debugcon",
    "device",
    "display",
    "fsdev",
    "fw_cfg",
    "gdb",
    "global",
    "hda",
    "hdb",
    "icount",
    "k",
    "mem-path",
    "mon",
    "monitor",
    "msg",
    "name",
    "net",
    "netdev",
    "nic",
    "numa",
    "overcommit",
    "parallel",
    "pidfile",
    "qmp",
    "qmp-pretty",
    "rtc",
    "run-with",
    "runas",
    "sandbox",
    "sd",
    "seed",
    "serial",
    "set",
    "smbios",
    "tpmdev",
    "trace",
    "uuid",
    "vga",
    "virtfs",
    "vnc",
    "watchdog-action",
    "audio-help",
];
/// Properties of the machine that show in the device tree at most.
const MACHINE_IGNORED: &[&str] = &[
    "acpi",
    "aux-ram-share",
    "default-bus-bypass-iommu",
    "dtb-randomness",
    "dtb-kaslr-seed",
    "dump-guest-core",
    "graphics",
    "hmat",
    "iommu",
    "its",
    "kernel-irqchip",
    "mem-merge",
    "memory-backend",
    "mte",
    "nvdimm",
    "phandle-start",
    "ras",
    "suppress-vmdesc",
    "usb",
    "x-oem-id",
    "x-oem-table-id",
    "kernel_irqchip",
];

/// What was read. Repeated options overwrite each other as in QEMU.
#[derive(Clone, Debug, Default)]
pub(super) struct Options {
    pub(super) kernel: Option<String>,
    pub(super) initrd: Option<String>,
    pub(super) bios: Option<String>,
    pub(super) dtb: Option<String>,
    pub(super) memory: Vec<String>,
    pub(super) smp: Vec<String>,
    pub(super) cpu: Option<String>,
    pub(super) numa: bool,
    pub(super) hash_algo: Option<HashAlgo>,
    pub(super) rpv: Option<Rpv>,
    pub(super) log: bool,
    pub(super) remarks: Vec<String>,
    pub(super) highmem: Highmem,
    /// `virt` and its version, if one was named.
    pub(super) machine: Option<String>,
    guest_support: Option<String>,
    rme_guest: Option<String>,
    rpv_text: Option<String>,
    gic_version: Option<String>,
    kvm: bool,
    pflash: bool,
    virtualization: bool,
    dumpdtb: bool,
}

/// Machine properties that move what lies above RAM.
#[derive(Clone, Debug, Default)]
pub(super) struct Highmem {
    pub(super) all: Option<bool>,
    pub(super) ecam: Option<bool>,
    pub(super) mmio: Option<bool>,
    pub(super) redists: Option<bool>,
    pub(super) compact: Option<bool>,
    pub(super) mmio_bytes: Option<u64>,
}

/// Reads a command line.
pub(super) fn parse(argv: &[String]) -> Result<Options, Refusal> {
    let mut options = Options::default();
    let mut words = argv.iter().peekable();
    if words.peek().is_some_and(|word| !word.starts_with('-')) {
        words.next();
    }
    while let Some(word) = words.next() {
        let Some(name) = word.strip_prefix("--").or_else(|| word.strip_prefix('-')) else {
            let why = "a word without an option before it is a disk image; write -drive";
            return Err(refused(word.as_str(), why));
        };
        if FLAGS.contains(&name) {
            options.remarks.push(format!("-{name}: does not touch the RIM"));
            continue;
        }
        if name == "enable-kvm" {
            options.kvm = true;
            continue;
        }
        if !is_known(name) {
            return Err(refused(word.as_str(), "invalid option"));
        }
        let Some(value) = words.next() else {
            return Err(refused(word.as_str(), "requires an argument"));
        };
        options.read(name, value)?;
    }
    Ok(options)
}

fn is_known(name: &str) -> bool {
    const READ: &[&str] = &[
        "M", "accel", "append", "bios", "cpu", "drive", "dtb", "initrd", "kernel", "m", "machine",
        "object", "pflash", "smp",
    ];
    READ.contains(&name) || IGNORED.contains(&name)
}

/// `a=b,c=d`, with doubled commas inside values; a first word without `=` gets the key `implied`.
pub(super) fn properties(text: &str, implied: Option<&str>) -> Vec<(String, Option<String>)> {
    let mut pieces = vec![String::new()];
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if c != ',' {
            pieces.last_mut().expect("one at least").push(c);
        } else if chars.next_if_eq(&',').is_some() {
            pieces.last_mut().expect("one at least").push(',');
        } else {
            pieces.push(String::new());
        }
    }
    let pieces = pieces.into_iter().enumerate().filter(|(_, piece)| !piece.is_empty());
    let property = |(i, piece): (usize, String)| match (piece.split_once('='), implied) {
        (Some((key, value)), _) => (key.to_owned(), Some(value.to_owned())),
        (None, Some(key)) if i == 0 => (key.to_owned(), Some(piece)),
        (None, _) => (piece, None),
    };
    pieces.map(property).collect()
}

impl Options {
    fn read(&mut self, name: &str, value: &str) -> Result<(), Refusal> {
        let text = || Some(value.to_owned());
        match name {
            "kernel" => self.kernel = text(),
            "initrd" => self.initrd = text(),
            "bios" => self.bios = text(),
            "dtb" => self.dtb = text(),
            "cpu" => self.cpu = text(),
            "m" => self.memory.push(value.to_owned()),
            "smp" => self.smp.push(value.to_owned()),
            "M" | "machine" => self.machine(value)?,
            "object" => self.object(value)?,
            "accel" => self.accel(value)?,
            "drive" | "pflash" => {
                self.pflash |= name == "pflash" || value.split(',').any(|part| part == "if=pflash");
                self.remarks.push(format!("-{name}: does not touch the RIM"));
            }
            "append" => {
                self.remarks.push("-append: stands in the device tree that was given".into());
            }
            _ => {
                self.numa |= name == "numa";
                self.remarks
                    .push(format!("-{name}: does not touch the RIM beside the device tree"));
            }
        }
        Ok(())
    }

    fn accel(&mut self, value: &str) -> Result<(), Refusal> {
        let name = value.split([',', ':']).next().unwrap_or_default();
        match name {
            "kvm" => self.kvm = true,
            "tcg" => return Err(refused("-accel", "a Realm runs under KVM, not under tcg")),
            _ => return Err(refused("-accel", format!("invalid accelerator {name}"))),
        }
        Ok(())
    }

    fn machine(&mut self, value: &str) -> Result<(), Refusal> {
        for (key, value) in properties(value, Some("type")) {
            let option = format!("-machine {key}");
            let Some(value) = value else {
                return Err(refused(option, "expected a property with `=`"));
            };
            match key.as_str() {
                "type" => self.machine = Some(value),
                "accel" => self.accel(&value)?,
                "confidential-guest-support" | "memory-encryption" => {
                    self.guest_support = Some(value);
                }
                "gic-version" => self.gic_version = Some(value),
                "virtualization" => self.virtualization = on_off(&option, &value)?,
                "secure" if on_off(&option, &value)? => {
                    return Err(refused(option, "KVM has no secure world"));
                }
                "secure" => {}
                "highmem" => self.highmem.all = Some(on_off(&option, &value)?),
                "highmem-ecam" => self.highmem.ecam = Some(on_off(&option, &value)?),
                "highmem-mmio" => self.highmem.mmio = Some(on_off(&option, &value)?),
                "highmem-redists" => self.highmem.redists = Some(on_off(&option, &value)?),
                "compact-highmem" => self.highmem.compact = Some(on_off(&option, &value)?),
                "highmem-mmio-size" => {
                    self.highmem.mmio_bytes = Some(mmio_size(&option, &value)?);
                }
                "kernel" => self.kernel = Some(value),
                "initrd" => self.initrd = Some(value),
                "firmware" => self.bios = Some(value),
                "dtb" => self.dtb = Some(value),
                "append" => {}
                "dumpdtb" => self.dumpdtb = true,
                "pflash0" | "pflash1" => self.pflash = true,
                known if MACHINE_IGNORED.contains(&known) => {
                    self.remarks.push(format!("{option}: shows in the device tree at most"));
                }
                _ => return Err(refused(option, "virt has no such property")),
            }
        }
        Ok(())
    }

    fn object(&mut self, value: &str) -> Result<(), Refusal> {
        let (kind, properties) = object(value)?;
        if kind != "rme-guest" {
            if kind.starts_with("memory-backend-") || kind.starts_with("iothread") {
                self.remarks.push(format!("-object {kind}: does not touch the RIM"));
                return Ok(());
            }
            let why = "an object that is not known here; a Realm has -object rme-guest,id=…";
            return Err(refused(format!("-object {kind}"), why));
        }
        let mut id = None;
        for (key, value) in properties {
            let option = format!("-object rme-guest,{key}");
            let value = value.ok_or_else(|| refused(option.as_str(), "expected a value"))?;
            match key.as_str() {
                "id" => id = Some(value),
                "measurement-algorithm" | "measurement-algo" => {
                    let algo = HashAlgo::from_name(&value);
                    let why = || format!("{value:?} is neither sha256 nor sha512");
                    self.hash_algo = Some(algo.ok_or_else(|| refused(option, why()))?);
                }
                "measurement-log" => self.log = on_off(&option, &value)?,
                "personalization-value" => self.rpv_text = Some(value),
                _ => return Err(refused(option, "rme-guest has no such property")),
            }
        }
        let why = "Parameter 'id' is missing";
        self.rme_guest = Some(id.ok_or_else(|| refused("-object rme-guest", why))?);
        Ok(())
    }

    /// Refuses what is no Realm, and what a Realm can not be.
    pub(super) fn check_realm(&mut self, version: Version, caps: &Caps) -> Result<(), Refusal> {
        let machine = self.machine.as_deref().unwrap_or_default();
        if machine != "virt" && !machine.starts_with("virt-") {
            let why = format!("{machine:?}; Realms are made with virt");
            return Err(refused("-machine", why));
        }
        if !self.kvm {
            return Err(refused("-accel", "a Realm needs KVM: -accel kvm or -enable-kvm"));
        }
        let support = "-machine confidential-guest-support";
        match (&self.guest_support, &self.rme_guest) {
            (None, _) => {
                let why = "the VM is no Realm: write confidential-guest-support=ID and -object \
                           rme-guest,id=ID";
                return Err(refused(support, why));
            }
            (Some(wanted), Some(found)) if wanted == found => {}
            (Some(wanted), _) => {
                return Err(refused(support, format!("there is no object with the id {wanted:?}")));
            }
        }
        if self.pflash {
            return Err(refused("-drive if=pflash", "a Realm's firmware is given with -bios"));
        }
        if self.kernel.is_none() && self.bios.is_none() && version != Version::RealmVm {
            return Err(refused("-kernel", "a Realm needs -kernel or -bios"));
        }
        if self.initrd.is_some() && self.kernel.is_none() {
            return Err(refused("-initrd", "-initrd only allowed with -kernel option"));
        }
        if self.virtualization {
            let why = "KVM does not offer EL2 to a Realm";
            return Err(refused("-machine virtualization", why));
        }
        let gic = self.gic_version.as_deref().unwrap_or("3");
        match gic {
            "3" | "host" | "max" if caps.gicv3 => {}
            "3" | "host" | "max" => {
                return Err(refused("-machine gic-version", "the host has no GICv3"));
            }
            _ => {
                let why = format!("{gic:?}; a Realm has a GICv3");
                return Err(refused("-machine gic-version", why));
            }
        }
        if self.dumpdtb {
            let why = "dumpdtb= writes the device tree and ends; leave it out to measure";
            self.remarks.push(why.into());
        }
        self.rpv = match &self.rpv_text {
            Some(text) if version == Version::CcaV3 => Some(rpv_of_hex(text)?),
            Some(text) => Some(rpv_of_base64(RPV, text)?),
            None => None,
        };
        Ok(())
    }
}

const RPV: &str = "-object rme-guest,personalization-value";

fn mmio_size(option: &str, value: &str) -> Result<u64, Refusal> {
    let bytes = size(value, 1).map_err(|why| refused(option, why))?;
    if bytes < 512 << 30 || !bytes.is_power_of_two() {
        return Err(refused(option, "a power of two from 512 GiB on is wanted"));
    }
    Ok(bytes)
}

/// Hexadecimal digits from the left; an odd number gives the first byte one digit.
fn rpv_of_hex(text: &str) -> Result<Rpv, Refusal> {
    let digits: Option<Vec<u8>> =
        text.chars().map(|c| c.to_digit(16).and_then(|d| u8::try_from(d).ok())).collect();
    let digits = digits.filter(|digits| digits.len() <= 128);
    let Some(mut digits) = digits else {
        return Err(refused(RPV, "at most 128 hexadecimal digits are wanted"));
    };
    if digits.len() % 2 == 1 {
        digits.insert(0, 0);
    }
    let mut rpv = [0; 64];
    for (byte, pair) in rpv.iter_mut().zip(digits.chunks(2)) {
        *byte = pair[0] << 4 | pair[1];
    }
    Ok(rpv)
}

/// Base64 of exactly 64 bytes.
pub(in crate::host) fn rpv_of_base64(option: &str, text: &str) -> Result<Rpv, Refusal> {
    let value = |c: u8| match c {
        b'A'..=b'Z' => Some(c - b'A'),
        b'a'..=b'z' => Some(c - b'a' + 26),
        b'0'..=b'9' => Some(c - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    };
    let plain = text.trim_end_matches('=');
    let sextets: Option<Vec<u8>> = plain.bytes().map(value).collect();
    let bytes = |sextets: &[u8]| -> Vec<u8> {
        let bits: Vec<u8> =
            sextets.iter().flat_map(|s| (0..6).rev().map(move |i| s >> i & 1)).collect();
        bits.chunks_exact(8).map(|bits| bits.iter().fold(0, |byte, bit| byte << 1 | bit)).collect()
    };
    let rpv = sextets.and_then(|sextets| Rpv::try_from(bytes(&sextets)).ok());
    rpv.ok_or_else(|| refused(option, "base64 of exactly 64 bytes is wanted"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commas_are_doubled_inside_values() {
        let found = properties("virt,a=b,,c,d=", Some("type"));
        let expected = [("type", Some("virt")), ("a", Some("b,c")), ("d", Some(""))];
        let expected: Vec<_> =
            expected.iter().map(|(k, v)| ((*k).to_owned(), v.map(str::to_owned))).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn personalization_values() {
        assert_eq!(rpv_of_hex("12345").unwrap()[..4], [0x01, 0x23, 0x45, 0]);
        assert!(rpv_of_hex(&"a".repeat(129)).is_err());
        let text = format!("{}==", "Ag".repeat(43));
        assert!(rpv_of_base64(RPV, &text).is_ok());
        assert!(rpv_of_base64(RPV, "AAAA").is_err());
    }
}
