//! Stateful operations (RMM 2.0): commands that take several calls.
//!
//! A command that can not end at once answers RMI_INCOMPLETE and a handle; its operation waits here
//! until the Host goes on with it. There is room for a fixed number. Nothing ties an operation to a
//! Realm, except what it holds: granules, and entries of an RTT.

use super::granule::{Granule, GranuleState};
use super::rtt::{TableId, Walk};
use crate::abi::addr::{Ipa, Pa};
use crate::abi::address_range::AddressRange;

/// Names an operation: its place among the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Handle(u32);

impl Handle {
    /// The value that the Host gets and gives.
    #[must_use]
    pub const fn to_register(self) -> u64 {
        self.0 as u64
    }
}

/// All operations that are under way.
#[derive(Clone, Debug)]
pub struct Operations {
    slots: Vec<Option<Operation>>,
    most: u32,
}

impl Operations {
    pub(super) const fn new(most: u32) -> Self {
        Self { slots: Vec::new(), most }
    }

    /// How many there can be at one time.
    #[must_use]
    pub const fn most(&self) -> u32 {
        self.most
    }

    /// The handle that the next operation gets: the lowest that is free.
    #[must_use]
    pub fn next_free(&self) -> Option<Handle> {
        let free = self.slots.iter().position(Option::is_none).unwrap_or(self.slots.len());
        let handle = Handle(u32::try_from(free).ok()?);
        (handle.0 < self.most).then_some(handle)
    }

    /// The operation that a register names.
    #[must_use]
    pub fn find(&self, register: u64) -> Option<(Handle, &Operation)> {
        let operation = self.slots.get(usize::try_from(register).ok()?)?.as_ref()?;
        Some((Handle(u32::try_from(register).ok()?), operation))
    }

    /// All operations, in the order of their handles.
    pub fn iter(&self) -> impl Iterator<Item = (Handle, &Operation)> {
        (0..)
            .map(Handle)
            .zip(&self.slots)
            .filter_map(|(handle, slot)| Some((handle, slot.as_ref()?)))
    }

    /// Lets an operation begin, or go on waiting, under a handle.
    pub(crate) fn put(&mut self, handle: Handle, operation: Operation) {
        let place = handle.0 as usize;
        if place >= self.slots.len() {
            self.slots.resize(place + 1, None);
        }
        self.slots[place] = Some(operation);
    }

    /// Takes an operation out. Its handle is free.
    pub(crate) fn take(&mut self, handle: Handle) -> Operation {
        self.slots[handle.0 as usize].take().expect("the check found the operation")
    }
}

impl PartialEq for Operations {
    /// Equal if the same operations wait under the same handles.
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Operations {}

/// What an operation waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Awaited {
    /// RMI_OP_CONTINUE.
    Continue,
    /// RMI_OP_MEM_DONATE.
    Donate,
    /// RMI_OP_MEM_RECLAIM.
    Reclaim,
}

impl Awaited {
    /// The command's name, without `RMI_`.
    #[must_use]
    pub const fn command_name(self) -> &'static str {
        match self {
            Self::Continue => "OP_CONTINUE",
            Self::Donate => "OP_MEM_DONATE",
            Self::Reclaim => "OP_MEM_RECLAIM",
        }
    }
}

/// An operation that waits.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Operation {
    /// Something with auxiliary granules is being made or taken apart.
    Object(ObjectOperation),
    /// RMI_RTT_DATA_MAP, in the middle of a block.
    Map(MapOperation),
    /// RMI_RTT_DATA_UNMAP or RMI_RTT_UNPROT_UNMAP, which has to clean up.
    Unmap(UnmapOperation),
}

impl Operation {
    /// The names of how far operations are, by [`Operation::kind`]; 0 is no operation.
    pub const KINDS: [&'static str; 14] = [
        "none",
        "REC donating",
        "REC ready",
        "REC ended",
        "REC reclaiming",
        "REC reclaimed",
        "map",
        "map undone",
        "unmap",
        "RD donating",
        "RD ready",
        "RD ended",
        "RD reclaiming",
        "RD reclaimed",
    ];

    /// How far it is, as one number.
    #[must_use]
    pub fn kind(&self) -> usize {
        match self {
            Self::Object(object) => {
                let stage = match object.stage {
                    Stage::Donating(_) => 0,
                    Stage::Ready(_) => 1,
                    Stage::Ended(_) => 2,
                    Stage::Reclaiming(_) if object.awaits() == Awaited::Reclaim => 3,
                    Stage::Reclaiming(_) => 4,
                };
                match object.object {
                    Object::Rec => 1 + stage,
                    Object::Rd => 9 + stage,
                }
            }
            Self::Map(map) if map.failed.is_none() => 6,
            Self::Map(_) => 7,
            Self::Unmap(_) => 8,
        }
    }

    /// What it waits for.
    #[must_use]
    pub fn awaits(&self) -> Awaited {
        match self {
            Self::Object(object) => object.awaits(),
            Self::Map(_) | Self::Unmap(_) => Awaited::Continue,
        }
    }
}

/// What has auxiliary granules of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Object {
    /// A REC: RMI_REC_CREATE and RMI_REC_DESTROY.
    Rec,
    /// An RD: RMI_REALM_CREATE and RMI_REALM_DESTROY, where they take several calls.
    Rd,
}

impl Object {
    /// The state of its own granule once it is made; also its name.
    #[must_use]
    pub const fn state(self) -> GranuleState {
        match self {
            Self::Rec => GranuleState::Rec,
            Self::Rd => GranuleState::Rd,
        }
    }

