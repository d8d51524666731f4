//! `measure`, `dtb` and `profiles` as processes: streams, files, exit codes.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

/// A folder of this test alone, gone when it ends.
pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    pub(crate) fn new(name: &str) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        // What an interrupted run left behind.
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).expect("the folder of temporary files");
        let image = super::inputs::kernel("k4k.img", 4096, 4096, 0);
        std::fs::write(folder.join("k4k.img"), image).expect("a kernel");
        std::fs::write(folder.join("empty"), "").expect("a file");
        std::fs::write(folder.join("bad.toml"), "ipa_bits = 48\nipa_bitz = 48\n").expect("a file");
        Self(folder)
    }

    fn rimsim(&self, line: &str) -> Output {
        self.run(line.split_whitespace())
    }

    /// Runs the command with these words in the folder.
    pub(crate) fn run<'w>(&self, words: impl IntoIterator<Item = &'w str>) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rimsim"));
        command.args(words).current_dir(&self.0).env("XDG_CACHE_HOME", self.0.join(".user"));
        command.output().expect("the command")
    }

    /// Standard output of a command that has to succeed.
    fn prints(&self, line: &str) -> String {
        let output = self.rimsim(line);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{line}: {stderr}");
        String::from_utf8(output.stdout).expect("text")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

const GUEST: &str = "kvmtool -- lkvm run --realm -c 2 -m 256M --irqchip=gicv3 -k k4k.img";

#[test]
fn what_measure_writes_belongs_together() {
    let folder = Folder::new("measure");
    let out = "--dtb-out tree.dtb --script-out boot.rmi --format json --events";
    let document = folder.prints(&format!("measure --caps fvp {out} {GUEST}"));
    let document: Value = serde_json::from_str(&document).expect("JSON");
    assert_eq!(document["schema"], "rimsim/1");
    let rim = document["rim"].as_str().expect("a RIM");
    let first = |text: String| text.lines().next().map(str::to_owned);
    let plain = folder.prints(&format!("measure --caps fvp {GUEST}"));
    assert_eq!(first(plain).as_deref(), Some(rim));
    assert_eq!(first(folder.prints("run boot.rmi")).as_deref(), Some(rim));
    let stages = document["stages"].as_array().expect("stages");
    assert_eq!(stages.last().expect("a stage")["rim"], rim);
    let events = document["events"].as_array().expect("events");
    assert_eq!(events.last().expect("an event")["rim"], rim);
    assert_eq!(document["inputs"][0]["name"], "k4k.img");
    let tree = std::fs::read(folder.0.join("tree.dtb")).expect("a device tree");
    assert_eq!(document["device_tree"]["size"], tree.len());
    folder.prints(&format!("dtb -o other.dtb {GUEST}"));
    assert_eq!(tree, std::fs::read(folder.0.join("other.dtb")).expect("a device tree"));
    // The tree that was written is the tree that would have been made.
    let given = folder.prints(&format!("measure --caps fvp --dtb tree.dtb {GUEST}"));
    assert_eq!(first(given).as_deref(), Some(rim));
}

#[test]
fn names_of_files_and_programs_are_no_part_of_the_rim() {
    let folder = Folder::new("names");
    let rim = folder.prints(&format!("measure {GUEST}"));
    let mapped = "measure --map Image=k4k.img kvmtool -- --realm -c 2 -m 256M --irqchip=gicv3";
    assert_eq!(folder.prints(&format!("{mapped} -k Image")), rim);
}

#[test]
fn exit_codes_of_measure() {
    let folder = Folder::new("measure-exit");
    for (line, code, text) in [
        (format!("measure vmx -- {GUEST}"), 2, "vmx: no such VMM; there are kvmtool, qemu"),
        ("measure vm.xml".into(), 2, "vm.xml: is no VMM; a domain of libvirt is given by --domain"),
        (format!("measure --host kvm-v1 {GUEST}"), 2, "speaks RMM 1.0-beta0"),
        (format!("measure --vmm-version X {GUEST}"), 2, "--vmm-version X: there is no such"),
        (format!("measure --caps nothing {GUEST}"), 2, "no such preset; there are fvp"),
        (format!("measure --caps bad.toml {GUEST}"), 2, "2 | ipa_bitz = 48"),
        (format!("measure --caps missing.toml {GUEST}"), 1, "missing.toml: "),
        (format!("measure --ipa-bits 20 {GUEST}"), 2, "ipa_bits is 20; it has to be 32 to 52"),
        (format!("measure --map Image {GUEST}"), 2, "write NAME=PATH"),
        (format!("measure --dtb empty {GUEST}"), 2, "empty: is empty"),
        (format!("measure --dtb missing {GUEST}"), 1, "--dtb: missing: "),
        (format!("measure --rim-rule rmm-2.0 {GUEST}"), 2, "kvm-v10 measures by rmm-1.0"),
        (format!("measure {GUEST} -i missing"), 1, "missing: "),
        ("measure --dtb k4k.img qemu -- -m 1G".into(), 2, "Realms are made with virt"),
        (format!("measure --host kvm-v12 {GUEST} --measurement-algo sha512"), 4, "KVM refuses"),
        (
            format!("measure --vmm-version A0 --num-bps 16 {GUEST}"),
            4,
            "the RMM refuses CREATE_REALM: REALM_CREATE",
        ),
    ] {
        let output = folder.rimsim(&line);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{line}: {stderr}");
        assert!(stderr.contains(text), "{line}: {stderr}");
        assert!(output.stdout.is_empty(), "{line}");
    }
}

/// The RMM of the eac5 programs has two breakpoints and two watchpoints, whatever the machine has.
#[test]
fn presets_are_limited_by_the_programs_own_rmm() {
    let folder = Folder::new("eac5-caps");
    for version in ["A0", "A"] {
        let rim =
            |caps: &str| folder.prints(&format!("measure --vmm-version {version} {caps} {GUEST}"));
        assert_eq!(rim("--caps fvp"), rim("--caps fvp --caps rmm-eac5"));
        assert_eq!(rim("--caps fvp"), rim("--caps fvp --num-bps 2 --num-wps 2"));
        assert_ne!(rim("--caps fvp"), rim("--caps fvp --num-bps 15"));
        let line = format!("measure --format json --vmm-version {version} --caps fvp {GUEST}");
        let text = folder.prints(&line);
        assert!(text.contains("kvm-eac5"), "the capability says who limits it: {text}");
    }
    let line = format!("matrix --vary num-bps=3 --vmm-version A0 --platform fvp {GUEST}");
    let told = folder.rimsim(&line);
    let row = String::from_utf8_lossy(&told.stdout).into_owned();
    let alone = folder.prints(&format!("measure --vmm-version A0 --caps fvp --num-bps 3 {GUEST}"));
    assert!(row.contains(alone.trim()), "{row}");
}

#[test]
fn the_rules_are_chosen_by_host_edition_or_rmm() {
    let folder = Folder::new("rules");
    let guest = GUEST;
    let measure = |options: &str| folder.prints(&format!("measure {options} {guest}"));
    let own = measure("--host kvm-v14");
    for same in [
        "--spec 2.0",
        "--spec 2.0 --rmm tf-rmm",
        "--host kvm-v14 --rmm tf-rmm-2.0",
        "--host kvm-v14 --rim-rule tf-rmm-0.9",
        "--host kvm-v13",
        "--host kvm-v16 --rmm tf-rmm",
    ] {
        assert_eq!(measure(same), own, "{same}");
    }
    let text = measure("--host kvm-v14 --rmm spec");
    assert_ne!(text, own);
    assert_eq!(measure("--host kvm-v14 --rim-rule rmm-2.0"), text);
    assert_eq!(measure("--host kvm-v16"), text, "taken to go with an RMM of the text's rule");
    assert_eq!(measure("--spec 2.0 --rmm spec-2.0 --rim-rule rmm-2.0"), text);
    assert_eq!(measure("--spec 1.0"), measure(""), "the VMM's own host speaks it");
    let json = folder.prints(&format!("measure --format json --spec 2.0 --rmm spec {guest}"));
    let document: Value = serde_json::from_str(&json).expect("JSON");
    let said = ["host", "spec", "rmm", "rim_rule"].map(|key| document[key].as_str());
    assert_eq!(said, [Some("kvm-v15"), Some("2.0"), Some("spec-2.0-bet2"), Some("rmm-2.0")]);
    assert_eq!(document["preliminary"], false);
    for (options, text) in [
        ("--spec 2.0 --host kvm-v12", "--spec 2.0: kvm-v12 is written for RMM 1.0-rel0"),
        (
            "--rmm spec-2.0 --host kvm-v12",
            "--rmm spec-2.0-bet1: kvm-v12 is written for RMM 1.0-rel0",
        ),
        ("--spec 2.0 --rim-rule rmm-1.0", "kvm-v15 measures by tf-rmm-0.9"),
        ("--spec 2.0 --rmm spec --rim-rule tf-rmm-0.9", "with spec-2.0-bet2 measures by rmm-2.0"),
        ("--spec 3.0", "it is 1.0 or 2.0"),
    ] {
        let output = folder.rimsim(&format!("measure {options} {guest}"));
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{options}: {stderr}");
        assert!(stderr.contains(text), "{options}: {stderr}");
    }
}

#[test]
fn a_boot_of_2_0_is_replayed_from_its_script() {
    let folder = Folder::new("replay2");
    let guest = GUEST;
    let rim = folder.prints(&format!("measure --spec 2.0 --script-out boot.rmi {guest}"));
    let script = std::fs::read_to_string(folder.0.join("boot.rmi")).expect("a script");
    for part in [
        "spec \"2.0\"\n",
        "RMM_ACTIVATE\n",
        "RTT_DATA_MAP_INIT rd=rd",
        "} all\n",
        "RTT_INIT_RIPAS rd=rd base=0x8000_0000 top=0x9000_0000 all",
    ] {
        assert!(script.contains(part), "{part}: {script}");
    }
    assert_eq!(folder.prints("run boot.rmi"), rim);
    let text = folder.prints(&format!("measure --spec 2.0 --rmm spec --script-out t.rmi {guest}"));
    assert_eq!(folder.prints("run t.rmi"), text, "it says whose rules count");
    let lint = folder.rimsim("lint --deny risk boot.rmi");
    assert_eq!(lint.status.code(), Some(0), "{}", String::from_utf8_lossy(&lint.stdout));
}

/// How well host and VMM are known stands with the result.
#[test]
fn results_say_what_they_are_known_from() {
    let folder = Folder::new("known-from");
    let words = "--caps fvp kvmtool -- lkvm run --realm -c 1 -m 512M --irqchip=gicv3 -k k4k.img";
    let run = folder.rimsim(&format!("measure -v --host kvm-v16 --vmm-version cca/v12 {words}"));
    let notes = String::from_utf8_lossy(&run.stderr).replace("\n  ", " ");
    for note in [
        "how kvm-v16 (2026-08-03) is known: inferred, from the list's digest",
        "how cca-v12 (2026-06-11) is known: inferred, from the cover letter of KVM v13",
    ] {
        assert!(notes.contains(note), "{notes}");
    }
    let text = folder.prints(&format!("measure --format json {words}"));
    let document: Value = serde_json::from_str(&text).expect("JSON");
    let known = &document["known_from"];
    assert_eq!(known["host"]["capability"], "KVM_CAP_ARM_RME 244");
    assert_eq!(
        (&known["host"]["certainty"], &known["vmm"]["certainty"]),
        (&"read".into(), &"seen run".into())
    );
    assert_eq!(
        known["vmm"]["source"].as_str().map(|source| source.contains("34f1b32f")),
        Some(true)
    );
}

#[test]
fn profiles_are_a_document_too() {
    let folder = Folder::new("profiles");
    let text = folder.prints("profiles --format json");
    let document: Value = serde_json::from_str(&text).expect("JSON");
    let hosts = document["hosts"].as_array().expect("hosts");
    let same = hosts.iter().filter(|host| host["same_as"] == "kvm-v10").count();
    assert_eq!((hosts.len(), same), (20, 11));
    let text = folder.prints("profiles");
    assert!(text.contains("kvm-v12        2025-12-17  RMM 1.0-rel0      read "), "{text}");
    assert!(text.contains("kvm-v16        2026-08-03  RMM 2.0-bet3      inferred "), "{text}");
    let da = hosts.iter().find(|host| host["name"] == "nvidia-7.0-da").expect("a host");
    assert_eq!((&da["series"], &da["certainty"]), (&"kvm-v12".into(), &"read".into()));
    assert_eq!(da["host_page_sizes"], serde_json::json!(["4k"]));
    assert!(text.contains("no kernel but the model of the Realm VM reference cases"));
    let about = "calls of kvm-v12; on Linux 7.0; capability KVM_CAP_ARM_RMI 248; from arch/arm64";
    assert!(text.contains(about), "{text}");
    // What is refused by one alone is listed.
    let listed = folder.prints("profiles --refusals");
    let groups = document["refusals"].as_array().expect("groups");
    for line in groups.iter().flat_map(|group| group["lines"].as_array().expect("lines")) {
        assert!(listed.contains(line.as_str().expect("text")), "{line}");
    }
    // Nothing is known from nowhere, and what was read or seen has a date or a commit.
    let vmms = document["vmms"].as_array().expect("VMMs");
    let versions = vmms.iter().flat_map(|vmm| vmm["versions"].as_array().expect("versions"));
    for one in hosts.iter().chain(versions) {
        let source = one["source"].as_str().expect("a source");
        assert!(!source.is_empty(), "{one}");
        assert!(text.contains(&format!("from {source}")), "{one}");
    }
}
