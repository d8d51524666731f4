//! QEMU's options, as QEMU reads them.

use super::machine_options::MachineOptions;
use super::object::object;
use super::pci::is_known;
use super::realm::RmeGuest;
use super::size::size;
use super::version::Version;
use super::words::{properties, required};
use crate::host::overrides::Overrides;
use crate::host::vm::Refusal;
use crate::host::vmm::refused;

/// Options that take no value and do not touch the RIM.
const FLAGS: &[&str] = &[
    "S",
    "daemonize",
    "no-reboot",
    "no-shutdown",
    "no-user-config",
    "only-migratable",
    "s",
    "snapshot",
    "full-screen",
];
/// Options that take a value and do not touch the RIM or the device tree.
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
    "display",
    "fsdev",
    "fw_cfg",
    "gdb",
    "hda",
    "hdb",
    "icount",
    "k",
    "mem-path",
    "mon",
    "monitor",
    "msg",
    "name",
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
    "smbios",
    "tpmdev",
    "trace",
    "uuid",
    "vga",
    "vnc",
    "watchdog-action",
    "audio-help",
];
/// Options that take a value and are read.
const READ: &[&str] = &[
    "M", "accel", "append", "bios", "cpu", "device", "drive", "dtb", "global", "initrd", "kernel",
    "m", "machine", "net", "netdev", "nic", "numa", "object", "pflash", "serial", "set", "smp",
    "virtfs",
];

/// What was read. Repeated options overwrite each other as in QEMU.
#[derive(Clone, Debug, Default)]
pub(super) struct Options {
    pub(super) kernel: Option<String>,
    pub(super) initrd: Option<String>,
    pub(super) bios: Option<String>,
    pub(super) dtb: Option<String>,
    pub(super) append: Option<String>,
    pub(super) memory: Vec<String>,
    pub(super) smp: Vec<String>,
    pub(super) cpu: Option<String>,
    pub(super) numa: Vec<String>,
    /// `-object memory-backend-…`: identifiers and sizes in bytes.
    pub(super) backends: Vec<(String, u64)>,
    pub(super) serials: Vec<String>,
    /// `-device` and what else makes devices in its order.
    pub(super) devices: Vec<String>,
    /// Network cards that the machine makes.
    pub(super) nics: Nics,
    pub(super) rme_guests: Vec<RmeGuest>,
    pub(super) machine: MachineOptions,
    pub(super) no_acpi: bool,
    /// Firmware is given as a flash image.
    pub(super) pflash: bool,
    /// Options that may change the device tree in a way that is not modelled.
    pub(super) unmodelled: Vec<String>,
    pub(super) remarks: Vec<String>,
    /// Accelerators by name, the one to try first first.
    pub(super) accels: Vec<String>,
}

/// Network cards without `-device`.
#[derive(Clone, Debug, Default)]
pub(super) struct Nics {
    pub(super) count: usize,
    /// Whether nothing was said, so that there is one.
    pub(super) is_default: bool,
}

/// Reads a command line.
pub(super) fn parse(argv: &[String], version: Version) -> Result<Options, Refusal> {
    let nics = Nics { count: 0, is_default: true };
    let mut options = Options { nics, ..Options::default() };
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
        match name {
            "enable-kvm" => options.accels.push("kvm".into()),
            "no-acpi" => options.no_acpi = true,
            "nodefaults" => options.nics.is_default = false,
            // One serial port, as without it.
            "nographic" => {}
            _ if !READ.contains(&name) && !IGNORED.contains(&name) => {
                return Err(refused(word.as_str(), "invalid option"));
            }
            _ => {
                let value = words.next();
                let value = value.ok_or_else(|| refused(word.as_str(), "requires an argument"))?;
                options.read(name, value, version)?;
            }
        }
    }
    Ok(options)
}

impl Options {
    /// Puts values in the place of those that were read, or behind them.
    ///
    /// # Errors
    /// If the object is missing whose property one of them is.
    pub(super) fn apply(&mut self, overrides: &Overrides) -> Result<(), Refusal> {
        let Overrides { cpus, mem_bytes, append, log, payload_window_bytes } = overrides;
        if payload_window_bytes.is_some() {
            let why = "QEMU has no such window: it is kvmtool's";
            return Err(refused("--payload-window", why));
        }
        self.smp.extend(cpus.map(|count| format!("cpus={count}")));
        self.memory.extend(mem_bytes.map(|bytes| format!("size={bytes}b")));
        if append.is_some() {
            self.append.clone_from(append);
        }
        let Some(log) = *log else { return Ok(()) };
        let support = self.machine.guest_support.as_deref();
        let guest = self.rme_guests.iter_mut().find(|guest| support == Some(guest.id.as_str()));
        let Some(guest) = guest else {
            let why = "the VM has no object of its own to have this property";
            return Err(refused("-object rme-guest,measurement-log", why));
        };
        guest.log = log;
        Ok(())
    }

