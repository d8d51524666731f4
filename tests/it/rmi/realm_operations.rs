//! RMI_REALM_CREATE and RMI_REALM_DESTROY in several calls, and RMI_RMM_DEACTIVATE: TF-RMM behind
//! 9a7f8ef4, by what its own tests expect of it (`realm_sro_tests`, `rmm_deactivate_tests`).

use rimsim::abi::platform::{PlatformFile, RD_AUX_COUNT};
use rimsim::abi::status::MemReq;
use rimsim::model::granule::GranuleState;
use rimsim::rmi::Outcome;
use rimsim::{Command, Platform, Profile, Status};

use super::operations::machine;
use crate::small_machine::{Fields, GRANULE, SmallMachine, page, realm_fields, realm_values};
use crate::unwind::unwind;

/// Auxiliary granules of the RDs here, so that they come in several lists.
const AUX: u64 = 4;
const INCOMPLETE_DONATE: u64 = 0x10D;
const INCOMPLETE_RECLAIM: u64 = 0x20D;
const INCOMPLETE_NONE: u64 = 0x00D;
const INPUT: u64 = 1;

/// What a Realm needs.
struct Stage {
    scene: SmallMachine,
    rd: u64,
    root: u64,
    params: u64,
    list: u64,
    aux: Vec<u64>,
}

fn stage() -> Stage {
    let file = PlatformFile {
        rd_aux_count: AUX.try_into().expect("few"),
        ..PlatformFile::from(machine())
    };
    let machine = Platform::try_from(file).expect("a machine that can be");
    let mut scene = SmallMachine::on(machine, Profile::TF_RMM_NEXT);
    let (root, rd) = (scene.delegated(), scene.delegated());
    // A granule between any two, so that none is the neighbour of another.
    let mut apart = || {
        scene.host();
        scene.delegated()
    };
    let aux = (0..AUX).map(|_| apart()).collect();
    let (params, list) = (scene.host(), scene.host());
    let mut stage = Stage { scene, rd, root, params, list, aux };
    stage.put_params(&[]);
    stage
}

