//! Laws over random sequences, and laws that compare several histories.

use std::collections::BTreeSet;

use proptest::prelude::*;
use rimsim::measure::rim::Measurement;
use rimsim::measure::rule::RimRule;
use rimsim::{Command, Data, Edition, Ipa, Pa, Profile, Rd, Src, Status, World};

use crate::call_laws::check_laws;
use crate::ipa_view::{Cell, view};
use crate::naive_rim::NaiveRim;
use crate::random_steps::{Action, Record, actions};
use crate::small_machine::{RAM, RAM_TOP, SmallMachine};
use crate::world_and_flat::WorldAndFlat;

/// Runs steps and checks the laws after each. The many calls of one step are checked at its end.
fn run(records: &[Record], profile: Profile) -> World {
    let mut twins = WorldAndFlat::new(profile);
    for record in records {
        let step = actions(record, &twins.world);
        let every = step.len() < 16;
        for action in &step {
            let before = if every { Some(twins.world.clone()) } else { None };
            let outcome = twins.act(action);
            if let (Some(before), Some(outcome), Action::Call(regs)) = (before, outcome, action) {
                check_laws(&before, regs, &outcome, &twins.world);
            }
        }
        if !every {
            twins.world.invariants().expect("the laws hold");
        }
    }
    twins.compare();
    twins.world
}

/// 17 and 40: a Host that follows `top` gets everything back.
fn tear_down(mut world: World) {
    let rds: Vec<_> = world.realms().map(|(rd, _)| rd.0).collect();
    for rd in rds {
        let realm = world.realm(rd).expect("listed");
        let pa = |granule: &_| world.granules().pa(*granule).0;
        let recs: Vec<_> = realm.recs().iter().map(pa).collect();
        let (start, ipa_top) = (i64::from(realm.rtt().start.number()), realm.rtt().ipa_top());
        for rec in recs {
            assert!(world.execute(Command::RecDestroy { rec }).is_success());
        }
        clear(&mut world, rd, start, 0..ipa_top);
        let realm = world.realm(rd).expect("not destroyed yet");
        let seen = view(&world, realm);
        assert!(seen.tables.is_empty(), "law 17");
        let live = |(_, cell): (_, Cell)| matches!(cell, Cell::Assigned { .. });
        assert!(!seen.cells.within(0..ipa_top).into_iter().any(live), "law 17");
        let outcome = world.execute(Command::RealmDestroy { rd });
        assert!(outcome.is_success(), "law 17: {outcome}");
    }
    world.invariants().expect("the laws hold");
    let states: BTreeSet<_> = world.granules().delegated().map(|(_, state)| state.name()).collect();
    assert!(states.iter().all(|name| *name == "DELEGATED"), "law 40: {states:?}");
}

/// Destroys what is in `range` of a table at `level`. Splits blocks, as a Host that wants its pages
/// back has to.
fn clear(world: &mut World, rd: u64, level: i64, range: std::ops::Range<u64>) {
    let entry = crate::flat_rmm::size(level);
    let mut ipa = range.start;
    let mut calls = 0;
    while ipa < range.end {
        calls += 1;
        assert!(calls < 20_000, "law 17: no end");
        let number = level.cast_unsigned();
        let read = *world.execute(Command::RttReadEntry { rd, ipa, level: number }).regs();
        let half = world.realm(rd).expect("it is there").rtt().protected_top();
        ipa = match (read[2], ipa < half) {
            (2, _) => {
                let below = level + 1;
                clear(world, rd, below, ipa..ipa + entry);
                let destroy = Command::RttDestroy { rd, ipa, level: below.cast_unsigned() };
                let outcome = world.execute(destroy);
                assert!(outcome.is_success(), "law 17: {outcome}");
                outcome.regs()[2]
            }
            (1, true) if level < 3 => {
                split(world, rd, ipa, level + 1);
                ipa
            }
            (1, true) => {
                let outcome = world.execute(Command::DataDestroy { rd, ipa });
                assert!(outcome.is_success(), "law 17: {outcome}");
                outcome.regs()[2]
            }
            (1, false) => {
                let unmap = Command::RttUnmapUnprotected { rd, ipa, level: number };
                let outcome = world.execute(unmap);
                assert!(outcome.is_success(), "law 17: {outcome}");
                outcome.regs()[1]
            }
            _ => ipa + entry,
        };
    }
}

