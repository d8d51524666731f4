//! What a page says of one Realm.

use serde_json::{Value, json};

use super::text::plain;
use crate::abi::addr::{Hex, Level};
use crate::encoding::fdt;
use crate::encoding::text::hex;
use crate::measure::event::{DataEvent, MeasuredEvent};
use crate::measure::page::Page;
use crate::measure::rim::Measurement;
use crate::measure::rule::RimRule;
use crate::model::operation::{Handle, Operation};
use crate::model::realm::Realm;
use crate::model::rtt::{RttConfig, Rtte, TableId, Tables};
use crate::model::world::World;

/// Most events that have a row each. Of a longer list, contents in a row share one.
pub const MAX_ROWS: u64 = 100_000;

/// One Realm.
#[derive(Clone, Debug)]
pub struct RealmReport {
    /// Its name.
    pub name: String,
    /// Where it is in its life.
    pub state: &'static str,
    /// Its RIM.
    pub rim: Measurement,
    /// REMs that are not zero, by number.
    pub(super) rems: Vec<(usize, Measurement)>,
    /// Names and values.
    pub(super) params: Vec<(&'static str, String)>,
    /// What was assumed of the VM, each in a few words.
    pub(super) assumed: Vec<String>,
    /// How many events were measured.
    pub events: u64,
    /// IPA width in bits.
    ipa_width: u32,
    pub(super) rows: Vec<EventRow>,
    pub(super) map: Vec<Part>,
    pub(super) shown: Vec<Shown>,
}

/// One event, or several whose contents lie in a row.
#[derive(Clone, Debug)]
pub(super) struct EventRow {
    /// The number of the first.
    pub(super) number: u64,
    pub(super) text: String,
    /// The RIM after the last.
    pub(super) rim: String,
}

/// RTT entries of one kind in a row.
#[derive(Clone, Debug)]
pub(super) struct Part {
    pub(super) base: u64,
    pub(super) top: u64,
    pub(super) level: i8,
    pub(super) hipas: &'static str,
    pub(super) ripas: &'static str,
}

/// Contents in a row.
#[derive(Clone, Debug)]
pub(super) struct Shown {
    pub(super) base: u64,
    pub(super) top: u64,
    pub(super) name: String,
    pub(super) is_device_tree: bool,
}

impl Shown {
    pub(super) const fn kind(&self) -> &'static str {
        if self.is_device_tree { "device tree" } else { "contents" }
    }
}

impl RealmReport {
    /// Looks at the Realm whose RD lies at `rd`, if there is one.
    ///
    /// # Bounds
    /// Time and memory grow with what was measured. Of a script without fillings memory grows by
    /// at most 200 bytes for each byte; a list has at most [`MAX_ROWS`] rows.
    #[must_use]
    pub fn new(world: &World, rd: u64, name: &str) -> Option<Self> {
        let log = world.realm(rd)?.log();
        let rule = log.rule();
        let mut rows = Rows::of(rule, log.events().len());
        log.each_rim(|event, rim| rows.add(event, rim));
        Self::with(world, rd, name, rows, log.rim_now())
    }

    /// The same with the events and RIMs of another rule than the log's.
    #[must_use]
    pub fn with_events(
        world: &World,
        rd: u64,
        name: &str,
        events: &[(MeasuredEvent, Measurement)],
    ) -> Option<Self> {
        let log = world.realm(rd)?.log();
        let zero = Measurement::zero(log.algo());
        let mut rows = Rows::of(log.rule(), events.len() as u64);
        events.iter().for_each(|(event, rim)| rows.add(event, rim));
        Self::with(world, rd, name, rows, events.last().map_or(zero, |(_, rim)| *rim))
    }

    fn with(world: &World, rd: u64, name: &str, rows: Rows, rim: Measurement) -> Option<Self> {
        let realm = world.realm(rd)?;
        let mut map = Vec::new();
        for (i, root) in (0_u64..).zip(realm.roots()) {
            let level = world.tables().get(*root).level();
            let entries = world.tables().get(*root).entries().len() as u64;
            let size = entries * realm.rtt().entry_bytes(level);
            walk(world.tables(), realm.rtt(), *root, i.saturating_mul(size), &mut map);
        }
        let rems = (1..).zip(*realm.rems()).filter(|(_, rem)| !rem.is_zero());
        Some(Self {
            name: name.to_owned(),
            state: realm.state().name(),
            rim,
            rems: rems.collect(),
            params: params(world, realm),
            assumed: Vec::new(),
            ipa_width: realm.rtt().ipa_width,
            events: rows.events,
            rows: rows.rows,
            map,
            shown: rows.shown,
        })
    }

