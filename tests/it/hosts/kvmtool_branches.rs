//! kvmtool by the names of its branches, and what only some of them have.

use serde_json::Value;

use super::process::Folder;
use crate::cli::stdout;

const GUEST: &str = "lkvm run --realm -c 2 -m 512M --irqchip=gicv3 -k k4k.img";

fn json(folder: &Folder, line: &str) -> Value {
    let output = folder.run(line.split_whitespace());
    assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_str(&stdout(&output)).expect("JSON")
}

/// The command that measured the device tree, and where it begins.
fn tree(document: &Value) -> String {
    let stages = document["stages"].as_array().expect("stages");
    let tree = stages.iter().find(|stage| stage["source"] == "dtb").expect("the device tree");
    format!(
        "{} {}",
        tree["command"].as_str().expect("a command"),
        tree["base"].as_str().expect("it")
    )
}

/// A name whose program was not seen says which program stands in for it.
#[test]
fn branches_have_their_names() {
    let folder = Folder::new("branches");
    for (branch, version, seen) in [
        ("cca/rmm-v1.0-eac5", "cca-eac5", true),
        ("cca/v2", "cca-v2", true),
        ("cca/v3", "cca-ram-first-4k", false),
        ("cca/v9", "cca-ram-first-64k", false),
        ("cca/v10", "cca-v10", true),
        ("cca/latest", "cca-v12", false),
    ] {
        let line = format!("measure --format json --vmm-version {branch} kvmtool -- {GUEST}");
        // A Realm's memory comes out of guest_memfd from KVM v12 on, which is an option at first.
        let more = if branch == "cca/v10" { " --restricted_mem" } else { "" };
        let document = json(&folder, &(line + more));
        let assumed = document["assumptions"].as_array().expect("assumptions");
        let stands_in = assumed.iter().any(|one| {
            one["about"].as_str().is_some_and(|about| about.starts_with(branch))
                && one["value"] == version
        });
        assert_eq!(stands_in, !seen, "{branch}: {assumed:?}");
        assert_eq!(document["vmm_version"], version, "{branch}");
    }
}

#[test]
fn images_lie_in_256_or_512_mib() {
    let folder = Folder::new("windows");
    let place = |options: &str| {
        let line = format!("measure --format json --host kvm-v14 {options} kvmtool -- {GUEST}");
        let document = json(&folder, &line);
        let assumed = document["assumptions"].to_string();
        (tree(&document), assumed.contains("payload_window"))
    };
    let (new, is_assumed) = place("");
    assert!(new == "RMI_RTT_DATA_MAP_INIT 0x9fe00000", "{new}");
    assert!(is_assumed);
    assert_eq!(place("--payload-window 512M"), (new, false));
    let (old, is_assumed) = place("--payload-window 256MiB");
    assert!(old == "RMI_RTT_DATA_MAP_INIT 0x8fe00000", "{old}");
    assert!(!is_assumed);
    let cloud = "--payload-window 512M --dtb k4k.img cloud-hypervisor -- cloud-hypervisor \
                 --platform arm_rme=on --kernel k4k.img";
    for (line, text) in [
        (&*format!("--payload-window 1G kvmtool -- {GUEST}"), "it has to be 256M or 512M"),
        (cloud, "cloud-hypervisor has no such window: it is kvmtool's"),
    ] {
        let output = folder.run(format!("measure {line}").split_whitespace());
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{stderr}");
        assert!(stderr.contains(text), "{stderr}");
    }
}

/// `--restricted_mem` came with guest_memfd and went when it was no choice any more.
#[test]
fn options_come_and_go_with_branches() {
    let folder = Folder::new("branch-options");
    for (options, more, text) in [
        ("--host kvm-v14", "--restricted_mem", "kvmtool cca-v12 has no such option"),
        (
            "--host kvm-v12",
            "",
            "guest_memfd (EINVAL), which kvmtool gives it with --restricted_mem",
        ),
        ("--host kvm-v10", "--realm-pv-hex=00", "has no such option"),
        ("--vmm-version islet", "--realm-pv-hex=0g", "--realm-pv-hex"),
        ("--vmm-version cca-v10 --host kvm-v14", "", "kvm-v14 with kvmtool: cca-v12"),
    ] {
        let line = format!("measure {options} kvmtool -- {GUEST} {more}");
        let output = folder.run(line.split_whitespace());
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(matches!(output.status.code(), Some(2 | 4)), "{line}: {stderr}");
        assert!(stderr.contains(text), "{line}: {stderr}");
    }
    let script = |value: &str| {
        let line = format!("measure --script-out boot.rmi --vmm-version islet kvmtool -- {GUEST}");
        let output = folder.run(format!("{line} {value}").split_whitespace());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        std::fs::read_to_string(folder.0.join("boot.rmi")).expect("a script")
    };
    let hex = script("--realm-pv-hex=4142");
    assert!(hex.contains("rpv=hex:\"4142000000"), "{hex}");
    assert_eq!(hex, script("--realm-pv=AB"));
}

/// The line of TF-RMM's documents: what is taken for the rest of it is named.
#[test]
fn the_documented_line_of_tf_rmm_has_a_rim() {
    let folder = Folder::new("tf-rmm-line");
    let line =
        "kvmtool -- lkvm run --realm -c 2 -m 256 --disk empty --kernel k4k.img -p root=/dev/vda";
    for (host, own) in [("kvm-v14", "lpa2"), ("kvm-v15", "sve_vls")] {
        let document = json(&folder, &format!("measure --format json --host {host} {line}"));
        assert!(document["rim"].is_string());
        let assumed = document["assumptions"].to_string();
        for key in ["vmm_version", "layout", "rmm", own, "num_bps", "its", "irqchip"] {
            assert!(assumed.contains(&format!("\"key\":\"{key}\"")), "{host}: {key}: {assumed}");
        }
    }
}
