//! What lint advises for the loops that hosts are known to get wrong, each by a script that fails,
//! does what the advice says, and then succeeds.

use crate::lint::{lint_recording, play};

/// A Realm under construction: two starting tables of level 1, tables are the script's.
const REALM: &str = "let ram = 0x8000_0000
let rd = auto
REALM_CREATE rd=rd params_ptr=RealmParams {
    s2sz=40, num_bps=1, num_wps=1, rtt_base=auto, rtt_level_start=1, rtt_num_start=2
}
image page = fill 4KiB seed=1
let src = auto ns
";
const TABLES: &str = "RTT_CREATE rd=rd rtt=auto ipa=ram level=2
RTT_CREATE rd=rd rtt=auto ipa=ram level=3
";
const REC: &str = "let boot = auto
let run = auto ns
REC_CREATE rd=rd rec=boot params_ptr=RecParams { flags=runnable, pc=ram, aux=auto }
";

/// The advices for the failures of `text`, in order. The script has to play as it is written: what
/// follows a failure does what the advice for it says.
fn advices(text: &str) -> Vec<String> {
    let text = format!("{REALM}{text}");
    play("loop.rmi", &text);
    let findings = lint_recording("loop.rmi", &text);
    let failures = findings.iter().filter(|finding| finding.rule.id == "rmi-failure");
    let advice = failures.map(|finding| {
        let (_, advice) = finding.message.rsplit_once("; ").expect("an advice");
        advice.to_owned()
    });
    advice.collect()
}

/// 26. The create-and-retry loop is none; a Host that gives up is told.
#[test]
fn contents_without_a_table() {
    let call = "DATA_CREATE rd=rd data=auto ipa=ram src=src flags=1";
    let gives_up = format!("rtt manual\n{call} => RMI_ERROR_RTT(1) rtt_walk\n");
    assert_eq!(
        advices(&gives_up),
        ["make the tables down to level 3 with RTT_CREATE, then call again"]
    );
    assert_eq!(advices(&format!("{gives_up}{TABLES}{call}\n")), [""; 0]);
}

/// 27.
#[test]
fn a_level_skipped() {
    let text = "rtt manual
RTT_CREATE rd=rd rtt=auto ipa=ram level=3 => RMI_ERROR_RTT(1) rtt_walk
";
    assert_eq!(advices(text), ["a level is skipped: make the table above first"]);
    assert_eq!(advices(&format!("{text}{TABLES}")), [""; 0]);
}

/// 28.
#[test]
fn recs_out_of_order() {
    let text = "let boot = auto
let second = auto
REC_CREATE rd=rd rec=second params_ptr=RecParams { mpidr=1, aux=auto } => RMI_ERROR_INPUT
REC_CREATE rd=rd rec=boot params_ptr=RecParams { flags=runnable, aux=auto }
REC_CREATE rd=rd rec=second params_ptr=RecParams { mpidr=1, aux=auto }
";
    assert_eq!(advices(text), ["RECs are made one after another, in the order of their MPIDRs"]);
}

/// 29.
#[test]
fn auxiliary_granules() {
    let advice = "ask REC_AUX_COUNT, and delegate that many granules of their own";
    for params in ["num_aux=0", "num_aux=1, aux=[0x8_8800_0000]", "num_aux=17"] {
        let text = format!(
            "REC_CREATE rd=rd rec=auto params_ptr=RecParams {{ {params} }} => RMI_ERROR_INPUT
REC_AUX_COUNT rd=rd
{REC}"
        );
        assert_eq!(advices(&text), [advice], "{params}");
    }
    let names = ["0x8_8800_0000"; 16].join(", ");
    let text = format!(
        "GRANULE_DELEGATE addr=0x8_8800_0000
REC_CREATE rd=rd rec=auto params_ptr=RecParams {{ num_aux=16, aux=[{names}] }} => RMI_ERROR_INPUT
"
    );
    assert_eq!(advices(&text), [advice]);
}

