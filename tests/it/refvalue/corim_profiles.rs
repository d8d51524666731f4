//! CoRIMs of both profiles, in the tags and with the headers that others write.

use rimsim::measure::rim::{HashAlgo, Measurement};
use rimsim::refvalue::RealmReference;
use rimsim::refvalue::corim::{Corim, CorimProfile, Validity, read};
use rimsim::refvalue::sign::{self, Document, Meta, PublicKey, SigningKey};

use crate::evidence::token_maker::{Entries, Key, array, bytes, head, int, map, text};

fn corim(profile: CorimProfile) -> Corim {
    let realm = |algo: HashAlgo| {
        let digest = |byte| Measurement::from_bytes(algo, &vec![byte; algo.len_bytes()]);
        let realm = RealmReference::new(digest(0xA5).expect("a digest")).with_rpv([9; 64]);
        realm.with_rem(2, digest(3).expect("a digest")).expect("one algorithm")
    };
    Corim { profile, ..Corim::of(HashAlgo::ALL.map(realm).to_vec()) }
}

fn has(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

#[test]
fn both_profiles_are_written_and_read() {
    let key = SigningKey::from_pem(include_str!("../../corim/p384-pkcs8.pem")).expect("a key");
    let meta = Meta { signer: "somebody".into(), uri: None, validity: None };
    for profile in CorimProfile::ALL {
        let corim = corim(profile);
        let plain = corim.to_cbor();
        assert_eq!(read(&plain).as_ref(), Ok(&corim));
        assert!(has(&plain, profile.uri()));
        let in_words = profile == CorimProfile::Draft04;
        for algo in HashAlgo::ALL {
            assert_eq!(has(&plain, algo.iana_name()), in_words, "{profile:?} {algo:?}");
        }
        let signed = sign::sign(&corim, &meta, &key);
        // Tags around it that older drafts have.
        for (document, before) in [
            (&plain, &[][..]),
            (&plain, &[0xD9, 1, 0xF4]),
            (&signed, &[]),
            (&signed, &[0xD9, 1, 0xF6]),
            (&signed, &[0xD9, 1, 0xF4, 0xD9, 1, 0xF6]),
            (&signed, &[0xD9, 1, 0xF4]),
        ] {
            let tagged = [before, document].concat();
            let found = sign::read(&tagged).expect("a CoRIM");
            assert_eq!(found.corim(), &corim);
            for len in 0..before.len() {
                assert!(sign::read(&tagged[..len]).is_err());
            }
        }
        for before in [&[0xD9, 1, 0xF6][..], &[0xD9, 1, 0xF4, 0xD9, 1, 0xF4], &[0xD9, 1, 0xF7]] {
            assert!(sign::read(&[before, &plain].concat()).is_err(), "{before:x?}");
        }
        assert!(read(&signed).is_err(), "it is signed");
    }
    // Either spelling under either name: the text of one, the number of the other.
    let numbers = corim(CorimProfile::Veraison).to_cbor();
    let [veraison, draft] = CorimProfile::ALL.map(|profile| text(profile.uri()));
    let at = numbers.windows(veraison.len()).position(|window| window == veraison).expect("it");
    let mixed = [&numbers[..at], &draft, &numbers[at + veraison.len()..]].concat();
    assert_eq!(read(&mixed), Ok(corim(CorimProfile::Draft04)));
}

/// The claims of a signer's token: from when to when it holds.
fn claims(begin: i64, end: i64) -> Vec<u8> {
    let names = [(int(1), text("iss")), (int(2), text("x"))];
    let times = [(int(4), int(end)), (int(5), int(begin))];
    map(&names.into_iter().chain(times).collect::<Entries>())
}

/// What the older header says of a signer.
fn meta(end: i64) -> Vec<u8> {
    let period = map(&vec![(int(1), [head(6, 1), int(end)].concat())]);
    bytes(&map(&vec![(int(0), map(&vec![(int(0), text("meta"))])), (int(1), period)]))
}

/// Headers that are legal, and that this program does not write.
#[test]
fn headers_of_others_are_read() {
    let plain = corim(CorimProfile::Veraison);
    let key = Key::es512(3);
    let public = PublicKey::from_pem(&key.pem()).expect("a key");
    let signed = |more: Entries, unprotected: Entries| {
        let mut protected = vec![(int(1), int(-36)), (int(3), text("application/rim+cbor"))];
        protected.extend(more);
        let (protected, payload) = (bytes(&map(&protected)), bytes(&plain.to_cbor()));
        let message = [text("Signature1"), protected.clone(), bytes(&[]), payload.clone()];
        let signature = bytes(&key.sign(&array(&message)));
        [head(6, 18), array(&[protected, map(&unprotected), payload, signature])].concat()
    };
    let chain = array(&[bytes(b"one"), bytes(b"two")]);
    let read = |file: &[u8]| match sign::read(file).map_err(|error| error.to_string())? {
        Document::Signed(signed) => Ok(signed),
        Document::Unsigned(_) => Err("it is signed".to_owned()),
    };
    let with_claims = vec![(int(15), claims(5, 9))];
    for (file, signer, period, certificates) in [
        (signed(with_claims.clone(), vec![]), "iss", Validity::new(Some(5), 9), 0),
        (
            signed(vec![(int(8), meta(7)), (int(15), claims(5, 9))], vec![]),
            "meta",
            Validity::new(Some(5), 7),
            0,
        ),
        (
            signed(vec![(int(8), meta(7)), (int(33), chain.clone())], vec![]),
            "meta",
            Validity::new(None, 7),
            2,
        ),
        (
            signed(with_claims.clone(), vec![(int(33), bytes(b"one")), (int(4), bytes(b"kid"))]),
            "iss",
            Validity::new(Some(5), 9),
            1,
        ),
    ] {
        let found = read(&file).expect("a signed CoRIM");
        assert_eq!((found.meta.signer.as_str(), found.meta.validity), (signer, period));
        assert_eq!(found.certificates.len(), certificates);
        assert_eq!(found.verify(&public), Ok(()));
    }
    for (file, why) in [
        (signed(vec![], vec![]), "no key 8 (corim-meta)"),
        (signed(vec![(int(15), claims(9, 5))], vec![]), "it ends before it begins"),
        (
            signed(vec![(int(8), meta(4)), (int(15), claims(5, 9))], vec![]),
            "corim-meta and CWT claims: no time is in both",
        ),
        (signed(vec![(int(15), map(&vec![(int(2), text("x"))]))], vec![]), "no key 1 (iss)"),
        (
            signed(
                vec![(int(8), meta(4)), (int(33), chain.clone())],
                vec![(int(33), chain.clone())],
            ),
            "certificates a second time",
        ),
        (
            signed(vec![(int(8), meta(4)), (int(33), array(&[bytes(b"one")]))], vec![]),
            "1 items, expected 2 or more",
        ),
        (signed(with_claims, vec![(int(1), int(-36))]), "unknown key 1"),
    ] {
        let error = read(&file).expect_err(why);
        assert!(error.contains(why), "{error}; wanted {why}");
    }
}
