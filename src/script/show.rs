//! What the RMM knows of a thing, for people: `print rtt`, `print granule` and their like.
//!
//! No Host could print this: like `print rim` it looks at the world.

use std::ops::Range;

use super::gap::Gap;
use crate::abi::addr::{Hex, Level, Pa};
use crate::model::planes::Permission;
use crate::model::rtt::{RttConfig, Rtte, TableId};
use crate::model::world::World;

/// Most lines that one statement prints.
pub(crate) const MAX_LINES: usize = 4096;

/// What is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Thing {
    /// The RTTs of the Realm with this RD.
    Rtt(u64),
    Granule(u64),
    /// The Realm with this RD.
    Realm(u64),
    Rec(u64),
    /// The stateful operations that are under way.
    Operations,
}

/// What there is to say of it, a line each. `gap` says why the RIM of the Realm is not known.
pub(crate) fn lines(world: &mut World, thing: Thing, gap: Option<&Gap>) -> Vec<String> {
    let mut lines = match thing {
        Thing::Rtt(rd) => rtt(world, rd),
        Thing::Granule(pa) => vec![granule(world, pa)],
        Thing::Realm(rd) => realm(world, rd, gap),
        Thing::Rec(pa) => rec(world, pa),
        Thing::Operations => operations(world),
    };
    if lines.len() > MAX_LINES {
        lines.truncate(MAX_LINES);
        lines.push(format!("and more than these {MAX_LINES} lines"));
    }
    lines
}

fn granule(world: &World, pa: u64) -> String {
    let granules = world.granules();
    match granules.find(pa) {
        Some(granule) => {
            let (state, gpt) = (granules.state(granule), granules.gpt(granule));
            format!("granule {} {} {}", Hex(pa), state.name(), gpt.name())
        }
        None => format!("granule {} none: not in delegable memory", Hex(pa)),
    }
}

fn realm(world: &mut World, rd: u64, gap: Option<&Gap>) -> Vec<String> {
    let rim = match (gap, world.rim(rd)) {
        (Some(gap), _) => format!("unknown: {}", gap.what),
        (None, Some(rim)) => format!("{rim:?}"),
        (None, None) => String::new(),
    };
    let Some(realm) = world.realm(rd) else { return vec![no_realm("realm", rd)] };
    let config = realm.rtt();
    let lpa2 = if config.lpa2 { " lpa2" } else { "" };
    let mut lines = vec![
        format!("realm {} {}", Hex(rd), realm.state().name()),
        format!("  rim {rim}"),
        format!(
            "  ipa_width={} rtt_level_start={} rtt_num_start={}{lpa2} vmid={} hash_algo={}",
            config.ipa_width,
            config.start,
            config.num_start,
            realm.vmid(),
            realm.log().algo().name()
        ),
    ];
    if world.profile().realm_params_have_planes() {
        let mec = match realm.private_mec() {
            Some(number) => format!("private {number}"),
            None => "shared".to_owned(),
        };
        let planes = realm.planes().num_aux() + 1;
        lines.push(format!("  planes={planes} da={} mec={mec}", realm.has_device_assignment()));
    }
    for (number, rem) in (1..).zip(realm.rems()) {
        if rem.as_bytes().iter().any(|byte| *byte != 0) {
            lines.push(format!("  rem{number} {rem:?}"));
        }
    }
    let granules = world.granules();
    let recs = realm.recs().iter().map(|rec| granules.pa(*rec));
    lines.push(format!("  recs {}", list(recs, "none")));
    lines.push(format!("  next rec_index {}", realm.next_rec_index()));
    lines
}

fn no_realm(what: &str, rd: u64) -> String {
    format!("{what} {} none: there is no Realm with this RD", Hex(rd))
}

fn list(addresses: impl Iterator<Item = Pa>, none: &str) -> String {
    let all: Vec<String> = addresses.map(|pa| pa.to_string()).collect();
    if all.is_empty() { none.to_owned() } else { all.join(" ") }
}

