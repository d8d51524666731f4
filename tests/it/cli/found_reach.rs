//! What a command line that was found makes rimsim look at: files of its own folder, and no others,
//! in every command that takes one and from every source of one.

use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Output;

use super::found_lines::{DOMAIN, LINE, OBJECT, Waiting};
use super::{Folder, stdout};
use crate::hosts::inputs::kernel;

const OUTSIDE: &str = "--allow-outside lets it be read";

/// Files of others, beside the folder of the line.
fn folder(name: &str) -> Folder {
    let folder = Folder::new(name);
    for inner in ["in", "out"] {
        std::fs::create_dir(folder.path(inner)).expect("a folder");
    }
    folder
        .file("in/Image", kernel("own", 9000, 20_000, 0))
        .file("out/Image", kernel("named", 9000, 24_000, 0))
        .file("out/Image-other", kernel("beside", 9000, 28_000, 0));
    symlink("../out/Image-other", folder.path("in/Image-link")).expect("a link");
    folder
}

/// Each source of a line with a kernel, as it is named from the working folder and from the line's
/// folder: options, and the kernel's name.
struct Sources {
    options: Vec<(String, String)>,
    _process: Option<Waiting>,
}

/// The line's words. What is in the guest's command line is opened by nobody, and looks like a
/// file's name.
fn words(folder: &Folder, kernel: &str) -> Vec<String> {
    let word = |word: &str| match word {
        "Image" => kernel.to_owned(),
        "console=ttyAMA0 quiet" => format!("quiet x={}", folder.path("out/Image").display()),
        word => word.to_owned(),
    };
    LINE.iter().chain([&OBJECT]).map(|text| word(text)).collect()
}

impl Sources {
    fn of(folder: &Folder, kernel: &str, of_process: &str) -> Self {
        let line = words(folder, kernel);
        let domain = DOMAIN.replace("KERNEL", kernel).replace("console=ttyAMA0 quiet", &line[15]);
        folder.file("in/vm.xml", domain);
        folder.file("in/cmdline", line.iter().map(|word| format!("{word}\0")).collect::<String>());
        let start =
            "2026-05-01 10:00:00.000+0000: starting up libvirt version: 11.3.0, qemu version";
        let quoted: Vec<String> = line.iter().map(|word| format!("'{word}'")).collect();
        folder.file("in/vm.log", format!("{start}\nLC_ALL=C \\\n{}\n", quoted.join(" \\\n")));
        let files = ["--domain in/vm.xml", "--cmdline in/cmdline", "--qemu-log in/vm.log"];
        let mut options: Vec<_> =
            files.iter().map(|options| ((*options).to_owned(), kernel.to_owned())).collect();
        let process = Path::new("/proc/self/cmdline").exists().then(|| {
            let line = words(folder, of_process);
            let line: Vec<&str> = line.iter().map(String::as_str).collect();
            Waiting::with(&line, &folder.path("in"))
        });
        if let Some(process) = &process {
            options.push((format!("--pid {}", process.id()), of_process.to_owned()));
        }
        Self { options, _process: process }
    }
}

impl Folder {
    fn found(&self, command: &str, options: &str) -> Output {
        let words = ["-q"].into_iter().chain(command.split(' '));
        let words: Vec<&str> = words.chain(options.split(' ')).collect();
        self.rimsim(&words)
    }

    fn rim_of_line(&self, kernel: &str, options: &str) -> String {
        let words = words(self, kernel);
        let start = "measure -q --host kvm-v10".split(' ').chain(options.split_whitespace());
        let words = words.iter().map(String::as_str);
        let line: Vec<&str> = start.chain(["qemu", "--"]).chain(words).collect();
        let output = self.rimsim(&line);
        assert_eq!(output.status.code(), Some(0), "{line:?}: {output:?}");
        stdout(&output).trim().to_owned()
    }
}

