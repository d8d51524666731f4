//! The door behind which hashing happens.
//!
//! Callers ask for the digests of what events measure; how many are computed at once, by which
//! instructions and on how many threads is decided here and nowhere else. Nothing of it shows in a
//! result.

use std::io;
use std::num::NonZeroUsize;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use tracing::Span;

use super::contents::{Contents, Look, View};
use super::digests::{Cut, DigestSink};
use super::event::DataEvent;
use super::events::Events;
use super::image::Image;
use super::kernel::{Descriptors, Kernel};
pub use super::kernel::{Digest, digest};
use super::page::Page;
use super::rim::{HashAlgo, Measurement};
use super::threads::{self, Threads};
use crate::abi::addr::Ipa;
use crate::abi::granule_size::GranuleSize;
use crate::abi::params::DATA_MEASURE;

/// Events that are hashed before they are folded, if nobody says otherwise: 8 MiB of image.
const WINDOW: NonZeroUsize = NonZeroUsize::new(2048).unwrap();
/// Events that a thread takes at a time; a multiple of every kernel's lanes.
const PIECE: usize = 32;
/// Below this many events the hand-over to other threads costs more than it saves.
const WORTH_SHARING: u64 = 2 * PIECE as u64;

/// How contents are hashed. Results are the same whatever is chosen.
///
/// The default is every core, and the kernel that is fastest on this processor.
#[derive(Clone, Debug)]
pub struct Hasher {
    sha256: Kernel,
    sha512: Kernel,
    threads: Threads,
    window: NonZeroUsize,
    works_ahead: bool,
    counter: Option<Arc<AtomicU64>>,
}

impl Default for Hasher {
    fn default() -> Self {
        Self {
            sha256: Kernel::fastest(HashAlgo::Sha256),
            sha512: Kernel::fastest(HashAlgo::Sha512),
            threads: Threads::Shared,
            window: WINDOW,
            works_ahead: false,
            counter: None,
        }
    }
}

impl PartialEq for Hasher {
    /// Hashers are equal if they give the same results: always.
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Hasher {}

impl Hasher {
    /// Uses `kernel` for every algorithm that it can hash on this processor. None if it can hash
    /// none.
    #[must_use]
    pub fn with_kernel(mut self, kernel: Kernel) -> Option<Self> {
        let [can256, can512] = HashAlgo::ALL_1_0.map(|algo| kernel.is_available(algo));
        if can256 {
            self.sha256 = kernel;
        }
        if can512 {
            self.sha512 = kernel;
        }
        (can256 || can512).then_some(self)
    }

    /// Uses this many threads of its own; one that can not be had is the caller's.
    ///
    /// # Errors
    /// If the system does not give as many as that.
    pub fn with_threads(mut self, threads: NonZeroUsize) -> io::Result<Self> {
        self.threads = Threads::own(threads.get()).map_err(io::Error::other)?;
        Ok(self)
    }

    /// Makes no threads: whoever asks for a result does the work.
    #[must_use]
    pub fn alone(mut self) -> Self {
        self.threads = Threads::Alone;
        self
    }

    /// In words, what the system did not give of the threads that hashers share. Hashers work with
    /// what there is, and with the caller's thread if there is none.
    #[must_use]
    pub fn shortfall() -> Option<&'static str> {
        threads::shortfall()
    }

    /// Hashes this many events before they are folded, while those before them are folded.
    #[must_use]
    pub const fn with_window(mut self, events: NonZeroUsize) -> Self {
        self.window = events;
        self
    }

    /// Begins to hash as soon as a window of events is there, on other threads, rather than when
    /// the RIM is asked for. Good for whoever is sure to ask.
    #[must_use]
    pub const fn working_ahead(mut self) -> Self {
        self.works_ahead = true;
        self
    }

    /// Adds to `counter` how many events are folded, as they are.
    #[must_use]
    pub fn counting_in(mut self, counter: Arc<AtomicU64>) -> Self {
        self.counter = Some(counter);
        self
    }

    /// The kernel that hashes granules.
    #[must_use]
    pub const fn kernel(&self, algo: HashAlgo) -> Kernel {
        match algo {
            HashAlgo::Sha256 => self.sha256,
            HashAlgo::Sha512 | HashAlgo::Sha384 => self.sha512,
        }
    }

    /// How many threads hash.
    #[must_use]
    pub fn threads(&self) -> usize {
        self.threads.count()
    }

