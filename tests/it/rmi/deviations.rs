//! `--rmm spec` answers what the text asks, where TF-RMM is known to depart from it.
//!
//! Every file of `f_deviations` is replayed under the text's rules from its first step on. Steps
//! that show a deviation say in prose what the text asks; the table below says it in values.

use std::path::Path;

use rimsim::abi::command::devices::DEVICE_COMMANDS;
use rimsim::abi::platform::PlatformFile;
use rimsim::model::program::GuestAction;
use rimsim::session::{Action, Record, Session};
use rimsim::{Command, Edition, Pa, Platform, Profile, Status, World};

use crate::running_realm::{DATA, DATA2, PSCI, RIPAS_CHANGE, RunningRealm};
use crate::small_machine::{BLOCK, SmallMachine, platform};

/// What the text asks of a step.
enum Text {
    /// A status and an index, and values of registers.
    Answer(Status, u8, &'static [(usize, u64)]),
    /// X3 is not zero.
    HasAddress,
    /// Under the text the Realm starts with X1 to X30 zero.
    ZeroedGprs,
}

use Text::{Answer, HasAddress, ZeroedGprs};

/// File, number of the step, and what the text asks of it.
const TABLE: &[(&str, usize, Text)] = &[
    ("data_create_flags_reserved", 10, Answer(Status::Success, 0, &[])),
    ("fold_l1_full_ns", 518, Answer(Status::Rtt, 1, &[])),
    ("init_ripas_destroyed", 16, Answer(Status::Success, 0, &[(1, 0x2000)])),
    ("init_ripas_destroyed", 17, Answer(Status::Success, 0, &[(1, 0x6000)])),
    ("init_ripas_destroyed", 19, Answer(Status::Rtt, 3, &[])),
    ("init_ripas_stops_at_assigned", 10, Answer(Status::Success, 0, &[(1, 0x8000)])),
    ("psci_complete_denied_already_on", 47, Answer(Status::Input, 0, &[])),
    ("psci_complete_denied_already_on", 50, Answer(Status::Rec, 0, &[])),
    ("psci_cpu_on_gprs", 49, ZeroedGprs),
    ("read_entry_assigned_destroyed", 14, HasAddress),
    ("realm_create_rtt_align", 5, Answer(Status::Input, 0, &[])),
    // The low eight bits of the field are a supported value, so the text has no objection.
    ("realm_params_width_num_bps", 4, Answer(Status::Success, 0, &[])),
    ("realm_params_width_num_wps", 4, Answer(Status::Success, 0, &[])),
    ("realm_params_width_pmu_num_ctrs", 4, Answer(Status::Success, 0, &[])),
    ("realm_params_width_s2sz", 4, Answer(Status::Success, 0, &[])),
    ("realm_params_width_sve_vl", 4, Answer(Status::Success, 0, &[])),
    ("rec_create_num_aux_width", 22, Answer(Status::Input, 0, &[])),
    ("rec_enter_emul_protected", 34, Answer(Status::Rec, 0, &[])),
    ("rec_enter_inject_sea", 25, Answer(Status::Success, 0, &[])),
    ("set_ripas", 35, Answer(Status::Input, 0, &[])),
    ("set_ripas", 36, Answer(Status::Input, 0, &[])),
    ("set_ripas", 44, Answer(Status::Success, 0, &[])),
    ("unmap_below_start_level", 7, Answer(Status::Input, 0, &[])),
];

#[test]
fn the_text_is_followed_where_tf_rmm_departs_from_it() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("spec-vectors/rmm-1.0/f_deviations");
    let mut seen = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let vector = rimsim::vector::read(&name, &std::fs::read(&path).unwrap()).unwrap();
        let mut session = Session::new(World::new(vector.platform.clone(), Profile::SPEC));
        for (number, step) in vector.steps().enumerate() {
            let record = session.step(&step);
            if step.dev().is_some() {
                let wanted = TABLE.iter().find(|(file, i, _)| *file == name && *i == number);
                let (_, _, text) = wanted.unwrap_or_else(|| panic!("{name} {number}: no row"));
                check(text, &step.action, &record, session.world(), &format!("{name} {number}"));
                seen += 1;
            }
        }
    }
    assert_eq!(seen, TABLE.len(), "every row of the table is a step");
}

