//! `search`: what was planted is found, and nothing is found or missed that a boot in full denies.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Mutex;

use rimsim::Profile;
use rimsim::evidence::{rim_of_token, token_bytes};
use rimsim::host::caps::{CapsLayer, sve_lengths_up_to};
use rimsim::host::{Call, Vmm};
use rimsim::measure::hasher::Hasher;
use rimsim::measure::rim::{HashAlgo, Measurement};
use rimsim::predict::{Error, Plan, Request};
use rimsim::search::{Axis, Guests, Knob, Parameter, Space, run};
use serde_json::Value;

use crate::hosts::boot::boot;
use crate::hosts::inputs::{Inputs, kernel};

/// A kvmtool whose host is what the knobs say.
struct Kvmtool(Mutex<Inputs>);

impl Guests for Kvmtool {
    fn plan(&self, candidate: &[Knob]) -> Result<Plan, Error> {
        let line = "--realm --pmu --restricted_mem -c 2 -m 256M --irqchip=gicv3 -k k4k.img";
        let argv = line.split_whitespace().map(str::to_owned).collect();
        let mut request = Request::new(Vmm::Kvmtool, argv);
        request.version = Some("cca-ram-first-4k".into());
        request.host = Some("kvm-v10".into());
        let mut layer = CapsLayer { lpa2: Some(false), ..CapsLayer::default() };
        for knob in candidate {
            match knob {
                Knob::Host(name) => request.host = Some((*name).into()),
                Knob::NumBps(count) => layer.num_bps = Some(*count),
                Knob::PmuCounters(count) => {
                    (layer.pmu, layer.pmu_counters) = (Some(count.is_some()), *count);
                }
                Knob::SveVl(bits) => layer.sve_vls = Some(sve_lengths_up_to(*bits)),
                _ => {}
            }
        }
        request.caps.push(("test".into(), layer));
        let mut files = self.0.lock().expect("nobody panics with it");
        request.plan(&mut *files)
    }
}

fn axis(name: &str, values: &str) -> Axis {
    let parameter = Parameter::from_name(name).expect("a parameter");
    Axis { parameter, values: parameter.values(values).expect("values") }
}

/// The RIM of one candidate by a boot of its own, from beginning to end.
fn rim_alone(guests: &Kvmtool, candidate: &[Knob], algo: HashAlgo) -> Result<String, Error> {
    let mut planned = guests.plan(candidate)?;
    candidate.iter().try_for_each(|knob| knob.edit(&mut planned))?;
    for call in &mut planned.vm.calls {
        if let Call::HashAlgo(found) = call {
            *found = algo;
        }
    }
    Ok(boot(planned.host.name, &planned.caps, &planned.vm)?.rim())
}

fn measurement(algo: HashAlgo, hex: &str) -> Measurement {
    let byte = |i| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).expect("digits");
    let bytes: Vec<u8> = (0..hex.len() / 2).map(byte).collect();
    Measurement::from_bytes(algo, &bytes).expect("a RIM")
}

/// Candidates share boots and folds; each booted alone gives the same, found or missed.
#[test]
fn a_search_says_what_boots_in_full_say() {
    let space = Space::new(vec![
        axis("host", "kvm-v10,kvm-v12,kvm-v14"),
        axis("ipa-bits", "36,40"),
        axis("num-bps", "2,6"),
        axis("pmu-counters", "none,4"),
        axis("sve-vl", "0,256"),
        axis("align", "vmm,64K"),
        axis("order", "vmm,ascending,descending"),
    ]);
    let guests = Kvmtool(Mutex::new(Inputs::default()));
    let count = space.len().expect("small");
    assert_eq!(count, 288);
    for algo in HashAlgo::ALL_1_0 {
        let mut refused = 0;
        let mut by_rim: BTreeMap<String, Vec<u64>> = BTreeMap::new();
        for number in 0..count {
            match rim_alone(&guests, &space.candidate(number), algo) {
                Ok(rim) => by_rim.entry(rim).or_default().push(number),
                Err(_) => refused += 1,
            }
        }
        assert!(by_rim.len() > 20 && refused > 0);
        for (rim, numbers) in by_rim.iter().step_by(7) {
            let target = measurement(algo, rim);
            let go_on = &mut |_: &rimsim::search::Report| Some(u64::MAX);
            let report = run(&space, &guests, &target, &Hasher::default(), go_on);
            let mut found: Vec<u64> =
                report.matches.iter().flat_map(|found| found.candidates.clone()).collect();
            found.sort_unstable();
            assert_eq!(&found, numbers, "{rim}");
            assert_eq!((report.tried, report.refused), (count, refused));
            assert_eq!(report.lists, by_rim.len() as u64, "as many lists as RIMs");
        }
    }
}

