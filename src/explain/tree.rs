//! Device trees in what was measured, and where two of them differ.

use std::collections::BTreeMap;

use super::field::Field;
use super::trail::{Content, Extension, Trail};
use crate::abi::addr::Ipa;
use crate::encoding::fdt::{MAGIC, MAX_BYTES, Tree, shown};

/// Most differences that are listed.
const MAX_SHOWN: usize = 20;

/// The tree whose granules hold `ipa`, if the granules form one.
pub(super) fn around(trail: &Trail, ipa: Ipa) -> Option<Tree> {
    let found = Runs::new(trail).find(|run| run.holds(ipa));
    found.and_then(|run| Tree::read(&run.bytes).ok())
}

/// All trees in a trail, with where they begin, one after the other: of many that nobody shows not
/// all are in memory.
pub(super) fn all(trail: &Trail) -> impl Iterator<Item = (Ipa, Tree)> {
    Runs::new(trail).filter_map(|run| Some((Ipa(run.base), Tree::read(&run.bytes).ok()?)))
}

/// Where a trail has device trees.
#[derive(Default)]
pub(super) struct Places(BTreeMap<u64, u64>);

impl Places {
    /// Those of a trail, which is walked once.
    pub(super) fn of(trail: &Trail) -> Self {
        let mut places = BTreeMap::new();
        for run in Runs::new(trail).filter(|run| Tree::read(&run.bytes).is_ok()) {
            places.entry(run.base).or_insert(run.top);
        }
        Self(places)
    }

    /// Whether a granule is one of a tree's.
    pub(super) fn hold(&self, ipa: Ipa) -> bool {
        self.0.range(..=ipa.0).next_back().is_some_and(|(_, top)| ipa.0 < *top)
    }
}

/// Granules in a row, of which the first begins like a device tree.
struct Run {
    base: u64,
    top: u64,
    /// What they hold, or the beginning of it.
    bytes: Vec<u8>,
}

impl Run {
    const fn holds(&self, ipa: Ipa) -> bool {
        self.base <= ipa.0 && ipa.0 < self.top
    }
}

/// The runs of a trail. Each granule is looked at once, whatever it begins like, and not more than
/// one run is in memory, of which no more than a tree may have is kept.
struct Runs<I> {
    granules: I,
    open: Option<Run>,
}

impl<'t> Runs<Box<dyn Iterator<Item = (u64, Content)> + 't>> {
    fn new(trail: &'t Trail) -> Self {
        let data = trail.extensions().filter_map(|extension| match extension.into_owned() {
            Extension::Data { ipa, content, .. } => Some((ipa.0, content)),
            _ => None,
        });
        Self { granules: Box::new(data), open: None }
    }
}

impl<I: Iterator<Item = (u64, Content)>> Iterator for Runs<I> {
    type Item = Run;

    fn next(&mut self) -> Option<Run> {
        loop {
            let Some((base, content)) = self.granules.next() else { return self.open.take() };
            let Some(granule) = content.bytes() else { continue };
            let top = base.saturating_add(content.size().bytes());
            let begins = granule.starts_with(&MAGIC);
            match &mut self.open {
                Some(run) if run.top == base && !begins => {
                    run.top = top;
                    if run.bytes.len() < MAX_BYTES as usize {
                        run.bytes.extend_from_slice(&granule);
                    }
                }
                _ => {
                    let next = begins.then(|| Run { base, top, bytes: granule.to_vec() });
                    if let Some(done) = std::mem::replace(&mut self.open, next) {
                        return Some(done);
                    }
                }
            }
        }
    }
}

/// Where two device trees differ, each as the bytes of a blob: paths and both values. `None` if one
/// is no device tree.
///
/// # Bounds
/// Time and memory grow with the trees, memory by at most 300 bytes for each byte.
#[must_use]
pub fn tree_differences(a: &[u8], b: &[u8]) -> Option<Vec<Field>> {
    Some(differences(&Tree::read(a).ok()?, &Tree::read(b).ok()?))
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

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::measure::contents::Contents;
    use crate::measure::page::Page;

    /// How many granules are looked at, and how many bytes are kept at a time, where every one of
    /// `count` granules begins like a tree.
    fn steps(count: u64) -> (u64, usize) {
        let taken = Cell::new(0);
        let mut page = [0; 4096];
        page[..4].copy_from_slice(&MAGIC);
        let granules = (0..count).map(|i| {
            taken.set(taken.get() + 1);
            (i * 4096, Content::Granule(Contents::from(Page::from_bytes(&page))))
        });
        let largest = Runs { granules, open: None }.map(|run| run.bytes.len()).max();
        (taken.get(), largest.unwrap_or(0))
    }

    #[test]
    fn a_trail_is_walked_once_for_its_trees() {
        let (small, large) = (steps(512), steps(1024));
        assert_eq!((small, large), ((512, 4096), (1024, 4096)));
    }
}
