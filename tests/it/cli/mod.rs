//! The command as a process: exit codes, streams, and what wrong inputs give.

mod assumptions;
mod boot;
mod boot_line;
mod boot_lock;
mod boot_report;
mod boot_search;
mod debug;
mod digest_cache;
mod digest_parts;
pub(crate) mod every_subcommand;
mod fleet_lock;
mod for_people;
mod found_lines;
mod found_reach;
mod hang_ups;
pub(crate) mod images;
mod limits;
mod lock;
mod matrix;
mod named_files;
mod observed_rims;
mod output_ends;
pub(crate) mod output_tables;
mod outputs;
mod outside;
mod recipes;
mod reference;
mod report;
mod report_browser;
mod search;
mod search_settings;
mod shards;
mod signing;
mod terminals;
mod token;
mod tracing;
mod verify;
mod verify_policy;
mod why;
mod why_seen;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_rimsim");

/// Closes, in a shell, what whoever began the tests has left open: it would count against limits.
pub(crate) const OWN_FILES: &str = "exec 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-;";

/// A folder of this test alone, gone when it ends.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new(name: &str) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        // What an interrupted run left behind.
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).expect("the folder of temporary files");
        Self(folder)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub(crate) fn file(&self, name: &str, bytes: impl AsRef<[u8]>) -> &Self {
        std::fs::write(self.0.join(name), bytes).expect("a file of the test");
        self
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(PROGRAM);
        command.args(args).current_dir(&self.0).env("XDG_CACHE_HOME", self.0.join(".user"));
        command
    }

    pub(crate) fn rimsim(&self, args: &[&str]) -> Output {
        let output = self.command(args).output().expect("the command");
        crate::schemas::hold(args, &output.stdout);
        output
    }

    /// Runs the command, which has to end with `code` and to say `text` on standard error.
    pub(crate) fn fails(&self, args: &[&str], code: i32, text: &str) {
        let output = self.rimsim(args);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{args:?}: {stderr}");
        assert!(stderr.contains(text), "{args:?}: {stderr}");
        assert!(!stderr.contains("panicked"), "{stderr}");
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

const REALM: &str = "let rd = auto
REALM_CREATE rd=rd params_ptr=RealmParams {
    s2sz=40, num_bps=1, num_wps=1, rtt_base=auto, rtt_level_start=1, rtt_num_start=2
}
";

/// Those of the signals that a child heeds. Whoever began the tests can have some ignored (`nohup`,
/// a job behind `&`), and children inherit that.
pub(crate) fn heeded(test: &str, signals: &[i32]) -> Vec<i32> {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    let (ignored, heeded): (Vec<i32>, _) =
        signals.iter().partition(|signal| mask >> (**signal - 1) & 1 == 1);
    if !ignored.is_empty() {
        crate::skipped(test, &format!("signals {ignored:?} are ignored here"));
    }
    heeded
}

pub(crate) fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("text")
}

#[test]
fn bytes_that_are_no_text_are_named() {
    let folder = Folder::new("exit-codes");
    folder.file("noise.rmi", [0xFF, 0, 7]);
    let text = "noise.rmi:1:1: byte 0 (0xff) is not UTF-8";
    folder.fails(&["run", "noise.rmi"], 2, text);
}

#[test]
fn an_export_does_not_replace_its_script() {
    let folder = Folder::new("export_onto_itself");
    let text = "GRANULE_DELEGATE addr=0x8000_0000\n";
    folder.file("a.rmi", text);
    folder.fails(&["run", "--export", "./a.rmi", "a.rmi"], 1, "would be overwritten");
    let kept = std::fs::read_to_string(folder.0.join("a.rmi")).expect("the script");
    assert_eq!(kept, text);
}

/// A reader that goes away does not hide what was found.
#[test]
fn a_closed_standard_output_keeps_the_exit_code() {
    let folder = Folder::new("closed_output");
    folder.file("a.rmi", "GRANULE_DELEGATE addr=0x8000_0000 => RMI_ERROR_INPUT\n");
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let mut command = Command::new(PROGRAM);
    command.args(["run", "--format", "json", "a.rmi"]).current_dir(&folder.0).stdout(writer);
    assert_eq!(command.status().expect("the command").code(), Some(3));
}

