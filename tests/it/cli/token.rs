//! Tokens as people have them: printed without an expectation, in every form, and judged.

use std::io::Write as _;
use std::process::Stdio;

use serde_json::Value;

use crate::cli::{Folder, stdout};
use crate::evidence::token_maker::{Key, Maker, RIM, array, bytes, int};

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What a run of the command says in JSON; it has to end with `code`.
fn json(folder: &Folder, args: &[&str], code: i32) -> Value {
    let output = folder.rimsim(&[args, &["--format", "json"]].concat());
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{args:?}: {stderr}");
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// The row of a value in what `verify` compared.
fn row<'d>(document: &'d Value, what: &str) -> &'d Value {
    let rows = document["compared"].as_array().expect("a table");
    rows.iter().find(|row| row["what"] == what).unwrap_or_else(|| panic!("no row {what}"))
}

#[test]
fn a_token_is_printed_without_an_expectation() {
    let folder = Folder::new("token-printed");
    let made = Maker::of_2024();
    let mut unbound = made.clone();
    unbound.platform.put(10, bytes(&[7; 32]));
    folder
        .file("token.cbor", made.token())
        .file("unbound.cbor", unbound.token())
        .file("cut.cbor", &made.token()[..200])
        .file("cpak.pem", made.platform.key.pem())
        .file("other.pem", Key::es384(1).pem());
    let printed = stdout(&folder.rimsim(&["token", "token.cbor"]));
    let base64 = "paWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaU=";
    for (what, value) in [
        ("form", "CMW collection (tag 907)"),
        ("token profile", "2024"),
        ("  44238 RIM", &hex(&RIM)),
        ("  44243 MEC policy", "private"),
        ("  2395  lifecycle", "secured (0x3003)"),
        ("RIM in base64", base64),
        ("binding", "good          the platform's challenge is the sha-256 of the RAK"),
        ("platform signature", "not checked   no --cpak"),
    ] {
        assert!(printed.contains(&format!("{what:<29}{value}\n")), "{what}: {printed}");
    }
    let document = json(&folder, &["token", "token.cbor", "--cpak", "cpak.pem"], 0);
    assert_eq!((&document["schema"], &document["command"]), (&"rimsim/1".into(), &"token".into()));
    assert_eq!((&document["rim"]["base64"], &document["signed"]), (&base64.into(), &true.into()));
    let claims = document["realm_token"]["claims"].as_array().expect("claims");
    assert!(claims.iter().any(|claim| claim["claim"] == 256 && claim["name"] == "instance id"));
    for (args, what) in
        [(&["token", "unbound.cbor"][..], 1), (&["token", "token.cbor", "--cpak", "other.pem"], 2)]
    {
        let document = json(&folder, args, 3);
        assert_eq!(document["checks"][what]["verdict"], "wrong", "{args:?}");
        assert_eq!(document["signed"], false);
    }
    folder.fails(&["token", "cut.cbor"], 2, "the bytes end at 200, inside a value");
    folder.fails(&["token", "missing"], 1, "missing: No such file");
}

/// Whatever takes a token takes all its forms.
#[test]
fn every_place_takes_every_form() {
    let folder = Folder::new("token-forms");
    let token = Maker::of_2024().token();
    let text = hex(&token);
    let list: Vec<String> = token.iter().map(u8::to_string).collect();
    let list = list.join(",");
    let report = format!("{{\"provider\":\"arm_cca_guest\",\"outblob\":\"{text}\"}}");
    folder
        .file("token.cbor", &token)
        .file("token.hex", &text)
        .file("trustee.json", format!("{{\"token\":[{list}]}}"))
        .file("ratsd.json", format!("{{\"__cmwc_t\":\"tag:x\",\"tsm-report\":[\"x\",{report}]}}"))
        .file("tdx.json", report.replace("arm_cca", "tdx"))
        .file("other.json", "{\"rim\":1}");
    let folder_of_report = folder.path("report");
    std::fs::create_dir(&folder_of_report).expect("a folder");
    for (name, bytes) in
        [("provider", &b"arm_cca_guest\n"[..]), ("generation", b"1\n"), ("outblob", &token)]
    {
        std::fs::write(folder_of_report.join(name), bytes).expect("a file");
    }
    for file in ["token.cbor", "token.hex", "trustee.json", "ratsd.json", "report", "-"] {
        let run = |args: &[&str]| {
            let mut command = folder.command(args);
            let mut child = command
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .expect("the command");
            let mut stdin = child.stdin.take().expect("a pipe");
            // Who does not read it is no mistake.
            let _ = stdin.write_all(&token);
            drop(stdin);
            child.wait_with_output().expect("the command")
        };
        let printed = run(&["token", file]);
        assert_eq!(printed.status.code(), Some(0), "{file}");
        let verified = run(&["verify", file, "--expect-rim", &hex(&RIM)]);
        assert_eq!(verified.status.code(), Some(0), "{file}");
        // The token was read before what is varied is looked at.
        let search = ["search", "--token", file, "--vary", "nothing=1", "kvmtool", "--", "-k", "x"];
        let stderr = String::from_utf8_lossy(&run(&search).stderr).into_owned();
        assert!(stderr.contains("--vary"), "{file}: {stderr}");
    }
    for (file, why) in [
        ("tdx.json", "the provider is \"tdx_guest\""),
        ("other.json", "it is JSON without a token"),
    ] {
        folder.fails(&["token", file], 2, why);
        folder.fails(&["verify", file, "--expect-rim", &hex(&RIM)], 2, why);
        folder.fails(&["search", "--token", file, "kvmtool", "--", "-k", "x"], 2, why);
    }
}

