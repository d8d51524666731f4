//! RMI_RTT_AUX_*: RTTs of auxiliary planes, in Realms whose planes have trees of their own (2.0;
//! TF-RMM `runtime/rmi/rtt.c`).
//!
//! An auxiliary tree maps Protected memory that the primary tree maps as RAM. Unprotected memory it
//! shares: the entries of its starting level are copies of the primary tree's.

use super::conditions::{Rd, short_walk, wrong_entry};
use super::gate::{Checked, Gate, NO_OUTPUTS, Outputs, Rows, failures};
use super::realm::realm_mut;
use super::rtt::{Target, fold_table, replace_table};
use super::{Plan, Rmi};
use crate::abi::addr::{Ipa, Level, Pa, align_down};
use crate::model::granule::{Granule, GranuleState};
use crate::model::realm::{Realm, RealmState};
use crate::model::rtt::{Ripas, Rtte, TableId, Walk};
use crate::model::world::World;

impl Gate<'_> {
    /// `index_bound`: an auxiliary tree of the Realm.
    fn aux_tree<R: Rows>(&mut self, row: R, realm: &Realm, index: u64) -> Checked<usize> {
        let planes = realm.planes();
        self.some(row, planes.aux_tree(index), || {
            let trees = planes.num_aux();
            format!("index {index} is not that of an auxiliary tree; the Realm has {trees}")
        })
    }

    /// `realm_state`: memory can be mapped.
    fn realm_maps<R: Rows>(&mut self, row: R, realm: &Realm) -> Checked<()> {
        let state = realm.state;
        self.ensure(row, [RealmState::New, RealmState::Active].contains(&state), || {
            format!("the Realm is {}; NEW or ACTIVE is needed", state.name())
        })
    }

    /// `ipa_bound` of the Protected half.
    fn in_protected_half<R: Rows>(&mut self, row: R, rd: Rd<'_>, ipa: Ipa) -> Checked<()> {
        self.ensure(row, rd.realm.rtt.is_protected(ipa.0), || {
            format!("{ipa} is not in the Protected half of the IPA space")
        })
    }
}

pub(super) struct Create {
    pub(super) rd: u64,
    pub(super) rtt: u64,
    pub(super) ipa: u64,
    pub(super) level: u64,
    pub(super) index: u64,
}

failures! {
    /// RMI_RTT_AUX_CREATE.
    CreateRows {
        RttAlign "rtt_align" Input All [] "`rtt` is not granule aligned";
        RttBound "rtt_bound" Input All [] "`rtt` is not delegable memory";
        RttState "rtt_state" Input All [] "`rtt` is not DELEGATED";
        RdAlign "rd_align" Input All [] "`rd` is not granule aligned";
        RdBound "rd_bound" Input All [] "`rd` is not delegable memory";
        RdState "rd_state" Input All [] "`rd` is not an RD granule";
        LevelBound "level_bound" Input All [] "no table can be made at this level";
        IpaBound "ipa_bound" Input All [] "`ipa` is outside the Realm's IPA space";
        IpaAlign "ipa_align" Input All [] "`ipa` is not aligned to what the table covers";
        Protected "ipa_bound" Input All [] "`ipa` is not in the Protected half";
        Index "index_bound" Input All [] "the Realm has no such auxiliary tree";
        RttBound2 "rtt_bound2" Input All [] "`rtt` needs LPA2";
        RttWalk "rtt_walk" RttAux All [] "the walk stops above the parent table";
        RtteState "rtte_state" RttAux All [] "the parent's entry is a TABLE already";
    }
}

pub(super) struct CreatePlan {
    rtt: Granule,
    level: Level,
    parent: Walk,
}

impl Rmi for Create {
    type Rows = CreateRows;
    type Plan = CreatePlan;

