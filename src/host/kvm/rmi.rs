//! How KVM calls the RMM: memory, registers, and the tables that RMI_ERROR_RTT asks for.

use super::{Kvm, refused};
use crate::abi::addr::{GRANULE_SIZE, Level, Pa, align_down};
use crate::abi::address_range::{AddressRange, max_list, requested_granules};
use crate::abi::command::Command;
use crate::abi::granule_size::GranuleSize;
use crate::abi::platform::Platform;
use crate::abi::profile::{Edition, Profile};
use crate::abi::status::{MemReq, Status};
use crate::host::vm::{Layer, Refusal};
use crate::rmi::Outcome;
use crate::session::{Action, Place, Step};

/// The RMM's granules as KVM has them chosen.
const GRANULE: GranuleSize = GranuleSize::K4;

/// What a page is written of: offsets and bytes.
pub(super) type Pieces = Vec<(u16, Vec<u8>)>;

/// Granules of the Host, handed out upwards and never taken back.
pub(super) struct Pool {
    /// What is left of each DRAM range, lowest first.
    rest: Vec<(u64, u64)>,
    place: Place,
}

impl Pool {
    pub(super) fn new(platform: &Platform) -> Self {
        let rest = platform.dram.iter().map(|dram| dram.range()).map(|r| (r.start, r.end));
        Self { rest: rest.collect(), place: Place::file("kvm") }
    }

    /// The first of `count` granules in a row, aligned to their size if `count` is a power of two.
    fn take(&mut self, count: u64) -> Option<u64> {
        let len_bytes = count.checked_mul(GRANULE_SIZE)?;
        let align = len_bytes.next_power_of_two();
        self.rest.iter_mut().find_map(|(next, end)| {
            let at = next.checked_next_multiple_of(align)?;
            let top = at.checked_add(len_bytes).filter(|top| *top <= *end)?;
            *next = top;
            Some(at)
        })
    }
}

impl Kvm<'_, '_> {
    /// Granules of the Host.
    pub(super) fn granules(&mut self, count: u64, place: &str) -> Result<u64, Refusal> {
        let why = "the simulated machine has no memory left (ENOMEM)";
        self.pool.take(count).ok_or_else(|| refused(place, why))
    }

    /// The rules of the RMM that is called.
    pub(super) fn profile(&self) -> Profile {
        self.session.world().profile()
    }

    /// The edition of its specification.
    pub(super) fn edition(&self) -> Edition {
        self.profile().edition()
    }

    /// A granule that was given to the RMM.
    pub(super) fn delegated(&mut self, place: &str) -> Result<u64, Refusal> {
        let addr = self.granules(1, place)?;
        self.delegate(addr, 1, place)?;
        Ok(addr)
    }

    /// Gives granules in a row to the RMM, by as many calls as it asks for: KVM goes on where the
    /// last call stopped (`rmi_delegate_range`).
    pub(super) fn delegate(&mut self, base: u64, count: u64, place: &str) -> Result<(), Refusal> {
        let top = base + count * GRANULE_SIZE;
        let mut next = base;
        while next < top {
            let command = Command::delegate_range(self.edition(), next, top);
            let outcome = self.must(command, place)?;
            // A command without an output is about one granule.
            let stopped = if command.info().outputs.is_empty() {
                next + GRANULE_SIZE
            } else {
                outcome.regs()[1]
            };
            if stopped <= next {
                return Err(by_rmm(place, command, &outcome));
            }
            next = stopped;
        }
        Ok(())
    }

    pub(super) fn act(&mut self, action: Action) -> crate::session::Record {
        self.session.step(&Step::new(action, self.pool.place.clone()))
    }

    /// Writes a structure into a granule of the Host, and gives its address.
    pub(super) fn write_page(&mut self, data: Pieces, place: &str) -> Result<u64, Refusal> {
        let pa = self.granules(1, place)?;
        self.act(Action::Page { pa, data });
        Ok(pa)
    }

