//! Which RMM is simulated.
//!
//! Everything in which TF-RMM departs from DEN0137 is asked here, by a function that says what it
//! decides, or stands in a failure table as a row that only one of the two has. No command names an
//! RMM.

use std::fmt;

pub use super::edition::{Edition, Release};
use super::layout::{self, Layout};
use super::plane_run::{PlaneExitReason, pstate};
use super::rim_rule::RimRule;
use super::{mpidr, rsi};

/// Whose rules count where implementation and text differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Rmm {
    /// TF-RMM: what runs. Of 1.0 its tag `rmm-spec-v1.0-rel0`, of 2.0 its branch main at 9a7f8ef4,
    /// unless a later [`Release`] is named.
    TfRmm,
    /// The text of DEN0137. Of 2.0 it is followed where a public source says what it is.
    Spec,
}

impl Rmm {
    /// The one that this is not.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::TfRmm => Self::Spec,
            Self::Spec => Self::TfRmm,
        }
    }
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

/// What is asked of list registers. Where nothing else is said, those whose state is invalid do not
/// count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LrRule {
    /// RMM 1.0: HW is clear, the other fields have values that they can have, and no virtual INTID
    /// stands there twice.
    Rmm10,
    /// TF-RMM of 2.0: HW is clear, and no virtual INTID stands there twice.
    TfRmm20,
    /// The text of 2.0: HW is clear, whatever the state is.
    Rmm20,
}

/// The rules that a simulation follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Profile {
    edition: Edition,
    rmm: Rmm,
    release: Release,
    /// By which rule RIMs are made.
    rule: RimRule,
    /// Whether SHA-384 is hidden: in the feature register, and from a Realm (R1).
    hides_sha384: bool,
    /// Whether a Realm that reads a measurement is told nothing behind a shorter digest (R7).
    keeps_rest: bool,
    rem: RemReading,
}