impl Stage {
    fn put_params(&mut self, change: &[(&'static str, u64)]) {
        let mut values: Fields<'_> = realm_values(0, self.root);
        values.remove("vmid");
        values.extend([("num_bps", 1), ("num_wps", 1)]);
        values.extend(change.iter().copied());
        let fields = realm_fields(self.scene.edition());
        self.scene.put(self.params, &page(fields, &values));
    }

    fn execute(&mut self, command: Command) -> Outcome {
        self.scene.world.execute(command)
    }

    fn begin(&mut self) -> Outcome {
        self.execute(Command::RealmCreate { rd: self.rd, params_ptr: self.params })
    }

    /// X0 to X2 of a donation of granules, each a range of its own.
    fn give(&mut self, handle: u64, granules: &[u64]) -> [u64; 3] {
        self.scene.give(handle, self.list, granules)
    }

    fn take(&mut self, handle: u64, list_count: u64) -> [u64; 2] {
        let list_ptr = self.list;
        let outcome = self.execute(Command::OpMemReclaim { handle, list_ptr, list_count });
        [outcome.regs()[0], outcome.regs()[1]]
    }

    fn go_on(&mut self, handle: u64) -> Outcome {
        self.execute(Command::OpContinue { handle, flags: 0 })
    }

    /// Makes the Realm; the handle is free again.
    fn make(&mut self) {
        assert_eq!(self.begin().regs()[0], INCOMPLETE_DONATE);
        let aux = self.aux.clone();
        assert_eq!(self.give(0, &aux), [INCOMPLETE_NONE, AUX, 0]);
        let made = self.go_on(0);
        assert!(made.is_success(), "{made}");
    }

    fn state(&self, pa: u64) -> GranuleState {
        let granules = self.scene.world.granules();
        granules.state(granules.find(pa).expect("memory"))
    }

    /// The states of RD, root table and auxiliary granules.
    fn states(&self) -> [GranuleState; 3] {
        let states: Vec<_> = self.aux.iter().map(|pa| self.state(*pa)).collect();
        assert!(states.iter().all(|state| *state == states[0]), "{states:?}");
        self.scene.world.invariants().expect("the laws hold");
        [self.state(self.rd), self.state(self.root), states[0]]
    }
}

use GranuleState::{Delegated, Partial, Rd, RdAux, Rtt};

#[test]
fn a_realm_is_made_when_its_rd_has_its_auxiliary_granules() {
    let mut stage = stage();
    let begun = stage.begin();
    let [x0, handle, request, ..] = *begun.regs();
    assert_eq!((x0, handle), (INCOMPLETE_DONATE, 0));
    assert_eq!(request, AUX << 2, "pages, not in a row, delegated");
    assert_eq!(begun.to_string(), "RMI_INCOMPLETE(donate) handle=0x0 donate_req=0x10");
    assert_eq!(stage.states(), [Partial, Delegated, Delegated]);
    let aux = stage.aux.clone();
    assert_eq!(stage.give(handle, &aux[..1]), [INCOMPLETE_DONATE, 1, (AUX - 1) << 2]);
    assert_eq!(stage.give(handle, &aux[1..]), [INCOMPLETE_NONE, AUX - 1, 0]);
    assert_eq!(stage.states(), [Partial, Delegated, RdAux]);
    assert!(stage.scene.world.realm(stage.rd).is_none(), "there is no Realm yet");
    assert!(stage.go_on(handle).is_success());
    assert_eq!(stage.states(), [Rd, Rtt, RdAux]);
    let rim = stage.scene.world.rim(stage.rd).expect("a Realm");
    assert_eq!(*rim.slot(), [0; 64], "its RIM begins with zeros");
    let realm = stage.scene.world.realm(stage.rd).expect("a Realm");
    assert_eq!(realm.aux().len() as u64, AUX);
    let list = stage.list;
    unwind(&mut stage.scene.world, list);
}

#[test]
fn a_donation_that_fails_gives_everything_back() {
    let mut stage = stage();
    stage.begin();
    let (aux, bad) = (stage.aux.clone(), stage.scene.host());
    assert_eq!(stage.give(0, &aux[..1])[0], INCOMPLETE_DONATE);
    assert_eq!(stage.give(0, &[bad]), [INCOMPLETE_RECLAIM, 0, 0]);
    assert_eq!(stage.take(0, 1), [INCOMPLETE_NONE, 1]);
    let ended = stage.go_on(0);
    assert_eq!(ended.regs()[0], INPUT);
    assert_eq!(ended.failure().expect("it failed").condition(), "aux_state");
    assert_eq!(stage.states(), [Delegated, Delegated, Delegated]);
    stage.make();
}

#[test]
fn parameters_are_read_when_it_goes_on() {
    for (change, condition) in [
        (("num_bps", 0), "params_supp"),
        (("rtt_base", 8), "rtt_align"),
        (("hash_algo", 3), "params_valid"),
        (("s2sz", 60), "params_supp"),
    ] {
        let mut stage = stage();
        stage.begin();
        let aux = stage.aux.clone();
        assert_eq!(stage.give(0, &aux)[0], INCOMPLETE_NONE);
        stage.put_params(&[change]);
        assert_eq!(stage.go_on(0).regs()[0], INCOMPLETE_RECLAIM, "{change:?}");
        assert_eq!(stage.states(), [Partial, Delegated, RdAux]);
        assert_eq!(stage.take(0, AUX), [INCOMPLETE_NONE, AUX]);
        let ended = stage.go_on(0);
        assert_eq!(ended.regs()[0], INPUT, "{change:?}");
        assert_eq!(ended.failure().expect("it failed").condition(), condition);
        assert_eq!(stage.states(), [Delegated, Delegated, Delegated]);
        // What is written in between counts the other way round, too.
        stage.put_params(&[change]);
        stage.begin();
        stage.put_params(&[]);
        assert_eq!(stage.give(0, &aux)[0], INCOMPLETE_NONE);
        assert!(stage.go_on(0).is_success(), "{change:?}");
    }
}

#[test]
fn the_last_step_finds_what_the_host_did_meanwhile() {
    type Meanwhile = fn(&mut Stage);
    let cases: [(Meanwhile, &str); 5] = [
        (|it| it.put_params(&[("rtt_base", it.rd)]), "alias"),
        (|it| it.put_params(&[("rtt_base", it.aux[0])]), "rtt_state"),
        (|it| assert_eq!(it.scene.must(undelegate(it.root))[1..], [0; 3]), "rtt_state"),
        (|it| assert_eq!(it.scene.must(delegate(it.params))[1..], [0; 3]), "params_pas"),
        (|it| it.put_params(&[("flags", 2 << 7)]), "params_supp"),
    ];
    for (meanwhile, condition) in cases {
        let mut stage = stage();
        stage.begin();
        let aux = stage.aux.clone();
        stage.give(0, &aux);
        meanwhile(&mut stage);
        assert_eq!(stage.go_on(0).awaits(), Some(MemReq::Reclaim), "{condition}");
        stage.take(0, AUX);
        let ended = stage.go_on(0);
        assert_eq!(ended.failure().expect("it failed").condition(), condition);
        stage.scene.world.invariants().expect("the laws hold");
    }
}

const fn undelegate(base: u64) -> Command {
    Command::GranuleRangeUndelegate { base, top: base + GRANULE }
}

const fn delegate(base: u64) -> Command {
    Command::GranuleRangeDelegate { base, top: base + GRANULE }
}

#[test]
fn a_destroyed_realm_gives_its_auxiliary_granules_back() {
    for batch in [1, 3, AUX] {
        let mut stage = stage();
        stage.make();
        let rd = stage.rd;
        let early = stage.execute(Command::RealmDestroy { rd });
        assert_eq!(early.failure().expect("NEW").condition(), "realm_state");
        stage.scene.must(Command::RealmTerminate { rd });
        let begun = stage.execute(Command::RealmDestroy { rd });
        assert_eq!(begun.regs()[..2], [INCOMPLETE_RECLAIM, 0]);
        assert_eq!(begun.to_string(), "RMI_INCOMPLETE(reclaim) handle=0x0");
        assert_eq!(stage.state(rd), Partial);
        assert!(stage.scene.world.realm(rd).is_none());
        for left in (0..AUX).rev().step_by(batch.try_into().expect("few")) {
            let count = batch.min(left + 1);
            let more = left + 1 > count;
            let wanted = if more { INCOMPLETE_RECLAIM } else { INCOMPLETE_NONE };
            assert_eq!(stage.take(0, batch), [wanted, count], "{batch} of {AUX}");
        }
        assert!(stage.go_on(0).is_success());
        assert_eq!(stage.states(), [Delegated, Delegated, Delegated]);
    }
}

#[test]
fn what_does_not_belong_to_the_operation_is_refused() {
    let mut stage = stage();
    let aux = stage.aux.clone();
    let (rd, rec, params_ptr) = (stage.rd, stage.scene.delegated(), stage.params);
    let refused = |outcome: Outcome, condition: &str| {
        assert_eq!(outcome.failure().expect("a refusal").condition(), condition, "{outcome}");
    };
    stage.begin();
    let host = stage.scene.host();
    for (rd, condition) in [(rd + 8, "rd_align"), (1 << 39, "rd_bound"), (host, "rd_state")] {
        refused(stage.execute(Command::RealmCreate { rd, params_ptr }), condition);
    }
    // The RD is nobody's yet.
    refused(stage.begin(), "rd_state");
    for command in [
        Command::RealmActivate { rd },
        Command::RealmTerminate { rd },
        Command::RealmDestroy { rd },
        Command::RttInitRipas { rd, base: 0, top: GRANULE },
    ] {
        refused(stage.execute(command), "rd_state");
    }
    refused(stage.execute(undelegate(rd)), "gran_state");
    // Handles that nobody has, and what the operation does not wait for.
    for handle in [1, u64::MAX] {
        refused(stage.go_on(handle), "handle");
    }
    refused(stage.go_on(0), "op_state");
    refused(stage.execute(Command::OpCancel { handle: 0 }), "can_cancel");
    // A REC's operation beside it; what is given goes to whose handle it is.
    let [other, ..] = stage.scene.goes_on(Command::RecCreateBegin { rd, rec, params_ptr });
    assert_eq!(stage.give(other, &aux[..1])[0], INCOMPLETE_DONATE);
    assert_eq!(stage.state(aux[0]), GranuleState::RecAux);
    // Memory that is in use, twice in the list, or more than was asked for.
    assert_eq!(stage.give(0, &[aux[1], aux[0]])[..2], [INCOMPLETE_DONATE, 1], "up to it");
    assert_eq!(stage.give(0, &[aux[2], aux[2]])[..2], [INCOMPLETE_DONATE, 1], "once");
    let too_many = [aux[3], stage.root, stage.root];
    assert_eq!(stage.give(0, &too_many)[0], INPUT);
    assert_eq!(stage.give(0, &[aux[0]]), [INCOMPLETE_RECLAIM, 0, 0], "nothing of it");
    stage.scene.world.invariants().expect("the laws hold");
    assert_eq!(stage.take(0, 8), [INCOMPLETE_NONE, 2]);
    assert_eq!(stage.go_on(0).regs()[0], INPUT);
    // The handle is stale.
    refused(stage.go_on(0), "handle");
    let list = stage.scene.host();
    unwind(&mut stage.scene.world, list);
}

#[test]
fn a_realm_needs_a_context_to_begin_and_to_end() {
    let mut stage = stage();
    stage.make();
    let rd = stage.rd;
    stage.scene.must(Command::RealmTerminate { rd });
    let most = stage.scene.world.operations().most();
    for _ in 0..most {
        let (rd, params_ptr) = (stage.scene.delegated(), stage.params);
        stage.scene.goes_on(Command::RealmCreate { rd, params_ptr });
    }
    let (other, params_ptr) = (stage.scene.delegated(), stage.params);
    for command in [Command::RealmCreate { rd: other, params_ptr }, Command::RealmDestroy { rd }] {
        let outcome = stage.execute(command);
        assert_eq!(outcome.status(), Some(Status::Blocked), "{outcome}");
    }
    assert_eq!([stage.state(rd), stage.state(other)], [Rd, Delegated]);
}

/// Another RMM of 2.0 makes Realms in one call; so do hosts that know only that.
#[test]
fn other_releases_make_realms_in_one_call() {
    for profile in Profile::ALL.into_iter().filter(|one| *one != Profile::TF_RMM_NEXT) {
        let mut scene = SmallMachine::new(profile);
        let rd = scene.realm(&[]);
        assert_eq!(scene.world.realm(rd).expect("a Realm").aux().len(), 0, "{profile}");
    }
    let mut scene = SmallMachine::new(Profile::TF_RMM_NEXT);
    let rd = scene.realm(&[]);
    let aux = scene.world.realm(rd).expect("a Realm").aux().len();
    assert_eq!(aux, usize::try_from(RD_AUX_COUNT).expect("few"));
}

/// MPIDRs come in any order there, and one that has gone can come again.
#[test]
fn recs_come_in_any_order() {
    let mut scene = SmallMachine::new(Profile::TF_RMM_NEXT);
    let rd = scene.realm(&[]);
    let first = scene.rec(rd, 5, &[]);
    scene.rec(rd, 0x100, &[]);
    let next = scene.world.realm(rd).expect("a Realm").next_rec_index();
    assert_eq!(next, 17, "one after the highest");
    let (rec, params_ptr) = (scene.delegated(), scene.host());
    scene.put(params_ptr, &page(crate::small_machine::REC_FIELDS, &Fields::from([("mpidr", 5)])));
    let again = scene.ended(Command::RecCreateBegin { rd, rec, params_ptr });
    let failure = again.failure().expect("the MPIDR is taken");
    assert_eq!(failure.condition(), "mpidr_index");
    assert!(failure.detail().contains("is that of REC 5 already"), "{failure}");
    assert!(scene.ended(Command::RecDestroyBegin { rec: first }).is_success());
    assert!(scene.ended(Command::RecCreateBegin { rd, rec, params_ptr }).is_success());
    scene.world.invariants().expect("the laws hold");
}

const DEACTIVATE: Command = Command::RmmDeactivate {};

#[test]
fn an_rmm_that_holds_nothing_can_be_made_inactive() {
    for profile in [Profile::TF_RMM_NEXT, Profile::SPEC_2_BET3] {
        let mut scene = SmallMachine::new(profile);
        let addr = scene.host();
        for _ in 0..2 {
            assert_eq!(scene.must(DEACTIVATE), [0; 4]);
            assert!(!scene.world.is_active());
            for command in [delegate(addr), DEACTIVATE] {
                let outcome = scene.world.execute(command);
                assert_eq!(outcome.status(), Some(Status::Global), "{command}");
            }
            scene.must(Command::Version { req: 2 << 16 });
            let config_ptr = scene.host();
            scene.must(Command::RmmConfigSet { config_ptr });
            scene.must(Command::RmmActivate {});
        }
    }
    for profile in [Profile::TF_RMM_2, Profile::SPEC_2, Profile::SPEC_2_BET2] {
        let outcome = SmallMachine::new(profile).world.call(&DEACTIVATE.encode());
        assert_eq!(outcome.regs()[0], u64::MAX, "{profile}: no such command");
    }
}

#[test]
fn a_granule_or_an_operation_keeps_the_rmm_active() {
    let mut stage = stage();
    let outcome = stage.execute(DEACTIVATE);
    assert_eq!(outcome.status(), Some(Status::Global), "granules are delegated");
    assert_eq!(outcome.failure().expect("a refusal").condition(), "granule_state");
    stage.begin();
    let outcome = stage.execute(DEACTIVATE);
    assert_eq!(outcome.status(), Some(Status::Busy), "the operation is looked at first");
    assert_eq!(outcome.failure().expect("a refusal").condition(), "op_state");
    assert!(stage.scene.world.is_active());
    let list = stage.list;
    unwind(&mut stage.scene.world, list);
    stage.scene.must(DEACTIVATE);
}

#[test]
fn a_private_context_is_the_lowest_that_no_realm_has() {
    let with_bits = |mecid_bits| {
        let file = PlatformFile { mecid_bits, ..PlatformFile::from(machine()) };
        let machine = Platform::try_from(file).expect("a machine that can be");
        SmallMachine::on(machine, Profile::TF_RMM_2)
    };
    let private = |scene: &mut SmallMachine| {
        let (outcome, rd) = scene.try_realm(&[("flags", 1 << 7), ("num_bps", 1), ("num_wps", 1)]);
        let realm = scene.world.realm(rd);
        (outcome.status(), realm.and_then(|realm| realm.private_mec()), rd)
    };
    let mut scene = with_bits(2);
    let first = private(&mut scene);
    assert_eq!((first.0, first.1), (Some(Status::Success), Some(0)));
    assert_eq!(private(&mut scene).1, Some(1));
    let failed = private(&mut scene);
    assert_eq!((failed.0, failed.1), (Some(Status::Global), None));
    scene.must(Command::RealmTerminate { rd: first.2 });
    scene.must(Command::RealmDestroy { rd: first.2 });
    assert_eq!(private(&mut scene).1, Some(0));
    assert_eq!(scene.world.invariants(), Ok(()));
    // One bit leaves no context for a Realm's own; without FEAT_MEC nothing is encrypted.
    assert_eq!(private(&mut with_bits(1)).0, Some(Status::Global));
    let without = private(&mut with_bits(0));
    assert_eq!((without.0, without.1), (Some(Status::Success), None));
    let counts = [0, 1, 2, 16].map(|bits| with_bits(bits).world.platform().private_mecs());
    assert_eq!(counts, [0, 0, 2, 0xFFFE]);
}
