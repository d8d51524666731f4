//! `why`: mistakes that were planted are named, and nothing is named that is none.

use rimsim_support::planted::{self, Answer, Plant};
use serde_json::Value;

use super::{Folder, stdout};
use crate::hosts::inputs::kernel;

/// Kernels of the plants are small: a debug build needs seconds for each plant.
const KERNEL_BYTES: usize = 8192;

/// A folder with what the command lines name.
fn folder(name: &str) -> Folder {
    let folder = Folder::new(name);
    std::fs::create_dir_all(folder.path("elsewhere")).expect("a folder");
    for (name, bytes) in planted::files(KERNEL_BYTES) {
        folder.file(name, bytes);
    }
    folder
}

impl Folder {
    pub(super) fn rim(&self, words: &[String]) -> String {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let output = self.rimsim(&[&["-q", "measure"][..], &words].concat());
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{words:?}: {stderr}");
        stdout(&output).trim().to_owned()
    }

    /// The document of an answer, which ends with `code`.
    pub(super) fn why(&self, rim: &str, words: &[String], code: i32) -> Value {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let start = ["-q", "why", rim, "--format", "json", "--budget", "3600"];
        let output = self.rimsim(&[&start[..], &words].concat());
        let (told, stderr) = (stdout(&output), String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.status.code(), Some(code), "{words:?}: {told}{stderr}");
        serde_json::from_slice(&output.stdout).expect("JSON")
    }

    /// The answer to a plant, and its text.
    fn answer(&self, plant: &Plant) -> (Answer, String) {
        for (file, text) in planted::DOMAINS.iter().zip(plant.domains.iter().flatten()) {
            self.file(file, text);
        }
        let rim = self.rim(&plant.runs_measured());
        let said: Vec<&str> = plant.said.iter().map(String::as_str).collect();
        let output = self.rimsim(&[&["-q", "why", &rim, "--budget", "3600"][..], &said].concat());
        let text = stdout(&output);
        (plant.answer(&text), text)
    }
}

/// libvirt writes the topology and a backend of the RAM's size: both follow what is changed.
#[test]
fn mistakes_in_a_domain_are_named() {
    let folder = Folder::new("why-domain");
    folder.file("Image", kernel("why", 8192, 8192, 0));
    let domain = |mib: u32, cpus: u32| {
        format!(
            "<domain type='kvm'><name>vm</name><memory unit='MiB'>{mib}</memory>\
             <vcpu>{cpus}</vcpu><os><type arch='aarch64' machine='virt'>hvm</type>\
             <kernel>Image</kernel></os><features><gic version='3'/></features>\
             <cpu mode='host-passthrough'/><devices><console type='pty'/></devices>\
             <launchSecurity type='cca'><measurement-algo>sha256</measurement-algo>\
             </launchSecurity></domain>"
        )
    };
    folder.file("runs.xml", domain(512, 2).into_bytes());
    folder.file("cpus.xml", domain(512, 4).into_bytes());
    folder.file("both.xml", domain(1024, 4).into_bytes());
    let words = |file: &str| {
        ["--host", "kvm-v10", "--caps", "fvp", "--domain", file].map(str::to_owned).to_vec()
    };
    let rim = folder.rim(&words("runs.xml"));
    for (file, planted) in [("cpus.xml", &["-smp 2"][..]), ("both.xml", &["-m 512M", "-smp 2"])] {
        let found = folder.why(&rim, &words(file), 0);
        let changes = found["explanations"][0]["changes"].as_array().expect("a list");
        let mut fixes: Vec<_> =
            changes.iter().filter_map(|change| change["fix"].as_str()).collect();
        fixes.sort_unstable();
        assert_eq!(fixes, planted, "{file}");
    }
}

/// All of them are in the benchmark `why`; here is one of each VMM.
#[test]
fn mistakes_that_were_planted_are_named() {
    let folder = folder("why-planted");
    let all = planted::singles();
    for (family, number) in [
        ("kvmtool", 7),
        ("kvmtool on KVM v12", 1),
        ("libvirt", 12),
        ("kata", 4),
        ("cloud-hypervisor", 1),
    ] {
        let plant = all.iter().filter(|plant| plant.family == family).nth(number);
        let plant = plant.expect("so many");
        let (answer, text) = folder.answer(plant);
        assert_eq!(answer, Answer::Named, "{plant:?}: {text}");
    }
}

