//! Recorded cases as a user gives them to the command: files, options and exit codes.

use std::fs;
use std::process::Output;

use rimsim::host::Caps;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::cases::{argv, caps, folder, lines};
use super::inputs::contents;
use super::process::Folder;

/// Puts the files that a command line names into the folder.
fn provide(folder: &Folder, words: &[String]) {
    for name in words.iter().filter(|name| !name.contains('/')) {
        let path = folder.0.join(name);
        if path.exists() {
            continue;
        }
        if let Some(bytes) = contents(name) {
            fs::write(path, bytes).expect("a file in the folder");
        }
    }
}

fn toml(caps: &Caps) -> String {
    let Caps { ipa_bits, lpa2, num_bps, num_wps, pmu, pmu_counters, .. } = caps;
    let Caps { sve_vls, gicv3, its, gicv2, max_vcpus, .. } = caps;
    format!(
        "ipa_bits = {ipa_bits}\nlpa2 = {lpa2}\nnum_bps = {num_bps}\nnum_wps = {num_wps}\n\
         pmu = {pmu}\npmu_counters = {pmu_counters}\nsve_vls = {sve_vls:?}\ngicv3 = {gicv3}\n\
         its = {its}\ngicv2 = {gicv2}\nmax_vcpus = {max_vcpus}\n"
    )
}

/// `rimsim measure` with options, for a command line of a VMM.
fn measure(folder: &Folder, options: &str, vmm: &str, line: &[String]) -> Output {
    let words = ["measure"].into_iter().chain(options.split_whitespace()).chain([vmm, "--"]);
    folder.run(words.chain(line.iter().map(String::as_str)))
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("text")
}

#[test]
fn recorded_kvmtool_guests() {
    let here = Folder::new("users-kvmtool");
    // Every thirteenth: cases of all lineages. Those of which TF-RMM has no RIM are no guests.
    let agreed = |case: &&Value| case["tf_rmm_agrees"] == true;
    let cases = lines(&folder("kvmtool").join("cases.jsonl"));
    for case in cases.iter().filter(agreed).step_by(13) {
        let (id, line) = (&case["id"], argv(case));
        provide(&here, &line);
        fs::write(here.0.join("host.toml"), toml(&caps(case))).expect("a file");
        let lineage = case["lineage"].as_str().expect("a lineage");
        let host = format!("--caps host.toml --vmm-version {lineage}");
        let options = format!(
            "{host} --dtb-out tree.dtb --script-out boot.rmi --digest-cache cache --format json \
             --events"
        );
        let output = measure(&here, &options, "kvmtool", &line);
        assert!(output.status.success(), "{id}: {}", text(&output.stderr));
        let document: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        assert_eq!(document["rim"], case["rim"], "{id}");
        let events = document["events"].as_array().expect("events");
        assert_eq!(events.last().expect("an event")["rim"], case["rim"], "{id}");
        let stages = document["stages"].as_array().expect("stages");
        let trail = case["trail"].as_array().expect("a trail");
        assert_eq!(stages.len(), trail.len(), "{id}");
        for (stage, step) in stages.iter().zip(trail) {
            assert!(step["rim"].is_null() || stage["rim"] == step["rim"], "{id}: {stage}");
        }
        let tree = fs::read(here.0.join("tree.dtb")).expect("a device tree");
        let digest: String = Sha256::digest(tree).iter().map(|b| format!("{b:02x}")).collect();
        assert_eq!(case["dtb"]["sha256"], digest, "{id}");
        assert_eq!(case["dtb"]["sha256"], document["device_tree"]["sha256"], "{id}");
        let rim = case["rim"].as_str();
        let replayed = here.run(["run", "boot.rmi"]);
        assert_eq!(text(&replayed.stdout).lines().next(), rim, "{id}: the script");
        let given = measure(&here, &format!("{host} --dtb tree.dtb"), "kvmtool", &line);
        assert_eq!(text(&given.stdout).lines().next(), rim, "{id}: --dtb");
    }
}