#[test]
fn json_documents_carry_their_schema() {
    let folder = Folder::new("json");
    folder.file("one.rmi", REALM);
    let export = folder.rimsim(&["run", "--export", "one.json", "one.rmi"]);
    assert!(export.status.success());
    for args in [
        &["run", "-v", "--events", "--format", "json", "one.rmi"][..],
        &["conform", "--format", "json", "one.json"],
        &["coverage", "--format", "json", "one.rmi", "one.json"],
        &["platforms", "--format", "json"],
        &["platforms", "--format", "json", "fvp"],
        &["language", "--format", "json"],
    ] {
        let text = stdout(&folder.rimsim(args));
        let document: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(document["schema"], "rimsim/1", "{args:?}");
        assert_eq!(document["command"], args[0]);
    }
    let text = stdout(&folder.rimsim(&["run", "-v", "--events", "--format", "json", "one.rmi"]));
    let document: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let realm = &document["files"][0]["realms"][0];
    assert_eq!(realm["rim"], realm["events"][0]["rim"]);
    assert_eq!(document["files"][0]["commands"][0]["name"], "RMI_GRANULE_DELEGATE");
    let conform = stdout(&folder.rimsim(&["conform", "one.json"]));
    assert!(conform.ends_with(", 0 failed\n"), "{conform}");
}

/// A word that means an RMM of either edition is told as what it was for the files.
#[test]
fn conform_names_the_rmm_that_answered() {
    let vectors = concat!(env!("CARGO_MANIFEST_DIR"), "/spec-vectors");
    let [old, new] = ["rmm-1.0/a_happy/data_full_l3_and_fold.json", "rmm-2.0/f_found"]
        .map(|name| format!("{vectors}/{name}"));
    let folder = Folder::new("conform_names");
    for (rmm, paths, named) in [
        ("spec", &[&new][..], "spec-2.0-bet1"),
        ("spec", &[&old], "spec-1.0"),
        ("spec", &[&new, &old], "spec-1.0, spec-2.0-bet1"),
        ("tf-rmm", &[&new], "tf-rmm-0.9"),
        ("tf-rmm-next", &[&new], "tf-rmm-next"),
    ] {
        let mut args = vec!["conform", "--rmm", rmm, "--format", "json"];
        args.extend(paths.iter().map(|path| path.as_str()));
        let output = folder.rimsim(&args);
        let document: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
        assert_eq!(document["rmm"], named, "{rmm}, {paths:?}");
        assert_eq!(document["failed"], 0, "{rmm}, {paths:?}");
    }
}

/// A target that is read, or that can not be replaced; what an export leaves behind.
#[test]
fn exports_replace_nothing_that_is_read() {
    let folder = Folder::new("export_targets");
    folder
        .file("image.bin", [7; 5000])
        .file("part.rmi", "image k = \"image.bin\"\n")
        .file("own.toml", stdout(&folder.rimsim(&["platforms", "small"])))
        .file("a.rmi", format!("platform \"own.toml\"\ninclude \"part.rmi\"\n{REALM}"));
    std::fs::hard_link(folder.path("image.bin"), folder.path("other.bin")).expect("a link");
    for target in ["image.bin", "other.bin", "part.rmi", "a.rmi", "own.toml"] {
        let kept = std::fs::read(folder.path(target)).expect("a file");
        folder.fails(&["run", "--export", target, "a.rmi"], 1, "would be overwritten");
        assert_eq!(std::fs::read(folder.path(target)).expect("a file"), kept, "{target}");
    }
    // A device is written itself, a link's target is replaced.
    let output = folder.rimsim(&["run", "--export", "/dev/null", "a.rmi"]);
    assert_eq!((output.status.code(), stdout(&output).len()), (Some(0), 65));
    folder.file("b.json", "old");
    std::os::unix::fs::symlink("b.json", folder.path("link.json")).expect("a link");
    assert!(folder.rimsim(&["run", "--export", "link.json", "a.rmi"]).status.success());
    assert!(std::fs::symlink_metadata(folder.path("link.json")).expect("it").is_symlink());
    let conform = stdout(&folder.rimsim(&["conform", "b.json"]));
    assert!(conform.ends_with(" 0 failed\n"), "{conform}");
    let left = std::fs::read_dir(&folder.0).expect("the folder");
    let part = |name: &str| name.contains(".part");
    assert!(!left.into_iter().any(|entry| part(&entry.unwrap().file_name().to_string_lossy())));
}

