//! Lint of RMM 2.0: operations, ranges, and what a Host normally does in answer to a refusal.

use std::fs;
use std::path::Path;

use crate::cli::{Folder, stdout};
use crate::lint::{lint, lint_recording, play};

/// An active RMM and a Realm under construction; tables are the script's.
const REALM: &str = "spec \"2.0\"
RMM_ACTIVATE
let ram = 0x8000_0000
let rd = auto
REALM_CREATE rd=rd params_ptr=RealmParams {
    s2sz=40, num_bps=1, num_wps=1, rtt_base=auto, rtt_level_start=1, rtt_num_start=2
}
let page = auto
let src = auto ns
let list = auto ns
";
const TABLES: &str = "RTT_CREATE rd=rd rtt=auto ipa=ram level=2
RTT_CREATE rd=rd rtt=auto ipa=ram level=3
";
/// Sixteen granules in a row and a list that names them.
const DONATION: &str = "let granules = 0x8_8c00_0000
GRANULE_RANGE_DELEGATE base=granules top=granules+64KiB all
poke pa=list bytes=hex:\"4000008c08000000\"
";
const BUILT: &str = "rtt auto
image one = fill 4KiB seed=1
RTT_INIT_RIPAS rd=rd base=ram top=ram+2MiB all
RTT_DATA_MAP_INIT rd=rd ipa=ram image=one flags=measure
let boot = auto
REC_CREATE rd=rd rec=boot params_ptr=RecParams { flags=runnable, pc=ram } all
";

/// The ids of the findings, in order, of a script that plays to its end.
fn ids(text: &str) -> Vec<&'static str> {
    let text = format!("{REALM}{text}");
    play("script.rmi", &text);
    lint("script.rmi", &text).iter().map(|finding| finding.rule.id).collect()
}

/// What follows the last semicolon of each refusal of a recording.
fn advices(text: &str) -> Vec<String> {
    play("loop.rmi", text);
    let findings = lint_recording("loop.rmi", text);
    let failures = findings.iter().filter(|finding| finding.rule.id == "rmi-failure");
    let advice = failures.map(|finding| {
        let (_, advice) = finding.message.rsplit_once("; ").expect("an advice");
        advice.to_owned()
    });
    advice.collect()
}

#[test]
fn a_boot_that_is_right_has_no_finding_that_harms_the_rim() {
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("spec-vectors/scripts");
    let script = scripts.join("linux-boot-2.rmi").display().to_string();
    let output = Folder::new("lint-2-boot").rimsim(&["lint", "--deny", "rim", &script]);
    assert_eq!(output.status.code(), Some(0), "{}", stdout(&output));
    assert_eq!(stdout(&output).lines().count(), 2, "RPV, and the page that is not measured");
}

/// Recorded boots, those whose makers changed parameters on the way among them.
#[test]
fn recordings_are_judged_by_their_edition() {
    let vectors = Path::new(env!("CARGO_MANIFEST_DIR")).join("spec-vectors/rmm-2.0/a_happy");
    let dir = Folder::new("lint-2-vectors");
    let lint = |name: &str| {
        let path = vectors.join(name).display().to_string();
        let output = dir.rimsim(&["lint", &path]);
        assert_eq!(output.status.code(), Some(0), "{name}");
        stdout(&output)
    };
    for entry in fs::read_dir(&vectors).expect("vectors") {
        let name = entry.expect("an entry").file_name().into_string().expect("a name");
        let said = lint(&name);
        assert!(!said.contains(": data-before-ripas:"), "{name}: {said}");
        assert!(!said.contains(": out-top-ignored:"), "{name}: {said}");
        assert!(!said.contains(": operation-left-open:"), "{name}: {said}");
        assert_eq!(
            said.contains(": rec-params-changed:"),
            name.starts_with("rec_params_") && name != "rec_params_unknown.json",
            "{name}: {said}"
        );
    }
    assert!(lint("order_rec_data_ripas_sha384.json").contains(": rim: rec-before-data:"));
    for name in ["boot_sha384_stock.json", "order_data_ripas_rec_sha256.json"] {
        assert!(!lint(name).contains(": rim:") && !lint(name).contains(": error:"), "{name}");
    }
}

