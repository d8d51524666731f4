//! What a World is like, so that two can be compared.

use std::collections::{BTreeMap, BTreeSet};

use crate::abi::addr::Hex;
use crate::model::granule::{Gpt, GranuleState};
use crate::model::world::World;
use crate::script::show::{self, Thing};

/// Granules of one change that are told one by one.
const FEW_GRANULES: usize = 4;

/// The state of all that commands change. RIMs are left out: they cost the most.
#[derive(Debug, Default)]
pub(super) struct Snapshot {
    granules: BTreeMap<u64, (GranuleState, Gpt)>,
    /// Realms, tables, RECs and operations: a line for each thing.
    lines: Vec<String>,
    /// By RD: the measured events.
    events: BTreeMap<u64, u64>,
    last_events: BTreeMap<u64, String>,
}

impl Snapshot {
    pub(super) fn of(world: &mut World) -> Self {
        let granules = world.granules();
        let delegated = granules.delegated();
        let granules_by_pa = delegated
            .map(|(granule, state)| (granules.pa(granule).0, (state, granules.gpt(granule))));
        let mut snapshot = Self { granules: granules_by_pa.collect(), ..Self::default() };
        let realms: Vec<u64> = world.realms().map(|(rd, _)| rd.0).collect();
        for rd in realms {
            let Some(realm) = world.realm(rd) else { continue };
            snapshot.lines.push(format!("realm {} {}", Hex(rd), realm.state().name()));
            let rule = realm.log().rule();
            let events = realm.log().events();
            snapshot.events.insert(rd, events.len());
            if let Some(last) = events.len().checked_sub(1).and_then(|last| events.get(last)) {
                snapshot.last_events.insert(rd, last.named(rule).to_string());
            }
            for (number, rem) in (1..).zip(realm.rems()).filter(|(_, rem)| !rem.is_zero()) {
                snapshot.lines.push(format!("realm {} rem{number} {rem}", Hex(rd)));
            }
            let recs: Vec<u64> =
                realm.recs().iter().map(|rec| world.granules().pa(*rec).0).collect();
            snapshot.lines.extend(show::lines(world, Thing::Rtt(rd), None));
            for rec in recs {
                snapshot.lines.push(show::lines(world, Thing::Rec(rec), None).join(";"));
            }
        }
        snapshot.lines.extend(show::lines(world, Thing::Operations, None));
        snapshot
    }

    /// What is otherwise than before: what went has a `-`, what came a `+`.
    pub(super) fn changes_since(&self, before: &Self, most: usize) -> Vec<String> {
        let mut lines = self.granule_changes(before);
        let [old, new] = [before, self].map(|one| one.lines.iter().collect::<BTreeSet<_>>());
        let gone = before.lines.iter().filter(|line| !new.contains(line));
        lines.extend(gone.map(|line| format!("  - {line}")));
        let came = self.lines.iter().filter(|line| !old.contains(line));
        lines.extend(came.map(|line| format!("  + {line}")));
        for (rd, count) in &self.events {
            let known = before.events.get(rd).copied().unwrap_or(0);
            let last = self.last_events.get(rd).filter(|_| *count > known);
            lines.extend(last.map(|event| {
                let more = count - known;
                format!("  + realm {} measured {more} more, the last {event}", Hex(*rd))
            }));
        }
        if lines.len() > most {
            let more = lines.len() - most;
            lines.truncate(most);
            lines.push(format!("  and {more} more lines that changed"));
        }
        lines
    }

    fn granule_changes(&self, before: &Self) -> Vec<String> {
        let every: BTreeSet<u64> =
            self.granules.keys().chain(before.granules.keys()).copied().collect();
        let mut changes: BTreeMap<String, Vec<u64>> = BTreeMap::new();
        for pa in every {
            let [old, new] = [before, self].map(|one| one.granules.get(&pa));
            if old == new {
                continue;
            }
            let text = |found: Option<&(GranuleState, Gpt)>| match found {
                Some((state, gpt)) => format!("{} {}", state.name(), gpt.name()),
                None => GranuleState::ALL[0].name().to_owned(),
            };
            changes.entry(format!("{} -> {}", text(old), text(new))).or_default().push(pa);
        }
        let mut lines = Vec::new();
        for (change, granules) in changes {
            if granules.len() <= FEW_GRANULES {
                lines.extend(granules.iter().map(|pa| format!("  granule {} {change}", Hex(*pa))));
            } else {
                let (first, last) = (granules[0], granules[granules.len() - 1]);
                let count = granules.len();
                lines.push(format!(
                    "  {count} granules of {}..={} {change}",
                    Hex(first),
                    Hex(last)
                ));
            }
        }
        lines
    }
}
