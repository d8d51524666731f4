//! How fast one algorithm goes, by each kernel and as a whole.

use super::best::Best;
use super::scene::{self, ScratchImage};
use crate::abi::granule_size::GranuleSize;
use crate::measure::hasher::Hasher;
use crate::measure::kernel::Kernel;
use crate::measure::rim::HashAlgo;

/// Most of the image that one thread alone hashes in a round: it is not to take minutes.
pub(super) const ALONE_BYTES: u64 = 256 << 20;
pub(super) const CACHED: &str = "--digest-cache --trust-mtime and an entry";

/// What is measured of one algorithm.
#[derive(Debug)]
pub(super) struct Speeds {
    pub(super) algo: HashAlgo,
    size: GranuleSize,
    pub(super) baseline: Best,
    pub(super) kernels: Vec<(Kernel, Best)>,
    pub(super) pipeline: Best,
    pub(super) one_thread: Best,
    pub(super) copied: Best,
    pub(super) cached: Best,
    pub(super) fold: Best,
    /// The kernel that hashes and folds at once on one thread, if there is one.
    pub(super) beside: Option<(Kernel, Best)>,
    /// The hasher's kernel on all of its threads at once, with nothing to fold.
    pub(super) together: Best,
}

impl Speeds {
    /// Of all kernels, or of `only` one.
    pub(super) fn new(algo: HashAlgo, size: GranuleSize, only: Option<Kernel>) -> Self {
        let kernels = Kernel::ALL.into_iter().filter(|kernel| kernel.is_available(algo));
        let kernels = kernels.filter(|kernel| only.is_none_or(|only| only == *kernel));
        let kernels: Vec<_> = kernels.map(|kernel| (kernel, Best::default())).collect();
        let beside = kernels.iter().rfind(|(kernel, _)| kernel.extends_beside(algo));
        Self {
            algo,
            size,
            baseline: Best::default(),
            beside: beside.copied(),
            kernels,
            pipeline: Best::default(),
            one_thread: Best::default(),
            copied: Best::default(),
            cached: Best::default(),
            fold: Best::default(),
            together: Best::default(),
        }
    }

    pub(super) fn round(&mut self, image: &ScratchImage, hasher: &Hasher) -> Result<(), String> {
        match self.size {
            GranuleSize::K4 => self.round_of_kernels::<0x1000>(image, hasher),
            GranuleSize::K16 => self.round_of_kernels::<0x4000>(image, hasher),
            GranuleSize::K64 => self.round_of_kernels::<0x1_0000>(image, hasher),
        }
        let (algo, whole) = ((self.algo, self.size), image.len_bytes());
        let rim = self.pipeline.time(whole, || image.measure(algo, hasher))?;
        let alone = hasher.clone().alone();
        let one_thread = self.one_thread.time(whole, || image.measure(algo, &alone))?;
        let copied = self.copied.time(whole, || image.measure_copy(algo, hasher))?;
        let cache = image.cache(algo, hasher)?;
        let cached = self.cached.time(whole, || image.measure_cached(algo, hasher, cache))?;
        if [one_thread, copied, cached].iter().any(|other| *other != rim) {
            return Err(format!(
                "the RIM is {rim}, by one thread {one_thread}, of a copy {copied}, by the cache \
                 {cached}"
            ));
        }
        let log = image.known_log(algo, hasher)?;
        let folded = self.fold.time(whole, || scene::fold(log));
        if rim != folded {
            return Err(format!("the fold of known digests is {folded}, of the image {rim}"));
        }
        Ok(())
    }

    /// Granules of `LEN` bytes, on one thread, and on all.
    fn round_of_kernels<const LEN: usize>(&mut self, image: &ScratchImage, hasher: &Hasher) {
        let algo = self.algo;
        let granules = image.granules::<LEN>(ALONE_BYTES);
        let bytes = (granules.len() * LEN) as u64;
        self.baseline.time(bytes, || scene::one_by_one(algo, &granules));
        for (kernel, best) in &mut self.kernels {
            best.time(bytes, || scene::side_by_side(*kernel, algo, &granules));
        }
        if let Some((kernel, best)) = &mut self.beside {
            best.time(bytes, || scene::beside(*kernel, algo, &granules));
        }
        let shares = granules.chunks(granules.len().div_ceil(8 * hasher.threads()).max(1));
        let kernel = hasher.kernel(algo);
        self.together
            .time(bytes, || hasher.map(shares, |share| scene::side_by_side(kernel, algo, share)));
    }

    pub(super) fn ratio(&self) -> f64 {
        self.pipeline.per_second / self.baseline.per_second
    }

    /// How many times as fast as the pipeline something is.
    pub(super) fn of_pipeline(&self, best: Best) -> f64 {
        best.per_second / self.pipeline.per_second
    }

    /// The pipeline against all threads with the fastest kernel and nothing else to do.
    pub(super) fn of_ideal(&self, threads: usize) -> f64 {
        #[allow(clippy::cast_precision_loss, reason = "a number of threads")]
        let ideal = self.fastest() * threads as f64;
        self.pipeline.per_second / ideal
    }

    /// The pipeline against all threads with the fastest kernel and the fold to do: each byte costs
    /// both, however they are spread over the threads.
    pub(super) fn of_bound(&self, threads: usize) -> f64 {
        self.of_ideal(threads) * (1.0 + self.fastest() / self.fold.per_second)
    }

    /// Of one of the kernels.
    pub(super) fn kernel(&self, kernel: Kernel) -> f64 {
        let mut all = self.kernels.iter();
        all.find(|(other, _)| *other == kernel).map_or(0.0, |(_, best)| best.per_second)
    }

    pub(super) fn fastest(&self) -> f64 {
        self.kernels.iter().map(|(_, best)| best.per_second).fold(0.0, f64::max)
    }
}

impl Speeds {
    pub(super) fn algo_name(&self) -> String {
        self.algo.name().to_owned()
    }
}
