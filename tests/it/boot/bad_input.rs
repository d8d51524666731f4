//! What is damaged, cut off, huge or has no end: an error with its place, or words, and never more
//! memory than the file is worth.

use rimsim::boot::efi::device_path;
use rimsim::boot::efi::load_option::LoadOption;
use rimsim::boot::efi::variable::{self, Variable};
use rimsim::boot::{Chain, Predicted, Vm, compare, learn, seen_in};
use rimsim::event_log;
use rimsim::measure::rim::HashAlgo;

use super::vectors::{Memory, predicted};
use crate::boot_inputs::{Section, chains, disk, pe, seed, uki_sections};

const ALGO: HashAlgo = HashAlgo::Sha256;

/// A chain of the vectors with other files, booted; or why not.
fn booted(case: &str, files: &[(&str, Vec<u8>)]) -> Result<Predicted, String> {
    let found = chains("sha256").into_iter().find(|(name, _)| *name == case);
    let chain = Chain::read(&found.expect("a case").1).expect("a chain");
    let mut memory = Memory::new();
    for (name, bytes) in files {
        memory.0.insert((*name).to_owned(), bytes.clone());
    }
    Predicted::of(&chain, Vm::of(ALGO), &mut memory).map_err(|error| error.to_string())
}

/// Why a chain does not boot with another file in it.
fn wrong(case: &str, name: &str, bytes: Vec<u8>) -> String {
    booted(case, &[(name, bytes)]).expect_err("it is damaged")
}

/// A UKI of which some sections say another size in memory.
fn uki_with(names: &[&str], virtual_size: u32) -> Vec<u8> {
    let mut uki = pe(&uki_sections(), &[], &[]);
    for (i, (name, _, _)) in uki_sections().iter().enumerate() {
        let at = 328 + 40 * i + 8;
        if names.contains(name) {
            uki[at..at + 4].copy_from_slice(&virtual_size.to_le_bytes());
        }
    }
    uki
}

#[test]
fn images() {
    for (virtual_size, message) in
        [(u32::MAX, "VirtualSize is 0xffffffff"), (80 << 20, "VirtualSize is 0x5000000")]
    {
        let told = wrong("c_uki", "uki.bin", uki_with(&[".osrel"], virtual_size));
        assert!(told.starts_with("[[boot]] 1 (uki), file: byte 0x"), "{told}");
        assert!(told.contains(message), "{told}");
    }
    // Each is allowed, and both are too much.
    let told = wrong("c_uki", "uki.bin", uki_with(&[".osrel", ".uname"], 40 << 20));
    assert!(told.contains("zeros that are not in the file"), "{told}");
    // Sections that lie on each other are hashed as they lie, by every reader.
    let mut overlapping = uki_with(&[], 0);
    let at = 328 + 40;
    let start: [u8; 4] = overlapping[328 + 20..328 + 24].try_into().expect("four");
    overlapping[at + 20..at + 24].copy_from_slice(&start);
    assert!(booted("c_uki", &[("uki.bin", overlapping)]).is_ok());
    // The kernel in it is none.
    let broken = uki_sections().into_iter().map(|(name, bytes, size)| {
        (name, if name == ".linux" { seed("none", 900) } else { bytes }, size)
    });
    let broken: Vec<Section<'static>> = broken.collect();
    let told = wrong("c_uki_old_stub", "uki.bin", pe(&broken, &[], &[]));
    assert!(told.contains("(uki), file, section .linux: byte 0x0: no PE image"), "{told}");
    for len in [0, 63, 100, 328, 0x400, 0x1000] {
        let told = wrong("c_uki", "uki.bin", pe(&uki_sections(), &[], &[])[..len].to_vec());
        assert!(told.starts_with("[[boot]] 1 (uki), file: byte 0x"), "{len}: {told}");
    }
}

#[test]
fn disks_and_trees() {
    let gpt = "a_kvmtool_efistub_gpt_lf2";
    let put = |at: usize, value: u32| {
        let mut bytes = disk();
        bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
        bytes
    };
    // Number of entries, their size, where they lie.
    for (bytes, message) in [
        (put(512 + 80, u32::MAX), "[disk], gpt: "),
        (put(512 + 84, u32::MAX), "[disk], gpt: "),
        (put(512 + 84, 0), "[disk], gpt: "),
        (put(512 + 72, u32::MAX), "[disk], gpt: "),
        (put(512 + 12, u32::MAX), "[disk], gpt: "),
        (disk()[..1000].to_vec(), "[disk], gpt: "),
        (vec![0xFF; 4096], "[disk], gpt: no GPT"),
        (Vec::new(), "[disk], gpt: no GPT"),
    ] {
        let told = wrong(gpt, "disk.img", bytes);
        assert!(told.starts_with(message), "{told}");
    }
    let huge = [&[0xD0, 0x0D, 0xFE, 0xED][..], &u32::MAX.to_be_bytes(), &[0; 64]].concat();
    let told = wrong(gpt, "fdt.bin", huge);
    assert!(told.contains("firmware, device_tree: says that it has 4294967295 bytes"), "{told}");
    let told = wrong(gpt, "fdt.bin", vec![0xD0, 0x0D]);
    assert!(told.contains("no device tree: no magic"), "{told}");
}