    /// The digest of a granule of zeros, which images have many of.
    #[must_use]
    pub fn zero_granule(algo: HashAlgo, size: GranuleSize) -> Digest {
        type Known = [[OnceLock<Digest>; GranuleSize::ALL.len()]; HashAlgo::ALL.len()];
        static ZEROS: Known =
            [const { [const { OnceLock::new() }; GranuleSize::ALL.len()] }; HashAlgo::ALL.len()];
        let known = &ZEROS[algo as usize][size as usize];
        *known.get_or_init(|| digest(algo, &vec![0; size.len_bytes()]))
    }

    pub(super) const fn window(&self) -> u64 {
        self.window.get() as u64
    }

    /// Whether a log may hand windows to other threads now. A thread of a pool must not wait for
    /// the others of its pool, who may wait for it.
    pub(super) fn may_work_ahead(&self) -> bool {
        self.works_ahead && rayon::current_thread_index().is_none() && self.threads.pool().is_some()
    }

    /// Whether a log gains by other threads for so many events, and may wait for them.
    pub(super) fn is_worth_sharing(&self, events: u64) -> bool {
        events >= WORTH_SHARING && rayon::current_thread_index().is_none()
    }

    pub(super) fn spawn(&self, work: impl FnOnce() + Send + 'static) {
        match self.threads.pool() {
            Some(pool) => pool.spawn(work),
            None => work(),
        }
    }

    pub(super) fn count(&self, events: u64) {
        if let Some(counter) = &self.counter {
            counter.fetch_add(events, Ordering::Relaxed);
        }
    }

    /// Gives all events from number `start` on to `fold`, in order and window by window, with a
    /// digest each: that of the granule that the event measures, or zeros if it measures none.
    ///
    /// A window is hashed while the one before it is folded, so that the fold, which can not be
    /// shared, costs no time while there is something to hash; and two windows of digests are all
    /// that is kept.
    pub(super) fn each_window(
        &self,
        span: &Span,
        algo: HashAlgo,
        events: &Events,
        start: u64,
        mut fold: impl FnMut(&Events, &[Digest]) + Send,
    ) {
        let mut fold = |(events, digests): &(Events, Vec<Digest>)| {
            fold(events, digests);
            self.count(events.len());
        };
        let hash = |at: u64| {
            let window = events.window(at, self.window());
            let digests = self.digests(span, algo, &window);
            (window, digests)
        };
        let mut starts = (start..events.len()).step_by(self.window.get());
        if events.len() - start < WORTH_SHARING {
            return starts.for_each(|start| fold(&hash(start)));
        }
        let Some(first) = starts.next() else { return };
        self.install(|| {
            let mut before = hash(first);
            for start in starts {
                let (next, ()) = self.threads.join(|| hash(start), || fold(&before));
                before = next;
            }
            fold(&before);
        });
    }

    /// Does `work` as one of the threads that hash: what it shares with others costs no switch.
    pub fn install<R: Send>(&self, work: impl FnOnce() -> R + Send) -> R {
        match self.threads.pool() {
            Some(pool) => pool.install(work),
            None => work(),
        }
    }

    /// What `work` makes of each of `items`, in their order, by all threads that hash.
    pub fn map<T: Send, R: Send>(
        &self,
        items: impl IntoIterator<Item = T>,
        work: impl Fn(T) -> R + Sync + Send,
    ) -> Vec<R> {
        self.threads.map(items.into_iter().collect(), work)
    }

    /// What is told of work on `events` events stands in this span, whichever thread does it.
    pub(super) fn span(&self, algo: HashAlgo, events: u64) -> Span {
        tracing::debug_span!("hash", algo = algo.name(), events, threads = self.threads())
    }

    /// The digest of the granule that each event measures, or zeros if it measures none.
    pub(super) fn digests(&self, span: &Span, algo: HashAlgo, events: &Events) -> Vec<Digest> {
        let count = usize::try_from(events.len()).expect("a window fits into memory");
        let mut digests = vec![Digest::EMPTY; count];
        let kernel = self.kernel(algo);
        let hash = |(i, digests): (usize, &mut [Digest])| {
            hash_piece(kernel, algo, events, (i * PIECE) as u64, digests, None);
        };
        if events.len() < WORTH_SHARING {
            digests.chunks_mut(PIECE).enumerate().for_each(hash);
        } else {
            self.threads.each(digests.chunks_mut(PIECE).enumerate().collect(), hash);
        }
        tracing::debug!(parent: span, events = count, %kernel, "hashed a window");
        digests
    }

    /// Puts the digest of the granule that each event measures, or zeros if it measures none, into
    /// `digests`, by this thread alone. A RIM is extended meanwhile by as many descriptors as fit
    /// beside.
    pub(super) fn digest_piece(
        &self,
        algo: HashAlgo,
        events: &Events,
        digests: &mut [Digest],
        beside: Option<Beside<'_>>,
    ) {
        hash_piece(self.kernel(algo), algo, events, 0, digests, beside);
    }

