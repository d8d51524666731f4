//! The door behind which hashing happens.
//!
//! Callers ask for digests; how many are computed at once, and by which instructions, is decided
//! here and nowhere else.

use rayon::prelude::*;
use sha2::{Digest as _, Sha256, Sha512};

use super::event::MeasuredEvent;
use super::rim::HashAlgo;
use crate::abi::addr::GRANULE_LEN;

/// A digest, zero padded to 64 bytes as measurement slots and descriptors have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Digest {
    slot: [u8; 64],
}

impl Digest {
    /// The digest with its padding.
    #[must_use]
    pub const fn slot(&self) -> &[u8; 64] {
        &self.slot
    }
}

/// Hashes a message of any length.
#[must_use]
pub fn digest(algo: HashAlgo, message: &[u8]) -> Digest {
    let mut slot = [0; 64];
    match algo {
        HashAlgo::Sha256 => slot[..32].copy_from_slice(&Sha256::digest(message)),
        HashAlgo::Sha512 => slot.copy_from_slice(&Sha512::digest(message)),
    }
    Digest { slot }
}

/// The digests of all granules that `events` measure, in order.
pub(super) fn digest_contents(algo: HashAlgo, events: &[MeasuredEvent]) -> Vec<Digest> {
    let pages = events.iter().filter(|event| event.hashes_a_granule()).filter_map(|event| {
        let MeasuredEvent::Data(data) = event else { return None };
        Some(&data.content)
    });
    let pages: Vec<_> = pages.collect();
    let zero = digest(algo, &[0; GRANULE_LEN]);
    let one = |page: &&super::page::Page| {
        if page.is_zero() { zero } else { page.with_bytes(|bytes| digest(algo, bytes)) }
    };
    // Below this many granules the hand-over to other threads costs more than it saves.
    const WORTH_SHARING: usize = 64;
    if pages.len() < WORTH_SHARING {
        pages.iter().map(one).collect()
    } else {
        pages.par_iter().map(one).collect()
    }
}
