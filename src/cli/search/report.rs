//! What `search` says.

use std::collections::BTreeSet;
use std::io;
use std::time::Duration;

use serde_json::{Value, json};

use super::args::SearchArgs;
use crate::cli::candidates::{refusals, typed};
use crate::cli::console::Console;
use crate::cli::exit::Exit;
use crate::cli::options::Format;
use crate::evidence::Target;
use crate::measure::event::{MeasuredEvent, RealmEvent};
use crate::measure::rim::HashAlgo;
use crate::predict::Assumption;
use crate::search::{Axis, Match, Parameter, Report, Shard, Space};

/// Candidates of one match that are printed in text.
const MAX_LINES: usize = 20;

/// A search that has ended.
pub(crate) struct Told {
    pub(crate) target: Target,
    pub(crate) space: Space,
    /// What of the VMM's options can be varied by name.
    pub(crate) settings: Vec<&'static str>,
    pub(crate) shard: Shard,
    /// Candidates of the part that was tried.
    pub(crate) in_part: u64,
    pub(crate) report: Report,
    pub(crate) assumptions: Vec<Assumption>,
    pub(crate) elapsed: Duration,
    /// The algorithm of the VM as it was said, if the RIM is of another.
    pub(crate) other_algo: Option<HashAlgo>,
}

const MISS: &[&str] = &[
    "a miss does not say how near a candidate was: the RIM is a hash chain, so the RIMs after \
     REALM_CREATE and after each region, of which only the last was observed, can not be known",
    "with a log of the RMM, or the stage RIMs of the real host, `rimsim explain` names the first \
     event that differs",
];

impl Told {
    pub(crate) fn tell(&self, args: &SearchArgs, console: &mut Console) -> io::Result<Exit> {
        if let Some(remark) = &self.target.remark {
            console.note(&format!("the RIM was given as {remark}"));
        }
        match args.format {
            Format::Text => self.text(console)?,
            Format::Json => console.json(&self.json())?,
        }
        refusals::tell(&self.report, args.guest.verbose, console);
        console.note(&self.summary());
        if !self.report.matches.is_empty() {
            self.not_varied().iter().for_each(|line| console.note(line));
            return Ok(Exit::Good);
        }
        if let Some(own) = self.other_algo {
            let rim = self.target.rim.algo();
            console.note(&format!(
                "the RIM has {} bytes ({}), and that of this VM {} ({}): it is of another \
                 algorithm, which no candidate changes that was tried",
                rim.len_bytes(),
                rim.name(),
                own.len_bytes(),
                own.name(),
            ));
        }
        self.advice().iter().for_each(|line| console.note(line));
        Ok(Exit::Mismatch)
    }

