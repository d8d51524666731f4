//! What the stage has of RMM 2.0: Realms that were terminated, operations that wait, lists.

use std::collections::BTreeMap;

use rimsim::abi::command::CommandInfo;
use rimsim::abi::status::MemReq;
use rimsim::model::granule::Gpt;
use rimsim::model::program::GuestAction;
use rimsim::rmi::Outcome;
use rimsim::{Command, World};

use crate::rmi::call_lines::{Line, Stage};
use crate::small_machine::{GRANULE, SmallMachine, pages};
use crate::unwind::carry_to_end;

/// Columns that are neither arguments nor fields: whether all handles are in use, the first
/// auxiliary granule that a REC is given, a region's size, and the first list register of the GIC.
const COLUMNS: &[&str] = &["contexts", "aux", "region", "lr0"];
/// Granules for operations that take up handles.
const SPARES: [&str; 4] = ["spare0", "spare1", "spare2", "spare3"];
/// Where an operation has yet to finish with an entry, and where an entry is DESTROYED.
const PENDING_IPA: u64 = 0x7000;
const DESTROYED_IPA: u64 = 0x5000;
/// Commands for an RMM that is not active.
const EARLY: [&str; 2] = ["RMM_CONFIG_SET", "RMM_ACTIVATE"];

pub(crate) fn set(scene: &mut SmallMachine, names: &mut BTreeMap<&'static str, u64>) {
    realms(scene, names);
    lists(scene, names);
    operations(scene, names);
    permissions(scene, names);
    gone(scene, names);
    planes(scene, names);
    for spare in SPARES {
        names.insert(spare, scene.delegated());
    }
}

fn realms(scene: &mut SmallMachine, names: &mut BTreeMap<&'static str, u64>) {
    let rd = names["rd"];
    scene.data(rd, DESTROYED_IPA, 0xDE);
    scene.unmap(rd, DESTROYED_IPA);
    let stopped = scene.world.rec(names["stopped"]).expect("a REC").owner();
    names.insert("off", scene.world.granules().pa(stopped).0);

    // Terminated: with a REC, with a live table, and with nothing.
    let zombie = scene.realm(&[]);
    names.insert("zombie_rec", scene.rec(zombie, 0, &[("flags", 1)]));
    let dead_tables = scene.realm(&[]);
    scene.tables(dead_tables, 0, 2);
    let dead = scene.realm(&[]);
    for rd in [zombie, dead_tables, dead] {
        scene.must(Command::RealmTerminate { rd });
    }
    names.extend([("dead_tables", dead_tables), ("dead", dead)]);

    // Another PE runs a REC.
    let busy = scene.realm(&[]);
    let running = scene.rec(busy, 0, &[("flags", 1)]);
    scene.must(Command::RealmActivate { rd: busy });
    scene.world.set_running(running, true).expect("a REC");
    names.extend([("busy", busy), ("running", running)]);
}

const RIPAS_EMPTY: u64 = 0;
const IPA_STATE_SET: u64 = 0xC400_0197;
const MEM_SET_PERM_INDEX: u64 = 0xC400_01A1;
const PLANE_ENTER: u64 = 0xC400_01A3;
/// The page of RSI_PLANE_ENTER: zeros, so plane 1 begins at 0, at EL0.
const PLANE_RUN_IPA: u64 = 0x3000;

fn smc(regs: &[u64]) -> Vec<GuestAction> {
    vec![GuestAction::Smc(regs.to_vec())]
}

/// A REC that asks to start one that is destroyed then.
fn gone(scene: &mut SmallMachine, names: &mut BTreeMap<&'static str, u64>) {
    let (_, [asks, gone]) = super::active(scene, [1, 0]);
    scene.run(asks, smc(&[0xC400_0003, 1, 0x1000, 7]));
    let outcome = scene.ended(Command::RecDestroyBegin { rec: gone });
    assert!(outcome.is_success(), "{outcome}");
    names.insert("asks_gone", asks);
}

