//! The forms of RIMs that the command prints, as a process.

use std::process::{Command, Stdio};

use rimsim::measure::rim::HashAlgo;
use rimsim::refvalue::corim::{Entity, Id, Validity};
use rimsim::refvalue::sign::{Document, PublicKey, read};
use rimsim::refvalue::time;
use serde_json::{Value, json};

use crate::cli::{Folder, stdout};

/// Two Realms: one of SHA-256 whose program extends REM 2, one of SHA-512 with a personalization
/// value.
const SCRIPT: &str = "platform \"fvp\"
rtt auto
let one = auto
REALM_CREATE rd=one params_ptr=RealmParams {
    s2sz=40, num_bps=1, num_wps=1, rtt_base=auto, rtt_level_start=1, rtt_num_start=2, vmid=1
}
REALM_ACTIVATE rd=one
let two = auto
REALM_CREATE rd=two params_ptr=RealmParams {
    s2sz=40, num_bps=1, num_wps=1, rtt_base=auto, rtt_level_start=1, rtt_num_start=2, vmid=2,
    hash_algo=1, rpv=hex:\"00112233\"
}
REALM_ACTIVATE rd=two
";

const KEY: &str = include_str!("../../corim/p384-pkcs8.pem");

fn folder(name: &str) -> Folder {
    let folder = Folder::new(name);
    folder.file("two.rmi", SCRIPT).file("key.pem", KEY);
    folder
}

/// Standard output of a run that has to succeed.
fn output(folder: &Folder, args: &[&str]) -> Vec<u8> {
    let output = folder.rimsim(args);
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.stdout, folder.rimsim(args).stdout, "{args:?}: not the same twice");
    output.stdout
}

fn document(folder: &Folder, args: &[&str]) -> Value {
    serde_json::from_slice(&output(folder, args)).expect("JSON")
}

/// The RIMs of the two Realms, from the lines for people.
fn rims(folder: &Folder) -> [String; 2] {
    let lines = stdout(&folder.rimsim(&["run", "two.rmi"]));
    let rims: Vec<String> =
        lines.lines().map(|line| line.split(' ').next().expect("a RIM").into()).collect();
    rims.try_into().expect("two Realms")
}

fn bytes(hex: &str) -> Vec<u8> {
    let digit = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).expect("hexadecimal");
    (0..hex.len()).step_by(2).map(digit).collect()
}

/// Base64 by its definition: groups of six bits.
fn base64(bytes: &[u8], alphabet: &str, padded: bool) -> String {
    let letters: Vec<char> = alphabet.chars().collect();
    let bits: String = bytes.iter().map(|byte| format!("{byte:08b}")).collect();
    let mut text: String = bits
        .as_bytes()
        .chunks(6)
        .map(|six| {
            let six = format!("{:0<6}", std::str::from_utf8(six).expect("digits"));
            letters[usize::from_str_radix(&six, 2).expect("bits")]
        })
        .collect();
    while padded && !text.len().is_multiple_of(4) {
        text.push('=');
    }
    text
}

const STANDARD: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const URL: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

#[test]
fn plain_forms_are_as_long_as_the_hash() {
    let folder = folder("plain-forms");
    let [one, two] = rims(&folder);
    assert_eq!((one.len(), two.len()), (64, 128));
    let hex = output(&folder, &["run", "--format", "hex", "two.rmi"]);
    assert_eq!(hex, format!("{one}\n{two}\n").as_bytes());
    let text = output(&folder, &["run", "--format", "base64", "--realm", "two", "two.rmi"]);
    assert_eq!(text, format!("{}\n", base64(&bytes(&two), STANDARD, true)).as_bytes());
    // The same in a file, and nothing on standard output.
    let none = output(&folder, &["run", "--format", "hex", "-o", "rim.txt", "two.rmi"]);
    assert_eq!(none, b"");
    assert_eq!(std::fs::read(folder.path("rim.txt")).expect("written"), hex);
}

