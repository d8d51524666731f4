//! Granules of 16 and 64 KiB: images and what is known of them, and an RMM that has such granules.

use std::fs::File;
use std::io::Cursor;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use rimsim::abi::addr::Ipa;
use rimsim::abi::granule_size::GranuleSize;
use rimsim::abi::platform::PlatformFile;
use rimsim::digest_cache::{Belief, DigestCache};
use rimsim::measure::contents::Contents;
use rimsim::measure::digests::{self, Cut, DigestFile};
use rimsim::measure::event::{DataEvent, MeasuredEvent};
use rimsim::measure::hasher::Hasher;
use rimsim::measure::image::Image;
use rimsim::measure::log::EventLog;
use rimsim::measure::page::{Page, write_stream};
use rimsim::measure::rim::{HashAlgo, Measurement};
use rimsim::model::granule::Gpt;
use rimsim::script::{self, Player};
use rimsim::session::Session;
use rimsim::{Command, Platform, Profile, World};

use crate::cli::Folder;
use crate::kernel_batch::reference;

const LEN_BYTES: usize = (3 << 20) + 70_001;

/// A sparse file of three megabytes: noise in a few places, and at the end.
fn sparse(path: &Path) -> Vec<u8> {
    let mut bytes = vec![0; LEN_BYTES];
    for (start, end) in [(0, 100), (0x9_0000, 0x9_4000), (0x10_3000, 0x10_9001)] {
        write_stream(start as u64, 0, &mut bytes[start..end]);
    }
    write_stream(7, 0, &mut bytes[3 << 20..]);
    let file = File::create(path).expect("a file");
    file.set_len(LEN_BYTES as u64).expect("its length");
    let (pieces, _) = bytes.as_chunks::<4096>();
    for (i, piece) in pieces.iter().enumerate().filter(|(_, piece)| **piece != [0; 4096]) {
        file.write_all_at(piece, 4096 * i as u64).expect("written");
    }
    let rest = LEN_BYTES / 4096 * 4096;
    file.write_all_at(&bytes[rest..], rest as u64).expect("written");
    bytes
}

/// The image's granules as they are measured, with zeros after its end.
fn granules(bytes: &[u8], cut: Cut) -> Vec<Vec<u8>> {
    let from = &bytes[usize::try_from(cut.phase).expect("small")..];
    let whole = |piece: &[u8]| {
        let mut granule = piece.to_vec();
        granule.resize(cut.size.len_bytes(), 0);
        granule
    };
    from.chunks(cut.size.len_bytes()).map(whole).collect()
}

/// A log of the image in granules of `size`, from `base` on.
fn log(image: &Arc<Image>, algo: HashAlgo, size: GranuleSize, base: u64) -> EventLog {
    let mut log = EventLog::new(algo);
    for i in 0..image.len_bytes().div_ceil(size.bytes()) {
        let offset = i * size.bytes();
        let page = Page::Image { image: Arc::clone(image), offset };
        let content = Contents::from_first(size, page);
        log.push(MeasuredEvent::Data(DataEvent { ipa: Ipa(base + offset), flags: 1, content }));
    }
    log
}

/// The RIM of the same, by nothing but `sha2`.
fn rim(bytes: &[u8], algo: HashAlgo, size: GranuleSize, base: u64) -> [u8; 64] {
    let mut rim = [0; 64];
    for (i, granule) in (0..).zip(granules(bytes, Cut { size, phase: 0 })) {
        let mut descriptor = [0; 256];
        descriptor[9] = 1;
        descriptor[0x10..0x50].copy_from_slice(&rim);
        let ipa: u64 = base + i * size.bytes();
        descriptor[0x50..0x58].copy_from_slice(&ipa.to_le_bytes());
        descriptor[0x58] = 1;
        descriptor[0x60..0xA0].copy_from_slice(&reference(algo, &granule));
        rim = reference(algo, &descriptor);
    }
    rim
}

fn shown(rim: &Measurement) -> Vec<u8> {
    rim.as_bytes().to_vec()
}

#[test]
fn digests_of_sparse_images_by_every_cut() {
    let folder = Folder::new("granule-sparse");
    let bytes = sparse(&folder.path("image"));
    let image = Arc::new(Image::open(&folder.path("image")).expect("an image"));
    for size in GranuleSize::ALL {
        for phase in [0, 4096, size.bytes() - 1].map(|phase| phase % size.bytes()) {
            let (cut, mut file) = (Cut { size, phase }, Cursor::new(Vec::new()));
            let algos = [HashAlgo::Sha256, HashAlgo::Sha384];
            digests::write(&mut file, &image, &algos, cut, &[0; 32], &Hasher::default())
                .expect("memory");
            let file = Arc::new(Image::from_bytes("digests", file.into_inner()));
            let lists = DigestFile::read(&file).expect("a good file").lists;
            for (list, algo) in lists.iter().zip(algos) {
                let expected = granules(&bytes, cut);
                assert_eq!((list.cut(), list.count()), (cut, expected.len() as u64));
                for (i, granule) in (0..).zip(expected) {
                    let found = list.get(phase + i * size.bytes()).expect("it is there");
                    assert_eq!(found.slot(), &reference(algo, &granule), "{size}, {phase}, {i}");
                }
            }
        }
    }
}

