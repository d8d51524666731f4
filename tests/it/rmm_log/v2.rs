//! Logs of an RMM of 2.0: operations put together, ranges, and what no log has.

use rimsim::rmm_log::{Import, Options, import, read};

use crate::cli::Folder;
use crate::rmm_log::calls;

/// A Realm as TF-RMM's main branch prints it, with contents, tables and RIPAS switched on: a REC
/// whose granules come in two pieces, and one whose creation fails.
const BOOT: &str = "\
SMC_RMI_RMM_ACTIVATE              > RMI_SUCCESS
SMC_RMI_GRANULE_RANGE_DELEGATE    88000000 88010000 > RMI_SUCCESS 88001000
SMC_RMI_REALM_CREATE              88000000 88100000 > RMI_SUCCESS
SMC_RMI_RTT_DATA_MAP_INIT         88000000 88006000 80200000 88101000 1 > RMI_ERROR_RTT 1
SMC_RMI_RTT_CREATE                88000000 88004000 80000000 2 > RMI_SUCCESS
SMC_RMI_RTT_CREATE                88000000 88005000 80200000 3 > RMI_SUCCESS
SMC_RMI_RTT_DATA_MAP_INIT         88000000 88006000 80200000 88101000 1 > RMI_SUCCESS
SMC_RMI_RTT_DATA_MAP_INIT         88000000 88007000 80201000 88101000 1 > RMI_SUCCESS
SMC_RMI_RTT_DATA_MAP              88000000 80202000 80204000 1 8800800c > RMI_SUCCESS 80204000
SMC_RMI_RTT_DATA_MAP              88000000 80204000 80208000 6 88103000 > RMI_SUCCESS 80208000
SMC_RMI_REC_CREATE                88000000 88010000 88102000 > RMI_INCOMPLETE 0 40
      SMC_RMI_OP_MEM_DONATE       0 88103000 1 > RMI_INCOMPLETE 8 20
SMC_RMI_RTT_INIT_RIPAS            88000000 80000000 80200000 > RMI_SUCCESS 80200000
      SMC_RMI_OP_MEM_DONATE       0 88103000 1 > RMI_INCOMPLETE 8 0
      SMC_RMI_OP_CONTINUE         0 0 > RMI_SUCCESS 0 0
SMC_RMI_REC_CREATE                88000000 88011000 88102000 > RMI_INCOMPLETE 0 40
      SMC_RMI_OP_MEM_DONATE       0 88103000 1 > RMI_INCOMPLETE 10 0
      SMC_RMI_OP_CONTINUE         0 0 > RMI_INCOMPLETE 0 0
      SMC_RMI_OP_MEM_RECLAIM      0 88103000 200 > RMI_INCOMPLETE 1
      SMC_RMI_OP_CONTINUE         0 0 > RMI_ERROR_INPUT
SMC_RMI_REALM_ACTIVATE            88000000 > RMI_SUCCESS
";

const SCRIPT: &str = "\
spec \"2.0\"
platform \"fvp\"

image hole_80200000 = unknown 8192
rtt manual
RMM_ACTIVATE