#[test]
fn a_corim_has_a_triple_for_each_realm() {
    let folder = folder("corim-triples");
    let [one, two] = rims(&folder);
    let args = ["run", "--format", "corim", "two.rmi"];
    let Ok(Document::Unsigned(corim)) = read(&output(&folder, &args)) else { panic!("no CoRIM") };
    let found: Vec<_> = corim.realms().collect();
    assert_eq!(found.len(), 2);
    assert_eq!((found[0].rim().to_string(), found[1].rim().to_string()), (one, two.clone()));
    assert_eq!((found[0].algorithm(), found[1].algorithm()), (HashAlgo::Sha256, HashAlgo::Sha512));
    assert!(found.iter().all(|realm| realm.rpv().is_none() && *realm.rems() == [None; 4]));

    let args = ["run", "--format", "corim", "--with-rpv", "--realm", "two", "two.rmi"];
    let Ok(Document::Unsigned(corim)) = read(&output(&folder, &args)) else { panic!("no CoRIM") };
    let [realm] = corim.tags[0].realms.as_slice() else { panic!("one Realm") };
    let mut rpv = [0; 64];
    rpv[..4].copy_from_slice(&[0x00, 0x11, 0x22, 0x33]);
    assert_eq!((realm.rim().to_string(), realm.rpv()), (two.clone(), Some(&rpv)));
    assert_eq!(corim.id, Id::Text(format!("cca-realm-{}", &two[..16])));
}

#[test]
fn a_signed_corim_says_what_the_options_say() {
    let folder = folder("corim-signed");
    let uuid = "9196f441-723c-5924-bd38-f137f75f54f7";
    let mut args = vec!["run", "--format", "corim", "--realm", "one", "--corim-id", "my id"];
    args.extend(["--tag-id", uuid, "--not-before", "2026-01-31", "--not-after"]);
    args.extend(["2026-12-31T23:59:59Z", "--entity", "ACME Ltd;regid=https://acme.example"]);
    args.extend(["--entity", "Signer;roles=signer,creator", "--sign-key", "key.pem", "two.rmi"]);
    let Ok(Document::Signed(signed)) = read(&output(&folder, &args)) else { panic!("not signed") };
    signed.verify(&PublicKey::from_pem(KEY).expect("a key")).expect("its signature");
    assert_eq!((signed.meta.signer.as_str(), &signed.meta.uri), ("Signer", &None));
    let corim = &signed.corim;
    assert_eq!(corim.id, Id::Text("my id".into()));
    let tag_id = uuid::Uuid::parse_str(uuid).expect("a UUID").into_bytes();
    assert_eq!(corim.tags[0].id, Id::Uuid(tag_id));
    let begin = time::parse("2026-01-31T00:00:00Z").expect("a time");
    assert_eq!(corim.validity, Validity::new(Some(begin), 1_798_761_599));
    let regid = Some("https://acme.example".into());
    let acme = Entity { name: "ACME Ltd".into(), reg_id: regid, roles: vec![1] };
    let signer = Entity { name: "Signer".into(), reg_id: None, roles: vec![2, 1] };
    assert_eq!(corim.entities, [acme, signer]);

    // Without a name the signer is the key.
    let args = ["run", "--format", "corim", "--sign-key", "key.pem", "two.rmi"];
    let Ok(Document::Signed(signed)) = read(&output(&folder, &args)) else { panic!("not signed") };
    let id = signed.key_id.expect("a key's id");
    let id: String = id[..8].iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(signed.meta.signer, format!("key {id}"));
}

#[test]
fn json_files_are_those_of_their_readers() {
    let folder = folder("json-forms");
    let [one, two] = rims(&folder).map(|rim| bytes(&rim));
    let standard = |bytes: &[u8]| base64(bytes, STANDARD, true);
    let url = |bytes: &[u8]| base64(bytes, URL, false);
    let of =
        |form, realm| document(&folder, &["run", "--format", form, "--realm", realm, "two.rmi"]);

    let cocli = of("cocli", "two");
    assert!(cocli["tag-identity"]["id"].as_str().is_some_and(|id| id.len() == 36));
    assert_eq!(
        cocli["triples"],
        json!({ "reference-values": [{
            "environment": { "class": { "id": { "type": "bytes", "value": standard(&two) } } },
            "measurements": [{
                "key": { "type": "string", "value": "cca.rim" },
                "value": { "digests": [[8, url(&two)]] },
            }],
        }] })
    );

    let trustee = document(&folder, &["run", "--format", "trustee", "two.rmi"]);
    let payload =
        json!({ "cca.realm.cca-realm-initial-measurement": [standard(&one), standard(&two)] });
    let payload = standard(payload.to_string().as_bytes());
    assert_eq!(trustee, json!({ "version": "0.1.0", "type": "sample", "payload": payload }));

    let hex = |bytes: &[u8]| -> String { bytes.iter().map(|byte| format!("{byte:02x}")).collect() };
    let zeros = vec!["0".repeat(128); 4];
    assert_eq!(
        of("ccatoken-store", "two"),
        json!({ "realm": [{
            "initial-measurement": hex(&two),
            "rak-hash-algorithm": "sha-256",
            "extensible-measurements": zeros,
            "personalization-value": format!("00112233{}", "0".repeat(120)),
        }] })
    );
    assert_eq!(
        of("samsung", "two"),
        json!({ "realm": { "reference-values": {
            "rim": hex(&two), "rems": [zeros], "hash-algo": "sha-512",
        } } })
    );
    let output = folder.rimsim(&["run", "--format", "samsung", "--realm", "one", "two.rmi"]);
    let stderr = String::from_utf8(output.stderr).expect("text");
    assert!(stderr.ends_with(&format!("rim: \"{}\"\nhash_algo: SHA256\n", hex(&one))), "{stderr}");
    assert!(stderr.contains("REMs that are not predicted are zero"), "{stderr}");
}

