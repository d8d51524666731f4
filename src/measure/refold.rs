//! Lists of events that share most of what they hold, folded many times.
//!
//! A search asks for thousands of RIMs that differ in a few events. Here each run of events is kept
//! once with the digests of its granules, and a list is a row of such pieces. The fold is that of
//! [`EventLog`](super::log::EventLog).

use std::collections::BTreeMap;
use std::sync::Arc;

use tracing::Span;

use super::contents::Contents;
use super::event::{DataEvent, MeasuredEvent};
use super::events::Events;
use super::hasher::{Digest, Hasher};
use super::image::Image;
use super::log::{fold, fold_all};
use super::page::Page;
use super::rim::{HashAlgo, Measurement};
use super::rule::RimRule;
use crate::abi::addr::Ipa;
use crate::abi::granule_size::GranuleSize;

/// A piece of a [`Library`], by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PieceId(usize);

/// Pieces of event lists, each once.
#[derive(Debug)]
pub struct Library {
    algo: HashAlgo,
    hasher: Hasher,
    known: BTreeMap<Key, PieceId>,
    contents: BTreeMap<(Content, u64), Arc<Vec<Digest>>>,
    pieces: Vec<Piece>,
}

/// Events in a row, and the digests of what they measure.
#[derive(Debug)]
struct Piece {
    events: Events,
    digests: Arc<Vec<Digest>>,
}

/// What tells one piece from another: everything that the fold looks at.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    /// Realm, REC and RIPAS events by their numbers.
    Numbers(u8, Vec<u64>),
    Data {
        ipa: u64,
        flags: u64,
        count: u64,
        content: Content,
    },
}

/// Where the pages of a granule come from, and its size.
type Content = (GranuleSize, Vec<Origin>);

/// Where bytes come from. Images are told by their address: a piece keeps its image alive.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Origin {
    Zero,
    Image(usize, u64),
    Stream(u64, u64),
    Owned(Arc<[u8]>),
}

impl Library {
    /// An empty library for RIMs by `algo`.
    #[must_use]
    pub fn new(algo: HashAlgo, hasher: Hasher) -> Self {
        let (known, contents) = (BTreeMap::new(), BTreeMap::new());
        Self { algo, hasher, known, contents, pieces: Vec::new() }
    }

    /// The pieces of the events that `rule` measures, in order. Contents that were not seen before
    /// are hashed.
    pub fn take_apart(&mut self, events: &Events, rule: RimRule) -> Vec<PieceId> {
        let runs = events.runs().filter(|(first, _)| rule.measures(first));
        runs.map(|(first, count)| self.piece(first, count)).collect()
    }

    /// As [`Library::take_apart`], with other images in the place of those of the events. `other`
    /// gives the image that takes the place of one at an address; it has to be as long.
    pub fn take_apart_with(
        &mut self,
        events: &Events,
        rule: RimRule,
        other: impl Fn(&Arc<Image>, Ipa) -> Option<Arc<Image>>,
    ) -> Vec<PieceId> {
        let runs = events.runs().filter(|(first, _)| rule.measures(first));
        runs.map(|(first, count)| match first {
            MeasuredEvent::Data(data) => {
                let page = |page: &Page| match page {
                    Page::Image { image, offset } => {
                        let image = other(image, data.ipa).unwrap_or_else(|| Arc::clone(image));
                        Page::Image { image, offset: *offset }
                    }
                    page => page.clone(),
                };
                let size = data.content.size();
                let content = match data.content.first_of_consecutive() {
                    Some(first) => Contents::from_first(size, page(first)),
                    None => {
                        let pages: Vec<Page> = data.content.pages().iter().map(page).collect();
                        Contents::from_pages(size, &pages)
                    }
                };
                let first = MeasuredEvent::Data(DataEvent { content, ..data.clone() });
                self.piece(&first, count)
            }
            first => self.piece(first, count),
        })
        .collect()
    }

    /// The RIM after the events of `piece`.
    ///
    /// # Panics
    /// If the piece is of another library.
    #[must_use]
    pub fn fold(&self, rim: Measurement, piece: PieceId) -> Measurement {
        let Piece { events, digests } = &self.pieces[piece.0];
        fold(RimRule::default(), rim, events, digests)
    }

    /// Replaces each RIM by that after the events of `piece`. Faster than one by one: chains that
    /// are extended alike lie side by side in the lanes of vectors.
    ///
    /// # Panics
    /// If the piece is of another library.
    pub fn fold_all(&self, rims: &mut [Measurement], piece: PieceId) {
        let Piece { events, digests } = &self.pieces[piece.0];
        fold_all(self.hasher.kernel(self.algo), rims, events, digests);
    }

    /// How many RIMs [`Self::fold_all`] is best given at a time, if there are so many.
    #[must_use]
    pub fn lanes(&self) -> usize {
        self.hasher.kernel(self.algo).chain_lanes(self.algo)
    }

