//! Which parameters make a RIM that was observed, and which RIM do they make?
//!
//! A [`Space`] of candidates is tried, or made a table of: each is planned by its VMM and carried
//! out by KVM on the RMM. Nothing here knows how a RIM is made; `engine` says which boots need not
//! be repeated, and why that is sound.

mod engine;
mod knob;
mod made;
mod shard;
mod space;
mod trie;
mod values;

pub use crate::evidence::{RimError, Target};
pub use engine::{Candidates, Guests, Match, Predicted, Report, run, table};
pub use knob::{Knob, KnobError, MemSize, Order, Parameter};
pub use shard::{Part, Shard};
pub use space::{Axis, Space};
