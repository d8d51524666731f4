//! `lock` and `check`: what changed a RIM is named, whatever it was.

use std::process::Output;

use proptest::prelude::*;
use serde_json::Value;

use crate::cli::{Folder, stdout};
use crate::hosts::inputs::{contents, kernel};

const LINE: &[&str] =
    &["kvmtool", "--", "lkvm", "run", "--realm", "-c", "2", "-m", "256M", "-k", "Image"];

fn folder(name: &str) -> Folder {
    let folder = Folder::new(name);
    folder.file("Image", kernel("Image", 9000, 20_000, 0)).file("initrd", [7; 9000]);
    folder
}

/// Locks a kvmtool guest with an initrd; the RIM.
fn lock(folder: &Folder, options: &[&str]) -> String {
    let output = folder.rimsim(&[&["lock"], options, LINE, &["-i", "initrd"]].concat());
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    stdout(&output).trim_end().to_owned()
}

fn text(folder: &Folder, name: &str) -> String {
    std::fs::read_to_string(folder.path(name)).expect("a text")
}

fn document(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

/// Names of the inputs that changed.
fn changed(document: &Value) -> Vec<&str> {
    let changes = document["changes"].as_array().expect("changes").iter();
    changes.map(|change| change["name"].as_str().expect("a name")).collect()
}

#[test]
fn a_lock_holds_and_is_the_same_every_time() {
    let folder = folder("lock_holds");
    let rim = lock(&folder, &["--caps=fvp", "--num-bps=5"]);
    let measure = ["measure", "--caps=fvp", "--num-bps=5"];
    let alone = folder.rimsim(&[&measure, LINE, &["-i", "initrd"]].concat());
    assert_eq!(stdout(&alone), format!("{rim}\n"));
    let check = folder.rimsim(&["check"]);
    assert_eq!((check.status.code(), &*stdout(&check)), (Some(0), "rim.lock: as locked\n"));
    let first = text(&folder, "rim.lock");
    assert!(first.contains("\"--num-bps=5\",\n"), "{first}");
    assert_eq!(lock(&folder, &["--caps=fvp", "--num-bps=5", "--force"]), rim);
    assert_eq!(text(&folder, "rim.lock"), first);
    assert_eq!(folder.rimsim(&["lock", "--update"]).status.code(), Some(0));
    assert_eq!(text(&folder, "rim.lock"), first, "an update of what did not change");
    let again = [&["lock"], LINE].concat();
    folder.fails(&again, 2, "rim.lock: is there; --update measures it again");
    // Whatever the working folder is called.
    let name = folder.path("").file_name().expect("a name").to_owned();
    let above = format!("{}/rim.lock", name.display());
    let mut command = folder.command(&["lock", "--update", "-o", &above]);
    let output = command.current_dir(folder.path("..")).output().expect("the command");
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(text(&folder, "rim.lock"), first, "an update from elsewhere");
    let saved = folder.rimsim(&["explain", "rim.lock.events", "rim.lock.events"]);
    assert_eq!(saved.status.code(), Some(0));
}

/// One byte of one page, and one property of the device tree, by name.
#[test]
fn pages_and_properties_are_named() {
    let folder = folder("lock_named");
    lock(&folder, &[]);
    let mut initrd = vec![7; 9000];
    initrd[5000] = 8;
    folder.file("initrd", &initrd);
    let output = folder.rimsim(&["check"]);
    assert_eq!(output.status.code(), Some(3));
    let said = stdout(&output);
    assert!(said.contains("changed: input initrd: locked 9000 bytes, sha256 "), "{said}");
    assert!(!said.contains("input Image"), "{said}");
    assert!(said.contains("initrd+0x"), "{said}");
    // Another length moves it, which the device tree tells the guest.
    folder.file("initrd", [7; 9001]);
    let said = stdout(&folder.rimsim(&["check"]));
    assert!(said.contains("linux,initrd-"), "{said}");
    assert!(said.contains("- the device tree\n") && !said.contains("lock.dtb"), "{said}");
    let updated = folder.rimsim(&["lock", "--update"]);
    assert_eq!(updated.status.code(), Some(0), "{updated:?}");
    assert!(String::from_utf8_lossy(&updated.stderr).contains("input initrd: locked 9000"));
    assert_eq!(folder.rimsim(&["check"]).status.code(), Some(0));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(crate::cases(10)))]

    /// Whichever single input changes, and how, is the one that is named, and no other.
    #[test]
    fn every_change_of_one_input_is_named(
        which in 0_usize..3,
        at in 64_usize..8000,
        bit in 0_u32..8,
        how in 0_u8..3,
    ) {
        let folder = folder("lock_property");
        folder.file("host.toml", "num_bps = 5\nnum_wps = 4\n# 01234567890\n");
        lock(&folder, &["--caps=./host.toml", "--no-events"]);
        let (file, name) = [
            ("Image", "Image"), ("initrd", "initrd"), ("host.toml", "--caps ./host.toml"),
        ][which];
        let mut bytes = std::fs::read(folder.path(file)).expect("a file");
        match how {
            _ if which == 2 => {
                let text = String::from_utf8(bytes).expect("text");
                let to = if how == 0 { "num_bps = 6" } else { "num_bps = 5 # six" };
                bytes = text.replace("num_bps = 5", to).into_bytes();
            }
            0 => bytes[at] ^= 1 << bit,
            1 => bytes.push(1),
            _ => bytes.truncate(bytes.len() - 1),
        }
        folder.file(file, &bytes);
        let output = folder.rimsim(&["check", "--format=json"]);
        let document = document(&output);
        let found = changed(&document);
        prop_assert!(found.contains(&name), "{document}");
        let others = ["Image", "initrd", "--caps ./host.toml"];
        prop_assert!(found.iter().all(|it| *it == name || !others.contains(it)), "{document}");
        let alone = [&["measure", "--caps=./host.toml"], LINE, &["-i", "initrd"]].concat();
        let rim = stdout(&folder.rimsim(&alone));
        prop_assert_eq!(document["rim"].as_str(), Some(rim.trim_end()));
        let same = document["locked"] == document["rim"];
        prop_assert_eq!(output.status.code(), Some(if same { 0 } else { 3 }));
        prop_assert_eq!(&document["equal"], &Value::Bool(same));
        // A remark in a file of capabilities is not measured; everything else here is.
        prop_assert_eq!(same, which == 2 && how != 0);
    }
}