#[test]
fn two_mistakes_at_once_are_named() {
    let folder = folder("why-pairs");
    // Likely ones, which are among the first that are tried: a budget of time is no part of a test.
    let likely = ["RAM", "vCPUs", "initrd"];
    let mut plants = planted::pairs(90, 7).into_iter();
    let plant = plants.find(|plant| plant.kinds.iter().all(|kind| likely.contains(kind)));
    let plant = plant.expect("a likely pair");
    let (answer, text) = folder.answer(&plant);
    assert_eq!(answer, Answer::Named, "{plant:?}: {text}");
}

/// 200 of them, each once, and the same every time.
#[test]
fn plants_are_many_and_one_seed_makes_the_same() {
    let all = planted::planted(200, 7);
    assert_eq!(all, planted::planted(200, 7));
    assert_ne!(all, planted::planted(200, 8), "pairs are by the seed");
    for (i, plant) in all.iter().enumerate() {
        let is_again =
            |other: &Plant| (&other.said, &other.domains) == (&plant.said, &plant.domains);
        assert!(!all[..i].iter().any(is_again), "{plant:?}");
    }
}

const GUEST: &str = "kvmtool -- lkvm run --realm --restricted_mem -c 1 -m 256M --irqchip=gicv3 \
                     -k Image -p quiet";

pub(super) fn words(line: &str) -> Vec<String> {
    line.split_whitespace().map(str::to_owned).collect()
}

/// What needs no search: the algorithm, an earlier stage, and nothing wrong at all.
#[test]
fn findings_before_a_search() {
    let folder = folder("why-before");
    let guest = words(GUEST);
    let rim = folder.rim(&guest);
    let found = folder.why(&rim, &guest, 0);
    assert_eq!((&found["verdict"], &found["tried"]), (&"as said".into(), &0.into()));
    let rim = folder.rim(&words(&format!("{GUEST} --measurement-algo sha512")));
    let found = folder.why(&rim, &guest, 0);
    assert_eq!(found["verdict"], "as said", "but for the algorithm");
    assert_eq!(
        (&found["algorithm"], &found["algorithm_said"]),
        (&"sha512".into(), &"sha256".into())
    );
    let sentence = found["sentence"].as_str().expect("text");
    assert!(sentence.contains("sha256 (32 bytes): --measurement-algo"), "{sentence}");
    let line: Vec<&str> = GUEST.split_whitespace().collect();
    let measured = folder.rimsim(&[&["measure", "--format", "json"][..], &line].concat());
    let measured: Value = serde_json::from_slice(&measured.stdout).expect("JSON");
    let stages = measured["stages"].as_array().expect("stages");
    let place =
        stages.iter().position(|stage| stage["command"] == "RMI_REC_CREATE").expect("a vCPU");
    let rim = stages[place - 1]["rim"].as_str().expect("a RIM");
    let found = folder.why(rim, &guest, 0);
    assert_eq!(found["verdict"], "stage");
    let missing = found["stage"]["left_out"].as_str().expect("text");
    assert!(missing.starts_with("vCPU 0 (REC_CREATE)"), "{missing}");
}

/// A RIM of nothing ends in the budget, and nobody is told a reason.
#[test]
fn what_is_no_rim_of_this_vm_is_not_explained() {
    let folder = folder("why-none");
    let rim = "9f".repeat(32);
    let line: Vec<&str> = GUEST.split_whitespace().collect();
    let output = folder.rimsim(&[&["why", &rim, "--budget", "0"][..], &line].concat());
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{stderr}");
    let text = stdout(&output);
    assert!(
        text.starts_with("none\nyour RIM is not this VM, nor this VM with one change ("),
        "{text}"
    );
    assert!(text.contains("; then the budget ended"), "{text}");
    for said in ["--budget (120, 5m, 1h)", "refused: ", "/sys/firmware/fdt", " candidates in "] {
        assert!(stderr.contains(said), "{said}: {stderr}");
    }
    folder.fails(&[&["why", "12"][..], &line].concat(), 2, "TOKEN|RIM: has 1 bytes");
    folder.fails(&[&["why", &rim, "--candidate", "none"][..], &line].concat(), 2, "none: No such");
}

