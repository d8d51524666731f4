//! What a Host can get wrong about stateful operations and auxiliary trees (2.0): handles that are
//! stale, of another Realm or another kind, memory that is in use, planes that there are not.

use rimsim::model::granule::GranuleState;
use rimsim::model::operation::Awaited;
use rimsim::{Command, Profile, Status, World};

use crate::rmi::call_lines::Stage;
use crate::small_machine::{GRANULE, SmallMachine, pages};

const PROFILES: [Profile; 4] =
    [Profile::TF_RMM_2, Profile::TF_RMM_NEXT, Profile::SPEC_2, Profile::SPEC_2_BET3];
const INCOMPLETE_NONE: u64 = 0x00D;
const INCOMPLETE_DONATE: u64 = 0x10D;
const INCOMPLETE_RECLAIM: u64 = 0x20D;

/// The commands that go on with an operation, and what each is waited for by.
fn steps(handle: u64, list_ptr: u64) -> [(Command, Option<Awaited>); 4] {
    [
        (Command::OpContinue { handle, flags: 0 }, Some(Awaited::Continue)),
        (Command::OpMemDonate { handle, list_ptr, list_count: 1 }, Some(Awaited::Donate)),
        (Command::OpMemReclaim { handle, list_ptr, list_count: 16 }, Some(Awaited::Reclaim)),
        (Command::OpCancel { handle }, None),
    ]
}

fn refused(world: &mut World, command: Command, condition: &str) {
    let before = world.clone();
    let outcome = world.execute(command);
    assert_eq!(outcome.regs(), &[1, 0, 0, 0, 0], "{command}: {outcome}");
    assert_eq!(outcome.failure().map(|it| it.condition()), Some(condition), "{command}");
    assert!(*world == before, "{command}");
}

/// Operations on RECs, on a block that is mapped, and on one that is unmapped: each takes the
/// command that it waits for, and nothing takes a handle that nobody has.
#[test]
fn a_handle_of_another_kind_is_refused() {
    for profile in PROFILES {
        let Stage { mut world, names } = Stage::new(profile);
        let list_ptr = names["lists"];
        world.set_interrupt(Some(0));
        let (rd, base, top) = (names["rd"], 0, GRANULE);
        let unmap = world.execute(Command::RttDataUnmap { rd, base, top, flags: 0, oaddr: 0 });
        assert_eq!(unmap.regs()[0], INCOMPLETE_NONE, "{unmap}");
        world.set_interrupt(None);
        let kinds: Vec<_> =
            world.operations().iter().map(|(handle, it)| (handle, it.awaits())).collect();
        for wanted in [Awaited::Continue, Awaited::Donate, Awaited::Reclaim] {
            assert!(kinds.iter().any(|(_, awaits)| *awaits == wanted), "{profile}: {wanted:?}");
        }
        for (handle, awaits) in &kinds {
            for (command, takes) in steps(handle.to_register(), list_ptr) {
                let condition = if takes.is_some() { "op_state" } else { "can_cancel" };
                if takes != Some(*awaits) {
                    refused(&mut world, command, condition);
                }
            }
        }
        for nobody in [kinds.len() as u64, 1 << 32, 1 << 63, u64::MAX] {
            for (command, _) in steps(nobody, list_ptr) {
                refused(&mut world, command, "handle");
            }
        }
    }
}

/// A handle that has come to its end means nothing, until another operation gets it: then it means
/// that one, whatever the Host takes it for.
#[test]
fn a_stale_handle_is_nobodys_or_anothers() {
    for profile in PROFILES {
        let mut scene = SmallMachine::new(profile);
        let rd = scene.realm(&[]);
        let made = scene.rec(rd, 0, &[("flags", 1)]);
        let (rec, params_ptr, list_ptr) = (scene.delegated(), scene.host(), scene.host());
        let begin = Command::RecCreateBegin { rd, rec, params_ptr };
        let [handle, ..] = scene.goes_on(begin);
        // It gives up, and its granule is free again.
        assert_eq!(scene.give(handle, list_ptr, &[rd])[0], INCOMPLETE_RECLAIM);
        let end = [steps(handle, list_ptr)[2].0, steps(handle, list_ptr)[0].0];
        assert_eq!(scene.world.execute(end[0]).regs()[0], INCOMPLETE_NONE);
        assert_eq!(scene.world.execute(end[1]).status(), Some(Status::Input));
        for (command, _) in steps(handle, list_ptr) {
            refused(&mut scene.world, command, "handle");
        }
        let [again, ..] = scene.goes_on(Command::RecDestroyBegin { rec: made });
        assert_eq!(again, handle, "the lowest that is free");
        for command in [0, 1].map(|step| steps(handle, list_ptr)[step].0) {
            refused(&mut scene.world, command, "op_state");
        }
        assert_eq!(scene.world.execute(end[0]).regs()[0], INCOMPLETE_NONE);
        assert!(scene.world.execute(end[1]).is_success(), "the REC is destroyed");
        scene.world.invariants().expect("they hold");
    }
}