fn rec(world: &World, pa: u64) -> Vec<String> {
    let Some(rec) = world.rec(pa) else {
        return vec![format!("rec {} none: there is no REC here", Hex(pa))];
    };
    let granules = world.granules();
    let runs = if rec.runnable() { "runnable" } else { "not runnable" };
    let running = if rec.running() { ", inside REC_ENTER" } else { "" };
    let owner = granules.pa(rec.owner());
    let mut lines = vec![
        format!("rec {} {runs}{running}", Hex(pa)),
        format!("  realm={owner} index={} mpidr={}", rec.index(), Hex(rec.mpidr())),
        format!("  pc={}", Hex(rec.pc())),
    ];
    let set = rec.gprs().iter().enumerate().filter(|(_, value)| **value != 0);
    let set: Vec<String> =
        set.map(|(number, value)| format!("x{number}={}", Hex(*value))).collect();
    lines.push(format!("  {}", if set.is_empty() { "registers 0".into() } else { set.join(" ") }));
    lines.push(format!("  aux {}", list(rec.aux().iter().map(|aux| granules.pa(*aux)), "none")));
    let ripas = rec.ripas_change();
    for (is_pending, what) in [
        (rec.psci_pending(), "a PSCI call waits for PSCI_COMPLETE".to_owned()),
        (rec.host_call_pending(), "a host call waits for its registers".to_owned()),
        (
            ripas.base != ripas.top,
            format!("RIPAS {} is asked for {}..{}", ripas.value, Hex(ripas.base), Hex(ripas.top)),
        ),
    ] {
        lines.extend(is_pending.then(|| format!("  {what}")));
    }
    lines
}

fn operations(world: &World) -> Vec<String> {
    let under_way = world.operations().iter().map(|(handle, operation)| {
        let kind = crate::model::operation::Operation::KINDS[operation.kind()];
        let awaits = operation.awaits().command_name();
        format!("operation {} {kind}, waits for {awaits}", handle.to_register())
    });
    let lines: Vec<String> = under_way.collect();
    if lines.is_empty() { vec!["operations none".to_owned()] } else { lines }
}

fn rtt(world: &World, rd: u64) -> Vec<String> {
    let Some(realm) = world.realm(rd) else { return vec![no_realm("rtt", rd)] };
    let config = realm.rtt();
    let mut tree = Tree { world, config, lines: Vec::new() };
    for number in std::iter::once(0).chain(realm.aux_trees()) {
        let which = if number == 0 { String::new() } else { format!(" tree {number}") };
        let (start, width) = (config.start, config.ipa_width);
        let head = format!("rtt {}{which} from level {start}, {width} IPA bits", Hex(rd));
        tree.lines.push(head);
        let mut base = 0;
        for root in realm.tree(number) {
            base = tree.table(*root, base, 1);
        }
    }
    tree.lines
}

/// The lines of a Realm's tables.
struct Tree<'w> {
    world: &'w World,
    config: &'w RttConfig,
    lines: Vec<String>,
}

impl Tree<'_> {
    /// A table whose first entry covers `base`. Returns the first IPA behind it.
    fn table(&mut self, id: TableId, base: u64, depth: usize) -> u64 {
        let table = ShownTable::of(self.world, self.config, id, base);
        self.lines.push(table.head(depth));
        for run in table.runs() {
            if self.lines.len() > MAX_LINES {
                break;
            }
            self.lines.push(table.line(&run, depth));
            if let Rtte::Table(inner) = table.entries[run.start].0 {
                self.table(inner, table.ipa(run.start), depth + 2);
            }
        }
        table.end()
    }
}

/// What is shown of one table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ShownTable {
    level: Level,
    pa: Pa,
    base: u64,
    entry_bytes: u64,
    /// Those that can be reached, with their permissions where those are not what entries of the
    /// tree have at first.
    entries: Vec<(Rtte, Option<Permission>)>,
}

