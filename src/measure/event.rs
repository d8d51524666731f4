//! Measured events: what went into a RIM, in the terms of the commands that put it there.
//!
//! The list of events is the product; the RIM is one fold over it. An event keeps everything that
//! the fold needs and cannot change afterwards: contents are [`Contents`], which are immutable.

use std::fmt;

use super::contents::Contents;
use super::rule::RimRule;
use crate::abi::addr::{Hex, Ipa, PAGE_LEN, PageBytes};
use crate::abi::params::{REC_CREATE_GPRS, RealmParams, RecParams};

/// One extension of a Realm's RIM (several, for [`RipasEvent`]).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MeasuredEvent {
    /// RMI_REALM_CREATE: starts the RIM.
    Realm(Box<RealmEvent>),
    /// RMI_DATA_CREATE.
    Data(DataEvent),
    /// RMI_REC_CREATE of a runnable REC.
    Rec(Box<RecEvent>),
    /// RMI_RTT_INIT_RIPAS: one extension for each RTT entry.
    Ripas(RipasEvent),
}

/// The measured part of RmiRealmParams. Numbers as the RMM read them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the fields are those of RealmParams")]
pub struct RealmEvent {
    pub flags: u64,
    pub s2sz: u64,
    pub sve_vl: u64,
    pub num_bps: u64,
    pub num_wps: u64,
    pub pmu_num_ctrs: u64,
    pub hash_algo: u8,
}

/// A granule of contents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataEvent {
    /// Where the Realm sees it.
    pub ipa: Ipa,
    /// RmiDataFlags, all 64 bits.
    pub flags: u64,
    /// The contents; hashed only if `flags` has [`DATA_MEASURE`](crate::abi::params::DATA_MEASURE).
    pub content: Contents,
}

/// The measured part of RmiRecParams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the fields are those of RecParams")]
pub struct RecEvent {
    pub flags: u64,
    pub pc: u64,
    pub gprs: [u64; REC_CREATE_GPRS],
}

/// RTT entries whose RIPAS became RAM in one command, ascending and adjacent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RipasEvent {
    /// First byte of the first entry.
    pub base: Ipa,
    /// First byte after the last entry.
    pub top: Ipa,
    /// Bytes of one entry, by the RTT level at which the walk stopped.
    pub entry_size_bytes: u64,
}

impl MeasuredEvent {
    /// The command that caused the event in the edition that `rule` belongs to, without `RMI_`.
    #[must_use]
    pub fn command_of(&self, rule: RimRule) -> &'static str {
        match self {
            Self::Data(_) => rule.contents_command().trim_start_matches("RMI_"),
            other => other.command_name(),
        }
    }

    /// The event in the words of the edition that `rule` belongs to.
    #[must_use]
    pub const fn named(&self, rule: RimRule) -> Named<'_> {
        Named(self, rule)
    }

    /// The command that caused the event in RMM 1.0, without `RMI_`.
    #[must_use]
    pub const fn command_name(&self) -> &'static str {
        match self {
            Self::Realm(_) => "REALM_CREATE",
            Self::Data(_) => "DATA_CREATE",
            Self::Rec(_) => "REC_CREATE",
            Self::Ripas(_) => "RTT_INIT_RIPAS",
        }
    }

    /// How many times the event extends the RIM.
    #[must_use]
    pub fn extensions(&self) -> u64 {
        match self {
            Self::Ripas(ripas) => ripas.count(),
            _ => 1,
        }
    }
}

impl RealmEvent {
    /// The measured part of `params`.
    #[must_use]
    pub fn new(params: &RealmParams) -> Self {
        Self {
            flags: params.flags,
            s2sz: params.s2sz,
            sve_vl: params.sve_vl,
            num_bps: params.num_bps,
            num_wps: params.num_wps,
            pmu_num_ctrs: params.pmu_num_ctrs,
            hash_algo: params.hash_algo,
        }
    }

