//! By which rule a RIM is made of measured events. The editions of the RMM differ.

/// A rule.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RimRule {
    /// RMM 1.0: parameters, RIPAS, contents, RECs.
    #[default]
    Rmm10,
    /// TF-RMM from v0.9.0 on (commit bdb07f46): RIPAS is not measured.
    TfRmm09,
    /// The text of RMM 2.0-bet1: the RIM begins with zeros, and RIPAS is not measured.
    Rmm20,
}

impl RimRule {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Rmm10, Self::TfRmm09, Self::Rmm20];

    /// The name on the command line and in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rmm10 => "rmm-1.0",
            Self::TfRmm09 => "tf-rmm-0.9",
            Self::Rmm20 => "rmm-2.0",
        }
    }

    /// The rule with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|rule| rule.name() == name)
    }

    /// Whether the RIM begins with the digest of the Realm's parameters, rather than with zeros.
    #[must_use]
    pub const fn measures_parameters(self) -> bool {
        !matches!(self, Self::Rmm20)
    }

    /// Whether RMI_RTT_INIT_RIPAS extends the RIM.
    #[must_use]
    pub const fn measures_ripas(self) -> bool {
        matches!(self, Self::Rmm10)
    }
}
