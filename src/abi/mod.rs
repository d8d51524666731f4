//! The numbers that Host and RMM agree on: addresses, function identifiers, status codes,
//! structure layouts, and the [`Profile`](profile::Profile) that says which RMM is meant.
//!
//! *Architecture invariant:* nothing here has state, and nothing here uses a higher floor.

pub mod addr;
pub mod address_range;
pub mod args;
pub mod command;
pub mod deviations;
pub mod edition;
pub mod esr;
pub mod gic;
pub mod granule_size;
pub mod hash_algo;
pub mod layout;
pub mod mpidr;
pub mod params;
pub mod plane_run;
pub mod platform;
pub mod presets;
pub mod profile;
pub(crate) mod ranges;
pub mod rec_run;
mod release;
pub mod rim_rule;
pub mod rsi;
pub mod status;
pub mod structure;
