//! A run against an earlier one.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use super::best::rounded;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::input::read_settings;
use crate::encoding::shown::ShowPath as _;

/// What is compared of a run's document: of each the more the better.
const SPEEDS: [&str; 11] = [
    "baseline",
    "kernels",
    "pipeline",
    "one_thread",
    "fold",
    "beside",
    "together",
    "memory_copy",
    "commands_per_s",
    "counted_granules_per_s",
    "candidates_per_s",
];

/// An earlier run.
#[derive(Debug)]
pub(super) struct Earlier {
    path: PathBuf,
    document: Value,
}

/// A speed then and now.
#[derive(Debug, PartialEq)]
pub(super) struct Pair {
    pub(super) name: String,
    pub(super) then: f64,
    pub(super) now: f64,
}

impl Earlier {
    /// Reads what `rimsim bench --format json` printed.
    pub(super) fn read(path: &Path) -> Result<Self, CliError> {
        let about =
            |exit, why: String| CliError(exit, format!("--baseline {}: {why}", path.shown()));
        let text = read_settings(path).map_err(|error| about(Exit::Io, error.to_string()))?;
        let document: Value = serde_json::from_str(&text)
            .map_err(|error| about(Exit::Usage, format!("is no JSON: {error}")))?;
        if document["schema"] != "rimsim/1" || document["command"] != "bench" {
            let why = "is not what `rimsim bench --format json` prints".to_owned();
            return Err(about(Exit::Usage, why));
        }
        Ok(Self { path: path.to_owned(), document })
    }

    /// In words, what makes the runs no fair comparison.
    pub(super) fn difference(&self, now: &Value) -> Option<String> {
        let differs = |name: &&&str| self.document[**name] != now[**name];
        let names: Vec<_> =
            ["size_bytes", "granule_bytes", "threads"].iter().filter(differs).collect();
        let word =
            |name: &&&str| format!("{name} {} and now {}", self.document[**name], now[**name]);
        let words: Vec<_> = names.iter().map(word).collect();
        let path = self.path.shown();
        (!words.is_empty()).then(|| format!("{path}: was of {}", words.join(", ")))
    }

    /// Speeds that both runs have.
    pub(super) fn pairs(&self, now: &Value) -> Vec<Pair> {
        let mut pairs = Vec::new();
        for name in SPEEDS {
            collect(name, &self.document[name], &now[name], &mut pairs);
        }
        pairs
    }

    /// The comparison as documents have it.
    pub(super) fn document(&self, now: &Value) -> Value {
        let ratio = |pair: Pair| (pair.name, rounded(pair.now / pair.then));
        let ratios: Map<_, _> = self.pairs(now).into_iter().map(ratio).collect();
        json!({ "file": self.path.display().to_string(), "ratios": ratios })
    }
}

fn collect(name: &str, then: &Value, now: &Value, pairs: &mut Vec<Pair>) {
    if let (Some(then), Some(now)) = (then.as_f64(), now.as_f64()) {
        if then > 0.0 {
            pairs.push(Pair { name: name.to_owned(), then, now });
        }
        return;
    }
    let (Some(then), Some(now)) = (then.as_object(), now.as_object()) else { return };
    for (part, now) in now {
        if let Some(then) = then.get(part) {
            collect(&format!("{name} {part}"), then, now, pairs);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_both_have_is_compared() {
        let then = json!({
            "threads": 2, "size_bytes": 9, "pipeline": {"sha256": 2.0, "sha512": 0.0},
            "kernels": {"sha256": {"avx512": 4.0, "armv8": 1.0}}, "commands_per_s": 5,
            "ratio": {"sha256": 1.0},
        });
        let now = json!({
            "threads": 3, "size_bytes": 9, "pipeline": {"sha256": 3.0, "sha512": 2.0},
            "kernels": {"sha256": {"avx512": 3.0}}, "commands_per_s": 10, "fold": {"sha256": 1.0},
            "ratio": {"sha256": 7.0},
        });
        let earlier = Earlier { path: "old.json".into(), document: then };
        let pair = |name: &str, then, now| Pair { name: name.to_owned(), then, now };
        let expected = [
            pair("kernels sha256 avx512", 4.0, 3.0),
            pair("pipeline sha256", 2.0, 3.0),
            pair("commands_per_s", 5.0, 10.0),
        ];
        assert_eq!(earlier.pairs(&now), expected);
        assert_eq!(earlier.document(&now)["ratios"]["pipeline sha256"], 1.5);
        assert_eq!(earlier.difference(&now).unwrap(), "old.json: was of threads 2 and now 3");
        assert_eq!(earlier.difference(&earlier.document), None);
    }
}
