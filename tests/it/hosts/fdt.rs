//! Device trees against libfdt's bytes, an independent reader, and `dtc` where it is installed.

use std::fs;
use std::process::Command;

use dtoolkit::fdt::Fdt;
use dtoolkit::{Node, Property};
use rimsim::host::fdt::{ReadWrite, Sequential, packed_into};
use rimsim::host::kvmtool::{self, Version};
use sha2::{Digest, Sha256};

use super::cases::{folder, host};
use super::inputs::Inputs;

const BYTES: usize = 16384;

fn value(hex: &str) -> Vec<u8> {
    let byte = |i: usize| u8::from_str_radix(&hex[i..i + 2], 16).expect("hexadecimal");
    (0..hex.len() - hex.len() % 2).step_by(2).map(byte).collect()
}

/// Writes a node and all in it; returns the calls that follow its end.
fn write<'a>(tree: &mut Sequential, mut calls: &'a [Vec<&'a str>]) -> &'a [Vec<&'a str>] {
    while let Some((call, rest)) = calls.split_first() {
        calls = rest;
        match call[..] {
            ["begin", name] => {
                tree.node(name.trim_start_matches('-'), |tree| calls = write(tree, rest));
            }
            ["prop", name, hex] => tree.property(name, &value(hex)),
            _ => return calls,
        }
    }
    calls
}

fn sequential(calls: &[Vec<&str>]) -> Vec<u8> {
    let mut tree = Sequential::new(BYTES);
    write(&mut tree, calls);
    packed_into(&tree.finish().expect("it fits"), BYTES)
}

fn read_write(calls: &[Vec<&str>]) -> Vec<u8> {
    let mut tree = ReadWrite::new(BYTES).expect("it fits");
    for call in calls {
        match call[..] {
            ["node", path] => tree.add_node(path).expect("a new node"),
            ["set", path, name, hex] => tree.set(path, name, &value(hex)).expect("space"),
            ["nopprop", path, name] => {
                tree.nop_property(path, name).expect("a node");
            }
            ["nopnode", path] => tree.nop_node(path).expect("a node"),
            _ => panic!("{call:?}"),
        }
    }
    tree.into_bytes()
}

#[test]
fn buffers_are_those_of_libfdt() {
    let text = fs::read_to_string(folder("fdt").join("libfdt-1.8.1.txt")).expect("a file");
    let trees: Vec<_> = text.split("tree ").skip(1).collect();
    assert_eq!(trees.len(), 16);
    for (index, tree) in trees.into_iter().enumerate() {
        let mut lines = tree.lines();
        let (way, hash) = lines.next().and_then(|line| line.split_once(' ')).expect("a head");
        let calls: Vec<Vec<&str>> = lines.map(|line| line.split(' ').collect()).collect();
        let buffer = if way == "sequential" { sequential(&calls) } else { read_write(&calls) };
        let made: String = Sha256::digest(&buffer).iter().map(|b| format!("{b:02x}")).collect();
        assert_eq!(made, hash, "tree {index}, {way}");
    }
}

fn words(line: &str) -> Vec<String> {
    line.split_whitespace().map(String::from).collect()
}

/// Command lines that show every node of the device tree.
const LINES: [&str; 4] = [
    "lkvm run --realm -c 3 -m 300M@3G -k k1m.img -i i3.cpio -p quiet --irqchip gicv3-its --pmu",
    "lkvm run --realm -c 1 -m 1G -f f2m.fd -F flash96k.bin --virtio-transport mmio --rng \
     --override-bad-firmware-cntfrq 1000000 --irqchip gicv3",
    "lkvm run --realm -c 40 -m 256M -k k1m.img -d share --console virtio --irqchip gicv3",
    "lkvm run --realm -c 2 -m 256M -k k1m.img -d disk1.img --irqchip gicv3 --vsock 3 --pmu",
];

fn tree(line: &str, version: Version) -> Vec<u8> {
    kvmtool::device_tree(&words(line), version, &host(), &mut Inputs::default()).expect("a tree")
}

#[test]
fn another_reader_reads_the_trees() {
    let wide = |bytes: &[u8]| u64::from_be_bytes(bytes[..8].try_into().expect("two cells"));
    for version in [Version::Eac5, Version::RamFirst64k, Version::Linaro] {
        for line in LINES {
            let blob = tree(line, version);
            let total = u32::from_be_bytes(blob[4..8].try_into().expect("a word")) as usize;
            let fdt = Fdt::new(&blob[..total]).unwrap_or_else(|error| panic!("{line}: {error}"));
            let cpus = fdt.find_node("/cpus").expect("cpus");
            let asked = words(line)[4].parse::<usize>().expect("a number");
            assert_eq!(cpus.children().count(), asked, "{line}");
            let memory = fdt.find_node("/memory").expect("memory");
            let reg = memory.property("reg").expect("a range");
            let base = if line.contains("@3G") { 0xc000_0000 } else { 0x8000_0000 };
            assert_eq!(wide(reg.value()), base, "{line}");
            let chosen = fdt.find_node("/chosen").expect("chosen");
            let start = chosen.property("linux,initrd-start");
            assert_eq!(start.is_some(), line.contains("-i i3"), "{line}");
            assert!(fdt.find_node("/psci").is_some() && fdt.find_node("/pci").is_some());
            assert_eq!(fdt.find_node("/flash").is_some(), line.contains("-F"), "{line}");
            assert_eq!(fdt.find_node("/pmu").is_some(), line.contains("--pmu"), "{line}");
        }
    }
}

#[test]
fn the_device_tree_compiler_accepts_the_trees() {
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR"));
    if Command::new("dtc").arg("--version").output().is_err() {
        crate::skipped("hosts::fdt", "the device tree compiler is not installed");
        return;
    }
    for (index, line) in LINES.iter().enumerate() {
        let path = folder.join(format!("kvmtool-{index}.dtb"));
        fs::write(&path, tree(line, Version::Linaro)).expect("a file");
        let arguments = ["-I", "dtb", "-O", "dts", "-o", "/dev/null"];
        let run = Command::new("dtc").args(arguments).arg(&path).output().expect("it runs");
        let text = String::from_utf8_lossy(&run.stderr);
        assert!(run.status.success() && !text.contains("ERROR"), "{line}: {text}");
    }
}
