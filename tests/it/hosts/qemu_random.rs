//! Random command lines against the QEMU that is installed, if one is whose trees are known.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use rimsim::host::qemu;
use rimsim::host::vmm::Context;

use super::cases::host;
use super::inputs::{self, Inputs};
use super::tree_text::difference;

const QEMU: &str = "qemu-system-aarch64";

/// The version of the installed program, if it is known.
fn installed() -> Option<&'static str> {
    let run = Command::new(QEMU).arg("--version").output().ok()?;
    let text = String::from_utf8_lossy(&run.stdout).into_owned();
    [("version 7.2.", "qemu-7.2"), ("version 10.0.", "qemu-10.0")]
        .into_iter()
        .find_map(|(version, name)| text.contains(version).then_some(name))
}

type Words = &'static [&'static str];

/// Options of the machine; some contradict each other, and then both have to refuse.
const MACHINE: Words = &[
    "gic-version=2",
    "gic-version=3",
    "gic-version=max",
    "gic-version=4",
    "its=off",
    "its=on",
    "virtualization=on",
    "secure=on",
    "highmem=off",
    "iommu=smmuv3",
    "default-bus-bypass-iommu=on",
    "acpi=off",
    "phandle-start=0x123",
    "ras=on",
    "smp.cpus=3",
];

const MODELS: Words = &[
    "virt",
    "virt",
    "virt",
    "virt",
    "virt-7.1",
    "virt-6.2",
    "virt-6.1",
    "virt-5.2",
    "virt-5.0",
    "virt-4.2",
    "virt-4.1",
    "virt-2.12",
    "virt-2.11",
    "virt-2.9",
    "virt-2.8",
    "virt-2.7",
    "virt-2.6",
    "virt-9.9",
];

const CPUS: Words = &[
    "cortex-a57",
    "cortex-a53",
    "cortex-a35",
    "cortex-a72",
    "cortex-a76",
    "neoverse-n1",
    "a64fx",
    "max",
    "max,pmu=off",
    "max,lpa2=off",
    "cortex-a53,-pmu",
];

const SMP: Words = &[
    "-smp 1",
    "-smp 2",
    "-smp 8",
    "-smp 9",
    "-smp 17",
    "-smp 124",
    "-smp 4,maxcpus=16",
    "-smp 12,threads=2",
    "-smp 12,sockets=2,clusters=2,cores=3",
    "-smp sockets=2,cores=3,threads=2",
    "-smp 8,sockets=2,maxcpus=12",
    "-smp 5,cores=2",
    "-smp 010",
];

const MEMORY: Words = &[
    "-m 64M",
    "-m 100",
    "-m 1000000K",
    "-m 512M,maxmem=2G",
    "-m 512M,slots=3,maxmem=5G",
    "-m 1G,slots=2,maxmem=300G",
    "-m 256M -object memory-backend-ram,id=a,size=256M -numa node,memdev=a",
    "-m 256M -object memory-backend-ram,id=a,size=192M -object memory-backend-ram,id=b,size=64M \
     -numa node,memdev=a -numa node,memdev=b,cpus=0 -numa dist,src=1,dst=0,val=33",
    "-m 128M -object memory-backend-ram,id=a,size=128M -numa node,nodeid=1,memdev=a -numa \
     node,nodeid=0 -numa node,nodeid=2 -numa dist,src=0,dst=1,val=15 -numa \
     dist,src=1,dst=0,val=16 -numa dist,src=0,dst=2,val=20",
];

const PAYLOAD: Words = &[
    "",
    "-kernel k4k.img",
    "-kernel k4k.img -append console=ttyAMA0",
    "-kernel k64k_off.img -initrd i4097.cpio",
    "-kernel k64k_oddoff.img -initrd i1.cpio -append a,b=c",
    "-kernel k1m_hugebss.img -initrd i4k.cpio",
    "-kernel k_magic_bad.img -initrd i5m.cpio",
    "-bios f4k.fd",
    "-bios f4k.fd -kernel k4k.img -initrd i1.cpio -append quiet",
    "-append alone",
    "-initrd i1.cpio",
];

