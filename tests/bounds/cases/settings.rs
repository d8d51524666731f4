//! Settings, requests and evidence.

use rimsim::Platform;
use rimsim::cli::fuzzing;
use rimsim::coverage::Exceptions;
use rimsim::encoding::keys::{PublicKey, SigningKey};
use rimsim::evidence::{Accept, Token, expectations, rim_of_token, token_bytes};
use rimsim::host::caps::CapsLayer;
use rimsim::host::libvirt::Domain;
use rimsim::measure::rim::{HashAlgo, Measurement};
use rimsim::refvalue::{RealmReference, corim::Corim, sign};
use rimsim::search::Target;

use crate::Case;
use crate::inputs::*;
use crate::readers::*;

fn words(bytes: &[u8]) {
    let text = std::str::from_utf8(bytes).expect("text");
    fuzzing::request(text).expect("a request");
}

fn no_settings(bytes: &[u8]) {
    let text = std::str::from_utf8(bytes).expect("text");
    assert!(CapsLayer::from_toml(text).is_err() && Platform::from_toml(text).is_err());
    assert!(Exceptions::from_toml(text).is_err());
    assert_eq!(fuzzing::lock(text), None);
}

fn is_lock(bytes: &[u8]) {
    let text = std::str::from_utf8(bytes).expect("text");
    assert!(fuzzing::lock(text).is_some());
}

fn token(bytes: &[u8]) {
    let bytes = token_bytes(bytes).unwrap_or(bytes.into());
    let accept = Accept { unknown_claims: true, padded: true };
    assert!(Token::read(&bytes, accept).is_err());
    assert!(rim_of_token(&bytes).is_err());
    assert!(Target::rem_from_file(&bytes).is_err());
}

/// As `rimsim lock` writes it, with as many arguments and inputs.
fn lock(count: usize) -> Vec<u8> {
    let argument = |i| format!("\"root=/dev/vda{i}\",");
    let input = |i| {
        let sha256 = format!("{i:064x}");
        format!(
            "[[input]]\nname = \"file {i}\"\npath = \"file {i}\"\nsize = {i}\n\
             sha256 = \"{sha256}\"\n"
        )
    };
    format!(
        "version = 1\ntool = \"rimsim 0.1.0\"\n[rim]\nalgorithm = \"sha256\"\nvalue = \"{:064x}\"\n\
         rule = \"rmm-1.0\"\n[measure]\nvmm = \"kvmtool\"\nvmm_version = \"cca-v4\"\n\
         host = \"kvm-v10\"\narguments = [\"kvmtool\", \"--\", {}]\nplatform = []\n{}",
        1,
        lines(count, argument),
        lines(count, input),
    )
    .into_bytes()
}

/// As `rimsim matrix` writes it, with as many rows.
fn fleet(count: usize) -> Vec<u8> {
    let row = |i| {
        format!(
            "[[row]]\nvalues = [\"{i}\"]\nalgorithm = \"sha256\"\nrim = \"{i:064x}\"\n\
             rule = \"rmm-1.0\"\n"
        )
    };
    format!(
        "version = 1\ntool = \"rimsim 0.1.0\"\n[matrix]\narguments = [\"kvmtool\", \"--\"]\n\
         axes = []\ncolumns = [\"cpus\"]\n{}",
        lines(count, row)
    )
    .into_bytes()
}

/// `count` blocks before the one that is looked for.
fn bundle(count: usize) -> Vec<u8> {
    let block = |label: &str| {
        format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", "A".repeat(64))
    };
    (block("CERTIFICATE").repeat(count) + &block("PUBLIC KEY")).into_bytes()
}

fn no_key(bytes: &[u8]) {
    assert!(PublicKey::from_bytes(bytes).is_err() && SigningKey::from_bytes(bytes).is_err());
}

fn corims(count: usize) -> Vec<u8> {
    let realm = |i: u64| {
        let digest = [i.to_le_bytes(), [1; 8], [2; 8], [3; 8]].concat();
        RealmReference::new(Measurement::from_bytes(HashAlgo::Sha256, &digest).expect("32 bytes"))
    };
    Corim::of((0..count as u64).map(realm).collect()).to_cbor()
}

