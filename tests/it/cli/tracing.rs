//! `--log` and `RIMSIM_LOG`: what happens inside, on standard error, and only when asked for.

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt as _;
use std::path::Path;
use std::process::Output;

use rimsim::encoding::shown::acts;

use crate::cli::{Folder, stdout};
use crate::hosts::inputs::kernel;

const VARIABLE: &str = "RIMSIM_LOG";
/// One command that succeeds, and one that is refused.
const TINY: &str = "platform \"fvp\"
GRANULE_DELEGATE addr=0x8800_0000
GRANULE_DELEGATE addr=0x8800_0000 => RMI_ERROR_INPUT
";
const GUEST: &[&str] = &["measure", "kvmtool", "--", "lkvm", "run", "--realm", "-c", "1", "-k"];

fn folder(name: &str) -> Folder {
    let folder = Folder::new(name);
    folder.file("Image", kernel("Image", 9000, 20_000, 0));
    folder
}

/// Measures `image` with options before the subcommand.
fn measure(folder: &Folder, options: &[&str], variable: Option<&str>, image: &str) -> Output {
    let mut command = folder.command(options);
    command.args(GUEST).arg(image).env_remove(VARIABLE);
    command.envs(variable.map(|value| (VARIABLE, value))).output().expect("the command")
}

/// The lines of standard error that are no note.
fn lines(output: &Output) -> Vec<String> {
    let text = String::from_utf8(output.stderr.clone()).expect("text");
    assert!(output.status.success(), "{text}");
    let level = |line: &&str| {
        ["ERROR ", " WARN ", " INFO ", "DEBUG ", "TRACE "].iter().any(|l| line.starts_with(l))
    };
    text.lines().filter(level).map(str::to_owned).collect()
}

#[test]
fn the_steps_of_a_measurement_are_told() {
    let folder = folder("tracing_steps");
    let silent = measure(&folder, &[], None, "Image");
    assert_eq!(lines(&silent), [""; 0]);
    let told = measure(&folder, &["--log", "info"], None, "Image");
    assert_eq!(stdout(&told), stdout(&silent));
    let size_bytes = fs::metadata(folder.path("Image")).expect("the image").len();
    let told = lines(&told);
    let starts = [
        format!(
            " INFO plan{{vmm=\"kvmtool\"}}:open{{path=Image}}: rimsim::measure::image: opened \
             size_bytes={size_bytes} bytes=\"read\""
        ),
        " INFO plan{vmm=\"kvmtool\"}: rimsim::predict::request: planned version=".to_owned(),
        " INFO rimsim::predict::plan: measured stages=".to_owned(),
    ];
    assert_eq!(told.len(), starts.len(), "{told:#?}");
    for (line, start) in told.iter().zip(starts) {
        assert!(line.starts_with(&start), "{line}\n{start}");
    }
    assert!(told[2].ends_with(&format!("rim={}", stdout(&silent).trim())), "{told:?}");
}

/// The stages that `--log` tells are those that `-v` prints, with ranges of IPAs in hexadecimal.
#[test]
fn targets_and_spans_choose() {
    let folder = folder("tracing_targets");
    let stages = lines(&measure(&folder, &["--log", "rimsim::host=trace"], None, "Image"));
    let stage = |line: &&String| line.contains("rimsim::host::kvm::stage: stage command=");
    assert_eq!(stages.iter().filter(stage).count(), stages.len(), "{stages:#?}");
    let ripas = "command=\"RTT_INIT_RIPAS\" ipa=0x8000_0000..0x";
    assert!(stages.iter().any(|line| line.contains(ripas)), "{stages:#?}");
    let hash = lines(&measure(&folder, &["--log", "rimsim::measure=debug"], None, "Image"));
    for text in ["hashed a window events=", "folded a window events="] {
        assert!(hash.iter().any(|line| line.contains(text)), "{text}: {hash:#?}");
    }
    assert!(hash.iter().all(|line| line.contains("rimsim::measure::")), "{hash:#?}");
    let plan = lines(&measure(&folder, &["--log", "[plan{vmm}]=info, off"], None, "Image"));
    assert!(!plan.is_empty(), "the opened file and the plan");
    assert!(plan.iter().all(|line| line.contains("plan{vmm=\"kvmtool\"}")), "{plan:#?}");
}

#[test]
fn the_environment_asks_and_the_option_goes_first() {
    let folder = folder("tracing_environment");
    let told = lines(&measure(&folder, &["--log", "info"], None, "Image"));
    assert_eq!(lines(&measure(&folder, &[], Some("info"), "Image")), told);
    assert_eq!(lines(&measure(&folder, &[], Some(""), "Image")), [""; 0]);
    assert_eq!(lines(&measure(&folder, &["--log", "off"], Some("info"), "Image")), [""; 0]);
    // Two runs print the same.
    assert_eq!(lines(&measure(&folder, &["--log", "info"], Some("wrong"), "Image")), told);
}

