//! Every option that writes a file, against every file that its run reads, and against the others.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use rimsim::cli::inventory::{subcommands, writing_options};

use crate::boot_inputs::{chains, files};
use crate::cli::Folder;
use crate::evidence::token_maker::RIM;
use crate::hosts::inputs::kernel;
use crate::rmm_log::BOOT;

const GUEST: &str = "kvmtool -- lkvm run --realm -c 1 -m 256M -k Image -i initrd -p x";
const SCRIPT: &str = "platform \"own.toml\"\ninclude \"part.rmi\"\nimage kernel = \"Image\"\n\
    load pa=0x8800_0000 image=kernel\n";
const PART: &str = "let rd = auto
REALM_CREATE rd=rd params_ptr=RealmParams {
    s2sz=40, num_bps=1, num_wps=1, rtt_base=auto, rtt_level_start=1, rtt_num_start=2
}
REALM_ACTIVATE rd=rd
";
const PARAMS: &str = "let realm_params = RealmParams { s2sz=40, num_bps=1, num_wps=1, \
    rtt_base=auto, rtt_level_start=1, rtt_num_start=2 }
let rec_params_1 = RecParams { flags=runnable, aux=auto }
";

const CHAIN: &str = "hash_algo = \"sha256\"
[firmware]
profile = \"edk2-qemu-pr12224\"
[[boot]]
kind = \"linux\"
file = \"Image\"
";

/// A command line with its writing options, each with what the option needs, and the files that the
/// run reads. `lock` makes a lock of another name first.
struct WritingCommand {
    words: &'static str,
    options: &'static [(&'static str, &'static str)],
    reads: &'static [&'static str],
}

const WRITING_COMMANDS: &[WritingCommand] = &[
    WritingCommand {
        words: "run",
        options: &[
            ("--events-out", "boot.rmi"),
            ("--export", "boot.rmi"),
            ("--token-out", "token.rmi"),
            ("--output", "--format hex boot.rmi"),
            ("--output", "--format json boot.rmi"),
        ],
        reads: &["boot.rmi", "part.rmi", "own.toml", "Image", "token.rmi", "realm.rmi"],
    },
    WritingCommand {
        words: "run",
        options: &[("--output", "--platform ./own.toml --format corim --sign-key key a.rmi")],
        reads: &["key", "own.toml", "a.rmi", "part.rmi"],
    },
    WritingCommand {
        words: "measure",
        options: &[
            ("--dtb-out", "--caps ./caps.toml GUEST"),
            ("--script-out", "--caps ./caps.toml GUEST"),
            ("--events-out", "--caps ./caps.toml --map=Image=other GUEST"),
            ("--output", "--caps ./caps.toml GUEST"),
            ("--dtb-out", "--dtb tree GUEST"),
            ("--output", "--format corim --sign-key key --dtb tree GUEST"),
        ],
        reads: &["Image", "other", "initrd", "caps.toml", "tree", "key"],
    },
    WritingCommand {
        words: "dtb",
        options: &[("--output", "--caps ./caps.toml GUEST")],
        reads: &["Image", "initrd", "caps.toml"],
    },
    WritingCommand {
        words: "lock --force",
        options: &[
            ("--output", "--caps ./caps.toml --dtb tree GUEST"),
            ("--output", "--script boot.rmi"),
        ],
        reads: &["Image", "initrd", "caps.toml", "tree", "boot.rmi", "part.rmi", "own.toml"],
    },
    WritingCommand {
        words: "matrix",
        options: &[
            ("--corim-out", "--caps ./caps.toml --dtb tree GUEST"),
            ("--lock-out", "--force --caps ./caps.toml --dtb tree GUEST"),
        ],
        reads: &["Image", "initrd", "caps.toml", "tree"],
    },
    WritingCommand {
        words: "boot",
        options: &[("--output", "--format ccel chain.toml")],
        reads: &["chain.toml", "uki.bin"],
    },
    WritingCommand { words: "digests", options: &[("--out", "Image")], reads: &["Image"] },
    WritingCommand {
        words: "import",
        options: &[(
            "--out",
            "boot.log --params params.rmi --platform ./own.toml --at 0x80200000=Image",
        )],
        reads: &["boot.log", "params.rmi", "own.toml", "Image"],
    },
    WritingCommand {
        words: "log",
        options: &[
            ("--script-out", "vmm.log --expect-rim @rim --expect a.rmi --expect-rem 1=@rem"),
            ("--events-out", "vmm.log --expect-rim rim --expect saved.events --image Image"),
            ("--output", "--learn --image uki.bin made.ccel"),
        ],
        reads: &["vmm.log", "rim", "rem", "a.rmi", "part.rmi", "saved.events", "Image", "uki.bin"],
    },
    WritingCommand {
        words: "log --learn",
        options: &[("--output", "ccel --image Image")],
        reads: &["ccel", "Image"],
    },
    WritingCommand {
        words: "report",
        options: &[(
            "--out",
            "boot.rmi boot.log boot.args --params params.rmi --log-platform ./own.toml \
             --at 0x80200000=other",
        )],
        reads: &[
            "boot.rmi",
            "part.rmi",
            "own.toml",
            "boot.log",
            "params.rmi",
            "other",
            "boot.args",
            "Image",
            "initrd",
        ],
    },
];

