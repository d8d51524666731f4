//! Lock files: what `lock` writes and `check` reads.

mod again;
mod boot;
mod chain;
mod changes;
mod expected;
mod file;
mod fleet;
mod line;
mod source;

pub(crate) use again::{lock_file, lock_of, lock_text, measure_again};
pub(crate) use chain::of_chain;
pub(crate) use changes::{Change, changes, fleet_changes, other_rems};
pub(crate) use expected::{is_lock, locked_realms};
pub(crate) use file::{Beside, LockFile, Sha256Hex, TOOL, Tree};
pub(crate) use fleet::{FleetLock, Row, fleet_again};
pub(crate) use line::line_of;
pub(crate) use source::{
    Hashing, Measured, arguments, caps_files, of_command_line, of_script, words,
};
