//! Realm measurement logs: what a VMM did to build a Realm, and what the Realm measured since.
//!
//! The form is that of TCG event logs (TCG PC Client Platform Firmware Profile 1.06, 10.2): a first
//! event in the old form that names the digests, then `TCG_PCR_EVENT2`s, all numbers little-endian.
//! What Realms add is veraison/cca-realm-measurements, `docs/measurement-log.md`, as QEMU's series
//! for Realms writes it: parameters, RIPAS ranges, RECs and images are events of index 0, the RIM.
//!
//! [`read()`] is strict: what is no event is an error that names the byte; [`read_as_far()`] gives
//! what stands before it. [`numbering()`] says how a log counts registers. [`rems()`] predicts the
//! REMs of the digests; [`rebuild()`] makes a script of the events of index 0, so that the
//! interpreter calculates the RIM. Whatever a log says comes from a host that nobody trusts: a log
//! explains a measurement, it proves nothing.

mod ccel;
mod check;
mod payload;
mod read;
mod rebuild;
mod rems;

pub(crate) use check::digest;
pub use check::{WrongDigest, wrong_digests};
pub use payload::{Payload, event_name};
pub use read::{
    Bank, Event, Log, LogError, LoggedDigest, SpecId, algorithm_name, read, read_as_far,
};
pub use rebuild::{At, Need, Rebuild, RebuildError, rebuild};
pub use rems::{Evidence, Register, Registers, Rem, Rems, numbering, rems};

/// Longest log that is read, in bytes. Those of VMMs have 64 KiB.
pub const MAX_LOG_BYTES: u64 = 64 << 20;
/// Most events of one log.
pub const MAX_EVENTS: usize = 1 << 16;
/// Most digests of one event.
pub const MAX_BANKS: usize = 16;
