//! What two RIMs have different because they are made by different rules, whatever was measured.

use super::field::{Field, Group};
use super::trail::{Extension, Trail};
use super::varies;
use crate::abi::addr::Hex;
use crate::abi::params::DATA_MEASURE;
use crate::measure::event::RealmEvent;
use crate::measure::rim::HashAlgo;

/// What the rules of two trails make of them; nothing if it is one rule.
pub(super) fn all(a: &Trail, b: &Trail) -> Vec<Group> {
    if a.rule == b.rule {
        return Vec::new();
    }
    let group = |what: &str, fields: Vec<Field>, varies_with| Group {
        what: what.to_owned(),
        fields,
        varies_with,
    };
    let (names, editions) = ([a, b].map(|side| side.rule.name()), [a, b].map(edition));
    let varies_with = if editions[0] == editions[1] { varies::RELEASE } else { varies::RULE };
    let mut fields = vec![Field::new("rule", names[0], names[1])];
    if editions[0] != editions[1] {
        fields.push(Field::new("RMM", editions[0], editions[1]));
    }
    let mut groups = vec![group("the rule of the RIM", fields, varies_with)];
    if a.rule.measures_parameters() != b.rule.measures_parameters() {
        let begins = |side: &Trail| match side.rule.measures_parameters() {
            true => "the digest of the Realm's parameters",
            false => "zeros",
        };
        let fields = vec![Field::new("begins with", begins(a), begins(b))];
        groups.push(group("how the RIM begins", fields, varies_with));
    }
    if a.rule.measures_ripas() != b.rule.measures_ripas() {
        let fields = vec![Field::new("RTT_INIT_RIPAS", ripas(a), ripas(b))];
        groups.push(group("RIPAS is measured on one side", fields, varies_with));
    }
    if has_new_hash(a, b) {
        let fields = vec![Field::new("hash algorithm", a.algo.name(), b.algo.name())];
        groups.push(group("a hash algorithm that one edition does not have", fields, varies::RULE));
    }
    let commands = [a, b].map(|side| side.rule.contents_command());
    if commands[0] != commands[1] {
        let fields = vec![Field::new("command", commands[0], commands[1])];
        groups.push(group("the name of what measures contents", fields, varies::RULE_NAMES));
    }
    let fields = rmms(a, b);
    if !fields.is_empty() {
        groups.push(group("the RMM", fields, varies::RELEASE));
    }
    groups
}

/// Which RMMs of one edition made two trails, and what is known to be otherwise in them.
fn rmms(a: &Trail, b: &Trail) -> Vec<Field> {
    let (Some(a), Some(b)) = (a.rmm, b.rmm) else { return Vec::new() };
    if a.edition() != b.edition() {
        return Vec::new();
    }
    let changes = a.changes_to(b).into_iter().map(|(what, [a, b])| Field::new(what, a, b));
    std::iter::once(Field::new("RMM", a.name(), b.name())).chain(changes).collect()
}

fn edition(trail: &Trail) -> &'static str {
    trail.rule.edition().name()
}

/// Whether one side has a hash algorithm that the other's edition does not have.
pub(super) fn has_new_hash(a: &Trail, b: &Trail) -> bool {
    let is_new = [a, b].iter().any(|side| side.algo == HashAlgo::Sha384);
    a.algo != b.algo && is_new && a.rule.edition() != b.rule.edition()
}

/// Whether two extensions are the same but for the hash algorithm, as far as can be known.
pub(super) fn same_but_for_the_hash(x: &Extension, y: &Extension) -> bool {
    match (x, y) {
        (Extension::Realm(x), Extension::Realm(y)) => {
            RealmEvent { hash_algo: y.hash_algo, ..**x } == **y
        }
        (
            Extension::Data { ipa, flags, content },
            Extension::Data { ipa: other_ipa, flags: other_flags, content: other },
        ) => {
            let bytes = || {
                let (known, other) = (content.bytes(), other.bytes());
                known.is_some() && known.as_deref() == other.as_deref()
            };
            let same_place = (ipa, flags) == (other_ipa, other_flags);
            same_place && (flags & DATA_MEASURE == 0 || bytes())
        }
        _ => x == y,
    }
}

/// How much RIPAS is in a RIM: its extensions, and from where to where they go.
fn ripas(trail: &Trail) -> String {
    if !trail.rule.measures_ripas() {
        return "not measured".to_owned();
    }
    let (mut count, mut from, mut to) = (0_u64, u64::MAX, 0);
    for extension in trail.extensions() {
        if let Extension::Ripas(ripas) = &*extension {
            count = count.saturating_add(ripas.count());
            from = from.min(ripas.base.0);
            to = to.max(ripas.top.0);
        }
    }
    let s = if count == 1 { "" } else { "s" };
    match count {
        0 => "none called".to_owned(),
        _ => format!("{count} extension{s}, {}..{}", Hex(from), Hex(to)),
    }
}
