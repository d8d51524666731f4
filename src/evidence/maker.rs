//! The CCA attestation token that a Realm gets from a [`World`] as [`World::new`] makes it.
//!
//! A CBOR collection of a platform token and a realm token, each a COSE_Sign1 with ES384. The realm
//! token is what TF-RMM would make, signed with the platform's Realm Attestation Key: of RMM 1.0
//! without a profile, of RMM 2.0 as TF-RMM 0.9 has it, unless another profile is chosen. The
//! platform token is a dummy, and says so: no platform is simulated. Signatures are deterministic
//! (RFC 6979), so equal claims and keys give equal bytes.

use std::sync::Arc;

use super::profile::{Collection, RakForm, TokenProfile};
use crate::encoding::cbor::{Out, Tag, Written, encode};
use crate::encoding::cose::{self, Alg};
use crate::encoding::keys::SigningKey;
use crate::measure::claims::{Claims, TokenMaker};
use crate::measure::hasher;
use crate::measure::rim::HashAlgo;
use crate::model::world::World;
use crate::{Platform, Profile};

/// Tokens of a profile as TF-RMM makes them, with a dummy for the platform's half.
#[derive(Clone, Copy, Debug)]
pub struct CcaTokens(pub TokenProfile);

impl TokenMaker for CcaTokens {
    fn token(&self, claims: &Claims, rak: &[u8; 48]) -> Vec<u8> {
        cca_token(self.0, claims, rak)
    }
}

impl World {
    /// A machine after boot: all memory is the Host's and zero. Its Realms get tokens of
    /// [`CcaTokens`]; without the feature `evidence` they get none.
    #[must_use]
    pub fn new(platform: Platform, profile: Profile) -> Self {
        let is_new = profile.has_cmw_tokens();
        let token = if is_new { TokenProfile::Arm2024 } else { TokenProfile::Legacy };
        Self::with_token_maker(platform, profile, Arc::new(CcaTokens(token)))
    }

    /// Lets Realms get tokens of another profile than the RMM's.
    pub fn set_token_profile(&mut self, profile: TokenProfile) {
        self.set_token_maker(Arc::new(CcaTokens(profile)));
    }
}

/// CBOR tags and labels (DEN0137 1.0 A7.2).
pub(crate) mod label {
    pub(crate) const PLATFORM_TOKEN: u64 = 44234;
    pub(crate) const REALM_TOKEN: u64 = 44241;
    pub(crate) const CHALLENGE: u64 = 10;
    pub(crate) const INSTANCE_ID: u64 = 256;
    pub(crate) const PROFILE: u64 = 265;
    pub(crate) const RPV: u64 = 44235;
    pub(crate) const HASH_ALGO_ID: u64 = 44236;
    pub(crate) const RAK: u64 = 44237;
    pub(crate) const RIM: u64 = 44238;
    pub(crate) const REMS: u64 = 44239;
    pub(crate) const RAK_HASH_ALGO_ID: u64 = 44240;
    pub(crate) const MEC_POLICY: u64 = 44243;
    pub(crate) const LFA_POLICY: u64 = 44244;
    pub(crate) const DEVICES_HASH: u64 = 44257;
}

/// The profile of the dummy platform token: no verifier can take it for a platform's.
pub(crate) const DUMMY_PROFILE: &str = "tag:rimsim,2026:dummy-platform-token#not-evidence";

/// The CoAP content format of `application/eat+cwt`.
const EAT_CWT: u64 = 263;

