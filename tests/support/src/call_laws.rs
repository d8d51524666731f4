//! The laws that every call keeps, whatever the world and the call, in both editions.
//!
//! The numbers are those of the list of invariants that the project keeps of DEN0137 1.0.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use rimsim::abi::command::CallRegs;
use rimsim::model::granule::GranuleState;
use rimsim::model::operation::Operation;
use rimsim::model::realm::{Realm, RealmState};
use rimsim::model::rec::RipasChange;
use rimsim::model::rtt::TableId;
use rimsim::rmi::{Outcome, Survey};
use rimsim::{Command, Edition, Profile, Status, World};

use crate::flat_rmm::size_in;
use crate::ipa_view::{Cell, DESTROYED, EMPTY, RAM, View, bits, entries, view};

/// One call with the worlds before and after it.
#[derive(Clone, Copy)]
struct Step<'w> {
    command: Command,
    outcome: &'w Outcome,
    before: &'w World,
    after: &'w World,
}

impl Step<'_> {
    /// Bytes that an entry of a level covers.
    fn size(&self, level: i64) -> u64 {
        size_in(bits(self.before), level)
    }
}

/// Checks one call. The world before it has passed this check.
pub fn check_laws(before: &World, regs: &CallRegs, outcome: &Outcome, after: &World) {
    // 32: the same world and call, the same answer and world.
    let mut again = before.clone();
    assert_eq!(again.call(regs), *outcome, "law 32");
    assert!(again == *after, "law 32");
    let Some(command) = outcome.command() else {
        return assert!(before == after, "law 41");
    };
    let step = Step { command, outcome, before, after };
    return_code(&step);
    // The state of the RMM as a whole stands before all tables.
    if outcome.failure().is_some_and(|failure| failure.condition() == "rmm_state") {
        return assert!(before == after, "law 31: {outcome}");
    }
    let survey = before.survey(command);
    let went_on = outcome.is_success() || outcome.awaits().is_some();
    if survey.iter().all(|(_, good)| *good) && !went_on {
        return failed_late(&step);
    }
    // 31: a call that fails changes nothing.
    assert!(went_on || before == after, "law 31: {outcome}");
    assert_eq!(survey.iter().all(|(_, good)| *good), went_on, "law 33: {outcome}");
    ranked(outcome, &survey);
    tops(&step);
    if went_on {
        // 1 to 5, 9 to 11, 35 (distinct, bounded), 36 (distinct).
        after.invariants().unwrap_or_else(|violation| panic!("{command:x?}: {violation}"));
        transitions(&step);
        realms(&step);
        translation(&step);
        reading(&step);
    }
}

/// 33: the condition that is answered is one that the partial order lets come first, and the first
/// of the table among those that hold.
pub fn ranked(outcome: &Outcome, survey: &Survey) {
    let failing: Vec<_> = survey.iter().filter(|(_, good)| !good).map(|(row, _)| *row).collect();
    let Some(failure) = outcome.failure() else { return };
    let first = failing.first().expect("a failure has a failing row");
    assert_eq!(failure.row(), *first, "law 33: {outcome}");
    let outranked = failing.iter().find(|row| first.after.contains(&row.id) && row.id != first.id);
    assert_eq!(outranked, None, "law 33: {outcome}");
}

