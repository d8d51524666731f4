//! Outputs of runs that end early: by a signal, a folder that takes nothing, a member of a set.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::os::unix::net::UnixListener;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Command, Stdio};

use crate::cli::{Folder, heeded};
use crate::hosts::inputs::kernel;
use crate::skipped;

const LINE: &[&str] =
    &["kvmtool", "--", "lkvm", "run", "--realm", "-c", "1", "-m", "256M", "-k", "Image"];

fn names(folder: &Folder, of: &str) -> Vec<String> {
    let entries = fs::read_dir(folder.path(of)).into_iter().flatten();
    let mut names: Vec<_> =
        entries.map(|entry| entry.expect("an entry").file_name().into_string()).collect();
    names.sort();
    names.into_iter().map(|name| name.expect("UTF-8")).collect()
}

fn begin(folder: &Folder, args: &[&str]) -> Child {
    let mut command = folder.command(args);
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("begun")
}

/// Sends the signal as soon as there is something temporary. Whether there was.
fn interrupt(folder: &Folder, of: &str, args: &[&str], signal: i32) -> bool {
    let mut child = begin(folder, args);
    let temporary = || names(folder, of).iter().any(|name| name.starts_with(".rimsim-"));
    while !temporary() {
        if child.try_wait().expect("a child").is_some() {
            return false;
        }
        std::thread::yield_now();
    }
    let sent = Command::new("kill").args([format!("-{signal}"), child.id().to_string()]).status();
    assert!(sent.expect("kill").success());
    let ended = child.wait().expect("a child");
    // What was complete already may have ended well.
    assert!(ended.signal() == Some(signal) || ended.success(), "{args:?}: {ended:?}");
    assert!(!temporary(), "{args:?}, signal {signal}: {:?}", names(folder, of));
    ended.signal().is_some()
}

#[test]
fn signals_leave_nothing_of_an_export() {
    let folder = Folder::new("output_ends_export");
    let script = "platform \"tf-rmm-host\"\n".to_owned()
        + &"GRANULE_DELEGATE base=0x8000_0000 count=0x1000\n\
            GRANULE_UNDELEGATE base=0x8000_0000 count=0x1000\n"
            .repeat(64);
    folder.file("big.rmi", script).file("kept.json", "kept").file("Image", vec![7; 64 << 20]);
    let before = names(&folder, ".");
    for signal in heeded("cli::output_ends::export", &[2, 15]) {
        let export = ["run", "--export", "kept.json", "big.rmi"];
        assert!(interrupt(&folder, ".", &export, signal), "the script is large");
        let digests = ["digests", "Image", "-o", "kept.json"];
        interrupt(&folder, ".", &digests, signal);
        interrupt(&folder, ".", &["digests", "Image", "-o", "new.rimd"], signal);
        let _ = fs::remove_file(folder.path("new.rimd"));
        assert_eq!(names(&folder, "."), before);
    }
    assert_eq!(fs::read(folder.path("kept.json")).expect("there"), b"kept");
}

/// An entry of the cache is written at once; some of the tries meet it on its way.
#[test]
fn signals_leave_nothing_of_a_cache() {
    let folder = Folder::new("output_ends_cache");
    let image: Vec<u8> =
        (0..8 << 20_u32).map(|i| u8::try_from(i >> 12 & 0xFF).unwrap_or(0)).collect();
    folder.file("Image", kernel("Image", 9000, 20_000, 0)).file("initrd", image);
    let guest = ["kvmtool", "--", "lkvm", "run", "--realm", "-m", "256M", "-k", "Image", "-i"];
    let args = [&["measure", "--trust-mtime", "--digest-cache", "cache"], &guest[..], &["initrd"]];
    let args = args.concat();
    for signal in heeded("cli::output_ends::cache", &[2, 15, 2, 15]) {
        interrupt(&folder, "cache", &args, signal);
        let _ = fs::remove_dir_all(folder.path("cache"));
    }
}

