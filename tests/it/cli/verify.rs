//! `verify` as a process: what is expected from where, near misses, exit codes.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::Value;

use crate::cli::{Folder, stdout};
use crate::evidence::token_maker::{Key, Maker, RIM, bytes, text};

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Base64 for URLs, in lines of 76 characters.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let bits: Vec<u8> =
        bytes.iter().flat_map(|byte| (0..8).rev().map(move |i| byte >> i & 1)).collect();
    let digit = |bits: &[u8]| (0..6).fold(0, |sum, i| sum << 1 | bits.get(i).copied().unwrap_or(0));
    let digits: Vec<u8> = bits.chunks(6).map(|bits| DIGITS[usize::from(digit(bits))]).collect();
    digits.chunks(76).flat_map(|line| [line, b"\n"].concat()).map(char::from).collect()
}

fn scripts(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("spec-vectors/scripts");
    folder.join(name).display().to_string()
}

/// The first line, and the JSON document, of a `verify` that ends with `code`.
fn verify(folder: &Folder, args: &[&str], code: i32) -> (String, Value) {
    // What is expected is made of the files in spec-vectors, which lie elsewhere.
    let args = [&["verify", "--allow-outside"], args].concat();
    let output = folder.rimsim(&args);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{args:?}: {stderr}");
    let first = stdout(&output).lines().next().unwrap_or_default().to_owned();
    let output = folder.rimsim(&[&args[..], &["--format", "json"]].concat());
    assert_eq!(output.status.code(), Some(code), "{args:?}");
    let document: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(document["verdict"], first.split(',').next().expect("a word"));
    (first, document)
}

fn verdicts(document: &Value) -> Vec<String> {
    let rows = document["compared"].as_array().expect("a table").iter();
    let row = |row: &Value| {
        let word = |key: &str| row[key].as_str().expect("a text").to_owned();
        format!("{}: {}", word("what"), word("verdict"))
    };
    rows.map(row).filter(|row| !row.ends_with("not compared")).collect()
}

#[test]
fn a_scripted_realm_is_the_one_of_its_script() {
    let folder = Folder::new("verify-script");
    let script = scripts("token.rmi");
    let done = folder.rimsim(&["run", "--token-out", "token.cbor", "--format", "json", &script]);
    assert!(done.status.success());
    folder.file("run.json", &done.stdout);
    let kept = std::fs::read(scripts("token.cbor")).expect("the token of the README");
    let made = std::fs::read(folder.path("token.cbor")).expect("a token");
    assert!(made == kept, "equal scripts give equal tokens");
    let challenge = "6162636465666768020000000000000003";
    for expect in [script.as_str(), "run.json"] {
        let given = ["token.cbor", "--expect", expect];
        let (first, document) = verify(&folder, &given, 0);
        assert_eq!(first, "match, unsigned comparison");
        assert_eq!(document["signed"], false);
        let equal = ["hash algorithm: equal", "rim: equal", "rem1: equal"];
        assert_eq!(verdicts(&document), equal, "{expect}");
        // The challenge is longer than this, and not padded with zeros.
        let given = [&given[..], &["--challenge", challenge]].concat();
        let (first, document) = verify(&folder, &given, 3);
        assert_eq!(first, "mismatch, unsigned comparison");
        assert_eq!(verdicts(&document)[3], "challenge: differs");
    }
    // Another Realm: the same but for the extension of REM 1.
    let other = std::fs::read_to_string(&script).expect("a script").replace(
        "smc RSI_MEASUREMENT_EXTEND 1 32 0x0807060504030201",
        "smc RSI_MEASUREMENT_EXTEND 1 32 0x0807060504030202",
    );
    let other = other.replace("realm.rmi", &scripts("realm.rmi"));
    folder.file("other.rmi", other);
    let (_, document) = verify(&folder, &["token.cbor", "--expect", "other.rmi"], 3);
    assert_eq!(verdicts(&document)[1..], ["rim: equal", "rem1: differs"]);
    folder.fails(
        &["run", "--token-out", "no.cbor", &scripts("realm.rmi")],
        2,
        "--token-out: the Realm rd fetched no token",
    );
    folder.fails(&["verify", "token.cbor", "--expect", &scripts("forgotten-table.rmi")], 4, "rtt");
}