/// What is said of the answer is what was tried: of a part, or without time, not all.
#[test]
fn what_was_not_tried_is_not_excluded() {
    let folder = folder("why-whole");
    let guest = words(GUEST);
    let rim = folder.rim(&words(&GUEST.replace("256M", "512M")));
    let whole = folder.why(&rim, &guest, 0);
    let said = |found: &Value| {
        let open = found["still_open_is_whole"].as_bool().expect("a word");
        (found["verdict"].as_str().expect("a word").to_owned(), open)
    };
    assert_eq!(said(&whole), ("unique".to_owned(), true));
    assert!(!whole["still_open"].as_array().expect("a list").is_empty());
    let json = ["why", &rim, "--format", "json", "--budget"].map(str::to_owned);
    let asked = |more: &str| {
        let words: Vec<String> =
            json.iter().cloned().chain(words(more)).chain(guest.clone()).collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let output = folder.rimsim(&words);
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        let found: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        (found, stderr)
    };
    let (found, stderr) = asked("0");
    assert_eq!(
        said(&found),
        ("unique".to_owned(), false),
        "one change is tried, whatever it takes"
    );
    assert_eq!(found["still_open"].as_array().map(Vec::len), Some(0), "that takes time");
    assert!(stderr.contains("was not all tried: the budget ended"), "{stderr}");
    let parts = ["1/2", "2/2"].map(|part| asked(&format!("3600 --shard {part}")));
    // The part that has it can not say that the other has none. The other may find it with a
    // second change, which leaves the RIM what it is.
    assert!(parts.iter().any(|(found, _)| found["verdict"] == "found"));
    for (found, stderr) in &parts {
        assert_ne!(found["verdict"], "unique");
        let is_found = found["verdict"] != "none";
        assert_eq!(stderr.contains("other explanations: only part"), is_found, "{stderr}");
    }
}

/// A machine's name says something, and the rest is taken: that is no secret.
#[test]
fn what_is_taken_of_a_machine_is_named() {
    let folder = folder("why-machine");
    let guest = |caps: &str| words(&format!("--host kvm-v10 --caps {caps} {GUEST}"));
    let rim = folder.rim(&guest("kvm"));
    let found = folder.why(&rim, &guest("fvp"), 0);
    let needs = found["explanations"][0]["changes"][0]["needs"].as_str().expect("text");
    assert_eq!(
        needs,
        "the machine kvm and nothing else said of it: 6 breakpoints, 4 watchpoints, no PMU of the \
         host, no SVE of the host, 48 IPA bits"
    );
}

/// What was seen leads to more changes than a search makes at once.
#[test]
fn what_was_seen_leads_to_the_options() {
    let folder = folder("why-seen");
    let guest = words(GUEST);
    let runs = GUEST.replace("-c 1 -m 256M", "-c 2 -m 512M").replace(" -p quiet", "");
    let line: Vec<&str> = runs.split_whitespace().collect();
    let made = folder.rimsim(&[&["dtb", "-q", "-o", "fdt"][..], &line].concat());
    assert_eq!(made.status.code(), Some(0), "{made:?}");
    let measure = ["measure", "-q", "--events-out", "vm.events"];
    let rim = stdout(&folder.rimsim(&[&measure[..], &line].concat())).trim().to_owned();
    let fixes = |found: &Value| -> Vec<String> {
        let changes = found["explanations"][0]["changes"].as_array().expect("a list");
        let fix = |change: &Value| change["fix"].as_str().expect("text").to_owned();
        let mut fixes: Vec<String> = changes.iter().map(fix).collect();
        fixes.sort();
        fixes
    };
    for seen in ["fdt", "vm.events"] {
        let asked = [vec!["--seen".to_owned(), seen.to_owned()], guest.clone()].concat();
        let found = folder.why(&rim, &asked, 0);
        assert_eq!(found["verdict"], "seen", "{seen}: {found}");
        assert_eq!(fixes(&found), ["-c 2", "-m 512M", "leave out -p"], "{seen}");
        let seen = &found["seen"];
        assert_eq!((&seen["rim_equal"], &seen["left"]), (&true.into(), &Value::Array(vec![])));
    }
    // Of another VM than the token's: what was seen is told, and the RIM looked for.
    let other = "9f".repeat(32);
    let words = ["why", &other, "--budget", "1", "--seen", "fdt"];
    let guest: Vec<&str> = GUEST.split_whitespace().collect();
    let output = folder.rimsim(&[&words[..], &guest].concat());
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    let text = stdout(&output);
    assert!(text.starts_with("none\n"), "{text}");
    folder.file("none.fdt", [0xD0, 0x0D, 0xFE, 0xED, 0, 0]);
    for (file, code) in [("none", 1), ("Image", 2), ("none.fdt", 3)] {
        let words = ["why", &other, "--budget", "0", "--seen", file];
        let output = folder.rimsim(&[&words[..], &guest].concat());
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{file}: {stderr}");
        assert!(code == 3 || stderr.contains(&format!("--seen {file}")), "{stderr}");
    }
}

