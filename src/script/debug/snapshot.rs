//! What a World is like, so that two can be compared.

use std::collections::{BTreeMap, BTreeSet};

use crate::abi::addr::{Hex, Level};
use crate::model::granule::{Gpt, GranuleState};
use crate::model::realm::Realm;
use crate::model::world::World;
use crate::script::show::{self, ShownTable, Thing};

/// Granules of one change that are told one by one.
const FEW_GRANULES: usize = 4;

/// A table: the RD, which of the Realm's trees, the level, the first IPA.
type TableKey = (u64, usize, Level, u64);

/// The state of all that commands change. RIMs are left out: they cost the most.
#[derive(Debug, Default)]
pub(super) struct Snapshot {
    granules: BTreeMap<u64, (GranuleState, Gpt)>,
    /// Realms, RECs and operations: a line for each thing, which names it.
    lines: Vec<String>,
    /// Tables and how deep each is in its tree.
    tables: BTreeMap<TableKey, (ShownTable, usize)>,
    /// By RD: how many events were measured, and the last.
    events: BTreeMap<u64, (u64, Option<String>)>,
}

impl Snapshot {
    pub(super) fn of(world: &mut World) -> Self {
        let granules = world.granules();
        let others = granules.not_ns();
        let granules_by_pa =
            others.map(|(granule, gpt)| (granules.pa(granule).0, (granules.state(granule), gpt)));
        let mut snapshot = Self { granules: granules_by_pa.collect(), ..Self::default() };
        let realms: Vec<u64> = world.realms().map(|(rd, _)| rd.0).collect();
        for rd in realms {
            let Some(realm) = world.realm(rd) else { continue };
            snapshot.lines.push(format!("realm {} {}", Hex(rd), realm.state().name()));
            let rule = realm.log().rule();
            let events = realm.log().events();
            let last = events.len().checked_sub(1).and_then(|last| events.get(last));
            let last = last.map(|last| last.named(rule).to_string());
            snapshot.events.insert(rd, (events.len(), last));
            for (number, rem) in (1..).zip(realm.rems()).filter(|(_, rem)| !rem.is_zero()) {
                snapshot.lines.push(format!("realm {} rem{number} {rem}", Hex(rd)));
            }
            let recs: Vec<u64> =
                realm.recs().iter().map(|rec| world.granules().pa(*rec).0).collect();
            snapshot.add_tables(world, rd, realm);
            for rec in recs {
                snapshot.lines.push(show::lines(world, Thing::Rec(rec), None).join(";"));
            }
        }
        snapshot.lines.extend(show::lines(world, Thing::Operations, None));
        snapshot
    }

    fn add_tables(&mut self, world: &World, rd: u64, realm: &Realm) {
        for number in std::iter::once(0).chain(realm.aux_trees()) {
            let mut base = 0;
            for root in realm.tree(number) {
                let mut open = vec![(*root, base, 1)];
                let first = base;
                while let Some((id, at, depth)) = open.pop() {
                    let table = ShownTable::of(world, realm.rtt(), id, at);
                    if at == first && depth == 1 {
                        base = table.end();
                    }
                    open.extend(table.below().map(|(id, at)| (id, at, depth + 2)));
                    self.tables.insert((rd, number, table.level(), at), (table, depth));
                }
            }
        }
    }

    /// What is otherwise than before: what went has a `-`, what came a `+`.
    pub(super) fn changes_since(&self, before: &Self, most: usize) -> Vec<String> {
        let mut told = Changes { lines: Vec::new(), more: 0, most };
        self.granule_changes(before).into_iter().for_each(|line| told.add(line));
        let [old, new] = [&before.lines, &self.lines];
        told.add_other_lines(old, new);
        self.add_table_changes(before, &mut told);
        for (rd, (count, last)) in &self.events {
            let (known, last_known) = before.events.get(rd).cloned().unwrap_or_default();
            if (*count, last) == (known, &last_known) {
                continue;
            }
            let (rd, event) = (Hex(*rd), last.as_deref().unwrap_or("nothing"));
            told.add(match count.checked_sub(known).filter(|more| *more > 0) {
                Some(more) => format!("  + realm {rd} measured {more} more, the last {event}"),
                None => format!("  + realm {rd} is another: it measured {count}, the last {event}"),
            });
        }
        told.all()
    }

    fn add_table_changes(&self, before: &Self, told: &mut Changes) {
        let keys: BTreeSet<&TableKey> = self.tables.keys().chain(before.tables.keys()).collect();
        let trees: BTreeSet<_> = keys.iter().map(|(rd, tree, ..)| (rd, tree)).collect();
        let mut named = None;
        for key in keys {
            let [old, new] = [before, self].map(|one| one.tables.get(key));
            if old == new {
                continue;
            }
            let (rd, tree, ..) = key;
            // Where there is one tree alone, it is that.
            if trees.len() > 1 && named.replace((rd, tree)) != Some((rd, tree)) {
                let which = if *tree == 0 { String::new() } else { format!(" tree {tree}") };
                told.add(format!("  in rtt {}{which}", Hex(*rd)));
            }
            let [old, new] = [old, new]
                .map(|found| found.map_or_else(Vec::new, |(table, depth)| table.lines(*depth)));
            told.add_other_lines(&old, &new);
        }
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

/// Lines about changes, as many as are shown.
struct Changes {
    lines: Vec<String>,
    more: usize,
    most: usize,
}

impl Changes {
    fn add(&mut self, line: String) {
        if self.lines.len() < self.most {
            self.lines.push(line);
        } else {
            self.more += 1;
        }
    }

    /// Lines about one thing, before and now; no two of them are the same.
    fn add_other_lines(&mut self, old: &[String], new: &[String]) {
        let [before, now] = [old, new].map(|lines| lines.iter().collect::<BTreeSet<_>>());
        old.iter()
            .filter(|line| !now.contains(line))
            .for_each(|line| self.add(format!("  - {line}")));
        new.iter()
            .filter(|line| !before.contains(line))
            .for_each(|line| self.add(format!("  + {line}")));
    }

    fn all(self) -> Vec<String> {
        let more = (self.more > 0).then(|| format!("  and {} more lines that changed", self.more));
        self.lines.into_iter().chain(more).collect()
    }
}
