//! The claims of a platform token (DEN0137 1.0 A7.2.3.2, draft-ffm-rats-cca-token).

use super::maker::{DUMMY_PROFILE, label};
use super::parts::{Keys, Lenience, Problem, Reader, TokenError, Unknown};
use super::realm::{digest, ueid};
use crate::encoding::cbor::Key;
#[cfg(feature = "cli")]
use crate::encoding::text::hex;
use crate::encoding::text::shown;
use crate::measure::rim::HashAlgo;

/// What a platform token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PlatformProfile {
    /// `tag:arm.com,2023:cca_platform#1.0.0`.
    Cca,
    /// `tag:arm.com,2024:cca_platform#2.0.0`, with claims 2394 and 2403 to 2406.
    Arm2024,
    /// `http://arm.com/CCA-SSD/1.0.0`, of tokens before that.
    Legacy,
    /// What this simulator makes: nothing but the binding.
    Dummy,
}

/// A profile's row.
struct PlatformProfileRow {
    /// Claim 265.
    name: &'static str,
    /// The claim with the hash of the RAK.
    binding: i64,
    /// Claims that may be there, besides those of every platform.
    more: &'static [i64],
    /// Those of them that have to be there.
    needed: &'static [i64],
}

impl PlatformProfile {
    const ALL: [Self; 4] = [Self::Cca, Self::Arm2024, Self::Legacy, Self::Dummy];

    const fn row(self) -> PlatformProfileRow {
        const PLAIN: PlatformProfileRow =
            PlatformProfileRow { name: "", binding: claim::CHALLENGE, more: &[], needed: &[] };
        match self {
            Self::Cca => {
                PlatformProfileRow { name: "tag:arm.com,2023:cca_platform#1.0.0", ..PLAIN }
            }
            Self::Legacy => PlatformProfileRow { name: "http://arm.com/CCA-SSD/1.0.0", ..PLAIN },
            Self::Dummy => PlatformProfileRow { name: DUMMY_PROFILE, ..PLAIN },
            Self::Arm2024 => PlatformProfileRow {
                name: "tag:arm.com,2024:cca_platform#2.0.0",
                binding: claim::CHALLENGE,
                more: claim::OF_2024,
                needed: &[claim::CLIENT_ID],
            },
        }
    }

    /// The claim's text.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.row().name
    }

    /// The number of the claim that binds the platform to a Realm's key.
    #[must_use]
    pub const fn binding_claim(self) -> i64 {
        self.row().binding
    }
}

/// Labels of claims that realm tokens do not have.
mod claim {
    pub(super) const CHALLENGE: i64 = super::label::CHALLENGE.cast_signed();
    pub(super) const PROFILE: i64 = super::label::PROFILE.cast_signed();
    pub(super) const INSTANCE_ID: i64 = 256;
    pub(super) const LIFECYCLE: i64 = 2395;
    pub(super) const IMPLEMENTATION_ID: i64 = 2396;
    pub(super) const SW_COMPONENTS: i64 = 2399;
    pub(super) const VERIFICATION_SERVICE: i64 = 2400;
    pub(super) const CONFIG: i64 = 2401;
    pub(super) const HASH_ALGO_ID: i64 = 2402;
    pub(super) const CLIENT_ID: i64 = 2394;
    pub(super) const MANUFACTURING_CONFIG: i64 = 2403;
    pub(super) const EXTENSIONS: i64 = 2404;
    pub(super) const TBB_ROTPK: i64 = 2405;
    pub(super) const PEER_SIGNERS: i64 = 2406;
    /// Those that came with the profile of 2024.
    pub(super) const OF_2024: &[i64] =
        &[CLIENT_ID, MANUFACTURING_CONFIG, EXTENSIONS, TBB_ROTPK, PEER_SIGNERS];
}

const KEYS: Keys = Keys {
    kind: "claim",
    known: &[
        (claim::CHALLENGE, "challenge"),
        (claim::PROFILE, "profile"),
        (claim::INSTANCE_ID, "instance id"),
        (claim::LIFECYCLE, "lifecycle"),
        (claim::IMPLEMENTATION_ID, "implementation id"),
        (claim::SW_COMPONENTS, "software components"),
        (claim::VERIFICATION_SERVICE, "verification service"),
        (claim::CONFIG, "configuration"),
        (claim::HASH_ALGO_ID, "hash algorithm"),
        (claim::CLIENT_ID, "client id"),
        (claim::MANUFACTURING_CONFIG, "manufacturing configuration"),
        (claim::EXTENSIONS, "extension devices"),
        (claim::TBB_ROTPK, "trusted boot keys"),
        (claim::PEER_SIGNERS, "peer signers"),
    ],
};

