//! KVM's generations: what they make of the same calls.

use std::sync::Arc;

use proptest::prelude::*;
use rimsim::abi::granule_size::GranuleSize;
use rimsim::abi::mpidr::mpidr_of_index;
use rimsim::host::kvm::{HOSTS, HostProfile, StageKind, visit_order};
use rimsim::host::{Call, Caps, Layer, Refusal, Region, Slot, Sve, Vcpu, VcpuFeatures, Vm};
use rimsim::measure::event::RealmEvent;
use rimsim::measure::image::Image;
use rimsim::measure::rim::HashAlgo;

use super::boot::boot;
use super::cases::host;

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

fn slot(id: u32, base: u64, len_bytes: u64) -> Slot {
    Slot { id, ipa: base..base + len_bytes, guest_memfd: true }
}

fn region(base: u64, len_bytes: u64) -> Region {
    let image = Image::from_bytes("image", vec![7; 100]);
    let ipa = base..base + len_bytes;
    Region { name: "kernel", ipa, image: Some(Arc::new(image)), fill_bytes: 0, measured: true }
}

/// A VM with one vCPU and these calls.
fn vm(ipa_bits: u8, slots: Vec<Slot>, regions: Vec<Region>, calls: Vec<Call>) -> Vm {
    let boot = Vcpu { mpidr: 0, pc: slots[0].ipa.start, gprs: [0; 8] };
    let features = VcpuFeatures::default();
    Vm {
        ipa_bits,
        slots,
        features,
        vcpus: vec![boot],
        regions,
        calls,
        remarks: Vec::new(),
        assumed: Vec::new(),
    }
}

fn whole_ram_first(vm: &Vm) -> Vec<Call> {
    let ram = &vm.slots[0].ipa;
    let mut calls = vec![Call::CreateRealm, Call::InitRipas(ram.start, ram.end)];
    calls.extend((0..vm.regions.len()).map(Call::Populate));
    calls.extend([Call::FinalizeRec(0), Call::Activate]);
    calls
}

/// The closed formula: each piece is the largest block that is aligned and fits, and none is larger
/// than an entry of the starting level.
fn blocks(base: u64, top: u64, ipa_bits: u8) -> Vec<(u64, u64)> {
    let start_level = 4 - (u32::from(ipa_bits) - 8) / 9;
    let mut blocks = Vec::new();
    let mut at = base;
    while at < top {
        let sizes = (start_level..=3).map(|level| 1_u64 << (12 + 9 * (3 - level)));
        let size = sizes.into_iter().find(|size| at.is_multiple_of(*size) && at + size <= top);
        let size = size.expect("a page always fits");
        blocks.push((at, at + size));
        at += size;
    }
    blocks
}

/// The pieces that were measured as RIPAS, in order.
fn measured_blocks(realm: &super::boot::Realm) -> Vec<(u64, u64)> {
    use rimsim::measure::event::MeasuredEvent;
    let realm = realm.world.realm(realm.booted.rd).expect("a Realm");
    let ripas = |event: MeasuredEvent| match event {
        MeasuredEvent::Ripas(ripas) => ripas.entries().map(|(a, b)| (a.0, b.0)).collect(),
        _ => Vec::new(),
    };
    realm.log().events().iter().flat_map(ripas).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(crate::cases(64)))]

    #[test]
    fn whole_ram_first_measures_the_largest_blocks_that_fit(
        ipa_bits in 33_u8..=48,
        base_pages in 0_u64..1 << 20,
        len_pages in 1_u64..1 << 20,
        align in 0_u32..3,
    ) {
        let unit = 1 << (9 * align);
        let base = (base_pages / unit * unit) << 12;
        let len_bytes = ((len_pages / unit).max(1) * unit) << 12;
        prop_assume!(base + len_bytes <= 1 << (ipa_bits - 1));
        let mut vm = vm(ipa_bits, vec![slot(0, base, len_bytes)], Vec::new(), Vec::new());
        vm.calls = whole_ram_first(&vm);
        let realm = boot("kvm-v10", &host(), &vm).expect("it works");
        prop_assert_eq!(measured_blocks(&realm), blocks(base, base + len_bytes, ipa_bits));
    }
}

