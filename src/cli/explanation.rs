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
    let count = explanation.same_before;
    if explanation.is_equal() {
        return console.result(&format!("equal: {count} extensions, none differs"));
    }
    console.result(&format!("A: {}", a.name))?;
    console.result(&format!("B: {}", b.name))?;
    console.result("")?;
    if !explanation.by_rule.is_empty() {
        console.result("what the specification makes different, whatever the VM is:")?;
        groups(&explanation.by_rule, console)?;
        console.result("")?;
    }
    let Some(first) = &explanation.first else {
        return console.result(&format!(
            "what both rules measure is equal: {count} extensions, none differs"
        ));
    };
    if !explanation.by_rule.is_empty() {
        console.result("of what both rules measure, by VM or Host:")?;
    }
    difference(first, count, console)?;
    console.result("")?;
    console.result("all differences:")?;
    groups(&explanation.groups, console)
}

fn groups(groups: &[Group], console: &mut Console) -> io::Result<()> {
    for Group { what, fields: list, varies_with } in groups {
        console.result(&format!("- {what}"))?;
        fields(list, console)?;
        console.result(&format!("    varies with {varies_with}"))?;
    }
    Ok(())
}

fn difference(first: &Difference, same_before: u64, console: &mut Console) -> io::Result<()> {
    let nothing = "nothing more";
    console
        .result(&format!("the first {same_before} extensions are equal; then {}:", first.what))?;
    console.result(&format!("  A {}", first.a.as_deref().unwrap_or(nothing)))?;
    console.result(&format!("  B {}", first.b.as_deref().unwrap_or(nothing)))?;
    fields(&first.fields, console)?;
    console.result(&format!("    varies with {}", first.varies_with))
}

fn fields(fields: &[Field], console: &mut Console) -> io::Result<()> {
    for Field { name, a, b } in fields {
        console.result(&format!("    {name}: A {a}, B {b}"))?;
    }
    Ok(())
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
