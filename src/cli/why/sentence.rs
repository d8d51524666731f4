//! What was found, in a sentence.

use crate::host::kvm::{Stage, StageKind};
use crate::why::{Change, Prefix};

/// What has to be otherwise: "1 GiB of RAM (`-m 1G`) and 2 vCPUs (`-c 2`)".
pub(super) fn needs(changes: &[&Change], along: &[String]) -> String {
    let one = |change: &&Change| format!("{} ({})", change.needs, fix(&change.fix));
    let mut parts: Vec<String> = changes.iter().map(one).collect();
    parts.extend(along.iter().map(|option| format!("`{option}`, which goes with it")));
    listed(&parts)
}

/// What was said: "512 MiB and 1 vCPU".
pub(super) fn said(changes: &[&Change]) -> String {
    listed(&changes.iter().map(|change| change.said.clone()).collect::<Vec<_>>())
}

/// An option in backquotes; an instruction as it is.
fn fix(text: &str) -> String {
    if text.starts_with('-') { format!("`{text}`") } else { text.to_owned() }
}

/// Items with commas, and `and` before the last.
pub(super) fn listed(items: &[String]) -> String {
    match items {
        [] => String::new(),
        [one] => one.clone(),
        [rest @ .., last] => format!("{} and {last}", rest.join(", ")),
    }
}

/// How far a boot has come, and what is missing.
pub(super) fn stage(prefix: &Prefix) -> (String, String) {
    let last = prefix.done.last().map_or_else(String::new, of_stage);
    let missing: Vec<String> = prefix.left_out.iter().map(of_stage).collect();
    (last, listed(&missing))
}

/// A stage as people know it.
fn of_stage(stage: &Stage) -> String {
    let name = stage.command_name;
    match stage.kind {
        StageKind::RealmCreate(_) => format!("the Realm is created ({name})"),
        StageKind::Ripas { base, top } => format!("RAM {base:#x}..{top:#x} ({name})"),
        StageKind::Data { source, base, .. } => format!("the {source} at {base:#x} ({name})"),
        StageKind::Rec { index, .. } => format!("vCPU {index} ({name})"),
        StageKind::Activate => name.to_owned(),
    }
}
