//! What `why` says.

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use serde_json::{Value, json};

use super::boot_log::LogTells;
use super::seen::Led;
use super::sentence::{listed, needs, said, stage};
use crate::cli::candidates::refusals;
use crate::cli::console::Console;
use crate::cli::exit::Exit;
use crate::cli::options::Format;
use crate::encoding::shown::ShowPath as _;
use crate::evidence::Target;
use crate::host::Vmm;
use crate::measure::rim::HashAlgo;
use crate::search::{Candidates as _, Knob, Report, Shard};
use crate::why::{Change, Outward, Prefix, knobs};

/// Explanations that are told.
const MAX_EXPLANATIONS: usize = 8;
/// Values of one thing that are told.
const MAX_VALUES: usize = 4;

/// What was found out.
pub(crate) enum Finding {
    /// The RIM is that of what was said.
    AsSaid,
    /// It is that of these candidates, by number.
    Found(Vec<u64>),
    /// It is that of what was seen, and these changes led to it.
    Seen,
    /// It is that of a lock, or of a row of one.
    Locked(String),
    /// It is that of an earlier stage of what was said.
    Stage(Prefix),
    /// It is none of those that were tried.
    Nothing,
}

/// An answer.
pub(crate) struct Told {
    pub(super) target: Target,
    pub(super) is_token: bool,
    pub(super) vmm: Vmm,
    /// Why what was said can not be, if it can not.
    pub(super) base_refused: Option<String>,
    /// The algorithm of what was said, if it is another than the RIM's.
    pub(super) other_algo: Option<HashAlgo>,
    /// The KVM that chooses the algorithm, if no option does.
    pub(super) algo_of_kvm: Option<&'static str>,
    pub(super) finding: Finding,
    pub(super) outward: Outward,
    pub(super) shard: Shard,
    pub(super) report: Report,
    /// What else could be otherwise without another RIM, and whether all that could was tried.
    pub(super) open: Vec<Change>,
    pub(super) open_is_whole: bool,
    /// What was seen, and what leads to it.
    pub(super) led: Option<Led>,
    /// What makes the RIM as well, in place of what leads to what was seen.
    pub(super) instead: Vec<Vec<Change>>,
    /// What the log of a boot tells that was seen.
    pub(super) log: Option<LogTells>,
    /// Whether all was tried that is as likely as what was found.
    pub(super) is_whole: bool,
    /// Options that go with explanations, by their number.
    pub(super) along: BTreeMap<u64, Vec<String>>,
    pub(super) passed_over: usize,
    pub(super) elapsed: Duration,
}

impl Told {
    /// Takes the likeliest of what was found: those with the fewest changes.
    pub(super) fn take_matches(&mut self) {
        let matches = self.report.matches.iter();
        let mut numbers: Vec<u64> = matches.flat_map(|found| found.candidates.clone()).collect();
        numbers.sort_unstable();
        numbers.dedup();
        if !numbers.is_empty() {
            self.finding = Finding::Found(numbers);
        }
    }

    /// The likeliest of the candidates that were found.
    pub(super) fn likeliest(&self) -> Option<u64> {
        match &self.finding {
            Finding::Found(numbers) => numbers.first().copied(),
            _ => None,
        }
    }

    /// What is otherwise in the VM that was found, or in that which is nearest to what was seen.
    pub(super) fn knobs(&self) -> Vec<Knob> {
        match (&self.finding, self.likeliest(), &self.led) {
            (Finding::AsSaid, ..) => Vec::new(),
            (_, Some(found), _) => self.outward.candidate(found),
            (_, None, Some(led)) => knobs(&led.changes),
            (_, None, None) => Vec::new(),
        }
    }

    pub(super) fn tell(
        &self,
        format: Format,
        verbose: bool,
        console: &mut Console,
    ) -> io::Result<Exit> {
        match format {
            Format::Text => self.text(console)?,
            Format::Json => console.json(&self.json())?,
        }
        self.notes(verbose, console);
        Ok(if matches!(self.finding, Finding::Nothing) { Exit::Mismatch } else { Exit::Good })
    }

    /// Says what people have to know besides the result.
    pub(crate) fn notes(&self, verbose: bool, console: &mut Console) {
        if let Some(remark) = &self.target.remark {
            console.note(&format!("the RIM was given as {remark}"));
        }
        if verbose || matches!(self.finding, Finding::Nothing) {
            refusals::tell(&self.report, verbose, console);
        }
        console.note(&self.summary());
        self.advice().iter().for_each(|line| console.note(line));
    }

