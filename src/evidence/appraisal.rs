//! A judgement in the words that relying parties share: trustworthiness vectors of AR4SI
//! (draft-ietf-rats-ar4si 2.3.4), as an EAT Attestation Result holds them (draft-ietf-rats-ear).

use super::check::Check;
use super::expect::{ComparedClaim, Comparison, Verdict};
use super::platform::PlatformProfile;
use super::token::Token;

/// How far something can be trusted, from the least said on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Tier {
    /// Nothing can be said.
    None,
    /// It is as it should be.
    Affirming,
    /// It may not be as it should.
    Warning,
    /// It is not to be trusted.
    Contraindicated,
}

impl Tier {
    /// The tier of a claim's value.
    #[must_use]
    pub const fn of_value(value: i8) -> Self {
        match value {
            2..=31 | -32..=-2 => Self::Affirming,
            32..=95 | -96..=-33 => Self::Warning,
            96..=127 | -128..=-97 => Self::Contraindicated,
            -1..=1 => Self::None,
        }
    }

    /// The word of an attestation result.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Affirming => "affirming",
            Self::Warning => "warning",
            Self::Contraindicated => "contraindicated",
        }
    }
}

/// Values of AR4SI that are given here.
mod value {
    pub(super) const NO_CLAIM: i8 = 0;
    pub(super) const APPROVED: i8 = 2;
    /// Executables: what was booted is approved, what was loaded later is not known.
    pub(super) const APPROVED_BOOT: i8 = 3;
    /// Executables: something that is not recognised was loaded.
    pub(super) const UNRECOGNISED_EXECUTABLE: i8 = 33;
    /// Configuration: one that can not be supported; hardware: none that is genuine.
    pub(super) const CONTRAINDICATED: i8 = 96;
    /// Identity, hardware: none that is known.
    pub(super) const UNRECOGNISED: i8 = 97;
    /// Cryptography says that the evidence is not what it says.
    pub(super) const CRYPTO_FAILED: i8 = 99;
}

/// One component of a trustworthiness vector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustClaim {
    /// Its name: `instance-identity`, `configuration`, `executables` or `hardware`.
    pub name: &'static str,
    /// The value, of AR4SI's table.
    pub value: i8,
    /// Why it has that value.
    pub reason: String,
}

/// What is said of a platform or of a Realm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Appraisal {
    /// The submodule: `CCA_SSD_PLATFORM` or `CCA_REALM`.
    pub submodule: &'static str,
    /// The components of its vector of which something is said.
    pub claims: Vec<TrustClaim>,
}

impl Appraisal {
    /// The tier of the whole: the worst there is, and none if its identity is not known.
    #[must_use]
    pub fn tier(&self) -> Tier {
        let tiers = self.claims.iter().map(|claim| Tier::of_value(claim.value));
        let worst = tiers.max().unwrap_or(Tier::None);
        let nameless = self
            .claims
            .iter()
            .any(|claim| claim.name == IDENTITY && Tier::of_value(claim.value) == Tier::None);
        if worst == Tier::Affirming && nameless { Tier::None } else { worst }
    }
}

const IDENTITY: &str = "instance-identity";
const CONFIGURATION: &str = "configuration";
const EXECUTABLES: &str = "executables";
const HARDWARE: &str = "hardware";

/// Rows of a comparison by what they say something of: each is in one of the lists.
const MEASURED: [&str; 5] = ["rim", "rem1", "rem2", "rem3", "rem4"];
const REALM_CONFIGURATION: [&str; 4] = ["rpv", "mec-policy", "token-profile", "hash algorithm"];
const REALM_IDENTITY: [&str; 3] = ["realm-instance-id", "challenge", "validity"];
const PLATFORM_CONFIGURATION: [&str; 4] =
    ["lifecycle", "platform-config", "platform-profile", "verification-service"];
const PLATFORM_IDENTITY: [&str; 1] = ["instance-id"];
const PLATFORM_HARDWARE: [&str; 2] = ["implementation-id", "platform"];

/// Judges both halves of a token by its checks and by what was compared.
#[must_use]
pub fn appraise(token: &Token, checks: &[Check; 3], comparison: &Comparison) -> [Appraisal; 2] {
    let [realm, binding, platform] = checks;
    let rows = &comparison.rows;
    let vouched = platform.is_good;
    let dummy = token.platform_claims.profile == PlatformProfile::Dummy;
    let platform_claims = vec![
        identity(&[platform], vouched, &named(rows, &PLATFORM_IDENTITY)),
        hardware(dummy, &named(rows, &PLATFORM_HARDWARE)),
        configuration(&named(rows, &PLATFORM_CONFIGURATION)),
        claim(EXECUTABLES, value::NO_CLAIM, "the firmware's measurements are read, not judged"),
    ];
    let realm_claims = vec![
        identity(&[realm, binding, platform], vouched, &named(rows, &REALM_IDENTITY)),
        configuration(&named(rows, &REALM_CONFIGURATION)),
        executables(rows),
    ];
    let broken = checks.iter().find(|check| check.is_good == Some(false));
    [("CCA_SSD_PLATFORM", platform_claims), ("CCA_REALM", realm_claims)].map(
        |(submodule, mut claims)| {
            if let Some(broken) = broken {
                for claim in &mut claims {
                    claim.value = value::CRYPTO_FAILED;
                    claim.reason = format!("{}: {}", broken.what, broken.detail);
                }
            }
            Appraisal { submodule, claims }
        },
    )
}

