//! The RMMs by name: releases of TF-RMM and of the text.

use rimsim::abi::deviations::DEVIATIONS;
use rimsim::model::program::GuestAction;
use rimsim::{Command, Edition, Profile, script};

use crate::small_machine::SmallMachine;

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

/// Every named deviation of 2.0 that a Host can see by a status is answered apart by the text.
#[test]
fn deviations_are_of_editions_that_there_are() {
    let of_2_0 = DEVIATIONS.iter().filter(|one| one.editions.contains(&Edition::V2)).count();
    assert!(of_2_0 >= 10 && DEVIATIONS.len() > of_2_0);
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