/// REMs that a Realm's program extends are in every form that has room for them.
#[test]
fn predicted_rems_are_written() {
    let folder = Folder::new("predicted-rems");
    let tour = concat!(env!("CARGO_MANIFEST_DIR"), "/spec-vectors/scripts/tour.rmi");
    let lines = stdout(&folder.rimsim(&["run", tour]));
    let rem = lines.lines().find_map(|line| line.strip_prefix("rem1 ")).expect("REM 1");
    let zero = "0".repeat(64);
    let rems = [rem, &zero, &zero, &zero];

    let Ok(document_) = read(&output(&folder, &["run", "--format", "corim", tour])) else {
        panic!("no CoRIM")
    };
    let realm = document_.corim().realms().next().expect("a Realm");
    let found = realm.rems().map(|rem| rem.expect("all are known").to_string());
    assert_eq!(found, rems);
    let store = document(&folder, &["run", "--format", "ccatoken-store", tour]);
    assert_eq!(store["realm"][0]["extensible-measurements"], json!(rems));
    let samsung = document(&folder, &["run", "--format", "samsung", tour]);
    assert_eq!(samsung["realm"]["reference-values"]["rems"], json!([rems]));
    let cocli = document(&folder, &["run", "--format", "cocli", tour]);
    let measurements = &cocli["triples"]["reference-values"][0]["measurements"];
    let first = base64(&bytes(rem), URL, false);
    assert_eq!(measurements[1]["key"]["value"], "cca.rem0");
    assert_eq!(measurements[1]["value"]["digests"], json!([[1, first]]));

    let result = document(&folder, &["run", "--format", "json", tour]);
    assert_eq!(result["files"][0]["realms"][0]["rems"], json!(rems));
}

