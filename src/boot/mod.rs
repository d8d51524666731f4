//! Measured boot: what firmware, boot loaders and the kernel extend the REMs of a Realm by.
//!
//! A [`Chain`] says what a Realm boots; [`Predicted::of`] makes the list of measurements of it, one
//! [`BootEvent`] each, and the REMs are a fold over that list. What each program measures is a
//! [`profile`] with a date. What no file says (boot variables, failed attempts, certificates that
//! verified) is a field of the chain; what is taken where it is silent is named ([`Assumed`]).

mod ccel;
pub mod chain;
mod clues;
mod compare;
pub mod cpio;
pub mod efi;
mod event;
mod find;
mod hash;
mod learn;
mod line;
pub mod pe;
pub mod profile;
mod rems;
mod saved;
mod stages;
mod variants;
mod words;

pub use ccel::{Ccel, LOG_BYTES};
pub use chain::{Chain, MAX_CHAIN_BYTES};
pub use clues::{Clue, HashedImages, Logged, Tells, clues, differences};
pub use compare::{Change, Compared, Seen, Told, compare, events_of, seen_in, seen_of};
pub use event::{BootEvent, Hashed, Otherwise, Rem, Varies};
pub use find::{Findings, find};
pub use hash::Digest;
pub use learn::{Candidate, Learned, learn};
pub use line::{FwCfg, Line};
pub use rems::Rems;
pub use saved::{read_saved, write_saved};
pub use stages::{Assumed, BootError, Cause, Input, Predicted, Vm};
pub use variants::{Setting, StageSetting, open, variants};
