//! Each call of RSI and PSCI, made by a Realm that runs.

use rimsim::abi::profile::RemReading;
use rimsim::model::program::{GuestAction, GuestEvent};
use rimsim::model::realm::RealmState;
use rimsim::{Command, Profile};

use crate::naive_rim;
use crate::running_realm::{
    DATA, DATA2, DESTROYED_IPA, EMPTY_DATA, EMPTY_IPA, Enter, FAR, FIQ, HOST_CALL, NO_MEMORY, PSCI,
    REJECT, RIPAS_CHANGE, RunningRealm, SYNC,
};

const RSI_VERSION: u64 = 0xC400_0190;
const RSI_FEATURES: u64 = 0xC400_0191;
const MEASUREMENT_READ: u64 = 0xC400_0192;
const MEASUREMENT_EXTEND: u64 = 0xC400_0193;
const TOKEN_INIT: u64 = 0xC400_0194;
const TOKEN_CONTINUE: u64 = 0xC400_0195;
const REALM_CONFIG: u64 = 0xC400_0196;
const IPA_STATE_SET: u64 = 0xC400_0197;
const IPA_STATE_GET: u64 = 0xC400_0198;
const RSI_HOST_CALL: u64 = 0xC400_0199;

/// The last page of all addresses.
const LAST_PAGE: u64 = u64::MAX - 0xFFF;
const INPUT: u64 = 1;
const STATE: u64 = 2;
const MINUS: fn(u64) -> u64 = u64::wrapping_neg;

fn pc(lab: &RunningRealm, n: usize) -> u64 {
    lab.scene.world.rec(lab.recs[n]).expect("a REC").pc()
}

#[test]
fn versions_features_and_what_is_unknown() {
    let mut lab = RunningRealm::new(Profile::TF_RMM);
    for (call, x0, x1, x2) in [
        ([RSI_VERSION, 0x1_0000], 0, 0x1_0000, 0x1_0000),
        ([RSI_VERSION, 0x1_0001], INPUT, 0x1_0000, 0x1_0000),
        // The hint that there is no live SVE state does not count, nor do the upper bits.
        ([RSI_VERSION | 1 << 16, 0x1_0000], 0, 0x1_0000, 0x1_0000),
        ([RSI_VERSION | 7 << 32, 0x1_0000], 0, 0x1_0000, 0x1_0000),
        ([RSI_FEATURES, 0], 0, 0, 0),
        ([RSI_FEATURES, u64::MAX], 0, 0, 0),
        ([0x8000_0000, 0], 0x1_0002, 0, 0),
        ([0xC400_018F, 0], MINUS(1), 0, 0),
        ([0xC400_019A, 0], MINUS(1), 0, 0),
        ([0xC400_0150, 0x1_0000], MINUS(1), 0, 0),
        ([0, 0], MINUS(1), 0, 0),
    ] {
        let before = pc(&lab, 0);
        let result = lab.smc(&call);
        assert_eq!(result[..3], [x0, x1, x2], "{call:x?}");
        assert_eq!(pc(&lab, 0), before + 4, "the Realm goes on after the SMC");
    }
}

/// Addresses at which a structure of `align` bytes can not be, whatever is there.
fn impossible(lab: &RunningRealm, align: u64) -> Vec<u64> {
    let top = 2 * lab.ns;
    let odd = [1, 8, align / 2, align - 1, 0x1000 - align / 2].map(|offset| DATA + offset);
    let outside = [lab.ns, lab.ns + 0x1000, top - 0x1000, top, top + 0x1000];
    let far = [1 << 48, 1 << 51, 1 << 52, 1 << 63, LAST_PAGE, u64::MAX];
    odd.into_iter().chain(outside).chain(far).collect()
}

/// The calls that take the address of a structure in X1, with its alignment.
const WITH_STRUCTURE: [([u64; 4], u64); 3] = [
    ([REALM_CONFIG, 0, 0, 0], 0x1000),
    ([RSI_HOST_CALL, 0, 0, 0], 0x100),
    ([TOKEN_CONTINUE, 0, 0, 0x10], 0x1000),
];

