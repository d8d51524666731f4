//! By which rule a RIM is made of measured events. The editions of the RMM differ.

use super::edition::Edition;

/// A rule.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
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

    /// The edition whose commands are measured by the rule.
    #[must_use]
    pub const fn edition(self) -> Edition {
        match self {
            Self::Rmm10 => Edition::V1,
            Self::TfRmm09 | Self::Rmm20 => Edition::V2,
        }
    }

    /// The command that gives a Realm contents. Its descriptor in the RIM is always the same.
    #[must_use]
    pub const fn contents_command(self) -> &'static str {
        match self.edition() {
            Edition::V1 => "RMI_DATA_CREATE",
            Edition::V2 => "RMI_RTT_DATA_MAP_INIT",
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::abi::command::CommandInfo;

    #[test]
    fn contents_come_by_the_command_of_the_edition() {
        for rule in RimRule::ALL {
            let info = CommandInfo::data_create(rule.edition());
            assert_eq!(rule.contents_command(), format!("RMI_{}", info.name));
        }
    }
}
