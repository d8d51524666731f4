//! `rimsim debug`, through pipes.

use std::io::Write as _;
use std::process::{Output, Stdio};

use crate::cli::{Folder, stdout};

const REALM: &str = "\
let ram = 0x8000_0000
rtt auto
let rd = auto
REALM_CREATE rd=rd params_ptr=RealmParams {
    s2sz=40, num_bps=1, num_wps=1, hash_algo=sha256, rtt_base=auto, rtt_level_start=1,
    rtt_num_start=2
}
RTT_INIT_RIPAS rd=rd base=ram top=ram+2MiB all
image kernel = zeros 16KiB
DATA_CREATE rd=rd ipa=ram image=kernel flags=measure
print rim
DATA_DESTROY rd=rd ipa=0 => RMI_ERROR_RTT rtt_walk
REALM_ACTIVATE rd=rd
";

fn folder(name: &str) -> Folder {
    let folder = Folder::new(name);
    folder.file("a.rmi", format!("platform \"small\"\n{REALM}"));
    folder
}

fn piped(folder: &Folder, words: &[&str], lines: &[&str]) -> Output {
    let mut command = folder.command(words);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the command");
    let mut pipe = child.stdin.take().expect("a pipe");
    // Who has ended reads no more.
    let _ = pipe.write_all((lines.join("\n") + "\n").as_bytes());
    drop(pipe);
    child.wait_with_output().expect("the command")
}

fn debugged(folder: &Folder, lines: &[&str]) -> String {
    let output = piped(folder, &["debug", "a.rmi"], lines);
    assert_eq!(output.status.code(), Some(0), "{lines:?}: {output:?}");
    assert!(output.stderr.is_empty(), "{output:?}");
    stdout(&output)
}

#[test]
fn a_play_is_stepped_through_and_taken_back() {
    let folder = folder("debug_steps");
    let all = debugged(&folder, &["break REALM_ACTIVATE", "continue", "print rtt rd", "print rd"]);
    assert!(all.contains("breakpoint 1: before REALM_ACTIVATE"), "{all}");
    assert!(all.contains("next: a.rmi:14:1: REALM_ACTIVATE"), "{all}");
    assert!(all.contains("table of level 3"), "{all}");
    // What `print` of the script says and what the debugger prints are one.
    let rim = stdout(&folder.rimsim(&["run", "a.rmi"]));
    let there = debugged(&folder, &["continue", "print rim"]);
    assert!(there.lines().last().expect("a line").ends_with(rim.trim()), "{there}");
    assert!(there.contains("the script is at its end"), "{there}");
    // One step, and what it changed.
    let step = debugged(&folder, &["break REALM_CREATE", "continue", "step"]);
    let last = step.rsplit("next: a.rmi:5:1").next().expect("text");
    assert!(last.contains("REALM_CREATE") && last.contains("-> RMI_SUCCESS"), "{step}");
    assert!(last.contains(" DELEGATED realm -> RD realm"), "{step}");
    assert!(last.contains("  + realm 0x") && last.contains("NEW"), "{step}");
    // A statement of many commands.
    let next = debugged(&folder, &["break 11", "continue", "next", "where"]);
    assert_eq!(next.matches(": DATA_CREATE").count(), 5, "{next}");
    assert!(next.contains("measured 4 more, the last DATA_CREATE ipa=0x8000_3000"), "{next}");
    assert!(next.lines().last().expect("a line").starts_with("next: a.rmi:13:1"), "{next}");
    // There and back again is as it was.
    let shown = ["print granule rd", "print realm rd", "print rtt rd", "print operations", "log"];
    let there = debugged(&folder, &[&["break 13", "continue"], &shown[..]].concat());
    let again =
        debugged(&folder, &[&["break 13", "continue", "step 2", "back 2"], &shown[..]].concat());
    let end = |text: &str| {
        let from = text.rfind("next: a.rmi:13:1").expect("a place");
        text[from..].to_owned()
    };
    assert_eq!(end(&there), end(&again));
    assert!(again.contains("back by 2 commands"), "{again}");
}