#[test]
fn structures_where_none_can_be() {
    for geometry in [&[][..], &[("flags", 1), ("s2sz", 52), ("rtt_level_start", u64::MAX)]] {
        let mut lab = RunningRealm::with(Profile::TF_RMM, geometry);
        lab.smc(&[TOKEN_INIT]);
        for (mut call, align) in WITH_STRUCTURE {
            let empty = [EMPTY_IPA, EMPTY_DATA, FAR, lab.ns - 0x1000];
            for ipa in impossible(&lab, align).into_iter().chain(empty) {
                call[1] = ipa;
                let pages = lab.scene.world.clone();
                assert_eq!(lab.smc(&call)[..4], [INPUT, 0, 0, 0], "{call:x?}");
                let same = |n: u64| lab.scene.world.host_page(n) == pages.host_page(n);
                assert!(same(lab.ns_page), "nothing is written");
            }
        }
    }
}

#[test]
fn structures_whose_memory_the_host_has_to_provide() {
    for (mut call, align) in WITH_STRUCTURE {
        for (ipa, level) in [(NO_MEMORY, 3), (DESTROYED_IPA, 3)] {
            let mut lab = RunningRealm::new(Profile::TF_RMM);
            lab.smc(&[TOKEN_INIT]);
            let offset = if align == 0x100 { 0x300 } else { 0 };
            call[1] = ipa + offset;
            let before = pc(&lab, 0);
            let exit = lab.act(0, GuestAction::Smc(call.to_vec()));
            let esr = 0x24 << 26 | (4 + level);
            assert_eq!(exit.syndrome(), [esr, 0, (ipa + offset) >> 8], "{call:x?}");
            assert_eq!((exit.reason(), exit.gprs()), (SYNC, [0; 31]));
            assert_eq!(pc(&lab, 0), before, "the SMC is made again");
            assert_eq!(lab.run(0, &Enter::default()).syndrome()[0], esr, "nobody helped");
            if ipa == NO_MEMORY {
                let (rd, data) = (lab.rd, lab.scene.delegated());
                lab.scene.must(Command::DataCreateUnknown { rd, data, ipa });
                let exit = lab.run(0, &Enter::default());
                assert_eq!(pc(&lab, 0), before + 4);
                match call[0] {
                    RSI_HOST_CALL => assert_eq!(exit.reason(), HOST_CALL),
                    _ => assert_eq!(exit.reason(), FIQ),
                }
            }
        }
    }
}

/// The level of a fault that the RMM makes up is that of the walk, −1 included.
#[test]
fn made_up_faults_name_the_level() {
    for (change, fsc) in [
        (&[][..], 0x5),
        (&[("s2sz", 40), ("rtt_level_start", 0)], 0x4),
        (&[("flags", 1), ("s2sz", 52), ("rtt_level_start", u64::MAX)], 0x2B),
    ] {
        let mut lab = RunningRealm::with(Profile::TF_RMM, change);
        let start = i64::from(lab.scene.world.realm(lab.rd).unwrap().rtt().start.number());
        // The Host takes the first table away: all it covered is DESTROYED.
        let rd = lab.rd;
        for ipa in [DATA, DATA2, EMPTY_DATA] {
            lab.scene.must(Command::DataDestroy { rd, ipa });
        }
        for level in (start + 1..=3).rev() {
            let level = level.cast_unsigned();
            lab.scene.must(Command::RttDestroy { rd, ipa: 0, level });
        }
        let exit = lab.act(0, GuestAction::Smc(vec![REALM_CONFIG, 0x1000]));
        assert_eq!(exit.syndrome(), [0x24 << 26 | fsc, 0, 0x10], "level {start}");
        let exit = lab.act(2, GuestAction::LoadBytes { ipa: 0x1000, len_bytes: 8 });
        assert_eq!(exit.syndrome(), [0x24 << 26 | fsc, 0, 0x10], "level {start}");
    }
}

