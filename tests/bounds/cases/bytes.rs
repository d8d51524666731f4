//! Device trees, digests, vectors, pages.

use std::sync::Arc;

use rimsim::abi::granule_size::GranuleSize;
use rimsim::cli::fuzzing;
use rimsim::explain::tree_differences;
use rimsim::lint::Linter;
use rimsim::measure::digest_parts::{self, DigestPart};
use rimsim::measure::digests::{Cut, DigestFile};
use rimsim::measure::hasher::Hasher;
use rimsim::measure::image::Image;
use rimsim::measure::rim::HashAlgo;
use rimsim::report::{Finding, Report, write};
use rimsim::{Profile, conform, vector};

use crate::Case;
use crate::inputs::*;
use crate::readers::*;

/// Every other granule is zero, so that each has a run of its own.
fn half_zeros(count: usize) -> Arc<Image> {
    let byte = |i: usize| u8::try_from(i >> 12 & 1).expect("one bit");
    Arc::new(Image::from_bytes("image", (0..count * 4096).map(byte).collect()))
}

/// A part that is the whole.
fn whole_part(count: usize) -> Vec<u8> {
    let image = half_zeros(count);
    let mut file = std::io::Cursor::new(Vec::new());
    let (hasher, algos) = (Hasher::default().alone(), [HashAlgo::Sha256]);
    let range = 0..image.len_bytes();
    digest_parts::write(&mut file, &image, &algos, GranuleSize::K4, &range, &hasher)
        .expect("memory");
    file.into_inner()
}

fn digests(count: usize) -> Vec<u8> {
    let image = half_zeros(count);
    let mut file = std::io::Cursor::new(Vec::new());
    let (hasher, cut) = (Hasher::default().alone(), Cut::default());
    let algos = [HashAlgo::Sha256];
    rimsim::measure::digests::write(&mut file, &image, &algos, cut, &[0; 32], &hasher)
        .expect("memory");
    file.into_inner()
}

fn digest_file(bytes: &[u8]) {
    DigestFile::read(&Arc::new(Image::from_bytes("a", bytes.to_vec()))).expect("digests");
}

fn digest_part(bytes: &[u8]) {
    DigestPart::read(&Arc::new(Image::from_bytes("a", bytes.to_vec()))).expect("a part");
}

fn page(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let findings = text.split(' ').map(|text| Finding {
        realm: None,
        severity: "note".to_owned(),
        id: "id".to_owned(),
        place: text.to_owned(),
        message: text.to_owned(),
        count: 1,
    });
    drop(write(&Report { findings: findings.collect(), ..Report::default() }));
}

fn replayed(bytes: &[u8]) {
    let vector = vector::read("a.json", bytes).expect("a vector");
    let mut linter = Linter::of_recording();
    assert!(conform::replay(&vector, Profile::TF_RMM, [&mut linter as _]).steps > 0);
    drop(linter.finish());
}

pub(crate) const BYTES: &[Case] = &[
    Case {
        name: "a device tree with nodes",
        readers: &[TREE],
        make: |n| device_tree(2, 0, n),
        run: |bytes| assert!(fuzzing::device_tree(bytes).is_some()),
        count: 200,
        most_memory: 30,
    },
    Case {
        name: "a device tree with properties of a deep node",
        readers: &[TREE],
        make: |n| device_tree(8, n, 0),
        run: |bytes| assert!(fuzzing::device_tree(bytes).is_some()),
        count: 200,
        // Each has the path of its node, and that has 64 names of 255 bytes at most.
        most_memory: 100,
    },
    Case {
        name: "a device tree against one that has nothing of it",
        readers: &[TREE_DIFFERENCES],
        make: |n| device_tree(8, n, 0),
        run: |bytes| {
            let other = device_tree(0, 0, 0);
            let found = tree_differences(bytes, &other).expect("two trees");
            assert!(!found.is_empty());
        },
        count: 200,
        // A difference has the path as well.
        most_memory: 300,
    },
    Case {
        name: "a file of digests with runs of zeros",
        readers: &[DIGESTS],
        make: digests,
        run: digest_file,
        count: 32,
        most_memory: 10,
    },
    Case {
        name: "a part of digests with runs of zeros",
        readers: &[DIGEST_PART],
        make: whole_part,
        run: digest_part,
        count: 32,
        most_memory: 10,
    },
    Case {
        name: "an entry of the digest cache",
        readers: &[CACHE],
        make: |n| (0..n * 4096).map(|i| i.to_le_bytes()[1] | 1).collect(),
        run: |bytes| {
            let image = Arc::new(Image::from_bytes("a", bytes.to_vec()));
            let cut = Cut::default();
            assert!(fuzzing::cache_entry(&image, HashAlgo::Sha256, cut, false, |_| {}).is_some());
        },
        count: 16,
        most_memory: 2,
    },
    Case {
        name: "a page with findings",
        readers: &[PAGE],
        make: |n| "finding ".repeat(n).into_bytes(),
        run: page,
        count: 200,
        most_memory: 100,
    },
    Case {
        name: "a vector with steps",
        readers: &[VECTOR, REPLAY],
        make: vector,
        run: replayed,
        count: 100,
        most_memory: 60,
    },
];