#[test]
fn v12_measures_contents_first_and_skips_what_is_populated() {
    let ram = slot(0, 2 * GIB, 4 * MIB);
    let image = region(2 * GIB + 8 * KIB, 8 * KIB);
    let vm = vm(33, vec![ram], vec![image], vec![Call::Populate(0)]);
    let realm = boot("kvm-v12", &host(), &vm).expect("it works");
    let names: Vec<&str> = realm.stages.iter().map(|s| s.command_name).collect();
    let order = ["REALM_CREATE", "DATA_CREATE", "REC_CREATE", "RTT_INIT_RIPAS", "REALM_ACTIVATE"];
    assert_eq!(names, order);
    // The table that DATA_CREATE needed makes the first 2 MiB pages; the next stay whole.
    assert_eq!(
        realm.events()[4..],
        [
            "RTT_INIT_RIPAS base=0x8000_0000 top=0x8000_2000 (2 x 4KiB)",
            "RTT_INIT_RIPAS base=0x8000_4000 top=0x8020_0000 (508 x 4KiB)",
            "RTT_INIT_RIPAS base=0x8020_0000 top=0x8040_0000 (1 x 2MiB)",
        ]
    );
}

#[test]
fn v12_visits_slots_by_bucket_and_only_those_with_guest_memfd() {
    let slots: Vec<Slot> = (0..5)
        .map(|id| Slot {
            guest_memfd: id != 4,
            ..slot(id, 2 * GIB + u64::from(id) * 2 * MIB, 2 * MIB)
        })
        .collect();
    let order: Vec<u32> = visit_order(&slots).iter().map(|slot| slot.id).collect();
    assert_eq!(order, [0, 3, 1, 4, 2]);
    let vm = vm(33, slots, Vec::new(), Vec::new());
    let realm = boot("kvm-v12", &host(), &vm).expect("it works");
    let bases: Vec<u64> = measured_blocks(&realm).iter().map(|(base, _)| *base).collect();
    let base = |id: u64| 2 * GIB + id * 2 * MIB;
    assert_eq!(bases, [base(0), base(3), base(1), base(2)]);
}

#[test]
fn profiles_of_one_generation_agree_and_others_do_not() {
    let regions = vec![region(2 * GIB, 64 * KIB)];
    let mut vm = vm(33, vec![slot(0, 2 * GIB, 512 * MIB)], regions, Vec::new());
    vm.calls = whole_ram_first(&vm);
    let rim = |name: &str| boot(name, &host(), &vm).expect("it works").rim();
    for host in HOSTS {
        if let Some(other) = host.same_as {
            assert_eq!(rim(host.name), rim(other), "{}", host.name);
        }
    }
    let distinct = ["kvm-eac5", "kvm-v10", "kvm-v12", "kvm-v13"].map(rim);
    for (i, a) in distinct.iter().enumerate() {
        assert!(distinct[..i].iter().all(|b| a != b), "{i}");
    }
    assert_eq!(rim("kvm-v13"), rim("kvm-v14"));
}

#[test]
fn under_rmm_2_the_size_of_ram_is_not_measured() {
    let of = |name: &str, mib: u64| {
        let regions = vec![region(2 * GIB, 64 * KIB)];
        let slots = vec![slot(0, 2 * GIB, mib * MIB)];
        boot(name, &host(), &vm(33, slots, regions, vec![Call::Populate(0)]))
            .expect("it works")
            .rim()
    };
    assert_eq!(of("kvm-v14", 256), of("kvm-v14", 512));
    assert_ne!(of("kvm-v12", 256), of("kvm-v12", 512));
}

#[test]
fn from_v15_on_realms_have_no_lpa2() {
    let regions = vec![region(2 * GIB, 64 * KIB)];
    let vm = vm(33, vec![slot(0, 2 * GIB, 512 * MIB)], regions, vec![Call::Populate(0)]);
    let plain = host();
    let with_lpa2 = Caps { lpa2: true, ..host() };
    let rim = |name: &str, caps: &Caps| boot(name, caps, &vm).expect("it works").rim();
    assert_eq!(rim("kvm-v15", &with_lpa2), rim("kvm-v14", &plain));
    assert_ne!(rim("kvm-v14", &with_lpa2), rim("kvm-v14", &plain));
}

