//! The REMs of the vectors, from their inputs alone.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use rimsim::abi::profile::RemReading;
use rimsim::boot::{Chain, Predicted, Vm};
use rimsim::event_log;
use rimsim::host::Files;
use rimsim::measure::image::{Image, ImageError};
use rimsim::measure::rim::HashAlgo;

use crate::boot_inputs::{chains, files};

pub(crate) fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("spec-vectors/measured-boot")
}

/// Files in memory.
pub(crate) struct Memory(pub(crate) BTreeMap<String, Vec<u8>>);

impl Memory {
    pub(crate) fn new() -> Self {
        Self(files().into_iter().map(|(name, bytes)| (name.to_owned(), bytes)).collect())
    }
}

impl Files for Memory {
    fn open(&mut self, name: &str) -> Result<Arc<Image>, ImageError> {
        let Some(bytes) = self.0.get(name) else {
            return Image::open(std::path::Path::new(name)).map(Arc::new);
        };
        Ok(Arc::new(Image::from_bytes(name, bytes.clone())))
    }
}

pub(crate) fn predicted(chain: &str, algo: HashAlgo) -> Predicted {
    let chain = Chain::read(chain).expect("a chain");
    let vm = Vm::of(algo);
    Predicted::of(&chain, vm, &mut Memory::new()).expect("it boots")
}

/// Events, digests, data and registers of the logs; of the blobs, which no log has, the digests.
#[test]
fn chains_measure_what_the_vectors_do() {
    let list = |name: &str| fs::read_to_string(folder().join(name)).expect("a file");
    let (rems, blobs) = (list("rems.txt"), list("blobs.txt"));
    let mut seen = 0;
    for algo in HashAlgo::ALL_1_0 {
        for (name, chain) in chains(algo.name()) {
            let predicted = predicted(&chain, algo);
            let values = predicted.rems(RemReading::Concatenated).values;
            let case = format!("{name}-{}", algo.name());
            seen += 1;
            let line = |text: &str, start: &str| {
                let found = text.lines().find_map(|line| line.strip_prefix(start));
                found.map(str::to_owned)
            };
            if let Some(line) = line(&blobs, &format!("{case} ")) {
                let mut words = line.split(' ');
                assert_eq!(words.next(), Some(&*values[0].to_string()), "{case}");
                let digests: Vec<String> =
                    predicted.events.iter().map(|event| hex(&event.digest)).collect();
                assert_eq!(digests, words.collect::<Vec<_>>(), "{case}");
                assert!(values[1..].iter().all(|rem| rem.is_zero()) && !predicted.has_log);
                continue;
            }
            let wanted = line(&rems, &format!("{case}.ccel ")).expect("a line");
            let shown: Vec<String> = values.iter().map(ToString::to_string).collect();
            let words = wanted.split(' ').count();
            let log = fs::read(folder().join(format!("{case}.ccel"))).expect("a log");
            let log = event_log::read(&log).expect("a log");
            for (event, logged) in predicted.events.iter().zip(&log.events) {
                let number = logged.number;
                assert_eq!(u32::from(event.rem.index()), logged.index, "{case} {number}");
                assert_eq!(event.kind, Some(logged.kind), "{case} {number}");
                assert_eq!(hex(&event.digest), hex(&logged.digests[0].bytes), "{case} {number}");
                assert_eq!(hex(&event.data), hex(&logged.data), "{case} {number}");
            }
            assert_eq!(predicted.events.len(), log.events.len(), "{case}");
            assert_eq!(shown[..words].join(" "), wanted, "{case}");
        }
    }
    assert_eq!(seen, 12);
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    rimsim::encoding::text::hex(bytes)
}
