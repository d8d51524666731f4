//! Whether an answer of `rimsim why` is right.

use super::Plant;

/// What an answer is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// One of the explanations that are told is what was planted, and nothing more.
    Named,
    /// Nothing was found.
    Nothing,
    /// Several explanations, and what was planted is none of those that are told.
    OthersNamed,
    /// One explanation, as if there were no other, and it is not what was planted.
    Wrong,
}

impl Plant {
    /// What the text of an answer is worth.
    #[must_use]
    pub fn answer(&self, text: &str) -> Answer {
        let mut lines = text.lines();
        let verdict = lines.next().unwrap_or_default();
        let (of_hash, others): (Vec<_>, Vec<_>) =
            self.fixes.iter().zip(&self.kinds).partition(|(_, kind)| **kind == "algorithm");
        let has_hash = of_hash.iter().all(|(fixes, _)| fixes.iter().any(|fix| text.contains(fix)));
        let names = |line: &str| {
            let told = |fix: &str| {
                line.contains(&format!("(`{fix}`")) || line.contains(&format!("({fix})"))
            };
            let all = others.iter().all(|(fixes, _)| fixes.iter().any(|fix| told(fix)));
            let count = line.matches("(`").count() + line.matches("(leave out ").count();
            all && count == others.len()
        };
        let told = lines.filter(|line| line.starts_with("your ") || line.starts_with("or with "));
        let is_named = has_hash && told.clone().any(names);
        match verdict {
            "as said" if others.is_empty() && has_hash => Answer::Named,
            "unique" | "ambiguous" if is_named => Answer::Named,
            "ambiguous" => Answer::OthersNamed,
            "as said" | "unique" => Answer::Wrong,
            _ => Answer::Nothing,
        }
    }
}