#[test]
fn forms_and_keys() {
    let folder = Folder::new("verify-forms");
    let made = Maker::new();
    let token = made.token();
    let rim = hex(&RIM);
    folder
        .file("token.cbor", &token)
        .file("token.hex", format!("0x{}\n", hex(&token).to_uppercase()))
        .file("token.b64", base64(&token))
        .file("rim.txt", format!("{rim}\n"))
        .file("cpak.pem", made.platform.key.pem())
        .file("other.pem", Key::es384(1).pem())
        .file("p256.pem", Key::es256(1).pem())
        .file("nonce", [0x10; 64]);
    for file in ["token.cbor", "token.hex", "token.b64"] {
        let given = [file, "--expect-rim", "@rim.txt", "--cpak", "cpak.pem"];
        let (first, document) = verify(&folder, &given, 0);
        assert_eq!((first.as_str(), &document["signed"]), ("match", &Value::Bool(true)));
        assert_eq!(document["platform"]["lifecycle_name"], "secured");
    }
    let given = ["token.cbor", "--expect-rim", &rim, "--challenge", "@nonce"];
    assert!(verdicts(&verify(&folder, &given, 0).1).contains(&"challenge: equal".to_owned()));
    for (pem, why) in [
        ("other.pem", "the signature does not fit the key and the bytes"),
        ("p256.pem", "the token is signed with ES384, and the key is of P-256"),
    ] {
        let given = ["token.cbor", "--expect-rim", &rim, "--cpak", pem];
        let (first, document) = verify(&folder, &given, 3);
        assert_eq!((first.as_str(), &document["signed"]), ("mismatch", &Value::Bool(false)));
        assert_eq!(document["checks"][2]["detail"], why);
    }
    // A wrong binding and a wrong signature need no key.
    let mut unbound = made.clone();
    unbound.platform.put(10, bytes(&[0; 32]));
    folder.file("unbound.cbor", unbound.token());
    let (_, document) = verify(&folder, &["unbound.cbor", "--expect-rim", &rim], 3);
    assert_eq!(
        (&document["checks"][0]["verdict"], &document["checks"][1]["verdict"]),
        (&Value::from("good"), &Value::from("wrong"),)
    );
}

#[test]
fn a_report_of_linux_is_a_folder() {
    let folder = Folder::new("verify-tsm");
    let made = Maker::new();
    let rim = hex(&RIM);
    let report = |name: &str, provider: &str, blob: &[u8]| {
        let path = folder.path(name);
        std::fs::create_dir(&path).expect("a folder");
        for (file, bytes) in
            [("provider", provider.as_bytes()), ("generation", b"1\n"), ("outblob", blob)]
        {
            std::fs::write(path.join(file), bytes).expect("a file");
        }
    };
    report("good", "arm_cca_guest\n", &made.token());
    report("tdx", "tdx_guest\n", &made.token());
    report("empty", "arm_cca_guest\n", b"");
    std::fs::create_dir(folder.path("nothing")).expect("a folder");
    for path in ["good", "good/outblob"] {
        verify(&folder, &[path, "--expect-rim", &rim], 0);
    }
    for (path, code, text) in [
        ("tdx", 2, "tdx: the provider is \"tdx_guest\"; CCA tokens come from \"arm_cca_guest\""),
        ("tdx/outblob", 2, "the provider is \"tdx_guest\""),
        ("empty", 2, "empty: is empty"),
        ("nothing", 1, "nothing/provider: No such file"),
    ] {
        folder.fails(&["verify", path, "--expect-rim", &rim], code, text);
    }
}

