//! RMI_RTT_CREATE, RMI_RTT_DESTROY, RMI_RTT_FOLD and RMI_RTT_READ_ENTRY.

use super::conditions::{Rd, short_walk, wrong_entry};
use super::gate::{Checked, Gate, NO_OUTPUTS, Outputs, Rows, failures};
use super::{Plan, Rmi, rtt_aux};
use crate::abi::addr::{Ipa, Level};
use crate::model::granule::{Granule, GranuleState};
use crate::model::operation::Operation;
use crate::model::rtt::{Ripas, Rtte, Table, TableId, Walk};
use crate::model::world::World;

pub(super) struct Create {
    pub(super) rd: u64,
    pub(super) rtt: u64,
    pub(super) ipa: u64,
    pub(super) level: u64,
}

failures! {
    /// RMI_RTT_CREATE.
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
        RttBound2 "rtt_bound2" Input All [] "`rtt` needs LPA2";
        RttWalk "rtt_walk" Rtt All ["rd_bound", "rd_state", "level_bound", "ipa_bound"]
            "the walk stops above the parent table";
        RtteState "rtte_state" Rtt All ["rd_bound", "rd_state", "level_bound", "ipa_bound"]
            "the parent's entry is a TABLE already";
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
        gate.pa_fits(F::RttBound2, self.rtt, &rd.realm.rtt)?;
        let parent = world.walk(rd.realm, ipa, above);
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

/// Which table a command means: its level, the level of the entry that points to it, its first IPA.
pub(super) struct Target {
    pub(super) level: Level,
    pub(super) above: Level,
    pub(super) ipa: Ipa,
}

impl Gate<'_> {
    /// `level_bound`, `ipa_bound`, `ipa_align` of a table below the starting level.
    pub(super) fn table_target<R: Rows>(
        &mut self,
        rows: [R; 3],
        rd: Rd<'_>,
        level: u64,
        ipa: u64,
    ) -> Checked<Target> {
        let [level_bound, ipa_bound, ipa_align] = rows;
        let level = self.level(level_bound, level, rd.realm.rtt.start.number() + 1)?;
        let above = level.parent().expect("the lowest level that passes is 0");
        let ipa_raw = ipa;
        let ipa = self.ipa_in_space(ipa_bound, ipa, &rd.realm.rtt)?;
        self.ipa_aligned(ipa_align, ipa_raw, above)?;
        Ok(Target { level, above, ipa })
    }
}

impl Plan for CreatePlan {
    type Answer = Outputs;

    fn apply(self, world: &mut World) -> Outputs {
        let Self { rtt, level, parent } = self;
        world.claim(rtt, GranuleState::Rtt);
        let entry = world.tables.entry(parent);
        let table = world.tables.insert_split(rtt, level, parent);
        world.tables.set(parent, Rtte::Table(table));
        if loses_reference(world, entry) {
            world.tables.lose_reference(parent.table);
        }
        NO_OUTPUTS
    }
}

/// Whether an operation that unmaps will not find its entry any more, and so keeps its hold of the
/// table (R5).
fn loses_reference(world: &World, entry: Rtte) -> bool {
    let (Rtte::Pending { handle, .. } | Rtte::PendingNs(handle)) = entry else { return false };
    let operation = world.operations.find(handle.to_register());
    let unmaps = operation.is_some_and(|(_, found)| matches!(found, Operation::Unmap(_)));
    unmaps && world.profile().create_over_pending_holds_table()
}

pub(super) struct Destroy {
    pub(super) rd: u64,
    pub(super) ipa: u64,
    pub(super) level: u64,
}

failures! {
    /// RMI_RTT_DESTROY.
    DestroyRows {
        RdAlign "rd_align" Input All [] "`rd` is not granule aligned";
        RdBound "rd_bound" Input All [] "`rd` is not delegable memory";
        RdState "rd_state" Input All [] "`rd` is not an RD granule";
        LevelBound "level_bound" Input All [] "no table can be destroyed at this level";
        IpaBound "ipa_bound" Input All [] "`ipa` is outside the Realm's IPA space";
        IpaAlign "ipa_align" Input All [] "`ipa` is not aligned to what the table covers";
        RttWalk "rtt_walk" Rtt All ["rd_bound", "rd_state", "level_bound", "ipa_bound"]
            "the walk stops above the parent table";
        RtteState "rtte_state" Rtt All ["rd_bound", "rd_state", "level_bound", "ipa_bound"]
            "the parent's entry is not a TABLE";
        RttLive "rtt_live" Rtt All ["rd_bound", "rd_state"] "the table has live entries";
        AuxRef "aux_ref" Rtt V2 [] "an auxiliary tree shares the table";
    }
}