/// A folder of one test, gone when it ends.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        // What an interrupted run left behind.
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).expect("the folder of temporary files");
        std::fs::write(folder.join("Image"), kernel("k4k.img", 4096, 4096, 0)).expect("a kernel");
        Self(folder)
    }

    fn rimsim(&self, words: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rimsim"));
        command.args(words).current_dir(&self.0).output().expect("the command")
    }

    fn words(&self, line: &str) -> Output {
        self.rimsim(&line.split_whitespace().collect::<Vec<_>>())
    }

    /// The first line of a command that has to succeed.
    fn first(&self, line: &str) -> String {
        let output = self.words(line);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{line}: {stderr}");
        let text = String::from_utf8(output.stdout).expect("text");
        text.lines().next().expect("a line").to_owned()
    }

    /// The document of a search, which ends with `code`.
    fn search(&self, rim: &str, line: &str, code: i32) -> Value {
        let line = format!("search --format json --rim {rim} {line}");
        let output = self.words(&line);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{line}: {stderr}");
        serde_json::from_slice(&output.stdout).expect("JSON")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

const GUEST: &str = "kvmtool -- lkvm run --realm --restricted_mem -c 2 -m 256M --irqchip=gicv3";
/// The same for kvmtool of RMM 2.0, whose Realms always have a guest_memfd.
const NEWER_GUEST: &str = "kvmtool -- lkvm run --realm -c 2 -m 256M --irqchip=gicv3";

/// Parameters at random are what `measure` made the RIM of; `search` does not know them.
#[test]
fn what_was_planted_is_found() {
    let folder = Folder::new("search-planted");
    let mut state = 1_u64;
    let mut pick = move |values: &'static str| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let values: Vec<&str> = values.split(',').collect();
        values[usize::try_from(state >> 33).expect("31 bits") % values.len()]
    };
    let mut planted = 0;
    while planted < 50 {
        let names = ["host", "vmm-version", "num-bps", "num-wps", "pmu-counters", "sve-vl"];
        let lists = [
            "kvm-eac5,kvm-v10,kvm-v12,kvm-v14",
            "cca-ram-first-64k,cca-ram-first-4k,cca-v2",
            "2,6,8",
            "2,4",
            "4,6",
            "128,512",
        ];
        let values = lists.map(&mut pick);
        let algo = pick("sha256,sha512");
        let guest = format!("{GUEST} -k Image --pmu --measurement-algo {algo}");
        let options: String =
            names.iter().zip(values).map(|(name, value)| format!("--{name} {value} ")).collect();
        let measured = folder.words(&format!("measure {options} {guest}"));
        // Not every pair of a VMM and a KVM can build a Realm.
        if !measured.status.success() {
            continue;
        }
        planted += 1;
        let text = String::from_utf8(measured.stdout).expect("text");
        let vary: String =
            names.iter().zip(lists).map(|(name, list)| format!("--vary {name}={list} ")).collect();
        let found = folder.search(text.trim(), &format!("{vary} {guest}"), 0);
        assert_eq!(found["tried"], 4 * 3 * 3 * 2 * 2 * 2);
        let matches = found["matches"].as_array().expect("matches");
        let candidates = matches.iter().flat_map(|found| found["candidates"].as_array().unwrap());
        let is_planted = |found: &Value| names.iter().zip(values).all(|(name, v)| found[name] == v);
        assert!(candidates.into_iter().any(is_planted), "{options}: {found}");
    }
}

