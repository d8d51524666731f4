//! Bytes to events.

use thiserror::Error;

use super::payload::{Payload, event_name, text};
use super::{MAX_BANKS, MAX_EVENTS, MAX_LOG_BYTES};
use crate::measure::rim::HashAlgo;

/// `EV_NO_ACTION`: an event that is not measured.
pub(super) const NO_ACTION: u32 = 3;
/// The signature of the first event.
const SIGNATURE: &[u8; 16] = b"Spec ID Event03\0";
/// Longest digest of an algorithm that is not known here, in bytes.
const MAX_DIGEST_BYTES: usize = 128;

/// A measurement log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// What the first event says of the others.
    pub head: SpecId,
    /// The events after the first.
    pub events: Vec<Event>,
    /// Bytes up to the end of the last event; what follows is padding.
    pub used_bytes: u64,
    /// Bytes of padding, all 0x00 or all 0xFF.
    pub padding_bytes: u64,
}

/// `TCG_EfiSpecIdEvent`: the log's version, and the digests that its events may have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpecId {
    /// 0 for clients, 1 for servers.
    pub platform_class: u32,
    /// Major version of the TPM family.
    pub major: u8,
    /// Minor version of the TPM family.
    pub minor: u8,
    /// Errata of the specification.
    pub errata: u8,
    /// The digests.
    pub banks: Vec<Bank>,
    /// What the vendor adds.
    pub vendor_info: Vec<u8>,
}

/// A hash algorithm of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bank {
    /// TPM_ALG_ID.
    pub algorithm: u16,
    /// Length of a digest in bytes.
    pub len_bytes: usize,
}

/// `TCG_PCR_EVENT2`: one event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Its number: the first event of the log is 0, so these begin with 1.
    pub number: usize,
    /// Where it begins in the log, in bytes.
    pub offset: u64,
    /// The register that it was measured into, as the log numbers registers.
    pub index: u32,
    /// Its type.
    pub kind: u32,
    /// Its digests.
    pub digests: Vec<LoggedDigest>,
    /// Its data.
    pub data: Vec<u8>,
    /// What the data mean.
    pub payload: Payload,
}

/// A digest of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoggedDigest {
    /// TPM_ALG_ID. QEMU writes 0 in events that are not measured.
    pub algorithm: u16,
    /// The bytes.
    pub bytes: Vec<u8>,
}

/// Why bytes are no measurement log.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("event {event}, byte {offset:#x}: {why}")]
pub struct LogError {
    /// The event's number, from 0.
    pub event: usize,
    /// The byte of the log.
    pub offset: u64,
    /// What was found, and what was expected.
    pub why: String,
}

/// The name of a TPM_ALG_ID, and the length of its digests in bytes.
fn algorithm(id: u16) -> Option<(&'static str, usize)> {
    if let Some(algo) = HashAlgo::from_tcg_number(id) {
        return Some((algo.name(), algo.len_bytes()));
    }
    Some(match id {
        0x04 => ("sha1", 20),
        0x12 => ("sm3_256", 32),
        0x27 => ("sha3_256", 32),
        0x28 => ("sha3_384", 48),
        0x29 => ("sha3_512", 64),
        _ => return None,
    })
}

/// The name of a TPM_ALG_ID, or its number.
#[must_use]
pub fn algorithm_name(id: u16) -> String {
    algorithm(id).map_or_else(|| format!("{id:#06x}"), |(name, _)| name.to_owned())
}

/// Reads a log: events up to the end of the bytes, or up to where nothing but 0x00 or nothing but
/// 0xFF follows.
///
/// # Bounds
/// As [`read_as_far`].
///
/// # Errors
/// If an event is cut off, is not what the first one says, or is one of Realms and has another
/// form; if there are too many.
pub fn read(bytes: &[u8]) -> Result<Log, LogError> {
    let (log, broken) = read_as_far(bytes)?;
    broken.map_or(Ok(log), Err)
}

