//! `why --seen`: what was seen of the VM that runs leads to the options, and what it can not tell
//! is said.

use std::fs;

use rimsim::host::kvmtool::{self, Version};
use serde_json::Value;

use super::why::words;
use super::{Folder, stdout};
use crate::boot_inputs::{CMDLINE, files};
use crate::event_log::{Writer, written};
use crate::hosts::boot::boot;
use crate::hosts::cases::host;
use crate::hosts::inputs::{Inputs, contents, kernel};
use crate::rmm_log::vmm::{CONSOLE, PARAMS};

/// The options to change, of the first explanation.
fn fixes(found: &Value) -> Vec<&str> {
    let changes = found["explanations"][0]["changes"].as_array().expect("a list");
    let mut fixes: Vec<_> = changes.iter().filter_map(|one| one["fix"].as_str()).collect();
    fixes.sort_unstable();
    fixes
}

/// What a log says: its lines that are as in the VM, that are not, and that can not be compared.
fn says(found: &Value) -> [Vec<&str>; 3] {
    let says = found["log"]["says"].as_array().expect("a list");
    let of = |equal: Value| {
        let lines = says.iter().filter(|one| one["equal"] == equal);
        lines.map(|one| one["text"].as_str().expect("text")).collect()
    };
    [of(true.into()), of(false.into()), of(Value::Null)]
}

/// The firmware of kvmtool measures the device tree, and Linux its command line and initrd.
const FIRMWARE: &str = "--host kvm-v10 --caps fvp kvmtool -- lkvm run --realm --restricted_mem \
                        -c 1 -m 256M --irqchip=gicv3 -f fw.fd";