/// 30. Each command that takes a granule.
#[test]
fn granules_not_delegated() {
    let calls = [
        "DATA_CREATE_UNKNOWN rd=rd data=0x8_8800_0000 ipa=ram",
        "DATA_CREATE rd=rd data=0x8_8800_0000 ipa=ram src=src flags=1",
        "RTT_CREATE rd=rd rtt=0x8_8800_0000 ipa=0 level=2",
        "REC_CREATE rd=rd rec=0x8_8800_0000 params_ptr=RecParams { aux=auto }",
    ];
    for call in calls {
        let text = format!(
            "{TABLES}{call} => RMI_ERROR_INPUT\nGRANULE_DELEGATE addr=0x8_8800_0000\n{call}\n"
        );
        let advice = "delegate the granule first, and use it for one object only";
        assert_eq!(advices(&text), [advice], "{call}");
    }
    let call = "REALM_CREATE rd=0x8_8800_0000 params_ptr=RealmParams {
    s2sz=40, vmid=1, num_bps=1, num_wps=1, rtt_base=auto, rtt_level_start=1, rtt_num_start=2 }";
    let text = format!("{call} => RMI_ERROR_INPUT\nGRANULE_DELEGATE addr=0x8_8800_0000\n{call}\n");
    assert_eq!(advices(&text), ["delegate the granule first"]);
    // And one that was delegated before.
    let text = "GRANULE_DELEGATE addr=rd => RMI_ERROR_INPUT\n";
    assert_eq!(advices(text), ["the granule is the RMM's already: take another"]);
}

/// 31. Contents and parameters.
#[test]
fn sources_that_are_delegated() {
    let advice = "what the RMM reads from the Host must not be delegated";
    let calls = [
        "DATA_CREATE rd=rd data=auto ipa=ram src=page flags=1",
        "REALM_CREATE rd=auto params_ptr=page",
        "REC_CREATE rd=rd rec=auto params_ptr=page",
    ];
    for call in calls {
        let text = format!("{TABLES}let page = auto\n{call} => RMI_ERROR_INPUT\n");
        assert_eq!(advices(&text), [advice], "{call}");
    }
    let data = calls[0];
    let mended = format!(
        "{TABLES}let page = auto\n{data} => RMI_ERROR_INPUT\nGRANULE_UNDELEGATE addr=page\n{data}\n"
    );
    assert_eq!(advices(&mended), [advice]);
}

/// 32.
#[test]
fn realms_that_can_not_run() {
    let text = format!(
        "{REC}REC_ENTER rec=boot run_ptr=run => RMI_ERROR_REALM(0)
REALM_ACTIVATE rd=rd
guest boot {{
    smc PSCI_SYSTEM_OFF
}}
REC_ENTER rec=boot run_ptr=run
REC_ENTER rec=boot run_ptr=run => RMI_ERROR_REALM(1)
REC_DESTROY rec=boot
REALM_DESTROY rd=rd
"
    );
    let advice = ["activate the Realm first", "the Realm switched itself off: destroy it"];
    assert_eq!(advices(&text), advice);
}

/// 33.
#[test]
fn psci_requests_without_an_answer() {
    let text = format!(
        "{REC}let second = auto
REC_CREATE rd=rd rec=second params_ptr=RecParams {{ mpidr=1, aux=auto }}
REALM_ACTIVATE rd=rd
guest boot {{
    smc PSCI_CPU_ON 1 ram 0
}}
REC_ENTER rec=second run_ptr=run => RMI_ERROR_REC
REC_ENTER rec=boot run_ptr=run
REC_ENTER rec=boot run_ptr=run => RMI_ERROR_REC
PSCI_COMPLETE calling_rec=boot target_rec=second status=PSCI_SUCCESS
REC_ENTER rec=boot run_ptr=run
REC_ENTER rec=second run_ptr=run
PSCI_COMPLETE calling_rec=boot target_rec=second status=PSCI_SUCCESS => RMI_ERROR_INPUT
"
    );
    let advice = [
        "the REC waits for PSCI CPU_ON of another",
        "answer the PSCI exit with PSCI_COMPLETE first",
        "answer a PSCI exit once, and before the REC is entered",
    ];
    assert_eq!(advices(&text), advice);
}

/// 34. Without a request, beyond it, and after the REC was entered again.
#[test]
fn ripas_changes_that_nobody_asked_for() {
    let advice = "take base and top from the RIPAS_CHANGE exit, before the REC is entered again";
    let set = |base: &str, top: &str| format!("RTT_SET_RIPAS rd=rd rec=boot base={base} top={top}");
    let begin = format!(
        "rtt auto
RTT_INIT_RIPAS rd=rd base=ram top=ram+8MiB all
{REC}REALM_ACTIVATE rd=rd
{} => RMI_ERROR_INPUT base_bound
guest boot {{
    smc RSI_IPA_STATE_SET ram+2MiB ram+4MiB EMPTY 0
}}
REC_ENTER rec=boot run_ptr=run
{} => RMI_ERROR_INPUT top_bound
",
        set("ram+2MiB", "ram+4MiB"),
        set("ram+2MiB", "ram+6MiB")
    );
    let good = set("ram+2MiB", "ram+4MiB");
    assert_eq!(advices(&format!("{begin}{good}\n")), [advice; 2]);
    let late = format!("{begin}REC_ENTER rec=boot run_ptr=run\n{good} => RMI_ERROR_INPUT\n");
    assert_eq!(advices(&late), [advice; 3]);
}

