//! Recorded RIMs: every stage of every case, through VMM, KVM and RMM.

use std::fs;
use std::sync::Arc;

use rimsim::abi::granule_size::GranuleSize;
use rimsim::host::kvmtool::{self, Version};
use rimsim::host::vmm::Context;
use rimsim::host::{Caps, Layer, Refusal, Vm, cloud_hypervisor, qemu};
use rimsim::measure::image::Image;
use serde_json::Value;

use super::boot::boot;
use super::cases::{argv, caps, folder, lines};
use super::inputs::Inputs;

/// A command's name in the recorded cases, as the specification has it.
fn command(op: &str) -> &'static str {
    match op {
        "realm_create" | "REALM_CREATE" => "REALM_CREATE",
        "ripas" | "INIT_RIPAS" => "RTT_INIT_RIPAS",
        "data" | "data_unmeasured" | "POPULATE" => "DATA_CREATE",
        "rec" | "REC_CREATE" => "REC_CREATE",
        _ => panic!("{op}"),
    }
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a text")
}

/// TF-RMM itself refuses the two: sixteen, where fifteen is the largest number less one.
const REFUSED_BY_THE_RMM: [&str; 2] = ["A/bps16-wps16", "A0/bps16-wps16"];

#[test]
fn every_kvmtool_case_has_its_rim_at_every_stage() {
    let mut files = Inputs::default();
    let mut refused = 0;
    for case in lines(&folder("kvmtool").join("cases.jsonl")) {
        let id = text(&case["id"]);
        let version = Version::named(text(&case["lineage"])).expect("a version");
        let caps = caps(&case);
        let vm = kvmtool::plan(&argv(&case), version, &caps, &mut files, None).expect(id);
        let realm = match boot(version.host(), &caps, &vm) {
            Ok(realm) => realm,
            Err(Refusal::Refused { by: Layer::Rmm, why, .. }) => {
                assert!(REFUSED_BY_THE_RMM.contains(&id), "{id}: {why}");
                assert!(why.contains("params_supp"), "{why}");
                refused += 1;
                continue;
            }
            Err(refusal) => panic!("{id}: {refusal}"),
        };
        let measured = |step: &&Value| !step["rim"].is_null() && step["op"] != "REALM_ACTIVATE";
        let trail = case["trail"].as_array().expect("a trail").iter().filter(measured);
        let wanted: Vec<_> =
            trail.map(|step| (command(text(&step["op"])), text(&step["rim"]).to_owned())).collect();
        assert_eq!(realm.measured(), wanted, "{id}");
        assert_eq!(realm.rim(), text(&case["rim"]), "{id}");
    }
    assert_eq!(refused, REFUSED_BY_THE_RMM.len());
}

/// The command line of a case: the recorder's part, the VMM's name, the VMM's part.
fn split(case: &Value) -> (Vec<String>, String, Vec<String>) {
    let mut before = argv(case);
    let vmms = ["kvmtool", "qemu", "cloud-hv"];
    let at = before.iter().position(|word| vmms.contains(&word.as_str())).expect("a VMM");
    let mut behind = before.split_off(at);
    let vmm = behind.remove(0);
    (before, vmm, behind)
}

/// The host of a case. What the recorder was not told is absent, but SVE and PMU where the VMM's
/// own options ask for them.
fn realm_vm_caps(case: &Value, before: &[String]) -> Caps {
    let params = &case["realm_params"];
    let param = |name: &str| params[name].as_str().and_then(|text| text.parse::<u16>().ok());
    let option = |name: &str| {
        let pair = before.windows(2).find(|pair| pair[0] == name);
        pair.and_then(|pair| pair[1].parse::<u16>().ok())
    };
    let byte = |value: Option<u16>| u8::try_from(value.unwrap_or(0)).expect("small");
    let longest = option("--sve-vl").or(param("sve_vl")).unwrap_or(0);
    let lengths = [128, 256, 512, 1024, 2048].into_iter();
    let counts = |name: &str, field: &str| byte(option(name).or(param(field)));
    Caps {
        ipa_bits: byte(option("--ipa-bits").or(Some(48))),
        lpa2: params["lpa2"] == "true",
        num_bps: counts("--num-bps", "num_bps"),
        num_wps: counts("--num-wps", "num_wps"),
        pmu: params["pmu"] == "true",
        pmu_counters: counts("--pmu-num-ctrs", "pmu_num_ctrs"),
        sve_vls: lengths.filter(|length| *length <= longest).collect(),
        gicv3: true,
        its: true,
        gicv2: false,
        max_vcpus: 512,
        host_page_size: GranuleSize::K4,
    }
}

/// The files that the recorder was given stand for the names on the VMM's command line.
fn realm_vm_files(before: &[String], behind: &[String]) -> Inputs {
    let mut files = Inputs::default();
    let value = |words: &[String], option: &str| {
        words.windows(2).find(|pair| pair[0] == option).map(|pair| pair[1].clone())
    };
    for (option, names) in [
        ("-k", ["-k", "-kernel", "--kernel"]),
        ("-i", ["-i", "-initrd", "--initramfs"]),
        ("-f", ["-f", "-bios", "--firmware"]),
    ] {
        let Some(file) = value(before, option) else { continue };
        for name in names.iter().filter_map(|name| value(behind, name)) {
            files.map(&name, &file);
        }
    }
    files
}

fn realm_vm(case: &Value) -> (Caps, Result<Vm, Refusal>) {
    let (before, vmm, behind) = split(case);
    let caps = realm_vm_caps(case, &before);
    let mut files = realm_vm_files(&before, &behind);
    let file = folder("realm-vm").join(text(&case["dtb"]["file"]));
    let dtb = Image::from_bytes("dtb", fs::read(file).expect("a device tree"));
    let dtb = Some(Arc::new(dtb));
    let vm = match vmm.as_str() {
        "kvmtool" => kvmtool::plan(&behind, Version::RealmVm, &caps, &mut files, dtb),
        vmm => {
            let mut context = Context { caps: &caps, files: &mut files, device_tree: dtb };
            let read = if vmm == "qemu" { qemu::vm } else { cloud_hypervisor::vm };
            read("realm-vm", &behind, &mut context)
        }
    };
    (caps, vm)
}

#[test]
fn every_realm_vm_case_has_its_rim_at_every_stage() {
    let mut counts = [0; 3];
    for case in lines(&folder("realm-vm").join("cases.jsonl")) {
        let id = text(&case["id"]);
        if !case["suspect"].is_null() {
            continue;
        }
        let (caps, vm) = realm_vm(&case);
        let vm = vm.unwrap_or_else(|refusal| panic!("{id}: {refusal}"));
        let realm = boot("realm-vm", &caps, &vm).unwrap_or_else(|error| panic!("{id}: {error}"));
        let stages = case["stages"].as_array().expect("stages").iter();
        let wanted: Vec<_> = stages
            .map(|step| (command(text(&step["op"])), text(&step["rim_after"]).to_owned()))
            .collect();
        assert_eq!(realm.measured(), wanted, "{id}");
        let calls: Vec<Option<u64>> = realm.stages.iter().map(|s| Some(s.extensions)).collect();
        let recorded = case["stages"][1]["calls"].as_u64();
        assert_eq!(calls[1], recorded, "{id}");
        counts[["kvmtool", "qemu", "cloud-hv"]
            .iter()
            .position(|vmm| split(&case).1 == *vmm)
            .expect("a VMM")] += 1;
    }
    assert_eq!(counts, [29, 24, 13]);
}
