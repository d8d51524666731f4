//! Files of digests: what is written comes back, and what is damaged is noticed.

use std::io::Cursor;
use std::sync::Arc;

use proptest::prelude::*;
use rimsim::abi::granule_size::GranuleSize;
use rimsim::measure::digest_parts::{DigestPart, in_order, join};
use rimsim::measure::digests::{self, Cut, DigestFile, DigestsError};
use rimsim::measure::hasher::Hasher;
use rimsim::measure::image::Image;
use rimsim::measure::rim::HashAlgo;

use crate::cases;
use crate::digest_file::{check_file, read};
use crate::kernel_batch::reference;

fn written(image: &Arc<Image>, algos: &[HashAlgo], cut: Cut) -> Vec<u8> {
    let mut file = Cursor::new(Vec::new());
    digests::write(&mut file, image, algos, cut, &[7; 32], &Hasher::default()).expect("memory");
    file.into_inner()
}

/// Granules of zeros and others, and a few bytes more.
fn image(granules: &[u8], rest_bytes: usize) -> Vec<u8> {
    let whole = granules.iter().flat_map(|fill| [*fill; 4096]);
    whole.chain(std::iter::repeat_n(5, rest_bytes)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases(64)))]

    #[test]
    fn what_is_written_comes_back(
        granules in prop::collection::vec(prop_oneof![2 => Just(0), 1 => 1..4_u8], 0..40),
        rest_bytes in 1..4096_usize,
        phase in prop_oneof![Just(0), 0..65536_u64],
        size in prop::sample::select(GranuleSize::ALL.to_vec()),
        algos in prop::sample::subsequence(HashAlgo::ALL.to_vec(), 1..=2),
    ) {
        let bytes = image(&granules, rest_bytes);
        let (len, len_bytes) = (size.len_bytes(), size.bytes());
        let phase = (phase % len_bytes).min(bytes.len() as u64 - 1);
        let image = Arc::new(Image::from_bytes("image", bytes.clone()));
        let file = read(written(&image, &algos, Cut { size, phase })).expect("a good file");
        prop_assert_eq!(file.key, [7; 32]);
        prop_assert_eq!(file.lists.iter().map(|list| list.algo()).collect::<Vec<_>>(), algos);
        for list in &file.lists {
            prop_assert_eq!(list.image_len_bytes(), bytes.len() as u64);
            prop_assert_eq!(list.cut(), Cut { size, phase });
            let from = &bytes[usize::try_from(phase).expect("small")..];
            prop_assert_eq!(list.count(), from.len().div_ceil(len) as u64);
            let mut zeros = 0;
            for (i, piece) in (0..).zip(from.chunks(len)) {
                let mut granule = piece.to_vec();
                granule.resize(len, 0);
                let found = list.get(phase + i * len_bytes).expect("a granule of the list");
                prop_assert_eq!(found.slot(), &reference(list.algo(), &granule));
                zeros += u64::from(granule.iter().all(|byte| *byte == 0));
            }
            prop_assert_eq!(list.zero_count(), zeros);
            prop_assert!(list.get(phase + list.count() * len_bytes).is_none());
            prop_assert!(list.get(phase + 1).is_none());
        }
    }

    #[test]
    fn damage_is_noticed(
        granules in prop::collection::vec(0..3_u8, 1..6),
        place: prop::sample::Index,
        flip in 1..=255_u8,
        cut: bool,
    ) {
        let image = Arc::new(Image::from_bytes("image", image(&granules, 9)));
        let mut bytes = written(&image, &HashAlgo::ALL, Cut::default());
        let at = place.index(bytes.len());
        if cut { bytes.truncate(at) } else { bytes[at] ^= flip }
        prop_assert!(read(bytes.clone()).is_err(), "byte {at}");
        check_file(&bytes);
        // Half of a damaged file, and whatever follows, is damaged too.
        bytes.truncate(at);
        bytes.push(1);
        check_file(&bytes);
    }
}

/// A file whose checksum is right although the rest is not what this program writes.
fn forged(change: impl FnOnce(&mut Vec<u8>)) -> Result<DigestFile, DigestsError> {
    let image = Arc::new(Image::from_bytes("image", image(&[0, 1, 0, 0], 9)));
    let mut bytes = written(&image, &[HashAlgo::Sha256], Cut::default());
    change(&mut bytes);
    bytes[0x38..0x58].fill(0);
    let covered = [&bytes[0x58..], &bytes[..0x58]].concat();
    let checksum = reference(HashAlgo::Sha256, &covered);
    bytes[0x38..0x58].copy_from_slice(&checksum[..32]);
    read(bytes)
}

