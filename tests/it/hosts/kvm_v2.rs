//! KVM's series for RMM 2.0: the calls that they make, and the RIM by an independent calculation.

use std::sync::Arc;

use rimsim::abi::command::Command;
use rimsim::abi::profile::Rmm;
use rimsim::abi::status::{MemReq, Status};
use rimsim::host::kvm::{self, HOSTS, HostProfile};
use rimsim::host::{Call, Region, Slot, Vcpu, VcpuFeatures, Vm};
use rimsim::measure::image::Image;
use rimsim::session::{Observer, Record, Session, Step};
use rimsim::{Edition, Profile, World};
use sha2::{Digest, Sha256};

use super::boot::boot;
use super::cases::host;

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const BASE: u64 = 2 << 30;

/// A VM with two vCPUs, one region that is measured and one that is not.
fn vm() -> Vm {
    let slot = |id: u32, base: u64| Slot { id, ipa: base..base + 4 * MIB, guest_memfd: id != 2 };
    let region = |name, base: u64, len_bytes: u64, measured| Region {
        name,
        ipa: base..base + len_bytes,
        image: Some(Arc::new(Image::from_bytes(name, vec![7; 5000]))),
        fill_bytes: 0,
        measured,
    };
    let vcpu = |mpidr| Vcpu { mpidr, pc: BASE + 0x80, gprs: [BASE + MIB, 0, 0, 0, 0, 0, 0, 9] };
    Vm {
        ipa_bits: 34,
        slots: vec![slot(0, BASE), slot(1, BASE + 4 * MIB), slot(2, BASE + 8 * MIB)],
        features: VcpuFeatures::default(),
        vcpus: vec![vcpu(0), vcpu(1)],
        regions: vec![
            region("kernel", BASE, 8 * KIB, true),
            region("log", BASE + MIB, 4 * KIB, false),
        ],
        calls: vec![Call::Populate(0), Call::Populate(1)],
        remarks: Vec::new(),
        assumed: Vec::new(),
    }
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// One extension: a descriptor of 256 bytes with the old RIM and what the event has.
fn extend(rim: [u8; 32], kind: u8, ipa: u64, flags: u64, content: Option<[u8; 32]>) -> [u8; 32] {
    let mut desc = [0; 256];
    desc[0] = kind;
    desc[8..16].copy_from_slice(&256_u64.to_le_bytes());
    desc[16..48].copy_from_slice(&rim);
    match (kind, content) {
        (0, content) => {
            desc[0x50..0x58].copy_from_slice(&ipa.to_le_bytes());
            desc[0x58..0x60].copy_from_slice(&flags.to_le_bytes());
            desc[0x60..0x80].copy_from_slice(&content.unwrap_or([0; 32]));
        }
        (_, content) => desc[0x50..0x70].copy_from_slice(&content.expect("a REC's digest")),
    }
    sha256(&desc)
}

/// The RIM of [`vm()`] after REALM_CREATE, as `begin` makes it, and after everything.
fn expected(realm: [u8; 32]) -> [u8; 32] {
    let mut kernel = vec![7; 5000];
    kernel.resize(8192, 0);
    let mut rim = realm;
    for (i, granule) in (0..).zip(kernel.chunks(4096)) {
        rim = extend(rim, 0, BASE + i * 4096, 1, Some(sha256(granule)));
    }
    for i in 0..1 {
        rim = extend(rim, 0, BASE + MIB + i * 4096, 0, None);
    }
    let mut rec = vec![0; 4096];
    rec[0] = 1;
    rec[0x200..0x208].copy_from_slice(&(BASE + 0x80).to_le_bytes());
    rec[0x300..0x308].copy_from_slice(&(BASE + MIB).to_le_bytes());
    rec[0x338..0x340].copy_from_slice(&9_u64.to_le_bytes());
    extend(rim, 1, 0, 0, Some(sha256(&rec)))
}

#[test]
fn the_rim_is_that_of_an_independent_calculation() {
    let mut params = vec![0; 4096];
    params[8] = 34;
    params[0x18] = 5;
    params[0x20] = 3;
    let hex = |rim: [u8; 32]| {
        let digits: String = rim.iter().map(|byte| format!("{byte:02x}")).collect();
        digits
    };
    for name in ["kvm-v13", "kvm-v14", "kvm-v15"] {
        let realm = boot(name, &host(), &vm()).expect("it boots");
        assert!(realm.rim().ends_with(&hex(expected(sha256(&params)))), "{}", realm.rim());
        let profile = HostProfile::from_name(name).expect("a host").profile(Rmm::Spec);
        let machine = kvm::machine(kvm::Generation::Rmm20, &host(), &vm()).expect("a machine");
        let mut session = Session::new(World::new(machine, profile));
        let host_profile = HostProfile::from_name(name).expect("a host");
        let booted = kvm::boot(&mut session, host_profile, &host(), &vm(), &mut |_| ());
        let rd = booted.expect("it boots").rd;
        let rim = session.world_mut().rim(rd).expect("a Realm").to_string();
        assert!(rim.ends_with(&hex(expected([0; 32]))), "the text begins with zeros: {rim}");
    }
}

/// Names of commands and their statuses; equal ones in a row once.
#[derive(Default)]
struct Calls(Vec<(&'static str, Status, Option<MemReq>)>);

impl Observer for Calls {
    fn observe(&mut self, _: &Step, record: &Record, _: &World) {
        let Some(outcome) = &record.outcome else { return };
        let (Some(command), Some(code)) = (outcome.command(), outcome.code()) else {
            panic!("KVM only calls what there is")
        };
        if let Command::GranuleRangeDelegate { .. } | Command::RttCreate { .. } = command {
            return;
        }
        let call = (command.info().name, code.status, outcome.awaits());
        if self.0.last() != Some(&call) {
            self.0.push(call);
        }
    }
}

#[test]
fn the_kernel_makes_the_calls_of_2_0() {
    let mut calls = Calls::default();
    let profile = HostProfile::from_name("kvm-v14").expect("a host");
    let machine = kvm::machine(profile.generation, &host(), &vm()).expect("a machine");
    let mut session = Session::new(World::new(machine, profile.profile(Rmm::TfRmm)));
    session.observe(&mut calls);
    kvm::boot(&mut session, profile, &host(), &vm(), &mut |_| ()).expect("it boots");
    drop(session);
    let good = |name| (name, Status::Success, None);
    let rec = [
        ("REC_CREATE", Status::Incomplete, Some(MemReq::Donate)),
        ("OP_MEM_DONATE", Status::Incomplete, Some(MemReq::None)),
        good("OP_CONTINUE"),
    ];
    let mut expected = vec![
        good("VERSION"),
        good("FEATURES"),
        good("RMM_CONFIG_SET"),
        good("RMM_ACTIVATE"),
        good("GRANULE_TRACKING_GET"),
        ("GPT_L1_CREATE", Status::Gpt, None),
        good("REALM_CREATE"),
        ("RTT_DATA_MAP_INIT", Status::Rtt, None),
        good("RTT_DATA_MAP_INIT"),
    ];
    expected.extend(rec);
    expected.extend(rec);
    // The first slot has a table with contents, the others are made of whole blocks; that of the
    // slot without a guest_memfd is left out.
    expected.extend([good("RTT_INIT_RIPAS"), good("REALM_ACTIVATE")]);
    assert_eq!(calls.0, expected);
}

/// An RMM that makes Realms in several calls: kernels of which it is known go on with them.
#[test]
fn later_kernels_go_on_where_a_realm_takes_several_calls() {
    for (name, goes_on) in
        [("kvm-v13", false), ("kvm-v14", false), ("kvm-v15", true), ("kvm-v16", true)]
    {
        let mut calls = Calls::default();
        let profile = HostProfile::from_name(name).expect("a host");
        let machine = kvm::machine(profile.generation, &host(), &vm()).expect("a machine");
        let mut session = Session::new(World::new(machine, Profile::TF_RMM_NEXT));
        session.observe(&mut calls);
        let booted = kvm::boot(&mut session, profile, &host(), &vm(), &mut |_| ());
        if !goes_on {
            let text = booted.expect_err("a refusal").to_string();
            assert!(text.contains("takes RMI_REALM_CREATE for one (ENXIO)"), "{text}");
            continue;
        }
        let rd = booted.expect("it boots").rd;
        session.world_mut().invariants().expect("the laws hold");
        let rim = session.world_mut().rim(rd).expect("a Realm");
        drop(session);
        let machine = kvm::machine(profile.generation, &host(), &vm()).expect("a machine");
        let mut text = Session::new(World::new(machine, profile.profile(Rmm::Spec)));
        let booted = kvm::boot(&mut text, profile, &host(), &vm(), &mut |_| ()).expect("it boots");
        assert_eq!(text.world_mut().rim(booted.rd), Some(rim), "it begins with zeros");
        let create = calls.0.iter().position(|(name, ..)| *name == "REALM_CREATE");
        let steps = &calls.0[create.expect("it creates a Realm")..];
        assert_eq!(steps[0], ("REALM_CREATE", Status::Incomplete, Some(MemReq::Donate)));
        assert_eq!(steps[1], ("OP_MEM_DONATE", Status::Incomplete, Some(MemReq::None)));
        assert_eq!(steps[2], ("OP_CONTINUE", Status::Success, None));
    }
}

#[test]
fn a_kernel_and_an_rmm_of_different_editions_do_not_agree() {
    for (name, other) in [("kvm-v14", "kvm-v12"), ("kvm-v12", "kvm-v14")] {
        let profile = HostProfile::from_name(name).expect("a host");
        let rmm = HostProfile::from_name(other).expect("a host").profile(Rmm::TfRmm);
        let machine = kvm::machine(profile.generation, &host(), &vm()).expect("a machine");
        let mut session = Session::new(World::new(machine, rmm));
        let refusal = kvm::boot(&mut session, profile, &host(), &vm(), &mut |_| ());
        let text = refusal.expect_err("they do not agree").to_string();
        assert!(text.starts_with("the kernel's boot: VERSION req="), "{text}");
        assert!(text.contains("RMI_ERROR_INPUT"), "{text}");
    }
}

#[test]
fn each_host_has_an_edition_and_each_edition_a_newest_host() {
    for host in HOSTS {
        assert_eq!(host.edition().name(), &host.rmm[..3], "{}", host.name);
    }
    let newest = Edition::ALL.map(|edition| HostProfile::newest(edition).name);
    assert_eq!(newest, ["kvm-v12", "kvm-v15"], "of v16 no code was seen");
}

#[test]
fn what_the_last_step_refuses_is_named() {
    let mut vm = vm();
    vm.vcpus[1].mpidr = 5;
    let text = boot("kvm-v14", &host(), &vm).map(|_| ()).expect_err("a refusal").to_string();
    assert!(text.contains("REC_CREATE rd="), "{text}");
    assert!(text.contains("mpidr_index"), "{text}");
}
