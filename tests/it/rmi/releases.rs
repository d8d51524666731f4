//! The RMMs by name: releases of TF-RMM and of the text.

use rimsim::abi::deviations::{DEVIATIONS, Deviation};
use rimsim::model::program::GuestAction;
use rimsim::{Command, Edition, Profile, World, script};

use crate::small_machine::{BLOCK, HIGH_RAM, RAM_TOP, SmallMachine, platform};

#[test]
fn names_and_aliases_find_their_profile() {
    let mut names: Vec<_> = Profile::ALL.map(Profile::name).into();
    for profile in Profile::ALL {
        assert_eq!(Profile::from_name(profile.name()), Some(profile));
        assert_eq!(profile.to_string(), profile.name());
        assert!(!profile.about().is_empty());
    }
    for (alias, profile) in Profile::ALIASES {
        assert_eq!(Profile::from_name(alias), Some(profile));
        names.push(alias);
    }
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), Profile::ALL.len() + Profile::ALIASES.len());
    assert_eq!(Profile::from_name("tf-rmm").map(Profile::name), Some("tf-rmm-1.0"));
    assert_eq!(Profile::TF_RMM.in_edition(Edition::V2).name(), "tf-rmm-0.9", "seen run");
    assert_eq!(Profile::TF_RMM_NEXT.in_edition(Edition::V2), Profile::TF_RMM_NEXT);
    assert_eq!(Profile::from_name("tf-rmm-1.1"), None);
}

/// RMI_FEATURES(1) and how a RIM begins.
#[test]
fn the_next_tf_rmm_names_sha384_and_begins_with_zeros() {
    const SHA_384: u64 = 1 << 4;
    for (profile, named, rule) in [
        (Profile::TF_RMM_2, false, "tf-rmm-0.9"),
        (Profile::TF_RMM_NEXT, true, "rmm-2.0"),
        (Profile::SPEC_2, true, "rmm-2.0"),
        (Profile::SPEC_2_BET3, true, "rmm-2.0"),
    ] {
        let mut scene = SmallMachine::new(profile);
        let [value, ..] = scene.must(Command::Features { index: 1 });
        assert_eq!(value & SHA_384 != 0, named, "{profile}");
        let rd = scene.realm(&[("flags", 2)]);
        let rim = *scene.world.rim(rd).expect("a Realm").slot();
        assert_eq!(rim == [0; 64], rule == "rmm-2.0", "{profile}");
        assert_eq!(profile.rim_rule().name(), rule);
    }
}

/// RSI_IPA_STATE_SET reads eight bits of the RIPAS and one of the flags, since TF-RMM mended it and
/// in the text of 2.0.
#[test]
fn operands_of_a_ripas_change_are_as_wide_as_the_release_has_them() {
    for (profile, narrow) in
        [(Profile::TF_RMM_2, false), (Profile::TF_RMM_NEXT, true), (Profile::SPEC_2, true)]
    {
        let mut scene = SmallMachine::new(profile);
        let rd = scene.realm(&[]);
        let rec = scene.rec(rd, 0, &[("flags", 1)]);
        scene.must(Command::RealmActivate { rd });
        // Above the eight bits of RAM, and above bit 0 of CHANGE_DESTROYED, stand others.
        let regs = vec![0xC400_0197, 0x1000, 0x2000, 0x101, 0x11];
        scene.run(rec, vec![GuestAction::Smc(regs)]);
        let change = scene.world.rec(rec).expect("a REC").ripas_change();
        assert_eq!(change.top == 0x2000, narrow, "{profile}");
        assert_eq!(change.changes_destroyed(), narrow, "{profile}");
    }
}

