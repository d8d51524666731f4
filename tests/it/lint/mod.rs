//! Each rule by a script that breaks it, one that nearly does, and the line that is said.

mod advice;
mod sarif;
mod v2;

use std::fs;
use std::path::{Path, PathBuf};

use rimsim::World;
use rimsim::lint::{Finding, Linter, RULES, Severity};
use rimsim::script::{MemoryFiles, PlayError, Player, load_from};
use rimsim::session::Session;
use serde_json::Value;

use crate::cli::{Folder, stdout};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/lint")
}

fn observe(name: &str, text: &str, mut linter: Linter) -> (Vec<Finding>, Result<(), PlayError>) {
    let mut files = MemoryFiles([(name.into(), text.into())].into());
    let loaded = load_from(name, &mut files).unwrap_or_else(|error| panic!("{error}"));
    let mut player = Player::new(loaded);
    let (platform, profile) = player.setup();
    let mut session = Session::new(World::new(platform, profile));
    session.observe(&mut linter);
    let played = player.play(&mut session);
    drop(session);
    (linter.finish(), played)
}

/// What a script does wrong. Some fixtures end with a refusal.
pub(crate) fn lint(name: &str, text: &str) -> Vec<Finding> {
    observe(name, text, Linter::new()).0
}

/// What a recording of the same would do wrong.
pub(crate) fn lint_recording(name: &str, text: &str) -> Vec<Finding> {
    observe(name, text, Linter::of_recording()).0
}

/// Plays a script to its end.
pub(crate) fn play(name: &str, text: &str) {
    observe(name, text, Linter::new()).1.unwrap_or_else(|error| panic!("{error}\n{text}"));
}

/// The editions with fixtures of their own: where they are, and of which rules there is a mistake.
const EDITIONS: [(&str, &str); 2] = [("1.0", ""), ("2.0", "2.0/")];

/// What only one edition makes a mistake. In 2.0 RIPAS is not measured; 1.0 has no operations.
const ONLY_1_0: [&str; 5] = [
    "data-before-ripas",
    "fold-between-ripas",
    "ripas-after-tables",
    "ripas-out-top-ignored",
    "ripas-twice",
];
const ONLY_2_0: [&str; 5] = [
    "operation-left-open",
    "out-top-ignored",
    "realm-params-changed",
    "rec-in-other-realm",
    "rec-params-changed",
];

/// The rules of which an edition has fixtures, and whether there is one of a mistake.
fn rules_of(edition: &str) -> impl Iterator<Item = (&'static str, bool)> {
    let is_1_0 = edition == "1.0";
    let ids = RULES.iter().map(|rule| rule.id);
    ids.filter(move |id| !is_1_0 || !ONLY_2_0.contains(id))
        .map(move |id| (id, is_1_0 || !ONLY_1_0.contains(&id)))
}

fn fixture(name: &str) -> Vec<Finding> {
    lint(name, &fs::read_to_string(folder().join(name)).expect(name))
}

/// The snapshots are one file of each edition; `BLESS=1` writes them anew.
#[test]
fn each_rule_finds_its_mistake_alone() {
    for (edition, folder_of) in EDITIONS {
        let mut said = String::new();
        for (id, _) in rules_of(edition).filter(|(_, is_mistake)| *is_mistake) {
            let findings = fixture(&format!("{folder_of}{id}.rmi"));
            let ids: Vec<_> = findings.iter().map(|finding| finding.rule.id).collect();
            assert_eq!(ids, [id], "{edition}: {findings:#?}");
            said += &format!("{}\n", findings[0]);
        }
        let snapshot = folder().join(folder_of).join("findings.txt");
        if std::env::var_os("BLESS").is_some() {
            fs::write(&snapshot, &said).expect("the snapshot");
        }
        assert_eq!(fs::read_to_string(&snapshot).expect("the snapshot"), said);
    }
}

/// Where an edition makes something no mistake, that itself is what is nearly one.
#[test]
fn what_is_nearly_a_mistake_is_none() {
    for (edition, folder_of) in EDITIONS {
        for (id, _) in rules_of(edition) {
            let name = format!("{folder_of}{id}.near.rmi");
            let text = fs::read_to_string(folder().join(&name)).expect(&name);
            let (findings, played) = observe(&name, &text, Linter::new());
            assert_eq!(findings, [], "{name}");
            played.unwrap_or_else(|error| panic!("{error}"));
        }
    }
}

