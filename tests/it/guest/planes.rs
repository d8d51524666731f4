//! Planes of RMM 2.0: whatever plane 0 asks for, the RMM answers, and its state is sound.

use proptest::prelude::*;
use rimsim::Command;
use rimsim::abi::profile::Profile;
use rimsim::model::program::GuestAction;

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