/// One mistake, one finding: neither the missing REC nor the refusal is another.
#[test]
fn a_rec_that_comes_too_late() {
    let late = format!(
        "{DONATION}rtt auto
image one = fill 4KiB seed=1
RTT_INIT_RIPAS rd=rd base=ram top=ram+2MiB all
RTT_DATA_MAP_INIT rd=rd ipa=ram image=one flags=measure
REC_CREATE rd=rd rec=page params_ptr=RecParams {{ flags=runnable, pc=ram }}
OP_MEM_DONATE handle=0 list_ptr=list list_count=1
REALM_ACTIVATE rd=rd
OP_CONTINUE handle=0 flags=0
OP_MEM_RECLAIM handle=0 list_ptr=list list_count=512
OP_CONTINUE handle=0 flags=0 => RMI_ERROR_REALM
"
    );
    assert_eq!(ids(&late), ["activate-incomplete"]);
    let text = format!("{REALM}{late}");
    let found = lint_recording("late.rmi", &text);
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(found[0].message.contains("REC_CREATE of "), "{}", found[0].message);
}

#[test]
fn what_a_host_does_in_answer_is_no_mistake() {
    // Tables that are missing, for each command that walks; donating piece by piece.
    let tables = format!(
        "rtt manual
RTT_DATA_MAP_INIT rd=rd data=page ipa=ram src=src flags=1 => RMI_ERROR_RTT(1) rtt_walk
RTT_DATA_MAP rd=rd base=ram+4KiB top=ram+8KiB flags=1 oaddr=page+4 => RMI_ERROR_RTT(1) rtt_walk
RTT_INIT_RIPAS rd=rd base=ram top=ram+4KiB => RMI_ERROR_RTT(1)
{TABLES}RTT_INIT_RIPAS rd=rd base=ram top=ram+4KiB
RTT_DATA_MAP_INIT rd=rd data=page ipa=ram src=src flags=1
let more = auto
RTT_DATA_MAP rd=rd base=ram+4KiB top=ram+8KiB flags=1 oaddr=more+4
RTT_DATA_MAP rd=rd base=ram+4KiB top=ram+8KiB flags=1 oaddr=more+4
"
    );
    let recorded = format!("{REALM}{tables}");
    play("tables.rmi", &recorded);
    let found: Vec<_> = lint_recording("tables.rmi", &recorded)
        .iter()
        .map(|finding| finding.rule.id)
        .filter(|id| *id != "unknown-data-in-image")
        .collect();
    assert_eq!(found, [""; 0]);
    let pieces = "let granules = 0x8_8c00_0000
GRANULE_RANGE_DELEGATE base=granules top=granules+64KiB all
poke pa=list bytes=hex:\"1400008c080000002c50008c08000000\"
REC_CREATE rd=rd rec=page params_ptr=RecParams { flags=runnable, pc=ram }
OP_MEM_DONATE handle=0 list_ptr=list list_count=1
OP_MEM_DONATE handle=0 list_ptr=list list_count=0
OP_MEM_DONATE handle=0 list_ptr=list+8 list_count=1
OP_CONTINUE handle=0 flags=0
";
    assert_eq!(ids(pieces), [""; 0]);
}

/// Handles are few: the Host ends an operation and calls again.
#[test]
fn blocked_until_an_operation_has_ended() {
    let mut text = String::new();
    let names: Vec<String> = (0..161).map(|n| format!("rec{n}")).collect();
    for name in &names {
        text += &format!("let {name} = auto\n");
    }
    for name in &names[..160] {
        text += &format!("REC_CREATE rd=rd rec={name} params_ptr=src\n");
    }
    text += "REC_CREATE rd=rd rec=rec160 params_ptr=src => RMI_BLOCKED\n";
    let failures = |text: &str| {
        let text = format!("{REALM}{text}");
        play("blocked.rmi", &text);
        let found = lint_recording("blocked.rmi", &text);
        let failures: Vec<String> = found
            .iter()
            .filter(|finding| finding.rule.id == "rmi-failure")
            .map(|finding| finding.message.clone())
            .collect();
        let open = found.iter().filter(|finding| finding.rule.id == "operation-left-open").count();
        (failures, open)
    };
    let (refused, open) = failures(&text);
    assert_eq!((refused.len(), open), (1, 160));
    assert!(refused[0].ends_with("end one of the operations that are under way, then call again"));
    text += &format!(
        "{DONATION}OP_MEM_DONATE handle=0 list_ptr=list list_count=1
OP_CONTINUE handle=0 flags=0
REC_CREATE rd=rd rec=rec160 params_ptr=src
"
    );
    assert_eq!(failures(&text), (Vec::new(), 160));
}

