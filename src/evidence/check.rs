//! What can be checked of a token by itself: signatures, and what binds its halves.

#[cfg(feature = "cli")]
use serde_json::{Value, json};

use super::cose::{Sign1, SignatureError};
use super::token::Token;
use crate::encoding::keys::PublicKey;

/// How a check came out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// What was checked.
    pub what: &'static str,
    /// Whether it is good; `None` if there was nothing to check it with.
    pub is_good: Option<bool>,
    /// Why, in words.
    pub detail: String,
}

impl Check {
    /// The word for people and JSON.
    #[must_use]
    pub const fn verdict(&self) -> &'static str {
        match self.is_good {
            Some(true) => "good",
            Some(false) => "wrong",
            None => "not checked",
        }
    }

    /// The check as documents have it.
    #[cfg(feature = "cli")]
    pub(crate) fn json(&self) -> Value {
        json!({ "check": self.what, "verdict": self.verdict(), "detail": self.detail })
    }

    fn signature(
        what: &'static str,
        checked: &Result<(), SignatureError>,
        half: &Sign1,
        key: &str,
    ) -> Self {
        let detail = match checked {
            Ok(()) => format!("{} by {key}", half.alg.name()),
            Err(error) => error.to_string(),
        };
        Self { what, is_good: Some(checked.is_ok()), detail }
    }
}

impl Token {
    /// The realm token's signature, the binding, and the platform token's signature. Without the
    /// CPAK the last is not checked, and anybody may have made the token.
    #[must_use]
    pub fn checks(&self, cpak: Option<&PublicKey>) -> [Check; 3] {
        let algo = self.realm_claims.rak_hash_algo.iana_name();
        let is_bound = self.is_bound();
        let verb = if is_bound { "is" } else { "is not" };
        let binding = Check {
            what: "binding",
            is_good: Some(is_bound),
            detail: format!("the platform's challenge {verb} the {algo} of the RAK"),
        };
        let what = "platform signature";
        let platform = match cpak.map(|cpak| self.check_platform_signature(cpak)) {
            Some(checked) => Check::signature(what, &checked, &self.platform, "the CPAK"),
            None => Check { what, is_good: None, detail: "no --cpak".to_owned() },
        };
        let realm = self.check_realm_signature();
        let key = "the token's own RAK";
        [Check::signature("realm signature", &realm, &self.realm, key), binding, platform]
    }
}
