//! kvmtool (`lkvm run`): its command line becomes a VM, and the device tree that it measures.
//!
//! Six lineages are known from running them; see [`Version`]. An option that does not touch the RIM
//! is accepted and remarked on; one that can not be predicted is refused.

mod bootargs;
mod config;
mod devices;
mod features;
mod layout;
mod mistakes;
mod number;
mod options;
mod overrides;
mod parse;
mod settings;
mod tree;
mod version;
mod vm;

pub use mistakes::mistakes;
pub use settings::settings;
pub use version::{VERSIONS, Version};
pub use vm::{device_tree, option_names, plan, plan_with, vm_with};

use super::{Layer, Refusal};

/// kvmtool refuses `place`.
fn refuse(place: &str, why: &str) -> Refusal {
    Refusal::Refused { by: Layer::Vmm, place: place.into(), why: why.into() }
}

/// KVM refuses what kvmtool makes of `place`.
fn refuse_kvm(place: &str, why: &str) -> Refusal {
    Refusal::Refused { by: Layer::Kvm, place: place.into(), why: why.into() }
}
