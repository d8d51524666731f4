//! Logs with gaps: what is not known stands in the script, and no RIM comes of it.

use std::fs;

use rimsim::rmm_log::{Import, Options, import, params, read};

use crate::cli::{Folder, stdout};
use crate::rmm_log::BOOT;

const PARAMS: &str = "let realm_params = RealmParams { s2sz=40, num_bps=1, num_wps=1, \
rtt_base=auto, rtt_level_start=1, rtt_num_start=2 }
let rec_params_1 = RecParams { flags=runnable, aux=auto }
let rec_params_2 = RecParams { flags=runnable, mpidr=1, aux=auto }
";

/// What a mail made of a console: marks before the lines, and two calls that go on in the next.
const QUOTED: &str = "\
> [   rmm ] SMC_RMI_REALM_CREATE          882860000 880856000 > RMI_SUCCESS
> [   rmm ] SMC_RMI_REC_AUX_COUNT         882860000 > RMI_SUCCESS 10
> [   rmm ] SMC_RMI_REC_CREATE            882860000 88bdc5000 88bdc4000 >
> RMI_SUCCESS
> [   rmm ] SMC_RMI_REC_CREATE            882860000 88bdd7000
> 88bdc4000 > RMI_SUCCESS
> [   rmm ] SMC_RMI_REALM_ACTIVATE        882860000 > RMI_SUCCESS
";

/// Lines whose calls begin in one and end in the next.
const SPLIT: &str = "\
2025-07-13 10:16:12,670: SMC_RMI_REALM_CREATE
2025-07-13 10:16:12,670: 10045c6c000 10045c6d000 > RMI_SUCCESS
2025-07-13 10:16:12,680: SMC_RMI_REALM_ACTIVATE
2025-07-13 10:16:12,680: 10045c6c000 > RMI_SUCCESS
2025-07-13 10:16:12,689: Unexpected exception on CPU #0:
";

fn imported(log: &str) -> Import {
    import(&read(log.as_bytes()).expect("a log"), &Options::default()).expect("a script")
}

/// Lines and texts of the gaps.
fn gaps(log: &str) -> Vec<(u32, String)> {
    imported(log).gaps.into_iter().map(|gap| (gap.line, gap.what)).collect()
}

#[test]
fn lines_that_mails_broke_are_joined() {
    let names = |log: &str| -> Vec<(u32, &str, usize)> {
        let log = read(log.as_bytes()).expect("a log");
        assert_eq!((log.tally.torn, log.torn.len()), (0, 0));
        let calls = log.calls.iter();
        calls.map(|call| (call.line, call.command.name, call.args.len())).collect()
    };
    let whole = [
        (1, "REALM_CREATE", 2),
        (2, "REC_AUX_COUNT", 1),
        (3, "REC_CREATE", 3),
        (5, "REC_CREATE", 3),
        (7, "REALM_ACTIVATE", 1),
    ];
    assert_eq!(names(QUOTED), whole);
    let deeper: String = QUOTED.lines().map(|line| format!("> {line}\n")).collect();
    assert_eq!(names(&deeper), whole);
    let unmarked: String = QUOTED.lines().map(|line| format!("{}\n", &line[2..])).collect();
    assert_eq!(names(&unmarked), whole);
    let in_three = QUOTED.replace("88bdc4000 > RMI_SUCCESS", "88bdc4000 >\n> RMI_SUCCESS");
    assert_eq!(names(&in_three)[3], (5, "REC_CREATE", 3));
    assert_eq!(names(SPLIT), [(1, "REALM_CREATE", 2), (3, "REALM_ACTIVATE", 1)]);
}

#[test]
fn gaps_stand_in_the_script() {
    assert_eq!(gaps(BOOT), []);
    // As TF-RMM is published, it prints neither contents nor RIPAS.
    let [(line, what)] = &gaps(QUOTED)[..] else { panic!("one gap") };
    assert_eq!(*line, 7);
    assert!(what.contains("no DATA_CREATE and no RTT_INIT_RIPAS that succeeds"), "{what}");
    let text = imported(QUOTED).script.to_string();
    let statement = "\nunknown rd=0x8_8286_0000 \"line 7 of the log: calls that the log does not";
    let at = text.find(statement).expect("a statement");
    assert!(text.find("REALM_ACTIVATE").expect("a command") > at, "{text}");
    // Of an RMM that prints everything nothing is missing.
    let params = params("params.rmi", PARAMS.as_bytes()).expect("parameters");
    let options = Options { complete: true, params, ..Options::default() };
    let all = import(&read(QUOTED.as_bytes()).expect("a log"), &options).expect("a script");
    assert_eq!((all.gaps, all.script.to_string().contains("unknown")), (Vec::new(), false));
}

