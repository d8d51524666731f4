//! What `verify` says.

use std::io;

use serde_json::{Value, json};

use super::boot::Explained;
use crate::cli::console::Console;
use crate::cli::exit::Exit;
use crate::cli::options::Format;
use crate::cli::search::Told as Searched;
use crate::encoding::text::hex;
use crate::evidence::{
    ComparedClaim, Comparison, Identity, NearMiss, PlatformProfile, SignatureError, Token, Verdict,
};

/// A token that was compared.
pub(crate) struct Told {
    pub(crate) name: String,
    pub(crate) token: Token,
    pub(crate) realm_signature: Result<(), SignatureError>,
    pub(crate) bound: bool,
    /// `None` if there is no key to check it with.
    pub(crate) platform_signature: Option<Result<(), SignatureError>>,
    /// The expectation that was compared, and of how many.
    pub(crate) expected: String,
    pub(crate) expected_count: usize,
    /// What was not verified of the expectation.
    pub(crate) not_verified: Vec<String>,
    pub(crate) comparison: Comparison,
    pub(crate) near: Vec<NearMiss>,
    pub(crate) searched: Option<Searched>,
    /// Why REMs are not those of a chain.
    pub(super) boot: Option<Explained>,
}

/// A line of the table.
struct Line {
    what: &'static str,
    verdict: &'static str,
    detail: Vec<String>,
}

impl Told {
    pub(crate) fn tell(&self, format: Format, console: &mut Console) -> io::Result<Exit> {
        match format {
            Format::Text => self.text(console)?,
            Format::Json => console.json(&self.json())?,
        }
        self.not_verified().iter().for_each(|line| console.note(&format!("not verified: {line}")));
        for near in &self.near {
            console.note(&format!("near miss: {near}"));
        }
        if let Some(searched) = &self.searched {
            console.note(&format!("search: {}", searched.summary()));
        }
        Ok(if self.is_match() { Exit::Good } else { Exit::Mismatch })
    }

    /// Whether nothing is wrong. Whether it is evidence is another question: [`Told::is_signed`].
    fn is_match(&self) -> bool {
        let platform = self.platform_signature.as_ref().is_none_or(Result::is_ok);
        self.comparison.is_match() && self.realm_signature.is_ok() && self.bound && platform
    }

    fn is_signed(&self) -> bool {
        let platform = self.platform_signature.as_ref().is_some_and(Result::is_ok);
        platform && self.bound && self.realm_signature.is_ok()
    }

