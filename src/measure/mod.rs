//! From bytes to the Realm Initial Measurement.
//!
//! A command that is measured appends a [`MeasuredEvent`](event::MeasuredEvent); the RIM is a fold
//! over these events, made when somebody asks for it ([`rim::Measurement`]).
//!
//! *Architecture invariant:* this floor knows no RMM state, only bytes and numbers. The only I/O is
//! in [`image`].

mod ahead;
mod chain;
pub mod claims;
pub mod contents;
pub mod descriptor;
pub mod digest_parts;
pub mod digests;
pub mod event;
pub mod events;
mod extensions;
pub mod hasher;
pub mod image;
pub mod kernel;
pub mod log;
pub mod page;
pub mod refold;
pub mod rim;
pub mod rule;
mod threads;
