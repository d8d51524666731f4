//! Planes of RMM 2.0: whatever plane 0 asks for, the RMM answers, and its state is sound.

use proptest::prelude::*;
use rimsim::Command;
use rimsim::abi::profile::Profile;
use rimsim::model::program::{GuestAction, GuestEvent};

use crate::small_machine::SmallMachine;

const RUN_IPA: u64 = 0x3000;
const SHARED_IPA: u64 = 0x4000;
const IPAS: [u64; 6] = [RUN_IPA, SHARED_IPA, 0x5000, RUN_IPA + 8, 1 << 63, 0];

/// An ACTIVE Realm with two auxiliary planes, its memory in all three trees, and a REC.
fn realm(scene: &mut SmallMachine) -> u64 {
    let (first, second) = (scene.delegated(), scene.delegated());
    let roots = [("aux_rtt_base", first), ("aux_rtt_base1", second)];
    let rd = scene.realm(&[&[("num_aux_planes", 2), ("flags1", 1)], &roots[..]].concat());
    scene.tables(rd, RUN_IPA, 3);
    scene.data(rd, RUN_IPA, 0);
    scene.data(rd, SHARED_IPA, 0x5A);
    let rec = scene.rec(rd, 0, &[("flags", 1)]);
    scene.must(Command::RealmActivate { rd });
    for index in [1, 2] {
        for level in [2, 3] {
            let rtt = scene.delegated();
            scene.must(Command::RttAuxCreate { rd, rtt, ipa: 0, level, index });
        }
        for ipa in [RUN_IPA, SHARED_IPA] {
            scene.must(Command::RttAuxMapProtected { rd, ipa, index });
        }
    }
    rec
}

