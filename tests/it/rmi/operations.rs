//! Laws of stateful operations (RMM 2.0): RECs that are made and destroyed in several calls.

use std::collections::BTreeSet;

use proptest::prelude::*;
use rimsim::abi::platform::{DramRange, PlatformFile};
use rimsim::abi::status::MemReq;
use rimsim::model::granule::{Gpt, GranuleState};
use rimsim::rmi::Outcome;
use rimsim::{Command, Platform, Profile, Status};

use crate::naive_rim::NaiveRim;
use crate::small_machine::{
    BLOCK, Fields, GRANULE, RAM, RAM_TOP, REC_FIELDS, SmallMachine, page, pages,
};
use crate::unwind::{carry_to_end, unwind};

/// Granules that a REC takes, and operations that there can be at one time.
const AUX: usize = 16;
const CONTEXTS: u32 = 4;

/// A machine of 4 MiB without LPA2 whose RECs are as large as TF-RMM's.
pub(crate) fn machine() -> Platform {
    let file = PlatformFile {
        name: "operations".into(),
        dram: vec![DramRange { base: BLOCK, size: RAM_TOP - BLOCK }],
        sro_contexts: CONTEXTS,
        ..Platform::preset("small").expect("a preset").into()
    };
    Platform::try_from(file).expect("a machine that can be")
}

/// What TF-RMM measures of the parameters of [`stage`]'s Realm: s2sz, num_bps, num_wps.
const MEASURED: [(usize, u64); 3] = [(0x8, 33), (0x18, 1), (0x20, 1)];
const REALM: [(&str, u64); 2] = [("num_bps", 1), ("num_wps", 1)];

/// A NEW Realm and what one REC needs: its granule, sixteen more in a row, parameters, a list.
struct Stage {
    scene: SmallMachine,
    rd: u64,
    rec: u64,
    aux: Vec<u64>,
    params: u64,
    list: u64,
}

fn stage() -> Stage {
    let mut scene = SmallMachine::on(machine(), Profile::TF_RMM_2);
    let rd = scene.realm(&REALM);
    scene.tables(rd, 0, 3);
    let first = scene.delegated_run(AUX as u64);
    let aux = (0..AUX as u64).map(|i| first + i * GRANULE).collect();
    let (rec, params, list) = (scene.delegated(), scene.host(), scene.host());
    // What follows the list is not part of it.
    let beyond = scene.host();
    scene.put(beyond, &[0xFF; 4096]);
    scene.put(params, &page(REC_FIELDS, &Fields::from([("flags", 1), ("pc", 0x1000)])));
    Stage { scene, rd, rec, aux, params, list }
}

impl Stage {
    fn create(&self) -> Command {
        Command::RecCreateBegin { rd: self.rd, rec: self.rec, params_ptr: self.params }
    }

    /// Begins with a REC; the operation's handle.
    fn begin(&mut self) -> u64 {
        let [handle, request, ..] = self.scene.goes_on(self.create());
        assert_eq!(request, (AUX as u64) << 2, "sixteen pages anywhere");
        handle
    }

    fn execute(&mut self, command: Command) -> Outcome {
        self.scene.world.execute(command)
    }

    /// Gives granules one by one; X0 to X2.
    fn give(&mut self, handle: u64, granules: &[u64]) -> [u64; 3] {
        self.scene.give(handle, self.list, granules)
    }

    fn go_on(&mut self, handle: u64) -> Outcome {
        self.execute(Command::OpContinue { handle, flags: 0 })
    }

    /// Makes the REC of what the stage has.
    fn make(&mut self) -> u64 {
        let handle = self.begin();
        let aux = self.aux.clone();
        assert_eq!(self.give(handle, &aux), [0x00D, AUX as u64, 0]);
        let made = self.go_on(handle);
        assert!(made.is_success(), "{made}");
        handle
    }

    fn state(&self, pa: u64) -> GranuleState {
        let granules = self.scene.world.granules();
        granules.state(granules.find(pa).expect("memory"))
    }

    /// The states of all granules.
    fn states(&self) -> Vec<GranuleState> {
        (BLOCK..RAM_TOP).step_by(0x1000).map(|pa| self.state(pa)).collect()
    }

    fn rim(&mut self) -> [u8; 64] {
        *self.scene.world.rim(self.rd).expect("a Realm").slot()
    }

