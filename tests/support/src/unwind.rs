//! A Host of RMM 2.0 that takes everything back: operations are carried to an end, Realms taken
//! apart, and every granule is its own again.
//!
//! Encodings stand here once more, so that a slip in `abi` does not cancel itself out.

use rimsim::abi::status::MemReq;
use rimsim::model::granule::GranuleState;
use rimsim::model::rtt::{Rtte, TableId};
use rimsim::rmi::Outcome;
use rimsim::{Command, World};

use crate::ipa_view::view;

/// Undoes all that a Host can undo. `list` is a page of the Host's, `ours` the granules that are
/// delegated because the Host delegated them; in the end nothing else is, and no handle is open.
pub fn unwind(world: &mut World, list: u64) {
    world.set_interrupt(None);
    let handles: Vec<_> = world.operations().iter().map(|(it, _)| it.to_register()).collect();
    for handle in handles {
        carry_to_end(world, handle, list);
    }
    assert_eq!(world.operations().iter().count(), 0, "a handle is open");
    let rds: Vec<_> = world.realms().map(|(rd, _)| rd.0).collect();
    for rd in rds {
        take_apart(world, rd, list);
    }
    world.invariants().expect("the laws hold");
    for (granule, state) in world.granules().clone().delegated() {
        let base = world.granules().pa(granule).0;
        assert_eq!(state, GranuleState::Delegated, "{base:#x} was left behind");
        must(
            world,
            Command::GranuleRangeUndelegate { base, top: base + world.granule_size().bytes() },
        );
    }
    assert_eq!(world.granules().delegated().count(), 0);
}

#[track_caller]
fn must(world: &mut World, command: Command) -> Outcome {
    let outcome = world.execute(command);
    assert!(outcome.is_success(), "{command}: {outcome}");
    outcome
}

/// Goes on with an operation until it has ended; what it answered last. An operation that asks for
/// granules gets one that is not delegated, so that it gives up.
pub fn carry_to_end(world: &mut World, handle: u64, list: u64) -> Outcome {
    let mut req = MemReq::None;
    for _ in 0..600 {
        let command = match req {
            MemReq::None => Command::OpContinue { handle, flags: 0 },
            MemReq::Donate => {
                let page = list | 1 << 2;
                world.host_write(list, &page.to_le_bytes()).expect("the Host's page");
                Command::OpMemDonate { handle, list_ptr: list, list_count: 1 }
            }
            MemReq::Reclaim => Command::OpMemReclaim { handle, list_ptr: list, list_count: 512 },
        };
        let outcome = world.execute(command);
        match (outcome.awaits(), outcome.failure().map(|failure| failure.condition())) {
            (Some(next), _) => req = next,
            // It waits for another command.
            (None, Some("op_state")) => {
                req = if req == MemReq::None { MemReq::Donate } else { MemReq::Reclaim };
            }
            (None, _) => return outcome,
        }
    }
    panic!("operation {handle} has no end");
}

/// Terminates a Realm and destroys all that it has.
fn take_apart(world: &mut World, rd: u64, list: u64) {
    let realm = world.realm(rd).expect("listed");
    let (half, top) = (realm.rtt().protected_top(), realm.rtt().ipa_top());
    let recs: Vec<_> = realm.recs().iter().map(|rec| world.granules().pa(*rec).0).collect();
    for rec in recs {
        world.set_running(rec, false).expect("a REC");
        let begun = world.execute(Command::RecDestroyBegin { rec });
        assert_eq!(begun.awaits(), Some(MemReq::Reclaim), "{begun}");
        let ended = carry_to_end(world, begun.regs()[1], list);
        assert!(ended.is_success(), "{ended}");
    }
    must(world, Command::RealmTerminate { rd });
    aux_trees(world, rd);
    // Forms of the range: none, and one range.
    sweep(world, 0..half, |base, top| Command::RttDataUnmap { rd, base, top, flags: 0, oaddr: 0 });
    sweep(world, half..top, |base, top| Command::RttUnprotUnmap {
        rd,
        base,
        top,
        flags: 1,
        oaddr: 0,
    });
    let realm = world.realm(rd).expect("listed");
    let tables: Vec<_> = view(world, realm).tables.into_keys().collect();
    for (level, ipa) in tables.into_iter().rev() {
        must(world, Command::RttDestroy { rd, ipa, level: level.cast_unsigned() });
    }
    let mut ended = world.execute(Command::RealmDestroy { rd });
    if ended.awaits().is_some() {
        ended = carry_to_end(world, ended.regs()[1], list);
    }
    assert!(ended.is_success(), "{ended}");
}

/// Takes apart the trees of auxiliary planes.
fn aux_trees(world: &mut World, rd: u64) {
    let realm = world.realm(rd).expect("listed");
    let (half, start) = (realm.rtt().protected_top(), realm.rtt().start);
    let root_bytes =
        world.granule_size().entry_bytes(start) * world.granule_size().rtt_entries() as u64;
    let trees = 1..=realm.planes().num_aux();
    for tree in trees {
        let roots = world.realm(rd).expect("listed").tree(tree).to_vec();
        for (ipa, root) in (0..).step_by(usize::try_from(root_bytes).expect("64 bits")).zip(roots) {
            aux_table(world, [rd, tree as u64, half], root, ipa);
        }
    }
}

/// Takes away what an auxiliary table maps, and the tables below it.
fn aux_table(world: &mut World, place: [u64; 3], table: TableId, first: u64) {
    let [rd, index, half] = place;
    let level = world.tables().get(table).level();
    let entry_bytes = world.granule_size().entry_bytes(level);
    let entries = world.tables().get(table).entries().to_vec();
    for (number, entry) in (0..).zip(entries) {
        let ipa = first + number * entry_bytes;
        match entry {
            Rtte::Table(_) | Rtte::AssignedNs { .. } if ipa >= half => {
                must(world, Command::RttAuxUnmapUnprotected { rd, ipa, index });
            }
            Rtte::Table(child) => {
                aux_table(world, place, child, ipa);
                let level = u64::from((level.number() + 1).cast_unsigned());
                must(world, Command::RttAuxDestroy { rd, ipa, level, index });
            }
            Rtte::Assigned { .. } => {
                must(world, Command::RttAuxUnmapProtected { rd, ipa, index });
            }
            _ => {}
        }
    }
}

/// Calls an unmapping command until it has passed the range.
fn sweep(world: &mut World, range: std::ops::Range<u64>, command: impl Fn(u64, u64) -> Command) {
    let mut base = range.start;
    for _ in 0..4096 {
        if base >= range.end {
            return;
        }
        let reached = must(world, command(base, range.end)).regs()[1];
        assert!(reached > base, "{}: no progress", command(base, range.end));
        base = reached;
    }
    panic!("{range:x?} has no end");
}