    fn verdict(&self) -> &'static str {
        match (self.is_match(), &self.platform_signature) {
            (true, Some(_)) => "match",
            (true, None) => "match, unsigned comparison",
            (false, Some(_)) => "mismatch",
            (false, None) => "mismatch, unsigned comparison",
        }
    }

    fn not_verified(&self) -> Vec<String> {
        let mut list = self.not_verified.clone();
        if self.platform_signature.is_none() {
            list.push(
                "the platform token's signature: without --cpak anybody may have made this token"
                    .to_owned(),
            );
        }
        match self.token.platform_claims.profile {
            PlatformProfile::Dummy => list.push(
                "a platform: the platform token is this simulator's dummy, no platform is behind it"
                    .to_owned(),
            ),
            _ => list.push(
                "the platform's own claims (implementation, firmware, lifecycle): they are read, \
                 not judged"
                    .to_owned(),
            ),
        }
        let skipped = self.skipped();
        if !skipped.is_empty() {
            list.push(format!("{}: nothing was expected", skipped.join(", ")));
        }
        let halves = [&self.token.platform, &self.token.realm];
        for parameter in halves.iter().flat_map(|half| &half.unsigned) {
            list.push(format!("{parameter}: nothing signs it"));
        }
        let padded = self.token.padded.iter();
        list.extend(padded.map(|one| format!("{one}: the zeros are no part of a digest")));
        list.extend(self.token.passed.iter().map(|claim| format!("{claim}: it has no meaning")));
        list
    }

    fn skipped(&self) -> Vec<&'static str> {
        let rows = self.comparison.rows.iter();
        rows.filter(|row| row.verdict == Verdict::NotCompared).map(|row| row.what).collect()
    }

    /// The checks that need no expectation.
    fn checks(&self) -> Vec<Line> {
        let signature = |checked: &Result<(), SignatureError>, good: String| match checked {
            Ok(()) => ("good", good),
            Err(error) => ("wrong", error.to_string()),
        };
        let line = |what, (verdict, detail)| Line { what, verdict, detail: vec![detail] };
        let claims = &self.token.realm_claims;
        let algo = claims.rak_hash_algo.iana_name();
        let binding = match self.bound {
            true => ("good", format!("the platform's challenge is the {algo} of the RAK")),
            false => ("wrong", format!("the platform's challenge is not the {algo} of the RAK")),
        };
        let by = |half: &crate::evidence::Sign1, key: &str| format!("{} by {key}", half.alg.name());
        let platform = match &self.platform_signature {
            Some(checked) => signature(checked, by(&self.token.platform, "the CPAK")),
            None => ("not checked", "no --cpak".to_owned()),
        };
        let realm = signature(&self.realm_signature, by(&self.token.realm, "the token's own RAK"));
        vec![
            line("realm signature", realm),
            line("binding", binding),
            line("platform signature", platform),
        ]
    }

    fn text(&self, console: &mut Console) -> io::Result<()> {
        console.result(self.verdict())?;
        let of = match self.expected_count {
            1 => self.expected.clone(),
            count => format!("{} (of {count})", self.expected),
        };
        let expectation = Line { what: "expectation", verdict: "", detail: vec![of] };
        let rows = self.comparison.rows.iter().map(|row| Line {
            what: row.what,
            verdict: row.verdict.name(),
            detail: detail(row),
        });
        let lines: Vec<Line> = self.checks().into_iter().chain([expectation]).chain(rows).collect();
        for Line { what, verdict, detail } in lines {
            let (first, rest) = detail.split_first().expect("a line says something");
            console.result(&format!("{what:<20}{verdict:<14}{first}"))?;
            for more in rest {
                console.result(&format!("{:<34}{more}", ""))?;
            }
        }
        if let Some(boot) = &self.boot {
            console.result("")?;
            console.result("boot:")?;
            boot.lines.iter().try_for_each(|line| console.result(line))?;
        }
        if let Some(searched) = &self.searched {
            console.result("")?;
            console.result("search:")?;
            searched.text(console)?;
        }
        Ok(())
    }

    fn json(&self) -> Value {
        let check = |line: &Line| {
            json!({
                "check": line.what,
                "verdict": line.verdict,
                "detail": line.detail[0],
            })
        };
        let row = |row: &ComparedClaim| {
            json!({
                "what": row.what,
                "expected": row.expected,
                "found": row.found,
                "verdict": row.verdict.name(),
            })
        };
        let near: Vec<String> = self.near.iter().map(ToString::to_string).collect();
        json!({
            "schema": "rimsim/1",
            "command": "verify",
            "token": self.name,
            "verdict": if self.is_match() { "match" } else { "mismatch" },
            "signed": self.is_signed(),
            "checks": self.checks().iter().map(check).collect::<Vec<_>>(),
            "expectation": self.expected,
            "expectations": self.expected_count,
            "compared": self.comparison.rows.iter().map(row).collect::<Vec<_>>(),
            "not_verified": self.not_verified(),
            "near_misses": near,
            "boot": self.boot.as_ref().map(|boot| &boot.document),
            "search": self.searched.as_ref().map(Searched::json),
            "realm_profile": self.token.realm_claims.profile.claim(),
            "token_profile": self.token.realm_claims.profile.name(),
            "collection_tag": self.token.collection.tag(),
            "rak": hex(&self.token.realm_claims.rak),
            "platform": self.platform(),
        })
    }

    fn platform(&self) -> Value {
        let claims = &self.token.platform_claims;
        let mut document = json!({
            "profile": claims.profile.name(),
            "challenge": hex(&claims.challenge),
        });
        let Some(identity) = &claims.identity else { return document };
        let Identity { implementation_id, instance_id, config, lifecycle, .. } = identity;
        let component = |one: &crate::evidence::Component| {
            json!({
                "type": one.kind,
                "measurement": hex(&one.measurement),
                "version": one.version,
                "signer_id": hex(&one.signer_id),
                "hash_algo": one.hash_algo,
            })
        };
        document["implementation_id"] = json!(hex(implementation_id));
        document["instance_id"] = json!(hex(instance_id));
        document["config"] = json!(hex(config));
        document["lifecycle"] = json!(lifecycle);
        document["lifecycle_name"] = json!(identity.lifecycle_name());
        document["sw_components"] = identity.components.iter().map(component).collect();
        document["verification_service"] = json!(identity.verification_service);
        document["hash_algo"] = json!(identity.hash_algo);
        document
    }
}

/// One value if both are the same, two lines if not.
fn detail(row: &ComparedClaim) -> Vec<String> {
    match &row.expected {
        Some(expected) if row.verdict == Verdict::Differs => {
            vec![format!("expected {expected}"), format!("found    {}", row.found)]
        }
        _ => vec![row.found.clone()],
    }
}