let realm_params = RealmParams {
    s2sz=40, num_bps=1, num_wps=1, rtt_base=auto, rtt_level_start=1, rtt_num_start=2
}  # a stand-in: no log shows parameters
GRANULE_RANGE_DELEGATE base=0x8800_0000 top=0x8800_1000
REALM_CREATE rd=0x8800_0000 params_ptr=realm_params => RMI_SUCCESS
unknown rd=0x8800_0000 \"line 3 of the log: the parameters of REALM_CREATE: `let \
realm_params = RealmParams { … }` in --params FILE\"
GRANULE_RANGE_DELEGATE base=0x8800_6000 top=0x8800_7000
RTT_DATA_MAP_INIT rd=0x8800_0000 data=0x8800_6000 ipa=0x8020_0000 src=0x8810_1000 flags=0x1 \
=> RMI_ERROR_RTT(1)
GRANULE_RANGE_DELEGATE base=0x8800_4000 top=0x8800_5000
RTT_CREATE rd=0x8800_0000 rtt=0x8800_4000 ipa=0x8000_0000 level=0x2 => RMI_SUCCESS
GRANULE_RANGE_DELEGATE base=0x8800_5000 top=0x8800_6000
RTT_CREATE rd=0x8800_0000 rtt=0x8800_5000 ipa=0x8020_0000 level=0x3 => RMI_SUCCESS
RTT_DATA_MAP_INIT rd=0x8800_0000 ipa=0x8020_0000 image=hole_80200000 flags=0x1
GRANULE_RANGE_DELEGATE base=0x8800_8000 top=0x8800_a000 all
RTT_DATA_MAP rd=0x8800_0000 base=0x8020_2000 top=0x8020_4000 flags=0x1 oaddr=0x8800_800c \
=> RMI_SUCCESS out_top=0x8020_4000
RTT_INIT_RIPAS rd=0x8800_0000 base=0x8000_0000 top=0x8020_0000 => RMI_SUCCESS out_top=0x8020_0000
let rec_params_1 = RecParams { flags=runnable, mpidr=0x0 }  # a stand-in: no log shows parameters
GRANULE_RANGE_DELEGATE base=0x8801_0000 top=0x8801_1000
REC_CREATE rd=0x8800_0000 rec=0x8801_0000 params_ptr=rec_params_1 all => RMI_SUCCESS
unknown rd=0x8800_0000 \"line 11 of the log: the parameters of REC_CREATE: `let \
rec_params_1 = RecParams { … }` in --params FILE\"
REALM_ACTIVATE rd=0x8800_0000 => RMI_SUCCESS
print rim rd=0x8800_0000
";

fn imported(log: &str) -> Import {
    import(&read(log.as_bytes()).expect("a log"), &Options::default()).expect("a script")
}

#[test]
fn an_operation_is_one_command_where_it_ended() {
    let Import { script, needs, remarks, .. } = imported(BOOT);
    assert_eq!(script.to_string(), SCRIPT);
    let lacks = "2 calls are left out, whose answer depends on pages that no log has";
    assert_eq!(remarks, [lacks]);
    let needs: Vec<String> = needs.iter().map(ToString::to_string).collect();
    assert_eq!(needs.len(), 3, "{needs:?}");
    assert!(needs[2].starts_with("parameters of line 11: `let rec_params_1"), "{needs:?}");
}

#[test]
fn what_a_log_lacks_of_operations_and_contents_is_said() {
    let until = |end: &str| {
        let at = BOOT.find(end).expect("a line");
        format!("{}SMC_RMI_REALM_ACTIVATE 88000000 > RMI_SUCCESS\n", &BOOT[..at])
    };
    let open = imported(&until("      SMC_RMI_OP_CONTINUE")).gaps;
    assert_eq!((open[0].line, open[0].what.as_str()), (11, "how REC_CREATE ended"));
    assert_eq!(open.len(), 1, "{open:?}");
    // As published: neither contents nor RIPAS. RIPAS is not missed, since it is not measured.
    let stock: String = BOOT
        .lines()
        .filter(|line| !line.contains("MAP_INIT") && !line.contains("INIT_RIPAS"))
        .map(|line| format!("{line}\n"))
        .collect();
    let gaps = imported(&stock).gaps;
    assert!(gaps[0].what.contains("no RTT_DATA_MAP_INIT that succeeds"), "{gaps:?}");
    assert!(!gaps[0].what.contains("RIPAS"), "{gaps:?}");
}