pub(crate) const SETTINGS: &[Case] = &[
    Case {
        name: "a TOML file with keys",
        readers: &[CAPS, PLATFORM, EXCEPTIONS, LOCK],
        make: |n| lines(n, |i| format!("k{i} = 1\n")).into_bytes(),
        run: no_settings,
        count: 200,
        most_memory: 300,
    },
    Case {
        name: "a TOML file with an array",
        readers: &[CAPS, PLATFORM, EXCEPTIONS, LOCK],
        make: |n| format!("dram = [{}]\n", "{base = 0, size = 4096},".repeat(n)).into_bytes(),
        run: no_settings,
        count: 100,
        most_memory: 120,
    },
    Case {
        name: "a TOML file that nests",
        readers: &[CAPS, PLATFORM, EXCEPTIONS, LOCK],
        make: |n| format!("a = {}", "[".repeat(n)).into_bytes(),
        run: no_settings,
        count: 1000,
        most_memory: 120,
    },
    Case {
        name: "a lock file",
        readers: &[LOCK],
        make: lock,
        run: is_lock,
        count: 20,
        most_memory: 300,
    },
    Case {
        name: "the lock of a table",
        readers: &[FLEET],
        make: fleet,
        run: is_lock,
        count: 20,
        most_memory: 300,
    },
    Case {
        name: "a domain of libvirt",
        readers: &[DOMAIN],
        make: |n| {
            let inside = lines(n, |i| format!("<a{i} b='c'>d</a{i}>\n"));
            format!("<domain type='kvm'><metadata>{inside}</metadata></domain>").into_bytes()
        },
        run: |bytes| {
            let text = std::str::from_utf8(bytes).expect("text");
            assert!(Domain::read(text).is_err(), "there is no <os>");
        },
        count: 100,
        most_memory: 300,
    },
    Case {
        name: "a file with arguments",
        readers: &[WORDS],
        make: |n| {
            let limits = "--sve-vl=128 ".repeat(n);
            format!("kvmtool {limits} -- lkvm run {}", "-p x ".repeat(n)).into_bytes()
        },
        run: words,
        count: 50,
        most_memory: 200,
    },
];

pub(crate) const EVIDENCE: &[Case] = &[
    Case {
        name: "a map that is no token",
        readers: &[TOKEN, TOKEN_RIM, TOKEN_TEXT, OBSERVED],
        make: |n| {
            let entry = |i| [head(0, 100_000 + i), vec![1]].concat();
            [head(5, n), (0..n).flat_map(entry).collect()].concat()
        },
        run: token,
        count: 200,
        most_memory: 40,
    },
    Case {
        name: "hexadecimal that is no token",
        readers: &[TOKEN, TOKEN_RIM, TOKEN_TEXT, OBSERVED],
        make: |n| "a1".repeat(n).into_bytes(),
        run: token,
        count: 1000,
        most_memory: 10,
    },
    Case {
        name: "a CoRIM with Realms",
        readers: &[CORIM, SIGNED_CORIM],
        make: corims,
        run: |bytes| drop(sign::read(bytes).expect("a CoRIM")),
        count: 50,
        most_memory: 30,
    },
    Case {
        name: "expectations in JSON",
        readers: &[EXPECTATIONS],
        make: |n| {
            let realm = |i| format!("{{\"name\":\"r{i}\",\"rim\":\"{:064x}\"}},", i + 1);
            let realms = lines(n, realm);
            format!("{{\"realms\":[{}]}}", realms.trim_end_matches(',')).into_bytes()
        },
        run: |bytes| drop(expectations("a.json", bytes).expect("expectations")),
        count: 50,
        most_memory: 60,
    },
    Case {
        name: "a key in JSON",
        readers: &[KEYS],
        make: |n| {
            let fields = lines(n, |i| format!("\"a{i}\":1,"));
            format!("{{{fields}\"kty\":\"EC\"}}").into_bytes()
        },
        run: no_key,
        count: 200,
        most_memory: 60,
    },
    Case {
        name: "a bundle in PEM",
        readers: &[KEYS],
        make: bundle,
        run: no_key,
        count: 50,
        most_memory: 60,
    },
    Case {
        name: "a RIM that is none",
        readers: &[TOKEN_TEXT, OBSERVED],
        make: |n| format!("sha256:{}", "0x".repeat(n)).into_bytes(),
        run: |bytes| assert!(Target::rem_from_file(bytes).is_err() && token_bytes(bytes).is_err()),
        count: 1000,
        most_memory: 10,
    },
    Case {
        name: "a key in PEM",
        readers: &[KEYS],
        make: |n| {
            let body = "A".repeat(64) + "\n";
            let (begin, end) = ("-----BEGIN PUBLIC KEY-----", "-----END PUBLIC KEY-----");
            format!("{begin}\n{}{end}\n", body.repeat(n)).into_bytes()
        },
        run: no_key,
        count: 100,
        most_memory: 10,
    },
];
