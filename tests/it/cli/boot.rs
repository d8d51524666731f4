//! `rimsim boot`, and logs beside chains.

use std::fs;

use serde_json::Value;

use super::{Folder, stdout};
use crate::boot_inputs::{chains, files};

pub(super) fn folder(name: &str) -> Folder {
    let folder = Folder::new(name);
    for (name, bytes) in files() {
        folder.file(name, bytes);
    }
    for algo in ["sha256", "sha512"] {
        for (name, chain) in chains(algo) {
            folder.file(&format!("{name}-{algo}.toml"), chain);
        }
    }
    folder
}

fn vector(name: &str) -> Vec<u8> {
    let root = env!("CARGO_MANIFEST_DIR");
    fs::read(format!("{root}/spec-vectors/measured-boot/{name}")).expect("a vector")
}

#[test]
fn the_expected_log_is_the_vector() {
    let folder = folder("boot-ccel");
    let mut seen = 0;
    for algo in ["sha256", "sha512"] {
        for (name, _) in chains(algo) {
            let chain = format!("{name}-{algo}.toml");
            if name.starts_with("b_") {
                folder.fails(&["boot", "--format", "ccel", "-o", "log", &chain], 2, "has no log");
                continue;
            }
            let output = folder.rimsim(&["boot", "--format", "ccel", "-o", "log", &chain]);
            assert_eq!(output.status.code(), Some(0), "{output:?}");
            let made = fs::read(folder.path("log")).expect("a log");
            let wanted = vector(&format!("{name}-{algo}.ccel"));
            assert_eq!(made.len(), 1 << 16);
            assert!(made.starts_with(&wanted), "{name}");
            let output = folder.rimsim(&["log", "log", "--against", &chain]);
            assert_eq!(output.status.code(), Some(0), "{output:?}");
            assert!(stdout(&output).starts_with("equal: "), "{output:?}");
            seen += 1;
        }
    }
    assert_eq!(seen, 8);
}