/// Reads a log up to its end, or up to the first event that can not be read: then that is the
/// second value, and what the log's registers hold in the end can not be known. Memory and time
/// grow with the length of the log, not faster.
///
/// # Bounds
/// Time and memory grow with the length, memory by at most 60 bytes for each byte. There are at
/// most [`MAX_LOG_BYTES`], [`MAX_EVENTS`] and
/// [`MAX_BANKS`].
///
/// # Errors
/// If the first event is none of a log.
pub fn read_as_far(bytes: &[u8]) -> Result<(Log, Option<LogError>), LogError> {
    if bytes.len() as u64 > MAX_LOG_BYTES {
        let why = format!("the log is longer than {} MiB", MAX_LOG_BYTES >> 20);
        return Err(LogError { event: 0, offset: 0, why });
    }
    if let Some(why) = super::ccel::of_table(bytes) {
        return Err(LogError { event: 0, offset: 0, why });
    }
    let mut reader = Reader { bytes, at: 0, event: 0 };
    let head = reader.head()?;
    let padding = padding_start(bytes);
    let (mut events, mut broken) = (Vec::new(), None);
    let mut used = reader.at;
    while reader.at < padding {
        reader.event = events.len() + 1;
        let event = if events.len() == MAX_EVENTS {
            Err(reader.wrong(format!("more than {MAX_EVENTS} events")))
        } else {
            reader.event(&head)
        };
        match event {
            Ok(event) => events.push(event),
            Err(error) => {
                broken = Some(error);
                break;
            }
        }
        used = reader.at;
    }
    let padding_bytes = if broken.is_some() { 0 } else { bytes.len() - used };
    let (used_bytes, padding_bytes) = (used as u64, padding_bytes as u64);
    let is_whole = broken.is_none();
    tracing::info!(events = events.len(), used_bytes, padding_bytes, is_whole, "read a log");
    Ok((Log { head, events, used_bytes, padding_bytes }, broken))
}

/// Where the bytes begin after which nothing but 0x00 or nothing but 0xFF follows.
fn padding_start(bytes: &[u8]) -> usize {
    let Some(last) = bytes.last().filter(|last| matches!(last, 0 | 0xFF)) else {
        return bytes.len();
    };
    bytes.iter().rposition(|byte| byte != last).map_or(0, |at| at + 1)
}

struct Reader<'b> {
    bytes: &'b [u8],
    at: usize,
    event: usize,
}

impl<'b> Reader<'b> {
    fn wrong(&self, why: String) -> LogError {
        LogError { event: self.event, offset: self.at as u64, why }
    }

