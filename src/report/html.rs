//! The page itself.

use std::fmt::{self, Write};

use serde_json::json;

use super::realm::{EventRow, Part, Shown};
use super::text::Count;
use super::{BootReport, Otherwise, RealmReport, Report, boot};
use crate::abi::addr::Hex;
use crate::encoding::markup::Markup;

/// Who made the page.
const TOOL: &str = concat!("rimsim ", env!("CARGO_PKG_VERSION"));
/// Rows of a list that stand in the page without its code: on paper, unless all are asked for.
const PLAIN_ROWS: usize = 200;

/// Makes the page.
///
/// # Bounds
/// Time and memory grow with the page, memory by at most 200 bytes for each byte of what was read.
#[must_use]
pub fn write(report: &Report) -> String {
    let mut page = String::new();
    // Writing to a String can not fail.
    let _ = document(&mut page, report);
    page
}

fn document(out: &mut String, report: &Report) -> fmt::Result {
    let title = Markup(&report.title);
    write!(
        out,
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; \
         style-src 'unsafe-inline'; script-src 'unsafe-inline'\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>{title} - rimsim</title>\n\
         <style>\n{}</style><noscript><style>.list, .tools, .map, .dim.how {{ display: none; }} \
         .plain {{ display: block; }}</style></noscript></head><body><main>\n",
        include_str!("page.css")
    )?;
    heading(out, report)?;
    for message in &report.messages {
        writeln!(out, "<p class=\"alert\" role=\"alert\">{}</p>", Markup(message))?;
    }
    for note in &report.notes {
        writeln!(out, "<p class=\"note\">{}</p>", Markup(note))?;
    }
    overview(out, report)?;
    otherwise(out, report)?;
    boot::overview(out, &report.boots)?;
    report.differences.iter().try_for_each(|found| boot::difference(out, found))?;
    for (i, one) in report.boots.iter().enumerate() {
        boot::section(out, i, one)?;
    }
    if !report.realms.is_empty() || report.boots.is_empty() {
        findings(out, report)?;
    }
    for (i, realm) in report.realms.iter().enumerate() {
        section(out, i, realm, report.realms.len() > 1)?;
    }
    inputs(out, report)?;
    platforms(out, report)?;
    let realms: Vec<_> = report.realms.iter().map(RealmReport::data).collect();
    let boots: Vec<_> = report.boots.iter().map(BootReport::data).collect();
    let data = json!({ "realms": realms, "boots": boots }).to_string().replace('<', "\\u003c");
    write!(
        out,
        "</main><script type=\"application/json\" id=\"data\">{data}</script>\n\
         <script>\n{}</script></body></html>\n",
        include_str!("page.js")
    )
}

/// What somebody looks for first: the RIM, if there is one, and by which rule.
fn heading(out: &mut String, report: &Report) -> fmt::Result {
    let title = Markup(&report.title);
    let [realm] = report.realms.as_slice() else {
        return writeln!(out, "<h1>{title}</h1><p class=\"dim\">{TOOL}</p>");
    };
    write!(out, "<h1>RIM of {}</h1>", Markup(&realm.name))?;
    writeln!(out, "<p class=\"dim\">from {title}, by {TOOL}</p>")?;
    rim(out, realm)?;
    how(out, realm)
}

/// A RIM with a button that copies it.
fn rim(out: &mut String, realm: &RealmReport) -> fmt::Result {
    writeln!(
        out,
        "<p class=\"rim hero\"><span class=\"dim\">RIM</span> <code>{}</code> \
         <button class=\"copy\" hidden>Copy</button></p>",
        realm.rim
    )
}

/// What made a RIM, and what was assumed.
fn how(out: &mut String, realm: &RealmReport) -> fmt::Result {
    let said = |wanted: &str| {
        let found = realm.params.iter().find(|(name, _)| *name == wanted);
        found.map_or("", |(_, value)| value.as_str())
    };
    writeln!(
        out,
        "<p>{} bytes, {}, by the rule <code>{}</code> of RMM {}; {} measured events.</p>",
        realm.rim.as_bytes().len(),
        Markup(said("hash algorithm")),
        Markup(said("rule of the RIM")),
        Markup(said("RMM")),
        Count(realm.events)
    )?;
    if !realm.assumed.is_empty() {
        let assumed = realm.assumed.join(", ");
        writeln!(
            out,
            "<p class=\"note\">Assumed, because nobody said it: {}</p>",
            Markup(&assumed)
        )?;
    }
    Ok(())
}

