//! Events whose digest is that of their own data.

use sha2::{Sha256, Sha384, Sha512};

use super::payload::event_name;
use super::read::{Event, NO_ACTION, algorithm_name};
use super::{Log, Payload};

use crate::encoding::text::hex;
use crate::measure::rim::HashAlgo;

/// An event whose digest does not match its data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrongDigest {
    /// The event's number.
    pub event: usize,
    /// What does not match, with both digests.
    pub why: String,
}

/// Whether digests by an algorithm are calculated here.
pub(super) fn has_digest(algorithm: u16) -> bool {
    HashAlgo::from_tcg_number(algorithm).is_some()
}

/// The digest of `parts` in a row; `None` if the algorithm is none that is calculated here.
pub(crate) fn digest<'p>(
    algorithm: u16,
    parts: impl IntoIterator<Item = &'p [u8]>,
) -> Option<Vec<u8>> {
    fn hash<'p, D: sha2::Digest>(parts: impl IntoIterator<Item = &'p [u8]>) -> Vec<u8> {
        let mut hash = D::new();
        parts.into_iter().for_each(|part| hash.update(part));
        hash.finalize().to_vec()
    }
    Some(match HashAlgo::from_tcg_number(algorithm)? {
        HashAlgo::Sha256 => hash::<Sha256>(parts),
        HashAlgo::Sha384 => hash::<Sha384>(parts),
        HashAlgo::Sha512 => hash::<Sha512>(parts),
    })
}

/// The bytes that the digest of an event may be of, if these stand in the event. The digests of
/// other events are of things that are not in the log.
fn digested(event: &Event) -> Vec<&[u8]> {
    /// What a separator that tells of an error is the digest of.
    const ERROR: &[u8] = &[1, 0, 0, 0];
    let data = event.data.as_slice();
    match event.kind {
        4 => vec![data, ERROR],
        // EV_ACTION, EV_S_CRTM_VERSION, EV_OMIT_BOOT_DEVICE_EVENTS; of EFI: actions, partition
        // tables, variables but those of the boot order.
        5 | 8 | 0x12 => vec![data],
        0x8000_0001 | 0x8000_0006 | 0x8000_0007 | 0x8000_000C | 0x8000_00E0 => vec![data],
        // Of these some firmware measures all of the data, and some what is in the variable.
        0x8000_0002 => variable(data).map_or_else(|| vec![data], |value| vec![data, value]),
        _ => Vec::new(),
    }
}

/// The value in a `UEFI_VARIABLE_DATA`: a GUID, two lengths, the name in UTF-16, the value.
fn variable(data: &[u8]) -> Option<&[u8]> {
    let word = |at: usize| {
        let bytes = data.get(at..at + 8)?.try_into().ok()?;
        usize::try_from(u64::from_le_bytes(bytes)).ok()
    };
    let value = 32_usize.checked_add(word(16)?.checked_mul(2)?)?;
    data.get(value..value.checked_add(word(24)?)?)
}

/// Every digest that can be compared with the data of its event, and differs: those of events that
/// carry what they measure, and of `EV_NO_ACTION`, which have to be zero.
#[must_use]
pub fn wrong_digests(log: &Log) -> Vec<WrongDigest> {
    let mut wrong = Vec::new();
    for event in &log.events {
        let name = event_name(event.kind);
        let mut say = |why: String| wrong.push(WrongDigest { event: event.number, why });
        let tags = matches!(event.payload, Payload::Realm(_) | Payload::Ripas { .. })
            || matches!(event.payload, Payload::Rec(_));
        let candidates = if tags { vec![event.data.as_slice()] } else { digested(event) };
        for logged in &event.digests {
            let algorithm = algorithm_name(logged.algorithm);
            let zero = logged.bytes.iter().all(|byte| *byte == 0);
            if event.kind == NO_ACTION && !zero {
                let found = hex(&logged.bytes);
                say(format!("{name} is not measured, and its {algorithm} digest is {found}"));
            }
            // Events of the VMM's commands have zeros or nothing in the place of a digest.
            if candidates.is_empty() || tags && zero {
                continue;
            }
            let of = |bytes: &&[u8]| digest(logged.algorithm, [*bytes]);
            let own: Vec<Vec<u8>> = candidates.iter().filter_map(of).collect();
            if !own.is_empty() && !own.contains(&logged.bytes) {
                say(format!(
                    "the {algorithm} digest of {name} is {}, and that of its data {}",
                    hex(&logged.bytes),
                    hex(&own[0])
                ));
            }
        }
    }
    wrong
}
