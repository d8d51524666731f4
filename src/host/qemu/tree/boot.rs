//! What is added when the machine is started: memory, the command line, PSCI, the event log.

use super::super::layout::RAM_BASE;
use super::writer::Writer;
use super::{Conduit, Input};

pub(super) fn memory(input: &Input<'_>, tree: &mut Writer) {
    let mut node = |base: u64, bytes: u64, id: Option<u32>| {
        let path = format!("/memory@{base:x}");
        tree.node(&path);
        tree.text(&path, "device_type", "memory");
        tree.wide(&path, "reg", &[base, bytes]);
        if let Some(id) = id {
            tree.cells(&path, "numa-node-id", &[id]);
        }
    };
    if input.numa.nodes.is_empty() {
        node(RAM_BASE, input.machine.memory.ram_bytes, None);
    }
    let mut base = RAM_BASE;
    for (id, bytes) in (0..).zip(&input.numa.nodes) {
        if *bytes > 0 {
            node(base, *bytes, Some(id));
            base += bytes;
        }
    }
}

pub(super) fn chosen(input: &Input<'_>, tree: &mut Writer) {
    if let Some(bootargs) = input.bootargs {
        tree.text("/chosen", "bootargs", bootargs);
    }
    let Some(initrd) = &input.initrd else { return };
    for (name, addr) in [("linux,initrd-start", initrd.start), ("linux,initrd-end", initrd.end)] {
        if input.since(8, 0) {
            tree.wide("/chosen", name, &[addr]);
        } else {
            let low = u32::try_from(addr & 0xffff_ffff).expect("32 bits");
            tree.cells("/chosen", name, &[low]);
        }
    }
}

pub(super) fn psci(input: &Input<'_>, tree: &mut Writer) {
    let method = match input.boot_conduit() {
        Conduit::None => return,
        Conduit::Hvc => "hvc",
        Conduit::Smc => "smc",
    };
    let path = "/psci";
    tree.node(path);
    // Every KVM that has Realms offers PSCI 1.0 or later.
    tree.text(path, "compatible", "arm,psci-1.0\0arm,psci-0.2\0arm,psci");
    tree.text(path, "method", method);
    for (name, function) in [
        ("cpu_suspend", 0xc400_0001),
        ("cpu_off", 0x8400_0002),
        ("cpu_on", 0xc400_0003),
        ("migrate", 0xc400_0005),
    ] {
        tree.cells(path, name, &[function]);
    }
}

pub(super) fn event_log(input: &Input<'_>, tree: &mut Writer) {
    let Some(log) = &input.log else { return };
    let parent = "/reserved-memory";
    tree.node(parent);
    tree.cells(parent, "#address-cells", &[2]);
    tree.cells(parent, "#size-cells", &[2]);
    tree.flag(parent, "ranges");
    let path = format!("{parent}/event-log@{:x}", log.start);
    tree.node(&path);
    tree.text(&path, "compatible", "cc-event-log");
    tree.wide(&path, "reg", &[log.start, log.end - log.start]);
}
