//! What people, and tools that start QEMU, get wrong in its command line.

use super::options::Options;
use super::version::Version;
use super::{named, options, realm, size, smp};
use crate::host::mistake::{
    Mistake, OtherFiles, Repair, file_text, other_command_lines, other_cpus, other_files,
    other_initrds, other_ram, size_text,
};
use crate::host::vm::Refusal;

/// What may be otherwise in a VM that a command line stands for.
///
/// # Errors
/// If QEMU does not take the options, or there is no such version.
pub fn mistakes(
    version: &str,
    argv: &[String],
    others: &OtherFiles,
) -> Result<Vec<Mistake>, Refusal> {
    let version = named(version)?;
    let options = options::parse(argv, version)?;
    let mut list = Vec::new();
    ram_and_cpus(&options, version, &mut list)?;
    payload(&options, others, &mut list);
    let append = options.append.as_deref();
    list.extend(other_command_lines(append, ["append", "-append"]));
    processor(&options, &mut list);
    machine(&options, &mut list);
    devices(&options, &mut list);
    log(&options, &mut list)?;
    Ok(list)
}

fn ram_and_cpus(
    options: &Options,
    version: Version,
    list: &mut Vec<Mistake>,
) -> Result<(), Refusal> {
    let ram = size::memory(options, version.release)?.ram_bytes;
    list.extend(other_ram(&size_text(ram), ram, ["-m", ""]));
    // What can not be put together is one of the mistakes.
    let cpus = smp::topology(options, version.release).map_or(1, |topology| topology.cpus);
    list.extend(other_cpus(cpus, ["-smp", ""]));
    topologies(options, cpus, list);
    Ok(())
}

/// Other ways to put so many vCPUs together.
fn topologies(options: &Options, cpus: u32, list: &mut Vec<Mistake>) {
    let said = match options.smp.as_slice() {
        [] => "no -smp".to_owned(),
        words => format!("`-smp {}`", words.join(",")),
    };
    let has_clusters = options.smp.iter().any(|text| text.contains("clusters"));
    let half = cpus / 2;
    let halves = cpus > 2 && cpus.is_multiple_of(2);
    let of_one = [[cpus, 1, 1, 1], [1, 1, cpus, 1], [1, 1, 1, cpus], [1, cpus, 1, 1]];
    let of_two = [[2, 1, half, 1], [half, 1, 2, 1], [1, 1, half, 2], [half, 1, 1, 2]];
    let all = of_one.into_iter().chain(of_two.into_iter().filter(|_| halves));
    for ([sockets, clusters, cores, threads], cost) in all.zip(16..) {
        let mut word = format!("{cpus},sockets={sockets},cores={cores},threads={threads}");
        let parts = [(sockets, "sockets"), (clusters, "clusters"), (cores, "cores")];
        let parts = parts.into_iter().chain([(threads, "threads")]);
        let parts = parts.filter(|(count, _)| *count > 1);
        let mut needs: Vec<String> = parts.map(|(count, part)| format!("{count} {part}")).collect();
        if clusters > 1 || has_clusters {
            word += &format!(",clusters={clusters}");
        }
        if needs.is_empty() {
            needs.push("1 vCPU".to_owned());
        }
        let needs = needs.join(" by ");
        list.push(Mistake::with("the topology of vCPUs", &said, needs, &["-smp", &word], cost));
    }
}

/// Kernel, initrd and firmware.
fn payload(options: &Options, others: &OtherFiles, list: &mut Vec<Mistake>) {
    let [kernel, initrd, bios] =
        [&options.kernel, &options.initrd, &options.bios].map(Option::as_deref);
    list.extend(other_initrds(initrd, others, ["initrd", "-initrd"]));
    let said = file_text(kernel, "kernel");
    if kernel.is_some() {
        list.push(Mistake::without("kernel", &said, "no kernel", ["kernel", "-kernel"], 19));
    }
    let cost = if kernel.is_some() { 11 } else { 14 };
    list.extend(other_files("kernel", kernel, &others.kernels, &said, &["-kernel"], cost));
    let said = file_text(bios, "firmware");
    if bios.is_some() {
        list.push(Mistake::without("firmware", &said, "no firmware", ["bios", "-bios"], 14));
    }
    let cost = if bios.is_some() { 11 } else { 18 };
    list.extend(other_files("firmware", bios, &others.firmwares, &said, &["-bios"], cost));
}