#[test]
fn no_command_opens_what_lies_outside() {
    let folder = folder("reach-opened");
    let sources = Sources::of(&folder, "out/Image", "../out/Image");
    let rim = folder.rim_of_line("out/Image", "");
    let variants = ["--vary lpa2=false", "--option-variant -S"].join(" ");
    for (options, _) in &sources.options {
        for (command, code) in [
            ("measure --host kvm-v10".to_owned(), 1),
            ("dtb --host kvm-v10 -o made.dtb".to_owned(), 1),
            ("lock --host kvm-v10 -o made.lock".to_owned(), 1),
            ("matrix --host kvm-v10 --cpus 1,2".to_owned(), 1),
            (format!("search --host kvm-v10 --rim {rim} {variants}"), 4),
            (format!("why {rim} --host kvm-v10 --budget 0"), 3),
        ] {
            let output = folder.found(&command, options);
            let stderr = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(code), "{command} {options}: {stderr}");
            assert!(stderr.contains(OUTSIDE) || code == 3, "{command} {options}: {stderr}");
            let allowed = format!("{options} --allow-outside");
            let output = folder.found(&command, &allowed);
            assert_eq!(output.status.code(), Some(0), "{command} {allowed}: {output:?}");
        }
        let _ = std::fs::remove_file(folder.path("made.lock"));
    }
    folder.file("a.args", "--host kvm-v10 kvmtool -- lkvm run --realm -c 1 -m 256 -k in/Image");
    folder.fails(&["explain", "in/vm.xml", "a.args"], 1, OUTSIDE);
    folder.fails(&["explain", "a.args", "in/vm.xml"], 1, OUTSIDE);
    // Nor does a file with arguments: neither what the line that it names reaches, nor that line.
    let domain = "--host kvm-v10 --domain in/vm.xml";
    folder.file("b.args", domain).file("out/b.args", domain).file("c.args", "--pid 1");
    folder.fails(&["lint", "b.args"], 1, OUTSIDE);
    folder.fails(&["lint", "out/b.args"], 1, "in/vm.xml");
    folder.fails(&["lint", "c.args"], 2, "c.args:1:1: --pid: a process is another one tomorrow");
}

/// Not the neighbours of a file that it names, not through a link, and no device tree.
#[test]
fn why_does_not_look_around_outside() {
    let folder = folder("reach-beside");
    let sources = Sources::of(&folder, "in/Image", "Image");
    let beside = folder.rim_of_line("out/Image-other", "");
    folder.file(
        "tree.xml",
        std::fs::read_to_string(folder.path("in/vm.xml"))
            .expect("a domain")
            .replace("<memory unit='MiB'>256", "<memory unit='MiB'>272"),
    );
    let made = folder.found("dtb --host kvm-v10 -o out/vm.dtb", "--domain tree.xml");
    assert_eq!(made.status.code(), Some(0), "{made:?}");
    let tree = folder.rim_of_line("in/Image", "--dtb out/vm.dtb");
    let made = folder.found("dtb --host kvm-v10 -o out/other.dtb", "--domain in/vm.xml");
    assert_eq!(made.status.code(), Some(0), "{made:?}");
    let why = |rim: &str, options: &str| {
        let output = folder.found(&format!("why {rim} --host kvm-v10 --budget 0"), options);
        (output.status.code(), stdout(&output))
    };
    for (options, own) in &sources.options {
        let (code, text) = why(&beside, options);
        assert_eq!(code, Some(3), "{options}: {text}");
        // The sources are one from here on, but for the folder of names.
        if !["--domain", "--pid"].iter().any(|source| options.starts_with(source)) {
            continue;
        }
        let (code, text) = why(&tree, options);
        assert_eq!(code, Some(3), "{options}: {text}");
        // What the user names is the user's and stands where the user does, like what is beside it.
        for (rim, more, name) in [
            (&beside, "--allow-outside".to_owned(), "out/Image-other"),
            (&beside, "--candidate out/Image-other".to_owned(), "out/Image-other"),
            (&beside, format!("--map {own}=out/Image"), "out/Image-other"),
            (&tree, "--allow-outside".to_owned(), "out/vm.dtb"),
            (&tree, "--candidate out/vm.dtb".to_owned(), "out/vm.dtb"),
            (&tree, "--dtb out/other.dtb".to_owned(), "out/vm.dtb"),
        ] {
            let (code, text) = why(rim, &format!("{options} {more}"));
            assert_eq!(code, Some(0), "{options} {more}: {text}");
            assert!(text.contains(name), "{options} {more}: {text}");
        }
        let command = format!("search --rim {beside} --host kvm-v10 --vary lpa2=false");
        let words = command.split(' ').chain(options.split(' '));
        let variant = ["--option-variant", "-kernel out/Image-other"];
        let output = folder.rimsim(&words.chain(variant).collect::<Vec<_>>());
        assert_eq!(output.status.code(), Some(0), "{options}: {output:?}");
    }
}
