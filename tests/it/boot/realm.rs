//! Chains played: a scripted Realm extends its REMs as firmware, loaders and kernel would, and its
//! token is that of the chain.

use std::fs;

use rimsim::measure::rim::HashAlgo;

use crate::boot_inputs::{chains, files};
use crate::cli::{Folder, stdout};

/// The script of a Realm that measures by `algo` and runs these calls, then asks for its token.
fn script(algo: &str, calls: &str) -> String {
    let root = env!("CARGO_MANIFEST_DIR");
    let realm = fs::read_to_string(format!("{root}/spec-vectors/scripts/realm.rmi"));
    let realm = realm.expect("a script").replace("hash_algo=sha256", &format!("hash_algo={algo}"));
    format!(
        "{realm}\nguest boot {{\n{calls}    smc RSI_ATTESTATION_TOKEN_INIT 1 2 3 4 5 6 7 8\n    \
         smc RSI_ATTESTATION_TOKEN_CONTINUE ram+4KiB 0 4KiB\n    irq\n}}\nserve rec=boot IRQ\n"
    )
}

#[test]
fn a_scripted_realm_has_the_rems_of_its_chain() {
    let folder = Folder::new("boot-realm");
    for (name, bytes) in files() {
        folder.file(name, bytes);
    }
    for algo in HashAlgo::ALL_1_0 {
        for (name, chain) in chains(algo.name()) {
            folder.file("chain.toml", &chain);
            let calls = folder.rimsim(&["boot", "--format", "extends", "chain.toml"]);
            assert_eq!(calls.status.code(), Some(0), "{calls:?}");
            folder.file("boot.rmi", script(algo.name(), &stdout(&calls)));
            let args = ["run", "--format", "hex", "--token-out", "token.cbor", "boot.rmi"];
            let output = folder.rimsim(&args);
            assert_eq!(output.status.code(), Some(0), "{name}: {output:?}");
            let rim = format!("[measure]\nrim = \"{}\"\n", stdout(&output).trim_end());
            let own = chain.replace(&format!("hash_algo = \"{}\"\n", algo.name()), &rim);
            folder.file("chain.toml", &own);
            let args = ["verify", "token.cbor", "--expect", "chain.toml"];
            let output = folder.rimsim(&args);
            assert_eq!(output.status.code(), Some(0), "{name}: {output:?}");
            let text = stdout(&output);
            for rem in ["rem1", "rem2", "rem3", "rem4"] {
                let line = text.lines().find(|line| line.starts_with(rem)).expect("a line");
                assert!(line.contains("equal"), "{name}: {line}");
            }
            if name == "c_uki" {
                wrong(&folder, &own, algo);
            }
        }
    }
}

/// A wrong REM is explained by the log, or by what the chain leaves open.
fn wrong(folder: &Folder, chain: &str, algo: HashAlgo) {
    let (name, root) = (algo.name(), env!("CARGO_MANIFEST_DIR"));
    let log = fs::read(format!("{root}/spec-vectors/measured-boot/c_uki-{name}.ccel"));
    folder.file("log", log.expect("a log"));
    folder.file("chain.toml", chain.replace("[1]", "[1, 2]"));
    let args = ["verify", "token.cbor", "--expect", "chain.toml", "--ccel", "log"];
    let output = folder.rimsim(&args);
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    let text = stdout(&output);
    assert!(text.contains("the log makes it, the chain does not predict it"), "{text}");
    assert!(text.contains("then event 9: BootOrder Boot0001, Boot0002 differs"), "{text}");
    folder.file("chain.toml", chain.replace("failed_attempts = 0", "failed_attempts = 1"));
    let output = folder.rimsim(&args[..4]);
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    let text = stdout(&output);
    let near = "rem2 would be as found with firmware.failed_attempts = 0\n";
    assert!(text.contains(near), "{text}");
    folder.fails(&["verify", "token.cbor", "--expect", "boot.rmi", "--ccel", "log"], 2, "--ccel: ");
    // Chains and logs beside each other.
    folder.file("own.toml", chain);
    for (a, b, code) in [
        ("own.toml", "log", 0),
        ("log", "log", 0),
        ("own.toml", "chain.toml", 3),
        ("log", "chain.toml", 3),
    ] {
        let output = folder.rimsim(&["explain", a, b]);
        assert_eq!(output.status.code(), Some(code), "{a} {b}: {output:?}");
    }
    folder.fails(&["explain", "own.toml", "boot.rmi"], 2, "neither a chain (.toml) nor a log");
    // Scripts whose REMs differ are not equal.
    let text = fs::read_to_string(folder.path("boot.rmi")).expect("a script");
    let line = text.lines().find(|line| line.contains("EXTEND 2 ")).expect("a call");
    folder.file("other.rmi", text.replacen(&format!("{line}\n"), "", 1));
    let output = folder.rimsim(&["explain", "boot.rmi", "other.rmi"]);
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    assert!(stdout(&output).contains("the RIMs are equal, and rem2 is not"), "{output:?}");
}
