//! Realm Translation Tables: a real tree of tables, each of which fills a granule (DEN0137 1.0
//! A5.5).

use std::collections::BTreeMap;
use std::fmt;

use super::granule::Granule;
use super::operation::Handle;
use super::planes::Permission;
pub use super::rtt_config::RttConfig;
use super::tally::Tally;
use crate::abi::addr::{Ipa, Level, Pa};
use crate::abi::granule_size::GranuleSize;

/// Realm IPA state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Ripas {
    /// Nothing is there.
    Empty = 0,
    /// The Realm's private memory.
    Ram = 1,
    /// The Host took it away.
    Destroyed = 2,
}

impl Ripas {
    /// RmiRipas and RsiRipas: 0 EMPTY, 1 RAM, 2 DESTROYED.
    #[must_use]
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// The specification's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Empty => "EMPTY",
            Self::Ram => "RAM",
            Self::Destroyed => "DESTROYED",
        }
    }
}

impl fmt::Display for Ripas {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// An RTT entry: HIPAS, with what belongs to each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rtte {
    /// Protected, nothing mapped.
    Unassigned(Ripas),
    /// Protected, mapped to Realm memory.
    Assigned {
        /// First byte of the memory.
        pa: Pa,
        /// The Realm's view.
        ripas: Ripas,
    },
    /// A table of the next level.
    Table(TableId),
    /// Protected, nothing mapped, and a stateful operation has yet to finish with it (2.0).
    Pending {
        /// The Realm's view.
        ripas: Ripas,
        /// The operation.
        handle: Handle,
    },
    /// Unprotected, nothing mapped, and a stateful operation has yet to finish with it (2.0).
    PendingNs(Handle),
    /// Unprotected, nothing mapped.
    UnassignedNs,
    /// Unprotected, mapped to Host memory.
    AssignedNs {
        /// First byte of the memory.
        pa: Pa,
        /// MemAttr\[2:0\] and S2AP\[1:0\] in their places (bits 4:2 and 7:6).
        attr: u8,
    },
}

