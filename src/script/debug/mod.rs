//! A play that can be stopped, looked at and taken back.
//!
//! Nothing is undone: a play is a function of its script, so where the debugger stands is a number
//! of commands, and it is there by playing the script up to that one. So what it shows is what a
//! play without it does. It needs no terminal: [`Debugger::command`] takes a line and gives lines.

mod breakpoint;
mod line;
mod snapshot;
mod timeline;

use std::fmt;
use std::sync::Arc;

use breakpoint::Breakpoint;
use snapshot::Snapshot;
use timeline::{Moment, Timeline, Watch};

use super::ending::PlayError;
use super::grammar::{Kind, Statement};
use super::load::{Item, LoadedScript, SourceText};
use super::player::{Player, Run, State};
use crate::abi::platform::Platform;
use crate::abi::profile::Profile;
use crate::model::world::World;
use crate::session::Session;

/// Most lines that tell what changed.
const MAX_CHANGES: usize = 40;
/// Most commands that are listed at once.
const MAX_LISTED: usize = 20;

/// How a line was taken.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// What there is to say, a line each.
    pub lines: Vec<String>,
    /// Whether the line was no command, or could not be done.
    pub is_wrong: bool,
    /// Whether that was all.
    pub is_end: bool,
}

impl Told {
    fn of(lines: Vec<String>) -> Self {
        Self { lines, ..Self::default() }
    }

    fn wrong(why: impl fmt::Display) -> Self {
        Self { lines: vec![why.to_string()], is_wrong: true, is_end: false }
    }
}

/// Makes the World in which a script is played: the same each time.
pub type MakeWorld<'m> = Box<dyn Fn(Platform, Profile) -> World + 'm>;

/// Stands somewhere in the play of a script.
pub struct Debugger<'m> {
    script: LoadedScript,
    world: MakeWorld<'m>,
    timeline: Timeline,
    breakpoints: Vec<(u32, Breakpoint)>,
    next_number: u32,
    /// How many commands were made.
    position: usize,
    scene: Scene,
    snapshot: Snapshot,
}

impl fmt::Debug for Debugger<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Debugger").field("position", &self.position).finish_non_exhaustive()
    }
}

/// A play that was stopped.
struct Scene {
    state: State,
    session: Session<'static>,
    printed: Vec<String>,
}

impl<'m> Debugger<'m> {
    /// Stands before the first command of a script.
    ///
    /// # Bounds
    /// Plays the script once to its end, and again up to the place for each line that moves. Of a
    /// play with more than a million commands the first million can be stepped through.
    #[must_use]
    pub fn new(script: LoadedScript, world: MakeWorld<'m>) -> Self {
        let timeline = Timeline::of(&script, &world, None);
        let mut scene = scene(&script, &world, timeline.step_before(0));
        let snapshot = Snapshot::of(scene.session.world_mut());
        let breakpoints = Vec::new();
        Self { script, world, timeline, breakpoints, next_number: 1, position: 0, scene, snapshot }
    }

    /// Takes a line as somebody types it: a command, or nothing.
    pub fn command(&mut self, line: &str) -> Told {
        line::command(self, line)
    }

    /// Where it stands, as after a line that moves.
    #[must_use]
    pub fn place(&self) -> Vec<String> {
        match self.timeline.moments.get(self.position) {
            Some(moment) => vec![format!("next: {}", moment.told())],
            None => self.end(),
        }
    }

    /// How the play went, if the debugger stands at its end.
    #[must_use]
    pub fn ending(&self) -> Option<&PlayError> {
        let is_end = self.position == self.timeline.moments.len();
        self.timeline.ending.as_ref().filter(|_| is_end)
    }

    fn end(&self) -> Vec<String> {
        let mut lines = Vec::new();
        if self.timeline.is_cut {
            let count = self.timeline.moments.len();
            lines.push(format!("further commands are not kept: these are the first {count}"));
        }
        match &self.timeline.ending {
            Some(error) => lines.extend(error.messages()),
            None => lines.push("the script is at its end".to_owned()),
        }
        lines
    }

