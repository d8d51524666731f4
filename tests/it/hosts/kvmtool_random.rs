//! Random kvmtool command lines on random hosts, as four real programs answered them, and the rules
//! that they show.

use rimsim::abi::granule_size::GranuleSize;
use rimsim::host::kvmtool::{self, Version};
use rimsim::host::{Caps, Layer, Refusal, Sve, Vm};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::boot::boot;
use super::cases::{argv, folder, host, lines};
use super::inputs::Inputs;

/// The host of a case: options of `rimsim measure`.
fn caps(case: &Value) -> Caps {
    let flags = case["flags"].as_array().expect("options");
    let flags: Vec<&str> = flags.iter().map(|word| word.as_str().expect("a word")).collect();
    let values = |name: &str| -> Vec<&str> {
        flags.chunks(2).filter(|pair| pair[0] == name).map(|pair| pair[1]).collect()
    };
    let number = |name: &str| -> u32 { values(name)[0].parse().expect("a number") };
    let byte = |name: &str| u8::try_from(number(name)).expect("a byte");
    let flag = |name: &str| values(name)[0] == "true";
    let lengths = values("--sve-vl").into_iter().map(|bits| bits.parse().expect("bits"));
    Caps {
        ipa_bits: byte("--ipa-bits"),
        lpa2: false,
        num_bps: byte("--num-bps"),
        num_wps: byte("--num-wps"),
        pmu: flag("--pmu"),
        pmu_counters: byte("--pmu-counters"),
        sve_vls: lengths.filter(|bits| *bits > 0).collect(),
        gicv3: flag("--gicv3"),
        its: flag("--its"),
        gicv2: flag("--gicv2"),
        max_vcpus: number("--max-vcpus"),
        host_page_size: GranuleSize::K4,
    }
}