#[test]
fn a_platform_has_to_be_secured_and_to_be_one() {
    let folder = Folder::new("token-lifecycle");
    let made = Maker::new();
    folder.file("cpak.pem", made.platform.key.pem());
    let rim = hex(&RIM);
    for (claim, name, code) in [
        (0x0000, "unknown", 3),
        (0x1001, "assembly-and-test", 3),
        (0x20FF, "provisioning", 3),
        (0x3003, "secured", 0),
        (0x4000, "other-debug", 3),
        (0x5000, "recoverable-debug", 3),
        (0x6000, "decommissioned", 3),
    ] {
        let mut made = made.clone();
        made.platform.put(2395, int(claim));
        folder.file("token.cbor", made.token());
        let plain = ["verify", "token.cbor", "--expect-rim", &rim];
        let with = |more: &[&'static str]| [&plain[..], more].concat();
        let document = json(&folder, &with(&["--cpak", "cpak.pem"]), code);
        assert_eq!(row(&document, "lifecycle")["expected"], "secured");
        assert_eq!(row(&document, "lifecycle")["verdict"] == "equal", code == 0, "{name}");
        json(&folder, &[&with(&["--cpak", "cpak.pem", "--lifecycle"])[..], &[name]].concat(), 0);
        json(&folder, &with(&["--cpak", "cpak.pem", "--lifecycle", "any"]), 0);
        let several = with(&["--lifecycle", "secured,other-debug"]);
        let good = [0x3003, 0x4000].contains(&claim);
        json(&folder, &several, if good { 0 } else { 3 });
        // Without a key nobody is believed to be a platform.
        json(&folder, &plain, 0);
    }
    // The dummy, signed by a platform's key.
    let mut dummy = made.clone();
    let kept = [10, 265];
    dummy.platform.claims.retain(|(key, _)| kept.iter().any(|kept| *key == int(*kept)));
    let profile = "tag:rimsim,2026:dummy-platform-token#not-evidence";
    dummy.platform.put(265, crate::evidence::token_maker::text(profile));
    folder.file("dummy.cbor", dummy.token());
    let plain = ["verify", "dummy.cbor", "--expect-rim", &rim];
    json(&folder, &plain, 0);
    for more in [&["--cpak", "cpak.pem"][..], &["--cpak", "cpak.pem", "--lifecycle", "any"]] {
        let document = json(&folder, &[&plain[..], more].concat(), 3);
        assert_eq!(row(&document, "platform")["verdict"], "differs");
    }
}

#[test]
fn what_is_required_has_to_be_there() {
    let folder = Folder::new("token-required");
    let made = Maker::of_2024();
    folder.file("token.cbor", made.token());
    let rim = hex(&RIM);
    let rpv = hex(&[0x35; 64]);
    folder.file("rpv.json", format!("{{\"rim\":\"{rim}\",\"rpv\":\"{rpv}\"}}"));
    let instance = format!("realm-instance-id=01{}", "65".repeat(32));
    for (require, code) in [
        ("rim", 0),
        ("rpv", 0),
        ("rem1", 3),
        ("challenge", 3),
        ("validity", 3),
        (&format!("rem1={}", "01".repeat(32)), 0),
        (&format!("rem1={}", "02".repeat(32)), 3),
        (&format!("challenge={}", "10".repeat(64)), 0),
        ("platform-config=CFCFCFCF", 0),
        ("platform-config=cf", 3),
        ("mec-policy=private", 0),
        ("mec-policy=shared", 3),
        ("token-profile=2024", 0),
        ("rim,rpv,verification-service=https://verifier.example", 0),
        ("rim,rem2", 3),
        (&instance, 0),
    ] {
        let given = ["verify", "token.cbor", "--expect", "rpv.json", "--require", require];
        let document = json(&folder, &given, code);
        assert_eq!(document["verdict"] == "match", code == 0, "{require}");
    }
    // A token that does not say it.
    folder.file("old.cbor", Maker::legacy().token());
    let given = ["verify", "old.cbor", "--expect-rim", &rim, "--require", "mec-policy=shared"];
    let document = json(&folder, &given, 3);
    assert_eq!(row(&document, "mec-policy")["found"], "nothing");
}

/// Several files and RIMs: one has to fit, and it is named.
#[test]
fn one_of_all_that_is_expected_has_to_fit() {
    let folder = Folder::new("token-several");
    folder.file("token.cbor", Maker::new().token());
    let (rim, other) = (hex(&RIM), "77".repeat(32));
    folder
        .file("a.json", format!("{{\"rim\":\"{other}\"}}"))
        .file("b.json", format!("{{\"rim\":\"{rim}\"}}"));
    let several = ["verify", "token.cbor", "--expect", "a.json", "--expect", "b.json"];
    let document = json(&folder, &several, 0);
    assert_eq!(
        (&document["expectation"], &document["expectations"]),
        (&"b.json".into(), &2.into())
    );
    let given = ["verify", "token.cbor", "--expect", "a.json", "--expect-rim", &rim];
    assert_eq!(json(&folder, &given, 0)["expectation"], "--expect-rim");
    json(&folder, &["verify", "token.cbor", "--expect-rim", &other, "--expect", "a.json"], 3);
}

/// Without `--at` no clock is asked, and that is said; with it what is too old or too new is wrong.
#[test]
fn an_expectation_may_be_too_old() {
    use rimsim::measure::rim::{HashAlgo, Measurement};
    use rimsim::refvalue::RealmReference;
    use rimsim::refvalue::corim::{Corim, Validity};
    use rimsim::refvalue::sign::{Meta, SigningKey, sign};

    let folder = Folder::new("token-at");
    let rim = Measurement::from_bytes(HashAlgo::Sha256, &RIM).expect("32 bytes");
    let mut corim = Corim::of(vec![RealmReference::new(rim)]);
    // 2025-01-01 to 2026-01-01, signed until 2025-07-01.
    corim.validity = Validity::new(Some(1_735_689_600), 1_767_225_600);
    let key = SigningKey::from_pem(include_str!("../../corim/p384-pkcs8.pem")).expect("a key");
    let validity = Validity::new(None, 1_751_328_000);
    let meta = Meta { signer: "somebody".into(), uri: None, validity };
    folder
        .file("token.cbor", Maker::new().token())
        .file("plain.corim", corim.to_cbor())
        .file("signed.corim", sign(&corim, &meta, &key));
    for (file, at, code) in [
        ("plain.corim", "2024-12-31T23:59:59Z", 3),
        ("plain.corim", "2025-01-01", 0),
        ("plain.corim", "2026-01-01", 0),
        ("plain.corim", "2026-01-01T00:00:01Z", 3),
        ("signed.corim", "2025-07-01", 0),
        ("signed.corim", "2025-07-01T00:00:01Z", 3),
    ] {
        let document = json(&folder, &["verify", "token.cbor", "--expect", file, "--at", at], code);
        assert_eq!(row(&document, "validity")["verdict"] == "equal", code == 0, "{file} {at}");
    }
    let document = json(&folder, &["verify", "token.cbor", "--expect", "signed.corim"], 0);
    assert_eq!(row(&document, "validity")["verdict"], "not compared");
    let wanted = "that signed.corim is valid (2025-01-01T00:00:00Z to 2025-07-01T00:00:00Z)";
    assert!(document["not_verified"].to_string().contains(wanted), "{document}");
    // Another value that holds is taken instead.
    folder.file("b.json", format!("{{\"rim\":\"{}\"}}", hex(&RIM)));
    let both = ["--expect", "plain.corim", "--expect", "b.json", "--at", "2027-01-01"];
    let document = json(&folder, &[&["verify", "token.cbor"], &both[..]].concat(), 0);
    assert_eq!(document["expectation"], "b.json");
}

#[test]
fn padded_tokens_are_taken_if_that_is_asked_for() {
    let folder = Folder::new("token-padded");
    let mut made = Maker::legacy();
    let padded = |byte: u8| bytes(&[&[byte; 32][..], &[0; 32]].concat());
    made.realm.put(44238, padded(0xA5));
    made.realm.put(44239, array(&[padded(1), padded(0), padded(2), padded(3)]));
    folder.file("token.cbor", made.token());
    let plain = ["verify", "token.cbor", "--expect-rim", &hex(&RIM)];
    folder.fails(&plain, 2, "it is sha-256, padded to 64 bytes with zeros; --accept-padded takes");
    folder.fails(&["token", "token.cbor"], 2, "--accept-padded takes it");
    let document = json(&folder, &[&plain[..], &["--accept-padded"]].concat(), 0);
    assert!(document["not_verified"].to_string().contains("sha-256, padded to 64 bytes"));
    json(&folder, &["token", "token.cbor", "--accept-padded"], 0);
}

/// `run` writes what the RMM writes, and the other profiles if they are asked for.
#[test]
fn run_writes_tokens_of_every_profile() {
    let folder = Folder::new("token-written");
    let scripts = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("spec-vectors/scripts");
    let script = scripts.join("token.rmi").display().to_string();
    for (more, profile, tag) in [
        (&[][..], "legacy", 399),
        (&["--token-profile", "2023"], "2023", 399),
        (&["--token-profile", "2024"], "2024", 907),
    ] {
        let run = [&["run", "--token-out", "token.cbor"], more, &[script.as_str()]].concat();
        let output = folder.rimsim(&run);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let document = json(&folder, &["token", "token.cbor"], 0);
        assert_eq!(
            (&document["token_profile"], &document["collection_tag"]),
            (&profile.into(), &tag.into())
        );
    }
    folder.fails(
        &["run", "--token-profile", "2022", &script],
        2,
        "it is one of legacy, 2023, 2024",
    );
}
