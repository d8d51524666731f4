//! What the Host may do to a REC that runs on another PE: nothing.

use rimsim::model::program::{GuestAction, GuestEvent};
use rimsim::{Command, Profile};

use crate::running_realm::{
    DATA, Enter, Exit, FIQ, HOST_CALL, NO_MEMORY, PSCI, RIPAS_CHANGE, RunningRealm,
};
use crate::unwind::unwind;

const INPUT: u64 = 1;
const REC: u64 = 3;

/// What the Host is answered if it makes these calls while REC 0 runs.
fn while_running(lab: &mut RunningRealm, calls: &[Command]) -> Vec<u64> {
    for call in calls {
        lab.queue(0, GuestAction::HostSmc(call.encode().to_vec()));
    }
    lab.run(0, &Enter::default());
    let answers = lab.log(0).iter().filter_map(|event| match event {
        GuestEvent::Host { regs, .. } => Some(regs[0]),
        _ => None,
    });
    answers.collect()
}

/// The rows "the REC is running", each with failures above and below it in its table.
#[test]
fn a_running_rec_is_left_alone() {
    for profile in Profile::ALL_1_0 {
        let mut lab = RunningRealm::new(profile);
        let (rd, [rec, idle, other], [run_ptr, ..]) = (lab.rd, lab.recs, lab.runs);
        let ns_page = lab.ns_page;
        let set = |rd, rec, base, top| Command::RttSetRipas { rd, rec, base, top };
        let complete =
            |target_rec, status| Command::PsciComplete { calling_rec: rec, target_rec, status };
        let expected = [
            (Command::RecDestroy { rec }, REC),
            (Command::RecDestroy { rec: rec + 8 }, INPUT),
            (Command::RecEnter { rec, run_ptr: ns_page }, REC),
            (Command::RecEnter { rec, run_ptr }, REC),
            (Command::RecEnter { rec, run_ptr: rd }, INPUT),
            (set(rd, rec, 0x1000, 0x2000), REC),
            (set(rd, rec, 0x1001, 0x2001), REC),
            (set(rd, rec, 0x1000, 0x1000), INPUT),
            (set(rec, rec, 0x1000, 0x2000), INPUT),
            (complete(other, 0), INPUT),
            (complete(idle, 0), INPUT),
            (Command::RecDestroy { rec: idle }, 0),
            (Command::RealmDestroy { rd }, 2),
        ];
        let answers = while_running(&mut lab, &expected.map(|(call, _)| call));
        assert_eq!(answers, expected.map(|(_, answer)| answer), "{profile}");
        assert!(!lab.scene.world.rec(rec).unwrap().running());
        lab.scene.must(Command::RecDestroy { rec });
    }
}

/// The same of RMM 2.0, in which the Realm can not be terminated either.
#[test]
fn a_running_rec_of_2_0_is_left_alone() {
    for profile in [Profile::TF_RMM_2, Profile::SPEC_2] {
        let mut lab = RunningRealm::new(profile);
        let (rd, [rec, idle, other], [run_ptr, ..]) = (lab.rd, lab.recs, lab.runs);
        let ns_page = lab.ns_page;
        let set = |rd, rec, base, top| Command::RttSetRipas { rd, rec, base, top };
        let complete =
            |target_rec, status| Command::PsciComplete { calling_rec: rec, target_rec, status };
        let realm = 2;
        let expected = [
            (Command::RecDestroyBegin { rec }, REC),
            (Command::RecDestroyBegin { rec: rec + 8 }, INPUT),
            (Command::RecEnter { rec, run_ptr: ns_page }, REC),
            (Command::RecEnter { rec, run_ptr }, REC),
            (Command::RecEnter { rec, run_ptr: rd }, INPUT),
            (set(rd, rec, 0x1000, 0x2000), REC),
            (set(rd, rec, 0x1001, 0x2000), REC),
            (set(rd, rec, 0x1001, 0x2001), INPUT),
            (set(rec, rec, 0x1000, 0x2000), INPUT),
            (Command::RttSetS2ap { rd, rec, base: 0x1001, top: 0x2000 }, REC),
            (Command::RttSetS2ap { rd, rec, base: 0x1001, top: 0x2001 }, INPUT),
            (complete(other, 0), INPUT),
            (complete(idle, 0), INPUT),
            (Command::RealmTerminate { rd }, realm),
            (Command::RealmTerminate { rd: rec }, INPUT),
            (Command::RealmDestroy { rd }, realm),
        ];
        let answers = while_running(&mut lab, &expected.map(|(call, _)| call));
        assert_eq!(answers, expected.map(|(_, answer)| answer), "{profile}");
        assert!(!lab.scene.world.rec(rec).unwrap().running());
        lab.scene.must(Command::RealmTerminate { rd });
        unwind(&mut lab.scene.world, ns_page);
    }
}