impl ShownTable {
    /// The table whose first entry covers `base`.
    pub(super) fn of(world: &World, config: &RttConfig, id: TableId, base: u64) -> Self {
        let table = world.tables().get(id);
        let entry_bytes = config.entry_bytes(table.level());
        let left = config.ipa_top().saturating_sub(base) / entry_bytes;
        let reached = usize::try_from(left).unwrap_or(usize::MAX);
        let entries = table.entries().iter().take(reached).enumerate();
        let entries = entries.map(|(index, entry)| (*entry, table.permission(index)));
        let pa = world.granules().pa(table.granule());
        Self { level: table.level(), pa, base, entry_bytes, entries: entries.collect() }
    }

    /// The tables below, and the first IPA of each.
    pub(super) fn below(&self) -> impl Iterator<Item = (TableId, u64)> {
        let entries = self.entries.iter().enumerate();
        entries.filter_map(|(index, (entry, _))| match entry {
            Rtte::Table(inner) => Some((*inner, self.ipa(index))),
            _ => None,
        })
    }

    /// Its lines alone, without those of the tables below.
    pub(super) fn lines(&self, depth: usize) -> Vec<String> {
        let runs = self.runs().map(|run| self.line(&run, depth));
        std::iter::once(self.head(depth)).chain(runs).collect()
    }

    fn head(&self, depth: usize) -> String {
        let Self { level, pa, base, .. } = self;
        format!("{}table of level {level} at {pa}, IPA {}", "  ".repeat(depth), Hex(*base))
    }

    pub(super) const fn level(&self) -> Level {
        self.level
    }

    /// The first IPA behind it.
    pub(super) fn end(&self) -> u64 {
        self.ipa(self.entries.len())
    }

    /// The first IPA of an entry.
    fn ipa(&self, index: usize) -> u64 {
        self.base + index as u64 * self.entry_bytes
    }

    /// Entries that say the same.
    fn runs(&self) -> impl Iterator<Item = Range<usize>> {
        let mut first = 0;
        std::iter::from_fn(move || {
            let (entry, permission) = self.entries.get(first)?;
            let rest = (1_u64..).zip(&self.entries[first + 1..]);
            let alike = rest.take_while(|(count, (next, of_next))| {
                of_next == permission && goes_on(entry, next, count * self.entry_bytes)
            });
            let run = first..first + 1 + alike.count();
            first = run.end;
            Some(run)
        })
    }

    fn line(&self, run: &Range<usize>, depth: usize) -> String {
        let range = format!("{}..{}", Hex(self.ipa(run.start)), Hex(self.ipa(run.end)));
        let (first, permission) = &self.entries[run.start];
        let (what, indent) = (entry(first), "  ".repeat(depth));
        let permission = permission.map_or_else(String::new, |it| format!(" permission {it}"));
        let many = if run.len() > 1 { format!(", {} entries", run.len()) } else { String::new() };
        format!("{indent}  {range} {what}{permission}{many}")
    }
}

/// Whether `next`, which comes this many bytes behind `first`, says the same.
fn goes_on(first: &Rtte, next: &Rtte, bytes: u64) -> bool {
    match (*first, *next) {
        (Rtte::Table(_), _) => false,
        (Rtte::Assigned { pa, ripas }, _) => {
            *next == Rtte::Assigned { pa: Pa(pa.0.wrapping_add(bytes)), ripas }
        }
        (Rtte::AssignedNs { pa, attr }, _) => {
            *next == Rtte::AssignedNs { pa: Pa(pa.0.wrapping_add(bytes)), attr }
        }
        (first, next) => first == next,
    }
}

fn entry(entry: &Rtte) -> String {
    let name = entry.name();
    match entry {
        Rtte::Unassigned(ripas) | Rtte::Pending { ripas, .. } => format!("{name} {ripas}"),
        Rtte::Assigned { pa, ripas } => format!("{name} {ripas} at {pa}"),
        Rtte::AssignedNs { pa, attr } => {
            format!("{name} at {pa} attributes {}", Hex((*attr).into()))
        }
        _ => name.to_owned(),
    }
}
