//! cloud-hypervisor's options.

use crate::abi::params::Rpv;
use crate::encoding::nearest::DidYouMean;
use crate::encoding::text::from_hex;
use crate::host::caps::Caps;
use crate::host::overrides::{OptionChange, Overrides};
use crate::host::qemu::{rpv_filled_up, rpv_of_base64};
use crate::host::vm::{Assumed, Refusal, VcpuFeatures};
use crate::host::vmm::{no_such, on_off, refused};
use crate::measure::rim::HashAlgo;

/// Options that take values and do not touch the RIM when the device tree is given.
pub(super) const IGNORED: &[&str] = &[
    "api-socket",
    "balloon",
    "cmdline",
    "console",
    "debug-console",
    "device",
    "disk",
    "event-monitor",
    "fs",
    "gdb",
    "log-file",
    "net",
    "numa",
    "pci-segment",
    "pmem",
    "pvpanic",
    "rate-limit-group",
    "rng",
    "seccomp",
    "serial",
    "sgx-epc",
    "tpm",
    "user-device",
    "vdpa",
    "vsock",
    "watchdog",
    "landlock",
    "landlock-rules",
];

/// Options that are read.
const READ: &[&str] = &["cpus", "dtb", "firmware", "initramfs", "kernel", "memory", "platform"];

/// What is said of a property that there is not.
const UNKNOWN: &str = "unknown option";
/// The properties of `--memory`, `--cpus` and `--platform`.
const OF_MEMORY: [&str; 10] = [
    "hotplug_method",
    "hotplug_size",
    "hotplugged_size",
    "hugepage_size",
    "hugepages",
    "mergeable",
    "prefault",
    "shared",
    "size",
    "thp",
];
const OF_CPUS: [&str; 8] =
    ["affinity", "boot", "features", "kvm_hyperv", "max", "max_phys_bits", "nested", "topology"];
const OF_PLATFORM: [&str; 11] = [
    "arm_rme",
    "arm_rmi",
    "iommu_address_width",
    "iommu_segments",
    "measurement_algo",
    "measurement_algorithm",
    "num_pci_segments",
    "oem_strings",
    "personalization_value",
    "serial_number",
    "uuid",
];

/// What was read.
#[derive(Clone, Debug, Default)]
pub(super) struct Options {
    pub(super) kernel: Option<String>,
    pub(super) initramfs: Option<String>,
    /// The device tree that takes the place of cloud-hypervisor's own.
    pub(super) dtb: Option<String>,
    /// Whether there is firmware; no known layout has a place for it.
    pub(super) firmware: bool,
    pub(super) ram_bytes: Option<u64>,
    pub(super) cpus: u32,
    /// Whether somebody said how many vCPUs.
    has_cpus: bool,
    most_cpus: Option<u32>,
    pub(super) hash_algo: Option<HashAlgo>,
    rpv_text: Option<String>,
    pub(super) remarks: Vec<String>,
    realm: bool,
}

/// A word that is no option, with the one that was perhaps meant.
fn no_option(option: &str, name: &str) -> Refusal {
    let meant = DidYouMean::option("--", name, READ.iter().chain(IGNORED).copied());
    refused(option, format!("unexpected argument{meant}"))
}

/// Reads a command line.
pub(super) fn parse(argv: &[String], overrides: &Overrides) -> Result<Options, Refusal> {
    let mut options = Options { cpus: 1, ..Options::default() };
    let argv = changed(argv, &overrides.options);
    let mut words = argv.iter().peekable();
    if words.peek().is_some_and(|word| !word.starts_with('-')) {
        words.next();
    }
    let mut seen = Vec::new();
    while let Some(word) = words.next() {
        if word.len() > 1 && word.trim_start_matches('-') == "v".repeat(word.len() - 1) {
            continue;
        }
        let Some(name) = word.strip_prefix("--") else {
            return Err(refused(word.as_str(), "unexpected argument"));
        };
        let (name, mut values) = match name.split_once('=') {
            Some((name, value)) => (name, vec![value.to_owned()]),
            None => (name, Vec::new()),
        };
        while let Some(value) = words.next_if(|next| !next.starts_with('-')) {
            values.push(value.clone());
        }
        let option = format!("--{name}");
        if !READ.contains(&name) && !IGNORED.contains(&name) {
            return Err(no_option(&option, name));
        }
        if seen.contains(&name) {
            return Err(refused(option, "cannot be used multiple times"));
        }
        seen.push(name);
        options.read(name, &option, &values)?;
    }
    options.apply(overrides)?;
    if options.most_cpus.is_some_and(|most| most < options.cpus) {
        return Err(refused("--cpus max", "is less than boot"));
    }
    Ok(options)
}