fn root(path: &str) -> Vec<u8> {
    fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).expect("a file of the repository")
}

pub(crate) fn folder(name: &str) -> Folder {
    let folder = Folder::new(name);
    let rim = "8960d56826370aaa6fc9b3a041d4240689582ba41e2ad8bb8f9adf6d2a0cd5e7";
    let platform = folder.rimsim(&["platforms", "fvp"]).stdout;
    folder
        .file("Image", kernel("Image", 9000, 20_000, 0))
        .file("other", kernel("Image", 9000, 20_000, 0))
        .file("initrd", [7; 5000])
        .file("boot.rmi", SCRIPT)
        .file("part.rmi", PART)
        .file("a.rmi", "include \"part.rmi\"\n")
        .file("token.rmi", root("spec-vectors/scripts/token.rmi"))
        .file("realm.rmi", root("spec-vectors/scripts/realm.rmi"))
        .file("own.toml", platform)
        .file("caps.toml", "num_bps = 4\n")
        .file("key", root("spec-vectors/keys/tour.pem"))
        .file("boot.log", BOOT)
        .file("params.rmi", PARAMS)
        .file("vmm.log", root("spec-vectors/published/p1.log"))
        .file("ccel", root("spec-vectors/measured-boot/c_uki-sha256.ccel"))
        .file("chain.toml", CHAIN)
        .file("rim", rim)
        .file("rem", "00".repeat(RIM.len()))
        .file("boot.args", GUEST);
    for (name, bytes) in files() {
        folder.file(name, bytes);
    }
    let chain = chains("sha256").into_iter().find(|(name, _)| *name == "c_uki");
    folder.file("chain.toml", chain.expect("a chain").1);
    let log = folder.rimsim(&["boot", "--format", "ccel", "-o", "made.ccel", "chain.toml"]);
    assert!(log.status.success(), "{log:?}");
    let tree = folder.rimsim(&[&["dtb", "-o", "tree"], &words(GUEST)[..]].concat());
    assert!(tree.status.success(), "{tree:?}");
    let saved = folder.rimsim(&["run", "--events-out", "saved.events", "a.rmi"]);
    assert!(saved.status.success(), "{saved:?}");
    folder
}

pub(crate) fn words(text: &str) -> Vec<&str> {
    text.split_whitespace()
        .flat_map(|word| if word == "GUEST" { words(GUEST) } else { vec![word] })
        .collect()
}

fn contents(folder: &Folder) -> Vec<(String, Vec<u8>)> {
    let entries = fs::read_dir(folder.path(".")).expect("a folder");
    let paths = entries.map(|entry| entry.expect("an entry").path()).filter(|path| path.is_file());
    let mut found: Vec<_> =
        paths.map(|path| (path.display().to_string(), fs::read(&path).expect("a file"))).collect();
    found.sort();
    found
}

#[test]
fn the_tables_have_every_writing_option() {
    let named = |row: &WritingCommand| {
        let command = words(row.words)[0].to_owned();
        let options = row.options.iter().map(move |(option, _)| (command.clone(), *option));
        options.map(|(command, option)| (command, option.to_owned())).collect::<Vec<_>>()
    };
    let table: BTreeSet<_> = WRITING_COMMANDS.iter().flat_map(named).collect();
    assert_eq!(table, BTreeSet::from_iter(writing_options()));
    let all = subcommands();
    assert!(table.iter().all(|(command, _)| all.contains(command)), "{all:?}");
}

/// By name, another name, a symbolic and a hard link.
#[test]
fn no_output_of_any_command_is_what_its_run_reads() {
    let folder = folder("output_tables_inputs");
    let mut met = BTreeSet::new();
    for row in WRITING_COMMANDS {
        for name in row.reads {
            fs::hard_link(folder.path(name), folder.path("hard")).expect("linked");
            symlink(name, folder.path("soft")).expect("linked");
            let before = contents(&folder);
            for (option, rest) in row.options {
                let command = format!("{} {rest}", row.words);
                let read = is_read(&folder, &command, name);
                for target in [*name, &format!("./{name}"), "soft", "hard"] {
                    if !read {
                        continue;
                    }
                    met.insert((row.words, *name));
                    let mut args = words(row.words);
                    args.extend([*option, target]);
                    args.extend(words(rest));
                    folder.fails(&args, 1, "is read by this run and would be overwritten");
                    assert!(contents(&folder) == before, "{args:?}");
                }
            }
            fs::remove_file(folder.path("hard")).expect("removed");
            fs::remove_file(folder.path("soft")).expect("removed");
        }
    }
    let all: BTreeSet<_> = WRITING_COMMANDS
        .iter()
        .flat_map(|row| row.reads.iter().map(|name| (row.words, *name)))
        .collect();
    assert_eq!(met, all, "each file is read by one of the commands of its row");
}

