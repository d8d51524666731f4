//! The log that is expected: as edk2 for Realms writes it.

use super::event::BootEvent;
use super::stages::Predicted;
use crate::measure::rim::HashAlgo;

/// The area that firmware keeps for its log, in bytes (PcdTcgLogAreaMinLen).
pub const LOG_BYTES: usize = 1 << 16;

/// A log, filled up with 0xFF.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ccel {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// How many events had no place: firmware extends the register and writes nothing.
    pub left_out: usize,
}

impl Predicted {
    /// The log of these measurements; `None` if the firmware has none.
    #[must_use]
    pub fn ccel(&self) -> Option<Ccel> {
        self.has_log.then(|| {
            let mut bytes = head(self.algo);
            let mut left_out = 0;
            for event in &self.events {
                let Some(kind) = event.kind else { continue };
                let entry = entry(event, kind, self.algo);
                if bytes.len() + entry.len() > LOG_BYTES {
                    left_out += 1;
                } else {
                    bytes.extend(entry);
                }
            }
            bytes.resize(LOG_BYTES, 0xFF);
            Ccel { bytes, left_out }
        })
    }
}

/// The first event: `Spec ID Event03`, version 2.0 with errata 0, one algorithm.
fn head(algo: HashAlgo) -> Vec<u8> {
    let mut spec = b"Spec ID Event03\0".to_vec();
    spec.extend([0, 0, 0, 0, 0, 2, 0, 2]);
    spec.extend(1_u32.to_le_bytes());
    spec.extend(algo.tcg_number().to_le_bytes());
    spec.extend(u16::try_from(algo.len_bytes()).unwrap_or(0).to_le_bytes());
    spec.push(0);
    let mut bytes = vec![0; 4];
    bytes.extend(3_u32.to_le_bytes());
    bytes.extend([0; 20]);
    bytes.extend(u32::try_from(spec.len()).unwrap_or(0).to_le_bytes());
    bytes.extend(spec);
    bytes
}

fn entry(event: &BootEvent, kind: u32, algo: HashAlgo) -> Vec<u8> {
    let mut bytes = u32::from(event.rem.index()).to_le_bytes().to_vec();
    bytes.extend(kind.to_le_bytes());
    bytes.extend(1_u32.to_le_bytes());
    bytes.extend(algo.tcg_number().to_le_bytes());
    bytes.extend(&event.digest);
    bytes.extend(u32::try_from(event.data.len()).unwrap_or(u32::MAX).to_le_bytes());
    bytes.extend(&event.data);
    bytes
}