#[test]
fn scripts_are_locked_with_what_they_include() {
    let folder = Folder::new("lock_script");
    let script = |bps: u32| {
        format!(
            "include \"common.rmi\"\nREALM_CREATE rd=rd params_ptr=RealmParams {{ s2sz=40, \
             num_bps={bps}, num_wps=1, rtt_base=auto, rtt_level_start=1, rtt_num_start=2 }}\n\
             rtt auto\nRTT_INIT_RIPAS rd=rd base=0x8000_0000 top=0x8020_0000\n\
             DATA_CREATE rd=rd ipa=0x8000_0000 image=kernel flags=measure\n"
        )
    };
    let common = "platform \"fvp\"\nimage kernel = \"sub/kernel\"\nlet rd = auto\n";
    std::fs::create_dir(folder.path("sub")).expect("a folder");
    folder.file("boot.rmi", script(1)).file("common.rmi", common).file("sub/kernel", [1; 6000]);
    let lock = ["lock", "-o", "sub/boot.lock", "--script", "boot.rmi"];
    let output = folder.rimsim(&lock);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(stdout(&output), stdout(&folder.rimsim(&["run", "boot.rmi"])));
    let locked = text(&folder, "sub/boot.lock");
    for path in ["\"../boot.rmi\"", "\"../common.rmi\"", "\"kernel\""] {
        assert!(locked.contains(path), "{locked}");
    }
    // From wherever it is asked.
    let mut elsewhere = folder.command(&["check", "--allow-outside", "boot.lock"]);
    let output = elsewhere.current_dir(folder.path("sub")).output().expect("the command");
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    for (file, text, equal) in [
        ("common.rmi", common.replace("let", "# let\nlet").into_bytes(), true),
        ("boot.rmi", script(2).into_bytes(), false),
        ("sub/kernel", vec![1; 6001], false),
    ] {
        let before = std::fs::read(folder.path(file)).expect("a file");
        folder.file(file, text);
        let output = folder.rimsim(&["check", "--allow-outside", "sub/boot.lock", "--format=json"]);
        let document = document(&output);
        assert_eq!(document["equal"], equal, "{document}");
        let name = file.strip_prefix("sub/").map_or(format!("../{file}"), str::to_owned);
        assert_eq!(changed(&document), [name.as_str()]);
        assert_eq!(document["explanation"].is_null(), equal);
        folder.file(file, before);
    }
    folder.file("wrong.rmi", format!("{}expect rim sha256:{}\n", script(1), "0".repeat(64)));
    folder.fails(&["lock", "-o", "x.lock", "--script", "wrong.rmi"], 3, "wrong.rmi");
}

