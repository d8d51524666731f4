//! `search --chain`: what a chain leaves open, found by its REMs.

use std::fs;

use serde_json::Value;

use super::boot::folder;
use super::{Folder, stdout};

const GRUB: &str = "hash_algo = \"sha256\"\n[firmware]\nprofile = \"edk2-kvmtool-pr12535\"\n\
    device_tree = \"fdt.bin\"\n[variables]\nBootOrder = [1, 2, 3]\n\
    Boot0001 = { path = \"a\" }\nBoot0002 = { path = \"b\" }\nBoot0003 = { path = \"c\" }\n\
    [[boot]]\nkind = \"grub\"\nfile = \"signed.bin\"\nprofile = \"upstream\"\ncc = true\n\
    steps = [{ command = \"linux /Image\" }]\n\
    [[boot]]\nkind = \"linux\"\nfile = \"kernel.bin\"\ncmdline = \"quiet\"\nstub = \"6.9\"\n";

/// The REMs that a chain makes, as options of a search for these of them.
fn wanted(folder: &Folder, chain: &str, numbers: &[usize]) -> Vec<String> {
    folder.file("real.toml", chain);
    let output = folder.rimsim(&["boot", "real.toml"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let text = stdout(&output);
    let rem = |number: &usize| {
        let start = format!("rem{number} ");
        let found = text.lines().find_map(|line| line.strip_prefix(&start)).expect("a REM");
        [String::from("--expect-rem"), format!("{number}={found}")]
    };
    numbers.iter().flat_map(rem).collect()
}

/// What a search says, with its exit code.
fn search(folder: &Folder, chain: &str, options: &[String]) -> (Option<i32>, String) {
    folder.file("chain.toml", chain);
    let options: Vec<&str> = options.iter().map(String::as_str).collect();
    let output = folder.rimsim(&[&["search", "--chain", "chain.toml"], &options[..]].concat());
    (output.status.code(), stdout(&output))
}

#[test]
fn what_was_left_open_is_found() {
    let folder = folder("boot-search");
    let uki = fs::read_to_string(folder.path("c_uki-sha256.toml")).expect("a chain");
    let gpt = fs::read_to_string(folder.path("a_kvmtool_efistub_gpt_lf2-sha256.toml"));
    let gpt = gpt.expect("a chain");
    for (chain, edits, told) in [
        (&uki[..], &[][..], "as the chain says"),
        (
            &uki,
            &[
                ("failed_attempts = 0", "failed_attempts = 2"),
                ("failed_exits = 0", "failed_exits = 1"),
            ],
            "firmware.failed_attempts = 2, exit.failed_exits = 1",
        ),
        (&uki, &[("\"2026\"", "\"old\"")], "boot[1].stub = \"old\""),
        (&uki, &[("\"6.9\"", "\"before-6.9\"")], "boot[1].kernel_stub = \"before-6.9\""),
        (&gpt, &[("[disk]\ngpt = \"disk.img\"\n", "")], "no [disk]"),
        (&gpt, &[("[1, 10, 7]", "[7, 1, 10]")], "variables.BootOrder = [7, 1, 10]"),
        (
            &gpt,
            &[("[disk]", "separator = false\n[disk]"), ("\"6.9\"", "\"before-6.9\"")],
            "firmware.separator = false, boot[1].stub = \"before-6.9\"",
        ),
        (GRUB, &[("cc = true", "cc = false")], "boot[1].cc = false"),
        (
            GRUB,
            &[
                ("cc = true", "cc = false"),
                ("\"upstream\"", "\"rhboot\""),
                ("[1, 2, 3]", "[3, 1, 2]"),
            ],
            "variables.BootOrder = [3, 1, 2], boot[1].profile = \"rhboot\", boot[1].cc = false, ",
        ),
    ] {
        let real = edits.iter().fold(chain.to_owned(), |text, (from, to)| {
            assert!(text.contains(from), "{from}");
            text.replacen(from, to, 1)
        });
        let options = wanted(&folder, &real, &[1, 2, 3, 4]);
        let (code, text) = search(&folder, chain, &options);
        assert_eq!(code, Some(0), "{edits:?}: {text}");
        let first = text.lines().nth(1).expect("a match").trim();
        if told.ends_with(", ") {
            // A kernel that rhboot's GRUB starts is measured only by a shim.
            assert_eq!(first, told.trim_end_matches(", "), "{text}");
        } else {
            assert_eq!(text, format!("unique\n  {told}\n"), "{edits:?}");
        }
    }
}

#[test]
fn what_a_search_can_not_know() {
    let folder = folder("boot-search-none");
    let uki = fs::read_to_string(folder.path("c_uki-sha256.toml")).expect("a chain");
    // Of one REM alone more than one thing may be.
    let only = wanted(&folder, &uki.replace("\"2026\"", "\"old\""), &[3]);
    let (code, text) = search(&folder, &uki, &only);
    assert_eq!((code, text.lines().next()), (Some(0), Some("unique")), "{text}");
    // Another file is none of it.
    folder.file("uki2.bin", fs::read(folder.path("uki.bin")).expect("a UKI"));
    let other = wanted(&folder, &uki.replace("[1]", "[2]"), &[1, 2, 3]);
    let (code, text) = search(&folder, &uki, &other);
    assert_eq!((code, &*text), (Some(3), "none\n  no candidate makes rem1\n"));
    let json = [&other[..], &["--format".into(), "json".into()]].concat();
    let (code, text) = search(&folder, &uki, &json);
    let json: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!((code, &json["verdict"]), (Some(3), &Value::from("none")));
    assert_eq!((&json["missed_rem"], &json["complete"]), (&Value::from(1), &Value::from(true)));
    let few = [&only[..], &["--budget".into(), "1".into()]].concat();
    let (code, text) = search(&folder, &uki, &few);
    assert_eq!((code, &*text), (Some(3), "none\n  no candidate makes rem3\n"));
    for (args, message) in [
        (&["--chain", "chain.toml"][..], "required"),
        (&["--chain", "chain.toml", "--rim", &"ab".repeat(32)], "say what the REMs are"),
        (&["--chain", "chain.toml", "--expect-rem", "5=00"], "a Realm has REM 1 to 4"),
        (&["--chain", "no.toml", "--expect-rem", "1=@uki.bin"], "--expect-rem 1"),
        (&["--expect-rem", "1=00", "kvmtool", "--", "-c", "1"], "--chain"),
    ] {
        folder.fails(&[&["search"], args].concat(), 2, message);
    }
    let sha512 = format!("2={}", "ab".repeat(64));
    let args = ["search", "--chain", "chain.toml", "--expect-rem", &sha512];
    folder.fails(&args, 2, "is of sha512, and the chain's Realm measures by sha256");
    let vary = ["search", "--chain", "chain.toml", "--vary", "host", "--expect-rem", &other[1]];
    folder.fails(&vary, 2, "a chain says its own");
}
