//! Command lines that stand in domains, logs, files and processes.

use std::fs::OpenOptions;
use std::io::{PipeReader, Write as _};
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::cli::{Folder, stdout};
use crate::hosts::inputs::kernel;

pub(super) const LINE: [&str; 17] = [
    "qemu-system-aarch64",
    "-machine",
    "virt,gic-version=3,confidential-guest-support=lsec0,memory-backend=ram,acpi=on",
    "-object",
    "{\"qom-type\":\"memory-backend-ram\",\"id\":\"ram\",\"size\":268435456}",
    "-accel",
    "kvm",
    "-cpu",
    "host",
    "-smp",
    "2,sockets=2,cores=1,threads=1",
    "-nodefaults",
    "-kernel",
    "Image",
    "-append",
    "console=ttyAMA0 quiet",
    "-object",
];
pub(super) const OBJECT: &str = "{\"qom-type\":\"rme-guest\",\"id\":\"lsec0\"}";
pub(super) const DOMAIN: &str = "<domain type='kvm'><name>vm</name><memory unit='MiB'>256</memory>\
    <vcpu>2</vcpu><os><type arch='aarch64' machine='virt'>hvm</type><kernel>KERNEL</kernel>\
    <cmdline>console=ttyAMA0 quiet</cmdline></os><features><acpi/><gic version='3'/></features>\
    <cpu mode='host-passthrough'/><launchSecurity type='cca'/></domain>";
const MEASURE: [&str; 4] = ["measure", "-q", "--host", "kvm-v10"];

fn folder(name: &str) -> Folder {
    let folder = Folder::new(name);
    std::fs::create_dir(folder.path("in")).expect("a folder");
    let image = kernel("Image", 9000, 20_000, 0);
    folder.file("Image", image.clone()).file("in/Image", image);
    folder
}

/// The RIM of a run that succeeds.
fn rim(folder: &Folder, options: &[&str]) -> String {
    let output = folder.rimsim(&[&MEASURE[..], options].concat());
    assert_eq!(output.status.code(), Some(0), "{options:?}: {output:?}");
    stdout(&output)
}

#[test]
fn all_sources_have_one_rim() {
    let folder = folder("found-lines");
    let words = [&LINE[..], &[OBJECT]].concat();
    let wanted = rim(&folder, &[&["qemu", "--"][..], &words].concat());
    folder.file("vm.xml", DOMAIN.replace("KERNEL", "Image"));
    assert_eq!(rim(&folder, &["--domain", "vm.xml"]), wanted);
    let separated: String = words.iter().flat_map(|word| [*word, "\0"]).collect();
    folder.file("cmdline", separated.clone());
    assert_eq!(rim(&folder, &["--cmdline", "cmdline"]), wanted);
    let quoted: Vec<String> = words.iter().map(|word| format!("'{word}'")).collect();
    let start = "2026-05-01 10:00:00.000+0000: starting up libvirt version: 11.3.0, qemu version";
    let log = format!("{start}\nLC_ALL=C \\\n{}\nchar device\n", quoted.join(" \\\n"));
    folder.file("vm.log", format!("{start}\nLC_ALL=C \\\n/bin/false\n{log}"));
    assert_eq!(rim(&folder, &["--qemu-log", "vm.log"]), wanted);
    // A file with arguments says where its line is as well.
    let quoted = quoted.join(" ");
    folder.file("line.args", format!("--host kvm-v10 qemu --\n{quoted}\n"));
    for found in ["--domain vm.xml", "--cmdline cmdline", "--qemu-log vm.log"] {
        folder.file("found.args", format!("measure {found} # here\n  --host kvm-v10\n"));
        let same = folder.rimsim(&["explain", "found.args", "line.args"]);
        assert_eq!(same.status.code(), Some(0), "{found}: {same:?}");
    }
    // A lock holds the words that were found.
    let lock = folder.rimsim(&["lock", "-q", "--host", "kvm-v10", "--domain", "vm.xml"]);
    assert_eq!((lock.status.code(), stdout(&lock)), (Some(0), wanted.clone()));
    std::fs::remove_file(folder.path("vm.xml")).expect("a file");
    assert_eq!(folder.rimsim(&["check"]).status.code(), Some(0));
    // Trees are made of them too.
    let dtb = folder.rimsim(&["dtb", "-q", "-o", "a.dtb", "--cmdline", "cmdline"]);
    assert_eq!(dtb.status.code(), Some(0), "{dtb:?}");
}