/// Makes a table from a DELEGATED granule that the Realm can use.
fn split(world: &mut World, rd: u64, ipa: u64, level: i64) {
    let granules = world.granules();
    let free = granules.delegated().filter(|(_, state)| state.name() == "DELEGATED");
    let mut free: Vec<_> = free.map(|(granule, _)| granules.pa(granule).0).collect();
    if free.iter().all(|pa| *pa >= 1 << 48) {
        let host = (RAM..RAM_TOP)
            .step_by(0x1000)
            .find(|addr| world.execute(Command::GranuleDelegate { addr: *addr }).is_success());
        free.extend(host);
    }
    let rtt = free.into_iter().min().expect("a granule for a table");
    let create = Command::RttCreate { rd, rtt, ipa, level: level.cast_unsigned() };
    let outcome = world.execute(create);
    assert!(outcome.is_success(), "law 17: {outcome}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: crate::cases(24), ..ProptestConfig::default() })]

    #[test]
    fn every_call_keeps_the_laws(records in prop::collection::vec(any::<Record>(), 0..200)) {
        for profile in Profile::ALL_1_0 {
            tear_down(run(&records, profile));
        }
    }

    /// 41: what is no command does nothing.
    #[test]
    fn unknown_calls_change_nothing(regs in any::<[u64; 7]>()) {
        for profile in EACH {
            let mut scene = SmallMachine::new(profile);
            scene.realm(&[]);
            let before = scene.world.clone();
            prop_assume!(Command::decode(&regs, profile.edition()).is_none());
            let outcome = scene.world.call(&regs);
            prop_assert_eq!(outcome.regs(), &[u64::MAX, 0, 0, 0, 0]);
            prop_assert!(scene.world == before);
        }
    }
}

/// One RMM of each edition.
const EACH: [Profile; 2] = [Profile::TF_RMM, Profile::TF_RMM_2];

/// Whether RIPAS is measured, and with it the shape of the tables.
fn measures_ripas(scene: &SmallMachine) -> bool {
    scene.edition() == Edition::V1
}

/// One measured operation on a Realm of 33 bits, as laws 25, 26 and 30 order them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Measured {
    Data { page: u8, byte: u8 },
    Ripas { page: u8, pages: u8 },
    Rec { pc: u8 },
}

fn measured() -> impl Strategy<Value = Measured> {
    prop_oneof![
        3 => (0_u8..8, 1_u8..4).prop_map(|(page, byte)| Measured::Data { page, byte }),
        2 => (8_u8..60, 1_u8..4).prop_map(|(page, pages)| Measured::Ripas { page, pages }),
        1 => any::<u8>().prop_map(|pc| Measured::Rec { pc }),
    ]
}

/// Does it if it can be done; answers whether it was.
fn perform(scene: &mut SmallMachine, rd: u64, operation: Measured) -> bool {
    match operation {
        Measured::Data { page, byte } => {
            let ipa = u64::from(page) << 12;
            let (data, src) = (scene.delegated(), scene.host());
            scene.put(src, &[byte; 4096]);
            let (rd, data, src) = (Rd(Pa(rd)), Data(Pa(data)), Src(Pa(src)));
            let create = Command::data_create(scene.edition(), rd, data, Ipa(ipa), src, 1);
            scene.world.execute(create).is_success()
        }
        Measured::Ripas { page, pages } => {
            let base = u64::from(page) << 12;
            let top = base + (u64::from(pages) << 12);
            scene.world.execute(Command::RttInitRipas { rd, base, top }).is_success()
        }
        Measured::Rec { pc } => {
            let next = scene.world.realm(rd).expect("it was made").next_rec_index();
            if next < 3 {
                scene.rec(rd, next, &[("flags", 1), ("pc", pc.into())]);
            }
            next < 3
        }
    }
}

