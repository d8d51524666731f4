//! Evidence: CCA attestation tokens, read strictly, checked, and compared with what is expected.
//!
//! What is not here: whether the platform's own claims (implementation, firmware, lifecycle) are
//! good. They are read, because a token has to be whole, and shown; a verifier of platforms judges
//! them.

mod appraisal;
mod check;
mod collection;
mod cose;
mod expect;
mod expect_json;
mod judge;
mod maker;
mod parts;
mod platform;
mod profile;
mod realm;
mod rim;
mod text;
mod token;

pub use crate::encoding::cose::Alg;
pub use crate::encoding::keys::{KeyError, PublicKey};
pub use appraisal::{Appraisal, Tier, TrustClaim, appraise};
pub use check::Check;
pub use cose::{Sign1, SignatureError};
pub use expect::{
    Asked, ComparedClaim, Comparison, Expectation, NearMiss, Period, Verdict, compare, near_misses,
};
pub use expect_json::{ExpectError, expectations};
pub use judge::{Demands, Required};
pub use maker::CcaTokens;
pub use parts::{Accept, Problem, TokenError};
pub use platform::{Component, Identity, Lifecycle, PlatformClaims, PlatformProfile};
pub use profile::{Collection, TokenProfile};
pub use realm::{MecPolicy, RealmClaims};
pub use rim::{RimError, Target};
pub use text::{FormError, TSM_PROVIDER, token_bytes};
pub use token::{MAX_TOKEN_BYTES, Token, rim_of_token};
