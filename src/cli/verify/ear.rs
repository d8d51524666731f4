//! The judgement as an EAT Attestation Result (draft-ietf-rats-ear), in JSON, or signed as a JWT.

use std::io;

use serde_json::{Map, Value, json};

use super::report::Told;
use crate::cli::console::Console;
use crate::cli::locks::TOOL;
use crate::encoding::jws;
use crate::encoding::keys::SigningKey;
use crate::evidence::{Appraisal, appraise};

/// The profile of results that Veraison's libraries read.
const PROFILE: &str = "tag:github.com,2023:veraison/ear";

/// What an attestation result says besides the judgement.
pub(super) struct Ear {
    /// When it is made, in seconds since 1970 (UTC): what --at says.
    pub(super) issued_at_secs: i64,
    /// The policy by which it was judged, as it was named.
    pub(super) policy: Option<String>,
    pub(super) key: Option<SigningKey>,
}

impl Ear {
    pub(super) fn tell(&self, told: &Told, console: &mut Console) -> io::Result<()> {
        let result = self.result(told);
        match &self.key {
            None => console.json(&result),
            Some(key) => console.result(&jws::token(&result, key)),
        }
    }

    fn result(&self, told: &Told) -> Value {
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
