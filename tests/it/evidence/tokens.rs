//! Attestation tokens: what is read, what is refused and where, and what is believed.

use rimsim::Profile;
use rimsim::evidence::{
    Accept, Asked, Expectation, PlatformProfile, PublicKey, SignatureError, Token, Verdict, compare,
};

use crate::evidence::token_maker::{
    Entries, Key, Maker, RIM, array, bytes, collection, cose_key, head, int, map, records, text,
};
use crate::running_realm::RunningRealm;

/// Whether a token is believed: it reads, and everything that is signed is signed by whom it has to
/// be.
pub(super) fn believed(token: &[u8], cpak: &PublicKey) -> Result<Token, String> {
    let read = Token::read(token, Accept::default()).map_err(|error| error.to_string())?;
    if !read.is_bound() {
        return Err("the halves are not bound".into());
    }
    read.check_platform_signature(cpak).map_err(|error| format!("platform: {error}"))?;
    read.check_realm_signature().map_err(|error| format!("realm: {error}"))?;
    Ok(read)
}

pub(super) fn cpak(made: &Maker) -> PublicKey {
    PublicKey::from_pem(&made.platform.key.pem()).expect("a public key")
}

#[test]
fn a_realms_own_token_says_what_its_realm_is() {
    for algo in [0, 1] {
        let mut lab = RunningRealm::with(Profile::TF_RMM, &[("hash_algo", algo), ("rpv", 0xABCD)]);
        let bytes = lab.fetch_token(7, 0x1000);
        let rd = lab.rd;
        let world = lab.world();
        let rim = world.rim(rd).expect("a Realm");
        let realm = world.realm(rd).expect("a Realm");
        assert_eq!(realm.token(), Some(&bytes[..]), "kept for whoever looks on");
        let token = Token::read(&bytes, Accept::default()).expect("a token");
        let claims = &token.realm_claims;
        assert_eq!((claims.rim, claims.rems, claims.rpv), (rim, *realm.rems(), *realm.rpv()));
        assert_eq!(claims.challenge[..16], [7, 0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(token.platform_claims.profile, PlatformProfile::Dummy);
        // The dummy is signed by the only key there is.
        let rak = claims.rak().expect("a key");
        assert_eq!(believed(&bytes, &rak), Ok(token.clone()));
        let expected = Expectation {
            hash_algo: Some(rim.algo()),
            rems: realm.rems().map(|rem| Some(rem.as_bytes().to_vec())),
            rpv: Some(realm.rpv().to_vec()),
            ..Expectation::of_rim("it", rim.as_bytes().to_vec())
        };
        let asked = Asked { challenge: Some(claims.challenge), at: None };
        let found = compare(claims, &[expected], &asked).expect("one");
        assert!(found.is_match() && found.rows.iter().all(|row| row.verdict == Verdict::Equal));
    }
}

#[test]
fn forms_that_are_right() {
    for made in [Maker::new(), Maker::legacy(), Maker::of_2024()] {
        let token = believed(&made.token(), &cpak(&made)).expect("a token");
        assert_eq!(token.realm_claims.rim.as_bytes(), RIM);
        assert_eq!(token.realm_claims.rems[3].as_bytes(), [4; 32]);
        let identity = token.platform_claims.identity.expect("a platform");
        assert_eq!((identity.lifecycle, identity.lifecycle_name()), (0x3003, "secured"));
        assert_eq!(identity.components.len(), 2);
        assert_eq!(identity.components[1].kind.as_deref(), Some("RMM"));
        assert_eq!(identity.instance_id[..2], [1, 0x56]);
    }
    // The halves in the other order; a compressed key; the key's other parameters.
    let made = Maker::new();
    let halves = [(44241, made.realm.sign()), (44234, made.platform.sign())];
    assert!(believed(&collection(&halves), &cpak(&made)).is_ok());
    let (x, y) = made.realm.key.point();
    for key in [
        cose_key(&x, head(7, 20 + u64::from(y[47] & 1))),
        map(&vec![
            (int(2), bytes(b"kid")),
            (int(-3), bytes(&y)),
            (int(3), int(-35)),
            (int(1), int(2)),
            (int(4), array(&[int(2)])),
            (int(-2), bytes(&x)),
            (int(-1), int(2)),
        ]),
    ] {
        let mut made = Maker::new();
        made.set_rak(&key);
        believed(&made.token(), &cpak(&made)).expect("a token");
    }
}

#[test]
fn platforms_may_sign_with_three_algorithms() {
    let keys = [Key::es256(3), Key::es384(3), Key::es512(3)];
    for (i, key) in keys.iter().enumerate() {
        let mut made = Maker::new();
        made.set_cpak(key.clone());
        let token = made.token();
        for (j, other) in keys.iter().enumerate() {
            let cpak = PublicKey::from_pem(&other.pem()).expect("a public key");
            let found = believed(&token, &cpak).map(|_| ());
            let wrong = found.clone().err().unwrap_or_default();
            assert_eq!(found.is_ok(), i == j, "{wrong}");
            assert!(i == j || wrong.contains("and the key is of P-"), "{wrong}");
        }
        // A key of the same curve that signed something else, and one that signed this.
        let stranger = match key {
            Key::Es256(_) => Key::es256(4),
            Key::Es384(_) => Key::es384(4),
            Key::Es512(_) => Key::es512(4),
        };
        let stranger = PublicKey::from_pem(&stranger.pem()).expect("a public key");
        let read = Token::read(&token, Accept::default()).expect("a token");
        assert_eq!(read.check_platform_signature(&stranger), Err(SignatureError::Wrong));
    }
}

/// With the platform's key no token is believed that differs in one byte. What makes this true is
/// looked at first: whatever is changed, the token is not read, or it says something else or is
/// signed otherwise; then the signatures themselves, on a part of the changes.
#[test]
fn no_changed_byte_is_believed() {
    for made in [Maker::new(), Maker::legacy(), Maker::of_2024()] {
        let (token, cpak) = (made.token(), cpak(&made));
        let good = believed(&token, &cpak).expect("a token");
        let mut still_read = 0;
        for at in 0..token.len() {
            for bit in 0..8 {
                let mut changed = token.clone();
                changed[at] ^= 1 << bit;
                let Ok(read) = Token::read(&changed, Accept::default()) else { continue };
                assert_ne!(read, good, "byte {at}, bit {bit}");
                still_read += 1;
                if still_read % 397 == 0 {
                    assert!(believed(&changed, &cpak).is_err(), "byte {at}, bit {bit}");
                }
            }
        }
        assert!(still_read > 1000, "{still_read}: values that are signed may be any");
    }
}

#[test]
fn every_piece_that_is_cut_off_or_put_in_is_seen() {
    for made in [Maker::new(), Maker::legacy(), Maker::of_2024()] {
        let token = made.token();
        for len in 0..token.len() {
            let error = Token::read(&token[..len], Accept::default()).unwrap_err();
            assert!(!error.to_string().is_empty());
            let without = [&token[..len], &token[len + 1..]].concat();
            let with = [&token[..len], &[0x40], &token[len..]].concat();
            for changed in [without, with] {
                if let Ok(read) = Token::read(&changed, Accept::default()) {
                    panic!("byte {len}: {read:?}");
                }
            }
        }
        let longer = [&token[..], &[0]].concat();
        let error = Token::read(&longer, Accept::default()).unwrap_err().to_string();
        assert_eq!(error, "token: 1 bytes after its end");
    }
}

/// What is done to a token before it is signed.
type Edit = fn(&mut Maker);

/// Edits of parts, and what is said of them.
const WRONG_PARTS: &[(Edit, &str)] = &[
    (
        |m| m.realm.put(10, bytes(&[0; 63])),
        "realm token, claim 10 (challenge): 63 bytes, expected 64",
    ),
    (
        |m| m.realm.put(44235, bytes(&[0; 65])),
        "realm token, claim 44235 (RPV): 65 bytes, expected 64",
    ),
    (
        |m| m.realm.put(44238, bytes(&[0; 31])),
        "realm token, claim 44238 (RIM): 31 bytes, expected 32",
    ),
    (
        |m| m.realm.put(44238, bytes(&[0; 64])),
        "realm token, claim 44238 (RIM): 64 bytes, expected 32: it is sha-256, padded to 64 bytes",
    ),
    (
        |m| m.realm.put(44238, bytes(&[7; 64])),
        "realm token, claim 44238 (RIM): 64 bytes, expected 32",
    ),
    (
        |m| m.realm.put(44238, bytes(&[0; 40])),
        "realm token, claim 44238 (RIM): 40 bytes, expected 32",
    ),
    (
        |m| m.realm.put(44236, text("sha-512")),
        "realm token, claim 44238 (RIM): 32 bytes, expected 64",
    ),
    (
        |m| m.realm.put(44236, text("sha-224")),
        "(hash algorithm): \"sha-224\", expected \"sha-256\", \"sha-384\" or",
    ),
    (
        |m| m.realm.put(44240, text("SHA-256")),
        "claim 44240 (RAK hash algorithm): \"SHA-256\", expected",
    ),
    (
        |m| m.realm.put(44239, array(&[bytes(&RIM), bytes(&RIM), bytes(&RIM)])),
        "claim 44239 (REMs): 3 entries, expected 4",
    ),
    (
        |m| {
            m.realm.put(44239, array(&[bytes(&RIM), bytes(&RIM), bytes(&[0; 48]), bytes(&RIM)]));
        },
        "claim 44239 (REMs), REM 3: 48 bytes, expected 32: it is sha-256, padded to 48 bytes",
    ),
    (|m| m.realm.put(44239, bytes(&RIM)), "claim 44239 (REMs): a byte string, expected an array"),
    (|m| m.realm.put(44238, text("a5")), "claim 44238 (RIM): a text, expected a byte string"),
    (
        |m| m.realm.put(44238, [&[0x5F][..], &bytes(&RIM), &[0xFF]].concat()),
        "claim 44238 (RIM): byte",
    ),
    (|m| m.realm.put(44238, [&[0x59, 0, 32][..], &RIM].concat()), "32 is not in its shortest form"),
    (
        |m| m.realm.put(265, text("tag:arm.com,2026:realm#2.0.0")),
        "claim 265 (profile): \"tag:arm.com,2026:realm#2.0.0\", expected",
    ),
    (
        |m| m.realm.put(265, text("tag:arm.com,2024:realm#2.0.0")),
        "realm token, claim 44243 (MEC policy): it is missing",
    ),
    (
        |m| m.realm.put(44243, int(2)),
        "claim 44243 (MEC policy): 2, expected 0 or \"shared\", 1 or \"private\"",
    ),
    (|m| m.realm.put(44243, text("Shared")), "claim 44243 (MEC policy): \"Shared\", expected 0 or"),
    (
        |m| m.realm.put(44244, int(0)),
        "realm token, claim 44244 (LFA policy): there is no such claim in this profile",
    ),
    (
        |m| m.realm.put(256, bytes(&[0; 33])),
        "realm token, claim 256 (instance id): first byte 0x00, expected 0x01",
    ),
    (|m| m.realm.remove(265), "claim 44237 (RAK): 107 bytes, expected 97"),
    (|m| m.realm.remove(44238), "realm token, claim 44238 (RIM): it is missing"),
    (
        |m| m.realm.claims.push((int(44238), bytes(&RIM))),
        "realm token, claim 44238 (RIM): it is there twice",
    ),
    (|m| m.realm.put(44242, bytes(&RIM)), "realm token, claim 44242: there is no such claim"),
    (
        |m| m.realm.claims.push((text("x"), int(0))),
        "realm token, claim \"x\": there is no such claim",
    ),
    (
        |m| m.realm.protected[0].1 = int(-8),
        "realm token, protected header, protected header parameter 1 (alg): -8, expected -7",
    ),
    (|m| m.realm.protected.clear(), "protected header parameter 1 (alg): it is missing"),
    (
        |m| m.realm.protected.push((int(2), array(&[int(1)]))),
        "parameter 2 (crit): there is no such parameter that",
    ),
    (
        |m| m.realm.unprotected.push((int(1), int(-35))),
        "unprotected header parameter 1 (alg): there is no such",
    ),
    (|m| m.realm.protected[0].1 = int(-7), "realm token, signature: 96 bytes, expected 64 (ES256)"),
    (|m| m.set_rak(&[4; 97]), "claim 44237 (RAK): a number, expected a map"),
    (
        |m| m.set_rak(&map(&vec![(int(1), int(2))])),
        "claim 44237 (RAK), COSE_Key parameter -1 (crv): it is missing",
    ),
    (
        |m| m.set_rak(&cose_key(&[1; 47], bytes(&[1; 48]))),
        "COSE_Key parameter -2 (x): 47 bytes, expected 48",
    ),
    (
        |m| m.set_rak(&map(&vec![(int(1), int(1))])),
        "COSE_Key parameter 1 (kty): 1, expected 2 (EC2)",
    ),
    (
        |m| m.set_rak(&map(&vec![(int(-4), bytes(&[1; 48]))])),
        "parameter -4: there is no such COSE_Key parameter",
    ),
    (
        |m| m.platform.put(265, text("tag:arm.com,2026:cca_platform#2.0.0")),
        "token, claim 265 (profile): \"tag:arm.com,2026:cca_platform#2.0.0\", expected",
    ),
    (
        |m| m.platform.put(265, text("tag:arm.com,2024:cca_platform#2.0.0")),
        "platform token, claim 2394 (client id): it is missing",
    ),
    (|m| m.platform.put(2394, int(2)), "platform token, claim 2394 (client id): 2, expected 1"),
    (
        |m| m.platform.put(2403, bytes(&[])),
        "claim 2403 (manufacturing configuration): 0 bytes, expected one or more",
    ),
    (
        |m| m.platform.put(10, bytes(&[0; 33])),
        "platform token, claim 10 (challenge): 33 bytes, expected 32, 48 or 64",
    ),
    (
        |m| m.platform.put(2396, bytes(&[0; 33])),
        "claim 2396 (implementation id): 33 bytes, expected 32",
    ),
    (
        |m| m.platform.put(256, bytes(&[2; 33])),
        "claim 256 (instance id): first byte 0x02, expected 0x01",
    ),
    (|m| m.platform.put(2395, int(0x3100)), "claim 2395 (lifecycle): 12544, expected 0xS0XX"),
    (|m| m.platform.put(2395, int(-1)), "claim 2395 (lifecycle): -1, expected"),
    (
        |m| m.platform.put(2399, array(&[])),
        "(software components): 0 entries, expected one or more",
    ),
    (
        |m| m.platform.put(2399, array(&[map(&vec![(int(2), bytes(&RIM))])])),
        "component 1, label 5 (signer id): it is missing",
    ),
    (
        |m| m.platform.put(2399, array(&[map(&vec![(int(3), int(1))])])),
        "component 1, label 3: there is no such label",
    ),
    (|m| m.platform.remove(2402), "platform token, claim 2402 (hash algorithm): it is missing"),
    (
        |m| m.platform.put(265, text("tag:rimsim,2026:dummy-platform-token#not-evidence")),
        "there is no such claim in a dummy",
    ),
];

/// Everything is signed, and yet it is no token.
#[test]
fn every_wrong_part_is_named() {
    for (number, (edit, wanted)) in WRONG_PARTS.iter().enumerate() {
        let mut made = Maker::new();
        edit(&mut made);
        let error = Token::read(&made.token(), Accept::default()).expect_err(wanted).to_string();
        assert!(error.contains(wanted), "case {number}: {error}; wanted {wanted}");
    }
}

/// What holds the halves together.
#[test]
fn every_wrong_frame_is_named() {
    let made = Maker::new();
    let (realm, platform) = (made.realm.sign(), made.platform.sign());
    let half = |parts: &[Vec<u8>]| [head(6, 18), array(parts)].concat();
    let [protected, unprotected, payload, signature] = made.realm.parts();
    let with = |realm: Vec<u8>| collection(&[(44234, platform.clone()), (44241, realm)]);
    let halves = |entries: Entries, tag| [head(6, tag), map(&entries)].concat();
    let both = |tag| {
        let entries = vec![(int(44234), bytes(&platform)), (int(44241), bytes(&realm))];
        halves(entries, tag)
    };
    assert!(Token::read(&both(399), Accept::default()).is_ok());
    let nil = || vec![0xF6];
    for (token, wanted) in [
        (both(398), "token: tag 398, expected tag 399 or 907 (CCA token)"),
        (both(399)[3..].to_vec(), "token: a map, expected tag 399 or 907 (CCA token)"),
        (realm.clone(), "token: tag 18, expected tag 399 or 907 (CCA token)"),
        (collection(&[(44234, platform.clone())]), "token, key 44241 (realm token): it is missing"),
        (collection(&[(44241, realm.clone())]), "token, key 44234 (platform token): it is missing"),
        (
            collection(&[(44234, platform.clone()), (44234, platform.clone())]),
            "token, key 44234 (platform token): it is there twice",
        ),
        (collection(&[(44235, realm.clone())]), "token, key 44235: there is no such key"),
        (halves(vec![(int(44241), realm.clone())], 399), "(realm token): a tag, expected a byte"),
        (with(realm[1..].to_vec()), "realm token: an array, expected tag 18 (COSE_Sign1)"),
        (with([&[0xD1], &realm[1..]].concat()), "realm token: tag 17, expected tag 18"),
        (with([&realm[..], &[0]].concat()), "realm token: 1 bytes after its end"),
        (
            with(half(&[protected.clone(), unprotected.clone(), payload.clone()])),
            "realm token: 3 entries, expected 4 (COSE_Sign1)",
        ),
        (
            with(half(&[protected.clone(), unprotected.clone(), nil(), signature.clone()])),
            "realm token, payload: null, expected a byte string",
        ),
        (
            with(half(&[bytes(&[]), unprotected.clone(), payload.clone(), signature.clone()])),
            "realm token, protected header: the bytes end at 0, inside a value",
        ),
        (
            with(half(&[protected.clone(), unprotected.clone(), payload.clone(), bytes(&[7; 95])])),
            "realm token, signature: 95 bytes, expected 96 (ES384)",
        ),
        (with(half(&[protected, nil(), payload, signature])), "realm token: null, expected a map"),
        (vec![0xD9, 1, 0x8F, 0xBF, 0xFF], "token: byte 3: its length is indefinite"),
        (vec![0xDA, 0, 0, 1, 0x8F, 0xA0], "token: byte 0: 399 is not in its shortest form"),
        (vec![0xFF; 70_000], "token: 70000 bytes, expected at most 65536"),
    ] {
        let error = Token::read(&token, Accept::default()).expect_err(wanted).to_string();
        assert!(error.contains(wanted), "{error}; wanted {wanted}");
    }
}

/// As above, of the collection with records.
#[test]
fn every_wrong_collection_is_named() {
    let made = Maker::new();
    let (realm, platform) = (made.realm.sign(), made.platform.sign());
    let halves = |entries: Entries, tag| [head(6, tag), map(&entries)].concat();
    let both = |tag| halves(vec![(int(44234), bytes(&platform)), (int(44241), bytes(&realm))], tag);
    for (token, wanted) in [
        (both(907), "token, key 44234 (platform token): a byte string, expected an array"),
        (
            [&[0xD9, 1, 0x8F], &records(&[(44234, platform.clone())])[3..]].concat(),
            "token, key 44234 (platform token): an array, expected a byte string",
        ),
        (
            halves(vec![(int(44234), array(&[int(264), bytes(&platform)]))], 907),
            "key 44234 (platform token): type 264, expected 263 (application/eat+cwt)",
        ),
        (
            halves(vec![(int(44234), array(&[int(263), bytes(&platform), int(4)]))], 907),
            "key 44234 (platform token): 3 entries, expected 2",
        ),
        (
            halves(vec![(text("__cmwc_t"), int(1))], 907),
            "token, key \"__cmwc_t\": a number, expected a text",
        ),
        (
            halves(vec![(text("__cmwc_t"), text("x")), (text("__cmwc_t"), text("x"))], 907),
            "token, key \"__cmwc_t\": it is there twice",
        ),
        (
            halves(vec![(text("__cmwc_t"), text("x"))], 399),
            "key \"__cmwc_t\": there is no such key",
        ),
        (records(&[(44234, platform.clone())]), "token, key 44241 (realm token): it is missing"),
    ] {
        let error = Token::read(&token, Accept::default()).expect_err(wanted).to_string();
        assert!(error.contains(wanted), "{error}; wanted {wanted}");
    }
}

/// Whole tokens of the right form that are a lie.
#[test]
fn lies_are_not_believed() {
    let made = Maker::new();
    let cpak = cpak(&made);
    let (realm, platform) = (made.realm.sign(), made.platform.sign());
    // The platform token of another Realm's token, made by the same platform.
    let mut other = Maker::new();
    other.realm.key = Key::es384(8);
    let (x, y) = other.realm.key.point();
    other.set_rak(&cose_key(&x, bytes(&y)));
    assert!(believed(&other.token(), &cpak).is_ok(), "it is good in itself");
    for (platform, realm) in [(other.platform.sign(), realm), (platform, other.realm.sign())] {
        let swapped = collection(&[(44234, platform), (44241, realm)]);
        assert_eq!(believed(&swapped, &cpak), Err("the halves are not bound".into()));
    }
    // Another platform vouches for the Realm; a key of nobody's.
    let mut forged = made.clone();
    forged.set_cpak(Key::es384(10));
    let wrong = "the signature does not fit the key and the bytes";
    assert_eq!(believed(&forged.token(), &cpak), Err(format!("platform: {wrong}")));
    // The right RAK is named, and another key signs.
    let mut forged = made.clone();
    forged.realm.key = Key::es384(8);
    assert_eq!(believed(&forged.token(), &cpak), Err(format!("realm: {wrong}")));
    // A RAK that is no point of the curve, although the platform vouches for it.
    let mut forged = made.clone();
    forged.set_rak(&cose_key(&[1; 48], bytes(&[1; 48])));
    let none = "realm: the RAK is no point of P-384".to_owned();
    assert_eq!(believed(&forged.token(), &cpak), Err(none));
    let mut forged = Maker::legacy();
    forged.set_rak(&[0x59; 97]);
    assert!(believed(&forged.token(), &cpak).unwrap_err().contains("no point of P-384"));
    // A realm token signed by a key of another curve than the RAK's.
    let mut forged = made;
    forged.realm.key = Key::es256(7);
    forged.realm.protected[0].1 = int(-7);
    let error = believed(&forged.token(), &cpak).unwrap_err();
    assert_eq!(error, "realm: the token is signed with ES256, and the key is of P-384");
}

/// What nothing signs is named, and what has no meaning is passed over only if that is wanted.
#[test]
fn what_is_passed_over_is_named() {
    let mut made = Maker::new();
    made.realm.unprotected.push((int(4), bytes(b"kid")));
    made.platform.put(2403, bytes(b"made on a Monday"));
    let error = Token::read(&made.token(), Accept::default()).unwrap_err().to_string();
    let named = "platform token, claim 2403 (manufacturing configuration)";
    assert_eq!(error, format!("{named}: there is no such claim in this profile"));
    let token = Token::read(&made.token(), Accept { unknown_claims: true, ..Accept::default() })
        .expect("a token");
    assert_eq!(token.passed, [named]);
    assert_eq!(token.realm.unsigned, ["realm token, unprotected header parameter 4"]);
    assert!(token.is_bound() && token.check_realm_signature().is_ok());
}

/// The seeds of the fuzz target `token` are what the makers of tokens make; `BLESS=1` writes them
/// anew.
#[test]
fn seeds_are_as_they_are_made() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/token");
    let mut es256 = Maker::new();
    es256.set_cpak(Key::es256(3));
    let mut unknown = Maker::new();
    unknown.realm.unprotected.push((int(4), bytes(b"kid")));
    unknown.platform.put(2403, array(&[map(&vec![(text("x"), int(-70000))])]));
    let token = Maker::new().token();
    let rim = format!("{{\"rim\":\"{}\",\"rems\":[null,null,null,null]}}", "a5".repeat(32));
    for (number, seed) in [
        token.clone(),
        Maker::legacy().token(),
        es256.token(),
        unknown.token(),
        Maker::new().realm.sign(),
        map(&Maker::new().realm.claims),
        token.iter().flat_map(|byte| format!("{byte:02x}").into_bytes()).collect(),
        RunningRealm::new(Profile::TF_RMM).fetch_token(1, 0x1000),
        rim.into_bytes(),
        Key::es512(3).pem().into_bytes(),
        vec![1],
        [&[1][..], &[0, 6, 0, 1, 2, 9, 0, 0x18, 3, 20, 0, 4]].concat(),
        [&[3][..], &[4, 0, 2, 0, 5, 100, 1, 9]].concat(),
    ]
    .iter()
    .enumerate()
    {
        let path = folder.join(format!("seed-{number:02}"));
        if std::env::var_os("BLESS").is_some() {
            std::fs::write(&path, seed).expect("a seed");
        }
        assert!(std::fs::read(&path).expect("a seed") == *seed, "{}", path.display());
    }
}

#[test]
fn keys_that_are_none() {
    let pem = Key::es384(1).pem();
    let body: String = pem.lines().filter(|line| !line.contains("---")).collect();
    assert!(PublicKey::from_pem(&format!("Public Key\n{pem}")).is_ok(), "text before it");
    for (text, wanted) in [
        (String::new(), "is no PEM file"),
        (body, "is no PEM file"),
        (pem.replace("PUBLIC", "PRIVATE"), "is no public key: the PEM block is \"PRIVATE KEY\""),
        (pem.replace("PUBLIC KEY", "CERTIFICATE"), "521: the PEM block \"CERTIFICATE\": "),
        (pem.replacen('M', "N", 1), "is no public key of P-256, P-384 or P-521"),
        (pem[..pem.len() / 2].to_owned(), "is no public key of P-256"),
    ] {
        let error = PublicKey::from_pem(&text).expect_err(wanted).to_string();
        assert!(error.starts_with(wanted) || error.contains(wanted), "{error}; wanted {wanted}");
    }
}