/// A REC that runs is busy before its run page is unreadable or its Realm is off.
#[test]
fn running_outranks_what_comes_after_it() {
    let mut lab = RunningRealm::new(Profile::TF_RMM);
    let ([rec, _, other], [run_ptr, _, other_run]) = (lab.recs, lab.runs);
    let secure = lab.scene.with_gpt(rimsim::model::granule::Gpt::Secure);
    lab.queue(2, GuestAction::Smc(vec![0x8400_0008]));
    let answers = while_running(
        &mut lab,
        &[
            Command::RecEnter { rec, run_ptr: secure },
            Command::RecEnter { rec: other, run_ptr: other_run },
            Command::RecEnter { rec, run_ptr },
            Command::RecEnter { rec: other, run_ptr: other_run },
        ],
    );
    assert_eq!(answers, [REC, 0, REC, 0x102]);
    assert_eq!(Exit::read(&lab.scene.world, other_run).unwrap().reason(), PSCI);
    assert_eq!(lab.enter(0, &Enter::default()).regs()[0], 0x102);
}

/// Two RECs run at a time: requests of one are answered while the other is in the Realm.
#[test]
fn the_host_serves_one_rec_while_another_runs() {
    let mut lab = RunningRealm::new(Profile::TF_RMM);
    let (rd, rec, run_ptr) = (lab.rd, lab.recs[2], lab.runs[2]);
    let call = |regs: &[u64]| GuestAction::Smc(regs.to_vec());
    lab.queue(2, call(&[0xC400_0197, NO_MEMORY, NO_MEMORY + 0x1000, 0, 1]));
    lab.queue(2, call(&[0xC400_0199, DATA]));
    let enter = Command::RecEnter { rec, run_ptr };
    let set = Command::RttSetRipas { rd, rec, base: NO_MEMORY, top: NO_MEMORY + 0x1000 };
    assert_eq!(while_running(&mut lab, &[enter, set]), [0, 0]);
    assert_eq!(Exit::read(&lab.scene.world, run_ptr).unwrap().reason(), RIPAS_CHANGE);
    assert_eq!(while_running(&mut lab, &[enter]), [0]);
    assert_eq!(Exit::read(&lab.scene.world, run_ptr).unwrap().reason(), HOST_CALL);
    assert_eq!(lab.result(2)[..3], [0, NO_MEMORY + 0x1000, 0]);
}

/// The exit is lost, the Realm's progress is not.
#[test]
fn an_exit_that_can_not_be_written_is_an_error() {
    for profile in Profile::ALL_1_0 {
        let mut lab = RunningRealm::new(profile);
        let addr = lab.runs[0];
        let steal = Command::GranuleDelegate { addr }.encode().to_vec();
        lab.queue(0, GuestAction::HostSmc(steal));
        lab.queue(0, GuestAction::SetReg { n: 7, value: 0x77 });
        let outcome = lab.enter(0, &Enter::default());
        assert_eq!(outcome.failure().unwrap().condition(), "run_pas", "{outcome}");
        let rec = lab.scene.world.rec(lab.recs[0]).unwrap();
        assert!(!rec.running() && rec.gprs()[7] == 0x77);
        lab.scene.must(Command::GranuleUndelegate { addr });
        assert_eq!(lab.run(0, &Enter::default()).reason(), FIQ);
    }
}

/// RECs that enter each other end, however long the chain would be.
#[test]
fn entries_nest_only_so_deep() {
    let mut scene = crate::small_machine::SmallMachine::new(Profile::TF_RMM);
    let mut recs = Vec::new();
    for _ in 0..20 {
        let rd = scene.realm(&[]);
        recs.push((scene.rec(rd, 0, &[("flags", 1)]), scene.host()));
        scene.must(Command::RealmActivate { rd });
    }
    let enter = |(rec, run_ptr): (u64, u64)| Command::RecEnter { rec, run_ptr };
    for pair in recs.windows(2) {
        let next = GuestAction::HostSmc(enter(pair[1]).encode().to_vec());
        scene.world.queue_guest(pair[0].0, 0, next).unwrap();
    }
    scene.must(enter(recs[0]));
    let waits = |rec: u64| scene.world.guest(rec).is_some_and(|guest| guest.pending_count() > 0);
    let left = recs.iter().position(|(rec, _)| waits(*rec));
    assert_eq!(left, Some(16), "the seventeenth left at once");
    assert!(recs.iter().all(|(rec, _)| !scene.world.rec(*rec).unwrap().running()));
}