impl Profile {
    /// TF-RMM of RMM 1.0, the default.
    pub const TF_RMM: Self = Self::of(Edition::V1, Rmm::TfRmm);
    /// The text of RMM 1.0.
    pub const SPEC: Self = Self::of(Edition::V1, Rmm::Spec);
    /// TF-RMM of RMM 2.0.
    pub const TF_RMM_2: Self = Self::of(Edition::V2, Rmm::TfRmm);
    /// The text of RMM 2.0, as its first beta has it.
    pub const SPEC_2: Self = Self::of(Edition::V2, Rmm::Spec);
    /// TF-RMM behind the newest that was seen run.
    pub const TF_RMM_NEXT: Self = Self::of(Edition::V2, Rmm::TfRmm).of_release(Release::TfRmmNext);
    /// The text of the second beta.
    pub const SPEC_2_BET2: Self = Self::of(Edition::V2, Rmm::Spec).of_release(Release::Bet2);
    /// The text of the third beta.
    pub const SPEC_2_BET3: Self = Self::of(Edition::V2, Rmm::Spec).of_release(Release::Bet3);
    /// All profiles. Where two make RIMs by one rule, the one that stands for it comes first.
    pub const ALL: [Self; 7] = [
        Self::TF_RMM,
        Self::SPEC,
        Self::TF_RMM_2,
        Self::SPEC_2,
        Self::TF_RMM_NEXT,
        Self::SPEC_2_BET2,
        Self::SPEC_2_BET3,
    ];
    /// Names that stand for a profile, besides its own. `tf-rmm` is the newest TF-RMM of the
    /// edition that was seen run.
    pub const ALIASES: [(&'static str, Self); 4] = [
        ("tf-rmm", Self::TF_RMM),
        ("spec", Self::SPEC),
        ("tf-rmm-2.0", Self::TF_RMM_2),
        ("spec-2.0", Self::SPEC_2),
    ];
    /// The profiles of RMM 1.0.
    pub const ALL_1_0: [Self; 2] = [Self::TF_RMM, Self::SPEC];

    /// The rules of an edition, as one of the two has them.
    #[must_use]
    pub const fn of(edition: Edition, rmm: Rmm) -> Self {
        let (release, rule, rem) = match (edition, rmm) {
            (Edition::V1, _) => (Release::Rel0, RimRule::Rmm10, RemReading::Concatenated),
            (Edition::V2, Rmm::TfRmm) => {
                (Release::TfRmm09, RimRule::TfRmm09, RemReading::Concatenated)
            }
            (Edition::V2, Rmm::Spec) => (Release::Bet1, RimRule::Rmm20, RemReading::Buffer),
        };
        let hides_sha384 = matches!(release, Release::TfRmm09);
        let keeps_rest = matches!((edition, rmm), (Edition::V2, Rmm::TfRmm));
        Self { edition, rmm, release, rule, hides_sha384, keeps_rest, rem }
    }

    /// The same side's rules in another of its releases. TF-RMM's next begins RIMs with zeros and
    /// names SHA-384 among its features.
    const fn of_release(self, release: Release) -> Self {
        match release {
            Release::TfRmmNext => {
                Self { release, rule: RimRule::Rmm20, hides_sha384: false, ..self }
            }
            _ => Self { release, ..self },
        }
    }

    /// The state of the implementation or of the text.
    #[must_use]
    pub const fn release(self) -> Release {
        self.release
    }

    /// The same side's rules of another edition; the reading of RSI_MEASUREMENT_EXTEND stays only
    /// within an edition.
    #[must_use]
    pub const fn in_edition(self, edition: Edition) -> Self {
        match (self.edition, edition) {
            (Edition::V1, Edition::V1) | (Edition::V2, Edition::V2) => self,
            _ => Self::of(edition, self.rmm),
        }
    }

    /// The edition of the specification.
    #[must_use]
    pub const fn edition(self) -> Edition {
        self.edition
    }

    /// The RMM whose failure rows apply.
    #[must_use]
    pub const fn rmm(self) -> Rmm {
        self.rmm
    }

    /// By which rule measured events make a RIM.
    #[must_use]
    pub const fn rim_rule(self) -> RimRule {
        self.rule
    }

    /// The same rules, but for those of measurements and of how a Realm is told them, which are
    /// those of the RMM that was recorded. A reading of RSI_MEASUREMENT_EXTEND that somebody chose
    /// stays.
    #[must_use]
    pub fn measuring_as(self, recorded: Self) -> Self {
        let chosen = self.rem != Self::of(self.edition, self.rmm).rem;
        let rem = if chosen { self.rem } else { recorded.rem };
        Self { rule: recorded.rule, keeps_rest: recorded.keeps_rest, rem, ..self }
    }

    /// The same rules, but for which hash algorithms the feature registers and RSI_REALM_CONFIG
    /// name: those that the RMM names that was recorded (R1).
    #[must_use]
    pub const fn naming_algorithms_as(self, recorded: Self) -> Self {
        Self { hides_sha384: recorded.hides_sha384, ..self }
    }

    /// Whether everything is measured as by another.
    #[must_use]
    pub fn measures_as(self, other: Self) -> bool {
        (self.rule, self.rem) == (other.rule, other.rem)
    }

    /// The rules of an edition under which RIMs are made by `rule`, if there are any.
    #[must_use]
    pub fn by_rim_rule(edition: Edition, rule: RimRule) -> Option<Self> {
        let mut all = Self::ALL.into_iter();
        all.find(|profile| profile.edition == edition && profile.rim_rule() == rule)
    }

    /// The revision that RMI_VERSION speaks.
    #[must_use]
    pub const fn rmi_revision(self) -> u64 {
        self.edition.rmi_revision()
    }

    /// The lowest and the highest revision that RSI_VERSION speaks.
    #[must_use]
    pub(crate) const fn rsi_revisions(self) -> [u64; 2] {
        match self.edition {
            Edition::V1 => [1 << 16, 1 << 16],
            Edition::V2 => [1 << 16, 1 << 16 | 1],
        }
    }

    /// Whether the Host can choose granules of 16 and 64 KiB, where the machine has them. TF-RMM
    /// knows 4 KiB only; of the text this is modelled although its commands are TF-RMM's.
    #[must_use]
    pub(crate) const fn has_larger_granules(self) -> bool {
        matches!((self.edition(), self.rmm()), (Edition::V2, Rmm::Spec))
    }

    /// The structure with this name; the `Rmi` or `Rsi` before it is optional.
    #[must_use]
    pub fn layout(self, name: &str) -> Option<&'static Layout> {
        let more = [&layout::RMM_CONFIG, &layout::PLANE_ENTER];
        let config = more.into_iter().filter(|_| self.boots_inactive());
        let layouts = [self.realm_params(), self.rec_params(), self.rec_enter()];
        layouts.into_iter().chain(config).find(|layout| layout.is_named(name))
    }

