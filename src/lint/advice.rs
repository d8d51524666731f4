//! What to do about a command that fails, for the mistakes that hosts are known to make.

use crate::abi::command::Command;
use crate::abi::status::Status;
use crate::rmi::Outcome;

/// Advice, or nothing where the condition says it all.
pub(super) fn advice(command: Command, outcome: &Outcome) -> &'static str {
    let Some(failure) = outcome.failure() else { return "" };
    let name = command.info().name;
    let by_level = failure.code().status == Status::Rtt;
    match (name, failure.condition()) {
        (_, "rmm_state") => state_of_rmm(failure.condition()),
        (_, condition) if failure.code().status == Status::Blocked => operations(condition),
        (name, condition) if name.starts_with("OP_") => operations(condition),
        ("REALM_CREATE", "aux_state") => "delegate the granules before OP_MEM_DONATE names them",
        ("REC_CREATE", "aux_state") if matches!(command, Command::RecCreateBegin { .. }) => {
            "delegate the granules before OP_MEM_DONATE names them"
        }
        ("RTT_DATA_MAP" | "RTT_UNPROT_MAP", "base_align") => {
            "take a base that is a multiple of the blocks' size"
        }
        ("DATA_DESTROY", "rtt_walk") => data_destroy(command, outcome),
        (_, "base_align") if !by_level => "take a base that is a multiple of 4096",
        (_, condition) if by_level => tables(name, condition),
        (_, condition) => match objects(name, condition) {
            "" => granules(name, condition),
            advice => advice,
        },
    }
}

/// RMI_ERROR_GLOBAL: what the RMM as a whole lacks.
pub(super) fn state_of_rmm(condition: &str) -> &'static str {
    match condition {
        "rmm_state" => "call RMM_ACTIVATE once, after RMM_CONFIG_SET and before all that needs it",
        _ => "",
    }
}

/// What is wrong with a stateful operation.
fn operations(condition: &str) -> &'static str {
    match condition {
        "handle" => "go on with the handle that RMI_INCOMPLETE came with, until the command ends",
        "op_state" => "do what the last RMI_INCOMPLETE asks for: continue, donate or reclaim",
        "sro_context" => "end one of the operations that are under way, then call again",
        "can_cancel" => "carry the operation out to its end",
        "donate_size" => "give no more memory than donate_req asks for; nothing was taken",
        "range_align" | "range_state" | "list_align" => "mend the list and give it again",
        "list_pas" => "what the RMM reads or writes for the Host must not be delegated",
        _ => "",
    }
}

/// The walk ended early: at a block, or because nothing was ever there. X2 (`top`) passes the IPA
/// only where nothing is live.
fn data_destroy(command: Command, outcome: &Outcome) -> &'static str {
    match command {
        Command::DataDestroy { ipa, .. } if outcome.regs()[2] > ipa => {
            "nothing is mapped here, nor a table for it: go on at top"
        }
        _ => "the granule is part of a block: unfold it with RTT_CREATE, do not call again at top",
    }
}

/// RMI_ERROR_RTT: what is wrong with tables and entries.
fn tables(name: &str, condition: &str) -> &'static str {
    match (name, condition) {
        ("DATA_CREATE" | "DATA_CREATE_UNKNOWN" | "RTT_DATA_MAP_INIT", "rtt_walk") => {
            "make the tables down to level 3 with RTT_CREATE, then call again"
        }
        ("DATA_CREATE" | "DATA_CREATE_UNKNOWN", "rtte_state") => {
            "something is there already: destroy it with DATA_DESTROY first, or leave it"
        }
        ("RTT_DATA_MAP_INIT" | "RTT_DATA_MAP", "rtte_state") => {
            "something is there already: unmap it with RTT_DATA_UNMAP first, or leave it"
        }
        ("RTT_DATA_UNMAP" | "RTT_UNPROT_UNMAP", "base_align" | "rtte_top") => {
            "the entry is larger than the range: make the table below it, then call again"
        }
        ("RTT_CREATE", "rtt_walk") => "a level is skipped: make the table above first",
        ("RTT_CREATE", "rtte_state") => "the table is there already: go on without it",
        ("RTT_INIT_RIPAS" | "RTT_SET_RIPAS", "base_align" | "no_progress") => {
            "the entry is larger than the range: make the table below it, then call again"
        }
        ("RTT_INIT_RIPAS", "rtte_state") => {
            "contents are RAM already: go on with base at their end, and leave nothing else out"
        }
        ("RTT_DESTROY", "rtt_live") => "destroy what it maps first; top says where to go on",
        ("RTT_DESTROY", "rtt_walk" | "rtte_state") => "no table is here: go on at top",
        ("RTT_FOLD", "rtt_homo") => "leave the table as it is: its entries differ",
        ("DATA_DESTROY", "rtte_state") => "nothing is mapped here: go on at top",
        (_, "range_size" | "block_top") => {
            "give blocks that are no larger than what is to be mapped"
        }
        (_, "block_level") => "give blocks of one size in each call",
        ("RTT_MAP_UNPROTECTED" | "RTT_UNPROT_MAP" | "RTT_DATA_MAP", "rtt_walk") => {
            "make the tables down to the level of the mapping, then call again"
        }
        _ => "",
    }
}