fn action() -> impl Strategy<Value = GuestAction> {
    let ipa = || prop::sample::select(IPAS.to_vec());
    let number = prop_oneof![0..5_u64, Just(u64::MAX), Just(0xC600), ipa()];
    let call = (0x1A0..0x1B0_u64, prop::collection::vec(number, 4))
        .prop_map(|(low, regs)| GuestAction::Smc([&[0xC400_0000 | low][..], &regs].concat()));
    let enter =
        (0..4_u64, ipa()).prop_map(|(plane, run)| GuestAction::Smc(vec![0xC400_01A3, plane, run]));
    let field = (prop::sample::select(vec![0, 8, 0x10, 0x208, 0x210, 0x400]), any::<u64>())
        .prop_map(|(at, value)| GuestAction::StoreBytes {
            ipa: RUN_IPA + at,
            bytes: (if at == 0x10 { value & 0x1F } else { value }).to_le_bytes().to_vec(),
        });
    prop_oneof![
        3 => enter,
        2 => call,
        2 => field,
        1 => ipa().prop_map(|ipa| GuestAction::Load { ipa, size_bytes: 8, rt: 1 }),
        1 => ipa().prop_map(|ipa| GuestAction::Exec { ipa }),
        1 => any::<bool>().prop_map(|wfe| GuestAction::Wfx { wfe }),
        1 => Just(GuestAction::Hvc),
        1 => Just(GuestAction::Irq),
        1 => Just(GuestAction::Smc(vec![0xC400_0199, SHARED_IPA])),
        1 => Just(GuestAction::Sync { esr: 0x07 << 26, far: 0, hpfar: 0 }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_planes_do_is_answered(
        actions in prop::collection::vec((0..4_u64, action()), 1..40),
        entries in prop::collection::vec(0..256_u64, 1..20),
        spec in any::<bool>(),
    ) {
        let profile = if spec { Profile::SPEC_2 } else { Profile::TF_RMM_2 };
        let mut scene = SmallMachine::new(profile);
        let rec = realm(&mut scene);
        for ((plane, action), id) in actions.into_iter().zip(0..) {
            let queued = scene.world.queue_guest_of_plane(rec, plane, id, action);
            prop_assert!(queued.is_ok());
        }
        let run_ptr = scene.host();
        for flags in entries {
            scene.world.host_write(run_ptr, &flags.to_le_bytes()).expect("the Host's memory");
            let _ = scene.world.execute(Command::RecEnter { rec, run_ptr });
            prop_assert_eq!(scene.world.invariants(), Ok(()));
            let contents = scene.world.rec(rec).expect("it is there");
            prop_assert!(contents.active_plane() <= 2 && !contents.running());
        }
    }
}

/// The Realm of [`realm`], whose plane 1 is entered with a PSTATE and does something.
fn in_plane_1(profile: Profile, pstate: u64, plane_1: Vec<GuestAction>) -> (SmallMachine, u64) {
    let mut scene = SmallMachine::new(profile);
    let rec = realm(&mut scene);
    for (action, id) in plane_1.into_iter().zip(100..) {
        scene.world.queue_guest_of_plane(rec, 1, id, action).expect("an action");
    }
    let field = |at: u64, value: u64| GuestAction::StoreBytes {
        ipa: RUN_IPA + at,
        bytes: value.to_le_bytes().to_vec(),
    };
    let enter = GuestAction::Smc(vec![0xC400_01A3, 1, RUN_IPA]);
    scene.run(rec, vec![field(8, PLANE_PC), field(0x10, pstate), enter]);
    (scene, rec)
}

const PLANE_PC: u64 = 0x7000;
const EL0T: u64 = 0;
const EL1H: u64 = 0x3C5;
/// An Unprotected IPA that the Host has not mapped.
const UNMAPPED: u64 = 1 << 32;
const EMUL_MMIO: u64 = 1;
const INJECT_SEA: u64 = 2;
const FORCE_P0: u64 = 0x80;

/// Enters with flags and a value for the Realm; X0.
fn enter(scene: &mut SmallMachine, rec: u64, flags: u64, value: u64) -> u64 {
    let run_ptr = scene.host();
    scene.world.host_write(run_ptr, &flags.to_le_bytes()).expect("the Host's");
    scene.world.host_write(run_ptr + 0x200, &value.to_le_bytes()).expect("the Host's");
    scene.world.execute(Command::RecEnter { rec, run_ptr }).regs()[0]
}

#[test]
fn an_abort_at_el0_is_one_from_a_lower_level() {
    // The class of the exception that EL1 takes, and where: behind VBAR_EL1, which is zero.
    let far = 1 << 53;
    let cases = [(EL0T, [0x24, 0x20], 0x400), (EL1H, [0x25, 0x21], 0x200)];
    for (pstate, [data, inst], vector) in cases {
        let load = GuestAction::Load { ipa: far, size_bytes: 8, rt: 1 };
        for (action, class) in [(load, data), (GuestAction::Exec { ipa: far }, inst)] {
            let (scene, rec) = in_plane_1(Profile::TF_RMM_2, pstate, vec![action]);
            let found =
                scene.world.guest(rec).expect("its software").log().iter().find_map(|event| {
                    match event {
                        GuestEvent::Exception { pc, esr, far, .. } => Some((*esr >> 26, *pc, *far)),
                        _ => None,
                    }
                });
            assert_eq!(found, Some((class, vector, far)), "PSTATE {pstate:#x}");
        }
    }
}

#[test]
fn tf_rmm_answers_an_abort_of_a_plane_that_it_has_left() {
    let load = GuestAction::Load { ipa: UNMAPPED, size_bytes: 8, rt: 3 };
    let plane_1 = || vec![load.clone(), GuestAction::Irq];
    // The Host takes the REC from the plane that aborted, plane 0 enters it behind the load, and it
    // is interrupted: what the Host emulates then is no access of the plane any more.
    let behind = PLANE_PC + 0x100;
    let cases = [
        (Profile::TF_RMM_2, EMUL_MMIO, 0, (1, 0x77, behind + 4)),
        (Profile::TF_RMM_2, INJECT_SEA, 0, (0, 0, 0)),
        (Profile::SPEC_2, EMUL_MMIO, 3, (1, 0, behind)),
        (Profile::SPEC_2, INJECT_SEA, 3, (1, 0, behind)),
    ];
    for (profile, flag, status, expected) in cases {
        let (mut scene, rec) = in_plane_1(profile, EL1H, plane_1());
        let again = GuestAction::Smc(vec![0xC400_01A3, 1, RUN_IPA]);
        let bytes = behind.to_le_bytes().to_vec();
        let move_on = GuestAction::StoreBytes { ipa: RUN_IPA + 8, bytes };
        for (action, id) in [move_on, again].into_iter().zip(50..) {
            scene.world.queue_guest(rec, id, action).expect("an action");
        }
        assert_eq!(enter(&mut scene, rec, FORCE_P0, 0), 0);
        let before = scene.world.rec(rec).expect("a REC");
        assert_eq!((before.active_plane(), before.pc()), (1, behind));
        assert_eq!(enter(&mut scene, rec, flag, 0x77), status, "{profile} {flag}");
        let after = scene.world.rec(rec).expect("a REC");
        let (plane, x3, pc) = expected;
        assert_eq!((after.active_plane(), after.gprs()[3]), (plane, x3), "{profile} {flag}");
        assert!(plane == 0 || after.pc() == pc, "{profile} {flag}");
    }
}

/// Planes that the Realm does not have, and plane 0 where an auxiliary one is meant.
#[test]
fn planes_out_of_range_are_refused() {
    let [get, set, enter, read, write]: [u64; 5] =
        [0xC400_01A0, 0xC400_01A2, 0xC400_01A3, 0xC400_01AE, 0xC400_01AF];
    const SCTLR_EL1: u64 = 0xC080;
    for profile in [Profile::TF_RMM_2, Profile::TF_RMM_NEXT, Profile::SPEC_2, Profile::SPEC_2_BET3]
    {
        let mut scene = SmallMachine::new(profile);
        let rec = realm(&mut scene);
        for plane in [0, 3, 4, 16, 1 << 32 | 1, 1 << 63, u64::MAX] {
            for call in [
                [get, plane, 1, 0],
                [set, plane, 1, 3],
                [enter, plane, RUN_IPA, 0],
                [read, plane, SCTLR_EL1, 0],
                [write, plane, SCTLR_EL1, 1],
            ] {
                let own = call[0] == get && plane == 0;
                scene.run(rec, vec![GuestAction::Smc(call.to_vec())]);
                let after = scene.world.rec(rec).expect("a REC");
                assert_eq!(after.gprs()[0], u64::from(!own), "{profile}: {call:x?}");
                assert_eq!((after.active_plane(), after.running()), (0, false));
            }
        }
        // Those that it has.
        for call in [[get, 2, 1, 0], [set, 2, 1, 3], [read, 2, SCTLR_EL1, 0]] {
            scene.run(rec, vec![GuestAction::Smc(call.to_vec())]);
            assert_eq!(scene.world.rec(rec).expect("a REC").gprs()[0], 0, "{profile}: {call:x?}");
        }
    }
}

#[test]
fn structures_are_known_by_their_interface() {
    for name in ["PlaneEnter", "RsiPlaneEnter"] {
        let layout = Profile::SPEC_2.layout(name).expect("a structure of 2.0");
        assert_eq!(layout.name, "PlaneEnter");
        assert_eq!(Profile::SPEC.layout(name), None);
    }
    assert_eq!(Profile::SPEC_2.layout("RmiPlaneEnter"), None);
    assert_eq!(Profile::SPEC_2.layout("RsiRealmParams"), None);
}
