//! What people get wrong in `lkvm run`.

use super::config::{Config, Irqchip};
use super::devices::{Console, Transport};
use super::options::known;
use super::version::{VERSIONS, Version};
use super::vm::words;
use super::{parse, refuse};
use crate::host::Refusal;
use crate::host::mistake::{
    Mistake, OtherFiles, Repair, file_text, other_command_lines, other_cpus, other_files,
    other_initrds, other_ram, size_text,
};
use crate::host::vmm::version_by_name;

/// What may be otherwise in a VM that a command line stands for.
///
/// # Errors
/// If kvmtool does not take the options, or there is no such version.
pub fn mistakes(
    version: &str,
    argv: &[String],
    others: &OtherFiles,
) -> Result<Vec<Mistake>, Refusal> {
    let found = version_by_name(VERSIONS, version).map_err(|why| refuse("--vmm-version", &why))?;
    let version = Version::named(found.name).expect("a name of the table");
    let given = parse::parse(&words(argv)?, version)?;
    let config = Config::read(&given, version)?;
    let mut list = Vec::new();
    ram_and_cpus(&config, &mut list);
    payload(&config, others, &mut list);
    let params = config.params.as_deref();
    list.extend(other_command_lines(params, ["params", "-p"]));
    processor(&config, &mut list);
    devices(&config, &mut list);
    // What this version does not know would only be refused.
    let has = |long: &str| known(version).any(|row| row.long == long);
    list.retain(|one| match &one.repair {
        Repair::Options(change) => {
            change.with.first().is_none_or(|word| match word.strip_prefix("--") {
                Some(word) => {
                    let name = word.split('=').next().unwrap_or_default();
                    has(name) || name.strip_prefix("no-").is_some_and(has)
                }
                None => true,
            })
        }
        Repair::Log(_) => has("measurement-log"),
    });
    Ok(list)
}

fn ram_and_cpus(config: &Config, list: &mut Vec<Mistake>) {
    let ram = config.ram_bytes.value;
    let said = if ram == 0 { "nothing of RAM".to_owned() } else { size_text(ram) };
    list.extend(other_ram(&said, ram, ["-m", ""]));
    list.extend(other_cpus(config.cpus.value.unsigned_abs(), ["-c", ""]));
}

/// Kernel, initrd and firmware. A kernel and a firmware stand for each other.
fn payload(config: &Config, others: &OtherFiles, list: &mut Vec<Mistake>) {
    let [kernel, initrd, firmware] = [&config.kernel, &config.initrd, &config.firmware]
        .map(|file| file.as_ref().map(|name| name.value.as_str()));
    list.extend(other_initrds(initrd, others, ["initrd", "-i"]));
    let said = match (kernel, firmware) {
        (None, Some(firmware)) => format!("the firmware `{firmware}`"),
        _ => file_text(kernel, "kernel"),
    };
    let words: &[&str] = if firmware.is_some() { &["--no-firmware", "-k"] } else { &["-k"] };
    let cost = if kernel.is_some() { 11 } else { 18 };
    list.extend(other_files("kernel", kernel, &others.kernels, &said, words, cost));
    let words: &[&str] = if kernel.is_some() { &["--no-kernel", "-f"] } else { &["-f"] };
    let cost = if firmware.is_some() { 11 } else { 19 };
    let firmwares = other_files("firmware", firmware, &others.firmwares, &said, words, cost);
    list.extend(firmwares.into_iter().map(|one| Mistake { about: "kernel", ..one }));
}

/// What vCPUs and the interrupt controller are.
fn processor(config: &Config, list: &mut Vec<Mistake>) {
    let mut flag = |about, on: bool, [yes, no]: [&str; 2], words: [&str; 2], cost| {
        let (said, needs, word) = if on { (yes, no, words[1]) } else { (no, yes, words[0]) };
        list.push(Mistake::with(about, said, needs, &[word], cost));
    };
    flag("the PMU", config.pmu, ["a PMU", "no PMU"], ["--pmu", "--no-pmu"], 13);
    let sve = ["SVE as the host has it", "no SVE"];
    flag("SVE", !config.disable_sve, sve, ["--no-disable-sve", "--disable-sve"], 14);
    if !config.version.always_restricts_memory() {
        let words = ["--restricted_mem", "--no-restricted_mem"];
        let texts = ["--restricted_mem", "no --restricted_mem"];
        flag("guest_memfd", config.restricted_memory, texts, words, 13);
    }
    let names = [("gicv3", Irqchip::Gicv3), ("gicv3-its", Irqchip::Gicv3Its)];
    let asked = config.irqchip.as_ref().map(|asked| asked.value);
    let name = names.iter().find(|(_, irqchip)| Some(*irqchip) == asked).map(|(name, _)| *name);
    let said = name.map_or("no --irqchip".to_owned(), |name| format!("`--irqchip {name}`"));
    for (name, irqchip) in names {
        if asked != Some(irqchip) {
            let needs = format!("the interrupt controller {name}");
            let words = ["--irqchip", name];
            list.push(Mistake::with("the interrupt controller", &said, needs, &words, 13));
        }
    }
    for bits in [128, 256, 512, 1024, 2048_u64] {
        let asked = config.sve_max_vl.as_ref().map_or(config.sve_vl.value, |asked| asked.value);
        if asked != bits {
            let (said, word) = (format!("{asked} bits of SVE"), bits.to_string());
            let said = if asked == 0 { "no vector length" } else { &said };
            for option in ["--sve-max-vl", "--sve-vl"] {
                let needs = format!("SVE of {bits} bits");
                list.push(Mistake::with("SVE", said, needs, &[option, &word], 18));
            }
        }
    }
    for count in 0..=31_i32 {
        let asked = config.pmu_counters.as_ref().map(|asked| asked.value);
        if asked != Some(count) {
            let said = asked.map_or("no --pmu-counters".into(), |n| format!("{n} PMU counters"));
            let (needs, word) = (format!("{count} PMU counters"), count.to_string());
            let cost = if [4, 6, 8].contains(&count) { 16 } else { 24 };
            list.push(Mistake::with(
                "PMU counters",
                &said,
                needs,
                &["--pmu-counters", &word],
                cost,
            ));
        }
    }
}

