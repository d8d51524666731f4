//! An IPA space without its tree: what is at each address, and where tables are.

use std::collections::BTreeMap;
use std::ops::Range;

use rimsim::World;
use rimsim::model::realm::Realm;
use rimsim::model::rtt::{Rtte, TableId};

use crate::flat_rmm::size_in;

/// RIPAS as RTT_READ_ENTRY encodes it.
pub const EMPTY: u8 = 0;
pub const RAM: u8 = 1;
pub const DESTROYED: u8 = 2;

/// What is at an IPA. `delta` is the physical address minus the IPA, so that contiguous mappings
/// are equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cell {
    Unassigned(u8),
    Assigned { delta: u64, ripas: u8 },
    Ns,
    NsMapped { delta: u64, attr: u8 },
}

impl Cell {
    /// Whether a scan for `top` stops here.
    pub fn is_live(self) -> bool {
        matches!(self, Self::Assigned { .. } | Self::NsMapped { .. })
    }

    pub fn ripas(self) -> Option<u8> {
        match self {
            Self::Unassigned(ripas) | Self::Assigned { ripas, .. } => Some(ripas),
            Self::Ns | Self::NsMapped { .. } => None,
        }
    }

    pub fn with_ripas(self, ripas: u8) -> Self {
        match self {
            Self::Unassigned(_) => Self::Unassigned(ripas),
            Self::Assigned { delta, .. } => Self::Assigned { delta, ripas },
            other => other,
        }
    }
}

/// A function from IPAs to cells, constant on ranges that are as long as they can be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cells {
    /// First IPA of each range; the last ends at `top`.
    starts: BTreeMap<u64, Cell>,
    top: u64,
}

impl Cells {
    pub fn at(&self, ipa: u64) -> Cell {
        *self.starts.range(..=ipa).next_back().expect("the first range starts at 0").1
    }

    /// The ranges that meet `range`, cut to it.
    pub fn within(&self, range: Range<u64>) -> Vec<(Range<u64>, Cell)> {
        let end = range.end.min(self.top);
        if range.start >= end {
            return Vec::new();
        }
        let inner = self.starts.range(range.start + 1..end).map(|(start, cell)| (*start, *cell));
        let all: Vec<_> =
            std::iter::once((range.start, self.at(range.start))).chain(inner).collect();
        let ends = all.iter().skip(1).map(|(start, _)| *start).chain([end]);
        all.iter().zip(ends).map(|((start, cell), end)| (*start..end, *cell)).collect()
    }

    pub fn set(&mut self, range: Range<u64>, cell: Cell) {
        let after = (range.end < self.top).then(|| self.at(range.end));
        let inside: Vec<_> = self.starts.range(range.clone()).map(|(start, _)| *start).collect();
        for start in inside {
            self.starts.remove(&start);
        }
        self.begin(range.start, cell);
        if let Some(after) = after {
            self.starts.remove(&range.end);
            self.begin(range.end, after);
        }
    }

    /// Lets a range start at `ipa`, unless the one before is the same.
    fn begin(&mut self, ipa: u64, cell: Cell) {
        let before = self.starts.range(..ipa).next_back().map(|(_, cell)| *cell);
        if before != Some(cell) {
            self.starts.insert(ipa, cell);
        }
    }

    /// Appends a range to a function that is known up to its start.
    pub fn push(&mut self, end: u64, cell: Cell) {
        self.begin(self.top, cell);
        self.top = end;
    }
}

/// A Realm's IPA space.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct View {
    pub cells: Cells,
    /// Tables below the starting level, by level and first IPA, with their granules.
    pub tables: BTreeMap<(i64, u64), u64>,
}

/// Reads a Realm's tables.
pub fn view(world: &World, realm: &Realm) -> View {
    let mut view = View::default();
    let root_size = size_in(bits(world), realm.rtt().start.number().into()) * entries(world);
    for (i, root) in (0_u64..).zip(realm.roots()) {
        read(world, *root, i * root_size, realm.rtt().ipa_top(), &mut view);
    }
    view
}

/// log2 of the size of a granule.
pub fn bits(world: &World) -> u32 {
    world.granule_size().bytes().trailing_zeros()
}

/// Entries of a table.
pub fn entries(world: &World) -> u64 {
    1 << (bits(world) - 3)
}

fn read(world: &World, id: TableId, base: u64, ipa_top: u64, view: &mut View) {
    let table = world.tables().get(id);
    let size = size_in(bits(world), table.level().number().into());
    for (i, entry) in (0_u64..).zip(table.entries()) {
        let ipa = base + i * size;
        if ipa >= ipa_top {
            return;
        }
        let cell = match *entry {
            Rtte::Table(child) => {
                let granule = world.tables().get(child).granule();
                let below = i64::from(table.level().number()) + 1;
                view.tables.insert((below, ipa), world.granules().pa(granule).0);
                read(world, child, ipa, ipa_top, view);
                continue;
            }
            Rtte::Unassigned(ripas) => Cell::Unassigned(ripas as u8),
            Rtte::Assigned { pa, ripas } => {
                Cell::Assigned { delta: pa.0.wrapping_sub(ipa), ripas: ripas as u8 }
            }
            Rtte::Pending { ripas, .. } => Cell::Unassigned(ripas as u8),
            Rtte::UnassignedNs | Rtte::PendingNs(_) => Cell::Ns,
            Rtte::AssignedNs { pa, attr } => Cell::NsMapped { delta: pa.0.wrapping_sub(ipa), attr },
        };
        view.cells.push(ipa + size, cell);
    }
}