/// What a platform token says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlatformClaims {
    /// Claim 265.
    pub profile: PlatformProfile,
    /// Claim 10: the hash of the RAK.
    pub challenge: Vec<u8>,
    /// Everything else; a dummy has nothing else.
    pub identity: Option<Identity>,
}

/// Who the platform is, and what runs on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Claim 2396.
    pub implementation_id: [u8; 32],
    /// Claim 256; the first byte is 1.
    pub instance_id: [u8; 33],
    /// Claim 2401.
    pub config: Vec<u8>,
    /// Claim 2395: the state in bits 15 to 8.
    pub lifecycle: u16,
    /// Claim 2399.
    pub components: Vec<Component>,
    /// Claim 2400.
    pub verification_service: Option<String>,
    /// Claim 2402: an algorithm's name of IANA's.
    pub hash_algo: String,
    /// Claims 2394 and 2403 to 2406 of the profile of 2024 that are there. They are well-formed;
    /// what they say is not looked at.
    pub others: Vec<(i64, &'static str)>,
}

impl Identity {
    /// What the state of claim 2395 is called.
    #[must_use]
    pub const fn lifecycle_name(&self) -> &'static str {
        Lifecycle::of_claim(self.lifecycle).title()
    }
}

/// The security state of a platform: bits 15 to 12 of claim 2395 (draft-ffm-rats-cca-token).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lifecycle {
    /// Nobody knows.
    Unknown,
    /// At the factory.
    AssemblyAndTest,
    /// Its root of trust gets its secrets.
    Provisioning,
    /// As it is handed out.
    Secured,
    /// Something can be debugged that is not the platform's root of trust.
    OtherDebug,
    /// The root of trust can be debugged, and is good again afterwards.
    RecoverableDebug,
    /// At its end: its secrets are gone.
    Decommissioned,
}

impl Lifecycle {
    /// All of them, by number.
    pub const ALL: [Self; 7] = [
        Self::Unknown,
        Self::AssemblyAndTest,
        Self::Provisioning,
        Self::Secured,
        Self::OtherDebug,
        Self::RecoverableDebug,
        Self::Decommissioned,
    ];

    /// The state that a claim says. Numbers above the last state's are that state.
    #[must_use]
    pub const fn of_claim(claim: u16) -> Self {
        match claim >> 12 {
            0 => Self::Unknown,
            1 => Self::AssemblyAndTest,
            2 => Self::Provisioning,
            3 => Self::Secured,
            4 => Self::OtherDebug,
            5 => Self::RecoverableDebug,
            _ => Self::Decommissioned,
        }
    }

    /// The word of options.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::AssemblyAndTest => "assembly-and-test",
            Self::Provisioning => "provisioning",
            Self::Secured => "secured",
            Self::OtherDebug => "other-debug",
            Self::RecoverableDebug => "recoverable-debug",
            Self::Decommissioned => "decommissioned",
        }
    }

    /// What people call it.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::AssemblyAndTest => "assembly and test",
            Self::Provisioning => "provisioning of the platform's root of trust",
            Self::Secured => "secured",
            Self::OtherDebug => "debug, not of the root of trust",
            Self::RecoverableDebug => "recoverable debug of the root of trust",
            Self::Decommissioned => "decommissioned",
        }
    }

    /// The state of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.name() == name)
    }
}

/// Firmware that the platform measured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Component {
    /// Its role.
    pub kind: Option<String>,
    /// Its measurement, as long as a digest.
    pub measurement: Vec<u8>,
    /// Its version.
    pub version: Option<String>,
    /// The hash of the key that signed it, as long as a digest.
    pub signer_id: Vec<u8>,
    /// The algorithm of the measurement, if it is not the token's.
    pub hash_algo: Option<String>,
}

impl Component {
    /// The component as documents have it.
    #[cfg(feature = "cli")]
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::json!({
            "type": self.kind,
            "measurement": hex(&self.measurement),
            "version": self.version,
            "signer_id": hex(&self.signer_id),
            "hash_algo": self.hash_algo,
        })
    }
}

