//! kvmtool against what the real programs did.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};

use rimsim::host::kvmtool::{self, Version};
use rimsim::host::{Call, Layer, Refusal, Region, Vm};
use rimsim::measure::rim::HashAlgo;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::cases::{argv, caps, folder, host, lines, number};
use super::inputs::Inputs;

fn version(case: &Value) -> Version {
    let alias = case["lineage"].as_str().expect("a lineage");
    Version::named(alias).expect("a version of this short name")
}

/// All bytes of a region.
fn bytes(region: &Region) -> Vec<u8> {
    let len = usize::try_from(region.ipa.end - region.ipa.start).expect("it is small");
    let mut bytes = vec![0; usize::try_from(region.fill_bytes).expect("it is small")];
    bytes.extend(region.image.as_ref().expect("contents").bytes_from(0));
    assert!(bytes.len() <= len, "{} is larger than its region", region.name);
    bytes.resize(len, 0);
    bytes
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn check_create(vm: &Vm, step: &Value) {
    let sve = vm.features.sve.map_or(0, |sve| u64::from(sve.vl_bits) / 128 - 1);
    let counters = vm.features.pmu_counters;
    let flags = u64::from(vm.features.sve.is_some()) << 1 | u64::from(counters.is_some()) << 2;
    assert_eq!(number(&step["s2sz"]), u64::from(vm.ipa_bits));
    assert_eq!(number(&step["flags"]), flags);
    assert_eq!(number(&step["sve_vl"]), sve);
    assert_eq!(number(&step["pmu"]), u64::from(counters.unwrap_or(0)));
    let algo = u64::from(vm.calls.contains(&Call::HashAlgo(HashAlgo::Sha512)));
    assert_eq!(number(&step["algo"]), algo);
    // Only the first branch hands these numbers to KVM, as they are.
    for (asked, field) in [(vm.features.num_bps, "bps"), (vm.features.num_wps, "wps")] {
        assert!(asked.is_none_or(|asked| u64::from(asked) == number(&step[field])));
    }
}

/// Compares a VM's calls with a case's trail, step by step.
fn check_trail(vm: &Vm, case: &Value) {
    let trail = case["trail"].as_array().expect("a trail");
    let configures = |call: &&Call| !matches!(call, Call::HashAlgo(_) | Call::Rpv(_));
    let calls: Vec<_> = vm.calls.iter().filter(configures).collect();
    assert_eq!(calls.len(), trail.len());
    for (call, step) in calls.into_iter().zip(trail) {
        let range = || (number(&step["base"]), number(&step["base"]) + number(&step["size"]));
        match (call, step["op"].as_str().expect("a name")) {
            (Call::CreateRealm, "REALM_CREATE") => check_create(vm, step),
            (Call::InitRipas(base, top), "INIT_RIPAS") => assert_eq!((*base, *top), range()),
            (Call::Populate(index), "POPULATE") => {
                let region = &vm.regions[*index];
                assert_eq!((region.ipa.start, region.ipa.end), range(), "{}", region.name);
                assert_eq!(u64::from(region.measured), number(&step["flags"]));
                assert_eq!(sha256(&bytes(region)), step["sha256"], "{}", region.name);
            }
            (Call::FinalizeRec(index), "REC_CREATE") => {
                assert_eq!(number(&step["vcpu"]), *index as u64);
                assert_eq!(number(&step["runnable"]), u64::from(*index == 0));
            }
            (Call::Activate, "REALM_ACTIVATE") => (),
            (call, op) => panic!("{call:?} in the place of {op}"),
        }
    }
}

#[test]
fn every_recorded_case() {
    let cases = lines(&folder("kvmtool").join("cases.jsonl"));
    assert_eq!(cases.len(), 327);
    let mut files = Inputs::default();
    let mut failed = Vec::new();
    for case in &cases {
        let vm = kvmtool::plan(&argv(case), version(case), &caps(case), &mut files, None);
        let run = catch_unwind(AssertUnwindSafe(|| {
            let vm = vm.unwrap_or_else(|error| panic!("{error}"));
            check_tree(&vm, case);
            check_trail(&vm, case);
            let boot = &vm.vcpus[0];
            assert_eq!(boot.pc, number(&case["vcpu0"]["pc"]));
            let gprs = case["vcpu0"]["gprs"].as_array().expect("registers");
            assert_eq!(boot.gprs.to_vec(), gprs.iter().map(number).collect::<Vec<_>>());
        }));
        if run.is_err() {
            failed.push(case["id"].as_str().expect("a name"));
        }
    }
    assert!(failed.is_empty(), "{} cases: {failed:?}", failed.len());
}

fn check_tree(vm: &Vm, case: &Value) {
    let dtb = &case["dtb"];
    let region = vm.regions.iter().find(|region| region.name == "dtb").expect("a device tree");
    assert_eq!(region.ipa.start, number(&dtb["ipa"]));
    let file = folder("kvmtool").join(dtb["file"].as_str().expect("a file"));
    let mut recorded = fs::read(file).expect("a recorded device tree");
    recorded.resize(0x1_0000, 0);
    let made = bytes(region);
    let differ = made.iter().zip(&recorded).position(|(made, recorded)| made != recorded);
    assert_eq!(differ, None, "first difference of the device trees");
    assert_eq!(sha256(&made), dtb["sha256"]);
}

#[test]
fn every_refused_command_line() {
    let mut files = Inputs::default();
    let refused = lines(&folder("kvmtool").join("refused.jsonl"));
    assert_eq!(refused.len(), 58);
    for case in &refused {
        let id = case["id"].as_str().expect("a name");
        let mut caps = host();
        if id.ends_with("ipa-too-small") {
            caps.ipa_bits = 33;
        }
        let vm = kvmtool::plan(&argv(case), version(case), &caps, &mut files, None);
        let accepted = !case["accepted"].is_null() || !case["kvm_error"].is_null();
        match vm {
            Ok(_) => assert!(accepted, "{id} is accepted"),
            Err(error) => {
                assert!(!accepted, "{id}: {error}");
                let by_vmm = matches!(error, Refusal::Refused { by: Layer::Vmm, .. });
                assert!(by_vmm, "{id}: {error}");
            }
        }
    }
}
