//! Logs where scripts can stand: lint, explain, report; and traces of a kernel.

use std::fmt::Write as _;

use rimsim::abi::command::CommandInfo;
use rimsim::rmm_log::{Options, import, params, read};

use crate::cli::{Folder, stdout};
use crate::rmm_log::{BOOT, calls};

const PARAMS: &str = "let realm_params = RealmParams { s2sz=40, num_bps=1, num_wps=1, \
rtt_base=auto, rtt_level_start=1, rtt_num_start=2 }
let rec_params_1 = RecParams { flags=runnable, aux=auto }
";
const GIVEN: [&str; 4] = ["--params", "params.rmi", "--at", "0x80200000=Image"];

/// A folder with a log, its image and its parameters. The ninth line is a mistake of the Host.
fn folder(name: &str) -> Folder {
    let folder = Folder::new(name);
    let mistake = "SMC_RMI_RTT_CREATE 88000000 88020000 c0000000 3 > RMI_ERROR_RTT 1\n";
    let activate = BOOT.find("SMC_RMI_REALM_ACTIVATE").expect("a line");
    let log = format!("{}{mistake}{}", &BOOT[..activate], &BOOT[activate..]);
    folder.file("good.log", BOOT).file("boot.log", &log).file("console", &log);
    folder.file("Image", [7; 5000]).file("params.rmi", PARAMS);
    folder
}

#[test]
fn lint_of_a_log_judges_the_order() {
    let folder = folder("logs-lint");
    let lint = |args: &[&str]| folder.rimsim(&[&["lint", "--params", "params.rmi"], args].concat());
    let good = lint(&["--deny", "risk", "good.log"]);
    assert_eq!((good.status.code(), stdout(&good).as_str()), (Some(0), ""), "{good:?}");
    let told = String::from_utf8(good.stderr).expect("text");
    assert!(told.contains("contents that the log does not have are not needed"), "{told}");
    for name in ["boot.log", "console"] {
        let found = lint(&["--deny", "error", name]);
        let text = stdout(&found);
        assert_eq!(found.status.code(), Some(3), "{text}");
        assert!(text.starts_with(&format!("{name}:9:1: error: rmi-failure: RMI_RTT_CREATE: ")));
        assert!(text.ends_with("; a level is skipped: make the table above first\n"), "{text}");
        assert_eq!(text.lines().count(), 1, "{text}");
    }
    // Made a script of, the log's answers are what somebody expects.
    let args = [&["import", "boot.log", "-o", "boot.rmi"], &GIVEN[..]].concat();
    assert!(folder.rimsim(&args).status.success());
    assert_eq!(stdout(&folder.rimsim(&["lint", "boot.rmi"])), "");
    // What can not be done without.
    folder.fails(&["lint", "boot.log"], 2, "boot.log: the log does not have");
    folder.fails(&["lint", "boot.log"], 2, "parameters of line 1: `let realm_params = ");
    folder.fails(&["lint", "boot.log", "--params", "Image"], 2, "Image");
    folder.fails(
        &["lint", "--params", "params.rmi", "--log-realm", "2", "boot.log"],
        2,
        "number 2",
    );
}

#[test]
fn explain_and_report_take_logs() {
    let folder = folder("logs-explain");
    let run = |args: &[&str]| folder.rimsim(&[args, &GIVEN[..]].concat());
    assert!(run(&["import", "good.log", "-o", "good.rmi"]).status.success());
    let equal = run(&["explain", "good.log", "good.rmi"]);
    assert_eq!(stdout(&equal), "equal: 6 extensions, none differs\n", "{equal:?}");
    assert_eq!(equal.status.code(), Some(0));
    folder.file(
        "other.log",
        BOOT.replace(
            " 88101000 1 > RMI_SUCCESS\nSMC_RMI_REC",
            " 88101000 0 > RMI_SUCCESS\nSMC_RMI_REC",
        ),
    );
    let differ = run(&["explain", "good.log", "other.log"]);
    assert_eq!(differ.status.code(), Some(3), "{differ:?}");
    assert!(stdout(&differ).contains("the first 4 extensions are equal"), "{differ:?}");
    let rim = stdout(&folder.rimsim(&["run", "good.rmi"]));
    let report = run(&["report", "good.log", "-o", "page.html"]);
    assert!(report.status.success(), "{report:?}");
    let page = std::fs::read_to_string(folder.path("page.html")).expect("a page");
    assert!(page.contains(rim.lines().next().expect("a RIM")), "{rim}");
    // A RIM needs contents.
    let needs = "contents of IPA 0x8020_0000..0x8020_2000";
    let bare = ["--params", "params.rmi", "good.log"];
    folder.fails(&[&["explain", "good.rmi"], &bare[..]].concat(), 2, needs);
    folder.fails(&[&["report", "-o", "page.html"], &bare[..]].concat(), 2, needs);
}

