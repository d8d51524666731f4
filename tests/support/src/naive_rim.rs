//! The RIM computed naively: one hash a line, from DEN0137 1.0 A7.1 and B4.4.
//!
//! Uses nothing of `rimsim::measure` but the names of parameters.

use rimsim::measure::event::RealmEvent;
use sha2::{Digest, Sha256, Sha512};

/// A Realm Initial Measurement in the making.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NaiveRim {
    sha512: bool,
    pub slot: [u8; 64],
    pub extensions: u64,
}

impl NaiveRim {
    /// REALM_CREATE. `params` is what the RMM measures of the parameters: offset and value.
    pub fn create(sha512: bool, params: &[(usize, u64)]) -> Self {
        let slot = hash(sha512, &page(params));
        Self { sha512, slot, extensions: 1 }
    }

    /// REALM_CREATE with these parameters, which were measured at multiples of eight bytes.
    pub fn of_realm(params: &RealmEvent) -> Self {
        let fields = [
            params.flags,
            params.s2sz,
            params.sve_vl,
            params.num_bps,
            params.num_wps,
            params.pmu_num_ctrs,
            params.hash_algo.into(),
        ];
        let fields: Vec<(usize, u64)> = (0..).step_by(8).zip(fields).collect();
        Self::create(params.hash_algo == 1, &fields)
    }

    /// The beginning of a RIM that has no parameters (the text of RMM 2.0).
    pub fn zero(sha512: bool) -> Self {
        Self { sha512, slot: [0; 64], extensions: 0 }
    }

    /// DATA_CREATE.
    pub fn data(&mut self, ipa: u64, flags: u64, content: &[u8; 4096]) {
        let content = if flags & 1 == 1 { hash(self.sha512, content) } else { [0; 64] };
        self.extend(0, &[&ipa.to_le_bytes(), &flags.to_le_bytes(), &content]);
    }

    /// REC_CREATE of a runnable REC.
    pub fn rec(&mut self, flags: u64, pc: u64, gprs: [u64; 8]) {
        let mut fields = vec![(0x000, flags), (0x200, pc)];
        fields.extend((0..).zip(gprs).map(|(i, gpr)| (0x300 + 8 * i, gpr)));
        let content = hash(self.sha512, &page(&fields));
        self.extend(1, &[&content]);
    }

    /// RTT_INIT_RIPAS of one entry.
    pub fn ripas(&mut self, base: u64, top: u64) {
        self.extend(2, &[&base.to_le_bytes(), &top.to_le_bytes()]);
    }

    fn extend(&mut self, kind: u8, parts: &[&[u8]]) {
        let mut descriptor = vec![kind, 0, 0, 0, 0, 0, 0, 0];
        descriptor.extend(0x100_u64.to_le_bytes());
        descriptor.extend(self.slot);
        descriptor.extend(parts.concat());
        descriptor.resize(0x100, 0);
        self.slot = hash(self.sha512, &descriptor);
        self.extensions += 1;
    }
}

fn page(fields: &[(usize, u64)]) -> [u8; 4096] {
    let mut page = [0; 4096];
    for (offset, value) in fields {
        page[*offset..offset + 8].copy_from_slice(&value.to_le_bytes());
    }
    page
}

pub fn hash(sha512: bool, message: &[u8]) -> [u8; 64] {
    let mut slot = [0; 64];
    if sha512 {
        slot.copy_from_slice(&Sha512::digest(message));
    } else {
        slot[..32].copy_from_slice(&Sha256::digest(message));
    }
    slot
}
