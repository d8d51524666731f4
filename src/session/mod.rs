//! The one loop that everything goes through: a step, what came of it, and those who look on.
//!
//! Drivers (scripts, vectors) make [`Step`]s; the session carries them out on its [`World`] and
//! answers a [`Record`]; observers (traces, exports, coverage) see both and change nothing.

mod check;
mod fill;
mod step;
mod unknown;

pub use check::Mismatch;
pub use step::{
    Action, Check, Expected, Notes, PeekWant, Place, RealmWant, RecWant, RimWant, Step,
};

use std::sync::Arc;

use thiserror::Error;
use tracing::field::display;

use crate::abi::addr::{GRANULE_LEN, GranuleBytes, Hex, Pa};
use crate::abi::command::CallRegs;
use crate::measure::image::Image;
use crate::measure::page::Page;
use crate::model::program::GuestActionError;
use crate::model::world::{HostFault, World};
use crate::rmi::{DataRow, Outcome};

/// Looks at every step. Sees the world as it is after the step.
pub trait Observer {
    /// Called once after each step.
    fn observe(&mut self, step: &Step, record: &Record, world: &World);
}

/// Why a step could not be made.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Fault {
    /// The Host touched memory that is not its own.
    #[error(transparent)]
    Host(#[from] HostFault),
    /// The RMM or a Realm would read contents of which only digests are known.
    #[error("of the contents at {0} only digests are known, and they are not enough here")]
    Unknown(Pa),
    /// The Realm's software can not be made to do it.
    #[error(transparent)]
    Guest(#[from] GuestActionError),
}

/// What came of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The step's number, from 0.
    pub index: u64,
    /// What the RMM answered, if the step was a call.
    pub outcome: Option<Outcome>,
    /// Why what the step says could not be done. A zero, fill or image has written the granules
    /// before the one that refused.
    pub fault: Option<Fault>,
    /// Where the result is not what the step expects.
    pub mismatches: Vec<Mismatch>,
}

/// A world with the steps that are made in it.
#[allow(missing_debug_implementations, reason = "observers have no form to print")]
pub struct Session<'o> {
    world: World,
    observers: Vec<&'o mut dyn Observer>,
    steps: u64,
}

impl<'o> Session<'o> {
    /// A session that nobody observes.
    #[must_use]
    pub fn new(world: World) -> Self {
        Self { world, observers: Vec::new(), steps: 0 }
    }

    /// Adds somebody who sees every step from now on.
    pub fn observe(&mut self, observer: &'o mut dyn Observer) {
        self.observers.push(observer);
    }

    /// The world as it is now.
    #[must_use]
    pub fn world(&self) -> &World {
        &self.world
    }

    /// The world, to ask for a RIM or to change its profile between steps.
    pub fn world_mut(&mut self) -> &mut World {
        &mut self.world
    }

    /// Ends the session.
    #[must_use]
    pub fn into_world(self) -> World {
        self.world
    }

    /// Steps made so far.
    #[must_use]
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// Carries out one step and compares the result with what the step expects, then shows it to
    /// all observers, in the order in which they came.
    ///
    /// Every step can be made; what it asks of the machine can be refused, and the record says by
    /// whom. The RMM's refusal is in `outcome`, the Host's in `fault`; neither is a mismatch unless
    /// the step expects something else. A call with a fault was not made and has no outcome.
    pub fn step(&mut self, step: &Step) -> Record {
        let (outcome, fault) = self.act(&step.action);
        let mut mismatches = Vec::new();
        if let Some(expected) = &step.expected {
            check::outcome(expected, outcome.as_ref(), &mut mismatches);
            check::write(expected, fault.as_ref(), &mut mismatches);
        }
        if let Some(guest) = step.notes.as_ref().and_then(|notes| notes.guest.as_ref()) {
            check::guest(&self.world, &step.action, guest, &mut mismatches);
        }
        if let Action::Check(wanted) = &step.action {
            check::state(&mut self.world, wanted, &mut mismatches);
        }
        // The Host may touch what it can not; a Realm can not do what can not be.
        if let Some(Fault::Guest(error)) = &fault {
            let (got, wanted) = (error.to_string(), "an action that waits".to_owned());
            mismatches.push(Mismatch { what: "guest action".to_owned(), got, wanted });
        }
        let record = Record { index: self.steps, outcome, fault, mismatches };
        self.steps += 1;
        for observer in &mut self.observers {
            observer.observe(step, &record, &self.world);
        }
        record
    }

