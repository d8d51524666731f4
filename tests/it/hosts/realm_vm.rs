//! The Realm VM reference cases of kvmtool: layout, order and registers. The device tree is given.

use std::fs;
use std::sync::Arc;

use rimsim::host::kvmtool::{self, Version};
use rimsim::host::{Call, Caps, Vm};
use rimsim::measure::image::Image;
use serde_json::Value;

use super::cases::{argv, folder, host, lines};
use super::inputs::Inputs;

/// A command line of the recorder: what stands before the VMM's name, and behind it.
fn split(case: &Value) -> (Vec<String>, Vec<String>) {
    let mut before = argv(case);
    let at = before.iter().position(|word| word == "kvmtool").expect("the VMM's name");
    let behind = before.split_off(at);
    (before, behind[1..].to_vec())
}

/// What the recorded host offers, from the Realm's parameters.
fn caps(case: &Value) -> Caps {
    let params = &case["realm_params"];
    let number = |name: &str| params[name].as_str().and_then(|text| text.parse::<u16>().ok());
    Caps {
        pmu: params["pmu"] == "true",
        pmu_counters: number("pmu_num_ctrs").map_or(0, |number| number.try_into().expect("small")),
        sve_vls: number("sve_vl").into_iter().collect(),
        ..host()
    }
}

/// The files of a command line are placeholders for those that the recorder was given.
fn files(before: &[String], behind: &[String]) -> Inputs {
    let mut files = Inputs::default();
    for option in ["-k", "-i", "-f"] {
        let value = |words: &[String]| {
            words.windows(2).find(|pair| pair[0] == option).map(|pair| pair[1].clone())
        };
        if let (Some(file), Some(name)) = (value(before), value(behind)) {
            files.map(&name, &file);
        }
    }
    files
}

fn hex(value: &Value) -> u64 {
    let text = value.as_str().expect("a number");
    u64::from_str_radix(text.trim_start_matches("0x"), 16).expect("a hexadecimal number")
}

fn check(vm: &Vm, case: &Value) {
    let stages = case["stages"].as_array().expect("stages");
    let measured = |call: &&Call| match call {
        Call::HashAlgo(_) | Call::Rpv(_) | Call::Activate => false,
        Call::FinalizeRec(index) => *index == 0,
        _ => true,
    };
    let calls: Vec<_> = vm.calls.iter().filter(measured).collect();
    assert_eq!(calls.len(), stages.len());
    for (call, stage) in calls.into_iter().zip(stages) {
        match (call, stage["op"].as_str().expect("a name")) {
            (Call::CreateRealm, "realm_create") => {
                let bits = case["realm_params"]["ipa_bits"].as_str().expect("bits");
                assert_eq!(vm.ipa_bits.to_string(), bits);
            }
            (Call::InitRipas(base, top), "ripas") => {
                assert_eq!((*base, *top), (hex(&stage["base"]), hex(&stage["top"])));
            }
            (Call::Populate(index), "data") => {
                let region = &vm.regions[*index];
                assert_eq!(region.name, stage["source"]);
                let range = hex(&stage["base"])..hex(&stage["top"]);
                assert_eq!(region.ipa, range, "{}", region.name);
                assert_eq!(Some(region.fill_bytes), stage["fill"].as_u64());
            }
            (Call::FinalizeRec(_), "rec") => {
                assert_eq!(vm.vcpus[0].pc, hex(&stage["pc"]));
                assert_eq!(vm.vcpus[0].gprs, [hex(&stage["x0"]), 0, 0, 0, 0, 0, 0, 0]);
            }
            (call, op) => panic!("{call:?} in the place of {op}"),
        }
    }
}

#[test]
fn every_case_of_kvmtool_but_the_suspect_ones() {
    let cases = lines(&folder("realm-vm").join("cases.jsonl"));
    let good = |case: &&Value| case["vmm"] == "kvmtool" && case["suspect"].is_null();
    let cases: Vec<_> = cases.iter().filter(good).collect();
    assert_eq!(cases.len(), 29);
    for case in cases {
        let (before, behind) = split(case);
        let mut files = files(&before, &behind);
        let file = folder("realm-vm").join(case["dtb"]["file"].as_str().expect("a file"));
        let dtb = Arc::new(Image::from_bytes("dtb", fs::read(file).expect("a device tree")));
        let caps = caps(case);
        let vm = kvmtool::plan(&behind, Version::RealmVm, &caps, &mut files, Some(dtb));
        let vm = vm.unwrap_or_else(|error| panic!("{}: {error}", case["id"]));
        eprintln!("{}", case["id"]);
        check(&vm, case);
        let counters = case["realm_params"]["pmu_num_ctrs"].as_str().filter(|_| caps.pmu);
        assert_eq!(vm.features.pmu_counters.map(|n| n.to_string()).as_deref(), counters);
        let sve = case["realm_params"]["sve_vl"].as_str();
        assert_eq!(vm.features.sve.map(|sve| sve.vl_bits.to_string()).as_deref(), sve);
    }
}