#[test]
fn realm_config() {
    for (algo, geometry) in [(0, 33), (1, 33)] {
        let change = [("hash_algo", algo), ("s2sz", geometry), ("rpv", 0x1122_3344)];
        let mut lab = RunningRealm::with(Profile::TF_RMM, &change);
        assert_eq!(lab.smc(&[REALM_CONFIG, DATA])[0], 0);
        let page = lab.load(DATA, 0x1000);
        assert_eq!(page[..9], [33, 0, 0, 0, 0, 0, 0, 0, u8::try_from(algo).unwrap()]);
        assert_eq!(page[0x200..0x208], [0x44, 0x33, 0x22, 0x11, 0, 0, 0, 0]);
        assert_eq!(page[0x208..0x240], [0; 0x38]);
        let untouched = |range: std::ops::Range<usize>| page[range].iter().all(|b| *b == 0xDA);
        assert!(untouched(9..0x200) && untouched(0x240..0x1000));
    }
}

#[test]
fn host_calls_go_round() {
    let mut lab = RunningRealm::new(Profile::TF_RMM);
    let structure: Vec<u8> = (0..=255).collect();
    lab.store(DATA + 0xF00, &structure);
    let before = pc(&lab, 0);
    let exit = lab.act(0, GuestAction::Smc(vec![RSI_HOST_CALL, DATA + 0xF00]));
    assert_eq!((exit.reason(), exit.imm() & 0xFFFF), (HOST_CALL, 0x0100));
    let words = structure[8..].chunks(8).map(|word| u64::from_le_bytes(word.try_into().unwrap()));
    assert!(words.eq(exit.gprs()));
    assert!(lab.scene.world.rec(lab.recs[0]).unwrap().host_call_pending());
    assert_eq!(pc(&lab, 0), before + 4);

    let enter = Enter { gprs: std::array::from_fn(|i| 0x100 + i as u64), ..Enter::default() };
    lab.run(0, &enter);
    assert_eq!(lab.result(0)[..2], [0, DATA + 0xF00]);
    let answered = lab.load(DATA + 0xF00, 0x100);
    assert_eq!(answered[..8], structure[..8], "the immediate stays");
    let gprs = enter.gprs.iter().flat_map(|gpr| gpr.to_le_bytes());
    assert!(answered[8..].iter().copied().eq(gprs));
    assert!(!lab.scene.world.rec(lab.recs[0]).unwrap().host_call_pending());
}

/// A RIPAS change asked for by REC 2 and made by the Host.
fn change_ripas(lab: &mut RunningRealm, base: u64, top: u64, ripas: u64) {
    let exit = lab.act(2, GuestAction::Smc(vec![IPA_STATE_SET, base, top, ripas, 1]));
    assert_eq!(exit.reason(), RIPAS_CHANGE);
    let (rd, rec) = (lab.rd, lab.recs[2]);
    lab.scene.must(Command::RttSetRipas { rd, rec, base, top });
    lab.run(2, &Enter::default());
}

#[test]
fn host_calls_wait_for_their_page() {
    let mut lab = RunningRealm::new(Profile::TF_RMM);
    let rd = lab.rd;
    lab.act(0, GuestAction::Smc(vec![RSI_HOST_CALL, DATA2 + 0x100]));
    lab.scene.must(Command::DataDestroy { rd, ipa: DATA2 });
    let answer = Enter { gprs: [0x77; 31], hcr: 2, ..Enter::default() };
    for _ in 0..2 {
        let exit = lab.run(0, &answer);
        assert_eq!(exit.reason(), SYNC);
        assert_eq!(exit.syndrome(), [0x24 << 26 | 7, 0, (DATA2 + 0x100) >> 8]);
        assert!(lab.log(0).is_empty(), "the Realm did not run");
        assert!(lab.scene.world.rec(lab.recs[0]).unwrap().host_call_pending());
    }
    // An abort that the RMM made up is none that the Host could emulate or pass on.
    for flag in [1, 2] {
        let outcome = lab.enter(0, &Enter::flags(flag));
        assert_eq!(outcome.status(), Some(rimsim::Status::Rec), "{outcome}");
    }
    let data = lab.scene.delegated();
    lab.scene.must(Command::DataCreateUnknown { rd, data, ipa: DATA2 });
    change_ripas(&mut lab, DATA2, DATA2 + 0x1000, 1);
    lab.run(0, &answer);
    assert_eq!(lab.result(0)[0], 0);
    assert_eq!(lab.load(DATA2 + 0x108, 8), 0x77_u64.to_le_bytes(), "in the new page");
}

