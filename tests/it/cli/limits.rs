//! Little of what a system has: no end of a file, few descriptors, little memory, no threads.

use std::path::Path;
use std::process::{Command, Output};

use crate::cli::{Folder, OWN_FILES, PROGRAM, stdout};
use crate::hosts::made_files::{bytes, elf};
use crate::skipped;

/// Runs the command after `limits` of a shell.
fn limited(folder: &Folder, limits: &str, words: &str) -> Output {
    let mut command = Command::new("sh");
    command.arg("-c").arg(format!("{OWN_FILES} {limits} exec '{PROGRAM}' {words}"));
    command.current_dir(folder.path("")).output().expect("a shell")
}

fn said(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!text.contains("panicked"), "{text}");
    text
}

fn script(images: usize) -> String {
    let images: String = (0..images).map(|i| format!("image k{i} = \"kernel\"\n")).collect();
    format!(
        "platform \"fvp\"\n{images}rtt auto\nlet rd = auto
REALM_CREATE rd=rd params_ptr=RealmParams {{
    s2sz=40, num_bps=1, num_wps=1, rtt_base=auto, rtt_level_start=1, rtt_num_start=2
}}
DATA_CREATE rd=rd ipa=0x8000_0000 image=k0 flags=measure
"
    )
}

fn folder(name: &str, images: usize) -> Folder {
    let folder = Folder::new(name);
    folder.file("kernel", vec![7; 3 << 20]).file("a.rmi", script(images));
    folder
}

/// What has no end is refused, or read up to the most that such a file may have.
#[test]
fn endless_files_are_errors() {
    let folder = folder("endless", 1);
    folder
        .file("zero.rmi", "image k = \"/dev/zero\"\n")
        .file("include.rmi", "include \"/dev/zero\"\n")
        .file("zero.args", "kvmtool -- lkvm run --realm -c1 -m64 -k /dev/zero\n");
    let device = "is a device; an image is a file or a pipe";
    let kvmtool = ["--", "lkvm", "run", "--realm", "-c1", "-m64", "-k"];
    let measure = |option: &[&'static str], image: &'static str| -> Vec<&'static str> {
        [&["measure"], option, &["kvmtool"], &kvmtool[..], &[image]].concat()
    };
    let zero = "/dev/zero";
    for (words, code, text) in [
        (&["run", "--allow-outside", "zero.rmi"][..], 1, device),
        (&["run", "--allow-outside", "include.rmi"], 2, "include.rmi"),
        (&["run", "--platform", zero, "a.rmi"], 2, "more than 4194304 bytes"),
        (&measure(&[], zero), 1, device),
        (&measure(&["--caps", zero], "kernel"), 1, "more than 4194304 bytes"),
        (&measure(&["--dtb", zero], "kernel"), 1, device),
        (&measure(&["--dtb", "kernel.long"], "kernel"), 1, "more than 4194304 bytes"),
        (&["digests", zero, "-o", "made.rimd"], 1, device),
        (&["check", zero], 1, "more than 4194304 bytes"),
        (&["lint", "--allow-outside", "zero.args"], 1, device),
        (&["verify", zero, "--expect", "a.rmi"], 1, "bytes"),
        (&["log", zero], 1, "bytes"),
    ] {
        folder.file("kernel.long", vec![0; (4 << 20) + 1]);
        folder.fails(words, code, text);
    }
    // A pipe may be longer than the image that it is, and is read to its end.
    let words = "measure --dtb /dev/stdin kvmtool -- lkvm run --realm -c1 -m64 -k kernel";
    let piped = limited(&folder, "head -c 9000000 /dev/zero |", words);
    assert!(said(&piped).contains("more than 4194304 bytes"), "{}", said(&piped));
}

/// An image is opened once for each name in a script, and closed as soon as it is mapped.
#[test]
fn few_descriptors_are_enough() {
    let folder = folder("descriptors", 20);
    let wanted = stdout(&folder.rimsim(&["run", "a.rmi"]));
    let run = limited(&folder, "ulimit -n 8;", "run a.rmi");
    assert_eq!((run.status.code(), &*stdout(&run)), (Some(0), &*wanted), "{}", said(&run));
    // One for each file in turn; a shared library needs as many to be loaded.
    let one = limited(&folder, "ulimit -n 4;", "run a.rmi");
    assert!(one.status.code().is_some_and(|code| code <= 4), "{}", said(&one));
}