    /// Says what was assumed of the VM.
    #[must_use]
    pub fn with_assumed(mut self, assumed: Vec<String>) -> Self {
        self.assumed = assumed;
        self
    }

    /// How many rows at the beginning show what another Realm measured as well: as many as there
    /// are up to the last after which both have one RIM. Names of files and how rows are shared
    /// make no difference.
    pub(super) fn rows_as_in(&self, other: &Self) -> usize {
        let ends = |realm: &Self| -> Vec<u64> {
            let next = realm.rows.iter().skip(1).map(|row| row.number);
            next.chain([realm.events]).collect()
        };
        let mut others = ends(other).into_iter().zip(&other.rows).peekable();
        let mut same = 0;
        for (count, (end, row)) in (1..).zip(ends(self).into_iter().zip(&self.rows)) {
            while others.next_if(|(other_end, _)| *other_end < end).is_some() {}
            let there = others.peek().filter(|(other_end, _)| *other_end == end);
            if there.is_some_and(|(_, other)| other.rim == row.rim) {
                same = count;
            }
        }
        same
    }

    /// What the page's code draws. Addresses have at most 52 bits, which its numbers hold.
    pub(super) fn data(&self) -> Value {
        let parts = self
            .map
            .iter()
            .map(|part| json!([part.base, part.top, part.level, part.hipas, part.ripas]));
        let shown = self.shown.iter().map(|shown| {
            let class = if shown.is_device_tree { "dtb" } else { "image" };
            json!([shown.base, shown.top, plain(&shown.name), class])
        });
        let rows = self.rows.iter().map(|row| json!([row.number, plain(&row.text), row.rim]));
        json!({
            "name": plain(&self.name),
            "size": 1_u64 << self.ipa_width,
            "map": parts.collect::<Vec<_>>(),
            "shown": shown.collect::<Vec<_>>(),
            "events": rows.collect::<Vec<_>>(),
        })
    }
}

fn params(world: &World, realm: &Realm) -> Vec<(&'static str, String)> {
    let rtt = realm.rtt();
    let rule = realm.log().rule();
    let mut params = vec![
        ("RMM", world.profile().edition().name().to_owned()),
        ("rule of the RIM", rule.name().to_owned()),
        ("hash algorithm", realm.log().algo().name().to_owned()),
    ];
    if !rule.measures_parameters() {
        params.push(("parameters below", "none is in the RIM by this rule".to_owned()));
    }
    if !rule.measures_ripas() {
        params.push(("RIPAS", "not in the RIM by this rule".to_owned()));
    }
    if let Some(MeasuredEvent::Realm(event)) = realm.log().events().get(0) {
        params.extend([
            ("flags", Hex(event.flags).to_string()),
            ("s2sz (IPA bits)", event.s2sz.to_string()),
            ("sve_vl", event.sve_vl.to_string()),
            ("num_bps", event.num_bps.to_string()),
            ("num_wps", event.num_wps.to_string()),
            ("pmu_num_ctrs", event.pmu_num_ctrs.to_string()),
        ]);
    }
    let rpv = realm.rpv();
    let rpv_len = rpv.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    let rpv = hex(&rpv[..rpv_len]);
    params.extend([
        ("rtt_level_start (not measured)", rtt.start.number().to_string()),
        ("rtt_num_start (not measured)", rtt.num_start.to_string()),
        ("vmid (not measured)", realm.vmid().to_string()),
        ("rpv (not measured)", if rpv.is_empty() { "zero".to_owned() } else { rpv }),
        ("RECs", realm.recs().len().to_string()),
    ]);
    let operations: Vec<String> =
        world.operations().iter().map(|(handle, it)| operation(world, handle, it)).collect();
    if !operations.is_empty() {
        params.push(("operations of the machine under way", operations.join("; ")));
    }
    params
}

/// A stateful operation that nobody went on with.
fn operation(world: &World, handle: Handle, operation: &Operation) -> String {
    let waits = operation.awaits().command_name();
    let what = match operation {
        Operation::Object(it) => {
            format!("{} {}", it.object().state(), world.granules().pa(it.granule()))
        }
        Operation::Map(_) => "memory that is mapped".to_owned(),
        Operation::Unmap(_) => "memory that is unmapped".to_owned(),
    };
    format!("handle {}: {what}, waits for {waits}", handle.to_register())
}

