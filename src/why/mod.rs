//! Why a RIM that was observed is another than that of the VM that somebody thinks they run.
//!
//! From what was said outwards: one thing is otherwise, then two, the likeliest first. What may be
//! otherwise in a command line says the VMM ([`Vmm::mistakes`](crate::host::Vmm::mistakes)), what
//! around it `surroundings`. Candidates are tried as a search tries them, so what is found was
//! booted in full.

mod change;
mod outward;
mod prefix;
mod surroundings;

pub use change::{Change, changes, knobs};
pub use outward::Outward;
pub use prefix::{Prefix, prefix};
