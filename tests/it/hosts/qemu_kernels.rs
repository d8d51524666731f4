//! Kernels that are ELF files and U-Boot images: where they lie, against the QEMU that is
//! installed, and which of them can not be started in a Realm.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::ops::Range;
use std::path::Path;
use std::process::{Command, Stdio};

use rimsim::host::vmm::Context;
use rimsim::host::{Refusal, Vm, qemu};

use super::cases::host;
use super::made_files::{Made, bytes, elf, gzip, uboot};

const ARM64: u16 = 183;
const LINUX: u8 = 5;
const RAM: u64 = 0x4000_0000;

/// The seed of a segment's bytes.
fn seed(len: usize) -> u8 {
    u8::try_from(len % 251).expect("below 251")
}

/// Kernels and what each is; `initrd` is a U-Boot image, too.
fn files() -> Made {
    let segment = |at: u64, len: usize, memory: u64| (at, at, bytes(seed(len), len), memory);
    let high = 0xffff_0000_0000_0000;
    let moved = [(high, RAM + 0x30_0000, bytes(3, 5000), 5000), (high, RAM, Vec::new(), 0x8000)];
    let places = [RAM + 0x40_0000, RAM + 0x40_0040].map(|at| u32::try_from(at).expect("32 bits"));
    Made(BTreeMap::from([
        // Zeros behind the bytes; a second segment.
        (
            "plain.elf",
            elf(
                ARM64,
                RAM + 0x20_0010,
                &[segment(RAM + 0x20_0000, 5000, 9000), segment(RAM + 0x21_0000, 100, 100)],
            ),
        ),
        // Virtual addresses, and a segment of zeros alone.
        ("moved.elf", elf(ARM64, high + 0x100, &moved[..1])),
        (
            "zeros.elf",
            elf(
                ARM64,
                high + 0x100,
                &[moved[0].clone(), { (high, RAM + 0x31_0000, Vec::new(), 0x8000) }],
            ),
        ),
        // Zeros that would lie in another segment; no room for a device tree.
        (
            "packed.elf",
            elf(
                ARM64,
                RAM + 0x8_0000,
                &[segment(RAM + 0x8_0000, 5000, 0x20_0000), segment(RAM + 0x8_2000, 256, 256)],
            ),
        ),
        ("uboot", uboot(places, [LINUX, 2, 0], &bytes(5, 7000))),
        ("anywhere", uboot([0, 16], [LINUX, 14, 0], &bytes(6, 7000))),
        ("packed", uboot(places, [LINUX, 2, 1], &gzip(&bytes(7, 7000)))),
        ("vxworks", uboot(places, [14, 2, 0], &bytes(8, 7000))),
        // What is no kernel for QEMU is loaded with its header.
        ("multi", uboot(places, [LINUX, 4, 0], &bytes(9, 7000))),
        ("bzip2", uboot(places, [LINUX, 2, 2], &bytes(10, 7000))),
        ("cut", uboot(places, [LINUX, 2, 0], &bytes(11, 7000))[..6000].to_vec()),
        ("initrd", uboot([0, 0], [LINUX, 3, 0], &bytes(12, 6000))),
    ]))
}

const KERNELS: &[&str] = &[
    "plain.elf",
    "moved.elf",
    "zeros.elf",
    "packed.elf",
    "uboot",
    "anywhere",
    "packed",
    "vxworks",
    "multi",
    "bzip2",
    "cut",
];

fn vm(version: &str, made: &mut Made, kernel: &str, more: &str) -> Result<Vm, Refusal> {
    let line = format!(
        "-accel kvm -cpu host -M virt,gic-version=3,confidential-guest-support=r -object \
         rme-guest,id=r{more} -m 256M -smp 2 -nodefaults -initrd initrd -kernel {kernel}"
    );
    let argv: Vec<String> = line.split(' ').map(str::to_owned).collect();
    let caps = host();
    let mut context = Context { caps: &caps, files: made, device_tree: None };
    qemu::vm(version, &argv, &mut context)
}

