//! Files that are measured: PE images, partition tables, and what is wrong with them.

use std::fs;

use proptest::prelude::*;
use rimsim::boot::efi::gpt;
use rimsim::boot::pe::Pe;
use rimsim::encoding::text::hex;
use rimsim::measure::rim::HashAlgo;
use sha2::{Digest as _, Sha256};

use super::vectors::folder;
use crate::boot_inputs::{Section, crc32, disk, files, kernel, pe, seed, signed, small_uki, uki};

/// The inputs are those that the vectors were made of, and have their digests.
#[test]
fn authenticode_of_the_vectors() {
    let lines = fs::read_to_string(folder().join("authenticode.txt")).expect("a file");
    let files = files();
    assert_eq!(lines.lines().count(), 6);
    for line in lines.lines() {
        let [name, sha256, algo, wanted] = line.split(' ').collect::<Vec<_>>()[..] else {
            panic!("{line}")
        };
        let bytes = &files.iter().find(|(found, _)| *found == format!("{name}.bin")).expect(name).1;
        assert_eq!(hex(&Sha256::digest(bytes)), sha256, "{name}");
        let algo = HashAlgo::from_name(algo).expect("an algorithm");
        let pe = Pe::read(bytes).expect("a PE");
        assert_eq!(hex(&pe.authenticode(algo).expect("whole")), wanted, "{line}");
    }
}

/// The UKI of the examples is what it is said to be.
#[test]
fn the_small_uki() {
    let kept = fs::read(folder().join("small-uki.efi")).expect("a file");
    assert!(kept == small_uki(), "it is made otherwise now");
    let pe = Pe::read(&kept).expect("a PE");
    assert_eq!(pe.sections().len(), 5);
}

/// The digest that another reader of PE files makes.
fn by_others(bytes: &[u8]) -> Option<String> {
    let pe = object::read::pe::PeFile64::parse(bytes).ok()?;
    let mut hash = Sha256::new();
    authenticode::authenticode_digest(&pe, &mut hash).ok()?;
    Some(hex(&hash.finalize()))
}

#[test]
fn authenticode_is_that_of_others() {
    for bytes in [kernel(), uki(), signed()] {
        let own = Pe::read(&bytes).expect("a PE").authenticode(HashAlgo::Sha256).expect("whole");
        assert_eq!(Some(hex(&own)), by_others(&bytes));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(crate::cases(64)))]

    /// Images with sections, bytes behind them and certificates of any length, and then any byte of
    /// the headers changed: no panic, and where both readers take it, one digest.
    #[test]
    fn authenticode_of_any_image(
        sections in prop::collection::vec((0_usize..3000, prop::option::of(0_u32..9000)), 0..6),
        certificate in 0_usize..700,
        trailing in 0_usize..700,
        at in 0_usize..0x400,
        value: u8,
    ) {
        let made: Vec<Section<'_>> =
            sections.iter().map(|(len, size)| (".s", seed("any", *len), *size)).collect();
        let mut bytes = pe(&made, &seed("c", certificate), &seed("t", trailing));
        let own = Pe::read(&bytes).expect("a PE").authenticode(HashAlgo::Sha256).expect("whole");
        prop_assert_eq!(Some(hex(&own)), by_others(&bytes));
        bytes[at] = value;
        if let Ok(pe) = Pe::read(&bytes) {
            let _ = pe.authenticode(HashAlgo::Sha256);
            for section in pe.sections() {
                let _ = pe.loaded(section);
            }
        }
        for end in [at, at + 0x200, bytes.len() / 2] {
            let _ = Pe::read(&bytes[..end.min(bytes.len())]);
        }
    }

    #[test]
    fn a_damaged_disk_is_no_panic(at in 512_usize..1024, value: u8, end in 0_usize..18000) {
        let mut bytes = disk();
        let whole = gpt::event_data(&bytes).expect("a table");
        bytes[at] = value;
        if let Ok(data) = gpt::event_data(&bytes) {
            prop_assert!(data == whole || at >= 604);
        }
        let _ = gpt::event_data(&bytes[..end.min(bytes.len())]);
    }
}

#[test]
fn what_is_no_image() {
    let wrong = |bytes: &[u8]| {
        let error = match Pe::read(bytes) {
            Ok(pe) => pe.authenticode(HashAlgo::Sha256).expect_err("it is damaged"),
            Err(error) => error,
        };
        error.to_string()
    };
    let put = |at: usize, value: u32| {
        let mut bytes = signed();
        bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
        bytes
    };
    let cut = |len: usize| signed()[..len].to_vec();
    // The optional header begins at 88, and the table of sections at 328.
    for (bytes, message) in [
        (Vec::new(), "byte 0x0: the signature takes 0x4 bytes, and the file has 0x0"),
        (b"\x1f\x8b\x08\0".to_vec(), "byte 0x0: no PE image"),
        (put(60, u32::MAX), "byte 0xffffffff: the signature takes"),
        (put(88, 0x107), "magic 0x107"),
        (put(88 + 60, 0x10), "SizeOfHeaders is 0x10, before the headers' end"),
        (put(88 + 60, u32::MAX), "SizeOfHeaders takes 0xffffffff bytes"),
        (put(328 + 16, 0x7fff_ffff), "a section takes 0x7fffffff bytes"),
        (put(328 + 20, 0xffff_fff0), "byte 0xfffffff0: a section takes 0x400 bytes"),
        (put(88 + 112 + 36, 0x800), "the file ends before"),
        (put(70, 0xffff), "a section takes"),
        (cut(0x5ff), "a section takes 0x400 bytes, and the file has 0x5ff"),
        (cut(0x820), "the file ends before"),
    ] {
        let error = wrong(&bytes);
        assert!(error.contains(message), "{message}: {error}");
    }
}

#[test]
fn partition_tables() {
    let whole = disk();
    let data = gpt::event_data(&whole).expect("a table");
    assert_eq!(data.len(), 92 + 8 + 2 * 128);
    let shown = gpt::shown(&data).expect("an event");
    assert!(shown.contains("\"p0\" ") && shown.contains("\"p1\" "), "{shown}");
    // The copy at the end stands in for a table that is damaged.
    let mut copied = whole.clone();
    copied.extend(&whole[1024..]);
    copied.extend(&whole[512..1024]);
    let at = copied.len() - 512;
    let block = u64::try_from(whole.len() / 512).expect("short");
    copied[at + 72..at + 80].copy_from_slice(&block.to_le_bytes());
    copied[at + 16..at + 20].fill(0);
    let crc = crc32(&copied[at..at + 92]);
    copied[at + 16..at + 20].copy_from_slice(&crc.to_le_bytes());
    copied[600] ^= 1;
    let copy = gpt::event_data(&copied).expect("the copy");
    assert_eq!(copy[92..], data[92..]);
    let mut damaged = whole.clone();
    damaged[1030] ^= 1;
    let error = gpt::event_data(&damaged).expect_err("damaged").to_string();
    assert!(error.starts_with("the GPT at byte 0x200: the CRC of its entries is"), "{error}");
    let error = gpt::event_data(&[0; 4096]).expect_err("none").to_string();
    assert!(error.starts_with("no GPT"), "{error}");
    let error = gpt::event_data(&whole[..2000]).expect_err("cut").to_string();
    assert!(error.contains("lie behind the image's end"), "{error}");
}
