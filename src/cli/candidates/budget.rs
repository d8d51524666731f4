//! How much is tried.

use std::time::Duration;

/// The end of a search: candidates, or time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Budget {
    Candidates(u64),
    Time(Duration),
}

const FORMS: &str = "write a number with its unit: 30s, 5m and 1h are time, 5000c are candidates";

impl Budget {
    /// A budget of which a number without a unit counts candidates.
    pub(crate) fn of_candidates(text: &str) -> Result<Self, String> {
        Self::read(text, 'c').ok_or_else(|| format!("{FORMS}, as is 5000 alone"))
    }

    /// A budget of which a number without a unit is seconds.
    pub(crate) fn of_seconds(text: &str) -> Result<Self, String> {
        Self::read(text, 's').ok_or_else(|| format!("{FORMS}; 30 alone is seconds"))
    }

    fn read(text: &str, plain: char) -> Option<Self> {
        let unit = text.chars().last().filter(char::is_ascii_alphabetic);
        let digits = text.strip_suffix(|last| Some(last) == unit).unwrap_or(text);
        let number: u64 = digits.parse().ok().filter(|_| !digits.starts_with('+'))?;
        let time = |seconds: u64| {
            let seconds = number.checked_mul(seconds).filter(|all| *all <= u64::from(u32::MAX));
            seconds.map(|all| Self::Time(Duration::from_secs(all)))
        };
        match unit.unwrap_or(plain) {
            'c' => Some(Self::Candidates(number)),
            's' => time(1),
            'm' => time(60),
            'h' => time(3600),
            _ => None,
        }
    }

    /// Most candidates that are tried.
    pub(crate) const fn candidates(self) -> u64 {
        match self {
            Self::Candidates(most) => most,
            Self::Time(_) => u64::MAX,
        }
    }

    /// Whether the time is over.
    pub(crate) fn is_over(self, elapsed: Duration) -> bool {
        matches!(self, Self::Time(most) if elapsed >= most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn budgets_in_every_unit() {
        let seconds = |count| Budget::Time(Duration::from_secs(count));
        for (text, candidates, time) in [
            ("30", Budget::Candidates(30), seconds(30)),
            ("0", Budget::Candidates(0), seconds(0)),
            ("30s", seconds(30), seconds(30)),
            ("5m", seconds(300), seconds(300)),
            ("1h", seconds(3600), seconds(3600)),
            ("5000c", Budget::Candidates(5000), Budget::Candidates(5000)),
        ] {
            assert_eq!(Budget::of_candidates(text), Ok(candidates), "{text}");
            assert_eq!(Budget::of_seconds(text), Ok(time), "{text}");
        }
        for text in ["", "s", "-1", "+1s", "1.5s", "1d", "1 s", "99999999h", "1ß", "5cc"] {
            assert!(
                Budget::of_seconds(text).unwrap_err().contains("5000c are candidates"),
                "{text}"
            );
            assert!(Budget::of_candidates(text).is_err(), "{text}");
        }
        assert!(seconds(0).is_over(Duration::ZERO));
        assert!(!Budget::Candidates(0).is_over(Duration::MAX));
    }
}
