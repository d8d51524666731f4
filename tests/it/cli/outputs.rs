//! Outputs as whole commands make them: devices stay devices, inputs stay, sets are whole, and
//! nothing is left behind.

use std::fs;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _, symlink};
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::cli::{Folder, heeded, stdout};
use crate::evidence::token_maker::{Maker, RIM};
use crate::hosts::inputs::kernel;
use crate::skipped;

const LINE: &[&str] =
    &["kvmtool", "--", "lkvm", "run", "--realm", "-c", "1", "-m", "256M", "-k", "Image"];
const OPTIONS: &[&str] = &["--dtb-out", "--script-out", "--events-out", "-o"];

fn folder(name: &str) -> Folder {
    let folder = Folder::new(name);
    folder.file("Image", kernel("Image", 9000, 20_000, 0));
    folder
}

fn names(folder: &Folder) -> Vec<String> {
    let entries = fs::read_dir(folder.path(".")).expect("a folder");
    let name = |entry: fs::DirEntry| entry.file_name().to_string_lossy().into_owned();
    let mut names: Vec<_> = entries.map(|entry| name(entry.expect("an entry"))).collect();
    names.sort();
    names
}

fn is_device(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|found| found.file_type().is_char_device())
}

#[test]
fn a_full_device_is_an_error_and_stays_a_device() {
    let folder = folder("outputs_full");
    let mut targets = vec!["/dev/full"];
    let mut mknod = Command::new("mknod");
    mknod.current_dir(folder.path(".")).args(["full", "c", "1", "7"]).stderr(Stdio::null());
    let made = mknod.status();
    match made.is_ok_and(|status| status.success()) {
        true => targets.push("full"),
        false => skipped("cli::outputs::a_full_device", "no device node can be made here"),
    }
    let before = names(&folder);
    for target in targets {
        for option in OPTIONS {
            folder.fails(&[&["measure", option, target], LINE].concat(), 1, target);
        }
        assert!(is_device(&folder.path(target)), "{target}");
    }
    assert_eq!(names(&folder), before, "no side files either");
    let good = folder.rimsim(&[&["measure", "--dtb-out", "/dev/null"], LINE].concat());
    assert_eq!(good.status.code(), Some(0));
    assert!(is_device(Path::new("/dev/null")));
    let shown = folder.rimsim(&[&["measure", "-o", "/dev/stdout"], LINE].concat());
    let plain = folder.rimsim(&[&["measure"], LINE].concat());
    assert_eq!((stdout(&shown), shown.status.code()), (stdout(&plain), Some(0)));
}

#[test]
fn a_pipe_is_written_in_place() {
    let folder = folder("outputs_pipe");
    let made = Command::new("mkfifo").arg(folder.path("pipe")).status();
    assert!(made.expect("mkfifo").success());
    let pipe = folder.path("pipe");
    let reader = std::thread::spawn(move || fs::read(pipe).expect("bytes"));
    let output = folder.rimsim(&[&["measure", "--dtb-out", "pipe"], LINE].concat());
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(reader.join().expect("no panic")[..4], [0xd0, 0x0d, 0xfe, 0xed]);
    let pipe = fs::symlink_metadata(folder.path("pipe")).expect("there");
    assert!(pipe.file_type().is_fifo());
}

#[test]
fn no_output_is_an_input_by_any_of_its_names() {
    let folder = folder("outputs_inputs");
    fs::hard_link(folder.path("Image"), folder.path("hard")).expect("linked");
    symlink("Image", folder.path("soft")).expect("linked");
    let (image, before) = (fs::read(folder.path("Image")).expect("there"), names(&folder));
    for target in ["Image", "./Image", "hard", "soft"] {
        for option in OPTIONS {
            folder.fails(&[&["measure", option, target], LINE].concat(), 1, "overwritten");
        }
        folder.fails(&[&["dtb", "-o", target], LINE].concat(), 1, "overwritten");
        folder.fails(&[&["lock", "--force", "-o", target], LINE].concat(), 1, "overwritten");
    }
    assert_eq!(fs::read(folder.path("Image")).expect("there"), image);
    assert_eq!(names(&folder), before);
}