#[test]
fn dialects_of_2_0_are_one_log() {
    let expected = calls(BOOT);
    assert_eq!(expected.len(), BOOT.lines().count());
    let by_line = |f: &dyn Fn(usize, &str) -> String| -> String {
        BOOT.lines().enumerate().map(|(i, line)| f(i, line)).collect()
    };
    let in_pieces = |i: usize, line: &str| {
        let (call, answer) = line.split_once("> ").expect("an answer");
        format!("[cpu{}] {call}\n[cpu9] ns: > prompt\n[cpu{0}]  > {answer}\n", i % 4)
    };
    for (name, text) in [
        ("prefix", by_line(&|_, line| format!("INFO:    {line}\n"))),
        ("one line", BOOT.replace('\n', " ")),
        ("CPUs", by_line(&in_pieces)),
        ("raw X0", BOOT.replace("RMI_ERROR_RTT 1", "104").replace("RMI_SUCCESS", "0")),
        ("hex with 0x", BOOT.replace(" 8", " 0x8")),
    ] {
        assert_eq!(calls(&text), expected, "{name}");
    }
}

/// Numbers that no RMM prints make no script that is long, and no panic.
#[test]
fn ranges_without_end() {
    let max = u64::MAX;
    let log = format!(
        "{BOOT_BEGIN}SMC_RMI_GRANULE_RANGE_DELEGATE 0 {max:x} > RMI_SUCCESS {max:x}
SMC_RMI_GRANULE_RANGE_UNDELEGATE 0 {max:x} > RMI_SUCCESS {max:x}
SMC_RMI_RTT_DATA_MAP 88000000 0 {max:x} 1 {max:x} > RMI_SUCCESS {max:x}
SMC_RMI_RTT_DATA_MAP 88000000 1000 0 1 {max:x} > RMI_SUCCESS 0
SMC_RMI_RTT_DATA_UNMAP 88000000 0 {max:x} {max:x} {max:x} > RMI_SUCCESS {max:x} {max:x} {max:x}
SMC_RMI_OP_CONTINUE {max:x} 0 > RMI_SUCCESS
SMC_RMI_REC_CREATE 88000000 88010000 1 > RMI_INCOMPLETE
SMC_RMI_REC_DESTROY 88010000 > RMI_INCOMPLETE {max:x}
SMC_RMI_OP_CONTINUE {max:x} 0 > RMI_SUCCESS
SMC_RMI_RTT_DATA_MAP_INIT 88000000 {max:x} {max:x} {max:x} {max:x} > RMI_SUCCESS
",
        BOOT_BEGIN = BOOT.lines().take(3).map(|line| format!("{line}\n")).collect::<String>()
    );
    let Import { script, .. } = imported(&log);
    let text = script.to_string();
    assert!(text.lines().count() < 30, "{text}");
    assert_eq!(rimsim::script::parse("again", &text).expect("a script"), script);
}

