//! Rules about RECs.

use std::collections::BTreeMap;

use super::realm::RealmLog;
use super::{Call, operation, params};
use crate::abi::command::Command;
use crate::abi::params::{REC_RUNNABLE, RecParams};

pub(super) fn see(call: &Call<'_>, log: &mut RealmLog, recs: &BTreeMap<u64, (u64, bool)>) {
    match call.command {
        _ if !call.outcome.is_success() => {}
        Command::RecCreate { rec, params_ptr, .. } => created(call, log, rec, params_ptr),
        Command::RecCreateBegin { rec, params_ptr, .. } => {
            operation::rec_created(call, log, params_ptr);
            created(call, log, rec, params_ptr);
        }
        Command::RecDestroy { rec } | Command::RecDestroyBegin { rec } => {
            let runnable = recs.get(&rec).is_some_and(|(_, runnable)| *runnable);
            log.destroyed_rec |= runnable && !log.activated;
        }
        _ => {}
    }
}

fn created(call: &Call<'_>, log: &mut RealmLog, rec: u64, params_ptr: u64) {
    let Some(rec) = call.world.rec(rec) else { return };
    let flags = params::read(call, params_ptr, RecParams::read).map_or(0, |params| params.flags);
    params::reserved_flags(call, log, "RecParams", flags & !REC_RUNNABLE);
    if log.destroyed_rec && rec.runnable() {
        let what = || "a runnable REC was destroyed before; the RIM keeps both".to_owned();
        log.report("rec-recreated", call.place, what);
    } else if rec.index() > 0 && rec.runnable() {
        let what = || format!("the REC of index {} is runnable", rec.index());
        log.report("secondary-rec-runnable", call.place, what);
    }
    if rec.index() == 0 && !rec.runnable() {
        log.boot_not_runnable = Some(call.place.clone());
    }
    log.has_measured_rec |= rec.runnable();
}

/// Called at the end of the trace, and at REALM_ACTIVATE if some REC is runnable.
pub(super) fn end(log: &mut RealmLog) {
    if let Some(place) = log.boot_not_runnable.take() {
        let what = || "the REC of index 0 is not runnable".to_owned();
        log.report("boot-rec-not-runnable", &place, what);
    }
}