    fn check(&self, world: &World, mut gate: Gate<'_>) -> Checked<CreatePlan> {
        use CreateRows as F;
        let rows = [F::RttAlign, F::RttBound, F::RttState];
        let rtt = gate.granule_in(rows, world, self.rtt, GranuleState::Delegated)?;
        let rd = gate.rd([F::RdAlign, F::RdBound, F::RdState], world, self.rd)?;
        let target = [F::LevelBound, F::IpaBound, F::IpaAlign];
        let Target { level, above, ipa } = gate.table_target(target, rd, self.level, self.ipa)?;
        gate.in_protected_half(F::Protected, rd, ipa)?;
        let tree = gate.aux_tree(F::Index, rd.realm, self.index)?;
        gate.pa_fits(F::RttBound2, self.rtt, &rd.realm.rtt)?;
        let parent = world.walk_tree(rd.realm, tree, ipa, above);
        let found = parent.level;
        gate.ensure_at(F::RttWalk, found == above, found.to_index(), || {
            short_walk(ipa, parent, above)
        })?;
        let entry = world.tables.entry(parent);
        let free = !matches!(entry, Rtte::Table(_));
        gate.ensure_at(F::RtteState, free, found.to_index(), || {
            wrong_entry(ipa, parent, entry, "anything but a TABLE")
        })?;
        gate.pass::<F, _>(CreatePlan { rtt, level, parent })
    }
}

impl Plan for CreatePlan {
    type Answer = Outputs;

    fn apply(self, world: &mut World) -> Outputs {
        let Self { rtt, level, parent } = self;
        world.claim(rtt, GranuleState::Rtt);
        let table = world.tables.insert_split(rtt, level, parent);
        world.tables.set(parent, Rtte::Table(table));
        NO_OUTPUTS
    }
}

pub(super) struct Destroy {
    pub(super) rd: u64,
    pub(super) ipa: u64,
    pub(super) level: u64,
    pub(super) index: u64,
}

failures! {
    /// RMI_RTT_AUX_DESTROY.
    DestroyRows {
        RdAlign "rd_align" Input All [] "`rd` is not granule aligned";
        RdBound "rd_bound" Input All [] "`rd` is not delegable memory";
        RdState "rd_state" Input All [] "`rd` is not an RD granule";
        LevelBound "level_bound" Input All [] "no table can be destroyed at this level";
        IpaBound "ipa_bound" Input All [] "`ipa` is outside the Realm's IPA space";
        IpaAlign "ipa_align" Input All [] "`ipa` is not aligned to what the table covers";
        Protected "ipa_bound" Input All [] "`ipa` is not in the Protected half";
        Index "index_bound" Input All [] "the Realm has no such auxiliary tree";
        RttWalk "rtt_walk" RttAux All [] "the walk stops above the parent table";
        RtteState "rtte_state" RttAux All [] "the parent's entry is not a TABLE";
        RttLive "rtt_live" RttAux All [] "the table has live entries";
    }
}

pub(super) struct DestroyPlan {
    ipa: Ipa,
    parent: Walk,
    child: TableId,
}

impl Rmi for Destroy {
    type Rows = DestroyRows;
    type Plan = DestroyPlan;

    fn check(&self, world: &World, mut gate: Gate<'_>) -> Checked<DestroyPlan> {
        use DestroyRows as F;
        let rd = gate.rd([F::RdAlign, F::RdBound, F::RdState], world, self.rd)?;
        let target = [F::LevelBound, F::IpaBound, F::IpaAlign];
        let Target { level, above, ipa } = gate.table_target(target, rd, self.level, self.ipa)?;
        gate.in_protected_half(F::Protected, rd, ipa)?;
        let tree = gate.aux_tree(F::Index, rd.realm, self.index)?;
        let parent = world.walk_tree(rd.realm, tree, ipa, above);
        let found = parent.level;
        let top = world.tables.skip_non_live(parent, ipa).0;
        gate.ensure_at(F::RttWalk, found == above, found.to_index(), || {
            short_walk(ipa, parent, above)
        })
        .map_err(|failure| failure.with_output(2, top))?;
        let child = gate
            .child_table(F::RtteState, world, parent, ipa)
            .map_err(|failure| failure.with_output(2, top))?;
        let held = world.tables.get(child).held_by();
        gate.ensure_at(F::RttLive, held == 0, level.to_index(), || {
            format!("the level {level} table for IPA {ipa} holds {held} ASSIGNED or TABLE entries")
        })
        .map_err(|failure| failure.with_output(2, ipa.0))?;
        gate.pass::<F, _>(DestroyPlan { ipa, parent, child })
    }
}

impl Plan for DestroyPlan {
    type Answer = Outputs;

    fn apply(self, world: &mut World) -> Outputs {
        let Self { ipa, parent, child } = self;
        let rtt = replace_table(world, parent, child, Rtte::Unassigned(Ripas::Destroyed));
        [rtt, world.tables.skip_non_live(parent, ipa).0, 0, 0]
    }
}