#[test]
fn host_calls_whose_page_the_realm_gave_away_are_not_answered() {
    let mut lab = RunningRealm::new(Profile::TF_RMM);
    lab.act(0, GuestAction::Smc(vec![RSI_HOST_CALL, DATA2]));
    change_ripas(&mut lab, DATA2, DATA2 + 0x1000, 0);
    assert_eq!(lab.run(0, &Enter::default()).reason(), FIQ);
    assert_eq!(lab.result(0)[..2], [RSI_HOST_CALL, DATA2], "X0 is what it was");
    assert!(!lab.scene.world.rec(lab.recs[0]).unwrap().host_call_pending());
}

#[test]
fn measurements_are_extended_in_each_reading() {
    for (sha512, reading, size) in [false, true]
        .into_iter()
        .flat_map(|sha512| RemReading::ALL.map(|(_, reading)| (sha512, reading)))
        .flat_map(|(sha512, reading)| [0, 1, 31, 32, 63, 64].map(|n| (sha512, reading, n)))
    {
        let profile = Profile::TF_RMM.with_rem_reading(reading);
        let mut lab = RunningRealm::with(profile, &[("hash_algo", u64::from(sha512))]);
        let value: Vec<u8> = (1..=64).collect();
        let words = value.chunks(8).map(|word| u64::from_le_bytes(word.try_into().unwrap()));
        let mut expected = [[0; 64]; 4];
        for index in [1, 4, 1] {
            let call =
                [MEASUREMENT_EXTEND, index as u64, size as u64].into_iter().chain(words.clone());
            let result = lab.smc(&call.collect::<Vec<_>>());
            assert_eq!(result[..4], [0, 0, 0, 0]);
            let slot = &mut expected[index - 1];
            let hash_len = if sha512 { 64 } else { 32 };
            let given = &value[..size];
            let padded = |bytes: &[u8]| [bytes, &vec![0; 64 - bytes.len()]].concat();
            let message = match reading {
                RemReading::Concatenated => [&slot[..hash_len], given].concat(),
                RemReading::Buffer => [&slot[..], &padded(given)].concat(),
                RemReading::PaddedValue => [&slot[..hash_len], &padded(given)].concat(),
            };
            *slot = naive_rim::hash(sha512, &message);
        }
        let rd = lab.rd;
        let rim = *lab.world().rim(rd).unwrap().slot();
        for (index, slot) in (0..).zip([rim].iter().chain(&expected)) {
            let result = lab.smc(&[MEASUREMENT_READ, index]);
            let bytes = result[1..9].iter().flat_map(|word| word.to_le_bytes());
            assert!(bytes.eq(*slot), "{reading:?} {sha512} {size} {index}");
            assert_eq!(result[0], 0);
        }
        let rems = lab.world().realm(rd).unwrap().rems();
        assert!(rems.iter().map(|rem| *rem.slot()).eq(expected));
    }
}

/// R7: TF-RMM of 2.0 leaves the registers behind a shorter digest as they were, up to X7.
#[test]
fn registers_behind_a_digest() {
    for (profile, algo, kept) in [
        (Profile::TF_RMM, 0, 0),
        (Profile::TF_RMM_2, 0, 3),
        (Profile::TF_RMM_2, 2, 1),
        (Profile::TF_RMM_2, 1, 0),
        (Profile::SPEC_2, 0, 0),
        (Profile::SPEC_2_BET3, 2, 0),
    ] {
        let mut lab = RunningRealm::with(profile, &[("hash_algo", algo)]);
        let before = [0x55, 0x66, 0x77];
        let result = lab.smc(&[MEASUREMENT_READ, 4, 0, 0, 0, 0x55, 0x66, 0x77, 0x88]);
        let mut wanted = [0; 3];
        wanted[3 - kept..].copy_from_slice(&before[3 - kept..]);
        assert_eq!(result[5..8], wanted, "{profile}, {algo}");
        assert_eq!(result[8], 0, "{profile}");
    }
}

