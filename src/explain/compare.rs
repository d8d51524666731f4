//! The first extension that differs, operand by operand.

use std::borrow::Cow;

use super::field::{Field, Group, param_fields, register_fields};
use super::trail::{Content, Extension, Trail};
use super::{groups, rules, tree, varies};
use crate::abi::addr::{Hex, Ipa};
use crate::encoding::text::hex_with_spaces;
use crate::measure::event::{RealmEvent, RecEvent};

/// Why two trails give different RIMs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// Extensions that are the same on both sides before the first that is not.
    pub same_before: u64,
    /// The first difference; `None` if there is none.
    pub first: Option<Difference>,
    /// All differences by what they are about, that of the first one included.
    pub groups: Vec<Group>,
    /// What the rules of the two RIMs make different, whatever was measured: if there is anything,
    /// the RIMs differ, and `first` and `groups` are about what both rules measure.
    pub by_rule: Vec<Group>,
}

impl Explanation {
    /// Whether the RIMs are equal.
    #[must_use]
    pub fn is_equal(&self) -> bool {
        self.first.is_none() && self.by_rule.is_empty()
    }
}

/// One place at which two trails part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Number of the extension, from 0.
    pub number: u64,
    /// What differs, in a few words.
    pub what: String,
    /// The extension on one side: command and operands; `None` if that side has ended.
    pub a: Option<String>,
    /// The other side.
    pub b: Option<String>,
    /// The operands that differ.
    pub fields: Vec<Field>,
    /// What the difference varies with.
    pub varies_with: &'static str,
}

/// Compares two trails.
///
/// # Bounds
/// Time and memory grow with the trails, memory by at most 30 bytes for each byte of the files
/// that they are read of. Of device trees that differ, 16 pairs at most are looked at.
#[must_use]
pub fn compare(a: &Trail, b: &Trail) -> Explanation {
    let by_rule = rules::all(a, b);
    let new_hash = rules::has_new_hash(a, b);
    let mut left = Sequence::new(a.extensions_of_both(b.rule));
    let mut right = Sequence::new(b.extensions_of_both(a.rule));
    let mut number = 0_u64;
    let first = loop {
        // Of RTT entries in a row as many as both sides have.
        let count = left.ahead().min(right.ahead());
        match (left.take(count), right.take(count)) {
            (None, None) => break None,
            (Some(x), Some(y))
                if (a.algo == b.algo && x.same(&y, a.algo))
                    || (new_hash && rules::same_but_for_the_hash(&x, &y)) =>
            {
                number = number.saturating_add(count);
            }
            (x, y) => {
                let entry = |side: Option<Cow<'_, Extension>>| side.map(|side| side.split(1).0);
                let (x, y) = (entry(x), entry(y));
                break Some(difference(number, x.as_ref(), y.as_ref(), a, b));
            }
        }
    };
    let groups = if first.is_some() { groups::all(a, b) } else { Vec::new() };
    Explanation { same_before: number, first, groups, by_rule }
}

/// Extensions, of which those of RTT entries in a row can be taken in parts.
struct Sequence<'t, I> {
    rest: I,
    next: Option<Cow<'t, Extension>>,
}

impl<'t, I: Iterator<Item = Cow<'t, Extension>>> Sequence<'t, I> {
    fn new(mut rest: I) -> Self {
        let next = rest.next();
        Self { rest, next }
    }

    /// How many extensions come in a row; as many as there can be if none does.
    fn ahead(&self) -> u64 {
        self.next.as_ref().map_or(u64::MAX, |next| next.count())
    }

    /// Takes so many of those in a row.
    fn take(&mut self, count: u64) -> Option<Cow<'t, Extension>> {
        let next = self.next.take()?;
        if next.count() <= count {
            self.next = self.rest.next();
            return Some(next);
        }
        let (taken, rest) = next.split(count);
        self.next = rest.map(Cow::Owned);
        Some(Cow::Owned(taken))
    }
}

fn difference(
    number: u64,
    x: Option<&Extension>,
    y: Option<&Extension>,
    a: &Trail,
    b: &Trail,
) -> Difference {
    let text = |side: Option<&Extension>, trail: &Trail| {
        side.map(|side| format!("{} {}", side.command(trail.rule), side.operands()))
    };
    let (what, fields, varies_with) = match (x, y) {
        (Some(Extension::Realm(x)), Some(Extension::Realm(y))) => params(x, y),
        (Some(Extension::Rec(x)), Some(Extension::Rec(y))) => registers(x, y),
        (Some(x @ Extension::Data { .. }), Some(y @ Extension::Data { .. })) => data(x, y, a, b),
        (Some(Extension::Ripas(x)), Some(Extension::Ripas(y))) => {
            ripas(x.base, x.top, y.base, y.top)
        }
        (Some(x), Some(y)) => {
            let fields = vec![Field::new("command", x.command(a.rule), y.command(b.rule))];
            ("another command comes next".to_owned(), fields, varies::ORDER)
        }
        _ => ("one side ends here".to_owned(), Vec::new(), varies::LENGTH),
    };
    Difference { number, what, a: text(x, a), b: text(y, b), fields, varies_with }
}

