//! RMI_RTT_INIT_RIPAS and RMI_RTT_SET_RIPAS.

use super::conditions::wrong_entry;
use super::gate::{Answer, Checked, Failure, Gate, Outputs, Rows, failures};
use super::realm::realm_mut;
use super::{Plan, Rmi};
use crate::abi::addr::{Hex, Ipa, Level, align_down, is_aligned};
use crate::measure::event::{MeasuredEvent, RipasEvent};
use crate::model::granule::{Granule, GranuleState};
use crate::model::realm::Realm;
use crate::model::rtt::{Ripas, Rtte, Walk};
use crate::model::world::World;

pub(super) struct Init {
    pub(super) rd: u64,
    pub(super) base: u64,
    pub(super) top: u64,
}

failures! {
    /// RMI_RTT_INIT_RIPAS.
    InitRows {
        SizeValid "size_valid" Input All [] "`top` is not above `base`";
        RdAlign "rd_align" Input All [] "`rd` is not granule aligned";
        RdBound "rd_bound" Input All [] "`rd` is not delegable memory";
        RdState "rd_state" Input All [] "`rd` is not an RD granule";
        BaseGranAlign "base_align" Input TfRmm [] "`base` is not granule aligned";
        TopGranAlign "top_gran_align" Input All [] "`top` is not granule aligned";
        TopBound "top_bound" Input All [] "the range leaves the Protected IPA space";
        RealmState "realm_state" Realm All ["rd_bound", "rd_state"] "the Realm is not NEW";
        BaseAlign "base_align" Rtt All ["rd_bound", "rd_state"]
            "`base` lies inside an entry of the level where the walk stops";
        RtteState "rtte_state" Rtt All ["rd_bound", "rd_state"]
            "the first entry can not be initialised";
        NoProgress "no_progress" Rtt All ["rd_bound", "rd_state", "top_gran_align"]
            "`top` lies inside the first entry";
    }
}

pub(super) struct InitPlan {
    rd: Granule,
    base: Ipa,
    top: Ipa,
    walk: Walk,
}

impl Rmi for Init {
    type Rows = InitRows;
    type Plan = InitPlan;

    fn check(&self, world: &World, mut gate: Gate<'_>) -> Checked<InitPlan> {
        use InitRows as F;
        let Self { rd, base, top } = *self;
        gate.range_not_empty(F::SizeValid, base, top)?;
        let rd = gate.rd([F::RdAlign, F::RdBound, F::RdState], world, rd)?;
        gate.granule_aligned(F::BaseGranAlign, base)?;
        gate.granule_aligned(F::TopGranAlign, top)?;
        let rtt = &rd.realm.rtt;
        let inside = base < top && top <= rtt.protected_top();
        let base = gate.some(F::TopBound, inside.then_some(Ipa(base)), || {
            let protected_top = Hex(rtt.protected_top());
            let (base, top) = (Hex(base), Hex(top));
            format!("{base}..{top} leaves the Protected IPA space of {protected_top}")
        })?;
        gate.realm_is_new(F::RealmState, rd.realm)?;
        let walk = world.walk(rd.realm, base, Level::PAGE);
        let level = walk.level;
        let aligned = is_aligned(base.0, walk.entry_bytes());
        gate.ensure_at(F::BaseAlign, aligned, level.to_index(), || misaligned(base, walk))?;
        let entry = world.tables.entry(walk);
        let profile = gate.profile();
        let stops = profile.init_ripas_stops_at_others();
        let takes_assigned = profile.init_ripas_takes_assigned();
        let can_init = |entry: Rtte| {
            let state = takes_assigned || matches!(entry.settled(), Rtte::Unassigned(_));
            state && matches!(entry.ripas(), Some(Ripas::Empty | Ripas::Ram))
        };
        let unassigned = matches!(entry, Rtte::Unassigned(_));
        let good = if stops { can_init(entry) } else { unassigned };
        gate.ensure_at(F::RtteState, good, level.to_index(), || {
            let wanted = match (stops, takes_assigned) {
                (_, true) => "EMPTY or RAM",
                (true, false) => "UNASSIGNED (EMPTY or RAM)",
                (false, false) => "UNASSIGNED",
            };
            wrong_entry(base, walk, entry, wanted)
        })?;
        let stop = |entry: &Rtte| match entry {
            Rtte::Table(_) => true,
            other => stops && !can_init(*other),
        };
        let out_top = scan(world, walk, base, Ipa(top), stop);
        gate.ensure_at(F::NoProgress, out_top > base, level.to_index(), || {
            no_progress(base, top, walk)
        })?;
        gate.pass::<F, _>(InitPlan { rd: rd.granule, base, top: out_top, walk })
    }
}

impl Gate<'_> {
    /// `size_valid`: the range has at least one byte.
    fn range_not_empty<R: Rows>(&mut self, row: R, base: u64, top: u64) -> Checked<()> {
        self.ensure(row, top > base, || format!("top {} is not above base {}", Hex(top), Hex(base)))
    }
}

