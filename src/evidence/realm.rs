//! The claims of a realm token (DEN0137 1.0 A7.2.3.1).

use super::cose::point_of_cose_key;
use super::maker::label;
use super::parts::{Keys, Lenience, Problem, Reader, TokenError};
use super::profile::{RakForm, TokenProfile};
use crate::encoding::cbor::{Key, Type};
use crate::encoding::keys::PublicKey;
use crate::encoding::text::shown;
use crate::measure::rim::{HashAlgo, Measurement};

pub(super) const KEYS: Keys = Keys {
    kind: "claim",
    known: &[
        (number(label::CHALLENGE), "challenge"),
        (number(label::INSTANCE_ID), "instance id"),
        (number(label::PROFILE), "profile"),
        (number(label::RPV), "RPV"),
        (number(label::HASH_ALGO_ID), "hash algorithm"),
        (number(label::RAK), "RAK"),
        (number(label::RIM), "RIM"),
        (number(label::REMS), "REMs"),
        (number(label::RAK_HASH_ALGO_ID), "RAK hash algorithm"),
        (number(label::MEC_POLICY), "MEC policy"),
        (number(label::LFA_POLICY), "LFA policy"),
        (number(label::DEVICES_HASH), "devices token hash"),
    ],
};

const fn number(label: u64) -> i64 {
    label.cast_signed()
}

/// Whether a Realm's memory is encrypted with a context of its own (MEC).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MecPolicy {
    /// With one that other Realms have, too.
    Shared,
    /// With its own.
    Private,
}

impl MecPolicy {
    /// The word of draft-ffm-rats-cca-token.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Shared => "shared",
            Self::Private => "private",
        }
    }
}

/// What a realm token says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RealmClaims {
    /// What claim 265 says.
    pub profile: TokenProfile,
    /// Claim 10: the Realm's challenge.
    pub challenge: [u8; 64],
    /// Claim 256: which Realm it is; the first byte is 1.
    pub instance_id: Option<[u8; 33]>,
    /// Claim 44235: Realm Personalization Value.
    pub rpv: [u8; 64],
    /// Claim 44236: the algorithm of RIM and REMs.
    pub hash_algo: HashAlgo,
    /// Claim 44237: the Realm Attestation Key as the token has it, which is what the platform token
    /// is bound to: a point in SEC 1's form (97 bytes), or a COSE_Key if there is a profile.
    pub rak: Vec<u8>,
    /// The key's point in SEC 1's form, which may be no point of the curve.
    rak_point: Vec<u8>,
    /// Claim 44238: Realm Initial Measurement.
    pub rim: Measurement,
    /// Claim 44239: Realm Extensible Measurements.
    pub rems: [Measurement; 4],
    /// Claim 44240: the algorithm by which the platform token names the RAK.
    pub rak_hash_algo: HashAlgo,
    /// Claim 44243.
    pub mec_policy: Option<MecPolicy>,
    /// Claim 44244: whether firmware may be replaced while the Realm runs.
    pub allows_live_activation: Option<bool>,
    /// Claim 44257: the hash of what says which devices the Realm has, as long as a digest.
    pub devices_hash: Option<Vec<u8>>,
}

/// Claims as they come.
#[derive(Default)]
struct Draft<'b> {
    profile: Option<TokenProfile>,
    challenge: Option<[u8; 64]>,
    instance_id: Option<[u8; 33]>,
    rpv: Option<[u8; 64]>,
    hash_algo: Option<HashAlgo>,
    rak: Option<&'b [u8]>,
    rim: Option<&'b [u8]>,
    rems: Option<[&'b [u8]; 4]>,
    rak_hash_algo: Option<HashAlgo>,
    mec_policy: Option<MecPolicy>,
    allows_live_activation: Option<bool>,
    devices_hash: Option<Vec<u8>>,
}

impl RealmClaims {
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

    /// The key that signs the realm token, if it is one.
    #[must_use]
    pub fn rak(&self) -> Option<PublicKey> {
        PublicKey::from_p384_point(&self.rak_point)
    }
}