/// Whether a command reads a file: without it, and without what is not there, it fails.
fn is_read(folder: &Folder, command: &str, name: &str) -> bool {
    let direct = words(command)
        .iter()
        .any(|word| *word == name || word.split(['=', '@', '/']).any(|part| part == name));
    let through = |by: &str| {
        words(command).contains(&by)
            && fs::read_to_string(folder.path(by)).is_ok_and(|text| text.contains(name))
    };
    let replaced = name == "Image" && command.contains("--map=Image=");
    let scripts = ["boot.rmi", "a.rmi", "token.rmi", "boot.args", "chain.toml"];
    (direct && !replaced) || scripts.into_iter().any(through)
}

/// Two options of one command that name one file, by any of its names.
#[test]
fn no_two_outputs_are_one_file() {
    let folder = folder("output_tables_pairs");
    folder.file("A", "a");
    fs::hard_link(folder.path("A"), folder.path("hard")).expect("linked");
    symlink("A", folder.path("soft")).expect("linked");
    symlink("none", folder.path("nowhere")).expect("linked");
    let before = contents(&folder);
    for (command, rest) in
        [("run", "--format hex token.rmi"), ("measure", GUEST), ("log", "vmm.log")]
    {
        let all = writing_options();
        let options: Vec<_> = all.iter().filter(|one| one.0 == command).collect();
        for (i, (_, one)) in options.iter().enumerate() {
            for (_, other) in &options[i + 1..] {
                for (a, b) in [
                    ("A", "A"),
                    ("A", "./A"),
                    ("A", "soft"),
                    ("hard", "soft"),
                    ("none", "./none"),
                    ("nowhere", "none"),
                    ("/dev/fd/1", "-"),
                ] {
                    let mut args = vec![command, one, a, other, b];
                    args.extend(words(rest));
                    if command == "log" && options[i].1 == "--output" {
                        args.push("--learn");
                    }
                    let output = folder.rimsim(&args);
                    let stderr = String::from_utf8_lossy(&output.stderr);
                    assert_eq!(output.status.code(), Some(2), "{args:?}: {stderr}");
                    for named in [format!("{one} {a}"), format!("{other} {b}")] {
                        assert!(stderr.contains(&named), "{args:?}: {stderr}");
                    }
                    assert!(output.stdout.is_empty() && contents(&folder) == before, "{args:?}");
                }
            }
        }
    }
    // What stands beside an option's file, and what a device can take.
    let guest = words(GUEST);
    let beside = ["measure", "--script-out", "s", "--dtb-out", "./s.toml"];
    folder.fails(&[&beside[..], &guest].concat(), 2, "s.toml and --dtb-out ./s.toml are one file");
    assert!(contents(&folder) == before);
    let devices = ["measure", "--events-out", "/dev/null", "--dtb-out", "/dev/null"];
    assert!(folder.rimsim(&[&devices[..], &guest].concat()).status.success());
}

/// Standard output has the results: it is nobody else's, and no file that is read.
#[test]
fn standard_output_is_an_output_too() {
    let folder = folder("output_tables_stdout");
    let before = contents(&folder);
    let guest = words(GUEST);
    let run = |args: &[&str], to: &str| {
        let out = fs::File::options().append(true).create(true).open(folder.path(to));
        let mut command = folder.command(&[args, &guest[..]].concat());
        let output = command.stdout(out.expect("opened")).output().expect("the command");
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (code, told) = run(&["measure"], "Image");
    assert_eq!(code, Some(1), "{told}");
    assert!(told.contains("is read by this run"), "{told}");
    for name in ["-", "/dev/stdout", "./out"] {
        let (code, told) = run(&["measure", "--dtb-out", name], "out");
        assert_eq!(code, Some(2), "{told}");
        let said = format!("standard output and --dtb-out {name} are one file");
        assert!(told.contains(&said), "{told}");
        assert_eq!(fs::read(folder.path("out")).expect("there"), b"");
        fs::remove_file(folder.path("out")).expect("removed");
    }
    assert!(contents(&folder) == before);
    // The tree alone is a result as any other.
    let tree = folder.rimsim(&[&["dtb", "-o", "-"], &guest[..]].concat());
    assert_eq!(tree.stdout, fs::read(folder.path("tree")).expect("there"));
}

/// What has to lie beside a script or a lock has no place beside a pipe.
#[test]
fn nothing_stands_beside_a_device() {
    let folder = folder("output_tables_beside");
    let before = contents(&folder);
    let guest = words(GUEST);
    for args in [&["measure", "--script-out"][..], &["lock", "--force", "-o"]] {
        for target in ["/dev/null", "/dev/stdout"] {
            let args = [args, &[target], &guest[..]].concat();
            folder.fails(&args, 1, "stands beside it, and it is no regular file");
        }
    }
    let lock =
        folder.rimsim(&[&["lock", "--no-events", "--force", "-o", "-"], &guest[..]].concat());
    assert_eq!(lock.status.code(), Some(2), "the RIM goes there: {lock:?}");
    assert!(contents(&folder) == before);
    assert!(!Path::new("/dev/null.toml").exists() && !Path::new("/dev/null.events").exists());
}
