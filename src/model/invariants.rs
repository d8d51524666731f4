//! What has to hold after every command, whatever the Host did.
//!
//! The numbers are ours; the laws follow from DEN0137 1.0 A2 and A5. `World::invariants` looks at
//! everything and trusts nothing that is kept for speed, so it is slow: for tests and fuzzing.

use std::collections::{BTreeMap, BTreeSet};

use thiserror::Error;

use super::granule::{Granule, GranuleState};
use super::operation::{Handle, Object, Operation};
use super::realm::Realm;
use super::rtt::{Rtte, TableId};
use super::world::World;
use crate::abi::addr::{Ipa, Level, Pa};

/// A law that does not hold: a bug of the simulator.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{law}: {what}")]
pub struct Violation {
    /// The law's name.
    pub law: &'static str,
    /// Where it fails.
    pub what: String,
}

impl World {
    /// Checks the laws over the whole state.
    ///
    /// # Errors
    /// The first law found broken.
    pub fn invariants(&self) -> Result<(), Violation> {
        let mut survey = Survey { world: self, used: BTreeMap::new() };
        let mut vmids = BTreeSet::new();
        for (rd, realm) in &self.realms {
            survey.take(*rd, GranuleState::Rd)?;
            survey.realm(*rd, realm)?;
            for vmid in realm.aux_vmids.iter().chain([&realm.vmid]) {
                ensure("vmid", vmids.insert(*vmid), || format!("{vmid} twice"))?;
            }
        }
        ensure("vmid", vmids == self.vmids, || "reserved without a Realm".into())?;
        let mut mecs = BTreeSet::new();
        for mec in self.realms.values().filter_map(|realm| realm.private_mec) {
            ensure("mec", mecs.insert(mec), || format!("{mec} twice"))?;
        }
        ensure("mec", mecs == self.private_mecs, || "reserved without a Realm".into())?;
        for (granule, rec) in &self.recs {
            let owner = self.realms.get(&rec.owner);
            let listed = owner.is_some_and(|realm| realm.recs.contains(granule));
            ensure("rec_owner", listed, || format!("{granule:?} is in no Realm"))?;
        }
        for (_, operation) in self.operations.iter() {
            survey.operation(operation)?;
        }
        survey.all_used()
    }
}

struct Survey<'w> {
    world: &'w World,
    used: BTreeMap<Granule, GranuleState>,
}

