//! Rules about RMI_RTT_INIT_RIPAS.

use super::Call;
use super::realm::{RealmLog, Stopped};
use crate::abi::addr::{Hex, Level, align_down};
use crate::abi::command::Command;
use crate::abi::status::Status;
use crate::measure::event::{MeasuredEvent, RipasEvent};
use crate::model::realm::RealmState;

/// Entries of a table.
const ENTRIES: u64 = 512;

pub(super) fn see(call: &Call<'_>, log: &mut RealmLog) {
    if !call.measures_ripas() {
        return set(call, log);
    }
    match call.command {
        Command::RttInitRipas { rd, base, top } => {
            if log.short.as_ref().is_some_and(|(from, to, _)| (*from..*to).contains(&base)) {
                log.short = None;
            }
            early_data(log, base, top);
            log.ripas_wants_table = call.outcome.status() == Some(Status::Rtt);
            if call.outcome.is_success() {
                init(call, log, rd, top);
            }
            stops(call, log, base, top);
        }
        Command::RttCreate { ipa, level, .. } => {
            if log.ripas_wants_table && call.outcome.is_success() {
                log.ripas_tables.insert((level, ipa));
            }
        }
        Command::RttFold { rd, ipa, level } => {
            log.ripas_wants_table = false;
            let new = call.world.realm(rd).is_some_and(|realm| realm.state() == RealmState::New);
            if new && call.outcome.is_success() && !log.ripas.is_empty() {
                let covered = Level::from_register(level).and_then(Level::parent);
                let size = call.world.granule_size();
                let len = covered.map_or(0, |level| size.entry_bytes(level));
                if len != 0 {
                    log.folded.insert(ipa, ipa.saturating_add(len));
                }
            }
        }
        _ => log.ripas_wants_table = false,
    }
}

/// Where RIPAS is not measured it can be set in any order, over contents too, and again.
fn set(call: &Call<'_>, log: &mut RealmLog) {
    if let Command::RttInitRipas { base, .. } = call.command
        && call.outcome.is_success()
        && call.outcome.regs()[1] > base
    {
        log.ripas.insert(base, call.outcome.regs()[1]);
    }
}

/// Contents that stand in the way of RTT_INIT_RIPAS. What lies outside of its range, as a firmware
/// or a kernel before its BSS does, is in nobody's way.
fn early_data(log: &mut RealmLog, base: u64, top: u64) {
    while let Some(ipa) = log.early_data.range(base..top.max(base)).next().map(|(ipa, _)| *ipa) {
        let place = log.early_data.remove(&ipa).expect("it was just there");
        let (count, ..) = log.in_the_way.get_or_insert((0, ipa, place));
        *count += 1;
    }
}

/// Follows the Host's loop past contents. A Host that populates first comes to each of them, goes
/// on behind it, and leaves nothing else out; so does KVM, page by page, in its series v12.
fn stops(call: &Call<'_>, log: &mut RealmLog, base: u64, top: u64) {
    if let Some(stopped) = log.stopped.take() {
        log.astray |= !stopped.is_last() && !stopped.goes_on_at(base);
    }
    let at = if call.outcome.is_success() { call.outcome.regs()[1] } else { base };
    let end = log.contents.end_of(at).filter(|_| at < top);
    log.stopped = end.map(|end| Stopped { at, end, top });
}

fn init(call: &Call<'_>, log: &mut RealmLog, rd: u64, top: u64) {
    let out_top = call.outcome.regs()[1];
    if out_top < top {
        log.short = Some((out_top, top, call.place.clone()));
    }
    let Some(realm) = call.world.realm(rd) else { return };
    let events = realm.log().events();
    let last = events.len().checked_sub(1).and_then(|last| events.get(last));
    let Some(MeasuredEvent::Ripas(event)) = last else { return };
    let RipasEvent { base, top, entry_size_bytes } = event;
    let range = format!("{}..{}", Hex(base.0), Hex(top.0));
    if log.ripas.overlaps(base.0, top.0) {
        let what = || format!("{range} was RAM already in part, and is measured again");
        log.report("ripas-twice", call.place, what);
    } else if log.folded.overlaps(base.0, top.0) {
        let what = || format!("{range} has another RTT level since a table was folded");
        log.report("fold-between-ripas", call.place, what);
    }
    let span = entry_size_bytes.saturating_mul(ENTRIES);
    let starting = realm.rtt().start.entry_size_bytes() == entry_size_bytes;
    let whole_table = align_down(base.0, span) == base.0 && top.0 - base.0 == span;
    let level = 3 - u64::from(entry_size_bytes.trailing_zeros().saturating_sub(12) / 9);
    if whole_table && !starting && !log.ripas_tables.contains(&(level, base.0)) {
        let what = || {
            format!("{range} is measured as {ENTRIES} entries: without its table it would be one")
        };
        log.report("ripas-after-tables", call.place, what);
    }
    log.ripas.insert(base.0, top.0);
}

/// Called at REALM_ACTIVATE and at the end of the trace.
pub(super) fn end(log: &mut RealmLog) {
    if let Some((from, to, place)) = log.short.take() {
        let what = || {
            let (from, to) = (Hex(from), Hex(to));
            format!("out_top is {from}; nobody went on from there to {to}")
        };
        log.report("ripas-out-top-ignored", &place, what);
    }
    let astray = log.astray || log.stopped.take().is_some_and(|stopped| !stopped.is_last());
    let Some((count, ipa, place)) = log.in_the_way.take() else { return };
    // All contents first, or all RIPAS first: either is an order that a Host can have.
    if astray || log.has_late_data {
        let what = || format!("{} has contents before RTT_INIT_RIPAS comes to it", Hex(ipa));
        log.report_many("data-before-ripas", &place, count, what);
    }
}
