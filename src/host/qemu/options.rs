//! QEMU's options, as QEMU reads them.

use super::backends::Backend;
use super::devices::Device;
use super::drives::Drives;
use super::machine_options::MachineOptions;
use super::option_names::{Reach, names, reach};
use super::realm::{INITDATA, RmeGuest};
use super::version::Version;
use super::words::{last, words_or_json};
use super::{size, smp};
use crate::encoding::nearest::DidYouMean;
use crate::host::overrides::Overrides;
use crate::host::vm::Refusal;
use crate::host::vmm::refused;

/// What was read. Repeated options overwrite each other as in QEMU.
#[derive(Clone, Debug, Default)]
pub(super) struct Options {
    pub(super) kernel: Option<String>,
    pub(super) initrd: Option<String>,
    pub(super) bios: Option<String>,
    pub(super) dtb: Option<String>,
    pub(super) append: Option<String>,
    /// Values of `-m`, which count before what `-machine` says of memory.
    pub(super) memory: Vec<String>,
    pub(super) smp: Vec<String>,
    pub(super) cpu: Option<String>,
    /// `-global` for processors: drivers, and properties with their values.
    pub(super) cpu_globals: Vec<(String, String)>,
    pub(super) numa: Vec<String>,
    pub(super) backends: Vec<Backend>,
    pub(super) serials: Vec<String>,
    /// `-device` and what else makes devices.
    pub(super) devices: Vec<Device>,
    pub(super) drives: Drives,
    /// Identifiers that are taken, with what they are of.
    pub(super) ids: Vec<(&'static str, String)>,
    /// Network cards that the machine makes.
    pub(super) nics: Nics,
    pub(super) rme_guests: Vec<RmeGuest>,
    pub(super) machine: MachineOptions,
    pub(super) no_acpi: bool,
    /// The option that gives firmware as a flash image.
    pub(super) pflash: Option<&'static str>,
    /// Options that may change the device tree in a way that is not modelled, and what helps.
    pub(super) unmodelled: Vec<(String, &'static str)>,
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

/// A word that is no option, with the one that was perhaps meant.
fn no_option(word: &str, name: &str, version: Version) -> Refusal {
    let meant = DidYouMean::option("-", name, names(version.release));
    refused(word, format!("invalid option{meant}"))
}

/// Reads a command line.
pub(super) fn parse(argv: &[String], version: Version) -> Result<Options, Refusal> {
    let nics = Nics { count: 0, is_default: true };
    let mut options = Options { nics, ..Options::default() };
    let has_program = argv.first().is_some_and(|word| !word.starts_with('-'));
    options.read_words(&argv[usize::from(has_program)..], version)?;
    Ok(options)
}

impl Options {
    fn read_words(&mut self, words: &[String], version: Version) -> Result<(), Refusal> {
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let Some(name) = word.strip_prefix("--").or_else(|| word.strip_prefix('-')) else {
                let why = "a word without an option before it is a disk image; write -drive";
                return Err(refused(word.as_str(), why));
            };
            match reach(name, version.release) {
                None => return Err(no_option(word, name, version)),
                Some(Reach::Refused(why)) => return Err(refused(word.as_str(), why)),
                Some(Reach::Flag) => {
                    self.remarks.push(format!("-{name}: does not touch the RIM"));
                }
                Some(Reach::ReadFlag) => match name {
                    "enable-kvm" => self.accels.push("kvm".into()),
                    "no-acpi" => self.no_acpi = true,
                    "nodefaults" => self.nics.is_default = false,
                    // One serial port, as without it.
                    _ => {}
                },
                Some(Reach::Value | Reach::Read) => {
                    let value = words.next();
                    let value =
                        value.ok_or_else(|| refused(word.as_str(), "requires an argument"))?;
                    self.read(name, value, version)?;
                }
            }
        }
        Ok(())
    }

    /// Takes an option out, wherever it stands.
    fn leave_out(&mut self, name: &str) -> Result<(), Refusal> {
        match name {
            "kernel" => self.kernel = None,
            "initrd" => self.initrd = None,
            "bios" => self.bios = None,
            "dtb" => self.dtb = None,
            "append" => self.append = None,
            "m" => self.memory.clear(),
            "smp" => self.smp.clear(),
            "numa" => self.numa.clear(),
            "serial" => self.serials.clear(),
            "cpu" => self.cpu = None,
            _ => return Err(refused(format!("-{name}"), "is not known how to be left out")),
        }
        Ok(())
    }

    /// Puts values in the place of those that were read, or behind them.
    ///
    /// # Errors
    /// If the object is missing whose property one of them is, or QEMU does not take the words that
    /// are added.
    pub(super) fn apply(&mut self, overrides: &Overrides, version: Version) -> Result<(), Refusal> {
        let Overrides { cpus, mem_bytes, append, log, rpv, payload_window_bytes, options } =
            overrides;
        options.without.iter().try_for_each(|name| self.leave_out(name))?;
        self.read_words(&smp::following(self, &options.with), version)?;
        if payload_window_bytes.is_some() {
            let why = "QEMU has no such window: it is kvmtool's";
            return Err(refused("--payload-window", why));
        }
        let words = cpus.map(|count| smp::with_cpus(self, count));
        self.smp.extend(words);
        self.memory.extend(mem_bytes.map(|bytes| format!("size={bytes}b")));
        if mem_bytes.is_some() || options.with.iter().any(|word| word == "-m") {
            self.backend_follows(version)?;
        }
        if append.is_some() {
            self.append.clone_from(append);
        }
        if log.is_none() && rpv.is_none() {
            return Ok(());
        }
        let support = self.machine.guest_support.as_deref();
        let guest = self.rme_guests.iter_mut().find(|guest| support == Some(guest.id.as_str()));
        let Some(guest) = guest else {
            let why = "the VM has no object of its own to have this property";
            let place = if log.is_some() { "-object rme-guest,measurement-log" } else { INITDATA };
            return Err(refused(place, why));
        };
        guest.log = log.unwrap_or(guest.log);
        rpv.map_or(Ok(()), |rpv| guest.set_rpv(rpv, version))
    }

    /// RAM from a backend has the backend's size, and QEMU wants both to be the same: who changes
    /// one changes the other.
    fn backend_follows(&mut self, version: Version) -> Result<(), Refusal> {
        let said = size::ram_said(self, version.release)?;
        let name = self.machine.memory_backend.as_deref();
        let backend = self.backends.iter_mut().find(|backend| Some(&*backend.id) == name);
        if let (Some(backend), Some(bytes)) = (backend, said) {
            backend.size_bytes = bytes;
        }
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
            "object" => self.object(value, version)?,
            "accel" => self.accel(value),
            "device" => self.device(value)?,
            "virtfs" => self.devices.push(Device::of_virtfs()),
            "net" | "netdev" | "nic" => self.network(name, value)?,
            "drive" | "pflash" | "hda" | "hdb" | "hdc" | "hdd" | "cdrom" => {
                self.drive(name, value)?;
            }
            "global" => self.global(value)?,
            "chardev" | "blockdev" => self.backend(name, value)?,
            "boot" => self.boot(value)?,
            _ => self.remarks.push(format!("-{name}: does not touch the RIM")),
        }
        Ok(())
    }

    fn accel(&mut self, value: &str) {
        let name = value.split(',').next().unwrap_or_default();
        self.accels.push(name.strip_prefix("accel=").unwrap_or(name).to_owned());
    }

    fn network(&mut self, name: &str, value: &str) -> Result<(), Refusal> {
        self.nics.is_default = false;
        let parts = words_or_json(&format!("-{name}"), value, "type")?;
        if name == "netdev" {
            self.claim("netdev", "-netdev", last(&parts, "id"))?;
        }
        let kind = parts.first().and_then(|(_, kind)| kind.as_deref()).unwrap_or_default();
        self.nics.count += match (name, kind) {
            ("nic", "none") => 0,
            ("nic", _) | ("net", "nic") => 1,
            _ => 0,
        };
        self.remarks.push(format!("-{name}: does not touch the RIM"));
        Ok(())
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
