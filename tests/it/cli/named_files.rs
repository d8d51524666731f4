//! Every option that takes a value, with what is no file of its kind; every subcommand, with little
//! of what a system has. Each run ends by itself, with an exit code of its own.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use rimsim::cli::inventory::valued_options;

use crate::cli::every_subcommand::{ROWS, made};
use crate::cli::output_tables::words;
use crate::cli::{Folder, OWN_FILES, PROGRAM};
use crate::skipped;

/// Command lines that read one file: `%`. Of the options that all guests have each is in one line
/// for each subcommand, where `MEASURES` stands.
const READING: &[&str] = &[
    "run %",
    "run --platform % boot.rmi",
    "run --format corim --sign-key % -o made.corim a.rmi",
    "run --format corim --sign-cmd cat --sign-pub % -o made.corim a.rmi",
    "run --format corim --sign-key key --sign-chain % -o made.corim a.rmi",
    "run --digest-cache % a.rmi",
    "conform %",
    "debug %",
    "debug --platform % a.rmi",
    "fmt % --check",
    "coverage %",
    "coverage --exceptions % boot.rmi",
    "lint %",
    "lint --at 0x80200000=% boot.log",
    "lint --params % boot.log",
    "lint --log-platform % boot.log",
    "platforms %",
    "MEASURES --caps % GUEST",
    "MEASURES --dtb % GUEST",
    "MEASURES --map=Image=% GUEST",
    "MEASURES --initdata % GUEST",
    "MEASURES --cmdline %",
    "MEASURES --domain %",
    "MEASURES --qemu-log %",
    "MEASURES kvmtool -- lkvm run --realm -c 1 -m 256M -k %",
    "MEASURES kvmtool -- lkvm run --realm -c 1 -m 256M -k Image -i %",
    "measure --digest-cache % GUEST",
    "search --budget 9 --rim DIGITS --digest-cache % GUEST",
    "matrix --digest-cache % GUEST",
    "lock -o made.lock --digest-cache % GUEST",
    "check --digest-cache % old.lock",
    "measure --format corim --sign-key % -o made.corim GUEST",
    "measure --format corim --sign-cmd cat --sign-pub % -o made.corim GUEST",
    "measure --format corim --sign-key key --sign-chain % -o made.corim GUEST",
    "search --budget 9 --rim @% GUEST",
    "search --budget 9 --token % GUEST",
    "search --budget 9 --expect-rem 1=DIGITS --chain %",
    "search --budget 9 --expect-rem 1=@% --chain chain.toml",
    "search --budget 9 --rim DIGITS --dtb-candidate % GUEST",
    "matrix --platform % GUEST",
    "matrix --corim-out made.corim --sign-key % GUEST",
    "matrix --corim-out made.corim --sign-cmd cat --sign-pub % GUEST",
    "matrix --corim-out made.corim --sign-key key --sign-chain % GUEST",
    "verify % --expect-rim DIGITS",
    "verify token.cbor --expect %",
    "verify token.cbor --expect-rim @%",
    "verify token.cbor --expect a.rmi --expect-key %",
    "verify token.cbor --expect a.rmi --trust-anchor %",
    "verify token.cbor --expect a.rmi --ccel %",
    "verify token.cbor --expect a.rmi --challenge @%",
    "verify token.cbor --expect a.rmi --cpak %",
    "verify token.cbor --expect a.rmi --search=%",
    "verify token.cbor --expect a.rmi --why=%",
    "verify token.cbor --policy %",
    "verify token.cbor --expect a.rmi --at 2026-01-01 --format ear --sign-key %",
    "verify token.cbor --expect a.rmi --at 2026-01-01 --format ear --sign-cmd cat --sign-pub %",
    "lock -o made.lock --script %",
    "lock -o made.lock --chain %",
    "check %",
    "explain % a.rmi",
    "explain a.rmi %",
    "explain --at 0x80200000=% boot.log a.rmi",
    "explain --params % boot.log a.rmi",
    "explain --log-platform % boot.log a.rmi",
    "digests % -o made.rimd",
    "digests --join -o made.rimd %",
    "import %",
    "import --at 0x80200000=% boot.log",
    "import --params % boot.log",
    "import --platform % boot.log",
    "log %",
    "log --at 0x80200000=% vmm.log",
    "log --image % vmm.log",
    "log --against % vmm.log",
    "log --expect-rim @% vmm.log",
    "log --expect-rem 1=@% vmm.log",
    "log --expect % vmm.log",
    "report -o made.html %",
    "report -o made.html --at 0x80200000=% boot.log",
    "report -o made.html --params % boot.log",
    "report -o made.html --log-platform % boot.log",
    "token %",
    "token --cpak % token.cbor",
    "boot %",
    "man %",
    "why --budget 0 % GUEST",
    "why --budget 0 --candidate % DIGITS GUEST",
    "why --budget 0 --digest-cache % DIGITS GUEST",
    "why --budget 0 --seen % DIGITS GUEST",
    "why --budget 0 --lock % DIGITS GUEST",
    "why --budget 0 --seen boot.log --at 0x80200000=% DIGITS GUEST",
    "why --budget 0 --seen boot.log --params % DIGITS GUEST",
    "why --budget 0 --seen boot.log --log-platform % DIGITS GUEST",
    "boot --format corim --sign-key % -o made.corim chain.toml",
    "boot --format corim --sign-cmd cat --sign-pub % -o made.corim chain.toml",
    "boot --format corim --sign-key key --sign-chain % -o made.corim chain.toml",
    "bench --hasher sha2 --size 1MiB --rounds 1 --dir %",
    "bench --hasher sha2 --size 1MiB --rounds 1 --baseline %",
];

