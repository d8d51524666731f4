//! What a Realm is expected to be, and how a token compares with it.

use std::fmt;

use super::realm::RealmClaims;
use crate::encoding::text::hex;
use crate::measure::log::EventLog;
use crate::measure::rim::{HashAlgo, Measurement};
use crate::measure::rule::RimRule;

/// What a Realm is expected to be. What is `None` is not compared.
#[derive(Clone, Debug)]
pub struct Expectation {
    /// What to call it.
    pub name: String,
    /// The RIM, of any length: one that is no RIM's makes a mismatch.
    pub rim: Vec<u8>,
    /// The hash algorithm.
    pub hash_algo: Option<HashAlgo>,
    /// REM 1 to REM 4.
    pub rems: [Option<Vec<u8>>; 4],
    /// Realm Personalization Value: 64 bytes.
    pub rpv: Option<Vec<u8>>,
    /// RIMs on the way to the expected one, by name.
    pub stages: Vec<(String, Vec<u8>)>,
    /// What was measured.
    pub log: Option<EventLog>,
    /// When it may be relied on; always if nothing is said.
    pub period: Option<Period>,
}

/// When an expectation may be relied on, in seconds of POSIX time, both ends included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Period {
    /// The first second, if there is one.
    pub not_before: Option<i64>,
    /// The last second.
    pub not_after: i64,
    /// The period in words.
    pub text: String,
}

/// What is asked of a token and of expectations besides what an expectation says.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    /// The challenge that the token has to answer.
    pub challenge: Option<[u8; 64]>,
    /// The time at which expectations have to hold, in seconds of POSIX time, and in words.
    pub at: Option<(i64, String)>,
}

/// How one value compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is what was expected.
    Equal,
    /// It is something else.
    Differs,
    /// Nothing was expected.
    NotCompared,
    /// Nothing was expected, and it has to be.
    Wanted,
}

impl Verdict {
    /// The word for people and JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Equal => "equal",
            Self::Differs => "differs",
            Self::NotCompared => "not compared",
            Self::Wanted => "required",
        }
    }
}

/// One value of a token beside what was expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ComparedClaim {
    /// Which value.
    pub what: &'static str,
    /// What was expected.
    pub expected: Option<String>,
    /// What the token says.
    pub found: String,
    /// How they compare.
    pub verdict: Verdict,
}

impl ComparedClaim {
    pub(super) fn new(what: &'static str, expected: Option<String>, found: String) -> Self {
        let verdict = match &expected {
            None => Verdict::NotCompared,
            Some(expected) if *expected == found => Verdict::Equal,
            Some(_) => Verdict::Differs,
        };
        Self { what, expected, found, verdict }
    }

    fn bytes(what: &'static str, expected: Option<&[u8]>, found: &[u8]) -> Self {
        Self::new(what, expected.map(hex), hex(found))
    }
}

/// A token beside the one of several expectations that is nearest to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comparison {
    /// Which expectation, from 0.
    pub index: usize,
    /// The values.
    pub rows: Vec<ComparedClaim>,
}

impl Comparison {
    /// Whether nothing differs. A RIM is always compared.
    #[must_use]
    pub fn is_match(&self) -> bool {
        self.rows.iter().all(|row| matches!(row.verdict, Verdict::Equal | Verdict::NotCompared))
    }

    /// Whether the RIM is the expected one.
    #[must_use]
    pub fn has_rim(&self) -> bool {
        self.rows.iter().any(|row| row.what == "rim" && row.verdict == Verdict::Equal)
    }
}

const REM_NAMES: [&str; 4] = ["rem1", "rem2", "rem3", "rem4"];

impl Expectation {
    /// A RIM alone.
    #[must_use]
    pub fn of_rim(name: impl Into<String>, rim: Vec<u8>) -> Self {
        Self {
            name: name.into(),
            rim,
            hash_algo: None,
            rems: [const { None }; 4],
            rpv: None,
            stages: Vec::new(),
            log: None,
            period: None,
        }
    }

    fn rows(&self, claims: &RealmClaims, asked: &Asked) -> Vec<ComparedClaim> {
        let algo = |algo: HashAlgo| algo.iana_name().to_owned();
        let mut rows = vec![
            ComparedClaim::new("hash algorithm", self.hash_algo.map(algo), algo(claims.hash_algo)),
            ComparedClaim::bytes("rim", Some(&self.rim), claims.rim.as_bytes()),
        ];
        let rems = REM_NAMES.into_iter().zip(&self.rems).zip(&claims.rems);
        rows.extend(rems.map(|((name, expected), found)| {
            ComparedClaim::bytes(name, expected.as_deref(), found.as_bytes())
        }));
        rows.push(ComparedClaim::bytes("rpv", self.rpv.as_deref(), &claims.rpv));
        rows.push(ComparedClaim::bytes(
            "challenge",
            asked.challenge.as_ref().map(|bytes| &bytes[..]),
            &claims.challenge,
        ));
        rows.extend(self.period.as_ref().map(|period| period.row(asked.at.as_ref())));
        rows
    }
}