#[test]
fn a_member_that_can_not_be_written_leaves_the_others() {
    let folder = Folder::new("output_ends_sets");
    folder.file("Image", kernel("Image", 9000, 20_000, 0));
    assert!(folder.rimsim(&[&["lock"], LINE].concat()).status.success());
    let script = [&["measure", "--script-out", "s"], LINE].concat();
    assert!(folder.rimsim(&script).status.success());
    folder.file("Image", kernel("Image", 9000, 20_000, 1));
    let sets: [(&[&str], &[&str]); 2] = [
        (&["rim.lock", "rim.lock.dtb", "rim.lock.events"], &["lock", "--update"]),
        (&["s", "s.file_2_dtb.bin", "s.toml"], &script),
    ];
    for (members, args) in sets {
        for broken in members {
            let kept = fs::read(folder.path(broken)).expect("there");
            fs::remove_file(folder.path(broken)).expect("removed");
            if *broken == "rim.lock" {
                // Without it there is nothing to update.
                folder.file(broken, kept);
                continue;
            }
            fs::create_dir(folder.path(broken)).expect("made");
            let read = || {
                let files = members.iter().filter(|name| *name != broken);
                files.map(|name| fs::read(folder.path(name)).expect("there")).collect::<Vec<_>>()
            };
            let (before, there) = (read(), names(&folder, "."));
            folder.fails(args, 1, &format!("{broken}: is a directory"));
            assert!(read() == before && names(&folder, ".") == there, "{broken}");
            fs::remove_dir(folder.path(broken)).expect("removed");
            folder.file(broken, kept);
        }
    }
    // Of several options, too: the last one goes wrong.
    let args = ["measure", "--dtb-out", "new.dtb", "--events-out", "new.events", "-o", "no/where"];
    folder.fails(&[&args[..], LINE].concat(), 1, "no/where: ");
    let args = ["measure", "--dtb-out", "new.dtb", "--format", "corim", "--sign-key", "Image"];
    folder.fails(&[&args[..], &["-o", "x"], LINE].concat(), 2, "--sign-key Image");
    assert!(!names(&folder, ".").iter().any(|name| name.starts_with("new.")));
}

#[test]
fn a_socket_is_no_target() {
    let folder = Folder::new("output_ends_socket");
    folder.file("Image", kernel("Image", 9000, 20_000, 0));
    // The name of a socket is short, so it is given from its folder.
    let (here, name) = (std::env::temp_dir(), format!("rimsim-test-{}", std::process::id()));
    let path = here.join(&name);
    let _listener = UnixListener::bind(&path).expect("a socket");
    let target = path.display().to_string();
    folder.fails(&[&["measure", "--dtb-out", &target], LINE].concat(), 1, "is a socket");
    assert!(path.exists());
    fs::remove_file(path).expect("removed");
}

/// A folder that takes no files: the error names the output, and what is there stays.
#[test]
fn a_folder_that_can_not_be_written_is_an_error() {
    const WHAT: &str = "cli::output_ends::a_folder_that_can_not_be_written";
    let folder = Folder::new("output_ends_readonly");
    folder.file("Image", kernel("Image", 9000, 20_000, 0));
    fs::create_dir(folder.path("ro")).expect("made");
    folder.file("ro/tree", "old");
    fs::set_permissions(folder.path("ro"), fs::Permissions::from_mode(0o555)).expect("set");
    let is_root = fs::metadata(folder.path("ro")).expect("there").uid() == 0;
    let run = |args: &[&str]| {
        let plain = folder.command(args);
        if !is_root {
            return folder.rimsim(args);
        }
        // Nothing is forbidden to root.
        let mut other = Command::new("setpriv");
        other.args(["--reuid=65534", "--regid=65534", "--clear-groups"]);
        other.arg(plain.get_program()).args(args).current_dir(folder.path("."));
        other.output().unwrap_or_else(|_| folder.rimsim(&["--wrong"]))
    };
    if run(&["platforms"]).status.code() != Some(0) {
        return skipped(WHAT, "no other user can run the program here");
    }
    for target in ["ro/tree", "ro/new"] {
        let output = run(&[&["measure", "--dtb-out", target], LINE].concat());
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{stderr}");
        assert!(stderr.contains(&format!("{target}: Permission denied")), "{stderr}");
    }
    assert_eq!(names(&folder, "ro"), ["tree"]);
    assert_eq!(fs::read(folder.path("ro/tree")).expect("there"), b"old");
}

/// Root writes for others: the file stays its owner's, with all of its mode.
#[test]
fn an_owner_is_kept() {
    let folder = Folder::new("output_ends_owner");
    folder.file("Image", kernel("Image", 9000, 20_000, 0)).file("tree", "old");
    if chown(folder.path("tree"), Some(12_345), Some(23_456)).is_err() {
        return skipped("cli::output_ends::an_owner_is_kept", "only root gives files away");
    }
    let mode = fs::Permissions::from_mode(0o2640);
    fs::set_permissions(folder.path("tree"), mode).expect("set");
    let output = folder.rimsim(&[&["measure", "--dtb-out", "tree"], LINE].concat());
    assert!(output.status.success(), "{output:?}");
    let found = fs::metadata(folder.path("tree")).expect("there");
    assert_eq!((found.uid(), found.gid(), found.mode() & 0o7777), (12_345, 23_456, 0o2640));
    assert!(found.len() > 3);
}