#[test]
fn torn_lines_are_gaps_where_they_can_matter() {
    let activate = BOOT.find("SMC_RMI_REALM_ACTIVATE").expect("a line");
    let with = |torn: &str| format!("{}{torn}\n{}", &BOOT[..activate], &BOOT[activate..]);
    let torn = |lines: &str| vec![(9, lines.to_owned())];
    assert_eq!(gaps(&with("SMC_RMI_DATA_CREATE 8800")), torn("a call that is torn"));
    assert_eq!(gaps(&with("SMC_RMI_DATA_CREATE 88000000 8")), torn("a call that is torn"));
    let two = with("SMC_RMI_REC_CREATE 88000000 8zz 9 > RMI_SUCCESS\nSMC_RMI_RTT_CREA");
    assert_eq!(gaps(&two), torn("calls that are torn, in lines 9, 10"));
    let long = format!("SMC_RMI_DATA_CREATE 88000000 {}", "8".repeat(5000));
    assert_eq!(gaps(&with(&long)), torn("a call that is torn"));
    // Another Realm's, and commands that no RIM depends on.
    for torn in [
        "SMC_RMI_DATA_CREATE 99000000 8zz > RMI_SUCCESS",
        "SMC_RMI_REC_ENTER 88000000",
        "SMC_RMI_GRANULE_DELEGATE 8zz > RMI_SUCCESS",
        "SMC_RSI_VERSION 1000",
    ] {
        assert_eq!(gaps(&with(torn)), [], "{torn}");
    }
    // Before the Realm is made, and after its RIM is fixed.
    assert_eq!(gaps(&format!("SMC_RMI_DATA_CREATE 88000000\nnoise\n{BOOT}")), []);
    assert_eq!(gaps(&format!("{BOOT}SMC_RMI_DATA_CREATE 88000000\n")), []);
    let [(8, what)] = &gaps(&BOOT[..activate])[..] else { panic!("one gap") };
    assert!(what.contains("the Realm is not activated"), "{what}");
}

#[test]
fn no_rim_comes_of_a_gap() {
    let folder = Folder::new("log-gaps");
    let activate = BOOT.find("SMC_RMI_REALM_ACTIVATE").expect("a line");
    let torn = format!("{}SMC_RMI_DATA_CREATE 8800\n{}", &BOOT[..activate], &BOOT[activate..]);
    folder.file("torn.log", &torn).file("good.log", BOOT);
    folder.file("Image", [7; 8192]).file("params.rmi", PARAMS);
    let given = ["--params", "params.rmi", "--at", "0x80200000=Image"];
    let made = |log: &str, script: &str, given: &[&str]| {
        let output = folder.rimsim(&[&["import", log, "-o", script], given].concat());
        (output.status.code(), String::from_utf8(output.stderr).expect("text"))
    };
    assert_eq!(made("good.log", "good.rmi", &given).0, Some(0));
    let (code, said) = made("torn.log", "torn.rmi", &given);
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains("line 9: not known: a call that is torn"), "{said}");
    // Contents alone.
    let (code, said) = made("good.log", "bare.rmi", &given[..2]);
    assert_eq!(code, Some(3), "{said}");
    // Parameters, of which no log has any: all, and those of the REC.
    let (code, said) = made("good.log", "no-params.rmi", &given[2..]);
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains("parameters of line 1: `let realm_params"), "{said}");
    let realm = PARAMS.split_inclusive("}\n").next().expect("a structure");
    folder.file("realm.rmi", realm);
    let some = ["--params", "realm.rmi", "--at", "0x80200000=Image"];
    assert_eq!(made("good.log", "no-rec.rmi", &some).0, Some(3));
    let rim = stdout(&folder.rimsim(&["run", "good.rmi"]));
    let rim = rim.trim();
    assert_eq!(rim.len(), 64, "{rim}");
    for (script, why) in [
        ("torn.rmi", "line 9 of the log: a call that is torn"),
        ("bare.rmi", "the contents of IPA 0x8020_0000, which DATA_CREATE measures"),
        ("no-params.rmi", "line 1 of the log: the parameters of REALM_CREATE: `let realm_params"),
        ("no-rec.rmi", "line 8 of the log: the parameters of REC_CREATE: `let rec_params_1"),
    ] {
        for format in ["text", "hex", "base64"] {
            let output = folder.rimsim(&["run", "--events", "--format", format, script]);
            assert_eq!((output.status.code(), stdout(&output).as_str()), (Some(3), ""), "{script}");
            assert!(String::from_utf8_lossy(&output.stderr).contains(why), "{output:?}");
        }
        let json = stdout(&folder.rimsim(&["run", "--events", "--format", "json", script]));
        let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
        let realm = &json["files"][0]["realms"][0];
        assert!(realm["rim"].is_null() && realm["events"] == serde_json::json!([]), "{realm}");
        assert!(realm["unknown"].as_str().expect("a reason").contains(why), "{realm}");
        for format in ["corim", "cocli", "trustee", "ccatoken-store", "samsung"] {
            let output = folder.rimsim(&["run", "--format", format, script]);
            assert_eq!((output.status.code(), output.stdout.len()), (Some(3), 0), "{format}");
        }
        let fails = |args: &[&str], code: i32| folder.fails(args, code, why);
        fails(&["explain", "good.rmi", script], 3);
        fails(&["lock", "-o", "rim.lock", "--script", script], 3);
        fails(&["report", script, "-o", "page.html"], 3);
        fails(&["run", "--events-out", "saved.events", script], 3);
        let page = fs::read_to_string(folder.path("page.html")).expect("a page");
        assert!(!page.contains("RIM of the Realm") && page.contains(why), "{script}");
        folder.fails(&["run", "--export", "out.json", script], 2, "says `unknown`");
        assert!(!folder.path("rim.lock").exists() && !folder.path("saved.events").exists());
        // The order can be judged.
        assert_eq!(folder.rimsim(&["lint", "--deny", "risk", script]).status.code(), Some(0));
    }
    // What is beside the log is found.
    folder.file("hole_80200000.bin", [7; 8192]);
    assert_eq!(made("good.log", "beside.rmi", &given[..2]).0, Some(0));
    assert_eq!(stdout(&folder.rimsim(&["run", "beside.rmi"])).trim(), rim);
}

