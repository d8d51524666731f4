//! Which of the words that are known somebody meant.
//!
//! Whoever refuses a word says this: scripts, options, files of settings.

use std::fmt;

/// Longer names get no suggestion: comparing costs the square of their length.
const UP_TO_CHARS: usize = 40;

/// The known name that is most like `name`: the same but for case and signs, or the only one of
/// which it is a part between signs, or one with at most half of its letters changed.
pub(crate) fn nearest<'k>(name: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    if name.chars().count() > UP_TO_CHARS {
        return None;
    }
    let wanted = name.to_lowercase();
    let known: Vec<(String, &str)> =
        known.into_iter().map(|known| (known.to_lowercase(), known)).collect();
    let letters = |text: &str| text.chars().filter(|c| c.is_alphanumeric()).collect::<String>();
    let plain = letters(&wanted);
    let same = |(lower, _): &&(String, &str)| !plain.is_empty() && letters(lower) == plain;
    if let Some((_, known)) = known.iter().find(same) {
        return Some(known);
    }
    let is_part = |(lower, _): &&(String, &str)| {
        wanted.len() > 1 && lower.split(['-', '_', '/']).any(|part| part == wanted)
    };
    let mut parts = known.iter().filter(is_part);
    if let (Some((_, only)), None) = (parts.next(), parts.next()) {
        return Some(only);
    }
    let limit = wanted.len() / 2;
    // Of two that are as near, a letter was rather forgotten than written for another.
    let is_short_for = |lower: &str| {
        let mut rest = lower.chars();
        wanted.chars().all(|letter| rest.any(|one| one == letter))
    };
    let distances = known.iter().map(|(lower, known)| {
        let nearness = (distance(&wanted, lower), !is_short_for(lower));
        (nearness, *known)
    });
    let near = distances.filter(|((distance, _), _)| *distance <= limit);
    near.min_by_key(|(nearness, _)| *nearness).map(|(_, known)| known)
}

/// `; did you mean NAME?` behind a message that refuses a word; nothing if no name is like it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DidYouMean<'k> {
    known: Option<&'k str>,
    /// What stands before the names of options.
    hyphens: &'static str,
}

impl<'k> DidYouMean<'k> {
    /// One of `known` in place of `name`.
    pub(crate) fn of(name: &str, known: impl IntoIterator<Item = &'k str>) -> Self {
        Self { known: nearest(name, known), hyphens: "" }
    }

    /// One of these options, which are known without the hyphens that stand before them.
    #[cfg(feature = "hosts")]
    pub(crate) fn option(
        hyphens: &'static str,
        name: &str,
        known: impl IntoIterator<Item = &'k str>,
    ) -> Self {
        Self { hyphens, ..Self::of(name, known) }
    }
}

impl fmt::Display for DidYouMean<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { known, hyphens } = self;
        known.map_or(Ok(()), |known| write!(f, "; did you mean {hyphens}{known}?"))
    }
}

/// `there are a, b, c`, and what was meant.
#[cfg(feature = "hosts")]
pub(crate) fn there_are(name: &str, known: &[&str]) -> String {
    format!("there are {}{}", known.join(", "), DidYouMean::of(name, known.iter().copied()))
}

/// Letters that have to be put in, taken out or changed, or change places with the next.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut before: Vec<usize> = Vec::new();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    let mut last = None;
    for (i, x) in a.chars().enumerate() {
        let mut next = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let changed = row[j] + usize::from(x != *y);
            let mut least = changed.min(row[j + 1] + 1).min(next[j] + 1);
            if j > 0 && last == Some(*y) && b[j - 1] == x {
                least = least.min(before[j - 1] + 1);
            }
            next.push(least);
        }
        before = std::mem::replace(&mut row, next);
        last = Some(x);
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_suggested() {
        let known = ["RTT_CREATE", "RTT_DESTROY", "REC_CREATE"];
        assert_eq!(nearest("RTT_CRAETE", known), Some("RTT_CREATE"));
        assert_eq!(nearest("rec_create", known), Some("REC_CREATE"));
        assert_eq!(nearest("RTT_MAKE", known), Some("RTT_CREATE"));
        assert_eq!(nearest("RTTCREATE", known), Some("RTT_CREATE"));
        assert_eq!(nearest("banana", known), None);
        assert_eq!((nearest("", known), nearest("-", known)), (None, None));
        assert_eq!(nearest(&"R".repeat(100_000), known), None);
        assert_eq!((distance("kitten", "sitting"), distance("", "abc")), (3, 3));
        assert_eq!((distance("atuo", "auto"), distance("ab", "ba"), distance("x", "")), (1, 1, 1));
    }

    #[test]
    fn a_part_between_signs_is_enough_if_one_has_it() {
        let hosts = ["kvm-v2", "kvm-v10", "kvm-v11", "nvidia-6.17", "nvidia-6.18"];
        assert_eq!(nearest("v11", hosts), Some("kvm-v11"));
        assert_eq!(nearest("6.17", hosts), Some("nvidia-6.17"));
        assert_eq!(nearest("nvidia", hosts), None);
        assert_eq!(nearest("KVM_V10", hosts), Some("kvm-v10"));
        assert_eq!(nearest("kvm-10", hosts), Some("kvm-v10"));
        assert_eq!(nearest("FVP", ["fvp-lpa2", "fvp"]), Some("fvp"));
    }

    #[cfg(feature = "hosts")]
    #[test]
    fn what_there_is_is_listed() {
        assert_eq!(there_are("FVP", &["a", "fvp"]), "there are a, fvp; did you mean fvp?");
        assert_eq!(there_are("x", &["a", "fvp"]), "there are a, fvp");
    }
}
