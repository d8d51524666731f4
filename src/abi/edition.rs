//! The editions of DEN0137, and the releases of them and of TF-RMM.

/// An edition of DEN0137: which commands there are, and how they are coded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Edition {
    /// 1.0-rel0.
    #[default]
    V1,
    /// 2.0, of which there are betas.
    V2,
}

impl Edition {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::V1, Self::V2];

    /// The name on the command line and in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::V1 => "1.0",
            Self::V2 => "2.0",
        }
    }

    /// The edition with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|edition| edition.name() == name)
    }

    /// The revision of the RMI: minor in bits 15:0, major in bits 30:16.
    #[must_use]
    pub const fn rmi_revision(self) -> u64 {
        match self {
            Self::V1 => 1 << 16,
            Self::V2 => 2 << 16,
        }
    }

    /// How many feature registers say something: RMI_FEATURES gives zero beyond them.
    #[must_use]
    pub const fn feature_registers(self) -> u64 {
        match self {
            Self::V1 => 1,
            Self::V2 => 5,
        }
    }

    /// Whether the Host configures the RMM and makes it active.
    #[must_use]
    pub const fn host_activates(self) -> bool {
        matches!(self, Self::V2)
    }

    /// What a vector that is made for the edition has as its `spec`.
    #[must_use]
    pub const fn vector_spec(self) -> &'static str {
        match self {
            Self::V1 => "1.0-rel0",
            Self::V2 => "2.0-bet",
        }
    }

    /// What a vector of the edition adds to its `ich_vtr_pribits` to have priority bits counted.
    #[must_use]
    pub const fn vector_pri_bits_offset(self) -> u32 {
        match self {
            Self::V1 => 1,
            Self::V2 => 0,
        }
    }

    /// The edition that a release belongs to: `1.0-rel0`, `2.0-bet1`, `2.0-bet (…)`.
    #[must_use]
    pub fn of_release(release: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|edition| {
            let rest = release.strip_prefix(edition.name());
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
        })
    }
}

/// Which state of an implementation or of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Release {
    /// 1.0-rel0, and TF-RMM's tag for it.
    Rel0,
    /// TF-RMM from v0.9.0 on, up to 9a7f8ef4: recorded at work.
    TfRmm09,
    /// TF-RMM behind 9a7f8ef4, as far as single files of it are public: read, never seen run.
    TfRmmNext,
    /// The text of 2.0-bet1.
    Bet1,
    /// The text of 2.0-bet2.
    Bet2,
    /// The text of 2.0-bet3.
    Bet3,
}
