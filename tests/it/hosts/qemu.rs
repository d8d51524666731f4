//! QEMU against what the series v3 did.

use std::collections::BTreeMap;

use rimsim::host::kvm::StageKind;
use rimsim::host::vmm::Context;
use rimsim::host::{Caps, Layer, Refusal, Vm, qemu};
use rimsim::measure::event::RealmEvent;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::boot::boot;
use super::cases::{argv, folder, host, lines, number};
use super::inputs::Inputs;
use crate::naive_rim::NaiveRim;

/// What the host of a case offered.
pub(crate) fn caps(case: &Value) -> Caps {
    let offers = case["host_offers"].as_str().unwrap_or_default();
    let bits = offers.strip_prefix("ipa=").and_then(|bits| bits.parse().ok());
    Caps { ipa_bits: bits.unwrap_or(48), ..host() }
}

/// The calls of a case that reach the RMM, in words.
fn recorded(case: &Value) -> Vec<String> {
    let stage = |stage: &Value| match stage["sub"].as_str()? {
        "INIT_RIPAS" => {
            Some(format!("ripas {:#x} {:#x}", number(&stage["base"]), number(&stage["size"])))
        }
        "POPULATE" => Some(format!(
            "data {:#x} {:#x} {} {}",
            number(&stage["base"]),
            number(&stage["size"]),
            number(&stage["flags"]),
            // What stands in the event log is not measured and not known.
            stage["sha256"].as_str().filter(|_| stage["flags"] == 1).unwrap_or("-")
        )),
        "REC" => Some(format!("rec {:#x} {:#x}", number(&stage["pc"]), number(&stage["gprs"][0]))),
        _ => None,
    };
    case["stages"].as_array().expect("stages").iter().filter_map(stage).collect()
}

/// The bytes of the region that begins at `base`, zeros included.
fn contents(vm: &Vm, base: u64) -> Vec<u8> {
    let region = vm.regions.iter().find(|region| region.ipa.start == base).expect("a region");
    let len = |bytes: u64| usize::try_from(bytes).expect("it fits in memory");
    let mut bytes = vec![0; len(region.fill_bytes)];
    if let Some(image) = &region.image {
        bytes.extend_from_slice(image.bytes_from(0));
    }
    bytes.resize(len(region.ipa.end - region.ipa.start), 0);
    bytes
}

pub(crate) fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The RIM of the recorded calls, one hash after the other. The contents are those whose hashes
/// were recorded; of the simulator's there are only the Realm's parameters.
fn folded(case: &Value, contents: &BTreeMap<u64, Vec<u8>>, params: RealmEvent) -> String {
    let mut rim = NaiveRim::of_realm(&params);
    for stage in case["stages"].as_array().expect("stages") {
        let base = stage["base"].as_u64().unwrap_or_default();
        let top = base + stage["size"].as_u64().unwrap_or_default();
        match stage["sub"].as_str().expect("a name") {
            // No table is there yet but those of the start level, so every entry is as large as
            // can be. Up to 34 bits that level has no entries of 1 GiB.
            "INIT_RIPAS" => {
                let mut at = base;
                while at < top {
                    let fits = |size: &u64| at % size == 0 && at + size <= top;
                    let sizes = [1 << 30, 2 << 20, 4096].into_iter();
                    let known = usize::from(params.s2sz <= 34);
                    let size = sizes.skip(known).find(fits).expect("pages");
                    rim.ripas(at, at + size);
                    at += size;
                }
            }
            "POPULATE" => {
                for (at, page) in (base..).step_by(4096).zip(contents[&base].chunks(4096)) {
                    let page = page.try_into().expect("a page");
                    rim.data(at, number(&stage["flags"]), page);
                }
            }
            "REC" if stage["vcpu"] == 0 => {
                let registers = stage["gprs"].as_array().expect("registers");
                let gprs = [0, 1, 2, 3, 4, 5, 6, 7].map(|i: usize| number(&registers[i]));
                rim.rec(1, number(&stage["pc"]), gprs);
            }
            _ => {}
        }
    }
    let len = if params.hash_algo == 1 { 64 } else { 32 };
    rim.slot[..len].iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn every_recorded_realm_has_its_stages_and_rim() {
    let mut files = Inputs::default();
    let (mut built, mut refused) = (0, 0);
    for case in lines(&folder("qemu").join("realm.jsonl")) {
        let id = case["id"].as_str().expect("a name");
        let caps = caps(&case);
        let mut context = Context { caps: &caps, files: &mut files, device_tree: None };
        let vm = qemu::vm("cca-v3", &argv(&case), &mut context);
        let recorded = recorded(&case);
        if !recorded.iter().any(|call| call.starts_with("rec")) {
            assert!(matches!(vm, Err(Refusal::Refused { by: Layer::Vmm, .. })), "{id}");
            refused += 1;
            continue;
        }
        let vm = vm.unwrap_or_else(|refusal| panic!("{id}: {refusal}"));
        assert_eq!(u64::from(vm.ipa_bits), number(&case["vm_types"][0]) & 0xFF, "{id}");
        let realm = boot("kvm-v10", &caps, &vm).unwrap_or_else(|error| panic!("{id}: {error}"));
        let bases = realm.stages.iter().filter_map(|stage| match stage.kind {
            StageKind::Data { base, .. } => Some(base),
            _ => None,
        });
        let contents: BTreeMap<u64, Vec<u8>> =
            bases.map(|base| (base, contents(&vm, base))).collect();
        let call = |kind: &StageKind| match *kind {
            StageKind::Ripas { base, top } => Some(format!("ripas {base:#x} {:#x}", top - base)),
            StageKind::Data { base, top, measured, .. } => {
                let hash = if measured { sha256(&contents[&base]) } else { "-".to_owned() };
                Some(format!("data {base:#x} {:#x} {} {hash}", top - base, u8::from(measured)))
            }
            StageKind::Rec { pc, gprs, .. } => Some(format!("rec {pc:#x} {:#x}", gprs[0])),
            _ => None,
        };
        let calls: Vec<String> = realm.stages.iter().filter_map(|s| call(&s.kind)).collect();
        assert_eq!(calls, recorded, "{id}");
        let StageKind::RealmCreate(params) = realm.stages[0].kind else { panic!("{id}") };
        let stages = case["stages"].as_array().expect("stages");
        let rec = stages.iter().find(|stage| stage["sub"] == "REC").expect("a REC");
        let lengths = rec["sve_vls"].as_u64().unwrap_or(0);
        assert_eq!(params.sve_vl, u64::from(lengths.checked_ilog2().unwrap_or(0)), "{id}");
        let has_pmu = number(&rec["features"]) & 1 << 3 != 0;
        let counters = if has_pmu { number(&rec["pmcr"]) >> 11 & 0x1F } else { 0 };
        assert_eq!(params.pmu_num_ctrs, counters, "{id}");
        assert_eq!(realm.rim(), folded(&case, &contents, params), "{id}");
        built += 1;
    }
    assert_eq!((built, refused), (131, 3));
}
