//! Who signs, and whom `verify` believes: keys, commands that have keys, certificates.

use std::process::Command;

use serde_json::Value;

use crate::cli::{Folder, stdout};
use crate::evidence::certificates::{Made, YEAR, chain, signed_corim};
use crate::evidence::token_maker::{Key, Maker};
use crate::hosts::inputs::kernel;
use crate::skipped;

/// A key of P-384 in SEC1, as `Key::es384(seed)`.
fn secret(seed: u8) -> Vec<u8> {
    let key = p384::SecretKey::from_slice(&[seed; 48]).expect("a scalar");
    key.to_sec1_der().expect("DER").to_vec()
}

const GUEST: [&str; 6] = ["kvmtool", "--", "--realm", "-m", "256M", "-k"];

fn folder(name: &str) -> Folder {
    let folder = Folder::new(name);
    folder
        .file("Image", kernel("Image", 9000, 20_000, 0))
        .file("token.cbor", Maker::new().token())
        .file("root.pem", Made::root().pem())
        .file("chain.pem", format!("{}{}", Made::leaf().pem(), Made::middle().pem()))
        .file("key.der", secret(33))
        .file("other.der", secret(34))
        .file("pub.pem", Key::es384(33).pem())
        .file("realm.corim", signed_corim(&Made::leaf().key, &chain()));
    folder
}

#[test]
fn verify_believes_certificates_that_lead_to_an_anchor() {
    let folder = folder("trust-anchor");
    let args = ["verify", "token.cbor", "--expect", "realm.corim", "--trust-anchor", "root.pem"];
    let output = folder.rimsim(&args);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(stderr.contains("no certificate of \"CN=signer,O=Vendor\" on realm.corim was revoked"));
    assert!(stderr.contains("valid (2026-01-01T00:00:00Z to 2027-01-01T00:00:00Z): no clock"));
    assert!(!stderr.contains("certificates that came with"), "{stderr}");

    for (at, code) in [
        ("2025-12-31T23:59:59Z", 3),
        ("2026-01-01", 0),
        ("2027-01-01", 0),
        ("2027-01-01T00:00:01Z", 3),
    ] {
        let output = folder.rimsim(&[&args[..], &["--at", at, "--format", "json"]].concat());
        assert_eq!(output.status.code(), Some(code), "{at}");
        let document: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        let rows = document["compared"].as_array().expect("rows");
        let row = rows.iter().find(|row| row["what"] == "validity").expect("a row");
        assert_eq!(row["verdict"] == "equal", code == 0, "{row}");
    }
    // Certificates that share no second are never good.
    let early = Made { period: (YEAR.0 - 9, YEAR.0 - 1), ..Made::middle() };
    let apart = signed_corim(&Made::leaf().key, &[Made::leaf().der(), early.der()]);
    folder.file("apart.corim", apart);
    let mut apart = args;
    apart[3] = "apart.corim";
    let apart = [&apart[..], &["--at", "2026-06-01"]].concat();
    assert_eq!(folder.rimsim(&apart).status.code(), Some(3));
}

#[test]
fn verify_names_what_is_wrong_with_certificates() {
    let folder = folder("trust-anchor-wrong");
    folder
        .file("other.pem", Made { subject: "CN=other", issuer: "CN=other", ..Made::root() }.pem())
        .file("bare.corim", signed_corim(&Made::leaf().key, &[]))
        .file("forged.corim", signed_corim(&Key::es384(50), &chain()))
        .file("policy.toml", "expect = [\"realm.corim\"]\ntrust-anchor = \"root.pem\"\n")
        .file("policy-2.toml", "expect = [\"realm.corim\"]\ntrust-anchor = \"other.pem\"\n");
    let base = ["verify", "token.cbor", "--expect"];
    for (file, anchor, code, why) in [
        ("realm.corim", "other.pem", 3, "issued by \"CN=root\", which is no trust anchor"),
        ("bare.corim", "root.pem", 3, "its certificates: no certificates came with it"),
        ("forged.corim", "root.pem", 3, "the signature is not this key's over these contents"),
        ("realm.corim", "pub.pem", 2, "--trust-anchor pub.pem: the file: no certificate"),
        ("realm.corim", "nothing", 1, "--trust-anchor nothing: "),
        ("token.cbor", "root.pem", 2, "token.cbor: "),
    ] {
        folder.fails(&[&base[..], &[file, "--trust-anchor", anchor]].concat(), code, why);
    }
    let of_none =
        ["verify", "token.cbor", "--expect-rim", &"a5".repeat(32), "--trust-anchor", "root.pem"];
    folder.fails(&of_none, 2, "--trust-anchor: it says something of --expect");
    // Both are asked, if both are given.
    let both = [&base[..], &["realm.corim", "--trust-anchor", "root.pem", "--expect-key"]].concat();
    assert_eq!(folder.rimsim(&[&both[..], &["pub.pem"]].concat()).status.code(), Some(0));
    assert_eq!(folder.rimsim(&[&both[..], &["chain.pem"]].concat()).status.code(), Some(0));
    folder.file("else.pem", Key::es384(51).pem());
    folder.fails(&[&both[..], &["else.pem"]].concat(), 3, "not this key's");
    for (policy, code) in [("policy.toml", 0), ("policy-2.toml", 3)] {
        let output = folder.rimsim(&["verify", "token.cbor", "--policy", policy]);
        assert_eq!(output.status.code(), Some(code), "{policy}: {output:?}");
    }
}

