//! Lists of measured events that cost next to nothing for an image's granules in a row.

use super::contents::Look;
use super::event::{DataEvent, MeasuredEvent};
use super::rim::HashAlgo;
use crate::abi::addr::Ipa;
use crate::abi::granule_size::GranuleSize;
use crate::abi::params::DATA_MEASURE;

/// Measured events in order.
///
/// A DATA_CREATE that carries on where the one before it ended (the next IPA, the same flags, the
/// next granule of the same image) is counted, not kept: an image of 8 GiB is one entry instead of
/// two million.
#[derive(Clone, Debug, Default)]
pub struct Events {
    runs: Vec<Run>,
    /// For each run, the number of its first event.
    starts: Vec<u64>,
    len: u64,
}

/// An event and those that carry on from it.
#[derive(Clone, Debug)]
struct Run {
    first: MeasuredEvent,
    count: u64,
}

impl Run {
    #[inline]
    fn continues_with(&self, next: &DataEvent) -> bool {
        let MeasuredEvent::Data(first) = &self.first else { return false };
        first.ipa.0.checked_add(self.count * first.content.size().bytes()) == Some(next.ipa.0)
            && first.flags == next.flags
            && first.content.is_followed_by(&next.content, self.count)
    }

    /// The event `i` places after the first.
    fn event(&self, i: u64) -> MeasuredEvent {
        match &self.first {
            MeasuredEvent::Data(first) if i > 0 => MeasuredEvent::Data(DataEvent {
                ipa: Ipa(first.ipa.0 + i * first.content.size().bytes()),
                flags: first.flags,
                content: first.content.following(i),
            }),
            event => event.clone(),
        }
    }

    fn looks_at(&self, i: u64, algo: HashAlgo) -> Option<(GranuleSize, Look<'_>)> {
        match &self.first {
            MeasuredEvent::Data(first) if first.flags & DATA_MEASURE != 0 => {
                Some((first.content.size(), first.content.look(i, algo)))
            }
            _ => None,
        }
    }
}

impl Events {
    /// `count` events of an image's granules in a row, the first of which is `first`.
    pub(super) fn repeating(first: DataEvent, count: u64) -> Self {
        let first = MeasuredEvent::Data(first);
        Self { runs: vec![Run { first, count }], starts: vec![0], len: count }
    }

    /// Appends an event.
    pub fn push(&mut self, event: MeasuredEvent) {
        match event {
            MeasuredEvent::Data(data) => self.push_row(&data, 1),
            event => self.begin_run(event, 1),
        }
    }

    /// Appends `count` events of granules that follow each other, the first of which is `first`.
    #[inline]
    pub(super) fn push_row(&mut self, first: &DataEvent, count: u64) {
        match self.runs.last_mut() {
            Some(run) if run.continues_with(first) => {
                run.count += count;
                self.len += count;
            }
            _ => self.begin_run(MeasuredEvent::Data(first.clone()), count),
        }
    }

    #[cold]
    fn begin_run(&mut self, first: MeasuredEvent, count: u64) {
        self.runs.push(Run { first, count });
        self.starts.push(self.len);
        self.len += count;
    }

    /// How many events there are.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Event number `index`, from 0.
    #[must_use]
    pub fn get(&self, index: u64) -> Option<MeasuredEvent> {
        (index < self.len).then(|| {
            let (run, i) = self.place(index);
            self.runs[run].event(i)
        })
    }

    /// The first event: RMI_REALM_CREATE in the log of a Realm.
    #[must_use]
    pub fn first(&self) -> Option<&MeasuredEvent> {
        self.runs.first().map(|run| &run.first)
    }

