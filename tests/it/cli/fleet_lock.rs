//! `matrix --lock-out`: the table as it is locked, made again, and expected.

use std::process::Output;

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::cli::{Folder, stdout};
use crate::evidence::token_maker::{Maker, RIM};
use crate::hosts::inputs::kernel;

const LOCK: [&str; 5] = ["matrix", "--lock-out", "fleet.lock", "--cpus=1,2", "--mem=64M,96M"];
const LINE: [&str; 7] = ["kvmtool", "--", "lkvm", "run", "--realm", "-k", "Image"];

fn folder(name: &str) -> Folder {
    let folder = Folder::new(name);
    folder.file("Image", kernel("Image", 9000, 20_000, 0)).file("other", [7; 5000]);
    folder
}

/// Locks the table with more options.
fn lock(folder: &Folder, options: &[&str]) -> Output {
    folder.rimsim(&[&LOCK[..], options, &LINE].concat())
}

fn text(folder: &Folder) -> String {
    std::fs::read_to_string(folder.path("fleet.lock")).expect("a lock")
}

fn document(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_table_is_as_it_was_locked() {
    let folder = folder("fleet_same");
    let made = lock(&folder, &["--hash-algo=sha256,sha512"]);
    assert_eq!(made.status.code(), Some(0), "{made:?}");
    let locked = text(&folder);
    let rims: Vec<_> = stdout(&made).lines().skip(1).map(str::to_owned).collect();
    assert_eq!(rims.len(), 8);
    for line in &rims {
        let rim = line.split_whitespace().last().expect("a RIM");
        assert!(locked.contains(&format!("rim = \"{rim}\"")), "{rim}");
    }
    // What is a default today is written down.
    assert!(locked.contains("\"host=") && locked.contains("\"vmm-version="), "{locked}");
    let check = folder.rimsim(&["check", "fleet.lock"]);
    assert_eq!(stdout(&check), "fleet.lock: 8 rows, all as locked\n");
    assert_eq!(check.status.code(), Some(0));
    assert_eq!(folder.rimsim(&["lock", "--update", "-o", "fleet.lock"]).status.code(), Some(0));
    assert_eq!(text(&folder), locked, "an update of what did not change");
    let again = lock(&folder, &["--hash-algo=sha256,sha512"]);
    assert_eq!(again.status.code(), Some(2));
    assert!(said(&again).contains("fleet.lock: is there; rimsim lock --update"), "{again:?}");
    let again = lock(&folder, &["--hash-algo=sha256,sha512", "--force"]);
    assert_eq!(again.status.code(), Some(0));
    assert_eq!(text(&folder), locked, "the same table gives the same bytes");
}

#[test]
fn rows_that_are_others_are_named_with_the_reason() {
    let folder = folder("fleet_others");
    folder.file("caps.toml", "num_bps = 6\n");
    assert_eq!(lock(&folder, &["--caps", "caps.toml"]).status.code(), Some(0));
    let locked = text(&folder);
    folder.file("Image", kernel("Image", 9000, 20_000, 1));
    let check = folder.rimsim(&["check", "fleet.lock"]);
    assert_eq!(check.status.code(), Some(3));
    let text_of = stdout(&check);
    assert!(text_of.starts_with("fleet.lock: 4 of 4 RIMs changed\n"), "{text_of}");
    assert!(text_of.contains("changed: input Image: locked 9000 bytes"), "{text_of}");
    // The part of each row that differs: contents by the begin of their SHA-256.
    let digest = |text_offset| {
        let digest = Sha256::digest(kernel("Image", 9000, 20_000, text_offset));
        digest[..8].iter().map(|byte| format!("{byte:02x}")).collect::<String>()
    };
    let first = format!("  first  the kernel: contents={}, now {}\n", digest(0), digest(1));
    assert_eq!(text_of.matches(&first).count(), 4, "{text_of}");
    let junit = stdout(&folder.rimsim(&["check", "--format=junit", "fleet.lock"]));
    assert_eq!(junit.matches("first  the kernel: ").count(), 4, "{junit}");
    assert!(junit.contains("<testsuites tests=\"4\" failures=\"4\" errors=\"0\">"), "{junit}");
    let update = folder.rimsim(&["lock", "--update", "-o", "fleet.lock"]);
    let now = stdout(&update);
    assert_eq!(now, "fleet.lock: 4 rows, 4 RIMs changed\n");
    // Another host's capabilities.
    folder.file("caps.toml", "num_bps = 5\n");
    let document = document(&folder.rimsim(&["check", "--format=json", "fleet.lock"]));
    let names: Vec<_> = document["changes"].as_array().expect("changes").iter().collect();
    assert_eq!(names.len(), 1, "{document}");
    assert_eq!(names[0]["name"], "--caps caps.toml");
    assert_eq!(document["changed"], 4);
    for row in document["rows"].as_array().expect("rows") {
        assert_eq!(row["first"], "the Realm's parameters: num_bps=5, now 4");
    }
    // A lock of before does not know what rows are made of.
    let now = text(&folder);
    let bare: Vec<&str> = now.lines().filter(|line| !line.starts_with("parts = [0")).collect();
    let bare = bare.join("\n");
    let (head, rest) = bare.split_once("parts = [\n").expect("the list");
    let (_, rest) = rest.split_once("]\n").expect("its end");
    folder.file("bare.lock", format!("{head}{rest}\n"));
    let of_bare = stdout(&folder.rimsim(&["check", "bare.lock"]));
    assert!(of_bare.contains("4 of 4 RIMs changed") && !of_bare.contains("  first"), "{of_bare}");
    // One row alone, by hand.
    folder.file("caps.toml", "num_bps = 6\n").file("Image", kernel("Image", 9000, 20_000, 0));
    let rim = locked.lines().rfind(|line| line.starts_with("rim = ")).expect("the last row's");
    folder.file("fleet.lock", locked.replace(rim, &format!("rim = \"{}\"", "5a".repeat(32))));
    let check = folder.rimsim(&["check", "fleet.lock"]);
    let text_of = stdout(&check);
    assert!(text_of.starts_with("fleet.lock: 1 of 4 RIMs changed\n"), "{text_of}");
    assert!(text_of.contains("no input changed: "), "{text_of}");
    assert!(!text_of.contains("only rows with"), "one row shares each value: {text_of}");
}

#[test]
fn what_rows_have_in_common_is_said() {
    let folder = folder("fleet_common");
    assert_eq!(lock(&folder, &[]).status.code(), Some(0));
    let mut edited = String::new();
    let mut is_large = false;
    for line in text(&folder).lines() {
        is_large = if line.starts_with("values") { line.contains("\"96M\"") } else { is_large };
        let hides = is_large && line.starts_with("rim = ");
        let line = if hides { format!("rim = \"{}\"", "77".repeat(32)) } else { line.to_owned() };
        edited += &format!("{line}\n");
    }
    folder.file("fleet.lock", edited);
    let check = folder.rimsim(&["check", "fleet.lock"]);
    assert!(stdout(&check).ends_with("only rows with mem=96M changed\n"), "{check:?}");
    let document = document(&folder.rimsim(&["check", "--format=json", "fleet.lock"]));
    assert_eq!(document["only"], serde_json::json!(["mem=96M"]));
}

#[test]
fn refused_rows_stay_refused() {
    let folder = folder("fleet_refused");
    let made = lock(&folder, &["--vary=sve-vl=256", "--allow-refused", "--num-bps=99"]);
    assert_ne!(made.status.code(), Some(0), "{made:?}");
    assert!(!folder.path("fleet.lock").exists(), "nothing is locked of refusals alone");
    let options =
        ["matrix", "--lock-out=fleet.lock", "--cpus=1", "--mem=8M,64M", "--allow-refused"];
    folder.file("Image", kernel("Image", 10 << 20, 10 << 20, 0));
    let made = folder.rimsim(&[&options[..], &LINE].concat());
    assert_eq!(made.status.code(), Some(0), "{made:?}");
    assert!(text(&folder).contains("refused = \""));
    let check = folder.rimsim(&["check", "fleet.lock"]);
    assert_eq!(stdout(&check), "fleet.lock: 2 rows, all as locked\n");
    folder.file("Image", kernel("Image", 9000, 20_000, 0));
    let check = folder.rimsim(&["check", "fleet.lock"]);
    assert!(stdout(&check).contains("  locked refused: "), "{check:?}");
    assert_eq!(check.status.code(), Some(3));
}

#[test]
fn a_token_of_one_row_is_expected_by_name() {
    let folder = folder("fleet_token");
    assert_eq!(lock(&folder, &[]).status.code(), Some(0));
    folder.file("token.cbor", Maker::new().token());
    let verify = ["verify", "token.cbor", "--expect", "fleet.lock", "--format=json"];
    let none = folder.rimsim(&verify);
    assert_eq!(none.status.code(), Some(3), "{none:?}");
    let hex: String = RIM.iter().map(|byte| format!("{byte:02x}")).collect();
    let locked = text(&folder);
    let rim = locked.lines().rfind(|line| line.starts_with("rim = ")).expect("the last row's");
    folder.file("fleet.lock", locked.replace(rim, &format!("rim = \"{hex}\"")));
    let found = folder.rimsim(&verify);
    assert_eq!(found.status.code(), Some(0), "{found:?}");
    let text_of = stdout(&found);
    assert!(text_of.contains("fleet.lock:cpus=2, mem=96M"), "{text_of}");
    assert!(text_of.contains("`rimsim check` measures its inputs again"), "{text_of}");
    assert!(text_of.contains("what fleet.lock assumes: "), "{text_of}");
    let one = [&verify[..], &["--realm", "cpus=1, mem=96M"]].concat();
    assert_eq!(folder.rimsim(&one).status.code(), Some(3));
    // The lock of one RIM is as good.
    let single = [&["lock", "--no-events"][..], &LINE, &["-c1"]].concat();
    let made = folder.rimsim(&single);
    assert_eq!(made.status.code(), Some(0), "{made:?}");
    let verify = ["verify", "token.cbor", "--expect", "rim.lock"];
    assert_eq!(folder.rimsim(&verify).status.code(), Some(3));
    let locked = std::fs::read_to_string(folder.path("rim.lock")).expect("a lock");
    let rim = locked.lines().find(|line| line.starts_with("value = ")).expect("its RIM");
    folder.file("rim.lock", locked.replace(rim, &format!("value = \"{hex}\"")));
    assert_eq!(folder.rimsim(&verify).status.code(), Some(0));
    folder.file("rim.lock", locked.replace("[rim]", "[rim]\nx = 1"));
    folder.fails(&verify, 2, "rim.lock:7:1: ");
}

#[test]
fn what_can_not_be_locked_with_a_table() {
    let folder = folder("fleet_no");
    folder.file("a.toml", "num_bps = 4\n");
    let output = lock(&folder, &["--platform=a.toml,fvp"]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(said(&output).contains("--lock-out: \"a.toml\": files that are varied"), "{output:?}");
    // Hosts whose default versions are others: no column can hold both.
    let output = lock(&folder, &["--host=kvm-v10,kvm-v14"]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(said(&output).contains("say which with --vmm-version"), "{output:?}");
    let force = [&["matrix", "--force"][..], &LINE].concat();
    folder.fails(&force, 2, "--lock-out");
    // Nothing is lost if the output is an input.
    let over = ["matrix", "--lock-out=Image", "--force", "--cpus=1"];
    let kept = std::fs::read(folder.path("Image")).expect("the kernel");
    folder.fails(&[&over[..], &LINE].concat(), 1, "Image");
    assert!(std::fs::read(folder.path("Image")).expect("the kernel") == kept);
}

#[test]
fn damage_is_told_with_its_place() {
    let folder = folder("fleet_damage");
    assert_eq!(lock(&folder, &[]).status.code(), Some(0));
    let good = text(&folder);
    let with = |from: &str, to: &str| {
        let damaged = good.replacen(from, to, 1);
        assert_ne!(damaged, good, "{from}");
        folder.file("fleet.lock", damaged);
    };
    let check = ["check", "fleet.lock"];
    with("version = 1", "version = 9");
    folder.fails(&check, 2, "fleet.lock:2:11: the form of version 9");
    with("values = [\"kvm-v10\", ", "values = [");
    folder.fails(&check, 2, "row 1: it has not as many values as there are columns");
    with("algorithm = \"sha256\"\n", "");
    folder.fails(&check, 2, "row 1: it has a RIM with algorithm and rule, or the reason");
    with("algorithm = \"sha256\"", "algorithm = \"sha512\"");
    folder.fails(&check, 2, "row 1: its RIM is not as long as its algorithm says");
    with("\nparts = [0, ", "\nparts = [99, ");
    folder.fails(&check, 2, "row 1: it has a part that the table has not");
    with("\"cpus=1,2\"", "\"cpus=1,3\"");
    folder.fails(&check, 2, "its axes give other combinations than it has rows");
    with("\"cpus=1,2\"", "\"cpis=1,2\"");
    folder.fails(&check, 2, "cpis");
    with("\"kvmtool\",\n", "\"bhyve\",\n");
    folder.fails(&check, 2, "bhyve");
    with("[matrix]", "[matrix]\nnews = 1");
    folder.fails(&check, 2, "fleet.lock:6:1: ");
    folder.file("fleet.lock", good.replace("path = \"Image\"", "path = \"../Image\""));
    folder.fails(&check, 1, "Image");
}

/// What the VMM's options decide is written down by the names that `--vary` takes, and a kernel of
/// a row is an input.
#[test]
fn rows_that_options_and_files_make_are_locked() {
    let folder = folder("fleet_settings");
    folder.file("Image-6.12", kernel("another", 9000, 20_000, 0));
    let vary = ["--vary", "kernel=Image,Image-6.12", "--vary", "console=said,virtio"];
    let made = lock(&folder, &vary);
    assert_eq!(made.status.code(), Some(0), "{made:?}");
    let locked = text(&folder);
    for axis in ["\"kernel=said,Image-6.12\"", "\"console=said,virtio\""] {
        assert!(locked.contains(axis), "{axis}: {locked}");
    }
    assert!(locked.contains("name = \"Image-6.12\""), "{locked}");
    let check = folder.rimsim(&["check", "fleet.lock"]);
    assert_eq!(stdout(&check), "fleet.lock: 16 rows, all as locked\n", "{check:?}");
    // A lock is moved with what it names.
    let moved = Folder::new("fleet_settings_moved");
    std::fs::create_dir(moved.path("sub")).expect("a folder");
    let away = |name: &str| std::fs::read(folder.path(name)).expect("a file");
    for name in ["fleet.lock", "Image", "Image-6.12"] {
        moved.file(&format!("sub/{name}"), away(name));
    }
    let check = moved.rimsim(&["check", "sub/fleet.lock"]);
    assert_eq!(stdout(&check), "sub/fleet.lock: 16 rows, all as locked\n", "{check:?}");
    folder.file("Image-6.12", kernel("a third", 9000, 20_000, 0));
    let check = folder.rimsim(&["check", "fleet.lock"]);
    assert_eq!(check.status.code(), Some(3), "{check:?}");
    let told = stdout(&check);
    assert!(told.contains("first  the kernel: contents="), "{told}");
    assert!(told.contains("-k Image-6.12"), "{told}");
}