pub(super) struct DestroyPlan {
    ipa: Ipa,
    parent: Walk,
    child: TableId,
    protected: bool,
}

impl Rmi for Destroy {
    type Rows = DestroyRows;
    type Plan = DestroyPlan;

    fn check(&self, world: &World, mut gate: Gate<'_>) -> Checked<DestroyPlan> {
        use DestroyRows as F;
        let rd = gate.rd([F::RdAlign, F::RdBound, F::RdState], world, self.rd)?;
        let target = [F::LevelBound, F::IpaBound, F::IpaAlign];
        let Target { level, above, ipa } = gate.table_target(target, rd, self.level, self.ipa)?;
        let parent = world.walk(rd.realm, ipa, above);
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
        gate.not_shared(F::AuxRef, world, rd, ipa, above)
            .map_err(|failure| failure.with_output(2, ipa.0))?;
        let protected = rd.realm.rtt.is_protected(ipa.0);
        gate.pass::<F, _>(DestroyPlan { ipa, parent, child, protected })
    }
}

impl Gate<'_> {
    /// `aux_ref`: no auxiliary tree shares a table at an Unprotected IPA.
    fn not_shared<R: Rows>(
        &mut self,
        row: R,
        world: &World,
        rd: Rd<'_>,
        ipa: Ipa,
        above: Level,
    ) -> Checked<()> {
        let shared = rtt_aux::shared_with_aux(world, rd.realm, ipa);
        self.ensure_at(row, !shared, above.to_index(), || {
            format!("an auxiliary tree shares the entry of the starting level for IPA {ipa}")
        })
    }

    /// `rtte_state`: the entry is a TABLE. Fails with the level of the entry.
    pub(super) fn child_table<R: Rows>(
        &mut self,
        row: R,
        world: &World,
        parent: Walk,
        ipa: Ipa,
    ) -> Checked<TableId> {
        let entry = world.tables.entry(parent);
        let child = if let Rtte::Table(child) = entry { Some(child) } else { None };
        let level = parent.level.to_index();
        self.some_at(row, child, level, || wrong_entry(ipa, parent, entry, "a TABLE"))
    }
}

impl Plan for DestroyPlan {
    type Answer = Outputs;

    fn apply(self, world: &mut World) -> Outputs {
        let Self { ipa, parent, child, protected } = self;
        let gone = if protected { Rtte::Unassigned(Ripas::Destroyed) } else { Rtte::UnassignedNs };
        let rtt = replace_table(world, parent, child, gone);
        [rtt, world.tables.skip_non_live(parent, ipa).0, 0, 0]
    }
}

/// As [`replace_table`], where the entry keeps the permission that all of the table's have.
pub(super) fn fold_table(world: &mut World, parent: Walk, child: TableId, entry: Rtte) -> u64 {
    let permission = world.tables.get(child).permission(0);
    let rtt = replace_table(world, parent, child, entry);
    world.tables.set_permission(parent.table, parent.index, permission);
    rtt
}

/// Puts `entry` in the place of a table, gives its granule back and answers its address.
pub(super) fn replace_table(world: &mut World, parent: Walk, child: TableId, entry: Rtte) -> u64 {
    world.tables.set(parent, entry);
    let granule = world.tables.remove(child);
    world.release(granule);
    world.granules.pa(granule).0
}

pub(super) struct Fold {
    pub(super) rd: u64,
    pub(super) ipa: u64,
    pub(super) level: u64,
}

failures! {
    /// RMI_RTT_FOLD.
    FoldRows {
        RdAlign "rd_align" Input All [] "`rd` is not granule aligned";
        RdBound "rd_bound" Input All [] "`rd` is not delegable memory";
        RdState "rd_state" Input All [] "`rd` is not an RD granule";
        LevelBound "level_bound" Input All [] "no table can be folded at this level";
        IpaBound "ipa_bound" Input All [] "`ipa` is outside the Realm's IPA space";
        IpaAlign "ipa_align" Input All [] "`ipa` is not aligned to what the table covers";
        RttWalk "rtt_walk" Rtt All ["rd_bound", "rd_state", "level_bound", "ipa_bound"]
            "the walk stops above the parent table";
        RtteState "rtte_state" Rtt All ["rd_bound", "rd_state", "level_bound", "ipa_bound"]
            "the parent's entry is not a TABLE";
        AuxRef "aux_ref" Rtt V2 [] "an auxiliary tree shares the table";
        RttHomo "rtt_homo" Rtt All ["rd_bound", "rd_state"] "the table is not homogeneous";
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
        let parent = world.walk(rd.realm, ipa, above);
        let found = parent.level;
        gate.ensure_at(F::RttWalk, found == above, found.to_index(), || {
            short_walk(ipa, parent, above)
        })?;
        let child = gate.child_table(F::RtteState, world, parent, ipa)?;
        gate.not_shared(F::AuxRef, world, rd, ipa, above)?;
        let table = world.tables.get(child);
        let parent_named = gate.profile().fold_names_parent_of_l1() && block_too_large(table);
        let named = if parent_named { above } else { level };
        let folded = gate.some_at(F::RttHomo, table.folded(), named.to_index(), || {
            format!(
                "the level {level} table for IPA {ipa} has entries of several kinds, gaps, or a \
                 block that level {above} can not have"
            )
        })?;
        gate.pass::<F, _>(FoldPlan { parent, child, folded })
    }
}

