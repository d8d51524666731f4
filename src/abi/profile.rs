//! Which RMM is simulated.
//!
//! Everything in which TF-RMM departs from DEN0137 is asked here, by a function that says what it
//! decides, or stands in a failure table as a row that only one of the two has. No command names an
//! RMM.

use std::fmt;

use super::{params, rsi};

/// An implementation of RMM 1.0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rmm {
    /// TF-RMM at its tag `rmm-spec-v1.0-rel0`: what runs.
    TfRmm,
    /// The text of DEN0137 1.0-rel0.
    Spec,
}

/// How RSI_MEASUREMENT_EXTEND makes a new REM of the old one and a value. The text of 1.0 does not
/// say how the two are combined.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RemReading {
    /// The old digest, then the bytes of the value: what TF-RMM does.
    Concatenated,
    /// A 128-byte buffer: the old slot of 64 bytes, the value, zeros: the text of 2.0.
    Buffer,
    /// The old digest, then the value padded with zeros to 64 bytes.
    PaddedValue,
}

impl RemReading {
    /// All of them, with the names that the command line knows.
    pub const ALL: [(&'static str, Self); 3] = [
        ("concatenated", Self::Concatenated),
        ("buffer", Self::Buffer),
        ("padded-value", Self::PaddedValue),
    ];
}

/// The rules that a simulation follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Profile {
    rmm: Rmm,
    rem: RemReading,
}

impl Profile {
    /// TF-RMM, the default.
    pub const TF_RMM: Self = Self { rmm: Rmm::TfRmm, rem: RemReading::Concatenated };
    /// The specification's text.
    pub const SPEC: Self = Self { rmm: Rmm::Spec, rem: RemReading::Concatenated };
    /// All profiles, with the names that the command line knows.
    pub const ALL: [Self; 2] = [Self::TF_RMM, Self::SPEC];

    /// The RMM whose failure rows apply.
    #[must_use]
    pub const fn rmm(self) -> Rmm {
        self.rmm
    }