#[test]
fn unique_ambiguous_and_none() {
    let folder = Folder::new("search-verdicts");
    let guest = format!("{GUEST} -k Image");
    let rim = folder.first(&format!("measure --num-bps 5 {guest}"));
    let one = folder.search(&rim, &format!("--vary num-bps=2-16 {guest}"), 0);
    assert_eq!((&one["verdict"], &one["schema"]), (&"unique".into(), &"rimsim/1".into()));
    assert_eq!(one["matches"][0]["candidates"][0]["num-bps"], "5");
    assert_eq!(one["matches"][0]["realm_params"]["num_bps"], 4);
    // Without --pmu the counters are not measured.
    let line = format!("search --rim {rim} --vary num-bps=5,6 --vary pmu-counters=none,4 {guest}");
    let output = folder.words(&line);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(
        text,
        "ambiguous\nREALM_CREATE flags=0x0 s2sz=33 sve_vl=0 num_bps=4 num_wps=3 pmu_num_ctrs=0 \
         hash_algo=0 by rmm-1.0\n  num-bps = 5\n  \
         pmu-counters: any of none, 4, it is not measured here\n"
    );
    // A host of 2.0 measures by its own rule, and by no other's.
    let modern = format!("--spec 2.0 {NEWER_GUEST} -k Image");
    let rim = folder.first(&format!("measure --rmm spec {modern}"));
    let vary = format!("--vary rim-rule={} {modern}", "rmm-1.0,tf-rmm-0.9,rmm-2.0");
    let found = folder.search(&rim, &vary, 0);
    assert_eq!(found["matches"][0]["rim_rules"], serde_json::json!(["rmm-2.0"]));
    let why = found["refusals"][0]["reason"].as_str().expect("a reason");
    assert!(why.contains("no RMM that kvm-v15 talks to measures by rmm-1.0"), "{why}");
    let line = format!("search --rim {rim} --vary num-bps=6,7 {guest}");
    let output = folder.words(&line);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!((output.status.code(), &*output.stdout), (Some(3), &b"none\n"[..]));
    for said in ["2 of 2 candidates in ", "can not be known", "not varied: host, ipa-bits, lpa2"] {
        assert!(stderr.contains(said), "{said}: {stderr}");
    }
    let none = folder.search(&rim, &format!("--vary num-bps=6-9 --budget 3 {guest}"), 3);
    assert_eq!((&none["verdict"], &none["tried"]), (&"none".into(), &3.into()));
    assert!(none["advice"][0].as_str().expect("text").contains("the budget ended"));
}

#[test]
fn texts_and_trees_that_may_have_been_measured() {
    let folder = Folder::new("search-variants");
    let guest = format!("{GUEST} -k Image");
    let rim = folder.first(&format!("measure {guest} -p quiet"));
    let variants = "--vary num-bps --append-variant debug --append-variant quiet";
    let found = folder.search(&rim, &format!("{variants} {guest}"), 0);
    assert_eq!(found["matches"][0]["candidates"][0]["append-variant"], "quiet");
    let machine = "virt,gic-version=3,confidential-guest-support=r -object rme-guest,id=r";
    let qemu = format!("qemu -- -accel kvm -cpu host -m 512M -M {machine} -kernel Image");
    let rim = folder.first(&format!("measure --num-bps 6 {qemu} -append quiet"));
    let found = folder.search(&rim, &format!("{variants} {qemu} -append loud"), 0);
    assert_eq!(found["matches"][0]["candidates"][0]["append-variant"], "quiet");
    for (name, text) in [("a.dtb", "a"), ("b.dtb", "b")] {
        folder.first(&format!("measure --dtb-out {name} {guest} -p {text}"));
    }
    let rim = folder.first(&format!("measure --dtb b.dtb {guest}"));
    let trees = "--vary order --dtb-candidate a.dtb --dtb-candidate b.dtb";
    let found = folder.search(&rim, &format!("{trees} {guest}"), 0);
    let candidates = found["matches"][0]["candidates"].as_array().expect("candidates");
    assert!(candidates.iter().all(|found| found["dtb-candidate"] == "b.dtb"));
    assert!(candidates.iter().any(|found| found["order"] == "vmm"));
}

/// What one parameter was is found; `measure` made the RIM with it, and `search` does not know.
#[test]
fn each_parameter_is_found() {
    let folder = Folder::new("search-each");
    let lkvm = format!("{GUEST} -k Image");
    let without_option = format!("{NEWER_GUEST} -k Image");
    let machine = "virt,gic-version=3,confidential-guest-support=r -object rme-guest,id=r";
    let qemu = format!("qemu -- -accel kvm -cpu host -m 512M -M {machine}");
    let logged = format!("{qemu},measurement-log=on -kernel Image");
    let qemu = format!("{qemu} -kernel Image");
    for (name, value, planted, known) in [
        ("host", "kvm-v12", format!("--host kvm-v12 {lkvm}"), lkvm.clone()),
        (
            "lpa2",
            "true",
            format!("--host kvm-v13 --lpa2 true {without_option}"),
            format!("--host kvm-v13 {without_option}"),
        ),
        ("num-bps", "16", format!("--num-bps 16 {lkvm}"), lkvm.clone()),
        ("num-wps", "8", format!("--num-wps 8 {lkvm}"), lkvm.clone()),
        (
            "rim-rule",
            "rmm-2.0",
            format!("--host kvm-v13 --rim-rule rmm-2.0 {without_option}"),
            format!("--host kvm-v13 {without_option}"),
        ),
        ("log", "true", logged, qemu),
        (
            "vmm-version",
            "cca-ram-first-4k",
            format!("--vmm-version cca-ram-first-4k {without_option}"),
            without_option.clone(),
        ),
    ] {
        let rim = folder.first(&format!("measure {planted}"));
        let found = folder.search(&rim, &format!("--vary {name} {known}"), 0);
        let candidates = found["matches"][0]["candidates"].as_array().expect("candidates");
        let is_planted = |found: &Value| found[name] == value;
        assert!(candidates.iter().any(is_planted), "{name}: {found}");
    }
}