pub(super) struct Fold {
    pub(super) rd: u64,
    pub(super) ipa: u64,
    pub(super) level: u64,
    pub(super) index: u64,
}

failures! {
    /// RMI_RTT_AUX_FOLD.
    FoldRows {
        RdAlign "rd_align" Input All [] "`rd` is not granule aligned";
        RdBound "rd_bound" Input All [] "`rd` is not delegable memory";
        RdState "rd_state" Input All [] "`rd` is not an RD granule";
        LevelBound "level_bound" Input All [] "no table can be folded at this level";
        IpaBound "ipa_bound" Input All [] "`ipa` is outside the Realm's IPA space";
        IpaAlign "ipa_align" Input All [] "`ipa` is not aligned to what the table covers";
        Protected "ipa_bound" Input All [] "`ipa` is not in the Protected half";
        Index "index_bound" Input All [] "the Realm has no such auxiliary tree";
        RttWalk "rtt_walk" RttAux All [] "the walk stops above the parent table";
        RtteState "rtte_state" RttAux All [] "the parent's entry is not a TABLE";
        RttHomo "rtt_homo" RttAux All [] "the table is not homogeneous";
    }
}

pub(super) struct FoldPlan {
    parent: Walk,
    child: TableId,
    folded: Rtte,
}

impl Rmi for Fold {
    type Rows = FoldRows;
    type Plan = FoldPlan;

    fn check(&self, world: &World, mut gate: Gate<'_>) -> Checked<FoldPlan> {
        use FoldRows as F;
        let rd = gate.rd([F::RdAlign, F::RdBound, F::RdState], world, self.rd)?;
        let target = [F::LevelBound, F::IpaBound, F::IpaAlign];
        let Target { level, above, ipa } = gate.table_target(target, rd, self.level, self.ipa)?;
        gate.in_protected_half(F::Protected, rd, ipa)?;
        let tree = gate.aux_tree(F::Index, rd.realm, self.index)?;
        let parent = world.walk_tree(rd.realm, tree, ipa, above);
        let found = parent.level;
        gate.ensure_at(F::RttWalk, found == above, found.to_index(), || {
            short_walk(ipa, parent, above)
        })?;
        let child = gate.child_table(F::RtteState, world, parent, ipa)?;
        let folded = world.tables.get(child).folded();
        let folded = gate.some_at(F::RttHomo, folded, level.to_index(), || {
            format!("the level {level} table for IPA {ipa} has entries of several kinds, or gaps")
        })?;
        gate.pass::<F, _>(FoldPlan { parent, child, folded })
    }
}

impl Plan for FoldPlan {
    type Answer = Outputs;

    fn apply(self, world: &mut World) -> Outputs {
        let rtt = fold_table(world, self.parent, self.child, self.folded);
        [rtt, 0, 0, 0]
    }
}

pub(super) struct MapProtected {
    pub(super) rd: u64,
    pub(super) ipa: u64,
    pub(super) index: u64,
}

failures! {
    /// RMI_RTT_AUX_MAP_PROTECTED. What is mapped already is success.
    MapProtectedRows {
        RdAlign "rd_align" Input All [] "`rd` is not granule aligned";
        RdBound "rd_bound" Input All [] "`rd` is not delegable memory";
        RdState "rd_state" Input All [] "`rd` is not an RD granule";
        RealmState "realm_state" Realm All [] "the Realm is neither NEW nor ACTIVE";
        IpaBound "ipa_bound" Input All [] "`ipa` is outside the Realm's IPA space";
        IpaAlign "ipa_align" Input All [] "`ipa` is not granule aligned";
        Index "index_bound" Input All [] "the Realm has no such auxiliary tree";
        Protected "ipa_bound" Input All [] "`ipa` is not in the Protected half";
        Primary "rtte_state" Rtt All [] "the primary tree does not map it as RAM";
        AuxWalk "rtt_walk" RttAux All [] "the auxiliary walk stops above the primary one";
        AuxDestroyed "aux_destroyed" RttAux All [] "the auxiliary entry is DESTROYED";
    }
}

/// The entry that maps, and what it maps; `None` if it does already.
pub(super) struct MapProtectedPlan {
    rd: Granule,
    maps: Option<(Walk, Pa)>,
}

impl Rmi for MapProtected {
    type Rows = MapProtectedRows;
    type Plan = MapProtectedPlan;

