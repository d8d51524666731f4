//! What people who type meet: manual pages, completions, suggestions, words about what is seldom
//! meant.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use rimsim::cli::inventory::subcommands;
use rimsim::script::format_script;

use crate::cli::{Folder, stdout};
use crate::evidence::token_maker::Maker;
use crate::hosts::inputs::kernel;
use crate::skipped;

/// `man` writes a page for each subcommand, and each says what the subcommand is for.
#[test]
fn every_subcommand_has_a_manual_page() {
    let folder = Folder::new("manual_pages");
    let printed = stdout(&folder.rimsim(&["man"]));
    fs::create_dir(folder.path("man")).expect("a folder");
    let output = folder.rimsim(&["man", "man"]);
    assert!(output.status.success() && output.stdout.is_empty(), "{output:?}");
    let page = |name: &str| fs::read_to_string(folder.path("man").join(name)).expect("a page");
    assert_eq!(page("rimsim.1"), printed);
    assert!(printed.contains(".TH rimsim 1") && printed.contains("Exit codes:"), "{printed}");
    let all = subcommands();
    for name in &all {
        let page = page(&format!("rimsim-{name}.1"));
        assert!(
            page.contains(&format!("rimsim\\-{name}")) && page.contains(".SH OPTIONS"),
            "{name}"
        );
    }
    let entries = fs::read_dir(folder.path("man")).expect("a folder").count();
    assert_eq!(entries, all.len() + 1);
    folder.fails(&["man", "nowhere"], 1, "nowhere");
}

#[test]
fn completions_name_every_subcommand() {
    let folder = Folder::new("completions");
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = stdout(&folder.rimsim(&["completions", shell]));
        for name in subcommands() {
            assert!(script.contains(&name), "{shell}: {name}");
        }
        assert!(script.contains("vmm-version"), "{shell}");
    }
    folder.file("rimsim.bash", stdout(&folder.rimsim(&["completions", "bash"])));
    let mut bash = Command::new("bash");
    bash.args(["-n", "rimsim.bash"]).current_dir(folder.path(".")).stdin(Stdio::null());
    match bash.status() {
        Ok(status) => assert!(status.success(), "bash reads it"),
        Err(error) => skipped("for_people::completions_name_every_subcommand", &error.to_string()),
    }
}

#[test]
fn the_version_says_what_the_program_is() {
    let folder = Folder::new("version");
    let long = stdout(&folder.rimsim(&["--version"]));
    assert_eq!(long, stdout(&folder.rimsim(&["version"])));
    for part in ["rimsim 0.", "\ncommit: ", "\neditions of DEN0137: 1.0, 2.0\n", "hosts"] {
        assert!(long.contains(part), "{long}");
    }
    let short = stdout(&folder.rimsim(&["-V"]));
    assert_eq!(short.lines().next(), long.lines().next());
    let json = stdout(&folder.rimsim(&["version", "--format", "json"]));
    let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(short.trim(), format!("rimsim {}", json["version"].as_str().expect("a text")));
}

