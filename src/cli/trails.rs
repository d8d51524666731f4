//! Whatever can say what was measured into a Realm, as a trail.

use std::io::{self, BufRead, BufReader};
use std::path::Path;

use thiserror::Error;

use crate::cli::causes::Line;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::input::rmm_logs::{self, Contents};
use crate::cli::input::{Problem, Setup};
use crate::cli::options::{ImageFiles, OutsideArgs, RmmLogArgs};
use crate::encoding::nearest::DidYouMean;
use crate::encoding::shown::{ShowPath as _, Shown};
use crate::explain::{self, SavedError, Trail};
use crate::inputs;
use crate::measure::hasher::Hasher;
use crate::measure::log::EventLog;
use crate::model::world::World;
use crate::outputs::{OutputError, OutputPath, OutputSet};

/// Why there is no trail.
#[derive(Debug, Error)]
pub(crate) enum NoTrail {
    #[error(transparent)]
    Problem(#[from] Problem),
    #[error("{path}: {source}", path = Shown(path))]
    Saved { path: String, source: SavedError },
    #[error("{0}")]
    Usage(String),
    #[error("{text}")]
    Told { exit: Exit, text: String },
    #[error("{path}: {why}", path = Shown(path))]
    Refused { path: String, exit: Exit, why: String },
}

impl NoTrail {
    /// The exit code that tells of it.
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Problem(problem) => problem.exit(),
            Self::Saved { source: SavedError::Io(_), .. } => Exit::Io,
            Self::Saved { .. } | Self::Usage(_) => Exit::Usage,
            Self::Told { exit, .. } | Self::Refused { exit, .. } => *exit,
        }
    }
}

impl From<OutputError> for NoTrail {
    fn from(error: OutputError) -> Self {
        Problem::from(error).into()
    }
}

impl From<CliError> for NoTrail {
    fn from(CliError(exit, text): CliError) -> Self {
        Self::Told { exit, text }
    }
}

/// What a file is that tells of a Realm.
enum Kind {
    Replay,
    Saved,
}

/// Opens a script, a vector, a log of an RMM, saved events, a file with arguments of `rimsim
/// measure` or a domain of libvirt.
pub(crate) fn open(
    path: &Path,
    realm: Option<&str>,
    log: &RmmLogArgs,
    outside: OutsideArgs,
    hasher: &Hasher,
    files: &ImageFiles,
) -> Result<Trail, NoTrail> {
    if let Some(line) = Line::of(path, outside)? {
        return Ok(line.trail(path, files)?);
    }
    match kind(path).map_err(|source| Problem::Io { path: path.to_owned(), source })? {
        Kind::Saved => {
            let file = inputs::open(path).and_then(|file| {
                inputs::room_of(file.metadata()?.len())?;
                Ok(file)
            });
            let file = file.map_err(|source| Problem::Io { path: path.to_owned(), source })?;
            explain::read_events(BufReader::new(file))
                .map_err(|source| NoTrail::Saved { path: path.display().to_string(), source })
        }
        Kind::Replay => replay(path, realm, log, outside, hasher, files),
    }
}

/// Looks at a file's name and at its first line.
fn kind(path: &Path) -> io::Result<Kind> {
    const LOOKED_AT: usize = 256;
    let named = |extension| path.extension().is_some_and(|found| found == extension);
    if named("events") {
        return Ok(Kind::Saved);
    }
    if path.is_dir() {
        return Ok(Kind::Replay);
    }
    let mut file = BufReader::with_capacity(LOOKED_AT, inputs::open(path)?);
    let start = file.fill_buf()?;
    let saved = start.starts_with(b"{\"schema\":\"rimsim/1\",\"kind\":\"events\"");
    Ok(if saved { Kind::Saved } else { Kind::Replay })
}

fn replay(
    path: &Path,
    realm: Option<&str>,
    log: &RmmLogArgs,
    outside: OutsideArgs,
    hasher: &Hasher,
    files: &ImageFiles,
) -> Result<Trail, NoTrail> {
    let reach = outside.reach_of(path);
    let input = rmm_logs::open(path, log, Contents::Needed, &reach, &mut files.clone())?.input;
    let setup = Setup { hasher: hasher.clone(), ..Setup::default() };
    let ended = input.replay(&setup, std::iter::empty());
    if !matches!(ended.exit, Exit::Good | Exit::Mismatch) {
        let why = ended.messages.join("\n");
        return Err(NoTrail::Refused { path: path.display().to_string(), exit: ended.exit, why });
    }
    let (rd, name) = choose(&ended.world, realm, |rd| ended.name_of(rd))
        .map_err(|why| NoTrail::Usage(format!("{}: {why}", path.shown())))?;
    if let Some(why) = ended.gap(rd) {
        let path = path.display().to_string();
        return Err(NoTrail::Refused { path, exit: Exit::Mismatch, why });
    }
    let realm = ended.world.realm(rd).expect("it was just chosen");
    let log = realm.log();
    let name = format!("{}:{name}", path.shown());
    input.check_unchanged()?;
    let trail = Trail::of_log(name, log.algo(), log.rule(), log.events().clone());
    Ok(trail.with_rems(*realm.rems()).with_rmm(ended.world.profile()))
}

/// The Realm of a name or an address, or the only one.
pub(crate) fn choose(
    world: &World,
    realm: Option<&str>,
    name_of: impl Fn(u64) -> String,
) -> Result<(u64, String), String> {
    let realms: Vec<_> = world.realms().map(|(rd, _)| (rd.0, name_of(rd.0))).collect();
    let names = || realms.iter().map(|(_, name)| name.as_str()).collect::<Vec<_>>().join(", ");
    match (realm, &realms[..]) {
        (None, [only]) => Ok(only.clone()),
        (_, []) => Err("no Realm is left at the end".to_owned()),
        (None, _) => Err(format!("there are several Realms, say --realm: {}", names())),
        (Some(wanted), _) => {
            let is_it =
                |(rd, name): &&(u64, String)| name == wanted || format!("{rd:#x}") == wanted;
            let found = realms.iter().find(is_it).cloned();
            found.ok_or_else(|| {
                let meant = DidYouMean::of(wanted, realms.iter().map(|(_, name)| name.as_str()));
                format!("there is no Realm `{wanted}`, only {}{meant}", names())
            })
        }
    }
}

/// Writes the events of a log to a file.
pub(crate) fn save(
    target: &OutputPath,
    name: &str,
    log: &EventLog,
    outputs: &mut OutputSet,
) -> Result<(), OutputError> {
    let mut out = outputs.begin(target)?;
    explain::write_events(&mut out, name, log).map_err(|source| out.error(source))?;
    outputs.add(out);
    Ok(())
}
