//! A Realm: what the RMM keeps in a Realm Descriptor.

use std::collections::BTreeMap;
use std::ops::Range;

use super::granule::Granule;
use super::planes::Planes;
use super::rtt::{RttConfig, TableId};
use super::tally::Tally;
use crate::abi::params::Rpv;
use crate::measure::event::MeasuredEvent;
use crate::measure::log::EventLog;
use crate::measure::rim::Measurement;

/// A Realm's life (DEN0137 1.0 A2.1). There is no state after destruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RealmState {
    /// Under construction.
    New,
    /// Can run.
    Active,
    /// Switched itself off.
    SystemOff,
    /// Terminated by the Host; it can only be taken apart (2.0).
    Zombie,
}

impl RealmState {
    /// The specification's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::New => "NEW",
            Self::Active => "ACTIVE",
            Self::SystemOff => "SYSTEM_OFF",
            Self::Zombie => "ZOMBIE",
        }
    }

    /// The state of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        let all = [Self::New, Self::Active, Self::SystemOff, Self::Zombie];
        all.into_iter().find(|state| state.name() == name)
    }
}

impl Tally<5> {
    /// Counts a Realm that went from one state to another; `None` is no Realm.
    pub(crate) fn realm_went(&mut self, from: Option<RealmState>, to: Option<RealmState>) {
        let number = |state: Option<RealmState>| state.map_or(0, |state| state as usize + 1);
        self.add(number(from), number(to));
    }
}

/// Number of Realm Extensible Measurements.
pub const NUM_REMS: usize = 4;

/// The attributes of a Realm (DEN0137 1.0 A2.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Realm {
    pub(crate) state: RealmState,
    pub(crate) rtt: RttConfig,
    pub(crate) roots: Vec<TableId>,
    /// The root tables of auxiliary trees, where planes have trees of their own.
    pub(crate) aux_roots: Vec<Vec<TableId>>,
    pub(crate) vmid: u16,
    /// How often auxiliary trees map each of its granules, by the granule's address.
    pub(crate) aux_mapped: BTreeMap<u64, u32>,
    /// VMIDs of auxiliary planes.
    pub(crate) aux_vmids: Vec<u16>,
    /// The number of its own memory encryption context; `None` if it shares one (2.0).
    pub(crate) private_mec: Option<u16>,
    pub(crate) rpv: Rpv,
    /// Whether devices can be assigned to it (2.0).
    pub(crate) da: bool,
    /// What it has of planes; of a Realm of 1.0 plane 0 alone.
    pub(crate) planes: Planes,
    /// Auxiliary granules of the RD, where RMI_REALM_CREATE takes several calls.
    pub(crate) aux: Vec<Granule>,
    pub(crate) next_rec_index: u64,
    pub(crate) recs: Vec<Granule>,
    pub(crate) log: EventLog,
    pub(crate) rems: [Measurement; NUM_REMS],
    pub(crate) token: Option<Vec<u8>>,
}

impl Realm {
    /// Where the Realm is in its life.
    #[must_use]
    pub fn state(&self) -> RealmState {
        self.state
    }

    /// IPA width, starting level and number of root tables.
    #[must_use]
    pub fn rtt(&self) -> &RttConfig {
        &self.rtt
    }

    /// The root tables, by IPA.
    #[must_use]
    pub fn roots(&self) -> &[TableId] {
        &self.roots
    }

    /// The numbers of its auxiliary trees.
    pub(crate) fn aux_trees(&self) -> impl Iterator<Item = usize> + use<> {
        1..self.aux_roots.len() + 1
    }

    /// Counts the granules of a block, every so many bytes, as mapped by one auxiliary tree more.
    pub(crate) fn aux_maps(&mut self, block: Range<u64>, granule_bytes: usize) {
        for pa in block.step_by(granule_bytes) {
            *self.aux_mapped.entry(pa).or_default() += 1;
        }
    }

    /// Counts them as mapped by one auxiliary tree less.
    pub(crate) fn aux_unmaps(&mut self, block: Range<u64>, granule_bytes: usize) {
        for pa in block.step_by(granule_bytes) {
            let count = self.aux_mapped.get_mut(&pa).expect("an auxiliary tree maps it");
            *count -= 1;
            if *count == 0 {
                self.aux_mapped.remove(&pa);
            }
        }
    }

    /// The first granule of a block that an auxiliary tree maps.
    pub(crate) fn first_aux_mapped(&self, block: Range<u64>) -> Option<u64> {
        self.aux_mapped.range(block).next().map(|(pa, _)| *pa)
    }

    /// The root tables of a tree, by IPA: 0 is the primary one.
    #[must_use]
    pub fn tree(&self, tree: usize) -> &[TableId] {
        tree.checked_sub(1).map_or(&self.roots, |aux| &self.aux_roots[aux])
    }

    /// The number of its own memory encryption context, from 0; `None` if it shares one with other
    /// Realms. The MECIDs that an RMM gives out are not seen by a Host.
    #[must_use]
    pub fn private_mec(&self) -> Option<u16> {
        self.private_mec
    }

    /// The Virtual Machine Identifier.
    #[must_use]
    pub fn vmid(&self) -> u16 {
        self.vmid
    }

    /// The Realm Personalization Value.
    #[must_use]
    pub fn rpv(&self) -> &Rpv {
        &self.rpv
    }

    /// Whether it was made with a flag of RmiRealmFlags.
    pub(crate) fn has_flag(&self, flag: u64) -> bool {
        let first = self.log.events().first();
        matches!(first, Some(MeasuredEvent::Realm(event)) if event.flags & flag != 0)
    }

    /// Whether devices can be assigned to it (2.0).
    #[must_use]
    pub fn has_device_assignment(&self) -> bool {
        self.da
    }

    /// Its planes; of a Realm of 1.0 plane 0 alone.
    #[must_use]
    pub fn planes(&self) -> &Planes {
        &self.planes
    }

    /// The auxiliary granules of its RD, in the order in which they were given; none where
    /// RMI_REALM_CREATE is one call.
    #[must_use]
    pub fn aux(&self) -> &[Granule] {
        &self.aux
    }

    /// The index that the next REC has to have; never goes back. Where RECs can come in any order
    /// it is the one after the highest.
    #[must_use]
    pub fn next_rec_index(&self) -> u64 {
        self.next_rec_index
    }

    /// The RECs that exist, in the order of their creation.
    #[must_use]
    pub fn recs(&self) -> &[Granule] {
        &self.recs
    }

    /// What was measured, in order.
    #[must_use]
    pub fn log(&self) -> &EventLog {
        &self.log
    }

    /// The attestation token that a REC fetched to its end last. An RMM forgets it; here it is
    /// kept for whoever looks on.
    #[must_use]
    pub fn token(&self) -> Option<&[u8]> {
        self.token.as_deref()
    }

    /// Realm Extensible Measurements 1 to 4.
    #[must_use]
    pub fn rems(&self) -> &[Measurement; NUM_REMS] {
        &self.rems
    }
}
