//! Where a log, or another chain, differs from what a chain measures.

use super::efi::load_option::{LoadOption, shown_options};
use super::efi::variable::Variable;
use super::efi::{device_path, utf16};
use super::event::{BootEvent, Hashed, Rem, Varies, kind};
use super::words;
use crate::encoding::text::hex;
use crate::event_log::{Log, event_name};
use crate::measure::rim::HashAlgo;

/// Most pairs of events that are looked at to find those that both sides have.
const MAX_PAIRS: usize = 4 << 20;

/// A measurement that was seen: an event of a log, or of a chain on the other side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Its number, from 1.
    pub number: usize,
    /// What was extended.
    pub rem: Rem,
    /// Its type.
    pub kind: u32,
    /// The digest.
    pub digest: Vec<u8>,
    /// The data.
    pub data: Vec<u8>,
    /// What it is, in words, where more is known than its data say.
    pub what: Option<String>,
    /// The stage that measures it, if a chain says so.
    pub stage: Option<String>,
}

/// One difference. Indices are those of the two lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// The same thing with another value.
    Other {
        /// Of what is expected.
        expected: usize,
        /// Of what was seen.
        seen: usize,
    },
    /// It is expected, and was not seen.
    Missing(usize),
    /// It was seen, and is not expected.
    Extra(usize),
    /// It was seen elsewhere.
    Moved {
        /// Of what is expected.
        expected: usize,
        /// Of what was seen.
        seen: usize,
    },
}

/// A difference in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// What it is.
    pub change: Change,
    /// In one line: which event, and what happened to it.
    pub head: String,
    /// What is expected.
    pub expected: Option<String>,
    /// What was seen.
    pub seen: Option<String>,
    /// What the difference is, as far as that can be said.
    pub why: Vec<String>,
    /// What it varies with.
    pub varies: &'static str,
    /// The field of a chain that says it.
    pub field: Option<&'static str>,
    /// The stage that measures it, if a chain says so.
    pub stage: Option<String>,
    /// The REM that follows.
    pub rem: Rem,
}

/// What a comparison finds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compared {
    /// How many events are the same before the first difference.
    pub same_before: usize,
    /// Every difference, in order.
    pub differences: Vec<Told>,
    /// The REMs that they concern.
    pub rems: Vec<Rem>,
}

/// What a log says that was measured into REMs, by the digests of this algorithm.
///
/// # Errors
/// If an event has no such digest, or a register that no Realm has; the text says which.
pub fn seen_in(log: &Log, algo: HashAlgo) -> Result<Vec<Seen>, String> {
    const NO_ACTION: u32 = 3;
    let mut seen = Vec::new();
    for event in log.events.iter().filter(|event| event.kind != NO_ACTION && event.index != 0) {
        let number = event.number;
        let rem = Rem::from_index(event.index)
            .ok_or_else(|| format!("event {number}: a Realm has no register {}", event.index))?;
        let digest = event.digests.iter().find(|found| found.algorithm == algo.tcg_number());
        let digest =
            digest.ok_or_else(|| format!("event {number}: it has no digest of {}", algo.name()))?;
        let (kind, data) = (event.kind, event.data.clone());
        seen.push(Seen {
            number,
            rem,
            kind,
            digest: digest.bytes.clone(),
            data,
            what: None,
            stage: None,
        });
    }
    Ok(seen)
}

/// The measurements of a chain, as the other side of a comparison. What is in no log has type 0.
#[must_use]
pub fn seen_of(events: &[BootEvent]) -> Vec<Seen> {
    let seen = |(i, event): (usize, &BootEvent)| Seen {
        number: i + 1,
        rem: event.rem,
        kind: event.kind.unwrap_or(0),
        digest: event.digest.clone(),
        data: event.data.clone(),
        what: Some(in_words(event)),
        stage: Some(event.stage.clone()),
    };
    events.iter().enumerate().map(seen).collect()
}

