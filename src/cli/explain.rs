//! `rimsim explain`

use std::io;
use std::path::PathBuf;

use clap::Args as ClapArgs;
use serde_json::{Value, json};

use super::args::Format;
use super::hashing::HashingArgs;
use super::outside::OutsideArgs;
use super::rmm_logs::RmmLogArgs;
use super::trails;
use super::{Console, Exit};
use crate::explain::{Difference, Explanation, Field, Group, Trail, compare};

/// Say why two Realms have different RIMs
///
/// Compares what was measured, event by event. Prints the first event that differs with its
/// operands, the files and offsets that bytes came from, for a device tree the node and the
/// property, and what such a difference varies with; then all differences by what they are about.
/// Exits with 0 if the RIMs are equal, with 3 if not.
///
/// Two RIMs that are made by different rules (RMM 1.0 and 2.0) always differ: what the
/// specification makes of them is said first, and then what differs of what both rules measure.
///
/// A and B are scripts (.rmi), vectors (.json), logs of an RMM's console (.log), saved events
/// (.events, of `--events-out`) or files with arguments of `rimsim measure` (.args).
#[derive(Debug, ClapArgs)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct ExplainArgs {
    /// One side
    #[arg(value_name = "A")]
    a: PathBuf,
    /// The other side
    #[arg(value_name = "B")]
    b: PathBuf,
    /// Which Realm, by name or address of its RD, where there are several
    #[arg(long, value_name = "NAME")]
    realm: Option<String>,
    #[command(flatten)]
    log: RmmLogArgs,
    #[command(flatten)]
    outside: OutsideArgs,
    #[command(flatten)]
    hashing: HashingArgs,
    /// Form of the result
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

const EXAMPLES: &str = "\
Examples:
  Why did the RIM change since yesterday?
      rimsim run --events-out yesterday.events boot.rmi
      rimsim explain yesterday.events boot.rmi
  What does one more vCPU change?
      echo '-- lkvm run --realm -c 1 -m 512M -k Image' | sed 's/^/kvmtool /' > one.args
      echo '-- lkvm run --realm -c 2 -m 512M -k Image' | sed 's/^/kvmtool /' > two.args
      rimsim explain one.args two.args
  Does a recorded boot do what the prediction does?
      rimsim explain predicted.args recorded.json
      rimsim explain predicted.args console.log --params params.rmi --at 0x80200000=Image";

pub(super) fn run(args: &ExplainArgs, console: &mut Console) -> io::Result<Exit> {
    let hasher = match args.hashing.hasher() {
        Ok(hasher) => hasher,
        Err(problem) => return Ok(problem.tell(console)),
    };
    let files = args.hashing.files();
    let mut trails = Vec::new();
    for path in [&args.a, &args.b] {
        let realm = args.realm.as_deref();
        match trails::open(path, realm, &args.log, args.outside, &hasher, &files) {
            Ok(trail) => trails.push(trail),
            Err(error) => {
                console.error(&error.to_string());
                return Ok(error.exit());
            }
        }
    }
    let [a, b] = &trails[..] else { unreachable!("two files") };
    if [a, b].iter().any(|trail| trail.extensions().next().is_none()) {
        console.error("nothing was measured: there is nothing to compare");
        return Ok(Exit::Usage);
    }
    let explanation = compare(a, b);
    match args.format {
        Format::Text => text(a, b, &explanation, console)?,
        Format::Json => console.json(&document(a, b, &explanation))?,
    }
    Ok(if explanation.is_equal() { Exit::Good } else { Exit::Mismatch })
}

pub(super) fn text(
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

pub(super) fn document(a: &Trail, b: &Trail, explanation: &Explanation) -> Value {
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