/// What RMM 2.0 has in its flags is found where it is measured: a script does what the host does,
/// with one flag more.
#[test]
fn flags_of_newer_realms_are_found() {
    let folder = Folder::new("search-flags");
    let guest = format!("--host kvm-v14 --num-bps 6 {NEWER_GUEST} -k Image");
    let own = folder.first(&format!("measure --script-out own.rmi {guest}"));
    let script = std::fs::read_to_string(folder.0.join("own.rmi")).expect("a script");
    let lines = script.lines().filter(|line| !line.starts_with("expect rim"));
    let script = lines.collect::<Vec<_>>().join("\n");
    let vary = "--vary da --vary lfa --vary mec=shared,private,2";
    for (flag, name, value) in
        [("da", "da", "true"), ("mec=private", "mec", "private"), ("lfa=allow", "lfa", "allow")]
    {
        let changed = script.replace("RealmParams {", &format!("RealmParams {{ {flag},"));
        std::fs::write(folder.0.join("flag.rmi"), changed).expect("a script");
        let rim = folder.first("run flag.rmi");
        assert_ne!(rim, own);
        let found = folder.search(&rim, &format!("{vary} {guest}"), 0);
        let candidates = found["matches"][0]["candidates"].as_array().expect("candidates");
        let others = [("da", "false"), ("mec", "shared"), ("lfa", "disallow")];
        let others = others.into_iter().filter(|(other, _)| *other != name);
        let [only] = &candidates[..] else { panic!("{flag}: {found}") };
        assert_eq!(only[name], value, "{flag}");
        assert!(others.into_iter().all(|(other, zero)| only[other] == zero), "{only}");
        let reasons = found["refusals"].to_string();
        assert!(reasons.contains("params_supp: the MEC policy 2 is reserved"), "{reasons}");
    }
    // They are in no RIM that begins with zeros, and no flags of 1.0.
    let rim = folder.first(&format!("measure --rim-rule rmm-2.0 {guest}"));
    let vary = "--vary rim-rule=rmm-2.0 --vary lfa";
    let output = folder.words(&format!("search --rim {rim} {vary} {guest}"));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.contains("lfa: any of disallow, allow, it is not measured here"), "{text}");
    let old = format!("--host kvm-v12 {NEWER_GUEST} -k Image");
    let found = folder.search(&"a5".repeat(32), &format!("--vary da {old}"), 3);
    let reasons = found["refusals"].to_string();
    assert!(reasons.contains("talks to an RMM without flags for da, mec and lfa"), "{reasons}");
}