impl<'b> Draft<'b> {
    fn take(&mut self, key: i64, reader: &mut Reader<'b>) -> Result<(), TokenError> {
        match key.cast_unsigned() {
            label::CHALLENGE => self.challenge = Some(reader.array_of("64")?),
            label::INSTANCE_ID => self.instance_id = Some(ueid(reader)?),
            label::PROFILE => {
                let found = reader.text()?;
                self.profile = TokenProfile::from_claim(found);
                if self.profile.is_none() {
                    let expected = "\"tag:arm.com,2023:realm#1.0.0\", \
                                    \"tag:arm.com,2024:realm#2.0.0\" or no profile at all";
                    let problem = Problem::Value { found: shown(found), expected };
                    return Err(reader.wrong(problem));
                }
            }
            label::RPV => self.rpv = Some(reader.array_of("64")?),
            label::HASH_ALGO_ID => self.hash_algo = Some(hash_algo(reader)?),
            label::RAK => self.rak = Some(reader.bytes()?),
            label::RIM => self.rim = Some(reader.bytes()?),
            label::REMS => {
                reader.array_len(4, "4")?;
                let place = reader.place().to_owned();
                let mut rems = [&[][..]; 4];
                for (i, rem) in rems.iter_mut().enumerate() {
                    reader.rename(rem_place(&place, i));
                    *rem = reader.bytes()?;
                }
                self.rems = Some(rems);
            }
            label::RAK_HASH_ALGO_ID => self.rak_hash_algo = Some(hash_algo(reader)?),
            label::MEC_POLICY => self.mec_policy = Some(mec_policy(reader)?),
            label::LFA_POLICY => {
                self.allows_live_activation = Some(flag(reader, "0 (disallow) or 1 (allow)")?);
            }
            label::DEVICES_HASH => self.devices_hash = Some(digest(reader)?),
            _ => unreachable!("a claim of the list"),
        }
        Ok(())
    }

    fn finish(
        mut self,
        place: &str,
        lenience: &mut Lenience<'_>,
    ) -> Result<RealmClaims, TokenError> {
        let missing = |label| KEYS.missing(place, number(label));
        let at = |label| KEYS.place(place, &Key::Int(number(label)));
        let profile = self.profile.unwrap_or(TokenProfile::Legacy);
        self.keep_to(profile, place, lenience)?;
        let algo = self.hash_algo.ok_or_else(|| missing(label::HASH_ALGO_ID))?;
        let rim = self.rim.ok_or_else(|| missing(label::RIM))?;
        let rim = measured(algo, rim, at(label::RIM), lenience)?;
        let mut rems = [Measurement::zero(algo); 4];
        let found = self.rems.ok_or_else(|| missing(label::REMS))?;
        for (i, (rem, bytes)) in rems.iter_mut().zip(found).enumerate() {
            *rem = measured(algo, bytes, rem_place(&at(label::REMS), i), lenience)?;
        }
        let rak = self.rak.ok_or_else(|| missing(label::RAK))?;
        let rak_point = match profile.row().rak {
            RakForm::CoseKey => point_of_cose_key(rak, &at(label::RAK))?,
            RakForm::Point if rak.len() == 97 => rak.to_vec(),
            RakForm::Point => {
                let expected = "97 (a point of P-384; a COSE_Key needs the profile claim 265)";
                let problem = Problem::Length { found: rak.len(), expected };
                return Err(TokenError { place: at(label::RAK), problem });
            }
        };
        Ok(RealmClaims {
            profile,
            challenge: self.challenge.ok_or_else(|| missing(label::CHALLENGE))?,
            instance_id: self.instance_id,
            rpv: self.rpv.ok_or_else(|| missing(label::RPV))?,
            hash_algo: algo,
            rak: rak.to_vec(),
            rak_point,
            rim,
            rems,
            rak_hash_algo: self.rak_hash_algo.ok_or_else(|| missing(label::RAK_HASH_ALGO_ID))?,
            mec_policy: self.mec_policy,
            allows_live_activation: self.allows_live_activation,
            devices_hash: self.devices_hash,
        })
    }

