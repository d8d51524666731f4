//! What a page says of one Realm.

use serde_json::{Value, json};

use crate::abi::addr::{GRANULE_SIZE, Hex, Level, RTT_ENTRIES};
use crate::measure::event::MeasuredEvent;
use crate::measure::page::Page;
use crate::measure::rim::Measurement;
use crate::model::realm::Realm;
use crate::model::rtt::{Ripas, Rtte, TableId, Tables};
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
    /// Parameters that were measured, as the event prints them.
    pub params: String,
    /// IPA width in bits.
    pub ipa_width: u32,
    /// How many events were measured.
    pub events: u64,
    /// Number, event and the RIM after it.
    pub(super) rows: Vec<[String; 3]>,
    pub(super) map: Vec<Part>,
    pub(super) images: Vec<Shown>,
}

/// RTT entries of one kind in a row.
#[derive(Clone, Debug)]
pub(super) struct Part {
    pub(super) base: u64,
    pub(super) top: u64,
    pub(super) level: i8,
    pub(super) state: String,
    kind: &'static str,
}

/// Contents in a row.
#[derive(Clone, Debug)]
pub(super) struct Shown {
    pub(super) base: u64,
    pub(super) top: u64,
    pub(super) name: String,
}

impl RealmReport {
    /// Looks at the Realm whose RD lies at `rd`.
    #[must_use]
    pub fn new(world: &World, rd: u64, name: &str) -> Option<Self> {
        let realm = world.realm(rd)?;
        let mut map = Vec::new();
        for (i, root) in (0_u64..).zip(realm.roots()) {
            let level = world.tables().get(*root).level();
            let size = RTT_ENTRIES as u64 * level.entry_size_bytes();
            let limit = 1_u64 << realm.rtt().ipa_width;
            walk(world.tables(), *root, i.saturating_mul(size), limit, &mut map);
        }
        let (rows, images) = rows(realm);
        Some(Self {
            name: name.to_owned(),
            state: realm.state().name(),
            rim: realm.log().rim_now(),
            params: realm.log().events().first().map(ToString::to_string).unwrap_or_default(),
            ipa_width: realm.rtt().ipa_width,
            events: realm.log().events().len(),
            rows,
            map,
            images,
        })
    }

    /// What the page's code draws.
    pub(super) fn data(&self) -> Value {
        let parts = self.map.iter().map(|part| {
            let (base, top) = (plain(part.base), plain(part.top));
            let Part { level, state, kind, .. } = part;
            json!({ "base": base, "top": top, "level": level, "state": state, "kind": kind })
        });
        let images = self.images.iter().map(|shown| {
            json!({ "base": plain(shown.base), "top": plain(shown.top), "name": shown.name })
        });
        json!({
            "size": plain(1_u64 << self.ipa_width),
            "map": parts.collect::<Vec<_>>(),
            "images": images.collect::<Vec<_>>(),
            "events": self.rows,
        })
    }
}

fn plain(value: u64) -> String {
    format!("{value:#x}")
}

fn walk(tables: &Tables, table: TableId, base: u64, limit: u64, map: &mut Vec<Part>) {
    let table = tables.get(table);
    let level: Level = table.level();
    for (i, entry) in (0_u64..).zip(table.entries()) {
        let size = level.entry_size_bytes();
        let Some(base) = base.checked_add(i * size).filter(|base| *base < limit) else { return };
        if let Rtte::Table(next) = entry {
            walk(tables, *next, base, limit, map);
            continue;
        }
        let (state, level) = (entry.to_string(), level.number());
        let top = base.saturating_add(size).min(limit);
        match map.last_mut() {
            Some(last) if last.top == base && last.level == level && last.state == state => {
                last.top = top;
            }
            _ => map.push(Part { base, top, level, state, kind: kind(*entry) }),
        }
    }
}

fn kind(entry: Rtte) -> &'static str {
    match (entry, entry.ripas()) {
        (_, Some(Ripas::Destroyed)) => "destroyed",
        (Rtte::Assigned { .. }, _) => "data",
        (_, Some(Ripas::Ram)) => "ram",
        (Rtte::AssignedNs { .. }, _) => "ns",
        _ => "empty",
    }
}

fn rows(realm: &Realm) -> (Vec<[String; 3]>, Vec<Shown>) {
    let one_each = realm.log().events().len() <= MAX_ROWS;
    let (mut rows, mut images): (Vec<[String; 3]>, Vec<Shown>) = (Vec::new(), Vec::new());
    let mut number = 0_u64;
    realm.log().each_rim(|event, rim| {
        let mut goes_on = false;
        if let MeasuredEvent::Data(data) = event {
            let name = match &data.content {
                Page::Image { image, .. } => image.name().to_owned(),
                page => page.origin().to_string(),
            };
            let (base, top) = (data.ipa.0, data.ipa.0.saturating_add(GRANULE_SIZE));
            match images.last_mut().filter(|last| last.top == base && last.name == name) {
                Some(last) => {
                    last.top = top;
                    goes_on = !one_each;
                }
                None => images.push(Shown { base, top, name }),
            }
        }
        match rows.last_mut().filter(|_| goes_on) {
            Some([_, text, last_rim]) => {
                let begin = text.split(" … to ").next().unwrap_or_default().to_owned();
                let top = images.last().map_or(0, |shown| shown.top);
                *text = format!("{begin} … to {}", Hex(top));
                *last_rim = rim.to_string();
            }
            None => rows.push([number.to_string(), event.to_string(), rim.to_string()]),
        }
        number += 1;
    });
    (rows, images)
}