#[test]
fn measurements_that_can_not_be() {
    let mut lab = RunningRealm::new(Profile::TF_RMM);
    let before = lab.scene.world.realm(lab.rd).unwrap().clone();
    for call in [
        [MEASUREMENT_READ, 5, 0],
        [MEASUREMENT_READ, u64::MAX, 0],
        [MEASUREMENT_EXTEND, 0, 32],
        [MEASUREMENT_EXTEND, 5, 32],
        [MEASUREMENT_EXTEND, 1 << 32 | 1, 32],
        [MEASUREMENT_EXTEND, 1, 65],
        [MEASUREMENT_EXTEND, 1, u64::MAX],
    ] {
        assert_eq!(lab.smc(&call)[..3], [INPUT, 0, 0], "{call:x?}");
    }
    assert!(*lab.scene.world.realm(lab.rd).unwrap() == before);
}

#[test]
fn ipa_states_are_read_up_to_the_end_of_a_table() {
    let mut lab = RunningRealm::new(Profile::TF_RMM);
    let (half, table) = (lab.ns, 0x20_0000);
    for (base, top, answer) in [
        (DATA, DATA + 0x1000, [0, 0x1000, 1]),
        (DATA, half, [0, EMPTY_IPA, 1]),
        (NO_MEMORY, DESTROYED_IPA, [0, EMPTY_IPA, 1]),
        (EMPTY_IPA, half, [0, DESTROYED_IPA, 0]),
        (DESTROYED_IPA, half, [0, DESTROYED_IPA + 0x1000, 2]),
        (EMPTY_DATA, half, [0, table, 0]),
        (FAR, half, [0, half, 0]),
        (half - 0x1000, half, [0, half, 0]),
        (DATA, DATA, [INPUT, 0, 0]),
        (0x1000, 0, [INPUT, 0, 0]),
        (1, 0x1000, [INPUT, 0, 0]),
        (0, 0x1001, [INPUT, 0, 0]),
        (0, half + 0x1000, [INPUT, 0, 0]),
        (half, half + 0x1000, [INPUT, 0, 0]),
        (0, LAST_PAGE, [INPUT, 0, 0]),
        (LAST_PAGE, 0, [INPUT, 0, 0]),
    ] {
        assert_eq!(lab.smc(&[IPA_STATE_GET, base, top])[..3], answer, "{base:#x}..{top:#x}");
    }
}

#[test]
fn ipa_states_are_changed_as_far_as_the_host_goes() {
    // The range, the RIPAS, how far the Host goes, its flags, and X2.
    for (top, ripas, reached, flags, response) in [
        (FAR, 1, None, 0, 0),
        (FAR, 1, None, REJECT, 1),
        (FAR, 0, None, REJECT, 0),
        (FAR, 1, Some(0x20_0000), REJECT, 1),
        (FAR, 1, Some(0x20_0000), 0, 0),
        (NO_MEMORY, 0, Some(NO_MEMORY), REJECT, 0),
        (NO_MEMORY, 1, Some(NO_MEMORY), REJECT, 0),
    ] {
        let mut lab = RunningRealm::new(Profile::TF_RMM);
        let exit = lab.act(0, GuestAction::Smc(vec![IPA_STATE_SET, DATA, top, ripas, 1]));
        assert_eq!((exit.reason(), exit.ripas()), (RIPAS_CHANGE, [DATA, top, ripas]));
        let (rd, rec) = (lab.rd, lab.recs[0]);
        if let Some(reached) = reached {
            let [out_top, ..] = lab.scene.must(Command::RttSetRipas { rd, rec, base: DATA, top });
            assert_eq!(out_top, reached);
        }
        lab.run(0, &Enter::flags(flags));
        let new_base = reached.unwrap_or(DATA);
        assert_eq!(lab.result(0)[..3], [0, new_base, response], "{top:#x} {ripas} {flags}");
        let late = lab.world().execute(Command::RttSetRipas { rd, rec, base: new_base, top: FAR });
        assert_eq!(late.status(), Some(rimsim::Status::Input), "the request is over");
    }
}