    fn check(&self, world: &World, mut gate: Gate<'_>) -> Checked<MapProtectedPlan> {
        use MapProtectedRows as F;
        let rd = gate.rd([F::RdAlign, F::RdBound, F::RdState], world, self.rd)?;
        gate.realm_maps(F::RealmState, rd.realm)?;
        let ipa = gate.ipa_in_space(F::IpaBound, self.ipa, &rd.realm.rtt)?;
        gate.ipa_aligned(F::IpaAlign, self.ipa, Level::PAGE)?;
        let tree = gate.aux_tree(F::Index, rd.realm, self.index)?;
        gate.in_protected_half(F::Protected, rd, ipa)?;
        let primary = world.walk(rd.realm, ipa, Level::PAGE);
        let entry = world.tables.entry(primary);
        let ripas = entry.ripas().map_or(0, |ripas| ripas as u64);
        let told = |failure: Box<super::Failure>, [x1, x3]: [u64; 2]| {
            let failure = failure.with_output(1, x1).with_output(2, primary.level.to_register());
            failure.with_output(3, x3).with_output(4, ripas)
        };
        let mapped = match entry {
            Rtte::Assigned { pa, ripas: Ripas::Ram } => Some(pa),
            _ => None,
        };
        let primary_index = primary.level.to_index();
        let pa = gate
            .some_at(F::Primary, mapped, primary_index, || {
                wrong_entry(ipa, primary, entry, "ASSIGNED RAM in the primary tree")
            })
            .map_err(|failure| told(failure, [0, hipas(entry)]))?;
        let walk = world.walk_tree(rd.realm, tree, ipa, Level::PAGE);
        let found = world.tables.entry(walk);
        let level = walk.level.to_index();
        gate.ensure_at(F::AuxWalk, walk.level >= primary.level, level, || {
            format!("the auxiliary walk stops at level {}, above {}", walk.level, primary.level)
        })
        .map_err(|failure| told(failure, [tree as u64, hipas(found)]))?;
        let destroyed = found.ripas() == Some(Ripas::Destroyed);
        gate.ensure_at(F::AuxDestroyed, !destroyed, level, || {
            wrong_entry(ipa, walk, found, "an entry that is not DESTROYED")
        })
        // TF-RMM tells the entry's number here, not the tree's.
        .map_err(|failure| told(failure, [walk.index as u64, AUX_DESTROYED]))?;
        let already = matches!(found, Rtte::Assigned { .. });
        let block = align_down(ipa.0, walk.entry_bytes());
        let offset = match gate.profile().aux_maps_begin_of_block() {
            true => 0,
            false => block - align_down(ipa.0, primary.entry_bytes()).min(block),
        };
        let maps = (!already).then_some((walk, Pa(pa.0 + offset)));
        gate.pass::<F, _>(MapProtectedPlan { rd: rd.granule, maps })
    }
}

/// RmiRttEntryState of an auxiliary entry that was destroyed.
const AUX_DESTROYED: u64 = 5;

/// RmiRttEntryState, as the commands of auxiliary trees tell it.
const fn hipas(entry: Rtte) -> u64 {
    matches!(entry, Rtte::Assigned { .. } | Rtte::Table(_)) as u64
}

impl Plan for MapProtectedPlan {
    type Answer = Outputs;

    fn apply(self, world: &mut World) -> Outputs {
        if let Some((walk, pa)) = self.maps {
            world.tables.set(walk, Rtte::Assigned { pa, ripas: Ripas::Ram });
            let len_bytes = world.granule_size().len_bytes();
            realm_mut(world, self.rd).aux_maps(pa.0..pa.0 + walk.entry_bytes(), len_bytes);
        }
        NO_OUTPUTS
    }
}

pub(super) struct UnmapProtected {
    pub(super) rd: u64,
    pub(super) ipa: u64,
    pub(super) index: u64,
}

failures! {
    /// RMI_RTT_AUX_UNMAP_PROTECTED.
    UnmapProtectedRows {
        RdAlign "rd_align" Input All [] "`rd` is not granule aligned";
        RdBound "rd_bound" Input All [] "`rd` is not delegable memory";
        RdState "rd_state" Input All [] "`rd` is not an RD granule";
        IpaBound "ipa_bound" Input All [] "`ipa` is outside the Realm's IPA space";
        IpaAlign "ipa_align" Input All [] "`ipa` is not granule aligned";
        Index "index_bound" Input All [] "the Realm has no such auxiliary tree";
        Protected "ipa_bound" Input All [] "`ipa` is not in the Protected half";
        RtteState "rtte_state" RttAux All [] "the auxiliary tree does not map it";
    }
}