/// RMI_GRANULE_TRACKING_GET: two pieces of memory with a hole between, and nothing behind.
#[test]
fn tracking_is_told_as_far_as_the_release_tells_it() {
    let [none_yet, fine, none_at_all]: [[u64; 2]; 3] = [[0, 1], [0, 2], [3, 0]];
    let (ram, high) = (BLOCK, HIGH_RAM);
    for (profile, whole, absent) in [
        (Profile::TF_RMM_2, true, none_yet),
        (Profile::SPEC_2, false, none_yet),
        (Profile::SPEC_2_BET2, false, none_yet),
        (Profile::SPEC_2_BET3, false, none_at_all),
        (Profile::TF_RMM_NEXT, false, none_at_all),
    ] {
        let mut scene = SmallMachine::new(profile);
        let last = 1 << scene.world.platform().pa_bits;
        for (start, end, kind, top) in [
            (ram, RAM_TOP, fine, RAM_TOP),
            (ram + 0x5000, ram + 0x6000, fine, ram + 0x6000),
            (ram, high + 0x1000, fine, RAM_TOP),
            (RAM_TOP, high + 0x1000, absent, high),
            (0, ram, absent, ram),
            (0, 0x1000, absent, 0x1000),
            (high, high + 0x10_0000, fine, high + 0x4000),
            (high + 0x4000, last - 0x1000, absent, last - 0x1000),
        ] {
            let told = scene.must(Command::GranuleTrackingGet { start, end });
            let wanted = [kind[0], kind[1], if whole { end } else { top }, 0];
            assert_eq!(told, wanted, "{profile}: {start:x}..{end:x}");
        }
        let outcome = scene.world.execute(Command::GranuleTrackingGet { start: high, end: last });
        assert_eq!(outcome.is_success(), !whole, "{profile}: {outcome}");
        let outcome = scene.world.execute(Command::GranuleTrackingGet { start: last, end: last });
        assert!(!outcome.is_success(), "{profile}: {outcome}");
        // Before it is active.
        let mut early = World::new(platform(), profile);
        let outcome = early.execute(Command::GranuleTrackingGet { start: ram, end: RAM_TOP });
        let state = if absent == none_at_all { 1 } else { 2 };
        assert_eq!(outcome.regs()[..4], [0, 0, state, RAM_TOP], "{profile}");
    }
}

/// A Realm with a REC that runs, one that is off and one that is on; its RD and the three.
fn three_recs(profile: Profile) -> (SmallMachine, u64, [u64; 3]) {
    let mut scene = SmallMachine::new(profile);
    let rd = scene.realm(&[]);
    let recs = [0, 1, 2].map(|mpidr| scene.rec(rd, mpidr, &[("flags", u64::from(mpidr != 1))]));
    scene.must(Command::RealmActivate { rd });
    (scene, rd, recs)
}

const DENIED: u64 = 3_u64.wrapping_neg();

/// The Host of bet3 has no second REC to name: X2 is the status, and the RMM knows who is meant.
#[test]
fn psci_requests_are_completed_as_the_release_is_called() {
    const CPU_ON: u64 = 0xC400_0003;
    const INPUT: u64 = 1;
    for (profile, remembers) in [
        (Profile::TF_RMM_2, false),
        (Profile::SPEC_2, false),
        (Profile::SPEC_2_BET2, false),
        (Profile::TF_RMM_NEXT, true),
        (Profile::SPEC_2_BET3, true),
    ] {
        let (scene, _, [asks, off, on]) = three_recs(profile);
        let call = |scene: &mut SmallMachine, x2, x3| {
            scene.world.call(&[0xC400_0164, asks, x2, x3, 0, 0, 0]).regs()[0]
        };
        let asked = |mpidr| {
            let mut scene = scene.clone();
            scene.run(asks, vec![GuestAction::Smc(vec![CPU_ON, mpidr, 0x3000, 7])]);
            scene
        };
        let x0 = |scene: &SmallMachine| scene.world.rec(asks).expect("a REC").gprs()[0];
        // By the wrong convention nothing happens: an address is no status, and 0 is no REC.
        let mut wrong = asked(1);
        let (x2, x3) = if remembers { (off, 0) } else { (0, 0) };
        assert_eq!(call(&mut wrong, x2, x3), INPUT, "{profile}");
        assert!(!wrong.world.rec(off).expect("a REC").runnable());
        for (mpidr, target, status, code, seen) in
            [(1, off, 0, 0, 0), (1, off, DENIED, 0, DENIED), (2, on, 0, 0, 4_u64.wrapping_neg())]
        {
            let mut scene = asked(mpidr);
            let (x2, x3) = if remembers { (status, 0xBAD) } else { (target, status) };
            assert_eq!(call(&mut scene, x2, x3), code, "{profile}, {mpidr}, {status:x}");
            assert_eq!(x0(&scene), seen, "{profile}");
            let started = scene.world.rec(target).expect("a REC");
            assert_eq!(started.runnable(), target == on || status == 0);
            // By its name, a command means the same under every release.
            let mut named = asked(mpidr);
            let by_name = Command::PsciComplete { calling_rec: asks, target_rec: target, status };
            let regs = profile.encode(&by_name);
            assert_eq!(regs[2], if remembers { status } else { target });
            assert_eq!(named.world.call(&regs).command(), Some(by_name), "{profile}");
            assert_eq!(x0(&named), seen);
        }
    }
}