/// The flags are 0x8 alone, and the values that go with the others stay.
#[test]
fn the_kernel_with_device_assignment_overwrites_the_flags() {
    let regions = vec![region(2 * GIB, 64 * KIB)];
    let mut vm = vm(33, vec![slot(0, 2 * GIB, 512 * MIB)], regions, vec![Call::Populate(0)]);
    vm.features.sve = Some(Sve { vl_bits: 256 });
    vm.features.pmu_counters = Some(5);
    let params = |name: &str| {
        let realm = boot(name, &host(), &vm).expect("it works");
        let StageKind::RealmCreate(params) = realm.stages[0].kind else {
            panic!("parameters first")
        };
        params
    };
    let (own, other) = (params("nvidia-7.0-da"), params("kvm-v12"));
    assert_eq!((own.flags, other.flags), (0x8, 0x6));
    assert_eq!((own.sve_vl, own.pmu_num_ctrs), (1, 5));
    assert_eq!(RealmEvent { flags: other.flags, ..own }, other);
}

#[test]
fn kernels_with_larger_pages() {
    let with = |size| Caps { host_page_size: size, ..host() };
    let of = |base: u64| {
        let regions = vec![region(base, 64 * KIB)];
        let mut vm = vm(33, vec![slot(0, 2 * GIB, 512 * MIB)], regions, Vec::new());
        vm.calls = whole_ram_first(&vm);
        vm
    };
    let aligned = of(2 * GIB + 64 * KIB);
    let rim = |size| boot("kvm-v10", &with(size), &aligned).expect("it works").rim();
    assert_eq!(rim(GranuleSize::K64), rim(GranuleSize::K4), "granules have 4 KiB all the same");
    for (name, size, vm, text) in [
        ("kvm-v10", GranuleSize::K16, &of(2 * GIB + 4 * KIB), "the host's pages of 16k"),
        ("kvm-v6", GranuleSize::K64, &aligned, "kvm-v6 has no Realms with pages of 64k"),
        ("nvidia-7.0-da", GranuleSize::K64, &aligned, "has no Realms with pages of 64k"),
        ("kvm-v15", GranuleSize::K64, &aligned, "RMM_CONFIG_SET"),
    ] {
        let error = boot(name, &with(size), vm).map(|_| ()).expect_err("a refusal").to_string();
        assert!(error.contains(text), "{name}: {error}");
    }
}

#[test]
fn hosts_that_are_not_simulated_say_why() {
    let error = HostProfile::from_name("kvm-v1").expect_err("a refusal");
    assert!(error.contains("RMM 1.0-beta0"), "{error}");
    let error = HostProfile::from_name("kvm-v99").expect_err("a refusal");
    assert!(error.starts_with("there is no such KVM; there are kvm-eac5, kvm-v2"), "{error}");
}

