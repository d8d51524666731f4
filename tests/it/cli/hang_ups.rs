//! A terminal whose other end is closed while the command runs.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Command, ExitStatus};
use std::time::{Duration, Instant};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use super::terminals::REALM;
use crate::cli::{Folder, PROGRAM, heeded};
use crate::hosts::inputs::kernel;

const GUEST: &[&str] = &["kvmtool", "--", "lkvm", "run", "--realm", "-m", "256M", "-k", "Image"];

/// Runs the command on a terminal, types a line, and hangs up when `text` was shown. Whether the
/// command was there then, and how it ended.
fn hung_up(folder: &Folder, own: bool, words: &[&str], text: &str) -> (bool, ExitStatus) {
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    let near = openpt(flags).expect("a terminal");
    grantpt(&near).and_then(|()| unlockpt(&near)).expect("a terminal");
    let name = ptsname(&near, Vec::new()).expect("its name");
    let far = || {
        let path = Path::new(std::ffi::OsStr::from_bytes(name.to_bytes())).to_owned();
        let mut options = File::options();
        options.read(true).write(true).custom_flags(libc::O_NOCTTY);
        options.open(path).expect("the terminal's other end")
    };
    // One that the session has sends SIGHUP; another only fails what is read and written.
    let mut command = Command::new("setsid");
    command.args(own.then_some("--ctty")).arg(PROGRAM).args(words).current_dir(folder.path(""));
    command.env("TERM", "xterm").env("XDG_CACHE_HOME", folder.path(".user"));
    command.stdin(far()).stdout(far()).stderr(far());
    let mut child = command.spawn().expect("the command");
    drop(command);
    let mut near = File::from(near);
    near.write_all(b"where\n").expect("a line");
    let (mut shown, mut part) = (Vec::new(), [0; 4096]);
    while !String::from_utf8_lossy(&shown).contains(text) {
        match near.read(&mut part) {
            Ok(count) if count > 0 => shown.extend_from_slice(&part[..count]),
            _ => break,
        }
    }
    let was_there = child.try_wait().expect("a child").is_none();
    drop(near);
    let end = Instant::now() + Duration::from_secs(100);
    loop {
        if let Some(status) = child.try_wait().expect("a child") {
            return (was_there, status);
        }
        if Instant::now() > end {
            child.kill().expect("a child");
            panic!("{words:?} goes on without its terminal");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_terminal_that_hangs_up_ends_the_command() {
    let name = "a_terminal_that_hangs_up_ends_the_command";
    if heeded(name, &[libc::SIGHUP]).is_empty() {
        return;
    }
    if Command::new("setsid").arg("--version").output().is_err() {
        crate::skipped(name, "there is no setsid");
        return;
    }
    let folder = Folder::new("hang_ups");
    folder.file("a.rmi", REALM).file("Image", kernel("Image", 9000, 20_000, 0));
    let digits = "ab".repeat(32);
    let search = ["search", "--rim", &digits, "--budget", "900", "--vary", "cpus=1-64"];
    let search = [&search[..], &["--vary", "num-bps=2-16", "--vary", "num-wps=2-16"]].concat();
    let why = ["why", "--budget", "5", &digits];
    for (words, text) in [
        (["debug", "a.rmi"].to_vec(), "(rimsim) "),
        ([&search[..], GUEST].concat(), "searching"),
        ([&why[..], GUEST].concat(), "searching"),
    ] {
        for own in [true, false] {
            let (was_there, status) = hung_up(&folder, own, &words, text);
            let is_good = status.signal() == Some(libc::SIGHUP)
                || status.code().is_some_and(|code| code <= 4);
            assert!(is_good, "{words:?}, own {own}: {status:?}");
            assert!(was_there, "{words:?} ended before");
        }
    }
    let left = std::fs::read_dir(folder.path("")).expect("a folder");
    let left = left.map(|entry| entry.expect("an entry").file_name());
    let kept = ["a.rmi", "Image", ".user"];
    let other: Vec<_> = left.filter(|name| !kept.iter().any(|kept| name == kept)).collect();
    assert!(other.is_empty(), "{other:?}");
}
