//! A Realm Execution Context.

use super::granule::Granule;
use super::plane_context::PlaneContexts;
use super::rtt::Ripas;
use crate::abi::gic::CpuInterface;
use crate::measure::claims::Claims;

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
    /// The REC that its PSCI request is about, if there was one.
    pub(crate) psci_target: Option<Granule>,
    pub(crate) host_call_pending: bool,
    pub(crate) ripas_change: RipasChange,
    pub(crate) s2ap_change: S2apChange,
    /// Whether it has asked which device an identifier means, and not been answered (2.0).
    pub(crate) vdev_pending: bool,
    pub(crate) last_exit: LastExit,
    /// What it has of planes (2.0).
    pub(crate) planes: PlaneContexts,
    pub(crate) gic: CpuInterface,
    pub(crate) attest: Attest,
}

/// A RIPAS change that a REC asked for (DEN0137 1.0 A5.4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RipasChange {
    /// First byte of the range; zero once the answer was delivered.
    pub base: u64,
    /// First byte after the range; zero once the answer was delivered.
    pub top: u64,
    /// How far the Host has come. It stays once the answer was delivered.
    pub addr: u64,
    /// The RIPAS asked for: 0 EMPTY, 1 RAM.
    pub value: u8,
    /// RsiRipasChangeFlags, as the Realm wrote them.
    pub flags: u64,
}

impl RipasChange {
    /// Where the Host has to go on, and where the range ends; both zero if nothing is asked for.
    /// TF-RMM keeps the old `addr` then, which says nothing any more (DEN0137 1.0 A5.4).
    #[must_use]
    pub const fn pending(&self) -> (u64, u64) {
        if self.base == self.top { (0, 0) } else { (self.addr, self.top) }
    }

    /// The RIPAS asked for.
    #[must_use]
    pub const fn ripas(&self) -> Ripas {
        if self.value == Ripas::Empty.code() { Ripas::Empty } else { Ripas::Ram }
    }

    /// Whether DESTROYED memory may be changed. TF-RMM compares the whole value with 1, so a set
    /// bit that should be zero takes the permission away.
    #[must_use]
    pub const fn changes_destroyed(&self) -> bool {
        self.flags == 1
    }
}

/// A change of permissions that a REC asked for (2.0); `base` goes on with what the Host does. All
/// zero if nothing is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct S2apChange {
    pub(crate) base: u64,
    pub(crate) top: u64,
    /// The overlay index that the memory is to have.
    pub(crate) index: u64,
    /// Where the request began and which tree it is about, if planes have trees of their own.
    pub(crate) cookie: u64,
}

/// The syndrome of the last exit, if it was a synchronous exception or an SError.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct LastExit {
    pub(crate) esr: u64,
    pub(crate) far: u64,
    pub(crate) hpfar: u64,
}

/// An attestation token that is being handed out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Attest {
    /// None was asked for, or the last was handed out.
    #[default]
    Idle,
    /// One was asked for; the claims are those of that moment.
    Asked(Box<Claims>),
    /// The token is made; what is left of it has yet to be fetched.
    Fetching {
        /// The token's bytes.
        token: Vec<u8>,
        /// How many were fetched.
        done: usize,
    },
}

/// Bytes of an instruction.
pub(crate) const INSTRUCTION_BYTES: u64 = 4;

/// The PC behind the instruction at `pc`.
pub(crate) const fn next_pc(pc: u64) -> u64 {
    pc.wrapping_add(INSTRUCTION_BYTES)
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

    /// The RIPAS change it asked for.
    #[must_use]
    pub fn ripas_change(&self) -> &RipasChange {
        &self.ripas_change
    }

    /// Goes on behind the instruction.
    pub(crate) fn advance(&mut self) {
        self.pc = next_pc(self.pc);
    }

    /// A general-purpose register as an operand; 31 is XZR.
    pub(crate) fn operand(&self, rt: u8) -> u64 {
        self.gprs.get(usize::from(rt)).copied().unwrap_or(0)
    }

    /// Writes a general-purpose register as a destination; 31 is XZR.
    pub(crate) fn set_operand(&mut self, rt: u8, value: u64) {
        if let Some(reg) = self.gprs.get_mut(usize::from(rt)) {
            *reg = value;
        }
    }
}
