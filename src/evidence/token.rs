//! A CCA attestation token: a realm token and a platform token, each signed (DEN0137 1.0 A7.2).

use super::collection::{self, Halves};
use super::cose::{Sign1, SignatureError};
use super::maker::label;
use super::parts::{Accept, Lenience, Reader, TokenError, Unknown};
use super::platform::PlatformClaims;
use super::profile::Collection;
use super::realm::{self, RealmClaims};
use crate::encoding::cbor::Type;
use crate::encoding::cose::SIGN1_TAG;
use crate::encoding::keys::PublicKey;
use crate::measure::hasher::digest;

/// Longest token that is read, in bytes. An RMM hands out one granule.
pub const MAX_TOKEN_BYTES: usize = 64 << 10;

/// A token that was read, and of which nothing was checked yet but its form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// What holds the halves together.
    pub collection: Collection,
    /// The realm token.
    pub realm: Sign1,
    /// What the realm token says.
    pub realm_claims: RealmClaims,
    /// The platform token.
    pub platform: Sign1,
    /// What the platform token says.
    pub platform_claims: PlatformClaims,
    /// Claims without a meaning that were passed over.
    pub passed: Vec<String>,
    /// Measurements that were padded with zeros, with how long they are.
    pub padded: Vec<String>,
}

impl Token {
    /// Reads the token that all of `bytes` is. What is in it that its profile does not have is an
    /// error unless it is accepted.
    ///
    /// # Bounds
    /// Time and memory grow with the length, memory by at most 40 bytes for each byte. More than
    /// [`MAX_TOKEN_BYTES`] are an error.
    ///
    /// # Errors
    /// If a part is missing, is there twice, is too long, too short or of another kind than it has
    /// to be, or the form is not exactly that of a token.
    pub fn read(bytes: &[u8], accept: Accept) -> Result<Self, TokenError> {
        let _span = tracing::info_span!("token", size_bytes = bytes.len()).entered();
        let Halves { collection, platform, realm } = Halves::read(bytes)?;
        let (mut passed, mut padded) = (Vec::new(), Vec::new());
        let realm = Sign1::read(realm, "realm token")?;
        let lenience = Lenience { accept, passed: &mut passed, padded: &mut padded };
        let realm_claims = RealmClaims::read(&realm.payload, "realm token", lenience)?;
        let platform = Sign1::read(platform, "platform token")?;
        let lenience = Lenience { accept, passed: &mut passed, padded: &mut padded };
        let platform_claims = PlatformClaims::read(&platform.payload, "platform token", lenience)?;
        tracing::info!(claims_passed = passed.len(), "read");
        Ok(Self { collection, realm, realm_claims, platform, platform_claims, passed, padded })
    }

    /// Checks that the realm token is signed by the key in it. That alone proves nothing: anybody
    /// can make a key.
    ///
    /// # Errors
    /// If it is not.
    pub fn check_realm_signature(&self) -> Result<(), SignatureError> {
        let rak = self.realm_claims.rak().ok_or(SignatureError::NoKey)?;
        self.realm.verify(&rak)
    }

    /// Checks that the platform token is signed by the CCA Platform Attestation Key.
    ///
    /// # Errors
    /// If it is not.
    pub fn check_platform_signature(&self, cpak: &PublicKey) -> Result<(), SignatureError> {
        self.platform.verify(cpak)
    }

    /// Whether the platform token vouches for the key of the realm token: its binding (by all
    /// profiles so far its challenge) is the hash of the RAK, as claim 44237 has it, by the
    /// algorithm of claim 44240.
    #[must_use]
    pub fn is_bound(&self) -> bool {
        let RealmClaims { rak, rak_hash_algo, .. } = &self.realm_claims;
        let hash = digest(*rak_hash_algo, rak);
        *self.platform_claims.binding() == hash.slot()[..rak_hash_algo.len_bytes()]
    }
}

/// Claim 44238 of a CCA token, of a realm token alone, or of its claims alone: a digest if
/// all is well, which is not looked at. Neither signatures nor other claims are checked: what is
/// asked is which parameters made the RIM, not whether to believe it.
///
/// # Bounds
/// Time and memory grow with the length, memory by at most 40 bytes for each byte.
///
/// # Errors
/// If the bytes are none of them.
pub fn rim_of_token(bytes: &[u8]) -> Result<Vec<u8>, TokenError> {
    let mut reader = Reader::new(bytes, "token");
    if collection::kind(bytes)?.is_some() {
        let halves = Halves::read(bytes)?;
        return rim_of_claims(&Sign1::read(halves.realm, "realm token")?.payload);
    }
    if reader.next()? == Type::Tag {
        let expected = "tag 399 or 907 (CCA token) or 18 (realm token)";
        reader.tag(SIGN1_TAG, expected)?;
        return rim_of_claims(&Sign1::read(bytes, "realm token")?.payload);
    }
    rim_of_claims(bytes)
}

fn rim_of_claims(bytes: &[u8]) -> Result<Vec<u8>, TokenError> {
    const RIM: i64 = label::RIM.cast_signed();
    let place = "realm token";
    let mut reader = Reader::new(bytes, place);
    let mut rim = None;
    reader.map(&realm::KEYS, Unknown::Pass(&mut Vec::new()), |key, reader| {
        if key == RIM {
            rim = Some(reader.bytes()?.to_vec());
            return Ok(());
        }
        reader.skip()
    })?;
    reader.end()?;
    rim.ok_or_else(|| realm::KEYS.missing(place, RIM))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claims_alone_and_what_is_no_token() {
        // {10: h'00', 44238: h'0102'}
        let claims = [0xA2, 0x0A, 0x41, 0, 0x19, 0xAC, 0xCE, 0x42, 1, 2];
        assert_eq!(rim_of_token(&claims), Ok(vec![1, 2]));
        for len in 0..claims.len() {
            assert!(rim_of_token(&claims[..len]).is_err(), "{len}");
        }
        let text = |bytes: &[u8]| rim_of_token(bytes).unwrap_err().to_string();
        assert_eq!(text(&[0xA0]), "realm token, claim 44238 (RIM): it is missing");
        assert_eq!(text(&[0x01]), "realm token: a number, expected a map");
        assert_eq!(
            text(&[0xD9, 1, 0x8F, 0xA0]),
            "token, key 44234 (platform token): it is missing"
        );
        assert!(text(&[0xC1, 1]).contains("tag 1, expected tag 399 or 907"));
        assert!(text(&[0xBF, 0xFF]).contains("its length is indefinite"));
    }
}