fn walk(tables: &Tables, rtt: &RttConfig, table: TableId, base: u64, map: &mut Vec<Part>) {
    let table = tables.get(table);
    let level: Level = table.level();
    for (i, entry) in (0_u64..).zip(table.entries()) {
        let (size, limit) = (rtt.entry_bytes(level), rtt.ipa_top());
        let Some(base) = base.checked_add(i * size).filter(|base| *base < limit) else { return };
        if let Rtte::Table(next) = entry {
            walk(tables, rtt, *next, base, map);
            continue;
        }
        let (hipas, level) = (entry.name(), level.number());
        let ripas = entry.ripas().map_or("", |ripas| ripas.name());
        let top = base.saturating_add(size).min(limit);
        match map.last_mut() {
            Some(last)
                if last.top == base
                    && (last.level, last.hipas, last.ripas) == (level, hipas, ripas) =>
            {
                last.top = top;
            }
            _ => map.push(Part { base, top, level, hipas, ripas }),
        }
    }
}

/// Rows and contents as they come together.
#[derive(Default)]
struct Rows {
    rule: RimRule,
    one_each: bool,
    events: u64,
    rows: Vec<EventRow>,
    shown: Vec<Shown>,
}

impl Rows {
    fn of(rule: RimRule, events: u64) -> Self {
        Self { rule, one_each: events <= MAX_ROWS, ..Self::default() }
    }

    fn add(&mut self, event: &MeasuredEvent, rim: &Measurement) {
        if !self.rule.measures(event) {
            return;
        }
        let mut goes_on = false;
        if let MeasuredEvent::Data(data) = event {
            let shown = shown(data);
            match self.shown.last_mut().filter(|last| continues(last, &shown)) {
                Some(last) => {
                    last.top = shown.top;
                    goes_on = !self.one_each;
                }
                None => self.shown.push(shown),
            }
        }
        match self.rows.last_mut().filter(|_| goes_on) {
            Some(row) => {
                let begin = row.text.split(" … to ").next().unwrap_or_default().to_owned();
                let top = self.shown.last().map_or(0, |shown| shown.top);
                row.text = format!("{begin} … to {}", Hex(top));
                row.rim = rim.to_string();
            }
            None => {
                let text = event.named(self.rule).to_string();
                let (number, rim) = (self.events, rim.to_string());
                self.rows.push(EventRow { number, text, rim });
            }
        }
        self.events += 1;
    }
}

fn shown(data: &DataEvent) -> Shown {
    let (name, begin) = match data.content.main_page() {
        Page::Image { image, offset } if image.is_known() => {
            (image.name().to_owned(), image.bytes_from(*offset))
        }
        Page::Image { image, .. } => (image.name().to_owned(), &[][..]),
        Page::Owned(bytes) => ("host memory".to_owned(), &bytes[..]),
        Page::Stream { .. } => ("stream".to_owned(), &[][..]),
        Page::Zero => ("zero".to_owned(), &[][..]),
    };
    let (base, top) = (data.ipa.0, data.ipa.0.saturating_add(data.content.size().bytes()));
    Shown { base, top, name, is_device_tree: begin.starts_with(&fdt::MAGIC) }
}

/// Whether contents lie behind others of the same name. A device tree begins anew.
fn continues(last: &Shown, next: &Shown) -> bool {
    last.top == next.base && last.name == next.name && !next.is_device_tree
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A Realm with these rows: the number of the first event of each, and the RIM after the last.
    fn realm(rows: &[(u64, &str)], events: u64) -> RealmReport {
        let row = |(number, rim): &(u64, &str)| EventRow {
            number: *number,
            text: format!("of row {number} of {}", rows.len()),
            rim: (*rim).to_owned(),
        };
        RealmReport {
            name: String::new(),
            state: "NEW",
            rim: Measurement::zero(crate::measure::rim::HashAlgo::Sha256),
            rems: Vec::new(),
            params: Vec::new(),
            assumed: Vec::new(),
            events,
            ipa_width: 40,
            rows: rows.iter().map(row).collect(),
            map: Vec::new(),
            shown: Vec::new(),
        }
    }

    #[test]
    fn rows_are_the_same_where_rims_are() {
        let whole = realm(&[(0, "a"), (1, "d"), (4, "e")], 5);
        let parts = realm(&[(0, "a"), (1, "c"), (3, "d"), (4, "e")], 5);
        assert_eq!((whole.rows_as_in(&parts), parts.rows_as_in(&whole)), (3, 4));
        let other = realm(&[(0, "a"), (1, "c"), (3, "x"), (4, "y")], 5);
        assert_eq!((other.rows_as_in(&parts), other.rows_as_in(&whole)), (2, 1));
        let short = realm(&[(0, "a"), (1, "d")], 4);
        assert_eq!((short.rows_as_in(&parts), parts.rows_as_in(&short)), (2, 3));
        assert_eq!((realm(&[], 0).rows_as_in(&whole), whole.rows_as_in(&realm(&[], 0))), (0, 0));
    }
}