#[test]
fn images_are_measured_by_granules_of_every_size() {
    let folder = Folder::new("granule-rims");
    let bytes = sparse(&folder.path("image"));
    let image = Arc::new(Image::open(&folder.path("image")).expect("an image"));
    for size in GranuleSize::ALL {
        for algo in HashAlgo::ALL {
            let mut log = log(&image, algo, size, 0x8000_0000);
            let expected = rim(&bytes, algo, size, 0x8000_0000);
            assert_eq!(shown(&log.rim()), expected[..algo.len_bytes()], "{size}");
        }
    }
}

#[test]
fn a_cache_keeps_sizes_apart() {
    let folder = Folder::new("granule-cache");
    let bytes = sparse(&folder.path("image"));
    let place = folder.path("cache");
    let cache = DigestCache::open(&place, [1; 32], Belief::Times, Hasher::default());
    let cache = Arc::new(cache.expect("a folder"));
    for (round, remark) in ["no sha256 digests yet", "sha256 digests"].into_iter().enumerate() {
        let image = Image::open(&folder.path("image")).expect("an image");
        let image = Arc::new(image.with_digest_source(cache.clone()));
        for size in GranuleSize::ALL {
            let mut log = log(&image, HashAlgo::Sha256, size, 0);
            let expected = rim(&bytes, HashAlgo::Sha256, size, 0);
            assert_eq!(shown(&log.rim()), expected[..32], "{size}, {round}");
            let remarks = cache.take_remarks(true);
            assert_eq!(remarks.len(), 1, "{remarks:?}");
            assert!(remarks[0].contains(remark), "{remarks:?}");
        }
        let entries = std::fs::read_dir(folder.path("cache")).expect("the cache").count();
        assert_eq!(entries, 3, "one for each size");
    }
}

/// Digests of granules of one size say nothing of those of another.
#[test]
fn digests_stand_for_granules_of_their_size() {
    let folder = Folder::new("granule-digests");
    let bytes = sparse(&folder.path("image"));
    let args = ["digests", "image", "-o", "image.rimd", "--granule", "64k", "--algo", "sha512"];
    let output = folder.rimsim(&args);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(said, "sha512 50 granules of 64 KiB, 45 zero, image of 3215729 bytes\n");
    let file = Arc::new(Image::open(&folder.path("image.rimd")).expect("a file"));
    let lists = DigestFile::read(&file).expect("a good file").lists;
    let image = Arc::new(Image::from_digests("image", lists));
    assert_eq!(image.len_bytes(), bytes.len() as u64);
    let contents = |size, offset| {
        Contents::from_first(size, Page::Image { image: Arc::clone(&image), offset })
    };
    let can = |size, offset, algo| contents(size, offset).can_be_measured(algo);
    assert!(can(GranuleSize::K64, 0, HashAlgo::Sha512));
    assert!(!can(GranuleSize::K64, 0, HashAlgo::Sha256));
    assert!(!can(GranuleSize::K64, 0x4000, HashAlgo::Sha512));
    assert!(!can(GranuleSize::K16, 0, HashAlgo::Sha512));
    assert!(!can(GranuleSize::K4, 0, HashAlgo::Sha512));
    let mut log = log(&image, HashAlgo::Sha512, GranuleSize::K64, 0);
    assert_eq!(shown(&log.rim()), rim(&bytes, HashAlgo::Sha512, GranuleSize::K64, 0));
}

/// Pages of a granule that lie in a row are known as a row, also past an image's end.
#[test]
fn pages_in_a_row_are_told_from_others() {
    let size = GranuleSize::K16;
    let image = Arc::new(Image::from_bytes("image", vec![3; 5 * 4096 + 9]));
    let part = |offset| Page::Image { image: Arc::clone(&image), offset };
    let tail = [part(4 * 4096), part(5 * 4096), Page::Zero, Page::Zero];
    let row = Contents::from_pages(size, &tail);
    assert_eq!(row.first_of_consecutive(), Some(&part(4 * 4096)));
    assert_eq!(row, Contents::from_first(size, part(4 * 4096)));
    let mixed = Contents::from_pages(size, &[part(0), Page::Zero, part(8192), part(12288)]);
    assert_eq!(mixed.first_of_consecutive(), None);
    let expected = [vec![3; 4096], vec![0; 4096], vec![3; 8192]].concat();
    assert_eq!(*mixed.bytes(), *expected);
    assert_ne!(mixed, Contents::from_first(size, part(0)));
    let copied = expected.as_chunks().0.iter().map(Page::from_bytes).collect::<Vec<_>>();
    assert_eq!(mixed, Contents::from_pages(size, &copied), "by bytes, wherever they come from");
}

