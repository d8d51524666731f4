//! Device trees in what was measured, and where two of them differ.

use std::collections::BTreeMap;

use super::compare::Field;
use super::trail::{Extension, Trail};
use crate::abi::addr::Ipa;
use crate::encoding::text::hex_with_spaces;

const MAGIC: u32 = 0xD00D_FEED;
/// Largest tree that is looked at; QEMU's buffer has 1 MiB.
const MAX_TREE_BYTES: u32 = 4 << 20;
/// Deeper trees are no device trees.
const MAX_DEPTH: usize = 64;
/// Most differences that are listed.
const MAX_SHOWN: usize = 20;

const BEGIN_NODE: u32 = 1;
const END_NODE: u32 = 2;
const PROPERTY: u32 = 3;
const NOP: u32 = 4;
const END: u32 = 9;

/// Properties by path of their node, in the order of the tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Tree {
    /// Node and property, separated by a colon; a node alone has an empty value.
    values: BTreeMap<String, Vec<u8>>,
    /// The same in the order in which they stand.
    order: Vec<String>,
}

/// The tree whose granules hold `ipa`, if the granules form one.
pub(super) fn around(trail: &Trail, ipa: Ipa) -> Option<Tree> {
    // Granules in a row that end with the one that is asked for, or go on after it.
    let mut bytes: Vec<u8> = Vec::new();
    let (mut start, mut next) = (0, 0);
    for extension in trail.extensions() {
        let Extension::Data { ipa: at, content, .. } = &*extension else { continue };
        let Some(granule) = content.bytes() else { continue };
        let begins = granule[..4] == MAGIC.to_be_bytes();
        if begins || at.0 != next {
            if !bytes.is_empty() && (start..next).contains(&ipa.0) {
                break;
            }
            bytes.clear();
            start = at.0;
        }
        next = at.0.saturating_add(content.size().bytes());
        let inside = begins || !bytes.is_empty();
        if inside && bytes.len() < MAX_TREE_BYTES as usize {
            bytes.extend_from_slice(&granule);
        }
    }
    (start..next).contains(&ipa.0).then(|| read(&bytes)).flatten()
}

/// All trees in a trail, with where they begin.
pub(super) fn all(trail: &Trail) -> Vec<(Ipa, Tree)> {
    let begins = trail.extensions().filter_map(|extension| match &*extension {
        Extension::Data { ipa, content, .. } => {
            let bytes = content.bytes()?;
            (bytes[..4] == MAGIC.to_be_bytes()).then_some(*ipa)
        }
        _ => None,
    });
    let begins: Vec<_> = begins.collect();
    begins.into_iter().filter_map(|ipa| Some((ipa, around(trail, ipa)?))).collect()
}

/// Where two trees differ: a path and both values.
pub(super) fn differences(a: &Tree, b: &Tree) -> Vec<Field> {
    let mut found = Vec::new();
    let missing = || "not there".to_owned();
    for path in a.order.iter().chain(b.order.iter().filter(|path| !a.values.contains_key(*path))) {
        let (x, y) = (a.values.get(path), b.values.get(path));
        if x == y {
            continue;
        }
        let shown = |value: Option<&Vec<u8>>| value.map_or_else(missing, |value| text(value));
        found.push(Field::new(path.clone(), shown(x), shown(y)));
    }
    if found.is_empty() && a.order != b.order {
        let place = a.order.iter().zip(&b.order).find(|(x, y)| x != y);
        if let Some((x, y)) = place {
            found.push(Field::new("order of nodes and properties", x, y));
        }
    }
    if found.len() > MAX_SHOWN {
        let rest = found.len() - MAX_SHOWN;
        found.truncate(MAX_SHOWN);
        found.push(Field::new(format!("and {rest} more"), "", ""));
    }
    found
}

/// A value as it was probably meant: text, cells, or bytes.
fn text(value: &[u8]) -> String {
    const SHOWN: usize = 48;
    let printable = |text: &[u8]| {
        !text.is_empty() && text.iter().all(|byte| byte.is_ascii_graphic() || *byte == b' ')
    };
    if let Some(text) = value.strip_suffix(b"\0")
        && text.split(|byte| *byte == 0).all(printable)
    {
        let strings = text.split(|byte| *byte == 0);
        let strings = strings.map(|text| format!("\"{}\"", String::from_utf8_lossy(text)));
        return strings.collect::<Vec<_>>().join(", ");
    }
    let cut = if value.len() > SHOWN { " …" } else { "" };
    let shown = &value[..value.len().min(SHOWN)];
    let (cells, rest) = shown.as_chunks::<4>();
    if value.is_empty() {
        "empty".to_owned()
    } else if rest.is_empty() {
        let cells = cells.iter().map(|cell| format!("{:#x}", u32::from_be_bytes(*cell)));
        format!("<{}{cut}>", cells.collect::<Vec<_>>().join(" "))
    } else {
        format!("[{}{cut}]", hex_with_spaces(shown))
    }
}

/// Reads a flattened device tree; `None` if it is none.
fn read(bytes: &[u8]) -> Option<Tree> {
    let word = |at: usize| {
        let bytes = bytes.get(at..at.checked_add(4)?)?;
        Some(u32::from_be_bytes(bytes.try_into().ok()?))
    };
    if word(0)? != MAGIC || word(4)? > MAX_TREE_BYTES {
        return None;
    }
    let (mut at, strings) = (word(8)? as usize, word(12)? as usize);
    let string = |at: usize| {
        let bytes = bytes.get(at..)?;
        let end = bytes.iter().position(|byte| *byte == 0)?;
        Some(String::from_utf8_lossy(&bytes[..end]).into_owned())
    };
    let mut tree = Tree { values: BTreeMap::new(), order: Vec::new() };
    let mut path: Vec<String> = Vec::new();
    let mut put = |name: String, value: Vec<u8>| {
        tree.order.push(name.clone());
        tree.values.insert(name, value);
    };
    loop {
        let token = word(at)?;
        at += 4;
        match token {
            BEGIN_NODE => {
                let name = string(at)?;
                at = (at + name.len() + 1).next_multiple_of(4);
                path.push(name);
                if path.len() > MAX_DEPTH {
                    return None;
                }
                put(shown(&path), Vec::new());
            }
            PROPERTY => {
                let (len, name) = (word(at)? as usize, word(at + 4)? as usize);
                let value = bytes.get(at + 8..(at + 8).checked_add(len)?)?;
                at = (at + 8).checked_add(len)?.checked_next_multiple_of(4)?;
                put(
                    format!("{}:{}", shown(&path), string(strings.checked_add(name)?)?),
                    value.to_vec(),
                );
            }
            END_NODE => drop(path.pop()?),
            NOP => {}
            END => break,
            _ => return None,
        }
    }
    Some(tree)
}

/// `/cpus/cpu@0`; the root is `/`.
fn shown(path: &[String]) -> String {
    match path {
        [] | [_] => "/".to_owned(),
        [_, rest @ ..] => rest.iter().map(|name| format!("/{name}")).collect(),
    }
}