fn check(text: &Text, action: &Action, record: &Record, world: &World, place: &str) {
    let outcome = record.outcome.as_ref().expect("a call");
    match text {
        Answer(status, index, regs) => {
            let code = outcome.code().expect("a command");
            assert_eq!((code.status, code.index), (*status, *index), "{place}: {outcome}");
            for (x, value) in *regs {
                assert_eq!(outcome.regs()[*x], *value, "{place}: X{x}");
            }
        }
        HasAddress => assert_ne!(outcome.regs()[3], 0, "{place}"),
        ZeroedGprs => {
            let Action::Call(regs) = action else { panic!("{place}: no call") };
            assert_eq!(world.rec(regs[1]).expect("a REC").gprs()[1..], [0; 30], "{place}");
        }
    }
}

/// X0 of CPU_ON and RSI calls.
const CPU_ON: u64 = 0xC400_0003;
const IPA_STATE_SET: u64 = 0xC400_0197;
/// PSCI's result.
const NOT_SUPPORTED: u64 = u64::MAX;
/// RSI_ERROR_INPUT.
const RSI_INPUT: u64 = 1;

fn labs() -> [(bool, RunningRealm); 2] {
    [(true, RunningRealm::new(Profile::TF_RMM)), (false, RunningRealm::new(Profile::SPEC))]
}

/// D-PSCI-MPIDR: bits outside the affinities, which the RSI side of both ignores.
#[test]
fn psci_targets_are_read_by_tf_rmm_and_compared_by_the_text() {
    for mpidr in [1, 1 | 1 << 4, 1 | 1 << 31, 1 | 1 << 40] {
        for (tf_rmm, mut lab) in labs() {
            let exit = lab.act(0, GuestAction::Smc(vec![CPU_ON, mpidr, 0]));
            assert_eq!((exit.reason(), exit.gprs()[1]), (PSCI, mpidr));
            let [calling_rec, target_rec, _] = lab.recs;
            let complete = Command::PsciComplete { calling_rec, target_rec, status: 0 };
            let outcome = lab.world().execute(complete);
            assert_eq!(outcome.is_success(), tf_rmm || mpidr == 1, "{mpidr:#x}: {outcome}");
            if let Some(failure) = outcome.failure() {
                assert_eq!(failure.condition(), "target");
            }
            if mpidr == 0x11 && !tf_rmm {
                let detail = outcome.failure().expect("refused").detail();
                assert_eq!(detail, "the request names 0x11, which is no REC's MPIDR");
            }
        }
    }
}

/// D-PSCI-SVE-HINT.
#[test]
fn psci_functions_with_the_sve_hint() {
    let version = 0x8400_0000 | 1 << 16;
    for (tf_rmm, mut lab) in labs() {
        let wanted = if tf_rmm { NOT_SUPPORTED } else { 0x1_0001 };
        assert_eq!(lab.smc(&[version])[0], wanted);
        if !tf_rmm {
            let exit = lab.act(0, GuestAction::Smc(vec![CPU_ON | 1 << 16, 1, 0]));
            assert_eq!(exit.reason(), PSCI);
            let [calling_rec, target_rec, _] = lab.recs;
            lab.scene.must(Command::PsciComplete { calling_rec, target_rec, status: 0 });
            assert!(lab.scene.world.rec(target_rec).is_some_and(|rec| rec.runnable()));
        }
    }
}

