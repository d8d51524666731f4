//! Tables that have a row of every subcommand, whichever there are.

use std::collections::BTreeSet;
use std::fs;
use std::process::{Command, Output, Stdio};

use rimsim::cli::inventory::subcommands;

use crate::cli::output_tables::{folder, words};
use crate::cli::{Folder, stdout, terminals};
use crate::evidence::token_maker::{Maker, RIM};

/// A command line of each subcommand, and how it ends. `DIGITS` is a RIM.
pub(crate) const ROWS: &[(&str, i32)] = &[
    ("run --events a.rmi", 0),
    ("run --format json refused.rmi", 4),
    ("conform vector.json", 0),
    ("coverage a.rmi", 0),
    ("lint --format json a.rmi", 0),
    ("platforms fvp", 0),
    ("measure --format json GUEST", 0),
    ("measure --format corim GUEST", 0),
    ("dtb -o - GUEST", 0),
    ("search --vary num-bps=4 --rim DIGITS GUEST", 3),
    ("matrix --cpus 1,2 GUEST", 0),
    ("verify token.cbor --expect-rim DIGITS", 3),
    ("lock --force -o new.lock GUEST", 0),
    ("check old.lock", 0),
    ("profiles", 0),
    ("explain a.rmi other.rmi", 3),
    ("token token.cbor", 0),
    ("digests Image -o new.rimd", 0),
    ("import boot.log", 3),
    ("log vmm.log", 0),
    ("report -o - a.rmi", 0),
    ("bench --hasher sha2 --size 1MiB --rounds 1 --dir .", 0),
    ("language", 0),
    ("schema measure", 0),
    ("man", 0),
    ("completions bash", 0),
    ("version --format json", 0),
    ("help exit-codes", 0),
    ("debug a.rmi", 0),
    ("fmt --check messy.rmi", 3),
    ("boot chain.toml", 0),
    ("why --budget 0 DIGITS GUEST", 3),
];

fn missing<'r>(rows: impl Iterator<Item = &'r str>) -> Vec<String> {
    let rows: BTreeSet<_> = rows.collect();
    subcommands().into_iter().filter(|name| !rows.contains(name.as_str())).collect()
}

#[test]
fn tables_have_every_subcommand() {
    assert_eq!(missing(ROWS.iter().map(|(line, _)| words(line)[0])), [""; 0]);
    let terminals = terminals::COMMANDS.iter();
    assert_eq!(missing(terminals.map(|words| words[0])), [""; 0], "in tests of terminals");
}

pub(crate) fn made(name: &str) -> Folder {
    let folder = folder(name);
    folder
        .file("messy.rmi", "let  a=1\n")
        .file("refused.rmi", "REALM_ACTIVATE rd=0x8000_0000\n")
        .file("token.cbor", Maker::new().token())
        .file(
            "other.rmi",
            format!("platform \"fvp\"\n{}", terminals::REALM.replace("num_bps=1", "num_bps=2")),
        );
    for line in ["run --export vector.json a.rmi", "lock -o old.lock GUEST"] {
        let output = folder.rimsim(&words(line));
        assert!(output.status.success(), "{output:?}");
    }
    folder
}

/// Ends as it always does, and without a panic.
fn ends(line: &str, how: &str, output: &Output, code: i32) {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{line}, {how}: {stderr}");
    assert!(!stderr.contains("panicked"), "{line}, {how}: {stderr}");
}

/// Nobody reads, nothing is open, nothing fits: results that are lost for a reader that went away
/// are no failure, those that could not be written are.
#[test]
fn standard_output_may_be_closed() {
    let folder = made("every_stream");
    let digits = "a7".repeat(RIM.len());
    for (line, code) in ROWS {
        let line = line.replace("DIGITS", &digits);
        let args = words(&line);
        let plain = folder.rimsim(&args);
        ends(&line, "open", &plain, *code);
        assert!(!plain.stdout.is_empty(), "{line}: nothing is printed");

        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let mut command = folder.command(&args);
        let gone = command.stdout(writer).stderr(Stdio::piped()).output().expect("the command");
        // A file that was named, and this one was, is written or missed.
        let named = args.windows(2).any(|pair| pair == ["-o", "-"]);
        ends(&line, "without a reader", &gone, if named { 1 } else { *code });

        let full = fs::File::options().write(true).open("/dev/full").expect("a device");
        let mut command = folder.command(&args);
        let full = command.stdout(full).stderr(Stdio::piped()).output().expect("the command");
        ends(&line, "full", &full, 1);

        let command = folder.command(&args);
        let mut shell = Command::new("sh");
        shell.args(["-c", "exec \"$0\" \"$@\" >&-"]).arg(command.get_program()).args(&args);
        shell.current_dir(folder.path(".")).env("XDG_CACHE_HOME", folder.path(".user"));
        ends(&line, "closed", &shell.output().expect("a shell"), *code);
    }
    // What was asked for in files is there all the same.
    assert!(stdout(&folder.rimsim(&["check", "new.lock"])).contains("as locked"));
}