    fn verdict(&self) -> &'static str {
        match &self.finding {
            Finding::AsSaid => "as said",
            Finding::Found(numbers) if numbers.len() > 1 => "ambiguous",
            Finding::Found(_) if self.is_whole => "unique",
            Finding::Found(_) => "found",
            Finding::Seen => "seen",
            Finding::Locked(_) => "locked",
            Finding::Stage(_) => "stage",
            Finding::Nothing => "none",
        }
    }

    fn noun(&self) -> &'static str {
        if self.is_token { "token" } else { "RIM" }
    }

    /// The answer.
    fn sentence(&self) -> String {
        let noun = self.noun();
        let hash = self.hash().map_or(String::new(), |hash| format!("; {hash}"));
        match &self.finding {
            Finding::AsSaid => format!("your {noun} is that of the VM that you said{hash}"),
            Finding::Found(numbers) => {
                let changes = self.outward.changes_of(numbers[0]);
                let needs = needs(&changes, self.along_with(numbers[0]));
                format!("your {noun} is this VM with {needs}; you said {}{hash}", said(&changes))
            }
            Finding::Seen => {
                let changes: Vec<&Change> = self.led.iter().flat_map(|led| &led.changes).collect();
                let (needs, said) = (needs(&changes, &[]), said(&changes));
                format!("your {noun} is this VM with {needs}; you said {said}{hash}")
            }
            Finding::Locked(name) => {
                format!("your {noun} is the VM of {name}, not the one you said")
            }
            Finding::Stage(prefix) => {
                let (last, missing) = stage(prefix);
                format!(
                    "your {noun} is this VM as it is before it is complete: it ends after {last}; \
                     left out is {missing}{hash}"
                )
            }
            Finding::Nothing => format!(
                "your {noun} is not this VM, {}{}{hash}",
                self.tried(),
                if self.budget_ended() { "; then the budget ended" } else { "" },
            ),
        }
    }

    fn along_with(&self, number: u64) -> &[String] {
        self.along.get(&number).map_or(&[], Vec::as_slice)
    }

    /// What was tried: all of it, or so much of it.
    fn tried(&self) -> String {
        let part = self.shard.each_of(&self.outward);
        let tried = self.report.tried;
        // The first candidate is what was said.
        let (said, first_pair) = (part.before(1), part.before(self.outward.first_pair()));
        let (changes, pairs) = (first_pair - said, part.count() - first_pair);
        let of = |tried: u64, all: u64| {
            if tried == all { format!("{all}") } else { format!("{tried} of {all}") }
        };
        let singles = tried.saturating_sub(said).min(changes);
        let text = format!("nor this VM with one change ({} tried)", of(singles, changes));
        let tried = tried.saturating_sub(first_pair);
        match tried {
            0 => text,
            _ => format!("{text} or with two ({} pairs tried)", of(tried, pairs)),
        }
    }

    /// Whether the time was over before all was tried that could have been the answer.
    fn budget_ended(&self) -> bool {
        let is_open = matches!(self.finding, Finding::Nothing);
        is_open && self.report.tried < self.shard.each_of(&self.outward).count()
    }

    /// What the RIM's length says before anything is tried.
    fn hash(&self) -> Option<String> {
        let said = self.other_algo?;
        let rim = self.target.rim.algo();
        let who = match self.algo_of_kvm {
            Some(kvm) => format!("{kvm} with this VMM knows no other, so another --host ran it"),
            None => self.vmm.hash_option().to_owned(),
        };
        Some(format!(
            "it is measured by {} ({} bytes), and what you said by {} ({} bytes): {who}",
            rim.name(),
            rim.len_bytes(),
            said.name(),
            said.len_bytes(),
        ))
    }

    pub(crate) fn text(&self, console: &mut Console) -> io::Result<()> {
        console.result(self.verdict())?;
        console.result(&self.sentence())?;
        let others = self.others();
        for (changes, along) in others.iter().take(MAX_EXPLANATIONS) {
            let needs = needs(changes, along);
            console.result(&format!("or with {needs}; you said {}", said(changes)))?;
        }
        if others.len() > MAX_EXPLANATIONS {
            let more = others.len() - MAX_EXPLANATIONS;
            console.result(&format!("and {more} more explanations"))?;
        }
        self.seen().iter().try_for_each(|line| console.result(line))?;
        let log = self.log.iter().flat_map(LogTells::lines);
        log.into_iter().try_for_each(|line| console.result(&line))?;
        if let Some(line) = self.meaning() {
            console.result(line)?;
        }
        let (any, some): (Vec<_>, Vec<_>) =
            self.open().into_iter().partition(|(about, values)| self.is_any(about, values.len()));
        if !any.is_empty() {
            let names: Vec<String> = any.iter().map(|(about, _)| (*about).to_owned()).collect();
            console.result(&format!("not measured here, so still open: {}", listed(&names)))?;
        }
        for (about, values) in some {
            let more = values.len().saturating_sub(MAX_VALUES);
            let mut values: Vec<String> = values.into_iter().take(MAX_VALUES).collect();
            if more > 0 {
                values.push(format!("{more} more"));
            }
            console.result(&format!("still open: {about}, also with {}", listed(&values)))?;
        }
        Ok(())
    }

    /// The explanations after the first: what is otherwise, and what goes with it.
    fn others(&self) -> Vec<(Vec<&Change>, &[String])> {
        match &self.finding {
            Finding::Found(numbers) => {
                let of = |number: &u64| {
                    let changes = self.outward.changes_of(*number);
                    (changes, self.along_with(*number))
                };
                numbers.iter().skip(1).map(of).collect()
            }
            Finding::Seen => {
                self.instead.iter().map(|changes| (changes.iter().collect(), &[][..])).collect()
            }
            _ => Vec::new(),
        }
    }

    /// Whether there is one explanation, and all was tried that is as likely.
    fn is_only(&self) -> bool {
        let is_explained = matches!(self.finding, Finding::Found(_) | Finding::Seen);
        is_explained && self.others().is_empty() && self.is_whole
    }

    /// What was seen and what leads to it, where that is not the whole answer.
    fn seen(&self) -> Vec<String> {
        let Some(led) = &self.led else { return Vec::new() };
        let (path, changes) = (led.path.shown(), led.changes.iter().collect::<Vec<_>>());
        let mut lines = Vec::new();
        if !changes.is_empty() && !matches!(self.finding, Finding::Seen) {
            let (needs, said) = (needs(&changes, &[]), said(&changes));
            lines.push(format!("{path} is nearest to this VM with {needs}; you said {said}"));
        }
        let left = led.left.iter().take(MAX_EXPLANATIONS);
        lines.extend(left.map(|what| format!("no option explains of {path}: {what}")));
        if led.left.len() > MAX_EXPLANATIONS {
            let more = led.left.len() - MAX_EXPLANATIONS;
            lines.push(format!("no option explains of {path}: {more} more differences"));
        }
        lines
    }

    /// What the first line says of what is still open.
    fn meaning(&self) -> Option<&'static str> {
        if matches!(self.finding, Finding::Seen) && self.is_only() {
            return Some(
                "the only one: no other change in place of one of these, of all that was tried, \
                 makes this RIM",
            );
        }
        let is_open = !self.open.is_empty() && self.verdict() == "unique";
        is_open.then_some(
            "unique: no other change that was tried makes this RIM; what follows does not change \
             it, so it may be so as well",
        )
    }

    /// What was not tried of what belongs to an answer.
    fn not_whole(&self) -> Vec<String> {
        let mut lines = Vec::new();
        let is_explained = matches!(self.finding, Finding::Found(_) | Finding::Seen);
        if is_explained && !self.is_whole {
            let why = match self.shard.is_whole() {
                true => "the budget ended before all was tried that is as likely".to_owned(),
                false => format!("only part {} was tried", self.shard),
            };
            lines.push(format!("there may be other explanations: {why}"));
        }
        if !self.open_is_whole {
            let why = "what else leaves this RIM as it is was not all tried: the budget ended";
            lines.push(why.to_owned());
        }
        lines
    }

    /// What the RIM does not tell, by what it is about.
    fn open(&self) -> Vec<(&'static str, Vec<String>)> {
        let mut groups: Vec<(&'static str, Vec<String>)> = Vec::new();
        for change in &self.open {
            match groups.iter_mut().find(|(about, _)| *about == change.about) {
                Some((_, values)) => values.push(change.needs.clone()),
                None => groups.push((change.about, vec![change.needs.clone()])),
            }
        }
        groups
    }

    /// Whether all that was tried of a thing that has several values leaves the RIM what it is.
    fn is_any(&self, about: &str, open: usize) -> bool {
        let tried = self.outward.changes().iter().filter(|change| change.about == about);
        open > 1 && tried.count() == open
    }

    fn summary(&self) -> String {
        let Report { tried, refused, boots, .. } = self.report;
        let of = self.shard.each_of(&self.outward).count();
        let part = match self.shard.is_whole() {
            true => String::new(),
            false => format!(" in part {}", self.shard),
        };
        let seconds = self.elapsed.as_secs_f64();
        format!(
            "{tried} of {of} candidates{part} in {seconds:.2} s: {refused} refused, {boots} boots \
             in full"
        )
    }

    fn advice(&self) -> Vec<String> {
        let mut lines = Vec::new();
        if let Some(why) = &self.base_refused {
            lines.push(format!("what you said makes no VM by itself: {why}"));
        }
        lines.extend(self.not_whole());
        if !matches!(self.finding, Finding::Nothing) {
            return lines;
        }
        if !self.shard.is_whole() {
            lines.push(format!("only part {} was tried: the others may have it", self.shard));
        }
        if self.budget_ended() {
            lines.push("give more time with --budget (120, 5m, 1h)".into());
        }
        if self.passed_over > 0 {
            let passed = self.passed_over;
            lines.push(format!("{passed} files beside yours were not looked at: --candidate FILE"));
        }
        lines.extend([
            "not tried: three changes at once, other contents of the files than those that are \
             there, and sizes of RAM that nobody usually has (rimsim search --vary)"
                .into(),
            "collect next: the device tree of the running VM (/sys/firmware/fdt), the log of its \
             boot (/sys/firmware/acpi/tables/data/CCEL) or a log of the RMM, for --seen; other \
             kernels, initrds and firmware, for --candidate"
                .into(),
        ]);
        lines
    }

    /// Each explanation as its changes, and what goes with them.
    fn explanations(&self) -> Vec<Value> {
        let told = |changes: &[&Change], along: &[String]| {
            json!({
                "changes": changes.iter().map(|one| of_change(one)).collect::<Vec<_>>(),
                "with": along,
            })
        };
        match &self.finding {
            Finding::Found(numbers) => (numbers.iter())
                .map(|number| told(&self.outward.changes_of(*number), self.along_with(*number)))
                .collect(),
            Finding::Seen => {
                let first = self.led.iter().map(|led| &led.changes);
                let all = first.chain(&self.instead);
                all.map(|changes| told(&changes.iter().collect::<Vec<_>>(), &[])).collect()
            }
            _ => Vec::new(),
        }
    }

    pub(crate) fn json(&self) -> Value {
        let open: Vec<Value> = (self.open().into_iter())
            .map(|(about, values)| json!({ "about": about, "also": values }))
            .collect();
        let reasons: Vec<Value> = (refusals::reasons(&self.report).into_iter())
            .map(|(reason, count)| json!({ "reason": reason, "candidates": count }))
            .collect();
        let missing = match &self.finding {
            Finding::Stage(prefix) => Some(stage(prefix)),
            _ => None,
        };
        let led = self.led.as_ref().map(|led| {
            json!({
                "file": led.path.display().to_string(),
                "changes": led.changes.iter().map(of_change).collect::<Vec<_>>(),
                "left": led.left,
                "rim_equal": led.rim == Some(self.target.rim),
            })
        });
        json!({
            "schema": "rimsim/1",
            "command": "why",
            "seen": led,
            "log": self.log.as_ref().map(LogTells::json),
            "rim": self.target.rim.to_string(),
            "algorithm": self.target.rim.algo().name(),
            "algorithm_said": self.other_algo.map(HashAlgo::name),
            "remark": self.target.remark,
            "verdict": self.verdict(),
            "sentence": self.sentence(),
            "explanations": self.explanations(),
            "only": self.is_only(),
            "stage": missing
                .map(|(last, missing)| json!({ "ends_after": last, "left_out": missing })),
            "still_open": open,
            "still_open_is_whole": self.open_is_whole,
            "refused_as_said": self.base_refused,
            "changes": self.outward.changes().len(),
            "candidates": self.outward.count(),
            "shard": self.shard.to_string(),
            "tried": self.report.tried,
            "budget_ended": self.budget_ended(),
            "refused": self.report.refused,
            "refusals": reasons,
            "boots": self.report.boots,
            "seconds": self.elapsed.as_secs_f64(),
            "advice": self.advice(),
        })
    }
}

fn of_change(change: &Change) -> Value {
    json!({
        "about": change.about,
        "said": change.said,
        "needs": change.needs,
        "fix": change.fix,
    })
}
