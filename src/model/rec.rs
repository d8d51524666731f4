//! A Realm Execution Context.

use super::granule::Granule;

/// The attributes of a REC (DEN0137 1.0 A2.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rec {
    pub(crate) owner: Granule,
    pub(crate) index: u64,
    pub(crate) mpidr: u64,
    pub(crate) aux: Vec<Granule>,
    pub(crate) runnable: bool,
    pub(crate) running: bool,
    pub(crate) pc: u64,
    pub(crate) gprs: [u64; 31],
    pub(crate) psci_pending: bool,
    pub(crate) host_call_pending: bool,
    pub(crate) ripas_change: RipasChange,
}

/// A RIPAS change that a REC asked for (DEN0137 1.0 A5.4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RipasChange {
    /// First byte of the range.
    pub base: u64,
    /// First byte after the range.
    pub top: u64,
    /// How far the Host has come.
    pub addr: u64,
    /// The RIPAS asked for: 0 EMPTY, 1 RAM.
    pub value: u8,
    /// Whether DESTROYED memory may be changed.
    pub change_destroyed: bool,
}

impl Rec {
    /// The Realm's RD.
    #[must_use]
    pub fn owner(&self) -> Granule {
        self.owner
    }

    /// The REC's index in its Realm.
    #[must_use]
    pub fn index(&self) -> u64 {
        self.index
    }

    /// The RmiRecMpidr it was made with.
    #[must_use]
    pub fn mpidr(&self) -> u64 {
        self.mpidr
    }

    /// Its auxiliary granules.
    #[must_use]
    pub fn aux(&self) -> &[Granule] {
        &self.aux
    }

    /// Whether it may be entered.
    #[must_use]
    pub fn runnable(&self) -> bool {
        self.runnable
    }

    /// Whether it is running now.
    #[must_use]
    pub fn running(&self) -> bool {
        self.running
    }

    /// The program counter.
    #[must_use]
    pub fn pc(&self) -> u64 {
        self.pc
    }

    /// X0 to X30.
    #[must_use]
    pub fn gprs(&self) -> &[u64; 31] {
        &self.gprs
    }

    /// Whether the Host has to complete a PSCI request.
    #[must_use]
    pub fn psci_pending(&self) -> bool {
        self.psci_pending
    }

    /// Whether a host call waits for the next entry.
    #[must_use]
    pub fn host_call_pending(&self) -> bool {
        self.host_call_pending
    }

    /// The RIPAS change it asked for; all zero if none.
    #[must_use]
    pub fn ripas_change(&self) -> &RipasChange {
        &self.ripas_change
    }
}