    /// Which claims there may be, and which there have to be, only the whole map says: the profile
    /// may come last.
    fn keep_to(
        &mut self,
        profile: TokenProfile,
        place: &str,
        lenience: &mut Lenience<'_>,
    ) -> Result<(), TokenError> {
        let there = [
            (label::INSTANCE_ID, self.instance_id.is_some()),
            (label::MEC_POLICY, self.mec_policy.is_some()),
            (label::LFA_POLICY, self.allows_live_activation.is_some()),
            (label::DEVICES_HASH, self.devices_hash.is_some()),
        ];
        let strange = there.iter().filter(|(label, there)| *there && !profile.has(*label));
        for (label, _) in strange {
            lenience.out_of_place(KEYS.place(place, &Key::Int(number(*label))))?;
            match *label {
                label::INSTANCE_ID => self.instance_id = None,
                label::MEC_POLICY => self.mec_policy = None,
                label::LFA_POLICY => self.allows_live_activation = None,
                _ => self.devices_hash = None,
            }
        }
        let is_there = |wanted| there.iter().any(|(label, there)| *there && *label == wanted);
        let missing = profile.missing(is_there);
        missing.map_or(Ok(()), |label| Err(KEYS.missing(place, number(label))))
    }
}

/// A digest as long as its algorithm says, or padded to a longer one's length if that is accepted.
fn measured(
    algo: HashAlgo,
    bytes: &[u8],
    place: String,
    lenience: &mut Lenience<'_>,
) -> Result<Measurement, TokenError> {
    let (found, expected) = (bytes.len(), algo.len_text());
    if let Some(digest) = Measurement::from_bytes(algo, bytes) {
        return Ok(digest);
    }
    let is_longer =
        HashAlgo::from_len_bytes(found).is_some_and(|one| one.len_bytes() > algo.len_bytes());
    let padded = bytes
        .split_at_checked(algo.len_bytes())
        .filter(|(_, rest)| is_longer && rest.iter().all(|byte| *byte == 0));
    let Some(digest) = padded.and_then(|(digest, _)| Measurement::from_bytes(algo, digest)) else {
        return Err(TokenError { place, problem: Problem::Length { found, expected } });
    };
    if !lenience.accept.padded {
        let problem = Problem::Padded { found, expected, algo: algo.iana_name() };
        return Err(TokenError { place, problem });
    }
    lenience.padded.push(format!("{place}: {}, padded to {found} bytes", algo.iana_name()));
    Ok(digest)
}

/// REMs are counted from 1, as RSI does.
fn rem_place(place: &str, i: usize) -> String {
    format!("{place}, REM {}", i + 1)
}

fn hash_algo(reader: &mut Reader<'_>) -> Result<HashAlgo, TokenError> {
    let found = reader.text()?;
    let expected = HashAlgo::IANA_NAMES;
    let known = HashAlgo::from_iana_name(found);
    known.ok_or_else(|| reader.wrong(Problem::Value { found: shown(found), expected }))
}

/// A digest of any algorithm.
pub(super) fn digest(reader: &mut Reader<'_>) -> Result<Vec<u8>, TokenError> {
    let bytes = reader.bytes()?;
    let problem = Problem::Length { found: bytes.len(), expected: HashAlgo::LENGTHS };
    let known = HashAlgo::from_len_bytes(bytes.len());
    if known.is_some() { Ok(bytes.to_vec()) } else { Err(reader.wrong(problem)) }
}

/// A UEID (RFC 9711) of type RAND.
pub(super) fn ueid(reader: &mut Reader<'_>) -> Result<[u8; 33], TokenError> {
    let id: [u8; 33] = reader.array_of("33")?;
    if id[0] == 1 {
        return Ok(id);
    }
    let found = format!("first byte {:#04x}", id[0]);
    Err(reader.wrong(Problem::Value { found, expected: "0x01 (RAND)" }))
}

/// DEN0137 and TF-RMM have a number, draft-ffm-rats-cca-token and Veraison's tools a text.
fn mec_policy(reader: &mut Reader<'_>) -> Result<MecPolicy, TokenError> {
    let expected = "0 or \"shared\", 1 or \"private\"";
    if reader.next()? == Type::String {
        let found = reader.text()?;
        let known = [MecPolicy::Shared, MecPolicy::Private].into_iter();
        let policy = known.into_iter().find(|policy| policy.name() == found);
        let problem = Problem::Value { found: shown(found), expected };
        return policy.ok_or_else(|| reader.wrong(problem));
    }
    Ok(if flag(reader, expected)? { MecPolicy::Private } else { MecPolicy::Shared })
}

/// 0 or 1.
fn flag(reader: &mut Reader<'_>, expected: &'static str) -> Result<bool, TokenError> {
    match reader.int()? {
        0 => Ok(false),
        1 => Ok(true),
        other => Err(reader.wrong(Problem::Value { found: other.to_string(), expected })),
    }
}