/// Whether TF-RMM takes a table at level 1 or above for a block that would be too large: its
/// entries all hold it, or map Host memory as one block.
fn block_too_large(table: &Table) -> bool {
    table.level() <= Level::MIN_BLOCK && (table.held_by() == 512 || table.maps_ns_block())
}

impl Plan for FoldPlan {
    type Answer = Outputs;

    fn apply(self, world: &mut World) -> Outputs {
        let rtt = fold_table(world, self.parent, self.child, self.folded);
        [rtt, 0, 0, 0]
    }
}

pub(super) struct ReadEntry {
    pub(super) rd: u64,
    pub(super) ipa: u64,
    pub(super) level: u64,
}

failures! {
    /// RMI_RTT_READ_ENTRY.
    ReadEntryRows {
        RdAlign "rd_align" Input All [] "`rd` is not granule aligned";
        RdBound "rd_bound" Input All [] "`rd` is not delegable memory";
        RdState "rd_state" Input All [] "`rd` is not an RD granule";
        LevelBound "level_bound" Input All [] "the Realm has no table at this level";
        IpaBound "ipa_bound" Input All [] "`ipa` is outside the Realm's IPA space";
        IpaAlign "ipa_align" Input All [] "`ipa` is not aligned to an entry of the level";
    }
}

pub(super) struct ReadEntryPlan {
    walk: Walk,
}

impl Rmi for ReadEntry {
    type Rows = ReadEntryRows;
    type Plan = ReadEntryPlan;

    fn check(&self, world: &World, mut gate: Gate<'_>) -> Checked<ReadEntryPlan> {
        use ReadEntryRows as F;
        let rd = gate.rd([F::RdAlign, F::RdBound, F::RdState], world, self.rd)?;
        let level = gate.level(F::LevelBound, self.level, rd.realm.rtt.start.number())?;
        let ipa = gate.ipa_in_space(F::IpaBound, self.ipa, &rd.realm.rtt)?;
        gate.ipa_aligned(F::IpaAlign, self.ipa, level)?;
        gate.pass::<F, _>(ReadEntryPlan { walk: world.walk(rd.realm, ipa, level) })
    }
}

/// RmiRttEntryState.
mod entry_state {
    pub(super) const UNASSIGNED: u64 = 0;
    pub(super) const ASSIGNED: u64 = 1;
    pub(super) const TABLE: u64 = 2;
}

impl Plan for ReadEntryPlan {
    type Answer = Outputs;

    fn apply(self, world: &mut World) -> Outputs {
        let Self { walk } = self;
        let hidden = world.profile().read_entry_hides_destroyed();
        let (state, desc, ripas) = match world.tables.entry(walk) {
            Rtte::Unassigned(ripas) | Rtte::Pending { ripas, .. } => {
                (entry_state::UNASSIGNED, 0, ripas)
            }
            Rtte::UnassignedNs | Rtte::PendingNs(_) => (entry_state::UNASSIGNED, 0, Ripas::Empty),
            Rtte::Assigned { ripas: Ripas::Destroyed, .. } if hidden => {
                (entry_state::ASSIGNED, 0, Ripas::Destroyed)
            }
            Rtte::Assigned { pa, ripas } => (entry_state::ASSIGNED, pa.0, ripas),
            Rtte::AssignedNs { pa, attr } => {
                let desc = super::map_unprotected::descriptor(pa, attr);
                (entry_state::ASSIGNED, desc, Ripas::Empty)
            }
            Rtte::Table(child) => {
                let pa = world.granules.pa(world.tables.get(child).granule());
                (entry_state::TABLE, pa.0, Ripas::Empty)
            }
        };
        [walk.level.to_register(), state, desc, u64::from(ripas as u8)]
    }
}
