//! From a VMM's command line to a RIM: the only place where a VM becomes a boot.
//!
//! A [`Request`] says what is known: the VMM, its words, perhaps the host and the RMM. Its
//! [`Plan`] has everything decided. A boot of the plan gives a [`Measured`]: the RIM with the
//! events and the world that made it.
//!
//! *Architecture invariant:* no file is opened here but through [`Files`](crate::host::Files), and
//! nobody else calls KVM.

mod assumption;
mod causes;
mod device_tree;
mod error;
mod files;
mod input;
mod measured;
mod pair;
mod plan;
mod request;
mod trial;

pub use assumption::Assumption;
pub use causes::{Cause, causes};
pub use device_tree::{DeviceTree, device_tree, tree_bytes};
pub use error::{Class, Error};
pub use input::{DEVICE_TREE, Input, sha256};
pub use measured::Measured;
pub use plan::Plan;
pub use request::{Request, Surroundings};
