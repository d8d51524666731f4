//! QEMU against what the series v3 did.

use std::sync::Arc;

use rimsim::host::kvm::StageKind;
use rimsim::host::vmm::Context;
use rimsim::host::{Caps, Layer, Refusal, qemu};
use rimsim::measure::image::Image;
use serde_json::Value;

use super::boot::boot;
use super::cases::{argv, folder, host, lines, number};
use super::inputs::Inputs;

/// What the host of a case offered.
fn caps(case: &Value) -> Caps {
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
            "data {:#x} {:#x} {}",
            number(&stage["base"]),
            number(&stage["size"]),
            number(&stage["flags"])
        )),
        "REC" => Some(format!("rec {:#x} {:#x}", number(&stage["pc"]), number(&stage["gprs"][0]))),
        _ => None,
    };
    case["stages"].as_array().expect("stages").iter().filter_map(stage).collect()
}

#[test]
fn every_recorded_realm_has_its_layout_and_order() {
    let mut files = Inputs::default();
    let (mut built, mut refused) = (0, 0);
    for case in lines(&folder("qemu").join("realm.jsonl")) {
        let id = case["id"].as_str().expect("a name");
        let caps = caps(&case);
        let device_tree = Some(Arc::new(Image::from_bytes("dtb", vec![1; 5000])));
        let mut context = Context { caps: &caps, files: &mut files, device_tree };
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
        let call = |kind: &StageKind| match *kind {
            StageKind::Ripas { base, top } => Some(format!("ripas {base:#x} {:#x}", top - base)),
            StageKind::Data { base, top, measured, .. } => {
                Some(format!("data {base:#x} {:#x} {}", top - base, u8::from(measured)))
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
        built += 1;
    }
    assert_eq!((built, refused), (131, 3));
}
