//! What reaches a terminal: names, logs and texts of others act on none, and forge nothing.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::process::{Command, Output, Stdio};

use rimsim::encoding::shown::acts;

use crate::cli::{Folder, stdout};
use crate::hosts::inputs::kernel;

/// What a name or a text may have in it: lines that look like ours, sequences that move a cursor,
/// clear a screen, set a title, and turn the direction of writing.
const EVIL: &str = "a\nerror: forged\nb.rmi:1: rim: forged\r\x1b[2J\x1b]0;x\x07\u{9b}31m\u{202e}z";

/// `@` in an argument is the evil name.
fn args(words: &[&str], evil: &OsStr) -> Vec<OsString> {
    let word = |word: &&str| {
        let parts: Vec<_> = word.split('@').map(str::as_bytes).collect();
        OsString::from_vec(parts.join(evil.as_bytes()))
    };
    words.iter().map(word).collect()
}

/// No stream of text has anything that acts, or a line that begins as the forged ones do.
fn clean(words: &[&str], output: &Output) {
    for (stream, bytes) in [("stdout", &output.stdout), ("stderr", &output.stderr)] {
        let text = String::from_utf8(bytes.clone());
        let text = text.unwrap_or_else(|error| panic!("{words:?}: {stream}: {error}"));
        let found = text.chars().find(|c| acts(*c) && *c != '\n');
        assert_eq!(found, None, "{words:?}: {stream}: {text:?}");
        for line in text.lines() {
            let forged = line.starts_with("error: forged") || line.starts_with("b.rmi:1: rim:");
            assert!(!forged, "{words:?}: {stream}: {text}");
        }
        assert!(!text.contains("panicked"), "{words:?}: {text}");
    }
    let code = output.status.code();
    assert!(code.is_some_and(|code| code <= 4), "{words:?}: {code:?}");
}

fn rimsim(folder: &Folder, words: &[&str], evil: &OsStr) -> Output {
    let mut command = folder.command(&[]);
    command.args(args(words, evil)).stdin(Stdio::null()).output().expect("the command")
}

pub(crate) const REALM: &str = "rtt auto\nlet rd = auto
REALM_CREATE rd=rd params_ptr=RealmParams {
    s2sz=40, num_bps=1, num_wps=1, rtt_base=auto, rtt_level_start=1, rtt_num_start=2
}
";

/// Files whose names, and whose texts, are evil.
fn files(folder: &Folder, evil: &OsStr) {
    let write = |end: &str, bytes: &[u8]| {
        let name = args(&[&format!("@{end}")], evil).remove(0);
        std::fs::write(folder.path("").join(name), bytes).expect("a file of the test");
    };
    let text = |text: &str| text.replace('@', EVIL).into_bytes();
    write("good.rmi", REALM.as_bytes());
    write("wrong.rmi", &text("let x = @\nRTT_MAKE \"@\"\n"));
    write("image.rmi", b"image k = \"none\"\n");
    write("refused.rmi", b"REALM_ACTIVATE rd=0x8000_0000\n");
    write("bad.json", &text("{\"name\": \"@\", \"steps\": 7}"));
    write("bad.toml", &text("\"@\" = 1\n\t\tx = \x1b\n"));
    write("key.toml", b"\"error: forged\\nerror: forged\\u001b[2J\" = 1\n");
    write("bad.lock", &text("[\"@\"]\nschema = \"@\x1b\"\n"));
    write("bad.events", &text("@\n"));
    write("bad.log", &text("SMC_RMM_VERSION @ 0x1 > RMI_SUCCESS\n@\n"));
    write("bad.args", &text("kvmtool --host=@ -- lkvm run --realm -k @\n"));
    write("bad.bin", &text("@"));
    write("Image", &kernel("Image", 9000, 20_000, 0));
}