#[test]
fn little_memory_is_an_error() {
    let folder = folder("memory", 1);
    let long = std::fs::File::create(folder.path("kernel")).expect("a file");
    long.set_len(1 << 30).expect("a hole");
    let run = limited(&folder, "ulimit -v 400000;", "run --threads 1 a.rmi");
    assert_eq!(run.status.code(), Some(1), "{}", said(&run));
    assert!(said(&run).starts_with("error: kernel: "), "{}", said(&run));
    let read = "ulimit -v 400000; head -c 700000000 /dev/zero |";
    let run = limited(&folder, read, "measure kvmtool -- lkvm run --realm -c1 -m64 -k /dev/stdin");
    assert_eq!(run.status.code(), Some(1), "{}", said(&run));
}

/// QEMU copies the segments of an ELF file, for each of 400 candidates: 800 MiB, if all were kept.
#[test]
fn candidates_share_what_a_vmm_makes_of_files() {
    let folder = Folder::new("memory-shared");
    let at = 0x4008_0000;
    folder.file("vmlinux", elf(183, at, &[(at, at, bytes(1, 2 << 20), 2 << 20)]));
    let line = "qemu -- qemu-system-aarch64 -M virt,gic-version=3,confidential-guest-support=r \
                -object rme-guest,id=r -accel kvm -cpu host -m 512M -kernel vmlinux";
    let rim = limited(&folder, "", &format!("measure -q --num-bps 7 --num-wps 9 {line}"));
    assert_eq!(rim.status.code(), Some(0), "{}", said(&rim));
    let space = "--vary num-bps=2-21 --vary num-wps=2-21";
    let search = format!("search --rim {} {space} {line}", stdout(&rim).trim());
    let found = limited(&folder, "ulimit -v 450000;", &search);
    assert_eq!(found.status.code(), Some(0), "{}", said(&found));
    assert!(said(&found).contains("400 of 400 candidates"), "{}", said(&found));
}

/// Threads that can not be had are done without, and said.
#[test]
fn no_threads_are_a_note() {
    let folder = folder("no_threads", 1);
    let wanted = folder.rimsim(&["run", "a.rmi"]);
    let note = "threads";
    assert!(!said(&wanted).contains(note), "{}", said(&wanted));
    // Stacks of 64 GiB do not fit into 4 GiB of addresses.
    let limits = "ulimit -v 4000000; RUST_MIN_STACK=68719476736";
    let run = limited(&folder, limits, "run a.rmi");
    assert_eq!(run.status.code(), Some(0), "{}", said(&run));
    assert_eq!(run.stdout, wanted.stdout);
    assert!(said(&run).contains("note: one thread does everything"), "{}", said(&run));
    let one = limited(&folder, limits, "run --threads 1 a.rmi");
    assert_eq!((one.status.code(), &one.stdout), (Some(0), &wanted.stdout), "{}", said(&one));
    let many = limited(&folder, limits, "run --threads 3 a.rmi");
    assert_eq!(many.status.code(), Some(1));
    // A note comes before it: the thread that waits for signals is not to be had either.
    let is_error = |line: &str| line.starts_with("error: --threads: ");
    assert!(said(&many).lines().any(is_error), "{}", said(&many));
    // Of a Realm of kvmtool, which the script's is not.
    let search = format!(
        "search --rim {} --vary num-bps=2,4 kvmtool -- lkvm run --realm -c1 -m64 -k kernel",
        stdout(&wanted).trim()
    );
    let wanted = limited(&folder, "", &search);
    let search = limited(&folder, limits, &search);
    assert_eq!((search.status.code(), &search.stdout), (Some(3), &wanted.stdout));
    assert!(said(&search).contains("2 of 2 candidates"), "{}", said(&search));
}

/// A limit of processes binds everybody but root.
#[test]
fn a_limit_of_processes_is_a_note() {
    let test = "limits::a_limit_of_processes_is_a_note";
    let folder = folder("no_processes", 1);
    let drop = "setpriv --reuid=65534 --regid=65534 --clear-groups";
    let limits = format!("{drop} prlimit --nproc=1:1 true &&");
    if !limited(&folder, &limits, "--version >/dev/null; :").status.success()
        || !Path::new("/proc/self/limits").exists()
    {
        return skipped(test, "needs root, setpriv and prlimit");
    }
    let run = Command::new("sh")
        .arg("-c")
        .arg(format!("exec {drop} prlimit --nproc=1:1 '{PROGRAM}' run a.rmi"))
        .current_dir(folder.path(""))
        .output()
        .expect("a shell");
    if run.status.code().is_some_and(|code| code > 4) {
        return skipped(test, "others can not run the program where it was built");
    }
    assert_eq!(run.status.code(), Some(0), "{}", said(&run));
    assert_eq!(run.stdout, folder.rimsim(&["run", "a.rmi"]).stdout);
    assert!(said(&run).contains("note: one thread does everything"), "{}", said(&run));
}