fn claim(name: &'static str, value: i8, reason: impl Into<String>) -> TrustClaim {
    TrustClaim { name, value, reason: reason.into() }
}

/// The rows with these names.
fn named<'r>(rows: &'r [ComparedClaim], names: &[&str]) -> Vec<&'r ComparedClaim> {
    rows.iter().filter(|row| names.contains(&row.what)).collect()
}

/// The first row that is not as it should be, in words.
fn wrong(rows: &[&ComparedClaim]) -> Option<String> {
    let bad = |row: &&&ComparedClaim| matches!(row.verdict, Verdict::Differs | Verdict::Wanted);
    let row = rows.iter().find(bad)?;
    Some(match &row.expected {
        Some(expected) => format!("{} is {}, expected {expected}", row.what, row.found),
        None => format!("{} is required, and nothing says what it should be", row.what),
    })
}

/// The names of the rows that are as they should be.
fn right(rows: &[&ComparedClaim]) -> Option<String> {
    let good = rows.iter().filter(|row| row.verdict == Verdict::Equal);
    let names: Vec<_> = good.map(|row| row.what).collect();
    (!names.is_empty()).then(|| format!("as expected: {}", names.join(", ")))
}

fn identity(checks: &[&Check], vouched: Option<bool>, rows: &[&ComparedClaim]) -> TrustClaim {
    if let Some(why) = wrong(rows) {
        return claim(IDENTITY, value::UNRECOGNISED, why);
    }
    match vouched {
        Some(true) => {
            let good: Vec<_> = checks.iter().map(|check| check.what).collect();
            claim(IDENTITY, value::APPROVED, format!("good: {}", good.join(", ")))
        }
        _ => claim(IDENTITY, value::NO_CLAIM, "no key of the platform was given (--cpak)"),
    }
}

fn hardware(dummy: bool, rows: &[&ComparedClaim]) -> TrustClaim {
    if dummy {
        let why = "the platform token is this simulator's dummy, and no platform is behind it";
        return claim(HARDWARE, value::CONTRAINDICATED, why);
    }
    match (wrong(rows), right(rows)) {
        (Some(why), _) => claim(HARDWARE, value::UNRECOGNISED, why),
        (None, Some(what)) => claim(HARDWARE, value::APPROVED, what),
        (None, None) => claim(HARDWARE, value::NO_CLAIM, "no implementation was asked for"),
    }
}

fn configuration(rows: &[&ComparedClaim]) -> TrustClaim {
    match (wrong(rows), right(rows)) {
        (Some(why), _) => claim(CONFIGURATION, value::CONTRAINDICATED, why),
        (None, Some(what)) => claim(CONFIGURATION, value::APPROVED, what),
        (None, None) => claim(CONFIGURATION, value::NO_CLAIM, "nothing was expected of it"),
    }
}

/// The RIM is what was booted, REMs are what was loaded later.
fn executables(rows: &[ComparedClaim]) -> TrustClaim {
    let measured = named(rows, &MEASURED);
    let equal = |name| measured.iter().any(|row| row.what == name && row.verdict == Verdict::Equal);
    let all = MEASURED.into_iter().all(equal);
    match (wrong(&measured), right(&measured)) {
        (Some(why), _) => claim(EXECUTABLES, value::UNRECOGNISED_EXECUTABLE, why),
        (None, Some(what)) if all => claim(EXECUTABLES, value::APPROVED, what),
        (None, Some(what)) => claim(EXECUTABLES, value::APPROVED_BOOT, what),
        (None, None) => claim(EXECUTABLES, value::NO_CLAIM, "no RIM was compared"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiers_are_those_of_the_table() {
        for (value, tier) in [
            (0, Tier::None),
            (1, Tier::None),
            (-1, Tier::None),
            (2, Tier::Affirming),
            (31, Tier::Affirming),
            (32, Tier::Warning),
            (95, Tier::Warning),
            (96, Tier::Contraindicated),
            (127, Tier::Contraindicated),
            (-2, Tier::Affirming),
            (-33, Tier::Warning),
            (-128, Tier::Contraindicated),
        ] {
            assert_eq!(Tier::of_value(value), tier, "{value}");
        }
    }

    /// Whatever can be demanded or compared shows in a vector.
    #[test]
    fn every_row_says_something_of_one_thing() {
        let lists: [&[&str]; 6] = [
            &MEASURED,
            &REALM_CONFIGURATION,
            &REALM_IDENTITY,
            &PLATFORM_CONFIGURATION,
            &PLATFORM_IDENTITY,
            &PLATFORM_HARDWARE,
        ];
        let demanded = super::super::judge::NAMES.iter().map(|(name, _)| *name);
        let compared = ["hash algorithm", "lifecycle", "platform"];
        for name in demanded.chain(compared) {
            let count = lists.iter().filter(|list| list.contains(&name)).count();
            assert_eq!(count, 1, "{name}");
        }
    }

    #[test]
    fn nobody_is_affirmed_without_a_name() {
        let claims = |identity| Appraisal {
            submodule: "CCA_REALM",
            claims: vec![claim(IDENTITY, identity, ""), claim(EXECUTABLES, 3, "")],
        };
        assert_eq!(claims(0).tier(), Tier::None);
        assert_eq!(claims(2).tier(), Tier::Affirming);
        assert_eq!(claims(97).tier(), Tier::Contraindicated);
    }
}