/// A signed, dated table with names and certificates, by a key and by commands: all the same bytes.
#[test]
fn a_matrix_is_signed_dated_and_named() {
    let folder = folder("signed-matrix");
    let made = |out: &str, more: &[&str]| {
        let args = ["matrix", "--cpus", "1,2", "--mem", "256M,512M", "--corim-out", out];
        let dated = ["--not-before", "2026-01-01", "--not-after", "2026-12-31"];
        let args = [&args[..], &dated, more, &GUEST, &["Image"]].concat();
        let output = folder.rimsim(&args);
        assert_eq!(output.status.code(), Some(0), "{args:?}: {output:?}");
        std::fs::read(folder.path(out)).expect("a CoRIM")
    };
    let key = ["--sign-key", "key.der", "--sign-chain", "chain.pem", "--name=web-{cpus}-{mem}"];
    let signed = made("a.corim", &key);
    let read = rimsim::refvalue::sign::read(&signed).expect("a CoRIM");
    assert_eq!(read.corim().realms().count(), 4);

    // The command answers what the key would: raw, in DER, in base64.
    let raw = &signed[signed.len() - 96..];
    let der = p384::ecdsa::Signature::from_slice(raw).expect("r and s").to_der();
    folder
        .file("raw", raw)
        .file("der", der.as_bytes())
        .file("text", rimsim::encoding::text::base64(raw) + "\n")
        .file("text-der", rimsim::encoding::text::base64(der.as_bytes()));
    for answer in ["raw", "der", "text", "text-der"] {
        let command = format!("cat '{answer}'");
        let signer = ["--sign-cmd", &command, "--sign-pub", "pub.pem"];
        let by = [&signer[..], &key[2..]].concat();
        assert_eq!(made("b.corim", &by), signed, "{answer}");
        // The certificate says whose signature it has to be.
        let by = [&signer[..2], &key[2..]].concat();
        assert_eq!(made("b.corim", &by), signed, "{answer}, by the chain");
    }

    // What a token is compared with has the names.
    let verify = ["verify", "token.cbor", "--expect", "a.corim", "--trust-anchor", "root.pem"];
    let json = ["--realm", "web-2-512M", "--at", "2026-06-01", "--format", "json"];
    let output = folder.rimsim(&[&verify[..], &json].concat());
    let document: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(output.status.code(), Some(3));
    assert_eq!(document["expectation"], "a.corim:web-2-512M");
    let columns = made("c.corim", &["--name"]);
    let read = rimsim::refvalue::sign::read(&columns).expect("a CoRIM");
    let ids: Vec<_> = read.corim().tags.iter().map(|tag| format!("{:?}", tag.id)).collect();
    assert_eq!(ids[0], "Text(\"cpus=1,mem=256M\")");
    assert_eq!((ids.len(), &*ids[3]), (4, "Text(\"cpus=2,mem=512M\")"));
}

