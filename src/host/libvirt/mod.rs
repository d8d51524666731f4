//! libvirt: domains as QEMU's command line, and command lines in libvirt's logs.
//!
//! A domain is translated as libvirt's own generator does it for the machine `virt` of aarch64, as
//! far as what it says can reach a Realm: machine, processor, memory, boot files, launch security,
//! and the devices that a device tree could show. An element that is not known is an error.

mod devices;
mod domain;
mod element;
mod log;
mod memory;
mod places;

pub use domain::{Domain, MAX_DOMAIN_BYTES, argv};
pub use log::{LastCommand, MAX_COMMAND_BYTES};