    fn put_params(&mut self, change: &[(&'static str, u64)]) {
        let values: Fields<'_> = change.iter().copied().collect();
        self.scene.put(self.params, &page(REC_FIELDS, &values));
    }
}

/// Bytes that choose; zero when they are used up.
struct Choices<'b>(&'b [u8]);

impl Choices<'_> {
    fn below(&mut self, n: u64) -> u64 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        u64::from(*first) % n
    }
}

/// Descriptors for granules: neighbours are often one range, and empty ranges say nothing.
fn shape(granules: &[u64], choices: &mut Choices<'_>) -> Vec<u64> {
    let mut list = Vec::new();
    let mut rest = granules;
    while let Some(first) = rest.first() {
        let row = rest.iter().zip(0..).take_while(|(pa, i)| **pa == first + i * GRANULE).count();
        let count = usize::try_from(1 + choices.below(row as u64)).expect("sixteen at most");
        if choices.below(4) == 3 {
            // Whatever else it says.
            list.push(0xFFFF_F000 | 1 << 63 | choices.below(4));
        }
        list.push(pages(*first, count as u64));
        rest = &rest[count..];
    }
    list
}

proptest! {
    #![proptest_config(ProptestConfig { cases: crate::cases(48), ..ProptestConfig::default() })]

    /// However the granules are given, the REC is the one that it is when they come all at once.
    #[test]
    fn pieces_make_the_rec_that_the_whole_makes(
        order in Just((0..AUX).collect::<Vec<_>>()).prop_shuffle(),
        sorted in any::<bool>(),
        bytes in prop::collection::vec(any::<u8>(), 64),
    ) {
        let mut whole = stage();
        if !sorted {
            whole.aux = order.iter().map(|i| whole.aux[*i]).collect();
        }
        let mut parts = Stage { scene: whole.scene.clone(), aux: whole.aux.clone(), ..whole };
        whole.make();

        let mut choices = Choices(&bytes);
        let handle = parts.begin();
        let mut rest = &parts.aux.clone()[..];
        // Some pieces are empty; the last is all that is left, even if the bytes ran out before.
        for left in (0..20).rev() {
            if rest.is_empty() {
                break;
            }
            let all = rest.len() as u64;
            let count = if left == 0 { all } else { choices.below(all + 1) };
            let (piece, after) = rest.split_at(usize::try_from(count).unwrap());
            let list = shape(piece, &mut choices);
            // At the page's end more is asked for than there is room, and nothing lies behind it.
            let at_end = choices.below(2) == 1 && !list.is_empty();
            let (offset, more) = if at_end { (512 - list.len() as u64, choices.below(9)) }
                else { (choices.below(99), 0) };
            let list_ptr = parts.list + 8 * offset;
            parts.scene.write_list(list_ptr, &list);
            let list_count = list.len() as u64 + more;
            let outcome = parts.execute(Command::OpMemDonate { handle, list_ptr, list_count });
            let missing = after.len() as u64;
            let x0 = if missing == 0 { 0x00D } else { 0x10D };
            prop_assert_eq!(&outcome.regs()[..3], &[x0, count, missing << 2], "{}", outcome);
            rest = after;
        }
        let made = parts.go_on(handle);
        prop_assert!(made.is_success(), "{}", made);
        for stage in [&mut whole, &mut parts] {
            stage.scene.put(stage.list, &[0; 4096]);
        }
        prop_assert_eq!(whole.rim(), parts.rim());
        prop_assert!(whole.scene.world == parts.scene.world);
    }

    /// The Host gets back exactly what it gave, each granule once, and is told of each.
    #[test]
    fn what_was_donated_comes_back(
        order in Just((0..AUX).collect::<Vec<_>>()).prop_shuffle(),
        bytes in prop::collection::vec(any::<u8>(), 64),
    ) {
        let mut stage = stage();
        let secure = stage.scene.with_gpt(Gpt::Secure);
        stage.aux = order.iter().map(|i| stage.aux[*i]).collect();
        stage.make();
        let rec = stage.rec;
        let [handle, ..] = stage.scene.goes_on(Command::RecDestroyBegin { rec });
        let mut choices = Choices(&bytes);
        let mut told = BTreeSet::new();
        let (mut given, mut undelivered) = (0, 0);
        for _ in 0..200 {
            let (blind, list_count) = (choices.below(5) == 4, 1 + choices.below(20));
            let offset = 8 * choices.below(512);
            let list_ptr = if blind { secure } else { stage.list } + offset;
            let room = list_count.min(512 - offset / 8);
            let none = stage.execute(Command::OpMemReclaim { handle, list_ptr, list_count: 0 });
            prop_assert_eq!(&none.regs()[..2], &[0x20D, 0]);
            let outcome = stage.execute(Command::OpMemReclaim { handle, list_ptr, list_count });
            // Nothing more comes back before the Host was told of what did.
            if undelivered == 0 {
                given += room.min(AUX as u64 - given);
            }
            let back = |pa: &&u64| stage.state(**pa) == GranuleState::Delegated;
            prop_assert_eq!(stage.aux.iter().filter(back).count() as u64, given);
            if blind {
                prop_assert_eq!(&outcome.regs()[..2], &[1, 0], "{}", outcome);
                undelivered = given - told.len() as u64;
                continue;
            }
            let written = outcome.regs()[1];
            prop_assert!(written <= room, "{}", outcome);
            let list = stage.scene.world.host_read(list_ptr, 8 * written).unwrap();
            for desc in list.as_chunks().0.iter().map(|word| u64::from_le_bytes(*word)) {
                prop_assert_eq!(desc & 3 | desc >> 52, 0, "delegated pages");
                for i in 0..desc >> 2 & 0x3FF {
                    prop_assert!(told.insert((desc & !0xFFF) + i * GRANULE), "told twice");
                }
            }
            undelivered = given - told.len() as u64;
            let more = given < AUX as u64 || undelivered > 0;
            prop_assert_eq!(outcome.regs()[0], if more { 0x20D } else { 0x00D }, "{}", outcome);
            if !more {
                break;
            }
        }
        prop_assert!(told.iter().eq(stage.aux.iter().collect::<BTreeSet<_>>()));
        prop_assert_eq!(stage.state(rec), GranuleState::Partial);
        prop_assert!(stage.go_on(handle).is_success());
        prop_assert_eq!(stage.state(rec), GranuleState::Delegated);
        unwind(&mut stage.scene.world, stage.list);
    }

    /// What is measured of a REC is what its parameters say when OP_CONTINUE succeeds, after
    /// everything that was measured before that.
    #[test]
    fn parameters_count_as_they_are_in_the_end(
        sha512 in any::<bool>(),
        edits in prop::collection::vec((any::<u8>(), 0_u64..4, any::<u64>()), 1..12),
    ) {
        let mut stage = stage();
        let change = [REALM[0], REALM[1], ("hash_algo", sha512.into())];
        stage.rd = stage.scene.realm(&change);
        stage.scene.tables(stage.rd, 0, 3);
        let mut rim = NaiveRim::create(sha512, &[&MEASURED[..], &[(0x30, sha512.into())]].concat());
        let handle = stage.begin();
        let (mut flags, mut pc, mut gpr) = (1, 0x1000, 0);
        stage.put_params(&[("flags", flags), ("pc", pc)]);
        let mut rest = stage.aux.clone();
        for (i, (kind, small, large)) in edits.into_iter().enumerate() {
            let rd = stage.rd;
            match kind % 4 {
                0 => (flags, pc, gpr) = (small, large, small ^ large),
                1 if !rest.is_empty() => {
                    let granule = rest.remove(0);
                    stage.give(handle, &[granule]);
                }
                _ => {
                    let ipa = i as u64 * GRANULE;
                    stage.scene.data(rd, ipa, kind);
                    rim.data(ipa, 1, &[kind; 4096]);
                }
            }
            stage.put_params(&[("flags", flags), ("pc", pc), ("gpr0", gpr)]);
        }
        if !rest.is_empty() {
            stage.give(handle, &rest);
        }
        let made = stage.go_on(handle);
        prop_assert!(made.is_success(), "{}", made);
        if flags & 1 == 1 {
            rim.rec(flags, pc, [gpr, 0, 0, 0, 0, 0, 0, 0]);
        }
        prop_assert_eq!(stage.rim(), rim.slot);
        let rec = stage.scene.world.rec(stage.rec).expect("it was made");
        prop_assert_eq!((rec.runnable(), rec.gprs()[0]), (flags & 1 == 1, gpr));
    }
}