fn realm(scene: &mut SmallMachine) -> u64 {
    let rd = scene.realm(&[]);
    scene.tables(rd, 0, 3);
    rd
}

fn rim(scene: &mut SmallMachine, rd: u64) -> Measurement {
    scene.world.rim(rd).expect("it was made")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: crate::cases(32), ..ProptestConfig::default() })]

    /// 25 and 30: two Realms built by the same list have the same RIM, interleaved, at other
    /// addresses, with another VMID and RPV, and with what is not measured in between.
    #[test]
    fn the_rim_is_a_function_of_the_measured_list(
        operations in prop::collection::vec(measured(), 0..12),
        order in prop::collection::vec(any::<bool>(), 24),
        which in 0..EACH.len(),
    ) {
        let mut scene = SmallMachine::new(EACH[which]);
        let first = realm(&mut scene);
        scene.host();
        let second = scene.realm(&[("rpv", 0xABCD), ("vmid", 77)]);
        scene.tables(second, 0, 3);
        let (mut left, mut right) = (operations.iter().peekable(), operations.iter());
        for turn in order.into_iter().chain([true; 12]).chain([false; 12]) {
            if let Some(operation) = left.next_if(|_| turn) {
                perform(&mut scene, first, *operation);
            } else if let Some(operation) = right.next() {
                perform(&mut scene, second, *operation);
                // Not measured, and not in the way of what is.
                let data = scene.delegated();
                let ipa = 0x1F_0000 + (right.len() as u64) * 0x1000;
                let (rd, data) = (Rd(Pa(second)), Data(Pa(data)));
                scene.must(Command::map_unknown(scene.edition(), rd, data, Ipa(ipa)));
                scene.tables(second, 0x40_0000 + (right.len() as u64) * 0x20_0000, 3);
            }
        }
        for operation in left {
            perform(&mut scene, first, *operation);
        }
        for operation in right {
            perform(&mut scene, second, *operation);
        }
        prop_assert_eq!(rim(&mut scene, first), rim(&mut scene, second));
        // 24, and 18 for the life after it.
        let active = rim(&mut scene, first);
        scene.must(Command::RealmActivate { rd: first });
        for operation in operations {
            if !matches!(operation, Measured::Rec { .. }) {
                prop_assert!(!perform(&mut scene, first, operation));
            }
        }
        prop_assert_eq!(rim(&mut scene, first), active);
    }

    /// 25: how a range is split over calls does not count.
    #[test]
    fn split_ranges_measure_alike(
        cuts in prop::collection::btree_set(1_u64..64, 0..6),
        which in 0..EACH.len(),
    ) {
        let mut scene = SmallMachine::new(EACH[which]);
        let (whole, split) = (realm(&mut scene), realm(&mut scene));
        scene.must(Command::RttInitRipas { rd: whole, base: 0, top: 64 << 12 });
        let mut base = 0;
        for cut in cuts.into_iter().chain([64]) {
            scene.must(Command::RttInitRipas { rd: split, base, top: cut << 12 });
            base = cut << 12;
        }
        prop_assert_eq!(rim(&mut scene, whole), rim(&mut scene, split));
    }

    /// 26: the order of two measured operations counts.
    #[test]
    fn swapped_operations_measure_differently(
        a in measured(),
        b in measured(),
        which in 0..EACH.len(),
    ) {
        prop_assume!(a != b);
        let mut scene = SmallMachine::new(EACH[which]);
        let (first, second) = (realm(&mut scene), realm(&mut scene));
        let done = [(first, a), (first, b), (second, b), (second, a)]
            .map(|(rd, operation)| perform(&mut scene, rd, operation));
        prop_assume!(done == [true; 4]);
        let [first, second] = [first, second].map(|rd| rim(&mut scene, rd));
        // Two ranges side by side are one list of entries in either order only if they are equal.
        let counts = |it| measures_ripas(&scene) || !matches!(it, Measured::Ripas { .. });
        prop_assert_eq!(first != second, counts(a) && counts(b));
    }
}

