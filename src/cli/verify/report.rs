//! What `verify` says.

use std::io;

use serde_json::{Value, json};

use super::boot::Explained;
use crate::cli::console::Console;
use crate::cli::exit::Exit;
use crate::cli::search::Told as Searched;
use crate::cli::why::Told as Why;
use crate::encoding::text::hex;
use crate::evidence::{
    Check, ComparedClaim, Comparison, Component, Identity, NearMiss, PlatformProfile, Token,
    Verdict,
};

/// A token that was compared.
pub(crate) struct Told {
    pub(crate) name: String,
    pub(crate) token: Token,
    /// Signatures and binding; the last is that of the platform.
    pub(crate) checks: [Check; 3],
    /// The expectation that was compared, and of how many.
    pub(crate) expected: String,
    pub(crate) expected_count: usize,
    /// What was not verified of the expectation.
    pub(crate) not_verified: Vec<String>,
    pub(crate) comparison: Comparison,
    pub(crate) near: Vec<NearMiss>,
    pub(crate) searched: Option<Searched>,
    /// The command that says why the RIM is another.
    pub(super) why: Option<String>,
    /// Why it is.
    pub(super) explained: Option<Why>,
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
    /// Says what people have to know besides the result.
    pub(super) fn end(&self, console: &mut Console) -> Exit {
        self.not_verified().iter().for_each(|line| console.note(&format!("not verified: {line}")));
        self.lengths().iter().for_each(|line| console.note(line));
        for near in &self.near {
            console.note(&format!("near miss: {near}"));
        }
        if let Some(line) = &self.why {
            console.note(&format!("why the RIM is another: {line}"));
        }
        if let Some(explained) = &self.explained {
            explained.notes(false, console);
        }
        if let Some(searched) = &self.searched {
            console.note(&format!("search: {}", searched.summary()));
        }
        if self.is_match() { Exit::Good } else { Exit::Mismatch }
    }

    /// RIMs of two lengths are of two algorithms, and nothing else needs to differ.
    fn lengths(&self) -> Option<String> {
        let rim = self.comparison.rows.iter().find(|row| row.what == "rim")?;
        let (expected, found) = (rim.expected.as_ref()?.len() / 2, rim.found.len() / 2);
        (expected != found).then(|| {
            format!(
                "the expected RIM has {expected} bytes and the token's {found}: two algorithms, \
                 as SHA-256 of KVM v12 and SHA-512 of older QEMUs, so no VM has both"
            )
        })
    }

    /// Whether nothing is wrong. Whether it is evidence is another question: [`Told::is_signed`].
    fn is_match(&self) -> bool {
        let is_wrong = self.checks.iter().any(|check| check.is_good == Some(false));
        self.comparison.is_match() && !is_wrong
    }

    fn is_signed(&self) -> bool {
        self.checks.iter().all(|check| check.is_good == Some(true))
    }

    /// Whether there was a key to check the platform's signature with.
    fn has_cpak(&self) -> bool {
        self.checks.iter().all(|check| check.is_good.is_some())
    }

    fn verdict(&self) -> &'static str {
        match (self.is_match(), self.has_cpak()) {
            (true, true) => "match",
            (true, false) => "match, unsigned comparison",
            (false, true) => "mismatch",
            (false, false) => "mismatch, unsigned comparison",
        }
    }

    fn not_verified(&self) -> Vec<String> {
        let mut list = self.not_verified.clone();
        if !self.has_cpak() {
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
            _ if self.comparison.rows.iter().any(|row| row.what == "lifecycle") => {
                let what = "the platform's implementation and firmware";
                list.push(format!("{what}: they are read, not judged"));
            }
            _ => list.push(
                "the platform's own claims (implementation, firmware, lifecycle): they are read, \
                 not judged"
                    .to_owned(),
            ),
        }
        let validity = self.comparison.rows.iter().find(|row| row.what == "validity");
        if let Some(row) = validity.filter(|row| row.verdict == Verdict::NotCompared) {
            let period = row.expected.as_deref().unwrap_or_default();
            list.push(format!(
                "that {} is valid ({period}): no clock is asked; --at says when",
                self.expected
            ));
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
        let skipped = rows.filter(|row| row.verdict == Verdict::NotCompared);
        skipped.map(|row| row.what).filter(|what| *what != "validity").collect()
    }

    fn checks(&self) -> impl Iterator<Item = Line> {
        self.checks.iter().map(|check| Line {
            what: check.what,
            verdict: check.verdict(),
            detail: vec![check.detail.clone()],
        })
    }

    pub(super) fn text(&self, console: &mut Console) -> io::Result<()> {
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
        let lines: Vec<Line> = self.checks().chain([expectation]).chain(rows).collect();
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
        if let Some(explained) = &self.explained {
            console.result("")?;
            console.result("why:")?;
            explained.text(console)?;
        }
        if let Some(searched) = &self.searched {
            console.result("")?;
            console.result("search:")?;
            searched.text(console)?;
        }
        Ok(())
    }

    pub(super) fn json(&self) -> Value {
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
            "checks": self.checks.iter().map(Check::json).collect::<Vec<_>>(),
            "expectation": self.expected,
            "expectations": self.expected_count,
            "compared": self.comparison.rows.iter().map(row).collect::<Vec<_>>(),
            "not_verified": self.not_verified(),
            "near_misses": near,
            "boot": self.boot.as_ref().map(|boot| &boot.document),
            "search": self.searched.as_ref().map(Searched::json),
            "why": self.explained.as_ref().map(Why::json),
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
        document["implementation_id"] = json!(hex(implementation_id));
        document["instance_id"] = json!(hex(instance_id));
        document["config"] = json!(hex(config));
        document["lifecycle"] = json!(lifecycle);
        document["lifecycle_name"] = json!(identity.lifecycle_name());
        document["sw_components"] = identity.components.iter().map(Component::json).collect();
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
