//! Rules about the granules that a Realm starts with.

use super::Call;
use super::realm::RealmLog;
use super::tail::Tails;
use crate::abi::addr::{GRANULE_SIZE, Hex};
use crate::abi::command::Command;
use crate::abi::params::DATA_MEASURE;
use crate::measure::contents::Contents;
use crate::measure::event::{DataEvent, MeasuredEvent};
use crate::measure::page::Page;
use crate::model::realm::RealmState;

pub(super) fn see(call: &Call<'_>, log: &mut RealmLog, tails: &Tails) {
    if !call.outcome.is_success() {
        return;
    }
    match call.command {
        Command::DataCreate { rd, ipa, src, .. } | Command::RttDataMapInit { rd, ipa, src, .. } => {
            let Some(realm) = call.world.realm(rd) else { return };
            let events = realm.log().events();
            let last = events.len().checked_sub(1).and_then(|last| events.get(last));
            if let Some(MeasuredEvent::Data(event)) = last {
                created(call, log, &event);
                if event.flags & DATA_MEASURE != 0
                    && let Some(from) = tails.dirty(src, &event.content)
                {
                    let what = || {
                        format!("the granule at {} has old bytes from offset {from} on", Hex(ipa))
                    };
                    log.report("dirty-page-tail", call.place, what);
                }
            }
        }
        Command::DataCreateUnknown { rd, ipa, .. } => {
            unknown(call, log, rd, ipa, ipa.saturating_add(GRANULE_SIZE));
        }
        Command::RttDataMap { rd, base, .. } => {
            unknown(call, log, rd, base, call.outcome.regs()[1]);
        }
        Command::DataDestroy { .. } | Command::RttDataUnmap { .. } => {
            if let Some((base, top)) = call.taken_away().filter(|(base, top)| base < top) {
                log.contents.remove(base, top);
            }
        }
        _ => {}
    }
}

/// Memory whose contents nobody knows.
fn unknown(call: &Call<'_>, log: &mut RealmLog, rd: u64, base: u64, top: u64) {
    let new = call.world.realm(rd).is_some_and(|realm| realm.state() == RealmState::New);
    if new && base < top {
        log.unknown.insert(base, (top, call.place.clone()));
    }
}

fn created(call: &Call<'_>, log: &mut RealmLog, event: &DataEvent) {
    let DataEvent { ipa, flags, content } = event;
    let ipa = ipa.0;
    let reserved = flags & !DATA_MEASURE;
    if reserved != 0 {
        let name = call.command.info().name;
        let what = || format!("the flags of {name} have the reserved bits {}", Hex(reserved));
        log.report("reserved-flag-bits", call.place, what);
    }
    let end = ipa.saturating_add(GRANULE_SIZE);
    log.contents.insert(ipa, end);
    if !call.measures_ripas() {
        // Either may come first.
    } else if log.ripas.overlaps(ipa, end) {
        log.has_late_data = true;
    } else {
        log.early_data.entry(ipa).or_insert_with(|| call.place.clone());
    }
    if log.destroyed.remove(&ipa).is_some() {
        let what = || format!("{} was measured, destroyed, and is measured again", Hex(ipa));
        log.report("data-recreated", call.place, what);
    }
    if flags & DATA_MEASURE == 0 {
        if !is_zero(content) {
            let what = || format!("the contents at {} are not measured", Hex(ipa));
            log.report("unmeasured-image-page", call.place, what);
        }
        return;
    }
    if log.has_measured_rec {
        let what = || format!("contents at {} come after a runnable REC", Hex(ipa));
        log.report("rec-before-data", call.place, what);
    }
    if let Some((last, before)) = &log.last_data
        && ipa < *last
        && (ipa + GRANULE_SIZE == *last || same_image(before, content))
    {
        let last = *last;
        let what = || format!("{} comes after {}", Hex(ipa), Hex(last));
        log.report("data-not-ascending", call.place, what);
    }
    log.last_data = Some((ipa, content.clone()));
    log.data.insert(ipa);
    log.data_there.insert(ipa);
}

/// Whether it is known that all bytes are zero.
fn is_zero(content: &Contents) -> bool {
    content.is_known() && content.bytes().iter().all(|byte| *byte == 0)
}

fn same_image(a: &Contents, b: &Contents) -> bool {
    match (a.main_page(), b.main_page()) {
        (Page::Image { image: a, .. }, Page::Image { image: b, .. }) => a.name() == b.name(),
        _ => false,
    }
}

/// Called at REALM_ACTIVATE and at the end of the trace.
pub(super) fn end(log: &mut RealmLog) {
    for (ipa, (top, place)) in std::mem::take(&mut log.unknown) {
        let below = ipa.checked_sub(GRANULE_SIZE).is_some_and(|ipa| log.data.contains(&ipa));
        if below || log.data.contains(&top) {
            let what = || format!("{} lies beside measured contents and is not known", Hex(ipa));
            log.report("unknown-data-in-image", &place, what);
        }
    }
}