/// 27: one range, two shapes of the tables, two measurements, where RIPAS is measured; and the fold
/// brings the first back.
#[test]
fn granularity_is_measured_with_ripas() {
    for profile in EACH {
        let mut scene = SmallMachine::new(profile);
        let shapes = [2, 3, 2].map(|level| {
            let rd = scene.realm(&[]);
            scene.tables(rd, 0, level);
            rd
        });
        let rtt = scene.delegated();
        scene.must(Command::RttCreate { rd: shapes[2], rtt, ipa: 0, level: 3 });
        scene.must(Command::RttFold { rd: shapes[2], ipa: 0, level: 3 });
        for rd in shapes {
            let [out_top, ..] = scene.must(Command::RttInitRipas { rd, base: 0, top: 0x20_0000 });
            assert_eq!(out_top, 0x20_0000);
        }
        let [blocks, pages, folded] = shapes.map(|rd| rim(&mut scene, rd));
        assert_eq!(blocks != pages, measures_ripas(&scene));
        assert_eq!(blocks, folded);
    }
}

/// 7: what was in a granule does not show on the other side.
#[test]
fn delegation_hides_contents() {
    for profile in EACH {
        let mut scene = SmallMachine::new(profile);
        let before = scene.world.clone();
        let addr = scene.host();
        let (to, back) = (
            Command::delegate(profile.edition(), Pa(addr)),
            Command::undelegate(profile.edition(), Pa(addr)),
        );
        scene.put(addr, &[0xA5; 4096]);
        scene.must(to);
        assert!(scene.world.host_page(addr).is_err());
        assert_eq!(scene.world.execute(to).status(), Some(Status::Input));
        scene.must(back);
        assert!(scene.world == before);
    }
}

/// What is measured of [`realm`]'s parameters: s2sz, num_bps, num_wps.
const PARAMS: [(usize, u64); 3] = [(0x8, 33), (0x18, 5), (0x20, 3)];

proptest! {
    #![proptest_config(ProptestConfig { cases: crate::cases(32), ..ProptestConfig::default() })]

    /// 23: the RIM is one hash after the other over what was measured, under each of the rules.
    #[test]
    fn the_rim_is_the_fold_of_what_was_measured(
        operations in prop::collection::vec(measured(), 0..12),
        which in 0..Profile::ALL.len(),
    ) {
        let profile = Profile::ALL[which];
        let mut scene = SmallMachine::new(profile);
        let rd = realm(&mut scene);
        let mut naive = if profile.rim_rule() == RimRule::Rmm20 {
            NaiveRim::zero(false)
        } else {
            NaiveRim::create(false, &PARAMS)
        };
        for operation in operations {
            if !perform(&mut scene, rd, operation) {
                continue;
            }
            match operation {
                Measured::Data { page, byte } => {
                    naive.data(u64::from(page) << 12, 1, &[byte; 4096]);
                }
                Measured::Rec { pc } => naive.rec(1, pc.into(), [0; 8]),
                Measured::Ripas { page, pages } if measures_ripas(&scene) => {
                    let page = u64::from(page);
                    for page in page..page + u64::from(pages) {
                        naive.ripas(page << 12, (page + 1) << 12);
                    }
                }
                Measured::Ripas { .. } => {}
            }
        }
        let found = rim(&mut scene, rd);
        prop_assert_eq!(found.slot(), &naive.slot);
    }
}
