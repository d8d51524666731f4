//! `verify --policy`, and the judgement as an attestation result.

use base64ct::{Base64UrlUnpadded, Encoding as _};
use p384::ecdsa::signature::Verifier as _;
use p384::pkcs8::EncodePrivateKey as _;
use rimsim::encoding::text::hex;
use serde_json::Value;

use crate::cli::{Folder, stdout};
use crate::evidence::token_maker::{Key, Maker, RIM, int};

const AT: [&str; 4] = ["--format", "ear", "--at", "2026-12-31"];

fn with_token(name: &str, change: impl Fn(&mut Maker)) -> Folder {
    let folder = Folder::new(name);
    let mut made = Maker::of_2024();
    change(&mut made);
    folder.file("token.cbor", made.token()).file("cpak.pem", made.platform.key.pem());
    folder
}

fn ended(folder: &Folder, args: &[&str], code: i32) -> Vec<u8> {
    let output = folder.rimsim(args);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{args:?}: {stderr}");
    output.stdout
}

fn result(folder: &Folder, args: &[&str], code: i32) -> Value {
    let args = [&["verify", "token.cbor"], args, &AT].concat();
    serde_json::from_slice(&ended(folder, &args, code)).expect("JSON")
}

/// Status, and the values of a submodule's vector.
fn judged(result: &Value, submodule: &str) -> (String, Vec<(String, i64)>) {
    let part = &result["submods"][submodule];
    let vector = part["ear.trustworthiness-vector"].as_object().expect("a vector");
    let reasons = part["rimsim.reasons"].as_object().expect("reasons");
    assert!(vector.keys().eq(reasons.keys()), "each value has its reason");
    let values =
        vector.iter().map(|(name, value)| (name.clone(), value.as_i64().expect("a number")));
    (part["ear.status"].as_str().expect("a word").to_owned(), values.collect())
}

fn values(list: &[(&str, i64)]) -> Vec<(String, i64)> {
    list.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect()
}

#[test]
fn a_result_says_how_far_to_trust_and_why() {
    let folder = with_token("ear-good", |_| {});
    let rim = hex(&RIM);
    let found = result(&folder, &["--expect-rim", &rim, "--cpak", "cpak.pem"], 0);
    assert_eq!(found["eat_profile"], "tag:github.com,2023:veraison/ear");
    // Of `date -d 2026-12-31 +%s`.
    assert_eq!(found["iat"], 1_798_675_200);
    assert_eq!(found["ear.verifier-id"]["developer"], "rimsim");
    let realm = values(&[("instance-identity", 2), ("configuration", 0), ("executables", 3)]);
    assert_eq!(judged(&found, "CCA_REALM"), ("affirming".to_owned(), realm));
    let platform = values(&[
        ("instance-identity", 2),
        ("hardware", 0),
        ("configuration", 2),
        ("executables", 0),
    ]);
    assert_eq!(judged(&found, "CCA_SSD_PLATFORM"), ("affirming".to_owned(), platform));

    // Nobody vouches for a token without the platform's key.
    let found = result(&folder, &["--expect-rim", &rim], 0);
    assert_eq!(judged(&found, "CCA_REALM").0, "none");
    assert_eq!(judged(&found, "CCA_SSD_PLATFORM").0, "none");

    // Another RIM is an executable that is not recognised.
    let other = "5a".repeat(32);
    let found = result(&folder, &["--expect-rim", &other, "--cpak", "cpak.pem"], 3);
    let realm = values(&[("instance-identity", 2), ("configuration", 0), ("executables", 33)]);
    assert_eq!(judged(&found, "CCA_REALM"), ("warning".to_owned(), realm));
    let why = found["submods"]["CCA_REALM"]["rimsim.reasons"]["executables"].to_string();
    assert!(why.contains(&format!("rim is {rim}, expected {other}")), "{why}");

    // A demand that is not met, and another key.
    let wanted = ["--expect-rim", &rim, "--cpak", "cpak.pem", "--require", "mec-policy=shared"];
    let found = result(&folder, &wanted, 3);
    assert_eq!(judged(&found, "CCA_REALM").0, "contraindicated");
    folder.file("other.pem", Key::es384(1).pem());
    let found = result(&folder, &["--expect-rim", &rim, "--cpak", "other.pem"], 3);
    for submodule in ["CCA_REALM", "CCA_SSD_PLATFORM"] {
        let (status, values) = judged(&found, submodule);
        assert_eq!(status, "contraindicated");
        assert!(values.iter().all(|(_, value)| *value == 99), "{values:?}");
    }
}

#[test]
fn a_platform_that_can_be_debugged_is_not_affirmed() {
    let folder = with_token("ear-debug", |made| made.platform.put(2395, int(0x4000)));
    let rim = hex(&RIM);
    let found = result(&folder, &["--expect-rim", &rim, "--cpak", "cpak.pem"], 3);
    assert_eq!(judged(&found, "CCA_SSD_PLATFORM").0, "contraindicated");
    assert_eq!(judged(&found, "CCA_REALM").0, "affirming");
}

