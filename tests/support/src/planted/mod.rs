//! Command lines with mistakes as people make them, alone and in pairs: what really runs, what is
//! said in its place, and the options that make it good.

mod answer;
mod files;
mod slips;

pub use answer::Answer;
pub use files::files;
use slips::{FAMILIES, Family, Slip};

/// A command line with mistakes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plant {
    /// The VMM, or what makes its command line.
    pub family: &'static str,
    /// What the mistakes are about.
    pub kinds: Vec<&'static str>,
    /// Arguments of `rimsim measure` that say what runs.
    pub runs: Vec<String>,
    /// The same as it is said.
    pub said: Vec<String>,
    /// The domain that runs, in the file that `runs` names, and as it is said.
    pub domains: Option<[String; 2]>,
    /// For each mistake the options that make it good; one of them is enough.
    pub fixes: Vec<&'static [&'static str]>,
}

/// The files of the domains of plants.
pub const DOMAINS: [&str; 2] = ["runs.xml", "said.xml"];
/// What stands between options and a domain, which no option has.
const DOMAIN: char = '\u{1}';

impl Family {
    /// The words that make the family's VM with these slips; `None` if two of them are one.
    fn planted(&self, slips: &[&'static Slip]) -> Option<Plant> {
        let runs = format!("{}{DOMAIN}{}", self.line, self.domain);
        let mut said = runs.clone();
        for slip in slips {
            if said.matches(slip.runs).count() != 1 {
                return None;
            }
            said = said.replacen(slip.runs, slip.said, 1);
        }
        let parts = |text: &str, file: usize| {
            let (line, domain) = text.split_once(DOMAIN).expect("it was put there");
            (words(&line.replace("DOMAIN", DOMAINS[file])), domain.to_owned())
        };
        let ((runs, ran), (said, domain)) = (parts(&runs, 0), parts(&said, 1));
        Some(Plant {
            family: self.name,
            kinds: slips.iter().map(|slip| slip.kind).collect(),
            runs,
            said,
            domains: (!self.domain.is_empty()).then_some([ran, domain]),
            fixes: slips.iter().map(|slip| slip.fixes).collect(),
        })
    }
}

impl Plant {
    /// The arguments of `rimsim measure` for what runs: without the files that only `why` is given.
    #[must_use]
    pub fn runs_measured(&self) -> Vec<String> {
        let at = self.runs.iter().position(|word| word == "--candidate");
        let mut words = self.runs.clone();
        if let Some(at) = at {
            words.drain(at..at + 2);
        }
        words
    }
}

/// Words as the tables write them: spaces part them, and nothing quotes; a tilde is a space.
fn words(line: &str) -> Vec<String> {
    let words = line.split(' ').filter(|word| !word.is_empty());
    words.map(|word| word.replace('~', " ")).collect()
}

/// Every mistake alone.
///
/// # Panics
/// If a table names a place that is not there, or is there twice.
#[must_use]
pub fn singles() -> Vec<Plant> {
    let of = |family: &'static Family| {
        family.slips.iter().map(|slip| {
            let plant = family.planted(&[slip]);
            plant.unwrap_or_else(|| panic!("{}: `{}` is not there once", family.name, slip.runs))
        })
    };
    FAMILIES.iter().flat_map(of).collect()
}

/// So many pairs of mistakes of one command line, by a seed.
///
/// # Panics
/// If there are not so many.
#[must_use]
pub fn pairs(count: usize, seed: u64) -> Vec<Plant> {
    let mut state = seed;
    let mut below = move |most: usize| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).expect("31 bits") % most
    };
    let mut plants: Vec<Plant> = Vec::new();
    let mut tries = 0;
    while plants.len() < count {
        tries += 1;
        assert!(tries < 100 * count, "there are not {count} pairs");
        let family = &FAMILIES[below(FAMILIES.len())];
        let (first, second) =
            (&family.slips[below(family.slips.len())], &family.slips[below(family.slips.len())]);
        if first.kind == second.kind {
            continue;
        }
        let plant = family.planted(&[first, second]);
        let said = |plant: &Plant| (plant.said.clone(), plant.domains.clone());
        let is_new = |new: &Plant| plants.iter().all(|known| said(known) != said(new));
        let plant = plant.filter(is_new);
        plants.extend(plant);
    }
    plants
}

/// All singles, then as many pairs as make `count` of them.
#[must_use]
pub fn planted(count: usize, seed: u64) -> Vec<Plant> {
    let mut plants = singles();
    plants.truncate(count);
    plants.extend(pairs(count - plants.len(), seed));
    plants
}
