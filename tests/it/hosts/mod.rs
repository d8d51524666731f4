//! VMMs: their recorded command lines, and those that they refuse.

pub(crate) mod boot;
pub(crate) mod cases;
mod fdt;
mod host_pages;
pub(crate) mod inputs;
mod kvm;
mod kvm_v2;
mod kvmtool;
mod kvmtool_branches;
mod kvmtool_random;
mod libvirt;
pub(crate) mod made_files;
mod overrides;
mod process;
mod qemu;
mod qemu_kernels;
mod qemu_needs;
mod qemu_random;
mod qemu_trees;
mod realm_vm;
mod refusals;
mod refused_lines;
mod rims;
mod scripts;
mod spelling;
mod tree_text;
mod users;