#[test]
fn import_and_lint_as_a_process() {
    let folder = Folder::new("import-2");
    folder.file("boot.log", BOOT).file("Image", [7; 8192]);
    folder.file(
        "params.rmi",
        "let realm_params = RealmParams { s2sz=40, num_bps=1, num_wps=1, rtt_base=auto, \
         rtt_level_start=1, rtt_num_start=2 }
let rec_params_1 = RecParams { flags=runnable }
",
    );
    let given = ["--at", "0x8020_0000=Image", "--params", "params.rmi"];
    let output = folder.rimsim(&[&["import", "boot.log", "-o", "boot.rmi"], &given[..]].concat());
    assert!(output.status.success(), "{output:?}");
    let rim = crate::cli::stdout(&folder.rimsim(&["run", "boot.rmi"]));
    assert_eq!(rim.lines().next().map(str::len), Some(64), "{rim}");
    // The same Realm by hand.
    folder.file(
        "hand.rmi",
        "spec \"2.0\"\nrtt auto\nRMM_ACTIVATE\nimage kernel = \"Image\"\nlet rd = auto
REALM_CREATE rd=rd params_ptr=RealmParams {
    s2sz=40, num_bps=1, num_wps=1, rtt_base=auto, rtt_level_start=1, rtt_num_start=2
}
RTT_DATA_MAP_INIT rd=rd ipa=0x8020_0000 image=kernel flags=measure
REC_CREATE rd=rd rec=auto params_ptr=RecParams { flags=runnable } all
",
    );
    assert_eq!(crate::cli::stdout(&folder.rimsim(&["run", "hand.rmi"])).trim(), rim.trim());
    let args = [&["lint"], &given[..], &["boot.log"]].concat();
    let said = crate::cli::stdout(&folder.rimsim(&args));
    assert!(said.starts_with("boot.log:9:1: rim: unknown-data-in-image: "), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
}

/// [`BOOT`] as an RMM prints it that makes Realms in several calls; another Realm fails to be made,
/// and is destroyed in the end.
fn boot_in_steps() -> String {
    let created = "SMC_RMI_REALM_CREATE              88000000 88100000 > RMI_SUCCESS\n";
    assert!(BOOT.contains(created));
    let steps = "\
SMC_RMI_REALM_CREATE              88020000 88100000 > RMI_INCOMPLETE 0 8
SMC_RMI_REALM_CREATE              88000000 88100000 > RMI_INCOMPLETE 1 8
      SMC_RMI_OP_MEM_DONATE       0 88103000 1 > RMI_INCOMPLETE 2 0
      SMC_RMI_OP_CONTINUE         0 0 > RMI_INCOMPLETE 0 0
      SMC_RMI_OP_MEM_DONATE       1 88103000 1 > RMI_INCOMPLETE 2 0
      SMC_RMI_OP_CONTINUE         1 0 > RMI_SUCCESS 0 0
      SMC_RMI_OP_MEM_RECLAIM      0 88103000 200 > RMI_INCOMPLETE 1
      SMC_RMI_OP_CONTINUE         0 0 > RMI_ERROR_INPUT
";
    BOOT.replace(created, steps)
}

#[test]
fn realms_that_are_made_in_steps_are_made_so_again() {
    let log = boot_in_steps();
    let script = imported(&log).script.to_string();
    assert!(script.starts_with("spec \"2.0\"\nrmm tf-rmm-next\nplatform"), "{script}");
    let created = "REALM_CREATE rd=0x8800_0000 params_ptr=realm_params all => RMI_SUCCESS\n";
    assert_eq!(script.matches("REALM_CREATE rd=").count(), 1, "{script}");
    assert!(script.contains(created), "{script}");

    // It runs: the RIM is that of the RMM that makes Realms so, whose RIMs begin with zeros.
    let folder = Folder::new("import-2-steps");
    folder.file("boot.log", &log).file("Image", [7; 8192]);
    folder.file(
        "params.rmi",
        "let realm_params = RealmParams { s2sz=40, num_bps=1, num_wps=1, rtt_base=auto, \
         rtt_level_start=1, rtt_num_start=2 }
let rec_params_1 = RecParams { flags=runnable }
let rec_params_2 = RecParams { flags=runnable }
",
    );
    let given = ["--at", "0x8020_0000=Image", "--params", "params.rmi"];
    let output = folder.rimsim(&[&["import", "boot.log", "-o", "boot.rmi"], &given[..]].concat());
    assert!(output.status.success(), "{output:?}");
    let rim = crate::cli::stdout(&folder.rimsim(&["run", "boot.rmi"]));
    let hand = "spec \"2.0\"\nrmm \"tf-rmm-next\"\nrtt auto\nRMM_ACTIVATE\n\
image kernel = \"Image\"\nlet rd = auto
REALM_CREATE rd=rd params_ptr=RealmParams {
    s2sz=40, num_bps=1, num_wps=1, rtt_base=auto, rtt_level_start=1, rtt_num_start=2
} all
RTT_DATA_MAP_INIT rd=rd ipa=0x8020_0000 image=kernel flags=measure
REC_CREATE rd=rd rec=auto params_ptr=RecParams { flags=runnable } all
";
    folder.file("hand.rmi", hand);
    let by_hand = crate::cli::stdout(&folder.rimsim(&["run", "hand.rmi"]));
    assert_eq!((by_hand.trim(), by_hand.trim().len()), (rim.trim(), 64));
    folder.file("older.rmi", hand.replace("tf-rmm-next", "tf-rmm-0.9").replace("} all", "}"));
    let older = crate::cli::stdout(&folder.rimsim(&["run", "older.rmi"]));
    assert_eq!(older.trim().len(), 64);
    assert_ne!(older, rim);
}
