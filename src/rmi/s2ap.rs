//! RMI_RTT_SET_S2AP (2.0): completes a change of permissions that a REC asked for (TF-RMM
//! `runtime/rmi/rtt.c`).

use super::gate::{Answer, Checked, Failure, Gate, failures};
use super::{Plan, Rmi};
use crate::abi::addr::{Hex, Ipa, Level, is_aligned};
use crate::model::granule::{Granule, GranuleState};
use crate::model::planes::Permission;
use crate::model::realm::Realm;
use crate::model::rtt::{Rtte, Walk};
use crate::model::world::World;
use crate::rsi;

pub(super) struct SetS2ap {
    pub(super) rd: u64,
    pub(super) rec: u64,
    pub(super) base: u64,
    pub(super) top: u64,
}

failures! {
    /// RMI_RTT_SET_S2AP. TF-RMM reports an entry that passes `top` even if it has changed others
    /// before; the REC's request goes on from where it stopped all the same. Where planes have
    /// trees of their own the request says which is meant.
    SetS2apRows {
        SizeValid "size_valid" Input All [] "`top` is not above `base`";
        TopAlign "top_gran_align" Input All [] "`top` is not granule aligned";
        RdAlign "rd_align" Input All [] "`rd` is not granule aligned";
        RdBound "rd_bound" Input All [] "`rd` is not delegable memory";
        RdState "rd_state" Input All [] "`rd` is not an RD granule";
        RecAlign "rec_align" Input All [] "`rec` is not granule aligned";
        RecBound "rec_bound" Input All [] "`rec` is not delegable memory";
        RecGranState "rec_gran_state" Input All [] "`rec` is not a REC granule";
        RecState "rec_state" Rec All [] "the REC is running";
        RecOwner "rec_owner" Rec All [] "the REC belongs to another Realm";
        BaseBound "base_bound" Input All [] "`base` is not where the REC's request stands";
        TopBound "top_bound" Input All [] "`top` is past the REC's request";
        BaseAlign "base_align" Rtt All []
            "`base` lies inside an entry of the level where the walk stops";
        RtteTop "rtte_top" Rtt All [] "an entry passes `top`";
        AuxBaseAlign "base_align" RttAux All []
            "`base` lies inside an entry of the auxiliary tree";
        AuxRtteTop "rtte_top" RttAux All [] "an entry of the auxiliary tree passes `top`";
    }
}

pub(super) struct SetS2apPlan {
    rec: Granule,
    walk: Walk,
    count: usize,
    /// The permission that the entries get; `None` if it is what the tree's have at first.
    permission: Option<Permission>,
    reached: Ipa,
    /// The entry that ended it, although others were changed.
    end: Option<Box<Failure>>,
}

impl Rmi for SetS2ap {
    type Rows = SetS2apRows;
    type Plan = SetS2apPlan;

    fn check(&self, world: &World, mut gate: Gate<'_>) -> Checked<SetS2apPlan> {
        use SetS2apRows as F;
        let Self { base, top, .. } = *self;
        gate.ensure(F::SizeValid, top > base, || {
            format!("top {} is not above base {}", Hex(top), Hex(base))
        })?;
        gate.granule_aligned(F::TopAlign, top)?;
        let rd = gate.rd([F::RdAlign, F::RdBound, F::RdState], world, self.rd)?;
        let rows = [F::RecAlign, F::RecBound, F::RecGranState];
        let rec = gate.granule_in(rows, world, self.rec, GranuleState::Rec)?;
        let contents = &world.recs[&rec];
        gate.ensure(F::RecState, !contents.running, || "the REC is running".into())?;
        gate.ensure(F::RecOwner, contents.owner == rd.granule, || {
            let owner = world.granules.pa(contents.owner);
            format!("the REC belongs to the Realm of RD {owner}")
        })?;
        let change = contents.s2ap_change;
        gate.ensure(F::BaseBound, base == change.base, || {
            format!("base {} is not {}, where the request stands", Hex(base), Hex(change.base))
        })?;
        gate.ensure(F::TopBound, top <= change.top, || {
            format!("top {} is past {}, where the request ends", Hex(top), Hex(change.top))
        })?;
        // The request was checked when the Realm made it. A survey may come here with another base.
        let base = Ipa(base.min(rd.realm.rtt.protected_top() - 1));
        let tree = rd.realm.planes().aux_tree(rsi::s2ap_tree(change.cookie)).unwrap_or(0);
        let walk = world.walk_tree(rd.realm, tree, base, Level::PAGE);
        let (level, size) = (walk.level.to_index(), walk.entry_bytes());
        let told =
            |failure: Box<Failure>, ipa| failure.with_output(1, ipa).with_output(2, tree as u64);
        let (align_row, top_row) = match tree {
            0 => (F::BaseAlign, F::RtteTop),
            _ => (F::AuxBaseAlign, F::AuxRtteTop),
        };
        let aligned = is_aligned(base.0, size);
        let inside =
            || format!("the walk for IPA {base} stops at level {}, inside an entry", walk.level);
        let good = aligned || align_row != F::BaseAlign;
        gate.ensure_at(F::BaseAlign, good, level, inside)
            .map_err(|failure| told(failure, base.0))?;
        let passes = |ipa: Ipa| format!("the entry for IPA {ipa} passes {}", Hex(top));
        let (mut reached, mut end, mut count) = (base, None, 0);
        for entry in &world.tables.get(walk.table).entries()[walk.index..] {
            if reached.0 >= top {
                break;
            }
            if top - reached.0 < size {
                let failure = Failure::at(top_row, level, passes(reached));
                end = Some(told(failure, reached.0));
                break;
            }
            if matches!(entry, Rtte::Table(_)) {
                break;
            }
            reached = Ipa(reached.0 + size);
            count += 1;
        }
        let progress = end.is_none() || reached > base;
        let fails = [
            (F::RtteTop, tree > 0 || progress, passes(base)),
            (F::AuxBaseAlign, tree == 0 || aligned, inside()),
            (F::AuxRtteTop, tree == 0 || progress, passes(base)),
        ];
        for (row, good, text) in fails {
            gate.ensure_at(row, good, level, || text).map_err(|failure| told(failure, base.0))?;
        }
        let permission = permission(rd.realm, tree, change.index);
        gate.pass::<F, _>(SetS2apPlan { rec, walk, count, permission, reached, end })
    }
}

/// The permission that an overlay index stands for in a tree, whose entries hold permissions
/// themselves.
fn permission(realm: &Realm, tree: usize, index: u64) -> Option<Permission> {
    let (planes, plane) = (realm.planes(), realm.planes().plane_of(tree));
    let wanted = planes.entry_permission(plane, index);
    (wanted != planes.entry_permission(plane, 0)).then_some(wanted)
}

impl Plan for SetS2apPlan {
    type Answer = Answer;

    fn apply(self, world: &mut World) -> Answer {
        let Self { rec, walk, count, permission, reached, end } = self;
        for index in walk.index..walk.index + count {
            world.tables.set_permission(walk.table, index, permission);
        }
        world.rec_mut(rec).s2ap_change.base = reached.0;
        end.map_or(Answer::Success([reached.0, 0, 0, 0]), Answer::Failed)
    }
}