/// The RIMs of several Realms beside each other, and in what the Realms differ.
fn overview(out: &mut String, report: &Report) -> fmt::Result {
    if report.realms.len() < 2 {
        return Ok(());
    }
    out.push_str("<section><h2>Realms</h2>\n");
    table_head(out, &["Realm", "State", "Events", "RIM"])?;
    for (i, realm) in report.realms.iter().enumerate() {
        write!(
            out,
            "<tr><td class=\"name\"><a href=\"#realm-{i}\">{}</a></td><td>{}</td><td>{}</td>\
             <td class=\"mono\">{}",
            Markup(&realm.name),
            realm.state,
            Count(realm.events),
            realm.rim
        )?;
        let same = report.realms[..i].iter().find(|other| other.rim == realm.rim);
        if let Some(other) = same {
            write!(out, " <span class=\"same\">same RIM as {}</span>", Markup(&other.name))?;
        }
        out.push_str("</td></tr>\n");
    }
    out.push_str("</tbody></table></div></section>\n");
    comparison(out, &report.realms)
}

/// The options of command lines that are otherwise than those of the first.
fn otherwise(out: &mut String, report: &Report) -> fmt::Result {
    for Otherwise { names: [a, b], lines } in &report.otherwise {
        let (a, b) = (Markup(a), Markup(b));
        write!(out, "<section><h2>{a} against {b}</h2>\n<pre>")?;
        lines.iter().try_for_each(|line| writeln!(out, "{}", Markup(line)))?;
        out.push_str("</pre></section>\n");
    }
    Ok(())
}

/// Most Realms that stand beside each other.
const MOST_COMPARED: usize = 8;

/// Parameters of which two Realms have different ones, and the first event in which each differs
/// from the first Realm.
fn comparison(out: &mut String, realms: &[RealmReport]) -> fmt::Result {
    let realms = &realms[..realms.len().min(MOST_COMPARED)];
    let first = &realms[0];
    let value = |realm: &RealmReport, name: &str| {
        let found = realm.params.iter().find(|(known, _)| *known == name);
        found.map_or_else(|| "-".to_owned(), |(_, value)| value.clone())
    };
    let mut names: Vec<&str> = Vec::new();
    for (name, _) in realms.iter().flat_map(|realm| &realm.params) {
        let differs = realms.iter().any(|realm| value(realm, name) != value(first, name));
        if differs && !names.contains(name) {
            names.push(name);
        }
    }
    out.push_str("<section><h2>Comparison</h2>\n<div class=\"wide\"><table><thead><tr><th></th>");
    realms.iter().try_for_each(|realm| write!(out, "<th>{}</th>", Markup(&realm.name)))?;
    out.push_str("</tr></thead><tbody>\n");
    for name in &names {
        write!(out, "<tr><td>{name}</td>")?;
        for realm in realms {
            let own = value(realm, name);
            let class = if own == value(first, name) { "mono" } else { "mono differs" };
            write!(out, "<td class=\"{class}\">{}</td>", Markup(&own))?;
        }
        out.push_str("</tr>\n");
    }
    out.push_str("<tr><td>first event that differs</td><td class=\"dim\">compared with this</td>");
    for realm in &realms[1..] {
        let same = realm.rows_as_in(first);
        match realm.rows.get(same) {
            Some(row) => {
                let text = Markup(&row.text);
                write!(out, "<td class=\"mono differs\">{}: {text}</td>", Count(row.number))?;
            }
            None if realm.events < first.events => {
                out.push_str("<td class=\"differs\">it ends</td>");
            }
            None => out.push_str("<td>none</td>"),
        }
    }
    out.push_str("</tr>\n</tbody></table></div>");
    if names.is_empty() {
        out.push_str("<p class=\"dim\">All parameters are the same.</p>");
    }
    out.push_str("</section>\n");
    Ok(())
}

fn findings(out: &mut String, report: &Report) -> fmt::Result {
    out.push_str("<section><h2>Findings</h2>\n");
    if report.findings.is_empty() {
        out.push_str("<p>rimsim lint finds nothing.</p></section>\n");
        return Ok(());
    }
    table_head(out, &["Severity", "Rule", "Where", "What"])?;
    for finding in &report.findings {
        let (severity, id) = (Markup(&finding.severity), Markup(&finding.id));
        write!(
            out,
            "<tr><td><span class=\"severity {severity}\">{severity}</span></td>\
             <td class=\"mono\">{id}</td><td class=\"mono\">{}</td><td class=\"finding\" \
             data-realm=\"{}\">{}",
            Markup(&finding.place),
            Markup(finding.realm.as_deref().unwrap_or_default()),
            Markup(&finding.message)
        )?;
        if finding.count > 1 {
            write!(out, " ({} times)", Count(finding.count))?;
        }
        out.push_str("</td></tr>\n");
    }
    out.push_str("</tbody></table></div><p class=\"dim\">What a rule means, and what to do: ");
    out.push_str("<code>rimsim lint --explain RULE</code></p></section>\n");
    Ok(())
}