#[test]
fn a_result_can_be_signed() {
    let folder = with_token("ear-signed", |_| {});
    let secret = p384::SecretKey::from_slice(&[9; 48]).expect("a scalar");
    let pem = secret.to_pkcs8_pem(p384::pkcs8::LineEnding::LF).expect("a key");
    folder.file("verifier.pem", pem.as_bytes());
    let rim = hex(&RIM);
    let plain = ["verify", "token.cbor", "--expect-rim", &rim, "--cpak", "cpak.pem"];
    let unsigned: Value =
        serde_json::from_slice(&ended(&folder, &[&plain[..], &AT].concat(), 0)).expect("JSON");
    let args = [&plain[..], &AT, &["--sign-key", "verifier.pem"]].concat();
    let text = stdout(&folder.rimsim(&args));
    assert_eq!(text, stdout(&folder.rimsim(&args)), "equal inputs give equal tokens");
    let (signed, signature) = text.trim_end().rsplit_once('.').expect("three parts");
    let (header, claims) = signed.split_once('.').expect("three parts");
    let read = |part: &str| -> Value {
        let bytes = Base64UrlUnpadded::decode_vec(part).expect("base64url without padding");
        serde_json::from_slice(&bytes).expect("JSON")
    };
    assert_eq!((&read(header)["alg"], &read(header)["typ"]), (&"ES384".into(), &"JWT".into()));
    assert_eq!(read(claims), unsigned);
    let signature = Base64UrlUnpadded::decode_vec(signature).expect("base64url");
    let signature = p384::ecdsa::Signature::from_slice(&signature).expect("r and s");
    let key = p384::ecdsa::VerifyingKey::from(secret.public_key());
    assert!(key.verify(signed.as_bytes(), &signature).is_ok());
}

#[test]
fn a_policy_says_what_options_say() {
    let folder = with_token("policy", |_| {});
    let rim = hex(&RIM);
    let plain = ["verify", "token.cbor", "--policy", "policy.toml"];
    let policy = |text: &str| folder.file("policy.toml", text.replace("RIM", &rim));
    policy("expect-rim = [\"RIM\"]\ncpak = \"cpak.pem\"\nrequire = [\"mec-policy=private\"]\n");
    let by_policy = ended(&folder, &[&plain[..], &["--format", "json"]].concat(), 0);
    let options = [
        &["verify", "token.cbor", "--expect-rim", rim.as_str(), "--cpak", "cpak.pem"][..],
        &["--require", "mec-policy=private", "--format", "json"],
    ];
    assert_eq!(by_policy, ended(&folder, &options.concat(), 0));
    let found = result(&folder, &plain[2..], 0);
    let id = &found["submods"]["CCA_REALM"]["ear.appraisal-policy-id"];
    assert_eq!(id, "policy.toml");

    // An option takes the place of what the policy says.
    policy(
        "expect-rim = [\"RIM\"]\nrequire = [\"mec-policy=shared\"]\nlifecycle = [\"unknown\"]\n",
    );
    ended(&folder, &plain, 3);
    ended(&folder, &[&plain[..], &["--require", "mec-policy=private"]].concat(), 3);
    let both = ["--require", "mec-policy=private", "--lifecycle", "secured"];
    ended(&folder, &[&plain[..], &both].concat(), 0);
    ended(&folder, &[&plain[..], &both, &["--expect-rim", &"5a".repeat(32)]].concat(), 3);

    // A file of expectations beside the policy, wherever the command is given.
    std::fs::create_dir(folder.path("sub")).expect("a folder");
    folder.file("sub/expected.json", format!("{{\"rim\": \"{rim}\"}}"));
    folder.file("sub/policy.toml", "expect = [\"expected.json\"]\n");
    let inside = ["verify", "token.cbor", "--policy", "sub/policy.toml"];
    ended(&folder, &inside, 0);
    folder.file("sub/policy.toml", "expect = [\"../outside.json\"]\n");
    folder.file("outside.json", format!("{{\"rim\": \"{rim}\"}}"));
    folder.fails(&inside, 2, "sub/policy.toml:1:11: sub/../outside.json: lies outside of");
    ended(&folder, &[&inside[..], &["--allow-outside"]].concat(), 0);
}

#[test]
fn wrong_policies_have_a_place() {
    let folder = with_token("policy-wrong", |_| {});
    let rim = hex(&RIM);
    for (text, code, why) in [
        ("", 2, "policy.toml: nothing is expected: say `expect` or `expect-rim` in it"),
        ("expect-rim = [\"RIM\"]\nat = \"2026-12-31\"\n", 2, "policy.toml:2:1: unknown field `at`"),
        ("output = \"/etc/passwd\"\n", 2, "policy.toml:1:1: unknown field `output`"),
        ("sign-key = \"key.pem\"\n", 2, "unknown field `sign-key`"),
        ("expect-rim = \"RIM\"\n", 2, "policy.toml:1:14: invalid type"),
        (
            "expect-rim = [\"RIM\"]\nrequire = [\"rim\", \"rem5\"]\n",
            2,
            "policy.toml:2:19: require:",
        ),
        ("expect-rim = [\"RIM\"]\nlifecycle = [\"fine\"]\n", 2, "policy.toml:2:14: lifecycle:"),
        ("expect-rim = [\"RIM\"]\ncpak = \"no.pem\"\n", 1, "no.pem: No such file"),
        ("expect-rim = [\"RIM\"]\nrealm = \"r\"\n", 2, "--realm: it says something of --expect"),
        ("expect = [\n", 2, "policy.toml:1:11: unclosed array"),
    ] {
        folder.file("policy.toml", text.replace("RIM", &rim));
        folder.fails(&["verify", "token.cbor", "--policy", "policy.toml"], code, why);
    }
    folder.fails(&["verify", "token.cbor", "--policy", "no.toml"], 1, "no.toml: No such file");
    let plain = ["verify", "token.cbor", "--expect-rim", &rim];
    for (more, why) in [
        (&["--format", "ear"][..], "no clock is asked, --at says it"),
        (&["--sign-key", "cpak.pem"], "--sign-key: only --format ear is signed"),
        (&["--realm", "r"], "--realm: it says something of --expect, and there is none"),
        (&["--expect-key", "cpak.pem"], "--expect-key: it says something of --expect"),
    ] {
        folder.fails(&[&plain[..], more].concat(), 2, why);
    }
}