#[test]
fn a_right_checksum_is_not_enough() {
    assert!(forged(|_| {}).is_ok());
    // Two digests of 32 bytes, two runs of 16, and the trailer.
    let (runs, trailer) = (0x58 + 64, 0x58 + 64 + 32);
    let number = |at: usize, value: u64| {
        move |bytes: &mut Vec<u8>| bytes[at..at + 8].copy_from_slice(&value.to_le_bytes())
    };
    let byte = |at: usize, value: u8| move |bytes: &mut Vec<u8>| bytes[at] = value;
    assert_eq!(forged(byte(0x08, 2)).unwrap_err(), DigestsError::Part);
    assert_eq!(forged(byte(0x08, 3)).unwrap_err(), DigestsError::Version(3));
    assert_eq!(forged(byte(trailer, 3)).unwrap_err(), DigestsError::Algorithm(3));
    for shift in [0, 11, 13, 15, 17, 255] {
        let error = forged(byte(trailer + 1, shift)).unwrap_err();
        assert_eq!(error, DigestsError::GranuleSize(shift));
    }
    let larger = forged(byte(trailer + 1, 16)).unwrap_err();
    assert!(matches!(larger, DigestsError::Damaged(_)), "{larger}");
    for (at, value) in [
        (0x0C, 0),
        (0x0C, 2),
        (0x0C, u64::MAX),
        (0x10, 0),
        (0x10, u64::MAX),
        (trailer + 8, 4096),
        (trailer + 16, 0),
        (trailer + 16, u64::MAX),
        (trailer + 24, 1),
        (trailer + 24, u64::MAX),
        (trailer + 32, 0),
        (trailer + 32, u64::MAX / 8),
        (runs, 5),
        (runs + 8, 0),
        (runs + 8, u64::MAX),
        (runs + 16, 1),
        (runs + 24, 3),
    ] {
        let error = forged(number(at, value)).expect_err("not good");
        let fits = matches!(error, DigestsError::Damaged(_) | DigestsError::Algorithm(_));
        assert!(fits, "{at:#x} {value:#x}: {error}");
    }
}

/// Written by this program before granules could have another size than 4 KiB: of an image of the
/// bytes 0 to 255 in a granule, a granule of zeros, and nine bytes.
#[test]
fn files_of_old_are_read() {
    let mut bytes: Vec<u8> = (0..=255).cycle().take(4096).collect();
    bytes.resize(2 * 4096, 0);
    bytes.extend([5; 9]);
    let file = read(include_bytes!("old.rimd").to_vec()).expect("a good file");
    let [list] = &file.lists[..] else { panic!("one list") };
    assert_eq!((list.algo(), list.cut()), (HashAlgo::Sha256, Cut::default()));
    assert_eq!((list.count(), list.zero_count()), (3, 1));
    for (i, piece) in (0..).zip(bytes.chunks(4096)) {
        let mut granule = piece.to_vec();
        granule.resize(4096, 0);
        let found = list.get(i * 4096).expect("a granule of the list");
        assert_eq!(found.slot(), &reference(list.algo(), &granule));
    }
}

/// A part of an image of so many bytes, all of it, of which the checksum is right. Its lists: the
/// logarithm of their granules' size, digests that are stored, and granules of zeros behind them.
fn part(image_len_bytes: u64, lists: &[(u8, u64, u64)]) -> Result<DigestPart, DigestsError> {
    let (mut body, mut trailers) = (Vec::new(), Vec::new());
    body.extend([0, image_len_bytes].map(u64::to_le_bytes).concat());
    for (shift, stored, zeros) in lists {
        trailers.extend([0, *shift, 0, 0, 0, 0, 0, 0]);
        let numbers = [0, 0x58 + body.len() as u64, *stored, u64::from(*zeros > 0)];
        trailers.extend(numbers.map(u64::to_le_bytes).concat());
        (0..*stored).for_each(|_| body.extend([7; 32]));
        if *zeros > 0 {
            body.extend([*stored, *zeros].map(u64::to_le_bytes).concat());
        }
    }
    body.extend(trailers);
    let mut header = b"RIMD\r\n\x1A\n".to_vec();
    header.extend(2_u32.to_le_bytes());
    header.extend(u32::try_from(lists.len()).expect("few").to_le_bytes());
    header.extend(image_len_bytes.to_le_bytes());
    header.extend([1; 32]);
    header.extend([0; 32]);
    let checksum = reference(HashAlgo::Sha256, &[&body[..], &header].concat());
    header[0x38..].copy_from_slice(&checksum[..32]);
    DigestPart::read(&Arc::new(Image::from_bytes("part", [header, body].concat())))
}

#[test]
fn a_part_has_granules_of_one_size() {
    assert_eq!(part(65_536, &[(12, 16, 0)]).expect("a part").range, 0..65_536);
    assert!(part(65_536, &[(16, 1, 0)]).is_ok());
    let several = DigestsError::Damaged("its lists are of several sizes of granules");
    for lists in [[(12, 16, 0), (16, 1, 0)], [(16, 1, 0), (12, 16, 0)]] {
        assert_eq!(part(65_536, &lists).expect_err("two sizes"), several);
    }
}

/// A few bytes that say that an image has 2^62 are joined in no time.
#[test]
fn joining_takes_as_long_as_files_are_long() {
    let zeros = (1 << 50) - 3;
    let parts = vec![part(1 << 62, &[(12, 3, zeros)]).expect("a part")];
    let mut whole = Cursor::new(Vec::new());
    join(&mut whole, &in_order(parts).expect("all of the image")).expect("memory");
    let lists = read(whole.into_inner()).expect("a file").lists;
    assert_eq!((lists[0].count(), lists[0].zero_count()), (1 << 50, zeros));
}
