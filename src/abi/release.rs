//! RMMs by name and date: what is known of each release of TF-RMM and of the text of DEN0137.

use super::command::{CallRegs, Command, CommandInfo};
use super::edition::{Edition, Release};
use super::profile::{Profile, Rmm};

/// What TF-RMM behind 9a7f8ef4 does otherwise: as it was, and as it is.
const NEXT_OF_TF_RMM: [(&str, [&str; 2]); 8] = [
    (
        "how RIMs begin",
        [
            "with the digest of the parameters",
            "with zeros: of the parameters only the hash algorithm counts",
        ],
    ),
    (
        "REALM_CREATE, REALM_DESTROY",
        [
            "one call",
            "an operation: the Host gives granules for the RD (OP_MEM_DONATE) and goes on \
             (OP_CONTINUE), which reads the parameters",
        ],
    ),
    ("REC_CREATE", ["RECs come in the order of MPIDRs", "RECs come in any order"]),
    ("PSCI_COMPLETE", ["X2 is target_rec, X3 the status", "X2 is the status"]),
    ("SHA-384", ["taken, not named in feature register 1", "taken and named"]),
    (
        "GRANULE_TRACKING_GET",
        ["X3 is the end that was asked for", "X3 is at most where memory ends or begins"],
    ),
    (
        "RSI_IPA_STATE_SET",
        ["RIPAS is X3[31:0], flags X4[31:0]", "RIPAS is X3[7:0], the flag X4[0]"],
    ),
    ("RMM_DEACTIVATE", ["not there (-1)", "makes the RMM inactive again"]),
];