/// The failures outside REC_ENTER that do not come from the table as it stands before the call.
fn failed_late(step: &Step<'_>) {
    let Step { command, outcome, before, after } = *step;
    let operation = |world: &World, handle| world.operations().find(handle).is_some();
    match command {
        Command::PsciComplete { .. } => refused_denial(step),
        // The operation's own status, and its end.
        Command::OpContinue { handle, .. } => {
            assert!(operation(before, handle) && !operation(after, handle), "law 31: {outcome}");
            transitions(step);
            realms(step);
        }
        // Granules have come back, and the Host could not be told which.
        Command::OpMemReclaim { handle, .. } => {
            assert_eq!(outcome.failure().map(|failure| failure.condition()), Some("list_pas"));
            assert!(operation(after, handle), "law 31: {outcome}");
            transitions(step);
        }
        // Only the interrupts that were looked for are fewer.
        Command::RttDataMap { .. } | Command::RttUnprotMap { .. } => {
            let [mut before, mut after] = [before.clone(), after.clone()];
            before.set_interrupt(None);
            after.set_interrupt(None);
            assert!(before == after, "law 31: {outcome}");
        }
        _ => panic!("law 31: {outcome}"),
    }
    after.invariants().unwrap_or_else(|violation| panic!("{command:x?}: {violation}"));
}

/// TF-RMM refuses a denial, and completes the request.
fn refused_denial(step: &Step<'_>) {
    let Command::PsciComplete { calling_rec, target_rec, .. } = step.command else {
        panic!("law 31: {}", step.outcome);
    };
    assert_ne!(step.before.profile(), rimsim::Profile::SPEC, "law 31");
    assert_eq!(step.outcome.failure().map(|failure| failure.condition()), Some("status"));
    let (caller, target) = (step.after.rec(calling_rec), step.after.rec(target_rec));
    let caller = caller.expect("it was found");
    assert!(!caller.psci_pending() && caller.gprs()[0] == 4_u64.wrapping_neg(), "law 31");
    assert!(target == step.before.rec(target_rec), "law 31");
}

/// 34: X0 is a status and an index, and the index is zero but where it has a meaning.
fn return_code(step: &Step<'_>) {
    let [x0, outputs @ ..] = step.outcome.regs();
    assert_eq!(x0 >> 16, 0, "law 34");
    let enters = matches!(step.command, Command::RecEnter { .. });
    match step.outcome.status() {
        Some(Status::Rtt | Status::RttAux) => {
            assert!([0xFF, 0, 1, 2, 3].contains(&(x0 >> 8)), "law 34")
        }
        Some(Status::Realm) if enters => assert!(x0 >> 8 <= 1, "law 34"),
        // What the operation wants; none that there is can be cancelled.
        Some(Status::Incomplete) => assert!(x0 >> 8 <= 2, "law 34"),
        _ => assert_eq!(x0 >> 8, 0, "law 34"),
    }
    let defined = step.outcome.defined_regs();
    for (x, value) in (1..).zip(outputs) {
        assert!(defined.contains(&x) || *value == 0, "X{x} is not defined: {}", step.outcome);
    }
}

/// The changes of granules that a command may make.
fn allowed(command: Command) -> &'static [(GranuleState, GranuleState)] {
    use GranuleState::{Data, Delegated, Partial, Rd, RdAux, Rec, RecAux, Rtt, Undelegated};
    match command {
        Command::GranuleDelegate { .. } | Command::GranuleRangeDelegate { .. } => {
            &[(Undelegated, Delegated)]
        }
        Command::GranuleUndelegate { .. } | Command::GranuleRangeUndelegate { .. } => {
            &[(Delegated, Undelegated)]
        }
        Command::RealmCreate { .. } => &[(Delegated, Rd), (Delegated, Rtt), (Delegated, Partial)],
        Command::RealmDestroy { .. } => &[(Rd, Delegated), (Rtt, Delegated), (Rd, Partial)],
        Command::DataCreate { .. }
        | Command::DataCreateUnknown { .. }
        | Command::RttDataMapInit { .. }
        | Command::RttDataMap { .. } => &[(Delegated, Data)],
        Command::DataDestroy { .. } | Command::RttDataUnmap { .. } => &[(Data, Delegated)],
        Command::RecCreate { .. } => &[(Delegated, Rec), (Delegated, RecAux)],
        Command::RecDestroy { .. } => &[(Rec, Delegated), (RecAux, Delegated)],
        Command::RecCreateBegin { .. } => &[(Delegated, Partial)],
        Command::RecDestroyBegin { .. } => &[(Rec, Partial)],
        Command::OpMemDonate { .. } => &[(Delegated, RecAux), (Delegated, RdAux)],
        Command::OpMemReclaim { .. } => &[(RecAux, Delegated), (RdAux, Delegated)],
        Command::OpContinue { .. } => &[
            (Partial, Rec),
            (Partial, Rd),
            (Delegated, Rtt),
            (Partial, Delegated),
            (Delegated, Data),
            (Data, Delegated),
        ],
        Command::RttCreate { .. } | Command::RttAuxCreate { .. } => &[(Delegated, Rtt)],
        Command::RttDestroy { .. }
        | Command::RttFold { .. }
        | Command::RttAuxDestroy { .. }
        | Command::RttAuxFold { .. } => &[(Rtt, Delegated)],
        _ => &[],
    }
}

