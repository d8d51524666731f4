//! Stateful operations of RMM 2.0, to their end.

use super::{Caller, HostError, Refused};
use crate::abi::addr::{Level, Pa};
use crate::abi::address_range::{AddressRange, max_list, requested_granules};
use crate::abi::command::Command;
use crate::abi::granule_size::GranuleSize;
use crate::abi::status::MemReq;
use crate::rmi::Outcome;
use crate::session::Action;

/// The RMM's granules as a Host has them chosen.
const GRANULE: GranuleSize = GranuleSize::K4;

impl Caller<'_, '_> {
    /// Issues a command that has to succeed, and goes on with the operation that it may begin:
    /// gives the granules that the RMM asks for, takes back what it gives (`rmi_sro_execute`).
    pub(crate) fn must_end(&mut self, command: Command) -> Result<Outcome, HostError> {
        let mut outcome = self.call(command)?;
        let handle = outcome.regs()[1];
        while let Some(request) = outcome.awaits() {
            let next = match request {
                MemReq::None => Command::OpContinue { handle, flags: 0 },
                MemReq::Donate => self.donation(handle, outcome.regs()[2])?,
                MemReq::Reclaim => {
                    let (list_ptr, list_count) = (self.list()?.0, max_list(GRANULE));
                    Command::OpMemReclaim { handle, list_ptr, list_count }
                }
            };
            outcome = self.call(next)?;
        }
        if outcome.is_success() { Ok(outcome) } else { Err(Refused::error(command, outcome)) }
    }

    /// Delegates the granules that a request asks for, one by one, and names each in the list.
    fn donation(&mut self, handle: u64, request: u64) -> Result<Command, HostError> {
        let list_count = requested_granules(request, GRANULE).min(max_list(GRANULE));
        let mut list = Vec::new();
        for _ in 0..list_count {
            let base = self.delegated()?;
            let (level, size) = (Level::PAGE, GRANULE);
            let range = AddressRange { base, level, count: 1, undelegated: false, size };
            list.extend(range.encode().to_le_bytes());
        }
        let list_ptr = self.list()?.0;
        self.act(Action::Page { pa: list_ptr, data: vec![(0, list)] })?;
        Ok(Command::OpMemDonate { handle, list_ptr, list_count })
    }

    /// The granule in which lists of memory go to and fro.
    fn list(&mut self) -> Result<Pa, HostError> {
        let list = match self.memory.list {
            Some(list) => list,
            None => self.granules(1)?,
        };
        self.memory.list = Some(list);
        Ok(list)
    }
}