#[derive(Default)]
struct Draft {
    profile: Option<PlatformProfile>,
    challenge: Option<Vec<u8>>,
    implementation_id: Option<[u8; 32]>,
    instance_id: Option<[u8; 33]>,
    config: Option<Vec<u8>>,
    lifecycle: Option<u16>,
    components: Option<Vec<Component>>,
    verification_service: Option<String>,
    hash_algo: Option<String>,
    others: Vec<(i64, &'static str)>,
}

impl PlatformClaims {
    /// Reads the claims that all of `bytes` are; `place` names them in errors.
    pub(super) fn read(
        bytes: &[u8],
        place: &str,
        mut lenience: Lenience<'_>,
    ) -> Result<Self, TokenError> {
        let mut reader = Reader::new(bytes, place);
        let mut draft = Draft::default();
        reader.map(&KEYS, lenience.unknown(), |key, reader| draft.take(key, reader))?;
        reader.end()?;
        draft.finish(place, &mut lenience)
    }

    /// The value that has to be the hash of a Realm's key, by the profile.
    #[must_use]
    pub fn binding(&self) -> &[u8] {
        match self.profile.binding_claim() {
            claim::CHALLENGE => &self.challenge,
            other => unreachable!("a profile that is bound by claim {other} has to keep it"),
        }
    }
}

impl Draft {
    fn take(&mut self, key: i64, reader: &mut Reader<'_>) -> Result<(), TokenError> {
        match key {
            claim::PROFILE => self.profile = Some(profile(reader)?),
            claim::CHALLENGE => self.challenge = Some(digest(reader)?),
            claim::IMPLEMENTATION_ID => self.implementation_id = Some(reader.array_of("32")?),
            claim::INSTANCE_ID => self.instance_id = Some(ueid(reader)?),
            claim::CONFIG => self.config = Some(reader.bytes()?.to_vec()),
            claim::LIFECYCLE => self.lifecycle = Some(lifecycle(reader)?),
            claim::SW_COMPONENTS => self.components = Some(components(reader)?),
            claim::VERIFICATION_SERVICE => {
                self.verification_service = Some(reader.text()?.to_owned());
            }
            claim::HASH_ALGO_ID => self.hash_algo = Some(hash_algo(reader)?),
            claim::CLIENT_ID => {
                let found = reader.int()?;
                if found != 1 {
                    let problem = Problem::Value { found: found.to_string(), expected: "1 (RMM)" };
                    return Err(reader.wrong(problem));
                }
                self.others.push((key, KEYS.name(key)));
            }
            claim::MANUFACTURING_CONFIG | claim::PEER_SIGNERS => {
                if reader.bytes()?.is_empty() {
                    let expected = "one or more";
                    return Err(reader.wrong(Problem::Length { found: 0, expected }));
                }
                self.others.push((key, KEYS.name(key)));
            }
            claim::EXTENSIONS | claim::TBB_ROTPK => {
                reader.skip()?;
                self.others.push((key, KEYS.name(key)));
            }
            _ => unreachable!("a claim of the list"),
        }
        Ok(())
    }