#[test]
fn a_gap_hides_what_it_can_touch() {
    let folder = Folder::new("unknown-statement");
    let params = "params_ptr=RealmParams { s2sz=40, num_bps=1, num_wps=1, rtt_base=auto, \
                  rtt_level_start=1, rtt_num_start=2, vmid=";
    let realm = |name: &str, vmid: u32| {
        format!("let {name} = auto\nREALM_CREATE rd={name} {params}{vmid} }}\n")
    };
    let begin = format!("{}{}REALM_ACTIVATE rd=a\n", realm("a", 1), realm("b", 2));
    let later = realm("c", 3);
    folder.file("plain.rmi", format!("{begin}{later}"));
    folder.file("all.rmi", format!("{begin}unknown \"calls\"\n{later}"));
    folder.file("b.rmi", format!("{begin}unknown rd=b \"calls\"\n{later}"));
    folder.file("a.rmi", format!("{begin}unknown rd=a \"calls\"\n{later}"));
    let rims = |file: &str| {
        let output = folder.rimsim(&["run", file]);
        (output.status.code(), stdout(&output))
    };
    let (code, plain) = rims("plain.rmi");
    assert_eq!((code, plain.lines().count()), (Some(0), 3));
    assert_eq!(rims("a.rmi"), (Some(0), plain.clone()));
    let without_b: String = plain
        .lines()
        .filter(|line| !line.ends_with(" b"))
        .map(|line| format!("{line}\n"))
        .collect();
    assert_eq!(rims("all.rmi"), (Some(3), without_b.clone()));
    assert_eq!(rims("b.rmi"), (Some(3), without_b));
    let rim = &plain[..64];
    let expects = format!("{begin}unknown rd=b \"calls\"\nexpect rim rd=b sha256:{rim}\n");
    folder.file("expects.rmi", expects);
    folder.fails(&["run", "expects.rmi"], 3, "unknown: calls");
    folder.file("prints.rmi", format!("{begin}unknown rd=b \"calls\"\nprint rim rd=b\n"));
    folder.fails(&["run", "prints.rmi"], 3, " unknown: calls");
    folder.file("nobody.rmi", "unknown rd=0x8000_0000 \"calls\"\n");
    folder.fails(&["run", "nobody.rmi"], 2, "there is no such Realm");
    folder.file("load.rmi", "image lost = unknown 8KiB\nload pa=0x8000_0000 image=lost\n");
    folder.fails(&["run", "load.rmi"], 2, "nobody knows the bytes of this image");
    // A Realm that is made anew begins anew; what is not measured hides nothing.
    folder.file("again.rmi", format!("{begin}unknown rd=b \"x\"\nREALM_DESTROY rd=b\n"));
    assert_eq!(rims("again.rmi").0, Some(0));
    let mapped = |flags: &str| {
        format!(
            "rtt auto\nimage lost = unknown 8KiB\nimage half = lost[4KiB..8KiB]\n{}\
             DATA_CREATE rd=a ipa=0x8000_0000 image=half flags={flags}\n",
            realm("a", 1)
        )
    };
    folder.file("no.rmi", mapped("no_measure")).file("yes.rmi", mapped("measure"));
    assert_eq!(rims("no.rmi").0, Some(0));
    assert_eq!(rims("yes.rmi"), (Some(3), String::new()));
}
