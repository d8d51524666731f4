//! Groups of commands, each with the RIM after it.

use crate::measure::event::RealmEvent;
use crate::measure::rim::Measurement;
use crate::measure::rule::RimRule;
use crate::session::Session;

/// What a group of commands did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StageKind {
    /// REALM_CREATE with these parameters.
    RealmCreate(RealmEvent),
    /// RTT_INIT_RIPAS over a range of IPAs in bytes.
    Ripas {
        /// First byte.
        base: u64,
        /// First byte after the range.
        top: u64,
    },
    /// DATA_CREATE over a range of IPAs in bytes.
    Data {
        /// First byte.
        base: u64,
        /// First byte after the range.
        top: u64,
        /// The region's name.
        source: &'static str,
        /// Whether the contents are measured.
        measured: bool,
    },
    /// REC_CREATE of a vCPU.
    Rec {
        /// The vCPU's index.
        index: usize,
        /// RmiRecCreateFlags.
        flags: u64,
        /// Program counter.
        pc: u64,
        /// X0 to X7.
        gprs: [u64; 8],
    },
    /// REALM_ACTIVATE.
    Activate,
}

/// A group of commands that belong to one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stage {
    /// What it did.
    pub kind: StageKind,
    /// How many times it extended the RIM.
    pub extensions: u64,
    /// The RIM after it.
    pub rim: Measurement,
}

impl StageKind {
    /// The command, without `RMI_`.
    #[must_use]
    pub const fn command_name(&self) -> &'static str {
        match self {
            Self::RealmCreate(_) => "REALM_CREATE",
            Self::Ripas { .. } => "RTT_INIT_RIPAS",
            Self::Data { .. } => "DATA_CREATE",
            Self::Rec { .. } => "REC_CREATE",
            Self::Activate => "REALM_ACTIVATE",
        }
    }
}

/// Tells of stages, and keeps the RIM between them.
pub(super) struct Reporter<'r> {
    rule: RimRule,
    on_stage: &'r mut dyn FnMut(Stage),
    /// The RIM under another rule than that of RMM 1.0, and the events that are in it.
    folded: Option<(Measurement, u64)>,
    events_seen: u64,
}

impl<'r> Reporter<'r> {
    pub(super) fn new(rule: RimRule, on_stage: &'r mut dyn FnMut(Stage)) -> Self {
        Self { rule, on_stage, folded: None, events_seen: 0 }
    }

    pub(super) fn report(&mut self, session: &mut Session<'_>, rd: u64, kind: StageKind) {
        let world = session.world_mut();
        let log = world.realm(rd).expect("KVM created it").log();
        let (algo, rule) = (log.algo(), self.rule);
        let new = log.events().iter_from(self.events_seen).filter(|event| rule.measures(event));
        let extensions = new.map(|event| event.extensions()).sum();
        self.events_seen = log.events().len();
        let rim = if rule == RimRule::Rmm10 {
            world.rim(rd).expect("KVM created it")
        } else {
            let (rim, from) = self.folded.unwrap_or((Measurement::zero(algo), 0));
            let rim = log.rim_by(rule, rim, from);
            self.folded = Some((rim, log.events().len()));
            rim
        };
        (self.on_stage)(Stage { kind, extensions, rim });
    }
}