/// A command line with a word that nobody knows, and what is suggested.
const MISSPELT: &[(&str, &str)] = &[
    ("measure --host v11 GUEST", "kvm-v11"),
    ("measure --host KVM_V12 GUEST", "kvm-v12"),
    ("measure --caps FVP GUEST", "fvp"),
    ("measure --vmm-version cca-v11 GUEST", "cca-v12"),
    ("measure --vmm-version v12 GUEST", "cca-v12"),
    ("measure --rmm tfrmm GUEST", "tf-rmm"),
    ("measure --spec v2.0 GUEST", "2.0"),
    ("measure --rim-rule rmm1.0 GUEST", "rmm-1.0"),
    ("measure kvm-tool -- lkvm run", "kvmtool"),
    ("measure --hasher sha-2 GUEST", "sha2"),
    ("matrix --host v11 GUEST", "kvm-v11"),
    ("matrix --hash-algo sha-256 GUEST", "sha256"),
    ("search --vary vmmversion=x --rim DIGITS GUEST", "vmm-version"),
    ("platforms FVP", "fvp"),
    ("run --platform FVP a.rmi", "fvp"),
    ("run --rem buffered a.rmi", "buffer"),
    ("schema measur", "measure"),
    ("lint --explain ripas_twice", "ripas-twice"),
    ("help exit-code", "exit-codes"),
    ("help mesure", "measure"),
    ("measure --host kvm-v99 GUEST", "kvm-v9"),
    ("dtb -o x --vmm-version qemu-19.1 qemu -- -M virt", "qemu-11.1"),
    // Options of VMMs, and what is in them.
    ("measure kvmtool -- lkvm run --mems 5", "--mem"),
    ("measure kvmtool -- lkvm run --restricted-mem", "--restricted_mem"),
    ("measure qemu -- -kernl Image", "-kernel"),
    ("measure qemu -- --apend quiet", "-append"),
    ("measure qemu -- -M virt,gicversion=3", "gic-version"),
    ("measure qemu -- -M virt,confidential-guest=a", "confidential-guest-support"),
    ("measure qemu -- -M virt,highmem-redist=on", "highmem-redists"),
    ("measure qemu -- REALM -cpu host -smp 2,socket=1", "sockets"),
    ("measure qemu -- REALM -cpu host -numa nod,cpus=0", "node"),
    ("measure qemu -- -boot ordre=c", "order"),
    ("measure qemu -- -object rme-gest,id=a", "rme-guest"),
    ("measure qemu -- -object rme-guest,id=a,measurement-algorith=sha256", "measurement-algorithm"),
    ("measure qemu -- REALM -cpu host,num-breakpoint=4", "num-breakpoints"),
    ("measure qemu -- REALM -cpu host -numa node,mem-dev=a", "memdev"),
    ("dtb -o x --vmm-version qemu-11.1 qemu -- -M virt -cpu cortex-a75", "cortex-a35"),
    ("measure cloud-hypervisor -- --initram Image", "--initramfs"),
    ("measure cloud-hypervisor -- --memory sise=1G", "size"),
    ("measure cloud-hypervisor -- --cpus bot=2", "boot"),
    ("measure cloud-hypervisor -- --platform arm-rme=on", "arm_rme"),
];

#[test]
fn unknown_words_suggest_known_ones() {
    let folder = Folder::new("suggestions");
    folder.file("Image", kernel("Image", 9000, 20_000, 0)).file("a.rmi", "");
    for (line, meant) in MISSPELT {
        let line = line.replace("GUEST", "kvmtool -- lkvm run --realm -c 1 -m 256M -k Image");
        let line = line.replace("DIGITS", &"a7".repeat(32));
        let realm = "-M virt,confidential-guest-support=r -accel kvm -object rme-guest,id=r \
                     -kernel Image";
        let line = line.replace("REALM", realm);
        let words: Vec<&str> = line.split(' ').collect();
        folder.fails(&words, 2, &format!("; did you mean {meant}?"));
    }
    // What clap knows of options and subcommands.
    folder.fails(&["measur"], 2, "'measure'");
    folder.fails(&["measure", "--hots", "x"], 2, "'--host'");
    folder.fails(&["run", "--format", "jsn", "a.rmi"], 2, "'json'");
}

fn words_after(line: &str) -> Vec<&str> {
    let kvmtool = ["measure", "kvmtool", "--", "lkvm", "run", "--realm", "-c", "1"];
    kvmtool.into_iter().chain(line.split(' ')).collect()
}

#[test]
fn help_has_topics() {
    let folder = Folder::new("help_topics");
    let help = |words: &[&str]| stdout(&folder.rimsim(&[&["help"], words].concat()));
    assert!(help(&[]).contains("Exit codes:"));
    assert!(help(&["measure"]).contains("Usage: rimsim measure"));
    assert!(help(&["script"]).contains("REALM_CREATE"));
    let codes = help(&["exit-codes"]);
    for code in 0..5 {
        assert!(codes.lines().any(|line| line.starts_with(&format!("{code}     "))), "{codes}");
    }
    let rows = codes.lines().skip_while(|line| !line.starts_with("subcommand")).skip(1);
    let names: Vec<_> = rows.map(|row| row.split(' ').next().expect("a name")).collect();
    let known = subcommands();
    let (last, names) = names.split_last().expect("rows");
    assert_eq!(*last, "others");
    assert!(names.iter().all(|name| known.iter().any(|known| known == name)), "{codes}");
}

#[test]
fn profiles_can_be_short() {
    let folder = Folder::new("profiles_short");
    let short = stdout(&folder.rimsim(&["profiles", "--short"]));
    let long = stdout(&folder.rimsim(&["profiles"]));
    let names = short.lines().filter(|line| line.starts_with("  "));
    assert!(names.clone().count() > 20 && short.lines().count() < 40, "{short}");
    for name in names.filter_map(|line| line.split_whitespace().next()) {
        assert!(long.contains(&format!("  {name} ")), "{name}");
    }
}

