//! The door behind which hashing happens.
//!
//! Callers ask for the digests of what events measure; how many are computed at once, by which
//! instructions and on how many threads is decided here and nowhere else. Nothing of it shows in a
//! result.

use std::num::NonZeroUsize;
use std::sync::LazyLock;

use rayon::prelude::*;

use super::event::MeasuredEvent;
use super::kernel::Kernel;
pub use super::kernel::{Digest, digest};
use super::rim::HashAlgo;
use crate::abi::addr::GRANULE_LEN;

/// Events that are hashed before they are folded, if nobody says otherwise.
const WINDOW: NonZeroUsize = NonZeroUsize::new(2048).unwrap();
/// Events that a thread takes at a time; a multiple of every kernel's lanes.
const PIECE: usize = 32;
/// Below this many events the hand-over to other threads costs more than it saves.
const WORTH_SHARING: usize = 2 * PIECE;

/// How contents are hashed. Results are the same whatever is chosen.
///
/// The default is every core, and the kernel that is fastest on this processor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hasher {
    sha256: Kernel,
    sha512: Kernel,
    threads: Option<NonZeroUsize>,
    window: NonZeroUsize,
}

impl Default for Hasher {
    fn default() -> Self {
        Self {
            sha256: Kernel::fastest(HashAlgo::Sha256),
            sha512: Kernel::fastest(HashAlgo::Sha512),
            threads: None,
            window: WINDOW,
        }
    }
}

impl Hasher {
    /// Uses `kernel` for every algorithm that it can hash on this processor. None if it can hash
    /// none.
    #[must_use]
    pub fn with_kernel(mut self, kernel: Kernel) -> Option<Self> {
        let can = HashAlgo::ALL.map(|algo| kernel.is_available(algo));
        let [can256, can512] = can;
        if can256 {
            self.sha256 = kernel;
        }
        if can512 {
            self.sha512 = kernel;
        }
        (can256 || can512).then_some(self)
    }

    /// Uses this many threads.
    #[must_use]
    pub const fn with_threads(mut self, threads: NonZeroUsize) -> Self {
        self.threads = Some(threads);
        self
    }

    /// Hashes this many events before they are folded, while those before them are folded.
    #[must_use]
    pub const fn with_window(mut self, events: NonZeroUsize) -> Self {
        self.window = events;
        self
    }

    /// The kernel that hashes granules.
    #[must_use]
    pub const fn kernel(&self, algo: HashAlgo) -> Kernel {
        match algo {
            HashAlgo::Sha256 => self.sha256,
            HashAlgo::Sha512 => self.sha512,
        }
    }

    /// Gives all events to `fold`, in order and window by window, with a digest each: that of the
    /// granule that the event measures, or zeros if it measures none.
    ///
    /// A window is hashed while the one before it is folded, so that the fold, which can not be
    /// shared, costs no time while there is something to hash; and two windows of digests are all
    /// that is kept.
    pub(super) fn each_window(
        &self,
        algo: HashAlgo,
        events: &[MeasuredEvent],
        fold: impl FnMut(&[MeasuredEvent], &[Digest]) + Send,
    ) {
        let alone = self.threads.is_some_and(|threads| threads.get() == 1);
        if alone || events.len() < WORTH_SHARING {
            return self.one_thread(algo, events, fold);
        }
        match self.threads {
            None => rayon::scope(|_| self.all_threads(algo, events, fold)),
            Some(threads) => {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads.get()).build();
                match pool {
                    Ok(pool) => pool.install(|| self.all_threads(algo, events, fold)),
                    // A system that gives no more threads has this one.
                    Err(_) => self.one_thread(algo, events, fold),
                }
            }
        }
    }

    fn one_thread(
        &self,
        algo: HashAlgo,
        events: &[MeasuredEvent],
        mut fold: impl FnMut(&[MeasuredEvent], &[Digest]),
    ) {
        let kernel = self.kernel(algo);
        for piece in events.chunks(PIECE) {
            let mut digests = [Digest::EMPTY; PIECE];
            let digests = &mut digests[..piece.len()];
            hash_piece(kernel, algo, piece, digests);
            fold(piece, digests);
        }
    }

    fn all_threads(
        &self,
        algo: HashAlgo,
        events: &[MeasuredEvent],
        mut fold: impl FnMut(&[MeasuredEvent], &[Digest]) + Send,
    ) {
        let kernel = self.kernel(algo);
        let hash = |window: &[MeasuredEvent], digests: &mut Vec<Digest>| {
            digests.clear();
            digests.resize(window.len(), Digest::EMPTY);
            window
                .par_chunks(PIECE)
                .zip(digests.par_chunks_mut(PIECE))
                .for_each(|(events, digests)| hash_piece(kernel, algo, events, digests));
        };
        let (mut ready, mut coming) = (Vec::new(), Vec::new());
        let mut before: &[MeasuredEvent] = &[];
        for window in events.chunks(self.window.get()) {
            rayon::join(|| hash(window, &mut coming), || fold(before, &ready));
            before = window;
            std::mem::swap(&mut ready, &mut coming);
        }
        fold(before, &ready);
    }
}

/// Puts the digests of the granules that `events` measure into `digests`.
fn hash_piece(kernel: Kernel, algo: HashAlgo, events: &[MeasuredEvent], digests: &mut [Digest]) {
    const ZEROS: &[u8; GRANULE_LEN] = &[0; GRANULE_LEN];
    let mut places = Vec::with_capacity(events.len());
    let mut contents = Vec::with_capacity(events.len());
    for (event, place) in events.iter().zip(digests) {
        let Some(page) = event.measured_page() else { continue };
        let bytes = page.contents();
        if page.is_zero() || *bytes == *ZEROS {
            *place = zero_digest(algo);
        } else {
            places.push(place);
            contents.push(bytes);
        }
    }
    let granules: Vec<_> = contents.iter().map(|bytes| &**bytes).collect();
    let mut found = vec![Digest::EMPTY; granules.len()];
    kernel.digest_granules(algo, &granules, &mut found);
    for (place, digest) in places.into_iter().zip(found) {
        *place = digest;
    }
}

/// The digest of a granule of zeros, which images have many of.
fn zero_digest(algo: HashAlgo) -> Digest {
    static SHA256: LazyLock<Digest> = LazyLock::new(|| digest(HashAlgo::Sha256, &[0; GRANULE_LEN]));
    static SHA512: LazyLock<Digest> = LazyLock::new(|| digest(HashAlgo::Sha512, &[0; GRANULE_LEN]));
    match algo {
        HashAlgo::Sha256 => *SHA256,
        HashAlgo::Sha512 => *SHA512,
    }
}