/// The RMM remembers a REC by its granule: if it is gone, or another stands there, only a denial
/// ends the request (`rec.c` behind 9a7f8ef4).
#[test]
fn a_request_for_a_rec_that_is_gone_can_be_denied() {
    for profile in [Profile::TF_RMM_NEXT, Profile::SPEC_2_BET3] {
        let (mut scene, rd, [asks, off, _]) = three_recs(profile);
        scene.run(asks, vec![GuestAction::Smc(vec![0xC400_0003, 1, 0x3000, 7])]);
        let outcome = scene.ended(Command::RecDestroyBegin { rec: off });
        assert!(outcome.is_success(), "{outcome}");
        let complete = |status| Command::PsciComplete { calling_rec: asks, target_rec: 0, status };
        let refused = scene.world.execute(complete(0));
        assert_eq!(refused.failure().expect("refused").condition(), "target", "{refused}");
        // A root table in its place is no REC, and an RD none either.
        let (outcome, _) = scene.try_realm(&[("rtt_base", off)]);
        assert!(outcome.is_success(), "{outcome}");
        assert!(!scene.world.execute(complete(0)).is_success());
        scene.must(complete(DENIED));
        let caller = scene.world.rec(asks).expect("a REC");
        assert_eq!((caller.gprs()[0], caller.psci_pending()), (DENIED, false));
        assert!(!scene.world.execute(complete(DENIED)).is_success(), "once");
        assert_eq!(scene.world.realm(rd).expect("a Realm").recs().len(), 2);
        scene.world.invariants().expect("they hold");
    }
}

/// ARCHITECTURE has the table that `rimsim profiles --deviations` prints in full. `BLESS=1` writes
/// it.
#[test]
fn architecture_lists_every_deviation() {
    const HEAD: &str =
        "| Deviation | RMM | What can be seen of it | Known from |\n|---|---|---|---|\n";
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/ARCHITECTURE.md");
    let text = std::fs::read_to_string(path).expect("a file of the repository");
    let (before, rest) = text.split_once(HEAD).expect("the head of the table");
    let end = rest.find("\n\n").expect("something behind it");
    let row = |one: &Deviation| {
        let editions: Vec<_> = one.editions.iter().map(|edition| edition.name()).collect();
        let Deviation { id, seen, source, .. } = one;
        format!("| {id} | {} | {seen} | {source} |", editions.join(", "))
    };
    let wanted = DEVIATIONS.iter().map(row).collect::<Vec<_>>().join("\n");
    if std::env::var_os("BLESS").is_some() {
        let text = [before, HEAD, &wanted, &rest[end..]].concat();
        return std::fs::write(path, text).expect("written");
    }
    assert_eq!(&rest[..end], wanted, "BLESS=1 writes the table");
}

/// In quotes, as its name has digits.
#[test]
fn a_script_can_name_a_release() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a.rmi");
    for (line, name) in [
        ("rmm \"tf-rmm-next\"", "tf-rmm-next"),
        ("rmm tf-rmm-next", "tf-rmm-next"),
        ("rmm \"spec-2.0-bet3\"", "spec-2.0-bet3"),
        ("rmm tf-rmm", "tf-rmm-0.9"),
    ] {
        std::fs::write(&path, format!("spec \"2.0\"\n{line}\nRMM_ACTIVATE\n")).expect("a file");
        let player = script::Player::new(script::load(&path).expect("a script"));
        assert_eq!(player.setup().1.name(), name);
    }
    std::fs::write(&path, "rmm \"tf-rmm-1.1\"\n").expect("a file");
    let error = script::load(&path).expect_err("there is none").to_string();
    assert!(error.contains("no RMM is called tf-rmm-1.1; there are tf-rmm, spec"), "{error}");
}