impl Rtte {
    /// The specification's name of the HIPAS.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Unassigned(_) => "UNASSIGNED",
            Self::Pending { .. } => "UNASSIGNED (pending)",
            Self::PendingNs(_) => "UNASSIGNED_NS (pending)",
            Self::Assigned { .. } => "ASSIGNED",
            Self::Table(_) => "TABLE",
            Self::UnassignedNs => "UNASSIGNED_NS",
            Self::AssignedNs { .. } => "ASSIGNED_NS",
        }
    }

    /// The names of the kinds of entries, by [`Rtte::kind`].
    pub const KINDS: [&'static str; 11] = [
        "UNASSIGNED EMPTY",
        "UNASSIGNED RAM",
        "UNASSIGNED DESTROYED",
        "ASSIGNED EMPTY",
        "ASSIGNED RAM",
        "ASSIGNED DESTROYED",
        "TABLE",
        "UNASSIGNED_NS",
        "ASSIGNED_NS",
        "pending",
        "pending NS",
    ];

    /// HIPAS and RIPAS as one number.
    #[must_use]
    pub const fn kind(&self) -> usize {
        match self {
            Self::Unassigned(ripas) => *ripas as usize,
            Self::Assigned { ripas, .. } => 3 + *ripas as usize,
            Self::Table(_) => 6,
            Self::UnassignedNs => 7,
            Self::AssignedNs { .. } => 8,
            Self::Pending { .. } => 9,
            Self::PendingNs(_) => 10,
        }
    }

    /// Whether a scan for `top` stops at the entry.
    #[must_use]
    pub const fn is_live(&self) -> bool {
        matches!(self, Self::Assigned { .. } | Self::AssignedNs { .. } | Self::Table(_))
    }

    /// Whether the entry keeps its table from being destroyed. A mapping of Host memory does not.
    #[must_use]
    pub const fn holds_table(&self) -> bool {
        matches!(
            self,
            Self::Assigned { .. } | Self::Table(_) | Self::Pending { .. } | Self::PendingNs(_)
        )
    }

    /// Whether a stateful operation has yet to finish with the entry.
    #[must_use]
    pub const fn is_pending(&self) -> bool {
        matches!(self, Self::Pending { .. } | Self::PendingNs(_))
    }

    /// The entry as it will be when the stateful operation has finished with it.
    #[must_use]
    pub(crate) const fn settled(self) -> Self {
        match self {
            Self::Pending { ripas, .. } => Self::Unassigned(ripas),
            Self::PendingNs(_) => Self::UnassignedNs,
            other => other,
        }
    }

    /// The RIPAS, of entries that have one.
    #[must_use]
    pub const fn ripas(&self) -> Option<Ripas> {
        match self {
            Self::Unassigned(ripas)
            | Self::Assigned { ripas, .. }
            | Self::Pending { ripas, .. } => Some(*ripas),
            _ => None,
        }
    }

    /// The entry with another RIPAS; entries without one stay as they are.
    #[must_use]
    pub(crate) const fn with_ripas(self, ripas: Ripas) -> Self {
        match self {
            Self::Unassigned(_) => Self::Unassigned(ripas),
            Self::Assigned { pa, .. } => Self::Assigned { pa, ripas },
            Self::Pending { handle, .. } => Self::Pending { ripas, handle },
            other => other,
        }
    }

    /// What entry `i` of a table becomes when this entry of its parent is split.
    const fn part(self, i: u64, shift: u32) -> Self {
        match self {
            Self::Assigned { pa, ripas } => Self::Assigned { pa: Pa(pa.0 + (i << shift)), ripas },
            Self::AssignedNs { pa, attr } => Self::AssignedNs { pa: Pa(pa.0 + (i << shift)), attr },
            other => other,
        }
    }
}

impl fmt::Display for Rtte {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        match self.ripas() {
            Some(ripas) => write!(f, " ({ripas})"),
            None => Ok(()),
        }
    }
}

/// A table's place in [`Tables`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TableId(u32);

/// One RTT.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    granule: Granule,
    level: Level,
    /// log2 of the bytes that one entry covers.
    entry_shift: u32,
    held_by: u16,
    /// How many of those that hold the table will never let it go.
    lost: u16,
    entries: Box<[Rtte]>,
    /// Permissions of entries, by their number, where they are not what entries of the tree have at
    /// first (2.0). A TABLE has none.
    permissions: BTreeMap<u16, Permission>,
}

impl Table {
    /// The granule that the table lies in.
    #[must_use]
    pub fn granule(&self) -> Granule {
        self.granule
    }

    /// The table's level.
    #[must_use]
    pub fn level(&self) -> Level {
        self.level
    }

    /// The entries. With granules of 4 KiB all tables have 512; at level −1 only the first
    /// sixteen can be reached.
    #[must_use]
    pub fn entries(&self) -> &[Rtte] {
        &self.entries
    }

    /// What keeps the table from being destroyed (TF-RMM's reference count): entries, and
    /// references that were lost.
    #[must_use]
    pub fn held_by(&self) -> u16 {
        self.held_by
    }

    /// References that TF-RMM has lost (R5): they hold the table for ever.
    #[must_use]
    pub fn lost(&self) -> u16 {
        self.lost
    }

    /// Whether all entries map Host memory as one aligned block with the same attributes.
    #[must_use]
    pub(crate) fn maps_ns_block(&self) -> bool {
        matches!(self.entries[0], Rtte::AssignedNs { .. }) && self.is_one_block()
    }