    fn take(&mut self, what: &str, len: usize) -> Result<&'b [u8], LogError> {
        let rest = &self.bytes[self.at..];
        let Some(found) = rest.get(..len) else {
            let left = rest.len();
            return Err(self.wrong(format!("{what} takes {len} bytes, and {left} are left")));
        };
        self.at += len;
        Ok(found)
    }

    fn number<const N: usize>(&mut self, what: &str) -> Result<[u8; N], LogError> {
        Ok(self.take(what, N)?.try_into().expect("N bytes"))
    }

    fn u16(&mut self, what: &str) -> Result<u16, LogError> {
        self.number(what).map(u16::from_le_bytes)
    }

    fn u32(&mut self, what: &str) -> Result<u32, LogError> {
        self.number(what).map(u32::from_le_bytes)
    }

    fn len(&mut self, what: &str) -> Result<usize, LogError> {
        Ok(usize::try_from(self.u32(what)?).unwrap_or(usize::MAX))
    }

    /// The first event, in the form of `TCG_PCClientPCREvent`.
    fn head(&mut self) -> Result<SpecId, LogError> {
        let index = self.u32("the index")?;
        let kind = self.u32("the type")?;
        // TDX's firmware writes its first event with register 1.
        if index > 1 || kind != NO_ACTION {
            let name = event_name(kind);
            let why =
                format!("{name} of index {index}; a log begins with EV_NO_ACTION of index 0 or 1");
            return Err(self.wrong(why));
        }
        let digest = self.take("the digest", 20)?;
        if digest.iter().any(|byte| *byte != 0) {
            return Err(self.wrong("the digest of the first event is not zero".into()));
        }
        let len = self.len("the length of the data")?;
        let start = self.at;
        self.take("the data", len)?;
        let mut inner = Reader { bytes: &self.bytes[..self.at], at: start, event: 0 };
        inner.spec_id()
    }

    fn spec_id(&mut self) -> Result<SpecId, LogError> {
        let signature = self.take("the signature", 16)?;
        if signature != SIGNATURE {
            let why = format!(
                "the signature is \"{}\"; a log with SHA-256 or longer digests has \"Spec ID \
                 Event03\"",
                text(signature)
            );
            return Err(self.wrong(why));
        }
        let platform_class = self.u32("the platform class")?;
        let [minor, major, errata, uintn] = self.number("the version")?;
        if !(1..=2).contains(&uintn) {
            return Err(self.wrong(format!("uintnSize is {uintn}; it is 1 or 2")));
        }
        let count = self.len("the number of algorithms")?;
        if !(1..=MAX_BANKS).contains(&count) {
            return Err(self.wrong(format!("{count} algorithms; there are 1 to {MAX_BANKS}")));
        }
        let mut banks: Vec<Bank> = Vec::new();
        for _ in 0..count {
            let id = self.u16("an algorithm")?;
            let len_bytes = usize::from(self.u16("the length of its digests")?);
            let name = algorithm_name(id);
            let fits = match algorithm(id) {
                Some((_, known)) => len_bytes == known,
                None => id != 0 && (1..=MAX_DIGEST_BYTES).contains(&len_bytes),
            };
            if !fits {
                return Err(self.wrong(format!("digests of {name} with {len_bytes} bytes")));
            }
            if banks.iter().any(|bank| bank.algorithm == id) {
                return Err(self.wrong(format!("{name} is there twice")));
            }
            banks.push(Bank { algorithm: id, len_bytes });
        }
        let [len] = self.number("the length of the vendor's information")?;
        let vendor_info = self.take("the vendor's information", len.into())?.to_vec();
        let left = self.bytes.len() - self.at;
        if left > 0 {
            return Err(self.wrong(format!("{left} bytes are left in the first event")));
        }
        Ok(SpecId { platform_class, major, minor, errata, banks, vendor_info })
    }

    fn event(&mut self, head: &SpecId) -> Result<Event, LogError> {
        let offset = self.at as u64;
        let index = self.u32("the index")?;
        let kind = self.u32("the type")?;
        let count = self.len("the number of digests")?;
        if count > MAX_BANKS {
            return Err(self.wrong(format!("{count} digests; there are at most {MAX_BANKS}")));
        }
        let mut digests: Vec<LoggedDigest> = Vec::new();
        for _ in 0..count {
            let before = self.at;
            let algorithm = self.u16("a digest's algorithm")?;
            let known = head.banks.iter().find(|bank| bank.algorithm == algorithm);
            let bank = match (known, &head.banks[..]) {
                (Some(bank), _) => bank,
                // QEMU's log does not name the algorithm of the zeros that stand here.
                (None, [only]) if algorithm == 0 && kind == NO_ACTION => only,
                _ => {
                    self.at = before;
                    let name = algorithm_name(algorithm);
                    let why = format!("a digest of {name}, which the first event does not name");
                    return Err(self.wrong(why));
                }
            };
            if digests.iter().any(|digest| digest.algorithm == algorithm) {
                let name = algorithm_name(algorithm);
                return Err(self.wrong(format!("a second digest of {name}")));
            }
            let bytes = self.take("a digest", bank.len_bytes)?.to_vec();
            digests.push(LoggedDigest { algorithm, bytes });
        }
        let len = self.len("the length of the data")?;
        let start = self.at;
        let data = self.take("the data", len)?.to_vec();
        let payload = Payload::read(index, kind, &data).map_err(|why| {
            let name = event_name(kind);
            LogError { event: self.event, offset: start as u64, why: format!("{name}: {why}") }
        })?;
        Ok(Event { number: self.event, offset, index, kind, digests, data, payload })
    }
}
