//! Why two Realms differ, for people and programs.

use std::io;

use serde_json::{Value, json};

use crate::cli::console::Console;
use crate::explain::{Difference, Explanation, Field, Group, Trail};
use crate::predict::Cause;

/// How much is told.
#[derive(Clone, Copy)]
pub(crate) struct Detail<'c> {
    /// What the command lines of both sides say otherwise.
    pub(crate) causes: &'c [Cause],
    /// Whether bytes are told, and what differences vary with although causes are known.
    pub(crate) bytes: bool,
}

impl Detail<'_> {
    /// Everything, of sides without command lines.
    const ALL: Self = Self { causes: &[], bytes: true };
}

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
    detailed(a, b, explanation, Detail::ALL)
}

/// What command lines say otherwise, in lines.
pub(crate) fn causes(causes: &[Cause]) -> Vec<String> {
    let mut lines = Vec::new();
    let (none, some): (Vec<_>, Vec<_>) =
        causes.iter().partition(|cause| cause.decides == Some(false));
    if !some.is_empty() {
        lines.push("what is said otherwise:".to_owned());
        lines.extend(some.into_iter().map(|cause| format!("- {cause}")));
    }
    if !none.is_empty() {
        lines.push("said otherwise, and alone it changes nothing:".to_owned());
        lines.extend(none.into_iter().map(|cause| format!("- {cause}")));
    }
    lines
}

/// The lines of an explanation, causes before events.
pub(crate) fn detailed(
    a: &Trail,
    b: &Trail,
    explanation: &Explanation,
    detail: Detail<'_>,
) -> Vec<String> {
    let count = explanation.same_before;
    if explanation.is_equal() {
        return vec![format!("equal: {count} extensions, none differs")];
    }
    let mut lines = vec![format!("A: {}", a.name), format!("B: {}", b.name), String::new()];
    if !detail.causes.is_empty() {
        lines.extend(causes(detail.causes));
        lines.push(String::new());
    }
    if !explanation.by_rule.is_empty() {
        lines.push("what the specification makes different, whatever the VM is:".to_owned());
        groups(&explanation.by_rule, true, &mut lines);
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
    difference(first, count, detail.bytes, &mut lines);
    lines.extend([String::new(), "all differences:".to_owned()]);
    groups(&explanation.groups, detail.bytes || detail.causes.is_empty(), &mut lines);
    lines
}

fn groups(groups: &[Group], varies: bool, lines: &mut Vec<String>) {
    for Group { what, fields: list, varies_with } in groups {
        lines.push(format!("- {what}"));
        fields(list, lines);
        if varies {
            lines.push(format!("    varies with {varies_with}"));
        }
    }
}

/// The first event that differs. Its operands are among all differences, and so told only with
/// bytes.
fn difference(first: &Difference, same_before: u64, bytes: bool, lines: &mut Vec<String>) {
    let nothing = "nothing more";
    lines.push(format!("the first {same_before} extensions are equal; then {}:", first.what));
    lines.push(format!("  A {}", first.a.as_deref().unwrap_or(nothing)));
    lines.push(format!("  B {}", first.b.as_deref().unwrap_or(nothing)));
    if bytes {
        fields(&first.fields, lines);
        lines.push(format!("    varies with {}", first.varies_with));
    }
}

fn fields(fields: &[Field], lines: &mut Vec<String>) {
    let line = |Field { name, a, b }: &Field| format!("    {name}: A {a}, B {b}");
    lines.extend(fields.iter().map(line));
}

/// A cause as JSON.
pub(crate) fn cause(cause: &Cause) -> Value {
    let Cause { about, a, b, decides } = cause;
    json!({ "about": about, "a": a, "b": b, "decides": decides })
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