/// Handles say which REC is meant, not which Realm: crossed, each REC gets what was given for it.
#[test]
fn a_handle_of_another_realm_is_that_realms() {
    for profile in PROFILES {
        let mut scene = SmallMachine::new(profile);
        let realms = [scene.realm(&[]), scene.realm(&[])];
        let (params_ptr, list_ptr) = (scene.host(), scene.host());
        let recs = [scene.delegated(), scene.delegated()];
        let [first, second] = [0, 1].map(|i| {
            let begin = Command::RecCreateBegin { rd: realms[i], rec: recs[i], params_ptr };
            scene.goes_on(begin)[0]
        });
        let count = scene.world.platform().rec_aux_count;
        for handle in [second, first] {
            let aux = scene.delegated_run(count.into());
            scene.write_list(list_ptr, &[pages(aux, count.into())]);
            scene.goes_on(Command::OpMemDonate { handle, list_ptr, list_count: 1 });
        }
        // The other Realm's end is none of this one's business.
        scene.must(Command::RealmTerminate { rd: realms[1] });
        assert!(scene.world.execute(steps(first, list_ptr)[0].0).is_success());
        let owner = scene.world.rec(recs[0]).expect("it was made").owner();
        assert_eq!(scene.world.granules().pa(owner).0, realms[0], "{profile}");
        let late = scene.world.execute(steps(second, list_ptr)[0].0);
        assert_eq!(late.regs()[0], INCOMPLETE_RECLAIM, "{profile}: {late}");
        scene.world.invariants().expect("they hold");
    }
}

/// Whatever stands on the stage, an operation takes DELEGATED granules alone, and another that is
/// its first ends it; what it names stays as it is.
#[test]
fn memory_in_use_is_not_donated() {
    for profile in PROFILES {
        let mut stage = Stage::new(profile);
        let mut handles = vec![("donating", stage.names["donating"])];
        if profile == Profile::TF_RMM_NEXT {
            let (rd, params_ptr) = (stage.names["free"], stage.names["params"]);
            let begun = stage.world.execute(Command::RealmCreate { rd, params_ptr });
            assert_eq!(begun.regs()[0], INCOMPLETE_DONATE, "{begun}");
            handles.push(("an RD", begun.regs()[1]));
        }
        let list_ptr = stage.names["lists"];
        let mut states = Vec::new();
        for (what, handle) in handles {
            for (name, pa) in &stage.names {
                if pa % GRANULE != 0 {
                    continue;
                }
                let mut world = stage.world.clone();
                let bytes = pages(*pa, 1).to_le_bytes();
                world.host_write(list_ptr, &bytes).expect("the Host's");
                let state = |world: &World| {
                    let granule = world.granules().find(*pa);
                    granule.map(|granule| world.granules().state(granule))
                };
                let before = state(&world);
                let outcome = world.execute(steps(handle, list_ptr)[1].0);
                let taken = before == Some(GranuleState::Delegated);
                let wanted = if taken { INCOMPLETE_DONATE } else { INCOMPLETE_RECLAIM };
                let shown = format!("{profile}: {name} for {what}: {outcome}");
                assert_eq!(outcome.regs()[..2], [wanted, taken.into()], "{shown}");
                assert!(taken || state(&world) == before, "{shown}");
                world.invariants().expect("they hold");
                states.extend(before);
            }
        }
        for seen in [
            GranuleState::Undelegated,
            GranuleState::Rd,
            GranuleState::Rec,
            GranuleState::Data,
            GranuleState::Delegated,
        ] {
            assert!(states.contains(&seen), "{profile}: {seen} is on the stage");
        }
    }
}

/// Trees that a Realm does not have, the primary one among them.
#[test]
fn there_is_no_tree_of_a_plane_out_of_range() {
    for profile in PROFILES {
        let Stage { mut world, names } = Stage::new(profile);
        let (rtt, free) = (names["free"], 0x60_0000);
        for (rd, nobody) in [
            (names["planes"], &[0, 3, 4, 1 << 32 | 1, 1 << 63, u64::MAX][..]),
            (names["rd"], &[0, 1, u64::MAX]),
        ] {
            let ns = names["ns"];
            for index in nobody.iter().copied() {
                for command in [
                    Command::RttAuxCreate { rd, rtt, ipa: free, level: 3, index },
                    Command::RttAuxMapProtected { rd, ipa: 0x2000, index },
                    Command::RttAuxMapUnprotected { rd, ipa: ns, index },
                ] {
                    refused(&mut world, command, "index_bound");
                }
                for command in [
                    Command::RttAuxDestroy { rd, ipa: 0, level: 3, index },
                    Command::RttAuxFold { rd, ipa: 0, level: 3, index },
                    Command::RttAuxUnmapProtected { rd, ipa: 0x1000, index },
                    Command::RttAuxUnmapUnprotected { rd, ipa: ns, index },
                ] {
                    let before = world.clone();
                    let outcome = world.execute(command);
                    let condition = outcome.failure().map(|it| it.condition());
                    assert_eq!(condition, Some("index_bound"), "{command}: {outcome}");
                    assert!(world == before, "{command}");
                }
            }
        }
    }
}