/// What is wrong with the state of Realms and RECs.
fn objects(name: &str, condition: &str) -> &'static str {
    match (name, condition) {
        ("RTT_SET_RIPAS", "base_bound" | "top_bound") => {
            "take base and top from the RIPAS_CHANGE exit, before the REC is entered again"
        }
        ("REC_CREATE", "mpidr_index") => {
            "RECs are made one after another, in the order of their MPIDRs"
        }
        ("REC_CREATE", "num_aux" | "aux_align" | "aux_state" | "aux_alias") => {
            "ask REC_AUX_COUNT, and delegate that many granules of their own"
        }
        ("REC_CREATE", "realm_state") => "create RECs before REALM_ACTIVATE",
        ("DATA_CREATE" | "RTT_DATA_MAP_INIT" | "RTT_INIT_RIPAS", "realm_state") => {
            "do it before REALM_ACTIVATE"
        }
        ("REALM_ACTIVATE", "realm_state") => "activate a Realm once",
        ("REC_ENTER", "realm_state") => "activate the Realm first",
        ("REC_ENTER", "system_off") => "the Realm switched itself off: destroy it",
        ("REC_ENTER", "rec_psci_pending") => "answer the PSCI exit with PSCI_COMPLETE first",
        ("REC_ENTER", "rec_runnable") => "the REC waits for PSCI CPU_ON of another",
        ("PSCI_COMPLETE", "pending") => "answer a PSCI exit once, and before the REC is entered",
        ("PSCI_COMPLETE", "target") => "name the REC whose MPIDR the PSCI exit has in gprs[1]",
        ("RTT_DATA_MAP" | "RTT_UNPROT_MAP", "realm_state") => "a terminated Realm gets no memory",
        ("REALM_DESTROY", "realm_state") => "call REALM_TERMINATE first",
        ("REALM_TERMINATE", "rec_state") => "wait until every REC has left",
        ("REALM_DESTROY", "realm_live") => "destroy RECs, contents and tables first",
        _ => "",
    }
}

/// What is wrong with the granules that a command names.
fn granules(name: &str, condition: &str) -> &'static str {
    let makes = ["CREATE", "UNKNOWN", "MAP", "MAP_INIT"].iter().any(|end| name.ends_with(end));
    match (name, condition) {
        ("GRANULE_UNDELEGATE" | "GRANULE_RANGE_UNDELEGATE", "gran_state") => {
            "destroy the object that the granule belongs to first"
        }
        ("GRANULE_DELEGATE" | "GRANULE_RANGE_DELEGATE", "gran_state") => {
            "the granule is the RMM's already: take another"
        }
        (_, "params_pas" | "src_pas" | "run_pas" | "list_pas") => {
            "what the RMM reads from the Host must not be delegated"
        }
        (_, "data_state" | "rtt_state" | "rec_gran_state") if makes => {
            "delegate the granule first, and use it for one object only"
        }
        ("REALM_CREATE", "rd_state") => "delegate the granule first",
        (_, "rd_state") => "rd is the address that REALM_CREATE was given",
        (_, "rec_gran_state") => "rec is the address that REC_CREATE was given",
        _ => "",
    }
}