/// 6 and 8: granules change state only as the command's row of the table says.
fn transitions(step: &Step<'_>) {
    let allowed = allowed(step.command);
    let states = |world: &World| world.granules().delegated().collect::<BTreeMap<_, _>>();
    let (before, after) = (states(step.before), states(step.after));
    let mut changes = 0;
    for granule in before.keys().chain(after.keys()).collect::<BTreeSet<_>>() {
        let undelegated = GranuleState::Undelegated;
        let state = |of: &BTreeMap<_, _>| of.get(granule).copied().unwrap_or(undelegated);
        let (from, to) = (state(&before), state(&after));
        assert!(from == to || allowed.contains(&(from, to)), "law 6: {from} to {to}");
        changes += u64::from(from != to);
    }
    let aux = u64::from(step.before.platform().rec_aux_count);
    let trees = |realm: &Realm| {
        let planes = realm.planes();
        if planes.tree_per_plane() { 1 + planes.num_aux() as u64 } else { 1 }
    };
    let roots =
        |world: &World, rd| world.realm(rd).map_or(0, |realm| trees(realm) * realm.rtt().num_start);
    let expected = match step.command {
        Command::RealmCreate { .. } if step.outcome.awaits().is_some() => 1,
        Command::RealmCreate { rd, .. } => 1 + roots(step.after, rd),
        Command::RealmDestroy { rd } => 1 + roots(step.before, rd),
        Command::RecCreate { .. } | Command::RecDestroy { .. } => 1 + aux,
        Command::OpMemDonate { .. } => step.outcome.regs()[1],
        // As many as the operation had come to.
        Command::RttDataMap { .. }
        | Command::RttDataUnmap { .. }
        | Command::OpContinue { .. }
        | Command::OpMemReclaim { .. } => changes,
        _ => u64::from(!allowed.is_empty()),
    };
    assert_eq!(changes, expected, "law 6");
}

/// The RD of the Realm that a command names, itself or by a REC.
fn named(step: &Step<'_>) -> Option<u64> {
    let info = step.command.info();
    let args = step.command.encode();
    let place = |name| info.inputs.iter().position(|input| *input == name);
    let owner = |rec: u64| {
        let owner = step.before.rec(rec)?.owner();
        Some(step.before.granules().pa(owner).0)
    };
    if let Command::OpContinue { .. } = step.command {
        return changed(step);
    }
    place("rd").map(|i| args[i + 1]).or_else(|| owner(args[1 + place("rec")?]))
}

/// The first Realm that is another than before: an operation does not say whose it is.
fn changed(step: &Step<'_>) -> Option<u64> {
    let differs = |(rd, old): &(rimsim::abi::addr::Pa, &Realm)| {
        let new = step.after.realm(rd.0);
        new.is_none_or(|new| new != *old || view(step.before, old) != view(step.after, new))
    };
    step.before.realms().find(differs).map(|(rd, _)| rd.0)
}

