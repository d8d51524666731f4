//! Planted differences: each is named by the comparison of a log with a chain.

use rimsim::boot::{Candidate, Chain, Predicted, Vm, compare, learn, seen_in};
use rimsim::event_log;
use rimsim::measure::rim::HashAlgo;

use super::vectors::Memory;
use crate::boot_inputs::{CMDLINE, chains, files};

const ALGO: HashAlgo = HashAlgo::Sha256;

/// Shim, a GRUB that measures, and a kernel.
fn with_grub() -> String {
    format!(
        "hash_algo = \"sha256\"\n[firmware]\nprofile = \"edk2-kvmtool-pr12535\"\n\
         device_tree = \"fdt.bin\"\n\
         [[boot]]\nkind = \"shim\"\nfile = \"signed.bin\"\nsbat_level = \"text:sbat,1\"\n\
         [[boot]]\nkind = \"grub\"\nfile = \"kernel.bin\"\nprofile = \"upstream\"\ncc = true\n\
         steps = [\n\
         {{ read = {{ name = \"(hd0)/grub.cfg\", file = \"text:set a=1\" }} }},\n\
         {{ command = \"set a=1\" }},\n{{ command = \"linux /Image\" }},\n\
         {{ kernel-cmdline = \"/Image quiet\" }},\n]\n\
         [[boot]]\nkind = \"linux\"\nfile = \"kernel.bin\"\ncmdline = \"{CMDLINE}\"\n"
    )
}

fn base(case: &str) -> String {
    if case == "grub" {
        return with_grub();
    }
    let found = chains("sha256").into_iter().find(|(name, _)| *name == case);
    found.expect("a case").1
}

fn booted(chain: &str, files: &mut Memory) -> Predicted {
    let chain = Chain::read(chain).unwrap_or_else(|why| panic!("{why}\n{chain}"));
    let vm = Vm::of(ALGO);
    Predicted::of(&chain, vm, files).unwrap_or_else(|why| panic!("{why}\n{chain:?}"))
}

/// Where a log of `planted` differs from `expected`, all of it in words.
fn told(expected: &Predicted, planted: &Predicted) -> Vec<String> {
    let log = planted.ccel().expect("a log").bytes;
    let log = event_log::read(&log).expect("a log");
    let seen = seen_in(&log, ALGO).expect("registers of a Realm");
    let found = compare(&expected.events, &seen);
    let text = |told: &rimsim::boot::Told| {
        let parts = [told.expected.clone(), told.seen.clone(), Some(told.varies.to_owned())];
        let parts = parts.into_iter().flatten().chain(told.why.iter().cloned());
        let field = told.field.unwrap_or_default();
        format!("{}\n{}\n{field}", told.head, parts.collect::<Vec<_>>().join("\n"))
    };
    found.differences.iter().map(text).collect()
}

