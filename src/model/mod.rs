//! The state of the simulated machine: granules, host memory, Realms, RECs and RTTs.
//!
//! *Architecture invariant:* state and questions about it only. Nothing here knows a command or
//! decides a failure; the mutators are crate-private and are called by `rmi` alone (and by the
//! host side of `memory`).

pub mod granule;
mod invariants;
pub mod memory;
mod memory_chunk;
pub mod operation;
pub(crate) mod plane_context;
pub mod planes;
pub mod program;
pub mod realm;
pub mod rec;
pub mod rtt;
mod rtt_config;
pub mod tally;
pub mod world;

pub use invariants::Violation;