/// D-RSI-RIPAS-WIDTH and D-RSI-FLAGS-WIDTH.
#[test]
fn widths_of_ripas_and_flags() {
    for (tf_rmm, mut lab) in labs() {
        // RAM in the low eight bits, something in the next.
        let set = |x3, x4| vec![IPA_STATE_SET, DATA, DATA2, x3, x4];
        if tf_rmm {
            assert_eq!(lab.smc(&set(0x101, 0))[0], RSI_INPUT);
        } else {
            let exit = lab.act(0, GuestAction::Smc(set(0x101, 0)));
            assert_eq!((exit.reason(), exit.ripas()), (RIPAS_CHANGE, [DATA, DATA2, 1]));
        }
        let exit = lab.act(2, GuestAction::Smc(set(1 << 32 | 1, 1 << 32 | 1)));
        assert_eq!((exit.reason(), exit.ripas()), (RIPAS_CHANGE, [DATA, DATA2, 1]));
        let rec = lab.scene.world.rec(lab.recs[2]).expect("a REC");
        let flags = if tf_rmm { 1 } else { 1 << 32 | 1 };
        assert_eq!(rec.ripas_change().flags, flags);
    }
}

/// D-REALM-PMU-PRESENT: a machine without a PMU, but with FEAT_HPMN0.
#[test]
fn a_pmu_that_is_not_there() {
    const PMU: u64 = 4;
    for (tf_rmm, profile) in [(true, Profile::TF_RMM), (false, Profile::SPEC)] {
        let file = PlatformFile { pmu_num_ctrs: None, feat_hpmn0: true, ..platform().into() };
        let platform = Platform::try_from(file).expect("a machine that can be");
        let mut scene = SmallMachine::on(platform, profile);
        let (outcome, _) = scene.try_realm(&[("flags", PMU), ("pmu_num_ctrs", 0)]);
        assert_eq!(outcome.is_success(), tf_rmm, "{outcome}");
        if let Some(failure) = outcome.failure() {
            assert_eq!(failure.condition(), "params_supp");
            assert_eq!(failure.detail(), "a PMU is asked for, and the platform has none");
        }
    }
}

/// What TF-RMM crashes on is answered, under both rules, and the answer says so.
#[test]
fn a_crash_of_tf_rmm_is_an_input_error() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("spec-vectors/rmm-1.0");
    for file in [
        "f_deviations/unmap_below_start_level",
        "b_negative/unprot_level_s2sz32_sl2_RTT_MAP_UNPROTECTED_l1",
        "b_negative/unprot_level_s2sz32_sl2_RTT_UNMAP_UNPROTECTED_l1",
    ] {
        let text = std::fs::read(root.join(file).with_extension("json")).unwrap();
        let vector = rimsim::vector::read(file, &text).unwrap();
        for profile in Profile::ALL_1_0 {
            let mut session = Session::new(World::new(vector.platform.clone(), profile));
            let records: Vec<_> =
                vector.steps().map(|step| (step.notes.clone(), session.step(&step))).collect();
            let (notes, record) = records.last().unwrap();
            assert!(notes.as_ref().is_some_and(|notes| notes.abort.is_some()));
            let failure = record.outcome.as_ref().unwrap().failure().unwrap();
            assert_eq!(failure.condition(), "level_bound");
            assert!(failure.detail().contains("TF-RMM crashes"), "{}", failure.detail());
        }
    }
}

/// What was recorded can be held against the text in everything but its rules of measurement.
#[test]
fn vectors_of_2_0_hold_under_the_text_but_for_what_is_measured() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("spec-vectors/rmm-2.0/a_happy");
    for name in ["boot_sha384_stock", "boot_sha256_std", "data_contents_sha512"] {
        let text = std::fs::read(folder.join(format!("{name}.json"))).unwrap();
        let vector = rimsim::vector::read(name, &text).unwrap();
        let spec = Profile::of(vector.edition, rimsim::abi::profile::Rmm::Spec);
        let report = rimsim::conform::replay(&vector, spec, []);
        assert!(report.failures.is_empty(), "{name}: {:?}", report.failures);
        assert!(report.measured_as_recorded, "{name}");
        let mut session = Session::new(World::new(vector.platform.clone(), spec));
        let own = rimsim::conform::replay_in(&mut session, &vector);
        assert!(!own.failures.is_empty(), "{name}: a RIM of the text begins with zeros");
    }
}

