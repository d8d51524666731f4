//! Hashing: every kernel against `sha2`, and the pipeline against the formula.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use proptest::prelude::*;
use rimsim::abi::addr::Ipa;
use rimsim::abi::granule_size::GranuleSize;
use rimsim::measure::contents::Contents;
use rimsim::measure::event::{DataEvent, MeasuredEvent, RipasEvent};
use rimsim::measure::hasher::Hasher;
use rimsim::measure::image::Image;
use rimsim::measure::kernel::Kernel;
use rimsim::measure::log::EventLog;
use rimsim::measure::page::{Page, write_stream};
use rimsim::measure::rim::HashAlgo;

use crate::cases;
use crate::kernel_batch::{MOST_GRANULES, check_batch, reference};

fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    write_stream(seed, 0, &mut bytes);
    bytes
}

/// Batches of granules of `LEN` bytes, of these lengths.
fn batches<const LEN: usize>(counts: impl IntoIterator<Item = usize>) {
    let bytes = noise(1, MOST_GRANULES * LEN);
    let (granules, _) = bytes.as_chunks::<LEN>();
    let granules: Vec<_> = granules.iter().collect();
    for count in counts {
        check_batch(&granules[..count]);
    }
}

#[test]
fn kernels_agree_on_every_length_of_a_batch() {
    for kernel in Kernel::ALL {
        let lanes = HashAlgo::ALL.map(|algo| kernel.lanes(algo).unwrap_or(0));
        assert!(lanes.iter().all(|lanes| 2 * lanes < MOST_GRANULES), "{kernel}");
    }
    batches::<4096>(0..=MOST_GRANULES);
    // What has two blocks of SHA-256 and one of SHA-512.
    batches::<128>(0..=MOST_GRANULES);
}

#[test]
fn kernels_agree_on_larger_granules() {
    // Batches that fill the lanes of a kernel, and one more or less.
    let counts = [1, 3, 5, 7, 8, 9, 15, 16, 17, 33];
    batches::<{ GranuleSize::K16.len_bytes() }>(counts);
    batches::<{ GranuleSize::K64.len_bytes() }>(counts);
}

#[test]
fn kernels_agree_wherever_granules_begin() {
    let bytes = noise(2, 70 * 64 + 4096);
    for start in 0..64 {
        // Granules that overlap and begin at every remainder of a cache line.
        let granule =
            |i: usize| bytes[start + i * 65..].first_chunk::<4096>().expect("long enough");
        let granules: Vec<_> = (0..17).map(granule).collect();
        check_batch(&granules);
    }
}

#[test]
fn kernels_go_by_their_names() {
    for kernel in Kernel::ALL {
        assert_eq!(Kernel::from_name(kernel.name()), Some(kernel));
        let can = HashAlgo::ALL.map(|algo| kernel.is_available(algo));
        let hasher = Hasher::default().with_kernel(kernel);
        assert_eq!(hasher.is_some(), can.contains(&true), "{kernel}");
        for (algo, can) in HashAlgo::ALL.into_iter().zip(can) {
            let used = hasher.clone().unwrap_or_default().kernel(algo);
            assert!(used.is_available(algo) && (used == kernel) == can || !can, "{kernel}");
        }
    }
    assert_eq!(Kernel::from_name("AVX512"), None);
}

#[test]
fn kernels_are_known_everywhere_and_available_at_home() {
    for algo in HashAlgo::ALL {
        assert!(Kernel::Sha2.is_available(algo));
        assert!(Kernel::fastest(algo).is_available(algo));
        assert!(Kernel::Armv8.lanes(algo) > Kernel::Sha2.lanes(algo));
        let [arm, x86] = ["aarch64", "x86_64"].map(|home| home == std::env::consts::ARCH);
        assert!(arm || !Kernel::Armv8.is_available(algo));
        for kernel in [Kernel::ShaNi, Kernel::Avx2, Kernel::Avx512] {
            assert!(x86 || !kernel.is_available(algo), "{kernel}");
        }
    }
}

/// What the granules of a log can be.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Zero,
    Owned,
    ImageNoise,
    ImageHole,
    ImageEnd,
    Stream,
    Mixed,
    NotMeasured,
    Ripas,
}

