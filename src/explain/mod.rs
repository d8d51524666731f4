//! Why two Realms have different RIMs: the first event that differs, and what differs after it.
//!
//! A [`Trail`] is what was measured into one Realm, wherever it comes from: a replayed script or
//! vector, a simulated boot, or events that were saved. [`compare()`] walks two of them side by
//! side. Of two that are measured by different rules it walks what both rules measure, and says
//! apart from that what the rules make different.
//!
//! *Architecture invariant:* an observer; nothing here runs a command or changes a world.

mod compare;
mod field;
mod groups;
mod rules;
mod saved;
mod trail;
mod tree;
mod varies;

pub use compare::{Difference, Explanation, compare};
pub use field::{Field, Group};
pub use saved::{MAX_EVENTS, SavedError, read_events, write_events};
pub use trail::{Content, Extension, Trail};
pub use tree::tree_differences;