/// What has to stand before the options of a guest.
const MEASURES: &[&str] = &[
    "measure",
    "dtb -o made.dtb",
    "search --budget 9 --rim DIGITS",
    "matrix",
    "lock -o made.lock",
    "why --budget 0 DIGITS",
];

/// Options that take a value which names no file.
const NO_FILE: &[&str] = &[
    "--algo",
    "--append-variant",
    "--budget",
    "--corim-id",
    "--corim-profile",
    "--cpus",
    "--deny",
    "--entity",
    "--explain",
    "--format",
    "--gicv2",
    "--gicv3",
    "--granule",
    "--hash-algo",
    "--hasher",
    "--host",
    "--host-page-size",
    "--ipa-bits",
    "--its",
    "--lifecycle",
    "--log",
    "--log-realm",
    "--lpa2",
    "--max-vcpus",
    "--mem",
    "--name",
    "--not-after",
    "--not-before",
    "--num-bps",
    "--num-wps",
    "--option-variant",
    "--payload-window",
    "--pid",
    "--pmu",
    "--pmu-counters",
    "--range",
    "--realm",
    "--registers",
    "--rem",
    "--require",
    "--rim-rule",
    "--rmm",
    "--rounds",
    "--shard",
    "--sign-cmd",
    "--size",
    "--spec",
    "--sve-vl",
    "--tag-id",
    "--threads",
    "--token-profile",
    "--vary",
    "--vmm-version",
    "--why-budget",
];

/// Those of which it names none with one subcommand.
const NO_FILE_OF: &[(&str, &str)] =
    &[("completions", ""), ("help", ""), ("schema", ""), ("verify", "--at")];

/// Where a folder is what is wanted, or what is looked into.
const OF_FOLDERS: &[&str] = &["conform", "coverage %", "man %", "--digest-cache", "--dir"];

/// The lines of [`READING`], one for each subcommand.
fn reading() -> Vec<String> {
    let lines = READING.iter().flat_map(|line| {
        let (first, rest) = line.split_once(' ').expect("a subcommand and its words");
        let commands = match first {
            "MEASURES" => MEASURES,
            _ => &[first],
        };
        commands.iter().map(|command| format!("{command} {rest}")).collect::<Vec<_>>()
    });
    lines.collect()
}

fn inputs(name: &str) -> Folder {
    let folder = made(name);
    std::fs::create_dir(folder.path("folder")).expect("a folder");
    folder
}

