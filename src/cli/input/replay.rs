//! Plays a script or a vector in a session of its own, as the command line asks.

use std::collections::BTreeMap;
use std::path::Path;

use super::file::{Input, Problem};
use super::read::read_settings;
use crate::abi::platform::Platform;
use crate::abi::profile::Profile;
use crate::cli::exit::Exit;
use crate::cli::options::RmmArg;
use crate::conform;
use crate::encoding::marked_line::about_file;
use crate::evidence::TokenProfile;
use crate::measure::hasher::Hasher;
use crate::model::world::World;
use crate::script::{LoadedScript, PlayError, Player};
use crate::session::{Observer, Session};
use crate::vector::Vector;

/// What the command line says about machine and RMM; what it leaves out, the file decides.
#[derive(Clone, Debug, Default)]
pub(crate) struct Setup {
    pub(crate) platform: Option<Platform>,
    pub(crate) rmm: RmmArg,
    pub(crate) hasher: Hasher,
    /// What tokens are written as, if it is not what the RMM's edition says.
    pub(crate) token_profile: Option<TokenProfile>,
}

/// How a replay ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) world: World,
    pub(crate) steps: u64,
    pub(crate) exit: Exit,
    /// What went wrong, in lines for people.
    pub(crate) messages: Vec<String>,
    /// What the script printed.
    pub(crate) printed: Vec<String>,
    /// Names of Realms by the address of their RD.
    pub(crate) names: Vec<(u64, String)>,
    /// Realms whose RIM can not be known, by RD, and why: nobody is shown the RIM of one.
    pub(crate) gaps: BTreeMap<u64, String>,
}

impl Ended {
    /// Whether everything was played to its end, so that the RIMs are those of finished Realms.
    pub(crate) const fn is_complete(&self) -> bool {
        matches!(self.exit, Exit::Good | Exit::Mismatch)
    }

    /// Why the RIM of a Realm can not be shown, if it can not.
    pub(crate) fn gap(&self, rd: u64) -> Option<String> {
        let why = self.gaps.get(&rd)?;
        Some(format!("Realm {}: its RIM can not be known: {why}", self.name_of(rd)))
    }

    /// What the script calls the Realm whose RD is at `rd`, or the address.
    pub(crate) fn name_of(&self, rd: u64) -> String {
        let named = self.names.iter().find(|(known, _)| *known == rd);
        named.map_or_else(|| format!("{rd:#x}"), |(_, name)| name.clone())
    }
}

/// The machine that `--platform` says: a preset's name or a TOML file.
pub(crate) fn machine(name: &str) -> Result<Platform, String> {
    if !name.contains(['.', '/']) {
        return Platform::preset(name).map_err(|error| error.to_string());
    }
    let text = read_settings(Path::new(name)).map_err(|error| about_file(name, error))?;
    Platform::from_toml(&text).map_err(|error| about_file(name, error))
}

impl Setup {
    /// The World in which a script or a vector is played that asks for this machine and RMM.
    pub(crate) fn world(&self, platform: Platform, profile: Profile) -> World {
        let platform = self.platform.clone().unwrap_or(platform);
        let mut world = World::new(platform, self.rmm.over(profile));
        world.set_hasher(self.hasher.clone());
        if let Some(profile) = self.token_profile {
            world.set_token_profile(profile);
        }
        world
    }
}

impl Input {
    /// Bytes of all images that may be measured.
    pub(crate) fn image_bytes(&self) -> u64 {
        match self {
            Self::Vector(_) => 0,
            Self::Script(script) => script.images().map(|image| image.len_bytes()).sum(),
        }
    }

    pub(crate) fn check_unchanged(&self) -> Result<(), Problem> {
        match self {
            Self::Vector(_) => Ok(()),
            Self::Script(script) => {
                Ok(script.opened().iter().try_for_each(|image| image.check_unchanged())?)
            }
        }
    }

    /// Whether all bytes are known that it may show.
    pub(crate) fn is_known(&self) -> bool {
        match self {
            Self::Vector(_) => true,
            Self::Script(script) => script.opened().iter().all(|image| image.is_known()),
        }
    }