    /// Goes somewhere, and tells what was done and what changed on the way.
    fn go_to(&mut self, position: usize) -> Vec<String> {
        let from = self.position;
        let mut scene = scene(&self.script, &self.world, self.timeline.step_before(position));
        let snapshot = Snapshot::of(scene.session.world_mut());
        let mut lines = Vec::new();
        if let Some(done) = self.timeline.moments.get(from..position) {
            if done.len() > MAX_LISTED {
                let more = done.len() - MAX_LISTED;
                lines.push(format!("{more} commands, and then"));
            }
            let last = &done[done.len().saturating_sub(MAX_LISTED)..];
            lines.extend(last.iter().map(Moment::told_with_outcome));
            lines.extend(scene.printed.iter().skip(self.scene.printed.len()).cloned());
            let unmet = scene.state.unmet().iter().skip(self.scene.state.unmet().len());
            lines.extend(unmet.map(|unmet| format!("not as expected: {unmet}")));
        } else {
            lines.push(format!("back by {} commands", from - position));
        }
        lines.extend(snapshot.changes_since(&self.snapshot, MAX_CHANGES));
        self.position = position;
        self.scene = scene;
        self.snapshot = snapshot;
        lines.extend(self.place());
        lines
    }

    /// Where to stop next: behind the first command from here on that a breakpoint is about.
    fn next_stop(&self) -> (usize, Option<String>) {
        let moments = &self.timeline.moments;
        let mut best = (moments.len(), None);
        let mut take = |position: usize, number: u32, breakpoint: &Breakpoint| {
            if position < best.0 || (position == best.0 && best.1.is_none()) {
                best = (position, Some(format!("breakpoint {number}: {breakpoint}")));
            }
        };
        for (number, breakpoint) in &self.breakpoints {
            let before = (self.position + 1..moments.len()).find(|at| {
                let is_first =
                    moments.get(at - 1).is_none_or(|one| one.place != moments[*at].place);
                breakpoint.stops_before(&moments[*at], is_first)
            });
            let behind =
                (self.position..moments.len()).find(|at| breakpoint.stops_behind(&moments[*at]));
            before.into_iter().for_each(|at| take(at, *number, breakpoint));
            behind.into_iter().for_each(|at| take(at + 1, *number, breakpoint));
        }
        let watches: Vec<_> = self
            .breakpoints
            .iter()
            .filter_map(|(number, breakpoint)| Some((*number, breakpoint, breakpoint.watch()?)))
            .collect();
        if !watches.is_empty() {
            let list: Vec<Watch> = watches.iter().map(|(.., watch)| *watch).collect();
            let seen = Timeline::of(&self.script, &self.world, Some((&list, self.position)));
            for ((number, breakpoint, _), at) in watches.iter().zip(&seen.changed) {
                at.iter().for_each(|at| take(at + 1, *number, breakpoint));
            }
        }
        best
    }

    /// Lets the play say something as it stands: `print` statements.
    fn played(&mut self, text: &str, statement: Statement) -> Result<Vec<String>, PlayError> {
        let text = Arc::new(SourceText { file: "(debug)".into(), text: text.to_owned() });
        let item = Item { statement, text, image: None };
        self.scene.state.stop_at = u64::MAX;
        let Scene { state, session, .. } = &mut self.scene;
        let mut run = Run { state, session, item: &item };
        if let Kind::Let { value, .. } = &item.statement.kind {
            let value = run.value(value)?;
            return Ok(vec![format!("{} ({value})", crate::abi::addr::Hex(value))]);
        }
        run.statement()
    }
}

/// Plays a script up to a step.
fn scene(script: &LoadedScript, world: &MakeWorld<'_>, stop_at: u64) -> Scene {
    let mut player = Player::new(script.clone());
    player.keep_going(true);
    let (platform, profile) = player.setup();
    let mut session = Session::new(world(platform, profile));
    let (state, _) = player.play_until(&mut session, stop_at);
    Scene { state, session, printed: player.printed().to_vec() }
}
