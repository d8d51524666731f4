//! The rule about commands that fail.

use super::Call;
use super::finding::Finding;
use super::rules::rule;
use crate::abi::addr::Hex;
use crate::abi::command::Command;
use crate::abi::status::Status;
use crate::session::Place;

/// A command that ended early at a table that is missing, by name, RD, and IPA.
type Retry = (&'static str, u64, u64);

/// Most commands whose retry is waited for at a time; older ones count as failed.
const MAX_WAITING: usize = 16;

/// Commands that failed, and those that may yet succeed.
#[derive(Debug, Default)]
pub(super) struct Failures {
    found: Vec<Finding>,
    waiting: Vec<(Retry, Finding)>,
}

impl Failures {
    pub(super) fn see(&mut self, call: &Call<'_>) {
        let retry = retry(call.command);
        let Some(failure) = call.outcome.failure() else {
            self.waiting.retain(|(waiting, _)| Some(*waiting) != retry);
            return;
        };
        let name = call.command.info().name;
        let advice = advice(name, failure.condition());
        let finding = finding(call.place, format!("RMI_{name}: {failure}{advice}"));
        let wants_table = failure.code().status == Status::Rtt
            && matches!(failure.condition(), "rtt_walk" | "base_align" | "no_progress");
        match retry {
            Some(retry) if wants_table => {
                if self.waiting.iter().all(|(waiting, _)| *waiting != retry) {
                    self.waiting.push((retry, finding));
                }
                if self.waiting.len() > MAX_WAITING {
                    self.found.push(self.waiting.remove(0).1);
                }
            }
            _ => self.found.push(finding),
        }
    }

    /// An SMC that is no RMI command.
    pub(super) fn unknown(&mut self, fid: u64, place: &Place) {
        let text = format!("{} is no command of RMM 1.0; check the function identifier", Hex(fid));
        self.found.push(finding(place, text));
    }

    pub(super) fn finish(self) -> Vec<Finding> {
        let waiting = self.waiting.into_iter().map(|(_, finding)| finding);
        self.found.into_iter().chain(waiting).collect()
    }
}

fn finding(place: &Place, message: String) -> Finding {
    Finding { rule: rule("rmi-failure"), place: place.clone(), rd: None, message, count: 1 }
}

/// What a command is called again with, once the table is there.
fn retry(command: Command) -> Option<Retry> {
    let (rd, ipa) = match command {
        Command::RttInitRipas { rd, base, .. } | Command::RttSetRipas { rd, base, .. } => {
            (rd, base)
        }
        Command::DataCreate { rd, ipa, .. }
        | Command::DataCreateUnknown { rd, ipa, .. }
        | Command::RttMapUnprotected { rd, ipa, .. }
        | Command::RttCreate { rd, ipa, .. } => (rd, ipa),
        _ => return None,
    };
    Some((command.info().name, rd, ipa))
}

/// What to do about it, for the mistakes that hosts are known to make.
fn advice(name: &str, condition: &str) -> &'static str {
    match (name, condition) {
        ("DATA_CREATE" | "DATA_CREATE_UNKNOWN", "rtt_walk") => {
            "; make the tables down to level 3 with RTT_CREATE, then call again"
        }
        ("RTT_CREATE", "rtt_walk") => "; a level is skipped: make the table above first",
        ("RTT_INIT_RIPAS" | "RTT_SET_RIPAS", "base_align" | "no_progress") => {
            "; the entry is larger than the range: make the table below it, then call again"
        }
        ("RTT_SET_RIPAS", "base_bound" | "top_bound") => {
            "; take base and top from the RIPAS_CHANGE exit, before the REC is entered again"
        }
        ("REC_CREATE", "mpidr_index") => {
            "; RECs are made one after another, in the order of their MPIDRs"
        }
        ("REC_CREATE", "num_aux" | "aux_align" | "aux_state" | "aux_alias") => {
            "; ask REC_AUX_COUNT, and delegate that many granules of their own"
        }
        ("REC_ENTER", "realm_state") => "; activate the Realm first",
        ("REC_ENTER", "system_off") => "; the Realm switched itself off: destroy it",
        ("REC_ENTER", "rec_psci_pending") => "; answer the PSCI exit with PSCI_COMPLETE first",
        ("REC_ENTER", "rec_runnable") => "; the REC waits for PSCI CPU_ON of another",
        ("REALM_DESTROY", "realm_live") => "; destroy RECs, contents and tables first",
        ("RTT_DESTROY", "rtt_live") => "; destroy what it maps first; top says where to go on",
        ("DATA_DESTROY", "rtt_walk") => {
            "; the granule is part of a block: unfold it with RTT_CREATE, do not call again at top"
        }
        ("DATA_DESTROY", "rtte_state") => "; nothing is mapped here: go on at top",
        ("GRANULE_UNDELEGATE", "gran_state") => {
            "; destroy the object that the granule belongs to first"
        }
        (_, "params_pas" | "src_pas" | "run_pas") => {
            "; what the RMM reads from the Host must not be delegated"
        }
        (_, "data_state" | "rtt_state" | "rec_gran_state")
            if name.ends_with("CREATE") || name.ends_with("UNKNOWN") =>
        {
            "; delegate the granule first, and use it for one object only"
        }
        ("REALM_CREATE", "rd_state") => "; delegate the granule first",
        _ => "",
    }
}
