//! Measuring an image of 30 MiB: the whole way from a file to the RIM, against hashing alone.

use std::sync::Arc;

use divan::Bencher;
use divan::counter::BytesCount;
use rimsim::abi::addr::Ipa;
use rimsim::measure::event::{DataEvent, MeasuredEvent};
use rimsim::measure::hasher::digest;
use rimsim::measure::image::Image;
use rimsim::measure::log::EventLog;
use rimsim::measure::page::Page;
use rimsim::measure::rim::HashAlgo;
use rimsim::script::{MemoryFiles, Player, load_from};
use rimsim::session::Session;
use rimsim::{Profile, World};

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
            let content = Page::Image { image: image.clone(), offset }.into();
            log.push(MeasuredEvent::Data(DataEvent { ipa: Ipa(offset), flags: 1, content }));
        }
        log
    };
    bencher
        .counter(BytesCount::new(IMAGE_BYTES))
        .with_inputs(log)
        .bench_local_refs(|log| log.rim());
}

/// An arm64 `Image`: the header of the boot protocol, then code that nobody runs.
fn arm64_image() -> Vec<u8> {
    let mut bytes = image().bytes_from(0).to_vec();
    bytes[..64].fill(0);
    bytes[..4].copy_from_slice(&0x1400_0010_u32.to_le_bytes());
    bytes[16..24].copy_from_slice(&IMAGE_BYTES.to_le_bytes());
    bytes[56..60].copy_from_slice(b"ARM\x64");
    bytes
}

/// The script of the README's first example with a kernel of 30 MiB: parsing, every command, and
/// the RIM.
#[divan::bench(sample_count = 5)]
fn boot_of_30_mib(bencher: Bencher<'_, '_>) {
    let text = include_str!("../spec-vectors/scripts/linux-boot.rmi");
    // The expectation belongs to the small kernel that lies beside the script.
    let text = text.lines().filter(|line| !line.starts_with("expect")).collect::<Vec<_>>();
    let dtb = include_bytes!("../spec-vectors/scripts/realm.dtb");
    let files = [
        ("boot.rmi", text.join("\n").into_bytes()),
        ("Image", arm64_image()),
        ("realm.dtb", dtb.to_vec()),
    ];
    let files = files.map(|(name, bytes)| (name.to_owned(), bytes)).into_iter().collect();
    let script = load_from("boot.rmi", &mut MemoryFiles(files)).expect("the script of the README");
    bencher.counter(BytesCount::new(IMAGE_BYTES)).bench_local(|| {
        let mut player = Player::new(script.clone());
        let (platform, _) = player.setup();
        let mut session = Session::new(World::new(platform, Profile::TF_RMM));
        player.play(&mut session).expect("the Realm boots");
        let mut world = session.into_world();
        let rd = world.realms().next().expect("a Realm").0;
        divan::black_box(world.rim(rd.0))
    });
}
