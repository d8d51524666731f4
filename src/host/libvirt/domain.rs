//! From a domain to the words of QEMU's command line.

use roxmltree::{Document, ParsingOptions};
use serde_json::json;

use super::devices::devices;
use super::element::Element;
use super::memory::{self, RAM_ID, smp};
use super::places::Places;
use crate::encoding::nearest::DidYouMean;

/// Most bytes of a domain.
pub const MAX_DOMAIN_BYTES: u64 = 4 << 20;
/// Most elements, attributes and texts of a domain.
const MAX_NODES: u32 = 100_000;
/// The namespace of QEMU's own words.
const QEMU: &str = "http://libvirt.org/schemas/domain/qemu/1.0";
/// What of a domain does not reach a Realm.
const IGNORED: &[&str] = &[
    "blkiotune",
    "clock",
    "cputune",
    "currentMemory",
    "defaultiothread",
    "description",
    "genid",
    "idmap",
    "iothreadids",
    "iothreads",
    "keywrap",
    "memoryBacking",
    "memtune",
    "metadata",
    "name",
    "numatune",
    "on_crash",
    "on_lockfailure",
    "on_poweroff",
    "on_reboot",
    "perf",
    "pm",
    "resource",
    "seclabel",
    "sysinfo",
    "throttlegroups",
    "title",
    "uuid",
];
/// What is read elsewhere.
const READ: &[&str] =
    &["cpu", "devices", "features", "launchSecurity", "maxMemory", "memory", "os", "vcpu"];

/// The command line that libvirt makes of a domain, and where the domain says it.
#[derive(Clone, Debug)]
pub struct Domain {
    /// The words, the program's name first.
    pub words: Vec<String>,
    places: Places,
}

impl Domain {
    /// Reads a domain.
    ///
    /// # Errors
    /// If it is no XML, has a document type, is no domain of the machine `virt`, or says something
    /// of which it is not known whether it reaches the guest; with line and column, and the line.
    ///
    /// # Bounds
    /// Time and memory grow with the length, memory by at most 300 bytes for each byte.
    pub fn read(xml: &str) -> Result<Self, String> {
        // Without a document type there are no entities to grow.
        let options =
            ParsingOptions { allow_dtd: false, nodes_limit: MAX_NODES, ..Default::default() };
        let document =
            Document::parse_with_options(xml, options).map_err(|error| error.to_string())?;
        let domain = Element::new(document.root_element());
        if domain.name() != "domain" {
            return Err(domain.error("is no domain; virsh dumpxml NAME shows one"));
        }
        Ok(Self { words: words(domain)?, places: Places::of(domain, xml) })
    }

    /// A refusal of QEMU in the domain's words: line, column and name of the element, why, and the
    /// line. `place` is what QEMU calls it. `None` if no element says it.
    #[must_use]
    pub fn told(&self, place: &str, why: &str) -> Option<String> {
        self.places.told(place, why)
    }
}

/// The command line that libvirt makes of a domain, the program's name first.
///
/// # Errors
/// As [`Domain::read`].
pub fn argv(xml: &str) -> Result<Vec<String>, String> {
    Domain::read(xml).map(|domain| domain.words)
}

fn words(domain: Element<'_>) -> Result<Vec<String>, String> {
    check_elements(domain)?;
    let found = devices(domain)?;
    let emulator = domain.find(&["devices", "emulator"]).map(Element::text);
    let mut words = vec![emulator.unwrap_or_else(|| "qemu-system-aarch64".to_owned())];
    let name = domain.text_of("name").unwrap_or_else(|| "domain".to_owned()).replace(',', ",,");
    words.extend(["-name".to_owned(), format!("guest={name},debug-threads=on")]);
    let os = domain.child("os").ok_or_else(|| domain.error("has no <os>"))?;
    let loader = Loader::of(os)?;
    words.extend(["-machine".to_owned(), machine(domain, os, &loader, &found.machine)?]);
    words.extend(["-accel".to_owned(), accel(domain)?.to_owned()]);
    words.extend(cpu(domain)?);
    loader.words(&mut words);
    words.extend(memory::words(domain)?);
    words.extend(smp(domain)?);
    words.extend(["-display", "none", "-no-user-config", "-nodefaults"].map(str::to_owned));
    for (element, option) in
        [("kernel", "-kernel"), ("initrd", "-initrd"), ("cmdline", "-append"), ("dtb", "-dtb")]
    {
        if let Some(text) = os.text_of(element) {
            words.extend([option.to_owned(), text]);
        }
    }
    words.extend(found.words);
    words.extend(launch_security(domain)?);
    words.extend(qemu_words(domain)?);
    Ok(words)
}