    /// The entry that replaces the whole table in its parent, if its entries are homogeneous
    /// (DEN0137 1.0 A5.5, RTT folding).
    #[must_use]
    pub fn folded(&self) -> Option<Rtte> {
        let first = self.entries[0];
        let blocks_allowed = self.level > Level::MIN_BLOCK;
        let fits = match first {
            Rtte::Unassigned(_) | Rtte::UnassignedNs => true,
            Rtte::Assigned { .. } | Rtte::AssignedNs { .. } => blocks_allowed,
            Rtte::Table(_) | Rtte::Pending { .. } | Rtte::PendingNs(_) => false,
        };
        let alike = self.permissions.is_empty()
            || self.permissions.len() == self.entries.len()
                && self.permissions.values().all(|one| Some(*one) == self.permission(0));
        (fits && alike && self.lost == 0 && self.is_one_block()).then_some(first)
    }

    /// The permission of an entry, unless it is what entries of the tree have at first.
    #[must_use]
    pub(crate) fn permission(&self, index: usize) -> Option<Permission> {
        let index = u16::try_from(index).expect("a table has fewer entries");
        self.permissions.get(&index).copied()
    }

    /// Whether every entry is the part of the first that a split of a parent's entry would give.
    fn is_one_block(&self) -> bool {
        let first = self.entries[0];
        let parent_size_bytes = (self.entries.len() as u64) << self.entry_shift;
        let aligned = match first {
            Rtte::Assigned { pa, .. } | Rtte::AssignedNs { pa, .. } => {
                pa.0.is_multiple_of(parent_size_bytes)
            }
            _ => true,
        };
        let shift = self.entry_shift;
        aligned
            && (0_u64..).zip(self.entries.iter()).all(|(i, entry)| *entry == first.part(i, shift))
    }
}

/// All tables of all Realms.
#[derive(Clone, Debug)]
pub struct Tables {
    size: GranuleSize,
    slots: Vec<Option<Table>>,
    free: Vec<TableId>,
    tally: Tally<11>,
}

/// Where a walk ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Walk {
    /// The table that holds the entry.
    pub table: TableId,
    /// The table's level.
    pub level: Level,
    /// The entry's number in the table.
    pub index: usize,
    /// log2 of the bytes that the entry covers.
    pub entry_shift: u32,
}

impl Walk {
    /// Bytes that the entry covers.
    #[must_use]
    pub const fn entry_bytes(self) -> u64 {
        1 << self.entry_shift
    }
}

impl Tables {
    /// No tables yet, for granules of `size`.
    pub(crate) fn new(size: GranuleSize) -> Self {
        let (slots, free, tally) = (Vec::new(), Vec::new(), Tally::default());
        Self { size, slots, free, tally }
    }

    /// The table in this place.
    #[must_use]
    #[inline(always)]
    pub fn get(&self, id: TableId) -> &Table {
        self.slots[id.0 as usize].as_ref().expect("ids of removed tables are not kept")
    }

    /// How often entries went from one kind to another, by [`Rtte::kind`].
    #[must_use]
    pub fn tally(&self) -> &Tally<11> {
        &self.tally
    }

    /// The entry at which a walk ended.
    #[must_use]
    #[inline(always)]
    pub fn entry(&self, walk: Walk) -> Rtte {
        self.get(walk.table).entries[walk.index]
    }

    /// Entry `index` of a table that may be gone.
    #[must_use]
    pub(crate) fn entry_if_there(&self, table: TableId, index: usize) -> Option<Rtte> {
        Some(self.slots[table.0 as usize].as_ref()?.entries[index])
    }

    /// Walks from the root table that covers `ipa` down to `target`, or to the first entry that is
    /// not a TABLE.
    #[must_use]
    #[inline(always)]
    pub(super) fn walk(&self, root: TableId, ipa: Ipa, target: Level) -> Walk {
        let mut table = root;
        loop {
            let Table { level, entries, entry_shift, .. } = self.get(table);
            // As `GranuleSize::entry_index`, by the table's own shift.
            #[allow(clippy::cast_possible_truncation, reason = "masked to a table's entries")]
            let index = (ipa.0 >> entry_shift) as usize & (entries.len() - 1);
            match entries[index] {
                Rtte::Table(next) if *level < target => table = next,
                _ => return Walk { table, level: *level, index, entry_shift: *entry_shift },
            }
        }
    }

