//! The claims of a realm token (DEN0137 1.0 A7.2.3.1).

use super::cose::point_of_cose_key;
use super::maker::label;
use super::parts::{Keys, Problem, Reader, TokenError, Unknown};
use crate::encoding::cbor::Key;
use crate::encoding::keys::PublicKey;
use crate::encoding::text::shown;
use crate::measure::rim::{HashAlgo, Measurement};

/// The profile in which the RAK is a COSE_Key.
const PROFILE: &str = "tag:arm.com,2023:realm#1.0.0";

pub(super) const KEYS: Keys = Keys {
    kind: "claim",
    known: &[
        (number(label::CHALLENGE), "challenge"),
        (number(label::PROFILE), "profile"),
        (number(label::RPV), "RPV"),
        (number(label::HASH_ALGO_ID), "hash algorithm"),
        (number(label::RAK), "RAK"),
        (number(label::RIM), "RIM"),
        (number(label::REMS), "REMs"),
        (number(label::RAK_HASH_ALGO_ID), "RAK hash algorithm"),
    ],
};

const fn number(label: u64) -> i64 {
    label.cast_signed()
}

/// What a realm token says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RealmClaims {
    /// Claim 265, or `None` for the form of tokens before it was there.
    pub profile: Option<&'static str>,
    /// Claim 10: the Realm's challenge.
    pub challenge: [u8; 64],
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
}

/// Claims as they come.
#[derive(Default)]
struct Draft<'b> {
    profile: Option<&'static str>,
    challenge: Option<[u8; 64]>,
    rpv: Option<[u8; 64]>,
    hash_algo: Option<HashAlgo>,
    rak: Option<&'b [u8]>,
    rim: Option<&'b [u8]>,
    rems: Option<[&'b [u8]; 4]>,
    rak_hash_algo: Option<HashAlgo>,
}

impl RealmClaims {
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
            label::PROFILE => {
                let found = reader.text()?;
                if found != PROFILE {
                    let expected = "\"tag:arm.com,2023:realm#1.0.0\" or no profile at all";
                    let problem = Problem::Value { found: shown(found), expected };
                    return Err(reader.wrong(problem));
                }
                self.profile = Some(PROFILE);
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
            _ => unreachable!("a claim of the list"),
        }
        Ok(())
    }

    fn finish(self, place: &str) -> Result<RealmClaims, TokenError> {
        let missing = |label| KEYS.missing(place, number(label));
        let at = |label| KEYS.place(place, &Key::Int(number(label)));
        let algo = self.hash_algo.ok_or_else(|| missing(label::HASH_ALGO_ID))?;
        let measured = |bytes: &[u8], place: String| {
            let expected = algo.len_text();
            let problem = Problem::Length { found: bytes.len(), expected };
            Measurement::from_bytes(algo, bytes).ok_or(TokenError { place, problem })
        };
        let rim = measured(self.rim.ok_or_else(|| missing(label::RIM))?, at(label::RIM))?;
        let mut rems = [Measurement::zero(algo); 4];
        let found = self.rems.ok_or_else(|| missing(label::REMS))?;
        for (i, (rem, bytes)) in rems.iter_mut().zip(found).enumerate() {
            *rem = measured(bytes, rem_place(&at(label::REMS), i))?;
        }
        let rak = self.rak.ok_or_else(|| missing(label::RAK))?;
        let rak_point = match self.profile {
            Some(_) => point_of_cose_key(rak, &at(label::RAK))?,
            None if rak.len() == 97 => rak.to_vec(),
            None => {
                let expected = "97 (a point of P-384; a COSE_Key needs the profile claim 265)";
                let problem = Problem::Length { found: rak.len(), expected };
                return Err(TokenError { place: at(label::RAK), problem });
            }
        };
        Ok(RealmClaims {
            profile: self.profile,
            challenge: self.challenge.ok_or_else(|| missing(label::CHALLENGE))?,
            rpv: self.rpv.ok_or_else(|| missing(label::RPV))?,
            hash_algo: algo,
            rak: rak.to_vec(),
            rak_point,
            rim,
            rems,
            rak_hash_algo: self.rak_hash_algo.ok_or_else(|| missing(label::RAK_HASH_ALGO_ID))?,
        })
    }
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