const MAP: &str = "<div class=\"tools\"><button data-do=\"in\">Zoom in</button>\
    <button data-do=\"out\">Zoom out</button><button data-do=\"left\">Left</button>\
    <button data-do=\"right\">Right</button><button data-do=\"home\">Memory in use</button>\
    <button data-do=\"scale\">Broken axis or true scale</button>\
    <button data-do=\"all\">Whole address space</button></div>";
const LEGEND: &str = "<p class=\"dim legend\">\
    <span data-kind=\"image\"><span class=\"key image\"></span> contents</span>\
    <span data-kind=\"dtb\"><span class=\"key dtb\"></span> device tree</span>\
    <span data-kind=\"ram\"><span class=\"key ram\"></span> RAM</span>\
    <span data-kind=\"empty\"><span class=\"key empty\"></span> EMPTY</span>\
    <span data-kind=\"destroyed\"><span class=\"key destroyed\"></span> DESTROYED</span>\
    <span data-kind=\"data\"><span class=\"key data\"></span> ASSIGNED</span>\
    <span data-kind=\"ns\"><span class=\"key ns\"></span> mapped to Host memory</span></p>\
    <p class=\"dim how\">Zoom with + and −, with the wheel once the map was clicked (or with \
    Ctrl), or by a double click; move with the arrows or by dragging; Home goes back.</p>";
const KINDS: &str = "<p class=\"dim kinds\"><span class=\"key ns\"></span> parameters \
    <span class=\"key ram\"></span> RIPAS <span class=\"key image\"></span> contents \
    <span class=\"key data\"></span> RECs</p>";

fn section(
    out: &mut String,
    i: usize,
    realm: &RealmReport,
    is_one_of_several: bool,
) -> fmt::Result {
    write!(
        out,
        "<section id=\"realm-{i}\"><h2>Realm {} <span class=\"state\">{}</span></h2>",
        Markup(&realm.name),
        realm.state,
    )?;
    if is_one_of_several {
        rim(out, realm)?;
        how(out, realm)?;
    }
    for (index, rem) in &realm.rems {
        writeln!(out, "<p class=\"rim\"><span class=\"dim\">REM {index}</span> {rem}</p>")?;
    }
    out.push_str("<dl>");
    for (name, value) in &realm.params {
        write!(out, "<div><dt>{name}</dt><dd>{}</dd></div>", Markup(value))?;
    }
    write!(
        out,
        "</dl>\n<h3>Intermediate physical addresses</h3>\n<div class=\"picture\">{MAP}\
         <svg class=\"map\" id=\"map-{i}\" tabindex=\"0\" role=\"img\" aria-label=\"Map of the \
         Realm's addresses; plus and minus zoom, arrows move. The table below has the same.\">\
         </svg><p class=\"mono where\" aria-live=\"polite\"></p>{LEGEND}\
         <div class=\"tools chips\"></div></div>\n"
    )?;
    let ranges = realm.map.len() + realm.shown.len();
    writeln!(
        out,
        "<details><summary>The map as a table ({} ranges)</summary>",
        Count(ranges as u64)
    )?;
    list(out, &format!("ranges-{i}"), "Ranges of addresses", ranges)?;
    out.push_str(
        "<thead><tr><th>From</th><th>To</th><th>Level</th><th>What</th></tr></thead><tbody>",
    );
    realm.shown.iter().take(PLAIN_ROWS).try_for_each(|shown| shown_row(out, shown))?;
    let room = PLAIN_ROWS.saturating_sub(realm.shown.len());
    realm.map.iter().take(room).try_for_each(|part| part_row(out, part))?;
    end_of_list(out, ranges, 4)?;
    write!(
        out,
        "</details>\n<h3>{} measured event{}, and the RIM after each</h3>\n",
        Count(realm.events),
        if realm.events == 1 { "" } else { "s" }
    )?;
    if realm.rows.is_empty() {
        out.push_str("<p>Nothing was measured.</p></section>\n");
        return Ok(());
    }
    if realm.rows.len() as u64 != realm.events {
        let rows = Count(realm.rows.len() as u64);
        writeln!(
            out,
            "<p class=\"dim\">In {rows} rows: contents that lie in a row share one.</p>"
        )?;
    }
    out.push_str(KINDS);
    list(out, &format!("rows-{i}"), "Measured events", realm.rows.len())?;
    out.push_str("<thead><tr><th>No.</th><th>Event, and the RIM after it</th></tr></thead><tbody>");
    realm.rows.iter().take(PLAIN_ROWS).try_for_each(|row| event_row(out, row))?;
    end_of_list(out, realm.rows.len(), 2)?;
    out.push_str("</section>\n");
    Ok(())
}

