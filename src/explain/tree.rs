//! Device trees in what was measured, and where two of them differ.

use super::compare::Field;
use super::trail::{Extension, Trail};
use crate::abi::addr::Ipa;
use crate::encoding::fdt::{MAGIC, MAX_BYTES, Tree, shown};

/// Most differences that are listed.
const MAX_SHOWN: usize = 20;

/// The tree whose granules hold `ipa`, if the granules form one.
pub(super) fn around(trail: &Trail, ipa: Ipa) -> Option<Tree> {
    // Granules in a row that end with the one that is asked for, or go on after it.
    let mut bytes: Vec<u8> = Vec::new();
    let (mut start, mut next) = (0, 0);
    for extension in trail.extensions() {
        let Extension::Data { ipa: at, content, .. } = &*extension else { continue };
        let Some(granule) = content.bytes() else { continue };
        let begins = granule[..4] == MAGIC;
        if begins || at.0 != next {
            if !bytes.is_empty() && (start..next).contains(&ipa.0) {
                break;
            }
            bytes.clear();
            start = at.0;
        }
        next = at.0.saturating_add(content.size().bytes());
        let inside = begins || !bytes.is_empty();
        if inside && bytes.len() < MAX_BYTES as usize {
            bytes.extend_from_slice(&granule);
        }
    }
    (start..next).contains(&ipa.0).then(|| Tree::read(&bytes).ok()).flatten()
}

/// All trees in a trail, with where they begin.
pub(super) fn all(trail: &Trail) -> Vec<(Ipa, Tree)> {
    let begins = trail.extensions().filter_map(|extension| match &*extension {
        Extension::Data { ipa, content, .. } => {
            let bytes = content.bytes()?;
            (bytes[..4] == MAGIC).then_some(*ipa)
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
    let only_there = b.paths().iter().filter(|path| a.get(path).is_none());
    for path in a.paths().iter().chain(only_there) {
        let (x, y) = (a.get(path), b.get(path));
        if x == y {
            continue;
        }
        let text = |value: Option<&[u8]>| value.map_or_else(missing, shown);
        found.push(Field::new(path.clone(), text(x), text(y)));
    }
    if found.is_empty() && a.paths() != b.paths() {
        let place = a.paths().iter().zip(b.paths()).find(|(x, y)| x != y);
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
