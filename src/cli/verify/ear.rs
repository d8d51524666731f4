//! The judgement as an EAT Attestation Result (draft-ietf-rats-ear), in JSON, or signed as a JWT.

use serde_json::{Map, Value, json};

use super::report::Told;
use crate::cli::error::CliError;
use crate::cli::locks::TOOL;
use crate::cli::signer::Signer;
use crate::encoding::jws;
use crate::evidence::{Appraisal, appraise};

/// The profile of results that Veraison's libraries read.
const PROFILE: &str = "tag:github.com,2023:veraison/ear";

/// What an attestation result says besides the judgement.
pub(super) struct Ear {
    /// When it is made, in seconds since 1970 (UTC): what --at says.
    pub(super) issued_at_secs: i64,
    /// The policy by which it was judged, as it was named.
    pub(super) policy: Option<String>,
    pub(super) signer: Option<Signer>,
}

impl Ear {
    /// The result as lines: JSON, or a JSON Web Token if somebody signs.
    pub(super) fn result(&self, told: &Told) -> Result<String, CliError> {
        let claims = self.claims(told);
        let Some(signer) = &self.signer else { return Ok(format!("{claims:#}")) };
        let message = jws::to_be_signed(&claims, signer.public());
        Ok(jws::signed(&message, &signer.sign(message.as_bytes())?))
    }

    fn claims(&self, told: &Told) -> Value {
        let mut submodules = Map::new();
        for appraisal in appraise(&told.token, &told.checks, &told.comparison) {
            submodules.insert(appraisal.submodule.to_owned(), self.submodule(&appraisal));
        }
        json!({
            "eat_profile": PROFILE,
            "iat": self.issued_at_secs,
            "ear.verifier-id": { "developer": "rimsim", "build": TOOL },
            "submods": submodules,
        })
    }

    fn submodule(&self, appraisal: &Appraisal) -> Value {
        let mut vector = Map::new();
        let mut reasons = Map::new();
        for claim in &appraisal.claims {
            vector.insert(claim.name.to_owned(), json!(claim.value));
            reasons.insert(claim.name.to_owned(), json!(claim.reason));
        }
        let mut document = json!({
            "ear.status": appraisal.tier().name(),
            "ear.trustworthiness-vector": vector,
            "rimsim.reasons": reasons,
        });
        if let Some(policy) = &self.policy {
            document["ear.appraisal-policy-id"] = json!(policy);
        }
        document
    }
}
