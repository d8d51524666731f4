//! `lock` and `check` of chains.

use std::fs;

use serde_json::Value;

use super::boot::folder as boot_folder;
use super::{Folder, stdout};

const VM: &str = "[measure]\nvm = \"kvmtool -- lkvm run --realm -c 2 -m 512M -f fw.fd\"\n";

/// A folder with a chain that has a VM, locked.
fn locked(name: &str, options: &[&str]) -> Folder {
    let folder = boot_folder(name);
    folder.file("fw.fd", vec![7; 0x3000]);
    let chain = fs::read_to_string(folder.path("c_uki-sha256.toml")).expect("a chain");
    let chain = chain.replace("hash_algo = \"sha256\"\n", VM);
    folder.file("chain.toml", chain.replace("device_tree = \"fdt.bin\"\n", ""));
    let output = folder.rimsim(&[&["lock", "--chain", "chain.toml"], options].concat());
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let booted = folder.rimsim(&["boot", "chain.toml"]);
    assert_eq!(stdout(&output), stdout(&booted), "RIM and REMs");
    folder
}

fn text(folder: &Folder, name: &str) -> String {
    fs::read_to_string(folder.path(name)).expect("a text")
}

#[test]
fn a_chain_is_locked_with_all_its_files() {
    let folder = locked("boot-lock", &[]);
    let lock = text(&folder, "rim.lock");
    for part in [
        "[chain]\npath = \"chain.toml\"\nrem1 = \"",
        "vmm = \"kvmtool\"",
        "name = \"chain\"\npath = \"chain.toml\"",
        "name = \"fw.fd\"",
        "name = \"[[boot]] 1 (uki) file\"\npath = \"uki.bin\"",
        "[boot]\npath = \"rim.lock.boot\"",
        "[events]\npath = \"rim.lock.events\"",
        "[device_tree]",
        "variables.SecureBoot, PK, KEK, db, dbx = absent: ",
    ] {
        assert!(lock.contains(part), "{part}: {lock}");
    }
    let output = folder.rimsim(&["check"]);
    assert_eq!((output.status.code(), &*stdout(&output)), (Some(0), "rim.lock: as locked\n"));
    let update = folder.rimsim(&["lock", "--update"]);
    assert_eq!(update.status.code(), Some(0), "{update:?}");
    assert_eq!(text(&folder, "rim.lock"), lock, "an update of what did not change");
    let again = folder.rimsim(&["lock", "--force", "--chain", "chain.toml"]);
    assert_eq!((again.status.code(), text(&folder, "rim.lock")), (Some(0), lock.clone()));
    // What is damaged is told.
    for (from, to, message) in [
        ("rem2 = \"", "rem2 = \"0", "rim.lock:"),
        ("rem2 = \"", "rem2 = \"\" #", "a REM of 0 bytes; those of this RIM have 32"),
        ("[chain]", "[script]\npath = \"a\"\nprofile = \"a\"\nplatform = \"a\"\n[chain]", "beside"),
    ] {
        folder.file("rim.lock", lock.replacen(from, to, 1));
        folder.fails(&["check"], 2, message);
    }
    folder.file("rim.lock", &lock);
    folder.fails(&["lock", "--chain", "chain.toml"], 2, "rim.lock: is there; --update");
    let args = ["lock", "--force", "--host", "kvm-v10", "--chain", "chain.toml"];
    folder.fails(&args, 2, "--host=kvm-v10: a chain says it itself, in [measure] vm");
    let strict = ["lock", "--force", "--strict", "--chain", "chain.toml"];
    folder.fails(&strict, 2, "assumed");
    let none = ["lock", "--force", "--chain", "c_uki-sha256.toml"];
    folder.fails(&none, 2, "a lock holds a RIM: say the VMM in [measure] vm");
}

#[test]
fn check_names_measurement_and_stage() {
    let folder = locked("boot-check", &[]);
    let chain = text(&folder, "chain.toml");
    // A section of the UKI, and with it the image.
    let uki = fs::read(folder.path("uki.bin")).expect("a UKI");
    let at = uki.windows(12).position(|part| part == b"VERSION_ID=1").expect(".osrel") + 11;
    let mut other = uki.clone();
    other[at] = b'2';
    folder.file("uki.bin", &other);
    let output = folder.rimsim(&["check"]);
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    let told = stdout(&output);
    for part in [
        "rim.lock: rem2 changed\n  locked 822d3ae1",
        "rim.lock: rem3 changed\n",
        "changed: input [[boot]] 1 (uki) file: locked ",
        "UKI uki.bin, Authenticode differs\n",
        "measured by the stage [[boot]] 1 (uki)\n",
        "varies with the file itself",
        "- rem3, [[boot]] 1 (uki): event ",
        "section .osrel, 23 bytes differs",
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
    assert!(!told.contains("the RIM changed"), "{told}");
    let json = folder.rimsim(&["check", "--format", "json"]);
    let json: Value = serde_json::from_str(&stdout(&json)).expect("JSON");
    assert_eq!(json["equal"], false);
    assert_eq!(json["rim"], json["locked"]);
    assert_eq!(json["rems"][0]["rem"], 2);
    assert_eq!(json["boot"]["differences"][0]["stage"], "[[boot]] 1 (uki)");
    folder.file("uki.bin", &uki);
    // Firmware alone: the RIM changed, and no REM.
    folder.file("fw.fd", vec![8; 0x3000]);
    let told = stdout(&folder.rimsim(&["check"]));
    assert!(told.starts_with("rim.lock: the RIM changed\n"), "{told}");
    assert!(!told.contains("rem1") && told.contains("granules of fw.fd differ"), "{told}");
    folder.file("fw.fd", vec![7; 0x3000]);
    // The chain itself.
    folder.file("chain.toml", chain.replace("failed_attempts = 0", "failed_attempts = 1"));
    let told = stdout(&folder.rimsim(&["check"]));
    assert!(told.contains("changed: input chain: ") && told.contains("failed first"), "{told}");
    let update = folder.rimsim(&["lock", "--update"]);
    assert_eq!(update.status.code(), Some(0), "{update:?}");
    assert!(String::from_utf8_lossy(&update.stderr).contains("rem2 changed"), "{update:?}");
    assert_eq!(folder.rimsim(&["check"]).status.code(), Some(0));
    // What was kept is not what it was, or is gone.
    folder.file("chain.toml", &chain);
    folder.file("rim.lock.boot", "{}\n");
    let output = folder.rimsim(&["check"]);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(told.contains("is not what was locked; no stage is named"), "{output:?}");
    fs::remove_file(folder.path("uki.bin")).expect("a file");
    folder.fails(&["check"], 1, "[[boot]] 1 (uki), file: ");
}

/// Without what stands beside it the lock says which REM, and no stage.
#[test]
fn a_lock_without_events() {
    let folder = locked("boot-lock-bare", &["--no-events"]);
    assert!(!text(&folder, "rim.lock").contains("\n[boot]\n"));
    folder.file("chain.toml", text(&folder, "chain.toml").replace("[1]", "[1, 2]"));
    let output = folder.rimsim(&["check"]);
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(told.contains("no measurements are kept beside the lock file"), "{output:?}");
    assert!(stdout(&output).starts_with("rim.lock: rem1 changed\n"), "{output:?}");
}