fn misaligned(base: Ipa, walk: Walk) -> String {
    let (size, level) = (Hex(walk.entry_bytes()), walk.level);
    format!("the walk for IPA {base} stops at level {level}; {base} is not a multiple of {size}")
}

fn no_progress(base: Ipa, top: u64, walk: Walk) -> String {
    let (size, level) = (Hex(walk.entry_bytes()), walk.level);
    format!(
        "the entry for IPA {base} at level {level} covers {size} and can not be changed as a \
         whole below {}",
        Hex(top)
    )
}

/// The first IPA from `base` on whose entry `stop` refuses, that crosses `top`, or that is past the
/// table: how far a RIPAS command comes. Not below `base`.
fn scan(world: &World, walk: Walk, base: Ipa, top: Ipa, stop: impl Fn(&Rtte) -> bool) -> Ipa {
    let size_bytes = walk.entry_bytes();
    let first = align_down(base.0, size_bytes);
    let entries = &world.tables.get(walk.table).entries()[walk.index..];
    let until_top = top.0.saturating_sub(first) / size_bytes;
    let going = entries.iter().take(usize::try_from(until_top).unwrap_or(usize::MAX));
    let count = going.take_while(|entry| !stop(entry)).count() as u64;
    Ipa(base.0.max(first + count * size_bytes))
}

/// Gives the entries from `walk` on, that cover `base..top`, another RIPAS. `base` may lie inside
/// the first of them.
fn set_ripas(world: &mut World, walk: Walk, base: Ipa, top: Ipa, change: impl Fn(Rtte) -> Rtte) {
    let first = align_down(base.0, walk.entry_bytes());
    let count = usize::try_from((top.0 - first) >> walk.entry_shift).expect("a table");
    for index in walk.index..walk.index + count {
        let entry = world.tables.get(walk.table).entries()[index];
        world.tables.set_entry(walk.table, index, change(entry));
    }
}

impl Plan for InitPlan {
    type Answer = Outputs;

    fn apply(self, world: &mut World) -> Outputs {
        let Self { rd, base, top, walk } = self;
        set_ripas(world, walk, base, top, |entry| entry.settled().with_ripas(Ripas::Ram));
        if world.profile().rim_rule().measures_ripas() {
            let entry_size_bytes = walk.entry_bytes();
            let event = MeasuredEvent::Ripas(RipasEvent { base, top, entry_size_bytes });
            realm_mut(world, rd).log.push(event);
        }
        [top.0, 0, 0, 0]
    }
}

pub(super) struct Set {
    pub(super) rd: u64,
    pub(super) rec: u64,
    pub(super) base: u64,
    pub(super) top: u64,
}

failures! {
    /// RMI_RTT_SET_RIPAS.
    SetRows {
        SizeValid "size_valid" Input All [] "`top` is not above `base`";
        TopGranFirst "top_gran_align" Input V2 [] "`top` is not granule aligned";
        RdAlign "rd_align" Input All [] "`rd` is not granule aligned";
        RdBound "rd_bound" Input All [] "`rd` is not delegable memory";
        RdState "rd_state" Input All [] "`rd` is not an RD granule";
        RecAlign "rec_align" Input All [] "`rec` is not granule aligned";
        RecBound "rec_bound" Input All [] "`rec` is not delegable memory";
        RecGranState "rec_gran_state" Input All [] "`rec` is not a REC granule";
        RecState "rec_state" Rec All ["rec_bound", "rec_gran_state"] "the REC is running";
        RecOwner "rec_owner" Rec All ["rec_bound", "rec_gran_state"]
            "the REC belongs to another Realm";
        BaseBound "base_bound" Input All [] "`base` is not where the REC's request stands";
        TopBound "top_bound" Input All [] "`top` is past the REC's request";
        TopGranAlign "top_gran_align" Input Spec [] "`top` is not granule aligned";
        BaseAlign "base_align" Rtt All ["rd_bound", "rd_state", "base_bound"]
            "`base` lies inside an entry of the level where the walk stops";
        NoProgress "no_progress" Rtt All ["rd_bound", "rd_state", "top_gran_align"]
            "no entry can be changed";
        AuxLive "aux_live" RttAux V2 [] "an auxiliary tree maps memory that is to be EMPTY";
    }
}

pub(super) struct SetPlan {
    rec: Granule,
    base: Ipa,
    top: Ipa,
    walk: Walk,
    ripas: Ripas,
    /// The auxiliary mapping that ended it.
    end: Option<Box<Failure>>,
}

impl Rmi for Set {
    type Rows = SetRows;
    type Plan = SetPlan;