/// A RIM where a file is meant, and a file where a RIM is.
#[test]
fn a_rim_is_no_file() {
    let folder = Folder::new("rim_no_file");
    folder.file("token.cbor", Maker::new().token());
    for digits in [64, 96, 128] {
        let rim = "a7".repeat(digits / 2);
        let hint = format!("takes a file; a RIM alone is --expect-rim {rim}");
        folder.fails(&["verify", "token.cbor", "--expect", &rim], 2, &hint);
    }
    folder.fails(&["verify", "token.cbor", "--expect", "a7a7"], 1, "a7a7");
}

#[test]
fn scripts_are_formatted_in_their_place() {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
    let folder = Folder::new("fmt");
    let messy = "\n# first\nlet  a=1 # one\n\n\nlet s = RecParams { pc = 1, # inside\n mpidr=2 }\n";
    let tidy = "# first\nlet a = 1  # one\n\n# inside\nlet s = RecParams { pc=1, mpidr=2 }\n";
    let read = |name: &str| fs::read_to_string(folder.path(name)).expect("a file");
    folder.file("a.rmi", messy).file("bad.rmi", "let\n").file("good.rmi", tidy);
    let mode = fs::Permissions::from_mode(0o640);
    fs::set_permissions(folder.path("a.rmi"), mode).expect("a mode");
    symlink("a.rmi", folder.path("link.rmi")).expect("a link");
    // Nothing is written if one of the files has a mistake, or if it is only asked.
    folder.fails(&["fmt", "a.rmi", "bad.rmi"], 2, "bad.rmi:1:4: expected a symbol");
    let refused = folder.rimsim(&["fmt", "a.rmi", "bad.rmi"]);
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(
        said.contains("note: nothing is written") && !said.contains("a.rmi: formatted"),
        "{said}"
    );
    let asked = folder.rimsim(&["fmt", "--check", "a.rmi", "good.rmi"]);
    assert_eq!(asked.status.code(), Some(3));
    assert_eq!(stdout(&asked), "a.rmi:1: not in the canonical form\n");
    assert_eq!(read("a.rmi"), messy);
    let before = fs::metadata(folder.path("good.rmi")).expect("a file").ino();
    let done = folder.rimsim(&["fmt", "link.rmi", "good.rmi"]);
    assert!(done.status.success() && done.stdout.is_empty(), "{done:?}");
    assert_eq!(String::from_utf8_lossy(&done.stderr), "note: link.rmi: formatted\n");
    assert_eq!(read("a.rmi"), tidy);
    assert!(fs::symlink_metadata(folder.path("link.rmi")).expect("a link").is_symlink());
    let kept = fs::metadata(folder.path("a.rmi")).expect("a file").permissions().mode() & 0o777;
    assert_eq!(kept, 0o640);
    let after = fs::metadata(folder.path("good.rmi")).expect("a file").ino();
    assert_eq!(before, after, "what is formatted is not written");
    assert!(folder.rimsim(&["fmt", "--check", "a.rmi", "good.rmi"]).status.success());
    assert_eq!(fs::read_dir(folder.path(".")).expect("a folder").count(), 4, "nothing is left");
    folder.file("a.rmi", messy);
    let mut pipe = folder.command(&["fmt", "-"]);
    pipe.stdin(fs::File::open(folder.path("a.rmi")).expect("a file"));
    assert_eq!(stdout(&pipe.output().expect("the command")), tidy);
}

/// The scripts that this project keeps are formatted, and formatting them changes nothing.
#[test]
fn scripts_of_the_project_survive() {
    let folder = Folder::new("fmt_corpus");
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("spec-vectors/scripts");
    let mut seen = 0;
    for entry in fs::read_dir(root).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.extension().is_none_or(|extension| extension != "rmi") {
            continue;
        }
        let name = path.file_name().and_then(|name| name.to_str()).expect("a name");
        let text = fs::read_to_string(&path).expect("a script");
        folder.file(name, text.clone());
        assert!(folder.rimsim(&["fmt", name]).status.success(), "{name}");
        let formatted = fs::read_to_string(folder.path(name)).expect("a script");
        let comments = |text: &str| {
            let comments = text.lines().filter_map(|line| line.split_once('#'));
            let mut comments: Vec<_> =
                comments.map(|(_, comment)| comment.trim_end().to_owned()).collect();
            comments.sort_unstable();
            comments
        };
        assert_eq!(comments(&text), comments(&formatted), "{name}");
        let again = format_script(name, formatted.as_bytes()).expect("a script");
        assert!(again == formatted, "{name}");
        seen += 1;
    }
    assert!(seen >= 20, "{seen}");
}