/// A token of another VM of a table, and options that somebody thinks of.
#[test]
fn what_is_another_row_or_a_given_variant_is_named() {
    let folder = folder("why-locked");
    let guest = words(GUEST);
    let of_rows = |options: &str| -> Vec<String> {
        words(&format!("-q {options} --cpus 1,2 --mem 256M,512M {GUEST}"))
    };
    let made = of_rows("matrix --lock-out vms.lock");
    let made = folder.rimsim(&made.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(made.status.code(), Some(0), "{made:?}");
    let rim = folder.rim(&words(&GUEST.replace("-c 1 -m 256M", "-c 2 -m 512M")));
    let asked = |options: &[&str]| -> Vec<String> {
        options.iter().map(|word| (*word).to_owned()).chain(guest.clone()).collect()
    };
    let found = folder.why(&rim, &asked(&["--lock", "vms.lock"]), 0);
    assert_eq!(found["verdict"], "locked");
    let wanted = "your RIM is the VM of vms.lock:cpus=2, mem=512M, not the one you said";
    assert_eq!(found["sentence"], wanted);
    let own = folder.rim(&guest);
    assert_eq!(folder.why(&own, &asked(&["--lock", "vms.lock"]), 0)["verdict"], "as said");
    let odd = "-m 272M -p odd";
    let rim = folder.rim(&words(&GUEST.replace("-m 256M", "-m 272M").replace("quiet", "odd")));
    let found = folder.why(&rim, &asked(&["--option-variant", odd]), 0);
    assert_eq!(found["explanations"][0]["changes"][0]["fix"], odd);
    // The same options are a column of a table.
    let table = words("-q matrix --format csv --option-variant");
    let table = [table, vec![odd.to_owned()], guest].concat();
    let table = folder.rimsim(&table.iter().map(String::as_str).collect::<Vec<_>>());
    assert!(stdout(&table).contains(&rim), "{table:?}");
    assert!(stdout(&table).starts_with("option-variant,algorithm,rim"), "{table:?}");
}

/// A lock says which VM was meant, with its host and its files.
#[test]
fn a_lock_is_a_command_line() {
    let folder = folder("why-of-lock");
    let run = |asked: &str| {
        let asked = words(asked);
        folder.rimsim(&asked.iter().map(String::as_str).collect::<Vec<_>>())
    };
    let made = run(&format!("-q lock -o vm.lock {GUEST}"));
    assert_eq!(made.status.code(), Some(0), "{made:?}");
    let made = run(&format!("-q matrix --lock-out vms.lock --cpus 1,2 --mem 256M {GUEST}"));
    assert_eq!(made.status.code(), Some(0), "{made:?}");
    let own = folder.rim(&words(GUEST));
    let rim = folder.rim(&words(&GUEST.replace("-m 256M", "-m 512M")));
    for lock in ["--lock vm.lock", "--lock vms.lock"] {
        assert_eq!(folder.why(&own, &words(lock), 0)["verdict"], "as said", "{lock}");
        let found = folder.why(&rim, &words(lock), 0);
        let changes = found["explanations"][0]["changes"].as_array().expect("changes");
        let fixes: Vec<_> = changes.iter().filter_map(|change| change["fix"].as_str()).collect();
        assert_eq!(fixes, ["-m 512M"], "{lock}: {found}");
    }
    let other = folder.rim(&words(&GUEST.replace("-c 1", "-c 2")));
    assert_eq!(folder.why(&other, &words("--lock vms.lock"), 0)["verdict"], "locked");
    for (more, text) in [
        ("--host kvm-v12 --lock vm.lock", "--host=kvm-v12: without a command line --lock vm.lock"),
        ("--map a=b --lock vm.lock", "--map: without a command line"),
        ("--lock Image", "--lock Image:"),
        ("--lock missing.lock", "--lock missing.lock: "),
    ] {
        let output = run(&format!("why {rim} {more}"));
        let stderr = String::from_utf8_lossy(&output.stderr);
        let is_wrong = matches!(output.status.code(), Some(1 | 2));
        assert!(is_wrong && stderr.contains(text), "{more}: {stderr}");
    }
}
