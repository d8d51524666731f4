//! The tables that a Realm lacks: a Host makes them when RMI_ERROR_RTT says so.

use super::{Caller, HostError};
use crate::abi::addr::{Ipa, Level, align_down, is_aligned};
use crate::abi::args::{Rd, Rtt};
use crate::abi::command::Command;
use crate::abi::status::Status;
use crate::rmi::Outcome;

impl Caller<'_, '_> {
    /// Makes the tables at `ipa` below level `from`, down to level `to`.
    pub(crate) fn create_tables(
        &mut self,
        rd: Rd,
        ipa: Ipa,
        from: Level,
        to: Level,
    ) -> Result<(), HostError> {
        let mut parent = from;
        while let Some(level) = parent.child().filter(|level| *level <= to) {
            let rtt = Rtt(self.delegated()?);
            let base = Ipa(align_down(ipa.0, parent.entry_size_bytes()));
            self.must(Command::rtt_create(rd, rtt, base, level))?;
            parent = level;
        }
        Ok(())
    }
}

/// The level at which a walk ended, if that is what a command failed for.
pub(crate) fn walk_level(outcome: &Outcome) -> Option<Level> {
    let code = outcome.code().filter(|code| code.status == Status::Rtt)?;
    Level::from_register(i64::from(code.index.cast_signed()).cast_unsigned())
}

/// The level whose entries are as large as `ipa..top` allows (`find_map_level`).
pub(crate) fn map_level(ipa: u64, top: u64, start_level: Level) -> Level {
    let mut level = Level::PAGE;
    while let Some(parent) = level.parent().filter(|parent| *parent >= start_level) {
        let size = parent.entry_size_bytes();
        if !is_aligned(ipa, size) || ipa.checked_add(size).is_none_or(|end| end > top) {
            break;
        }
        level = parent;
    }
    level
}