    /// How many pieces there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.pieces.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    fn piece(&mut self, first: &MeasuredEvent, count: u64) -> PieceId {
        let key = key(first, count);
        if let Some(id) = self.known.get(&key) {
            return *id;
        }
        let events = match first {
            MeasuredEvent::Data(data) => Events::repeating(data.clone(), count),
            event => Events::from_iter([event.clone()]),
        };
        let digests = match &key {
            Key::Data { content, flags, .. } if flags & crate::abi::params::DATA_MEASURE != 0 => {
                let place = (content.clone(), count);
                let hash = || Arc::new(self.hasher.digests(&Span::current(), self.algo, &events));
                Arc::clone(self.contents.entry(place).or_insert_with(hash))
            }
            _ => Arc::new(self.hasher.digests(&Span::current(), self.algo, &events)),
        };
        let id = PieceId(self.pieces.len());
        self.pieces.push(Piece { events, digests });
        self.known.insert(key, id);
        id
    }
}

fn key(first: &MeasuredEvent, count: u64) -> Key {
    match first {
        MeasuredEvent::Realm(p) => Key::Numbers(
            0,
            vec![
                p.flags,
                p.s2sz,
                p.sve_vl,
                p.num_bps,
                p.num_wps,
                p.pmu_num_ctrs,
                p.hash_algo.into(),
            ],
        ),
        MeasuredEvent::Rec(p) => {
            Key::Numbers(1, [p.flags, p.pc].into_iter().chain(p.gprs).collect())
        }
        MeasuredEvent::Ripas(p) => Key::Numbers(2, vec![p.base.0, p.top.0, p.entry_size_bytes]),
        MeasuredEvent::Data(data) => {
            Key::Data { ipa: data.ipa.0, flags: data.flags, count, content: content(&data.content) }
        }
    }
}

fn content(contents: &Contents) -> Content {
    (contents.size(), contents.pages().iter().map(origin).collect())
}

fn origin(page: &Page) -> Origin {
    match page {
        Page::Zero => Origin::Zero,
        Page::Image { image, offset } => Origin::Image(Arc::as_ptr(image).addr(), *offset),
        Page::Stream { seed, offset } => Origin::Stream(*seed, *offset),
        Page::Owned(bytes) => Origin::Owned(Arc::from(bytes.as_slice())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::event::{RealmEvent, RipasEvent};
    use crate::measure::hasher::digest;
    use crate::measure::kernel::Kernel;
    use crate::measure::log::EventLog;

    /// Events of two Realms that share the contents, at other addresses.
    fn logs(algo: HashAlgo) -> Vec<EventLog> {
        let image = Arc::new(Image::from_bytes("a", vec![7; 9 * 4096 + 5]));
        let log = |base: u64, num_bps| {
            let mut log = EventLog::new(algo);
            let (flags, s2sz, hash_algo) = (0, 40, algo.code());
            let (sve_vl, num_wps, pmu_num_ctrs) = (0, 1, 0);
            log.push(MeasuredEvent::Realm(Box::new(RealmEvent {
                flags,
                s2sz,
                sve_vl,
                num_bps,
                num_wps,
                pmu_num_ctrs,
                hash_algo,
            })));
            let (base_ipa, top) = (Ipa(0), Ipa(1 << 21));
            log.push(MeasuredEvent::Ripas(RipasEvent {
                base: base_ipa,
                top,
                entry_size_bytes: 4096,
            }));
            for i in 0..10 {
                let content = Page::Image { image: Arc::clone(&image), offset: i * 4096 };
                let ipa = Ipa(base + i * 4096);
                log.push(MeasuredEvent::Data(DataEvent {
                    ipa,
                    flags: i / 7,
                    content: content.into(),
                }));
            }
            let content = Page::Zero.into();
            log.push(MeasuredEvent::Data(DataEvent { ipa: Ipa(0), flags: 1, content }));
            log
        };
        vec![log(0x1000, 1), log(0x1000, 2), log(0x8000, 1)]
    }

    #[test]
    fn pieces_fold_to_the_rim_of_the_log() {
        for algo in HashAlgo::ALL {
            let mut library = Library::new(algo, Hasher::default());
            for log in logs(algo) {
                for rule in RimRule::ALL {
                    let pieces = library.take_apart(log.events(), rule);
                    let zero = Measurement::zero(algo);
                    let rim = pieces.iter().fold(zero, |rim, piece| library.fold(rim, *piece));
                    assert_eq!(rim, log.rim_by(rule, zero, 0), "{}", rule.name());
                }
            }
            for count in [0, 1, 2, 5, 8, 9, 16, 23, 33] {
                let starts = (1..=count).map(|i| Measurement::of(algo, &digest(algo, &[i])));
                let starts: Vec<_> = starts.collect();
                for kernel in Kernel::ALL {
                    let Some(hasher) = Hasher::default().with_kernel(kernel) else { continue };
                    library.hasher = hasher;
                    for piece in (0..library.len()).map(PieceId) {
                        let mut rims = starts.clone();
                        library.fold_all(&mut rims, piece);
                        let alone = starts.iter().map(|rim| library.fold(*rim, piece));
                        assert!(alone.eq(rims), "{kernel}, {count} side by side");
                    }
                }
            }
            assert_eq!(library.len(), 8, "what is the same is kept once");
            assert_eq!(library.contents.len(), 2, "contents are hashed once, wherever they lie");
        }
    }
}