/// What is wrong with a domain is said of its elements, with the line.
#[test]
fn domains_are_refused_in_their_own_words() {
    let folder = folder("found-refused");
    let domain = DOMAIN.replace("KERNEL", "Image").replace('>', ">\n");
    let domain = domain.replace(">\nImage", ">Image").replace(">\nhvm", ">hvm");
    let at = |text: &str| {
        let line = domain.lines().position(|line| line.contains(text)).expect("a line");
        format!("error: vm.xml:{}:1: ", line + 1)
    };
    for (from, to, place, why) in [
        (
            "<launchSecurity type='cca'/>",
            "",
            "<domain",
            "<domain>: has no <launchSecurity type='cca'>: without it the VM is no Realm",
        ),
        ("<cpu mode='host-passthrough'/>", "<cpu mode='maximum'/><!---->", "<cpu", "accepted"),
        ("<gic version='3'/>", "<gic version='5'/>", "<gic", "<gic>: \"5\"; "),
        (
            "Image",
            "/var/lib/vm/Image",
            "<kernel",
            "; --map /var/lib/vm/Image=FILE says where it is on this machine (QEMU's -kernel)",
        ),
        ("<vcpu>", "<vcpus>", "<vcpu", "expected 'vcpus' tag, not 'vcpu'"),
    ] {
        assert!(domain.contains(from), "{from}");
        folder.file("vm.xml", domain.replace(from, to));
        let output = folder.rimsim(&[&MEASURE[..], &["--domain", "vm.xml"]].concat());
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        if why == "accepted" {
            assert!(output.status.success(), "{said}");
            continue;
        }
        assert!(!output.status.success(), "{from}");
        assert!(said.contains(why), "{from}: {said}");
        if why.starts_with('<') || why.starts_with(';') {
            assert!(said.starts_with(&at(place)) && said.contains(" | <"), "{from}: {said}");
        }
    }
}

/// What a VMM refuses is marked among its words.
#[test]
fn words_are_marked() {
    let folder = folder("found-marked");
    folder.file("a.args", "--caps fvp kvmtool --\n  lkvm run --realm --mems 5\n");
    let marked = "\n    |\n    | lkvm run --realm --mems 5\n    |                  ^\n";
    let line = ["measure", "kvmtool", "--", "lkvm", "run", "--realm", "--mems", "5"];
    folder.fails(&line, 2, marked);
    folder.file("token.cbor", crate::evidence::token_maker::Maker::new().token());
    folder.fails(&["verify", "token.cbor", "--expect", "a.args"], 2, marked);
    folder.file("b.args", "--caps fvp\n  --hots x kvmtool -- lkvm\n");
    let marked = "2 |   --hots x kvmtool -- lkvm\n    |   ^";
    folder.fails(&["verify", "token.cbor", "--expect", "b.args"], 2, marked);
    // Settings likewise.
    folder.file("caps.toml", "ipa_bits = 48\nnum_bp = 4\n");
    let line = ["measure", "--caps", "caps.toml", "kvmtool", "--", "lkvm", "run", "--realm"];
    folder.fails(&line, 2, "error: caps.toml:2:1: unknown field `num_bp`");
    folder.fails(&line, 2, "; did you mean num_bps?\n    |\n  2 | num_bp = 4\n    | ^\n");
    folder.file("a.rmi", "platform \"small.toml\"\n").file("small.toml", "pa_bit = 3\n");
    folder.fails(&["run", "a.rmi"], 2, "a.rmi:1:10: small.toml:1:1: unknown field `pa_bit`");
    folder.fails(&["run", "--platform", "small.toml", "a.rmi"], 2, "; did you mean pa_bits?");
}

/// A process with these words that waits for somebody to read of its error, and never ends by
/// itself.
pub(super) struct Waiting {
    child: Child,
    _reader: PipeReader,
}

