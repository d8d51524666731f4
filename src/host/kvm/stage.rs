//! Groups of commands, each with the RIM after it.

use super::range_text;
use crate::abi::command::CommandInfo;
use crate::abi::edition::Edition;
use crate::measure::event::RealmEvent;
use crate::measure::rim::Measurement;
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
    /// DATA_CREATE, or RTT_DATA_MAP_INIT, over a range of IPAs in bytes.
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
    /// The command, without `RMI_`.
    pub command_name: &'static str,
    /// How many times it extended the RIM.
    pub extensions: u64,
    /// The RIM after it.
    pub rim: Measurement,
}

impl StageKind {
    fn command_name(&self, edition: Edition) -> &'static str {
        match self {
            Self::RealmCreate(_) => "REALM_CREATE",
            Self::Ripas { .. } => "RTT_INIT_RIPAS",
            Self::Data { .. } => CommandInfo::data_create(edition).name,
            Self::Rec { .. } => "REC_CREATE",
            Self::Activate => "REALM_ACTIVATE",
        }
    }

    /// The IPAs that it was about, for people.
    fn ipa(&self) -> Option<String> {
        match *self {
            Self::Ripas { base, top } | Self::Data { base, top, .. } => Some(range_text(base, top)),
            Self::RealmCreate(_) | Self::Rec { .. } | Self::Activate => None,
        }
    }
}

/// Tells of stages.
pub(super) struct Reporter<'r> {
    on_stage: &'r mut dyn FnMut(Stage),
    events_seen: u64,
}

impl<'r> Reporter<'r> {
    pub(super) fn new(on_stage: &'r mut dyn FnMut(Stage)) -> Self {
        Self { on_stage, events_seen: 0 }
    }

    pub(super) fn report(&mut self, session: &mut Session<'_>, rd: u64, kind: StageKind) {
        let world = session.world_mut();
        let command_name = kind.command_name(world.profile().edition());
        let log = world.realm(rd).expect("KVM created it").log();
        let new = log.events().iter_from(self.events_seen);
        let extensions = new.map(|event| event.extensions()).sum();
        self.events_seen = log.events().len();
        let rim = world.rim(rd).expect("KVM created it");
        let ipa = kind.ipa().map(tracing::field::display);
        tracing::debug!(command = command_name, ipa, extensions, %rim, "stage");
        (self.on_stage)(Stage { kind, command_name, extensions, rim });
    }
}