#[test]
fn a_measurement_log_comes_last_and_is_not_measured() {
    let words = ["--realm", "-c", "2", "-m", "64M", "--measurement-log"].map(String::from);
    let dtb = Some(Arc::new(Image::from_bytes("dtb", vec![1; 100])));
    let vm = kvmtool::plan(&words, Version::RealmVm, &host(), &mut Inputs::default(), dtb);
    let vm = vm.expect("a VM");
    let end = [Call::FinalizeRec(1), Call::Populate(1), Call::Activate];
    assert!(vm.calls.ends_with(&end), "{:?}", vm.calls);
    let log = &vm.regions[1];
    assert_eq!((log.name, log.measured, log.image.is_none()), ("log", false, true));
    assert_eq!(log.ipa, 0x83ff_0000..0x8400_0000);
}

/// The log is populated without being measured as contents, in the last 64 KiB of low memory.
#[test]
fn the_measurement_log_ends_low_memory() {
    for (size, base) in [("512M", 0x8fff_0000), ("64M", 0x83ff_0000), ("4G", 0x8fff_0000)] {
        let line = format!("--realm -c 1 -m {size} --measurement-log");
        let argv: Vec<String> = line.split(' ').map(str::to_owned).collect();
        let dtb = Some(Arc::new(Image::from_bytes("dtb", vec![1; 5000])));
        let vm = kvmtool::plan(&argv, Version::RealmVm, &host(), &mut Inputs::default(), dtb);
        let vm = vm.expect("a VM");
        let log = vm.regions.last().expect("a log");
        assert_eq!(
            (log.name, log.ipa.clone(), log.measured),
            ("log", base..base + 0x1_0000, false)
        );
        let realm = super::boot::boot("realm-vm", &host(), &vm).expect("a Realm");
        let last = realm.events().into_iter().rev().take(16).collect::<Vec<_>>();
        assert!(last.iter().all(|event| event.starts_with("DATA_CREATE")), "{last:?}");
    }
}

/// Values shorter than 64 bytes are filled up in the reference cases, and refused by programs.
#[test]
fn short_personalization_values_are_filled_up() {
    use rimsim::host::vmm::Context;
    use rimsim::host::{cloud_hypervisor, qemu};
    let qemu_line = "-M virt,confidential-guest-support=r -accel kvm -cpu host -kernel k4k.img \
                     -object rme-guest,id=r,personalization-value=AQIDBA==";
    let cloud_line = "--kernel k4k.img --platform arm_rme=on,personalization_value=AQIDBA==";
    for (line, vmm, program) in
        [(qemu_line, "qemu", "linaro-2025"), (cloud_line, "cloud", "arm-rme")]
    {
        let made = |version: &str| {
            let (caps, mut files) = (host(), Inputs::default());
            let device_tree = Some(Arc::new(Image::from_bytes("dtb", vec![1; 100])));
            let mut context = Context { caps: &caps, files: &mut files, device_tree };
            let read = if vmm == "qemu" { qemu::vm } else { cloud_hypervisor::vm };
            let argv: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
            read(version, &argv, &mut context)
        };
        let vm = made("realm-vm").expect("a VM");
        let mut rpv = [0; 64];
        rpv[..4].copy_from_slice(&[1, 2, 3, 4]);
        assert!(vm.calls.contains(&Call::Rpv(rpv)), "{vmm}");
        let why = made(program).expect_err("too short").to_string();
        assert!(why.contains("exactly 64 bytes"), "{why}");
    }
}

/// Its own line gives cloud-hypervisor a tree, and values in hexadecimal.
#[test]
fn cloud_hypervisor_takes_its_own_tree_and_hexadecimal_values() {
    use rimsim::host::cloud_hypervisor;
    use rimsim::host::vmm::Context;
    let made = |line: &str, given: Option<&str>| {
        let (caps, mut files) = (host(), Inputs::default());
        let tree = |name: &str| {
            let bytes = super::inputs::contents(name).expect("a file");
            Arc::new(Image::from_bytes("dtb", bytes))
        };
        let device_tree = given.map(tree);
        let mut context = Context { caps: &caps, files: &mut files, device_tree };
        let argv: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        let vm = cloud_hypervisor::vm("arm-rme", &argv, &mut context);
        vm.map(|vm| vm.calls.into_iter().map(|call| (call, vm.regions[0].ipa.end)).collect())
            .map_err(|error| error.to_string())
    };
    let line = "--kernel k4k.img --platform arm_rme=on,personalization_value=";
    let own: Vec<_> = made(&format!("{line}01FF --dtb opaque5001.dtb"), None).expect("a VM");
    let mut rpv = [0; 64];
    rpv[..2].copy_from_slice(&[1, 0xFF]);
    assert!(own.iter().any(|(call, _)| *call == Call::Rpv(rpv)));
    assert_eq!(own, made(&format!("{line}01ff"), Some("opaque5001.dtb")).expect("a VM"));
    // What the command line names is what cloud-hypervisor is given.
    let both = made(&format!("{line}01ff --dtb opaque5001.dtb"), Some("opaque16k.dtb"));
    assert_eq!(own, both.expect("a VM"));
    let long = format!("{line}{} --dtb opaque5001.dtb", "ab".repeat(65));
    let why = "--platform personalization_value: 65 bytes; 64 are the most";
    assert_eq!(made(&long, None), Err(why.to_owned()));
    let odd = made(&format!("{line}abc --dtb opaque5001.dtb"), None).expect_err("it is no value");
    assert!(odd.contains("base64 of exactly 64 bytes"), "{odd}");
}