/// Every subcommand that takes a file, with its good and its bad ones.
pub(crate) const COMMANDS: &[&[&str]] = &[
    &["run", "@good.rmi", "@good.rmi"],
    &["run", "-v", "--events", "@good.rmi"],
    &["run", "@wrong.rmi"],
    &["run", "@image.rmi"],
    &["run", "-v", "@refused.rmi"],
    &["run", "@bad.json"],
    &["run", "@nothing.rmi"],
    &["run", "--platform", "@bad.toml", "@good.rmi"],
    &["run", "--platform", "./@key.toml", "@good.rmi"],
    &["run", "--platform", "@", "@good.rmi"],
    &["run", "--realm", "@", "@good.rmi"],
    &["run", "--rmm", "@", "@good.rmi"],
    &["run", "--@", "@good.rmi"],
    &["run", "--export", "no/@/where", "@good.rmi"],
    &["run", "--events-out", "no/@/where", "@good.rmi"],
    &["run", "--digest-cache", "no/@/where", "@good.rmi"],
    &["@"],
    &["conform", "@bad.json", "@good.rmi", "@nothing"],
    &["coverage", "@good.rmi", "@bad.json", "@nothing"],
    &["coverage", "--exceptions", "@bad.toml", "@good.rmi"],
    &["lint", "@good.rmi", "@refused.rmi", "@wrong.rmi", "@bad.log", "@bad.args"],
    &["lint", "--explain", "@"],
    &["platforms", "@"],
    &["explain", "@good.rmi", "@refused.rmi"],
    &["explain", "@good.rmi", "@bad.events"],
    &["explain", "@good.rmi", "@bad.log"],
    &["explain", "@bad.args", "@good.rmi"],
    &["report", "-o", "page.html", "@good.rmi", "@wrong.rmi"],
    &["report", "-o", "no/@/where", "@good.rmi"],
    &["report", "-o", "page.html", "@nothing"],
    &["import", "@bad.log"],
    &["import", "@good.rmi"],
    &["import", "@bad.log", "--at", "0x1000=@nothing"],
    &["import", "@bad.log", "--params", "@wrong.rmi"],
    &["import", "@bad.log", "--platform", "@bad.toml"],
    &["why", "@", "kvmtool", "--", "lkvm", "run", "--realm", "-k", "@Image"],
    &["log", "@bad.bin"],
    &["log", "@nothing"],
    &["log", "@bad.bin", "--expect-rim", "@"],
    &["measure", "kvmtool", "--", "lkvm", "run", "--realm", "-k", "@Image"],
    &["measure", "-v", "kvmtool", "--", "lkvm", "run", "--realm", "-k", "@Image"],
    &["measure", "--events", "kvmtool", "--", "lkvm", "run", "--realm", "-k", "@Image"],
    &["measure", "kvmtool", "--", "lkvm", "run", "--realm", "-k", "@none"],
    &["measure", "kvmtool", "--", "lkvm", "run", "--@", "-k", "@Image"],
    &["measure", "kvmtool", "--", "@"],
    &["measure", "--caps", "@bad.toml", "kvmtool", "--", "lkvm", "run", "--realm"],
    &["measure", "--caps", "@key.toml", "kvmtool", "--", "lkvm", "run", "--realm"],
    &["measure", "--host", "@", "kvmtool", "--", "lkvm", "run", "--realm"],
    &["measure", "--map", "@=@", "kvmtool", "--", "lkvm", "run", "--realm", "-k", "@Image"],
    &["measure", "qemu", "--", "qemu-system-aarch64", "-M", "@", "-kernel", "@Image"],
    &["measure", "qemu", "--", "qemu-system-aarch64", "-object", "rme-guest,id=@,@=1"],
    &["measure", "cloud-hypervisor", "--", "cloud-hypervisor", "--kernel", "@", "--@"],
    &["measure", "@", "--", "@"],
    &["dtb", "-o", "no/@/where", "kvmtool", "--", "lkvm", "run", "--realm", "-k", "@Image"],
    &["matrix", "--vary", "@=@", "kvmtool", "--", "lkvm", "run", "--realm", "-k", "@Image"],
    &["matrix", "--cpus", "1,@", "kvmtool", "--", "lkvm", "run", "--realm", "-k", "@Image"],
    &["matrix", "kvmtool", "--", "lkvm", "run", "--realm", "-k", "@none"],
    &["search", "--rim", "@", "kvmtool", "--", "lkvm", "run", "--realm", "-k", "@Image"],
    &["search", "--rim", "@@", "kvmtool", "--", "lkvm", "run", "--realm", "-k", "@Image"],
    &["search", "--token", "@bad.bin", "kvmtool", "--", "lkvm", "run", "--realm"],
    &["verify", "@bad.bin", "--expect", "@good.rmi"],
    &["verify", "@bad.bin", "--expect", "@bad.json"],
    &["verify", "@bad.bin", "--expect-rim", "@"],
    &["verify", "@nothing", "--expect", "@nothing"],
    &["verify", "@bad.bin", "--expect", "@good.rmi", "--cpak", "@bad.bin"],
    &["verify", "@bad.bin", "--expect", "@good.rmi", "--challenge", "@"],
    &["lock", "-o", "@new.lock", "kvmtool", "--", "lkvm", "run", "--realm", "-k", "@Image"],
    &["lock", "-o", "@new.lock", "--script", "@good.rmi"],
    &["lock", "--update", "-o", "@bad.lock"],
    &["check", "@new.lock"],
    &["check", "@bad.lock"],
    &["check", "@nothing"],
    &["digests", "@Image", "-o", "@made.rimd"],
    &["digests", "@nothing"],
    &["digests", "--show", "@Image"],
    &["boot", "@bad.toml"],
    &["boot", "@nothing"],
    &["token", "@bad.bin"],
    &["profiles", "@"],
    &["language", "@"],
    &["schema", "@"],
    &["man", "@nowhere"],
    &["completions", "@"],
    &["version", "--@"],
    &["help", "@"],
    &["debug", "@"],
    &["fmt", "@"],
    &["bench", "--size", "@"],
    &["bench", "--size", "1MiB", "--rounds", "1", "--dir", "no/@"],
    &["run", "--export", "@x", "--token-out", "./@x", "@good.rmi"],
    &["run", "--export", "@good.rmi", "@good.rmi"],
    &["measure", "--dtb-out", "@x", "kvmtool", "--", "lkvm", "run", "--realm", "-k", "@Image"],
    &["measure", "--script-out", "@x", "kvmtool", "--", "lkvm", "run", "--realm", "-k", "@Image"],
    &["measure", "-o", "@Image", "kvmtool", "--", "lkvm", "run", "--realm", "-k", "@Image"],
    &["log", "--expect-rem", "1=@", "@bad.bin"],
    &["verify", "@bad.bin", "--expect-rim", "@bad.bin", "--search=@bad.args"],
    &["digests", "@Image", "-o", "no/@/where"],
];