fn kinds() -> impl Strategy<Value = Vec<Kind>> {
    use Kind::{ImageEnd, ImageHole, ImageNoise, Mixed, NotMeasured, Owned, Ripas, Stream, Zero};
    let kind = prop::sample::select(vec![
        ImageNoise,
        ImageNoise,
        ImageNoise,
        ImageHole,
        ImageEnd,
        Owned,
        Stream,
        Mixed,
        NotMeasured,
        Ripas,
        Zero,
    ]);
    prop::collection::vec(kind, 0..300)
}

/// A granule of noise, one of zeros, and a hundred bytes.
fn image_bytes(size: GranuleSize) -> Vec<u8> {
    let mut bytes = noise(3, size.len_bytes());
    bytes.resize(2 * size.len_bytes(), 0);
    bytes.extend_from_slice(&noise(4, 100));
    bytes
}

/// Where in the image the granule begins.
fn image_offset(i: u64, kind: Kind, size: GranuleSize) -> u64 {
    match kind {
        // From somewhere in the first granule into the second.
        Kind::ImageNoise => i * 13 % size.bytes(),
        Kind::ImageHole => size.bytes(),
        _ => 2 * size.bytes() + i % 200,
    }
}

fn event(i: u64, kind: Kind, size: GranuleSize, image: &Arc<Image>) -> MeasuredEvent {
    let ipa = i << size.shift();
    let owned = Page::from_bytes(noise(i, 4096).first_chunk().expect("whole"));
    let first = match kind {
        Kind::Ripas => {
            let (base, top, entry_size_bytes) = (Ipa(ipa), Ipa(ipa + 3 * 4096), 4096);
            return MeasuredEvent::Ripas(RipasEvent { base, top, entry_size_bytes });
        }
        Kind::Zero | Kind::Mixed => Page::Zero,
        Kind::Owned => owned.clone(),
        Kind::ImageNoise | Kind::ImageHole | Kind::ImageEnd => {
            Page::Image { image: image.clone(), offset: image_offset(i, kind, size) }
        }
        Kind::Stream | Kind::NotMeasured => Page::Stream { seed: i, offset: size.bytes() * i },
    };
    let content = match kind {
        Kind::Mixed => {
            let mut pages = vec![first; usize::try_from(size.pages()).expect("sixteen")];
            *pages.last_mut().expect("one") = owned;
            Contents::from_pages(size, &pages)
        }
        _ => Contents::from_first(size, first),
    };
    let flags = u64::from(!matches!(kind, Kind::NotMeasured));
    MeasuredEvent::Data(DataEvent { ipa: Ipa(ipa), flags, content })
}

/// The bytes of a granule, by nothing but its kind.
fn bytes_of(i: u64, kind: Kind, size: GranuleSize) -> Vec<u8> {
    let len = size.len_bytes();
    let mut bytes = match kind {
        Kind::Owned => noise(i, 4096),
        Kind::Mixed => [vec![0; len - 4096], noise(i, 4096)].concat(),
        Kind::Stream => {
            let before = usize::try_from(i).expect("small") * len;
            noise(i, before + len).split_off(before)
        }
        Kind::ImageNoise | Kind::ImageHole | Kind::ImageEnd => {
            let offset = usize::try_from(image_offset(i, kind, size)).expect("small");
            let image = image_bytes(size);
            image[offset.min(image.len())..].to_vec()
        }
        Kind::Zero | Kind::NotMeasured | Kind::Ripas => Vec::new(),
    };
    bytes.resize(len, 0);
    bytes
}

/// The RIM by the formula of the specification, one event after the other.
fn formula(algo: HashAlgo, size: GranuleSize, kinds: &[Kind]) -> Vec<u8> {
    let mut rim = [0; 64];
    let mut extend = |kind: u8, a: u64, b: u64, content: [u8; 64]| {
        let mut descriptor = [0; 256];
        descriptor[0] = kind;
        descriptor[9] = 1;
        descriptor[0x10..0x50].copy_from_slice(&rim);
        descriptor[0x50..0x58].copy_from_slice(&a.to_le_bytes());
        descriptor[0x58..0x60].copy_from_slice(&b.to_le_bytes());
        descriptor[0x60..0xA0].copy_from_slice(&content);
        rim = reference(algo, &descriptor);
    };
    for (i, kind) in (0..).zip(kinds) {
        let ipa = i << size.shift();
        match kind {
            Kind::NotMeasured => extend(0, ipa, 0, [0; 64]),
            Kind::Ripas => {
                let ends = [0, 4096, 8192].map(|at| ipa + at);
                ends.into_iter().for_each(|base| extend(2, base, base + 4096, [0; 64]));
            }
            kind => extend(0, ipa, 1, reference(algo, &bytes_of(i, *kind, size))),
        }
    }
    rim[..algo.len_bytes()].to_vec()
}

