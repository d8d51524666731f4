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
        Command::DataDestroy { .. } | Command::RttDataUnmap { .. } => {
            let (base, top) = call.taken_away().expect("it is one of the two");
            let range = base..top.max(base);
            while let Some(ipa) = log.data_there.range(range.clone()).next().copied() {
                log.data_there.remove(&ipa);
                log.destroyed.insert(ipa, call.place.clone());
            }
        }
        Command::RttDestroy { ipa, level, .. } => {
            let covered = Level::from_register(level).and_then(Level::parent);
            let size = call.world.granule_size();
            let len = covered.map_or(0, |level| size.entry_bytes(level));
            if log.ripas.overlaps(ipa, ipa.saturating_add(len)) {
                let text = if call.measures_ripas() { "the RIM has RAM" } else { "there was RAM" };
                log.tables_destroyed.push((ipa, text, call.place.clone()));
            }
        }
        _ => {}
    }
}

/// Called at REALM_ACTIVATE: a Realm that is only torn down loses nothing.
pub(super) fn activated(log: &mut RealmLog) {
    for (ipa, place) in std::mem::take(&mut log.destroyed) {
        let refilled = log.unknown.range(..=ipa).next_back();
        if let Some((base, _)) = refilled.filter(|(_, (top, _))| *top > ipa) {
            let base = *base;
            log.unknown.remove(&base);
        }
        let what = || format!("{} was measured, and its contents are gone", Hex(ipa));
        log.report("destroyed-after-measure", &place, what);
    }
    for (ipa, text, place) in std::mem::take(&mut log.tables_destroyed) {
        let what = || format!("{text} from {} on, where RIPAS is DESTROYED now", Hex(ipa));
        log.report("rtt-destroyed-after-ripas", &place, what);
    }
}
