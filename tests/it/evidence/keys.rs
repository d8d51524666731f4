//! Keys in every form that people have them in, read by one scanner.

use rimsim::encoding::keys::{PublicKey, SigningKey};
use serde_json::{Value, json};

use crate::evidence::token_maker::Key;

const P384_PKCS8: &str = include_str!("../../corim/p384-pkcs8.pem");
const P256_SEC1: &str = include_str!("../../corim/p256-sec1.pem");

/// The bytes of the last block of a PEM text.
fn der(pem: &str) -> Vec<u8> {
    let begin = pem.rfind("-----BEGIN").expect("a block");
    let body: String = pem[begin..].lines().filter(|line| !line.contains("-----")).collect();
    rimsim::encoding::text::from_base64(&body).expect("base64")
}

/// RFC 7517, appendix A.2, the first key; what it is for was left out.
fn rfc7517() -> Value {
    json!({
        "kty": "EC",
        "crv": "P-256",
        "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
        "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM",
        "d": "870MB6gfuTJ4HtUnUvYMyJpr5eUZNP4Bk43bVdj3eAE",
        "kid": "1",
    })
}

#[test]
fn public_keys_in_every_form() {
    for pem in [Key::es256(3).pem(), Key::es384(3).pem(), Key::es512(3).pem()] {
        let key = PublicKey::from_pem(&pem).expect("a key");
        let certificate = pem.replace("PUBLIC KEY", "CERTIFICATE");
        for bundle in [
            format!("Bag Attributes\n  friendlyName: CPAK\n{pem}\nand a word at the end\n"),
            format!("{certificate}{pem}"),
            format!("{pem}{}", Key::es256(9).pem()),
            pem.replace('\n', "\r\n"),
        ] {
            assert_eq!(PublicKey::from_pem(&bundle).as_ref(), Ok(&key), "{bundle}");
        }
        let latin = [b"M\xFCller\n", pem.as_bytes()].concat();
        assert_eq!(PublicKey::from_bytes(&latin).as_ref(), Ok(&key));
        assert_eq!(PublicKey::from_bytes(&der(&pem)).as_ref(), Ok(&key));
        for len in 1..der(&pem).len() {
            assert!(PublicKey::from_bytes(&der(&pem)[..len]).is_err(), "{len}");
        }
    }
}

#[test]
fn private_keys_in_every_form() {
    for pem in [P384_PKCS8, P256_SEC1] {
        let key = SigningKey::from_pem(pem).expect("a key");
        let public = key.public();
        let again = SigningKey::from_bytes(&der(pem)).expect("a key in DER").public();
        assert_eq!((&again, again.algorithm()), (&public, key.algorithm()));
        assert_eq!(PublicKey::from_pem(pem), Ok(public.clone()), "the public half");
        assert_eq!(PublicKey::from_bytes(&der(pem)), Ok(public));
        assert!(!format!("{key:?}").contains(|c: char| c.is_ascii_lowercase() && c > 'y'));
    }
}

/// What RFC 6979 A.2.7 has of P-521, as SEC1, as PKCS#8 and as JWK.
#[test]
fn keys_of_p521_sign() {
    use p384::pkcs8::EncodePrivateKey as _;
    let scalar = [&[0][..], &[0x5A; 65]].concat();
    let secret = p521::SecretKey::from_slice(&scalar).expect("a scalar");
    let sec1 = secret.to_sec1_der().expect("DER").to_vec();
    let pkcs8 = secret.to_pkcs8_der().expect("DER").as_bytes().to_vec();
    let point = secret.public_key().to_sec1_bytes();
    let digits = |bytes: &[u8]| rimsim::encoding::text::base64url(bytes);
    let jwk = json!({
        "kty": "EC",
        "crv": "P-521",
        "x": digits(&point[1..67]),
        "y": digits(&point[67..]),
        "d": digits(&scalar),
    });
    for file in [sec1, pkcs8, jwk.to_string().into_bytes()] {
        let key = SigningKey::from_bytes(&file).expect("a key");
        assert_eq!((key.algorithm().name(), key.public().curve()), ("ES512", "P-521"));
        assert_eq!(PublicKey::from_bytes(&file), Ok(key.public()));
    }
}

#[test]
fn keys_in_json() {
    let key = rfc7517();
    let bytes = key.to_string();
    let private = SigningKey::from_pem(&bytes).expect("the RFC's key");
    assert_eq!(PublicKey::from_pem(&bytes), Ok(private.public()));
    let others = json!({ "keys": [{ "kty": "RSA", "n": "AQAB", "e": "AQAB" }, key] });
    assert_eq!(PublicKey::from_pem(&format!("\n {others:#}")), Ok(private.public()));

    let with = |name: &str, value: Value| {
        let mut key = rfc7517();
        key[name] = value;
        let public = PublicKey::from_pem(&key.to_string());
        (public.is_ok(), SigningKey::from_pem(&key.to_string()).expect_err(name).to_string())
    };
    for (name, value, verifies, why) in [
        ("d", json!("AAAA"), true, "its \"d\" has 3 bytes, expected 32"),
        ("d", json!("A".repeat(43)), true, "its \"d\" is no number of P-256"),
        ("d", json!(format!("{}E", "A".repeat(42))), true, "\"d\" does not belong to its point"),
        ("d", Value::Null, true, "it has no \"d\""),
        ("x", json!("A".repeat(43)), false, "its point is not on P-256"),
        ("y", json!("{}"), false, "its \"y\" character 1 is '{'"),
        ("crv", json!("secp256k1"), false, "its \"crv\" is not P-256, P-384 or P-521"),
        ("kty", json!("OKP"), false, "no key has the \"kty\" \"EC\""),
        ("use", json!("enc"), false, "its \"use\" is not \"sig\""),
    ] {
        let (public, error) = with(name, value);
        assert!(error.starts_with("is no private key of P-256, P-384 or P-521: JWK: "), "{error}");
        assert!(error.contains(why), "{error}, wanted {why}");
        assert_eq!(public, verifies, "{name}: {why}");
    }
}

#[test]
fn what_holds_no_key_is_named() {
    let locked =
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAA==\n-----END ENCRYPTED PRIVATE KEY-----\n";
    let public = Key::es384(1).pem();
    for (text, why) in [
        (public.as_str(), "is no private key: it has \"PUBLIC KEY\", expected"),
        (locked, "is encrypted; decrypt it"),
        ("", "is no PEM file, no DER and no JWK: wanted is a private key"),
        ("-----BEGIN nothing", "it has none, expected"),
        ("{\"kty\"", "JWK: EOF"),
    ] {
        let error = SigningKey::from_pem(text).expect_err(why).to_string();
        assert!(error.contains(why), "{error}, wanted {why}");
    }
    let half = &public[..public.len() / 2];
    let error = PublicKey::from_pem(half).expect_err("half a block").to_string();
    assert!(error.contains("the PEM block \"PUBLIC KEY\": "), "{error}");
}
