//! What the rules remember of one Realm.

use std::collections::{BTreeMap, BTreeSet};

use super::finding::Finding;
use super::rules::rule;
use crate::abi::ranges::Ranges;
use crate::measure::contents::Contents;
use crate::session::Place;

/// One Realm's construction so far.
#[derive(Debug)]
pub(super) struct RealmLog {
    rd: u64,
    /// Tells it from others that had this RD before it.
    pub(super) number: u64,
    pub(super) found: Vec<Finding>,
    pub(super) activated: bool,
    /// What RTT_INIT_RIPAS made RAM.
    pub(super) ripas: Ranges,
    /// What was folded after it.
    pub(super) folded: Ranges,
    /// RTT_INIT_RIPAS was just refused for want of a table.
    pub(super) ripas_wants_table: bool,
    /// Tables made because RTT_INIT_RIPAS wanted them: level and first IPA.
    pub(super) ripas_tables: BTreeSet<(u64, u64)>,
    /// The last RTT_INIT_RIPAS ended early: where, and where it should have ended.
    pub(super) short: Option<(u64, u64, Place)>,
    /// Granules with measured contents.
    pub(super) data: BTreeSet<u64>,
    /// Those of them that were not destroyed.
    pub(super) data_there: BTreeSet<u64>,
    /// Granules with contents that DATA_CREATE gave them: they are RAM.
    pub(super) contents: Ranges,
    /// Granules with contents where RIPAS was not set before.
    pub(super) early_data: BTreeMap<u64, Place>,
    /// Those that lie in a range which RTT_INIT_RIPAS was called for later: how many, and the
    /// first.
    pub(super) in_the_way: Option<(u64, u64, Place)>,
    /// Where RTT_INIT_RIPAS stopped at contents last, the end of these, and the end of the call.
    pub(super) stopped: Option<Stopped>,
    /// The Host did not go on behind the contents that stopped RTT_INIT_RIPAS.
    pub(super) astray: bool,
    /// Contents came where RIPAS was set before.
    pub(super) has_late_data: bool,
    pub(super) last_data: Option<(u64, Contents)>,
    /// Memory of unknown contents, given while the Realm was NEW: its end, by its first IPA.
    pub(super) unknown: BTreeMap<u64, (u64, Place)>,
    /// Measured granules that were destroyed while the Realm was NEW.
    pub(super) destroyed: BTreeMap<u64, Place>,
    /// Tables with RIPAS RAM that were destroyed while the Realm was NEW, and what was there.
    pub(super) tables_destroyed: Vec<(u64, &'static str, Place)>,
    pub(super) has_measured_rec: bool,
    pub(super) destroyed_rec: bool,
    pub(super) boot_not_runnable: Option<Place>,
}

/// Contents that an RTT_INIT_RIPAS came to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stopped {
    /// Where they begin, or where the call did.
    pub(super) at: u64,
    /// Where they end.
    pub(super) end: u64,
    /// Where the call was to end.
    pub(super) top: u64,
}

impl Stopped {
    /// Whether a call that begins at `base` goes on where it should: it leaves nothing out that has
    /// no contents.
    pub(super) const fn goes_on_at(&self, base: u64) -> bool {
        self.at <= base && base <= self.end
    }

    /// Whether nothing is left to be done.
    pub(super) const fn is_last(&self) -> bool {
        self.end >= self.top
    }
}

impl RealmLog {
    pub(super) fn new(rd: u64, number: u64) -> Self {
        Self {
            rd,
            number,
            found: Vec::new(),
            activated: false,
            ripas: Ranges::default(),
            folded: Ranges::default(),
            ripas_wants_table: false,
            ripas_tables: BTreeSet::new(),
            short: None,
            data: BTreeSet::new(),
            data_there: BTreeSet::new(),
            contents: Ranges::default(),
            early_data: BTreeMap::new(),
            in_the_way: None,
            stopped: None,
            astray: false,
            has_late_data: false,
            last_data: None,
            unknown: BTreeMap::new(),
            destroyed: BTreeMap::new(),
            tables_destroyed: Vec::new(),
            has_measured_rec: false,
            destroyed_rec: false,
            boot_not_runnable: None,
        }
    }

    /// Adds a finding, or counts it if the Realm has one of the rule already.
    pub(super) fn report(&mut self, id: &str, place: &Place, message: impl FnOnce() -> String) {
        self.report_many(id, place, 1, message);
    }

    /// As [`RealmLog::report`], of what happened `count` times, at `place` first.
    pub(super) fn report_many(
        &mut self,
        id: &str,
        place: &Place,
        count: u64,
        message: impl FnOnce() -> String,
    ) {
        match self.found.iter_mut().find(|finding| finding.rule.id == id) {
            Some(finding) => finding.count += count,
            None => self.found.push(Finding {
                rule: rule(id),
                place: place.clone(),
                rd: Some(self.rd),
                message: message(),
                count,
            }),
        }
    }
}
