//! Candidates by the pieces of their event lists: what lists begin with alike is folded once, and
//! what they go on with alike is folded side by side.

use std::collections::BTreeMap;

use crate::measure::hasher::Hasher;
use crate::measure::refold::{Library, PieceId};
use crate::measure::rim::Measurement;

/// Chains that a thread takes at a time, at most: what a step takes is made once for all of them.
const MOST_CHAINS: usize = 64;

/// Lists of pieces with what they have in common.
#[derive(Debug, Default)]
pub(super) struct Trie {
    next: BTreeMap<PieceId, Self>,
    /// Numbers of the candidates whose list ends here.
    candidates: Vec<u64>,
}

/// Chains that go on with one piece, and where each has come to then.
struct Fold<'t> {
    piece: PieceId,
    nodes: Vec<&'t Trie>,
    rims: Vec<Measurement>,
}

impl Trie {
    pub(super) fn insert(&mut self, pieces: impl IntoIterator<Item = PieceId>, candidate: u64) {
        let mut node = self;
        for piece in pieces {
            node = node.next.entry(piece).or_default();
        }
        node.candidates.push(candidate);
    }

    /// The lists that make `target` from `rim` on, each as the candidates that have it, the lowest
    /// first; and how many different lists there are.
    pub(super) fn find(
        &self,
        hasher: &Hasher,
        library: &Library,
        rim: Measurement,
        target: &Measurement,
    ) -> (Vec<Vec<u64>>, u64) {
        let mut found = Vec::new();
        let mut lists = 0;
        self.each(hasher, library, rim, |candidates, rim| {
            lists += 1;
            if rim == *target {
                found.push(candidates.to_vec());
            }
        });
        found.sort_unstable();
        (found, lists)
    }

    /// Gives the candidates of every list to `f`, with what the list makes of `rim`.
    pub(super) fn each(
        &self,
        hasher: &Hasher,
        library: &Library,
        rim: Measurement,
        mut f: impl FnMut(&[u64], Measurement),
    ) {
        let mut chains = vec![(self, rim)];
        while !chains.is_empty() {
            let mut by_piece: BTreeMap<PieceId, Vec<(&Self, Measurement)>> = BTreeMap::new();
            for (node, rim) in chains {
                if !node.candidates.is_empty() {
                    f(&node.candidates, rim);
                }
                for (piece, next) in &node.next {
                    by_piece.entry(*piece).or_default().push((next, rim));
                }
            }
            let mut folds = shared_out(by_piece, library.lanes(), hasher.threads());
            let chains_count = folds.iter().map(|fold| fold.rims.len()).sum::<usize>();
            tracing::debug!(chains = chains_count, pieces = folds.len(), "folds side by side");
            hasher.map(&mut folds, |fold| library.fold_all(&mut fold.rims, fold.piece));
            chains =
                folds.into_iter().flat_map(|fold| fold.nodes.into_iter().zip(fold.rims)).collect();
        }
    }
}

/// Parts that are large enough for lanes, and enough for the threads.
fn shared_out(
    by_piece: BTreeMap<PieceId, Vec<(&Trie, Measurement)>>,
    lanes: usize,
    threads: usize,
) -> Vec<Fold<'_>> {
    let mut folds = Vec::new();
    for (piece, chains) in by_piece {
        let share = chains.len().div_ceil(threads);
        let part = share.next_multiple_of(lanes).min(MOST_CHAINS);
        for chains in chains.chunks(part) {
            let (nodes, rims) = chains.iter().copied().unzip();
            folds.push(Fold { piece, nodes, rims });
        }
    }
    folds
}