/// 35.
#[test]
fn teardown_from_the_top() {
    let text = format!(
        "{TABLES}{REC}DATA_CREATE_UNKNOWN rd=rd data=auto ipa=ram
REALM_DESTROY rd=rd => RMI_ERROR_REALM
RTT_DESTROY rd=rd ipa=ram level=3 => RMI_ERROR_RTT(3) rtt_live top=ram
DATA_DESTROY rd=rd ipa=ram
RTT_DESTROY rd=rd ipa=ram level=3
RTT_DESTROY rd=rd ipa=ram level=3 => RMI_ERROR_RTT(2)
RTT_DESTROY rd=rd ipa=ram level=2
REC_DESTROY rec=boot
REALM_DESTROY rd=rd
"
    );
    let advice = [
        "destroy RECs, contents and tables first",
        "destroy what it maps first; top says where to go on",
        "no table is here: go on at top",
    ];
    let found = advices(&text);
    assert_eq!(found.len(), 3, "{found:?}");
    for (found, advice) in found.iter().zip(advice) {
        assert!(advice.ends_with(found), "{found}");
    }
}

/// 36. In a block top is the IPA itself; where nothing is, it lies behind.
#[test]
fn contents_in_a_block() {
    let begin = format!(
        "{TABLES}GRANULE_DELEGATE base=0x8_8820_0000 count=512
DATA_CREATE_UNKNOWN rd=rd data=0x8_8820_0000 ipa=ram count=512
RTT_FOLD rd=rd ipa=ram level=3
DATA_DESTROY rd=rd ipa=ram => RMI_ERROR_RTT(2) rtt_walk top=ram
"
    );
    let mended =
        format!("{begin}RTT_CREATE rd=rd rtt=auto ipa=ram level=3\nDATA_DESTROY rd=rd ipa=ram\n");
    let block =
        "the granule is part of a block: unfold it with RTT_CREATE, do not call again at top";
    assert_eq!(advices(&mended), [block]);
    // No table was ever made for these: one below a table, one below none at all.
    let empty = "RTT_CREATE rd=rd rtt=auto ipa=ram level=2
DATA_DESTROY rd=rd ipa=ram => RMI_ERROR_RTT(2) rtt_walk
DATA_DESTROY rd=rd ipa=0 => RMI_ERROR_RTT(1) rtt_walk
";
    assert_eq!(advices(empty), ["nothing is mapped here, nor a table for it: go on at top"; 2]);
    let nothing = format!("{TABLES}DATA_DESTROY rd=rd ipa=ram => RMI_ERROR_RTT(3) rtte_state\n");
    assert_eq!(advices(&nothing), ["nothing is mapped here: go on at top"]);
}

/// 39.
#[test]
fn granules_in_use() {
    let text = format!(
        "{REC}GRANULE_UNDELEGATE addr=boot => RMI_ERROR_INPUT
REC_DESTROY rec=boot
GRANULE_UNDELEGATE addr=boot
"
    );
    assert_eq!(advices(&text), ["destroy the object that the granule belongs to first"]);
}

/// RTT_INIT_RIPAS: a base that is no granule, one inside an entry, and contents.
#[test]
fn ripas_of_other_entries() {
    let text = "RTT_INIT_RIPAS rd=rd base=ram+1 top=ram+4MiB => RMI_ERROR_INPUT base_align\n";
    assert_eq!(advices(text), ["take a base that is a multiple of 4096"]);
    let text = "RTT_INIT_RIPAS rd=rd base=ram+4KiB top=ram+4MiB => RMI_ERROR_RTT(1) base_align\n";
    let larger = "the entry is larger than the range: make the table below it, then call again";
    assert_eq!(advices(text), [larger]);
    let mended = format!("{text}{TABLES}RTT_INIT_RIPAS rd=rd base=ram+4KiB top=ram+4MiB all\n");
    assert_eq!(advices(&mended), [""; 0]);
    let data = "DATA_CREATE rd=rd data=auto ipa=ram src=src flags=1";
    let refused = "RTT_INIT_RIPAS rd=rd base=ram top=ram+2MiB => RMI_ERROR_RTT(3) rtte_state";
    let begin = format!("{TABLES}{data}\n{refused}\n");
    let contents =
        "contents are RAM already: go on with base at their end, and leave nothing else out";
    assert_eq!(advices(&begin), [contents]);
    let on = |from: &str| format!("{begin}RTT_INIT_RIPAS rd=rd base={from} top=ram+2MiB\n");
    assert_eq!(advices(&on("ram+4KiB")), [""; 0]);
    // A granule is left out: it stays EMPTY.
    assert_eq!(advices(&on("ram+8KiB")), [contents]);
}