#[test]
fn boots_are_told() {
    let folder = folder("boot-told");
    let chain = "c_uki-sha256.toml";
    let output = folder.rimsim(&["boot", "-v", chain]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let text = stdout(&output);
    assert!(text.starts_with("rem1 7d5cf25ea4ad015a"), "{text}");
    assert_eq!(text.lines().count(), 4 + 29, "{text}");
    assert!(text.contains("\n1 rem1 EV_S_CRTM_VERSION firmware version \"rimsim-test"), "{text}");
    assert!(text.contains(" EV_IPL section .osrel, 23 bytes, digest "), "{text}");
    let json = stdout(&folder.rimsim(&["boot", "--format", "json", chain]));
    let json: Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(json["schema"], "rimsim/1");
    assert_eq!(json["events"].as_array().expect("a list").len(), 29);
    assert_eq!(json["events"][28]["after"], json["rems"][1]);
    assert!(json["inputs"].as_array().expect("a list").len() >= 2, "{json}");
    folder.fails(&["boot", "--strict", chain], 2, "--strict: assumed variables.SecureBoot");
    folder.fails(&["boot", "--format", "corim", "-o", "x", chain], 2, "there is no RIM");
}

#[test]
fn reference_values_have_the_rems() {
    let folder = folder("boot-reference");
    let chain = fs::read_to_string(folder.path("c_uki-sha256.toml")).expect("a chain");
    let chain = chain.replace("hash_algo = \"sha256\"\n", &measure(&"ab".repeat(32)));
    folder.file("chain.toml", &chain);
    let output = folder.rimsim(&["boot", "--format", "corim", "-o", "a.corim", "chain.toml"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let text = stdout(&folder.rimsim(&["boot", "chain.toml"]));
    let rem2 = text.lines().find_map(|line| line.strip_prefix("rem2 ")).expect("a REM");
    let store = stdout(&folder.rimsim(&["boot", "--format", "ccatoken-store", "chain.toml"]));
    assert!(store.contains(rem2), "{store}");
    let output = folder.rimsim(&["boot", "--format", "trustee", "chain.toml"]);
    assert!(!stdout(&output).is_empty());
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(told.contains("REMs have no name in it"), "{told}");
}

pub(super) fn measure(rim: &str) -> String {
    format!("[measure]\nrim = \"{rim}\"\n")
}

/// The whole of it: a VMM's command line, whose device tree is in the RIM and in REM 1.
#[test]
fn the_vmm_of_a_chain() {
    let folder = folder("boot-vmm");
    folder.file("fw.fd", vec![7; 0x3000]);
    let chain = fs::read_to_string(folder.path("c_uki-sha256.toml")).expect("a chain");
    let vm = "[measure]\nvm = \"kvmtool -- lkvm run --realm -c 2 -m 512M -f fw.fd\"\n";
    let chain = chain.replace("hash_algo = \"sha256\"\n", vm);
    folder.file("chain.toml", chain.replace("device_tree = \"fdt.bin\"\n", ""));
    let words = ["kvmtool", "--", "lkvm", "run", "--realm", "-c", "2", "-m", "512M", "-f", "fw.fd"];
    let measured =
        stdout(&folder.rimsim(&[&["measure", "--dtb-out", "vm.dtb"], &words[..]].concat()));
    let text = stdout(&folder.rimsim(&["boot", "chain.toml"]));
    assert!(text.starts_with(&format!("rim {measured}")), "{text}");
    folder.file("again.toml", chain.replace("fdt.bin", "vm.dtb"));
    assert_eq!(stdout(&folder.rimsim(&["boot", "again.toml"])), text);
    // From another folder: names are relative to the chain.
    fs::create_dir(folder.path("below")).expect("a folder");
    let mut command = folder.command(&["boot", "../chain.toml"]);
    let output = command.current_dir(folder.path("below")).output().expect("the command");
    assert_eq!(stdout(&output), text, "{output:?}");
}

#[test]
fn logs_beside_chains() {
    let folder = folder("boot-against");
    let chain = fs::read_to_string(folder.path("c_uki-sha256.toml")).expect("a chain");
    folder.file("log", vector("c_uki-sha256.ccel"));
    folder.file("wrong.toml", chain.replace("[1]", "[1, 2]"));
    let output = folder.rimsim(&["log", "log", "--against", "wrong.toml"]);
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    let text = stdout(&output);
    assert!(text.starts_with("the first 8 events are equal; then event 9: BootOrder "), "{text}");
    assert!(text.contains("varies with the VM's PCI devices and the variable store"), "{text}");
    assert!(text.contains("what follows: other values of rem1\n"), "{text}");
    assert!(text.contains("rem1 differs: ") && text.contains("rem2 822d3ae1"), "{text}");
    assert!(text.contains("rem4 0000"), "{text}");
    let json = folder.rimsim(&["log", "log", "--against", "wrong.toml", "--format", "json"]);
    let json: Value = serde_json::from_str(&stdout(&json)).expect("JSON");
    assert_eq!(json["differences"][0]["change"], "other");
    assert_eq!(json["rems"], serde_json::json!([1]));
    // A value that the log does not make is another thing than one that is not predicted.
    let other = format!("2={}", "ab".repeat(32));
    let args = ["log", "log", "--against", "c_uki-sha256.toml", "--expect-rem", &other];
    let output = folder.rimsim(&args);
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    assert!(stdout(&output).contains("something extended it that is in no log"), "{output:?}");
    let blobs = "b_qemu_fwcfg-sha256.toml";
    folder.fails(&["log", "log", "--against", blobs], 2, "this firmware has no log to compare");
    folder.file("cut", &vector("c_uki-sha256.ccel")[..700]);
    let args = ["log", "cut", "--against", "c_uki-sha256.toml"];
    folder.fails(&args, 3, "what the log has behind it can not be known");
}

#[test]
fn learned_chains_boot() {
    let folder = folder("boot-learn");
    for algo in ["sha256", "sha512"] {
        for (name, _) in chains(algo).into_iter().filter(|(name, _)| !name.starts_with("b_")) {
            folder.file("log", vector(&format!("{name}-{algo}.ccel")));
            for images in [&[][..], &["--image", "uki.bin", "--image", "kernel.bin"]] {
                let args = [&["log", "log", "--learn", "-o", "learned.toml"], images].concat();
                let output = folder.rimsim(&args);
                assert_eq!(output.status.code(), Some(0), "{output:?}");
                let told = String::from_utf8_lossy(&output.stderr).into_owned();
                assert!(told.contains("firmware.device_tree: device tree, digest "), "{told}");
                let booted = folder.rimsim(&["boot", "learned.toml"]);
                assert_eq!(booted.status.code(), Some(0), "{booted:?}");
                assert_eq!(stdout(&booted), stdout(&output));
            }
        }
    }
}

#[test]
fn what_is_wrong_with_chains() {
    let folder = folder("boot-wrong");
    let chain = fs::read_to_string(folder.path("c_uki-sha256.toml")).expect("a chain");
    folder.file("zero.bin", []);
    folder.file("text.bin", "no image");
    for (from, to, code, message) in [
        ("uki.bin", "no.bin", 1, "[[boot]] 1 (uki), file: "),
        ("fdt.bin", "no.bin", 1, "firmware, device_tree: "),
        ("fdt.bin", "text.bin", 2, "firmware, device_tree: no device tree"),
        ("uki.bin", "text.bin", 2, "[[boot]] 1 (uki), file: byte 0x0: no PE image"),
        ("uki.bin", "zero.bin", 2, "(uki), file: byte 0x0: the signature takes"),
        ("uki.bin", "signed.bin", 2, "no UKI: it has no section .linux"),
        ("uki.bin", concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"), 1, "--allow-outside"),
        ("\"2026\"", "\"2027\"", 2, "`2027` is no systemd-stub that is known; there are old, 257"),
        ("edk2-kvmtool-pr12535", "edk2", 2, "there are edk2-kvmtool-pr12535"),
        ("sha256", "md5", 2, "1:13: `md5` is none of"),
        ("[variables]", "[variable]", 2, "unknown field `variable`"),
        ("\"uki\"\nfile", "\"ukj\"\nfile", 2, "unknown variant `ukj`"),
        ("[1]", "[70000]", 2, "invalid value"),
        ("[1]", "\"hex:010\"", 2, "3 hexadecimal digits"),
        ("Pci(0x2,0x0)", "Pci(0x2)", 2, "is no node"),
        ("failed_exits = 0", "failed_exits = 5000", 2, "5000 times; at most 1000"),
        ("hash_algo = \"sha256\"\n", "", 2, "say hash_algo, or the VMM in [measure]"),
        ("[1]", "[1]\nBootCurrent = \"hex:00\"", 2, "BootCurrent: firmware does not measure it"),
        ("version", "boot_option = 3\nversion", 2, "Boot0003 is not in BootOrder"),
    ] {
        let damaged = chain.replacen(from, to, 1);
        assert_ne!(damaged, chain, "{from}");
        folder.file("chain.toml", damaged);
        folder.fails(&["boot", "chain.toml"], code, message);
    }
    folder.fails(&["boot", "nothing.toml"], 1, "nothing.toml: ");
    folder.file("bytes.toml", [0xFF, 0]);
    folder.fails(&["boot", "bytes.toml"], 2, "byte 0 is not UTF-8");
}