type Told = (String, Vec<Field>, &'static str);

fn registers(x: &RecEvent, y: &RecEvent) -> Told {
    let fields = register_fields(x, y);
    let varies_with = fields.first().map_or("", |field| varies::of_register(&field.name));
    (format!("the REC's parameters: {}", names(&fields)), fields, varies_with)
}

fn params(x: &RealmEvent, y: &RealmEvent) -> Told {
    let fields = param_fields(x, y);
    let varies_with = fields.first().map_or("", |field| varies::of_param(&field.name));
    (format!("the Realm's parameters: {}", names(&fields)), fields, varies_with)
}

fn names(fields: &[Field]) -> String {
    fields.iter().map(|field| field.name.as_str()).collect::<Vec<_>>().join(", ")
}

fn ripas(base: Ipa, top: Ipa, other_base: Ipa, other_top: Ipa) -> Told {
    let size = |base: Ipa, top: Ipa| top.0 - base.0;
    let (x, y) = (size(base, top), size(other_base, other_top));
    if base == other_base && x != y {
        let fields = vec![Field::new("RTT level", level(x), level(y))];
        return ("the RTT level at which RIPAS is set".to_owned(), fields, varies::RIPAS_LEVEL);
    }
    let fields = [("base", base, other_base), ("top", top, other_top)];
    let fields = fields.into_iter().filter(|(_, x, y)| x != y);
    let fields = fields.map(|(name, x, y)| Field::new(name, x, y)).collect();
    ("the range whose RIPAS is set".to_owned(), fields, varies::RIPAS_RANGE)
}

/// The RTT level whose entries have this size, with 4 KiB granules.
fn level(entry_bytes: u64) -> String {
    let (level, size) = match entry_bytes.checked_ilog2() {
        Some(12) => ("3", "4 KiB"),
        Some(21) => ("2", "2 MiB"),
        Some(30) => ("1", "1 GiB"),
        Some(39) => ("0", "512 GiB"),
        _ => return format!("{} bytes", Hex(entry_bytes)),
    };
    format!("{level} ({size} entries)")
}

fn data(x: &Extension, y: &Extension, a: &Trail, b: &Trail) -> Told {
    let (
        Extension::Data { ipa, flags, content },
        Extension::Data { ipa: other_ipa, flags: other_flags, content: other },
    ) = (x, y)
    else {
        unreachable!("the caller looked");
    };
    if ipa != other_ipa {
        let fields = vec![
            Field::new("ipa", ipa, other_ipa),
            Field::new("from", content.origin(), other.origin()),
        ];
        return ("another granule comes next".to_owned(), fields, varies::PLACEMENT);
    }
    if flags != other_flags {
        let fields = vec![Field::new("flags", Hex(*flags), Hex(*other_flags))];
        return ("the granule's flags".to_owned(), fields, varies::DATA_FLAGS);
    }
    let mut fields = vec![Field::new("from", content.origin(), other.origin())];
    fields.extend(first_bytes(content, other));
    let trees = tree::around(a, *ipa).zip(tree::around(b, *ipa));
    if let Some(differences) = trees.map(|(x, y)| tree::differences(&x, &y))
        && !differences.is_empty()
    {
        fields.extend(differences);
        return ("the device tree".to_owned(), fields, varies::DEVICE_TREE);
    }
    let zero = |content: &Content| {
        content.bytes().is_some_and(|bytes| bytes.iter().all(|byte| *byte == 0))
    };
    if zero(content) != zero(other) {
        return ("the contents: one side has zeros".to_owned(), fields, varies::ALIGNMENT);
    }
    ("the contents".to_owned(), fields, varies::CONTENTS)
}

/// The first byte that differs, with those after it.
fn first_bytes(x: &Content, y: &Content) -> Option<Field> {
    const SHOWN: usize = 8;
    let (x, y) = (x.bytes()?, y.bytes()?);
    let at = x.iter().zip(y.iter()).position(|(x, y)| x != y)?;
    let shown = |bytes: &[u8]| {
        let bytes = &bytes[at..(at + SHOWN).min(bytes.len())];
        hex_with_spaces(bytes)
    };
    Some(Field::new(format!("byte {at:#x} of the granule"), shown(&x), shown(&y)))
}