    fn verdict(&self) -> &'static str {
        match self.report.matches.as_slice() {
            [] => "none",
            [one] if one.candidates.len() == 1 => "unique",
            _ => "ambiguous",
        }
    }

    fn space_len(&self) -> u64 {
        self.space.len().unwrap_or(u64::MAX)
    }

    /// Candidates a second.
    fn rate(&self) -> f64 {
        #[allow(clippy::cast_precision_loss, reason = "a rate for people")]
        let tried = self.report.tried as f64;
        tried / self.elapsed.as_secs_f64().max(1e-9)
    }

    pub(crate) fn summary(&self) -> String {
        let Report { tried, refused, boots, lists, .. } = self.report;
        let of = match self.shard.is_whole() {
            true => self.space_len().to_string(),
            false => format!("{} in part {} of {}", self.in_part, self.shard, self.space_len()),
        };
        let (seconds, rate) = (self.elapsed.as_secs_f64(), self.rate());
        format!(
            "{tried} of {of} candidates in {seconds:.2} s ({rate:.0}/s): {refused} refused, \
             {lists} lists of events, {boots} boots in full"
        )
    }

    fn advice(&self) -> Vec<String> {
        let mut lines: Vec<String> = MISS.iter().map(ToString::to_string).collect();
        if !self.shard.is_whole() {
            lines.insert(0, format!("only part {} was tried: the others may have it", self.shard));
        }
        if self.report.tried < self.in_part {
            lines.insert(0, "the budget ended before the space did".into());
        }
        lines.extend(self.not_varied());
        lines.push("what no search varies: the files' contents".into());
        lines
    }

    /// Parameters that are what they were said to be, or assumed.
    fn not_varied(&self) -> Option<String> {
        let varied = |parameter: &Parameter| {
            self.space.axes().iter().any(|axis| axis.parameter == *parameter)
        };
        let settings = self.settings.iter().map(|name| Parameter::Setting(name));
        let fixed: Vec<String> = (Parameter::ALL.into_iter().chain(settings))
            .filter(|parameter| !varied(parameter))
            .map(|parameter| typed(parameter.name()))
            .collect();
        let names = fixed.join(", ");
        (!fixed.is_empty()).then(|| {
            format!(
                "not varied: {names}; add them with --vary, --append-variant, --dtb-candidate, \
                 --option-variant"
            )
        })
    }

    pub(crate) fn text(&self, console: &mut Console) -> io::Result<()> {
        console.result(self.verdict())?;
        for found in &self.report.matches {
            let event = MeasuredEvent::Realm(Box::new(found.params));
            console.result(&format!("{event} by {}", rules(found).join(", ")))?;
            let (same, rest) = self.same(found);
            for line in same {
                console.result(&format!("  {line}"))?;
            }
            for number in rest.iter().take(MAX_LINES) {
                let knobs = self.space.candidate(*number);
                let pair =
                    |knob: &crate::search::Knob| format!("{}={knob}", knob.parameter().name());
                let line: Vec<String> = knobs.iter().map(pair).collect();
                console.result(&format!("  {}", line.join(" ")))?;
            }
            if rest.len() > MAX_LINES {
                console.result(&format!("  and {} more", rest.len() - MAX_LINES))?;
            }
        }
        Ok(())
    }

    /// One line a parameter if the candidates are all combinations of these values; otherwise the
    /// candidates one by one.
    fn same<'m>(&self, found: &'m Match) -> (Vec<String>, &'m [u64]) {
        let values = self.values(&found.candidates);
        let product: usize = values.iter().map(|(_, values)| values.len()).product();
        if product != found.candidates.len() {
            return (Vec::new(), &found.candidates);
        }
        let line = |(axis, values): &(&Axis, Vec<String>)| {
            let name = axis.parameter.name();
            match values.as_slice() {
                [one] => format!("{name} = {one}"),
                several if several.len() == axis.values.len() => {
                    format!("{name}: any of {}, it is not measured here", several.join(", "))
                }
                several => format!("{name}: one of {}", several.join(", ")),
            }
        };
        (values.iter().map(line).collect(), &[])
    }

    /// The values of each parameter that occur, in the axis's order.
    fn values(&self, candidates: &[u64]) -> Vec<(&Axis, Vec<String>)> {
        let axes = self.space.axes();
        let mut seen = vec![BTreeSet::new(); axes.len()];
        for number in candidates {
            for (knob, seen) in self.space.candidate(*number).into_iter().zip(&mut seen) {
                seen.insert(knob);
            }
        }
        let in_order = |(axis, seen): (_, BTreeSet<_>)| {
            let axis: &Axis = axis;
            let values = axis.values.iter().filter(|value| seen.contains(*value));
            (axis, values.map(ToString::to_string).collect())
        };
        axes.iter().zip(seen).map(in_order).collect()
    }

    pub(crate) fn json(&self) -> Value {
        let matches: Vec<Value> =
            self.report.matches.iter().map(|found| self.found(found)).collect();
        let axes = self.space.axes().iter().map(|axis| {
            let values: Vec<String> = axis.values.iter().map(ToString::to_string).collect();
            json!({ "name": axis.parameter.name(), "values": values })
        });
        let reasons: Vec<Value> = (self.report.reasons.iter())
            .map(|(reason, count)| json!({ "reason": reason, "candidates": count }))
            .collect();
        let advice = match matches.is_empty() {
            true => self.advice(),
            false => self.not_varied().into_iter().collect(),
        };
        json!({
            "schema": "rimsim/1",
            "command": "search",
            "rim": self.target.rim.to_string(),
            "algorithm": self.target.rim.algo().name(),
            "remark": self.target.remark,
            "verdict": self.verdict(),
            "matches": matches,
            "assumptions": self.assumptions,
            "space": axes.collect::<Vec<_>>(),
            "space_size": self.space_len(),
            "shard": self.shard.to_string(),
            "shard_size": self.in_part,
            "tried": self.report.tried,
            "refused": self.report.refused,
            "refusals": reasons,
            "event_lists": self.report.lists,
            "boots": self.report.boots,
            "seconds": self.elapsed.as_secs_f64(),
            "candidates_per_second": self.rate(),
            "advice": advice,
        })
    }

    fn found(&self, found: &Match) -> Value {
        let candidates = found.candidates.iter().map(|number| {
            let knobs = self.space.candidate(*number);
            let pair = |knob: &crate::search::Knob| {
                (knob.parameter().name().to_owned(), Value::from(knob.to_string()))
            };
            Value::Object(knobs.iter().map(pair).collect())
        });
        let candidates: Vec<Value> = candidates.collect();
        json!({
            "realm_params": params(&found.params),
            "rim_rules": rules(found),
            "candidates": candidates,
        })
    }
}

fn rules(found: &Match) -> Vec<&'static str> {
    found.rules.iter().map(|rule| rule.name()).collect()
}

fn params(params: &RealmEvent) -> Value {
    json!({
        "flags": params.flags,
        "s2sz": params.s2sz,
        "sve_vl": params.sve_vl,
        "num_bps": params.num_bps,
        "num_wps": params.num_wps,
        "pmu_num_ctrs": params.pmu_num_ctrs,
        "hash_algo": params.hash_algo,
    })
}