/// What a program has loaded: address and length of each image, and the program counters.
fn loaded(folder: &Path, kernel: &str) -> Option<(BTreeMap<u64, u64>, Vec<u64>)> {
    let line = "-M virt,gic-version=3,dtb-randomness=off -cpu max -accel tcg -m 256M -smp 2 \
                -nodefaults -display none -S -monitor stdio -initrd initrd -kernel";
    let mut qemu = Command::new("qemu-system-aarch64")
        .args(line.split(' '))
        .arg(kernel)
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let commands = b"info roms\ninfo registers -a\nquit\n";
    qemu.stdin.take().expect("a pipe").write_all(commands).ok()?;
    let text = qemu.wait_with_output().expect("it ends").stdout;
    let text = String::from_utf8_lossy(&text).into_owned();
    let number = |text: &str| u64::from_str_radix(text, 16).expect("a number");
    let (mut roms, mut counters) = (BTreeMap::new(), Vec::new());
    for line in text.lines() {
        if let Some((at, rest)) =
            line.strip_prefix("addr=").and_then(|rest| rest.split_once(" size=0x"))
        {
            let size = rest.split(' ').next().expect("a word");
            if !rest.contains("\"bootloader\"") {
                roms.insert(number(at), number(size));
            }
        }
        if let Some((_, rest)) = line.split_once(" PC=") {
            counters.push(number(rest.split(' ').next().expect("a word")));
        }
    }
    Some((roms, counters))
}

#[test]
fn they_lie_where_the_installed_qemu_loads_them() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut made = files();
    for (name, bytes) in &made.0 {
        fs::write(folder.path().join(name), bytes).expect("a file");
    }
    for kernel in KERNELS {
        let Some((roms, counters)) = loaded(folder.path(), kernel) else {
            crate::skipped(
                "they_lie_where_the_installed_qemu_loads_them",
                "no qemu-system-aarch64",
            );
            return;
        };
        let vm = vm("cca-v3", &mut made, kernel, "").unwrap_or_else(|no| panic!("{kernel}: {no}"));
        // What the file has of a segment, and not its zeros, reaches the Realm.
        let in_file = |at: u64, size: u64| match (*kernel, at) {
            ("plain.elf", 0x4020_0000) => 5000,
            ("zeros.elf", 0x4031_0000) => 0,
            _ => size,
        };
        let theirs: BTreeMap<u64, u64> = roms
            .into_iter()
            .map(|(at, size)| (at, in_file(at, size)))
            .filter(|(_, size)| *size > 0)
            .collect();
        let ours: BTreeMap<u64, u64> = vm
            .regions
            .iter()
            .map(|region| {
                let image = region.image.as_ref().expect("contents");
                (region.ipa.start + region.fill_bytes, image.len_bytes())
            })
            .collect();
        assert_eq!(ours, theirs, "{kernel}");
        // Linux begins behind a stub of QEMU's, which Realms do not have.
        if kernel.ends_with(".elf") {
            let pcs: Vec<u64> = vm.vcpus.iter().map(|vcpu| vcpu.pc).collect();
            assert_eq!(pcs, counters, "{kernel}");
            assert!(vm.vcpus.iter().all(|vcpu| vcpu.gprs == [0; 8]), "{kernel}");
        }
    }
}

/// Name, first byte and contents of what a Realm's VM loads but the device tree.
fn regions(vm: &Vm) -> Vec<(&'static str, u64, Vec<u8>)> {
    let regions = vm.regions.iter().filter(|region| region.name != "dtb");
    regions
        .map(|region| {
            let image = region.image.as_ref().expect("contents");
            (region.name, region.ipa.start + region.fill_bytes, image.bytes_from(0).to_vec())
        })
        .collect()
}