    /// The state of its auxiliary granules.
    #[must_use]
    pub const fn aux_state(self) -> GranuleState {
        match self {
            Self::Rec => GranuleState::RecAux,
            Self::Rd => GranuleState::RdAux,
        }
    }
}

/// Something with auxiliary granules that is being made or taken apart. Its granule is PARTIAL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectOperation {
    pub(crate) object: Object,
    pub(crate) granule: Granule,
    pub(crate) stage: Stage,
    /// Auxiliary granules that it holds, in the order in which they came.
    pub(crate) aux: Vec<Granule>,
    /// Ranges that were given back, and of which the Host has not been told.
    pub(crate) undelivered: Vec<AddressRange>,
}

impl ObjectOperation {
    /// What it is about.
    #[must_use]
    pub const fn object(&self) -> Object {
        self.object
    }

    /// The granule of the object.
    #[must_use]
    pub const fn granule(&self) -> Granule {
        self.granule
    }

    /// Where the parameters are that its next step reads; `None` if that reads none.
    pub(crate) const fn params_ptr(&self) -> Option<u64> {
        match &self.stage {
            Stage::Ready(creation) => Some(creation.params_ptr),
            Stage::Donating(_) | Stage::Ended(_) | Stage::Reclaiming(_) => None,
        }
    }

    /// The auxiliary granules that it holds.
    #[must_use]
    pub fn aux(&self) -> &[Granule] {
        &self.aux
    }

    fn awaits(&self) -> Awaited {
        match self.stage {
            Stage::Donating { .. } => Awaited::Donate,
            Stage::Ready { .. } => Awaited::Continue,
            Stage::Reclaiming(_) if self.aux.is_empty() && self.undelivered.is_empty() => {
                Awaited::Continue
            }
            Stage::Ended(_) | Stage::Reclaiming(_) => Awaited::Reclaim,
        }
    }
}

/// How far it is with an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Granules are missing.
    Donating(Creation),
    /// Everything is there; what the command names is looked at in the end.
    Ready(Creation),
    /// The granules are to be given back, and the Host has not asked yet; it has to, even for none.
    Ended(Ending),
    /// Granules are given back.
    Reclaiming(Ending),
}

/// What the command that makes the object names; nothing of it has been looked at. Of an RD, `rd`
/// is its own address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Creation {
    pub(crate) rd: u64,
    pub(crate) params_ptr: u64,
}

/// What an operation answers in the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// Success.
    Success,
    /// A failure: the row of the table of the command that began, and what was compared.
    Failure { row: usize, detail: String },
}

/// A block that is being mapped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MapOperation {
    /// The entry.
    pub(crate) walk: Walk,
    /// First byte of the block's memory.
    pub(crate) pa: Pa,
    /// Where the command began, and the block's own IPA.
    pub(crate) base: Ipa,
    pub(crate) ipa: Ipa,
    /// How much of the block is the Realm's.
    pub(crate) done_bytes: u64,
    /// Whether what is done is being undone, and why: `None` while it goes forward.
    pub(crate) failed: Option<String>,
}

/// Entries of a table that were unmapped and are not free yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnmapOperation {
    pub(crate) table: TableId,
    /// Granules that have to be given back, in order.
    pub(crate) granules: Vec<Granule>,
    pub(crate) done_granules: usize,
    /// What the Host will be told: where it ended, and which memory was unmapped.
    pub(crate) reached: Ipa,
    pub(crate) unmapped: Vec<AddressRange>,
    pub(crate) told: Told,
}

/// In which form the Host asks for what was unmapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    /// Not at all.
    Nothing,
    /// One range, in a register.
    Single,
    /// A list of at most so many ranges, written at this address.
    List { pa: u64, most: usize },
}

/// When the next interrupt of the Host comes, in polls of the RMM.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Interrupt {
    polls: Option<u64>,
}

impl Interrupt {
    pub(super) const fn after(polls: Option<u64>) -> Self {
        Self { polls }
    }

    /// Whether one will ever come.
    pub(crate) const fn is_armed(self) -> bool {
        self.polls.is_some()
    }

    /// Looks for one.
    pub(crate) fn poll(&mut self) -> bool {
        match &mut self.polls {
            None => false,
            Some(0) => true,
            Some(polls) => {
                *polls -= 1;
                false
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::abi::granule_size::GranuleSize;

    #[test]
    fn interrupts_come_after_so_many_polls_and_stay() {
        let mut never = Interrupt::default();
        assert!(!never.poll() && !never.is_armed());
        let mut after = Interrupt::after(Some(2));
        assert_eq!([(); 4].map(|()| after.poll()), [false, false, true, true]);
    }

    #[test]
    fn the_lowest_free_handle_is_next() {
        let mut operations = Operations::new(2);
        let rec = || {
            Operation::Object(ObjectOperation {
                object: Object::Rec,
                granule: crate::model::granule::Granules::new(
                    &crate::Platform::default(),
                    GranuleSize::default(),
                )
                .find(0x8000_0000)
                .unwrap(),
                stage: Stage::Reclaiming(Ending::Success),
                aux: Vec::new(),
                undelivered: Vec::new(),
            })
        };
        let first = operations.next_free().unwrap();
        operations.put(first, rec());
        let second = operations.next_free().unwrap();
        operations.put(second, rec());
        assert_eq!((first.to_register(), second.to_register()), (0, 1));
        assert_eq!(operations.next_free(), None);
        operations.take(first);
        assert_eq!(operations.next_free(), Some(first));
        assert!(operations.find(0).is_none() && operations.find(1).is_some());
        assert!(operations.find(2).is_none() && operations.find(u64::MAX).is_none());
    }
}