fn check_elements(domain: Element<'_>) -> Result<(), String> {
    for element in domain.children() {
        let known = IGNORED.contains(&element.name()) || READ.contains(&element.name());
        if !element.is_foreign() && !known {
            let meant = DidYouMean::of(element.name(), IGNORED.iter().chain(READ).copied());
            let why = "is no part of a domain that is known here";
            return Err(element.error(format!("{why}{meant}")));
        }
    }
    Ok(())
}

fn accel(domain: Element<'_>) -> Result<&'static str, String> {
    match domain.attribute("type") {
        Some("kvm") => Ok("kvm"),
        Some("qemu") => Ok("tcg"),
        other => {
            let kind = other.unwrap_or_default();
            Err(domain.error(format!("type={kind:?}; a Realm is of type kvm")))
        }
    }
}

/// `-machine`.
fn machine(
    domain: Element<'_>,
    os: Element<'_>,
    loader: &Loader,
    own: &[String],
) -> Result<String, String> {
    let kind = os.child("type").ok_or_else(|| os.error("has no <type>"))?;
    let arch = kind.attribute("arch").unwrap_or("aarch64");
    let name = kind.attribute("machine").unwrap_or("virt");
    if kind.text() != "hvm" || arch != "aarch64" || !name.starts_with("virt") {
        let why = format!("{arch} {name}; a Realm is an hvm of aarch64 with the machine virt");
        return Err(kind.error(why));
    }
    let mut parts = vec![name.to_owned(), "usb=off".to_owned()];
    let features = domain.child("features");
    parts.extend(features.map_or(Ok(Vec::new()), of_features)?);
    parts.push("dump-guest-core=off".to_owned());
    if memory::is_one(domain) {
        parts.push(format!("memory-backend={RAM_ID}"));
    }
    if loader.is_flash() {
        parts.push("pflash0=libvirt-pflash0-format".to_owned());
    }
    if domain.child("launchSecurity").is_some() {
        parts.push("confidential-guest-support=lsec0".to_owned());
    }
    let acpi = features.is_some_and(|features| features.child("acpi").is_some());
    parts.push(format!("acpi={}", if acpi { "on" } else { "off" }));
    parts.extend(own.iter().cloned());
    Ok(parts.join(","))
}

/// Properties of the machine that features are.
fn of_features(features: Element<'_>) -> Result<Vec<String>, String> {
    let mut parts = Vec::new();
    for feature in features.children() {
        let state = feature.attribute("state");
        let is_on = state.is_none_or(|state| state == "on");
        match feature.name() {
            "gic" => {
                let version = feature.attribute("version").unwrap_or("host");
                parts.push(format!("gic-version={version}"));
            }
            "ras" => parts.push(format!("ras={}", if is_on { "on" } else { "off" })),
            // Of the processor, or of ACPI; apic and pae are of other architectures.
            "acpi" | "apic" | "pae" | "pmu" | "vmcoreinfo" | "async-teardown" | "ps2" => {}
            _ if !is_on => {}
            _ => return Err(feature.error("is no feature that is known here for aarch64")),
        }
    }
    Ok(parts)
}

/// `-cpu`.
fn cpu(domain: Element<'_>) -> Result<Vec<String>, String> {
    let cpu = domain.child("cpu");
    let mode = cpu.and_then(|cpu| cpu.attribute("mode"));
    let mut text = match (mode, cpu.and_then(|cpu| cpu.text_of("model"))) {
        (Some("host-passthrough" | "host-model"), _) => "host".to_owned(),
        (Some("maximum"), _) => "max".to_owned(),
        (_, Some(model)) => model,
        // libvirt leaves it to QEMU.
        (_, None) => return Ok(Vec::new()),
    };
    for feature in cpu.iter().flat_map(|cpu| cpu.all("feature")) {
        let name = feature.attribute("name").ok_or_else(|| feature.error("has no name="))?;
        match feature.attribute("policy").unwrap_or("require") {
            "require" | "force" => text += &format!(",{name}=on"),
            "disable" | "forbid" => text += &format!(",{name}=off"),
            _ => {}
        }
    }
    let pmu = domain.find(&["features", "pmu"]);
    if let Some(state) = pmu.map(|pmu| pmu.attribute("state").unwrap_or("on")) {
        text += &format!(",pmu={state}");
    }
    Ok(vec!["-cpu".to_owned(), text])
}

/// Firmware.
enum Loader {
    None,
    Rom(String),
    Flash(String),
}

impl Loader {
    fn of(os: Element<'_>) -> Result<Self, String> {
        let Some(loader) = os.child("loader") else {
            let why = "firmware='efi' without <loader>: libvirt chooses one; virsh dumpxml of the \
                       domain while it runs shows which";
            return if os.attribute("firmware").is_some() {
                Err(os.error(why))
            } else {
                Ok(Self::None)
            };
        };
        let path = loader.text();
        if path.is_empty() {
            return Err(loader.error("has no path; virsh dumpxml of the running domain shows it"));
        }
        match loader.attribute("type") {
            Some("pflash") => Ok(Self::Flash(path)),
            Some("rom") | None => Ok(Self::Rom(path)),
            Some(kind) => Err(loader.error(format!("type={kind:?}; there are rom and pflash"))),
        }
    }

    const fn is_flash(&self) -> bool {
        matches!(self, Self::Flash(_))
    }

    fn words(&self, words: &mut Vec<String>) {
        match self {
            Self::None => {}
            Self::Rom(path) => words.extend(["-bios".to_owned(), path.clone()]),
            Self::Flash(path) => {
                let file = json!({
                    "node-name": "libvirt-pflash0-format",
                    "read-only": true,
                    "driver": "raw",
                    "file": { "driver": "file", "filename": path },
                });
                words.extend(["-blockdev".to_owned(), file.to_string()]);
            }
        }
    }
}

/// `-object rme-guest` of `<launchSecurity type='cca'>`.
fn launch_security(domain: Element<'_>) -> Result<Vec<String>, String> {
    let Some(security) = domain.child("launchSecurity") else { return Ok(Vec::new()) };
    let kind = security.attribute("type").unwrap_or_default();
    if kind != "cca" {
        return Err(security.error(format!("type={kind:?}; a Realm has type='cca'")));
    }
    let mut object = json!({ "qom-type": "rme-guest", "id": "lsec0" });
    for child in security.children() {
        let property = match child.name() {
            "measurement-algo" => "measurement-algorithm",
            "personalization-value" => "personalization-value",
            name => {
                let meant = DidYouMean::of(name, ["measurement-algo", "personalization-value"]);
                let why = "is no part of a launch security that is known here";
                return Err(child.error(format!("{why}{meant}")));
            }
        };
        object[property] = json!(child.text());
    }
    if let Some(log) = security.attribute("measurement-log") {
        object["measurement-log"] = match log {
            "yes" => json!(true),
            "no" => json!(false),
            _ => return Err(security.error(format!("measurement-log={log:?} is no yes or no"))),
        };
    }
    Ok(vec!["-object".to_owned(), object.to_string()])
}

/// Words of `<qemu:commandline>`, which libvirt hands on as they are.
fn qemu_words(domain: Element<'_>) -> Result<Vec<String>, String> {
    let mut words = Vec::new();
    for element in domain.children().filter(|element| element.is_foreign()) {
        match element.name() {
            "commandline" if element.namespace() == Some(QEMU) => {
                let args = element.children().filter(|child| child.name() == "arg");
                for arg in args {
                    let value = arg.attribute("value");
                    words.push(value.ok_or_else(|| arg.error("has no value="))?.to_owned());
                }
            }
            "capabilities" | "deprecation" => {}
            _ => return Err(element.error("changes what libvirt makes, which is not modelled")),
        }
    }
    Ok(words)
}