    /// The first IPA from `ipa` on, in the table where `walk` for `ipa` ended, whose entry is live;
    /// if there is none, the IPA just past the table's last entry. An `ipa` whose own entry is live
    /// comes back unchanged.
    ///
    /// TF-RMM counts 512 entries at every level, so at level −1 the result can lie far past the
    /// address space.
    #[must_use]
    pub(crate) fn skip_non_live(&self, walk: Walk, ipa: Ipa) -> Ipa {
        let entries = &self.get(walk.table).entries[walk.index..];
        match entries.iter().position(Rtte::is_live) {
            Some(0) => ipa,
            position => {
                let skipped = position.unwrap_or(entries.len()) as u64;
                let base = ipa.0 >> walk.entry_shift;
                Ipa((base + skipped) << walk.entry_shift)
            }
        }
    }

    /// Adds a table that shows what its parent's entry at `walk` showed: the same state and
    /// permission in every entry, a block's addresses split.
    pub(crate) fn insert_split(&mut self, granule: Granule, level: Level, walk: Walk) -> TableId {
        let shift = self.size.entry_shift(level);
        let (entry, permission) = (self.entry(walk).settled(), self.permission(walk));
        let table = self.insert(granule, level, |i| entry.part(i, shift));
        if permission.is_some() {
            for index in 0..self.size.rtt_entries() {
                self.set_permission(table, index, permission);
            }
        }
        table
    }

    /// The permission of the entry at which a walk ended, as [`Table::permission`].
    #[must_use]
    pub(crate) fn permission(&self, walk: Walk) -> Option<Permission> {
        self.get(walk.table).permission(walk.index)
    }

    /// Gives an entry a permission, or what entries of its tree have at first.
    pub(crate) fn set_permission(
        &mut self,
        table: TableId,
        index: usize,
        permission: Option<Permission>,
    ) {
        let table = self.slots[table.0 as usize].as_mut().expect("the table is there");
        let index = u16::try_from(index).expect("a table has fewer entries");
        match permission {
            Some(permission) => table.permissions.insert(index, permission),
            None => table.permissions.remove(&index),
        };
    }

    /// Adds a table with these entries, by their number.
    pub(crate) fn insert(
        &mut self,
        granule: Granule,
        level: Level,
        entry: impl Fn(u64) -> Rtte,
    ) -> TableId {
        let entries: Box<[Rtte]> = (0..self.size.rtt_entries() as u64).map(entry).collect();
        let held_by = entries.iter().map(|entry| u16::from(entry.holds_table())).sum();
        let entry_shift = self.size.entry_shift(level);
        let (lost, permissions) = (0, BTreeMap::new());
        let table =
            Some(Table { granule, level, entry_shift, held_by, lost, entries, permissions });
        match self.free.pop() {
            Some(id) => {
                self.slots[id.0 as usize] = table;
                id
            }
            None => {
                self.slots.push(table);
                TableId(u32::try_from(self.slots.len() - 1).expect("one per granule at most"))
            }
        }
    }

    /// Takes a table away and says which granule it was in.
    pub(crate) fn remove(&mut self, id: TableId) -> Granule {
        let table = self.slots[id.0 as usize].take().expect("a table is removed once");
        self.free.push(id);
        table.granule
    }

    /// Replaces an entry.
    #[inline(always)]
    pub(crate) fn set(&mut self, walk: Walk, entry: Rtte) {
        self.set_entry(walk.table, walk.index, entry);
    }