/// RIMs of another length can not be those of the VM, and that is said.
#[test]
fn lengths_of_two_algorithms_are_told() {
    let folder = Folder::new("two_lengths");
    folder.file("Image", kernel("Image", 9000, 20_000, 0)).file("token.cbor", Maker::new().token());
    let long = "a7".repeat(64);
    let said = |words: &[&str]| {
        let output = folder.rimsim(words);
        assert_eq!(output.status.code(), Some(3), "{output:?}");
        let all = [output.stdout, output.stderr].concat();
        String::from_utf8_lossy(&all).replace("\n  ", " ")
    };
    let told = said(&["verify", "token.cbor", "--expect-rim", &long]);
    assert!(told.contains("the expected RIM has 64 bytes and the token's 32"), "{told}");
    let guest = "--host kvm-v12 --caps fvp qemu -- -M virt,confidential-guest-support=r -accel kvm \
                 -cpu host -object rme-guest,id=r -m 256M -kernel Image";
    let guest: Vec<&str> = guest.split(' ').collect();
    let told = said(&[&["why", "--budget", "0", &long], guest.as_slice()].concat());
    assert!(told.contains("kvm-v12 with this VMM knows no other"), "{told}");
    let search = ["search", "--rim", &long, "--vary", "num-bps=2,3"];
    let told = said(&[&search, guest.as_slice()].concat());
    assert!(told.contains("64 bytes (sha512), and that of this VM 32 (sha256)"), "{told}");
}

/// Notes beside a RIM that was asked for in a way that is seldom meant.
#[test]
fn what_is_seldom_meant_is_said() {
    let folder = Folder::new("seldom_meant");
    folder
        .file("Image", kernel("Image", 9000, 20_000, 0))
        .file("initrd", [7; 5000])
        .file("initrd.cpio", [b"070701".as_slice(), &[b'0'; 5000]].concat())
        .file("vmlinux", [b"\x7fELF".as_slice(), &[0; 9000]].concat())
        .file("Image.gz", [&[0x1f, 0x8b, 8, 0], [0; 9000].as_slice()].concat());
    let said = |line: &str| {
        let output = folder.rimsim(&words_after(line));
        assert!(output.status.success(), "{line}: {output:?}");
        String::from_utf8_lossy(&output.stderr).replace("\n  ", " ")
    };
    for (line, text) in [
        ("-m 256M -k initrd -i Image", "the initrd is one: they may have changed places"),
        ("-m 256M -k initrd", "the kernel is no arm64 Image"),
        ("-m 256M -k vmlinux", "but ELF"),
        ("-m 256M -k Image.gz", "but packed"),
        ("-m 256M -k initrd.cpio", "but a cpio archive"),
        ("-m 256M -k Image -i Image", "the initrd is an arm64 Image, as the kernel is"),
        ("-m 4 -k Image", "4096 KiB of RAM: kvmtool reads -m in MiB"),
    ] {
        let found = said(line);
        assert!(found.starts_with("warning: ") && found.contains(text), "{line}: {found}");
        let quiet = folder.rimsim(&[&["-q"], words_after(line).as_slice()].concat());
        assert!(String::from_utf8_lossy(&quiet.stderr).starts_with("warning: "), "{line}");
        let line = format!("{line} --restricted_mem --irqchip=gicv3 --measurement-algo=sha256");
        let mut strict = words_after(&line);
        let said = ["--strict", "--host", "kvm-v10", "--vmm-version", "B2", "--caps", "fvp"];
        strict.splice(1..1, said);
        let text = if text == "but packed" { "gzip file as it is" } else { text };
        folder.fails(&strict, 2, text);
    }
    let good = said("-m 256M -k Image -i initrd");
    assert!(!good.contains("arm64 Image") && !good.contains("MiB unless"), "{good}");
    folder.fails(&words_after("-m 536870912 -k Image"), 2, "a size without a unit is one in MiB");
}

#[test]
fn a_command_line_in_quotes_is_told() {
    let folder = Folder::new("quoted_line");
    let whole = "lkvm run --realm -c 1 -m 256M -k Image";
    let text = "is one word with spaces in it";
    folder.fails(&["measure", "kvmtool", "--", whole], 2, text);
    folder.fails(&["measure", "kvmtool", "--", "lkvm", "run --realm -c 1"], 2, text);
    folder.fails(&["matrix", "qemu", "--", "qemu-system-aarch64 -M virt -kernel Image"], 2, text);
    let other = folder.rimsim(&["measure", "kvmtool", "--", "lkvm run"]);
    assert_eq!(other.status.code(), Some(2));
}