#[test]
fn files_lie_where_the_lock_says() {
    let folder = folder("lock_paths");
    std::fs::create_dir_all(folder.path("locks/here")).expect("folders");
    std::fs::rename(folder.path("Image"), folder.path("locks/kernel")).expect("moved");
    folder.file("guest.dtb", contents("opaque5001.dtb").expect("bytes"));
    let options = ["-o", "locks/here/a.lock", "--map=Image=locks/kernel", "--dtb=guest.dtb"];
    lock(&folder, &options);
    let locked = text(&folder, "locks/here/a.lock");
    for line in ["path = \"../kernel\"", "path = \"../../initrd\"", "path = \"../../guest.dtb\""] {
        assert!(locked.contains(line), "{locked}");
    }
    let check = ["check", "--allow-outside", "locks/here/a.lock", "--format=json"];
    folder.fails(&["check", "locks/here/a.lock"], 1, "--allow-outside lets it be read");
    assert_eq!(folder.rimsim(&check).status.code(), Some(0));
    folder.file("guest.dtb", [1; 100]);
    let output = folder.rimsim(&check);
    assert_eq!(changed(&document(&output)), ["--dtb", "device_tree"]);
    std::fs::remove_file(folder.path("locks/kernel")).expect("gone");
    folder.fails(&check, 1, "locks/here/../kernel: ");
}

#[test]
fn damage_is_told() {
    let folder = folder("lock_damage");
    folder.fails(&["check"], 1, "rim.lock: ");
    lock(&folder, &[]);
    let good = text(&folder, "rim.lock");
    let with = |from: &str, to: &str| {
        let damaged = good.replacen(from, to, 1);
        assert_ne!(damaged, good, "{from}");
        folder.file("rim.lock", damaged);
    };
    with("tool = \"rimsim ", "tool = \"rimsim 0.0.1-");
    let old = folder.rimsim(&["check"]);
    assert_eq!(old.status.code(), Some(0));
    assert!(String::from_utf8_lossy(&old.stderr).contains("note: locked by rimsim 0.0.1-"));
    with("version = 1", "version = 9");
    folder.fails(&["check"], 2, "rim.lock:3:11: the form of version 9");
    with("[rim]", "[rim");
    folder.fails(&["check"], 2, "rim.lock:6:");
    with("\"-c\"", "\"--nonsense\"");
    folder.fails(&["check"], 2, "nonsense");
    with("\"kvmtool\",\n", "\"bhyve\",\n");
    folder.fails(&["check"], 2, "bhyve");
    with("    \"--host", "    \"--hose");
    folder.fails(&["check"], 2, "rim.lock:16:5: the arguments: unexpected argument '--hose");
    // Another RIM, and events that are not those of the lock.
    folder.file("rim.lock", &good).file("rim.lock.events", "x").file("initrd", [1; 9000]);
    let output = folder.rimsim(&["check"]);
    assert_eq!(output.status.code(), Some(3));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("rim.lock.events: is not what was locked"), "{said}");
    folder.fails(&["lock"], 2, "say a VMM and its command line");
    folder.fails(&["lock", "--update", "kvmtool"], 2, "cannot be used with");
}

/// Where the VMM looks is no input; what it finds there is told apart.
#[test]
fn a_root_file_system_that_comes_or_goes_is_named() {
    let folder = folder("lock_root");
    let at_home = |args: &[&str]| {
        let mut command = folder.command(args);
        command.env("HOME", folder.path("home")).output().expect("the command")
    };
    let made = folder.path("home/.lkvm/guest");
    let says = |found: &str, locked: &str, now: &str| {
        let output = at_home(&["check", "--format", "json"]);
        assert_eq!(output.status.code(), Some(3), "{output:?}");
        let document = document(&output);
        let changes = document["changes"].as_array().expect("changes");
        let it = |change: &&Value| change["kind"] == "assumption" && change["name"] == found;
        let change = changes.iter().find(it).unwrap_or_else(|| panic!("{document}"));
        assert_eq!((&change["locked"], &change["now"]), (&locked.into(), &now.into()));
    };
    let lock = [&["lock"], LINE, &["-d", "guest"]].concat();
    assert!(at_home(&lock).status.success());
    assert_eq!(at_home(&["check"]).status.code(), Some(0));
    std::fs::create_dir_all(&made).expect("made");
    says("disk", "disk guest, not opened (-d)", "nothing");
    says("root", "nothing", "root ~/.lkvm/guest (-d)");
    assert!(at_home(&["lock", "--update"]).status.success());
    std::fs::remove_dir(&made).expect("removed");
    says("root", "root ~/.lkvm/guest (-d)", "nothing");
    // A folder of its own name, which no assumption tells of.
    std::fs::create_dir(folder.path("guest")).expect("made");
    let lock = [&["lock", "--force"], LINE, &["-d", "guest"]].concat();
    assert!(at_home(&lock).status.success());
    std::fs::remove_dir(folder.path("guest")).expect("removed");
    says("disk", "nothing", "disk guest, not opened (-d)");
}