    /// The layout of RmiRealmParams.
    #[must_use]
    pub const fn realm_params(self) -> &'static Layout {
        match self.edition {
            Edition::V1 => &layout::REALM_PARAMS,
            Edition::V2 => &layout::REALM_PARAMS_2,
        }
    }

    /// The layout of RmiRecParams.
    #[must_use]
    pub const fn rec_params(self) -> &'static Layout {
        match self.edition {
            Edition::V1 => &layout::REC_PARAMS,
            Edition::V2 => &layout::REC_PARAMS_2,
        }
    }

    /// The layout of RmiRecEnter.
    #[must_use]
    pub const fn rec_enter(self) -> &'static Layout {
        match self.edition {
            Edition::V1 => &layout::REC_ENTER,
            Edition::V2 => &layout::REC_ENTER_2,
        }
    }

    /// Whether attestation tokens are CMW collections with claims of 2024, as TF-RMM writes them
    /// from 0.9 on.
    #[cfg(feature = "evidence")]
    pub(crate) fn has_cmw_tokens(self) -> bool {
        self.edition == Edition::V2
    }

    /// Whether most commands wait for RMI_RMM_ACTIVATE.
    #[must_use]
    pub(crate) const fn boots_inactive(self) -> bool {
        self.edition.host_activates()
    }

    /// Whether the granule of contents is looked at before the Realm; else after the walk.
    #[must_use]
    pub(crate) const fn checks_data_first(self) -> bool {
        !self.is_v2()
    }

    /// Whether the RMM chooses VMIDs, not the Host.
    #[must_use]
    pub(crate) const fn chooses_vmids(self) -> bool {
        self.is_v2()
    }

    /// Whether the run page holds the registers of the virtual GIC.
    #[must_use]
    pub(crate) const fn gic_is_in_run_page(self) -> bool {
        !self.is_v2()
    }

    /// Whether RMI_REC_ENTER says in the index of RMI_ERROR_REALM why a Realm can not run.
    #[must_use]
    pub(crate) const fn enter_names_realm_state(self) -> bool {
        !self.is_v2()
    }

    /// Whether SHA-384 is taken. TF-RMM does not say so in its feature register (R1).
    #[must_use]
    pub(crate) const fn knows_sha384(self) -> bool {
        self.is_v2()
    }

    /// Whether RSI_REALM_CONFIG describes the GIC and the planes too.
    #[must_use]
    pub(crate) const fn realm_config_has_gic(self) -> bool {
        self.is_v2()
    }

    /// Whether RmiRealmParams speaks of planes, devices and encryption contexts.
    #[must_use]
    pub(crate) const fn realm_params_have_planes(self) -> bool {
        self.is_v2()
    }

    /// Whether WFI and WFE exit to the Host although it does not ask for it. All that were recorded
    /// of 2.0 do.
    #[must_use]
    pub(crate) const fn wfx_always_exits(self) -> bool {
        self.is_v2()
    }

    /// Whether an abort at an Unprotected IPA that can not be emulated is told apart: the Host gets
    /// the length of the instruction, and neither an address nor a value.
    #[must_use]
    pub(crate) const fn tells_unprotected_aborts_apart(self) -> bool {
        self.is_v2()
    }

    /// Whether the feature register names SHA-384 (R1).
    #[must_use]
    pub(crate) const fn tells_sha384(self) -> bool {
        self.is_v2() && !self.hides_sha384
    }

    /// The hash algorithm that RSI_REALM_CONFIG names: TF-RMM says SHA-512 of SHA-384 (R1).
    #[must_use]
    pub(crate) const fn realm_config_hash_algo(self, code: u8) -> u8 {
        if code == 2 && self.hides_sha384 { 1 } else { code }
    }

    /// Whether RSI_MEASUREMENT_READ leaves the registers after a shorter digest as they were (R7);
    /// by the text they are zero.
    #[must_use]
    pub(crate) const fn measurement_read_keeps_rest(self) -> bool {
        self.keeps_rest
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
        if self.is_tf_rmm_or_v2() { 4 } else { 1 }
    }

    /// Granules to whose size `rtt_base` has to be aligned (D-REALM-RTT-ALIGN).
    #[must_use]
    pub(crate) const fn rtt_base_align_granules(self, rtt_num_start: u64) -> u64 {
        if self.is_tf_rmm_1() { 1 } else { rtt_num_start }
    }

    /// How many of `num_aux`'s bits count (D-REC-NUM-AUX-WIDTH).
    #[must_use]
    pub(crate) const fn num_aux(self, raw: u64) -> u64 {
        if self.is_tf_rmm() { raw & 0xFFFF_FFFF } else { raw }
    }

    /// Whether RTT_INIT_RIPAS stops before entries that it does not take (D-INIT-STOPS-EARLY,
    /// D-INIT-DESTROYED). The text of 1.0 stops only at a TABLE.
    #[must_use]
    pub(crate) const fn init_ripas_stops_at_others(self) -> bool {
        self.is_tf_rmm_or_v2()
    }

    /// Whether RTT_INIT_RIPAS takes entries that are ASSIGNED (2.0).
    #[must_use]
    pub(crate) const fn init_ripas_takes_assigned(self) -> bool {
        self.is_v2()
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
        self.is_tf_rmm_1()
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
    /// (D-ENTER-EMUL-PROTECTED). TF-RMM of 2.0 does not let it any more (`exit.c`).
    #[must_use]
    pub(crate) const fn emulates_protected(self) -> bool {
        self.is_tf_rmm_1()
    }

    /// Whether a change of RIPAS to EMPTY goes over DESTROYED entries although the Realm did not
    /// permit to change them (2.0: the walk stops there only if RAM is asked for).
    #[must_use]
    pub(crate) const fn empty_passes_destroyed(self) -> bool {
        self.is_v2()
    }

    /// Whether RTT_CREATE over an entry that a stateful operation has yet to unmap holds the table
    /// of the entry for ever (R5).
    #[must_use]
    pub(crate) const fn create_over_pending_holds_table(self) -> bool {
        self.is_tf_rmm() && self.is_v2()
    }

    /// Whether RTT_AUX_MAP_UNPROTECTED over a TABLE that is mapped already holds the auxiliary
    /// table for ever (R-AUX-TABLE-TWICE).
    #[must_use]
    pub(crate) const fn aux_table_counts_twice(self) -> bool {
        self.is_tf_rmm() && self.is_v2()
    }

    /// Whether RTT_AUX_MAP_PROTECTED of a part of a block maps where the block begins
    /// (R-AUX-BLOCK-PART).
    #[must_use]
    pub(crate) const fn aux_maps_begin_of_block(self) -> bool {
        self.is_tf_rmm() && self.is_v2()
    }

    /// The bits of PSTATE with which a plane can not be entered (R-PLANE-PSTATE).
    #[must_use]
    pub(crate) const fn plane_pstate_refused(self) -> u64 {
        if self.is_tf_rmm() { pstate::AARCH32 } else { pstate::ABOVE_EL1 }
    }

    /// What RMI_REC_ENTER asks of list registers (R-ENTER-LRS).
    #[must_use]
    pub(crate) const fn enter_lrs(self) -> LrRule {
        match (self.edition, self.rmm) {
            (Edition::V1, _) => LrRule::Rmm10,
            (Edition::V2, Rmm::TfRmm) => LrRule::TfRmm20,
            (Edition::V2, Rmm::Spec) => LrRule::Rmm20,
        }
    }

    /// Whether RSI_PLANE_ENTER refuses list registers with HW set or an INTID twice (R-PLANE-LRS).
    #[must_use]
    pub(crate) const fn plane_enter_checks_lrs(self) -> bool {
        self.is_tf_rmm()
    }

    /// Whether an RMI_REC_ENTER that goes on in an auxiliary plane decides anew whether its WFI and
    /// WFE trap (R-PLANE-WFX).
    #[must_use]
    pub(crate) const fn rec_enter_resets_plane_traps(self) -> bool {
        self.is_tf_rmm()
    }

    /// Whether any list register that is not zero takes a REC from a plane that does not own the
    /// GIC, and not only one whose state is Pending (R-ENTER-PENDING).
    #[must_use]
    pub(crate) const fn any_list_register_waits(self) -> bool {
        self.is_tf_rmm()
    }

    /// Whether an abort of an auxiliary plane that the Host took the REC from can still be answered
    /// when an auxiliary plane runs again (R-PLANE-STALE-ABORT).
    #[must_use]
    pub(crate) const fn keeps_aborts_of_planes(self) -> bool {
        self.is_tf_rmm()
    }

    /// Why a plane was left that the Host took the REC from (R-PLANE-FORCED).
    #[must_use]
    pub(crate) const fn forced_plane_exit(self) -> PlaneExitReason {
        if self.is_tf_rmm() { PlaneExitReason::Sync } else { PlaneExitReason::Host }
    }

    /// Whether a Realm can ask for planes and devices (2.0).
    #[must_use]
    pub(crate) const fn rsi_has_planes_and_devices(self) -> bool {
        self.is_v2()
    }

    /// Whether REALM_CREATE looks only at the number of PMU counters, and not for a PMU
    /// (D-REALM-PMU-PRESENT). On a machine without one it shows where FEAT_HPMN0 lets a Realm have
    /// no counters.
    #[must_use]
    pub(crate) const fn takes_pmu_for_granted(self) -> bool {
        self.is_tf_rmm_or_v2()
    }

    /// The index of the REC that RMI_PSCI_COMPLETE finds named by an MPIDR (D-PSCI-MPIDR). TF-RMM
    /// reads the affinities where MPIDR_EL1 has them and ignores all other bits; the text compares
    /// the whole value with the RmiRecMpidr of REC_CREATE.
    #[must_use]
    pub(crate) const fn psci_target(self, mpidr: u64) -> Option<u64> {
        if self.is_tf_rmm() { Some(rsi::psci::rec_index(mpidr)) } else { mpidr::rec_index(mpidr) }
    }

    /// The PSCI function in X0 (D-PSCI-SVE-HINT). TF-RMM knows none whose identifier has SMCCC's
    /// hint that there is no live SVE state.
    #[must_use]
    pub(crate) const fn psci_function(self, x0: u64) -> u64 {
        let function = x0 & 0xFFFF_FFFF;
        if self.is_tf_rmm() { function } else { function & !rsi::SVE_HINT }
    }

    /// TF-RMM of either edition.
    const fn is_tf_rmm(self) -> bool {
        matches!(self.rmm, Rmm::TfRmm)
    }

    /// TF-RMM, or the text of 2.0 where no public source says that it is another.
    const fn is_tf_rmm_or_v2(self) -> bool {
        self.is_tf_rmm() || self.is_v2()
    }

    const fn is_tf_rmm_1(self) -> bool {
        matches!(self.rmm, Rmm::TfRmm) && !self.is_v2()
    }

    const fn is_v2(self) -> bool {
        matches!(self.edition, Edition::V2)
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
