//! A Realm's measurement slots, and the log of events that the RIM is folded from.

use std::fmt;

use super::descriptor;
use super::event::MeasuredEvent;
use super::hasher::{self, Digest, Hasher};
use crate::abi::profile::RemReading;

/// RmiHashAlgorithm (DEN0137 1.0 B4.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HashAlgo {
    /// SHA-256, 32 bytes.
    Sha256,
    /// SHA-512, 64 bytes.
    Sha512,
}

impl HashAlgo {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Sha256, Self::Sha512];

    /// The algorithm with this encoding (0 or 1).
    #[must_use]
    pub const fn from_code(code: u8) -> Option<Self> {
        match code {
            0 => Some(Self::Sha256),
            1 => Some(Self::Sha512),
            _ => None,
        }
    }

    /// The name used in scripts, vectors and JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
            Self::Sha512 => "sha512",
        }
    }

    /// The algorithm with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algo| algo.name() == name)
    }

    /// Length of a digest in bytes.
    #[must_use]
    pub const fn len_bytes(self) -> usize {
        match self {
            Self::Sha256 => 32,
            Self::Sha512 => 64,
        }
    }
}

/// One measurement: a digest and its algorithm. A slot of a Realm is 64 bytes, the digest first and
/// zeros after it (DEN0137 1.0 A7.1).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Measurement {
    algo: HashAlgo,
    slot: [u8; 64],
}

impl Measurement {
    /// The slot before anything was measured: 64 zero bytes.
    #[must_use]
    pub const fn zero(algo: HashAlgo) -> Self {
        Self { algo, slot: [0; 64] }
    }

    /// A measurement from its bytes, which have to be exactly as many as the algorithm gives.
    #[must_use]
    pub fn from_bytes(algo: HashAlgo, bytes: &[u8]) -> Option<Self> {
        (bytes.len() == algo.len_bytes()).then(|| Self { algo, slot: pad64(bytes) })
    }

    /// The algorithm.
    #[must_use]
    pub const fn algo(&self) -> HashAlgo {
        self.algo
    }

    /// The digest: 32 or 64 bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.slot[..self.algo.len_bytes()]
    }

    /// The whole slot, zero padded to 64 bytes.
    #[must_use]
    pub const fn slot(&self) -> &[u8; 64] {
        &self.slot
    }

    /// Whether the slot is still 64 zero bytes.
    #[must_use]
    pub fn is_zero(&self) -> bool {
        self.slot == [0; 64]
    }

    fn replaced_by(self, digest: &Digest) -> Self {
        Self { algo: self.algo, slot: *digest.slot() }
    }
}

impl fmt::Display for Measurement {
    /// Lower-case hexadecimal, exactly the algorithm's length.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_bytes().iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Measurement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{self}", self.algo.name())
    }
}

/// A Realm Extensible Measurement extended by `value`, at most 64 bytes. The specification can be
/// read in three ways; [`RemReading`] names one.
#[must_use]
pub fn extend(rem: Measurement, value: &[u8], reading: RemReading) -> Measurement {
    let mut message = Vec::with_capacity(128);
    match reading {
        RemReading::Concatenated => {
            message.extend_from_slice(rem.as_bytes());
            message.extend_from_slice(value);
        }
        RemReading::Buffer => {
            message.extend_from_slice(rem.slot());
            message.extend_from_slice(&pad64(value));
        }
        RemReading::PaddedValue => {
            message.extend_from_slice(rem.as_bytes());
            message.extend_from_slice(&pad64(value));
        }
    }
    rem.replaced_by(&hasher::digest(rem.algo(), &message))
}

fn pad64(bytes: &[u8]) -> [u8; 64] {
    let mut slot = [0; 64];
    slot[..bytes.len()].copy_from_slice(bytes);
    slot
}

/// Hears how many of how many events are done, from whichever thread has done them.
pub type Progress<'a> = &'a (dyn Fn(u64, u64) + Sync);

/// Everything that was measured into one Realm's RIM, in order.
///
/// The RIM is folded when it is asked for, and only over the events that came since.
#[derive(Clone, Debug)]
pub struct EventLog {
    algo: HashAlgo,
    events: Vec<MeasuredEvent>,
    folded: usize,
    rim: Measurement,
}

impl EventLog {
    /// An empty log.
    #[must_use]
    pub fn new(algo: HashAlgo) -> Self {
        Self { algo, events: Vec::new(), folded: 0, rim: Measurement::zero(algo) }
    }