#[test]
fn breakpoints_of_every_kind() {
    let folder = folder("debug_breaks");
    for (wanted, stop, place) in [
        ("RTT_CREATE", "before RTT_CREATE", "next: a.rmi:9:1: RTT_CREATE"),
        ("a.rmi:14", "before a.rmi:14", "next: a.rmi:14:1: REALM_ACTIVATE"),
        ("rtt_walk", "behind a failure by rtt_walk", "RMI_ERROR_RTT(1)"),
        ("RMI_ERROR_RTT", "behind RMI_ERROR_RTT", "next: "),
        (
            "granule 0xa000_0000+20KiB",
            "when granule 0xa000_5000 changes",
            "  granule 0xa000_5000 UNDELEGATED -> DELEGATED realm\nnext: ",
        ),
        ("ipa ram", "when the entry of IPA 0x8000_0000 changes", "next: a.rmi:9:1"),
    ] {
        let text = debugged(&folder, &["next", "next", &format!("break {wanted}"), "c"]);
        assert!(text.contains(&format!("breakpoint 1: {stop}")), "{wanted}: {text}");
        assert!(text.contains(place), "{wanted}: {text}");
    }
    let text = debugged(&folder, &["b 13", "b 14", "b", "d 1", "b", "d", "b"]);
    let wanted = "1 before line 13\n2 before line 14\nbreakpoint 1 is gone\n2 before line 14\n\
                  1 breakpoints are gone\nno breakpoint is set\n";
    assert!(text.ends_with(wanted), "{text}");
}

/// A file is named by its whole name: another that ends alike is another.
#[test]
fn breakpoints_know_files_apart() {
    let folder = Folder::new("debug_files");
    let delegate = |pages: [u32; 3]| {
        let lines = pages.map(|page| format!("GRANULE_DELEGATE addr=0x8000_{page}000\n"));
        lines.concat()
    };
    std::fs::create_dir(folder.path("sub")).expect("a folder");
    folder.file("data.rmi", delegate([1, 2, 3])).file("sub/a.rmi", delegate([4, 5, 6])).file(
        "a.rmi",
        "include \"data.rmi\"\ninclude \"sub/a.rmi\"\n".to_owned() + &delegate([7, 8, 9]),
    );
    for (wanted, place) in [
        ("a.rmi:3", "next: sub/a.rmi:3:1"),
        ("sub/a.rmi:3", "next: sub/a.rmi:3:1"),
        ("data.rmi:3", "next: data.rmi:3:1"),
        ("a.rmi:5", "next: a.rmi:5:1"),
        ("ta.rmi:3", "the script is at its end"),
    ] {
        let text = debugged(&folder, &[&format!("break {wanted}"), "continue"]);
        assert!(
            text.lines().last().is_some_and(|line| line.starts_with(place)),
            "{wanted}: {text}"
        );
    }
}

/// What one Realm has already is still a change of another.
#[test]
fn changes_of_every_realm_are_told() {
    let folder = Folder::new("debug_realms");
    let realm = |name: &str, vmid: u32| {
        format!(
            "let {name} = auto\nREALM_CREATE rd={name} params_ptr=RealmParams {{\n    s2sz=40, \
             num_bps=1, num_wps=1, vmid={vmid}, rtt_base=auto, rtt_level_start=1, \
             rtt_num_start=2\n}}\n"
        )
    };
    let ripas = |rd: &str| format!("RTT_INIT_RIPAS rd={rd} base=0x8000_0000 top=0xC000_0000\n");
    let text = realm("a", 1) + &realm("b", 2) + &ripas("a") + &ripas("b");
    folder.file("a.rmi", text + "pas pa=0x8000_1000 secure\nGRANULE_DELEGATE addr=0x8000_2000\n");
    for (line, rd) in [(9, "a"), (10, "b")] {
        let told = debugged(
            &folder,
            &[&format!("break {line}"), "continue", "next", "print realm a", "print realm b"],
        );
        let step = told.split("-> RMI_SUCCESS out_top").last().expect("text");
        let shown = told.lines().filter_map(|line| line.strip_prefix("realm 0x"));
        let address = shown.rev().nth(if rd == "a" { 1 } else { 0 }).expect("a Realm");
        let address = format!("0x{}", address.split(' ').next().expect("an address"));
        for text in [
            format!("  in rtt {address}\n"),
            "  -     0x0..0x80_0000_0000 UNASSIGNED EMPTY, 512 entries\n".to_owned(),
            "  +     0x8000_0000..0xc000_0000 UNASSIGNED RAM\n".to_owned(),
        ] {
            assert!(step.contains(&text), "{text}{told}");
        }
    }
    // The Host's memory changes too.
    let told = debugged(&folder, &["break 12", "continue", "next"]);
    assert!(told.contains("  granule 0x8000_1000 UNDELEGATED -> UNDELEGATED secure\n"), "{told}");
}