fn tree_digest(vm: &Vm) -> String {
    let tree = vm.regions.iter().find(|region| region.name == "dtb").expect("a device tree");
    let mut bytes = tree.image.as_ref().expect("contents").bytes_from(0).to_vec();
    bytes.resize(0x1_0000, 0);
    Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn every_random_line_has_its_tree_and_its_rim_or_is_refused() {
    let cases = lines(&folder("kvmtool").join("cases-2.jsonl"));
    assert_eq!(cases.len(), 48);
    let mut files = Inputs::default();
    let mut refused = 0;
    for (line, case) in (1..).zip(&cases) {
        let version = Version::named(case["lineage"].as_str().expect("a lineage"));
        let version = version.expect("a version");
        let caps = caps(case);
        let vm = kvmtool::plan(&argv(case), version, &caps, &mut files, None);
        if case["refused"] == true {
            let by_kvm = matches!(vm, Err(Refusal::Refused { by: Layer::Kvm, .. }));
            assert!(by_kvm, "line {line}: {vm:?}");
            refused += 1;
            continue;
        }
        let vm = vm.unwrap_or_else(|error| panic!("line {line}: {error}"));
        assert_eq!(tree_digest(&vm), case["dtb"], "line {line}");
        let realm = boot(version.host(), &caps, &vm);
        let realm = realm.unwrap_or_else(|error| panic!("line {line}: {error}"));
        assert_eq!(realm.rim(), case["rim"], "line {line}");
    }
    assert_eq!(refused, 12);
}

const GUEST: &str = "--realm -c 1 -m 256M -k k4k.img --irqchip gicv3";

fn plan(version: Version, more: &str, caps: &Caps, files: &mut Inputs) -> Result<Vm, Refusal> {
    let words: Vec<String> =
        GUEST.split(' ').chain(more.split_whitespace()).map(Into::into).collect();
    kvmtool::plan(&words, version, caps, files, None)
}

fn on_host(version: Version, more: &str) -> Result<Vm, Refusal> {
    plan(version, more, &host(), &mut Inputs::default())
}

#[test]
fn counters_of_the_pmu() {
    // Six are the host's.
    for (more, counters) in [
        ("", None),
        ("--pmu", Some(6)),
        ("--pmu --pmu-counters 0", Some(0)),
        ("--pmu --no-pmu-counters", Some(0)),
        ("--pmu --pmu-counters 5", Some(5)),
        ("--pmu --pmu-counters -1", Some(6)),
        ("--pmu --pmu-counters 4294967295", Some(6)),
        ("--pmu-counters 0", None),
        ("--pmu-counters 7777", None),
        ("--pmu-counters 5 --pmu --no-pmu", None),
    ] {
        for version in [Version::BssOnly, Version::RamFirst4k, Version::Linaro] {
            let vm = on_host(version, more).expect(more);
            assert_eq!(vm.features.pmu_counters, counters, "{more}");
            let says = vm.assumed.iter().any(|assumed| assumed.key == "pmu");
            assert_eq!(says, counters == Some(0), "{more}: FEAT_HPMN0 is assumed");
        }
    }
    for (more, counters) in [
        ("--pmu", None),
        ("--pmu --pmu-counters 0", None),
        ("--pmu-counters 3", Some(3)),
        ("--pmu --pmu-counters 6", Some(6)),
    ] {
        let vm = on_host(Version::Eac5, more).expect(more);
        assert_eq!(vm.features.pmu_counters, counters, "{more}");
    }
    for (version, value, layer) in [
        (Version::BssOnly, "7", Layer::Vmm),
        (Version::Linaro, "-2", Layer::Vmm),
        (Version::Linaro, "300", Layer::Vmm),
        (Version::Eac5, "-1", Layer::Kvm),
        (Version::Eac5, "300", Layer::Kvm),
    ] {
        let refused = on_host(version, &format!("--pmu --pmu-counters {value}"));
        let Err(Refusal::Refused { by, why, .. }) = refused else { panic!("{value}") };
        assert_eq!(by, layer, "{value}: {why}");
        assert!(why.contains(value), "{why}");
    }
}

#[test]
fn the_longest_vector_that_is_not_longer() {
    let hosts: [&[u16]; 4] = [&[], &[128], &[128, 256, 512], &[128, 256, 384, 512, 640]];
    for lengths in hosts {
        let caps = Caps { sve_vls: lengths.to_vec(), ..host() };
        for asked in (128..=4096_u16).step_by(128) {
            let wanted = lengths.iter().copied().filter(|length| *length <= asked).max();
            for version in [Version::BssOnly, Version::Linaro] {
                let more = format!("--sve-vl {asked}");
                let vm = plan(version, &more, &caps, &mut Inputs::default()).expect(&more);
                assert_eq!(vm.features.sve, wanted.map(|vl_bits| Sve { vl_bits }), "{more}");
                let says = vm.assumed.iter().any(|assumed| assumed.key == "sve");
                assert_eq!(says, wanted != Some(asked), "{more} on {lengths:?}");
            }
            let vm =
                plan(Version::Eac5, &format!("--sve-vl {asked}"), &caps, &mut Inputs::default());
            assert_eq!(vm.expect("a VM").features.sve, Some(Sve { vl_bits: asked }));
        }
    }
}

#[test]
fn disks_and_a_directory_count_apart() {
    let disks = |count: usize| " -d disk1.img".repeat(count);
    for version in Version::ALL.into_iter().filter(|version| *version != Version::RealmVm) {
        on_host(version, &format!("{} -d share", disks(4))).expect("four and a directory");
        on_host(version, &format!("-d share -d scsi:naa.5 {}", disks(3))).expect("the same");
        for more in
            [disks(5), format!("-d scsi:naa.5 {}", disks(4)), format!("-d share {}", disks(5))]
        {
            let refused = on_host(version, &more).expect_err("five disks").to_string();
            assert!(refused.contains("this is the fifth"), "{refused}");
        }
        let refused = on_host(version, "-d share -d share").expect_err("two directories");
        assert!(refused.to_string().contains("second directory"), "{refused}");
        // A directory is one by all of the value.
        let refused = on_host(version, "-d share,ro").expect_err("no disk");
        assert!(refused.to_string().contains("is a directory"), "{refused}");
    }
}

#[test]
fn a_root_file_system_of_lkvm_setup_is_looked_for_first() {
    let mut files = Inputs::default();
    files.set_up("debian");
    files.set_up("disk1.img");
    let caps = host();
    let mut made = |more: &str| plan(Version::BssOnly, more, &caps, &mut files).expect(more);
    let custom = made("-d debian");
    let default = made("");
    // kvmtool's own root is one of `lkvm setup` too, and comes with the same devices.
    assert_eq!(tree_digest(&custom), tree_digest(&default));
    assert!(custom.assumed.iter().any(|assumed| assumed.text.contains("~/.lkvm/debian")));
    assert_eq!(tree_digest(&made("-d disk1.img")), tree_digest(&custom), "before a file");
    let plain = on_host(Version::BssOnly, "-d disk1.img").expect("a disk");
    assert_ne!(tree_digest(&plain), tree_digest(&custom));
    let with_disk = made("-d debian -d disk2.img");
    assert_ne!(tree_digest(&with_disk), tree_digest(&custom));
    let refused = plan(Version::BssOnly, "-d debian -d share", &caps, &mut files);
    assert!(refused.expect_err("two roots").to_string().contains("second directory"));
}

#[test]
fn so_many_mmio_devices() {
    // A network device, two 9p devices of the root, and shares.
    let mmio = |shares: usize| {
        let shares = " --9p share".repeat(shares);
        on_host(Version::Linaro, &format!("--virtio-transport mmio{shares}"))
    };
    mmio(57).expect("sixty");
    let refused = mmio(58).expect_err("sixty-one").to_string();
    assert!(refused.contains("61 MMIO devices are more than the 60"), "{refused}");
    let shares = " --9p share".repeat(58);
    let others = format!("--virtio-transport mmio{shares}");
    on_host(Version::BssOnly, &others).expect("they share the numbers with PCI devices");
}

#[test]
fn realms_have_no_gicv2() {
    let caps = Caps { gicv2: true, ..host() };
    for version in Version::ALL.into_iter().filter(|version| *version != Version::RealmVm) {
        for name in ["gicv2", "gicv2m"] {
            let made = plan(version, &format!("--irqchip {name}"), &caps, &mut Inputs::default());
            let recorded = matches!(version, Version::Eac5 | Version::Eac5Islet) && name == "gicv2";
            match made {
                Ok(vm) => {
                    assert!(recorded, "{version:?} {name}");
                    assert!(vm.assumed.iter().any(|assumed| assumed.key == "irqchip"));
                }
                Err(Refusal::Refused { by: Layer::Kvm, why, .. }) => {
                    assert!(!recorded, "{version:?} {name}: {why}");
                    assert!(why.contains("a Realm can not have a GICv2"), "{why}");
                }
                Err(other) => panic!("{other}"),
            }
        }
        let none = Caps { gicv3: false, ..caps.clone() };
        let words = ["--realm", "-c", "1", "-m", "256M", "-k", "k4k.img"].map(String::from);
        let refused = kvmtool::plan(&words, version, &none, &mut Inputs::default(), None);
        assert!(matches!(refused, Err(Refusal::Refused { by: Layer::Kvm, .. })), "{refused:?}");
    }
}