/// A machine whose RMM has granules of every size, if it is the text's.
fn platform(sizes: &[GranuleSize]) -> Platform {
    let granule_sizes = sizes.iter().map(|size| size.name().to_owned()).collect();
    let file =
        PlatformFile { granule_sizes, ..Platform::preset("small").expect("a preset").into() };
    Platform::try_from(file).expect("a machine that can be")
}

/// What RMI_RMM_CONFIG_SET answers for a size, and what it has changed.
fn choose(world: &mut World, code: u64) -> Result<(), &'static str> {
    let config_ptr = 0x8000_0000;
    let config = [[0; 8], code.to_le_bytes()].concat();
    world.host_write(config_ptr, &config).expect("the Host's memory");
    let before = world.clone();
    let outcome = world.execute(Command::RmmConfigSet { config_ptr });
    let Some(failure) = outcome.failure() else { return Ok(()) };
    assert!(*world == before, "a refusal changes nothing");
    Err(failure.condition())
}

fn offered(world: &mut World) -> u64 {
    world.execute(Command::Features { index: 1 }).regs()[1] & 0b111
}

/// TF-RMM has 4 KiB, whatever the machine could do; the text's RMM what the machine has.
#[test]
fn sizes_are_those_that_rmm_and_machine_have() {
    use GranuleSize::{K4, K16, K64};
    for (profile, sizes, register) in [
        (Profile::TF_RMM_2, &GranuleSize::ALL[..], 0b001),
        (Profile::SPEC_2, &GranuleSize::ALL[..], 0b111),
        (Profile::SPEC_2, &[K4, K64][..], 0b101),
        (Profile::SPEC_2, &[K4, K16][..], 0b011),
        (Profile::SPEC_2, &[K4][..], 0b001),
    ] {
        let mut world = World::new(platform(sizes), profile);
        assert_eq!(world.granule_size(), K4, "after boot");
        assert_eq!(offered(&mut world), register, "{profile}, {sizes:?}");
        for code in [2, 1, 0, 3, u64::MAX] {
            let size = GranuleSize::from_code(code);
            let known = size.is_some_and(|size| register >> size.code() & 1 == 1);
            let before = world.granule_size();
            let chosen = choose(&mut world, code);
            assert_eq!(chosen, if known { Ok(()) } else { Err("config_supp") }, "{profile}");
            assert_eq!(world.granule_size(), if known { size.expect("it is") } else { before });
        }
    }
    let mut first = World::new(platform(&GranuleSize::ALL), Profile::SPEC);
    let config_set = Command::RmmConfigSet { config_ptr: 0x8000_0000 }.encode();
    assert_eq!(first.call(&config_set).regs()[0], u64::MAX, "no command of 1.0");
}

/// RmiRmmConfig.tracking_region_size means what the granules' size makes of it (B4.6.78).
#[test]
fn tracking_regions_go_with_the_size_of_granules() {
    let config_ptr = 0x8000_0000;
    for (profile, code, regions) in [
        (Profile::SPEC_2, 0, 1),
        (Profile::SPEC_2, 1, 2),
        (Profile::SPEC_2, 2, 2),
        (Profile::TF_RMM_2, 0, 1),
        (Profile::TF_RMM_2, 1, 0),
        (Profile::TF_RMM_NEXT, 0, 1),
    ] {
        let mut world = World::new(platform(&GranuleSize::ALL), profile);
        let mut last = [0_u64; 2];
        for region in [1, 0, 2, 1 << 32] {
            let config: [u64; 2] = [region, code];
            let bytes = config.map(u64::to_le_bytes).concat();
            world.host_write(config_ptr, &bytes).expect("the Host's memory");
            let outcome = world.execute(Command::RmmConfigSet { config_ptr });
            assert_eq!(outcome.is_success(), region < regions, "{profile}, {config:?}: {outcome}");
            if outcome.is_success() {
                last = config;
            }
            assert!(world.execute(Command::RmmConfigGet { config_ptr }).is_success());
            let told = world.host_read(config_ptr, 16).expect("the Host's memory");
            assert_eq!(told, last.map(u64::to_le_bytes).concat(), "{profile}, {config:?}");
        }
    }
}