#[test]
fn nothing_of_others_acts_on_a_terminal() {
    // The second is no text; a name has no slash, and no zero.
    let names = [EVIL.as_bytes().to_vec(), b"n\xff\xc3(\n\x1b[1merror: forged\x80".to_vec()];
    for (i, name) in names.into_iter().enumerate() {
        let (folder, name) = (Folder::new(&format!("terminals_{i}")), OsString::from_vec(name));
        files(&folder, &name);
        for words in COMMANDS {
            clean(words, &rimsim(&folder, words, &name));
        }
    }
}

/// A line is a line: what a name has in it makes no second one.
#[test]
fn a_name_makes_no_lines_of_results() {
    let folder = Folder::new("terminal_lines");
    let evil = OsStr::new(EVIL);
    files(&folder, evil);
    let run = stdout(&rimsim(&folder, &["run", "@good.rmi", "@good.rmi"], evil));
    assert_eq!(run.lines().count(), 2, "{run}");
    let shown =
        r"a\nerror: forged\nb.rmi:1: rim: forged\r\u{1b}[2J\u{1b}]0;x\u{7}\u{9b}31m\u{202e}z";
    assert!(run.lines().all(|line| line.ends_with(&format!("  {shown}good.rmi:rd"))), "{run}");
    let lint = stdout(&rimsim(&folder, &["lint", "@refused.rmi"], evil));
    let places = format!("{shown}refused.rmi:1");
    assert!(!lint.is_empty() && lint.lines().all(|line| line.starts_with(&places)), "{lint}");
    // Machines get the name.
    let json = rimsim(&folder, &["lint", "--format", "json", "@refused.rmi"], evil);
    let document: serde_json::Value = serde_json::from_slice(&json.stdout).expect("JSON");
    assert_eq!(document["findings"][0]["file"], format!("{EVIL}refused.rmi"));
}

/// Where a message has lines of its own, those after the first are indented.
#[test]
fn lines_of_a_message_are_indented() {
    let folder = Folder::new("terminal_messages");
    folder.file("a.rmi", "RTT_MAKE\n").file("b.toml", "\tx = [\n");
    for words in [&["run", "a.rmi"][..], &["run", "--platform", "b.toml", "a.rmi"], &["run"]] {
        let output = folder.rimsim(words);
        let text = String::from_utf8(output.stderr).expect("text");
        let mut lines = text.lines();
        assert!(lines.next().is_some_and(|line| line.starts_with("error: ")), "{text}");
        assert!(text.lines().count() > 1, "{text}");
        let indented = |line: &str| line.is_empty() || line.starts_with("  ");
        assert!(lines.all(indented), "{text}");
    }
}

/// Standard streams that are closed, full, or gone: the exit code tells, and nothing panics.
#[test]
fn streams_that_take_nothing_do_not_change_the_exit_code() {
    let folder = Folder::new("terminal_streams");
    folder.file("a.rmi", REALM).file("wrong.rmi", "RTT_MAKE\n");
    let program = env!("CARGO_BIN_EXE_rimsim");
    for (script, code) in [
        ("run a.rmi >&-", 0),
        ("run a.rmi 2>&-", 0),
        ("run -v a.rmi >&- 2>&- <&-", 0),
        ("run wrong.rmi >&- 2>&-", 2),
        ("run --wrong 2>&-", 2),
        ("run -v a.rmi 2>/dev/full", 0),
        ("run a.rmi >/dev/full", 1),
        ("run --format json a.rmi >/dev/full", 1),
        ("lint --list >/dev/full", 1),
        ("language >/dev/full", 1),
        ("run --export kept.json a.rmi >&-", 0),
    ] {
        let mut command = Command::new("sh");
        command.arg("-c").arg(format!("exec '{program}' {script}"));
        let output = command.current_dir(folder.path("")).output().expect("a shell");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{script}: {stderr}");
        assert!(!stderr.contains("panicked"), "{script}: {stderr}");
    }
    // With a closed standard output, no file takes its place and gets the result.
    let kept = std::fs::read(folder.path("kept.json")).expect("the vector");
    assert!(serde_json::from_slice::<serde_json::Value>(&kept).is_ok());
}