/// Properties of the processor, behind those that it has.
fn processor(options: &Options, list: &mut Vec<Mistake>) {
    let own = options.cpu.as_deref().unwrap_or("host");
    let said = options.cpu.as_ref().map_or("no -cpu".into(), |cpu| format!("`-cpu {cpu}`"));
    // What was said and should not have been.
    let (model, properties) = own.split_once(',').unwrap_or((own, ""));
    let properties: Vec<&str> = properties.split(',').filter(|one| !one.is_empty()).collect();
    for (i, property) in properties.iter().enumerate() {
        let mut rest = properties.clone();
        rest.remove(i);
        let word = [&[model][..], &rest].concat().join(",");
        let needs = format!("no `{property}`");
        let about = "a property of the processor";
        list.push(Mistake::with(about, &said, needs, &["-cpu", &word], 13));
    }
    let mut add = |about, property: &str, needs: &str, cost| {
        let word = format!("{own},{property}");
        list.push(Mistake::with(about, &said, needs, &["-cpu", &word], cost));
    };
    add("SVE", "sve=on", "SVE", 18);
    add("the PMU", "pmu=off", "no PMU", 13);
    add("the PMU", "pmu=on", "a PMU", 14);
    add("SVE", "sve=off", "no SVE", 14);
    for bits in [128, 256, 512, 1024, 2048] {
        add("SVE", &format!("sve{bits}=on"), &format!("SVE of {bits} bits"), 18);
    }
    // A host that has as many gives the same RIM: the words say that this is QEMU's option.
    for count in 2..=16 {
        let cost = if [2, 4, 6, 8, 16].contains(&count) { 17 } else { 25 };
        let property = format!("num-breakpoints={count}");
        add("breakpoints", &property, &format!("{count} breakpoints, said to QEMU"), cost);
        let property = format!("num-watchpoints={count}");
        add("watchpoints", &property, &format!("{count} watchpoints, said to QEMU"), cost);
    }
    for count in 0..=31 {
        let cost = if [4, 6, 8].contains(&count) { 17 } else { 25 };
        let property = format!("num-pmu-counters={count}");
        add("PMU counters", &property, &format!("{count} PMU counters, said to QEMU"), cost);
    }
}

/// Properties of the machine. What was said of one of them stays what it is for the others.
fn machine(options: &Options, list: &mut Vec<Mistake>) {
    let machine = &options.machine;
    let name = machine.name.as_deref().unwrap_or("virt");
    // Older machines that differ in what a tree shows, and the one without a version.
    for (other, cost) in [("virt", 15), ("virt-8.2", 24), ("virt-6.1", 24), ("virt-4.2", 25)] {
        if other != name {
            let (said, needs) = (format!("`-M {name}`"), format!("the machine {other}"));
            let about = "the machine's version";
            list.push(Mistake::with(about, &said, needs, &["-M", other], cost));
        }
    }
    let mut add = |about, said: &str, property: &str, needs: &str, cost| {
        let word = format!("{name},{property}");
        list.push(Mistake::with(about, said, needs, &["-M", &word], cost));
    };
    let gic = machine.gic_version.as_deref();
    let said = gic.map_or("no gic-version".to_owned(), |gic| format!("`gic-version={gic}`"));
    for other in ["3", "2", "max", "host"] {
        if gic != Some(other) {
            let property = format!("gic-version={other}");
            let needs = format!("gic-version={other}");
            add("the interrupt controller", &said, &property, &needs, 14);
        }
    }
    let said = if machine.msi().is_some() { "otherwise" } else { "nothing of an ITS" };
    add("the ITS", said, "its=off", "no ITS", 14);
    add("the ITS", said, "its=on", "an ITS", 15);
    let said = match machine.acpi {
        Some(true) => "`acpi=on`",
        Some(false) => "`acpi=off`",
        None => "nothing of ACPI",
    };
    add("ACPI", said, "acpi=off", "acpi=off", 12);
    add("ACPI", said, "acpi=on", "acpi=on", 12);
    for (about, property) in [
        ("highmem", "highmem=off"),
        ("highmem", "highmem=on"),
        ("high MMIO", "highmem-mmio=off"),
        ("high ECAM", "highmem-ecam=off"),
        ("high redistributors", "highmem-redists=off"),
        ("compact-highmem", "compact-highmem=off"),
        ("the SMMU", "iommu=smmuv3"),
        ("the SMMU", "iommu=none"),
        ("the seeds in the device tree", "dtb-randomness=off"),
        ("the seeds in the device tree", "dtb-randomness=on"),
        ("RAS", "ras=on"),
        ("RAS", "ras=off"),
    ] {
        add(about, "otherwise, or nothing", property, property, 19);
    }
}

/// What else is in the tree, and may have been forgotten or be too much.
fn devices(options: &Options, list: &mut Vec<Mistake>) {
    let count = options.serials.len();
    let said = if count == 0 { "no -serial".to_owned() } else { format!("{count} times -serial") };
    let about = "serial ports";
    if count > 0 {
        let own = "QEMU's own serial port";
        list.push(Mistake::without(about, &said, own, ["serial", "-serial"], 17));
    }
    let two = ["-serial", "null", "-serial", "null"];
    let (needs, words) = match count {
        0 => ("2 serial ports", &two[..]),
        _ => ("one serial port more", &two[..2]),
    };
    list.push(Mistake::with(about, &said, needs, words, 20));
    if !options.numa.is_empty() {
        let said = format!("{} times -numa", options.numa.len());
        list.push(Mistake::without("NUMA nodes", &said, "no NUMA nodes", ["numa", "-numa"], 18));
    }
}

fn log(options: &Options, list: &mut Vec<Mistake>) -> Result<(), Refusal> {
    let Some(guest) = realm::rme_guest(options)? else { return Ok(()) };
    let (said, needs, value) =
        if guest.log { ("a log", "no log", "off") } else { ("no log", "a log", "on") };
    list.push(Mistake {
        about: "the measurement log",
        said: said.into(),
        needs: needs.into(),
        repair: Repair::Log(!guest.log),
        fix: format!("-object rme-guest,measurement-log={value}"),
        cost: 14,
    });
    Ok(())
}