/// The token for these claims, signed with the secret scalar `rak`.
///
/// # Panics
/// If `rak` is no scalar of P-384; a `Platform` checks its own.
fn cca_token(profile: TokenProfile, claims: &Claims, rak: &[u8; 48]) -> Vec<u8> {
    let key = SigningKey::from_p384_number(rak).expect("the platform checked its key");
    let row = profile.row();
    let rak = match row.rak {
        RakForm::Point => key.public().point(),
        RakForm::CoseKey => key.public().cose_key(),
    };
    let protected = encode(|e| {
        e.map(1)?.i64(cose::label::ALG)?.i64(Alg::Es384.id())?;
        Ok(())
    });
    let realm = cose::sign1(&protected, &realm_claims(profile, claims, &rak), &key);
    let platform = cose::sign1(&protected, &platform_claims(&rak), &key);
    encode(|e| {
        e.tag(Tag::new(row.collection.tag()))?.map(2)?;
        for (label, half) in [(label::PLATFORM_TOKEN, platform), (label::REALM_TOKEN, realm)] {
            e.u64(label)?;
            if row.collection == Collection::Cmw {
                e.array(2)?.u64(EAT_CWT)?;
            }
            e.bytes(&half)?;
        }
        Ok(())
    })
}

fn realm_claims(profile: TokenProfile, claims: &Claims, rak: &[u8]) -> Vec<u8> {
    let row = profile.row();
    match row.claim {
        None => encode(|e| {
            e.map(7)?;
            e.u64(label::CHALLENGE)?.bytes(&claims.challenge)?;
            e.u64(label::RPV)?.bytes(&claims.rpv)?;
            e.u64(label::HASH_ALGO_ID)?.str(claims.rim.algo().iana_name())?;
            e.u64(label::RAK)?.bytes(rak)?;
            measurements(e, claims)?;
            e.u64(label::RAK_HASH_ALGO_ID)?.str(HashAlgo::Sha256.iana_name())?;
            Ok(())
        }),
        // TF-RMM's order.
        Some(name) => encode(|e| {
            let with_policies = profile.missing(|_| false).is_some();
            e.map(if with_policies { 10 } else { 8 })?;
            e.u64(label::CHALLENGE)?.bytes(&claims.challenge)?;
            if with_policies {
                e.u64(label::INSTANCE_ID)?.bytes(&claims.instance_id)?;
            }
            e.u64(label::RPV)?.bytes(&claims.rpv)?;
            e.u64(label::RAK)?.bytes(rak)?;
            e.u64(label::HASH_ALGO_ID)?.str(claims.rim.algo().iana_name())?;
            e.u64(label::RAK_HASH_ALGO_ID)?.str(HashAlgo::Sha256.iana_name())?;
            if with_policies {
                e.u64(label::MEC_POLICY)?.u8(u8::from(claims.has_private_mec))?;
            }
            e.u64(label::PROFILE)?.str(name)?;
            measurements(e, claims)
        }),
    }
}

/// RIM and REMs.
fn measurements(e: &mut Out<'_>, claims: &Claims) -> Written {
    e.u64(label::RIM)?.bytes(claims.rim.as_bytes())?;
    e.u64(label::REMS)?.array(claims.rems.len() as u64)?;
    for rem in &claims.rems {
        e.bytes(rem.as_bytes())?;
    }
    Ok(())
}

