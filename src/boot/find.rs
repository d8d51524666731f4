//! Which things that a chain leaves open make REMs that were observed.

use super::chain::Chain;
use super::event::Rem;
use super::stages::{BootError, Predicted, Vm};
use super::variants::{Setting, open};
use crate::abi::profile::RemReading;
use crate::host::Files;
use crate::measure::rim::Measurement;

/// Most candidates that are kept for what is looked at later.
const MAX_KEPT: usize = 1000;

/// What a search for REMs found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// What is otherwise than the chain says, one list a candidate, the shortest first. Candidates
    /// that measure the same are one.
    pub matches: Vec<Vec<Setting>>,
    /// The first REM that no candidate makes.
    pub missed: Option<Rem>,
    /// How many candidates were booted.
    pub tried: u64,
    /// Whether all were.
    pub complete: bool,
}

struct Search<'s> {
    chain: &'s Chain,
    vm: Vm<'s>,
    files: &'s mut dyn Files,
    reading: RemReading,
    wanted: &'s [Option<Measurement>; 4],
    go_on: &'s mut dyn FnMut(u64) -> bool,
    axes: Vec<Vec<Setting>>,
    findings: Findings,
}

/// Looks for what makes these REMs, one REM after the other: of each only that is varied which can
/// change it. `go_on` is asked before each candidate, with the number of those before it.
///
/// # Bounds
/// Every candidate is booted, so its files are hashed. Memory is bounded.
///
/// # Errors
/// If the chain itself does not boot.
pub fn find(
    chain: &Chain,
    vm: Vm<'_>,
    files: &mut dyn Files,
    reading: RemReading,
    wanted: &[Option<Measurement>; 4],
    go_on: &mut dyn FnMut(u64) -> bool,
) -> Result<Findings, BootError> {
    Predicted::of(chain, vm, files)?;
    let findings = Findings { complete: true, ..Findings::default() };
    let axes = open(chain);
    let mut search = Search { chain, vm, files, reading, wanted, go_on, axes, findings };
    search.run();
    Ok(search.findings)
}

impl Search<'_> {
    fn run(&mut self) {
        let firmware = self.chain.firmware.profile.0;
        let mut fixed = vec![false; self.axes.len()];
        let mut kept: Vec<Vec<Setting>> = vec![Vec::new()];
        for rem in (1..=4).filter_map(Rem::from_index) {
            if self.wanted[rem.slot()].is_none() {
                continue;
            }
            let varied: Vec<usize> = (0..self.axes.len())
                .filter(|at| !fixed[*at])
                .filter(|at| self.axes[*at].iter().any(|one| one.rems(firmware).contains(&rem)))
                .collect();
            let mut next = Vec::new();
            for settings in &kept {
                // Those with the fewest changes come first.
                for count in 0..=varied.len() {
                    self.combine(rem, settings.clone(), &varied, count, &mut next);
                }
            }
            varied.into_iter().for_each(|at| fixed[at] = true);
            kept = next;
            if kept.is_empty() {
                self.findings.missed = Some(rem);
                return;
            }
        }
        self.tell(kept);
    }

    /// Tries all candidates in which exactly `count` of these things are otherwise.
    fn combine(
        &mut self,
        rem: Rem,
        settings: Vec<Setting>,
        varied: &[usize],
        count: usize,
        found: &mut Vec<Vec<Setting>>,
    ) {
        if !self.findings.complete {
            return;
        }
        if count == 0 {
            self.attempt(rem, settings, found);
            return;
        }
        for (i, at) in varied.iter().enumerate() {
            if varied.len() - i < count {
                break;
            }
            for setting in self.axes[*at].clone() {
                let more = [&settings[..], &[setting]].concat();
                self.combine(rem, more, &varied[i + 1..], count - 1, found);
            }
        }
    }

    fn attempt(&mut self, rem: Rem, settings: Vec<Setting>, found: &mut Vec<Vec<Setting>>) {
        if !(self.go_on)(self.findings.tried) || found.len() == MAX_KEPT {
            self.findings.complete = false;
            return;
        }
        self.findings.tried += 1;
        // What a candidate needs and is not there makes it none.
        let Some(made) = self.boot(&settings) else { return };
        let value = made.rems(self.reading).values[rem.slot()];
        if self.wanted[rem.slot()] == Some(value) {
            found.push(settings);
        }
    }

    fn boot(&mut self, settings: &[Setting]) -> Option<Predicted> {
        let chain = settings.iter().fold(self.chain.clone(), |chain, one| one.in_chain(&chain));
        Predicted::of(&chain, self.vm, self.files).ok()
    }

    /// The candidates of which no other one measures the same with fewer changes.
    fn tell(&mut self, mut kept: Vec<Vec<Setting>>) {
        kept.sort_by_key(Vec::len);
        let mut seen: Vec<Vec<(Rem, Vec<u8>)>> = Vec::new();
        for settings in kept {
            let Some(made) = self.boot(&settings) else { continue };
            let values = made.rems(self.reading).values;
            let wanted = self.wanted.iter().zip(values);
            if wanted.into_iter().any(|(wanted, value)| wanted.is_some_and(|one| one != value)) {
                continue;
            }
            let events: Vec<_> =
                made.events.iter().map(|event| (event.rem, event.digest.clone())).collect();
            if !seen.contains(&events) {
                seen.push(events);
                self.findings.matches.push(settings);
            }
        }
    }
}