#[test]
fn what_can_not_be_signed_writes_nothing() {
    let folder = folder("unsigned-matrix");
    let base = ["matrix", "--cpus", "1,2", "--corim-out", "a.corim"];
    folder.file("long", [7; 70_000]).file("twice.pem", Made::leaf().pem().repeat(2));
    for (more, code, why) in [
        (&["--sign-cmd", "cat long", "--sign-pub", "pub.pem"][..], 1, "more than 65536 bytes"),
        (
            &["--sign-cmd", "cat key.der", "--sign-pub", "pub.pem"],
            1,
            "no ES384 signature of --sign-pub",
        ),
        (
            &["--sign-cmd", "false", "--sign-pub", "pub.pem"],
            1,
            "--sign-cmd false: it ended with exit",
        ),
        (&["--sign-cmd", "./nothing", "--sign-pub", "pub.pem"], 1, "--sign-cmd ./nothing: No such"),
        (&["--sign-cmd", "cat 'x", "--sign-pub", "pub.pem"], 2, "quotes do not end"),
        (&["--sign-cmd", "cat"], 2, "--sign-pub says whose signature"),
        (
            &["--sign-key", "other.der", "--sign-chain", "chain.pem"],
            2,
            "not that of the key that signs",
        ),
        (
            &["--sign-key", "key.der", "--sign-chain", "twice.pem"],
            2,
            "is there twice: the chain is a loop",
        ),
        (&["--sign-chain", "chain.pem"], 2, "--sign-chain: nobody signs"),
        (&["--sign-key", "key.der", "--sign-cmd", "cat"], 2, "cannot be used with"),
        (&["--name=x"], 2, "--name: \"x\" is the name of two RIMs, "),
        (&["--name={vcpus}"], 2, "there is no column \"vcpus\"; there are cpus, rim"),
        (&["--name= "], 2, "it leaves a RIM without a name"),
    ] {
        folder.fails(&[&base[..], more, &GUEST, &["Image"]].concat(), code, why);
        assert!(!folder.path("a.corim").exists(), "{more:?}");
    }
    let none =
        [&["matrix", "--cpus", "1", "--sign-key", "key.der"][..], &GUEST, &["Image"]].concat();
    folder.fails(&none, 2, "--sign-key: only a CoRIM is signed");
    let rim = "a5".repeat(32);
    let ear =
        ["verify", "token.cbor", "--expect-rim", &rim, "--at", "2026-06-01", "--format", "ear"];
    let by = ["--sign-cmd", "false", "--sign-pub", "pub.pem"];
    folder.fails(&[&ear[..], &by].concat(), 1, "--sign-cmd false: it ended with exit status");
}

/// Keys of all curves, in the hands of OpenSSL; and what it makes of chains.
#[test]
fn openssl_signs_and_certifies() {
    let folder = folder("openssl");
    let openssl = |args: &str| {
        let output =
            Command::new("openssl").args(args.split(' ')).current_dir(folder.path("")).output();
        output.is_ok_and(|output| output.status.success())
    };
    if !openssl("version") {
        skipped("cli::signing::openssl_signs_and_certifies", "there is no openssl");
        return;
    }
    for (curve, digest, alg) in
        [("P-256", "sha256", "ES256"), ("P-384", "sha384", "ES384"), ("P-521", "sha512", "ES512")]
    {
        let subject = "-x509 -nodes -days 3650 -newkey ec -pkeyopt";
        let subject = format!("req {subject} ec_paramgen_curve:{curve}");
        let root = format!("{subject} -keyout root.key -out own-root.pem -subj /CN=Root");
        let leaf = format!(
            "{subject} -CA own-root.pem -CAkey root.key -keyout leaf.key -out leaf.pem \
             -subj /CN=Leaf -addext basicConstraints=critical,CA:FALSE \
             -addext keyUsage=digitalSignature"
        );
        assert!(openssl(&root) && openssl(&leaf), "{curve}");
        let command = format!("openssl dgst -{digest} -sign leaf.key");
        let args = ["matrix", "--cpus", "1", "--corim-out", "o.corim", "--sign-cmd", &command];
        let args = [&args[..], &["--sign-chain", "leaf.pem"], &GUEST, &["Image"]].concat();
        let output = folder.rimsim(&args);
        assert_eq!(output.status.code(), Some(0), "{curve}: {output:?}");
        let verify =
            ["verify", "token.cbor", "--expect", "o.corim", "--trust-anchor", "own-root.pem"];
        let output = folder.rimsim(&verify);
        // The certificates are good, the RIM is another's.
        assert!(stdout(&output).starts_with("mismatch, unsigned comparison\n"), "{output:?}");
        let key = ["matrix", "--cpus", "1", "--corim-out", "k.corim", "--sign-key", "leaf.key"];
        let key = [&key[..], &GUEST, &["Image"]].concat();
        assert_eq!(folder.rimsim(&key).status.code(), Some(0), "{alg} by our own hand");
        let verify = ["verify", "token.cbor", "--expect", "k.corim", "--expect-key", "leaf.pem"];
        assert!(stdout(&folder.rimsim(&verify)).starts_with("mismatch"), "{alg}");
    }
}