#[test]
fn recorded_realm_vm_guests() {
    let here = Folder::new("users-realm-vm");
    let good = |case: &Value| case["suspect"].is_null();
    let cases = lines(&folder("realm-vm").join("cases.jsonl"));
    let mut count = 0;
    for case in cases.iter().filter(|case| good(case)) {
        let (id, mut before) = (&case["id"], argv(case));
        let at = before.iter().position(|word| ["kvmtool", "qemu", "cloud-hv"].contains(&&**word));
        let behind = before.split_off(at.expect("a VMM"));
        let params = &case["realm_params"];
        let of_host = |option: &str, field: &str| {
            let pair = before.windows(2).find(|pair| pair[0] == option);
            let told = pair.map(|pair| pair[1].as_str());
            told.or(params[field].as_str()).unwrap_or("0").to_owned()
        };
        let mut options = String::from("--vmm-version realm-vm --dtb tree.dtb");
        for (option, field) in [
            ("--lpa2", "lpa2"),
            ("--num-bps", "num_bps"),
            ("--num-wps", "num_wps"),
            ("--sve-vl", "sve_vl"),
            ("--pmu", "pmu"),
        ] {
            let found = of_host(option, field);
            let truth = ["--lpa2", "--pmu"].contains(&option) && found == "0";
            options += &format!(" {option} {}", if truth { "false" } else { &found });
        }
        options += &format!(" --pmu-counters {}", of_host("--pmu-num-ctrs", "pmu_num_ctrs"));
        if before.iter().any(|word| word == "--ipa-bits") {
            options += &format!(" --ipa-bits {}", of_host("--ipa-bits", "none"));
        }
        for (option, names) in [
            ("-k", ["-k", "-kernel", "--kernel"]),
            ("-i", ["-i", "-initrd", "--initramfs"]),
            ("-f", ["-f", "-bios", "--firmware"]),
        ] {
            let file = before.windows(2).find(|pair| pair[0] == option).map(|pair| &pair[1]);
            let name = behind.windows(2).find(|pair| names.contains(&pair[0].as_str()));
            if let (Some(file), Some(name)) = (file, name) {
                options += &format!(" --map {}={file}", name[1]);
            }
        }
        provide(&here, &before);
        let tree = folder("realm-vm").join(case["dtb"]["file"].as_str().expect("a file"));
        fs::copy(tree, here.0.join("tree.dtb")).expect("a copy");
        let output = measure(&here, &options, &behind[0], &behind[1..]);
        let rim = text(&output.stdout).lines().next();
        assert_eq!(rim, case["rim"].as_str(), "{id}: {}", text(&output.stderr));
        count += 1;
    }
    assert_eq!(count, 66);
}

#[test]
fn recorded_refusals() {
    let here = Folder::new("users-refused");
    let cases = lines(&folder("kvmtool").join("refused.jsonl"));
    let mut counts = [0; 3];
    for case in &cases {
        let (id, line) = (case["id"].as_str().expect("a name"), argv(case));
        provide(&here, &line);
        let lineage = case["lineage"].as_str().expect("a lineage");
        let bits = if id.ends_with("ipa-too-small") { 33 } else { 48 };
        let options = format!("--vmm-version {lineage} --ipa-bits {bits} --caps qemu-max");
        let output = measure(&here, &options, "kvmtool", &line);
        let (kind, code, start) = match (&case["accepted"], &case["kvm_error"]) {
            (Value::Null, Value::Null) => (0, 2, "error: -"),
            (Value::Null, _) => (1, 4, "error: the RMM refuses INIT_RIPAS"),
            _ => (2, 0, ""),
        };
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{id}: {said}");
        assert!(code == 0 || said.starts_with(start), "{id}: {said}");
        assert_eq!(output.stdout.is_empty(), code != 0, "{id}");
        counts[kind] += 1;
    }
    assert_eq!(counts, [45, 2, 11]);
}
