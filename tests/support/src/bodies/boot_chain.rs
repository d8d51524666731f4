//! The target `boot_chain`: bytes as the text of a chain.

use std::sync::Arc;

use rimsim::abi::profile::RemReading;
use rimsim::boot::{Chain, Predicted, Vm};
use rimsim::event_log;
use rimsim::host::Files;
use rimsim::measure::image::{Image, ImageError};
use rimsim::measure::rim::HashAlgo;

struct Names;

impl Files for Names {
    fn open(&mut self, name: &str) -> Result<Arc<Image>, ImageError> {
        Ok(Arc::new(Image::from_bytes(name, name.as_bytes().to_vec())))
    }
}

/// A chain boots in one way, and its log is one.
pub fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(chain) = Chain::read(text) else { return };
    let algo = chain.hash_algo.as_ref().map_or(HashAlgo::Sha256, |algo| algo.0);
    let tree = [0xD0, 0x0D, 0xFE, 0xED, 0, 0, 0, 64];
    let vm = Vm { device_tree: Some(&tree), ..Vm::of(algo) };
    let boot = || Predicted::of(&chain, vm, &mut Names);
    let (Ok(made), Ok(again)) = (boot(), boot()) else { return };
    assert_eq!(made.events, again.events);
    let rems = made.rems(RemReading::Concatenated);
    assert_eq!(rems.after.len(), made.events.len());
    if let Some(log) = made.ccel() {
        // A type that VMMs use for something else is the chain's own.
        let _ = event_log::read(&log.bytes);
        assert_eq!(log.bytes.len(), rimsim::boot::LOG_BYTES);
    }
}
