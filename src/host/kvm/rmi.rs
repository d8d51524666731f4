//! How KVM calls the RMM: a [`Caller`], whose errors become refusals of the call that is under way.

use super::{Kvm, refused};
use crate::abi::addr::{Ipa, Level, Pa};
use crate::abi::args::{Data, ParamsPtr, Rd, Src};
use crate::abi::command::Command;
use crate::abi::edition::Edition;
use crate::abi::granule_size::GranuleSize;
use crate::abi::structure::FieldError;
use crate::caller::{Caller, HostError, Pieces};
use crate::host::vm::{Layer, Refusal};
use crate::rmi::{DataRow, Outcome, RowSource};
use crate::session::Action;

impl<'o> Kvm<'_, 'o> {
    fn caller(&mut self) -> Caller<'_, 'o> {
        Caller { session: self.session, memory: &mut self.memory }
    }

    /// The edition that the RMM speaks.
    pub(super) fn edition(&self) -> Edition {
        self.session.world().profile().edition()
    }

    /// Granules of the Host.
    pub(super) fn granules(&mut self, count: u64, place: &str) -> Result<Pa, Refusal> {
        self.caller().granules(count).map_err(|error| of_call(place, error))
    }

    /// A granule that was given to the RMM.
    pub(super) fn delegated(&mut self, place: &str) -> Result<Pa, Refusal> {
        self.delegated_run(1, place)
    }

    /// Granules in a row that were given to the RMM (`rmi_delegate_range`).
    pub(super) fn delegated_run(&mut self, count: u64, place: &str) -> Result<Pa, Refusal> {
        self.caller().delegated_run(count).map_err(|error| of_call(place, error))
    }

    /// After a command that succeeded, delegates the next granules and gives them to the Realm,
    /// with contents from `src` on that follow each other: as many as can be done at once, `most`
    /// at most, and says how many.
    pub(super) fn create_data_row(
        &mut self,
        (rd, ipa): (Rd, Ipa),
        src: Src,
        flags: u64,
        most: u64,
    ) -> u64 {
        // KVM hands out granules of 4 KiB.
        if self.session.world().granule_size() != GranuleSize::K4 {
            return 0;
        }
        let Self { session, memory, .. } = self;
        memory.take_row(most, |data, count| {
            let (data, src) = (Data(data), RowSource::Memory(src));
            session.create_data_row(&DataRow {
                rd,
                data,
                is_delegated_too: true,
                ipa,
                src,
                flags,
                count,
            })
        })
    }

    pub(super) fn act(&mut self, action: Action) {
        self.caller().act(action).expect("the memory is the Host's");
    }

    /// Writes a structure into a granule of the Host, and gives its address.
    pub(super) fn write_page(&mut self, page: Pieces, place: &str) -> Result<ParamsPtr, Refusal> {
        self.caller().write_page(page).map(ParamsPtr).map_err(|error| of_call(place, error))
    }

    /// Issues a command.
    pub(super) fn call(&mut self, command: Command) -> Outcome {
        self.caller().call(command).expect("a VMM's files are there in full")
    }

    /// Issues a command that has to succeed.
    pub(super) fn must(&mut self, command: Command, place: &str) -> Result<Outcome, Refusal> {
        self.caller().must(command).map_err(|error| of_call(place, error))
    }

    /// Issues a command that has to succeed, and goes on with the operation that it may begin
    /// (`rmi_sro_execute`).
    pub(super) fn must_end(&mut self, command: Command, place: &str) -> Result<(), Refusal> {
        self.caller().must_end(command).map(drop).map_err(|error| of_call(place, error))
    }

    /// Makes the tables at `ipa` below level `from`, down to level `to`.
    pub(super) fn create_tables(
        &mut self,
        rd: Rd,
        ipa: Ipa,
        [from, to]: [Level; 2],
        place: &str,
    ) -> Result<(), Refusal> {
        let made = self.caller().create_tables(rd, ipa, from, to);
        made.map_err(|error| of_call(place, error))
    }
}

/// The structure of a call, if its values fit into its fields.
pub(super) fn page(pieces: Result<Pieces, FieldError>, place: &str) -> Result<Pieces, Refusal> {
    pieces.map_err(|error| refused(place, format!("{error} (EINVAL)")))
}

/// The refusal of a call whose command did not get through.
pub(super) fn of_call(place: &str, error: HostError) -> Refusal {
    match error {
        HostError::Refused(refused) => by_rmm(place, refused.command, &refused.outcome),
        HostError::NoMemory { .. } => {
            refused(place, "the simulated machine has no memory left (ENOMEM)")
        }
        other => refused(place, other.to_string()),
    }
}

/// A refusal by the RMM, with the condition and the values compared.
pub(super) fn by_rmm(place: &str, command: Command, outcome: &Outcome) -> Refusal {
    let why = format!("{command} => {outcome}");
    Refusal::Refused { by: Layer::Rmm, place: place.to_owned(), why }
}
