//! Hashing: every kernel against `sha2`, and the pipeline against the formula.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use proptest::prelude::*;
use rimsim::abi::addr::Ipa;
use rimsim::measure::event::{DataEvent, MeasuredEvent, RipasEvent};
use rimsim::measure::hasher::Hasher;
use rimsim::measure::image::Image;
use rimsim::measure::kernel::Kernel;
use rimsim::measure::log::EventLog;
use rimsim::measure::page::{Page, write_stream};
use rimsim::measure::rim::HashAlgo;

use crate::batch::{MOST_GRANULES, check_batch, reference};
use crate::cases;

fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    write_stream(seed, 0, &mut bytes);
    bytes
}

#[test]
fn kernels_agree_on_every_length_of_a_batch() {
    let bytes = noise(1, MOST_GRANULES * 4096);
    let (granules, _) = bytes.as_chunks();
    let granules: Vec<_> = granules.iter().collect();
    for kernel in Kernel::ALL {
        let lanes = HashAlgo::ALL.map(|algo| kernel.lanes(algo).unwrap_or(0));
        assert!(lanes.iter().all(|lanes| 2 * lanes < MOST_GRANULES), "{kernel}");
    }
    for count in 0..=MOST_GRANULES {
        check_batch(&granules[..count]);
    }
}

#[test]
fn kernels_agree_wherever_granules_begin() {
    let bytes = noise(2, 70 * 64 + 4096);
    for start in 0..64 {
        // Granules that overlap and begin at every remainder of a cache line.
        let granule = |i: usize| bytes[start + i * 65..].first_chunk().expect("long enough");
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

/// What the pages of a log can be.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Zero,
    Owned,
    ImageNoise,
    ImageHole,
    ImageEnd,
    Stream,
    NotMeasured,
    Ripas,
}

fn kinds() -> impl Strategy<Value = Vec<Kind>> {
    use Kind::{ImageEnd, ImageHole, ImageNoise, NotMeasured, Owned, Ripas, Stream, Zero};
    let kind = prop::sample::select(vec![
        ImageNoise,
        ImageNoise,
        ImageNoise,
        ImageHole,
        ImageEnd,
        Owned,
        Stream,
        NotMeasured,
        Ripas,
        Zero,
    ]);
    prop::collection::vec(kind, 0..300)
}

/// An image of a granule of noise, one of zeros, and a hundred bytes.
fn image() -> Arc<Image> {
    let mut bytes = noise(3, 4096);
    bytes.resize(2 * 4096, 0);
    bytes.extend_from_slice(&noise(4, 100));
    Arc::new(Image::from_bytes("image", bytes))
}

fn event(i: u64, kind: Kind, image: &Arc<Image>) -> MeasuredEvent {
    let part = |offset| Page::Image { image: image.clone(), offset };
    let content = match kind {
        Kind::Ripas => {
            let (base, top) = (Ipa(i << 12), Ipa((i + 3) << 12));
            return MeasuredEvent::Ripas(RipasEvent { base, top, entry_size_bytes: 4096 });
        }
        Kind::Zero => Page::Zero,
        Kind::Owned => Page::from_bytes(noise(i, 4096).first_chunk().expect("whole")),
        // From somewhere in the first granule into the second.
        Kind::ImageNoise => part(i * 13 % 4096),
        Kind::ImageHole => part(4096),
        Kind::ImageEnd => part(2 * 4096 + i % 200),
        Kind::Stream | Kind::NotMeasured => Page::Stream { seed: i, offset: 4096 * i },
    };
    let flags = u64::from(!matches!(kind, Kind::NotMeasured));
    MeasuredEvent::Data(DataEvent { ipa: Ipa(i << 12), flags, content })
}

/// The RIM by the formula of the specification, one event after the other.
fn formula(algo: HashAlgo, events: &[MeasuredEvent]) -> Vec<u8> {
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
    for event in events {
        match event {
            MeasuredEvent::Data(data) if data.flags == 1 => {
                extend(0, data.ipa.0, 1, reference(algo, &data.content.to_bytes()));
            }
            MeasuredEvent::Data(data) => extend(0, data.ipa.0, data.flags, [0; 64]),
            MeasuredEvent::Ripas(ripas) => {
                ripas.entries().for_each(|(base, top)| extend(2, base.0, top.0, [0; 64]));
            }
            other => panic!("{other} is in no log here"),
        }
    }
    rim[..algo.len_bytes()].to_vec()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases(48)))]

    #[test]
    fn kernels_agree_on_noise_anywhere(
        seed: u64,
        starts in prop::collection::vec(0..20_000_usize, 0..=MOST_GRANULES),
    ) {
        let bytes = noise(seed, 20_000 + 4096);
        let granule = |start: &usize| bytes[*start..].first_chunk().expect("long enough");
        let granules: Vec<_> = starts.iter().map(granule).collect();
        check_batch(&granules);
    }

    #[test]
    fn rims_do_not_depend_on_threads_windows_or_kernels(
        kinds in kinds(),
        algo in prop::sample::select(HashAlgo::ALL.to_vec()),
        kernel in prop::sample::select(Kernel::ALL.to_vec()),
        threads in 1..5_usize,
        window in 1..200_usize,
        ahead: bool,
        cut: prop::sample::Index,
    ) {
        let image = image();
        let events: Vec<_> = (0..).zip(&kinds).map(|(i, kind)| event(i, *kind, &image)).collect();
        let expected = formula(algo, &events);
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
