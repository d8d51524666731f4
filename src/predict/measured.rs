//! A Realm that was built, and what was measured.

use super::plan::Plan;
use crate::abi::params::Rpv;
use crate::explain::Trail;
use crate::host::kvm::{Stage, StageKind};
use crate::measure::event::{MeasuredEvent, RealmEvent};
use crate::measure::log::EventLog;
use crate::measure::rim::Measurement;
use crate::measure::rule::RimRule;
use crate::model::realm::Realm;
use crate::model::world::World;

/// A prediction with everything that made it.
#[derive(Debug)]
#[must_use = "it has the RIM"]
pub struct Measured {
    /// What was decided.
    pub plan: Plan,
    /// Groups of commands, with the RIM after each.
    pub stages: Vec<Stage>,
    /// The RIM.
    pub rim: Measurement,
    /// The machine afterwards.
    pub world: World,
    /// Address of the RD.
    pub rd: u64,
}

impl Measured {
    /// The rule by which the RIM was made.
    #[must_use]
    pub fn rule(&self) -> RimRule {
        self.plan.rule()
    }

    /// The Realm.
    ///
    /// # Panics
    /// If somebody destroyed it in `world`.
    #[must_use]
    pub fn realm(&self) -> &Realm {
        self.world.realm(self.rd).expect("it was built")
    }

    /// The measured events.
    #[must_use]
    pub fn log(&self) -> &EventLog {
        self.realm().log()
    }

    /// The Realm Personalization Value.
    #[must_use]
    pub fn rpv(&self) -> &Rpv {
        self.realm().rpv()
    }

    /// What was measured, with the RIM after each event.
    #[must_use]
    pub fn events(&self) -> Vec<(MeasuredEvent, Measurement)> {
        let mut events = Vec::new();
        self.log().each_rim(|event, rim| events.push((event.clone(), *rim)));
        events
    }

    /// What was measured, to be compared under this name.
    #[must_use]
    pub fn trail(&self, name: &str) -> Trail {
        let log = self.log();
        let trail = Trail::of_log(name, log.algo(), log.rule(), log.events().clone());
        trail.with_rmm(self.world.profile())
    }

    /// The parameters that the Realm was created with.
    ///
    /// # Panics
    /// If there is no such stage: a fault of this program.
    #[must_use]
    pub fn params(&self) -> RealmEvent {
        let params = self.stages.iter().find_map(|stage| match stage.kind {
            StageKind::RealmCreate(params) => Some(params),
            _ => None,
        });
        params.expect("a Realm was created")
    }

    /// Address and bytes of the device tree without the zeros at its end, if one was measured.
    #[must_use]
    pub fn device_tree(&self) -> Option<(u64, Vec<u8>)> {
        let region = self.plan.tree_region().filter(|region| region.measured)?;
        let bytes = region.image.as_ref()?.bytes_from(0);
        let end = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        Some((region.ipa.start + region.fill_bytes, bytes[..end].to_vec()))
    }
}