impl Survey<'_> {
    fn granule_len(&self) -> usize {
        self.world.granule_size().len_bytes()
    }

    /// A granule has one use, and the state that goes with it.
    fn take(&mut self, granule: Granule, state: GranuleState) -> Result<(), Violation> {
        let found = self.world.granules.state(granule);
        ensure("granule_state", found == state, || format!("{granule:?} is {found}, not {state}"))?;
        let before = self.used.insert(granule, state);
        ensure("one_owner", before.is_none(), || format!("{granule:?} is used twice"))
    }

    fn realm(&mut self, rd: Granule, realm: &Realm) -> Result<(), Violation> {
        let aux_count = self.world.aux_count(Object::Rd);
        // Who changed the RMM's rules meanwhile may have made it by one call.
        let aux = realm.aux.len() as u64;
        ensure("aux_count", aux == aux_count || aux == 0, || format!("{rd:?}"))?;
        realm.aux.iter().try_for_each(|aux| self.take(*aux, GranuleState::RdAux))?;
        let num_start = u64::try_from(realm.roots.len()).expect("sixteen at most");
        ensure("rtt_num_start", num_start == realm.rtt.num_start, || format!("{rd:?}"))?;
        let mut ipa = 0;
        for root in &realm.roots {
            let start = realm.rtt.start;
            let entries = self.world.tables.get(*root).entries().len();
            let fits = realm.rtt.granule == self.world.granule_size()
                && entries == realm.rtt.granule.rtt_entries();
            ensure("granule_size", fits, || format!("{root:?} has {entries} entries"))?;
            ensure("root_level", self.world.tables.get(*root).level() == start, || {
                format!("{root:?}")
            })?;
            ipa = self.table(realm, *root, ipa)?;
        }
        let mut mapped = BTreeMap::new();
        for tree in realm.aux_trees() {
            let mut ipa = 0;
            for root in realm.tree(tree) {
                ipa = self.aux_table(realm, *root, ipa, &mut mapped)?;
            }
        }
        ensure("aux_mapped", mapped == realm.aux_mapped, || format!("{mapped:x?}"))?;
        self.recs(rd, realm)
    }

    /// Checks a table whose first entry covers `ipa`; answers the IPA past its last.
    fn table(&mut self, realm: &Realm, id: TableId, ipa: u64) -> Result<u64, Violation> {
        let table = self.world.tables.get(id);
        self.take(table.granule(), GranuleState::Rtt)?;
        let level = table.level();
        let entries = table.entries();
        let held = entries.iter().filter(|entry| entry.holds_table()).count();
        let held = held + usize::from(table.lost());
        ensure("held_by", held == usize::from(table.held_by()), || format!("{id:?}"))?;
        let mut at = ipa;
        for entry in entries {
            if at < realm.rtt.ipa_top() {
                self.entry(realm, level, Ipa(at), entry)?;
            } else {
                ensure("past_ipa_space", !entry.is_live(), || format!("{id:?} at {at:#x}"))?;
            }
            at += realm.rtt.entry_bytes(level);
        }
        Ok(at)
    }

    /// As [`Survey::table`], of an auxiliary tree: what it maps is another tree's, and what it has
    /// of the Unprotected half stands in its roots and is shared. Counts what it maps.
    fn aux_table(
        &mut self,
        realm: &Realm,
        id: TableId,
        ipa: u64,
        mapped: &mut BTreeMap<u64, u32>,
    ) -> Result<u64, Violation> {
        let table = self.world.tables.get(id);
        self.take(table.granule(), GranuleState::Rtt)?;
        let mut held = usize::from(table.lost());
        let mut at = ipa;
        for entry in table.entries() {
            if at >= realm.rtt.ipa_top() {
                break;
            }
            let shown = || format!("{entry} at {at:#x} of an auxiliary tree");
            held += usize::from(entry.holds_table());
            match *entry {
                Rtte::Table(child) if realm.rtt.is_protected(at) => {
                    self.aux_table(realm, child, at, mapped)?;
                }
                Rtte::Table(_) => {
                    let walk = self.world.walk(realm, Ipa(at), realm.rtt.start);
                    let same = self.world.tables.entry(walk) == *entry;
                    ensure("shared_table", same, shown)?;
                }
                Rtte::Assigned { pa, .. } => {
                    let granule = self.world.granules.find(pa.0);
                    let state = granule.map(|granule| self.world.granules.state(granule));
                    ensure("aux_maps_data", state == Some(GranuleState::Data), shown)?;
                    let block = pa.0..pa.0 + realm.rtt.entry_bytes(table.level());
                    for pa in block.step_by(self.world.granule_size().len_bytes()) {
                        *mapped.entry(pa).or_default() += 1;
                    }
                }
                Rtte::AssignedNs { .. } => held += 1,
                _ => {}
            }
            at += realm.rtt.entry_bytes(table.level());
        }
        ensure("held_by", held == usize::from(table.held_by()), || format!("{id:?}"))?;
        Ok(ipa + table.entries().len() as u64 * realm.rtt.entry_bytes(table.level()))
    }

    fn entry(
        &mut self,
        realm: &Realm,
        level: Level,
        ipa: Ipa,
        entry: &Rtte,
    ) -> Result<(), Violation> {
        let protected = realm.rtt.is_protected(ipa.0);
        let shown = || format!("{entry} at {ipa}, level {level}");
        let size_bytes = realm.rtt.entry_bytes(level);
        let mapped = |pa: Pa| {
            let reach = realm.rtt.lpa2 || pa.0 < 1 << 48;
            level >= Level::MIN_BLOCK && pa.0.is_multiple_of(size_bytes) && reach
        };
        match *entry {
            Rtte::Unassigned(_) => ensure("protected_half", protected, shown),
            Rtte::UnassignedNs => ensure("protected_half", !protected, shown),
            Rtte::Pending { handle, .. } => {
                ensure("protected_half", protected, shown)?;
                self.waits(handle, shown)
            }
            Rtte::PendingNs(handle) => {
                ensure("protected_half", !protected, shown)?;
                self.waits(handle, shown)
            }
            Rtte::AssignedNs { pa, .. } => {
                ensure("protected_half", !protected, shown)?;
                ensure("mapping", mapped(pa), shown)
            }
            Rtte::Assigned { pa, .. } => {
                ensure("protected_half", protected, shown)?;
                ensure("mapping", mapped(pa), shown)?;
                for offset in (0..size_bytes).step_by(self.granule_len()) {
                    let granule = self.world.granules.find(pa.0 + offset);
                    ensure("data_is_memory", granule.is_some(), shown)?;
                    granule.map_or(Ok(()), |granule| self.take(granule, GranuleState::Data))?;
                }
                Ok(())
            }
            Rtte::Table(child) => {
                let below = self.world.tables.get(child).level();
                ensure("table_level", level.child() == Some(below), shown)?;
                self.table(realm, child, ipa.0).map(drop)
            }
        }
    }

    /// A pending entry has an operation that will finish with it.
    fn waits(&self, handle: Handle, shown: impl FnOnce() -> String) -> Result<(), Violation> {
        let waits = self.world.operations.find(handle.to_register()).is_some();
        ensure("pending_has_operation", waits, shown)
    }

    /// What a stateful operation holds.
    fn operation(&mut self, operation: &Operation) -> Result<(), Violation> {
        match operation {
            Operation::Object(it) => {
                self.take(it.granule, GranuleState::Partial)?;
                it.aux.iter().try_for_each(|aux| self.take(*aux, it.object.aux_state()))
            }
            Operation::Map(map) => {
                let offsets = (0..map.done_bytes).step_by(self.granule_len());
                offsets.map(|offset| map.pa.0 + offset).try_for_each(|pa| {
                    let granule = self.world.granules.find(pa);
                    ensure("data_is_memory", granule.is_some(), || format!("{pa:#x}"))?;
                    granule.map_or(Ok(()), |granule| self.take(granule, GranuleState::Data))
                })
            }
            Operation::Unmap(unmap) => {
                let left = unmap.granules.iter().skip(unmap.done_granules);
                left.copied().try_for_each(|granule| self.take(granule, GranuleState::Data))
            }
        }
    }

    fn recs(&mut self, rd: Granule, realm: &Realm) -> Result<(), Violation> {
        let mut indices = BTreeSet::new();
        for granule in &realm.recs {
            self.take(*granule, GranuleState::Rec)?;
            let rec = self.world.recs.get(granule);
            ensure("rec", rec.is_some(), || format!("{granule:?} has no contents"))?;
            let Some(rec) = rec else { continue };
            ensure("rec_owner", rec.owner == rd, || format!("{granule:?}"))?;
            ensure("rec_index", indices.insert(rec.index), || format!("{} twice", rec.index))?;
            ensure("rec_index", rec.index < realm.next_rec_index, || format!("{}", rec.index))?;
            let aux_count = self.world.aux_count(Object::Rec);
            ensure("aux_count", rec.aux.len() as u64 == aux_count, || format!("{granule:?}"))?;
            for aux in &rec.aux {
                self.take(*aux, GranuleState::RecAux)?;
            }
        }
        let most = self.world.platform().max_recs();
        ensure("max_recs", realm.recs.len() as u64 <= most, || format!("{rd:?}"))
    }

    /// Every delegated granule is used, or DELEGATED and wiped.
    fn all_used(&self) -> Result<(), Violation> {
        for (granule, state) in self.world.granules.delegated() {
            if state == GranuleState::Delegated {
                let wiped = self.world.memory.is_wiped(granule);
                ensure("wiped", wiped, || format!("{granule:?} is DELEGATED and not zero"))?;
            } else {
                let used = self.used.contains_key(&granule);
                ensure("has_owner", used, || {
                    format!("{granule:?} is {state} and belongs nowhere")
                })?;
            }
        }
        Ok(())
    }
}

fn ensure(law: &'static str, holds: bool, what: impl FnOnce() -> String) -> Result<(), Violation> {
    if holds { Ok(()) } else { Err(Violation { law, what: what() }) }
}
