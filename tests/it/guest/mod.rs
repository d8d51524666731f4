//! Realms that run: what they call, what they run into, and what the Host may do meanwhile.

mod exceptions;
mod interleavings;
mod planes;
mod rsi;
mod running_recs;
mod token;
