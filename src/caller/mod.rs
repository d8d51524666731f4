//! How a Host talks with the RMM: memory that it hands out, commands, the tables that a walk lacks,
//! operations of several calls.
//!
//! [`Caller`] has the pieces, which KVM of every generation is made of too; [`Host`] puts them
//! together for tests of VMMs.
//!
//! *Architecture invariant:* what a caller knows of the RMM is what the registers say.

mod error;
mod host;
mod memory;
mod operation;
mod tables;

pub use error::{HostError, Refused};
pub use host::Host;
pub(crate) use memory::Memory;
pub(crate) use tables::{map_level, walk_level};

use std::ops::Range;

use crate::abi::addr::{GRANULE_SIZE, Pa};
use crate::abi::command::Command;
use crate::abi::edition::Edition;
use crate::rmi::Outcome;
use crate::session::{Action, Session, Step};

/// Bytes at offsets into a page that is zero otherwise.
pub(crate) type Pieces = Vec<(u16, Vec<u8>)>;

/// A session, and the memory of the Host that calls in it.
pub(crate) struct Caller<'c, 'o> {
    pub(crate) session: &'c mut Session<'o>,
    pub(crate) memory: &'c mut Memory,
}

impl Caller<'_, '_> {
    /// The edition that the RMM speaks.
    pub(crate) fn edition(&self) -> Edition {
        self.session.world().profile().edition()
    }

    /// Issues a command.
    pub(crate) fn call(&mut self, command: Command) -> Result<Outcome, HostError> {
        let place = || self.memory.place.clone();
        let regs = self.session.world().profile().encode(&command);
        Ok(self.session.call(&regs, place)?)
    }

    /// Issues a command that has to succeed.
    pub(crate) fn must(&mut self, command: Command) -> Result<Outcome, HostError> {
        let outcome = self.call(command)?;
        if outcome.is_success() { Ok(outcome) } else { Err(Refused::error(command, outcome)) }
    }

    /// Granules of the Host in a row, the first aligned to the size of all if their number is a
    /// power of two.
    pub(crate) fn granules(&mut self, count: u64) -> Result<Pa, HostError> {
        self.memory.take(count)
    }

    /// A granule that was given to the RMM.
    pub(crate) fn delegated(&mut self) -> Result<Pa, HostError> {
        self.delegated_run(1)
    }

    /// As [`Caller::granules`], given to the RMM.
    pub(crate) fn delegated_run(&mut self, count: u64) -> Result<Pa, HostError> {
        let base = self.granules(count)?;
        self.delegate(base..Pa(base.0 + count * GRANULE_SIZE))?;
        Ok(base)
    }

    /// Gives granules in a row to the RMM, by as many calls as it asks for: a Host goes on where
    /// the last call stopped.
    pub(crate) fn delegate(&mut self, range: Range<Pa>) -> Result<(), HostError> {
        let mut next = range.start;
        while next < range.end {
            let command = Command::delegate_range(self.edition(), next..range.end);
            let outcome = self.must(command)?;
            // A command without an output is about one granule.
            let stopped = if command.info().outputs.is_empty() {
                Pa(next.0 + GRANULE_SIZE)
            } else {
                Pa(outcome.regs()[1])
            };
            if stopped <= next {
                return Err(Refused::error(command, outcome));
            }
            next = stopped;
        }
        Ok(())
    }

    /// Does something that is no call.
    pub(crate) fn act(&mut self, action: Action) -> Result<(), HostError> {
        let record = self.session.step(&Step::new(action, self.memory.place.clone()));
        record.fault.map_or(Ok(()), |fault| Err(fault.into()))
    }

    /// Writes a structure into a granule of the Host, and gives its address.
    pub(crate) fn write_page(&mut self, data: Pieces) -> Result<Pa, HostError> {
        let page = self.granules(1)?;
        self.act(Action::Page { pa: page.0, data })?;
        Ok(page)
    }
}