/// The words without the options that are left out, and with others behind them. Each option can
/// be there once, so those take the place of what has their names.
fn changed(argv: &[String], change: &OptionChange) -> Vec<String> {
    let name = |word: &str| {
        let name = word.strip_prefix("--")?;
        Some(name.split_once('=').map_or(name, |(name, _)| name).to_owned())
    };
    let others: Vec<String> =
        change.with.iter().filter_map(|word| name(word)).chain(change.without.clone()).collect();
    let mut words = Vec::new();
    let mut is_gone = false;
    for word in argv {
        if let Some(name) = name(word) {
            is_gone = others.contains(&name);
        }
        if !is_gone {
            words.push(word.clone());
        }
    }
    words.extend_from_slice(&change.with);
    words
}

impl Options {
    /// Puts values in the place of those that were read.
    fn apply(&mut self, overrides: &Overrides) -> Result<(), Refusal> {
        // The words were changed before they were read.
        let Overrides { cpus, mem_bytes, append, log, rpv, payload_window_bytes, options: _ } =
            overrides;
        if rpv.is_some() {
            let why = "kata starts Realms with QEMU; write --platform personalization_value=";
            return Err(refused("--initdata", why));
        }
        if payload_window_bytes.is_some() {
            let why = "cloud-hypervisor has no such window: it is kvmtool's";
            return Err(refused("--payload-window", why));
        }
        if let Some(cpus) = *cpus {
            self.cpus = cpu_count("--cpus boot", Some(cpus), &cpus.to_string())?;
            self.has_cpus = true;
        }
        self.ram_bytes = mem_bytes.or(self.ram_bytes);
        if append.is_some() {
            let why = "stands in the device tree, which has to be given";
            return Err(refused("--cmdline", why));
        }
        if log.is_some() {
            let why = "cloud-hypervisor has no measurement log";
            return Err(refused("--platform measurement_log", why));
        }
        Ok(())
    }

    fn read(&mut self, name: &str, option: &str, values: &[String]) -> Result<(), Refusal> {
        if IGNORED.contains(&name) {
            self.remarks.push(format!("{option}: does not touch the RIM beside the device tree"));
            return Ok(());
        }
        let [value] = values else {
            let why = format!("takes one value and has {}", values.len());
            return Err(refused(option, why));
        };
        match name {
            "kernel" => self.kernel = Some(value.clone()),
            "initramfs" => self.initramfs = Some(value.clone()),
            "dtb" => self.dtb = Some(value.clone()),
            "firmware" => self.firmware = true,
            "memory" => self.memory(value)?,
            "cpus" => self.read_cpus(value)?,
            _ => self.platform(value)?,
        }
        Ok(())
    }

    fn memory(&mut self, value: &str) -> Result<(), Refusal> {
        for (key, value) in properties("--memory", value)? {
            let option = format!("--memory {key}");
            match key {
                "size" => {
                    let bytes = byte_size(value).ok_or_else(|| {
                        refused(option, format!("{value:?} is not a size; 512M and 1G are"))
                    })?;
                    self.ram_bytes = Some(bytes);
                }
                "hugepages" | "hugepage_size" | "mergeable" | "prefault" | "shared" | "thp" => {
                    self.remarks.push(format!("{option}: does not touch the RIM"));
                }
                "hotplug_method" | "hotplug_size" | "hotplugged_size" => {
                    return Err(refused(option, "a Realm's memory can not be hotplugged"));
                }
                _ => return Err(no_such(option, UNKNOWN, key, OF_MEMORY)),
            }
        }
        Ok(())
    }

    fn read_cpus(&mut self, value: &str) -> Result<(), Refusal> {
        for (key, value) in properties("--cpus", value)? {
            let option = format!("--cpus {key}");
            let count = || cpu_count(&option, value.parse().ok(), value);
            match key {
                "boot" => (self.cpus, self.has_cpus) = (count()?, true),
                "max" => self.most_cpus = Some(count()?),
                "affinity" | "features" | "kvm_hyperv" | "max_phys_bits" | "nested"
                | "topology" => {
                    self.remarks.push(format!("{option}: does not touch the RIM"));
                }
                _ => return Err(no_such(option, UNKNOWN, key, OF_CPUS)),
            }
        }
        Ok(())
    }

    fn platform(&mut self, value: &str) -> Result<(), Refusal> {
        for (key, value) in properties("--platform", value)? {
            let option = format!("--platform {key}");
            match key {
                "arm_rme" | "arm_rmi" => self.realm = on_off(&option, value)?,
                "measurement_algo" | "measurement_algorithm" => {
                    let algo =
                        HashAlgo::from_name(value).filter(|algo| HashAlgo::ALL_1_0.contains(algo));
                    let why = format!("{value:?} is neither sha256 nor sha512");
                    self.hash_algo = Some(algo.ok_or_else(|| refused(option, why))?);
                }
                "personalization_value" => self.rpv_text = Some(value.to_owned()),
                "iommu_address_width"
                | "iommu_segments"
                | "num_pci_segments"
                | "oem_strings"
                | "serial_number"
                | "uuid" => {
                    self.remarks.push(format!("{option}: does not touch the RIM"));
                }
                _ => return Err(no_such(option, UNKNOWN, key, OF_PLATFORM)),
            }
        }
        Ok(())
    }

