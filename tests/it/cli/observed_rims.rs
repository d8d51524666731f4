//! RIMs that were observed, in every form and of every algorithm, wherever one is read.

use std::path::Path;

use crate::cli::Folder;
use crate::evidence::token_maker::{Maker, RIM, array, bytes, text};

const DIGITS: &str = "a5";

/// A token of a Realm that measures by SHA-384.
fn long_token() -> Vec<u8> {
    let mut made = Maker::new();
    made.realm.put(44236, text("sha-384"));
    made.realm.put(44238, bytes(&[0xA5; 48]));
    made.realm.put(44239, array(&[1, 2, 3, 4].map(|byte| bytes(&[byte; 48]))));
    made.token()
}

fn verify(folder: &Folder, token: &str, expected: &[&str], code: i32) {
    let output = folder.rimsim(&[&["verify", token], expected].concat());
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{token} {expected:?}: {stderr}");
}

#[test]
fn verify_reads_every_form_of_every_algorithm() {
    let folder = Folder::new("observed-verify");
    folder.file("short.cbor", Maker::new().token()).file("long.cbor", long_token());
    for (token, algo, len) in [("short.cbor", "sha256", RIM.len()), ("long.cbor", "sha384", 48)] {
        let hex = DIGITS.repeat(len);
        let named = format!("{algo}:{hex}");
        let base64 = "paWl".repeat(len / 3) + ["", "", "paU="][len % 3];
        folder.file("rim.txt", format!("{named}\n")).file("rim.bin", vec![0xA5; len]);
        for form in [&hex, &hex.to_uppercase(), &named, &base64, "@rim.txt", "rim.txt", "@rim.bin"]
        {
            verify(&folder, token, &["--expect-rim", form], 0);
        }
        for json in [
            format!("{{\"rim\":\"{hex}\"}}"),
            format!("{{\"rim\":\"{named}\",\"hash_algo\":\"{algo}\"}}"),
        ] {
            folder.file("rim.json", json);
            verify(&folder, token, &["--expect", "rim.json"], 0);
        }
        // As long, and of another Realm.
        let other = format!("{algo}:{}", "b6".repeat(len));
        verify(&folder, token, &["--expect-rim", &other], 3);
    }
    folder.fails(
        &["verify", "long.cbor", "--expect-rim", &format!("sha256:{}", DIGITS.repeat(48))],
        2,
        "--expect-rim: has 48 bytes; sha256 gives 32",
    );
}

#[test]
fn search_and_log_read_them_too() {
    let folder = Folder::new("observed-search");
    folder.file("Image", vec![7; 4096]).file("long.cbor", long_token());
    let rim = format!("sha384:{}", DIGITS.repeat(48));
    folder.file("rim.txt", &rim);
    let guest = ["--vary", "num-bps=5", "kvmtool", "--", "lkvm", "run", "--realm", "-k", "Image"];
    // It is read, and no host here measures by it.
    for target in [["--rim", &rim], ["--rim", "@rim.txt"], ["--token", "long.cbor"]] {
        let output = folder.rimsim(&[&["search"][..], &target, &guest].concat());
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(!stderr.contains("a RIM has"), "{target:?}: {stderr}");
        assert_ne!(output.status.code(), Some(0), "{target:?}: {stderr}");
    }
}

/// The published log of a Realm, and its RIM in every form. A REM may be zero: so it begins.
#[test]
fn log_reads_rims_and_rems_in_every_form() {
    let folder = Folder::new("observed-log");
    let published = Path::new(env!("CARGO_MANIFEST_DIR")).join("spec-vectors/published/p1.log");
    folder.file("p1.log", std::fs::read(published).expect("a log"));
    let rim = "8960d56826370aaa6fc9b3a041d4240689582ba41e2ad8bb8f9adf6d2a0cd5e7";
    let base64 = "iWDVaCY3CqpvybOgQdQkBolYK6QeKti7j5rfbSoM1ec=";
    let zeros = "00".repeat(32);
    folder.file("rim.txt", format!("sha256:{rim}\n")).file("rem.txt", &zeros);
    folder.file("rem.bin", [0; 32]);
    for form in [rim, &format!("sha256:{rim}"), "@rim.txt", "rim.txt", base64] {
        let output = folder.rimsim(&["log", "p1.log", "--expect-rim", form]);
        assert_eq!(output.status.code(), Some(0), "{form}: {output:?}");
        let rem = format!("2={form}");
        folder.fails(&["log", "p1.log", "--expect-rem", &rem], 3, "REM 2 is 0000");
    }
    for form in [&zeros, &format!("sha256:{zeros}"), "@rem.txt", "rem.txt", "@rem.bin"] {
        let rem = format!("1={form}");
        let output = folder.rimsim(&["log", "p1.log", "--expect-rem", &rem]);
        assert_eq!(output.status.code(), Some(0), "{form}: {output:?}");
        folder.fails(&["log", "p1.log", "--expect-rim", form], 2, "is zero");
    }
    let longer = format!("sha384:{}", DIGITS.repeat(48));
    let why = "it is one of sha384, and the Realm measures by sha256";
    folder.fails(&["log", "p1.log", "--expect-rim", &longer], 2, why);
    folder.fails(&["log", "p1.log", "--expect-rem", &format!("1={longer}")], 2, why);
}

/// 32, 48 and 64 bytes of zeros, where a RIM is expected: the same words everywhere.
#[test]
fn zeros_are_no_rim() {
    let folder = Folder::new("observed-zeros");
    folder.file("token.cbor", Maker::new().token()).file("Image", vec![7; 4096]);
    let why = "is zero: that is the RIM before anything was measured, and no Realm keeps it";
    for len in [32, 48, 64] {
        let zeros = "00".repeat(len);
        folder.file("zero.json", format!("{{\"rim\": \"{zeros}\"}}"));
        folder.fails(&["verify", "token.cbor", "--expect-rim", &zeros], 2, why);
        folder.fails(&["verify", "token.cbor", "--expect", "zero.json"], 2, why);
        let guest = ["kvmtool", "--", "lkvm", "run", "--realm", "-k", "Image"];
        folder.fails(&[&["search", "--rim", &zeros][..], &guest].concat(), 2, why);
    }
}

/// Two Realms that differ in nothing but their owner have one RIM.
#[test]
fn the_rpv_of_a_run_is_expected_as_that_of_a_script() {
    let folder = Folder::new("observed-rpv");
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("spec-vectors/scripts");
    let read = |name: &str| std::fs::read_to_string(scripts.join(name)).expect("a script");
    for owner in ["A", "B"] {
        let realm = format!("s2sz=40, rpv=text:\"owner-{owner}\"");
        folder.file(&format!("realm{owner}.rmi"), read("realm.rmi").replace("s2sz=40", &realm));
        let token = read("token.rmi").replace("realm.rmi", &format!("realm{owner}.rmi"));
        let (script, cbor) = (format!("{owner}.rmi"), format!("{owner}.cbor"));
        folder.file(&script, token);
        let args = ["run", "--format", "json", "--token-out", &cbor, &script];
        let done = folder.rimsim(&args);
        assert_eq!(done.status.code(), Some(0), "{}", String::from_utf8_lossy(&done.stderr));
        folder.file(&format!("{owner}.json"), &done.stdout);
    }
    for expected in ["A.rmi", "A.json"] {
        verify(&folder, "A.cbor", &["--expect", expected], 0);
        verify(&folder, "B.cbor", &["--expect", expected], 3);
    }
}