#[test]
fn logs_of_other_specifications_and_empty_ones() {
    let folder = folder("logs-other");
    let later = format!("{BOOT}SMC_RMI_RTT_DATA_MAP_INIT 1 2 3 4 5 > RMI_SUCCESS\n");
    folder.file("later.log", later).file("empty.log", "").file("empty", "");
    folder.file("events.log", "t-1 [000] 1.5: kvm_entry: PC: 0x0\n");
    for command in [&["lint"][..], &["explain", "good.log"], &["report", "-o", "page.html"]] {
        let fails = |file: &str, text: &str| {
            folder.fails(&[command, &GIVEN[..], &[file]].concat(), 2, text);
        };
        fails("later.log", "later.log: line 10: RTT_DATA_MAP_INIT is a command of RMM 2.0");
        fails("empty.log", "empty.log: no line of 1 shows a call of the RMM");
        fails("events.log", "events.log: 1 lines are trace events of a kernel that show no reg");
    }
    folder.fails(&["lint", "empty"], 2, "empty: makes no RMI call");
    folder.fails(&["explain", "empty", "empty"], 2, "no Realm is left at the end");
}

/// What ftrace prints of the same calls, with another task's between them.
fn trace(log: &str) -> String {
    let mut text = String::from("# tracer: nop\n#\n");
    for (i, line) in log.lines().enumerate() {
        let (call, answer) = line.split_once(" > ").expect("an answer");
        let mut words = call.split_ascii_whitespace();
        let name = words.next().and_then(|name| name.strip_prefix("SMC_RMI_")).expect("a name");
        let fid = CommandInfo::by_name(name).expect("a command").fid;
        let args: Vec<_> = words.chain(["0"; 7]).take(7).collect();
        let mut answer = answer.split_ascii_whitespace();
        let failed = answer.next() != Some("RMI_SUCCESS");
        let value = answer.next().unwrap_or("0");
        let res = if failed { format!("{value}04 0") } else { format!("0 {value}") };
        let head = format!("            lkvm-4242    [00{}] d..1.   12.{i:06}: ", i % 2);
        let other = format!("          kworker-9       [000] d..1.   12.{i:06}: ");
        let args = args.join(" ");
        let _ = writeln!(text, "{head}arm_smccc_start: call=smc\t#0 fn={fid:x} args={{{args}}}");
        let _ =
            writeln!(text, "{other}arm_smccc_start: call=smc fn=84000001 args={{0 0 0 0 0 0 0}}");
        let _ = writeln!(text, "{other}arm_smccc_end: call=smc fn=84000001 res={{0 0 0 0}}");
        let _ = writeln!(text, "{head}kvm_entry: PC: 0x0000000080000000");
        let _ = writeln!(text, "{head}arm_smccc_end: call=smc\t#0 fn={fid:x} res={{{res} 0 0}}");
    }
    text
}

#[test]
fn a_trace_with_registers_is_a_log() {
    let text = trace(BOOT);
    assert_eq!(calls(&text), calls(BOOT));
    let log = read(text.as_bytes()).expect("a log");
    assert_eq!((log.tally.bare_events, log.tally.torn), (9, 0));
    let given = params("params.rmi", PARAMS.as_bytes()).expect("parameters");
    let options = Options { params: given, ..Options::default() };
    let made = import(&log, &options).expect("a script");
    let plain = import(&read(BOOT.as_bytes()).expect("a log"), &options);
    assert_eq!(made.script, plain.expect("a script").script);
    // Commands of another specification, calls whose other half is lost.
    let odd = "t-1 [000] 1: arm_smccc_start: call=smc fn=c40001c0 args={0 0 0 0 0 0 0}
t-1 [000] 1: arm_smccc_end: call=smc fn=c40001c0 res={0 0 0 0}
t-1 [000] 1: arm_smccc_end: call=smc fn=c4000157 res={0 0 0 0}
CPU:0 [LOST 7 EVENTS]
t-1 [000] 1: arm_smccc_start: call=smc fn=c4000157 args={88000000 0}
t-1 [000] 1: arm_smccc_start: call=smc fn=c4000157 args={88000000 0 0 0 0 0 0}
";
    let tally = read(odd.as_bytes()).expect("a log").tally;
    assert_eq!(
        (tally.other_commands, tally.torn_lines, tally.bare_events),
        (1, vec![3, 4, 5, 6], 1)
    );
    let folder = folder("logs-trace");
    folder
        .file("trace.txt", &text)
        .file("bare.txt", "x: arm_smccc_smc_start: SMC ID: 0xc4000158\n");
    let import = folder.rimsim(&["import", "trace.txt", "-o", "trace.rmi"]);
    let said = String::from_utf8(import.stderr).expect("text");
    assert!(said.contains("9 lines are trace events of a kernel that show no registers"), "{said}");
    let lint = folder.rimsim(&["lint", "trace.txt", "--params", "params.rmi"]);
    assert_eq!((lint.status.code(), stdout(&lint).as_str()), (Some(0), ""), "{lint:?}");
    folder.fails(&["import", "bare.txt"], 2, "KVM has no event for RMI calls");
}
