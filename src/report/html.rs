//! The page itself.

use std::fmt::{self, Write};

use serde_json::json;

use super::{RealmReport, Report};
use crate::abi::addr::Hex;

/// Rows that are printed on paper.
const PRINTED_ROWS: usize = 200;

/// Text as HTML shows it.
struct Text<'t>(&'t str);

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            match c {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                // Control characters, and those that turn the direction of what follows.
                '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => f.write_char('\u{fffd}')?,
                c if c.is_control() && c != '\n' => f.write_char('\u{fffd}')?,
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

/// Makes the page.
#[must_use]
pub fn write(report: &Report) -> String {
    let mut page = String::new();
    // Writing to a String can not fail.
    let _ = document(&mut page, report);
    page
}

fn document(out: &mut String, report: &Report) -> fmt::Result {
    let title = Text(&report.title);
    write!(
        out,
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; \
         style-src 'unsafe-inline'; script-src 'unsafe-inline'\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>{title} - rimsim</title>\n\
         <style>\n{}</style></head><body><main>\n<h1>{title}</h1>\n",
        include_str!("page.css")
    )?;
    for message in &report.messages {
        writeln!(out, "<p role=\"alert\">{}</p>", Text(message))?;
    }
    for (i, realm) in report.realms.iter().enumerate() {
        section(out, i, realm)?;
    }
    findings(out, report)?;
    out.push_str("<section><h2>Inputs</h2><table><thead><tr><th>File</th><th>Bytes</th>");
    out.push_str("<th>SHA-256</th></tr></thead><tbody>\n");
    for input in &report.inputs {
        let digest = input.sha256.as_deref().unwrap_or("bytes not known");
        let (name, len) = (Text(&input.name), input.len_bytes);
        writeln!(
            out,
            "<tr><td>{name}</td><td>{len}</td><td class=\"mono\">{}</td></tr>",
            Text(digest)
        )?;
    }
    write!(
        out,
        "</tbody></table></section>\n<section><h2>Platform</h2><p>RMM: {}</p>\
         <pre class=\"mono\">{}</pre></section>\n",
        Text(&report.rmm),
        Text(&report.platform)
    )?;
    let realms: Vec<_> = report.realms.iter().map(RealmReport::data).collect();
    let data = json!({ "realms": realms }).to_string().replace('<', "\\u003c");
    write!(
        out,
        "</main><script type=\"application/json\" id=\"data\">{data}</script>\n\
         <script>\n{}</script></body></html>\n",
        include_str!("page.js")
    )
}

fn findings(out: &mut String, report: &Report) -> fmt::Result {
    if report.findings.is_empty() {
        return Ok(());
    }
    out.push_str("<section><h2>Findings</h2><table><thead><tr><th>Severity</th><th>Rule</th>");
    out.push_str("<th>Where</th><th>What</th></tr></thead><tbody>\n");
    for finding in &report.findings {
        let cells = [&finding.severity, &finding.id, &finding.place, &finding.message];
        out.push_str("<tr>");
        cells.iter().try_for_each(|cell| write!(out, "<td>{}</td>", Text(cell)))?;
        out.push_str("</tr>\n");
    }
    out.push_str("</tbody></table></section>\n");
    Ok(())
}

const TOOLS: &str = "<div class=\"tools\"><button data-do=\"in\">Zoom in</button>\
    <button data-do=\"out\">Zoom out</button><button data-do=\"left\">Left</button>\
    <button data-do=\"right\">Right</button><button data-do=\"home\">Memory in use</button>\
    <button data-do=\"all\">Whole address space</button><span class=\"range mono\"></span></div>\
    <p class=\"dim\"><span class=\"key image\"></span> contents shown by the Host, \
    <span class=\"key data\"></span> DATA granules, <span class=\"key ram\"></span> RAM, \
    <span class=\"key empty\"></span> EMPTY, <span class=\"key destroyed\"></span> DESTROYED, \
    <span class=\"key ns\"></span> Host memory. Below: the RTT level of each entry.</p>";

fn section(out: &mut String, i: usize, realm: &RealmReport) -> fmt::Result {
    let (name, rim) = (Text(&realm.name), realm.rim);
    write!(
        out,
        "<section><h2>Realm {name} ({})</h2><p class=\"rim\">{rim}</p>\
         <p class=\"mono\">{}</p>\n<h3>Intermediate physical addresses</h3>\n<div>{TOOLS}\
         <svg class=\"map\" id=\"map-{i}\" tabindex=\"0\" role=\"img\" aria-label=\"Map of the \
         Realm's addresses; plus and minus zoom, arrows move. The table below has the same.\">\
         </svg></div>\n",
        realm.state,
        Text(&realm.params)
    )?;
    out.push_str("<details><summary>The map as a table</summary><table><thead><tr><th>From</th>");
    out.push_str("<th>To</th><th>Level</th><th>Entry</th></tr></thead><tbody>\n");
    let mut row = |base: u64, top: u64, level: &str, what: &str| {
        let (base, top, what) = (Hex(base), Hex(top), Text(what));
        writeln!(out, "<tr><td>{base}</td><td>{top}</td><td>{level}</td><td>{what}</td></tr>")
    };
    for part in realm.map.iter().take(PRINTED_ROWS) {
        row(part.base, part.top, &part.level.to_string(), &part.state)?;
    }
    for shown in realm.images.iter().take(PRINTED_ROWS) {
        row(shown.base, shown.top, "", &shown.name)?;
    }
    write!(
        out,
        "</tbody></table></details>\n<h3>{} measured events, and the RIM after each</h3>\n\
         <div class=\"rows\" id=\"rows-{i}\" tabindex=\"0\" role=\"table\" \
         aria-label=\"Measured events\" aria-rowcount=\"{}\"></div>\n\
         <table class=\"print\"><tbody>\n",
        realm.events,
        realm.rows.len()
    )?;
    for [number, event, rim] in realm.rows.iter().take(PRINTED_ROWS) {
        writeln!(out, "<tr><td>{number}</td><td>{}<br><code>{rim}</code></td></tr>", Text(event))?;
    }
    if realm.rows.len() > PRINTED_ROWS {
        writeln!(out, "<tr><td></td><td>{} more</td></tr>", realm.rows.len() - PRINTED_ROWS)?;
    }
    out.push_str("</tbody></table></section>\n");
    Ok(())
}
