//! QEMU's device trees: every recorded one, byte for byte.

use std::fs;

use rimsim::host::vmm::Context;
use rimsim::host::{Caps, qemu};
use serde_json::Value;

use super::cases::{argv, folder, host, lines};
use super::inputs::Inputs;
use super::tree_text::difference;

/// The version of a recorded program.
fn version(case: &Value) -> &'static str {
    match case["qemu"].as_str().expect("a program") {
        "7.2.22" => "qemu-7.2",
        "10.0.2" => "qemu-10.0.2",
        "10.0.13" => "qemu-10.0.13",
        "11.1.3" => "qemu-11.1",
        "9.1.91-cca-v3" => "qemu-cca-v3",
        other => panic!("{other}"),
    }
}

/// The recorded tree with the zeros behind it, and where it lies if that was seen.
pub(crate) fn recorded(case: &Value) -> Option<(Vec<u8>, Option<u64>)> {
    let file = folder("qemu").join(case["dtb"]["file"].as_str()?);
    let mut bytes = fs::read(file).expect("a device tree");
    let len = case["dtb"]["full_size"].as_u64().expect("a length");
    bytes.resize(usize::try_from(len).expect("a MiB"), 0);
    Some((bytes, case["dtb"]["ipa"].as_u64()))
}

/// How many trees are equal and how many command lines are refused on both sides, and what is
/// different of the others.
fn differences(name: &str, caps: impl Fn(&Value) -> Caps) -> (usize, usize, Vec<String>) {
    let mut files = Inputs::default();
    let (mut equal, mut refused, mut found) = (0, 0, Vec::new());
    for case in lines(&folder("qemu").join(name)) {
        let id = case["id"].as_str().expect("a name");
        let caps = caps(&case);
        let mut context = Context { caps: &caps, files: &mut files, device_tree: None };
        let made = qemu::device_tree(version(&case), &argv(&case), &mut context);
        match (made, recorded(&case)) {
            (Ok(made), Some((bytes, base))) => {
                if let Some(difference) = difference(&made.bytes, &bytes) {
                    found.push(format!("{id}: {difference}"));
                } else if base.is_some_and(|base| base != made.base) {
                    found.push(format!("{id}: lies at {:#x}, not {base:?}", made.base));
                } else {
                    equal += 1;
                }
            }
            (Err(_), None) => refused += 1,
            // The one Realm whose tree was given.
            (Ok(_), None) if case["reached_run"] == true => {}
            (Ok(_), None) => found.push(format!("{id}: should be refused: {}", case["error"])),
            (Err(error), Some(_)) => found.push(format!("{id}: {error}")),
        }
    }
    (equal, refused, found)
}

#[test]
fn every_dumped_tree_is_made() {
    let (equal, refused, found) = differences("dumped.jsonl", |_| host());
    eprintln!("dumped: {equal} equal, {refused} refused\n{}", found.join("\n"));
    assert_eq!(found, Vec::<String>::new());
    assert_eq!((equal, refused), (351, 30));
}

#[test]
fn every_tree_of_qemu_11_1_is_made() {
    let (equal, refused, found) = differences("dumped-11.1.jsonl", |_| host());
    eprintln!("11.1: {equal} equal, {refused} refused\n{}", found.join("\n"));
    assert_eq!(found, Vec::<String>::new());
    assert_eq!((equal, refused), (114, 13));
}

/// Two programs a line: JSON objects, chains of ports, watchdogs, IOMMUs.
#[test]
fn every_tree_of_lines_as_libvirt_writes_them_is_made() {
    let (equal, refused, found) = differences("libvirt-like.jsonl", |_| host());
    eprintln!("libvirt: {equal} equal, {refused} refused\n{}", found.join("\n"));
    assert_eq!(found, Vec::<String>::new());
    assert_eq!((equal, refused), (80, 0));
}

/// Single options and spellings, by four programs: of trees there is the hash. What is refused here
/// and not by QEMU is marked, and the other way round.
#[test]
fn every_option_is_read_as_qemu_reads_it() {
    let (mut files, caps) = (Inputs::default(), host());
    let (mut equal, mut refused, mut marked) = (0, 0, 0);
    for case in lines(&folder("qemu").join("words.jsonl")) {
        let line = format!("{} {}", case["qemu"], argv(&case).join(" "));
        let mut context = Context { caps: &caps, files: &mut files, device_tree: None };
        let made = qemu::device_tree(version(&case), &argv(&case), &mut context);
        match (made, case["sha256_full"].as_str(), case["rimsim"].as_str()) {
            (Ok(made), Some(hash), None) => {
                assert_eq!(super::qemu::sha256(&made.bytes), hash, "{line}");
                equal += 1;
            }
            (Err(_), None, None) => refused += 1,
            (Err(_), Some(_), Some("refuses")) | (Ok(_), None, Some("accepts")) => marked += 1,
            (made, ..) => panic!("{line}: {:?}, {}", made.map(|_| ()), case["error"]),
        }
    }
    eprintln!("words: {equal} equal, {refused} refused, {marked} marked");
    assert_eq!((equal + refused, marked), (597, 16));
}

#[test]
fn every_tree_of_a_realm_is_made() {
    let (equal, refused, found) = differences("realm.jsonl", super::qemu::caps);
    eprintln!("realm: {equal} equal, {refused} refused\n{}", found.join("\n"));
    assert_eq!(found, Vec::<String>::new());
    assert_eq!((equal, refused), (130, 3));
}