impl Period {
    /// Whether it holds at a time, if one was given.
    fn row(&self, at: Option<&(i64, String)>) -> ComparedClaim {
        let Self { not_before, not_after, text } = self;
        let verdict = match at {
            None => Verdict::NotCompared,
            Some((at, _)) if not_before.is_some_and(|begin| *at < begin) => Verdict::Differs,
            Some((at, _)) if at > not_after => Verdict::Differs,
            Some(_) => Verdict::Equal,
        };
        let found =
            at.map_or_else(|| "no --at: no clock is asked".to_owned(), |(_, at)| at.clone());
        ComparedClaim { what: "validity", expected: Some(text.clone()), found, verdict }
    }
}

/// Compares a token with the expectation that fits it; if none does, with the one that has its RIM,
/// or else with that of which most values are equal. `None` if nothing is expected.
#[must_use]
pub fn compare(
    claims: &RealmClaims,
    expectations: &[Expectation],
    asked: &Asked,
) -> Option<Comparison> {
    let all = expectations.iter().enumerate().map(|(index, expectation)| {
        let comparison = Comparison { index, rows: expectation.rows(claims, asked) };
        let equal = comparison.rows.iter().filter(|row| row.verdict == Verdict::Equal).count();
        ((comparison.is_match(), comparison.has_rim(), equal), comparison)
    });
    // Of equals the first.
    let best = all.reduce(|best, next| if next.0 > best.0 { next } else { best });
    best.map(|(_, comparison)| comparison)
}

/// A RIM that is not the expected one, and yet no stranger.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NearMiss {
    /// The expected value is the token's RIM with zeros to the length of a slot.
    Padded(String),
    /// The expected value is longer than the token's RIM, and begins with it.
    Longer(String),
    /// The expected value is the beginning of the token's RIM.
    Truncated(String),
    /// The expected RIM is a REM of the token, by number from 1.
    IsRem(String, usize),
    /// The token's RIM is that of a Realm that was not built to its end.
    Stage {
        /// The expectation.
        name: String,
        /// What was measured last.
        stage: String,
    },
    /// The token's RIM is that of the same events by another rule.
    Rule {
        /// The expectation.
        name: String,
        /// The rule of the expectation.
        expected: RimRule,
        /// The rule of the token.
        found: RimRule,
    },
}

impl fmt::Display for NearMiss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Padded(name) => write!(
                f,
                "{name}: the expected RIM is the token's with zeros after it; a reference value \
                 has exactly the length of its hash"
            ),
            Self::Longer(name) => {
                write!(f, "{name}: the expected RIM begins with the token's and goes on")
            }
            Self::Truncated(name) => {
                write!(f, "{name}: the expected RIM is the beginning of the token's, cut off")
            }
            Self::IsRem(name, number) => {
                write!(f, "{name}: the expected RIM is REM {number} of the token")
            }
            Self::Stage { name, stage } => write!(
                f,
                "{name}: the token's RIM is the one after {stage}: the Realm was activated before \
                 the rest was measured"
            ),
            Self::Rule { name, expected, found } => write!(
                f,
                "{name}: the token's RIM is that of the same events by the rule {}; expected was \
                 {}",
                found.name(),
                expected.name()
            ),
        }
    }
}

/// Near misses of a token that has none of the expected RIMs.
#[must_use]
pub fn near_misses(claims: &RealmClaims, expectations: &[Expectation]) -> Vec<NearMiss> {
    expectations.iter().flat_map(|expectation| expectation.near(claims)).collect()
}

impl Expectation {
    fn near(&self, claims: &RealmClaims) -> Vec<NearMiss> {
        let found = claims.rim.as_bytes();
        let name = || self.name.clone();
        let mut near = Vec::new();
        if self.rim == found {
            return near;
        }
        if self.rim == claims.rim.slot() {
            near.push(NearMiss::Padded(name()));
        } else if self.rim.starts_with(found) {
            near.push(NearMiss::Longer(name()));
        } else if found.starts_with(&self.rim) {
            near.push(NearMiss::Truncated(name()));
        }
        let rems = (1..).zip(&claims.rems).filter(|(_, rem)| rem.as_bytes() == self.rim);
        near.extend(rems.map(|(number, _)| NearMiss::IsRem(name(), number)));
        let stages = self.stages.iter().filter(|(_, rim)| rim == found).take(1);
        near.extend(
            stages.map(|(stage, _)| NearMiss::Stage { name: name(), stage: stage.clone() }),
        );
        if let Some(log) = &self.log {
            let stage = stage_of(log, &claims.rim);
            near.extend(stage.map(|stage| NearMiss::Stage { name: name(), stage }));
            let others = RimRule::ALL.into_iter().filter(|other| *other != log.rule());
            let start = Measurement::zero(log.algo());
            let same = others.filter(|other| log.rim_by(*other, start, 0) == claims.rim);
            near.extend(same.map(|other| NearMiss::Rule {
                name: name(),
                expected: log.rule(),
                found: other,
            }));
        }
        near
    }
}

/// The event after which a log's RIM is this one.
fn stage_of(log: &EventLog, wanted: &Measurement) -> Option<String> {
    let mut found = None;
    let mut number = 0_u64;
    log.each_rim(|event, rim| {
        number += 1;
        if rim == wanted && found.is_none() {
            found = Some(format!("{event} (event {number} of {})", log.events().len()));
        }
    });
    found
}