#[test]
fn a_directive_that_would_print_nothing_is_refused() {
    let folder = folder("tracing_wrong");
    let accepted = "off, error, warn, info, debug, trace";
    let wrong = ["inof", "debug,", "rimsim=debgu", "rimsim::hots=trace", "clap=info", "[plan=x"];
    for text in wrong.into_iter().chain([""]) {
        folder.fails(&["--log", text, "platforms"], 2, accepted);
        folder.fails(&["platforms", "--log", text], 2, "host, measure, predict, rmm_log");
    }
    for text in wrong {
        let mut command = folder.command(&["platforms"]);
        let output = command.env(VARIABLE, text).output().expect("the command");
        let stderr = String::from_utf8(output.stderr).expect("text");
        assert_eq!(output.status.code(), Some(2), "{text}: {stderr}");
        assert!(stderr.starts_with(&format!("error: {VARIABLE}: ")), "{stderr}");
        assert!(stderr.contains(accepted) && output.stdout.is_empty(), "{stderr}");
    }
    let bytes = OsString::from_vec(b"\x1b[2J\xff".to_vec());
    let output = folder.command(&["platforms"]).env(VARIABLE, bytes).output().expect("it");
    let stderr = String::from_utf8(output.stderr).expect("text");
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert!(!stderr.contains(|c| acts(c) && c != '\n'), "{stderr:?}");
}

#[test]
fn a_search_tells_of_its_batches() {
    let folder = folder("tracing_search");
    let rim = stdout(&measure(&folder, &[], None, "Image"));
    let mut args = vec!["search", "--log", "rimsim::search=info", "--rim", rim.trim()];
    args.extend(["--vary", "num-bps"]);
    args.extend(&GUEST[1..]);
    args.push("Image");
    let told = lines(&folder.rimsim(&args));
    let batch = |line: &String| {
        let parts = ["batch{first=0 candidates=", "searched tried=", "boots="];
        parts.iter().all(|part| line.contains(part))
    };
    assert!(told.iter().any(batch), "{told:#?}");
}

#[test]
fn names_act_on_no_terminal() {
    let folder = Folder::new("tracing_names");
    let name = "a\n INFO forged\x1b[2J\u{9b}31m\u{202e}z";
    folder.file(name, kernel("Image", 9000, 20_000, 0));
    let output = measure(&folder, &["--log", "trace"], None, name);
    let text = String::from_utf8(output.stderr.clone()).expect("text");
    assert!(!text.contains(|c| acts(c) && c != '\n'), "{text:?}");
    let opened = r"open{path=a\n INFO forged\u{1b}[2J\u{9b}31m\u{202e}z}: rimsim::measure::image: ";
    assert!(lines(&output).iter().any(|line| line.contains(opened)), "{text}");
    assert!(!text.lines().any(|line| line.starts_with(" INFO forged")), "{text}");
}

/// What a script does, command by command, and where its images come from.
#[test]
fn a_script_tells_of_what_it_plays() {
    let folder = Folder::new("tracing_run");
    folder.file("tiny.rmi", TINY);
    let silent = folder.rimsim(&["run", "tiny.rmi"]);
    let told =
        folder.rimsim(&["--log", "rimsim::session=trace,rimsim::script=info", "run", "tiny.rmi"]);
    assert_eq!(stdout(&told), stdout(&silent));
    let told = lines(&told);
    assert_eq!(
        told,
        [
            " INFO load{file=\"tiny.rmi\"}: rimsim::script::load: loaded a script items=3 images=0",
            "TRACE play{items=3}: rimsim::session: called fid=0xc400_0151 \
             command=GRANULE_DELEGATE addr=0x8800_0000 outcome=RMI_SUCCESS",
            "TRACE play{items=3}: rimsim::session: called fid=0xc400_0151 \
             command=GRANULE_DELEGATE addr=0x8800_0000 outcome=RMI_ERROR_INPUT gran_state: \
             granule 0x8800_0000 is DELEGATED; UNDELEGATED is needed",
            " INFO play{items=3}: rimsim::script::player: played steps=2 realms=0 unmet=0 \
             is_good=true",
        ]
    );
}

/// What a cache decides is told for each image that it is asked about.
#[test]
fn a_digest_cache_tells_what_it_decides() {
    let folder = Folder::new("tracing_cache");
    folder.file("Image", kernel("Image", 2 << 20, 3 << 20, 0));
    let options = ["--log", "rimsim::digest_cache=debug"];
    let mut command = folder.command(&options);
    command.args(["measure", "kvmtool", "--digest-cache", "kept", "--", "lkvm", "run", "--realm"]);
    command.args(["-c", "1", "-k", "Image"]);
    let told = lines(&command.output().expect("the command"));
    assert!(told.iter().all(|line| line.contains("rimsim::digest_cache: ")), "{told:#?}");
    assert!(told.iter().any(|line| line.contains("image=\"Image\" size_bytes=")), "{told:#?}");
}

/// A part that says something and is not in the list could not be asked for; one in the list that
/// says nothing would print nothing.
#[test]
fn the_parts_are_those_that_say_something() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut parts = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if fs::read_to_string(&path).is_ok_and(|text| text.contains("tracing::")) {
                let inside = path.strip_prefix(&root).expect("inside").with_extension("");
                let part = inside.iter().next().expect("a part").to_str().expect("text");
                parts.push(part.to_owned());
            }
        }
    }
    parts.sort();
    parts.dedup();
    parts.retain(|part| part != "cli");
    Folder::new("tracing_parts").fails(&["--log", "x", "platforms"], 2, &parts.join(", "));
}