/// Names, descriptions and options that are no UTF-16: lone surrogates, and half of a unit.
#[test]
fn texts_that_are_none() {
    let lone = [0x00, 0xD8, b'a', 0, 0, 0];
    let option = [&[1, 0, 0, 0, 4, 0][..], &lone, &device_path::END, &[0x3D, 0xD8, 7]].concat();
    let read = LoadOption::read(&option).expect("an option");
    assert!(read.to_string().contains("\\u{d800}a"), "{read}");
    let data = variable::data(variable::GLOBAL, "Boot0001", &option);
    assert_eq!(Variable::read(&data).expect("whole").value, option);
    for end in 0..data.len() {
        assert!(Variable::read(&data[..end]).is_none(), "{end}");
    }
    for end in 0..option.len() {
        let _ = LoadOption::read(&option[..end]);
    }
    // Counts that are longer than any memory.
    let mut huge = data.clone();
    huge[16..24].fill(0xFF);
    assert!(Variable::read(&huge).is_none());
    // The chain takes the bytes as they are, and learning gives the same again.
    let digits: String = option.iter().map(|byte| format!("{byte:02x}")).collect();
    let chain = chains("sha256").remove(0).1;
    let table = chain.lines().find(|line| line.starts_with("Boot0001")).expect("an option");
    let chain = chain.replace(table, &format!("Boot0001 = \"hex:{digits}\""));
    let made = predicted(&chain, ALGO);
    let log = event_log::read(&made.ccel().expect("a log").bytes).expect("a log");
    let seen = seen_in(&log, ALGO).expect("registers");
    assert!(compare(&made.events, &seen).differences.is_empty());
    let learned = Chain::read(&learn(&seen, ALGO, &[]).text).expect("a chain");
    let again = Predicted::of(&learned, Vm::of(ALGO), &mut Memory::new()).expect("it boots");
    let digests = |made: &Predicted| -> Vec<Vec<u8>> {
        made.events.iter().map(|event| event.digest.clone()).collect()
    };
    assert_eq!(digests(&again), digests(&made));
    for (name, value) in [("BootOrder", "hex:01"), ("BootOrder", "hex:010203")] {
        let damaged = chain.replace("BootOrder = [1, 10, 7]", &format!("{name} = \"{value}\""));
        let chain = Chain::read(&damaged).expect("a chain");
        let told = Predicted::of(&chain, Vm::of(ALGO), &mut Memory::new());
        let told = told.expect_err("half a number").to_string();
        assert!(told.contains("has an odd number of bytes"), "{told}");
    }
}

/// Logs that are full, empty, damaged, or end in the middle of an event.
#[test]
fn logs() {
    let made = predicted(&chains("sha256").remove(4).1, ALGO);
    let whole = made.ccel().expect("a log").bytes;
    let used = event_log::read(&whole).expect("a log").used_bytes;
    assert!(event_log::read(&[0xFF; 1 << 16]).is_err(), "nothing but 0xFF");
    assert!(event_log::read(&[]).is_err());
    // No filling behind the last event: it ends there.
    let used = usize::try_from(used).expect("short");
    let log = event_log::read(&whole[..used]).expect("it ends behind an event");
    assert_eq!(seen_in(&log, ALGO).expect("registers").len(), made.events.len());
    let mut cut = 0;
    for end in (0..used).step_by(7) {
        let Ok((log, broken)) = event_log::read_as_far(&whole[..end]) else { continue };
        cut += usize::from(broken.is_some());
        let seen = seen_in(&log, ALGO).expect("registers");
        let found = compare(&made.events, &seen);
        assert!(!found.differences.is_empty() && seen.len() < made.events.len(), "{end}");
        let _ = learn(&seen, ALGO, &[]);
    }
    assert!(cut > 100, "{cut}");
    // An event that says it has more data than there are.
    let mut long = whole.clone();
    long[used - 60..used].fill(0xFE);
    let _ = event_log::read_as_far(&long);
}