/// The Realm of a kvmtool guest by hand, on a KVM whose tables begin at level 1: gibibytes of RAM
/// are one extension each there, and 512 where they begin at level 2.
#[test]
fn another_start_level_is_found() {
    let folder = Folder::new("search-level");
    let guest = "kvmtool -- lkvm run --realm -c 1 -m 1G --irqchip=gicv3 -k Image";
    folder.first(&format!("measure --script-out own.rmi {guest}"));
    folder.words(&format!("dtb -o guest.dtb {guest}"));
    let mut image = std::fs::read(folder.0.join("Image")).expect("a kernel");
    image.resize(1 << 16, 0);
    std::fs::write(folder.0.join("padded"), image).expect("a file");
    let own = folder.first(&format!("measure {guest}"));
    let stages = folder.words(&format!("measure -v {guest}"));
    let stages = String::from_utf8(stages.stdout).expect("text");
    let tree = stages.lines().find_map(|line| Some(line.split_once("DATA_CREATE ")?.1));
    assert!(tree.is_some_and(|kernel| kernel.starts_with("0x8000_0000..0x8001_0000 kernel")));
    let tree = stages.lines().find_map(|line| line.split_once(" x0=")).expect("a REC").1;
    let rim = |level: u8, tables: u8| {
        let script = format!(
            "platform \"fvp\"
image kernel = \"padded\"
image tree = \"guest.dtb\"
rtt auto
let rd = auto
REALM_CREATE rd=rd params_ptr=RealmParams {{
    s2sz=33, num_bps=5, num_wps=3, rtt_base=auto, rtt_level_start={level}, rtt_num_start={tables}
}}
RTT_INIT_RIPAS rd=rd base=0x8000_0000 top=0xC000_0000 all
DATA_CREATE rd=rd ipa=0x8000_0000 image=kernel flags=measure
DATA_CREATE rd=rd ipa={tree} image=tree flags=measure
REC_CREATE rd=rd rec=auto params_ptr=RecParams {{
    flags=runnable, pc=0x8000_0000, gprs=[{tree}], aux=auto
}}
REALM_ACTIVATE rd=rd
"
        );
        std::fs::write(folder.0.join("level.rmi"), script).expect("a script");
        folder.first("run level.rmi")
    };
    assert_eq!(rim(2, 8), own, "the script does what the host does");
    let found = folder.search(&rim(1, 1), &format!("--vary start-level --vary num-bps {guest}"), 0);
    let candidates = &found["matches"][0]["candidates"];
    assert_eq!(candidates.as_array().map(Vec::len), Some(1), "{found}");
    assert_eq!(candidates[0]["start-level"], "1");
    let reasons = found["refusals"].to_string();
    assert!(reasons.contains("33 bits of IPA can not start at level 0"), "{reasons}");
}

#[test]
fn a_budget_ends_a_search_and_is_told() {
    let folder = Folder::new("search-budget");
    let guest = format!("{GUEST} -k Image");
    let rim = "a5".repeat(32);
    for (budget, tried) in [("1", 1), ("70", 70), ("225", 225), ("0", 0), ("1000", 225), ("0s", 0)]
    {
        let line = format!("--vary num-bps=2-16 --vary num-wps=2-16 --budget {budget} {guest}");
        let none = folder.search(&rim, &line, 3);
        assert_eq!((&none["tried"], &none["space_size"]), (&tried.into(), &225.into()), "{budget}");
        let ended = none["advice"][0].as_str().expect("text").contains("the budget ended");
        assert_eq!(ended, tried < 225, "{budget}");
        assert!(none["candidates_per_second"].as_f64().is_some_and(|rate| rate >= 0.0));
        assert!(none["seconds"].as_f64().is_some_and(|seconds| seconds < 60.0));
    }
    let output = folder.words(&format!("search --rim {rim} --vary num-bps --budget 2 {guest}"));
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(stderr.contains("note: 2 of 5 candidates in ") && stderr.contains("/s): 0 refused"));
}

/// A token as the simulator's own RMM hands it out, in every form that people have it in.
#[test]
fn the_rim_of_a_token() {
    let folder = Folder::new("search-token");
    let guest = "kvmtool -- lkvm run --realm -c 1 -m 256M --irqchip=gicv3 -k Image";
    for algo in [0, 1] {
        let mut lab =
            crate::running_realm::RunningRealm::with(Profile::TF_RMM, &[("hash_algo", algo)]);
        let token = lab.fetch_token(7, 0x1000);
        let rd = lab.rd;
        let rim = lab.world().rim(rd).expect("a Realm");
        let hex: String = token.iter().map(|byte| format!("{byte:02x}")).collect();
        let lines: Vec<&str> =
            (0..hex.len()).step_by(64).map(|i| &hex[i..hex.len().min(i + 64)]).collect();
        for (form, bytes) in [
            ("CBOR", token.clone()),
            ("hexadecimal", hex.clone().into_bytes()),
            ("hexadecimal in lines", lines.join("\n").into_bytes()),
            ("base64", base64(&token, b'+', b'/')),
            ("base64 of the web", base64(&token, b'-', b'_')),
        ] {
            let read = token_bytes(&bytes).expect("a form of a token");
            assert_eq!(rim_of_token(&read).as_deref(), Ok(rim.as_bytes()), "{form}");
            std::fs::write(folder.0.join("token"), bytes).expect("a file");
            let line = format!("search --format json --token token --vary num-bps=6 {guest}");
            let output = folder.words(&line);
            let found: Value = serde_json::from_slice(&output.stdout).expect("JSON");
            assert_eq!((output.status.code(), &found["rim"]), (Some(3), &rim.to_string().into()));
        }
        for len in 0..token.len() {
            assert!(rim_of_token(&token[..len]).is_err(), "cut off after {len} bytes");
        }
    }
}