    /// The page that is hashed: RmiRealmParams with everything else zero.
    #[must_use]
    pub fn page(&self) -> PageBytes {
        let mut page = [0; PAGE_LEN];
        let mut put = |offset: usize, value: u64| {
            page[offset..offset + 8].copy_from_slice(&value.to_le_bytes());
        };
        put(0x00, self.flags);
        put(0x08, self.s2sz);
        put(0x10, self.sve_vl);
        put(0x18, self.num_bps);
        put(0x20, self.num_wps);
        put(0x28, self.pmu_num_ctrs);
        put(0x30, self.hash_algo.into());
        page
    }
}

impl RecEvent {
    /// The measured part of `params`.
    #[must_use]
    pub fn new(params: &RecParams) -> Self {
        Self { flags: params.flags, pc: params.pc, gprs: params.gprs }
    }

    /// The page that is hashed: RmiRecParams with everything else zero.
    #[must_use]
    pub fn page(&self) -> PageBytes {
        let mut page = [0; PAGE_LEN];
        let mut put = |offset: usize, value: u64| {
            page[offset..offset + 8].copy_from_slice(&value.to_le_bytes());
        };
        put(0x000, self.flags);
        put(0x200, self.pc);
        for (i, gpr) in self.gprs.into_iter().enumerate() {
            put(0x300 + 8 * i, gpr);
        }
        page
    }
}

impl RipasEvent {
    /// How many entries there are.
    #[must_use]
    pub const fn count(&self) -> u64 {
        (self.top.0 - self.base.0) / self.entry_size_bytes
    }

    /// Entry number `i` as `base..top`.
    pub(super) fn entry(&self, i: u64) -> (Ipa, Ipa) {
        let entry = self.base.0 + i * self.entry_size_bytes;
        (Ipa(entry), Ipa(entry + self.entry_size_bytes))
    }

    /// The entries as `base..top`, ascending.
    pub fn entries(&self) -> impl Iterator<Item = (Ipa, Ipa)> + use<> {
        let ripas = *self;
        (0..self.count()).map(move |i| ripas.entry(i))
    }
}

impl fmt::Display for MeasuredEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.command_name())?;
        self.write_operands(f)
    }
}

/// An event in the words of the edition that a rule belongs to.
#[derive(Clone, Copy, Debug)]
pub struct Named<'e>(&'e MeasuredEvent, RimRule);

impl fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(event, rule) = self;
        f.write_str(event.command_of(*rule))?;
        event.write_operands(f)
    }
}

impl MeasuredEvent {
    fn write_operands(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Realm(params) => write!(
                f,
                " flags={} s2sz={} sve_vl={} num_bps={} num_wps={} pmu_num_ctrs={} hash_algo={}",
                Hex(params.flags),
                params.s2sz,
                params.sve_vl,
                params.num_bps,
                params.num_wps,
                params.pmu_num_ctrs,
                params.hash_algo
            ),
            Self::Data(data) => {
                write!(f, " ipa={} flags={} {}", data.ipa, Hex(data.flags), data.content.origin())
            }
            Self::Rec(params) => {
                write!(f, " flags={} pc={}", Hex(params.flags), Hex(params.pc))?;
                let mut gprs = params.gprs.iter().enumerate().filter(|(_, value)| **value != 0);
                gprs.try_for_each(|(i, value)| write!(f, " x{i}={}", Hex(*value)))
            }
            Self::Ripas(ripas) => write!(
                f,
                " base={} top={} ({} x {})",
                ripas.base,
                ripas.top,
                self.extensions(),
                size_text(ripas.entry_size_bytes)
            ),
        }
    }
}

/// A power of two of bytes as people write it: `2MiB`.
fn size_text(bytes: u64) -> String {
    let units = [(40, "TiB"), (30, "GiB"), (20, "MiB"), (10, "KiB")];
    let (shift, unit) =
        units.into_iter().find(|(shift, _)| bytes >> shift != 0).unwrap_or((0, "B"));
    format!("{}{unit}", bytes >> shift)
}