#[test]
fn ipa_state_changes_that_can_not_be() {
    let mut lab = RunningRealm::new(Profile::TF_RMM);
    let half = lab.ns;
    for call in [
        [IPA_STATE_SET, 0, 0x1000, 2, 1],
        [IPA_STATE_SET, 0, 0x1000, 3, 1],
        [IPA_STATE_SET, 0, 0x1000, 0xFFFF_FFFF, 1],
        [IPA_STATE_SET, 1, 0x1000, 1, 1],
        [IPA_STATE_SET, 0, 0x800, 1, 1],
        [IPA_STATE_SET, 0x1000, 0x1000, 1, 1],
        [IPA_STATE_SET, 0x2000, 0x1000, 1, 1],
        [IPA_STATE_SET, 0, half + 0x1000, 1, 1],
        [IPA_STATE_SET, half, half + 0x1000, 1, 1],
        [IPA_STATE_SET, LAST_PAGE, 0, 1, 1],
    ] {
        assert_eq!(lab.smc(&call)[..4], [INPUT, 0, 0, 0], "{call:x?}");
    }
    let change = *lab.scene.world.rec(lab.recs[0]).unwrap().ripas_change();
    assert_eq!(change, rimsim::model::rec::RipasChange::default());
}

#[test]
fn psci_calls_that_the_rmm_answers() {
    let mut lab = RunningRealm::new(Profile::TF_RMM);
    let half = lab.ns;
    for (call, x0) in [
        ([0x8400_0000, 0, 0], 0x1_0001),
        // CPU_ON: entry points, targets.
        ([0xC400_0003, 1, half], MINUS(9)),
        ([0xC400_0003, 1, u64::MAX], MINUS(9)),
        ([0x8400_0003, 3, 0], MINUS(2)),
        ([0xC400_0003, 0x100, 0], MINUS(2)),
        ([0xC400_0003, 1 << 32, 0], MINUS(2)),
        ([0xC400_0003, 0, 0], MINUS(4)),
        ([0x8400_0003, 0xF0, 0], MINUS(4)),
        // AFFINITY_INFO.
        ([0xC400_0004, 1, 1], MINUS(2)),
        ([0x8400_0004, 3, 0], MINUS(2)),
        ([0xC400_0004, 0, 0], 0),
        // FEATURES.
        ([0x8400_000A, 0xC400_0003, 0], 0),
        ([0x8400_000A, 0x8400_0003, 0], 0),
        ([0x8400_000A, 0x8000_0000, 0], 0),
        ([0x8400_000A, 0x8400_0000, 0], MINUS(1)),
        ([0x8400_000A, 0xC400_0002, 0], MINUS(1)),
        // What is not offered; and the SVE hint, which TF-RMM does not strip for PSCI.
        ([0xC400_0002, 0, 0], MINUS(1)),
        ([0x8400_0005, 0, 0], MINUS(1)),
        ([0x8400_0014, 0, 0], MINUS(1)),
        ([0x8400_0015, 0, 0], MINUS(1)),
        ([0x8400_0002 | 1 << 16, 0, 0], MINUS(1)),
        ([0xC400_0003 | 1 << 16, 1, 0], MINUS(1)),
    ] {
        assert_eq!(lab.smc(&call)[..4], [x0, 0, 0, 0], "{call:x?}");
    }
}