/// 23, 24, 28, 35, 36, 40 and 42.
fn realms(step: &Step<'_>) {
    let named = named(step);
    let rds = |world: &World| world.realms().map(|(rd, _)| rd.0).collect::<BTreeSet<_>>();
    let (before, after) = (rds(step.before), rds(step.after));
    for rd in before.union(&after) {
        match (step.before.realm(*rd), step.after.realm(*rd)) {
            (Some(old), Some(new)) if named == Some(*rd) => same_realm(step, *rd, old, new),
            (Some(old), Some(new)) => {
                // 42: the others stay as they are.
                assert!(old == new, "law 42");
                assert_eq!(view(step.before, old), view(step.after, new), "law 42");
            }
            (None, Some(new)) => {
                assert!(matches!(step.command, Command::RealmCreate { .. }), "law 36");
                assert_eq!(extensions(new), 1, "law 23");
            }
            (Some(old), None) => {
                assert!(matches!(step.command, Command::RealmDestroy { .. }), "law 36");
                let held = |root: &TableId| step.before.tables().get(*root).held_by() != 0;
                assert!(old.recs().is_empty() && !old.roots().iter().any(held), "law 40");
                let zombie = old.state() == RealmState::Zombie;
                assert!(is_first(step) || zombie, "a Realm ends before it is destroyed");
            }
            (None, None) => unreachable!("it is in one of the sets"),
        }
    }
    // 28: measurements are zero past their length.
    let mut after = step.after.clone();
    for rd in rds(step.after) {
        let rim = after.rim(rd).expect("a Realm");
        let len = rim.algo().len_bytes();
        assert!(rim.slot()[len..].iter().all(|byte| *byte == 0), "law 28");
    }
}

fn is_first(step: &Step<'_>) -> bool {
    step.before.profile().edition() == Edition::V1
}

fn extensions(realm: &Realm) -> u64 {
    realm.log().events().iter().map(|event| event.extensions()).sum()
}

fn same_realm(step: &Step<'_>, rd: u64, old: &Realm, new: &Realm) {
    let made = (new.recs().len() as u64).saturating_sub(old.recs().len() as u64);
    // 23: what is measured, and how often.
    let more = match step.command {
        Command::DataCreate { .. } | Command::RttDataMapInit { .. } => 1,
        Command::OpContinue { .. } if made == 1 => {
            let granule = *new.recs().last().expect("it was made");
            let rec = step.after.rec(step.after.granules().pa(granule).0);
            u64::from(rec.expect("it was made").runnable())
        }
        Command::RecCreate { rec, .. } => {
            u64::from(step.after.rec(rec).expect("it was made").runnable())
        }
        Command::RttInitRipas { base, .. } if is_first(step) => {
            let entry = step.size(walk(&view(step.before, old), old, base));
            (step.outcome.regs()[1] - base) / entry
        }
        _ => 0,
    };
    assert_eq!(extensions(new) - extensions(old), more, "law 23");
    assert!(new.log().events().starts_with(old.log().events()), "law 23");
    let (mut before, mut after) = (step.before.clone(), step.after.clone());
    assert_eq!(before.rim(rd) == after.rim(rd), more == 0, "law 23");
    // 24: nothing is measured once the Realm is ACTIVE.
    assert!(old.state() == RealmState::New || more == 0, "law 24");
    // 35: indices go up by one for each REC.
    let makes = matches!(step.command, Command::RecCreate { .. } | Command::OpContinue { .. });
    assert!(makes || made == 0, "law 35");
    let grown = new.next_rec_index().checked_sub(old.next_rec_index()).expect("law 35");
    if step.before.profile() == Profile::TF_RMM_NEXT {
        // They come in any order, and can come again.
        assert!(made == 1 || grown == 0, "law 35");
    } else {
        assert_eq!(grown, made, "law 35");
    }
    assert!(new.recs().len() as u64 <= new.next_rec_index(), "law 35");
}