/// Longer than a thread's turn with one log, and than what may wait: logs of several callers that
/// share two threads, and one with nobody to share with.
#[test]
fn long_logs_of_several_callers_share_the_threads() {
    let two = NonZeroUsize::new(2).expect("some");
    // The kernel that folds beside, if it is there.
    let hasher = Hasher::default();
    let hasher = hasher.clone().with_kernel(Kernel::Avx512).unwrap_or(hasher);
    let shared = hasher.with_threads(two).expect("threads").working_ahead();
    let event = |i: u64| {
        let page =
            if i.is_multiple_of(512) { Page::Stream { seed: i, offset: 0 } } else { Page::Zero };
        MeasuredEvent::Data(DataEvent { ipa: Ipa(i << 12), flags: 1, content: page.into() })
    };
    let rim = |hasher: Hasher, (algo, count)| {
        let mut log = EventLog::with_hasher(algo, hasher);
        (0..count).for_each(|i| log.push(event(i)));
        log.rim()
    };
    let logs = [(HashAlgo::Sha256, 40_000), (HashAlgo::Sha512, 40_001), (HashAlgo::Sha256, 70_000)];
    let found = std::thread::scope(|scope| {
        let threads = logs.map(|log| {
            let hasher = shared.clone();
            scope.spawn(move || rim(hasher, log))
        });
        threads.map(|thread| thread.join().expect("a RIM"))
    });
    assert_eq!(found, logs.map(|log| rim(Hasher::default().alone(), log)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases(48)))]

    #[test]
    fn kernels_agree_on_noise_anywhere(
        seed: u64,
        starts in prop::collection::vec(0..20_000_usize, 0..=MOST_GRANULES),
    ) {
        let bytes = noise(seed, 20_000 + 4096);
        let granule = |start: &usize| bytes[*start..].first_chunk::<4096>().expect("long enough");
        let granules: Vec<_> = starts.iter().map(granule).collect();
        check_batch(&granules);
    }

    #[test]
    fn rims_do_not_depend_on_threads_windows_or_kernels(
        mut kinds in kinds(),
        size in prop::sample::select(GranuleSize::ALL.to_vec()),
        algo in prop::sample::select(HashAlgo::ALL.to_vec()),
        kernel in prop::sample::select(Kernel::ALL.to_vec()),
        threads in 1..5_usize,
        window in 1..200_usize,
        ahead: bool,
        cut: prop::sample::Index,
    ) {
        kinds.truncate(300 / usize::try_from(size.pages()).expect("sixteen"));
        let image = Arc::new(Image::from_bytes("image", image_bytes(size)));
        let events: Vec<_> =
            (0..).zip(&kinds).map(|(i, kind)| event(i, *kind, size, &image)).collect();
        let expected = formula(algo, size, &kinds);
        let hasher = Hasher::default();
        let counter = Arc::new(AtomicU64::new(0));
        let hasher = hasher.clone().with_kernel(kernel).unwrap_or(hasher)
            .with_threads(NonZeroUsize::new(threads).expect("some")).expect("threads")
            .with_window(NonZeroUsize::new(window).expect("some"))
            .counting_in(counter.clone());
        let hasher = if ahead { hasher.working_ahead() } else { hasher };
        let (mut plain, mut log) = (EventLog::new(algo), EventLog::with_hasher(algo, hasher));
        let asked = cut.index(events.len() + 1);
        for (i, event) in events.iter().enumerate() {
            plain.push(event.clone());
            log.push(event.clone());
            if i + 1 == asked {
                // A copy of a log on which threads are at work, too.
                prop_assert_eq!(log.rim_now(), plain.rims()[i]);
                prop_assert_eq!(log.rim(), plain.rims()[i]);
            }
        }
        let rim = log.rim();
        prop_assert!(counter.load(Ordering::Relaxed) >= events.len() as u64);
        prop_assert_eq!(log.rim(), rim);
        prop_assert_eq!(rim.as_bytes(), &expected);
        prop_assert_eq!(plain.rim(), rim);
        prop_assert_eq!(plain.rims().last().copied().unwrap_or(rim), rim);
    }
}
