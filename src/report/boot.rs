//! A measured boot on the page: what extends which register, in time.

use std::fmt::{self, Write};

use serde_json::{Value, json};

use super::text::{Count, plain};
use crate::encoding::markup::Markup;
use crate::measure::rim::Measurement;

/// Most measurements that have a row each.
const MAX_ROWS: usize = 10_000;

/// A measured boot.
#[derive(Clone, Debug)]
pub struct BootReport {
    /// Its name.
    pub name: String,
    /// The RIM, if it is known.
    pub rim: Option<Measurement>,
    /// REM 1 to 4 in the end, by RSI's index.
    pub rems: [Measurement; 4],
    /// What should be known of it: the firmware, and what was assumed.
    pub remarks: Vec<String>,
    /// Every measurement, in order.
    pub steps: Vec<BootStep>,
}

/// One measurement.
#[derive(Clone, Debug)]
pub struct BootStep {
    /// RSI's index of the REM that it extends, 1 to 4.
    pub rem: u8,
    /// The name of its type.
    pub kind: String,
    /// The stage that makes it.
    pub stage: String,
    /// What it is.
    pub what: String,
    /// What it varies with.
    pub varies: String,
    /// Its digest in hexadecimal.
    pub digest: String,
    /// The REM after it.
    pub after: Measurement,
}

/// Where boots differ, in lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BootDifference {
    /// What is expected.
    pub expected: String,
    /// What was found.
    pub found: String,
    /// In words.
    pub lines: Vec<String>,
}

impl BootReport {
    /// For the page's code.
    pub(super) fn data(&self) -> Value {
        let step = |step: &BootStep| {
            let BootStep { rem, kind, stage, what, digest, after, .. } = step;
            json!([rem, kind, plain(stage), plain(what), digest, after.to_string()])
        };
        json!({
            "name": plain(&self.name),
            "rim": self.rim.map(|rim| rim.to_string()),
            "rems": self.rems.map(|rem| rem.to_string()),
            "steps": self.steps.iter().map(step).collect::<Vec<_>>(),
        })
    }
}

/// The registers of several boots beside each other.
pub(super) fn overview(out: &mut String, boots: &[BootReport]) -> fmt::Result {
    if boots.len() < 2 {
        return Ok(());
    }
    out.push_str("<section><h2>Boots</h2>\n<div class=\"wide\"><table><thead><tr><th>Boot</th>");
    out.push_str("<th>Register</th><th>Value</th></tr></thead><tbody>\n");
    for (i, boot) in boots.iter().enumerate() {
        let rim = boot.rim.map(|rim| ("rim".to_owned(), rim));
        let rems = (1..).zip(boot.rems).map(|(number, rem)| (format!("rem{number}"), rem));
        for (register, value) in rim.into_iter().chain(rems) {
            let name = Markup(&boot.name);
            writeln!(
                out,
                "<tr><td class=\"name\"><a href=\"#boot-{i}\">{name}</a></td><td>{register}</td>\
                 <td class=\"mono\">{value}</td></tr>"
            )?;
        }
    }
    out.push_str("</tbody></table></div></section>\n");
    Ok(())
}

/// Registers, remarks and the timeline of one.
pub(super) fn section(out: &mut String, i: usize, boot: &BootReport) -> fmt::Result {
    let BootReport { name, rim, rems, remarks, steps } = boot;
    writeln!(out, "<section id=\"boot-{i}\"><h2>Boot {}</h2>", Markup(name))?;
    if let Some(rim) = rim {
        writeln!(out, "<p class=\"rim\"><span class=\"dim\">RIM</span> {rim}</p>")?;
    }
    for (number, rem) in (1..).zip(rems) {
        writeln!(out, "<p class=\"rim\"><span class=\"dim\">REM {number}</span> {rem}</p>")?;
    }
    for remark in remarks {
        writeln!(out, "<p class=\"note\">{}</p>", Markup(remark))?;
    }
    let count = Count(steps.len() as u64);
    let s = if steps.len() == 1 { "" } else { "s" };
    writeln!(out, "<h3>{count} measurement{s} in time, and the register after each</h3>")?;
    out.push_str(
        "<div class=\"wide\"><table class=\"time\"><thead><tr><th>No.</th><th>rem1</th>\
         <th>rem2</th><th>rem3</th><th>rem4</th><th>Measurement, its digest, and the register \
         after it</th></tr></thead><tbody>\n",
    );
    let mut stage = "";
    for (number, step) in (1..).zip(steps).take(MAX_ROWS) {
        if step.stage != stage {
            stage = &step.stage;
            let stage = Markup(stage);
            writeln!(
                out,
                "<tr class=\"stage\"><th colspan=\"6\" scope=\"rowgroup\">{stage}</th></tr>"
            )?;
        }
        row(out, number, step)?;
    }
    if let Some(more) = steps.len().checked_sub(MAX_ROWS).filter(|more| *more > 0) {
        let more = Count(more as u64);
        writeln!(
            out,
            "<tr class=\"more\"><td colspan=\"6\">{more} more rows are left out</td></tr>"
        )?;
    }
    out.push_str("</tbody></table></div></section>\n");
    Ok(())
}

fn row(out: &mut String, number: usize, step: &BootStep) -> fmt::Result {
    write!(out, "<tr><td class=\"number\">{number}</td>")?;
    for rem in 1..=4 {
        if rem == step.rem {
            write!(out, "<td class=\"lane on\" title=\"extends rem{rem}\">\u{25cf}</td>")?;
        } else {
            out.push_str("<td class=\"lane\"></td>");
        }
    }
    let BootStep { rem, kind, what, varies, digest, after, .. } = step;
    let (what, varies) = (Markup(what), Markup(varies));
    writeln!(
        out,
        "<td class=\"mono\">{what} <span class=\"dim\">{}; {varies}</span><br>\
         <span class=\"dim\">{digest}<br>rem{rem} {after}</span></td></tr>",
        Markup(kind)
    )
}

/// Where boots differ.
pub(super) fn difference(out: &mut String, found: &BootDifference) -> fmt::Result {
    let BootDifference { expected, found, lines } = found;
    let (expected, found) = (Markup(expected), Markup(found));
    writeln!(out, "<section><h2>{expected} and {found}</h2>\n<pre class=\"mono\">")?;
    lines.iter().try_for_each(|line| writeln!(out, "{}", Markup(line)))?;
    out.push_str("</pre></section>\n");
    Ok(())
}