/// The level at which a walk to level 3 ends.
fn walk(view: &View, realm: &Realm, ipa: u64) -> i64 {
    let start = i64::from(realm.rtt().start.number());
    let bits = realm.rtt().granule.shift();
    let table =
        |level: &i64| view.tables.contains_key(&(*level, ipa & !(size_in(bits, level - 1) - 1)));
    (start + 1..=3).take_while(table).last().unwrap_or(start)
}

/// 13, 14 and 18: what commands do to the function from IPAs.
fn translation(step: &Step<'_>) {
    let Some(rd) = named(step) else { return };
    let (Some(old), Some(new)) = (step.before.realm(rd), step.after.realm(rd)) else { return };
    let (was, is) = (view(step.before, old), view(step.after, new));
    ripas(step, old, &was, &is);
    match step.command {
        Command::RttCreate { rd, rtt, ipa, level } => {
            assert_eq!(was.cells, is.cells, "law 14");
            // A table of an entry that an operation has yet to finish with does not fold.
            let waits = |operation: &Operation| !matches!(operation, Operation::Object(_));
            if !step.before.operations().iter().any(|(_, operation)| waits(operation)) {
                let fold = Command::RttFold { rd, ipa, level };
                assert_eq!(undone(step, rd, fold, [rtt, 0]), was, "law 13");
            }
        }
        Command::RttFold { rd, ipa, level } => {
            assert_eq!(was.cells, is.cells, "law 14");
            let rtt = step.outcome.regs()[1];
            let create = Command::RttCreate { rd, rtt, ipa, level };
            assert_eq!(undone(step, rd, create, [0, 0]), was, "law 13");
        }
        _ => {}
    }
}

/// The Realm after one more command, which succeeds and answers `outputs`.
fn undone(step: &Step<'_>, rd: u64, command: Command, outputs: [u64; 2]) -> View {
    let mut world = step.after.clone();
    let outcome = world.execute(command);
    assert_eq!(outcome.regs()[..3], [0, outputs[0], outputs[1]], "law 13: {outcome}");
    view(&world, world.realm(rd).expect("it was there"))
}

/// 18, 19 and 21: how RIPAS may change.
fn ripas(step: &Step<'_>, realm: &Realm, was: &View, is: &View) {
    let request = asked(step);
    let covered = |range: &Range<u64>, old, new| {
        let Some((within, change)) = &request else { return false };
        // By 2.0 only RAM has to be allowed to take the place of what was destroyed (F2).
        let kept = step.before.profile().edition() == Edition::V1 || new == Some(RAM);
        let destroyed = old == Some(DESTROYED) && kept && !change.changes_destroyed();
        let inside = within.start <= range.start && range.end <= within.end;
        inside && new == Some(change.value) && !destroyed
    };
    for (range, new) in is.cells.within(0..realm.rtt().ipa_top()) {
        for (range, old) in was.cells.within(range) {
            let good = match (old.ripas(), new.ripas()) {
                (old, new) if old == new => true,
                (old, new) if covered(&range, old, new) => true,
                (Some(EMPTY), Some(RAM)) => {
                    let init = matches!(step.command, Command::RttInitRipas { .. });
                    init || gives_contents(step.command)
                }
                (Some(_), Some(RAM)) => {
                    // The text lets RTT_INIT_RIPAS take what was destroyed.
                    let spec = step.before.profile() == rimsim::Profile::SPEC;
                    let init = matches!(step.command, Command::RttInitRipas { .. });
                    gives_contents(step.command) || spec && init
                }
                (Some(RAM), Some(DESTROYED)) => takes_away(step.command),
                (Some(_), Some(DESTROYED)) => matches!(step.command, Command::RttDestroy { .. }),
                _ => false,
            };
            assert!(good, "law 18: {old:?} to {new:?} by {:x?}", step.command);
        }
    }
}

const fn gives_contents(command: Command) -> bool {
    matches!(command, Command::DataCreate { .. } | Command::RttDataMapInit { .. })
}