#[test]
fn mistakes_are_no_verdict() {
    let folder = Folder::new("verify-mistakes");
    let made = Maker::new();
    let rim = hex(&RIM);
    let mut unknown = made.clone();
    unknown.realm.put(44242, text("x"));
    folder
        .file("token.cbor", made.token())
        .file("unknown.cbor", unknown.token())
        .file("noise.txt", "no token")
        .file("odd.hex", "d9018")
        .file("cut.cbor", &made.token()[..100])
        .file("key.pem", Key::es384(1).pem().replace("PUBLIC", "PRIVATE"))
        .file("wrong.rmi", format!("include \"{}\"\nexpect rim sha256:{rim}", scripts("realm.rmi")))
        .file("expect.txt", "x")
        .file("typo.json", format!("{{\"rim\":\"{rim}\",\"rmes\":[]}}"))
        .file("long", [0; 65]);
    let with = |args: &[&'static str]| -> Vec<String> {
        args.iter().map(|arg| arg.replace("RIM", &rim)).collect()
    };
    for (args, code, message) in [
        (&["token.cbor"][..], 2, "required arguments were not provided"),
        (&["missing", "--expect-rim", "RIM"], 1, "missing: No such file"),
        (&["noise.txt", "--expect-rim", "RIM"], 2, "noise.txt: has 7 characters of base64"),
        (&["odd.hex", "--expect-rim", "RIM"], 2, "odd.hex: has 5 hexadecimal digits"),
        (&["cut.cbor", "--expect-rim", "RIM"], 2, "(platform token): the bytes end at 100"),
        (&["unknown.cbor", "--expect-rim", "RIM"], 2, "claim 44242: there is no such claim"),
        (&["token.cbor", "--expect-rim", "abc"], 2, "--expect-rim: has 3 hexadecimal digits"),
        (&["token.cbor", "--expect-rim", "@missing"], 1, "missing: No such file"),
        (&["token.cbor", "--expect", "missing"], 1, "missing: No such file"),
        (&["token.cbor", "--expect", "expect.txt"], 2, "expect.txt: is no expectation"),
        (&["token.cbor", "--expect", "typo.json"], 2, "typo.json: unknown field `rmes`"),
        (&["--allow-outside", "token.cbor", "--expect", "wrong.rmi"], 2, "wrong.rmi:2"),
        (&["token.cbor", "--expect-rim", "RIM", "--expect", "x"], 1, "x: No such file"),
        (&["token.cbor", "--expect-rim", "RIM", "--lifecycle", "good"], 2, "there are unknown,"),
        (&["token.cbor", "--expect-rim", "RIM", "--require", "rem5"], 2, "there are rim, rem1"),
        (&["token.cbor", "--expect-rim", "RIM", "--require", "instance-id"], 2, "needs a value"),
        (&["token.cbor", "--expect-rim", "RIM", "--at", "now"], 2, "is no time; write"),
        (&["token.cbor", "--expect-rim", "RIM", "--cpak", "key.pem"], 2, "\"PRIVATE KEY\""),
        (&["token.cbor", "--expect-rim", "RIM", "--cpak", "no"], 1, "no: No such file"),
        (&["token.cbor", "--expect-rim", "RIM", "--challenge", "@long"], 2, "65 bytes, and it"),
        (&["token.cbor", "--expect-rim", "RIM", "--challenge", "xy"], 2, "--challenge: character"),
        (&["token.cbor", "--expect-rim", "RIM", "--challenge", ""], 2, "--challenge: it is empty"),
        (&["token.cbor", "--expect", "typo.json", "--realm", "x"], 2, "unknown field"),
    ] {
        let args = with(args);
        let args: Vec<&str> =
            ["verify"].into_iter().chain(args.iter().map(String::as_str)).collect();
        folder.fails(&args, code, message);
    }
    let given = ["unknown.cbor", "--expect-rim", &rim, "--allow-unknown-claims"];
    let (_, document) = verify(&folder, &given, 0);
    assert!(document["not_verified"].to_string().contains("claim 44242: it has no meaning"));
}

#[test]
fn near_misses_have_names() {
    let folder = Folder::new("verify-near");
    let made = Maker::new();
    folder.file("token.cbor", made.token());
    let rim = hex(&RIM);
    let near = |args: &[&str]| {
        let document = verify(&folder, args, 3).1;
        document["near_misses"].to_string()
    };
    let padded = format!("{rim}{}", "0".repeat(64));
    assert!(near(&["token.cbor", "--expect-rim", &padded]).contains("with zeros after it"));
    let longer = format!("{rim}{}", "1".repeat(64));
    assert!(near(&["token.cbor", "--expect-rim", &longer]).contains("begins with the token's"));
    let rem = "03".repeat(32);
    assert!(near(&["token.cbor", "--expect-rim", &rem]).contains("is REM 3 of the token"));
    assert_eq!(near(&["token.cbor", "--expect-rim", &"77".repeat(32)]), "[]");
}