/// Attributes of Realms and RECs are exported as they are, too.
#[test]
fn attributes_are_exported_as_they_are() {
    let folder = Folder::new("attributes_export");
    let path = "spec-vectors/rmm-1.0/e_rsi/set_ripas_host_rejects.json";
    let found = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    let text = std::fs::read_to_string(found).expect("a vector");
    let wrong = text.replace("\"state\":\"ACTIVE\"", "\"state\":\"NEW\"");
    assert_ne!(text, wrong, "the vector asks for the state");
    folder.file("a.json", wrong);
    folder.fails(&["run", "--export", "b.json", "a.json"], 3, "Realm state: got ACTIVE");
    let conform = stdout(&folder.rimsim(&["conform", "b.json"]));
    assert!(conform.ends_with(" 0 failed\n"), "{conform}");
}

/// Pipes are read to their end, and tell by their contents what they are.
#[test]
fn scripts_and_vectors_come_from_standard_input() {
    let folder = Folder::new("stdin");
    folder.file("a.rmi", REALM);
    let rim = stdout(&folder.rimsim(&["run", "--export", "a.json", "a.rmi"]));
    let fed = |args: &[&str], name: &str| {
        let input = std::fs::File::open(folder.path(name)).expect("a file");
        folder.command(args).stdin(input).output().expect("the command")
    };
    let piped = |args: &[&str], name: &str| {
        let (reader, mut writer) = std::io::pipe().expect("a pipe");
        let text = std::fs::read(folder.path(name)).expect("a file");
        let writing = std::thread::spawn(move || std::io::Write::write_all(&mut writer, &text));
        let output = folder.command(args).stdin(reader).output().expect("the command");
        writing.join().expect("a thread").expect("written");
        output
    };
    for name in ["a.rmi", "a.json"] {
        assert_eq!(stdout(&fed(&["run", "/dev/stdin"], name)), rim, "{name}");
        assert_eq!(stdout(&piped(&["run", "/dev/stdin"], name)), rim, "{name} through a pipe");
    }
    let conform = stdout(&piped(&["conform", "/dev/stdin"], "a.json"));
    assert!(conform.ends_with(" 0 failed\n"), "{conform}");
    std::fs::copy(folder.path("a.json"), folder.path("b.rmi")).expect("a copy");
    folder.fails(&["run", "b.rmi"], 2, "a vector's name ends in .json");
}

#[test]
fn nothing_is_counted_where_nothing_was_read() {
    let folder = Folder::new("nothing_read");
    folder.file("a.json", "{").file("half.rmi", "REALM_DESTROY rd=0\n");
    let output = folder.rimsim(&["conform", "a.json"]);
    assert_eq!((output.status.code(), stdout(&output).as_str()), (Some(2), ""));
    let output = folder.rimsim(&["coverage", "half.rmi"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let expected = "note: half.rmi: not played to its end: half.rmi:1:1: RMI_REALM_DESTROY rd=0x0";
    assert!(output.status.success() && said.starts_with(expected), "{said}");
}

#[test]
fn help_has_examples_and_exit_codes() {
    let folder = Folder::new("help");
    for (args, text) in [
        (&["--help"][..], "Exit codes:"),
        (&["run", "--help"], "rimsim run -v boot.rmi"),
        (&["conform", "--help"], "rimsim conform --rmm spec"),
        (&["coverage", "--help"], "rimsim coverage spec-vectors/rmm-1.0"),
        (&["language"], "# Lines"),
        (&["platforms"], "tf-rmm-host"),
        (&["platforms", "fvp"], "pa_bits = 48"),
    ] {
        let output = folder.rimsim(args);
        assert!(output.status.success() && stdout(&output).contains(text), "{args:?}");
    }
}
