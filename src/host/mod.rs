//! The Host that builds a Realm: a VMM that lays out memory and makes the device tree, and KVM that
//! turns the VMM's calls into RMI commands.
//!
//! A VMM's command line becomes a [`Vm`]: its memory, its vCPUs and the calls that the VMM makes,
//! in order. KVM carries the calls out on a session.
//!
//! *Architecture invariant:* a Host knows the RMM only through the ABI, registers in and registers
//! out. Nothing here computes a RIM.

pub mod caps;
mod certainty;
pub mod cloud_hypervisor;
pub mod fdt;
mod files;
mod gunzip;
pub mod kata;
pub mod kvm;
pub mod kvmtool;
pub mod libvirt;
mod mistake;
mod overrides;
pub(crate) mod profile;
mod programs;
pub mod qemu;
pub(crate) mod release;
mod setting;
mod vm;
pub mod vmm;

pub use caps::Caps;
pub use certainty::Certainty;
pub use files::Files;
pub(crate) use gunzip::{Packed, gunzip, gunzip_bytes, packed_as_it_is};
pub use mistake::{Mistake, OtherFiles, Repair};
pub use overrides::{OptionChange, Overrides};
pub use programs::Vmm;
pub use setting::Setting;
pub use vm::{Assumed, Call, Layer, Refusal, Region, Slot, Sve, Vcpu, VcpuFeatures, Vm};