/// R5: a table made over a block that is still being unmapped. TF-RMM loses a reference to the
/// table above, which can never be destroyed then; an RMM by the text loses nothing.
#[test]
fn a_table_over_a_block_that_is_being_unmapped_holds_the_one_above_for_ever() {
    for profile in [Profile::TF_RMM_2, Profile::SPEC_2] {
        let mut scene = SmallMachine::new(profile);
        let rd = scene.realm(&[]);
        scene.tables(rd, 0, 2);
        for pa in (BLOCK..BLOCK + 0x20_0000).step_by(0x1000) {
            scene.must(Command::delegate(Edition::V2, Pa(pa)));
        }
        let (base, top) = (0, 0x20_0000);
        let oaddr = BLOCK | 1 << 2 | 1;
        scene.must(Command::RttDataMap { rd, base, top, flags: 1, oaddr });
        scene.world.set_interrupt(Some(0));
        let unmap = Command::RttDataUnmap { rd, base, top, flags: 0, oaddr: 0 };
        let [handle, ..] = scene.goes_on(unmap);
        scene.world.set_interrupt(None);
        let rtt = scene.delegated();
        scene.must(Command::RttCreate { rd, rtt, ipa: 0, level: 3 });
        scene.must(Command::OpContinue { handle, flags: 0 });
        scene.must(Command::RttDestroy { rd, ipa: 0, level: 3 });
        let outcome = scene.world.execute(Command::RttDestroy { rd, ipa: 0, level: 2 });
        let lost = profile == Profile::TF_RMM_2;
        assert_eq!(outcome.is_success(), !lost, "{profile}: {outcome}");
        scene.must(Command::RealmTerminate { rd });
        let outcome = scene.world.execute(Command::RealmDestroy { rd });
        assert_eq!(outcome.is_success(), !lost, "{profile}: {outcome}");
        scene.world.invariants().expect("they hold");
    }
}

/// A page of a block that an auxiliary tree maps (R-AUX-BLOCK-PART): TF-RMM maps the block's first
/// page, so that is the one that can not be taken away.
#[test]
fn an_auxiliary_tree_maps_a_page_of_a_block() {
    const RTT_AUX: u64 = 7;
    const MAPPED: u64 = 0x3000;
    for (profile, held) in [
        (Profile::TF_RMM_2, 0),
        (Profile::TF_RMM_NEXT, 0),
        (Profile::SPEC_2, MAPPED),
        (Profile::SPEC_2_BET3, MAPPED),
    ] {
        let mut scene = SmallMachine::new(profile);
        let aux = scene.delegated();
        let change = [("num_aux_planes", 1), ("flags1", 1), ("aux_rtt_base", aux)];
        let rd = scene.realm(&change);
        scene.tables(rd, 0, 2);
        for pa in (BLOCK..BLOCK + 0x20_0000).step_by(0x1000) {
            scene.must(Command::delegate(Edition::V2, Pa(pa)));
        }
        let (base, top) = (0, 0x20_0000);
        scene.must(Command::RttInitRipas { rd, base, top });
        let oaddr = BLOCK | 1 << 2 | 1;
        scene.must(Command::RttDataMap { rd, base, top, flags: 1, oaddr });
        for level in [2, 3] {
            let rtt = scene.delegated();
            scene.must(Command::RttAuxCreate { rd, rtt, ipa: 0, level, index: 1 });
        }
        // Once more is once.
        for _ in 0..2 {
            scene.must(Command::RttAuxMapProtected { rd, ipa: MAPPED, index: 1 });
        }
        scene.world.invariants().expect("they hold");
        let unmap = |scene: &mut SmallMachine, base, top| {
            let unmap = Command::RttDataUnmap { rd, base, top, flags: 0, oaddr: 0 };
            scene.world.execute(unmap).regs()[0]
        };
        assert_eq!(unmap(&mut scene, base, top), RTT_AUX, "{profile}: part of it is mapped");
        let rtt = scene.delegated();
        scene.must(Command::RttCreate { rd, rtt, ipa: 0, level: 3 });
        for page in [0, MAPPED] {
            let wanted = if page == held { RTT_AUX } else { 0 };
            assert_eq!(unmap(&mut scene.clone(), page, page + 0x1000), wanted, "{profile}, {page}");
        }
        scene.must(Command::RttAuxUnmapProtected { rd, ipa: MAPPED, index: 1 });
        assert_eq!(unmap(&mut scene, base, top), 0, "{profile}: all of it");
        scene.world.invariants().expect("they hold");
    }
}