/// What a log has, as what is expected of another.
#[must_use]
pub fn events_of(seen: &[Seen]) -> Vec<BootEvent> {
    let event = |seen: &Seen| BootEvent {
        rem: seen.rem,
        kind: Some(seen.kind),
        digest: seen.digest.clone(),
        hashed: Hashed::Long,
        data: seen.data.clone(),
        data_is_known: true,
        what: words::shown(seen.kind, &seen.data),
        stage: String::new(),
        varies: words::varies(seen.kind, &seen.data).0,
        otherwise: Vec::new(),
    };
    seen.iter().map(event).collect()
}

/// Compares what is expected with what was seen. What is expected and in no log is passed over
/// where `seen` is a log.
#[must_use]
pub fn compare(expected: &[BootEvent], seen: &[Seen]) -> Compared {
    let same = |a: usize, b: usize| {
        let (a, b) = (&expected[a], &seen[b]);
        a.rem == b.rem && a.kind.unwrap_or(0) == b.kind && a.digest == b.digest
    };
    let (n, m) = (expected.len(), seen.len());
    let before = (0..n.min(m)).take_while(|i| same(*i, *i)).count();
    let rest = n.min(m) - before;
    let after = (1..=rest).take_while(|i| same(n - i, m - i)).count();
    let changes = changes(expected, seen, before, after, &same);
    let mut rems: Vec<Rem> = Vec::new();
    let mut differences = Vec::new();
    for change in changes {
        let told = tell(expected, seen, change);
        rems.push(told.rem);
        if let Change::Other { expected: a, seen: b } = change {
            rems.extend([expected[a].rem, seen[b].rem]);
        }
        differences.push(told);
    }
    rems.sort_unstable();
    rems.dedup();
    Compared { same_before: before, differences, rems }
}

/// The differences between what both sides begin and end with.
fn changes(
    expected: &[BootEvent],
    seen: &[Seen],
    before: usize,
    after: usize,
    same: &dyn Fn(usize, usize) -> bool,
) -> Vec<Change> {
    let (n, m) = (expected.len() - before - after, seen.len() - before - after);
    let common = if n.saturating_mul(m) <= MAX_PAIRS {
        common(n, m, &|a, b| same(before + a, before + b))
    } else {
        Vec::new()
    };
    let mut changes = Vec::new();
    let (mut a, mut b) = (0, 0);
    for (next_a, next_b) in common.into_iter().chain([(n, m)]) {
        let missing: Vec<usize> = (before + a..before + next_a).collect();
        let extra: Vec<usize> = (before + b..before + next_b).collect();
        pair(expected, seen, &missing, &extra, &mut changes);
        (a, b) = (next_a + 1, next_b + 1);
    }
    moved(expected, seen, changes)
}

/// The longest list of pairs that both sides have, in order.
fn common(n: usize, m: usize, same: &dyn Fn(usize, usize) -> bool) -> Vec<(usize, usize)> {
    let mut longest = vec![0_u32; (n + 1) * (m + 1)];
    let at = |a: usize, b: usize| a * (m + 1) + b;
    for a in (0..n).rev() {
        for b in (0..m).rev() {
            longest[at(a, b)] = if same(a, b) {
                longest[at(a + 1, b + 1)] + 1
            } else {
                longest[at(a + 1, b)].max(longest[at(a, b + 1)])
            };
        }
    }
    let (mut a, mut b, mut pairs) = (0, 0, Vec::new());
    while a < n && b < m {
        if same(a, b) {
            pairs.push((a, b));
            (a, b) = (a + 1, b + 1);
        } else if longest[at(a + 1, b)] >= longest[at(a, b + 1)] {
            a += 1;
        } else {
            b += 1;
        }
    }
    pairs
}

