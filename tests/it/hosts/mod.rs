//! VMMs: their recorded command lines, and those that they refuse.

pub(crate) mod cases;
mod fdt;
pub(crate) mod inputs;
mod kvmtool;
mod realm_vm;
mod refusals;
mod spelling;