pub(super) struct UnmapPlan {
    rd: Granule,
    walk: Walk,
    ipa: Ipa,
    /// What the entry maps.
    pa: Pa,
}

impl Rmi for UnmapProtected {
    type Rows = UnmapProtectedRows;
    type Plan = UnmapPlan;

    fn check(&self, world: &World, mut gate: Gate<'_>) -> Checked<UnmapPlan> {
        use UnmapProtectedRows as F;
        let rd = gate.rd([F::RdAlign, F::RdBound, F::RdState], world, self.rd)?;
        let ipa = gate.ipa_in_space(F::IpaBound, self.ipa, &rd.realm.rtt)?;
        gate.ipa_aligned(F::IpaAlign, self.ipa, Level::PAGE)?;
        let tree = gate.aux_tree(F::Index, rd.realm, self.index)?;
        gate.in_protected_half(F::Protected, rd, ipa)?;
        let walk = world.walk_tree(rd.realm, tree, ipa, Level::PAGE);
        let entry = world.tables.entry(walk);
        let mapped = match entry {
            Rtte::Assigned { pa, .. } => Some(pa),
            _ => None,
        };
        let pa = gate
            .some_at(F::RtteState, mapped, walk.level.to_index(), || {
                wrong_entry(ipa, walk, entry, "ASSIGNED")
            })
            .map_err(|failure| failure.with_output(1, world.tables.skip_non_live(walk, ipa).0))?;
        gate.pass::<F, _>(UnmapPlan { rd: rd.granule, walk, ipa, pa })
    }
}

impl Plan for UnmapPlan {
    type Answer = Outputs;

    fn apply(self, world: &mut World) -> Outputs {
        let Self { rd, walk, ipa, pa } = self;
        world.tables.set(walk, Rtte::Unassigned(Ripas::Empty));
        let len_bytes = world.granule_size().len_bytes();
        realm_mut(world, rd).aux_unmaps(pa.0..pa.0 + walk.entry_bytes(), len_bytes);
        [world.tables.skip_non_live(walk, ipa).0, 0, 0, 0]
    }
}

pub(super) struct MapUnprotected {
    pub(super) rd: u64,
    pub(super) ipa: u64,
    pub(super) index: u64,
}

failures! {
    /// RMI_RTT_AUX_MAP_UNPROTECTED.
    MapUnprotectedRows {
        RdAlign "rd_align" Input All [] "`rd` is not granule aligned";
        RdBound "rd_bound" Input All [] "`rd` is not delegable memory";
        RdState "rd_state" Input All [] "`rd` is not an RD granule";
        RealmState "realm_state" Realm All [] "the Realm is neither NEW nor ACTIVE";
        IpaBound "ipa_bound" Input All [] "`ipa` is outside the Realm's IPA space";
        IpaAlign "ipa_align" Input All [] "`ipa` is not aligned to an entry of the starting level";
        Unprotected "ipa_bound" Input All [] "`ipa` is in the Protected half";
        Index "index_bound" Input All [] "the Realm has no such auxiliary tree";
        Primary "rtte_state" Rtt All [] "the primary tree's entry is UNASSIGNED_NS";
    }
}

/// The entry that maps, and what the primary tree has there; `None` if it does already.
pub(super) struct MapUnprotectedPlan(Option<(Walk, Rtte)>);

impl Rmi for MapUnprotected {
    type Rows = MapUnprotectedRows;
    type Plan = MapUnprotectedPlan;