    /// Makes one call, as a step that expects nothing. The step and its place are only written down
    /// if somebody looks on: a Host that builds a large Realm makes millions.
    ///
    /// # Errors
    /// If the RMM would read contents of which only digests are known.
    pub fn call(
        &mut self,
        regs: &CallRegs,
        place: impl FnOnce() -> Place,
    ) -> Result<Outcome, Fault> {
        if !self.observers.is_empty() {
            let record = self.step(&Step::new(Action::Call(*regs), place()));
            return match record.fault {
                None => Ok(record.outcome.expect("a call has an outcome")),
                Some(fault) => Err(fault),
            };
        }
        self.steps += 1;
        self.call_rmm(regs)
    }

    /// Lets the granule at `pa` of the Host's memory show the granule of `image` at `offset`. As
    /// with [`Session::call`], nothing is written down unless somebody looks on.
    ///
    /// # Errors
    /// If the memory is not the Host's.
    pub fn show(
        &mut self,
        pa: u64,
        image: &Arc<Image>,
        offset: u64,
        place: impl FnOnce() -> Place,
    ) -> Result<(), Fault> {
        let image = Arc::clone(image);
        if !self.observers.is_empty() {
            let action = Action::Image { pa, image, offset, count_granules: 1 };
            let record = self.step(&Step::new(action, place()));
            return record.fault.map_or(Ok(()), Err);
        }
        self.steps += 1;
        Ok(self.world.host_set_page(pa, Page::Image { image, offset })?)
    }

    /// Makes the first steps of a row at once, as many as are known to succeed, and says for how
    /// many granules. None if somebody looks on, who is to see every step. The steps for the
    /// granule before the row were made, and succeeded.
    pub(crate) fn create_data_row(&mut self, row: &DataRow) -> u64 {
        if !self.observers.is_empty() || tracing::enabled!(tracing::Level::TRACE) {
            return 0;
        }
        let count = self.world.create_data_row(row);
        self.steps += count * row.steps(self.world.granule_size());
        count
    }

    fn call_rmm(&mut self, regs: &CallRegs) -> Result<Outcome, Fault> {
        match unknown::needed(&self.world, regs) {
            None => {
                let outcome = self.world.call(regs);
                if tracing::enabled!(tracing::Level::TRACE) {
                    trace_call(regs, &outcome);
                }
                Ok(outcome)
            }
            Some(pa) => Err(Fault::Unknown(pa)),
        }
    }

    fn act(&mut self, action: &Action) -> (Option<Outcome>, Option<Fault>) {
        let world = &mut self.world;
        let done = match action {
            Action::Call(regs) => {
                return match self.call_rmm(regs) {
                    Ok(outcome) => (Some(outcome), None),
                    Err(fault) => (None, Some(fault)),
                };
            }
            Action::Page { pa, data } => write_page(world, *pa, data),
            Action::Write { pa, bytes } => world.host_write(*pa, bytes),
            Action::Zero { pa, len_bytes } => fill::zero(world, *pa, *len_bytes),
            Action::Fill { pa, len_bytes, seed } => fill::fill(world, *pa, *len_bytes, *seed),
            Action::Image { pa, image, offset, count_granules } => {
                world.host_show(*pa, image, *offset, *count_granules)
            }
            Action::SetGpt { pa, gpt } => world.set_gpt(*pa, *gpt),
            Action::Guest { rec, id, action } => {
                let queued = world.queue_guest(*rec, *id, action.clone());
                return (None, queued.err().map(Fault::Guest));
            }
            Action::GuestOfPlane { rec, plane, id, action } => {
                let queued = world.queue_guest_of_plane(*rec, *plane, *id, action.clone());
                return (None, queued.err().map(Fault::Guest));
            }
            Action::GuestClear { rec } => {
                world.clear_guest(*rec);
                Ok(())
            }
            Action::Running { rec, on } => world.set_running(*rec, *on),
            Action::CpuInterface(interface) => {
                world.set_cpu_interface(interface.hcr, &interface.lrs);
                Ok(())
            }
            Action::Interrupt { polls } => {
                world.set_interrupt(*polls);
                Ok(())
            }
            Action::Check(_) | Action::Note(_) => Ok(()),
        };
        (None, done.err().map(Fault::Host))
    }
}

/// Zeroes a page and writes pieces into it. Pieces that pass its end are cut off; drivers refuse
/// them before.
#[cold]
fn trace_call(regs: &CallRegs, outcome: &Outcome) {
    let command = outcome.command().map(display);
    tracing::trace!(fid = %Hex(regs[0]), command, %outcome, "called");
}

fn write_page(world: &mut World, pa: u64, data: &[(u16, Vec<u8>)]) -> Result<(), HostFault> {
    let mut page: GranuleBytes = [0; GRANULE_LEN];
    for (offset, bytes) in data {
        let start = usize::from(*offset).min(page.len());
        let end = (start + bytes.len()).min(page.len());
        page[start..end].copy_from_slice(&bytes[..end - start]);
    }
    world.host_write_page(pa, &page)
}