    /// Replaces entry `index` of a table. Its permission stays, but for RAM that is destroyed.
    #[inline(always)]
    pub(crate) fn set_entry(&mut self, table: TableId, index: usize, entry: Rtte) {
        let table = self.slots[table.0 as usize].as_mut().expect("the table is there");
        let slot = &mut table.entries[index];
        let destroyed = matches!(slot, Rtte::Assigned { ripas: Ripas::Ram, .. })
            && entry.ripas() == Some(Ripas::Destroyed);
        if destroyed || matches!(entry, Rtte::Table(_)) {
            table.permissions.remove(&u16::try_from(index).expect("a table has fewer entries"));
        }
        self.tally.add(slot.kind(), entry.kind());
        table.held_by -= u16::from(slot.holds_table());
        table.held_by += u16::from(entry.holds_table());
        *slot = entry;
    }

    /// How many entries from where a walk ended on, of one table, are UNASSIGNED and wait for
    /// nothing, at most `most`.
    #[must_use]
    pub(crate) fn count_unassigned(&self, walk: Walk, most: u64) -> u64 {
        let entries = self.get(walk.table).entries[walk.index..].iter().zip(0..most);
        entries.take_while(|(entry, _)| matches!(entry, Rtte::Unassigned(_))).count() as u64
    }

    /// Maps `count` entries from where a walk ended on, all of them UNASSIGNED and of one table, to
    /// RAM from `pa` on.
    pub(crate) fn assign_in_row(&mut self, walk: Walk, count: u64, pa: Pa) {
        let table = self.slots[walk.table.0 as usize].as_mut().expect("the table is there");
        let places = &mut table.entries[walk.index..];
        let places = &mut places[..usize::try_from(count).expect("entries of one table")];
        // Counted by themselves they stay in registers.
        let (mut empty, mut ram, mut next) = (0, 0, pa.0);
        for entry in places {
            debug_assert!(matches!(entry, Rtte::Unassigned(_)), "counted before");
            empty += u64::from(matches!(entry, Rtte::Unassigned(Ripas::Empty)));
            ram += u64::from(matches!(entry, Rtte::Unassigned(Ripas::Ram)));
            *entry = Rtte::Assigned { pa: Pa(next), ripas: Ripas::Ram };
            next += walk.entry_bytes();
        }
        table.held_by += u16::try_from(count).expect("a table has fewer entries");
        let after = Rtte::Assigned { pa, ripas: Ripas::Ram }.kind();
        let counts =
            [(Ripas::Empty, empty), (Ripas::Ram, ram), (Ripas::Destroyed, count - empty - ram)];
        for (ripas, count) in counts {
            self.tally.add_many(Rtte::Unassigned(ripas).kind(), after, count);
        }
    }

    /// Replaces an entry of an auxiliary tree's root that maps Unprotected memory, or did. There a
    /// mapping of Host memory holds the table, as a TABLE does.
    pub(crate) fn set_shared(&mut self, walk: Walk, entry: Rtte) {
        let held = |entry: Rtte| u16::from(matches!(entry, Rtte::AssignedNs { .. }));
        let before = self.entry(walk);
        self.set(walk, entry);
        let table = self.slots[walk.table.0 as usize].as_mut().expect("the table is there");
        table.held_by += held(entry);
        table.held_by -= held(before);
    }

    /// Holds a table for ever, unless it is held so often already that the count is full.
    pub(crate) fn lose_reference(&mut self, table: TableId) {
        let table = self.slots[table.0 as usize].as_mut().expect("the table is there");
        if table.lost < MAX_LOST {
            table.lost += 1;
            table.held_by += 1;
        }
    }
}

/// So many references can be lost that `held_by` still counts them beside all entries.
const MAX_LOST: u16 = 0x4000;

impl PartialEq for Tables {
    /// Compares the tables by place. Commands that fail add and remove none, so two equal histories
    /// have equal places.
    fn eq(&self, other: &Self) -> bool {
        self.slots == other.slots
    }
}

impl Eq for Tables {}