const fn takes_away(command: Command) -> bool {
    matches!(
        command,
        Command::DataDestroy { .. } | Command::RttDestroy { .. } | Command::RttDataUnmap { .. }
    )
}

/// The change that RTT_SET_RIPAS makes for a REC, and where. 20: it goes from where the last one
/// ended, and not past the request.
fn asked(step: &Step<'_>) -> Option<(Range<u64>, RipasChange)> {
    let Command::RttSetRipas { rec, base, top, .. } = step.command else { return None };
    let change = *step.before.rec(rec)?.ripas_change();
    let out_top = step.outcome.regs()[1];
    assert!(change.base <= base && base == change.addr, "law 20");
    assert!(base <= out_top && out_top <= top && top <= change.top, "law 20");
    let spec = step.before.profile() == rimsim::Profile::SPEC;
    assert!(base < out_top || spec, "law 20");
    let after = step.after.rec(rec)?.ripas_change();
    assert_eq!(*after, RipasChange { addr: out_top, ..change }, "law 20");
    Some((base..out_top, change))
}

/// 16: everything between the address and `top` is not live, and `top` is live or a table's end.
fn tops(step: &Step<'_>) {
    let (rd, ipa, target, top) = match (step.command, *step.outcome.regs()) {
        (Command::DataDestroy { rd, ipa }, [_, _, top, ..]) => (rd, ipa, 3, top),
        (Command::RttDestroy { rd, ipa, level }, [_, _, top, ..]) => {
            (rd, ipa, level.cast_signed().saturating_sub(1), top)
        }
        (Command::RttUnmapUnprotected { rd, ipa, level }, [_, top, ..]) => {
            (rd, ipa, level.cast_signed(), top)
        }
        _ => return,
    };
    match step.outcome.status() {
        Some(Status::Success) => assert!(top > ipa, "law 16"),
        Some(Status::Rtt) => {}
        _ => return assert_eq!(top, 0, "no walk was made"),
    }
    let realm = step.after.realm(rd).expect("the walk was made");
    let view = view(step.after, realm);
    if step.outcome.failure().is_some_and(|failure| failure.condition() == "rtt_live") {
        return assert_eq!(top, ipa, "law 16");
    }
    let level = walk(&view, realm, ipa).min(target);
    let entry = step.size(level);
    let first = ipa & !(entry - 1);
    let table = entry * entries(step.before);
    let end = (ipa & !(table - 1)) + table;
    assert!((first..=end).contains(&top), "law 16: {top:#x}");
    let live = |range: Range<u64>| {
        let tables = (level + 1, range.start)..(level + 1, range.end);
        view.tables.range(tables).next().is_some()
            || view.cells.within(range).iter().any(|(_, cell): &(_, Cell)| cell.is_live())
    };
    assert!(top == ipa || !live(first..top), "law 16");
    let stops = top & !(entry - 1);
    assert!(top == end || live(stops..stops + entry), "law 16: {top:#x}");
}

/// 12: the level that RTT_READ_ENTRY reports goes up with the level asked for, and not above it.
fn reading(step: &Step<'_>) {
    let Command::RttReadEntry { rd, ipa, .. } = step.command else { return };
    let mut world = step.after.clone();
    let start = i64::from(step.after.realm(rd).expect("it was read").rtt().start.number());
    let mut deepest = start;
    for level in start..=3 {
        let read = Command::RttReadEntry {
            rd,
            ipa: ipa & !(step.size(level) - 1),
            level: level.cast_unsigned(),
        };
        let found = world.execute(read).regs()[1].cast_signed();
        assert!(found <= level && found >= start, "law 12");
        // A shorter address may walk another way only above where it was cut.
        if ipa.is_multiple_of(step.size(level)) {
            assert!(found >= deepest, "law 12");
            deepest = found;
        }
    }
}
