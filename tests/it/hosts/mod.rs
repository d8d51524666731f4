//! VMMs: their recorded command lines, and those that they refuse.

pub(crate) mod cases;
pub(crate) mod inputs;
mod kvmtool;
mod realm_vm;