/// The words of a line for a shell.
fn shell_words(line: &str) -> String {
    words(line).join(" ").replace("DIGITS", &"a7".repeat(32))
}

/// The subcommand of a line, and the option whose value is a file; nothing for what has no name.
fn names(line: &str) -> (String, String) {
    let words: Vec<&str> = line.split(' ').collect();
    let at = words.iter().position(|word| word.contains('%')).expect("a file");
    let option = match words[at].split_once('=') {
        Some((option, _)) if option.starts_with("--") => option,
        _ if words[at - 1].starts_with("--") && at > 1 => words[at - 1],
        _ => "",
    };
    (words[0].to_owned(), option.to_owned())
}

#[test]
fn the_table_has_every_option_that_takes_a_value() {
    let table: BTreeSet<_> = reading().iter().map(|line| names(line)).collect();
    let unnamed = |name: String| if name.starts_with("--") { name } else { String::new() };
    let valued = valued_options().into_iter().map(|(command, name)| (command, unnamed(name)));
    let is_file = |(command, name): &(String, String)| {
        !NO_FILE.contains(&&**name) && !NO_FILE_OF.contains(&(&**command, &**name))
    };
    let files: BTreeSet<_> = valued.filter(is_file).collect();
    assert_eq!(table, files);
}

/// Runs the command for at most five minutes; what is written to its standard input is `piped`.
fn run(folder: &Folder, limits: &str, line: &str, piped: &[u8]) -> Output {
    let mut command = Command::new("sh");
    let args = shell_words(line);
    command.args(["-c", &format!("{OWN_FILES} {limits} exec timeout -k 1 300 '{PROGRAM}' {args}")]);
    command.current_dir(folder.path("")).env("XDG_CACHE_HOME", folder.path(".user"));
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("a shell");
    // Who does not read it closes it.
    let _ = child.stdin.take().expect("a pipe").write_all(piped);
    child.wait_with_output().expect("the command")
}

/// Why a run did not end as each has to, if it did not.
fn fault(line: &str, output: &Output, least: i32) -> Option<String> {
    let code = output.status.code();
    let text = String::from_utf8_lossy(&output.stderr);
    let is_good = code.is_some_and(|code| (least..=4).contains(&code));
    let said = [Some(0), Some(3), Some(4)].contains(&code) || text.contains("error: ");
    (!is_good || !said || text.contains("panicked")).then(|| format!("{line}: {code:?} {text}"))
}

#[test]
fn what_is_no_file_ends_in_words() {
    let folder = inputs("named_files");
    let mut faults = Vec::new();
    for line in reading() {
        let may_be_folder = OF_FOLDERS.iter().any(|part| line.contains(part));
        for (target, least) in [
            ("/dev/zero", 1),
            ("folder", i32::from(!may_be_folder)),
            ("/dev/stdin", 0),
            ("none/where", i32::from(!may_be_folder)),
        ] {
            let line = line.replace('%', target);
            let output = run(&folder, "ulimit -v 2000000;", &line, b"\x1b[2Jno such thing\n");
            faults.extend(fault(&line, &output, least));
        }
    }
    assert_eq!(faults, [] as [&str; 0]);
}

/// Under limits with which the program can at least be loaded.
fn ends_under(name: &str, limits: &[&str]) {
    let folder = inputs(name);
    let mut faults = Vec::new();
    for limit in limits {
        for (line, _) in ROWS {
            let output = run(&folder, limit, line, b"");
            faults.extend(fault(&format!("{limit} {line}"), &output, 0));
        }
    }
    assert_eq!(faults, [] as [&str; 0]);
}

#[test]
fn few_descriptors_end_in_words() {
    ends_under("named_descriptors", &["ulimit -n 4;", "ulimit -n 5;", "ulimit -n 7;"]);
}

/// KiB of addresses with which the program is loaded and says its version.
fn least_kibibytes(folder: &Folder) -> u64 {
    let loads = |limit: &u64| {
        run(folder, &format!("ulimit -c 0; ulimit -v {limit};"), "--version", b"").status.success()
    };
    let least = (10..200).map(|count| count * 2048).find(loads);
    least.expect("a program of less than 400 MiB")
}