#[test]
fn provenance_names_every_file() {
    let folder = folder("provenance");
    let text = "image kernel = \"Image\"\ninclude \"part.rmi\"\n";
    folder.file("Image", [7; 5000]).file("part.rmi", SCRIPT).file("whole.rmi", text);
    let result = document(&folder, &["run", "--format", "json", "whole.rmi"]);
    let provenance = &result["files"][0]["provenance"];
    assert_eq!(provenance["tool"]["name"], "rimsim");
    assert_eq!(provenance["tool"]["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(
        (&provenance["profile"], &provenance["platform"]),
        (&json!("tf-rmm-1.0"), &json!("fvp"))
    );
    let sha256 = |name: &str| -> String {
        let hash = Command::new("sha256sum").arg(folder.path(name)).output().expect("sha256sum");
        String::from_utf8_lossy(&hash.stdout)[..64].to_owned()
    };
    let file = |kind: &str, name: &str| {
        let size = std::fs::metadata(folder.path(name)).expect("a file").len();
        json!({ "kind": kind, "name": name, "size": size, "sha256": sha256(name) })
    };
    let wanted = [file("script", "part.rmi"), file("script", "whole.rmi"), file("image", "Image")];
    assert_eq!(provenance["inputs"], json!(wanted));

    folder.file("Image", include_bytes!("../../../spec-vectors/scripts/Image"));
    let words = ["lkvm", "run", "--realm", "-c", "1", "-m", "256M", "-k", "Image"];
    let mut args = vec!["measure", "--format", "json", "kvmtool", "--"];
    args.extend(words);
    let result = document(&folder, &args);
    let provenance = &result["provenance"];
    assert_eq!(provenance["vmm"]["name"], "kvmtool");
    assert_eq!(provenance["vmm"]["args"], json!(words));
    assert_eq!(provenance["inputs"], json!([file("image", "Image")]));
    args[2] = "corim";
    let Ok(document) = read(&output(&folder, &args)) else { panic!("no CoRIM") };
    let realm = document.corim().realms().next().expect("a Realm");
    assert_eq!(json!(realm.rim().to_string()), result["rim"]);
}

#[test]
fn what_can_not_be_written_is_said_before_anything_is() {
    let folder = folder("reference-errors");
    let new = SCRIPT.replace("REALM_ACTIVATE rd=one", "");
    let wanted = format!("{SCRIPT}expect rim rd=one sha256:{}\n", "0".repeat(64));
    folder.file("new.rmi", new).file("none.rmi", "").file("wanted.rmi", wanted);
    folder.file(
        "locked.pem",
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAA==\n-----END ENCRYPTED PRIVATE KEY-----\n",
    );
    folder.file("public.pem", "-----BEGIN PUBLIC KEY-----\nAA==\n-----END PUBLIC KEY-----\n");
    folder.file("damaged.pem", KEY.replace("TtS9", "TtS8"));
    for (args, code, text) in [
        (
            &["run", "--format", "corim", "-o", "out", "new.rmi"][..],
            2,
            "Realm one was not activated",
        ),
        (&["run", "--format", "corim", "-o", "out", "none.rmi"], 2, "no Realm is left"),
        (&["run", "--format", "corim", "-o", "out", "wanted.rmi"], 3, "nothing is written"),
        (&["run", "--format", "samsung", "-o", "out", "two.rmi"], 2, "give --realm: one, two"),
        (&["run", "--realm", "three", "-o", "out", "two.rmi"], 2, "there is one, two"),
        (&["run", "--sign-key", "key.pem", "two.rmi"], 2, "--sign-key goes with --format corim"),
        (
            &["run", "--corim-id", "x", "--format", "trustee", "two.rmi"],
            2,
            "goes with --format corim or",
        ),
        (&["run", "--corim-id", "", "two.rmi"], 2, "it is empty"),
        (&["run", "--format", "corim", "--not-before", "2026-01-01", "two.rmi"], 2, "--not-after"),
        (&["run", "--format", "corim", "--not-after", "later", "two.rmi"], 2, "is no time"),
        (
            &[
                "run",
                "--format",
                "corim",
                "--not-before",
                "2026-01-02",
                "--not-after",
                "2026-01-01",
                "two.rmi",
            ],
            2,
            "it is before --not-before",
        ),
        (
            &["run", "--format", "corim", "--entity", "x;roles=boss", "two.rmi"],
            2,
            "there are creator",
        ),
        (&["run", "--format", "corim", "--entity", ";x", "two.rmi"], 2, "it is empty"),
        (
            &["run", "--format", "corim", "--sign-key", "nothing", "two.rmi"],
            1,
            "--sign-key nothing: ",
        ),
        (&["run", "--format", "corim", "--sign-key", "locked.pem", "two.rmi"], 2, "is encrypted"),
        (
            &["run", "--format", "corim", "--sign-key", "public.pem", "two.rmi"],
            2,
            "it has \"PUBLIC KEY\"",
        ),
        (&["run", "--format", "corim", "--sign-key", "two.rmi", "two.rmi"], 2, "it has none"),
    ] {
        folder.fails(args, code, text);
        assert!(!folder.path("out").exists(), "{args:?} wrote");
    }
}

#[test]
fn what_is_read_is_not_written_over() {
    let folder = folder("reference-over-input");
    for (args, code, text) in [
        (&["run", "--format", "hex", "-o", "two.rmi", "two.rmi"][..], 1, "would be overwritten"),
        (&["run", "--format", "hex", "-o", "no/where", "two.rmi"], 1, "no/where: "),
        (
            &["run", "--format", "corim", "--sign-key", "key.pem", "-o", "key.pem", "two.rmi"],
            1,
            "key.pem: is read by this run",
        ),
    ] {
        folder.fails(args, code, text);
    }
    assert_eq!(std::fs::read(folder.path("two.rmi")).expect("kept"), SCRIPT.as_bytes());
    assert_eq!(std::fs::read(folder.path("key.pem")).expect("kept"), KEY.as_bytes());
}

/// On a terminal a CoRIM would be noise; `script` lets the command have one.
#[test]
fn a_corim_is_not_for_terminals() {
    let folder = folder("corim-terminal");
    let program = env!("CARGO_BIN_EXE_rimsim");
    let line = format!("{program} run --format corim two.rmi; echo code $?");
    let mut command = Command::new("script");
    command.args(["-qec", &line, "/dev/null"]).stdin(Stdio::null());
    let Ok(output) = command.current_dir(folder.path("")).output() else { return };
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("give -o FILE") && text.contains("code 2"), "{text}");
}
