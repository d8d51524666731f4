//! All differences of two trails, by what they are about.

use std::collections::BTreeMap;

use super::field::{Field, Group, param_fields, register_fields};
use super::trail::{Content, Extension, Trail};
use super::tree::{self, Places};
use super::{rules, varies};
use crate::abi::addr::{Hex, Ipa};
use crate::measure::event::{RealmEvent, RecEvent, RipasEvent};
use crate::measure::rule::RimRule;

/// Most pairs of device trees that are shown.
const MAX_TREES: usize = 16;

/// What a trail has, sorted for looking up.
struct Sorted {
    params: Option<Box<RealmEvent>>,
    recs: Vec<RecEvent>,
    data: BTreeMap<u64, (u64, Content)>,
    /// Base and top, ascending and merged: which memory has its RIPAS set, and in how many entries.
    ripas: Vec<(u64, u64)>,
    entries: BTreeMap<u64, u64>,
    order: Vec<&'static str>,
}

pub(super) fn all(a: &Trail, b: &Trail) -> Vec<Group> {
    let (x, y) = (Sorted::new(a, b.rule), Sorted::new(b, a.rule));
    let mut groups = Vec::new();
    let new_hash = rules::has_new_hash(a, b);
    if a.algo != b.algo && !new_hash {
        let fields = vec![Field::new("hash algorithm", a.algo.name(), b.algo.name())];
        groups.push(group("the hash algorithm", fields, varies::of_param("hash_algo")));
    }
    if let (Some(x), Some(y)) = (&x.params, &y.params) {
        let fields = param_fields(x, y).into_iter();
        for field in fields.filter(|field| !new_hash || field.name != "hash_algo") {
            let varies_with = varies::of_param(&field.name);
            groups.push(group("a parameter of the Realm", vec![field], varies_with));
        }
    }
    groups.extend(ripas(&x, &y));
    let trees = trees(a, b);
    groups.extend(contents(&x, &y, a, b, trees.is_empty()));
    groups.extend(trees);
    groups.extend(recs(&x, &y));
    if groups.is_empty() && x.order.is_empty() && y.order.is_empty() {
        return groups;
    }
    if groups.is_empty() || x.order != y.order {
        let fields = vec![Field::new("order", x.order.join(", "), y.order.join(", "))];
        groups.push(group("the order of what is measured", fields, varies::ORDER));
    }
    groups
}

fn group(what: impl Into<String>, fields: Vec<Field>, varies_with: &'static str) -> Group {
    Group { what: what.into(), fields, varies_with }
}

impl Sorted {
    /// What both the trail's rule and another measure.
    fn new(trail: &Trail, other: RimRule) -> Self {
        let mut sorted = Self {
            params: None,
            recs: Vec::new(),
            data: BTreeMap::new(),
            ripas: Vec::new(),
            entries: BTreeMap::new(),
            order: Vec::new(),
        };
        for extension in trail.extensions_of_both(other) {
            // In the words of one of the two: what has two names is one thing.
            let command = extension.command(trail.rule.min(other));
            if sorted.order.last() != Some(&command) {
                sorted.order.push(command);
            }
            match extension.into_owned() {
                Extension::Realm(params) => sorted.params = Some(params),
                Extension::Rec(params) => sorted.recs.push(*params),
                Extension::Data { ipa, flags, content } => {
                    sorted.data.insert(ipa.0, (flags, content));
                }
                Extension::Ripas(RipasEvent { base, top, entry_size_bytes }) => {
                    let count = sorted.entries.entry(entry_size_bytes).or_default();
                    *count = count.saturating_add((top.0 - base.0) / entry_size_bytes);
                    match sorted.ripas.last_mut() {
                        Some((_, end)) if *end == base.0 => *end = top.0,
                        _ => sorted.ripas.push((base.0, top.0)),
                    }
                }
            }
        }
        sorted
    }
}

fn ripas(x: &Sorted, y: &Sorted) -> Vec<Group> {
    let mut groups = Vec::new();
    let ranges = |ranges: &[(u64, u64)]| {
        let shown: Vec<_> = ranges
            .iter()
            .take(4)
            .map(|(base, top)| format!("{}..{}", Hex(*base), Hex(*top)))
            .collect();
        let more = ranges.len().saturating_sub(4);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        if shown.is_empty() { "none".to_owned() } else { shown.join(", ") + &more }
    };
    let merged = |sorted: &Sorted| {
        let mut all = sorted.ripas.clone();
        all.sort_unstable();
        let mut merged: Vec<(u64, u64)> = Vec::new();
        for (base, top) in all {
            match merged.last_mut() {
                Some((_, end)) if *end == base => *end = top,
                _ => merged.push((base, top)),
            }
        }
        merged
    };
    let (memory_x, memory_y) = (merged(x), merged(y));
    if memory_x != memory_y {
        let fields = vec![Field::new("memory", ranges(&memory_x), ranges(&memory_y))];
        groups.push(group("memory whose RIPAS is set", fields, varies::RIPAS_RANGE));
    } else if x.entries != y.entries {
        let counts = |entries: &BTreeMap<u64, u64>| {
            let counts = entries.iter().map(|(size, count)| format!("{count} x {}", Hex(*size)));
            counts.collect::<Vec<_>>().join(", ")
        };
        let fields = vec![Field::new("entries", counts(&x.entries), counts(&y.entries))];
        groups.push(group("RTT levels at which RIPAS is set", fields, varies::RIPAS_LEVEL));
    }
    groups
}

