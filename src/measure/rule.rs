//! By which rule a RIM is made of measured events. The versions of the RMM differ.

use super::event::MeasuredEvent;

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

    /// Whether an event extends the RIM.
    #[must_use]
    pub const fn measures(self, event: &MeasuredEvent) -> bool {
        match event {
            MeasuredEvent::Ripas(_) => matches!(self, Self::Rmm10),
            MeasuredEvent::Realm(_) => !matches!(self, Self::Rmm20),
            MeasuredEvent::Data(_) | MeasuredEvent::Rec(_) => true,
        }
    }
}
