//! Files that were read name only what lies below their own folder, unless the user allows more.

use std::os::unix::fs::symlink;

use crate::cli::{Folder, stdout};

const SWITCH: &str = "--allow-outside lets it be read";

/// A folder `in` beside a file that is none of its business, by three names.
fn folder(name: &str) -> Folder {
    let folder = Folder::new(name);
    std::fs::create_dir(folder.path("in")).expect("a folder");
    folder.file("secret", [7; 4096]).file("in/own", [7; 4096]);
    folder.file("notes.rmi", "let a = 1\n").file("in/own.rmi", "let a = 1\n");
    symlink("../secret", folder.path("in/link")).expect("a link");
    symlink("own", folder.path("in/inner")).expect("a link");
    folder
}

#[test]
fn scripts_name_files_below_their_folder() {
    let folder = folder("outside-scripts");
    let secret = folder.path("secret").display().to_string();
    for name in ["../secret", "link", &secret, "/dev/null"] {
        folder.file("in/a.rmi", format!("let b = 1\nimage k = \"{name}\"\n"));
        for command in ["run", "lint", "coverage"] {
            folder.fails(&[command, "in/a.rmi"], 1, SWITCH);
            folder.fails(&[command, "in/a.rmi"], 1, "in/a.rmi:2:11");
        }
        folder.fails(&["explain", "in/a.rmi", "in/a.rmi"], 1, SWITCH);
        folder.fails(&["report", "-o", "page.html", "in/a.rmi"], 1, SWITCH);
        folder.fails(&["lock", "-o", "in/x.lock", "--script", "in/a.rmi"], 1, SWITCH);
        assert!(!folder.path("page.html").exists() && !folder.path("in/x.lock").exists());
    }
    folder.file("in/a.rmi", "include \"../notes.rmi\"\n");
    folder.fails(&["run", "in/a.rmi"], 1, SWITCH);
    folder.fails(&["run", "in/a.rmi"], 1, "in/a.rmi:1:9");
    folder.file("in/a.rmi", "platform \"../notes.toml\"\n").file("notes.toml", "");
    folder.fails(&["run", "in/a.rmi"], 1, SWITCH);

    // The same bytes are read below it, through links and `..` too, and elsewhere if allowed.
    let good = "include \"own.rmi\"\nimage k = \"inner\"\nimage l = \"../in/own\"\n";
    folder.file("in/a.rmi", good);
    let output = folder.rimsim(&["run", "in/a.rmi"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    folder.file("in/a.rmi", "include \"../notes.rmi\"\nimage k = \"link\"\n");
    let output = folder.rimsim(&["run", "--allow-outside", "in/a.rmi"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    // What is not there is missed, whatever its place.
    folder.file("in/a.rmi", "image k = \"../nothing\"\n");
    folder.fails(&["run", "in/a.rmi"], 1, "No such file");
}

#[test]
fn arguments_in_a_file_name_files_below_its_folder() {
    let folder = folder("outside-args");
    let words = "kvmtool -- lkvm run --realm -c1 -m64";
    for text in [
        format!("{words} -k secret"),
        format!("--map=own=in/link {words} -k own"),
        format!("--dtb secret {words} -k in/own"),
        format!("--caps=./secret {words} -k in/own"),
        format!("{words} -k in/own -d secret"),
    ] {
        folder.file("in/a.args", &text);
        for command in [
            &["lint", "in/a.args"][..],
            &["explain", "in/a.args", "in/a.args"],
            &["report", "-o", "page.html", "in/a.args"],
        ] {
            let output = folder.rimsim(command);
            let stderr = String::from_utf8_lossy(&output.stderr);
            assert!(stderr.contains(SWITCH), "{command:?} {text}: {stderr}");
            assert!(stderr.contains("in/a.args"), "{stderr}");
        }
    }
    folder.file("in/a.args", format!("{words} -k secret"));
    let explain = folder.rimsim(&["explain", "--allow-outside", "in/a.args", "in/a.args"]);
    let stderr = String::from_utf8_lossy(&explain.stderr);
    assert!(!stderr.contains(SWITCH), "{stderr}");
}

fn script(image: &str) -> String {
    format!(
        "platform \"fvp\"\nimage kernel = \"{image}\"\nlet rd = auto\n\
         REALM_CREATE rd=rd params_ptr=RealmParams {{ s2sz=40, num_bps=1, num_wps=1, \
         rtt_base=auto, rtt_level_start=1, rtt_num_start=2 }}\nrtt auto\n\
         RTT_INIT_RIPAS rd=rd base=0x8000_0000 top=0x8020_0000\n\
         DATA_CREATE rd=rd ipa=0x8000_0000 image=kernel flags=measure\n"
    )
}

#[test]
fn a_lock_does_not_read_what_it_says_is_elsewhere() {
    let folder = folder("outside-lock");
    folder.file("in/boot.rmi", script("own"));
    let made = folder.rimsim(&["lock", "-o", "in/a.lock", "--script", "in/boot.rmi"]);
    assert_eq!(made.status.code(), Some(0), "{made:?}");
    let checked = folder.rimsim(&["check", "in/a.lock"]);
    assert_eq!(checked.status.code(), Some(0), "{}", stdout(&checked));
    // A script that the lock names is not trusted for being named.
    std::fs::rename(folder.path("in/boot.rmi"), folder.path("boot.rmi")).expect("moved");
    symlink("../boot.rmi", folder.path("in/boot.rmi")).expect("a link");
    folder.fails(&["check", "in/a.lock"], 1, SWITCH);
    let before = std::fs::read(folder.path("in/a.lock")).expect("a lock");
    folder.fails(&["lock", "--update", "-o", "in/a.lock"], 1, SWITCH);
    assert_eq!(std::fs::read(folder.path("in/a.lock")).expect("a lock"), before);
    let allowed = folder.rimsim(&["check", "--allow-outside", "in/a.lock"]);
    assert_eq!(allowed.status.code(), Some(0), "{allowed:?}");
}