/// Granules that differ, by the file that they come from; with those of device trees, or without
/// them where their properties are told.
fn contents(x: &Sorted, y: &Sorted, a: &Trail, b: &Trail, with_trees: bool) -> Vec<Group> {
    let mut groups = Vec::new();
    let mut totals: BTreeMap<String, u64> = BTreeMap::new();
    let mut differing: BTreeMap<(String, String), (u64, u64, String, String)> = BTreeMap::new();
    for (ipa, (flags, content)) in &x.data {
        let source = content.source();
        *totals.entry(source.clone()).or_default() += 1;
        let Some((other_flags, other)) = y.data.get(ipa) else { continue };
        let same = a.algo == b.algo && flags == other_flags && content.same(other, a.algo);
        let same =
            same || (a.algo != b.algo && content.bytes().as_deref() == other.bytes().as_deref());
        if !same {
            let first = || (0, *ipa, content.origin(), other.origin());
            differing.entry((source, other.source())).or_insert_with(first).0 += 1;
        }
    }
    let trees = if differing.is_empty() { Places::default() } else { Places::of(a) };
    for ((source, _), (count, ipa, origin, other)) in differing {
        let total = totals[&source];
        let verb = if count == 1 { "differs" } else { "differ" };
        let fields = vec![Field::new(format!("first at {}", Hex(ipa)), origin, other)];
        let what = format!("{count} of {total} granules of {source} {verb}");
        let in_tree = trees.hold(Ipa(ipa));
        if in_tree && !with_trees {
            continue;
        }
        let varies_with = if in_tree { varies::DEVICE_TREE } else { varies::CONTENTS };
        groups.push(group(what, fields, varies_with));
    }
    let only = |one: &Sorted, other: &Sorted| {
        let mut only = one.data.keys().filter(|ipa| !other.data.contains_key(ipa));
        let first = only.next().copied();
        first.map(|first| (first, 1 + only.count() as u64))
    };
    let shown = |side: Option<(u64, u64)>| match side {
        None => "none".to_owned(),
        Some((first, count)) => format!("{count}, the first at {}", Hex(first)),
    };
    let (only_x, only_y) = (only(x, y), only(y, x));
    if only_x.is_some() || only_y.is_some() {
        let fields = vec![Field::new("granules", shown(only_x), shown(only_y))];
        groups.push(group("granules that only one side has", fields, varies::PLACEMENT));
    }
    groups
}

/// Device trees that differ, in pairs by their order. Of very many, which no VM has, the first are
/// shown.
fn trees(a: &Trail, b: &Trail) -> Vec<Group> {
    let pairs = tree::all(a).zip(tree::all(b));
    let differing = pairs.map(|((base, x), (other, y))| {
        let mut fields = tree::differences(&x, &y);
        if base != other {
            fields.insert(0, Field::new("address", base, other));
        }
        fields
    });
    let mut differing = differing.filter(|fields| !fields.is_empty());
    let mut groups: Vec<Group> = (&mut differing)
        .take(MAX_TREES)
        .map(|fields| group("the device tree", fields, varies::DEVICE_TREE))
        .collect();
    let more = differing.count();
    if more > 0 {
        groups.push(group(format!("{more} more device trees"), Vec::new(), varies::DEVICE_TREE));
    }
    groups
}

fn recs(x: &Sorted, y: &Sorted) -> Vec<Group> {
    let mut groups = Vec::new();
    for (i, (x, y)) in x.recs.iter().zip(&y.recs).enumerate() {
        for field in register_fields(x, y) {
            let varies_with = varies::of_register(&field.name);
            groups.push(group(format!("a register of runnable REC {i}"), vec![field], varies_with));
        }
    }
    if x.recs.len() != y.recs.len() {
        let fields = vec![Field::new("runnable RECs", x.recs.len(), y.recs.len())];
        groups.push(group("the number of runnable RECs", fields, varies::LENGTH));
    }
    groups
}