/// Tokens of boots that are not the expected one: ended early, of a matrix, of another host.
#[test]
fn boots_that_are_nearly_the_expected_one() {
    let folder = Folder::new("verify-boots");
    let line = "--caps fvp kvmtool -- lkvm run --realm -c 1 -m 512M --irqchip=gicv3 -k";
    folder.file("boot.args", format!("{line} {}", scripts("Image")));
    let measured = folder.rimsim(
        &[&["measure", "--format", "json"][..], &words(line), &[scripts("Image").as_str()]]
            .concat(),
    );
    folder.file("boot.json", &measured.stdout);
    let document: Value = serde_json::from_slice(&measured.stdout).expect("JSON");
    let stages = document["stages"].as_array().expect("stages");
    let stage = stages[stages.len() - 3]["rim"].as_str().expect("a RIM");
    let claim = |hex: &str| {
        let byte = |i: usize| u8::from_str_radix(&hex[i..i + 2], 16).expect("digits");
        bytes(&(0..hex.len()).step_by(2).map(byte).collect::<Vec<u8>>())
    };
    let token_of = |rim: &str| {
        let mut made = Maker::new();
        made.realm.put(44238, claim(rim));
        folder.file("token.cbor", made.token());
    };
    let near = |args: &[&str]| verify(&folder, args, 3).1["near_misses"].to_string();
    token_of(stage);
    for expect in ["boot.args", "boot.json"] {
        let text = near(&["token.cbor", "--expect", expect]);
        assert!(text.contains("before the rest was measured"), "{expect}: {text}");
    }
    token_of(document["rim"].as_str().expect("a RIM"));
    for expect in ["boot.args", "boot.json"] {
        verify(&folder, &["token.cbor", "--expect", expect], 0);
    }
    // A matrix has many; this is the one of one vCPU.
    let matrix = line.replace("-c 1 ", "");
    let image = scripts("Image");
    let asked = ["matrix", "--format", "json", "--cpus", "2,1,4"];
    let made = folder.rimsim(&[&asked[..], &words(&matrix), &[image.as_str()]].concat());
    folder.file("matrix.json", &made.stdout);
    let (_, of_matrix) = verify(&folder, &["token.cbor", "--expect", "matrix.json"], 0);
    assert_eq!(of_matrix["expectation"], "matrix.json:cpus=1");
    assert_eq!(of_matrix["expectations"], 3);
    // Seven breakpoints: only a search finds that.
    let other = line.replace("--caps fvp", "--caps fvp --num-bps 7");
    let other =
        folder.rimsim(&[&["measure"][..], &words(&other), &[scripts("Image").as_str()]].concat());
    token_of(stdout(&other).trim());
    folder.file("search.args", format!("--vary num-bps=6-8 {line} {}", scripts("Image")));
    let given = ["token.cbor", "--expect", "boot.args", "--search=search.args"];
    let document = verify(&folder, &given, 3).1;
    assert_eq!(document["search"]["verdict"], "unique", "{}", document["search"]);
    assert_eq!(document["search"]["matches"][0]["candidates"][0]["num-bps"], "7");
    folder.fails(
        &["verify", "token.cbor", "--expect-rim", &"77".repeat(32), "--search"],
        2,
        "--search: there is no command line",
    );
}

/// The same events make another RIM by another rule, and that is said.
#[test]
fn another_rule_has_a_name() {
    let folder = Folder::new("verify-rule");
    let image = scripts("Image");
    let line = "--caps fvp kvmtool -- lkvm run --realm -c 1 -m 512M --irqchip=gicv3 -k";
    let host = ["measure", "--host", "kvm-v14", "--rim-rule", "rmm-2.0"];
    let made = folder.rimsim(&[&host[..], &words(line), &[image.as_str()]].concat());
    folder
        .file("rim.json", format!("{{\"rim\": \"{}\"}}", stdout(&made).trim()))
        .file("boot.args", format!("--host kvm-v14 {line} {image}"));
    let rim = stdout(&made);
    let byte = |i: usize| u8::from_str_radix(&rim[i..i + 2], 16).expect("digits");
    let mut token = Maker::legacy();
    token.realm.put(44238, bytes(&(0..64).step_by(2).map(byte).collect::<Vec<u8>>()));
    folder.file("token.cbor", token.token());
    verify(&folder, &["token.cbor", "--expect", "rim.json"], 0);
    let (_, document) = verify(&folder, &["token.cbor", "--expect", "boot.args"], 3);
    let near = document["near_misses"].to_string();
    let wanted = "that of the same events by the rule rmm-2.0; expected was tf-rmm-0.9";
    assert!(near.contains(wanted), "{near}");
}

fn words(line: &str) -> Vec<&str> {
    line.split(' ').collect()
}