    fn check(&self, world: &World, mut gate: Gate<'_>) -> Checked<MapUnprotectedPlan> {
        use MapUnprotectedRows as F;
        let rd = gate.rd([F::RdAlign, F::RdBound, F::RdState], world, self.rd)?;
        gate.realm_maps(F::RealmState, rd.realm)?;
        let start = rd.realm.rtt.start;
        let ipa = gate.ipa_in_space(F::IpaBound, self.ipa, &rd.realm.rtt)?;
        gate.ipa_aligned(F::IpaAlign, self.ipa, start)?;
        gate.ensure(F::Unprotected, !rd.realm.rtt.is_protected(ipa.0), || {
            format!("{ipa} is in the Protected half of the IPA space")
        })?;
        let tree = gate.aux_tree(F::Index, rd.realm, self.index)?;
        let primary = world.walk(rd.realm, ipa, start);
        let entry = world.tables.entry(primary);
        let assigned = !matches!(entry.settled(), Rtte::UnassignedNs);
        gate.ensure_at(F::Primary, assigned, start.to_index(), || {
            wrong_entry(ipa, primary, entry, "a TABLE or ASSIGNED_NS in the primary tree")
        })?;
        let walk = world.walk_tree(rd.realm, tree, ipa, start);
        let already = matches!(world.tables.entry(walk), Rtte::AssignedNs { .. });
        gate.pass::<F, _>(MapUnprotectedPlan((!already).then_some((walk, entry))))
    }
}

impl Plan for MapUnprotectedPlan {
    type Answer = Outputs;

    /// TF-RMM counts a TABLE that is there already once more, and takes it away once
    /// (R-AUX-TABLE-TWICE).
    fn apply(self, world: &mut World) -> Outputs {
        if let Self(Some((walk, entry))) = self {
            let counted_twice = matches!(world.tables.entry(walk), Rtte::Table(_))
                && world.profile().aux_table_counts_twice();
            world.tables.set_shared(walk, entry);
            if counted_twice {
                world.tables.lose_reference(walk.table);
            }
        }
        NO_OUTPUTS
    }
}

pub(super) struct UnmapUnprotected {
    pub(super) rd: u64,
    pub(super) ipa: u64,
    pub(super) index: u64,
}

failures! {
    /// RMI_RTT_AUX_UNMAP_UNPROTECTED. What is not mapped is success.
    UnmapUnprotectedRows {
        RdAlign "rd_align" Input All [] "`rd` is not granule aligned";
        RdBound "rd_bound" Input All [] "`rd` is not delegable memory";
        RdState "rd_state" Input All [] "`rd` is not an RD granule";
        Index "index_bound" Input All [] "the Realm has no such auxiliary tree";
        IpaBound "ipa_bound" Input All [] "`ipa` is outside the Realm's IPA space";
        IpaAlign "ipa_align" Input All [] "`ipa` is not aligned to an entry of the starting level";
        Unprotected "ipa_bound" Input All [] "`ipa` is in the Protected half";
    }
}

pub(super) struct UnmapUnprotectedPlan {
    walk: Walk,
    ipa: Ipa,
}

impl Rmi for UnmapUnprotected {
    type Rows = UnmapUnprotectedRows;
    type Plan = UnmapUnprotectedPlan;

    fn check(&self, world: &World, mut gate: Gate<'_>) -> Checked<UnmapUnprotectedPlan> {
        use UnmapUnprotectedRows as F;
        let rd = gate.rd([F::RdAlign, F::RdBound, F::RdState], world, self.rd)?;
        let tree = gate.aux_tree(F::Index, rd.realm, self.index)?;
        let start = rd.realm.rtt.start;
        let ipa = gate.ipa_in_space(F::IpaBound, self.ipa, &rd.realm.rtt)?;
        gate.ipa_aligned(F::IpaAlign, self.ipa, start)?;
        gate.ensure(F::Unprotected, !rd.realm.rtt.is_protected(ipa.0), || {
            format!("{ipa} is in the Protected half of the IPA space")
        })?;
        let walk = world.walk_tree(rd.realm, tree, ipa, start);
        gate.pass::<F, _>(UnmapUnprotectedPlan { walk, ipa })
    }
}

impl Plan for UnmapUnprotectedPlan {
    type Answer = Outputs;

    fn apply(self, world: &mut World) -> Outputs {
        let Self { walk, ipa } = self;
        world.tables.set_shared(walk, Rtte::UnassignedNs);
        [world.tables.skip_non_live(walk, ipa).0, 0, 0, 0]
    }
}

/// Whether an auxiliary tree shares what the primary tree has at an Unprotected IPA.
pub(super) fn shared_with_aux(world: &World, realm: &Realm, ipa: Ipa) -> bool {
    if realm.rtt.is_protected(ipa.0) {
        return false;
    }
    let start = realm.rtt.start;
    realm.aux_trees().any(|tree| {
        let walk = world.walk_tree(realm, tree, ipa, start);
        !matches!(world.tables.entry(walk), Rtte::UnassignedNs)
    })
}