/// A folder with the log of a boot, of these words of kvmtool.
fn booted(name: &str, runs: &str) -> Folder {
    let folder = Folder::new(name);
    for (name, bytes) in files() {
        folder.file(name, bytes);
    }
    folder.file("fw.fd", vec![7; 0x3000]).file("other.fd", vec![8; 0x3000]);
    let chain = format!(
        "[measure]\nvm = '''{runs}'''\n[firmware]\nprofile = \"edk2-kvmtool-pr12535\"\n\
         version = \"2026.08\"\n[variables]\nBootOrder = [1]\n\
         Boot0001 = {{ description = \"linux\", path = \"x\", options = \"{CMDLINE}\" }}\n\
         [[boot]]\nkind = \"linux\"\nfile = \"kernel.bin\"\nstub = \"6.9\"\n\
         initrd = \"initrd.bin\"\ninitrd_by = \"loadfile2\"\n"
    );
    folder.file("chain.toml", chain);
    let output = folder.rimsim(&["boot", "-q", "--format", "ccel", "-o", "CCEL", "chain.toml"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    folder
}

#[test]
fn the_log_of_a_boot_leads_to_the_options() {
    let runs = FIRMWARE.replace("-c 1 -m 256M", "-c 2 -m 512M");
    let folder = booted("why-ccel", &FIRMWARE.replace("-m 256M", "-m 512M"));
    let rim = folder.rim(&words(&FIRMWARE.replace("-m 256M", "-m 512M")));
    let options = ["--seen", "CCEL", "--candidate", "kernel.bin"];
    let asked = |line: &str| {
        let options = options.map(str::to_owned).to_vec();
        [options, words(line)].concat()
    };
    let found = folder.why(&rim, &asked(FIRMWARE), 0);
    assert_eq!((&found["verdict"], &found["only"]), (&"seen".into(), &true.into()), "{found}");
    assert_eq!(fixes(&found), ["-m 512M"]);
    assert_eq!(found["seen"]["left"], Value::Array(Vec::new()));
    let [equal, other, open] = says(&found);
    assert_eq!(equal, ["it has the device tree, all as in this VM"]);
    assert!(other.is_empty(), "{other:?}");
    for text in [
        "firmware version \"2026.08\"",
        "the image that firmware loaded is `kernel.bin`",
        "the initrd that the kernel got is `initrd.bin`",
        "the command line that the kernel got comes from a boot option or a loader",
        "it does not tell what is not in the device tree: KVM",
        "with the token in place of the RIM its REMs are compared",
    ] {
        assert!(open.iter().any(|line| line.contains(text)), "{text}: {open:?}");
    }
    // It is told of what was said rightly as well.
    let right = FIRMWARE.replace("-m 256M", "-m 512M");
    let found = folder.why(&rim, &asked(&right), 0);
    assert_eq!(found["verdict"], "as said");
    assert_eq!(says(&found)[0], ["it has the device tree, all as in this VM"]);
    // What is not in the device tree is found by the RIM alone.
    let found = folder.why(&rim, &asked(&right.replace("fw.fd", "other.fd")), 0);
    assert_eq!(fixes(&found), ["-f fw.fd"], "{found}");
    // Another VM's log leads nowhere, and says so.
    let rim = folder.rim(&words(&runs));
    let found = folder.why(&rim, &asked(&right), 0);
    assert_eq!(fixes(&found), ["-c 2"], "{found}");
    assert_eq!(says(&found)[1], ["it has the device tree, not as in this VM"]);
}

/// A token has REMs, and a log makes them or not.
#[test]
fn a_log_is_that_of_a_token_by_its_rems() {
    let folder = booted("why-ccel-token", FIRMWARE);
    let measure = words(&format!("measure -q --script-out boot.rmi {FIRMWARE}"));
    let measure: Vec<&str> = measure.iter().map(String::as_str).collect();
    assert_eq!(folder.rimsim(&measure).status.code(), Some(0));
    let extends = stdout(&folder.rimsim(&["boot", "-q", "--format", "extends", "chain.toml"]));
    let token = |name: &str, extends: &str| {
        folder.file(
            "evidence.rmi",
            format!(
                "include \"boot.rmi\"\nguest rec_0 {{\n{extends}\n\
                 smc RSI_ATTESTATION_TOKEN_INIT 1 2 3 4 5 6 7 8\n\
                 smc RSI_ATTESTATION_TOKEN_CONTINUE 0x8800_0000 0 4KiB\nirq\n}}\n\
                 serve rec=rec_0 IRQ\n"
            ),
        );
        let output = folder.rimsim(&["run", "-q", "--token-out", name, "evidence.rmi"]);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
    };
    token("own.cbor", &extends);
    let more = format!("{extends}\nsmc RSI_MEASUREMENT_EXTEND 3 8 1");
    token("other.cbor", &more);
    let asked = [vec!["--seen".to_owned(), "CCEL".to_owned()], words(FIRMWARE)].concat();
    let found = folder.why("own.cbor", &asked, 0);
    assert_eq!(found["verdict"], "as said");
    let [equal, other, _] = says(&found);
    assert!(equal.contains(&"rem1, rem2, rem3 of the token are those of this log"), "{equal:?}");
    assert!(other.is_empty(), "{other:?}");
    let found = folder.why("other.cbor", &asked, 0);
    let [equal, other, _] = says(&found);
    assert!(equal.contains(&"rem1, rem2 of the token are those of this log"), "{equal:?}");
    assert!(other[0].starts_with("rem3 is ") && other.len() == 1, "{other:?}");
}

/// A VMM writes down what it built: parameters, RAM, contents by their digests, vCPUs.
#[test]
fn the_log_of_a_vmm_leads_to_the_options() {
    let folder = Folder::new("why-vmm-log");
    for name in ["k4k1.img", "k4k.img", "i1.cpio"] {
        folder.file(name, contents(name).expect("an input"));
    }
    let line = |rest: &str| format!("--realm --restricted_mem --irqchip=gicv3 {rest}");
    let runs = line("-c 2 -m 512M -k k4k1.img -i i1.cpio");
    let argv = words(&runs);
    let vm = kvmtool::plan(&argv, Version::RamFirst64k, &host(), &mut Inputs::default(), None);
    let vm = vm.expect("a VM");
    let realm = boot("kvm-v10", &host(), &vm).expect("a Realm");
    folder.file("vmm.log", written(&vm, &realm).0.0);
    let caps = "--host kvm-v10 --num-bps 6 --num-wps 4 --pmu-counters 6 --sve-vl 512 \
                --vmm-version cca-ram-first-64k";
    let said = format!("{caps} kvmtool -- lkvm run {}", line("-c 1 -m 256M -k k4k.img"));
    let asked = [words("--seen vmm.log"), words(&said)].concat();
    let found = folder.why(&realm.rim(), &asked, 0);
    assert_eq!((&found["verdict"], &found["seen"]["rim_equal"]), (&"seen".into(), &true.into()));
    assert_eq!(fixes(&found), ["-c 2", "-i i1.cpio", "-k k4k1.img", "-m 512M"], "{found}");
    let wanted = "it has the Realm's parameters, RAM, contents and vCPUs, all as in this VM";
    assert!(says(&found)[0].contains(&wanted), "{found}");
}

/// A console with the RMM's lines and kvmtool's.
#[test]
fn the_log_of_an_rmm_leads_to_the_options() {
    let folder = Folder::new("why-rmm-log");
    folder.file("Image", kernel("Image", 9000, 20_000, 0)).file("params.rmi", PARAMS);
    folder.file("console.log", CONSOLE);
    let line = |vm: &str| {
        let caps = "--host kvm-v10 --num-bps 6 --num-wps 4 --sve-vl 0 --pmu-counters 0";
        words(&format!("{caps} kvmtool -- lkvm run --realm {vm} --irqchip=gicv3 -k Image"))
    };
    let runs = line("-c 1 -m 512M");
    let rim = folder.rim(&[words("--dtb-out guest.dtb"), runs].concat());
    let seen = "--seen console.log --params params.rmi --at 0x80000000=Image \
                --at 0x8fe00000=guest.dtb";
    let found = folder.why(&rim, &[words(seen), line("-c 4 -m 1G -p quiet")].concat(), 0);
    assert_eq!((&found["verdict"], &found["only"]), (&"seen".into(), &true.into()), "{found}");
    assert_eq!(fixes(&found), ["-c 1", "-m 512M", "leave out -p"]);
    // Without the bytes it is said what is missing.
    let words = ["why", &rim, "--seen", "console.log", "kvmtool", "--", "--realm", "-k", "Image"];
    let output = folder.rimsim(&words);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert!(stderr.contains("--seen console.log"), "{stderr}");
    assert!(stderr.contains("--at 0x8000_0000=FILE"), "{stderr}");
}

/// What is no log, or the table that says where one is.
#[test]
fn what_is_no_log_of_a_boot() {
    let folder = Folder::new("why-no-log");
    folder.file("Image", kernel("Image", 9000, 20_000, 0));
    let rim = "9f".repeat(32);
    let guest = "kvmtool -- lkvm run --realm --restricted_mem -c 1 -m 256M -k Image";
    let guest: Vec<&str> = guest.split_whitespace().collect();
    let seen = |file: &str, code: i32, text: &str| {
        let start = ["why", &rim, "--budget", "0", "--seen", file];
        folder.fails(&[&start[..], &guest].concat(), code, text);
    };
    folder.file("table", [&b"CCEL"[..], &[0; 52]].concat());
    seen("table", 2, "this is the ACPI table CCEL");
    let mut log = Writer::new(&[(0x0B, 32)]);
    log.event(1, 16, &[(0x0B, vec![7; 32])], b"Kvmtool FDT.");
    folder.file("log", &log.0);
    seen("log", 3, "candidates in");
    folder.file("cut", &log.0[..log.0.len() - 3]);
    let start = ["why", &rim, "--budget", "0", "--seen", "cut"];
    let text = stdout(&folder.rimsim(&[&start[..], &guest].concat()));
    assert!(text.contains("cut: not all of it can be read: event 1"), "{text}");
    assert!(text.contains("cut: it has nothing that the RIM is made of"), "{text}");
    let of_other = "sha512:".to_owned() + &"9f".repeat(64);
    let start = ["why", &of_other, "--budget", "0", "--seen", "log"];
    let text = stdout(&folder.rimsim(&[&start[..], &guest].concat()));
    assert!(text.contains("log: its digests are not of sha512"), "{text}");
    assert!(fs::metadata(folder.path("log")).is_ok());
}