    /// Whether a RIM is best extended while granules are hashed.
    pub(super) fn extends_beside(&self, algo: HashAlgo) -> bool {
        self.kernel(algo).extends_beside(algo)
    }

    /// Gives the digests of all granules that `range` of `image` is cut into to `sink`. Holes of
    /// the file are not looked at.
    pub(super) fn digest_image(
        &self,
        image: &Arc<Image>,
        algo: HashAlgo,
        cut: Cut,
        range: Range<u64>,
        sink: &mut (impl DigestSink + Send),
    ) -> io::Result<()> {
        let (mut at, size_bytes) = (range.start, cut.size.bytes());
        while at < range.end {
            let hole_end = image.end_of_hole(at).min(range.end);
            let zeros = (hole_end - at) / size_bytes;
            let zeros =
                if hole_end == range.end { (hole_end - at).div_ceil(size_bytes) } else { zeros };
            sink.zeros(zeros);
            at += zeros * size_bytes;
            let data_end = image.start_of_hole(at).min(range.end);
            let count = (data_end.saturating_sub(at)).div_ceil(size_bytes);
            if count > 0 {
                let content = Page::Image { image: Arc::clone(image), offset: at };
                let content = Contents::from_first(cut.size, content);
                self.digest_granules(algo, content, count, sink)?;
                at += count * size_bytes;
            }
            self.count(zeros);
        }
        Ok(())
    }

    fn digest_granules(
        &self,
        algo: HashAlgo,
        content: Contents,
        count: u64,
        sink: &mut (impl DigestSink + Send),
    ) -> io::Result<()> {
        let first = DataEvent { ipa: Ipa(0), flags: DATA_MEASURE, content };
        let events = Events::repeating(first, count);
        let mut written = Ok(());
        self.each_window(&self.span(algo, count), algo, &events, 0, |_, digests| {
            if written.is_ok() {
                written = sink.digests(digests);
            }
        });
        written
    }
}

/// A RIM that is extended beside granules, and by what.
pub(super) type Beside<'b> = (&'b mut Measurement, &'b mut Descriptors<'b>);

/// Puts the digests of what the events from number `start` on measure into `digests`.
fn hash_piece(
    kernel: Kernel,
    algo: HashAlgo,
    events: &Events,
    start: u64,
    digests: &mut [Digest],
    mut beside: Option<Beside<'_>>,
) {
    let mut rest = Vec::with_capacity(digests.len());
    for (look, place) in events.looks(start, digests.len(), algo).zip(digests) {
        match look {
            None => {}
            Some((_, Look::Digest(digest))) => *place = digest,
            Some((size, Look::Zero)) => *place = Hasher::zero_granule(algo, size),
            Some((_, Look::Bytes(bytes))) => rest.push((place, bytes)),
        }
    }
    // A log has granules of one size: all of them but one find nothing to do.
    hash_granules::<{ GranuleSize::K4.len_bytes() }>(kernel, algo, &mut rest, &mut beside);
    hash_granules::<{ GranuleSize::K16.len_bytes() }>(kernel, algo, &mut rest, &mut beside);
    hash_granules::<{ GranuleSize::K64.len_bytes() }>(kernel, algo, &mut rest, &mut beside);
}

/// Puts the digests of those granules that have `LEN` bytes into their places.
fn hash_granules<const LEN: usize>(
    kernel: Kernel,
    algo: HashAlgo,
    granules: &mut [(&mut Digest, View<'_>)],
    beside: &mut Option<Beside<'_>>,
) {
    let mut places = Vec::with_capacity(granules.len());
    let mut contents = Vec::with_capacity(granules.len());
    for (place, bytes) in granules {
        let Ok(granule) = <&[u8; LEN]>::try_from(&**bytes) else { continue };
        // Most granules differ in the first word, which saves a call.
        if granule.starts_with(&[0; 8]) && granule == const { &[0; LEN] } {
            let size = GranuleSize::from_shift(LEN.trailing_zeros());
            **place = Hasher::zero_granule(algo, size.expect("the length of a granule"));
        } else {
            places.push(place);
            contents.push(granule);
        }
    }
    if contents.is_empty() {
        return;
    }
    let mut found = vec![Digest::EMPTY; contents.len()];
    match beside {
        None => kernel.digest_granules(algo, &contents, &mut found),
        Some((rim, descriptors)) => {
            kernel.digest_granules_beside(&contents, &mut found, rim, *descriptors);
        }
    }
    for (place, digest) in places.into_iter().zip(found) {
        **place = digest;
    }
}