    fn check(&self, world: &World, mut gate: Gate<'_>) -> Checked<SetPlan> {
        use SetRows as F;
        let Self { rd, rec, base, top } = *self;
        gate.range_not_empty(F::SizeValid, base, top)?;
        gate.granule_aligned(F::TopGranFirst, top)?;
        let rd = gate.rd([F::RdAlign, F::RdBound, F::RdState], world, rd)?;
        let rows = [F::RecAlign, F::RecBound, F::RecGranState];
        let rec = gate.granule_in(rows, world, rec, GranuleState::Rec)?;
        let contents = &world.recs[&rec];
        gate.ensure(F::RecState, !contents.running, || "the REC is running".into())?;
        gate.ensure(F::RecOwner, contents.owner == rd.granule, || {
            let owner = world.granules.pa(contents.owner);
            format!("the REC belongs to the Realm of RD {owner}")
        })?;
        let change = contents.ripas_change;
        let (next, end) = change.pending();
        gate.ensure(F::BaseBound, base == next, || {
            format!("base {} is not {}, where the request stands", Hex(base), Hex(next))
        })?;
        let wanted = (top <= end && base < end).then_some(change);
        let change = gate.some(F::TopBound, wanted, || {
            format!("top {} is past {}, where the request ends", Hex(top), Hex(end))
        })?;
        let granule_bytes = gate.granule_size().bytes();
        gate.ensure(F::TopGranAlign, is_aligned(top, granule_bytes), || {
            format!("top {} is not a multiple of {}", Hex(top), Hex(granule_bytes))
        })?;

        // The request was checked when the Realm made it, so its range is Protected. A survey may
        // come here with another base.
        let base = Ipa(base.min(rd.realm.rtt.protected_top() - 1));
        let ripas = change.ripas();
        let walk = world.walk(rd.realm, base, Level::PAGE);
        let level = walk.level;
        let same = world.tables.entry(walk).ripas() == Some(ripas);
        let excused = same && !gate.profile().set_ripas_fails_on_same();
        let aligned = is_aligned(base.0, walk.entry_bytes());
        gate.ensure_at(F::BaseAlign, aligned || excused, level.to_index(), || {
            misaligned(base, walk)
        })?;
        let passes = ripas == Ripas::Empty && gate.profile().empty_passes_destroyed();
        let changes_destroyed = passes || change.changes_destroyed();
        let stop = |entry: &Rtte| match entry.ripas() {
            _ if entry.is_pending() => true,
            None => true,
            Some(Ripas::Destroyed) => !changes_destroyed,
            Some(_) => false,
        };
        let out_top = scan(world, walk, base, Ipa(top), stop);
        gate.ensure_at(F::NoProgress, out_top > base || excused, level.to_index(), || {
            no_progress(base, top, walk)
        })?;
        let live = ripas == Ripas::Empty;
        let live = live.then(|| first_aux_mapping(world, rd.realm, walk, base, out_top)).flatten();
        let shared = |ipa: u64| format!("an auxiliary tree maps IPA {}", Hex(ipa));
        let nothing = live.is_some_and(|ipa| align_down(ipa, walk.entry_bytes()) <= base.0);
        gate.ensure(F::AuxLive, !nothing, || shared(live.unwrap_or_default()))
            .map_err(|failure| failure.with_output(1, live.unwrap_or_default()))?;
        let out_top = live.map_or(out_top, |ipa| Ipa(align_down(ipa, walk.entry_bytes())));
        let end = live.map(|ipa| Failure::at(F::AuxLive, 0, shared(ipa)).with_output(1, ipa));
        gate.pass::<F, _>(SetPlan { rec, base, top: out_top, walk, ripas, end })
    }
}

/// The first IPA of RAM entries below `top` that an auxiliary tree maps.
fn first_aux_mapping(world: &World, realm: &Realm, walk: Walk, base: Ipa, top: Ipa) -> Option<u64> {
    let size = walk.entry_bytes();
    let entries = &world.tables.get(walk.table).entries()[walk.index..];
    let mut blocks = (base.0..top.0).step_by(usize::try_from(size).ok()?).zip(entries);
    blocks.find_map(|(ipa, entry)| match entry {
        Rtte::Assigned { pa, ripas: Ripas::Ram } => {
            realm.first_aux_mapped(pa.0..pa.0 + size).map(|found| ipa + (found - pa.0))
        }
        _ => None,
    })
}

impl Plan for SetPlan {
    type Answer = Answer;

    /// TF-RMM reports an auxiliary mapping even if it has changed entries before; the REC's request
    /// stays where it was.
    fn apply(self, world: &mut World) -> Answer {
        let Self { rec, base, top, walk, ripas, end } = self;
        set_ripas(world, walk, base, top, |entry| entry.with_ripas(ripas));
        if let Some(failure) = end {
            return Answer::Failed(failure);
        }
        let rec = world.rec_mut(rec);
        rec.ripas_change.addr = top.0;
        Answer::Success([top.0, 0, 0, 0])
    }
}