/// What is missing and what is too much between two common events: the same thing with another
/// value, if there is one.
fn pair(
    expected: &[BootEvent],
    seen: &[Seen],
    missing: &[usize],
    extra: &[usize],
    changes: &mut Vec<Change>,
) {
    let place = |kind, data: &[u8]| (kind, words::place(kind, data));
    let places: Vec<_> = extra.iter().map(|b| place(seen[*b].kind, &seen[*b].data)).collect();
    let mut next = 0;
    for a in missing {
        let event = &expected[*a];
        let own = place(event.kind.unwrap_or(0), &event.data);
        match (next..extra.len()).find(|b| places[*b] == own) {
            Some(found) => {
                changes.extend(extra[next..found].iter().map(|b| Change::Extra(*b)));
                changes.push(Change::Other { expected: *a, seen: extra[found] });
                next = found + 1;
            }
            None => changes.push(Change::Missing(*a)),
        }
    }
    changes.extend(extra[next..].iter().map(|b| Change::Extra(*b)));
}

/// What is missing in one place and too much in another was moved.
fn moved(expected: &[BootEvent], seen: &[Seen], mut changes: Vec<Change>) -> Vec<Change> {
    let mut i = 0;
    while i < changes.len() {
        if let Change::Missing(a) = changes[i] {
            let event = &expected[a];
            let is_it = |change: &Change| {
                matches!(change, Change::Extra(b) if seen[*b].digest == event.digest
                    && seen[*b].rem == event.rem && event.kind == Some(seen[*b].kind))
            };
            if let Some(at) = changes.iter().position(is_it)
                && let Change::Extra(b) = changes[at]
            {
                let (first, last) = (i.min(at), i.max(at));
                changes[first] = Change::Moved { expected: a, seen: b };
                changes.remove(last);
                if at < i {
                    continue;
                }
            }
        }
        i += 1;
    }
    changes
}

/// An expected event in words.
fn in_words(event: &BootEvent) -> String {
    format!("{} {} {}", event.rem, event.kind_name(), event.what)
}

/// An event that was seen, in words.
fn seen_words(seen: &Seen) -> String {
    if let Some(what) = &seen.what {
        return what.clone();
    }
    let Seen { rem, kind, data, .. } = seen;
    format!("{rem} {} {}", event_name(*kind), words::shown(*kind, data))
}

fn tell(expected: &[BootEvent], seen: &[Seen], change: Change) -> Told {
    let with = |text: String, digest: &[u8]| format!("{text}, digest {}", hex(digest));
    let of = |event: &BootEvent| with(in_words(event), &event.digest);
    let of_seen = |one: &Seen| with(seen_words(one), &one.digest);
    match change {
        Change::Other { expected: a, seen: b } => {
            let (event, found) = (&expected[a], &seen[b]);
            Told {
                change,
                head: format!("event {}: {} differs", found.number, event.what),
                expected: Some(of(event)),
                seen: Some(of_seen(found)),
                why: why(event, found),
                varies: event.varies.text(),
                field: field(event),
                stage: stage(event),
                rem: event.rem,
            }
        }
        Change::Missing(a) => {
            let event = &expected[a];
            Told {
                change,
                head: format!("{} is missing", event.what),
                expected: Some(of(event)),
                seen: None,
                why: missing(event),
                varies: event.varies.text(),
                field: field(event),
                stage: stage(event),
                rem: event.rem,
            }
        }
        Change::Extra(b) => {
            let found = &seen[b];
            let (varies, field) = words::varies(found.kind, &found.data);
            let shown = words::shown(found.kind, &found.data);
            Told {
                change,
                head: format!("event {}: {shown} is not expected", found.number),
                expected: None,
                seen: Some(of_seen(found)),
                why: extra(found, varies),
                varies: varies.text(),
                field,
                stage: found.stage.clone(),
                rem: found.rem,
            }
        }
        Change::Moved { expected: a, seen: b } => {
            let (event, found) = (&expected[a], &seen[b]);
            Told {
                change,
                head: format!("event {}: {} has another place", found.number, event.what),
                expected: Some(format!("{}, as measurement {}", of(event), a + 1)),
                seen: Some(format!("{}, as event {}", of_seen(found), found.number)),
                why: vec!["it is the same measurement in another order".into()],
                varies: event.varies.text(),
                field: field(event),
                stage: stage(event),
                rem: event.rem,
            }
        }
    }
}