/// Base64 (RFC 4648) with these two characters for 62 and 63.
fn base64(bytes: &[u8], plus: u8, slash: u8) -> Vec<u8> {
    let mut letters: Vec<u8> = (b'A'..=b'Z').chain(b'a'..=b'z').chain(b'0'..=b'9').collect();
    letters.extend([plus, slash]);
    let mut text = Vec::new();
    for three in bytes.chunks(3) {
        let bits = three.iter().fold(0, |bits, byte| bits << 8 | usize::from(*byte));
        let bits = bits << (8 * (3 - three.len()));
        let four = (0..4).map(|i| letters[bits >> (18 - 6 * i) & 63]);
        text.extend(four.take(three.len() + 1));
        text.resize(text.len().next_multiple_of(4), b'=');
    }
    text
}

#[test]
fn forms_of_the_rim() {
    let folder = Folder::new("search-forms");
    let guest = format!("{GUEST} -k Image");
    let rim = folder.first(&format!("measure {guest}"));
    std::fs::write(folder.0.join("rim.txt"), format!("{rim}\n")).expect("a file");
    let found = folder.search("@rim.txt", &format!("--vary num-bps=6 {guest}"), 0);
    assert_eq!(found["rim"], rim.as_str());
    let padded = format!("{rim}{}", "0".repeat(64));
    let found = folder.search(&padded, &format!("--vary num-bps=6 {guest}"), 0);
    assert!(found["remark"].as_str().expect("a remark").contains("a SHA-256 RIM in its slot"));
    // {44238: h'…'}: the claims of a realm token.
    let mut token = vec![0xA1, 0x19, 0xAC, 0xCE, 0x58, 0x20];
    token.extend(measurement(HashAlgo::Sha256, &rim).as_bytes());
    std::fs::write(folder.0.join("token.cbor"), token).expect("a file");
    let line = format!("search --token token.cbor --vary num-bps=6 {guest}");
    assert_eq!(folder.first(&line), "unique");
}

#[test]
fn mistakes_of_search() {
    let folder = Folder::new("search-mistakes");
    std::fs::write(folder.0.join("empty.cbor"), [0xA0]).expect("a file");
    let rim = "a5".repeat(32);
    let guest = format!("{GUEST} -k Image");
    for (line, code, message) in [
        (format!("--rim abc {guest}"), 2, "error: --rim: has 3 hexadecimal digits, which are no"),
        (format!("--rim abcd {guest}"), 2, "error: --rim: has 2 bytes; a RIM has 32 (SHA-256), 48"),
        (format!("--rim x{} {guest}", &rim[1..]), 2, "error: --rim: character 1 is 'x', which is"),
        (format!("--rim @missing {guest}"), 1, "error: missing: No such file"),
        (
            format!("--token empty.cbor {guest}"),
            2,
            "error: empty.cbor: realm token, claim 44238 (RIM): it",
        ),
        (guest.clone(), 2, "required arguments were not provided"),
        (format!("--rim {rim} --token empty.cbor {guest}"), 2, "cannot be used with"),
        (format!("--rim {rim} --vary bps {guest}"), 2, "error: --vary bps: bps: there is no such"),
        (format!("--rim {rim} --vary num-bps=1 {guest}"), 2, "`1` is no number from 2 to 64"),
        (
            format!("--rim {rim} --vary num-bps --vary num-bps=3 {guest}"),
            2,
            "error: --vary num-bps=3: num-bps is varied already; give all values at once",
        ),
        (format!("--rim {rim} --vary vmm-version=X {guest}"), 2, "X: there is no such version"),
        (format!("--rim {rim} --vary dtb-candidate {guest}"), 2, "given with --dtb-candidate"),
        (format!("--rim {rim} --dtb-candidate missing {guest}"), 1, "error: --dtb: missing: No"),
        (format!("--rim {rim} --budget 1d {guest}"), 2, "5m and 1h are time, 5000c are cand"),
        (
            format!("--rim {rim} --append-variant a ch -- cloud-hypervisor"),
            2,
            "error: --append-variant: of cloud-hypervisor it stands in the device tree",
        ),
    ] {
        let output = folder.words(&format!("search {line}"));
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{line}: {stderr}");
        assert!(stderr.contains(message), "{line}: {stderr}");
        assert!(output.stdout.is_empty(), "{line}");
    }
}