    /// Appends an event.
    pub fn push(&mut self, event: MeasuredEvent) {
        self.events.push(event);
    }

    /// The events, in order.
    #[must_use]
    pub fn events(&self) -> &[MeasuredEvent] {
        &self.events
    }

    /// The Realm's hash algorithm.
    #[must_use]
    pub fn algo(&self) -> HashAlgo {
        self.algo
    }

    /// The RIM over all events so far.
    pub fn rim(&mut self) -> Measurement {
        self.rim_with(&Hasher::default(), &|_, _| {})
    }

    /// The RIM over all events so far, hashed as `hasher` says.
    ///
    /// `progress` is told now and then how many of the events that came since the last time have
    /// been folded, and how many there are.
    pub fn rim_with(&mut self, hasher: &Hasher, progress: Progress<'_>) -> Measurement {
        let pending = &self.events[self.folded..];
        let (mut done, total) = (0, pending.len() as u64);
        let rim = &mut self.rim;
        hasher.each_window(self.algo, pending, |events, contents| {
            *rim = events
                .iter()
                .zip(contents)
                .fold(*rim, |rim, (event, content)| fold(rim, event, content));
            done += events.len() as u64;
            progress(done, total);
        });
        self.folded = self.events.len();
        self.rim
    }

    /// The RIM after each event, in order.
    #[must_use]
    pub fn rims(&self) -> Vec<Measurement> {
        let mut rim = Measurement::zero(self.algo);
        let mut rims = Vec::with_capacity(self.events.len());
        Hasher::default().each_window(self.algo, &self.events, |events, contents| {
            for (event, content) in events.iter().zip(contents) {
                rim = fold(rim, event, content);
                rims.push(rim);
            }
        });
        rims
    }
}

impl PartialEq for EventLog {
    /// Logs are equal if their events are; how far the RIM has been folded does not count.
    fn eq(&self, other: &Self) -> bool {
        self.algo == other.algo && self.events == other.events
    }
}

impl Eq for EventLog {}

/// The RIM after one more event. `content` is the digest of the granule that the event measures, or
/// zeros if it measures none.
fn fold(rim: Measurement, event: &MeasuredEvent, content: &Digest) -> Measurement {
    let algo = rim.algo();
    match event {
        MeasuredEvent::Realm(params) => rim.replaced_by(&hasher::digest(algo, &params.page())),
        MeasuredEvent::Data(data) => {
            let descriptor = descriptor::data(&rim, data.ipa, data.flags, content.slot());
            rim.replaced_by(&hasher::digest(algo, &descriptor))
        }
        MeasuredEvent::Rec(params) => {
            let content = hasher::digest(algo, &params.page());
            rim.replaced_by(&hasher::digest(algo, &descriptor::rec(&rim, content.slot())))
        }
        MeasuredEvent::Ripas(ripas) => ripas.entries().fold(rim, |rim, (base, top)| {
            rim.replaced_by(&hasher::digest(algo, &descriptor::ripas(&rim, base, top)))
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values of an independent implementation: bytes 1 to 32 extended into an empty REM, and
    /// nothing extended into it.
    #[test]
    fn the_readings_of_extend_differ() {
        let value: Vec<u8> = (1..=32).collect();
        let empty = Measurement::zero(HashAlgo::Sha256);
        let hex = |value: &[u8], reading| extend(empty, value, reading).to_string();
        assert_eq!(
            hex(&value, RemReading::Concatenated),
            "0b8f4c5b6adc4c087ab9f43aaeb6007084c264adcaa3cb07176b792342850412"
        );
        assert_eq!(
            hex(&value, RemReading::Buffer),
            "c490fcb8406937e154290bb8946f8dc562908c948110cc6d65055c1e26e35113"
        );
        assert_eq!(
            hex(&[], RemReading::Concatenated),
            "66687aadf862bd776c8fc18b8e9f8e20089714856ee233b3902a591d0d5f2925"
        );
    }

    #[test]
    fn the_readings_agree_where_nothing_is_padded() {
        let empty = Measurement::zero(HashAlgo::Sha512);
        let all = [RemReading::Concatenated, RemReading::Buffer, RemReading::PaddedValue];
        let values = all.map(|reading| extend(empty, &[7; 64], reading));
        assert!(values.iter().all(|value| *value == values[0]));
    }
}