/// The stage of a chain; a log has none.
fn stage(event: &BootEvent) -> Option<String> {
    Some(event.stage.clone()).filter(|stage| !stage.is_empty())
}

fn field(event: &BootEvent) -> Option<&'static str> {
    words::varies(event.kind.unwrap_or(0), &event.data).1
}

/// What makes one value of the other.
fn why(event: &BootEvent, found: &Seen) -> Vec<String> {
    let mut why = Vec::new();
    if let Some(other) = event.otherwise.iter().find(|other| other.digest == found.digest) {
        why.push(format!("what was measured is {}", other.why));
    }
    if event.digest == found.digest && event.rem != found.rem {
        why.push(format!("the same is measured into {}", found.rem));
    }
    let variables = Variable::read(&event.data).zip(Variable::read(&found.data));
    if let Some((own, other)) = variables
        && let Ok(own) = LoadOption::read(own.value)
        && let Ok(other) = LoadOption::read(other.value)
        && found.kind == kind::VARIABLE_BOOT
    {
        why.extend(option_fields(&own, &other));
    }
    match (&event.hashed, found.kind) {
        (Hashed::Bytes(bytes), kind::EVENT_TAG) if event.varies == Varies::CommandLine => {
            why.push(format!("expected LoadOptions are {}", shown_options(bytes)));
        }
        (Hashed::Given, _) => {
            why.push("of what is expected only the digest is known".into());
        }
        _ => {}
    }
    why
}

fn option_fields(own: &LoadOption, other: &LoadOption) -> Vec<String> {
    let mut fields = Vec::new();
    let mut differs = |name: &str, own: String, other: String| {
        if own != other {
            fields.push(format!("its {name}: expected {own}, found {other}"));
        }
    };
    let path = |option: &LoadOption| device_path::text(&option.path);
    let attributes = |option: &LoadOption| format!("{:#x}", option.attributes);
    let description = |option: &LoadOption| format!("\"{}\"", utf16::shown(&option.description));
    let options = |option: &LoadOption| match &option.optional[..] {
        [] => "none".to_owned(),
        bytes => shown_options(bytes),
    };
    differs("attributes", attributes(own), attributes(other));
    differs("description", description(own), description(other));
    differs("device path", path(own), path(other));
    differs("options", options(own), options(other));
    fields
}

fn missing(event: &BootEvent) -> Vec<String> {
    let text = match event.kind {
        Some(kind::SEPARATOR) => "one separator less: another revision of the firmware",
        Some(kind::IPL) if event.varies == Varies::Grub => {
            "a GRUB without the CC protocol measures nothing (cc = false)"
        }
        Some(kind::EVENT_TAG) => {
            "a kernel before 6.9 measures nothing, or there is nothing to measure"
        }
        Some(kind::ACTION) if event.varies == Varies::Exit => {
            "boot services did not end, or the log was taken before they did"
        }
        Some(kind::GPT_EVENT) => "the disk that was booted from has no GPT",
        None => "it is in no log",
        _ => return Vec::new(),
    };
    vec![text.into()]
}

fn extra(found: &Seen, varies: Varies) -> Vec<String> {
    let text = match (found.kind, varies) {
        (kind::SEPARATOR, _) => "one separator more: another revision of the firmware",
        (kind::ACTION, Varies::Attempts) => "a boot option failed first",
        (kind::ACTION, Varies::Exit) => "ExitBootServices was called with an old memory map first",
        (kind::IPL, Varies::Grub) => "this GRUB measures through the CC protocol (cc = true)",
        (kind::GPT_EVENT, _) => "the disk that was booted from has a GPT",
        _ => return Vec::new(),
    };
    vec![text.into()]
}