#[test]
fn every_fixture_belongs_to_a_rule() {
    for (edition, folder_of) in EDITIONS {
        let known: Vec<_> = rules_of(edition).collect();
        for entry in fs::read_dir(folder().join(folder_of)).expect("the fixtures") {
            let name = entry.expect("an entry").file_name().into_string().expect("a name");
            let Some(stem) = name.strip_suffix(".rmi") else { continue };
            let near = stem.strip_suffix(".near");
            let fits = |(id, is_mistake): &(&str, bool)| {
                *id == near.unwrap_or(stem) && (near.is_some() || *is_mistake)
            };
            assert!(known.iter().any(fits), "{edition}: {name}");
        }
    }
}

#[test]
fn a_missing_table_that_is_made_is_no_failure() {
    let text = "let rd = auto
REALM_CREATE rd=rd params_ptr=RealmParams {
    s2sz=40, num_bps=1, num_wps=1, rtt_base=auto, rtt_level_start=1, rtt_num_start=2
}
RTT_INIT_RIPAS rd=rd base=0 top=4MiB => RMI_ERROR_RTT(1)
";
    let ids = |text: &str| -> Vec<_> {
        lint_recording("retry.rmi", text).iter().map(|finding| finding.rule.id).collect()
    };
    assert_eq!(ids(text), ["rmi-failure"]);
    let made = "RTT_CREATE rd=rd rtt=auto ipa=0 level=2\nRTT_INIT_RIPAS rd=rd base=0 top=4MiB\n";
    assert_eq!(ids(&format!("{text}{made}")), [""; 0]);
}

#[test]
fn a_failure_that_is_meant_is_no_mistake() {
    let text = "call 0xc4000156 => SMC_NOT_SUPPORTED
REC_AUX_COUNT rd=0 => RMI_ERROR_INPUT
REALM_ACTIVATE rd=0 => RMI_ERROR_INPUT
REALM_DESTROY rd=0 => RMI_ERROR_REALM
";
    // The last is refused for another reason than the script says.
    let findings = lint("meant.rmi", text);
    let lines: Vec<_> = findings.iter().map(|finding| finding.place.line).collect();
    assert_eq!(lines, [4], "{findings:#?}");
    assert_eq!(lint_recording("meant.rmi", text).len(), 4);
}

#[test]
fn forms_and_exit_codes() {
    let dir = Folder::new("lint-forms");
    let name = "ripas-twice.rmi";
    dir.file(name, fs::read(folder().join(name)).expect(name));
    let text = dir.rimsim(&["lint", name]);
    assert_eq!(text.status.code(), Some(0));
    assert!(stdout(&text).starts_with("ripas-twice.rmi:10:1: rim: ripas-twice: "), "{text:?}");
    for (least, code) in [("risk", 3), ("rim", 3), ("error", 0)] {
        assert_eq!(dir.rimsim(&["lint", "--deny", least, name]).status.code(), Some(code));
    }
    let json = stdout(&dir.rimsim(&["lint", "--format", "json", name]));
    let json: Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(json["schema"], "rimsim/1");
    assert_eq!(json["findings"][0]["rule"], "ripas-twice");
    assert_eq!(json["findings"][0]["line"], 10);
    let sarif = stdout(&dir.rimsim(&["lint", "--format", "sarif", name]));
    let sarif: Value = serde_json::from_str(&sarif).expect("JSON");
    assert_eq!(sarif["version"], "2.1.0");
    let run = &sarif["runs"][0];
    let result = &run["results"][0];
    let place = &result["locations"][0]["physicalLocation"];
    assert_eq!(place["artifactLocation"]["uri"], name);
    assert_eq!(place["region"]["startLine"], 10);
    let index = usize::try_from(result["ruleIndex"].as_u64().expect("a number")).expect("small");
    assert_eq!(run["tool"]["driver"]["rules"][index]["id"], result["ruleId"]);
    dir.fails(&["lint", "--explain", "ripas"], 2, "there is no rule `ripas`; there are ");
    dir.fails(&["lint", "missing.rmi"], 1, "missing.rmi");
    dir.fails(&["lint"], 2, "FILE");
    let list = stdout(&dir.rimsim(&["lint", "--list"]));
    assert_eq!(list.lines().count(), RULES.len());
    let line =
        "data-not-ascending             rim    Granules of one image are not in ascending order";
    assert!(list.lines().any(|found| found == line), "{list}");
    let list = stdout(&dir.rimsim(&["lint", "--list", "--format", "json"]));
    let list: Value = serde_json::from_str(&list).expect("JSON");
    assert_eq!(
        (&list["schema"], list["rules"].as_array().map(Vec::len)),
        (&Value::from("rimsim/1"), Some(RULES.len()))
    );
    assert_eq!(list["rules"][0]["severity"], "error");
    dir.fails(&["lint", "--list", name], 2, "--list");
    dir.file("empty.rmi", "# nothing\nrtt auto\n").file("empty.json", "");
    dir.fails(
        &["lint", "empty.rmi"],
        2,
        "empty.rmi: makes no RMI call: there is nothing to look at",
    );
    dir.fails(&["lint", "empty.json"], 2, "empty.json");
    let all = stdout(&dir.rimsim(&["lint", "--explain", "all"]));
    assert!(RULES.iter().all(|rule| all.contains(rule.explanation)));
}

