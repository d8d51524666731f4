//! Parts of candidates, so that several machines try them all.

use std::fmt;
use std::str::FromStr;

use super::engine::{Candidates, Report};
use super::knob::Knob;

/// Most parts.
const MAX_SHARDS: u64 = 1_000_000;

/// One part of several: `1/4` is the first of four. All parts together are the whole, and no
/// candidate is in two of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    /// From 0.
    index: u64,
    count: u64,
}

/// Some of the candidates, with numbers of their own.
#[allow(missing_debug_implementations, reason = "candidates have no form to print")]
pub struct Part<'c> {
    all: &'c dyn Candidates,
    first: u64,
    step: u64,
    count: u64,
}

impl Shard {
    /// All of it.
    pub const WHOLE: Self = Self { index: 0, count: 1 };

    /// Whether there are other parts.
    #[must_use]
    pub const fn is_whole(self) -> bool {
        self.count == 1
    }

    /// Candidates in a row: for spaces, whose neighbours have most in common.
    #[must_use]
    pub fn run_of(self, all: &dyn Candidates) -> Part<'_> {
        let at = |index: u64| {
            let at = u128::from(all.count()) * u128::from(index) / u128::from(self.count);
            u64::try_from(at).expect("not more than all")
        };
        let (first, end) = (at(self.index), at(self.index + 1));
        Part { all, first, step: 1, count: end - first }
    }

    /// Every so manieth candidate: for those in the order of how likely they are, so that each part
    /// begins with likely ones.
    #[must_use]
    pub fn each_of(self, all: &dyn Candidates) -> Part<'_> {
        let count = all.count().saturating_sub(self.index).div_ceil(self.count);
        Part { all, first: self.index, step: self.count, count }
    }
}

impl Part<'_> {
    /// The number that a candidate of this part has among all.
    #[must_use]
    pub const fn number(&self, own: u64) -> u64 {
        self.first + own * self.step
    }

    /// How many of this part are before a candidate of all.
    #[must_use]
    pub const fn before(&self, number: u64) -> u64 {
        let before = number.saturating_sub(self.first).div_ceil(self.step);
        if before < self.count { before } else { self.count }
    }

    /// A report with the numbers that candidates have among all.
    #[must_use]
    pub fn of_all(&self, mut report: Report) -> Report {
        for found in &mut report.matches {
            found.candidates.iter_mut().for_each(|number| *number = self.number(*number));
        }
        report
    }
}

impl Candidates for Part<'_> {
    fn count(&self) -> u64 {
        self.count
    }

    fn candidate(&self, index: u64) -> Vec<Knob> {
        self.all.candidate(self.number(index))
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = |text: &str| text.parse::<u64>().ok().filter(|n| (1..=MAX_SHARDS).contains(n));
        let parts = text.split_once('/').and_then(|(i, n)| Some((number(i)?, number(n)?)));
        match parts {
            Some((i, count)) if i <= count => Ok(Self { index: i - 1, count }),
            _ => {
                Err(format!("write I/N, such as 1/4 to 4/4 for four parts, N at most {MAX_SHARDS}"))
            }
        }
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index + 1, self.count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_the_whole() {
        for len in [0_u32, 1, 2, 7, 64] {
            let all: Vec<Vec<Knob>> = (0..len).map(|n| vec![Knob::Cpus(n)]).collect();
            for count in 1..=9 {
                for in_a_row in [true, false] {
                    let mut seen = Vec::new();
                    for index in 0..count {
                        let shard = Shard { index, count };
                        let part = if in_a_row { shard.run_of(&all) } else { shard.each_of(&all) };
                        for own in 0..part.count() {
                            let number = part.number(own);
                            let place = usize::try_from(number).expect("small");
                            assert_eq!(part.candidate(own), all[place]);
                            assert_eq!(part.before(number), own);
                            seen.push(number);
                        }
                        assert_eq!(part.before(len.into()), part.count());
                    }
                    seen.sort_unstable();
                    assert_eq!(seen, (0..len.into()).collect::<Vec<u64>>());
                }
            }
        }
    }

    #[test]
    fn parts_are_written_as_they_are_read() {
        for text in ["1/1", "2/4", "1000000/1000000"] {
            assert_eq!(text.parse::<Shard>().map(|shard| shard.to_string()), Ok(text.into()));
        }
        for text in ["", "1", "0/4", "5/4", "1/0", "1/1000001", "-1/2", "1/2/3", " 1/2"] {
            assert!(text.parse::<Shard>().is_err(), "{text}");
        }
    }
}
