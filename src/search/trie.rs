//! Candidates by the pieces of their event lists: what lists begin with alike is folded once.

use std::collections::BTreeMap;

use rayon::prelude::*;

use crate::measure::refold::{Library, PieceId};
use crate::measure::rim::Measurement;

/// Lists of pieces with what they have in common.
#[derive(Debug, Default)]
pub(super) struct Trie {
    next: BTreeMap<PieceId, Self>,
    /// Numbers of the candidates whose list ends here.
    candidates: Vec<u64>,
}

impl Trie {
    pub(super) fn insert(&mut self, pieces: impl IntoIterator<Item = PieceId>, candidate: u64) {
        let mut node = self;
        for piece in pieces {
            node = node.next.entry(piece).or_default();
        }
        node.candidates.push(candidate);
    }

    /// The lists that make `target`, each as the candidates that have it; and how many different
    /// lists there are. The fold of a list can not be shared, but lists can.
    pub(super) fn find(
        &self,
        library: &Library,
        mut rim: Measurement,
        target: &Measurement,
    ) -> (Vec<Vec<u64>>, u64) {
        // Long lists with nothing to choose are no recursion.
        let mut node = self;
        while node.candidates.is_empty()
            && node.next.len() == 1
            && let Some((piece, next)) = node.next.first_key_value()
        {
            rim = library.fold(rim, *piece);
            node = next;
        }
        let here = !node.candidates.is_empty();
        let mut found = Vec::new();
        if here && rim == *target {
            found.push(node.candidates.clone());
        }
        let below: Vec<_> = node
            .next
            .par_iter()
            .map(|(piece, node)| node.find(library, library.fold(rim, *piece), target))
            .collect();
        let mut count = u64::from(here);
        for (matches, lists) in below {
            found.extend(matches);
            count += lists;
        }
        (found, count)
    }
}
