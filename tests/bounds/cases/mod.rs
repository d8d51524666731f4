//! The cases: for each reader, and for what works on what was read, inputs that have very many of
//! something.

mod bytes;
mod logs;
mod scripts;
mod settings;

use bytes::BYTES;
use logs::{LOGS, SAVED};
use scripts::SCRIPTS;
use settings::{EVIDENCE, SETTINGS};

use crate::Case;

/// All of them.
pub(crate) const CASES: &[&[Case]] = &[SCRIPTS, LOGS, SAVED, SETTINGS, EVIDENCE, BYTES];
