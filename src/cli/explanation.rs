//! Why two Realms differ, for people and programs.

use std::io;

use serde_json::{Value, json};

use crate::cli::console::Console;
use crate::explain::{Difference, Explanation, Field, Group, Trail};

pub(crate) fn text(
    a: &Trail,
    b: &Trail,
    explanation: &Explanation,
    console: &mut Console,
) -> io::Result<()> {
    lines(a, b, explanation).iter().try_for_each(|line| console.result(line))
}

/// The lines of [`text`].
pub(crate) fn lines(a: &Trail, b: &Trail, explanation: &Explanation) -> Vec<String> {
    let count = explanation.same_before;
    if explanation.is_equal() {
        return vec![format!("equal: {count} extensions, none differs")];
    }
    let mut lines = vec![format!("A: {}", a.name), format!("B: {}", b.name), String::new()];
    if !explanation.by_rule.is_empty() {
        lines.push("what the specification makes different, whatever the VM is:".to_owned());
        groups(&explanation.by_rule, &mut lines);
        lines.push(String::new());
    }
    let Some(first) = &explanation.first else {
        let text = "what both rules measure is equal";
        lines.push(format!("{text}: {count} extensions, none differs"));
        return lines;
    };
    if !explanation.by_rule.is_empty() {
        lines.push("of what both rules measure, by VM or Host:".to_owned());
    }
    difference(first, count, &mut lines);
    lines.extend([String::new(), "all differences:".to_owned()]);
    groups(&explanation.groups, &mut lines);
    lines
}

fn groups(groups: &[Group], lines: &mut Vec<String>) {
    for Group { what, fields: list, varies_with } in groups {
        lines.push(format!("- {what}"));
        fields(list, lines);
        lines.push(format!("    varies with {varies_with}"));
    }
}

fn difference(first: &Difference, same_before: u64, lines: &mut Vec<String>) {
    let nothing = "nothing more";
    lines.push(format!("the first {same_before} extensions are equal; then {}:", first.what));
    lines.push(format!("  A {}", first.a.as_deref().unwrap_or(nothing)));
    lines.push(format!("  B {}", first.b.as_deref().unwrap_or(nothing)));
    fields(&first.fields, lines);
    lines.push(format!("    varies with {}", first.varies_with));
}

fn fields(fields: &[Field], lines: &mut Vec<String>) {
    let line = |Field { name, a, b }: &Field| format!("    {name}: A {a}, B {b}");
    lines.extend(fields.iter().map(line));
}

pub(crate) fn document(a: &Trail, b: &Trail, explanation: &Explanation) -> Value {
    let field = |field: &Field| json!({ "name": field.name, "a": field.a, "b": field.b });
    let fields = |list: &[Field]| list.iter().map(field).collect::<Vec<_>>();
    let first = explanation.first.as_ref().map(|first| {
        json!({
            "extension": first.number,
            "what": first.what,
            "a": first.a,
            "b": first.b,
            "fields": fields(&first.fields),
            "varies_with": first.varies_with,
        })
    });
    let group = |group: &Group| {
        json!({
            "what": group.what,
            "fields": fields(&group.fields),
            "varies_with": group.varies_with,
        })
    };
    json!({
        "schema": "rimsim/1",
        "command": "explain",
        "a": a.name,
        "b": b.name,
        "equal": explanation.is_equal(),
        "same_before": explanation.same_before,
        "first": first,
        "differences": explanation.groups.iter().map(group).collect::<Vec<_>>(),
        "by_rule": explanation.by_rule.iter().map(group).collect::<Vec<_>>(),
    })
}