#[test]
fn what_is_no_command_is_told_and_the_rest_is_done() {
    let folder = folder("debug_nonsense");
    let long = "x".repeat(70_000);
    for (line, why) in [
        ("stpe", "there is no command `stpe`; did you mean step?"),
        ("step -1", "`-1` is no number from 1 on"),
        ("step 99999999999999999999", "is no number"),
        ("back", "this is the beginning of the script"),
        ("break REALM_CRAETE", "did you mean REALM_CREATE?"),
        ("break", ""),
        ("break granule", "break granule needs an address"),
        ("break granule x y", "expected"),
        ("break 1 2", "`2` is too much"),
        ("delete 7", "there is no breakpoint `7`"),
        ("print", "say what"),
        ("print rtt", "expected a value"),
        ("print nobody", "unknown symbol nobody"),
        ("print auto", "a value is a number"),
        ("print 1\u{7}", "unexpected character U+0007"),
        ("print rtt 1) REALM_ACTIVATE rd=1", "expected"),
        (long.as_str(), "a line has more than 65536 bytes"),
    ] {
        let output = piped(&folder, &["debug", "a.rmi"], &[line, "where"]);
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        let code = if why.is_empty() { 0 } else { 2 };
        assert_eq!(output.status.code(), Some(code), "{line:.20}: {stderr}");
        assert!(stderr.contains(why), "{line:.20}: {stderr}");
        if line.len() < 100 {
            assert!(stdout(&output).ends_with("GRANULE_DELEGATE addr=0xa000_0000\n"), "{output:?}");
        }
    }
    // At its end nothing goes on.
    let output = piped(&folder, &["debug", "a.rmi"], &["c", "step", "quit", "stpe"]);
    assert_eq!(output.status.code(), Some(2));
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(stderr, "error: the script is at its end\n");
}

/// Scripts that end in trouble, and those that do nothing.
#[test]
fn scripts_that_end_are_told() {
    let folder = folder("debug_ends");
    folder
        .file("refused.rmi", "GRANULE_DELEGATE addr=0x8000_0000\nREALM_ACTIVATE rd=0x8000_0000\n")
        .file("unmet.rmi", "GRANULE_DELEGATE addr=0x8000_0000 => RMI_ERROR_INPUT\nnote \"x\"\n")
        .file("nothing.rmi", "# nothing\n")
        .file("wrong.rmi", "let\n");
    let output = piped(&folder, &["debug", "refused.rmi"], &["c"]);
    let text = stdout(&output);
    assert!(output.status.success(), "{output:?}");
    assert!(text.contains("refused.rmi:2:1: REALM_ACTIVATE") && text.contains("rd_state"));
    assert!(text.contains("2 | REALM_ACTIVATE rd=0x8000_0000\n"), "{text}");
    let text = stdout(&piped(&folder, &["debug", "unmet.rmi"], &["c"]));
    assert!(text.contains("not as expected: unmet.rmi:1:1: "), "{text}");
    let text = stdout(&piped(&folder, &["debug", "nothing.rmi"], &["where", "list"]));
    assert!(text.starts_with("the script is at its end\n"), "{text}");
    // The first thing that is said is said in its lines, and nothing of a script acts in them.
    folder.file("early.rmi", "expect granule 0x8000_0000 DATA  # \u{1b}[31m\n");
    let text = stdout(&piped(&folder, &["debug", "early.rmi"], &["quit"]));
    let line = "\n1 | expect granule 0x8000_0000 DATA  # \u{fffd}[31m\n";
    assert!(text.contains(line) && !text.contains("\\n"), "{text:?}");
    folder.fails(&["debug", "wrong.rmi"], 2, "wrong.rmi:1:4: expected a symbol");
    folder.file("v.json", "{}");
    folder.fails(&["debug", "v.json"], 2, "v.json");
    // `run --step` is the same.
    let text = stdout(&piped(&folder, &["run", "--step", "a.rmi"], &["b 13", "c", "list"]));
    assert!(text.contains(">   13 | DATA_DESTROY"), "{text}");
}

/// Nobody reads, or there is nothing to read.
#[test]
fn a_terminal_that_is_closed_ends_the_session() {
    let folder = folder("debug_closed");
    let mut command = folder.command(&["debug", "a.rmi"]);
    let output = command.stdin(Stdio::null()).output().expect("the command");
    assert!(output.status.success(), "{output:?}");
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let mut command = folder.command(&["debug", "a.rmi"]);
    command.stdin(Stdio::piped()).stdout(writer).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the command");
    let mut pipe = child.stdin.take().expect("a pipe");
    let _ = pipe.write_all(b"step\nstep\nprint operations\n");
    drop(pipe);
    let output = child.wait_with_output().expect("the command");
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(output.stderr.is_empty(), "{output:?}");
}
