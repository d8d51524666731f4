//! Registers of a log, and the REMs that its events make.

use std::fmt;

use super::read::{Event, NO_ACTION, algorithm_name};
use super::{Log, Payload};
use crate::abi::profile::RemReading;
use crate::measure::rim::{HashAlgo, Measurement, extend};

/// Number of Realm Extensible Measurements.
const NUM_REMS: usize = 4;

/// How a log numbers registers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Registers {
    /// As PCRs of a TPM, which UEFI 2.10 (38.4.1) maps: 0 is the RIM; 1 and 7 the first REM, 2 to 6
    /// the second, 8 to 15 the third, all others the last.
    #[default]
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
            (Self::Pcr, _) => 4,
            (Self::Mr, 1) => 1,
            (Self::Mr, 2) => 2,
            (Self::Mr, 3) => 3,
            (Self::Mr, 4) => 4,
            (Self::Mr, _) => return None,
        }))
    }
}

/// What the events of a log make of the REMs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rems {
    /// REM 1 to 4. One that nothing extends is zero.
    pub values: [Measurement; NUM_REMS],
    /// How many events extend each.
    pub counts: [u64; NUM_REMS],
    /// Events that should extend something and can not.
    pub remarks: Vec<String>,
}

/// The digest that an event extends a register by: that of the Realm's own algorithm, or the only
/// one that there is.
fn value(event: &Event, algo: HashAlgo) -> Option<&[u8]> {
    let own = match algo {
        HashAlgo::Sha256 => 0x0B,
        HashAlgo::Sha384 => 0x0C,
        HashAlgo::Sha512 => 0x0D,
    };
    let found = event.digests.iter().find(|digest| digest.algorithm == own);
    let only = (event.digests.len() == 1).then(|| &event.digests[0]);
    // RSI_MEASUREMENT_EXTEND takes at most 64 bytes.
    found.or(only).map(|digest| digest.bytes.as_slice()).filter(|bytes| bytes.len() <= 64)
}

/// Predicts REM 1 to 4 of a Realm that measures by `algo`: each event extends its register by its
/// digest (RSI_MEASUREMENT_EXTEND), in the order of the log. `EV_NO_ACTION` is not measured.
#[must_use]
pub fn rems(log: &Log, algo: HashAlgo, registers: Registers, reading: RemReading) -> Rems {
    let mut rems = Rems {
        values: [Measurement::zero(algo); NUM_REMS],
        counts: [0; NUM_REMS],
        remarks: Vec::new(),
    };
    for event in log.events.iter().filter(|event| event.kind != NO_ACTION) {
        let number = event.number;
        let Some(register) = registers.register(event.index) else {
            let index = event.index;
            rems.remarks.push(format!("event {number}: a Realm has no register {index}"));
            continue;
        };
        let Some(rem) = usize::from(register.0).checked_sub(1) else {
            let of_vmm = !matches!(
                event.payload,
                Payload::Tagged { .. } | Payload::Text(_) | Payload::Opaque
            );
            if !of_vmm && !event.digests.is_empty() {
                let what = "is measured into the RIM, which nobody can extend";
                rems.remarks.push(format!("event {number}: {what}"));
            }
            continue;
        };
        match value(event, algo) {
            Some(value) => {
                rems.values[rem] = extend(rems.values[rem], value, reading);
                rems.counts[rem] += 1;
            }
            None => {
                let names = event.digests.iter().map(|digest| algorithm_name(digest.algorithm));
                let names = names.collect::<Vec<_>>().join(", ");
                let found = if names.is_empty() { "none".to_owned() } else { names };
                rems.remarks.push(format!(
                    "event {number}: no digest to extend {register} by; there is {found}"
                ));
            }
        }
    }
    rems
}
