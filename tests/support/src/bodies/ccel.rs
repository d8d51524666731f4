//! The target `ccel`: bytes as a guest's log, learned and compared.

use std::sync::Arc;

use rimsim::boot::{Chain, Predicted, Vm, compare, events_of, learn, seen_in};
use rimsim::event_log;
use rimsim::host::Files;
use rimsim::measure::image::{Image, ImageError};
use rimsim::measure::rim::HashAlgo;

struct Nothing;

impl Files for Nothing {
    fn open(&mut self, name: &str) -> Result<Arc<Image>, ImageError> {
        Ok(Arc::new(Image::from_bytes(name, name.as_bytes().to_vec())))
    }
}

/// A chain that was learned of a log measures what the log has, and a log does not differ from
/// itself.
pub fn run(data: &[u8]) {
    let Ok((log, _)) = event_log::read_as_far(data) else { return };
    if log.events.len() > 64 {
        return;
    }
    for algo in [HashAlgo::Sha256, HashAlgo::Sha512] {
        let Ok(seen) = seen_in(&log, algo) else { continue };
        let found = compare(&events_of(&seen), &seen);
        assert!(found.differences.is_empty(), "{found:?}");
        let half = compare(&events_of(&seen[..seen.len() / 2]), &seen);
        assert_eq!(half.differences.is_empty(), seen.is_empty());
        if seen.iter().any(|seen| seen.digest.len() != algo.len_bytes()) {
            continue;
        }
        let learned = learn(&seen, algo, &[]);
        let chain = Chain::read(&learned.text).expect("what is learned is a chain");
        let vm = Vm::of(algo);
        let made = Predicted::of(&chain, vm, &mut Nothing).expect("it boots");
        let digests = made.events.iter().map(|event| (event.rem, &event.digest));
        assert!(digests.eq(seen.iter().map(|seen| (seen.rem, &seen.digest))));
    }
}