/// A creation ends at any point, and afterwards all is as it was before it.
#[test]
fn a_creation_that_gives_up_leaves_nothing_behind() {
    for given in 0..AUX {
        let mut stage = stage();
        let (before, rim) = (stage.states(), stage.rim());
        let realm = stage.scene.world.realm(stage.rd).cloned();
        let handle = stage.begin();
        let aux = stage.aux[..given].to_vec();
        if given > 0 {
            assert_eq!(stage.give(handle, &aux)[..2], [0x10D, given as u64]);
        }
        let ended = carry_to_end(&mut stage.scene.world, handle, stage.list);
        assert_eq!(ended.failure().map(|failure| failure.condition()), Some("aux_state"));
        assert!(stage.states() == before && stage.rim() == rim, "{given}");
        assert!(stage.scene.world.realm(stage.rd) == realm.as_ref());
        assert!(stage.go_on(handle).failure().is_some_and(|it| it.condition() == "handle"));
        unwind(&mut stage.scene.world, stage.list);
    }
}

/// What can become of a Realm while a REC of it is being made.
type Fate = (&'static str, fn(&mut Stage), Status, &'static str);

fn destroy_realm(stage: &mut Stage) {
    let rd = stage.rd;
    stage.scene.must(Command::RealmTerminate { rd });
    for level in [3, 2] {
        stage.scene.must(Command::RttDestroy { rd, ipa: 0, level });
    }
    stage.scene.must(Command::RealmDestroy { rd });
}