/// RECs that ask for other permissions: inside a block, of less than a block, and of two pages.
fn permissions(scene: &mut SmallMachine, names: &mut BTreeMap<&'static str, u64>) {
    let rd = scene.realm(&[]);
    scene.tables(rd, 0, 3);
    let asks = [
        ("perm_inside", 0x20_1000, 0x20_4000),
        ("perm_less", 0x40_0000, 0x40_2000),
        ("perm_pages", 0x1000, 0x3000),
    ];
    let recs: Vec<_> = (0..).zip(asks).map(|(i, _)| scene.rec(rd, i, &[("flags", 1)])).collect();
    scene.must(Command::RealmActivate { rd });
    for (rec, (name, base, top)) in recs.into_iter().zip(asks) {
        scene.run(rec, smc(&[MEM_SET_PERM_INDEX, base, top, 1, 0]));
        names.insert(name, rec);
    }
    names.insert("perms", rd);
}

/// An ACTIVE Realm with two auxiliary trees, the first with tables, a page and what is shared.
fn planes(scene: &mut SmallMachine, names: &mut BTreeMap<&'static str, u64>) {
    let (first, second) = (scene.delegated(), scene.delegated());
    let roots = [("aux_rtt_base", first), ("aux_rtt_base1", second)];
    let rd = scene.realm(&[&[("num_aux_planes", 2), ("flags1", 1)], &roots[..]].concat());
    for ipa in [0, 0x40_0000, 0x60_0000] {
        scene.tables(rd, ipa, 3);
    }
    for ipa in [0, 0x1000, 0x2000, 0x40_0000, 0x60_0000] {
        scene.data(rd, ipa, 0x9A);
    }
    let ns = names["ns"];
    scene.tables(rd, ns, 3);
    let asks: Vec<_> = (0..3).map(|i| scene.rec(rd, i, &[("flags", 1)])).collect();
    scene.must(Command::RealmActivate { rd });

    let index = 1;
    let levels = [(0, 2), (0, 3), (0x20_0000, 3), (0x40_0000, 3)];
    for (ipa, level) in levels {
        let rtt = scene.delegated();
        scene.must(Command::RttAuxCreate { rd, rtt, ipa, level, index });
    }
    // A table of which every entry is DESTROYED.
    scene.must(Command::RttAuxDestroy { rd, ipa: 0x40_0000, level: 3, index });
    let rtt = scene.delegated();
    scene.must(Command::RttAuxCreate { rd, rtt, ipa: 0x40_0000, level: 3, index });
    scene.must(Command::RttAuxMapProtected { rd, ipa: 0x1000, index });
    scene.must(Command::RttAuxMapUnprotected { rd, ipa: ns, index });

    // Of the first auxiliary tree: inside a block, and less than a block.
    let [empties, inside, less] = asks[..] else { unreachable!("three RECs") };
    scene.run(empties, smc(&[IPA_STATE_SET, 0x1000, 0x3000, RIPAS_EMPTY, 0]));
    let (base, top) = (0x60_1000, 0x60_4000);
    scene.run(inside, smc(&[MEM_SET_PERM_INDEX, base, top, 1, base | index]));
    let (base, top) = (0x60_0000, 0x60_2000);
    scene.run(less, smc(&[MEM_SET_PERM_INDEX, base, top, 1, base | index]));
    names.extend([("planes", rd), ("empties", empties)]);
    names.extend([("aux_inside", inside), ("aux_less", less)]);
    away(scene, names);
}

/// A REC of which another plane runs, and the page by which plane 0 would hear of its end is gone.
fn away(scene: &mut SmallMachine, names: &mut BTreeMap<&'static str, u64>) {
    let aux = scene.delegated();
    let rd = scene.realm(&[("num_aux_planes", 1), ("flags1", 1), ("aux_rtt_base", aux)]);
    scene.tables(rd, PLANE_RUN_IPA, 3);
    scene.data(rd, PLANE_RUN_IPA, 0);
    let rec = scene.rec(rd, 0, &[("flags", 1)]);
    scene.must(Command::RealmActivate { rd });
    scene.world.queue_guest_of_plane(rec, 1, 0, GuestAction::Irq).expect("an action");
    scene.run(rec, smc(&[PLANE_ENTER, 1, PLANE_RUN_IPA]));
    assert_eq!(scene.world.rec(rec).expect("a REC").active_plane(), 1);
    scene.unmap(rd, PLANE_RUN_IPA);
    names.insert("away", rec);
}

