//! A Realm's measurement slots, and the log of events that the RIM is folded from.

use std::fmt;

use super::descriptor;
use super::event::MeasuredEvent;
use super::hasher::{self, Digest};

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

fn pad64(bytes: &[u8]) -> [u8; 64] {
    let mut slot = [0; 64];
    slot[..bytes.len()].copy_from_slice(bytes);
    slot
}

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
        let pending = &self.events[self.folded..];
        let contents = hasher::digest_contents(self.algo, pending);
        let mut contents = contents.iter();
        for event in pending {
            let content = event.hashes_a_granule().then(|| contents.next().expect("one each"));
            self.rim = fold(self.rim, event, content);
        }
        self.folded = self.events.len();
        self.rim
    }

    /// The RIM after each event, in order.
    #[must_use]
    pub fn rims(&self) -> Vec<Measurement> {
        let contents = hasher::digest_contents(self.algo, &self.events);
        let mut contents = contents.iter();
        let mut rim = Measurement::zero(self.algo);
        let mut rims = Vec::with_capacity(self.events.len());
        for event in &self.events {
            let content = event.hashes_a_granule().then(|| contents.next().expect("one each"));
            rim = fold(rim, event, content);
            rims.push(rim);
        }
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

/// The RIM after one more event. `content` is the digest of the granule that the event measures, if
/// it measures one.
fn fold(rim: Measurement, event: &MeasuredEvent, content: Option<&Digest>) -> Measurement {
    let algo = rim.algo();
    match event {
        MeasuredEvent::Realm(params) => rim.replaced_by(&hasher::digest(algo, &params.page())),
        MeasuredEvent::Data(data) => {
            let content = content.map_or([0; 64], |digest| *digest.slot());
            let descriptor = descriptor::data(&rim, data.ipa, data.flags, &content);
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