fn activate_realm(stage: &mut Stage) {
    stage.scene.must(Command::RealmActivate { rd: stage.rd });
}

fn terminate_realm(stage: &mut Stage) {
    stage.scene.must(Command::RealmTerminate { rd: stage.rd });
}

fn delegate_params(stage: &mut Stage) {
    let base = stage.params;
    stage.scene.must(Command::GranuleRangeDelegate { base, top: base + GRANULE });
}

/// The failures of the last step (section 11.1).
const FATES: &[Fate] = &[
    ("activated", activate_realm, Status::Realm, "realm_state"),
    ("terminated", terminate_realm, Status::Realm, "realm_state"),
    ("destroyed", destroy_realm, Status::Input, "rd_state"),
    ("another index", |it| it.put_params(&[("mpidr", 1)]), Status::Input, "mpidr_index"),
    ("reserved bits", |it| it.put_params(&[("mpidr", 0x10)]), Status::Input, "mpidr_index"),
    ("parameters delegated", delegate_params, Status::Input, "params_pas"),
    (
        "parameters in Secure memory",
        |it| it.scene.world.set_gpt(it.params, Gpt::Secure).expect("the Host's"),
        Status::Input,
        "params_pas",
    ),
];

#[test]
fn what_happens_to_the_realm_in_between_counts() {
    for (name, happens, status, condition) in FATES {
        let mut stage = stage();
        let handle = stage.begin();
        let aux = stage.aux.clone();
        stage.give(handle, &aux);
        happens(&mut stage);
        let between = stage.rim_if_there();
        let outcome = stage.go_on(handle);
        // The failure is told when the granules are back.
        assert_eq!(outcome.regs(), &[0x20D, 0, 0, 0, 0], "{name}");
        assert_eq!(stage.go_on(handle).failure().map(|it| it.condition()), Some("op_state"));
        let ended = carry_to_end(&mut stage.scene.world, handle, stage.list);
        assert_eq!(ended.status(), Some(*status), "{name}: {ended}");
        assert_eq!(ended.failure().map(|it| it.condition()), Some(*condition), "{name}");
        assert_eq!(stage.state(stage.rec), GranuleState::Delegated);
        assert!(stage.aux.iter().all(|pa| stage.state(*pa) == GranuleState::Delegated));
        assert_eq!(stage.rim_if_there(), between, "{name}: nothing was measured");
        unwind(&mut stage.scene.world, stage.list);
    }
}

impl Stage {
    fn rim_if_there(&mut self) -> Option<[u8; 64]> {
        self.scene.world.rim(self.rd).map(|rim| *rim.slot())
    }
}