/// Lists on one page of the Host's, by what is wrong with them.
fn lists(scene: &mut SmallMachine, names: &mut BTreeMap<&'static str, u64>) {
    let page = scene.host();
    let (free, pair) = (names["free"], names["free1"]);
    let undelegated = 1 << 63;
    let lists: [(&str, &[u64]); 9] = [
        ("lists", &[pages(pair, 2)]),
        ("ns_range", &[pages(free, 1) | undelegated]),
        ("level_0", &[pages(0, 1) | 3]),
        ("level_2", &[pages(free, 1) | 1]),
        ("empty_range", &[pages(free, 0)]),
        ("then_ns", &[pages(free, 0), pages(free, 1) | undelegated]),
        ("then_level_2", &[pages(free, 0), pages(free, 1) | 1]),
        ("odd_ns", &[pages(free, 1) | 1 | undelegated]),
        ("large", &[pages(pair, 3)]),
    ];
    for ((name, list), i) in lists.into_iter().zip(0..) {
        let place = page + 16 * i;
        scene.write_list(place, list);
        names.insert(name, place);
    }
}

/// One operation for each thing that it can wait for, and one that has an entry of an RTT.
fn operations(scene: &mut SmallMachine, names: &mut BTreeMap<&'static str, u64>) {
    let (rd, list_ptr) = (names["rd"], scene.host());
    let params_ptr = scene.host();
    let mut begin = |scene: &mut SmallMachine, name| {
        let rec = scene.delegated();
        let aux = scene.delegated_run(2);
        scene.write_list(list_ptr, &[pages(aux, 2)]);
        let [handle, ..] = scene.goes_on(Command::RecCreateBegin { rd, rec, params_ptr });
        names.insert(name, handle);
        handle
    };
    begin(scene, "donating");
    // Its parameters name index 0, which is not the next, so that it fails in the last step.
    for (name, fails) in [("ready", false), ("reclaims", true)] {
        let handle = begin(scene, name);
        scene.goes_on(Command::OpMemDonate { handle, list_ptr, list_count: 1 });
        if fails {
            scene.goes_on(Command::OpContinue { handle, flags: 0 });
        }
    }
    let mpidr: u64 = 1;
    scene.world.host_write(params_ptr + 0x100, &mpidr.to_le_bytes()).expect("the Host's");

    let oaddr = pages(scene.delegated(), 1);
    let (base, top) = (PENDING_IPA, PENDING_IPA + GRANULE);
    scene.world.set_interrupt(Some(1));
    scene.goes_on(Command::RttDataMap { rd, base, top, flags: 1, oaddr });
    scene.world.set_interrupt(None);
}

/// Does what the columns of a line ask for that are no arguments; these columns.
pub(crate) fn prepare(
    stage: &mut Stage,
    info: &CommandInfo,
    line: &Line<'_>,
) -> &'static [&'static str] {
    if EARLY.contains(&info.name) {
        let world = &stage.world;
        stage.world = World::new(world.platform().clone(), world.profile());
        let secure = stage.names["secure"];
        stage.world.set_gpt(secure, Gpt::Secure).expect("the Host's");
    }
    if let Some(region) = line.get("region") {
        let region = stage.value(region).to_le_bytes();
        stage.world.host_write(stage.names["host"], &region).expect("the Host's");
    }
    if let Some(lr) = line.get("lr0") {
        let mut lrs = [0; 16];
        lrs[0] = stage.value(lr);
        stage.world.set_cpu_interface(0, &lrs);
    }
    if line.get("contexts").is_some_and(|used| stage.value(used) != 0) {
        for spare in SPARES {
            let rec = stage.names[spare];
            let begun = stage.world.execute(Command::RecCreateBegin { rd: 0, rec, params_ptr: 0 });
            assert_eq!(begun.awaits(), Some(MemReq::Donate), "{begun}");
        }
    }
    COLUMNS
}

/// The last outcome of a creation: it gets the granules of the line, and its own back if it fails.
pub(crate) fn to_end(
    stage: &mut Stage,
    command: Command,
    line: &Line<'_>,
    outcome: Outcome,
) -> Outcome {
    let (Command::RecCreateBegin { .. }, Some(MemReq::Donate)) = (command, outcome.awaits()) else {
        return outcome;
    };
    let handle = outcome.regs()[1];
    let aux = [line["aux"], "free2"].map(|name| pages(stage.value(name), 1));
    let list_ptr = stage.names["lists"];
    let bytes: Vec<_> = aux.iter().flat_map(|desc| desc.to_le_bytes()).collect();
    stage.world.host_write(list_ptr, &bytes).expect("the Host's");
    let _ = stage.world.execute(Command::OpMemDonate { handle, list_ptr, list_count: 2 });
    carry_to_end(&mut stage.world, handle, list_ptr)
}