    /// Whether it says that something is not known.
    pub(crate) fn has_gaps(&self) -> bool {
        match self {
            Self::Vector(_) => false,
            Self::Script(script) => script.has_gaps(),
        }
    }

    /// Replays the file to its end, or to where it can not go on.
    pub(crate) fn replay<'o>(
        &self,
        setup: &Setup,
        observers: impl IntoIterator<Item = &'o mut dyn Observer>,
    ) -> Ended {
        match self {
            Self::Vector(vector) => replay_vector(vector, setup, observers),
            Self::Script(script) => replay_script(script, setup, observers),
        }
    }

    /// The edition of the specification that its session speaks.
    pub(crate) fn profile(&self, setup: &Setup) -> Profile {
        let own = match self {
            Self::Vector(vector) => vector.recorded,
            Self::Script(script) => Player::new(script.clone()).setup().1,
        };
        setup.rmm.over(own)
    }

    pub(crate) fn platform(&self, setup: &Setup) -> Platform {
        setup.platform.clone().unwrap_or_else(|| match self {
            Self::Vector(vector) => vector.platform.clone(),
            Self::Script(script) => Player::new(script.clone()).setup().0,
        })
    }
}

fn replay_vector<'o>(
    vector: &Vector,
    setup: &Setup,
    observers: impl IntoIterator<Item = &'o mut dyn Observer>,
) -> Ended {
    let mut session = Session::new(setup.world(vector.platform.clone(), vector.recorded));
    observers.into_iter().for_each(|observer| session.observe(observer));
    let report = conform::replay_in(&mut session, vector);
    let lines = report.failures.iter().flat_map(|failure| {
        failure.mismatches.iter().map(|mismatch| format!("{}: {mismatch}", failure.place))
    });
    Ended {
        world: session.into_world(),
        steps: report.steps,
        exit: if report.failures.is_empty() { Exit::Good } else { Exit::Mismatch },
        messages: lines.collect(),
        printed: Vec::new(),
        names: Vec::new(),
        gaps: BTreeMap::new(),
    }
}

fn replay_script<'o>(
    script: &LoadedScript,
    setup: &Setup,
    observers: impl IntoIterator<Item = &'o mut dyn Observer>,
) -> Ended {
    let mut player = Player::new(script.clone());
    player.keep_going(true);
    let (platform, profile) = player.setup();
    let mut session = Session::new(setup.world(platform, profile));
    observers.into_iter().for_each(|observer| session.observe(observer));
    let (exit, mut messages) = match player.play(&mut session) {
        Ok(()) => (Exit::Good, Vec::new()),
        Err(error) => {
            let before = player.unmet().iter().map(ToString::to_string);
            (exit_of(&error), before.chain(error.messages()).collect())
        }
    };
    let steps = session.steps();
    let world = session.into_world();
    let name = |rd: u64| player.symbol_of(rd).map(|name| (rd, name.to_owned()));
    let names = world.realms().filter_map(|(rd, _)| name(rd.0)).collect();
    let gap = |rd: u64| player.gap(rd).map(|gap| (rd, gap.to_string()));
    let gaps: BTreeMap<u64, String> = world.realms().filter_map(|(rd, _)| gap(rd.0)).collect();
    let printed = player.printed().to_vec();
    let mut ended = Ended { world, steps, exit, messages: Vec::new(), printed, names, gaps };
    for (rd, why) in &ended.gaps {
        let name = ended.name_of(*rd);
        messages.push(format!("Realm {name}: its RIM can not be known: {why}"));
    }
    // A RIM that can not be known is not the RMM's refusal.
    let exit = if ended.gaps.is_empty() { exit } else { exit.and(Exit::Mismatch) };
    (ended.exit, ended.messages) = (exit, messages);
    ended
}

const fn exit_of(error: &PlayError) -> Exit {
    match error {
        PlayError::Refused(_) => Exit::Refused,
        PlayError::Mismatch(..) => Exit::Mismatch,
        PlayError::Script(_) => Exit::Usage,
        PlayError::Image(_) | PlayError::Stopped => Exit::Io,
    }
}