impl Waiting {
    pub(super) fn with(words: &[&str], folder: &Path) -> Self {
        const O_NONBLOCK: i32 = 0o4000;
        let (reader, writer) = std::io::pipe().expect("a pipe");
        // Opened once more, so that only this end does not wait.
        let own = format!("/proc/self/fd/{}", writer.as_raw_fd());
        let mut options = OpenOptions::new();
        let own = options.write(true).custom_flags(O_NONBLOCK).open(own);
        let mut own = own.expect("the pipe");
        for piece in [4096, 1] {
            while own.write(&vec![b' '; piece]).is_ok() {}
        }
        let mut command = Command::new(env!("CARGO_BIN_EXE_rimsim"));
        command.arg0(words[0]).args(&words[1..]).current_dir(folder).stderr(writer);
        Self { child: command.spawn().expect("a process"), _reader: reader }
    }

    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Names that a process was started with are names in its own folder.
#[test]
fn a_process_is_a_source_too() {
    if !Path::new("/proc/self/cmdline").exists() {
        return crate::skipped("cli::found_lines", "there is no /proc");
    }
    let folder = folder("found-pid");
    folder.file("Image", kernel("Image", 9000, 30_000, 0));
    let words = [&LINE[..], &[OBJECT]].concat();
    let here = rim(&folder, &[&["qemu", "--"][..], &words].concat());
    let within = rim(&folder, &[&["--map", "Image=in/Image", "qemu", "--"][..], &words].concat());
    assert_ne!(here, within);
    let process = Waiting::with(&words, &folder.path("in"));
    let pid = process.child.id().to_string();
    assert_eq!(rim(&folder, &["--pid", &pid]), within);
    let lock = folder.rimsim(&["lock", "-q", "--host", "kvm-v10", "--pid", &pid]);
    assert_eq!((lock.status.code(), stdout(&lock)), (Some(0), within), "{lock:?}");
    // Gone, it has no words; the lock needs it no more.
    drop(process);
    let output = folder.rimsim(&["measure", "--pid", &pid]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert_eq!(folder.rimsim(&["check"]).status.code(), Some(0));
    // One that is no VMM, and one that ended and is not waited for.
    let own = std::process::id().to_string();
    folder.fails(&["measure", "--pid", &own], 2, "is no VMM that is known here");
    let mut ended =
        Command::new(env!("CARGO_BIN_EXE_rimsim")).arg("--version").stdout(Stdio::null()).spawn();
    let ended = ended.as_mut().expect("a process");
    let stat = format!("/proc/{}/stat", ended.id());
    while std::fs::read_to_string(&stat).is_ok_and(|stat| !stat.contains(") Z ")) {
        std::thread::yield_now();
    }
    folder.fails(&["measure", "--pid", &ended.id().to_string()], 2, "a process that ended");
    ended.wait().expect("it ended");
}

#[test]
fn files_that_were_read_name_files_below_them() {
    let folder = folder("found-outside");
    folder.file("in/vm.xml", DOMAIN.replace("KERNEL", "in/Image"));
    rim(&folder, &["--domain", "in/vm.xml"]);
    folder.file("in/vm.xml", DOMAIN.replace("KERNEL", "Image"));
    let line = [&MEASURE[..], &["--domain", "in/vm.xml"]].concat();
    folder.fails(&line, 1, "--allow-outside lets it be read");
    let wanted = rim(&folder, &["--allow-outside", "--domain", "in/vm.xml"]);
    // What the user maps is the user's.
    assert_eq!(rim(&folder, &["--domain", "in/vm.xml", "--map", "Image=Image"]), wanted);
}

#[test]
fn what_holds_no_command_line_is_an_error() {
    let folder = folder("found-bad");
    folder.file("bad.xml", "<domain").file("empty", "").file("bad.log", "hello\n");
    folder.file("other", "/bin/sh\0-c\0true\0");
    for (options, exit, why) in [
        (&["--domain", "bad.xml"][..], 2, "bad.xml:"),
        (&["--domain", "gone.xml"], 1, "gone.xml: "),
        (&["--cmdline", "empty"], 2, "empty: has no words"),
        (&["--cmdline", "other"], 2, "\"/bin/sh\" is no VMM that is known here"),
        (&["--qemu-log", "bad.log"], 2, "bad.log: there is no command line"),
        (&["--pid", "4294967295"], 1, "/proc/4294967295/cmdline: "),
        (&["--domain", "bad.xml", "--pid", "1"], 2, "cannot be used with"),
        (&["--domain", "bad.xml", "--", "-S"], 2, "cannot be used with"),
        (&[], 2, "say which VMM (kvmtool, qemu or cloud-hypervisor) and its command line"),
    ] {
        folder.fails(&[&["measure"], options].concat(), exit, why);
    }
}

#[test]
fn initdata_is_the_personalization_value() {
    let folder = folder("found-initdata");
    let toml = "algorithm = \"sha512\"\nversion = \"0.1.0\"\n\n[data]\n";
    folder.file("initdata.toml", toml);
    let kata = ["--vmm-version", "kata", "--initdata", "initdata.toml"];
    let line = [&["qemu", "--"][..], &LINE, &[OBJECT]].concat();
    let with = rim(&folder, &[&kata[..], &line].concat());
    let without = rim(&folder, &[&kata[..2], &line].concat());
    // It stands in tokens, and is no part of the RIM.
    assert_eq!(with, without);
    let digest = {
        use sha2::Digest as _;
        sha2::Sha512::digest(toml)
    };
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    let object = OBJECT.replace('}', &format!(",\"personalization-value\":\"{hex}\"}}"));
    let words = [&["--vmm-version", "cca-v3", "qemu", "--"][..], &LINE, &[&object]].concat();
    assert_eq!(rim(&folder, &words), with);
    let both =
        [&["measure", "--vmm-version", "cca-v3", "--initdata", "initdata.toml"], &words[2..]];
    assert_eq!(folder.rimsim(&both.concat()).status.code(), Some(0));
    let other = object.replace(&hex, "0102");
    let both = both.concat().into_iter();
    let both: Vec<_> =
        both.map(|word| if word == object { other.as_str() } else { word }).collect();
    folder.fails(&both, 2, "the command line has another value than that which is asked for");
    let driven = ["measure", "--host", "kvm-v12", "--initdata", "initdata.toml"];
    folder.fails(&[&driven[..], &line].concat(), 2, "rmi has no such property: KVM takes zeros");
}

/// Whose folder it is, only they may know; a line with absolute names needs none.
#[test]
fn a_process_of_another_user() {
    const NOBODY: u32 = 65534;
    const TEST: &str = "cli::found_lines::a_process_of_another_user";
    if !Path::new("/proc/self/cmdline").exists() {
        return crate::skipped(TEST, "there is no /proc");
    }
    let folder = folder("found-user");
    let words = [&LINE[..], &[OBJECT]].concat();
    let wanted = rim(&folder, &[&["qemu", "--"][..], &words].concat());
    let absolute = folder.path("Image").display().to_string();
    let named: Vec<&str> =
        words.iter().map(|word| if *word == "Image" { &absolute } else { *word }).collect();
    let as_nobody_with = |process: &Waiting, options: &[&str]| {
        let pid = process.child.id().to_string();
        let line = [&MEASURE[..], options, &["--pid", &pid]].concat();
        let mut command = Command::new(env!("CARGO_BIN_EXE_rimsim"));
        command.args(line).env("XDG_CACHE_HOME", "/nowhere").uid(NOBODY).output()
    };
    let as_nobody = |process: &Waiting| as_nobody_with(process, &[]);
    let process = Waiting::with(&words, &folder.path("in"));
    let Ok(output) = as_nobody(&process) else {
        return crate::skipped(
            TEST,
            "this user may not run programs as another, or they not as it",
        );
    };
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    let names = format!("/proc/{}/cwd/Image", process.child.id());
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert!(error.contains(&names) && error.contains("ermission denied"), "{error}");
    // A folder that is not known has nothing in it.
    let process = Waiting::with(&named, &folder.path("in"));
    let output = as_nobody(&process).expect("as before");
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    let by = format!("the folder of process {}; --allow-outside", process.child.id());
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert!(error.contains(&by), "{error}");
    let output = as_nobody_with(&process, &["--allow-outside"]).expect("as before");
    assert_eq!((output.status.code(), stdout(&output)), (Some(0), wanted), "{output:?}");
}

#[test]
fn a_thread_of_the_kernel_has_no_words() {
    let is_one =
        |path: &Path| std::fs::read(path.join("cmdline")).is_ok_and(|text| text.is_empty());
    if !is_one(Path::new("/proc/2")) {
        let why = "no thread of the kernel can be seen here";
        return crate::skipped("cli::found_lines::a_thread_of_the_kernel_has_no_words", why);
    }
    let why = "/proc/2/cmdline: has no words: a process that ended, or one of the kernel";
    folder("found-thread").fails(&["measure", "--pid", "2"], 2, why);
}

/// Most of it is a hole, so that it takes no room; what is read has a bound.
#[test]
fn a_log_of_gigabytes_is_not_read_to_its_end() {
    let folder = folder("found-log");
    let start = "2026-05-01 10:00:00.000+0000: starting up libvirt version: 11.3.0, qemu version";
    let words = [&LINE[..], &[OBJECT]].concat();
    let quoted: Vec<String> = words.iter().map(|word| format!("'{word}'")).collect();
    let line = format!("{start}\nLC_ALL=C \\\n{}\n", quoted.join(" \\\n"));
    let log = |hole_bytes: u64| {
        folder.file("vm.log", line.clone());
        let mut file = OpenOptions::new().append(true).open(folder.path("vm.log")).expect("a file");
        let len_bytes = line.len() as u64 + hole_bytes;
        file.set_len(len_bytes).expect("a hole");
        file.write_all(format!("\n{line}").as_bytes()).expect("a file");
    };
    log(3 << 30);
    let error = "vm.log: has more than 268435456 bytes, the most that are read of it";
    folder.fails(&["measure", "--qemu-log", "vm.log"], 1, error);
    // A long line of anything is passed over.
    log(64 << 20);
    let wanted = rim(&folder, &[&["qemu", "--"][..], &words].concat());
    assert_eq!(rim(&folder, &["--qemu-log", "vm.log"]), wanted);
}