#[test]
fn a_lock_on_a_full_disk_is_the_old_one() {
    let folder = folder("outputs_disk");
    assert_eq!(folder.rimsim(&[&["lock"], LINE].concat()).status.code(), Some(0));
    let all = ["rim.lock", "rim.lock.dtb", "rim.lock.events"];
    let read = || all.map(|name| fs::read(folder.path(name)).expect("there"));
    let (before, there) = (read(), names(&folder));
    folder.file("Image", kernel("Image", 9000, 20_000, 1));
    // The limit is inherited: blocks of 512 bytes or 1 KiB, whatever this shell has.
    let command = folder.command(&["lock", "--update"]);
    let mut limited = Command::new("sh");
    limited.args(["-c", "ulimit -f 4; exec \"$0\" \"$@\""]).arg(command.get_program());
    let output = limited.args(command.get_args()).current_dir(folder.path(".")).output();
    let output = output.expect("a shell");
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert!(error.contains("rim.lock.events: File too large"), "{error}");
    assert!(read() == before && names(&folder) == there);
}

#[test]
fn modes_and_links_are_kept() {
    let folder = folder("outputs_modes");
    folder.file("tree", [0; 3]);
    let mode = fs::Permissions::from_mode(0o604);
    fs::set_permissions(folder.path("tree"), mode).expect("set");
    symlink("tree", folder.path("link")).expect("linked");
    symlink("new", folder.path("nowhere")).expect("linked");
    for target in ["link", "nowhere"] {
        let output = folder.rimsim(&[&["measure", "--dtb-out", target], LINE].concat());
        assert_eq!(output.status.code(), Some(0), "{output:?}");
    }
    let tree = fs::read(folder.path("tree")).expect("there");
    assert!(tree.len() > 3 && tree == fs::read(folder.path("new")).expect("there"));
    let mode = fs::metadata(folder.path("tree")).expect("there").permissions().mode();
    assert_eq!(mode & 0o7777, 0o604);
    assert_eq!(names(&folder), ["Image", "link", "new", "nowhere", "tree"]);
}

#[test]
fn files_that_are_read_ask_for_nothing_to_be_written() {
    let folder = folder("outputs_requests");
    assert_eq!(folder.rimsim(&[&["lock"], LINE].concat()).status.code(), Some(0));
    let lock = fs::read_to_string(folder.path("rim.lock")).expect("a text");
    folder.file("token.cbor", Maker::new().token());
    let line = 1 + lock.lines().position(|line| line == "arguments = [").expect("a line");
    for word in ["--dtb-out=evil", "--script-out=evil", "--sign-key=evil", "--digest-cache=evil"] {
        let option = word.split('=').next().expect("a part");
        let list = format!("arguments = [\n    \"{word}\",");
        folder.file("bad.lock", lock.replacen("arguments = [", &list, 1));
        let guest = "kvmtool -- --realm -c 1 -m 256M -k Image";
        folder.file("bad.args", format!("# é\n --host 'kvm-v12' {word} {guest}"));
        let said = format!("`{option}` is no part of a request");
        for (command, place) in [
            (&["check", "bad.lock"][..], format!("bad.lock:{}:5: ", line + 1)),
            (&["lock", "--update", "-o", "bad.lock"], format!("bad.lock:{}:5: ", line + 1)),
            (&["lint", "bad.args"], "bad.args:2:19: ".to_owned()),
            (&["report", "-o", "page.html", "bad.args"], "bad.args:2:19: ".to_owned()),
            (&["explain", "bad.args", "bad.args"], "bad.args:2:19: ".to_owned()),
            (&["verify", "token.cbor", "--expect", "bad.args"], "bad.args:2:19: ".to_owned()),
        ] {
            folder.fails(command, 2, &said);
            folder.fails(command, 2, &place);
        }
    }
    let made = names(&folder);
    assert!(!made.iter().any(|name| name.contains("evil") || name.contains("page")), "{made:?}");
}

