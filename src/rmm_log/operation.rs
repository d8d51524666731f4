//! Puts the calls of a stateful operation (2.0) together: one call that began it and ended.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::Call;
use crate::abi::status::Status;

/// The calls of a log without those that only go on with an operation.
#[derive(Debug, Default)]
pub(super) struct Joined<'l> {
    /// In the order in which they ended.
    pub(super) calls: Vec<Cow<'l, Call>>,
    /// Operations that ended in a failure, by the command that began them.
    pub(super) failed: u64,
    /// Calls that began an operation whose end the log does not show.
    pub(super) endless: Vec<&'l Call>,
    /// The RMM makes Realms, or takes them apart, in several calls.
    pub(super) realms_in_steps: bool,
}

/// Whether it makes a Realm or takes it apart, which some RMMs do in several calls.
pub(super) fn is_of_realm(call: &Call) -> bool {
    matches!(call.command.name, "REALM_CREATE" | "REALM_DESTROY")
}

/// Follows operations by their handles.
pub(super) fn join(calls: &[Call]) -> Joined<'_> {
    let mut joined = Joined::default();
    // Whether one has failed, too: then its handle is free, or the Host asked for the wrong thing.
    let mut open: BTreeMap<u64, (&Call, bool)> = BTreeMap::new();
    for call in calls {
        let incomplete = call.status == Status::Incomplete;
        joined.realms_in_steps |= incomplete && is_of_realm(call);
        let Some(x) = call.command.handle_input() else {
            match call.outputs.first().filter(|_| incomplete) {
                Some(handle) => {
                    let before = open.insert(*handle, (call, false));
                    joined
                        .endless
                        .extend(before.filter(|(_, failed)| !failed).map(|(call, _)| call));
                }
                None if incomplete => joined.endless.push(call),
                None => joined.calls.push(Cow::Borrowed(call)),
            }
            continue;
        };
        if incomplete || call.command.name != "OP_CONTINUE" {
            continue;
        }
        let handle = call.args[x];
        if !call.is_success() {
            if let Some((_, failed)) = open.get_mut(&handle) {
                joined.failed += u64::from(!*failed);
                *failed = true;
            }
        } else if let Some((begun, failed)) = open.remove(&handle) {
            joined.failed -= u64::from(failed);
            joined.calls.push(Cow::Owned(ended(begun, call)));
        }
    }
    joined.endless.extend(open.values().filter(|(_, failed)| !failed).map(|(call, _)| *call));
    joined.endless.sort_by_key(|call| call.line);
    joined
}

/// The command that began, with the answer of the call that ended it.
fn ended(begun: &Call, end: &Call) -> Call {
    let has_handle = begun.command.outputs.first() == Some(&"handle");
    let mut outputs = if has_handle { Vec::new() } else { end.outputs.clone() };
    outputs.truncate(begun.command.outputs.len());
    Call { status: end.status, index: end.index, outputs, ..begun.clone() }
}
