//! What is demanded of a token besides the values that a Realm is expected to have.

use super::expect::{ComparedClaim, Comparison, Verdict};
use super::platform::{Lifecycle, PlatformProfile};
use super::token::Token;
use crate::encoding::text::hex;

/// What a token has to be, whatever Realm is expected.
#[derive(Clone, Debug, Default)]
pub struct Demands {
    /// States that the platform may be in; any if there is none.
    pub lifecycles: Vec<Lifecycle>,
    /// What has to be compared, or to have a value.
    pub required: Vec<Required>,
    /// Whether a platform has to be behind it, so that this simulator's dummy is none.
    pub a_platform: bool,
}

/// Something that has to be compared, or to have a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Required {
    name: &'static str,
    value: Option<String>,
}

/// What can be required, with or without a value. The second says whether an expectation has it.
pub(super) const NAMES: [(&str, bool); 16] = [
    ("rim", true),
    ("rem1", true),
    ("rem2", true),
    ("rem3", true),
    ("rem4", true),
    ("rpv", true),
    ("challenge", true),
    ("validity", true),
    ("token-profile", false),
    ("realm-instance-id", false),
    ("mec-policy", false),
    ("implementation-id", false),
    ("instance-id", false),
    ("platform-config", false),
    ("platform-profile", false),
    ("verification-service", false),
];

impl Required {
    /// Reads `NAME`, which an expectation has to say, or `NAME=VALUE`, bytes in hexadecimal.
    ///
    /// # Errors
    /// If there is no such name, or the value is missing or may not be given.
    pub fn from_text(text: &str) -> Result<Self, String> {
        let (name, value) = match text.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (text, None),
        };
        let known = NAMES.into_iter().find(|(known, _)| *known == name);
        let (name, compared) = known.ok_or_else(|| {
            let names = NAMES.map(|(name, _)| name).join(", ");
            format!("{name:?}; there are {names}")
        })?;
        match value {
            None if !compared => Err(format!("{name} needs a value: {name}=VALUE")),
            Some("") => Err(format!("{name}: the value is empty")),
            Some(_) if name == "validity" => Err("validity has no value; --at says when".into()),
            _ => Ok(Self { name, value: value.map(normal) }),
        }
    }
}

/// Hexadecimal as it is shown.
fn normal(value: &str) -> String {
    let digits = value.strip_prefix("0x").unwrap_or(value);
    let is_hex = digits.bytes().all(|c| c.is_ascii_hexdigit());
    if is_hex { digits.to_ascii_lowercase() } else { value.to_owned() }
}

impl Demands {
    /// Adds to a comparison what is demanded: a row for each demand.
    pub fn judge(&self, token: &Token, comparison: &mut Comparison) {
        let rows = &mut comparison.rows;
        for Required { name, value } in &self.required {
            let row = rows.iter_mut().find(|row| row.what == *name);
            match (value, row) {
                (None, Some(row)) if row.verdict == Verdict::NotCompared => {
                    row.verdict = Verdict::Wanted;
                }
                (None, Some(_)) => {}
                (None, None) => rows.push(ComparedClaim {
                    what: name,
                    expected: None,
                    found: "nothing".to_owned(),
                    verdict: Verdict::Wanted,
                }),
                (Some(value), _) => {
                    let found = value_of(token, name);
                    let found = found.unwrap_or_else(|| "nothing".to_owned());
                    rows.push(ComparedClaim::new(name, Some(value.clone()), found));
                }
            }
        }
        let platform = &token.platform_claims;
        if !self.lifecycles.is_empty() {
            let identity = platform.identity.as_ref();
            let state = identity.map(|identity| Lifecycle::of_claim(identity.lifecycle));
            let names: Vec<_> = self.lifecycles.iter().map(|state| state.name()).collect();
            let good = state.is_some_and(|state| self.lifecycles.contains(&state));
            let found = identity.map_or_else(
                || "nothing".to_owned(),
                |one| format!("{} ({:#06x})", one.lifecycle_name(), one.lifecycle),
            );
            rows.push(ComparedClaim {
                what: "lifecycle",
                expected: Some(names.join(" or ")),
                found,
                verdict: if good { Verdict::Equal } else { Verdict::Differs },
            });
        }
        if self.a_platform && platform.profile == PlatformProfile::Dummy {
            rows.push(ComparedClaim {
                what: "platform",
                expected: Some("a platform".to_owned()),
                found: "this simulator's dummy, which is evidence of nothing".to_owned(),
                verdict: Verdict::Differs,
            });
        }
    }
}

/// What a token says under a name that can be required.
fn value_of(token: &Token, name: &str) -> Option<String> {
    let claims = &token.realm_claims;
    let identity = token.platform_claims.identity.as_ref();
    let rem = |i: usize| Some(hex(claims.rems[i].as_bytes()));
    match name {
        "rim" => Some(hex(claims.rim.as_bytes())),
        "rem1" => rem(0),
        "rem2" => rem(1),
        "rem3" => rem(2),
        "rem4" => rem(3),
        "rpv" => Some(hex(&claims.rpv)),
        "challenge" => Some(hex(&claims.challenge)),
        "token-profile" => Some(claims.profile.name().to_owned()),
        "realm-instance-id" => claims.instance_id.map(|id| hex(&id)),
        "mec-policy" => claims.mec_policy.map(|policy| policy.name().to_owned()),
        "implementation-id" => identity.map(|one| hex(&one.implementation_id)),
        "instance-id" => identity.map(|one| hex(&one.instance_id)),
        "platform-config" => identity.map(|one| hex(&one.config)),
        "platform-profile" => Some(token.platform_claims.profile.name().to_owned()),
        "verification-service" => identity.and_then(|one| one.verification_service.clone()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requirements_are_names_with_or_without_a_value() {
        for (text, good) in [
            ("rim", true),
            ("rem4=0xABCD", true),
            ("validity", true),
            ("validity=2026", false),
            ("platform-config", false),
            ("platform-config=cf", true),
            ("mec-policy=private", true),
            ("challenge=", false),
            ("rem5", false),
            ("", false),
        ] {
            assert_eq!(Required::from_text(text).is_ok(), good, "{text}");
        }
        let read = Required::from_text("rem4=0xABCD").unwrap();
        assert_eq!((read.name, read.value.as_deref()), ("rem4", Some("abcd")));
    }
}