fn devices(config: &Config, list: &mut Vec<Mistake>) {
    let about = "the console";
    let consoles = [("serial", Console::Serial), ("virtio", Console::Virtio), ("hv", Console::Hv)];
    let own = Console::of(config);
    let said = consoles.iter().find(|(_, console)| Some(*console) == own);
    let said = said.map_or("another console", |(name, _)| *name);
    for (name, console) in consoles {
        if Some(console) != own {
            let needs = format!("the console {name}");
            list.push(Mistake::with(about, said, needs, &["--console", name], 15));
        }
    }
    let (said, name) = match config.transport {
        Transport::Pci => ("virtio devices on PCI", "mmio"),
        Transport::Mmio => ("virtio devices that are memory-mapped", "pci"),
    };
    let needs = format!("virtio devices by {name}");
    let words = ["--virtio-transport", name];
    list.push(Mistake::with("the transport of virtio devices", said, needs, &words, 16));
    let flags: [(&str, bool, [&str; 2], [&str; 2]); 5] = [
        ("a balloon", config.balloon, ["--balloon", "--no-balloon"], ["a balloon", "no balloon"]),
        (
            "a random number device",
            config.rng,
            ["--rng", "--no-rng"],
            ["a virtio-rng", "no virtio-rng"],
        ),
        (
            "kvmtool's defaults",
            config.nodefaults,
            ["--nodefaults", "--no-nodefaults"],
            ["none of kvmtool's defaults (--nodefaults)", "kvmtool's defaults"],
        ),
        ("DHCP", config.no_dhcp, ["--no-dhcp", "--no-no-dhcp"], ["no DHCP (--no-dhcp)", "DHCP"]),
        ("vsock", config.vsock, ["--vsock=3", "--no-vsock"], ["a vsock device", "no vsock device"]),
    ];
    for (about, on, words, [yes, no]) in flags {
        let (said, needs, word) = if on { (yes, no, words[1]) } else { (no, yes, words[0]) };
        list.push(Mistake::with(about, said, needs, &[word], 17));
    }
    networks_and_disks(config, list);
    let log = config.log;
    let (said, needs) = if log { ("a log", "no log") } else { ("no log", "a log") };
    let fix = if log { "leave out --measurement-log" } else { "--measurement-log" };
    list.push(Mistake {
        about: "the measurement log",
        said: said.into(),
        needs: needs.into(),
        repair: Repair::Log(!log),
        fix: fix.into(),
        cost: 14,
    });
}

fn networks_and_disks(config: &Config, list: &mut Vec<Mistake>) {
    let (count, none) = (config.networks.len(), config.no_network);
    let said = match (none, count) {
        (true, _) => "no network device".to_owned(),
        (false, 0) => "kvmtool's own network device".to_owned(),
        (false, count) => format!("{count} times -n"),
    };
    let about = "network devices";
    if !none {
        list.push(Mistake::with(about, &said, "no network device", &["-n", "mode=none"], 14));
        let needs = format!("{} network devices", count + 1);
        if count > 0 {
            list.push(Mistake::with(about, &said, needs, &["-n", "mode=tap"], 16));
        } else {
            let words = ["-n", "mode=tap", "-n", "mode=tap"];
            list.push(Mistake::with(about, &said, "2 network devices", &words, 20));
        }
    }
    if none || count > 0 {
        let needs = "kvmtool's own network device";
        list.push(Mistake::without(about, &said, needs, ["network", "-n"], 15));
    }
    let said = match config.disks.len() {
        0 => "no -d".to_owned(),
        count => format!("{count} times -d"),
    };
    list.push(Mistake::with("disks", &said, "one disk more", &["-d", "disk.img"], 17));
    if !config.disks.is_empty() {
        list.push(Mistake::without("disks", &said, "no disk", ["disk", "-d"], 15));
    }
    if config.shares > 0 {
        let said = format!("{} times --9p", config.shares);
        list.push(Mistake::without("9p", &said, "no directory that is shared", ["9p", "--9p"], 17));
    }
}