    fn read(&mut self, name: &str, value: &str, version: Version) -> Result<(), Refusal> {
        let text = || Some(value.to_owned());
        match name {
            "kernel" => self.kernel = text(),
            "initrd" => self.initrd = text(),
            "bios" => self.bios = text(),
            "dtb" => self.dtb = text(),
            "append" => self.append = text(),
            "cpu" => self.cpu = text(),
            "m" => self.memory.push(value.to_owned()),
            "smp" => self.smp.push(value.to_owned()),
            "numa" => self.numa.push(value.to_owned()),
            "serial" => self.serials.push(value.to_owned()),
            "M" | "machine" => self.read_machine(value, version)?,
            "object" => self.object(value)?,
            "accel" => self.accel(value),
            "device" => self.device(value),
            // A PCI device that shares a folder.
            "virtfs" => self.devices.push("virtio-9p-pci".into()),
            "net" | "netdev" | "nic" => self.network(name, value),
            "drive" | "pflash" => {
                self.pflash |= name == "pflash" || value.split(',').any(|part| part == "if=pflash");
                self.remarks.push(format!("-{name}: does not touch the RIM"));
            }
            "global" | "set" => self.unmodelled.push(format!("-{name} {value}")),
            _ => self.remarks.push(format!("-{name}: does not touch the RIM")),
        }
        Ok(())
    }

    fn accel(&mut self, value: &str) {
        let name = value.split(',').next().unwrap_or_default();
        self.accels.push(name.strip_prefix("accel=").unwrap_or(name).to_owned());
    }

    fn device(&mut self, value: &str) {
        let kind = properties(value, Some("driver")).into_iter().find(|(key, _)| key == "driver");
        let kind = kind.and_then(|(_, kind)| kind).unwrap_or_default();
        if !is_known(&kind) {
            self.unmodelled.push(format!("-device {kind}"));
        }
        self.devices.push(value.to_owned());
    }

    fn network(&mut self, name: &str, value: &str) {
        self.nics.is_default = false;
        let kind = value.split(',').next().unwrap_or_default();
        self.nics.count += match (name, kind) {
            ("nic", "none") => 0,
            ("nic", _) | ("net", "nic") => 1,
            _ => 0,
        };
        self.remarks.push(format!("-{name}: does not touch the RIM"));
    }

    fn object(&mut self, value: &str) -> Result<(), Refusal> {
        let (kind, properties) = object(value)?;
        if kind == "rme-guest" {
            let guest = RmeGuest::read(properties.into_iter())?;
            if self.rme_guests.iter().any(|other| other.id == guest.id) {
                let why = format!("attempt to add a second object with the id {:?}", guest.id);
                return Err(refused("-object rme-guest,id", why));
            }
            self.rme_guests.push(guest);
            return Ok(());
        }
        if kind.starts_with("memory-backend-") {
            let (mut id, mut bytes) = (String::new(), 0);
            for (key, value) in properties {
                let option = format!("-object {kind},{key}");
                match key.as_str() {
                    "id" => id = required(&option, value)?,
                    "size" => {
                        let text = required(&option, value)?;
                        bytes = size(&text, 1).map_err(|why| refused(option, why))?;
                    }
                    _ => {}
                }
            }
            self.backends.push((id, bytes));
        } else if !["iothread", "throttle-", "secret", "tls-", "rng-", "filter-", "can-"]
            .iter()
            .any(|start| kind.starts_with(start))
        {
            let why = "an object that is not known here; a Realm has -object rme-guest,id=…";
            return Err(refused(format!("-object {kind}"), why));
        }
        self.remarks.push(format!("-object {kind}: does not touch the RIM"));
        Ok(())
    }

    /// Refuses devices that put something into memory.
    pub(super) fn check_blobs(&self) -> Result<(), Refusal> {
        let mut kinds = self.devices.iter().filter_map(|text| text.split(',').next());
        match kinds.find(|kind| ["loader", "guest-loader"].contains(kind)) {
            Some(kind) => {
                let why = "puts contents into memory, which is not modelled";
                Err(refused(format!("-device {kind}"), why))
            }
            None => Ok(()),
        }
    }

    /// Whether the VM runs under KVM: the first accelerator that is named and exists.
    pub(super) fn has_kvm(&self) -> bool {
        self.accels.first().is_some_and(|name| name == "kvm")
    }

    /// Whether TCG is named, and KVM not before it.
    pub(super) fn is_tcg_first(&self) -> bool {
        self.accels.first().is_some_and(|name| name == "tcg")
    }
}
