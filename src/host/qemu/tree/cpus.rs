//! CPUs and how they are put together.

use super::super::gic::GicVersion;
use super::super::machine::Accel;
use super::super::release::Release;
use super::writer::Writer;
use super::{Conduit, Input};
use crate::abi::mpidr::mpidr_of_index;

pub(super) fn cpus(input: &Input<'_>, tree: &mut Writer) {
    let count = input.machine.topology.cpus;
    tree.node("/cpus");
    tree.cells("/cpus", "#address-cells", &[1]);
    tree.cells("/cpus", "#size-cells", &[0]);
    let mapped = input.model_since(6, 2);
    let shows_caches = input.since(11, 1);
    let mut phandles = Vec::new();
    for i in (0..count).rev() {
        let path = format!("/cpus/cpu@{i}");
        tree.node(&path);
        tree.text(&path, "device_type", "cpu");
        tree.text(&path, "compatible", &input.machine.cpu.compatible);
        if input.conduit() != Conduit::None && count > 1 {
            tree.text(&path, "enable-method", "psci");
        }
        tree.cells(&path, "reg", &[mpidr(input, i)]);
        if let Some(node) = input.numa.cpus.get(i as usize) {
            tree.cells(&path, "numa-node-id", &[*node]);
        }
        if mapped || shows_caches {
            let phandle = tree.phandle();
            tree.cells(&path, "phandle", &[phandle]);
            phandles.push((i, phandle));
        }
        if shows_caches {
            caches(input, tree, &path);
        }
    }
    if mapped {
        cpu_map(input, tree, &phandles);
    }
}

/// What QEMU 11.1 says of caches: those next to the processor, if their registers were read, and
/// that no other follows.
fn caches(input: &Input<'_>, tree: &mut Writer, path: &str) {
    // Machines without a topology show none.
    let shown = input.machine.cpu.caches.filter(|_| input.model_since(6, 2));
    let [instructions, data] = shown.map_or([None; 2], |[i, d]| [Some(i), Some(d)]);
    for (letter, cache) in [("d", data), ("i", instructions)] {
        let Some(cache) = cache else { continue };
        for (part, value) in
            [("block-size", cache.line_bytes), ("size", cache.size_bytes), ("sets", cache.sets)]
        {
            tree.cells(path, &format!("{letter}-cache-{part}"), &[value]);
        }
    }
    tree.cells(path, "next-level-cache", &[0]);
}

/// Affinity fields: KVM's own, or clusters of what the interrupt controller can address at once.
fn mpidr(input: &Input<'_>, index: u32) -> u32 {
    let kind = &input.machine.kind;
    let by_eight = input.machine.gic.version == GicVersion::V2 || kind.model == Release(2, 6);
    if kind.accel == Accel::Tcg && by_eight {
        return ((index / 8) << 8) | (index % 8);
    }
    let mpidr = mpidr_of_index(index.into()).expect("below 2^28");
    u32::try_from(mpidr).expect("512 CPUs have no affinity 3")
}

fn cpu_map(input: &Input<'_>, tree: &mut Writer, phandles: &[(u32, u32)]) {
    let topology = &input.machine.topology;
    tree.node("/cpus/cpu-map");
    for (i, phandle) in phandles {
        let [socket, cluster, core, thread] = topology.place(*i);
        let mut path = format!("/cpus/cpu-map/socket{socket}/cluster{cluster}/core{core}");
        if topology.threads > 1 {
            path += &format!("/thread{thread}");
        }
        tree.path(&path);
        tree.cells(&path, "cpu", &[*phandle]);
    }
}
