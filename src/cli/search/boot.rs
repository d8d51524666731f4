//! `rimsim search --chain`: what a chain leaves open and REMs tell.

use std::io;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::{Value, json};

use super::args::SearchArgs;
use crate::abi::profile::RemReading;
use crate::boot::{Findings, Setting};
use crate::cli::candidates::Budget;
use crate::cli::chains::{self, Booted};
use crate::cli::console::{Console, Progress};
use crate::cli::error::{CliError, usage};
use crate::cli::exit::Exit;
use crate::cli::input::{observed, observed_rem, read_token};
use crate::cli::options::Format;
use crate::encoding::shown::ShowPath as _;
use crate::evidence::{Accept, Token};
use crate::measure::rim::Measurement;

/// Candidates that are told one by one.
const MAX_TOLD: usize = 20;

/// What was observed.
#[derive(Default)]
struct Wanted {
    rim: Option<Measurement>,
    rems: [Option<Measurement>; 4],
}

/// A search that has ended.
struct Told {
    booted: Booted,
    wanted: Wanted,
    found: Findings,
    elapsed: Duration,
}

pub(super) fn run(args: &SearchArgs, chain: &Path, console: &mut Console) -> io::Result<Exit> {
    match search(args, chain, console) {
        Ok(told) => told.tell(args, console),
        Err(CliError(exit, text)) => {
            console.error(&text);
            Ok(exit)
        }
    }
}

fn wanted(args: &SearchArgs) -> Result<Wanted, CliError> {
    let mut wanted = Wanted::default();
    if let Some(path) = &args.token {
        let bytes = read_token(path)?;
        let accept = Accept { unknown_claims: true, padded: true };
        let token = Token::read(&bytes, accept);
        let token = token.map_err(|error| usage(format!("{}: {error}", path.shown())))?;
        let claims = token.realm_claims;
        wanted = Wanted { rim: Some(claims.rim), rems: claims.rems.map(Some) };
    }
    if let Some(text) = &args.rim {
        wanted.rim = Some(observed("--rim", text)?.rim);
    }
    for (number, text) in &args.expect_rem {
        let option = format!("--expect-rem {number}");
        wanted.rems[*number - 1] = Some(observed_rem(&option, text)?.rim);
    }
    if wanted.rems.iter().all(Option::is_none) {
        let why = "--chain: say what the REMs are, with --token or --expect-rem N=REM";
        return Err(usage(why.into()));
    }
    Ok(wanted)
}

fn search(args: &SearchArgs, chain: &Path, console: &mut Console) -> Result<Told, CliError> {
    let space = &args.space;
    let has_space = !space.vary.is_empty() || !space.append_variant.is_empty();
    if has_space || !space.dtb_candidate.is_empty() {
        let why =
            "--vary, --append-variant, --dtb-candidate: of a VMM's line; a chain says its own";
        return Err(usage(why.into()));
    }
    let wanted = wanted(args)?;
    let reading = RemReading::Concatenated;
    let booted = chains::open(chain, args.outside, &args.hashing, reading, console)?;
    let algo = booted.predicted.algo;
    let all = wanted.rems.iter().chain([&wanted.rim]).flatten();
    if let Some(other) = all.map(|value| value.algo()).find(|found| *found != algo) {
        let (other, own) = (other.name(), algo.name());
        let why =
            format!("what was observed is of {other}, and the chain's Realm measures by {own}");
        return Err(usage(why));
    }
    let budget = space.budget.unwrap_or(Budget::Candidates(u64::MAX));
    let most = budget.candidates();
    let mut progress = Progress::of_candidates(most.min(1 << 20));
    let counter = progress.counter();
    let mut go_on = |tried: u64| {
        counter.store(tried, Ordering::Relaxed);
        !budget.is_over(progress.elapsed()) && tried < most
    };
    let found = booted.find(&wanted.rems, &mut go_on)?;
    let elapsed = progress.elapsed();
    progress.clear();
    Ok(Told { booted, wanted, found, elapsed })
}

impl Told {
    fn rim_is_equal(&self) -> bool {
        self.wanted.rim.is_none_or(|rim| self.booted.rim.is_none_or(|own| own == rim))
    }

    fn verdict(&self) -> &'static str {
        match &self.found.matches[..] {
            [] => "none",
            [_] => "unique",
            _ => "ambiguous",
        }
    }

    fn tell(&self, args: &SearchArgs, console: &mut Console) -> io::Result<Exit> {
        match args.format {
            Format::Json => console.json(&self.document())?,
            Format::Text => self.text(console)?,
        }
        let Findings { tried, .. } = self.found;
        let seconds = self.elapsed.as_secs_f64();
        console.note(&format!("{tried} candidates in {seconds:.2} s"));
        self.advice().iter().for_each(|line| console.note(line));
        let good = !self.found.matches.is_empty() && self.rim_is_equal();
        Ok(if good { Exit::Good } else { Exit::Mismatch })
    }

    fn text(&self, console: &mut Console) -> io::Result<()> {
        console.result(self.verdict())?;
        for settings in self.found.matches.iter().take(MAX_TOLD) {
            console.result(&format!("  {}", in_words(settings)))?;
        }
        if let Some(more) = self.found.matches.len().checked_sub(MAX_TOLD).filter(|n| *n > 0) {
            console.result(&format!("  and {more} more"))?;
        }
        if let Some(rem) = self.found.missed {
            console.result(&format!("  no candidate makes {rem}"))?;
        }
        Ok(())
    }

    fn advice(&self) -> Vec<String> {
        let mut lines = Vec::new();
        if !self.found.complete {
            lines.push("the budget ended before all candidates were tried".to_owned());
        }
        if !self.rim_is_equal() {
            let why = "the RIM is not the chain's: firmware, device tree or parameters differ";
            lines.push(format!("{why}; rimsim search with the VMM's line varies these"));
        }
        if self.found.matches.is_empty() {
            let why = "what no search varies: the files' contents, variables but for their order";
            lines.push(format!("{why}, and what GRUB does; the guest's log names what differs"));
        }
        lines
    }

    fn document(&self) -> Value {
        let list = |settings: &Vec<Setting>| -> Vec<String> {
            settings.iter().map(ToString::to_string).collect()
        };
        let Self { booted, wanted, found, elapsed } = self;
        json!({
            "schema": "rimsim/1",
            "command": "search",
            "chain": booted.name,
            "verdict": self.verdict(),
            "rim": wanted.rim.map(|rim| rim.to_string()),
            "rim_equal": self.rim_is_equal(),
            "rems": wanted.rems.map(|rem| rem.map(|rem| rem.to_string())),
            "matches": found.matches.iter().map(list).collect::<Vec<_>>(),
            "missed_rem": found.missed.map(|rem| rem.index()),
            "tried": found.tried,
            "complete": found.complete,
            "seconds": elapsed.as_secs_f64(),
            "advice": self.advice(),
        })
    }
}

fn in_words(settings: &[Setting]) -> String {
    match settings {
        [] => "as the chain says".to_owned(),
        settings => settings.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
    }
}