    /// The personalization value, in hexadecimal or as base64 of 64 bytes; `short` ones of base64
    /// are filled up with zeros.
    pub(super) fn rpv(&self, short: bool) -> Result<Option<Rpv>, Refusal> {
        let option = "--platform personalization_value";
        let read = |text: &String| match from_hex(text) {
            _ if short => rpv_filled_up(option, text),
            Ok(bytes) if !bytes.is_empty() => {
                let mut rpv = [0; 64];
                let start = rpv.get_mut(..bytes.len());
                let why = || format!("{} bytes; 64 are the most", bytes.len());
                start.ok_or_else(|| refused(option, why()))?.copy_from_slice(&bytes);
                Ok(rpv)
            }
            _ => rpv_of_base64(option, text),
        };
        self.rpv_text.as_ref().map(read).transpose()
    }

    /// What is taken where the command line is silent. The series for `rmi` has one algorithm.
    pub(super) fn assumed(&self, rmi: bool, features: &VcpuFeatures) -> Vec<Assumed> {
        let mut assumed = features.assumed();
        let mut add = |key, value: &str, option, text: &str| {
            let (value, text) = (value.into(), text.into());
            assumed.push(Assumed { key, value, text, option });
        };
        if self.ram_bytes.is_none() {
            add("ram", "512 MiB", "--memory size", "RAM is 512 MiB, cloud-hypervisor's default");
        }
        if !self.has_cpus {
            add("vcpus", "1", "--cpus boot", "one vCPU, cloud-hypervisor's default");
        }
        if self.hash_algo.is_none() && !rmi {
            let text = "the hash algorithm is sha512, cloud-hypervisor's default";
            add("hash", "sha512", "--platform measurement_algo", text);
        }
        if self.firmware {
            let text = "the firmware is not in the model, so this is no prediction";
            add("firmware", "left out", "--firmware", text);
        }
        assumed
    }

    /// Refuses what is no Realm, and what the host does not offer.
    pub(super) fn check(&self, caps: &Caps) -> Result<(), Refusal> {
        if !self.realm {
            return Err(refused("--platform", "the VM is no Realm: write --platform arm_rme=on"));
        }
        if self.cpus > caps.max_vcpus {
            let why = format!("{} vCPUs; KVM offers {}", self.cpus, caps.max_vcpus);
            return Err(refused("--cpus boot", why));
        }
        if !caps.gicv3 {
            return Err(refused("--platform", "the host has no GICv3"));
        }
        Ok(())
    }
}

/// A number of vCPUs, as `text` says it.
fn cpu_count(option: &str, count: Option<u32>, text: &str) -> Result<u32, Refusal> {
    let found = count.filter(|count| (1..255).contains(count));
    found.ok_or_else(|| refused(option, format!("{text:?} is not a number from 1 to 254")))
}

/// `a=b,c=d`; commas inside brackets belong to the value.
fn properties<'t>(option: &str, text: &'t str) -> Result<Vec<(&'t str, &'t str)>, Refusal> {
    let mut depth = 0_i64;
    let pieces = text.split(|c: char| {
        depth += i64::from(c == '[') - i64::from(c == ']');
        c == ',' && depth == 0
    });
    let property = |piece: &'t str| {
        piece.split_once('=').ok_or_else(|| refused(option, format!("{piece:?} has no value")))
    };
    pieces.filter(|piece| !piece.is_empty()).map(property).collect()
}

/// A number of bytes in decimal, perhaps with one of the suffixes K, M and G.
fn byte_size(text: &str) -> Option<u64> {
    let text = text.trim();
    let unit: u64 = match text.bytes().next_back()? {
        b'K' => 1 << 10,
        b'M' => 1 << 20,
        b'G' => 1 << 30,
        _ => 1,
    };
    // The last suffix counts, and others before it are no mistake.
    let digits = text.trim_end_matches(['K', 'M', 'G']);
    digits.parse::<u64>().ok()?.checked_mul(unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        for (text, bytes) in [
            ("4096", Some(4096)),
            ("1K", Some(1 << 10)),
            ("512M", Some(512 << 20)),
            ("17179869183G", Some(17_179_869_183 << 30)),
            ("17179869184G", None),
            ("0x10", None),
            ("-1", None),
            ("G", None),
            ("1T", None),
            ("", None),
        ] {
            assert_eq!(byte_size(text), bytes, "{text}");
        }
    }
}