#[test]
fn ranges_that_nobody_went_on_with() {
    // A table that ends, a list that is shorter than the range, contents that are taken away.
    let built = format!("{BUILT}RTT_CREATE rd=rd rtt=auto ipa=ram+2MiB level=3\n");
    let short = "RTT_INIT_RIPAS rd=rd base=ram+2MiB top=ram+6MiB\n";
    let on = "RTT_INIT_RIPAS rd=rd base=ram+4MiB top=ram+6MiB all\n";
    let activate = "REALM_ACTIVATE rd=rd\n";
    assert_eq!(ids(&format!("{built}{short}{activate}")), ["out-top-ignored"]);
    assert_eq!(ids(&format!("{built}{short}{on}{activate}")), [""; 0]);
    let map = "RTT_DATA_MAP rd=rd base=ram+1MiB top=ram+1MiB+8KiB flags=1 oaddr=page+4\n";
    assert_eq!(ids(&format!("{BUILT}{activate}{map}")), ["out-top-ignored"]);
    let rest = "let more = auto
RTT_DATA_MAP rd=rd base=ram+1MiB+4KiB top=ram+1MiB+8KiB flags=1 oaddr=more+4\n";
    assert_eq!(ids(&format!("{BUILT}{activate}{map}{rest}")), [""; 0]);
    // Refused where it goes on: the Host has looked, and the refusal says what is wrong.
    let refused = "RTT_DATA_MAP rd=rd base=ram+1MiB+4KiB top=ram+1MiB+8KiB flags=1 oaddr=src+4 \
                   => RMI_ERROR_INPUT data_state\n";
    assert_eq!(ids(&format!("{BUILT}{activate}{map}{refused}")), [""; 0]);
    let unmap = "RTT_DATA_UNMAP rd=rd base=ram top=ram+4MiB flags=0 oaddr=0\n";
    assert_eq!(ids(&format!("{BUILT}{activate}{unmap}")), ["out-top-ignored"]);
    let gone = "REALM_TERMINATE rd=rd
REC_DESTROY rec=boot all
RTT_DESTROY rd=rd ipa=ram level=3
RTT_DESTROY rd=rd ipa=ram level=2
REALM_DESTROY rd=rd\n";
    assert_eq!(ids(&format!("{BUILT}{activate}{unmap}{gone}")), [""; 0]);
}

#[test]
fn an_end_that_is_meant_to_be_refused_is_no_mistake() {
    let text = "REC_CREATE rd=rd rec=page params_ptr=RecParams { mpidr=1 } all \
                => RMI_ERROR_INPUT mpidr_index\n";
    assert_eq!(ids(text), [""; 0]);
    let text = format!("{REALM}{text}");
    let found = lint_recording("mpidr.rmi", &text);
    let [finding] = &found[..] else { panic!("{found:#?}") };
    assert!(
        finding.message.starts_with("RMI_REC_CREATE: RMI_ERROR_INPUT mpidr_index"),
        "the command that fails is the one that began: {finding}"
    );
}

#[test]
fn the_rmm_is_activated_first() {
    let text = "spec \"2.0\"
let page = 0x8_8800_0000
GRANULE_RANGE_DELEGATE base=page top=page+4KiB => RMI_ERROR_GLOBAL
RMM_ACTIVATE
RMM_ACTIVATE => RMI_ERROR_GLOBAL
GRANULE_RANGE_DELEGATE base=page top=page+4KiB
";
    let advice = "call RMM_ACTIVATE once, after RMM_CONFIG_SET and before all that needs it";
    assert_eq!(advices(text), [advice; 2]);
}

#[test]
fn a_realm_is_terminated_before_it_is_destroyed() {
    let text = format!(
        "{REALM}REALM_DESTROY rd=rd => RMI_ERROR_REALM
REALM_TERMINATE rd=rd
RTT_DATA_MAP rd=rd base=ram top=ram+4KiB flags=1 oaddr=page+4 => RMI_ERROR_REALM
REALM_DESTROY rd=rd
"
    );
    let advice = ["call REALM_TERMINATE first", "a terminated Realm gets no memory"];
    assert_eq!(advices(&text), advice);
}