    fn finish(
        mut self,
        place: &str,
        lenience: &mut Lenience<'_>,
    ) -> Result<PlatformClaims, TokenError> {
        let missing = |label| KEYS.missing(place, label);
        let profile = self.profile.ok_or_else(|| missing(claim::PROFILE))?;
        let challenge = self.challenge.ok_or_else(|| missing(claim::CHALLENGE))?;
        if profile == PlatformProfile::Dummy {
            let others = [
                (claim::IMPLEMENTATION_ID, self.implementation_id.is_some()),
                (claim::INSTANCE_ID, self.instance_id.is_some()),
                (claim::CONFIG, self.config.is_some()),
                (claim::LIFECYCLE, self.lifecycle.is_some()),
                (claim::SW_COMPONENTS, self.components.is_some()),
                (claim::VERIFICATION_SERVICE, self.verification_service.is_some()),
                (claim::HASH_ALGO_ID, self.hash_algo.is_some()),
            ];
            let more = self.others.iter().map(|(label, _)| (*label, true));
            if let Some((label, _)) = others.into_iter().chain(more).find(|(_, there)| *there) {
                let place = missing(label).place;
                return Err(TokenError { place, problem: Problem::Unknown("claim in a dummy") });
            }
            return Ok(PlatformClaims { profile, challenge, identity: None });
        }
        let PlatformProfileRow { more, needed, .. } = profile.row();
        for (label, _) in self.others.extract_if(.., |(label, _)| !more.contains(label)) {
            lenience.out_of_place(KEYS.place(place, &Key::Int(label)))?;
        }
        let there = |wanted: &i64| self.others.iter().any(|(label, _)| label == wanted);
        if let Some(label) = needed.iter().find(|label| !there(label)) {
            return Err(missing(*label));
        }
        let identity = Identity {
            implementation_id: self
                .implementation_id
                .ok_or_else(|| missing(claim::IMPLEMENTATION_ID))?,
            instance_id: self.instance_id.ok_or_else(|| missing(claim::INSTANCE_ID))?,
            config: self.config.ok_or_else(|| missing(claim::CONFIG))?,
            lifecycle: self.lifecycle.ok_or_else(|| missing(claim::LIFECYCLE))?,
            components: self.components.ok_or_else(|| missing(claim::SW_COMPONENTS))?,
            verification_service: self.verification_service,
            hash_algo: self.hash_algo.ok_or_else(|| missing(claim::HASH_ALGO_ID))?,
            others: self.others,
        };
        Ok(PlatformClaims { profile, challenge, identity: Some(identity) })
    }
}

fn profile(reader: &mut Reader<'_>) -> Result<PlatformProfile, TokenError> {
    let found = reader.text()?;
    let known = PlatformProfile::ALL.into_iter().find(|profile| profile.name() == found);
    let expected = "\"tag:arm.com,2023:cca_platform#1.0.0\", \
                    \"tag:arm.com,2024:cca_platform#2.0.0\" or \"http://arm.com/CCA-SSD/1.0.0\"";
    known.ok_or_else(|| reader.wrong(Problem::Value { found: shown(found), expected }))
}

fn lifecycle(reader: &mut Reader<'_>) -> Result<u16, TokenError> {
    let found = reader.int()?;
    let known = u16::try_from(found).ok().filter(|value| value & 0x0F00 == 0 && *value < 0x7000);
    let problem =
        Problem::Value { found: found.to_string(), expected: "0xS0XX with S from 0 to 6" };
    known.ok_or_else(|| reader.wrong(problem))
}

fn hash_algo(reader: &mut Reader<'_>) -> Result<String, TokenError> {
    let found = reader.text()?;
    let expected = HashAlgo::IANA_NAMES;
    let known = HashAlgo::from_iana_name(found).is_some();
    let problem = Problem::Value { found: shown(found), expected };
    if known { Ok(found.to_owned()) } else { Err(reader.wrong(problem)) }
}

const COMPONENT: Keys = Keys {
    kind: "label",
    known: &[
        (1, "type"),
        (2, "measurement"),
        (4, "version"),
        (5, "signer id"),
        (6, "hash algorithm"),
    ],
};

fn components(reader: &mut Reader<'_>) -> Result<Vec<Component>, TokenError> {
    let count = reader.array()?;
    if count == 0 {
        return Err(reader.wrong(Problem::Count { found: 0, expected: "one or more" }));
    }
    let outer = reader.place().to_owned();
    let mut list = Vec::new();
    for i in 1..=count {
        reader.rename(format!("{outer}, component {i}"));
        let (mut kind, mut version, mut algo) = (None, None, None);
        let (mut measurement, mut signer_id) = (None, None);
        reader.map(&COMPONENT, Unknown::Refuse, |label, reader| {
            match label {
                1 => kind = Some(reader.text()?.to_owned()),
                2 => measurement = Some(digest(reader)?),
                4 => version = Some(reader.text()?.to_owned()),
                5 => signer_id = Some(digest(reader)?),
                _ => algo = Some(hash_algo(reader)?),
            }
            Ok(())
        })?;
        let missing = |label| COMPONENT.missing(reader.place(), label);
        list.push(Component {
            kind,
            measurement: measurement.ok_or_else(|| missing(2))?,
            version,
            signer_id: signer_id.ok_or_else(|| missing(5))?,
            hash_algo: algo,
        });
    }
    Ok(list)
}
