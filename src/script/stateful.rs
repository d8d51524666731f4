//! Stateful operations of RMM 2.0 that a script has carried out to their end.

use super::ending::PlayError;
use super::grammar::Answer;
use super::player::Run;
use crate::abi::addr::{Level, Pa};
use crate::abi::address_range::{AddressRange, max_list, requested_granules};
use crate::abi::command::{CallRegs, Command};
use crate::abi::status::MemReq;
use crate::rmi::Outcome;
use crate::session::Action;

impl Run<'_, '_> {
    /// Calls the RMM and goes on with the operation until it has ended: gives granules where it
    /// asks for them, and takes back what it gives back. What is compared is its end.
    pub(super) fn until_ended(
        &mut self,
        regs: &CallRegs,
        answer: Option<&Answer>,
    ) -> Result<(), PlayError> {
        let mut outcome = self.call_for(regs, answer)?;
        let handle = outcome.regs()[1];
        let mut list_ptr = None;
        while let Some(request) = outcome.awaits() {
            let list_ptr = match list_ptr {
                Some(list_ptr) => list_ptr,
                None => *list_ptr.insert(self.take(1, false)?),
            };
            outcome = match request {
                MemReq::None => {
                    self.call_for(&Command::OpContinue { handle, flags: 0 }.encode(), answer)?
                }
                MemReq::Donate => self.donate(handle, list_ptr, outcome.regs()[2])?,
                MemReq::Reclaim => {
                    let list_count = max_list(self.granule_size());
                    self.call(&Command::OpMemReclaim { handle, list_ptr, list_count }.encode())?
                }
            };
        }
        let begun = Command::decode(regs, self.edition());
        if let Some(begun) = begun.filter(|_| outcome.is_success()) {
            self.remember(begun);
        }
        self.judge(regs, &outcome, answer)
    }

    /// Delegates as many granules as are asked for, in a row, and gives them.
    fn donate(&mut self, handle: u64, list_ptr: u64, request: u64) -> Result<Outcome, PlayError> {
        let size = self.granule_size();
        let count = requested_granules(request, size);
        let base = Pa(self.take(count, true)?);
        let range = AddressRange { base, level: Level::PAGE, count, undelegated: false, size };
        let data = vec![(0, range.encode().to_le_bytes().to_vec())];
        self.step(Action::Page { pa: list_ptr, data })?;
        self.call(&Command::OpMemDonate { handle, list_ptr, list_count: 1 }.encode())
    }
}