impl Profile {
    /// The name on the command line and in results.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match (self.release(), self.rmm()) {
            (Release::Rel0, Rmm::TfRmm) => "tf-rmm-1.0",
            (Release::Rel0, Rmm::Spec) => "spec-1.0",
            (Release::TfRmm09, _) => "tf-rmm-0.9",
            (Release::TfRmmNext, _) => "tf-rmm-next",
            (Release::Bet1, _) => "spec-2.0-bet1",
            (Release::Bet2, _) => "spec-2.0-bet2",
            (Release::Bet3, _) => "spec-2.0-bet3",
        }
    }

    /// When it was published: year, month, day; empty if that is not known.
    #[must_use]
    pub const fn date(self) -> &'static str {
        match self.release() {
            Release::TfRmm09 => "2026-07-22",
            _ => "",
        }
    }

    /// What it is, and how that is known.
    #[must_use]
    pub const fn about(self) -> &'static str {
        match (self.release(), self.rmm()) {
            (Release::Rel0, Rmm::TfRmm) => {
                "TF-RMM's tag rmm-spec-v1.0-rel0; seen run. The alias tf-rmm of RMM 1.0"
            }
            (Release::Rel0, Rmm::Spec) => "the text of DEN0137 1.0-rel0; read",
            (Release::TfRmm09, _) => {
                "TF-RMM from v0.9.0 up to 9a7f8ef4, whose date this is; seen run. The alias tf-rmm \
                 of RMM 2.0"
            }
            (Release::TfRmmNext, _) => {
                "TF-RMM behind 9a7f8ef4, from single files, never seen run: RIMs begin with zeros \
                 (inferred to be so for 2.0-bet3), SHA-384 among the features, widths of \
                 RSI_IPA_STATE_SET, RMI_REALM_CREATE and RMI_REALM_DESTROY as stateful operations \
                 (how many granules an RD takes is assumed: `rd_aux_count` of the platform), RECs \
                 in any order, RMI_PSCI_COMPLETE without a target, RMI_GRANULE_TRACKING_GET piece \
                 by piece, RMI_RMM_DEACTIVATE. Not simulated: regions that are tracked otherwise \
                 than finely or have 2 MiB (RMI_GRANULE_TRACKING_SET), several granules that are \
                 delegated in one call, RMI_GPT_L1_DESTROY, RMI_GPT_INFO and what \
                 RMI_GPT_L1_CREATE answers, RMI_RMM_STATE_GET (no public source has its values)"
            }
            (Release::Bet1, _) => "the text of 2.0-bet1, where a public source says what it is",
            (Release::Bet2, _) => "the text of 2.0-bet2; not known to differ from bet1 in a RIM",
            (Release::Bet3, _) => {
                "the text of 2.0-bet3, with RMI_RMM_DEACTIVATE and RMI_PSCI_COMPLETE without a \
                 target. Its header has no LPA2 flag; that is simulated as bet1 has it"
            }
        }
    }

    /// Whether RMI_REALM_CREATE and RMI_REALM_DESTROY take several calls, between which the RMM is
    /// given auxiliary granules for the RD, or gives them back.
    #[must_use]
    pub(crate) const fn makes_realms_in_steps(self) -> bool {
        matches!(self.release(), Release::TfRmmNext)
    }

    /// Whether RECs of a Realm can be made in any order of their MPIDRs. Else each has to have the
    /// index that is next.
    #[must_use]
    pub(crate) const fn takes_recs_in_any_order(self) -> bool {
        matches!(self.release(), Release::TfRmmNext)
    }

    /// Whether the Host names the REC that a PSCI request is about when it completes the request.
    /// TF-RMM behind 9a7f8ef4 and 2.0-bet3 remember it, and have the status in X2.
    #[must_use]
    pub(crate) const fn psci_complete_names_target(self) -> bool {
        !matches!(self.release(), Release::TfRmmNext | Release::Bet3)
    }

    /// Whether the Host can choose tracking regions of every size that the text has (B4.6.78).
    /// TF-RMM has 1 GiB; behind 9a7f8ef4 2 MiB as well, by a code that no public source tells.
    #[must_use]
    pub(crate) const fn has_all_tracking_regions(self) -> bool {
        self.has_larger_granules()
    }

    /// Whether RMI_GRANULE_TRACKING_GET answers for a whole range what holds of its first granule
    /// (R-TRACKING-WHOLE). Else it says how far that holds.
    #[must_use]
    pub(crate) const fn tracking_get_takes_all(self) -> bool {
        matches!(self.release(), Release::TfRmm09)
    }

    /// Whether there is a category for addresses without memory, whose regions are RESERVED.
    #[must_use]
    pub(crate) const fn names_absent_memory(self) -> bool {
        matches!(self.release(), Release::TfRmmNext | Release::Bet3)
    }

    /// What counts of the RIPAS that RSI_IPA_STATE_SET asks for (D-RSI-RIPAS-WIDTH): 32 bits, or
    /// the eight of the text.
    #[must_use]
    pub(crate) const fn asked_ripas(self, x3: u64) -> u64 {
        if self.takes_wide_ripas() { x3 & 0xFFFF_FFFF } else { x3 & 0xFF }
    }

    /// What is kept of the flags of RSI_IPA_STATE_SET (D-RSI-FLAGS-WIDTH): 32 bits; by the text of
    /// 1.0 all, by that of 2.0 the one bit that it defines.
    #[must_use]
    pub(crate) const fn ripas_change_flags(self, x4: u64) -> u64 {
        match (self.takes_wide_ripas(), self.edition()) {
            (true, _) => x4 & 0xFFFF_FFFF,
            (false, Edition::V1) => x4,
            (false, Edition::V2) => x4 & 1,
        }
    }

    /// Whether 32 bits of RSI_IPA_STATE_SET's operands count, as in TF-RMM until it was mended.
    const fn takes_wide_ripas(self) -> bool {
        matches!(self.rmm(), Rmm::TfRmm) && !matches!(self.release(), Release::TfRmmNext)
    }

    /// Takes a call's registers apart as the RMM does ([`Command::decode`]).
    #[must_use]
    pub fn decode(self, regs: &CallRegs) -> Option<Command> {
        let mut decoded = Command::decode(regs, self.edition());
        if let Some(Command::PsciComplete { target_rec, status, .. }) = &mut decoded
            && !self.psci_complete_names_target()
        {
            (*target_rec, *status) = (0, *target_rec);
        }
        decoded
    }

    /// The registers of a command as the RMM takes them ([`Command::encode`]): an input that its
    /// command does not have is left out.
    #[must_use]
    pub fn encode(self, command: &Command) -> CallRegs {
        self.taken(command.encode())
    }

    /// The registers of a call that has all inputs of the edition's command, as the RMM takes them.
    #[must_use]
    pub(crate) fn taken(self, regs: CallRegs) -> CallRegs {
        let [fid, calling_rec, _, status, ..] = regs;
        if fid != Command::PSCI_COMPLETE || self.psci_complete_names_target() {
            return regs;
        }
        [fid, calling_rec, status, 0, 0, 0, 0]
    }

    /// Whether the RMM has a command of its edition. RMI_RMM_DEACTIVATE is newer than others:
    /// TF-RMM behind 9a7f8ef4 has it, and the interface of 2.0-bet3.
    #[must_use]
    pub const fn has(self, command: &CommandInfo) -> bool {
        let newer = command.fid == Command::RMM_DEACTIVATE;
        !newer || matches!(self.release(), Release::TfRmmNext | Release::Bet3)
    }

    /// The commands that the RMM has, in the order of the function identifiers.
    pub fn commands(self) -> impl Iterator<Item = &'static CommandInfo> {
        CommandInfo::of_edition(self.edition()).filter(move |info| self.has(info))
    }

    /// What another release of TF-RMM does otherwise, as far as it is simulated: what it is about,
    /// and how this one and that one do it. Nothing if one of the two is no TF-RMM, or they are of
    /// two editions.
    #[must_use]
    pub fn changes_to(self, other: Self) -> Vec<(&'static str, [&'static str; 2])> {
        let (older, newer) = (Release::TfRmm09, Release::TfRmmNext);
        let releases = [self.release(), other.release()];
        let turned = releases == [newer, older];
        if !turned && releases != [older, newer] {
            return Vec::new();
        }
        let mut changes = NEXT_OF_TF_RMM.to_vec();
        if turned {
            changes.iter_mut().for_each(|(_, sides)| sides.reverse());
        }
        changes
    }

    /// The profile with this name or alias.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        let own = Self::ALL.into_iter().find(|profile| profile.name() == name);
        let alias = || Self::ALIASES.into_iter().find(|(alias, _)| *alias == name);
        own.or_else(|| alias().map(|(_, profile)| profile))
    }

    /// The names of all profiles, for messages: the aliases first.
    #[must_use]
    pub fn names() -> String {
        let aliases = Self::ALIASES.iter().map(|(alias, _)| *alias);
        aliases.chain(Self::ALL.map(Self::name)).collect::<Vec<_>>().join(", ")
    }

    /// The rules of an edition as one of the two has them: of the text, those of the beta that is
    /// named as `2.0-bet2` is, if there is such a profile.
    #[must_use]
    pub fn for_release(edition: Edition, rmm: Rmm, release: &str) -> Self {
        let named = |profile: &Self| profile.name().strip_prefix("spec-") == Some(release);
        let text = Self::ALL.into_iter().filter(|profile| profile.edition() == edition).find(named);
        text.filter(|_| matches!(rmm, Rmm::Spec)).unwrap_or(Self::of(edition, rmm))
    }
}