/// The file of `verify --search` says what is searched: a VM and what may be varied of it.
#[test]
fn a_search_in_a_file_asks_for_nothing_else() {
    let folder = folder("outputs_searches");
    folder.file("token.cbor", Maker::new().token());
    let rim = "a7".repeat(RIM.len());
    let verify = ["verify", "token.cbor", "--expect-rim", &rim, "--search=search.words"];
    let guest = "kvmtool -- lkvm run --realm -c 1 -m 256M -k Image";
    let good = format!("rimsim search --vary num-bps=4-6 --budget 2 {guest}");
    folder.file("search.words", good);
    folder.fails(&verify, 3, "search: ");
    for (option, word) in [
        ("--digest-cache", "--digest-cache=evil"),
        ("--rim", "--rim=sha256:00"),
        ("--token", "--token=token.cbor"),
        ("--format", "--format=json"),
        ("--dtb-out", "--dtb-out=evil"),
        ("--trust-mtime", "--trust-mtime"),
        ("--allow-outside", "--allow-outside"),
        ("-o", "-oevil"),
    ] {
        folder.file("search.words", format!("--vary num-bps=4-6\n\t{word} {guest}"));
        folder.fails(&verify, 2, &format!("`{option}` is no part of a request"));
        folder.fails(&verify, 2, "search.words:2:2: ");
    }
    folder.file("search.words", format!("--vary 'num-bps=4-6 {guest}"));
    folder.fails(&verify, 2, "search.words:1:8: a quotation mark is not closed");
    folder.file("search.words", format!("--budget x {guest}"));
    folder.fails(&verify, 2, "search.words:1:1: ");
    assert!(!folder.path("evil").exists());
}

/// A file of digests has its checksum at its start, and nothing goes back in a pipe.
#[test]
fn digests_go_through_a_pipe() {
    let folder = folder("outputs_digests");
    folder.file("image", [7; 9000]);
    assert!(folder.rimsim(&["digests", "image", "-o", "made.rimd"]).status.success());
    let wanted = std::fs::read(folder.path("made.rimd")).expect("digests");
    for out in ["-", "/dev/stdout"] {
        let output = folder.rimsim(&["digests", "image", "-o", out]);
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(0), "{told}");
        assert!(output.stdout == wanted && told.contains("3 granules"), "{out}: {told}");
    }
    let json = folder.rimsim(&["digests", "image", "-o", "/dev/null", "--format", "json"]);
    let document: serde_json::Value = serde_json::from_slice(&json.stdout).expect("JSON");
    assert_eq!(
        (&document["file"], &document["lists"][0]["granules"]),
        (&"/dev/null".into(), &3.into())
    );
    folder.fails(&["digests", "image", "-o", "/dev/full"], 1, "/dev/full: No space left");
}

/// The image of `bench` is there for as long as it measures.
#[test]
fn a_signal_leaves_nothing_behind() {
    let folder = folder("outputs_signals");
    for signal in heeded("cli::outputs::bench", &[2, 15, 1]) {
        let mut bench = folder.command(&["bench", "--size", "64MiB", "--dir", "."]);
        let mut child = bench.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("begun");
        let made = || names(&folder).iter().any(|name| name.starts_with("rimsim-bench-"));
        while !made() && child.try_wait().expect("a child").is_none() {
            std::thread::yield_now();
        }
        let id = child.id().to_string();
        let sent = Command::new("kill").args([format!("-{signal}"), id]).status();
        assert!(sent.expect("kill").success());
        let ended = child.wait().expect("a child");
        assert_eq!(ended.signal(), Some(signal), "{ended:?}");
        assert!(!made(), "signal {signal}: {:?}", names(&folder));
    }
}