const DEVICES: Words = &[
    "",
    "-nodefaults",
    "-nodefaults -device virtio-iommu-pci",
    "-device virtio-iommu-pci",
    "-net none -device virtio-net-pci -device virtio-iommu-pci,addr=7",
    "-nodefaults -device e1000 -device usb-ehci -device virtio-iommu-pci -device virtio-rng-pci",
    "-nodefaults -device virtio-rng-device -device pcie-root-port,id=r,chassis=1 -device \
     virtio-rng-pci,bus=r -device virtio-iommu-pci",
    "-nic user -nic user -device virtio-iommu-pci,addr=5.0",
    "-nodefaults -device virtio-iommu-pci -device virtio-iommu-pci",
    "-serial null -serial null",
    "-serial none -serial none",
    "-no-acpi",
    "-device ramfb",
];

fn one_of(words: Words) -> impl Strategy<Value = &'static str> {
    proptest::sample::select(words)
}

fn command_line() -> impl Strategy<Value = String> {
    let options = proptest::sample::subsequence(MACHINE, 0..=3).prop_shuffle();
    let machine = (one_of(MODELS), options).prop_map(|(model, options)| {
        let options: String = options.iter().map(|option| format!(",{option}")).collect();
        format!("-machine {model},dtb-randomness=off{options}")
    });
    let rest = (one_of(CPUS), one_of(SMP), one_of(MEMORY), one_of(PAYLOAD), one_of(DEVICES));
    (machine, rest).prop_map(|(machine, (cpu, smp, memory, payload, devices))| {
        format!("{machine} -cpu {cpu} {smp} {memory} {payload} {devices}")
    })
}

/// A folder with the input files.
fn folder() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("qemu-random");
    fs::create_dir_all(&folder).expect("a folder");
    for name in PAYLOAD.iter().flat_map(|line| line.split(' ')).filter(|word| word.contains('.')) {
        let contents = inputs::contents(name).expect("a known file");
        fs::write(folder.join(name), contents).expect("a file");
    }
    // Boot code of network cards, which is packaged elsewhere and does not show.
    for name in ["efi-virtio.rom", "efi-e1000.rom"] {
        fs::write(folder.join(name), [0; 512]).expect("a file");
    }
    folder
}

/// The tree that QEMU writes, or what it says.
fn dumped(folder: &Path, line: &str) -> Result<Vec<u8>, String> {
    let path = folder.join("tree.dtb");
    let _ = fs::remove_file(&path);
    let mut command = Command::new(QEMU);
    command.args(["-accel", "tcg", "-display", "none", "-monitor", "none", "-L", "."]);
    command.args(line.split_whitespace()).args(["-machine", "dumpdtb=tree.dtb"]);
    let run = command.current_dir(folder).output().expect("it runs");
    fs::read(path).map_err(|_| {
        let text = String::from_utf8_lossy(&run.stderr).into_owned();
        text.lines().last().unwrap_or_default().to_owned()
    })
}

#[test]
fn random_command_lines_give_the_trees_of_the_installed_qemu() {
    let Some(version) = installed() else {
        crate::skipped("hosts::qemu_random", "neither QEMU 7.2 nor 10.0 is installed");
        return;
    };
    let folder = folder();
    let seed = crate::cases(50).to_le_bytes().repeat(8);
    let random = TestRng::from_seed(RngAlgorithm::ChaCha, &seed);
    let mut runner = TestRunner::new_with_rng(Config::default(), random);
    let (mut files, caps) = (Inputs::default(), host());
    let (mut equal, mut found) = (0, Vec::new());
    for _ in 0..crate::cases(50) {
        let line = command_line().new_tree(&mut runner).expect("a line").current();
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        let mut context = Context { caps: &caps, files: &mut files, device_tree: None };
        let made = qemu::device_tree(version, &words, &mut context);
        match (made, dumped(&folder, &line)) {
            (Ok(made), Ok(wanted)) => match difference(&made.bytes, &wanted) {
                None => equal += 1,
                Some(difference) => found.push(format!("{line}: {difference}")),
            },
            (Err(_), Err(_)) => {}
            (Ok(_), Err(text)) => found.push(format!("{line}: QEMU refuses: {text}")),
            (Err(error), Ok(_)) => found.push(format!("{line}: {error}")),
        }
    }
    eprintln!("{version}: {equal} trees of {} are equal\n{}", crate::cases(50), found.join("\n"));
    assert_eq!(found, Vec::<String>::new());
    assert!(equal > crate::cases(50) / 8, "{equal} equal trees prove nothing");
}
