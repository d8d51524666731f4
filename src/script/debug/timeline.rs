//! What a whole play does, command by command.

use super::MakeWorld;
use crate::abi::addr::{Hex, Ipa, Level};
use crate::abi::command::CallRegs;
use crate::model::world::World;
use crate::rmi::Outcome;
use crate::script::ending::PlayError;
use crate::script::load::LoadedScript;
use crate::script::player::Player;
use crate::session::{Action, Observer, Place, Record, Session, Step};

/// Most commands that are kept.
const MAX_MOMENTS: usize = 1 << 20;

/// A command of a play.
#[derive(Clone, Debug)]
pub(super) struct Moment {
    /// The step that makes it.
    step: u64,
    pub(super) place: Place,
    regs: CallRegs,
    /// What the RMM answered; `None` if the Host could not call it.
    pub(super) outcome: Option<Outcome>,
}

impl Moment {
    /// The command's name.
    pub(super) fn name(&self) -> Option<&'static str> {
        Some(self.outcome.as_ref()?.command()?.info().name)
    }

    /// `boot.rmi:7: RTT_CREATE rd=…`
    pub(super) fn told(&self) -> String {
        let command = self.outcome.as_ref().and_then(Outcome::command);
        match command {
            Some(command) => format!("{}: {command}", self.place),
            None => format!("{}: SMC {}", self.place, Hex(self.regs[0])),
        }
    }

    pub(super) fn told_with_outcome(&self) -> String {
        match &self.outcome {
            Some(outcome) => format!("{} -> {outcome}", self.told()),
            None => format!("{} -> no call: the Host was faulted", self.told()),
        }
    }
}

/// Something whose state is looked at after each command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Watch {
    /// The granule at this PA.
    Granule(u64),
    /// The entries of all Realms that this IPA is translated by.
    Ipa(u64),
}

impl Watch {
    /// What it is like, for comparing.
    fn look(self, world: &World) -> String {
        match self {
            Self::Granule(pa) => {
                let granules = world.granules();
                let found = granules.find(pa).map(|it| (granules.state(it), granules.gpt(it)));
                format!("{found:?}")
            }
            Self::Ipa(ipa) => {
                let entry = |realm: &crate::model::realm::Realm| {
                    let walk = world.walk(realm, Ipa(ipa), Level::PAGE);
                    let entry = world.tables().get(walk.table).entries().get(walk.index).copied();
                    (walk.level, entry)
                };
                let realms = world.realms().filter(|(_, realm)| ipa < realm.rtt().ipa_top());
                format!("{:?}", realms.map(|(rd, realm)| (rd, entry(realm))).collect::<Vec<_>>())
            }
        }
    }
}

/// All commands of a play.
#[derive(Debug, Default)]
pub(super) struct Timeline {
    pub(super) moments: Vec<Moment>,
    /// Whether there were more.
    pub(super) is_cut: bool,
    /// Why the play ended, if it was not at its end or something was not as expected.
    pub(super) ending: Option<PlayError>,
    /// For each watch, the first command from a place on that changed it.
    pub(super) changed: Vec<Option<usize>>,
}

/// Looks on.
struct Recorder<'w> {
    moments: Vec<Moment>,
    is_cut: bool,
    watches: &'w [Watch],
    from: usize,
    looks: Vec<String>,
    changed: Vec<Option<usize>>,
}

impl Observer for Recorder<'_> {
    fn observe(&mut self, step: &Step, record: &Record, world: &World) {
        let Action::Call(regs) = step.action else { return };
        let number = self.moments.len();
        if number == MAX_MOMENTS {
            self.is_cut = true;
            return;
        }
        let (place, outcome) = (step.place.clone(), record.outcome.clone());
        self.moments.push(Moment { step: record.index, place, regs, outcome });
        if number + 1 < self.from {
            return;
        }
        for (at, watch) in self.watches.iter().enumerate() {
            let look = watch.look(world);
            let known = std::mem::replace(&mut self.looks[at], look);
            let is_other = number >= self.from && known != self.looks[at];
            if is_other && self.changed[at].is_none() {
                self.changed[at] = Some(number);
            }
        }
    }
}

impl Timeline {
    /// Plays a script to its end. Watches are looked at from the command of this number on.
    pub(super) fn of(
        script: &LoadedScript,
        world: &MakeWorld<'_>,
        watches: Option<(&[Watch], usize)>,
    ) -> Self {
        let (watches, from) = watches.unwrap_or_default();
        let mut player = Player::new(script.clone());
        player.keep_going(true);
        let (platform, profile) = player.setup();
        let world = world(platform, profile);
        let looks = watches.iter().map(|watch| watch.look(&world)).collect();
        let changed = vec![None; watches.len()];
        let mut recorder =
            Recorder { moments: Vec::new(), is_cut: false, watches, from, looks, changed };
        let mut session = Session::new(world);
        session.observe(&mut recorder);
        let ending = player.play(&mut session).err();
        drop(session);
        let Recorder { moments, is_cut, changed, .. } = recorder;
        Self { moments, is_cut, ending, changed }
    }

    /// The step that makes the command of this number; beyond all steps if it is the last.
    pub(super) fn step_before(&self, position: usize) -> u64 {
        let cut = || self.moments.last().filter(|_| self.is_cut).map(|last| last.step + 1);
        let step = self.moments.get(position).map(|moment| moment.step);
        step.or_else(cut).unwrap_or(u64::MAX)
    }
}