    /// Issues a command.
    pub(super) fn call(&mut self, command: Command) -> Outcome {
        let place = || self.pool.place.clone();
        let outcome = self.session.call(&command.encode(), place);
        outcome.expect("a VMM's files are there in full")
    }

    /// Issues a command that has to succeed.
    pub(super) fn must(&mut self, command: Command, place: &str) -> Result<Outcome, Refusal> {
        let outcome = self.call(command);
        if outcome.is_success() { Ok(outcome) } else { Err(by_rmm(place, command, &outcome)) }
    }

    /// Issues a command that has to succeed, and goes on with the operation that it may begin:
    /// gives the granules that the RMM asks for, takes back what it gives (`rmi_sro_execute`).
    pub(super) fn must_end(&mut self, command: Command, place: &str) -> Result<(), Refusal> {
        let mut outcome = self.call(command);
        let handle = outcome.regs()[1];
        while let Some(request) = outcome.awaits() {
            let next = match request {
                MemReq::None => Command::OpContinue { handle, flags: 0 },
                MemReq::Donate => self.donation(handle, outcome.regs()[2], place)?,
                MemReq::Reclaim => {
                    let (list_ptr, list_count) = (self.list(place)?, max_list(GRANULE));
                    Command::OpMemReclaim { handle, list_ptr, list_count }
                }
            };
            outcome = self.call(next);
        }
        if outcome.is_success() { Ok(()) } else { Err(by_rmm(place, command, &outcome)) }
    }

    /// Delegates the granules that a request asks for, one by one, and names each in the list.
    fn donation(&mut self, handle: u64, request: u64, place: &str) -> Result<Command, Refusal> {
        let list_count = requested_granules(request, GRANULE).min(max_list(GRANULE));
        let mut list = Vec::new();
        for _ in 0..list_count {
            let base = Pa(self.delegated(place)?);
            let (level, size) = (Level::PAGE, GRANULE);
            let range = AddressRange { base, level, count: 1, undelegated: false, size };
            list.extend(range.encode().to_le_bytes());
        }
        let list_ptr = self.list(place)?;
        self.act(Action::Page { pa: list_ptr, data: vec![(0, list)] });
        Ok(Command::OpMemDonate { handle, list_ptr, list_count })
    }

    /// The granule in which lists of memory go to and fro.
    fn list(&mut self, place: &str) -> Result<u64, Refusal> {
        let list = match self.list {
            Some(list) => list,
            None => self.granules(1, place)?,
        };
        self.list = Some(list);
        Ok(list)
    }

    /// Makes the tables at `ipa` below level `from`, down to level `to`.
    pub(super) fn create_tables(
        &mut self,
        ipa: u64,
        from: Level,
        to: Level,
        place: &str,
    ) -> Result<(), Refusal> {
        let rd = self.created(place)?;
        let mut parent = from;
        while let Some(level) = parent.child().filter(|level| *level <= to) {
            let rtt = self.delegated(place)?;
            let base = align_down(ipa, parent.entry_size_bytes());
            let level_arg = level.to_register();
            self.must(Command::RttCreate { rd, rtt, ipa: base, level: level_arg }, place)?;
            parent = level;
        }
        Ok(())
    }
}

/// The level at which a walk ended, if that is what a command failed for.
pub(super) fn walk_level(outcome: &Outcome) -> Option<Level> {
    let code = outcome.code().filter(|code| code.status == Status::Rtt)?;
    Level::from_register(i64::from(code.index.cast_signed()).cast_unsigned())
}

/// A refusal by the RMM, with the condition and the values compared.
pub(super) fn by_rmm(place: &str, command: Command, outcome: &Outcome) -> Refusal {
    let why = format!("{command} => {outcome}");
    Refusal::Refused { by: Layer::Rmm, place: place.to_owned(), why }
}