    /// The events from number `index` on, in order.
    pub fn iter_from(&self, index: u64) -> impl Iterator<Item = MeasuredEvent> + '_ {
        let (first, skipped) = if index < self.len { self.place(index) } else { (usize::MAX, 0) };
        let runs = self.runs.get(first..).unwrap_or_default();
        let skips = std::iter::once(skipped).chain(std::iter::repeat(0));
        runs.iter().zip(skips).flat_map(|(run, skip)| (skip..run.count).map(|i| run.event(i)))
    }

    /// All events in order.
    pub fn iter(&self) -> impl Iterator<Item = MeasuredEvent> + '_ {
        self.iter_from(0)
    }

    /// Whether these events begin with all of `other`.
    #[must_use]
    pub fn starts_with(&self, other: &Self) -> bool {
        self.len >= other.len && self.iter().zip(other.iter()).all(|(a, b)| a == b)
    }

    /// Each event that does not carry on from the one before it, with how many do from it on.
    pub(super) fn runs(&self) -> impl Iterator<Item = (&MeasuredEvent, u64)> {
        self.runs.iter().map(|run| (&run.first, run.count))
    }

    /// Number `run` of [`Self::runs`].
    pub(super) fn run(&self, run: usize) -> Option<(&MeasuredEvent, u64)> {
        self.runs.get(run).map(|run| (&run.first, run.count))
    }

    /// A copy of at most `len` events from number `index` on.
    #[must_use]
    pub(crate) fn window(&self, index: u64, len: u64) -> Self {
        let end = index.saturating_add(len).min(self.len);
        let mut window = Self::default();
        let mut at = index;
        while at < end {
            let (run, skipped) = self.place(at);
            let count = (self.runs[run].count - skipped).min(end - at);
            window.runs.push(Run { first: self.runs[run].event(skipped), count });
            window.starts.push(window.len);
            window.len += count;
            at += count;
        }
        window
    }

    /// What the digest of each of `count` events from number `index` on is to be made of, and the
    /// size of the granule; `None` for an event that measures none.
    pub(super) fn looks(
        &self,
        index: u64,
        count: usize,
        algo: HashAlgo,
    ) -> impl Iterator<Item = Option<(GranuleSize, Look<'_>)>> {
        let (mut run, mut i) = self.place(index);
        (0..count).map(move |_| {
            if i == self.runs[run].count {
                (run, i) = (run + 1, 0);
            }
            i += 1;
            self.runs[run].looks_at(i - 1, algo)
        })
    }

    /// The run that event number `index` belongs to, and its place there.
    fn place(&self, index: u64) -> (usize, u64) {
        let run = self.starts.partition_point(|start| *start <= index) - 1;
        (run, index - self.starts[run])
    }
}

impl PartialEq for Events {
    /// Lists are equal if their events are, however they came to be counted.
    fn eq(&self, other: &Self) -> bool {
        self.len == other.len && self.starts_with(other)
    }
}

impl Eq for Events {}

impl FromIterator<MeasuredEvent> for Events {
    fn from_iter<I: IntoIterator<Item = MeasuredEvent>>(events: I) -> Self {
        let mut list = Self::default();
        events.into_iter().for_each(|event| list.push(event));
        list
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::measure::image::Image;
    use crate::measure::page::Page;

    fn data(ipa: u64, flags: u64, content: Page) -> MeasuredEvent {
        MeasuredEvent::Data(DataEvent { ipa: Ipa(ipa), flags, content: content.into() })
    }

    /// Events of which some carry on and some only nearly do.
    fn events() -> Vec<MeasuredEvent> {
        let image = Arc::new(Image::from_bytes("a", vec![7; 9 * 4096]));
        let other = Arc::new(Image::from_bytes("b", vec![7; 9 * 4096]));
        let of = |image: &Arc<Image>, offset| Page::Image { image: image.clone(), offset };
        let owned = Page::from_bytes(&[9; 4096]);
        vec![
            data(0x1000, 1, of(&image, 0)),
            data(0x2000, 1, of(&image, 0x1000)),
            data(0x3000, 1, of(&image, 0x2000)),
            data(0x4000, 1, of(&other, 0x3000)),
            data(0x5000, 0, of(&other, 0x4000)),
            data(0x7000, 0, of(&other, 0x5000)),
            data(0x8000, 0, of(&other, 0x5000)),
            data(0x9000, 0, Page::Zero),
            data(0xA000, 0, Page::Zero),
            data(0xB000, 0, owned.clone()),
            data(0xC000, 0, owned),
            data(0xD000, 1, Page::Stream { seed: 3, offset: 0 }),
            data(0xE000, 1, Page::Stream { seed: 3, offset: 4096 }),
            data(0xF000, 1, Page::Stream { seed: 4, offset: 8192 }),
            data(u64::MAX - 0xFFF, 1, Page::Zero),
            data(0, 1, Page::Zero),
        ]
    }

    #[test]
    fn what_was_pushed_comes_back() {
        let pushed = events();
        let list: Events = pushed.iter().cloned().collect();
        assert_eq!(list.runs.len(), 12, "three, two and two carry on");
        assert!(list.iter().eq(pushed.iter().cloned()));
        for i in 0..=pushed.len() {
            assert!(list.iter_from(i as u64).eq(pushed[i..].iter().cloned()), "from {i}");
            assert_eq!(list.get(i as u64), pushed.get(i).cloned());
            for len in 0..=pushed.len() {
                let window = list.window(i as u64, len as u64);
                let end = (i + len).min(pushed.len());
                assert!(window.iter().eq(pushed[i..end].iter().cloned()), "{i}, {len}");
                assert_eq!(window.len(), (end - i) as u64);
            }
        }
    }
}