/// Who refuses, and the text.
fn refusal(host_name: &str, vm: &Vm) -> (Layer, String) {
    match boot(host_name, &host(), vm).map(|realm| realm.rim()) {
        Err(error @ Refusal::Refused { by, .. }) => (by, error.to_string()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn calls_that_kvm_refuses() {
    use Call::{Activate, CreateRealm, FinalizeRec, InitRipas, Populate};
    let (base, top) = (2 * GIB, 2 * GIB + 4 * MIB);
    for (calls, text) in [
        (vec![], "KVM_RUN: there is no Realm yet (EINVAL)"),
        (vec![CreateRealm, CreateRealm], "CREATE_REALM: the Realm is created already (EBUSY)"),
        (
            vec![CreateRealm, Call::HashAlgo(HashAlgo::Sha512)],
            "CONFIG HASH_ALGO: the Realm is created already (EBUSY)",
        ),
        (vec![CreateRealm, Call::Rpv([1; 64])], "CONFIG RPV: the Realm is created already (EBUSY)"),
        (
            vec![InitRipas(base, top)],
            "INIT_RIPAS 0x8000_0000..0x8040_0000: there is no Realm yet (EINVAL)",
        ),
        (
            vec![Populate(0)],
            "POPULATE 0x8000_0000..0x8000_1000 (kernel): there is no Realm yet (EINVAL)",
        ),
        (
            vec![CreateRealm, FinalizeRec(1)],
            "KVM_ARM_VCPU_FINALIZE(REC) of vCPU 1: there is no such vCPU (EINVAL)",
        ),
        (
            vec![CreateRealm, FinalizeRec(0), FinalizeRec(0)],
            "KVM_ARM_VCPU_FINALIZE(REC) of vCPU 0: it has a REC already (EBUSY)",
        ),
        (vec![Activate], "ACTIVATE_REALM: there is no Realm yet (EINVAL)"),
        (
            vec![CreateRealm, Activate, Activate],
            "ACTIVATE_REALM: the Realm is active already (EBUSY)",
        ),
        (
            vec![CreateRealm, Activate, InitRipas(base, top)],
            "INIT_RIPAS 0x8000_0000..0x8040_0000: the Realm is active already (EBUSY)",
        ),
        (
            vec![CreateRealm, Populate(1)],
            "POPULATE 0x8000_0800..0x8000_1800 (kernel): the range has to be aligned to the \
             host's pages of 4k (EINVAL)",
        ),
        (
            vec![CreateRealm, Populate(2)],
            "POPULATE 0x9000_0000..0x9000_1000 (kernel): the range does not lie in one memory \
             slot (EINVAL)",
        ),
    ] {
        let regions = vec![
            region(base, 4 * KIB),
            region(base + 2 * KIB, 4 * KIB),
            region(base + 256 * MIB, 4 * KIB),
        ];
        let vm = vm(33, vec![slot(0, base, 4 * MIB)], regions, calls);
        assert_eq!(refusal("kvm-v10", &vm), (Layer::Kvm, text.to_owned()));
    }
}

#[test]
fn double_population_names_the_condition() {
    let regions = vec![region(2 * GIB, 4 * KIB)];
    let calls = vec![Call::CreateRealm, Call::Populate(0), Call::Populate(0)];
    let vm = vm(33, vec![slot(0, 2 * GIB, 4 * MIB)], regions, calls);
    let (by, text) = refusal("kvm-v10", &vm);
    assert_eq!(by, Layer::Kvm);
    assert!(text.contains("populated already (ENXIO)"), "{text}");
    assert!(text.contains("RMI_ERROR_RTT(3) rtte_state"), "{text}");
}

#[test]
fn what_the_rmm_refuses_carries_its_condition() {
    // RAM in the half of the IPAs that is not the Realm's.
    let mut vm = vm(33, vec![slot(0, 6 * GIB, 4 * MIB)], Vec::new(), Vec::new());
    vm.calls = whole_ram_first(&vm);
    let (by, text) = refusal("kvm-v10", &vm);
    assert_eq!(by, Layer::Rmm);
    assert!(text.contains("RMI_ERROR_INPUT"), "{text}");
    assert!(text.starts_with("INIT_RIPAS 0x1_8000_0000..0x1_8040_0000: RTT_INIT_RIPAS"), "{text}");
}

#[test]
fn vms_that_kvm_does_not_create() {
    let good = || vm(33, vec![slot(0, 2 * GIB, 4 * MIB)], Vec::new(), vec![Call::CreateRealm]);
    let mut many = good();
    many.vcpus = (0..513)
        .map(|i| Vcpu { mpidr: mpidr_of_index(i).expect("it works"), pc: 0, gprs: [0; 8] })
        .collect();
    let text = "KVM_CREATE_VCPU: 513 vCPUs; this host allows 512 (EINVAL)";
    assert_eq!(refusal("kvm-v10", &many).1, text);
    let wide = Vm { ipa_bits: 49, ..good() };
    let text = "KVM_CREATE_VM: an IPA size of 49 bits; this host allows 32 to 48 (EINVAL)";
    assert_eq!(refusal("kvm-v10", &wide).1, text);
    let mut counters = good();
    counters.features.pmu_counters = Some(7);
    let text = "PMCR_EL0.N: 7 PMU counters; this host has 6 (EINVAL)";
    assert_eq!(refusal("kvm-v10", &counters).1, text);
    let mut breakpoints = good();
    breakpoints.features.num_bps = Some(7);
    let text = "ID_AA64DFR0_EL1: 7 breakpoints; this host has 6 (EINVAL)";
    assert_eq!(refusal("kvm-v10", &breakpoints).1, text);
    let mut slots = good();
    slots.slots.push(slot(1, 2 * GIB, 8 * KIB));
    let text = "memory slot 1: 0x8000_0000..0x8000_2000 overlaps 0x8000_0000..0x8040_0000 (EEXIST)";
    assert_eq!(refusal("kvm-v10", &slots).1, text);
    let mut hash = good();
    hash.calls = vec![Call::HashAlgo(HashAlgo::Sha512)];
    let text = "CONFIG HASH_ALGO: sha512; this KVM has no call for it and takes sha256";
    assert_eq!(refusal("kvm-v12", &hash).1, text);
}