/// A CoRIM of three Realms, of which the last is the token's; signed, and by whom.
#[test]
fn corims_are_expectations() {
    use rimsim::measure::rim::{HashAlgo, Measurement};
    use rimsim::refvalue::RealmReference;
    use rimsim::refvalue::corim::{Corim, Validity};
    use rimsim::refvalue::sign::{Meta, SigningKey, sign};

    let folder = Folder::new("verify-corim");
    let measured =
        |bytes: &[u8]| Measurement::from_bytes(HashAlgo::Sha256, bytes).expect("32 bytes");
    let reference = RealmReference::new(measured(&RIM));
    let with_rem = |byte| reference.clone().with_rem(0, measured(&[byte; 32])).expect("a REM");
    let other = RealmReference::new(measured(&[7; 32]));
    let wrong_rpv = with_rem(1).with_rpv([9; 64]);
    let right = with_rem(1).with_rpv([0x35; 64]);
    let mut three = Corim::of(vec![other.clone(), wrong_rpv.clone(), right]);
    let two = Corim::of(vec![other, wrong_rpv]).to_cbor();
    let pem = include_str!("../../corim/p384-pkcs8.pem");
    let key = SigningKey::from_pem(pem).expect("a key");
    let meta = Meta { signer: "somebody".into(), uri: None, validity: Validity::new(None, 7) };
    let signed = sign(&three, &meta, &key);
    let mut damaged = signed.clone();
    *damaged.last_mut().expect("a signature") ^= 1;
    three.validity = Validity::new(None, 7);
    folder
        .file("token.cbor", Maker::new().token())
        .file("three.cbor", three.to_cbor())
        .file("two.cbor", two)
        .file("signed.cbor", signed)
        .file("damaged.cbor", damaged)
        .file("cut.cbor", &three.to_cbor()[..99])
        .file("key.pem", pem)
        .file("other.pem", Key::es384(1).pem());
    let (_, document) = verify(&folder, &["token.cbor", "--expect", "three.cbor"], 0);
    assert_eq!(document["expectation"], "three.cbor:3");
    let equal = ["hash algorithm: equal", "rim: equal", "rem1: equal", "rpv: equal"];
    assert_eq!(verdicts(&document), equal);
    assert!(document["not_verified"].to_string().contains("no clock is asked"));
    let (_, document) = verify(&folder, &["token.cbor", "--expect", "two.cbor"], 3);
    assert_eq!(document["expectation"], "two.cbor:2");
    assert_eq!(verdicts(&document)[3], "rpv: differs");
    let (_, document) = verify(&folder, &["token.cbor", "--expect", "signed.cbor"], 0);
    assert!(document["not_verified"].to_string().contains("on signed.cbor: no --expect-key"));
    let with = |file, key| ["token.cbor", "--expect", file, "--expect-key", key];
    let (_, document) = verify(&folder, &with("signed.cbor", "key.pem"), 0);
    assert!(!document["not_verified"].to_string().contains("--expect-key"));
    for (file, key, code, text) in [
        ("signed.cbor", "other.pem", 3, "signed.cbor: the signature is not this key's"),
        ("damaged.cbor", "key.pem", 3, "damaged.cbor: the signature is not this key's"),
        ("two.cbor", "key.pem", 2, "--expect-key: two.cbor is not signed"),
        ("cut.cbor", "key.pem", 2, "cut.cbor: corim"),
        ("signed.cbor", "missing", 1, "--expect-key missing: No such file"),
        ("signed.cbor", "token.cbor", 2, "token.cbor: is no PEM file, no DER and no JWK"),
    ] {
        folder.fails(&[&["verify"], &with(file, key)[..]].concat(), code, text);
    }
}

/// Several Realms: any may be the one, and it is said which.
#[test]
fn one_of_several_has_to_fit() {
    let folder = Folder::new("verify-several");
    let (rim, other) = (hex(&RIM), "77".repeat(32));
    let rem = |byte: u8| format!("\"{}\"", hex(&[byte; 32]));
    let form = |name: &str, rim: &str, rem: &str| {
        format!("{{\"name\":\"{name}\",\"rim\":\"{rim}\",\"rems\":[{rem},null,null,null]}}")
    };
    let [first, second, third] =
        [form("a", &other, &rem(1)), form("b", &rim, &rem(9)), form("c", &rim, &rem(1))];
    folder
        .file("token.cbor", Maker::legacy().token())
        .file("all.json", format!("{{\"realms\":[{first},{second},{third}]}}"))
        .file("two.json", format!("[{first},{second}]"));
    let (_, document) = verify(&folder, &["token.cbor", "--expect", "all.json"], 0);
    assert_eq!(
        (&document["expectation"], &document["expectations"]),
        (&Value::from("all.json:c"), &Value::from(3),)
    );
    let (_, document) = verify(&folder, &["token.cbor", "--expect", "two.json"], 3);
    assert_eq!(document["expectation"], "two.json:b", "it has the RIM");
    let given = ["token.cbor", "--expect", "all.json", "--realm", "a"];
    assert_eq!(verify(&folder, &given, 3).1["expectations"], 1);
    let given = ["verify", "token.cbor", "--expect", "all.json", "--realm", "d"];
    folder.fails(&given, 2, "there is no Realm `d`, only all.json:a, all.json:b, all.json:c");
}

