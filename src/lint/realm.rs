//! What the rules remember of one Realm.

use std::collections::{BTreeMap, BTreeSet};

use super::finding::Finding;
use super::ranges::Ranges;
use super::rules::rule;
use crate::measure::page::Page;
use crate::session::Place;

/// One Realm's construction so far.
#[derive(Debug)]
pub(super) struct RealmLog {
    rd: u64,
    pub(super) found: Vec<Finding>,
    pub(super) activated: bool,
    /// What RTT_INIT_RIPAS measured.
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
    /// Granules with contents where RIPAS was not set before.
    pub(super) early_data: BTreeMap<u64, Place>,
    pub(super) last_data: Option<(u64, Page)>,
    /// Granules of unknown contents, made while the Realm was NEW.
    pub(super) unknown: BTreeMap<u64, Place>,
    /// Measured granules that were destroyed while the Realm was NEW.
    pub(super) destroyed: BTreeMap<u64, Place>,
    /// Tables with measured RIPAS that were destroyed while the Realm was NEW.
    pub(super) tables_destroyed: Vec<(u64, Place)>,
    pub(super) has_measured_rec: bool,
    pub(super) destroyed_rec: bool,
    pub(super) boot_not_runnable: Option<Place>,
}

impl RealmLog {
    pub(super) fn new(rd: u64) -> Self {
        Self {
            rd,
            found: Vec::new(),
            activated: false,
            ripas: Ranges::default(),
            folded: Ranges::default(),
            ripas_wants_table: false,
            ripas_tables: BTreeSet::new(),
            short: None,
            data: BTreeSet::new(),
            early_data: BTreeMap::new(),
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
        match self.found.iter_mut().find(|finding| finding.rule.id == id) {
            Some(finding) => finding.count += 1,
            None => self.found.push(Finding {
                rule: rule(id),
                place: place.clone(),
                rd: Some(self.rd),
                message: message(),
                count: 1,
            }),
        }
    }
}
