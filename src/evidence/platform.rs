//! The claims of a platform token (DEN0137 1.0 A7.2.3.2, draft-ffm-rats-cca-token).

use super::maker::{DUMMY_PROFILE, label};
use super::parts::{Keys, Problem, Reader, TokenError, Unknown};
use crate::encoding::text::shown;
use crate::measure::rim::HashAlgo;

/// What a platform token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlatformProfile {
    /// `tag:arm.com,2023:cca_platform#1.0.0`.
    Cca,
    /// `http://arm.com/CCA-SSD/1.0.0`, of tokens before that.
    Legacy,
    /// What this simulator makes: nothing but the binding.
    Dummy,
}

impl PlatformProfile {
    const ALL: [Self; 3] = [Self::Cca, Self::Legacy, Self::Dummy];

    /// The claim's text.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cca => "tag:arm.com,2023:cca_platform#1.0.0",
            Self::Legacy => "http://arm.com/CCA-SSD/1.0.0",
            Self::Dummy => DUMMY_PROFILE,
        }
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
}

impl Identity {
    /// What the state of claim 2395 is called.
    #[must_use]
    pub const fn lifecycle_name(&self) -> &'static str {
        match self.lifecycle >> 8 {
            0x00 => "unknown",
            0x10 => "assembly and test",
            0x20 => "provisioning of the platform's root of trust",
            0x30 => "secured",
            0x40 => "debug, not of the root of trust",
            0x50 => "recoverable debug of the root of trust",
            _ => "decommissioned",
        }
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
}

impl PlatformClaims {
    /// Reads the claims that all of `bytes` are; `place` names them in errors.
    pub(super) fn read(
        bytes: &[u8],
        place: &str,
        unknown: Unknown<'_>,
    ) -> Result<Self, TokenError> {
        let mut reader = Reader::new(bytes, place);
        let mut draft = Draft::default();
        reader.map(&KEYS, unknown, |key, reader| draft.take(key, reader))?;
        reader.end()?;
        draft.finish(place)
    }
}

impl Draft {
    fn take(&mut self, key: i64, reader: &mut Reader<'_>) -> Result<(), TokenError> {
        match key {
            claim::PROFILE => self.profile = Some(profile(reader)?),
            claim::CHALLENGE => self.challenge = Some(hash(reader)?),
            claim::IMPLEMENTATION_ID => self.implementation_id = Some(reader.array_of("32")?),
            claim::INSTANCE_ID => {
                let id: [u8; 33] = reader.array_of("33")?;
                if id[0] != 1 {
                    let found = format!("first byte {:#04x}", id[0]);
                    return Err(reader.wrong(Problem::Value { found, expected: "0x01 (RAND)" }));
                }
                self.instance_id = Some(id);
            }
            claim::CONFIG => self.config = Some(reader.bytes()?.to_vec()),
            claim::LIFECYCLE => self.lifecycle = Some(lifecycle(reader)?),
            claim::SW_COMPONENTS => self.components = Some(components(reader)?),
            claim::VERIFICATION_SERVICE => {
                self.verification_service = Some(reader.text()?.to_owned());
            }
            claim::HASH_ALGO_ID => self.hash_algo = Some(hash_algo(reader)?),
            _ => unreachable!("a claim of the list"),
        }
        Ok(())
    }

    fn finish(self, place: &str) -> Result<PlatformClaims, TokenError> {
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
            if let Some((label, _)) = others.into_iter().find(|(_, there)| *there) {
                let place = missing(label).place;
                return Err(TokenError { place, problem: Problem::Unknown("claim in a dummy") });
            }
            return Ok(PlatformClaims { profile, challenge, identity: None });
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
        };
        Ok(PlatformClaims { profile, challenge, identity: Some(identity) })
    }
}

fn profile(reader: &mut Reader<'_>) -> Result<PlatformProfile, TokenError> {
    let found = reader.text()?;
    let known = PlatformProfile::ALL.into_iter().find(|profile| profile.name() == found);
    let expected =
        "\"tag:arm.com,2023:cca_platform#1.0.0\" or \"http://arm.com/CCA-SSD/1.0.0\" (RMM 1.0)";
    known.ok_or_else(|| reader.wrong(Problem::Value { found: shown(found), expected }))
}

fn lifecycle(reader: &mut Reader<'_>) -> Result<u16, TokenError> {
    let found = reader.int()?;
    let known = u16::try_from(found).ok().filter(|value| value & 0x0F00 == 0 && *value < 0x7000);
    let problem =
        Problem::Value { found: found.to_string(), expected: "0xS0XX with S from 0 to 6" };
    known.ok_or_else(|| reader.wrong(problem))
}

fn hash(reader: &mut Reader<'_>) -> Result<Vec<u8>, TokenError> {
    let bytes = reader.bytes()?;
    let problem = Problem::Length { found: bytes.len(), expected: HashAlgo::LENGTHS };
    if HashAlgo::from_len_bytes(bytes.len()).is_some() {
        Ok(bytes.to_vec())
    } else {
        Err(reader.wrong(problem))
    }
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
                2 => measurement = Some(hash(reader)?),
                4 => version = Some(reader.text()?.to_owned()),
                5 => signer_id = Some(hash(reader)?),
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