/// Who is told that the RIM is another is told what to type next.
#[test]
fn a_mismatch_says_which_command_says_why() {
    let folder = Folder::new("verify-why");
    let token = concat!(env!("CARGO_MANIFEST_DIR"), "/spec-vectors/scripts/token.cbor");
    let verify = ["verify", token, "--expect-rim", &"a7".repeat(32)];
    folder.fails(&verify, 3, &format!("rimsim why {token} VMM -- COMMAND LINE"));
    folder.file("Image", crate::hosts::inputs::kernel("verify", 8192, 8192, 0));
    let line = "kvmtool -- lkvm run --realm -c 1 -m 256M --irqchip=gicv3 -k Image";
    folder.file("vm.args", format!("{line} -p 'a b'"));
    let verify = ["verify", token, "--expect", "vm.args"];
    folder.fails(&verify, 3, &format!("rimsim why {token} {line} -p 'a b'"));
}

/// And who asks for it is told why at once, in the words of `rimsim why`.
#[test]
fn a_mismatch_is_explained() {
    let folder = Folder::new("verify-explained");
    folder.file("Image", crate::hosts::inputs::kernel("verify", 8192, 8192, 0));
    let line = "--host kvm-v10 --caps fvp kvmtool -- lkvm run --realm -c 1 -m 256M -k Image \
                --irqchip=gicv3";
    folder.file("vm.args", line);
    let words = format!("measure -q {}", line.replace("256M", "512M"));
    let rim = stdout(&folder.rimsim(&words.split_whitespace().collect::<Vec<_>>()));
    let mut maker = Maker::new();
    let digits = rim.trim();
    let byte = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).expect("hexadecimal");
    let rim_bytes: Vec<u8> = (0..digits.len()).step_by(2).map(byte).collect();
    maker.realm.put(44238, bytes(&rim_bytes));
    folder.file("token.cbor", maker.token());
    let asked = ["verify", "token.cbor", "--expect", "vm.args", "--why", "--why-budget", "3600"];
    let output = folder.rimsim(&asked);
    let text = stdout(&output);
    assert_eq!(output.status.code(), Some(3), "{text}");
    let sentence = "your token is this VM with 512 MiB of RAM (`-m 512M`); you said 256 MiB";
    assert!(text.contains(&format!("\nwhy:\nunique\n{sentence}\n")), "{text}");
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!stderr.contains("why the RIM is another"), "{stderr}");
    // As a document, and of a VM that no expectation is.
    let other = ["token.cbor", "--expect-rim", &"a7".repeat(32), "--why=vm.args"];
    let (_, document) = verify(&folder, &other, 3);
    assert_eq!(document["why"]["sentence"], sentence);
    assert_eq!(document["why"]["explanations"][0]["changes"][0]["fix"], "-m 512M");
    let (_, document) = verify(&folder, &["token.cbor", "--expect-rim", rim.trim(), "--why"], 0);
    assert_eq!(document["why"], Value::Null, "nothing is to be explained");
    for (options, code, text) in [
        (&["--why"][..], 2, "--why: there is no command line: say --why=FILE"),
        (&["--why=none.args"], 1, "--why: none.args: "),
        (&["--why=token.cbor"], 2, "--why: there is no command line"),
        (&["--why-budget", "3"], 2, "--why"),
    ] {
        let start = ["verify", "token.cbor", "--expect-rim"];
        let rim = ["a7".repeat(32)];
        let words = start.into_iter().chain(rim.iter().map(String::as_str));
        folder.fails(&words.chain(options.iter().copied()).collect::<Vec<_>>(), code, text);
    }
}