/// Without devices each command of devices fails by what it looks at first.
#[test]
fn commands_of_devices_answer_as_tf_rmm_without_a_device() {
    const INPUT: u64 = 1;
    const NOT_SUPPORTED: u64 = 5;
    let mut scene = SmallMachine::new(Profile::TF_RMM_2);
    let (free, host) = (scene.delegated(), scene.host());
    let params = |scene: &mut SmallMachine, fields: &[(u64, u64)]| {
        scene.put(host, &[0; 4096]);
        for (offset, value) in fields {
            scene.world.host_write(host + offset, &value.to_le_bytes()).expect("the Host's");
        }
    };
    let call = |scene: &mut SmallMachine, number: u64, args: &[u64]| {
        let mut regs = [0; 7];
        regs[0] = 0xC400_0150 + number;
        regs[1..=args.len()].copy_from_slice(args);
        scene.world.call(&regs)
    };
    for command in DEVICE_COMMANDS {
        let outcome = call(&mut scene, command.fid - 0xC400_0150, &[free; 4]);
        let wanted = if command.name == "PDEV_STREAM_KEY_PURGE" { NOT_SUPPORTED } else { INPUT };
        assert_eq!(outcome.regs()[0], wanted, "{}: {outcome}", command.name);
    }
    // PDEV_CREATE: which parameter is refused shows in the status.
    for (fields, wanted) in [
        (&[][..], INPUT),
        (&[(0, 1 << 1)], INPUT),
        (&[(0, 1 << 1), (0x30, 1)], NOT_SUPPORTED),
        (&[(0, 1 << 1), (0x30, 1), (0x38, 3)], INPUT),
        (&[(0, 1 << 1), (0x30, 1023)], NOT_SUPPORTED),
        (&[(0, 1 << 1), (0x30, 1024)], INPUT),
        (&[(0, 2 << 1 | 1), (0x30, 1)], NOT_SUPPORTED),
        (&[(0, 1 << 3 | 2 << 1 | 1), (0x30, 1)], INPUT),
        (&[(0, 1 << 1 | 1), (0x30, 1)], INPUT),
    ] {
        params(&mut scene, fields);
        let outcome = call(&mut scene, 0x26, &[free, host]);
        assert_eq!(outcome.regs()[0], wanted, "{fields:x?}: {outcome}");
    }
    for (fields, wanted) in [(&[][..], NOT_SUPPORTED), (&[(0x8, 1)], INPUT), (&[(0x28, 17)], INPUT)]
    {
        params(&mut scene, fields);
        let outcome = call(&mut scene, 0xB4, &[host]);
        assert_eq!(outcome.regs()[0], wanted, "{fields:x?}: {outcome}");
    }
    let mut early = World::new(platform(), Profile::TF_RMM_2);
    let outcome = early.call(&[0xC400_0174, 0, 0, 0, 0, 0, 0]);
    assert_eq!(outcome.status(), Some(Status::Global), "{outcome}");
    let mut old = SmallMachine::new(Profile::TF_RMM);
    assert_eq!(old.world.call(&[0xC400_0174, 0, 0, 0, 0, 0, 0]).regs()[0], u64::MAX);
}