/// A Realm at the address of a destroyed one gets the REC that was begun for the other (R6).
#[test]
fn a_realm_made_anew_at_the_same_address_gets_the_rec() {
    let mut stage = stage();
    let rd = stage.rd;
    let handle = stage.begin();
    let aux = stage.aux.clone();
    stage.give(handle, &aux);
    destroy_realm(&mut stage);
    let root = stage.scene.delegated();
    let params_ptr = stage.scene.host();
    let word = |at: u64, value: u64| (params_ptr + at, value.to_le_bytes());
    let fields = [(0x8, 34), (0x18, 1), (0x20, 1), (0x808, root), (0x810, 1), (0x818, 1)];
    for (place, bytes) in fields.map(|(at, value)| word(at, value)) {
        stage.scene.world.host_write(place, &bytes).unwrap();
    }
    stage.scene.must(Command::RealmCreate { rd, params_ptr });
    let made = stage.go_on(handle);
    assert!(made.is_success(), "{made}");
    let mut rim = NaiveRim::create(false, &[(0x8, 34), (0x18, 1), (0x20, 1)]);
    rim.rec(1, 0x1000, [0; 8]);
    assert_eq!(stage.rim(), rim.slot);
    assert_eq!(stage.scene.world.realm(rd).unwrap().recs().len(), 1);
    unwind(&mut stage.scene.world, stage.list);
}

/// A REC that others overtake: the index that is next in the end counts.
#[test]
fn the_last_step_decides_which_index_is_next() {
    let mut stage = stage();
    let handle = stage.begin();
    let (aux, rec) = (stage.aux.clone(), stage.rec);
    stage.give(handle, &aux);
    // Another REC 0 is begun later and done earlier.
    let first = stage.scene.delegated_run(AUX as u64);
    stage.aux = (0..AUX as u64).map(|i| first + i * GRANULE).collect();
    stage.rec = stage.scene.delegated();
    stage.make();
    assert_eq!(stage.go_on(handle).awaits(), Some(MemReq::Reclaim));
    let ended = carry_to_end(&mut stage.scene.world, handle, stage.list);
    assert_eq!(ended.failure().map(|failure| failure.condition()), Some("mpidr_index"));
    assert_eq!(stage.state(rec), GranuleState::Delegated);
    unwind(&mut stage.scene.world, stage.list);
}

/// What one operation holds no other command gets.
#[test]
fn a_granule_has_one_operation() {
    let mut stage = stage();
    let handle = stage.begin();
    let (aux, rec, rd) = (stage.aux.clone(), stage.rec, stage.rd);
    stage.give(handle, &aux[..1]);
    let taken = [rec, aux[0]];
    let refused = |stage: &mut Stage, command: Command| {
        let before = stage.scene.world.clone();
        let outcome = stage.execute(command);
        assert_eq!(outcome.status(), Some(Status::Input), "{command}: {outcome}");
        assert!(stage.scene.world == before);
    };
    let src = stage.scene.host();
    for pa in taken {
        let params_ptr = stage.params;
        refused(&mut stage, Command::RecCreateBegin { rd, rec: pa, params_ptr });
        refused(&mut stage, Command::RecDestroyBegin { rec: pa });
        refused(&mut stage, Command::GranuleRangeUndelegate { base: pa, top: pa + GRANULE });
        refused(&mut stage, Command::GranuleRangeDelegate { base: pa, top: pa + GRANULE });
        refused(&mut stage, Command::RttCreate { rd, rtt: pa, ipa: 0x20_0000, level: 3 });
        refused(&mut stage, Command::RttDataMapInit { rd, data: pa, ipa: 0, src, flags: 0 });
        let (top, oaddr) = (GRANULE, pages(pa, 1));
        refused(&mut stage, Command::RttDataMap { rd, base: 0, top, flags: 1, oaddr });
        refused(&mut stage, Command::RecEnter { rec: pa, run_ptr: src });
    }
    // The operation itself takes neither its REC nor a granule a second time.
    for pa in taken {
        let mut copy = Stage { scene: stage.scene.clone(), aux: aux.clone(), ..stage };
        assert_eq!(copy.give(handle, &[aux[1], pa, aux[2]])[..2], [0x10D, 1]);
        assert_eq!(copy.state(aux[2]), GranuleState::Delegated, "the rest is dropped");
    }
    assert_eq!(stage.give(handle, &[aux[1], aux[1]])[..2], [0x10D, 1]);
    // Another operation that gets only what this one has gives up.
    let other = stage.scene.delegated();
    let params_ptr = stage.params;
    let [second, ..] = stage.scene.goes_on(Command::RecCreateBegin { rd, rec: other, params_ptr });
    assert_ne!(second, handle);
    assert_eq!(stage.give(second, &aux[..2]), [0x20D, 0, 0]);
    stage.scene.world.invariants().expect("one owner");
    unwind(&mut stage.scene.world, stage.list);
}