/// A script and its files can move together; what does not lie below its folder has its whole name.
#[test]
fn scripts_name_what_lies_beside_them() {
    let folder = Folder::new("script_beside");
    fs::create_dir(folder.path("out")).expect("a folder");
    folder.file("Image", kernel("Image", 9000, 20_000, 0));
    let whole = folder.path("Image").display().to_string();
    for (script, image) in [("boot.rmi", "\"Image\""), ("out/boot.rmi", &format!("\"{whole}\""))] {
        for kernel in ["Image", &whole] {
            let line = format!("-m 256M -k {kernel} --");
            let mut words = words_after(line.trim_end_matches(" --"));
            words.splice(1..1, ["--script-out", script]);
            let output = folder.rimsim(&words);
            let text = fs::read_to_string(folder.path(script)).expect("a script");
            assert!(text.contains(&format!("_image = {image}\n")), "{script}: {text}");
            let again = folder.rimsim(&["run", "--allow-outside", script]);
            assert_eq!(stdout(&again), stdout(&output));
        }
    }
    let moved = folder.path("out/moved");
    fs::create_dir(&moved).expect("a folder");
    for name in ["boot.rmi", "boot.rmi.toml", "Image"] {
        fs::copy(folder.path(name), moved.join(name)).expect("a copy");
    }
    for entry in fs::read_dir(folder.path(".")).expect("a folder") {
        let path = entry.expect("an entry").path();
        let is_piece = path.extension().is_some_and(|extension| extension == "bin");
        if is_piece {
            fs::copy(&path, moved.join(path.file_name().expect("a name"))).expect("a copy");
        }
    }
    let moved = folder.rimsim(&["run", "out/moved/boot.rmi"]);
    assert_eq!(stdout(&moved), stdout(&folder.rimsim(&["run", "boot.rmi"])));
}

#[test]
fn checks_are_tests_of_ci_systems() {
    let folder = Folder::new("junit");
    folder.file("Image", kernel("Image", 9000, 20_000, 0));
    let guest = ["kvmtool", "--", "lkvm", "run", "--realm", "-c", "1", "-m", "256M", "-k", "Image"];
    let locked = folder.rimsim(&[&["lock"], guest.as_slice()].concat());
    assert!(locked.status.success(), "{locked:?}");
    let check = ["check", "--format", "junit"];
    let good = folder.rimsim(&check);
    assert_eq!(good.status.code(), Some(0));
    assert!(stdout(&good).contains("failures=\"0\" errors=\"0\""), "{good:?}");
    assert!(stdout(&good).contains("<testcase classname=\"rimsim check\" name=\"rim.lock\">"));
    folder.file("Image", kernel("Image", 9000, 20_000, 1));
    let other = folder.rimsim(&check);
    assert_eq!(other.status.code(), Some(3));
    let text = stdout(&other);
    assert!(text.contains("<failure message=\"the RIM changed\">"), "{text}");
    assert!(text.contains("changed: input"), "{text}");
    fs::remove_file(folder.path("Image")).expect("removed");
    let gone = folder.rimsim(&check);
    assert_eq!(gone.status.code(), Some(1));
    assert!(stdout(&gone).contains("errors=\"1\"") && stdout(&gone).contains("<error message="));
}

/// The files for CI name subcommands and options that are there.
#[test]
fn ready_workflows_name_what_there_is() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/ci");
    let folder = Folder::new("workflows");
    let mut seen = 0;
    for name in ["github.yml", "gitlab.yml"] {
        let text = fs::read_to_string(root.join(name)).expect("a workflow");
        for line in text.lines().filter_map(|line| line.split_once("rimsim ")).map(|(_, line)| line)
        {
            let Some(subcommand) = line.split([' ', '`']).next() else { continue };
            if !subcommands().iter().any(|known| known == subcommand) {
                continue;
            }
            seen += 1;
            let help = stdout(&folder.rimsim(&[subcommand, "--help"]));
            let options =
                line.split([' ', '`']).filter(|word| word.starts_with("--") && word.len() > 2);
            for option in options {
                assert!(help.contains(option), "{name}: {line}: {option}");
            }
        }
    }
    assert!(seen >= 6, "{seen}");
}