#[test]
fn commands_of_the_other_edition() {
    let text =
        |spec: &str, fid: &str| format!("spec \"{spec}\"\ncall {fid} => SMC_NOT_SUPPORTED\n");
    let text_2 = text("2.0", "0xc4000151");
    assert_eq!(advices(&text_2), ["it is GRANULE_DELEGATE of RMM 1.0"]);
    assert_eq!(advices(&text("1.0", "0xc4000202")), ["it is RMM_ACTIVATE of RMM 2.0"]);
    assert_eq!(advices(&text("2.0", "0xc4000156")), ["check the function identifier"]);
    assert!(lint_recording("a.rmi", &text_2)[0].message.contains("no command of RMM 2.0"));
}

#[test]
fn what_operations_are_refused_for() {
    let begin = format!("{REALM}{DONATION}REC_CREATE rd=rd rec=page params_ptr=src\n");
    let cases = [
        ("OP_CONTINUE handle=7 flags=0", "go on with the handle that RMI_INCOMPLETE came with"),
        ("OP_CONTINUE handle=0 flags=0", "do what the last RMI_INCOMPLETE asks for"),
        ("OP_CANCEL handle=0", "carry the operation out to its end"),
        ("OP_MEM_DONATE handle=0 list_ptr=list+4 list_count=1", "mend the list and give it again"),
        ("OP_MEM_DONATE handle=0 list_ptr=page list_count=1", "what the RMM reads or writes"),
    ];
    for (call, advice) in cases {
        let text = format!("{begin}{call} => RMI_ERROR_INPUT\n");
        let found = advices(&text);
        assert!(found.len() == 1 && found[0].starts_with(advice), "{call}: {found:?}");
    }
    // Granules that nobody delegated: the list is fine, and the creation fails in the end.
    let text = format!(
        "{REALM}poke pa=list bytes=hex:\"4000008c08000000\"
REC_CREATE rd=rd rec=page params_ptr=src
OP_MEM_DONATE handle=0 list_ptr=list list_count=1
OP_MEM_RECLAIM handle=0 list_ptr=list list_count=512
OP_CONTINUE handle=0 flags=0 => RMI_ERROR_INPUT
"
    );
    assert_eq!(advices(&text), ["delegate the granules before OP_MEM_DONATE names them"]);
}

#[test]
fn entries_that_are_larger_than_a_range() {
    let block = format!(
        "{REALM}{TABLES}GRANULE_RANGE_DELEGATE base=0x8_8820_0000 top=0x8_8840_0000 all
RTT_CREATE rd=rd rtt=auto ipa=ram+2MiB level=3
RTT_DESTROY rd=rd ipa=ram+2MiB level=3
RTT_DATA_MAP rd=rd base=ram+2MiB top=ram+4MiB flags=1 oaddr=0x8_8820_0005
RTT_DATA_UNMAP rd=rd base=ram+2MiB top=ram+2MiB+4KiB flags=1 oaddr=0 => RMI_ERROR_RTT(2) rtte_top
"
    );
    let advice = "the entry is larger than the range: make the table below it, then call again";
    assert_eq!(advices(&block), [advice]);
    let mended = format!(
        "{block}RTT_CREATE rd=rd rtt=auto ipa=ram+2MiB level=3
RTT_DATA_UNMAP rd=rd base=ram+2MiB top=ram+2MiB+4KiB flags=1 oaddr=0
"
    );
    assert_eq!(advices(&mended), [""; 0]);
    let taken = format!(
        "{REALM}{TABLES}RTT_DATA_MAP rd=rd base=ram top=ram+4KiB flags=1 oaddr=page+4
let more = auto
RTT_DATA_MAP rd=rd base=ram top=ram+4KiB flags=1 oaddr=more+4 => RMI_ERROR_RTT(3) rtte_state
RTT_DATA_MAP rd=rd base=ram+4KiB top=ram+8KiB flags=1 oaddr=more+5 => RMI_ERROR_INPUT base_align
"
    );
    let advice = [
        "something is there already: unmap it with RTT_DATA_UNMAP first, or leave it",
        "take a base that is a multiple of the blocks' size",
    ];
    assert_eq!(advices(&taken), advice);
}