/// A list that the page's code fills, and the beginning of the table that stands in for it.
fn list(out: &mut String, id: &str, label: &str, rows: usize) -> fmt::Result {
    write!(
        out,
        "<div class=\"list\" id=\"{id}\"><div class=\"tools\"><label>Show only rows with \
         <input type=\"search\"></label><button>Every row as a table</button>\
         <span class=\"dim count\" aria-live=\"polite\"></span></div>\
         <div class=\"rows\" tabindex=\"0\" role=\"table\" aria-label=\"{label}\" \
         aria-rowcount=\"{rows}\"></div></div>\n<div class=\"plain wide\" id=\"{id}-plain\"><table>"
    )
}

fn end_of_list(out: &mut String, rows: usize, columns: usize) -> fmt::Result {
    if rows > PLAIN_ROWS {
        let more = Count((rows - PLAIN_ROWS) as u64);
        write!(
            out,
            "<tr class=\"more\"><td colspan=\"{columns}\">{more} more rows are left out here: \
             “Every row as a table” in the page puts them on paper, too.</td></tr>"
        )?;
    }
    out.push_str("</tbody></table></div>\n");
    Ok(())
}

fn shown_row(out: &mut String, shown: &Shown) -> fmt::Result {
    let (base, top) = (Hex(shown.base), Hex(shown.top));
    let (kind, name) = (shown.kind(), Markup(&shown.name));
    writeln!(out, "<tr><td>{base}</td><td>{top}</td><td></td><td>{kind} {name}</td></tr>")
}

fn part_row(out: &mut String, part: &Part) -> fmt::Result {
    let (base, top, level) = (Hex(part.base), Hex(part.top), part.level);
    let (hipas, ripas) = (part.hipas, part.ripas);
    writeln!(out, "<tr><td>{base}</td><td>{top}</td><td>{level}</td><td>{hipas} {ripas}</td></tr>")
}

fn event_row(out: &mut String, row: &EventRow) -> fmt::Result {
    let EventRow { number, text, rim } = row;
    let text = Markup(text);
    writeln!(out, "<tr><td>{number}</td><td>{text}<br><span class=\"dim\">{rim}</span></td></tr>")
}

fn table_head(out: &mut String, names: &[&str]) -> fmt::Result {
    out.push_str("<div class=\"wide\"><table><thead><tr>");
    names.iter().try_for_each(|name| write!(out, "<th>{name}</th>"))?;
    out.push_str("</tr></thead><tbody>\n");
    Ok(())
}

fn inputs(out: &mut String, report: &Report) -> fmt::Result {
    out.push_str("<section><h2>Inputs</h2>\n");
    table_head(out, &["File", "What", "Bytes", "SHA-256"])?;
    for input in &report.inputs {
        let len = input.len_bytes.map_or_else(|| "not known".into(), |len| Count(len).to_string());
        let digest = input.sha256.as_deref().unwrap_or("not known");
        writeln!(
            out,
            "<tr><td class=\"name\">{}</td><td>{}</td><td class=\"number\">{len}</td>\
             <td class=\"mono\">{}</td></tr>",
            Markup(&input.name),
            input.kind,
            Markup(digest)
        )?;
    }
    out.push_str("</tbody></table></div></section>\n");
    Ok(())
}

fn platforms(out: &mut String, report: &Report) -> fmt::Result {
    out.push_str("<section><h2>Platform</h2>\n");
    let one = report.platforms.len() == 1;
    for platform in &report.platforms {
        if !one {
            writeln!(out, "<h3>{}</h3>", Markup(&platform.files.join(", ")))?;
        }
        let (rmm, toml) = (Markup(&platform.rmm), Markup(&platform.toml));
        writeln!(out, "<p>RMM: {rmm}</p><pre class=\"mono\">{toml}</pre>")?;
    }
    out.push_str("</section>\n");
    Ok(())
}