/// What a run is given in any case, in KiB (`ROOM_BYTES`).
const ROOM_KIBIBYTES: u64 = 128 << 10;

/// Who has less memory than each run is given gets an error before anything is begun; who has it
/// gets what he asked for.
#[test]
fn little_memory_ends_in_words() {
    let folder = inputs("named_memory");
    let least = least_kibibytes(&folder);
    let (mut faults, text) = (Vec::new(), "error: there are no 128 MiB of memory");
    for (i, (line, code)) in ROWS.iter().enumerate() {
        // A few MiB for what comes first, and some less than all of it.
        let less = [least + 8192, least + ROOM_KIBIBYTES - 4096][i % 2];
        let output = run(&folder, &format!("ulimit -c 0; ulimit -v {less};"), line, b"");
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        if output.status.code() != Some(1) || !stderr.starts_with(text) {
            faults.push(format!("{line} with {less} KiB: {:?} {stderr}", output.status));
        }
        // The allocator reserves addresses for each thread, as many as happen to run.
        let more = least + ROOM_KIBIBYTES + 262_144;
        let output = run(&folder, &format!("ulimit -c 0; ulimit -v {more};"), line, b"");
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        if output.status.code() != Some(*code) {
            faults.push(format!("{line} with {more} KiB: {:?} {stderr}", output.status));
        }
    }
    assert_eq!(faults, [] as [&str; 0]);
}

/// What an input takes is asked for when it is read: no list ends the program in the middle. The
/// longest script takes what every run has asked for before.
#[test]
fn inputs_that_need_more_memory_are_errors() {
    let folder = inputs("memory_of_inputs");
    let limit = least_kibibytes(&folder) + ROOM_KIBIBYTES + 32_768;
    let log = "nothing of an RMM\n".repeat(600_000);
    let events = fs::read_to_string(folder.path("saved.events")).expect("it is there");
    let event = events.lines().last().expect("an event").to_owned() + "\n";
    let events = events + &event.repeat((8 << 20) / event.len());
    folder.file("long.log", log).file("long.events", events);
    let image = fs::File::create(folder.path("long.bin")).expect("a file");
    image.set_len(1 << 40).expect("a hole");
    for (line, name) in [
        ("import long.log", "long.log"),
        ("explain long.events a.rmi", "long.events"),
        ("digests -o made.rimd long.bin", "long.bin"),
    ] {
        let output = run(&folder, &format!("ulimit -c 0; ulimit -v {limit};"), line, b"");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{line}: {stderr}");
        let said = stderr.lines().any(|said| said.starts_with(&format!("error: {name}: ")));
        assert!(said && stderr.contains("memory"), "{line}: {stderr}");
        assert!(!folder.path("made.html").exists() && !folder.path("made.rimd").exists());
    }
}

/// A limit of processes binds everybody but root.
#[test]
fn few_processes_end_in_words() {
    let test = "named_files::few_processes_end_in_words";
    let drop = "setpriv --reuid=65534 --regid=65534 --clear-groups prlimit --nproc=1:1";
    let mut probe = Command::new("sh");
    probe.args(["-c", &format!("exec {drop} '{PROGRAM}' --version")]);
    if !probe.output().is_ok_and(|probe| probe.status.success()) {
        return skipped(test, "needs root, setpriv, prlimit, and a program that all may run");
    }
    let folder = inputs("named_processes");
    let all = std::os::unix::fs::PermissionsExt::from_mode(0o777);
    std::fs::set_permissions(folder.path(""), all).expect("a folder for everybody");
    let mut faults = Vec::new();
    for (line, _) in ROWS {
        // `timeout` needs a process of its own: it stands outside.
        let args = shell_words(line);
        let mut command = Command::new("timeout");
        command.args(["-k", "1", "300", "sh", "-c", &format!("exec {drop} '{PROGRAM}' {args}")]);
        command.current_dir(folder.path("")).env("XDG_CACHE_HOME", folder.path(".user"));
        faults.extend(fault(line, &command.output().expect("a shell"), 0));
    }
    assert_eq!(faults, [] as [&str; 0]);
}
