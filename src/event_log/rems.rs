//! Registers of a log, and the REMs that its events make.

use std::fmt;

use super::read::{Event, NO_ACTION, algorithm_name};
use super::{Log, Payload};
use crate::abi::profile::RemReading;
use crate::measure::rim::{HashAlgo, Measurement, extend};

/// Number of Realm Extensible Measurements.
const NUM_REMS: usize = 4;

/// How a log numbers registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Registers {
    /// As PCRs of a TPM, which firmware maps: 0 is the RIM; 1 and 7 the first REM, 2 to 6 the
    /// second, 8 to 15 the third. There are no others, and none is the last REM.
    Pcr,
    /// As measurement registers: 0 is the RIM, 1 to 4 are the REMs.
    Mr,
}

/// A measurement of a Realm, by the index of RSI_MEASUREMENT_READ: 0 for the RIM, 1 to 4 for REMs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Register(u8);

impl Register {
    /// The index: 0 to 4.
    #[must_use]
    pub const fn index(self) -> u8 {
        self.0
    }
}

impl fmt::Display for Register {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => f.write_str("rim"),
            n => write!(f, "rem{n}"),
        }
    }
}

impl Registers {
    /// All of them, with the names that the command line knows.
    pub const ALL: [(&'static str, Self); 2] = [("pcr", Self::Pcr), ("mr", Self::Mr)];

    /// The measurement that an index of the log stands for; `None` if there is none.
    #[must_use]
    pub const fn register(self, index: u32) -> Option<Register> {
        Some(Register(match (self, index) {
            (_, 0) => 0,
            (Self::Pcr, 1 | 7) => 1,
            (Self::Pcr, 2..=6) => 2,
            (Self::Pcr, 8..=15) => 3,
            (Self::Mr, 1) => 1,
            (Self::Mr, 2) => 2,
            (Self::Mr, 3) => 3,
            (Self::Mr, 4) => 4,
            _ => return None,
        }))
    }
}

/// What a log shows of how it numbers registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// An event that only the VMM of a Realm writes. Its log counts measurement registers.
    Vmm {
        /// The event's number.
        event: usize,
    },
    /// No index above 4: the log of a confidential machine (CC), which counts its registers.
    Cc,
    /// An index that no Realm's log has, as PCRs of a TPM have it.
    NoSuchRegister {
        /// The event's number.
        event: usize,
        /// The index.
        index: u32,
    },
}

impl fmt::Display for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Vmm { event } => write!(f, "event {event} is one of a Realm's VMM"),
            Self::Cc => {
                f.write_str("logs of confidential machines count them, and no index is > 4")
            }
            Self::NoSuchRegister { event, index } => write!(
                f,
                "logs of confidential machines count them, but event {event} has index {index}, as \
                 a log of a TPM may have: --registers pcr maps those"
            ),
        }
    }
}

/// How a log numbers registers. Logs of CC firmware (the bytes behind the table CCEL) and of VMMs
/// count measurement registers, always: a log that does not fit has REMs that are not known, and
/// never others.
#[must_use]
pub fn numbering(log: &Log) -> (Registers, Evidence) {
    let of_vmm = |event: &&Event| {
        event.index == 0 && matches!(event.payload, Payload::Vmm { .. } | Payload::Realm(_))
    };
    let strange =
        |event: &&Event| event.kind != NO_ACTION && Registers::Mr.register(event.index).is_none();
    let evidence = if let Some(Event { number, index, .. }) = log.events.iter().find(strange) {
        Evidence::NoSuchRegister { event: *number, index: *index }
    } else if let Some(event) = log.events.iter().find(of_vmm) {
        Evidence::Vmm { event: event.number }
    } else {
        Evidence::Cc
    };
    (Registers::Mr, evidence)
}

/// What the events of a log make of one REM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rem {
    /// Its value, zero if nothing extends it, or why that can not be known: the first event that
    /// hides it, with the byte of the log.
    pub value: Result<Measurement, String>,
    /// How many events extend it.
    pub count: u64,
}

/// What the events of a log make of the REMs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rems {
    /// REM 1 to 4.
    pub values: [Rem; NUM_REMS],
    /// What else should be known.
    pub remarks: Vec<String>,
}

impl Rems {
    /// Nothing that comes later makes a REM known again.
    fn hide(&mut self, rem: usize, why: &str) {
        let value = &mut self.values[rem].value;
        if value.is_ok() {
            *value = Err(why.to_owned());
        }
    }

    /// For a log whose rest can not be read: it may extend any of them.
    pub fn hide_all(&mut self, why: &str) {
        (0..NUM_REMS).for_each(|rem| self.hide(rem, why));
    }
}

/// The digest that an event extends a register by: that of the Realm's own algorithm, or the only
/// one that there is.
fn value(event: &Event, algo: HashAlgo) -> Option<&[u8]> {
    let found = event.digests.iter().find(|digest| digest.algorithm == algo.tcg_number());
    let only = (event.digests.len() == 1).then(|| &event.digests[0]);
    // RSI_MEASUREMENT_EXTEND takes at most 64 bytes.
    found.or(only).map(|digest| digest.bytes.as_slice()).filter(|bytes| bytes.len() <= 64)
}

/// Predicts REM 1 to 4 of a Realm that measures by `algo`: each event extends its register by its
/// digest (RSI_MEASUREMENT_EXTEND), in the order of the log. `EV_NO_ACTION` is not measured. An
/// event without a digest hides its REM; one of a register that a Realm does not have, all of them.
///
/// # Bounds
/// Time and memory grow with the length of the log, memory by at most 20 bytes for each byte of
/// it.
#[must_use]
pub fn rems(log: &Log, algo: HashAlgo, registers: Registers, reading: RemReading) -> Rems {
    let zero = Rem { value: Ok(Measurement::zero(algo)), count: 0 };
    let mut rems = Rems { values: std::array::from_fn(|_| zero.clone()), remarks: Vec::new() };
    for event in log.events.iter().filter(|event| event.kind != NO_ACTION) {
        let place = format!("event {}, byte {:#x}", event.number, event.offset);
        let Some(register) = registers.register(event.index) else {
            rems.hide_all(&format!("{place}: a Realm has no register {}", event.index));
            continue;
        };
        let Some(rem) = usize::from(register.0).checked_sub(1) else {
            let of_vmm = !matches!(
                event.payload,
                Payload::Tagged { .. } | Payload::Text(_) | Payload::Opaque
            );
            if !of_vmm && !event.digests.is_empty() {
                let what = "is measured into the RIM, which nobody can extend";
                rems.remarks.push(format!("{place}: {what}"));
            }
            continue;
        };
        let Some(value) = value(event, algo) else {
            let names = event.digests.iter().map(|digest| algorithm_name(digest.algorithm));
            let names = names.collect::<Vec<_>>().join(", ");
            let found = if names.is_empty() { "none".to_owned() } else { names };
            rems.hide(
                rem,
                &format!("{place}: no digest to extend {register} by; there is {found}"),
            );
            continue;
        };
        let rem = &mut rems.values[rem];
        rem.count += 1;
        if let Ok(before) = rem.value {
            rem.value = Ok(extend(before, value, reading));
        }
    }
    rems
}