/// As many operations as there can be: what needs one more is BLOCKED, before its arguments are
/// looked at, and changes nothing; everything else goes on.
#[test]
fn without_a_handle_nothing_begins() {
    let mut stage = stage();
    let (rd, list, params_ptr) = (stage.rd, stage.list, stage.params);
    stage.make();
    let made = stage.rec;
    let mut waiting = Vec::new();
    for expected in 0..u64::from(CONTEXTS) {
        stage.rec = stage.scene.delegated();
        assert_eq!(stage.begin(), expected, "the lowest that is free");
        waiting.push(stage.rec);
    }
    let free = stage.scene.delegated();
    let (base, top, flags, oaddr) = (0, GRANULE, 1, pages(free, 1));
    let odd = RAM + 1;
    let blocked = [
        Command::RecCreateBegin { rd, rec: free, params_ptr },
        Command::RecCreateBegin { rd: odd, rec: free, params_ptr: odd },
        Command::RecDestroyBegin { rec: made },
        Command::RecDestroyBegin { rec: odd },
        Command::RttDataMap { rd, base, top, flags, oaddr },
        Command::RttDataMap { rd: odd, base: 9, top: 3, flags: 99, oaddr },
        Command::RttDataUnmap { rd, base, top, flags: 0, oaddr: 0 },
        Command::RttDataUnmap { rd: odd, base, top, flags: 3, oaddr: 0 },
        Command::RttUnprotUnmap { rd, base: 1 << 32, top: (1 << 32) + GRANULE, flags: 0, oaddr: 0 },
        Command::RttUnprotUnmap { rd: odd, base, top, flags: 3, oaddr: 0 },
    ];
    for command in blocked {
        let before = stage.scene.world.clone();
        let outcome = stage.execute(command);
        assert_eq!(outcome.regs(), &[14, 0, 0, 0, 0], "{command}: {outcome}");
        assert!(stage.scene.world == before);
    }
    // REC_CREATE looks at the REC first.
    for rec in [odd, list, made, waiting[0]] {
        let outcome = stage.execute(Command::RecCreateBegin { rd, rec, params_ptr });
        assert_eq!(outcome.status(), Some(Status::Input), "{outcome}");
    }
    stage.scene.data(rd, 0, 1);
    stage.scene.tables(rd, 1 << 32, 3);
    stage.scene.map_host(rd, 1 << 32, params_ptr);
    // One ends, and its handle is the next.
    carry_to_end(&mut stage.scene.world, 2, list);
    stage.rec = waiting[2];
    assert_eq!(stage.begin(), 2);
    unwind(&mut stage.scene.world, list);
}

/// Calls for another step, for no operation, or of another kind: refused, and nothing changes.
#[test]
fn operations_wait_for_their_own_command() {
    let mut stage = stage();
    let handle = stage.begin();
    let list_ptr = stage.list;
    let all = |handle| {
        [
            Command::OpContinue { handle, flags: u64::MAX },
            Command::OpMemDonate { handle, list_ptr, list_count: 0 },
            Command::OpMemReclaim { handle, list_ptr, list_count: 1 },
            Command::OpCancel { handle },
        ]
    };
    let wrong = |stage: &mut Stage, commands: &[Command], condition: &str| {
        for command in commands {
            let before = stage.scene.world.clone();
            let outcome = stage.execute(*command);
            assert_eq!(outcome.regs(), &[1, 0, 0, 0, 0], "{command}: {outcome}");
            assert_eq!(outcome.failure().map(|it| it.condition()), Some(condition));
            assert!(stage.scene.world == before);
        }
    };
    for nobody in [handle + 1, CONTEXTS.into(), u64::MAX, 1 << 32] {
        wrong(&mut stage, &all(nobody), "handle");
    }
    let [goes_on, donates, reclaims, cancels] = all(handle);
    wrong(&mut stage, &[cancels], "can_cancel");
    wrong(&mut stage, &[goes_on, reclaims], "op_state");
    // An empty list says nothing.
    assert_eq!(stage.execute(donates).regs()[..3], [0x10D, 0, (AUX as u64) << 2]);
    let aux = stage.aux.clone();
    stage.give(handle, &aux);
    wrong(&mut stage, &[donates, reclaims], "op_state");
    assert!(stage.execute(goes_on).is_success());
    wrong(&mut stage, &all(handle), "handle");
    let rec = stage.rec;
    stage.scene.goes_on(Command::RecDestroyBegin { rec });
    wrong(&mut stage, &[goes_on, donates], "op_state");
    unwind(&mut stage.scene.world, stage.list);
}