/// The dummy's one true claim is the challenge, which binds it to the realm token's key.
fn platform_claims(rak: &[u8]) -> Vec<u8> {
    let binding = hasher::digest(HashAlgo::Sha256, rak);
    encode(|e| {
        e.map(2)?;
        e.u64(label::CHALLENGE)?.bytes(&binding.slot()[..HashAlgo::Sha256.len_bytes()])?;
        e.u64(label::PROFILE)?.str(DUMMY_PROFILE)?;
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use minicbor::Decoder;
    use p384::ecdsa::signature::Verifier;
    use p384::ecdsa::{Signature, SigningKey};

    use super::*;
    use crate::measure::rim::Measurement;

    fn claims() -> Claims {
        let algo = HashAlgo::Sha256;
        let rim = Measurement::from_bytes(algo, &[0xA5; 32]).unwrap();
        let rems = [Measurement::zero(algo); 4];
        let instance_id = [1; 33];
        let has_private_mec = false;
        Claims { challenge: [1; 64], rpv: [2; 64], rim, rems, instance_id, has_private_mec }
    }

    fn rak() -> [u8; 48] {
        let mut rak = [0; 48];
        rak[47] = 7;
        rak
    }

    /// Takes a COSE_Sign1 apart and checks its signature; answers the payload.
    fn opened(token: &[u8]) -> Vec<u8> {
        let mut decoder = Decoder::new(token);
        assert_eq!(decoder.tag().unwrap(), Tag::new(18));
        assert_eq!(decoder.array().unwrap(), Some(4));
        let protected = decoder.bytes().unwrap();
        assert_eq!(protected, [0xA1, 0x01, 0x38, 0x22], "alg is ES384");
        assert_eq!(decoder.map().unwrap(), Some(0));
        let payload = decoder.bytes().unwrap();
        let signature = Signature::from_slice(decoder.bytes().unwrap()).unwrap();
        let mut signed = vec![0x84, 0x6A];
        signed.extend_from_slice(b"Signature1");
        signed.extend_from_slice(&[0x44, 0xA1, 0x01, 0x38, 0x22, 0x40, 0x59]);
        let len = u16::try_from(payload.len()).unwrap();
        if len < 256 {
            signed.pop();
            signed.extend_from_slice(&[0x58, u8::try_from(len).unwrap()]);
        } else {
            signed.extend_from_slice(&len.to_be_bytes());
        }
        signed.extend_from_slice(payload);
        let key = SigningKey::from_slice(&rak()).unwrap();
        key.verifying_key().verify(&signed, &signature).unwrap();
        payload.to_vec()
    }

    #[test]
    fn both_halves_are_signed_and_bound() {
        let token = cca_token(TokenProfile::Legacy, &claims(), &rak());
        let mut decoder = Decoder::new(&token);
        assert_eq!(decoder.tag().unwrap(), Tag::new(399));
        assert_eq!(decoder.map().unwrap(), Some(2));
        assert_eq!(decoder.u64().unwrap(), 44234);
        let platform = opened(decoder.bytes().unwrap());
        assert_eq!(decoder.u64().unwrap(), 44241);
        let realm = opened(decoder.bytes().unwrap());

        let mut decoder = Decoder::new(&realm);
        assert_eq!(decoder.map().unwrap(), Some(7));
        let mut point = Vec::new();
        for _ in 0..7 {
            match decoder.u64().unwrap() {
                10 => assert_eq!(decoder.bytes().unwrap(), [1; 64]),
                44235 => assert_eq!(decoder.bytes().unwrap(), [2; 64]),
                44236 | 44240 => assert_eq!(decoder.str().unwrap(), "sha-256"),
                44237 => point = decoder.bytes().unwrap().to_vec(),
                44238 => assert_eq!(decoder.bytes().unwrap(), [0xA5; 32]),
                44239 => {
                    assert_eq!(decoder.array().unwrap(), Some(4));
                    for _ in 0..4 {
                        assert_eq!(decoder.bytes().unwrap(), [0; 32], "the hash's length");
                    }
                }
                other => panic!("claim {other}"),
            }
        }
        assert_eq!(point.len(), 97);

        let mut decoder = Decoder::new(&platform);
        assert_eq!((decoder.map().unwrap(), decoder.u64().unwrap()), (Some(2), 10));
        let binding = hasher::digest(HashAlgo::Sha256, &point);
        assert_eq!(decoder.bytes().unwrap(), &binding.slot()[..32]);
    }

    #[test]
    fn equal_claims_give_equal_bytes() {
        assert_eq!(
            cca_token(TokenProfile::Legacy, &claims(), &rak()),
            cca_token(TokenProfile::Legacy, &claims(), &rak())
        );
        let mut other = rak();
        other[0] = 1;
        assert_ne!(
            cca_token(TokenProfile::Legacy, &claims(), &rak()),
            cca_token(TokenProfile::Legacy, &claims(), &other)
        );
    }
}