/// A difference in the text of a chain.
type Edit = (&'static str, &'static str, &'static str, &'static [&'static str]);

const GPT: &str = "a_kvmtool_efistub_gpt_lf2";
const UKI: &str = "c_uki";

const EDITS: &[Edit] = &[
    (GPT, "version = \"rimsim-test 1.0\"", "version = \"1.1\"", &["\"1.1\"", "FIRMWARE_VER"]),
    (GPT, "version = \"rimsim-test 1.0\"\n", "", &["firmware version", "FIRMWARE_VER"]),
    (GPT, "[variables]\n", "[variables]\nSecureBoot = \"hex:01\"\n", &["SecureBoot", "keys"]),
    (GPT, "[variables]\n", "[variables]\nPK = \"hex:01\"\n", &["variable PK", "keys"]),
    (GPT, "[variables]\n", "[variables]\nKEK = \"hex:01\"\n", &["variable KEK", "keys"]),
    (GPT, "[variables]\n", "[variables]\ndb = \"hex:01\"\n", &["variable db,", "keys"]),
    (GPT, "[variables]\n", "[variables]\ndbx = \"hex:01\"\n", &["variable dbx", "keys"]),
    (GPT, "[variables]\n", "[variables]\ndbt = \"hex:01\"\n", &["dbt", "is not expected"]),
    (GPT, "[1, 10, 7]", "[10, 1, 7]", &["BootOrder Boot000A, Boot0001, Boot0007"]),
    (GPT, "[1, 10, 7]", "[1, 10]", &["BootOrder Boot0001, Boot000A,", "variable store"]),
    (GPT, "[1, 10, 7]", "[1]", &["Boot000A", "is missing"]),
    (GPT, "BootOrder = [1, 10, 7]\n", "", &["BootOrder", "is missing"]),
    (GPT, "\"rimsim\"", "\"Linux\"", &["its description: expected \"rimsim\", found \"Linux\""]),
    (GPT, "Pci(0x2,0x0)", "Pci(0x3,0x0)", &["its device path", "Pci(0x3,0x0)", "PCI devices"]),
    (GPT, "BOOTAA64", "GRUBAA64", &["its device path", "GRUBAA64"]),
    (GPT, "ttyAMA0", "ttyS0", &["its options", "console=ttyS0\""]),
    (GPT, "attributes = 9", "attributes = 1", &["its attributes: expected 0x9, found 0x1"]),
    (GPT, "\"x\"", "\"y\"", &["Boot000A", "its device path: expected x, found y"]),
    (GPT, "\"UiApp\"", "\"Shell\"", &["Boot000A", "found \"Shell\""]),
    (GPT, "[exit]", "Boot0007 = { path = \"z\" }\n[exit]", &["Boot0007", "is not expected"]),
    (GPT, "failed_attempts = 0", "failed_attempts = 1", &["a boot option failed first"]),
    (GPT, "failed_attempts = 0", "failed_attempts = 2", &["Returning from EFI Application"]),
    (GPT, "[disk]", "separator = false\n[disk]", &["one separator less", "revision"]),
    (GPT, "[disk]\ngpt = \"disk.img\"\n", "", &["GPT", "is missing", "has no GPT"]),
    (GPT, "initrd_by =", "cmdline = \"quiet\"\ninitrd_by =", &["LoadOptions", "boot loader"]),
    (
        GPT,
        "initrd_by =",
        "load_options = \"hex:72006f006f0074003d002f006400650076002f0076006400610032002000630\
         06f006e0073006f006c0065003d0074007400790041004d0041003000\"\ninitrd_by =",
        &["without a NUL at the end"],
    ),
    (GPT, "initrd_by = \"loadfile2\"", "initrd_by = \"cmdline\"", &["initrd", "is missing"]),
    (GPT, "failed_exits = 0", "failed_exits = 1", &["old memory map"]),
    (GPT, "failed_exits = 0", "failed_exits = 3", &["Returned with Failure"]),
    (GPT, "failed_exits = 0", "reached = false", &["Exit Boot Services", "is missing"]),
    (GPT, "stub = \"6.9\"", "stub = \"before-6.9\"", &["LoadOptions", "before 6.9"]),
    (
        GPT,
        "[[boot]]",
        "[[boot]]\nkind = \"efi\"\nfile = \"signed.bin\"\nreturned = true\n[[boot]]",
        &["image of 3427 bytes", "is not expected"],
    ),
    (GPT, "[[boot]]", "[[boot]]\nkind = \"event\"\nrem = 3\ntype = 13\n[[boot]]", &["no data"]),
    (GPT, "file = \"kernel.bin\"", "file = \"signed.bin\"", &["kernel kernel.bin", "the file"]),
    (UKI, "stub = \"2026\"", "stub = \"old\"", &["from memory", "stub of a UKI"]),
    (UKI, "stub = \"2026\"", "stub = \"257\"", &["from memory", "is not expected"]),
    (UKI, "stub = \"2026\"", "stub = \"2026\"\ncmdline = \"debug\"", &["\"debug\""]),
    (
        UKI,
        "stub = \"2026\"",
        "stub = \"2026\"\naddons = [\"debug\"]",
        &["\"debug\"", "addons of the UKI"],
    ),
    (
        UKI,
        "stub = \"2026\"",
        "stub = \"2026\"\ncredentials = [{ name = \"a\", file = \"text:b\" }]",
        &["Credentials initrd", "is not expected"],
    ),
    (
        UKI,
        "stub = \"2026\"",
        "stub = \"2026\"\nsysext = [{ name = \"a.raw\", file = \"text:b\" }]",
        &["System extension initrd"],
    ),
    (UKI, "kernel_stub = \"6.9\"", "kernel_stub = \"before-6.9\"", &["LoadOptions", "missing"]),
    (UKI, "[[boot]]", "[disk]\ngpt = \"disk.img\"\n[[boot]]", &["has a GPT"]),
    ("grub", "cc = true", "cc = false", &["GRUB reads (hd0)/grub.cfg", "cc = false"]),
    ("grub", "{ command = \"set a=1\" }", "{ command = \"set a=2\" }", &["grub_cmd: set a=2"]),
    ("grub", "{ command = \"set a=1\" },\n", "", &["grub_cmd: set a=1 is missing"]),
    (
        "grub",
        "{ command = \"set a=1\" },\n{ command = \"linux /Image\" }",
        "{ command = \"linux /Image\" },\n{ command = \"set a=1\" }",
        &["has another place", "in another order"],
    ),
    ("grub", "text:set a=1", "text:set a=3", &["GRUB reads (hd0)/grub.cfg differs"]),
    ("grub", "/Image quiet", "/Image", &["kernel_cmdline: /Image quiet differs"]),
    ("grub", "\"upstream\"", "\"rhboot\"", &["LoadOptions", "without a NUL at the end"]),
    ("grub", "text:sbat,1", "text:sbat,2", &["SbatLevel", "shim's build"]),
    ("grub", "sbat_level = \"text:sbat,1\"\n", "", &["SbatLevel", "is missing"]),
    ("grub", "sbat_level", "mok_list = \"text:keys\"\nsbat_level", &["MokList, 76 bytes differs"]),
    ("grub", "sbat_level", "mok_sb_state = \"hex:01\"\nsbat_level", &["MokSBState"]),
    (
        "grub",
        "cc = true",
        "authority = { variable = \"Shim\", data = \"text:key\" }\ncc = true",
        &["variable Shim", "certificate"],
    ),
    ("grub", "cmdline = \"root", "measured = false\ncmdline = \"root", &["kernel kernel.bin"]),
];

/// A difference in a file: which, and what it is called.
const FILES: &[(&str, &str, usize, &[&str])] = &[
    (GPT, "fdt.bin", 100, &["device tree differs", "the VMM's command line"]),
    (GPT, "disk.img", 512 + 60, &["GPT: disk"]),
    (GPT, "kernel.bin", 0x400, &["kernel kernel.bin, Authenticode differs"]),
    (GPT, "kernel.bin", 0x1000, &["kernel kernel.bin, Authenticode differs"]),
    (GPT, "kernel.bin", 0x50, &["kernel kernel.bin, Authenticode differs"]),
    (GPT, "initrd.bin", 0, &["initrd, 20001 bytes differs"]),
    (GPT, "initrd.bin", 20000, &["initrd, 20001 bytes differs"]),
    (UKI, "uki.bin", 0x1000, &["section .osrel, 23 bytes differs"]),
    (UKI, "uki.bin", 0x1200, &["section .cmdline, 31 bytes differs"]),
    (UKI, "uki.bin", 0x1400, &["section .uname, 10 bytes differs"]),
    (UKI, "uki.bin", 0x1600, &["section .sbat, 37 bytes differs"]),
    (UKI, "uki.bin", 0x1800, &["section .initrd, 20001 bytes differs"]),
    (UKI, "uki.bin", 0x7000, &["section .linux, 7680 bytes differs"]),
];

#[test]
fn planted_differences_are_named() {
    assert!(EDITS.len() + FILES.len() >= 60, "{}", EDITS.len() + FILES.len());
    let mut wrong = Vec::new();
    for (case, from, to, words) in EDITS {
        let text = base(case);
        let planted = text.replace(from, to);
        assert_ne!(text, planted, "{from}");
        let found = told(&booted(&text, &mut Memory::new()), &booted(&planted, &mut Memory::new()));
        let named = found.iter().any(|told| words.iter().all(|word| told.contains(word)));
        if !named {
            wrong.push(format!("{case}: {to}: {words:?} in\n{}", found.join("\n\n")));
        }
    }
    for (case, file, at, words) in FILES {
        let mut files = Memory::new();
        let expected = booted(&base(case), &mut files);
        let bytes = files.0.get_mut(*file).expect("a file");
        bytes[*at] ^= 0x20;
        if *file == "disk.img" {
            let header = &mut bytes[512..512 + 92];
            header[16..20].fill(0);
            let crc = crate::boot_inputs::crc32(header);
            header[16..20].copy_from_slice(&crc.to_le_bytes());
        }
        let found = told(&expected, &booted(&base(case), &mut files));
        let named = found.iter().any(|told| words.iter().all(|word| told.contains(word)));
        if !named {
            wrong.push(format!("{case}: {file} {at:#x}: {words:?} in\n{}", found.join("\n\n")));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n\n"));
}

#[test]
fn what_is_the_same_does_not_differ() {
    for case in [GPT, UKI, "grub"] {
        let made = booted(&base(case), &mut Memory::new());
        assert_eq!(told(&made, &made), Vec::<String>::new());
    }
}

/// What is learned from a log measures what the log has, with files that are known or without.
#[test]
fn learned_chains_measure_what_the_log_has() {
    let files = files();
    let all: Vec<Candidate<'_>> =
        files.iter().map(|(name, bytes)| Candidate { name, bytes }).collect();
    let mut cases: Vec<String> = chains("sha256").into_iter().map(|(_, chain)| chain).collect();
    cases.push(with_grub());
    cases.push(base(GPT).replace("failed_attempts = 0", "failed_attempts = 2"));
    cases.push(base(GPT).replace("failed_exits = 0", "failed_exits = 2"));
    cases.push(base(GPT).replace("failed_exits = 0", "reached = false"));
    cases.push(base(UKI).replace("edk2-kvmtool-pr12535", "tdx-like"));
    for chain in cases {
        let made = booted(&chain, &mut Memory::new());
        let Some(log) = made.ccel() else { continue };
        let log = event_log::read(&log.bytes).expect("a log");
        let seen = seen_in(&log, ALGO).expect("registers of a Realm");
        for files in [&all[..], &[]] {
            let learned = learn(&seen, ALGO, files);
            assert_eq!(learned.has_stages, !chain.contains("tdx-like"), "{}", learned.text);
            let again = booted(&learned.text, &mut Memory::new());
            let digests = |made: &Predicted| {
                made.events.iter().map(|one| (one.rem, one.digest.clone())).collect::<Vec<_>>()
            };
            assert_eq!(digests(&again), digests(&made), "{}", learned.text);
            if files.is_empty() && learned.has_stages {
                assert!(learned.holes.iter().any(|hole| hole.contains("device tree")));
            }
        }
    }
}