#[test]
fn psci_calls_that_the_host_is_told() {
    for fid in [0x8400_0001, 0xC400_0001, 0x8400_0002, 0x8400_0008, 0x8400_0009] {
        let mut lab = RunningRealm::new(Profile::TF_RMM);
        let exit = lab.act(0, GuestAction::Smc(vec![fid, 1, 2, 3]));
        let mut gprs = [0; 31];
        gprs[0] = fid;
        assert_eq!((exit.reason(), exit.gprs()), (PSCI, gprs), "only the function");
        let rec = lab.scene.world.rec(lab.recs[0]).unwrap();
        assert!(!rec.psci_pending());
        assert_eq!(rec.runnable(), fid != 0x8400_0002);
        let off = lab.scene.world.realm(lab.rd).unwrap().state() == RealmState::SystemOff;
        assert_eq!(off, fid & 0xF >= 8);
        let outcome = lab.enter(0, &Enter::default());
        let expected = match fid & 0xF {
            1 => 0,
            2 => 3,
            _ => 0x102,
        };
        assert_eq!(outcome.regs()[0], expected, "{fid:#x}");
        if expected == 0 {
            assert_eq!(lab.result(0)[..4], [0, 0, 0, 0]);
        }
    }
}

#[test]
fn psci_requests_that_the_host_completes() {
    // The call, the target, the status, whether the command succeeds, and what the caller sees.
    for (profile, fid, target, status, code, x0) in [
        (Profile::TF_RMM, 0xC400_0003, 1, 0, 0, 0),
        (Profile::TF_RMM, 0x8400_0003, 1, 0, 0, 0),
        (Profile::TF_RMM, 0xC400_0003 | 1 << 32, 1, 0, 0, 0),
        (Profile::TF_RMM, 0xC400_0003, 1, MINUS(3), 0, MINUS(3)),
        (Profile::TF_RMM, 0xC400_0003, 2, 0, 0, MINUS(4)),
        (Profile::TF_RMM, 0xC400_0003, 2, MINUS(3), 1, MINUS(4)),
        (Profile::SPEC, 0xC400_0003, 2, 0, 0, MINUS(4)),
        (Profile::SPEC, 0xC400_0003, 1, 0, 0, 0),
        (Profile::TF_RMM, 0xC400_0004, 1, 0, 0, 1),
        (Profile::TF_RMM, 0x8400_0004, 2, 0, 0, 0),
    ] {
        let mut lab = RunningRealm::new(profile);
        let entry = if fid & 0xF == 3 { 0x3000 } else { 0 };
        let exit = lab.act(0, GuestAction::Smc(vec![fid, target, entry, 0x5E]));
        assert_eq!((exit.reason(), exit.gprs()[..4].to_vec()), (PSCI, vec![fid, target, 0, 0]));
        assert_eq!(lab.enter(0, &Enter::default()).regs()[0], 3, "a request is pending");
        let (calling_rec, target_rec) = (lab.recs[0], lab.recs[usize::try_from(target).unwrap()]);
        let complete = Command::PsciComplete { calling_rec, target_rec, status };
        assert_eq!(lab.world().execute(complete).regs()[0], code, "{complete:x?}");
        lab.run(0, &Enter::default());
        assert_eq!(lab.result(0)[..4], [x0, 0, 0, 0]);
        let started = lab.scene.world.rec(target_rec).unwrap();
        let starts = fid & 0xF == 3 && target == 1 && status == 0;
        assert_eq!(started.runnable(), starts || target == 2);
        if starts {
            assert_eq!((started.pc(), started.gprs()[0]), (0x3000, 0x5E));
        }
        let again = lab.world().execute(complete);
        assert_eq!(again.failure().unwrap().condition(), "pending", "{again}");
    }
}

/// Only the caller's own words are exchanged, so a REC that was started sees X0 alone.
#[test]
fn a_call_that_returns_is_logged_once() {
    let mut lab = RunningRealm::new(Profile::TF_RMM);
    let id = lab.queue(0, GuestAction::Smc(vec![0xC400_0001]));
    lab.run(0, &Enter::default());
    assert!(matches!(lab.log(0), [GuestEvent::In { .. }]), "not seen yet");
    lab.run(0, &Enter::default());
    let seen =
        lab.log(0).iter().filter(|event| event.fields()[..2] == ["smc".into(), id.to_string()]);
    assert_eq!(seen.count(), 1);
    lab.run(0, &Enter::default());
    assert!(matches!(lab.log(0), [GuestEvent::In { .. }]));
    assert_eq!(lab.smc(&[TOKEN_CONTINUE, DATA, 0, 0])[0], STATE, "no token was asked for");
}
