//! Measuring an image of 30 MiB: the whole way from a file to the RIM, against hashing alone.

use std::sync::Arc;

use divan::Bencher;
use divan::counter::BytesCount;
use rimsim::abi::addr::Ipa;
use rimsim::measure::event::{DataEvent, MeasuredEvent};
use rimsim::measure::hasher::digest;
use rimsim::measure::image::Image;
use rimsim::measure::page::Page;
use rimsim::measure::rim::{EventLog, HashAlgo};

fn main() {
    divan::main();
}

const GRANULE: u64 = 4096;
const IMAGE_BYTES: u64 = 30 << 20;

fn image() -> Arc<Image> {
    let mut state = 1_u64;
    let bytes = (0..IMAGE_BYTES / 8).flat_map(|_| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        state.to_le_bytes()
    });
    Arc::new(Image::from_bytes("Image", bytes.collect()))
}

/// One thread, one granule at a time: what the others are compared with.
#[divan::bench(args = HashAlgo::ALL, sample_count = 5)]
fn hash_alone(bencher: Bencher<'_, '_>, algo: HashAlgo) {
    let image = image();
    bencher.counter(BytesCount::new(IMAGE_BYTES)).bench_local(|| {
        image.bytes_from(0).chunks(4096).for_each(|granule| {
            divan::black_box(digest(algo, granule));
        });
    });
}

/// The RIM over a DATA_CREATE of every granule.
#[divan::bench(args = HashAlgo::ALL, sample_count = 5)]
fn rim_of_image(bencher: Bencher<'_, '_>, algo: HashAlgo) {
    let image = image();
    let log = || {
        let mut log = EventLog::new(algo);
        for i in 0..IMAGE_BYTES / GRANULE {
            let offset = i * GRANULE;
            let content = Page::Image { image: image.clone(), offset };
            log.push(MeasuredEvent::Data(DataEvent { ipa: Ipa(offset), flags: 1, content }));
        }
        log
    };
    bencher
        .counter(BytesCount::new(IMAGE_BYTES))
        .with_inputs(log)
        .bench_local_refs(|log| log.rim());
}
