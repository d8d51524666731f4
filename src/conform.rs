//! Replays vectors and says where the simulator answers otherwise.

use crate::abi::command::Command;
use crate::abi::profile::{Profile, Rmm};
use crate::model::world::World;
use crate::session::{Action, Mismatch, Observer, Place, Session, Step};
use crate::vector::Vector;

/// What came of one vector.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Steps carried out.
    pub steps: u64,
    /// Steps whose result was not compared, because they show a deviation of TF-RMM and the text is
    /// followed.
    pub skipped: u64,
    /// Steps whose result was not compared, because the release that is followed takes the call
    /// otherwise than the one that was recorded.
    pub taken_otherwise: u64,
    /// Whether RIMs and REMs were made by the rules of the RMM that was recorded although those of
    /// the one that is followed are others: what was recorded can only be held against those.
    pub measured_as_recorded: bool,
    /// Steps that differ.
    pub failures: Vec<StepFailure>,
}

/// A step whose result is not the recorded one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepFailure {
    /// Where the step stands.
    pub place: Place,
    /// The step's number in the vector, from 0.
    pub step: u64,
    /// What the vector says is tested.
    pub label: Option<String>,
    /// The differences.
    pub mismatches: Vec<Mismatch>,
}

/// Replays a vector and compares everything it says to compare.
///
/// Under [`Profile::SPEC`] a step that shows a deviation is carried out as TF-RMM does it and is
/// not compared: so what follows starts from the state that was recorded, and everything else can
/// be held against the text. The same is done with a call that a later release takes otherwise
/// than the one that was recorded. Measurements are those of the RMM that was recorded throughout,
/// since every later one would differ under other rules; and so are the names of hash algorithms.
///
/// # Bounds
/// Time and memory grow with the vector's length, memory by at most 60 bytes for each byte, and by
/// what its steps do to the machine.
pub fn replay<'o>(
    vector: &Vector,
    profile: Profile,
    observers: impl IntoIterator<Item = &'o mut dyn Observer>,
) -> Report {
    let recorded = vector.recorded;
    let measuring = profile.measuring_as(recorded).naming_algorithms_as(recorded);
    let mut session = Session::new(World::new(vector.platform.clone(), measuring));
    for observer in observers {
        session.observe(observer);
    }
    let measured_as_recorded = !profile.measures_as(measuring);
    Report { measured_as_recorded, ..replay_in(&mut session, vector) }
}

/// As [`replay`], in a session whose world has the machine and the rules that are to count, those
/// of measurements included. They are the world's again at the end.
pub fn replay_in(session: &mut Session<'_>, vector: &Vector) -> Report {
    let _span = tracing::info_span!("replay", vector = vector.name).entered();
    let profile = session.world().profile();
    let as_recorded = vector.recorded.with_rem_reading(profile.rem_reading());
    let mut report = Report::default();
    for step in vector.steps() {
        let deviates = profile.rmm() != Rmm::TfRmm && step.dev().is_some();
        let otherwise = !deviates && is_otherwise(session.world(), &step, [profile, as_recorded]);
        let skip = deviates || otherwise;
        session.world_mut().set_profile(if skip { as_recorded } else { profile });
        let record = session.step(&step);
        report.steps += 1;
        report.skipped += u64::from(deviates);
        report.taken_otherwise += u64::from(otherwise);
        if !skip && !record.mismatches.is_empty() {
            report.failures.push(StepFailure {
                place: step.place.clone(),
                step: record.index,
                label: step.label().map(str::to_owned),
                mismatches: record.mismatches,
            });
        }
    }
    session.world_mut().set_profile(profile);
    let Report { steps, skipped, failures, .. } = &report;
    tracing::info!(steps, skipped, failures = failures.len(), "replayed");
    report
}

/// Whether two releases take a call otherwise: one of them makes Realms in several calls, is not
/// told whom a PSCI request is about, tells more of what it tracks, or has a command that the other
/// lacks. The world's own profile can be either.
fn is_otherwise(world: &World, step: &Step, [profile, recorded]: [Profile; 2]) -> bool {
    let Action::Call(regs) = &step.action else { return false };
    let Some(command) = Command::decode(regs, profile.edition()) else { return false };
    let in_steps = profile.makes_realms_in_steps() != recorded.makes_realms_in_steps();
    let answer = |profile| {
        let mut world = world.clone();
        world.set_profile(profile);
        *world.call(regs).regs()
    };
    match command {
        Command::RealmCreate { .. } | Command::RealmDestroy { .. } => in_steps,
        Command::OpContinue { .. }
        | Command::OpMemDonate { .. }
        | Command::OpMemReclaim { .. }
        | Command::OpCancel { .. }
            if in_steps =>
        {
            answer(profile) != answer(recorded)
        }
        // How far it looks, and what it says of no memory.
        Command::GranuleTrackingGet { .. } => answer(profile) != answer(recorded),
        Command::PsciComplete { .. } => {
            profile.psci_complete_names_target() != recorded.psci_complete_names_target()
        }
        _ => profile.has(command.info()) != recorded.has(command.info()),
    }
}