#[test]
fn what_a_realm_gets_of_them() {
    let mut made = files();
    let initrd = ("initrd", RAM + 0x800_0000, bytes(12, 6000));
    for (kernel, loaded, pc) in [
        (
            "plain.elf",
            vec![
                ("kernel", RAM + 0x20_0000, bytes(seed(5000), 5000)),
                ("kernel", RAM + 0x21_0000, bytes(seed(100), 100)),
            ],
            RAM + 0x20_0010,
        ),
        ("moved.elf", vec![("kernel", RAM + 0x30_0000, bytes(3, 5000))], RAM + 0x30_0100),
        (
            "uboot",
            vec![("kernel", RAM + 0x40_0000, bytes(5, 7000)), initrd.clone()],
            RAM + 0x40_0040,
        ),
        (
            "anywhere",
            vec![("kernel", RAM + 0x200_0040, bytes(6, 7000)), initrd.clone()],
            RAM + 0x200_0050,
        ),
        ("packed", vec![("kernel", RAM + 0x40_0000, bytes(7, 7000)), initrd], RAM + 0x40_0040),
    ] {
        let vm = vm("linaro-2025", &mut made, kernel, "").expect("a VM");
        assert_eq!(regions(&vm), loaded, "{kernel}");
        let tree = vm.regions.iter().find(|region| region.name == "dtb").expect("a tree");
        let is_elf = kernel.ends_with(".elf");
        assert_eq!(tree.ipa.start, if is_elf { RAM } else { RAM + 0x820_0000 }, "{kernel}");
        assert_eq!(vm.vcpus[0].pc, pc, "{kernel}");
        assert_eq!(vm.vcpus[1].pc, if is_elf { pc } else { 0 }, "{kernel}");
        assert_eq!(vm.vcpus[0].gprs[0], if is_elf { 0 } else { tree.ipa.start }, "{kernel}");
        let says = vm.assumed.iter().any(|assumed| assumed.key == "kernel");
        assert_eq!(says, is_elf, "{kernel}");
    }
    // No room for a device tree: there is none.
    let vm = vm("linaro-2025", &mut made, "packed.elf", "").expect("a VM");
    assert!(vm.regions.iter().all(|region| region.name == "kernel"));
}

#[test]
fn kernels_that_no_realm_can_start() {
    let segment = |at: u64, memory: u64| (at, at, bytes(1, 5000), memory);
    let at = RAM + 0x20_0000;
    let big = {
        let mut file = elf(ARM64, at, &[]);
        file[5] = 2;
        file
    };
    let mut made = files();
    let more = [
        ("i386.elf", elf(3, at, &[segment(at, 5000)]), "", "is for machine 3"),
        ("empty.elf", elf(ARM64, at, &[]), "", "nothing to load"),
        ("short.elf", elf(ARM64, at, &[segment(at, 4000)]), "", "more bytes in the file"),
        ("large.elf", elf(ARM64, at, &[segment(at, 1 << 29)]), "", "RAM has 268435456"),
        ("outside.elf", elf(ARM64, at, &[segment(0x1000, 5000)]), "", "does not lie in RAM"),
        ("first.elf", elf(ARM64, RAM, &[segment(RAM, 5000)]), "", "device tree at address 0"),
        (
            "shared.elf",
            elf(ARM64, at, &[segment(at, 5000), segment(at + 5008, 5000)]),
            "",
            "overlaps the kernel",
        ),
        ("logged.elf", elf(ARM64, at, &[segment(at, 5000)]), ",measurement-log=on", "filetype"),
        ("big.elf", big, "", "is an ELF file that"),
        (
            "other",
            uboot([0x4040_0000, 0x4040_0000], [17, 2, 0], &bytes(2, 5000)),
            "",
            "device tree at address 0",
        ),
        ("none", uboot([0x4040_0000, 0x4040_0000], [LINUX, 2, 0], &[]), "", "holds nothing"),
        ("bad", uboot([0x4040_0000, 0], [LINUX, 2, 1], &[1; 80]), "", "no good gzip file"),
    ];
    for (name, file, option, why) in more {
        made.0.insert(name, file);
        let error = vm("cca-v3", &mut made, name, option).expect_err(name).to_string();
        assert!(error.contains(why), "{name}: {error}");
    }
    // Two segments in one page are one range for the program that merges images.
    let vm = vm("nvidia-11.0", &mut made, "shared.elf", "").expect("a VM");
    let ipas: Vec<Range<u64>> = vm.regions.iter().map(|region| region.ipa.clone()).collect();
    assert_eq!(ipas, [RAM..RAM + 0x10_0000, at..at + 0x3000]);
}

#[test]
fn firmware_gets_any_kernel() {
    let mut made = files();
    made.0.insert("fw.fd", bytes(1, 9000));
    made.0.insert("damaged", b"\x1f\x8b\x08 and no more".to_vec());
    for kernel in ["plain.elf", "uboot", "damaged"] {
        let vm = vm("cca-v3", &mut made, &format!("{kernel} -bios fw.fd"), "").expect(kernel);
        let names: Vec<_> = vm.regions.iter().map(|region| region.name).collect();
        assert_eq!(names, ["firmware", "dtb"], "{kernel}");
    }
}
