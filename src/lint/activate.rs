//! Rules about RMI_REALM_ACTIVATE.

use super::Call;
use super::realm::RealmLog;
use super::{data, rec, ripas, teardown};
use crate::abi::command::Command;

/// Whether a rule explains why the command failed.
pub(super) fn see(call: &Call<'_>, log: &mut RealmLog) -> bool {
    match call.command {
        Command::RealmActivate { rd } if call.outcome.is_success() => {
            activated(call, log, rd);
            false
        }
        Command::DataCreate { .. }
        | Command::RttDataMapInit { .. }
        | Command::RttInitRipas { .. } => {
            let late = call.outcome.failure().is_some_and(|it| it.condition() == "realm_state");
            if late && log.activated && !call.is_refused_as_meant {
                let name = call.command.info().name;
                let what = || format!("{name} comes after REALM_ACTIVATE and is refused");
                log.report("activate-incomplete", call.place, what);
            }
            late && log.activated
        }
        _ => false,
    }
}

fn activated(call: &Call<'_>, log: &mut RealmLog, rd: u64) {
    log.activated = true;
    let Some(realm) = call.world.realm(rd) else { return };
    let mut recs = realm.recs().iter().filter_map(|rec| {
        call.world.rec(call.world.granules().pa(*rec).0).map(|rec| rec.runnable())
    });
    let is_building = log.found.iter().any(|it| it.rule.id == "activate-incomplete");
    if realm.recs().is_empty() && is_building {
        // A REC was on its way.
    } else if realm.recs().is_empty() {
        let what = || "the Realm has no REC, and can get none any more".to_owned();
        log.report("activate-without-rec", call.place, what);
    } else if !recs.any(|runnable| runnable) {
        log.boot_not_runnable = None;
        let what = || "no REC is runnable, so nothing can start".to_owned();
        log.report("activate-without-runnable-rec", call.place, what);
    }
    if log.ripas.is_empty() || log.data.is_empty() {
        let missing = if log.ripas.is_empty() { "RAM" } else { "measured contents" };
        let what = || format!("the Realm has no {missing}");
        log.report("activate-incomplete", call.place, what);
    }
    ripas::end(log);
    rec::end(log);
    teardown::activated(log);
    data::end(log);
}
