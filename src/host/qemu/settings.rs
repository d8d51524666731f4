//! What a command line of QEMU says, by what it is about.

use super::named;
use super::option_names::{Reach, reach};
use super::words::properties;
use crate::host::Setting;
use crate::host::vm::Refusal;
use crate::host::vmm::refused;

/// What a command line says that can reach a Realm. Properties of the machine are apart.
///
/// # Errors
/// If there is no such version, or an option lacks its value.
pub fn settings(version: &str, argv: &[String]) -> Result<Vec<Setting>, Refusal> {
    let release = named(version)?.release;
    let has_program = argv.first().is_some_and(|word| !word.starts_with('-'));
    let mut words = argv[usize::from(has_program)..].iter();
    let mut list = Vec::new();
    while let Some(word) = words.next() {
        let name = word.strip_prefix("--").or_else(|| word.strip_prefix('-')).unwrap_or(word);
        match reach(name, release) {
            Some(Reach::Flag) => {}
            Some(Reach::Value) => drop(words.next()),
            Some(Reach::Read) => {
                let value = words.next();
                let value = value.ok_or_else(|| refused(word.as_str(), "requires an argument"))?;
                read(name, word, value, &mut list);
            }
            Some(Reach::ReadFlag | Reach::Refused(_)) | None => {
                Setting::add(&mut list, subject(name), vec![word.clone()]);
            }
        }
    }
    Ok(list)
}

fn read(name: &str, word: &str, value: &str, list: &mut Vec<Setting>) {
    if !["M", "machine"].contains(&name) {
        let words = vec![word.to_owned(), value.to_owned()];
        return Setting::add(list, subject(name), words);
    }
    for (key, value) in properties(value, Some("type")) {
        let value = value.unwrap_or_default().replace(',', ",,");
        let about = match key.as_str() {
            "type" => "the machine".to_owned(),
            key => format!("the machine's {key}"),
        };
        Setting::add(list, &about, vec![word.to_owned(), format!("{key}={value}")]);
    }
}

/// What an option is about, in people's words.
fn subject(name: &str) -> &str {
    match name {
        "m" => "RAM",
        "smp" => "vCPUs",
        "kernel" => "the kernel",
        "initrd" => "the initrd",
        "bios" | "pflash" => "the firmware",
        "append" => "the kernel's command line",
        "cpu" => "the processor",
        "dtb" => "the device tree",
        "numa" => "NUMA nodes",
        "serial" => "serial ports",
        "object" => "objects",
        "device" | "virtfs" => "devices",
        "net" | "netdev" | "nic" => "network devices",
        "accel" | "enable-kvm" => "the accelerator",
        "global" => "defaults of devices",
        "nodefaults" | "nographic" => "QEMU's default devices",
        "no-acpi" => "ACPI",
        "drive" | "hda" | "hdb" | "hdc" | "hdd" | "cdrom" | "blockdev" => "drives",
        "chardev" => "character devices",
        other => other,
    }
}
