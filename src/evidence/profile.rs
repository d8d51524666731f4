//! Profiles of tokens: which claims a realm token has, how it writes the RAK, and in which
//! collection its writers put it. A profile is a row of a table; a new one is a new row.
//!
//! Sources: DEN0137 1.0 A7.2.3.1 and 2.0-bet1 A7.2.3.1, draft-ffm-rats-cca-token, and what TF-RMM
//! writes (`attestation_defs_priv.h`).

use super::maker::label;

/// How claim 44237 has the Realm Attestation Key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RakForm {
    /// A point of P-384 as SEC 1 has it, not compressed: 97 bytes.
    Point,
    /// A COSE_Key (RFC 9052 7).
    CoseKey,
}

/// What holds the two halves of a token together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Collection {
    /// Tag 399: a map of byte strings.
    Eat,
    /// Tag 907, a collection of RFC 9999: a map of records, each a media type and a byte string.
    Cmw,
}

impl Collection {
    /// Its CBOR tag.
    #[must_use]
    pub const fn tag(self) -> u64 {
        match self {
            Self::Eat => 399,
            Self::Cmw => 907,
        }
    }

    /// What people call it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Eat => "EAT collection (tag 399)",
            Self::Cmw => "CMW collection (tag 907)",
        }
    }
}

/// A profile of realm tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenProfile {
    /// Without claim 265, and with the RAK as a point: TF-RMM as it was at RMM 1.0.
    Legacy,
    /// `tag:arm.com,2023:realm#1.0.0`, with the RAK as COSE_Key: TF-RMM from then to 0.8.
    Arm2023,
    /// `tag:arm.com,2024:realm#2.0.0`, with the MEC policy: TF-RMM from 0.9.
    Arm2024,
}

/// A profile's row.
pub(super) struct TokenProfileRow {
    /// The word of options.
    name: &'static str,
    /// Claim 265.
    pub(super) claim: Option<&'static str>,
    /// The collection that its writers use. Readers take each profile in either.
    pub(super) collection: Collection,
    /// How the RAK is written.
    pub(super) rak: RakForm,
    /// Claims that may be there, besides those that every realm token has.
    more: &'static [u64],
    /// Those of them that have to be there.
    needed: &'static [u64],
}

impl TokenProfile {
    /// All of them, the oldest first.
    pub const ALL: [Self; 3] = [Self::Legacy, Self::Arm2023, Self::Arm2024];

    pub(super) const fn row(self) -> TokenProfileRow {
        match self {
            Self::Legacy => TokenProfileRow {
                name: "legacy",
                claim: None,
                collection: Collection::Eat,
                rak: RakForm::Point,
                // TF-RMM 0.8 and tools write them without a profile, too.
                more: &[label::INSTANCE_ID, label::MEC_POLICY],
                needed: &[],
            },
            Self::Arm2023 => TokenProfileRow {
                name: "2023",
                claim: Some("tag:arm.com,2023:realm#1.0.0"),
                collection: Collection::Eat,
                rak: RakForm::CoseKey,
                more: &[label::INSTANCE_ID, label::MEC_POLICY],
                needed: &[],
            },
            Self::Arm2024 => TokenProfileRow {
                name: "2024",
                claim: Some("tag:arm.com,2024:realm#2.0.0"),
                collection: Collection::Cmw,
                rak: RakForm::CoseKey,
                more: &[
                    label::INSTANCE_ID,
                    label::MEC_POLICY,
                    label::LFA_POLICY,
                    label::DEVICES_HASH,
                ],
                // The draft has no instance id, and DEN0137 does.
                needed: &[label::MEC_POLICY],
            },
        }
    }

    /// The word of options: `legacy`, `2023` or `2024`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.row().name
    }

    /// The profile of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|profile| profile.name() == name)
    }

    /// Claim 265, if the profile has it.
    #[must_use]
    pub const fn claim(self) -> Option<&'static str> {
        self.row().claim
    }

    /// The profile with this claim 265.
    pub(super) fn from_claim(claim: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|profile| profile.claim() == Some(claim))
    }

    /// Whether a claim that not every realm token has may be there.
    pub(super) fn has(self, label: u64) -> bool {
        self.row().more.contains(&label)
    }

    /// The first claim that has to be there and is not.
    pub(super) fn missing(self, is_there: impl Fn(u64) -> bool) -> Option<u64> {
        self.row().needed.iter().copied().find(|label| !is_there(*label))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_each_others_way_back() {
        for profile in TokenProfile::ALL {
            assert_eq!(TokenProfile::from_name(profile.name()), Some(profile));
            assert!(profile.row().needed.iter().all(|label| profile.has(*label)));
            if let Some(claim) = profile.claim() {
                assert_eq!(TokenProfile::from_claim(claim), Some(profile));
            }
        }
    }
}
