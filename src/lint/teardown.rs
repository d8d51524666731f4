//! Rules about what is taken away again while a Realm is under construction.

use super::Call;
use super::realm::RealmLog;
use crate::abi::addr::{Hex, Level};
use crate::abi::command::Command;

pub(super) fn see(call: &Call<'_>, log: &mut RealmLog) {
    if log.activated || !call.outcome.is_success() {
        return;
    }
    match call.command {
        Command::DataDestroy { ipa, .. } if log.data.contains(&ipa) => {
            log.destroyed.insert(ipa, call.place.clone());
        }
        Command::RttDestroy { ipa, level, .. } => {
            let covered = Level::from_register(level).and_then(Level::parent);
            let len = covered.map_or(0, Level::entry_size_bytes);
            if log.ripas.overlaps(ipa, ipa.saturating_add(len)) {
                log.tables_destroyed.push((ipa, call.place.clone()));
            }
        }
        _ => {}
    }
}

/// Called at REALM_ACTIVATE: a Realm that is only torn down loses nothing.
pub(super) fn activated(log: &mut RealmLog) {
    for (ipa, place) in std::mem::take(&mut log.destroyed) {
        log.unknown.remove(&ipa);
        let what = || format!("{} was measured, and its contents are gone", Hex(ipa));
        log.report("destroyed-after-measure", &place, what);
    }
    for (ipa, place) in std::mem::take(&mut log.tables_destroyed) {
        let what = || format!("the RIM has RAM from {} on, where RIPAS is DESTROYED now", Hex(ipa));
        log.report("rtt-destroyed-after-ripas", &place, what);
    }
}
