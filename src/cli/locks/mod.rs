//! Lock files: what `lock` writes and `check` reads.

mod again;
mod boot;
mod chain;
mod changes;
mod file;
mod source;

pub(crate) use again::{lock_file, measure_again, read_lock};
pub(crate) use chain::of_chain;
pub(crate) use changes::{Change, changes, other_rems};
pub(crate) use file::{Beside, LockFile, Sha256Hex, TOOL, Tree};
pub(crate) use source::{Hashing, Measured, arguments, of_command_line, of_script, words};
