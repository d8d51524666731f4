//! What was assumed is said with every result, and nothing of it if everything was said.

use std::process::Output;

use rimsim::host::vmm::Fit;
use rimsim::host::{Vmm, kvm::HOSTS};
use serde_json::Value;

use crate::cli::{Folder, stdout};
use crate::hosts::inputs::kernel;

const LKVM: &str = "kvmtool -- lkvm run --realm --restricted_mem -k Image -c 2 -m 256M";
const QEMU: &str = "qemu -- qemu-system-aarch64 -M virt,confidential-guest-support=rme0 \
                    -object rme-guest,id=rme0 -accel kvm -cpu host -kernel Image";
/// All that decides the RIM of `LKVM`.
const SAID: &str = "--host kvm-v10 --vmm-version B2 --caps fvp";
const SAID_BY_VMM: &str = "--irqchip=gicv3 --measurement-algo=sha256";

fn folder(name: &str) -> Folder {
    let folder = Folder::new(name);
    folder.file("Image", kernel("Image", 9000, 20_000, 0));
    folder
}

fn run(folder: &Folder, line: &str) -> Output {
    folder.rimsim(&line.split_whitespace().collect::<Vec<_>>())
}

/// Standard error of a run that succeeds, with one blank between words.
fn notes(folder: &Folder, line: &str) -> String {
    let output = run(folder, line);
    let stderr = String::from_utf8(output.stderr).expect("text");
    assert_eq!(output.status.code(), Some(0), "{line}: {stderr}");
    stderr.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn json(folder: &Folder, line: &str) -> Value {
    let output = run(folder, line);
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

/// Keys of what is assumed, and whether each changes the RIM.
fn keys(document: &Value) -> Vec<(&str, bool)> {
    let list = document["assumptions"].as_array().expect("assumptions").iter();
    let one = |one| -> (&str, bool) {
        let one: &Value = one;
        assert!(one["value"].is_string() && one["option"].is_string(), "{one}");
        (one["key"].as_str().expect("a key"), one["changes_rim"].as_bool().expect("a word"))
    };
    list.map(one).collect()
}

fn changing(document: &Value) -> Vec<&str> {
    keys(document).into_iter().filter(|(_, changes)| *changes).map(|(key, _)| key).collect()
}

/// A release that is named is the one that measures, and the script of the boot says so, too.
#[test]
fn an_rmm_by_its_release_is_the_one_that_measures() {
    let folder = folder("released_rmm");
    let line = |host: &str, rmm: &str| {
        let lkvm = "kvmtool -- lkvm run --realm -k Image -c 2 -m 128";
        format!("measure --host {host} --rmm {rmm} --script-out boot.rmi {lkvm}")
    };
    let rim = |host, rmm| stdout(&run(&folder, &line(host, rmm))).trim_end().to_owned();
    let [older, text, next] = ["tf-rmm", "spec", "tf-rmm-next"].map(|rmm| rim("kvm-v16", rmm));
    assert_eq!(next, text, "both begin with zeros");
    assert_ne!(next, older);
    let script = std::fs::read_to_string(folder.path("boot.rmi")).expect("the script");
    assert!(script.contains("\nrmm tf-rmm-next\n"), "{script}");
    assert!(script.contains("} all\n"), "the Realm is made to the operation's end: {script}");
    let played = run(&folder, "run boot.rmi");
    assert!(stdout(&played).contains(&next), "{played:?}");
    let linted = run(&folder, "lint boot.rmi");
    assert_eq!(linted.status.code(), Some(0), "{linted:?}");
    let refused = run(&folder, &line("kvm-v14", "tf-rmm-next"));
    assert_eq!(refused.status.code(), Some(4), "{refused:?}");
    let stderr = String::from_utf8(refused.stderr).expect("text");
    let stderr = stderr.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(stderr.contains("takes RMI_REALM_CREATE for one (ENXIO)"), "{stderr}");
}

#[test]
fn every_result_names_what_was_assumed() {
    let folder = folder("assumed_results");
    let rim = stdout(&run(&folder, &format!("measure {LKVM}"))).trim_end().to_owned();
    let everywhere = ["vmm_version cca-ram-first-64k (--vmm-version)", "irqchip gicv3-its ("];
    let realms = [
        "rmm tf-rmm-1.0 (--rmm)",
        "rim_rule rmm-1.0 (--rim-rule)",
        "num_bps 6 (--num-bps)",
        "num_wps 4 (--num-wps)",
        "sve_vls none (--sve-vl)",
        "its true (--its)",
    ];
    let hash = ["hash sha256 (--measurement-algo)"];
    let host = ["host kvm-v10 (--host)"];
    let all: Vec<&str> = [&everywhere[..], &realms, &hash, &host].concat();
    let tree: Vec<&str> = [&everywhere[..], &host].concat();
    let search: Vec<&str> = [&everywhere[..], &realms, &host].concat();
    for (line, told) in [
        (format!("measure {LKVM}"), &all),
        (format!("measure --format json {LKVM}"), &all),
        (format!("measure --format corim {LKVM}"), &all),
        (format!("matrix --cpus 1,2 {LKVM}"), &all),
        (format!("lock {LKVM}"), &all),
        (format!("dtb -o tree.dtb {LKVM}"), &tree),
        (format!("search --rim {rim} --vary cpus=2 {LKVM}"), &search),
    ] {
        let said = notes(&folder, &line);
        for text in told {
            assert!(said.contains(text), "{line}: {text}: {said}");
        }
        assert_eq!(notes(&folder, &format!("-q {} ", line.replace("lock ", "lock --force "))), "");
    }
}

#[test]
fn documents_have_assumptions_as_fields() {
    let folder = folder("assumed_fields");
    let document = json(&folder, &format!("measure --format json {LKVM}"));
    let wanted = [
        ("host", true),
        ("vmm_version", true),
        ("rmm", false),
        ("rim_rule", false),
        ("ipa_bits", false),
        ("num_bps", true),
        ("num_wps", true),
        ("pmu", false),
        ("pmu_counters", false),
        ("sve_vls", true),
        ("gicv3", false),
        ("its", true),
        ("gicv2", false),
        ("max_vcpus", false),
        ("host_page_size", false),
        ("hash", true),
        ("irqchip", true),
    ];
    assert_eq!(keys(&document), wanted);
    let assumed = document["provenance"]["assumed"].as_array().expect("a list");
    assert!(assumed.contains(&Value::from("host kvm-v10 (--host)")), "{assumed:?}");
    let table = json(&folder, &format!("matrix --format json --cpus 1,2 {LKVM}"));
    assert_eq!(keys(&table), wanted);
    let rim = document["rim"].as_str().expect("a RIM");
    let line = format!("search --format json --rim {rim} --vary num-bps=6 {LKVM}");
    let found = json(&folder, &line);
    let left = wanted.iter().filter(|(key, _)| !["num_bps", "hash"].contains(key)).copied();
    assert_eq!(keys(&found), left.collect::<Vec<_>>(), "what is varied is not assumed");
}

#[test]
fn a_lock_says_what_it_assumes_for_good() {
    let folder = folder("assumed_lock");
    notes(&folder, &format!("lock {LKVM}"));
    let read = || std::fs::read_to_string(folder.path("rim.lock")).expect("a lock");
    let first = read();
    for text in ["assumed = [", "\"host kvm-v10 (--host)\"", "\"num_bps 6 (--num-bps)\""] {
        assert!(first.contains(text), "{text}: {first}");
    }
    let said = notes(&folder, "check");
    assert!(said.contains("note: the lock assumes: host kvm-v10 (--host), vmm_version"), "{said}");
    let document = json(&folder, "check --format json");
    assert_eq!(document["assumed"][0], "host kvm-v10 (--host)");
    notes(&folder, "lock --update");
    assert_eq!(read(), first);
}

/// What the user said is not assumed, whoever's word it is.
#[test]
fn what_is_said_is_not_assumed() {
    let folder = folder("assumed_said");
    let line =
        |options: &str, words: &str| format!("measure --format json {options} {LKVM} {words}");
    let all = ["host", "vmm_version", "num_bps", "num_wps", "sve_vls", "its", "hash", "irqchip"];
    assert_eq!(changing(&json(&folder, &line("", ""))), all);
    for (options, words, gone) in [
        ("--host kvm-v10", "", &["host"][..]),
        ("--vmm-version B2", "", &["vmm_version", "host"]),
        ("--num-bps 6", "", &["num_bps"]),
        ("--num-wps 4", "", &["num_wps"]),
        ("--sve-vl 0", "", &["sve_vls"]),
        ("", "--disable-sve", &["sve_vls"]),
        ("--its true", "", &["its"]),
        ("--caps fvp", "", &["num_bps", "num_wps", "sve_vls"]),
        ("", "--measurement-algo=sha512", &["hash"]),
        ("", "--irqchip=gicv3-its", &["its", "irqchip"]),
        (SAID, SAID_BY_VMM, &all),
    ] {
        let document = json(&folder, &line(options, words));
        let left: Vec<_> = all.iter().filter(|key| !gone.contains(key)).copied().collect();
        assert_eq!(changing(&document), left, "{options} {words}");
    }
    // A VMM that can run on hosts of one kind only decides about the kind.
    let document = json(&folder, &line("--vmm-version cca-v2", ""));
    assert!(keys(&document).contains(&("host", false)), "{document}");
    let document =
        json(&folder, &line("--vmm-version cca-eac5", "").replace("--restricted_mem", ""));
    assert!(keys(&document).iter().all(|(key, _)| *key != "host"), "{document}");
    let newer = |options: &str| line(options, "").replace("--restricted_mem", "");
    // Of RMM 2.0 there are two rules, and LPA2 is measured.
    let document = json(&folder, &newer("--host kvm-v13"));
    let [rmm, rule, lpa2] = [("rmm", true), ("rim_rule", true), ("lpa2", true)];
    assert!([rmm, rule, lpa2].iter().all(|one| keys(&document).contains(one)), "{document}");
    let document = json(&folder, &newer("--host kvm-v13 --rmm tf-rmm"));
    assert!(keys(&document).iter().all(|(key, _)| !["rmm", "rim_rule"].contains(key)));
}

#[test]
fn strict_refuses_what_changes_the_rim() {
    let folder = folder("assumed_strict");
    let rim = stdout(&run(&folder, &format!("measure {LKVM}"))).trim_end().to_owned();
    for command in [
        "measure".to_owned(),
        "dtb -o tree.dtb".into(),
        "matrix --cpus 1,2".into(),
        "lock".into(),
        format!("search --rim {rim} --vary cpus=2"),
    ] {
        let line = format!("{command} --strict {LKVM}");
        let output = run(&folder, &line);
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{line}: {stderr}");
        assert!(output.stdout.is_empty());
        let start = "error: assumed, and it changes the RIM: ";
        assert!(stderr.starts_with(start) && stderr.contains("(--irqchip)"), "{line}: {stderr}");
        for option in ["--vmm-version", "--irqchip"] {
            assert!(stderr.contains(&format!("({option})")), "{line}: {option}: {stderr}");
        }
    }
    assert!(!folder.path("tree.dtb").exists() && !folder.path("rim.lock").exists());
    for command in ["measure", "dtb -o tree.dtb", "matrix --cpus 1,2", "lock"] {
        notes(&folder, &format!("{command} --strict {SAID} {LKVM} {SAID_BY_VMM}"));
    }
    // What the VMM itself does not take as it was written counts, too.
    let many = LKVM.replace("-c 2", "-c 600 --irqchip=gicv3").replace("256M", "4G");
    let output = run(&folder, &format!("measure --strict {SAID} {many} --measurement-algo=sha256"));
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert!(stderr.contains("vcpus 512 of 600 (--max-vcpus)"), "{stderr}");
}

#[test]
fn qemu_names_its_own_options() {
    let folder = folder("assumed_qemu");
    let said = notes(&folder, &format!("measure --host kvm-v10 {QEMU}"));
    for text in [
        "ram 128 MiB (-m)",
        "vcpus 1 (-smp)",
        "hash sha512 (-object rme-guest,measurement-algorithm)",
        "irqchip gicv3 (-machine gic-version)",
        "its true (-machine its)",
        "pmu false (--pmu)",
    ] {
        assert!(said.contains(text), "{text}: {said}");
    }
    // The tree is that of another QEMU: it is said without being asked for, and the host decides
    // about the version.
    let said = notes(&folder, &format!("measure --host kvm-v13 {QEMU}"));
    assert!(said.contains("tree as of QEMU 11.1 (--dtb)"), "{said}");
    assert!(said.contains("vmm_version cca-v4 (--vmm-version)"), "{said}");
    // Programs for a KVM that drives the boot have no choice of the hash.
    let asked = QEMU.replace("id=rme0 ", "id=rme0,measurement-algorithm=sha512 ");
    let refused = run(&folder, &format!("measure --host kvm-v12 {asked}"));
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(2), "{said}");
    let why = "-object rme-guest,measurement-algorithm: rmi has no such property: KVM takes \
               SHA-256; leave it out";
    assert!(said.contains(why), "{said}");
    let plain = "qemu -- -M virt,dtb-randomness=off -cpu cortex-a57";
    let said = notes(&folder, &format!("dtb -o virt.dtb --vmm-version qemu-10.0 {plain}"));
    assert!(said.contains("ram 128 MiB (-m)") && said.contains("vcpus 1 (-smp)"), "{said}");
    assert!(!said.contains("host ") && !said.contains("rmm "), "{said}");
}

#[test]
fn one_line_has_three_rims_and_each_says_its_host() {
    let folder = folder("assumed_hosts");
    let mut rims = Vec::new();
    for host in ["kvm-v10", "kvm-v12", "kvm-v13"] {
        let line = if host == "kvm-v13" { &LKVM.replace("--restricted_mem ", "") } else { LKVM };
        let document = json(&folder, &format!("measure --format json --host {host} {line}"));
        assert_eq!(document["host"], host);
        rims.push(document["rim"].as_str().expect("a RIM").to_owned());
        let layout = keys(&document).iter().any(|(key, _)| *key == "layout");
        assert_eq!(layout, host == "kvm-v13", "{host}: that a program was not seen is said");
    }
    rims.sort();
    rims.dedup();
    assert_eq!(rims.len(), 3);
}

#[test]
fn programs_that_are_newer_than_what_is_known_are_said() {
    let folder = folder("assumed_newer");
    let qemu = "--vmm-version cca-v4 --host";
    let known = run(&folder, &format!("measure {qemu} kvm-v16 {QEMU}"));
    let newer = run(&folder, &format!("measure {qemu} kvm-v17 {QEMU}"));
    assert_eq!(stdout(&newer), stdout(&known));
    let said = notes(&folder, &format!("measure {qemu} kvm-v17 {QEMU}"));
    assert!(said.contains("host kvm-v16 (--host)"), "{said}");
    let strict = run(&folder, &format!("measure --strict {qemu} kvm-v17 {QEMU}"));
    assert_eq!(strict.status.code(), Some(2));
    let said = String::from_utf8_lossy(&strict.stderr).into_owned();
    for text in [
        "kvm-v17 is newer than kvm-v16 (2026-08-03), the newest that is known",
        "kvm-v16 is known only from the list's digest",
    ] {
        assert!(said.contains(text), "{said}");
    }
    let document = json(&folder, &format!("measure --format json {qemu} kvm-v17 {QEMU}"));
    assert!(keys(&document).contains(&("host", true)));
    assert!(keys(&document).contains(&("host_profile", true)));
    for unknown in ["kvm-x17", "kvm-v99"] {
        let unknown = run(&folder, &format!("measure --host {unknown} {QEMU}"));
        assert_eq!(unknown.status.code(), Some(2));
        let said = String::from_utf8_lossy(&unknown.stderr).into_owned();
        assert!(said.contains("; did you mean kvm-v"), "{said}");
    }
}

#[test]
fn pairs_that_can_not_be_are_refused_with_what_fits() {
    let folder = folder("assumed_pairs");
    let cloud = "cloud-hypervisor -- --platform arm_rme=on --kernel Image";
    for (options, guest, text) in [
        (
            "--vmm-version cca-v2 --host kvm-v14",
            LKVM,
            "error: --vmm-version cca-v2: starts no Realms on kvm-v14, whose calls differ; it \
             goes with kvm-v2 to kvm-v11, and kvm-v14 with kvmtool: cca-v12\n",
        ),
        (
            "--vmm-version cca-v3 --host kvm-v13",
            QEMU,
            "it goes with kvm-v2 to kvm-v11, and kvm-v13 with qemu: cca-v4\n",
        ),
        (
            "--vmm-version rmi --host kvm-v5",
            QEMU,
            "it goes with kvm-v12, and kvm-v5 with qemu: cca-v3, linaro-2025, nvidia-10.1\n",
        ),
        ("--vmm-version cca-v2 --spec 2.0", LKVM, "starts no Realms on kvm-v15"),
        ("--vmm-version A0 --host kvm-v5", LKVM, "it goes with kvm-eac5, and kvm-v5 with kvmtool"),
        ("--host kvm-eac5", QEMU, "and kvm-eac5 with qemu: none\n"),
        ("--vmm-version arm-rmi --host kvm-v10", cloud, "it goes with kvm-v12 to kvm-v16"),
    ] {
        let output = run(&folder, &format!("measure {options} {guest}"));
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{options}: {stderr}");
        assert!(stderr.contains(text), "{options}: {stderr}");
    }
    // In a table it is a row each.
    let versions = "--vmm-version cca-v2,cca-ram-first-64k --host kvm-v10,kvm-v14";
    let output = run(&folder, &format!("matrix --allow-refused {versions} {LKVM}"));
    let rows = stdout(&output);
    assert_eq!(rows.lines().filter(|row| row.contains("refused: --vmm-version")).count(), 2);
    assert_eq!(rows.lines().count(), 5, "{rows}");
}

/// Each version runs on the host that it was written for, and no table names what is not there.
#[test]
fn versions_fit_their_own_hosts() {
    for version in Vmm::ALL.iter().flat_map(|vmm| vmm.versions()) {
        let own = HOSTS.iter().find(|host| host.name == version.host).expect("a host");
        assert_eq!(version.fit(own), Fit::Known, "{}", version.name);
        for name in version.hosts.iter().flat_map(|range| [range.first, range.last]) {
            assert!(HOSTS.iter().any(|host| host.name == name), "{}: {name}", version.name);
        }
    }
    for vmm in Vmm::ALL {
        for host in HOSTS.iter().filter(|host| host.name > "kvm-v" || vmm == Vmm::Kvmtool) {
            let fits = vmm.versions().iter().any(|version| version.fit(host) != Fit::Never);
            assert!(fits, "{}: nothing goes with {}", vmm.name(), host.name);
        }
    }
}

#[test]
fn text_in_place_of_a_device_tree_is_told() {
    let folder = folder("assumed_tree");
    folder.file("tree.txt", "hello\n");
    let line = |options: &str| format!("measure {options} --dtb tree.txt {LKVM}");
    let said = notes(&folder, &line(""));
    let text = "device_tree tree.txt, which does not begin as one (--dtb)";
    assert!(said.contains(text), "{said}");
    let strict = format!("{} {SAID_BY_VMM}", line(&format!("--strict {SAID}")));
    let output = run(&folder, &strict);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(stderr, format!("error: assumed, and it changes the RIM: {text}\n"));
    notes(&folder, &format!("dtb -o tree.dtb {LKVM}"));
    let said = notes(&folder, &line("").replace("tree.txt", "tree.dtb"));
    assert!(!said.contains("device_tree") && !said.contains("irqchip"), "{said}");
}

/// kvmtool unpacks nothing: what it is given is what is measured, and no such Realm starts.
#[test]
fn kvmtool_takes_packed_kernels_as_they_are() {
    let folder = folder("assumed_packed");
    let plain = kernel("Image", 9000, 20_000, 0);
    let gzip = crate::hosts::made_files::gzip(&plain);
    let mut zboot = b"MZ\0\0zimg".to_vec();
    zboot.extend([64, u32::try_from(gzip.len()).expect("short")].map(u32::to_le_bytes).concat());
    zboot.resize(24, 0);
    zboot.extend(b"gzip");
    zboot.resize(56, 0);
    zboot.extend([0xcd, 0x23, 0x82, 0x81, 0, 0, 0, 0]);
    zboot.extend(&gzip);
    let rim_of = |folder: &Folder| stdout(&run(folder, &format!("measure -q {LKVM}")));
    let mut rims = vec![rim_of(&folder)];
    for (file, kind) in [(gzip, "gzip file"), (zboot, "EFI zboot image")] {
        folder.file("Image", file);
        let told = format!("kernel {kind} as it is (--kernel)");
        for command in ["measure", "lock", "matrix --cpus 1-2"] {
            let said = notes(&folder, &format!("{command} --host kvm-v10 {LKVM}"));
            assert!(said.contains(&told), "{command}: {said}");
        }
        rims.push(rim_of(&folder));
        let strict = run(&folder, &format!("measure --strict {SAID} {LKVM} {SAID_BY_VMM}"));
        let error = String::from_utf8(strict.stderr).expect("text");
        let error = error.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(strict.status.code() == Some(2) && error.contains(&told), "{error}");
        std::fs::remove_file(folder.path("rim.lock")).expect("a lock");
    }
    assert!(rims[0] != rims[1] && rims[1] != rims[2]);
}
