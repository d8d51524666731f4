//! What a lock holds of a measured boot.

use std::path::PathBuf;

use super::file::{ChainTable, MeasureTable};
use crate::boot::{Assumed, BootEvent};
use crate::measure::rim::Measurement;

/// What a chain measures besides the RIM.
pub(crate) struct Boot {
    /// The chain's file.
    pub(crate) path: PathBuf,
    pub(crate) rems: [Measurement; 4],
    pub(crate) events: Vec<BootEvent>,
    pub(crate) assumed: Vec<Assumed>,
    pub(super) vm: MeasureTable,
}

impl Boot {
    /// The table of a lock in which the chain has this name.
    pub(super) fn table(&self, path: String) -> ChainTable {
        ChainTable::new(path, &self.rems, self.vm.clone())
    }

    /// What was resolved when the lock was made is no assumption any more.
    pub(super) fn keep_resolved(&mut self, locked: &[String]) {
        keep_resolved(locked, &mut self.vm.assumed);
    }
}

/// Takes over what a lock says of its resolved host and version.
pub(super) fn keep_resolved(locked: &[String], now: &mut Vec<String>) {
    let resolved = |text: &&String| {
        let key = text.split(' ').next().unwrap_or_default();
        !now.contains(text) && ["host", "vmm_version"].contains(&key)
    };
    let kept: Vec<_> = locked.iter().filter(resolved).cloned().collect();
    now.splice(..0, kept);
}