/// What the Host wrote stays where it is when granules get another size, and so does a PAS.
#[test]
fn memory_stays_as_it_was() {
    let mut world = World::new(platform(&GranuleSize::ALL), Profile::SPEC_2);
    let mut bytes = vec![0; 0x5_0000];
    write_stream(5, 0, &mut bytes);
    world.host_write(0x8100_3000, &bytes).expect("the Host's memory");
    world.set_gpt(0x8200_5000, Gpt::Secure).expect("a granule");
    for code in [2, 1, 0, 2] {
        choose(&mut world, code).expect("it has it");
        let found = world.host_read(0x8100_3000, bytes.len() as u64).expect("its memory");
        assert_eq!(found, bytes);
        assert!(world.host_read(0x8200_5000, 1).is_err());
        assert!(world.invariants().is_ok());
    }
    // The PAS is the granule's, and that has 64 KiB now.
    assert!(world.host_read(0x8200_0000, 1).is_err());
    assert!(world.host_read(0x8201_0000, 1).is_ok());
    assert!(world.set_gpt(0x8200_4000, Gpt::Ns).is_err(), "inside a granule");
    world.set_gpt(0x8200_0000, Gpt::Ns).expect("a granule");
    assert!(world.host_read(0x8200_5000, 1).is_ok());
}

/// The RIMs of the committed scripts, from nothing but their images and `sha2`.
#[test]
fn scripts_of_larger_granules_have_the_rims_of_the_formula() {
    const RAM: u64 = 0x8000_0000;
    let fill = |seed: u64, len: usize| {
        let mut bytes = vec![0; len];
        write_stream(seed, 0, &mut bytes);
        bytes
    };
    for (file, size, algo, kernel_len) in [
        ("granules-16k.rmi", GranuleSize::K16, HashAlgo::Sha384, 40 << 10),
        ("granules-64k.rmi", GranuleSize::K64, HashAlgo::Sha256, 200 << 10),
    ] {
        let mut rim = [0; 64];
        let mut extend = |kind: u8, words: [u64; 2], content: [u8; 64]| {
            let mut descriptor = [0; 256];
            (descriptor[0], descriptor[9]) = (kind, 1);
            descriptor[0x10..0x50].copy_from_slice(&rim);
            let [numbers, digest] = if kind == 0 { [0x50, 0x60] } else { [0, 0x50] };
            if kind == 0 {
                let bytes = words.map(u64::to_le_bytes);
                descriptor[numbers..numbers + 16].copy_from_slice(bytes.as_flattened());
            }
            descriptor[digest..digest + 64].copy_from_slice(&content);
            rim = reference(algo, &descriptor);
        };
        let cut = Cut { size, phase: 0 };
        for (i, granule) in (0..).zip(granules(&fill(7, kernel_len), cut)) {
            extend(0, [RAM + i * size.bytes(), 1], reference(algo, &granule));
        }
        let dtb = &granules(&fill(9, 5000), cut)[0];
        extend(0, [RAM + (1 << 20), 1], reference(algo, dtb));
        extend(0, [RAM + (2 << 20), 0], [0; 64]);
        let mut rec = [0; 4096];
        rec[0] = 1;
        rec[0x200..0x208].copy_from_slice(&RAM.to_le_bytes());
        rec[0x300..0x308].copy_from_slice(&(RAM + (1 << 20)).to_le_bytes());
        extend(1, [0; 2], reference(algo, &rec));

        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("spec-vectors/scripts").join(file);
        let mut player = Player::new(script::load(&path).expect("a script"));
        let (platform, profile) = player.setup();
        let mut session = Session::new(World::new(platform, profile));
        player.play(&mut session).expect("it holds");
        let world = session.world_mut();
        assert_eq!(world.granule_size(), size);
        let rd = world.realms().next().expect("one Realm").0;
        let found = world.rim(rd.0).expect("its RIM");
        assert_eq!(shown(&found), rim[..algo.len_bytes()], "{file}");
        assert!(world.invariants().is_ok());
    }
}

/// A script of 1.0 has no configuration, and says so.
#[test]
fn structures_of_another_edition_are_refused() {
    let folder = Folder::new("granule-config");
    folder.file("a.rmi", "let config = RmmConfig { rmi_granule_size=1 }\n");
    folder.fails(&["run", "a.rmi"], 2, "RMM 1.0 has no structure RmmConfig");
    folder
        .file("b.rmi", "spec \"2.0\"\nRMM_CONFIG_SET config_ptr=RmmConfig { rmi_granule_size=1 }");
    folder.fails(&["run", "b.rmi"], 4, "config_supp");
}