    /// The name on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self.rmm {
            Rmm::TfRmm => "tf-rmm",
            Rmm::Spec => "spec",
        }
    }

    /// The profile with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|profile| profile.name() == name)
    }

    /// The same rules with another reading of RSI_MEASUREMENT_EXTEND.
    #[must_use]
    pub const fn with_rem_reading(self, rem: RemReading) -> Self {
        Self { rem, ..self }
    }

    /// How RSI_MEASUREMENT_EXTEND is read.
    #[must_use]
    pub const fn rem_reading(self) -> RemReading {
        self.rem
    }

    /// Width of the small fields of RealmParams, in bytes (D-REALM-PARAM-WIDTH).
    #[must_use]
    pub(crate) const fn realm_param_width_bytes(self) -> usize {
        if self.is_tf_rmm() { 4 } else { 1 }
    }

    /// Granules to whose size `rtt_base` has to be aligned (D-REALM-RTT-ALIGN).
    #[must_use]
    pub(crate) const fn rtt_base_align_granules(self, rtt_num_start: u64) -> u64 {
        if self.is_tf_rmm() { 1 } else { rtt_num_start }
    }

    /// How many of `num_aux`'s bits count (D-REC-NUM-AUX-WIDTH).
    #[must_use]
    pub(crate) const fn num_aux(self, raw: u64) -> u64 {
        if self.is_tf_rmm() { raw & 0xFFFF_FFFF } else { raw }
    }

    /// Whether RTT_INIT_RIPAS takes only entries that are UNASSIGNED and EMPTY or RAM, and stops
    /// before others (D-INIT-STOPS-EARLY, D-INIT-DESTROYED). The text stops only at a TABLE.
    #[must_use]
    pub(crate) const fn init_ripas_stops_at_others(self) -> bool {
        self.is_tf_rmm()
    }

    /// Whether RTT_SET_RIPAS fails even where the RIPAS already is what was asked for
    /// (D-SET-SAME-RIPAS).
    #[must_use]
    pub(crate) const fn set_ripas_fails_on_same(self) -> bool {
        self.is_tf_rmm()
    }

    /// Whether RTT_FOLD names the parent's level when a level 1 table maps memory
    /// (D-FOLD-L1-INDEX).
    #[must_use]
    pub(crate) const fn fold_names_parent_of_l1(self) -> bool {
        self.is_tf_rmm()
    }

    /// Whether RTT_READ_ENTRY hides the address of an ASSIGNED entry whose RIPAS is DESTROYED
    /// (D-READ-ASSIGNED-DESTROYED).
    #[must_use]
    pub(crate) const fn read_entry_hides_destroyed(self) -> bool {
        self.is_tf_rmm()
    }

    /// Whether a PSCI request is completed with ALREADY_ON although the Host's denial is refused
    /// (D-PSCI-DENY-ALREADY-ON). Besides an exit record that can not be written, this is the only
    /// failure that changes state.
    #[must_use]
    pub(crate) const fn refused_denial_completes(self) -> bool {
        self.is_tf_rmm()
    }

    /// Whether CPU_ON leaves X1 to X30 of the target as they were (D-CPU-ON-GPRS).
    #[must_use]
    pub(crate) const fn cpu_on_keeps_gprs(self) -> bool {
        self.is_tf_rmm()
    }

    /// Whether the Host may emulate an access that aborted at a Protected IPA
    /// (D-ENTER-EMUL-PROTECTED).
    #[must_use]
    pub(crate) const fn emulates_protected(self) -> bool {
        self.is_tf_rmm()
    }

    /// Whether REALM_CREATE looks only at the number of PMU counters, and not for a PMU
    /// (D-REALM-PMU-PRESENT). On a machine without one it shows where FEAT_HPMN0 lets a Realm have
    /// no counters.
    #[must_use]
    pub(crate) const fn takes_pmu_for_granted(self) -> bool {
        self.is_tf_rmm()
    }

    /// The index of the REC that RMI_PSCI_COMPLETE finds named by an MPIDR (D-PSCI-MPIDR). TF-RMM
    /// reads the affinities where MPIDR_EL1 has them and ignores all other bits; the text compares
    /// the whole value with the RmiRecMpidr of REC_CREATE.
    #[must_use]
    pub(crate) const fn psci_target(self, mpidr: u64) -> Option<u64> {
        if self.is_tf_rmm() { Some(rsi::psci::rec_index(mpidr)) } else { params::rec_index(mpidr) }
    }

    /// The PSCI function in X0 (D-PSCI-SVE-HINT). TF-RMM knows none whose identifier has SMCCC's
    /// hint that there is no live SVE state.
    #[must_use]
    pub(crate) const fn psci_function(self, x0: u64) -> u64 {
        let function = x0 & 0xFFFF_FFFF;
        if self.is_tf_rmm() { function } else { function & !rsi::SVE_HINT }
    }

    /// What counts of the RIPAS that RSI_IPA_STATE_SET asks for (D-RSI-RIPAS-WIDTH): 32 bits, or
    /// the eight of the text.
    #[must_use]
    pub(crate) const fn asked_ripas(self, x3: u64) -> u64 {
        if self.is_tf_rmm() { x3 & 0xFFFF_FFFF } else { x3 & 0xFF }
    }

    /// What is kept of the flags of RSI_IPA_STATE_SET (D-RSI-FLAGS-WIDTH): 32 bits, or all.
    #[must_use]
    pub(crate) const fn ripas_change_flags(self, x4: u64) -> u64 {
        if self.is_tf_rmm() { x4 & 0xFFFF_FFFF } else { x4 }
    }

    const fn is_tf_rmm(self) -> bool {
        matches!(self.rmm, Rmm::TfRmm)
    }
}

impl Default for Profile {
    fn default() -> Self {
        Self::TF_RMM
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