/// The hosts that people have: what they do changes no RIM by mistake, and nothing is refused.
#[test]
fn real_hosts_make_no_mistakes() {
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("spec-vectors");
    let image = scripts.join("scripts/Image").display().to_string();
    let dir = Folder::new("lint-hosts");
    let kvmtool =
        ["--caps", "fvp", "kvmtool", "--", "lkvm", "run", "--realm", "-c", "2", "-m", "512M"];
    let kvmtool = [&kvmtool[..], &["--irqchip=gicv3", "-k", &image]].concat();
    let qemu = ["--caps", "fvp", "qemu", "--", "qemu-system-aarch64", "-accel"];
    let guest = "virt,gic-version=3,confidential-guest-support=rme0";
    let object = "rme-guest,id=rme0,measurement-algorithm=sha256";
    let rest = ["kvm", "-cpu", "host", "-m", "512M", "-M", guest, "-object", object];
    let qemu = [&qemu[..], &rest, &["-kernel", &image]].concat();
    for (name, args) in [("kvmtool.rmi", kvmtool), ("qemu.rmi", qemu)] {
        let made = dir.rimsim(&[&["measure", "--script-out", name], &args[..]].concat());
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let text = fs::read_to_string(dir.path(name)).expect(name);
        assert!(text.contains("REALM_ACTIVATE"), "{name}");
        let output = dir.rimsim(&["lint", "--deny", "rim", "--allow-outside", name]);
        assert_eq!(output.status.code(), Some(0), "{name}: {}", stdout(&output));
    }
    assert!(Severity::Rim > Severity::Risk);
}

/// What real hosts do is right by definition: no finding that the RMM or the RIM would mind. KVM
/// v12 is among them, which steps over contents page by page, each step a refused command.
#[test]
fn hosts_make_no_mistakes() {
    let folder = crate::cli::Folder::new("lint-boots");
    let mut kernel: Vec<u8> = (0..100_000_u32).map(|i| (i % 251) as u8 | 1).collect();
    kernel[..64].fill(0);
    kernel[16..24].copy_from_slice(&200_000_u64.to_le_bytes());
    kernel[56..60].copy_from_slice(b"ARM\x64");
    folder.file("Image", kernel).file("initrd", [7; 60_001]).file("virt.dtb", [1; 4096]);
    let lkvm = "kvmtool -- lkvm run --realm --restricted_mem -c 3 -m 256M --irqchip=gicv3 \
                --console serial --network mode=none -k Image -i initrd";
    let lkvm_without_option = lkvm.replace(" --restricted_mem", "");
    let qemu = "--dtb virt.dtb qemu -- qemu-system-aarch64 -M virt,confidential-guest-support=rme0 \
                -object rme-guest,id=rme0 -accel kvm -cpu host -smp 2 -m 1G -kernel Image";
    let mut boots = Vec::new();
    for version in ["A0", "A", "B0", "B1", "B2", "C"] {
        boots.push(format!("--vmm-version {version} {lkvm_without_option}"));
    }
    for host in ["kvm-v5", "kvm-v10", "kvm-v11", "kvm-v12"] {
        boots.push(format!("--host {host} {lkvm}"));
    }
    for host in ["kvm-v13", "kvm-v14"] {
        boots.push(format!("--host {host} {lkvm_without_option}"));
    }
    boots.push(qemu.to_owned());
    boots.push(format!("--host kvm-v12 --vmm-version rmi {qemu}"));
    let cloud = "--dtb virt.dtb cloud-hypervisor -- cloud-hypervisor --platform arm_rme=on \
                 --cpus boot=2 --memory size=512M --kernel Image --initramfs initrd";
    boots.push(cloud.to_owned());
    boots.push(format!("--host kvm-v12 --vmm-version arm-rmi {cloud}"));
    for boot in boots {
        folder.file("boot.args", &boot);
        let output = folder.rimsim(&["lint", "--deny", "rim", "boot.args"]);
        let findings = crate::cli::stdout(&output);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{boot}\n{findings}{stderr}");
        assert!(!stderr.contains("error:") && !stderr.contains("refuses"), "{boot}\n{stderr}");
    }
    // What a host refuses itself is an error of the command line, not a finding.
    folder.file("boot.args", "kvmtool -- lkvm run -m 256M -k Image");
    folder.fails(&["lint", "boot.args"], 2, "realm");
}
